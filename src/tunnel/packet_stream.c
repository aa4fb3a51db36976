#include "tunnel/packet_stream.h"

#include <stdlib.h>
#include <string.h>

#include "base/byte_queue.h"
#include "base/list.h"
#include "stream/mux.h"
#include "tunnel/carrier.h"
#include "wire/stream_datagram.h"

enum {
	PARTS_MAX = 16,
	GATHERED_MAX = 65536, /* bytes that are looked at together */
};

struct packet_stream {
	struct stream_user user;
	const struct packet_stream_ops *ops;
	void *context;
	struct carrier *carrier;
	struct mux_stream *stream; /* NULL: not there yet, or gone */
	bool is_gone;
	struct stream_datagram_reader *reader;
	struct byte_queue waiting;
};

static struct packet_stream *of_user(struct stream_user *user) {
	return list_item(user, struct packet_stream, user);
}

/* The stream is gone; this may be, afterwards. */
static void end(struct packet_stream *packets, uint32_t error) {
	packets->stream = NULL;
	packets->is_gone = true;
	byte_queue_done(&packets->waiting);
	packets->ops->ended(packets->context, error);
}

static void reset(struct packet_stream *packets, enum stream_error error) {
	mux_stream_reset(packets->stream, error);
	carrier_touch(packets->carrier);
	end(packets, error);
}

/* Unread bytes, copied together and taken off: super-packets are made of what lies in a row. */
static size_t gather(struct packet_stream *packets, uint8_t out_bytes[static GATHERED_MAX]) {
	struct slice parts[PARTS_MAX];
	size_t count = mux_stream_peek_parts(packets->stream, parts, PARTS_MAX), size = 0;
	for (size_t i = 0; i < count && size < GATHERED_MAX; i++) {
		size_t room = GATHERED_MAX - size;
		size_t taken = parts[i].size < room ? parts[i].size : room;
		memcpy(out_bytes + size, parts[i].data, taken);
		size += taken;
	}
	if (size > 0)
		mux_stream_consume(packets->stream, size);
	return size;
}

static enum err take_apart(struct packet_stream *packets, const uint8_t *bytes, size_t size) {
	struct slice rest = slice_of(bytes, size), datagram;
	enum err error;
	while ((error = stream_datagram_next(packets->reader, &rest, &datagram)) == ERR_OK) {
		if (datagram.size == 0)
			continue;
		packets->ops->packet(packets->context, (uint8_t *)(uintptr_t)datagram.data, datagram.size);
		/* One that the reader put together is there until the next one only. */
		if (datagram.data < bytes || datagram.data >= bytes + size)
			packets->ops->come(packets->context);
	}
	packets->ops->come(packets->context);
	return error == ERR_AGAIN ? ERR_OK : error;
}

static void on_readable(struct stream_user *user) {
	struct packet_stream *packets = of_user(user);
	uint8_t bytes[GATHERED_MAX];
	size_t size;
	while ((size = gather(packets, bytes)) > 0) {
		if (take_apart(packets, bytes, size)) {
			reset(packets, STREAM_ERROR_INTERNAL);
			return;
		}
	}
	if (mux_stream_is_at_end(packets->stream))
		reset(packets, STREAM_ERROR_CANCEL);
}

static void on_writable(struct stream_user *user) {
	struct packet_stream *packets = of_user(user);
	struct slice waiting = byte_queue_view(&packets->waiting);
	if (waiting.size == 0)
		return;
	byte_queue_drop(&packets->waiting,
					mux_stream_write(packets->stream, waiting.data, waiting.size));
	if (byte_queue_size(&packets->waiting) == 0 && packets->ops->drained)
		packets->ops->drained(packets->context);
}

static void on_connected(struct stream_user *user) {
	struct packet_stream *packets = of_user(user);
	if (packets->ops->connected)
		packets->ops->connected(packets->context);
}

static void on_closed(struct stream_user *user, uint32_t error) {
	end(of_user(user), error);
}

static const struct stream_user_ops user_ops = {.connected = on_connected,
												.readable = on_readable,
												.writable = on_writable,
												.closed = on_closed};

enum err packet_stream_new(const struct packet_stream_ops *ops, void *context,
						   struct packet_stream **out_stream) {
	struct packet_stream *packets = calloc(1, sizeof *packets);
	if (!packets)
		return ERR_NO_MEMORY;
	*packets = (struct packet_stream){.user.ops = &user_ops, .ops = ops, .context = context};
	enum err error = stream_datagram_reader_new(PACKET_STREAM_SIZE_MAX, &packets->reader);
	if (error) {
		free(packets);
		return error;
	}
	*out_stream = packets;
	return ERR_OK;
}

void packet_stream_free(struct packet_stream *packets) {
	if (!packets)
		return;
	if (packets->stream) {
		mux_stream_reset(packets->stream, STREAM_ERROR_CANCEL);
		carrier_touch(packets->carrier);
	}
	byte_queue_done(&packets->waiting);
	stream_datagram_reader_free(packets->reader);
	free(packets);
}

struct stream_user *packet_stream_user(struct packet_stream *packets) {
	return &packets->user;
}

void packet_stream_begin(struct packet_stream *packets, struct carrier *carrier,
						 struct mux_stream *stream) {
	packets->carrier = carrier;
	packets->stream = stream;
	mux_stream_set_owner(stream, &packets->user);
	if (byte_queue_size(&packets->waiting) > 0) {
		on_writable(&packets->user);
		carrier_touch(carrier);
	}
}

const struct carrier *packet_stream_carrier(const struct packet_stream *packets) {
	return packets->carrier;
}

/* As much as the stream takes now, the rest waits. */
static enum err write_out(struct packet_stream *packets, const uint8_t *data, size_t size) {
	size_t written = 0;
	if (packets->stream && byte_queue_size(&packets->waiting) == 0)
		written = mux_stream_write(packets->stream, data, size);
	return written < size ? byte_queue_append(&packets->waiting, data + written, size - written)
						  : ERR_OK;
}

enum err packet_stream_put(struct packet_stream *packets, const uint8_t *data, size_t size) {
	uint8_t header[STREAM_DATAGRAM_HEADER_SIZE];
	if (packets->is_gone)
		return ERR_CLOSED;
	/* All of a packet or nothing, or what follows would have no meaning. */
	size_t whole = sizeof header + size;
	size_t waiting_max = packets->stream ? PACKET_STREAM_WAITING_MAX : PACKET_STREAM_EARLY_MAX;
	if (size > PACKET_STREAM_SIZE_MAX || byte_queue_size(&packets->waiting) + whole > waiting_max)
		return ERR_LIMIT;
	stream_datagram_header(size, header);
	enum err error = write_out(packets, header, sizeof header);
	if (!error)
		error = write_out(packets, data, size);
	if (!packets->stream) {
		if (error) /* what was early is lost, but no half of it is said */
			byte_queue_done(&packets->waiting);
	} else if (error) {
		reset(packets, STREAM_ERROR_INTERNAL);
	} else {
		carrier_touch(packets->carrier);
	}
	return error;
}

size_t packet_stream_waiting(const struct packet_stream *packets) {
	return byte_queue_size(&packets->waiting);
}

void packet_stream_keep_alive(struct packet_stream *packets) {
	(void)packet_stream_put(packets, NULL, 0);
}
