#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/slice.h"
#include "wire/stream_frame.h"
#include "wire/target.h"

/*
 * A connection between two ends that know each other: a reliable carrier with many streams in it.
 * How it came to be is its maker's: carrier_dial.h, carrier_accept.h.
 *
 * What streams write leaves at the end of the loop's turn, all of it in as few calls as there can
 * be: whoever touches the mux, or a stream of it, from outside its callbacks says carrier_touch().
 */

struct carrier;
struct mux;
struct mux_stream;

struct carrier_ops {
	/* A client's: keys are agreed, streams may be opened. */
	void (*open)(void *context);
	/* The peer opens a stream; as mux_ops.opened, after which its owner is a stream_user. */
	enum stream_error (*opened)(void *context, struct mux_stream *stream,
								const struct target *target);
	/* SETTINGS came; optional. */
	enum err (*settings)(void *context, struct slice payload);
	/*
	 * No new streams from now on (GOAWAY came, ids are used up, it was drained); those that are
	 * there live on. At most once.
	 */
	void (*draining)(void *context);
	/*
	 * It is over; its streams were closed. The owner frees it, from inside or later. why is static
	 * or of the carrier, for a person.
	 */
	void (*closed)(void *context, const char *why);
};

/* NULL until it is open. Each owner of its streams is a struct stream_user. */
struct mux *carrier_mux(struct carrier *carrier);
void carrier_touch(struct carrier *carrier);
void carrier_drain(struct carrier *carrier);
/* NULL-safe; says nothing more. */
void carrier_free(struct carrier *carrier);

struct carrier_figures {
	struct endpoint peer;
	uint64_t opened_at;      /* ns; 0: it is not open yet */
	uint64_t received, sent; /* bytes of the carrier, inside TLS */
	uint64_t round_trip;     /* ns, 0: not measured */
	uint32_t streams;
};
void carrier_figures(const struct carrier *carrier, struct carrier_figures *out_figures);
