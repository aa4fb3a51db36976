#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stream/mux_end.h"
#include "tunnel/carrier.h"
#include "tunnel/fake_stream_host.h"
#include "tunnel/stream_user.h"

/*
 * Both ends of a connection that carries streams, in memory: what one end has to send is the other
 * one's with the next turn of the host. Instead of tunnel/carrier.c, for whoever uses streams.
 * cmocka.h comes before.
 */

struct carrier {
	struct mux_end end;
	const struct carrier_ops *ops; /* of the test; NULL: nobody is told, and streams are refused */
	void *context;
	unsigned touched; /* carrier_touch() */
	bool is_drained;
};

struct fake_carriers {
	struct carrier client, server;
	bool is_stalled; /* nothing gets through */
	/* The rest is its own. */
	struct fake_stream_host *fake;
	struct fake_stream_host_hook hook;
	struct control_timer *timer;
	struct quota *quota;
};

void fake_carriers_init(struct fake_carriers *carriers, struct fake_stream_host *fake);
void fake_carriers_done(struct fake_carriers *carriers);
/* Both ends lose it: streams are closed with that error. */
void fake_carriers_break(struct fake_carriers *carriers, enum stream_error error);

/*
 * A far end of streams that does what the test says, one of them after another. Set it as the
 * server's: carriers.server.ops = &fake_far_ops, and its context.
 */
enum { FAKE_FAR_STREAMS = 512, FAKE_FAR_HEARD = 4096 };

struct fake_far_stream {
	struct stream_user user;
	struct carrier *carrier;
	struct mux_stream *stream; /* NULL: it is gone */
	struct target target;
	bool is_reading_stopped;
	uint8_t heard[FAKE_FAR_HEARD]; /* the first bytes */
	uint64_t heard_size;           /* all of them */
	uint32_t sum;                  /* and with their places, see fake_far_sum() */
	bool is_at_end, is_closed;
	uint32_t error;
};

struct fake_far {
	struct carrier *carrier;
	enum stream_error refusal;
	bool is_connecting_at_once;
	size_t count;
	struct fake_far_stream *streams[FAKE_FAR_STREAMS];
};

extern const struct carrier_ops fake_far_ops;
void fake_far_init(struct fake_far *far, struct fake_carriers *carriers);
void fake_far_done(struct fake_far *far);
/* The first bytes that were heard and not yet taken are to be exactly these. */
void fake_far_expect(struct fake_far_stream *stream, const void *data, size_t size);
void fake_far_say(struct fake_far_stream *stream, const void *data, size_t size);
uint32_t fake_far_sum(uint32_t sum, const uint8_t *data, size_t size, uint64_t at);
