#include "transport/tls/tls_stream.h"

#include <errno.h>
#include <stdlib.h>

#include "base/byte_queue.h"
#include "base/wipe.h"
#include "loop/control_loop.h"
#include "transport/tcp/tcp_connection.h"

struct tls_stream {
	const struct tls_stream_ops *ops;
	void *context;
	struct tcp_connection *tcp;
	struct control_timer *later; /* for what is not to be told from inside a call */
	struct tls tls;
	struct byte_queue cipher; /* came, and waits for the owner's room */
	int number;               /* errno of what ended it; 0: nothing, or TLS says what */
	bool opened;              /* open() was called */
	bool reading;             /* room() was not 0 when it was asked last */
	bool ended;               /* the socket's end has come */
	bool finished;            /* finished() was called */
	bool finishing;           /* tls_stream_finish() was called */
	bool said_close;          /* close_notify was made, or is not to be */
	bool closed;              /* and sent, and the socket's end too */
	bool waiting;             /* the owner, for writable() */
	bool told;                /* failed() was called */
	bool *freed;              /* of the turn that is under way; NULL: none is */
};

/* Whether all that TLS wants to send is with the kernel. */
static bool flush(struct tls_stream *stream) {
	for (;;) {
		struct slice waiting = tls_outgoing(&stream->tls);
		if (waiting.size == 0)
			return true;
		struct iovec piece = {.iov_base = (void *)(uintptr_t)waiting.data, .iov_len = waiting.size};
		size_t sent = tcp_connection_send(stream->tcp, &piece, 1);
		if (sent == 0)
			return false;
		tls_sent(&stream->tls, sent);
	}
}

/* Here and below: whether the stream is still there. */
static bool fail(struct tls_stream *stream) {
	const bool *freed = stream->freed;
	if (stream->told)
		return true;
	stream->told = true;
	struct tls_stream_failure failure = {.number = stream->number, .tls = {.text = ""}};
	if (!failure.number) {
		tls_failure(&stream->tls, &failure.tls);
		/* Of the alert what fits: who does not read does not get it. */
		(void)flush(stream);
		tcp_connection_finish(stream->tcp);
	}
	stream->ops->failed(stream->context, &failure);
	return !*freed;
}

static bool finish_reading(struct tls_stream *stream, bool cut) {
	const bool *freed = stream->freed;
	if (stream->finished)
		return true;
	stream->finished = true;
	stream->ops->finished(stream->context, cut);
	return !*freed;
}

static bool tell_open(struct tls_stream *stream) {
	const bool *freed = stream->freed;
	if (stream->opened || tls_state(&stream->tls) != TLS_OPEN)
		return true;
	stream->opened = true;
	if (stream->ops->open)
		stream->ops->open(stream->context);
	return !*freed;
}

static size_t room_of(struct tls_stream *stream) {
	size_t room = stream->opened ? stream->ops->room(stream->context) : TLS_RECORD_SIZE_MAX;
	stream->reading = room > 0;
	return room < TLS_STREAM_RECEIVE_MAX ? room : TLS_STREAM_RECEIVE_MAX;
}

/* One record, and more as long as there is room for whole ones. The error is what came behind. */
static enum err open_some(struct tls_stream *stream, struct slice *cipher, uint8_t *out_plain,
						  size_t room, size_t *out_size) {
	enum err error;
	do {
		size_t size = 0;
		error = tls_open(&stream->tls, cipher, out_plain + *out_size, room - *out_size, &size);
		*out_size += size;
	} while (error == ERR_OK && room - *out_size >= TLS_RECORD_SIZE_MAX);
	return error;
}

/* Opens cipher bytes, and what TLS still has, as far as there is room. */
static bool open_all(struct tls_stream *stream, struct slice *cipher) {
	const bool *freed = stream->freed;
	uint8_t plain[TLS_STREAM_RECEIVE_MAX];
	size_t room;
	while (!stream->told && !stream->finished && (room = room_of(stream)) > 0) {
		size_t size = 0;
		enum err error = open_some(stream, cipher, plain, room, &size);
		bool flushed = flush(stream);
		bool is_there = tell_open(stream);
		if (is_there && size > 0) {
			stream->ops->received(stream->context, plain, size);
			is_there = !*freed;
		}
		if (!is_there)
			return false;
		if (error == ERR_OK)
			continue;
		if (error == ERR_AGAIN) {
			/* Nothing is left, or bytes have to be sent first. */
			if (cipher->size == 0 || !flushed)
				return true;
		} else if (error == ERR_CLOSED) {
			return finish_reading(stream, false);
		} else {
			return fail(stream);
		}
	}
	return true;
}

static bool open_queued(struct tls_stream *stream) {
	struct slice cipher = byte_queue_view(&stream->cipher);
	size_t before = cipher.size;
	if (!open_all(stream, &cipher))
		return false;
	byte_queue_drop(&stream->cipher, before - cipher.size);
	return true;
}

/* The socket's end has come, and all that was before it is out. */
static bool end_reading(struct tls_stream *stream) {
	if (!stream->ended || stream->told || !stream->reading || byte_queue_size(&stream->cipher) > 0)
		return true;
	if (stream->opened)
		return finish_reading(stream, true);
	stream->number = ECONNRESET;
	return fail(stream);
}

static void end_writing(struct tls_stream *stream) {
	if (!stream->finishing || stream->closed || stream->told)
		return;
	if (!stream->said_close)
		tls_close(&stream->tls);
	stream->said_close = true;
	if (!flush(stream))
		return;
	stream->closed = true;
	tcp_connection_finish(stream->tcp);
}

/* Whatever happened: reads, tells, writes. fresh are bytes that came, or NULL. */
static void turn(struct tls_stream *stream, struct slice *fresh) {
	bool freed = false;
	stream->freed = &freed;
	if (stream->number && !fail(stream))
		return;
	if (!(fresh ? open_all(stream, fresh) : open_queued(stream)))
		return;
	if (fresh && fresh->size > 0 &&
		byte_queue_append(&stream->cipher, fresh->data, fresh->size) != ERR_OK) {
		stream->number = ENOMEM;
		if (!fail(stream))
			return;
	}
	if (!end_reading(stream))
		return;
	if (stream->waiting && !stream->told && flush(stream)) {
		stream->waiting = false;
		stream->ops->writable(stream->context);
		if (freed)
			return;
	}
	end_writing(stream);
	stream->freed = NULL;
	if (stream->reading && !stream->told && byte_queue_size(&stream->cipher) == 0)
		tcp_connection_resume(stream->tcp);
}

/* The socket's news */

static size_t socket_room(void *context) {
	struct tls_stream *stream = context;
	if (stream->told || byte_queue_size(&stream->cipher) > 0)
		return 0;
	/* What comes behind TLS's end is nobody's; the socket's own end is wanted. */
	if (stream->finished || !stream->opened)
		return TLS_STREAM_CIPHER_MAX;
	return room_of(stream) > 0 ? TLS_STREAM_CIPHER_MAX : 0;
}

static void socket_received(void *context, const uint8_t *data, size_t size) {
	struct tls_stream *stream = context;
	struct slice fresh = slice_of(data, size);
	if (!stream->finished)
		turn(stream, &fresh);
}

static void socket_finished(void *context) {
	struct tls_stream *stream = context;
	stream->ended = true;
	turn(stream, NULL);
}

static void go_on(void *context) {
	turn(context, NULL);
}

static void socket_failed(void *context, int number) {
	struct tls_stream *stream = context;
	stream->number = number;
	turn(stream, NULL);
}

static const struct tcp_connection_ops socket_ops = {
	.room = socket_room,
	.received = socket_received,
	.finished = socket_finished,
	.writable = go_on,
	.failed = socket_failed,
};

enum err tls_stream_new(const struct tls_stream_options *options, struct tls_stream **out_stream) {
	struct tls_stream *stream = calloc(1, sizeof *stream);
	struct tcp_connection_options socket = {
		.loop = options->loop,
		.descriptor = options->descriptor,
		.connecting = options->connecting,
		.unsent_max = options->unsent_max,
		.ops = &socket_ops,
		.context = stream,
	};
	struct tcp_connection *tcp = NULL;
	enum err error = tcp_connection_new(&socket, &tcp);
	if (!error && !stream)
		error = ERR_NO_MEMORY;
	if (error) {
		tcp_connection_free(tcp);
		tls_done(options->tls);
		free(stream);
		return error;
	}
	*stream = (struct tls_stream){.ops = options->ops,
								  .context = options->context,
								  .tcp = tcp,
								  .tls = *options->tls,
								  .reading = true};
	*options->tls = (struct tls){.ops = NULL};
	error = control_timer_new(options->loop, go_on, stream, &stream->later);
	if (error) {
		tls_stream_free(stream);
		return error;
	}
	(void)flush(stream);
	*out_stream = stream;
	return ERR_OK;
}

static void release(struct tls_stream *stream) {
	if (stream->freed)
		*stream->freed = true;
	control_timer_free(stream->later);
	tls_done(&stream->tls);
	byte_queue_done(&stream->cipher);
	free(stream);
}

void tls_stream_free(struct tls_stream *stream) {
	if (!stream)
		return;
	tcp_connection_free(stream->tcp);
	release(stream);
}

void tls_stream_abort(struct tls_stream *stream) {
	if (!stream)
		return;
	tcp_connection_abort(stream->tcp);
	release(stream);
}

/* Soon, and not from inside the owner's call; a turn that is under way sees to it by itself. */
static void turn_later(struct tls_stream *stream) {
	if (!stream->freed && !stream->told)
		control_timer_set(stream->later, 0);
}

size_t tls_stream_send(struct tls_stream *stream, const uint8_t *data, size_t size) {
	if (!stream->opened || stream->finishing || stream->told || stream->number || size == 0)
		return 0;
	size_t taken = 0;
	if (flush(stream)) {
		size_t part = size < TLS_STREAM_SEND_MAX ? size : TLS_STREAM_SEND_MAX;
		enum err error = tls_seal(&stream->tls, data, part, &taken);
		if (error && error != ERR_AGAIN) {
			stream->number = error == ERR_NO_MEMORY ? ENOMEM : EPROTO;
			turn_later(stream);
			return 0;
		}
		/* There is more, and room for it: no writable() of the socket would follow. */
		if (flush(stream) && taken < size)
			turn_later(stream);
	}
	stream->waiting |= taken < size;
	return taken;
}

bool tls_stream_has_room(struct tls_stream *stream) {
	if (!stream->opened || stream->finishing || stream->told || stream->number)
		return false;
	bool has_room = flush(stream);
	stream->waiting |= !has_room;
	return has_room;
}

void tls_stream_finish(struct tls_stream *stream) {
	stream->finishing = true;
	turn_later(stream);
}

void tls_stream_cut(struct tls_stream *stream) {
	stream->said_close = true;
	tls_stream_finish(stream);
}

/* A turn that is under way may have asked for room() for the last time. */
void tls_stream_resume(struct tls_stream *stream) {
	if (!stream->told)
		control_timer_set(stream->later, 0);
}

void tls_stream_set_owner(struct tls_stream *stream, const struct tls_stream_ops *ops,
						  void *context) {
	stream->ops = ops;
	stream->context = context;
}

struct tls *tls_stream_tls(struct tls_stream *stream) {
	return &stream->tls;
}
