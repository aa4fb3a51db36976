#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "tunnel/stream_user.h"
#include "wire/stream_frame.h"

/*
 * A stream of IP packets, either end of it. What the stream has no room for waits, as far as there
 * is PACKET_STREAM_WAITING_MAX, and what comes before it begins, up to PACKET_STREAM_EARLY_MAX;
 * beyond, the newest are dropped, as routers do.
 */

struct carrier;
struct mux_stream;
struct packet_stream;

enum {
	PACKET_STREAM_WAITING_MAX = 256 * 1024, /* bytes, beside what is staged in the stream */
	PACKET_STREAM_EARLY_MAX = 64 * 1024,
	PACKET_STREAM_SIZE_MAX = 65535, /* bytes of a packet */
};

struct packet_stream_ops {
	void (*connected)(void *context); /* optional */
	/* Whatever a stranger put into it; its bytes stay until `come` was called, and are free. */
	void (*packet)(void *context, uint8_t *data, size_t size);
	void (*come)(void *context);    /* those were all for now */
	void (*drained)(void *context); /* optional: nothing waits any more */
	/* The stream is gone. The owner frees this, from inside or later. */
	void (*ended)(void *context, uint32_t error);
};

enum err packet_stream_new(const struct packet_stream_ops *ops, void *context,
						   struct packet_stream **out_stream);
/* Resets the stream if it is there. NULL-safe. */
void packet_stream_free(struct packet_stream *packets);

/* Becomes the stream's owner: by uplink_wish.user, or in packet_stream_begin(). */
struct stream_user *packet_stream_user(struct packet_stream *packets);
/* The packets are freed before the carrier is. */
void packet_stream_begin(struct packet_stream *packets, struct carrier *carrier,
						 struct mux_stream *stream);
/* NULL before it begins. */
const struct carrier *packet_stream_carrier(const struct packet_stream *packets);

/* ERR_LIMIT: it was dropped; ERR_CLOSED: there is no stream; ERR_NO_MEMORY. */
enum err packet_stream_put(struct packet_stream *packets, const uint8_t *data, size_t size);
/* Bytes that wait. */
size_t packet_stream_waiting(const struct packet_stream *packets);
/* Says something that is no packet, so that the stream is not taken for an idle one. */
void packet_stream_keep_alive(struct packet_stream *packets);
