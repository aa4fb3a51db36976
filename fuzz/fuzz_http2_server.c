/*
 * The server's end of HTTP/2 with a client that sends anything, and an owner who does anything.
 * Steps | what 1 | size 1 |: bytes of the client (size of them follow), whole frames of it
 * (| type 1 | flags 1 | stream 1 | and size bytes of payload), and what the owner does. What is
 * held stays bounded, and everything that was told of ends.
 */
#include <stdint.h>
#include <string.h>

#include "transport/http2_pair.h"
#include "wire/cursor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TOLD_MAX = 4096, FRAME_HEADER_SIZE = 9 };

struct world {
	struct http2_server *server;
	uint32_t last;
	unsigned told, closed;
	uint8_t next; /* what the owner does when asked */
	bool dead, raw;
	size_t behind; /* bytes that were not HTTP/2's any more */
};

static const struct http2_field answer[] = {
	{{(const uint8_t *)":status", 7}, {(const uint8_t *)"200", 3}},
	{{(const uint8_t *)"set-cookie", 10}, {(const uint8_t *)"id=two", 6}},
};

static void act(struct world *world, uint8_t what, uint32_t stream) {
	static const uint8_t bytes[40000];
	size_t taken = 0;
	switch (what & 7) {
	case 0:
		(void)http2_server_answer(world->server, stream, answer, 1, true);
		return;
	case 1:
		(void)http2_server_answer(world->server, stream, answer, 2, false);
		return;
	case 2:
		if (!http2_server_write(world->server, stream, bytes, what * 300U, what & 64, &taken))
			http2_pair_require(taken <= what * 300U);
		return;
	case 3:
		http2_server_consumed(world->server, stream, what * 100U);
		return;
	case 4:
		http2_server_reset(world->server, stream, what);
		return;
	case 5:
		(void)http2_server_take_over(world->server, stream, answer, 2);
		return;
	case 6:
		if (what & 128)
			http2_server_shutdown(world->server);
		return;
	default:
		return;
	}
}

static void on_request(void *context, uint32_t stream, const struct http2_field *fields,
					   size_t count, bool ended, bool too_large) {
	struct world *world = context;
	size_t total = 0;
	for (size_t i = 0; i < count; i++)
		total += fields[i].name.size + fields[i].value.size;
	http2_pair_require(count <= HTTP2_FIELDS_MAX && total <= HTTP2_FIELDS_SIZE_MAX);
	http2_pair_require(http2_field_find(fields, count, ":method").data != NULL || too_large);
	world->told++;
	world->last = stream;
	http2_pair_require(world->told - world->closed <= HTTP2_SERVER_STREAMS_MAX);
	act(world, world->next, stream);
}

static void on_body(void *context, uint32_t stream, const uint8_t *data, size_t size, bool ended) {
	struct world *world = context;
	http2_pair_require(size > 0 || ended);
	act(world, world->next, stream);
}

static void on_writable(void *context, uint32_t stream) {
	act(context, 2, stream);
}

static void on_closed(void *context, uint32_t stream, uint32_t error) {
	((struct world *)context)->closed++;
}

static void give(struct world *world, const uint8_t *data, size_t size) {
	size_t taken = size + 1;
	uint8_t *bytes = malloc(size + 1);
	http2_pair_require(bytes != NULL);
	memcpy(bytes, data, size);
	enum err error = http2_server_receive(world->server, bytes, size, &taken);
	free(bytes);
	http2_pair_require(error == ERR_OK ? taken <= size : taken == size + 1);
	if (error)
		http2_pair_require(http2_server_state(world->server) == HTTP2_SERVER_CLOSED);
	if (world->dead)
		http2_pair_require(error != ERR_OK);
	world->dead = error != ERR_OK;
	if (world->raw)
		http2_pair_require(!error && taken == 0);
	world->raw |= http2_server_state(world->server) == HTTP2_SERVER_RAW;
	http2_pair_require(http2_server_outgoing(world->server).size < HTTP2_OUTGOING_MAX + 70000);
}

static void step(struct world *world, uint8_t what, size_t size, struct reader *reader) {
	size_t left = reader_left(reader);
	uint8_t frame[FRAME_HEADER_SIZE + UINT8_MAX];
	switch (what & 3) {
	case 0: {
		struct slice bytes = reader_slice(reader, size < left ? size : left);
		if (bytes.size > 0)
			give(world, bytes.data, bytes.size);
		return;
	}
	case 1: {
		struct writer writer = writer_of(frame, sizeof frame);
		uint8_t type = reader_u8(reader), flags = reader_u8(reader), stream = reader_u8(reader);
		left = reader_left(reader);
		struct slice payload = reader_slice(reader, size < left ? size : left);
		writer_u8(&writer, 0);
		writer_u16_be(&writer, (uint16_t)payload.size);
		writer_u8(&writer, type);
		writer_u8(&writer, flags);
		writer_u32_be(&writer, stream);
		writer_bytes(&writer, payload.data, payload.size);
		give(world, frame, writer_size(&writer));
		return;
	}
	case 2:
		act(world, (uint8_t)size, world->last);
		world->next = (uint8_t)size;
		return;
	default:
		http2_server_sent(world->server, size * 64);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static const struct http2_server_ops ops = {on_request, on_body, on_writable, on_closed};
	struct world world = {.next = 7};
	const struct http2_server_options options = {.ops = &ops, .context = &world};
	http2_pair_require(!http2_server_new(&options, &world.server));
	struct reader reader = reader_of(data, size);
	while (reader_left(&reader) >= 2 && !reader.error) {
		uint8_t what = reader_u8(&reader), count = reader_u8(&reader);
		if (what & 4)
			give(&world, (const uint8_t *)"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
		step(&world, what, count, &reader);
	}
	http2_server_free(world.server);
	http2_pair_require(world.told == world.closed);
	return 0;
}
