#pragma once

#include <stdint.h>

#include "base/error.h"
#include "loop/clock_watch.h"
#include "loop/loop.h"

/*
 * Changes of the host that tunnels must follow: the network's, suspension, the wall clock. The net
 * process is told (PROCESS_NETWORK), then the program (privileged_ops.changed). A host that cannot
 * be watched is served all the same; timers of the protocol find out later.
 */

struct network_watch;
struct privileged;

struct privileged_watch {
	struct network_watch *network; /* NULL: not watched */
	struct clock_watch clock;
	struct loop_source network_source, clock_source;
	uint8_t changes; /* enum process_change, not told yet */
	uint8_t unsent;  /* that the net process had no room for */
	uint64_t send_again;
};

/* Zeroed before; logs what does not work. */
void privileged_watch_open(struct privileged *privileged);
void privileged_watch_close(struct privileged *privileged);
/* Tells what is due. */
void privileged_watch_run(struct privileged *privileged, uint64_t now);
/* When the above has something to do. */
uint64_t privileged_watch_deadline(const struct privileged *privileged);
