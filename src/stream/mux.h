#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/random.h"
#include "base/slice.h"
#include "wire/stream_frame.h"
#include "wire/target.h"

/*
 * One connection that carries streams, either end of it: the carrier's bytes and `now` in, bytes
 * and the next deadline out, news of streams upward. No I/O, no clock, one thread.
 *
 * A stream, seen from either end. `closed` is said once, when nothing more can come of it:
 *
 *                    mux_stream_open() / ops->opened()
 *                                  |
 *                                  v
 *          our end written  +-----OPEN-----+  their end came
 *                           v              v
 *             HALF_CLOSED(local)        HALF_CLOSED(remote)
 *                           |              |   DATA from them: reset, STREAM_CLOSED
 *            their end came v              v our end written
 *                           +----CLOSED----+<---- from every state: a reset, theirs or ours
 *
 * What still comes for a closed stream is ignored; nothing of it is kept. The connection itself:
 *
 *     OPEN ---mux_drain(), GOAWAY(NO_ERROR) came, ids used up---> DRAINING: no new streams
 *       |                                                          | the last stream is gone and
 *       | a rule broken by either end                              v our GOAWAY is written
 *       +-------> FAILED: GOAWAY is written, nothing read -----> CLOSED: end the carrier
 *                          MUX_CLOSE_TIMEOUT_SECONDS      ^
 *      GOAWAY with an error came, a frame does not open ---+
 *
 * Sending is pulled: mux_send() fills the buffer that the carrier has room for; so control frames
 * never stand behind more data than the carrier itself holds.
 *
 * Everything in ops is called from within mux_receive(), mux_send(), mux_expire() and mux_abort();
 * it may call everything here but these and mux_free(). A stream belongs to the connection; its
 * pointer is good until `closed` returns, or mux_stream_reset().
 */

struct aead_worker;
struct cipher;
struct mux;
struct mux_stream;
struct padding_rules;
struct padding_sizes;
struct quota;

enum mux_role { MUX_INITIATOR, MUX_RESPONDER }; /* who opens odd streams, who even ones */

enum mux_state { MUX_OPEN, MUX_DRAINING, MUX_FAILED, MUX_CLOSED };

struct mux_ops {
	/*
	 * The peer opens a stream: STREAM_ERROR_NONE takes it, anything else refuses it. Without this,
	 * all are refused with REFUSED_STREAM.
	 */
	enum stream_error (*opened)(void *context, struct mux_stream *stream,
								const struct target *target);
	/* Optional: the peer says that the target of our stream is reached. */
	void (*connected)(void *context, struct mux_stream *stream);
	/* There is something to read, or the end of it. Said again only after more has come. */
	void (*readable)(void *context, struct mux_stream *stream);
	/* All that was written has left, after mux_stream_write() took less than it was given. */
	void (*writable)(void *context, struct mux_stream *stream);
	/*
	 * Error is STREAM_ERROR_NONE after an end from both sides, of which all was read, and never
	 * after anything else: then what was unread is gone.
	 */
	void (*closed)(void *context, struct mux_stream *stream, uint32_t error);
	/* Optional: SETTINGS. An error other than ERR_OK is a protocol error of the peer's. */
	enum err (*settings)(void *context, struct slice payload);
	/* Optional: another connection's doing made work: call mux_send() and mux_next() again. */
	void (*wake)(void *context);
};

struct mux_config {
	enum mux_role role;
	const struct mux_ops *ops;
	void *context;
	const struct random_source *random;
	/* All of them outlive the connection. */
	struct cipher *seal, *open; /* of either direction */
	struct aead_worker *worker; /* of the thread */
	struct quota *quota;        /* of the client whose connection it is; NULL: only windows bound */
};

/* Streams, either end's. What a hostile peer can make us hold is bounded by these and windows. */
enum {
	MUX_STREAMS_MAX = 1024, /* at once, of each side's */
	/* Bytes of a stream before the next one's turn: a frame. */
	MUX_TURN_MAX = STREAM_FRAME_SEND_PAYLOAD_MAX,
	/*
	 * Bytes written and not sent, a stream. Whole frames: who writes as much as there is room for
	 * would otherwise make a small one behind the large ones each time.
	 */
	MUX_STAGED_MAX = 4 * MUX_TURN_MAX,
	MUX_STAGED_TOTAL = 1 << 20, /* beyond them, a stream may have MUX_TURN_MAX staged */
	MUX_STAGED_MIN = 4080,      /* in any case: a chunk, however much the client has staged */
	MUX_RESETS_MAX = 200,       /* streams that a peer may open and reset, or make us reset, ... */
	MUX_RESETS_SECONDS = 10,    /* ... within this time */
	MUX_REFUSALS_MAX = 256,     /* streams over the limit whose refusal is not written yet */
	MUX_PONGS_MAX = 8,          /* pings of the peer's that are not answered yet */
	MUX_SEND_ROOM_MIN = 16384,  /* bytes of a buffer for mux_send(): one full TLS record */
	MUX_KEEPALIVE_SECONDS = 30, /* of silence before a PING, and after it until we give up */
	MUX_STREAM_IDLE_SECONDS = 300,  /* a stream without data is reset: CANCEL */
	MUX_CLOSE_TIMEOUT_SECONDS = 5,  /* after the GOAWAY of an error */
	MUX_MEASURE_MILLISECONDS = 500, /* between measurements of the round trip under load */
};

enum err mux_new(const struct mux_config *config, uint64_t now, struct mux **out_mux);

/* Says `closed` of no stream; their owners know. */
void mux_free(struct mux *mux);

enum mux_state mux_state(const struct mux *mux);

/* Why the connection failed or was ended by the peer; STREAM_ERROR_NONE otherwise. */
uint32_t mux_error(const struct mux *mux);

/*
 * Bytes of the carrier, in chunks of any sizes, which are overwritten. An error of the peer's leads
 * to FAILED or CLOSED, see mux_state(); bytes behind it are not looked at.
 */
void mux_receive(struct mux *mux, uint8_t *data, size_t size, uint64_t now);

/*
 * Frames for the carrier, at most room bytes (of which at least MUX_SEND_ROOM_MIN are given), in
 * the order of their urgency. 0: there is nothing to send now.
 */
size_t mux_send(struct mux *mux, uint8_t *out_data, size_t room, uint64_t now);

/* Whether mux_send() would give something; what is put off on purpose, mux_next() tells. */
bool mux_has_output(const struct mux *mux);

/*
 * When mux_expire() is to be called at the latest (ns). Once CLOSED, that is for streams that ended
 * in peace and are still being read, as mux_stream_count() says; CLOCK_NEVER without them.
 */
uint64_t mux_next(const struct mux *mux);
void mux_expire(struct mux *mux, uint64_t now);

/* No new streams from now on, of either side; those that are open end in peace. */
void mux_drain(struct mux *mux);

/* The carrier is gone: CLOSED, and every stream that has not ended in peace has this error. */
void mux_abort(struct mux *mux, enum stream_error error);

/*
 * The same, and every stream has it that its owner still knows: also one that ended in peace and of
 * which something is unread. For whoever is to free the connection and cannot wait.
 */
void mux_discard(struct mux *mux, enum stream_error error);

/*
 * From now on sizes and times are hidden so; at first they are not at all. The rules are copied;
 * sizes, of the bursts that this role sends, outlive the connection and may be NULL without bursts.
 */
void mux_set_padding(struct mux *mux, const struct padding_rules *rules,
					 const struct padding_sizes *sizes);

/* SETTINGS for the peer. ERR_LIMIT for more than there can be, ERR_AGAIN while some are unsent. */
enum err mux_send_settings(struct mux *mux, struct slice payload);

/* Replaces the key of our direction with the next frame, before it has to be. */
void mux_rekey(struct mux *mux);

/* Streams, of both sides, that are known. */
size_t mux_stream_count(const struct mux *mux);

/* The shortest round trip of late, ns; 0 before one was measured. */
uint64_t mux_round_trip(const struct mux *mux);

/* The connection's windows, in bytes: what the peer lets us send now, and what it may at most. */
struct mux_windows {
	uint32_t send, receive;
};
struct mux_windows mux_windows(const struct mux *mux);

/*
 * A stream of ours. Its target travels with the next mux_send(), and data may follow at once.
 * ERR_LIMIT at MUX_STREAMS_MAX, ERR_EXPIRED when ids are used up (the connection drains then),
 * ERR_CLOSED when it drains, failed or is closed, ERR_INVALID for a target that cannot be sent.
 */
enum err mux_stream_open(struct mux *mux, const struct target *target, void *owner,
						 struct mux_stream **out_stream);

uint32_t mux_stream_id(const struct mux_stream *stream);
/* When it was opened, or data of either direction moved last (ns). */
uint64_t mux_stream_active_at(const struct mux_stream *stream);
void mux_stream_set_owner(struct mux_stream *stream, void *owner);
void *mux_stream_owner(const struct mux_stream *stream);

/* Tells the peer, whose stream it is, that its target is reached. At most once, before data. */
void mux_stream_connected(struct mux_stream *stream);

/*
 * Takes as many of the bytes as the peer's window and the bounds leave room for; after less than
 * all, `writable` is said once these have left and there is room. 0 after mux_stream_end().
 */
size_t mux_stream_write(struct mux_stream *stream, const void *data, size_t size);

/* Bytes that a write would take now. */
size_t mux_stream_room(const struct mux_stream *stream);

/* The end of our data: half-close, behind all that was written. */
void mux_stream_end(struct mux_stream *stream);

/* Unread bytes that lie together; empty when there are none. */
struct slice mux_stream_peek(const struct mux_stream *stream);

/* The first parts of them, at most count, for a call that takes many; how many there are. */
size_t mux_stream_peek_parts(const struct mux_stream *stream, struct slice *out_parts,
							 size_t count);

/* Takes off unread bytes, at most as many as peek showed. Credit returns to the peer by this. */
void mux_stream_consume(struct mux_stream *stream, size_t size);

/* All is read, and the peer ended its side. */
bool mux_stream_is_at_end(const struct mux_stream *stream);

/* Ends both directions at once. The pointer is dead; `closed` is not said. */
void mux_stream_reset(struct mux_stream *stream, enum stream_error error);
