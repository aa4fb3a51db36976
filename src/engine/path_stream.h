#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "engine/peer.h"
#include "loop/loop.h"
#include "transport/stream_transport.h"

/*
 * The way out over a connection of bytes: sealed packets as they lie in the outbox's arena, one
 * behind the other. They are written when the outbox is flushed, together with what the kernel had
 * no room for before. Of that only so much waits; packets that do not fit are dropped whole, as a
 * full queue drops them, and nobody ever waits for the other end.
 */

struct lane;

enum {
	PATH_STREAM_WAITING_MAX = 256 * 1024, /* bytes; a packet is smaller */
	PATH_STREAM_PIECES = 64,              /* of one flush */
};

/* Sealed packets in a row, of stride bytes each but for the last. */
struct path_stream_piece {
	const uint8_t *data;
	uint32_t size;
	uint16_t stride;
};

struct path_stream {
	struct stream_transport transport;
	struct loop *loop; /* where the descriptor is waited for; NULL: nowhere */
	struct lane *lane; /* the peer's: NULL once the connection is no peer's any more */
	struct peer *peer;
	struct list outbox_link; /* in the outbox that is to be flushed */
	size_t piece_count;
	struct path_stream_piece pieces[PATH_STREAM_PIECES];
	uint8_t *waiting; /* NULL: nothing waits */
	size_t waiting_at, waiting_size;
	bool blocked;  /* until the loop says that there is room */
	bool watching; /* the loop was asked to say so */
	bool broken;   /* nothing can be written any more: the connection is to be given up */
};

extern const struct path_ops path_stream_ops;

/* Takes the transport over. Nothing else is set: see stream_link.c. */
void path_stream_init(struct path_stream *stream, struct stream_transport transport);
/* Closes it. What was not written is forgotten. */
void path_stream_done(struct path_stream *stream);

/* To be called when what was sent has been sealed, or will never be: writes, or forgets it. */
void path_stream_flush(struct path_stream *stream);
void path_stream_forget(struct path_stream *stream);

/* The loop says that there is room again. */
void path_stream_writable(struct path_stream *stream);
