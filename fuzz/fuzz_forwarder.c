/*
 * A forwarder between hostile clients, hostile servers and a clock that jumps. Each step is
 * | what 1 | more 1 | size 1 | bytes |; bytes that are sent as an answer may get the id that was
 * asked with, so that they are looked into.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/clock.h"
#include "expect.h"
#include "transport/dns/forwarder.h"
#include "transport/dns/frame.h"
#include "wire/cursor.h"
#include "wire/dns.h"

enum { STREAMS = 3 };

struct world {
	struct forwarder *forwarder;
	uint64_t now;
	uint8_t asked[FORWARDER_QUERY_MAX]; /* the last one */
	size_t asked_size, group, server, socket;
	uint32_t ticket, grant;
	size_t waiting; /* clients that were not answered */
	uint32_t seed;
	bool inside; /* of a grant() */
};

static void note(struct world *world, size_t group, size_t server, const uint8_t *data,
				 size_t size) {
	expect(size <= sizeof world->asked && size >= DNS_HEADER_SIZE);
	memcpy(world->asked, data, size);
	world->asked_size = size;
	world->group = group;
	world->server = server;
}

static void ask(void *context, size_t group, size_t server, size_t socket, const uint8_t *data,
				size_t size) {
	struct world *world = context;
	note(world, group, server, data, size);
	world->socket = socket;
	expect(group < 2 && server < 2 && socket < 2);
}

static bool ask_stream(void *context, uint32_t ticket, size_t group, size_t server,
					   const uint8_t *data, size_t size) {
	struct world *world = context;
	note(world, group, server, data, size);
	world->ticket = ticket;
	return world->seed % 5 != 0;
}

static void drop_stream(void *context, uint32_t ticket) {
}

static void answer(void *context, const struct forwarder_client *client, const uint8_t *data,
				   size_t size) {
	struct dns_question question;
	expect(!dns_question_decode(data, size, &question) && (question.flags & DNS_FLAG_ANSWER));
	expect(client->stream <= STREAMS);
}

static bool grant(void *context, uint32_t ticket, const struct forwarder_grant *wanted,
				  const struct address *addresses, size_t count, uint32_t ttl) {
	struct world *world = context;
	expect(count > 0 && count <= DNS_ADDRESSES_MAX && wanted->slot < 3);
	for (size_t i = 0; i < count; i++)
		expect(address_size(&addresses[i]) != 0);
	world->grant = ticket;
	if (world->seed % 3 == 0)
		forwarder_granted(world->forwarder, world->now, ticket, true);
	return world->seed % 4 != 0 || world->seed % 3 == 0;
}

static void fill(void *context, void *out_data, size_t size) {
	struct world *world = context;
	for (size_t i = 0; i < size; i++) {
		world->seed = world->seed * 1664525 + 1013904223;
		((uint8_t *)out_data)[i] = (uint8_t)(world->seed >> 24);
	}
}

static struct dns_name name_of(const char *text) {
	struct dns_name name = {.size = 1};
	if (text[0])
		expect(!dns_name_parse(text, &name));
	return name;
}

static enum err framed(void *context, const uint8_t *message, size_t size) {
	struct world *world = context;
	forwarder_stream_answered(world->forwarder, world->now, world->ticket, message, size);
	return ERR_OK;
}

static void from_server(struct world *world, uint8_t more, uint8_t *bytes, size_t size) {
	if ((more & 1) && size >= DNS_HEADER_SIZE && world->asked_size > 0)
		memcpy(bytes, world->asked, 2);
	if (more & 2) {
		struct frame frame;
		frame_init(&frame, DNS_MESSAGE_MAX);
		uint8_t header[FRAME_HEADER_SIZE];
		frame_header(size, header);
		(void)frame_put(&frame, header, sizeof header, framed, world);
		(void)frame_put(&frame, bytes, size, framed, world);
		frame_done(&frame);
		return;
	}
	forwarder_answer(world->forwarder, world->now, world->group, world->server,
					 world->socket ^ (more >> 7), bytes, size);
}

static void step(struct world *world, uint8_t what, uint8_t more, uint8_t *bytes, size_t size) {
	static const uint8_t local[] = {127, 0, 0, 1};
	struct forwarder_client client = {
		.from = {.address = address_from_bytes(ADDRESS_V4, local), .port = more}};
	switch (what % 7) {
	case 0:
		forwarder_query(world->forwarder, world->now, &client, bytes, size);
		return;
	case 1:
		client.stream = more % STREAMS + 1U;
		forwarder_query(world->forwarder, world->now, &client, bytes, size);
		return;
	case 2:
		from_server(world, more, bytes, size);
		return;
	case 3:
		world->now += more * 100 * CLOCK_MILLISECOND;
		expect(forwarder_run(world->forwarder, world->now) > world->now);
		return;
	case 4:
		forwarder_granted(world->forwarder, world->now, world->grant, more & 1);
		return;
	case 5:
		forwarder_forget(world->forwarder, more % STREAMS + 1U);
		return;
	default:
		forwarder_unreachable(world->forwarder, world->now, world->group, world->server,
							  world->socket);
		return;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static const struct forwarder_ops ops = {ask, ask_stream, drop_stream, answer, grant};
	static const struct forwarder_group groups[] = {{2, {2, 2}}, {1, {1}}};
	const struct forwarder_route routes[] = {{name_of(""), 0}, {name_of("corp"), 1}};
	const struct forwarder_rule rules[] = {{name_of("in"), {1, 0, true}},
										   {name_of("out"), {2, 1, false}}};
	struct world world = {.now = CLOCK_SECOND, .seed = size > 0 ? data[0] : 0};
	const struct random_source random = {fill, &world};
	const struct forwarder_options options = {&ops,   &world, &random, groups, 2,
											  routes, 2,      rules,   2};
	expect(!forwarder_new(&options, &world.forwarder));
	struct reader reader = reader_of(data, size);
	while (reader_left(&reader) >= 3) {
		uint8_t what = reader_u8(&reader), more = reader_u8(&reader), count = reader_u8(&reader);
		uint8_t bytes[UINT8_MAX];
		size_t have = count < reader_left(&reader) ? count : reader_left(&reader);
		reader_bytes(&reader, bytes, have);
		step(&world, what, more, bytes, have);
	}
	/* Whatever happened, everybody has an answer in the end. */
	for (unsigned i = 0; i < FORWARDER_TRIES_MAX + 2; i++) {
		world.now += FORWARDER_STREAM_TIMEOUT;
		world.seed = 1;
		uint64_t next = forwarder_run(world.forwarder, world.now);
		expect(i < FORWARDER_TRIES_MAX + 1 || next == CLOCK_NEVER);
	}
	forwarder_free(world.forwarder);
	return 0;
}
