#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/association.h"
#include "wire/socks5.h"

struct world {
	struct association *association;
	uint64_t now;
	char news[1 << 16];
	uint32_t flow; /* the last one that was opened */
	size_t opened, closed;
	bool ends_at_once;
	uint8_t answer[70000]; /* the last one */
	size_t answer_size;
	struct endpoint to;
};

static void note(struct world *world, const char *what, const char *more) {
	size_t size = strlen(world->news);
	(void)snprintf(world->news + size, sizeof world->news - size, "%s%s;", what, more);
}

static void on_open(void *context, uint32_t flow, const struct target *target) {
	struct world *world = context;
	char text[TARGET_TEXT_SIZE];
	target_format(target, text);
	note(world, "open ", text);
	world->flow = flow;
	world->opened++;
	if (world->ends_at_once)
		association_ended(world->association, flow);
}

static void on_send(void *context, uint32_t flow, struct slice payload) {
	char text[64];
	(void)snprintf(text, sizeof text, "%.*s", (int)payload.size, (const char *)payload.data);
	note(context, "send ", text);
}

static void on_close(void *context, uint32_t flow) {
	struct world *world = context;
	world->closed++;
	note(world, "close", "");
}

static void on_answer(void *context, const struct endpoint *client, struct slice header,
					  struct slice payload) {
	struct world *world = context;
	world->to = *client;
	memcpy(world->answer, header.data, header.size);
	memcpy(world->answer + header.size, payload.data, payload.size);
	world->answer_size = header.size + payload.size;
}

static struct world *world_new(uint16_t port) {
	static const struct association_ops ops = {on_open, on_send, on_close, on_answer};
	struct world *world = calloc(1, sizeof *world);
	assert_non_null(world);
	world->now = CLOCK_SECOND;
	const struct association_options options = {
		.ops = &ops, .context = world, .client = {{127, 0, 0, 1}, ADDRESS_V4}, .port = port};
	assert_int_equal(association_new(&options, &world->association), ERR_OK);
	return world;
}

static void world_free(struct world *world) {
	association_free(world->association);
	free(world);
}

static void expect(struct world *world, const char *news) {
	assert_string_equal(world->news, news);
	world->news[0] = '\0';
}

static void put(struct world *world, const char *from, const char *host, uint16_t port,
				const char *payload) {
	struct target target;
	struct endpoint endpoint;
	uint8_t data[1000];
	size_t size;
	assert_int_equal(endpoint_parse(from, &endpoint), ERR_OK);
	assert_int_equal(target_parse(host, port, true, &target), ERR_OK);
	assert_int_equal(socks5_udp_encode(&target, data, sizeof data, &size), ERR_OK);
	memcpy(data + size, payload, strlen(payload));
	association_put(world->association, world->now, &endpoint, data, size + strlen(payload));
}

static void has_flows(void **state) {
	struct world *world = world_new(0);
	put(world, "127.0.0.1:1000", "example.com", 53, "a");
	expect(world, "open example.com:53/udp;send a;");
	uint32_t first = world->flow;
	put(world, "127.0.0.1:1000", "192.0.2.1", 53, "b");
	expect(world, "open 192.0.2.1:53/udp;send b;");
	put(world, "127.0.0.1:1000", "EXAMPLE.com", 53, "");
	expect(world, "send ;");
	put(world, "127.0.0.1:1000", "example.com", 54, "d");
	expect(world, "open example.com:54/udp;send d;");
	put(world, "127.0.0.1:1000", "192.0.2.1", 53, "e");
	expect(world, "send e;");
	/* The answer has the name as it was first written. */
	association_answer(world->association, world->now, first, slice_of_text("yes"));
	static const uint8_t header[] = {0,   0,   0,   3,   11,  'e', 'x', 'a', 'm',
									 'p', 'l', 'e', '.', 'c', 'o', 'm', 0,   53};
	assert_int_equal(world->answer_size, sizeof header + 3);
	assert_memory_equal(world->answer, header, sizeof header);
	assert_memory_equal(world->answer + sizeof header, "yes", 3);
	assert_int_equal(world->to.port, 1000);
	const struct association_figures *figures = association_figures(world->association);
	assert_int_equal(figures->sent, 5);
	assert_int_equal(figures->received, 1);
	/* As large as it may be with its header, and one byte more. */
	static uint8_t large[ASSOCIATION_DATAGRAM_MAX];
	association_answer(world->association, world->now, first,
					   slice_of(large, sizeof large - sizeof header));
	assert_int_equal(world->answer_size, ASSOCIATION_DATAGRAM_MAX);
	association_answer(world->association, world->now, first,
					   slice_of(large, sizeof large - sizeof header + 1));
	assert_int_equal(figures->received, 2);
	assert_int_equal(figures->too_large, 1);
	world_free(world);
	association_free(NULL);
}

static void knows_its_client(void **state) {
	struct world *world = world_new(0);
	const struct association_figures *figures = association_figures(world->association);
	const struct endpoint client = {{{127, 0, 0, 1}, ADDRESS_V4}, 999, 0};
	/* Others do not become it, and neither does a stray datagram of its own address. */
	put(world, "127.0.0.2:1000", "192.0.2.1", 53, "a");
	association_put(world->association, world->now, &client, (const uint8_t *)"hello", 5);
	expect(world, "");
	assert_int_equal(figures->strange, 2);
	put(world, "127.0.0.1:1000", "192.0.2.1", 53, "b");
	put(world, "127.0.0.1:1001", "192.0.2.1", 53, "c");
	expect(world, "open 192.0.2.1:53/udp;send b;");
	assert_int_equal(figures->strange, 3);
	/* Fragments, and no port. */
	static const uint8_t fragment[] = {0, 0, 1, 1, 192, 0, 2, 1, 0, 53, 'x'};
	const struct endpoint same = {{{127, 0, 0, 1}, ADDRESS_V4}, 1000, 0};
	association_put(world->association, world->now, &same, fragment, sizeof fragment);
	put(world, "127.0.0.1:1000", "192.0.2.1", 0, "d");
	expect(world, "");
	assert_int_equal(figures->strange, 5);
	world_free(world);
	/* Who said where it would send from. */
	world = world_new(1001);
	put(world, "127.0.0.1:1000", "192.0.2.1", 53, "a");
	expect(world, "");
	put(world, "127.0.0.1:1001", "192.0.2.1", 53, "b");
	expect(world, "open 192.0.2.1:53/udp;send b;");
	world_free(world);
}

static void ends_flows(void **state) {
	struct world *world = world_new(0);
	assert_int_equal(association_run(world->association, world->now), CLOCK_NEVER);
	put(world, "127.0.0.1:1000", "192.0.2.1", 53, "a");
	uint32_t first = world->flow;
	uint64_t deadline = world->now + ASSOCIATION_IDLE_TIMEOUT;
	assert_int_equal(association_run(world->association, world->now), deadline);
	/* An answer keeps it, and so does a question. */
	world->now = deadline - 1;
	association_answer(world->association, world->now, first, slice_of("x", 1));
	deadline = world->now + ASSOCIATION_IDLE_TIMEOUT;
	assert_int_equal(association_run(world->association, world->now + 1), deadline);
	world->now = deadline - 1;
	put(world, "127.0.0.1:1000", "192.0.2.1", 53, "b");
	expect(world, "open 192.0.2.1:53/udp;send a;send b;");
	world->now += ASSOCIATION_IDLE_TIMEOUT;
	assert_int_equal(association_run(world->association, world->now), CLOCK_NEVER);
	expect(world, "close;");
	/* What comes yet is for nobody; a new one has another number. */
	world->answer_size = 0;
	association_answer(world->association, world->now, first, slice_of("x", 1));
	assert_int_equal(world->answer_size, 0);
	put(world, "127.0.0.1:1000", "192.0.2.1", 53, "c");
	assert_int_not_equal(world->flow, first);
	/* By the stream's own end. */
	association_ended(world->association, first);
	put(world, "127.0.0.1:1000", "192.0.2.1", 53, "d");
	expect(world, "open 192.0.2.1:53/udp;send c;send d;");
	association_ended(world->association, world->flow);
	world->ends_at_once = true;
	put(world, "127.0.0.1:1000", "192.0.2.1", 53, "e");
	expect(world, "open 192.0.2.1:53/udp;");
	world_free(world);
}

static void has_a_limit(void **state) {
	struct world *world = world_new(0);
	for (uint16_t i = 0; i < ASSOCIATION_FLOWS_MAX; i++) {
		put(world, "127.0.0.1:1000", "192.0.2.1", (uint16_t)(1 + i), "a");
		world->now++;
	}
	assert_int_equal(world->opened, ASSOCIATION_FLOWS_MAX);
	assert_int_equal(world->closed, 0);
	/* All but the second are used again: that one goes. */
	for (uint16_t i = 0; i < ASSOCIATION_FLOWS_MAX; i++)
		if (i != 1)
			put(world, "127.0.0.1:1000", "192.0.2.1", (uint16_t)(1 + i), "a");
	world->news[0] = '\0';
	world->now++;
	put(world, "127.0.0.1:1000", "192.0.2.1", 1000, "b");
	expect(world, "close;open 192.0.2.1:1000/udp;send b;");
	put(world, "127.0.0.1:1000", "192.0.2.1", 3, "c");
	expect(world, "send c;");
	put(world, "127.0.0.1:1000", "192.0.2.1", 2, "d");
	expect(world, "close;open 192.0.2.1:2/udp;send d;");
	world_free(world);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_flows),
		cmocka_unit_test(knows_its_client),
		cmocka_unit_test(ends_flows),
		cmocka_unit_test(has_a_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
