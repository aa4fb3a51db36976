#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/slice.h"
#include "wire/stream_frame.h"
#include "wire/target.h"

/*
 * A connection between two ends that know each other: a reliable carrier (TLS) with many streams in
 * it. How they came to know each other is its maker's: carrier_dial.h, carrier_accept.h.
 *
 * What streams write leaves at the end of the loop's turn, all of it in as few calls as there can
 * be: whoever touches the mux, or a stream of it, from outside its callbacks says carrier_touch().
 */

struct carrier;
struct mux;
struct mux_stream;
struct quota;
struct stream_host;
struct stream_keys;
struct tls_stream;

struct carrier_ops {
	/*
	 * The peer opens a stream; as mux_ops.opened, after which its owner is a stream_user. Without
	 * this, all are refused.
	 */
	enum stream_error (*opened)(void *context, struct mux_stream *stream,
								const struct target *target);
	/*
	 * No new streams from now on (GOAWAY came or went, ids are used up, it was drained); those that
	 * are there live on. At most once; optional.
	 */
	void (*draining)(void *context);
	/*
	 * It is over; its streams were closed. The owner frees it, from inside or later. why is static
	 * or of the carrier, for a person.
	 */
	void (*closed)(void *context, const char *why);
};

enum {
	/*
	 * Bytes that may wait in the kernel, as what is urgent waits behind them: 10 ms at 100 Mbit/s.
	 * For tls_stream_options of whoever makes a carrier.
	 */
	CARRIER_UNSENT_MAX = 128 * 1024,
	CARRIER_CLOSE_SECONDS = 5, /* for the other end to close, too, once all is said */
};

struct carrier_setup {
	const struct stream_host *host; /* outlives it */
	const struct carrier_ops *ops;
	void *context;
	struct tls_stream *tls; /* open; taken over, also on failure */
	struct slice first;     /* what the peer sent behind the handshake, as far as it came */
	struct endpoint peer;
	const struct stream_keys *keys; /* copied; the caller wipes his */
	/*
	 * enum stream_shaping, of what this end sends. The initiator tells the other end, which then
	 * sends so as well, unless its own hides more.
	 */
	uint8_t shaping;
	struct quota *quota; /* of all the peer's connections, or NULL; outlives it */
};

/* No callback is made before the loop goes on. ERR_NO_MEMORY, ERR_CRYPTO, or what the loop says. */
enum err carrier_new(const struct carrier_setup *setup, struct carrier **out_carrier);
/*
 * NULL-safe; says nothing more, its streams' owners know. From inside draining() and closed(), but
 * no other callback of its own or of its streams.
 */
void carrier_free(struct carrier *carrier);

/* Each owner of its streams is a struct stream_user. */
struct mux *carrier_mux(struct carrier *carrier);
void carrier_touch(struct carrier *carrier);
/* No new streams; it closes when those that are there have ended. */
void carrier_drain(struct carrier *carrier);
/* It closes now, in order: its streams' owners are told of CANCEL from inside. */
void carrier_end(struct carrier *carrier);

struct carrier_figures {
	struct endpoint peer;
	uint64_t opened_at;      /* ns */
	uint64_t received, sent; /* bytes of the carrier, inside TLS */
	uint64_t round_trip;     /* ns, 0: not measured */
	uint32_t window_send;    /* bytes that the peer lets us send now */
	uint32_t window_receive; /* that it may send at most */
	uint32_t streams;
};
void carrier_figures(const struct carrier *carrier, struct carrier_figures *out_figures);
