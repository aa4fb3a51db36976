#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "wire/target.h"

/*
 * A UDP port: the datagrams of whoever sends there go to one target at the far end, those of each
 * sender by a stream of their own, and what comes back goes to him.
 */

#define FORWARD_UDP_IDLE (120 * CLOCK_SECOND) /* RFC 4787 section 4.3 */

/* Beyond it, the sender who has been silent for longest goes. */
enum { FORWARD_UDP_SESSIONS_MAX = 512 };

struct forward_udp;
struct front_setup;

struct forward_udp_options {
	const struct front_setup *setup;
	int descriptor; /* bound; taken over, also on failure */
	struct target target;
};

enum err forward_udp_new(const struct forward_udp_options *options,
						 struct forward_udp **out_forward);
/* Ends all sessions: before the carriers are freed. NULL-safe. */
void forward_udp_free(struct forward_udp *forward);
