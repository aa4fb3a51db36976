/*
 * A whole connection: a scripted peer, who has the keys, says any frames in any pieces, and an
 * owner does anything that he may. What goes out opens, keeps the peer's windows, and ends when it
 * has to.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/clock.h"
#include "crypto/aead.h"
#include "expect.h"
#include "stream/cipher.h"
#include "stream/mux.h"
#include "stream/padding.h"
#include "stream/quota.h"
#include "stream/window.h"
#include "wire/cursor.h"

enum { HANDLES = 32, ROOM = 65536 };

#define BORN (1000 * CLOCK_SECOND)

static const uint16_t values[] = {300, 1500, 5000};
static const struct padding_sizes sizes = {values, sizeof values / sizeof *values};

static const struct cipher_rules rules = {
	.rekey_frames = 50, .rekey_age = 3600 * CLOCK_SECOND, .frames_max = 1 << 20};

struct connection {
	struct mux *mux;
	struct cipher *seal, *open, *peer_seal, *peer_open;
	struct aead_worker *worker;
	struct quota *quota;
	struct random_source random;
	uint64_t now, granted, sent; /* bytes of DATA for the connection */
	uint8_t seed;
	bool refuses, resets;
	struct mux_stream *handles[HANDLES];
};

static void fill(void *context, void *out_data, size_t size) {
	struct connection *connection = context;
	memset(out_data, connection->seed++, size);
}

static void forget(struct connection *connection, const struct mux_stream *stream) {
	for (size_t i = 0; i < HANDLES; i++)
		if (connection->handles[i] == stream)
			connection->handles[i] = NULL;
}

static bool keep(struct connection *connection, struct mux_stream *stream) {
	for (size_t i = 0; i < HANDLES; i++) {
		if (!connection->handles[i]) {
			connection->handles[i] = stream;
			return true;
		}
	}
	return false;
}

static enum stream_error opened(void *context, struct mux_stream *stream,
								const struct target *target) {
	struct connection *connection = context;
	char text[TARGET_TEXT_SIZE];
	target_format(target, text);
	expect(strlen(text) < sizeof text);
	if (connection->refuses || !keep(connection, stream))
		return STREAM_ERROR_CONNECT;
	return STREAM_ERROR_NONE;
}

static void told(void *context, struct mux_stream *stream) {
	struct connection *connection = context;
	struct slice part = mux_stream_peek(stream);
	expect(mux_stream_room(stream) <= MUX_STAGED_MAX);
	if (connection->resets) {
		forget(connection, stream);
		mux_stream_reset(stream, STREAM_ERROR_CANCEL);
	} else if (part.size > 0) {
		mux_stream_consume(stream, mux_stream_write(stream, part.data, part.size));
	}
}

static void closed(void *context, struct mux_stream *stream, uint32_t error) {
	forget(context, stream);
}

static const struct mux_ops ops = {
	.opened = opened, .connected = told, .readable = told, .writable = told, .closed = closed};

static struct cipher *cipher_for(bool is_initiators) {
	struct cipher_setup setup = {.backend = aead_backend_find("openssl"), .rules = &rules};
	memset(setup.key, is_initiators ? 1 : 2, sizeof setup.key);
	struct cipher *cipher;
	expect(!cipher_new(&setup, BORN, &cipher));
	return cipher;
}

static void begin(struct connection *connection, bool is_client) {
	*connection = (struct connection){.now = BORN, .granted = WINDOW_CONNECTION_INITIAL};
	connection->random = (struct random_source){.fill = fill, .context = connection};
	connection->seal = cipher_for(is_client);
	connection->peer_open = cipher_for(is_client);
	connection->open = cipher_for(!is_client);
	connection->peer_seal = cipher_for(!is_client);
	expect(!aead_worker_new(aead_backend_find("openssl"), &connection->worker));
	expect(!quota_new(500, NULL, &connection->quota));
	struct mux_config config = {
		.role = is_client ? MUX_INITIATOR : MUX_RESPONDER,
		.ops = &ops,
		.context = connection,
		.random = &connection->random,
		.seal = connection->seal,
		.open = connection->open,
		.worker = connection->worker,
		.quota = connection->quota,
	};
	expect(!mux_new(&config, connection->now, &connection->mux));
}

static void finish(struct connection *connection) {
	mux_free(connection->mux);
	expect(quota_used(connection->quota) == 0 && quota_staged(connection->quota) == 0);
	quota_free(connection->quota);
	cipher_free(connection->seal);
	cipher_free(connection->open);
	cipher_free(connection->peer_seal);
	cipher_free(connection->peer_open);
	aead_worker_free(connection->worker);
}

/* One frame of any bytes, in two pieces. */
static void say(struct connection *connection, uint8_t *sealed, size_t size, size_t split) {
	size_t whole = size + CIPHER_OVERHEAD;
	bool is_update = size <= 262 && sealed[CIPHER_LENGTH_SIZE] == STREAM_FRAME_KEY_UPDATE;
	expect(!cipher_seal(connection->peer_seal, connection->worker, sealed, &size, 1));
	if (is_update)
		expect(!cipher_rekey(connection->peer_seal, connection->now));
	if (split > whole)
		split = whole;
	mux_receive(connection->mux, sealed, split, connection->now);
	mux_receive(connection->mux, sealed + split, whole - split, connection->now);
}

static void say_frame(struct connection *connection, struct reader *reader) {
	uint8_t sealed[CIPHER_OVERHEAD + STREAM_FRAME_HEADER_SIZE + 8 * 255], payload[8 * 255] = {0};
	struct stream_frame frame = {.type = reader_u8(reader), .stream = reader_u8(reader)};
	size_t split = reader_u8(reader), size = reader_u8(reader);
	size_t given = size < reader_left(reader) ? size : reader_left(reader);
	reader_bytes(reader, payload, given);
	if (frame.type == STREAM_FRAME_DATA)
		size *= 8;
	frame.payload = slice_of(payload, size);
	size_t whole;
	expect(!stream_frame_encode(&frame, sealed + CIPHER_LENGTH_SIZE,
								sizeof sealed - CIPHER_OVERHEAD, &whole));
	uint32_t increment;
	bool is_grant = frame.type == STREAM_FRAME_WINDOW_UPDATE && frame.stream == 0;
	if (is_grant && !stream_frame_read_window_update(frame.payload, &increment))
		connection->granted += increment;
	say(connection, sealed, whole, split);
}

static void say_raw(struct connection *connection, struct reader *reader, bool is_sealed) {
	uint8_t bytes[CIPHER_OVERHEAD + 255] = {0};
	size_t size = reader_u8(reader);
	if (size > reader_left(reader))
		size = reader_left(reader);
	reader_bytes(reader, bytes + CIPHER_LENGTH_SIZE, size);
	if (!is_sealed)
		mux_receive(connection->mux, bytes + CIPHER_LENGTH_SIZE, size, connection->now);
	else if (bytes[CIPHER_LENGTH_SIZE] != STREAM_FRAME_WINDOW_UPDATE)
		say(connection, bytes, size < STREAM_FRAME_HEADER_SIZE ? STREAM_FRAME_HEADER_SIZE : size,
			size / 2);
}

static void hear(struct connection *connection, size_t room) {
	static uint8_t buffer[ROOM];
	bool is_closed = mux_state(connection->mux) == MUX_CLOSED;
	size_t size = mux_send(connection->mux, buffer, room, connection->now);
	expect(size <= room && (!is_closed || size == 0));
	for (size_t at = 0; at < size;) {
		struct cipher_frames found;
		expect(!cipher_open(connection->peer_open, connection->worker, buffer + at, size - at,
							&found));
		for (size_t i = 0; i < found.count; i++) {
			struct stream_frame frame;
			expect(!stream_frame_decode(found.frames[i].data, found.frames[i].size, &frame));
			expect(found.frames[i].size <= STREAM_FRAME_SEND_SIZE_MAX);
			if (frame.type == STREAM_FRAME_DATA)
				connection->sent += frame.payload.size;
		}
		at += found.used;
	}
	expect(connection->sent <= connection->granted);
	if (size == 0) /* what it says that it has, it gives */
		expect(!mux_has_output(connection->mux));
}

static void open_one(struct connection *connection) {
	struct target target;
	struct mux_stream *stream;
	expect(!target_parse("192.0.2.7", 80, false, &target));
	if (mux_stream_open(connection->mux, &target, connection, &stream))
		return;
	if (!keep(connection, stream))
		mux_stream_reset(stream, STREAM_ERROR_CANCEL);
}

static void act(struct connection *connection, struct reader *reader) {
	static const uint8_t zeros[256 * 300];
	uint8_t kind = reader_u8(reader);
	struct mux_stream *stream = connection->handles[reader_u8(reader) % HANDLES];
	size_t amount = reader_u8(reader);
	if (kind % 8 == 0)
		open_one(connection);
	else if (!stream)
		return;
	else if (kind % 8 == 1)
		expect(mux_stream_write(stream, zeros, amount * 300) <= amount * 300);
	else if (kind % 8 == 2)
		mux_stream_end(stream);
	else if (kind % 8 == 3)
		mux_stream_connected(stream);
	else if (kind % 8 == 4 && mux_stream_peek(stream).size >= amount)
		mux_stream_consume(stream, amount);
	else if (kind % 8 == 5)
		mux_stream_consume(stream, mux_stream_peek(stream).size);
	else if (kind % 8 == 6) {
		forget(connection, stream);
		mux_stream_reset(stream, STREAM_ERROR_CANCEL);
	}
}

static void step(struct connection *connection, struct reader *reader) {
	static const size_t rooms[] = {MUX_SEND_ROOM_MIN, 20000, ROOM, ROOM};
	uint8_t kind = reader_u8(reader);
	switch (kind % 10) {
	case 0:
	case 1:
	case 2:
		say_frame(connection, reader);
		break;
	case 3:
		say_raw(connection, reader, true);
		break;
	case 4:
		say_raw(connection, reader, kind < 240);
		break;
	case 5:
	case 6:
		act(connection, reader);
		break;
	case 7:
		hear(connection, rooms[kind / 10 % 4]);
		break;
	case 8:
		connection->now += reader_u8(reader) * CLOCK_SECOND / 4;
		mux_expire(connection->mux, connection->now);
		expect(mux_next(connection->mux) > connection->now);
		break;
	default:
		if (kind / 10 % 8 == 0)
			mux_drain(connection->mux);
		else if (kind / 10 % 8 == 1)
			mux_rekey(connection->mux);
		else if (kind / 10 % 8 == 2)
			connection->resets = !connection->resets;
		else if (kind / 10 % 8 == 3)
			connection->refuses = !connection->refuses;
		else if (kind / 10 % 8 == 4)
			expect(mux_send_settings(connection->mux, slice_of("12345", 5)) != ERR_NO_MEMORY);
		else if (kind / 10 % 8 == 5)
			mux_set_padding(connection->mux, padding_rules_of(connection->seed % 4), &sizes);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct reader reader = reader_of(data, size);
	struct connection connection;
	begin(&connection, reader_u8(&reader) % 2);
	while (reader_left(&reader) > 0) {
		step(&connection, &reader);
		expect(mux_stream_count(connection.mux) <= 2 * MUX_STREAMS_MAX);
		expect(mux_state(connection.mux) == MUX_CLOSED || mux_next(connection.mux) != CLOCK_NEVER);
	}
	hear(&connection, ROOM);
	hear(&connection, ROOM);
	finish(&connection);
	return 0;
}
