#include "engine/path_stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "engine/lane.h"
#include "engine/listener.h"

static_assert(PATH_STREAM_WAITING_MAX > UINT16_MAX, "the rest of a packet always finds room");

void path_stream_init(struct path_stream *stream, struct stream_transport transport) {
	memset(stream, 0, sizeof *stream);
	list_init(&stream->outbox_link);
	stream->transport = transport;
}

void path_stream_done(struct path_stream *stream) {
	path_stream_forget(stream);
	free(stream->waiting);
	stream->waiting = NULL;
	stream_transport_done(&stream->transport);
}

void path_stream_forget(struct path_stream *stream) {
	list_remove(&stream->outbox_link);
	stream->piece_count = 0;
}

/* The last piece can grow: no gap, and whole packets so far. */
static bool joins(const struct path_stream *stream, const uint8_t *data, uint32_t size,
				  uint16_t stride) {
	if (stream->piece_count == 0)
		return false;
	const struct path_stream_piece *last = &stream->pieces[stream->piece_count - 1];
	return last->data + last->size == data && last->size % last->stride == 0 &&
		   (stride == last->stride || (size <= stride && size <= last->stride));
}

static enum err send_sealed(struct peer *peer, uint8_t path, const uint8_t *data, uint32_t size,
							uint16_t segment_size, enum udp_way way) {
	struct path_stream *stream = peer->paths[path].stream;
	(void)way; /* nobody cuts a packet here */
	if (joins(stream, data, size, segment_size)) {
		stream->pieces[stream->piece_count - 1].size += size;
		return ERR_OK;
	}
	struct outbox *outbox = &peer->lane->listener->outbox;
	if (stream->piece_count == 0)
		list_append(&outbox->streams, &stream->outbox_link);
	stream->pieces[stream->piece_count++] =
		(struct path_stream_piece){.data = data, .size = size, .stride = segment_size};
	if (stream->piece_count == PATH_STREAM_PIECES)
		outbox_flush(outbox);
	return ERR_OK;
}

const struct path_ops path_stream_ops = {
	.name = "stream",
	.send = send_sealed,
};

/*
 * After writing. Who has to give a broken connection up is told by the same event, as a socket that
 * failed is always writable. Where the loop cannot tell, every flush tries.
 */
static void settle(struct path_stream *stream, bool is_full) {
	const bool wanted = stream->waiting_size > 0 || stream->broken;
	if (wanted != stream->watching && stream->loop) {
		const uint32_t events = wanted ? EPOLLIN | EPOLLOUT : EPOLLIN;
		const int descriptor = stream->transport.ops->descriptor(stream->transport.context);
		if (loop_change(stream->loop, descriptor, events) == ERR_OK)
			stream->watching = wanted;
	}
	stream->blocked = is_full && stream->watching;
}

/* Writes what it can; returns how many bytes that were. */
static size_t write_some(struct path_stream *stream, const struct iovec *pieces, int count) {
	size_t done = 0;
	if (count == 0 || stream->blocked || stream->broken)
		return 0;
	const struct stream_transport *transport = &stream->transport;
	const enum err error = transport->ops->write(transport->context, pieces, count, &done);
	stream->broken = error != ERR_OK && error != ERR_AGAIN;
	return done;
}

/* What waits has left as far as this. */
static void written(struct path_stream *stream, size_t size) {
	stream->waiting_at += size;
	stream->waiting_size -= size;
	if (stream->waiting_size > 0)
		return;
	free(stream->waiting);
	stream->waiting = NULL;
}

/* False: there is no room. */
static bool keep(struct path_stream *stream, const uint8_t *data, size_t size) {
	if (stream->waiting_size + size > PATH_STREAM_WAITING_MAX)
		return false;
	if (!stream->waiting) {
		stream->waiting = malloc(PATH_STREAM_WAITING_MAX);
		stream->waiting_at = 0;
		if (!stream->waiting)
			return false;
	}
	if (stream->waiting_at + stream->waiting_size + size > PATH_STREAM_WAITING_MAX) {
		memmove(stream->waiting, stream->waiting + stream->waiting_at, stream->waiting_size);
		stream->waiting_at = 0;
	}
	memcpy(stream->waiting + stream->waiting_at + stream->waiting_size, data, size);
	stream->waiting_size += size;
	return true;
}

/* What was not written, packet by packet. */
struct rests {
	size_t written; /* bytes of the pieces, from the first on */
	size_t dropped_bytes, dropped;
};

static void keep_rest(struct path_stream *stream, const struct path_stream_piece *piece,
					  struct rests *rests) {
	size_t at = rests->written < piece->size ? rests->written : piece->size;
	rests->written -= at;
	while (at < piece->size) {
		const size_t begun = at % piece->stride;
		const size_t left = piece->size - at;
		const size_t size = piece->stride - begun < left ? piece->stride - begun : left;
		if (stream->broken || !keep(stream, piece->data + at, size)) {
			/* Without the rest of a packet what follows makes no sense. */
			stream->broken |= begun > 0;
			rests->dropped++;
			rests->dropped_bytes += size;
		}
		at += size;
	}
}

void path_stream_flush(struct path_stream *stream) {
	struct iovec vectors[1 + PATH_STREAM_PIECES];
	int count = 0;
	size_t fresh = 0;
	if (stream->waiting_size > 0)
		vectors[count++] = (struct iovec){.iov_base = stream->waiting + stream->waiting_at,
										  .iov_len = stream->waiting_size};
	for (size_t i = 0; i < stream->piece_count; i++) {
		const struct path_stream_piece *piece = &stream->pieces[i];
		vectors[count++] =
			(struct iovec){.iov_base = (void *)(uintptr_t)piece->data, .iov_len = piece->size};
		fresh += piece->size;
	}
	const size_t waited = stream->waiting_size;
	const size_t done = write_some(stream, vectors, count);
	written(stream, done < waited ? done : waited);
	struct rests rests = {.written = done > waited ? done - waited : 0};
	for (size_t i = 0; i < stream->piece_count; i++)
		keep_rest(stream, &stream->pieces[i], &rests);
	settle(stream, done < waited + fresh);
	if (stream->peer) {
		peer_count_sent(stream->peer, fresh - rests.dropped_bytes);
		lane_count(&stream->lane->counters.stream_dropped, rests.dropped);
	}
	path_stream_forget(stream);
}

void path_stream_writable(struct path_stream *stream) {
	const size_t waited = stream->waiting_size;
	const struct iovec vector = {.iov_base = stream->waiting + stream->waiting_at,
								 .iov_len = waited};
	if (waited == 0)
		return;
	stream->blocked = false;
	const size_t done = write_some(stream, &vector, 1);
	written(stream, done);
	settle(stream, done < waited);
}
