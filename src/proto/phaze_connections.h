#pragma once

#include "proto/phaze_control.h"

struct stream_link;

/*
 * Handshakes over connections (TCP) on the control thread. What comes is cut into packets, which
 * gate and dial take as they take datagrams, with a way that names the connection; what they send
 * goes back by it. A session that comes of one has the connection from then on.
 */

/* Bytes of the largest packet of a handshake. Who announces a larger one has no session yet. */
enum { PHAZE_CONNECTION_PACKET_MAX = PHAZE_CLIENT_HELLO_SIZE };

/* Whoever comes has so long for his first packet; then it is the handshake that has deadlines. */
#define PHAZE_CONNECTION_TIME (15 * CLOCK_SECOND)

void phaze_connections_init(struct device *device);
void phaze_connections_done(struct device *device);

/* As device_ops.received and ended. */
void phaze_connections_received(struct device *device, const struct device_caller *caller,
								struct slice data);
void phaze_connections_ended(struct device *device, uint64_t connection);
/* Closes who was silent too long; returns when to be called again. */
uint64_t phaze_connections_run(struct device *device, uint64_t now);

/* By the way's connection. Any error: it is of no use any more. */
enum err phaze_connections_send(const struct device *device, const struct phaze_way *way,
								struct slice packet);
/* It may be gone already; 0: none. */
void phaze_connections_close(struct device *device, uint64_t connection);
/* Whether it is there, and no session's. */
bool phaze_connections_exists(const struct device *device, uint64_t connection);
/* For a session: with what came behind the handshake. */
enum err phaze_connections_hand_over(struct device *device, const struct phaze_way *way,
									 struct stream_link **out_link);
