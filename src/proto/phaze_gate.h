#pragma once

#include "proto/phaze_control.h"

/*
 * A server's handshakes, from ClientHello to the session's first packet. Under load, which is more
 * than PHAZE_GATE_HALF_OPEN_MAX that have shown nothing yet or are refused, or a judge who is
 * loaded, cookies are wanted of everybody, and a source with one begins only so many. There is
 * never more than PHAZE_HANDSHAKES_MAX: the oldest whose client is heard in its session makes room,
 * failing that the oldest that is refused, or that has shown nothing.
 */

enum { PHAZE_GATE_HALF_OPEN_MAX = 256 };

enum err phaze_gate_new(struct device *device, struct phaze_gate **out_gate);
void phaze_gate_free(struct phaze_gate *gate); /* NULL is fine */

/*
 * A packet of type HANDSHAKE, of anybody's. False: of a connection that no handshake goes on by,
 * and that no session has.
 */
bool phaze_gate_receive(struct device *device, uint64_t now,
						const struct phaze_news_datagram *datagram);
void phaze_gate_verdict(struct device *device, uint64_t now, const struct device_verdict *verdict);
/* Does what is due; returns when to be called again. */
uint64_t phaze_gate_run(struct device *device, uint64_t now);

/* The session of a handshake is current: of one that used a ticket nothing is wanted any more. */
void phaze_gate_connected(struct device *device, uint64_t number);
/* A session's client is heard: of its handshake there is only left what may come twice. */
void phaze_gate_heard(struct device *device, uint64_t number);
/* The member is removed. */
void phaze_gate_forget(struct device *device, const struct phaze_member *member);
/* Whether a login by that connection waits for its verdict. */
bool phaze_gate_waits(const struct device *device, uint64_t connection);
/* A connection is no more. */
void phaze_gate_left(struct device *device, uint64_t connection);
/* All are given up. */
void phaze_gate_close(struct device *device);

/* How many there are, and how many of them have shown nothing yet: for tests. */
size_t phaze_gate_count(const struct device *device, size_t *out_half_open);
