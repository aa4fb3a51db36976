#include "front_world.h"

#define BYTES(...) ((const uint8_t[]){__VA_ARGS__}), sizeof((const uint8_t[]){__VA_ARGS__})

static const uint8_t connect_name[] = {5,   1,   0,   5,   1,   0,   3,   11, 'e', 'x', 'a', 'm',
									   'p', 'l', 'e', '.', 'c', 'o', 'm', 1,  187, 'h', 'i'};

static void connects(void **state) {
	for (size_t piece = 1; piece <= sizeof connect_name; piece++) {
		struct world *world = world_new(NULL);
		/* What is behind the request is for the target, and is not taken. */
		assert_int_equal(world_put(world, FRONT_CLIENT, connect_name, sizeof connect_name, piece),
						 sizeof connect_name - 2);
		world_expect(world, "open example.com:443;");
		world_expect_bytes(world, BYTES(5, 0));
		front_opened(world->front, world->now);
		world_expect(world, "relay;");
		world_expect_bytes(world, BYTES(5, 0, 0, 1, 0, 0, 0, 0, 0, 0));
		assert_int_equal(world_text(world, FRONT_CLIENT, "hi"), 0);
		assert_int_equal(front_run(world->front, UINT64_MAX - 1), CLOCK_NEVER);
		world_expect(world, "");
		world_free(world);
	}
}

static void opens_at_once(void **state) {
	struct world *world = world_new(NULL);
	world->opens_at_once = true;
	(void)world_put(world, FRONT_CLIENT, connect_name, sizeof connect_name, 1000);
	world_expect(world, "open example.com:443;relay;");
	world_expect_bytes(world, BYTES(5, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0, 0));
	world_free(world);
}

static void tells_why_not(void **state) {
	static const struct {
		enum refusal refusal;
		uint8_t reply;
	} rows[] = {
		{REFUSAL_NOT_ALLOWED, 2}, {REFUSAL_CARRIER, 3}, {REFUSAL_UNREACHABLE, 4},
		{REFUSAL_TIMEOUT, 6},     {REFUSAL_BUSY, 1},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct world *world = world_new(NULL);
		(void)world_put(world, FRONT_CLIENT, connect_name, sizeof connect_name, 1000);
		front_refused(world->front, world->now, rows[i].refusal);
		world_expect(world, "open example.com:443;close;");
		world_expect_bytes(world, BYTES(5, 0, 5, rows[i].reply, 0, 1, 0, 0, 0, 0, 0, 0));
		/* What comes yet is thrown away. */
		assert_int_equal(world_text(world, FRONT_CLIENT, "hi"), 2);
		front_opened(world->front, world->now);
		front_refused(world->front, world->now, REFUSAL_BUSY);
		world_expect(world, "");
		world_free(world);
	}
}

static void rejects(void **state) {
	static const struct {
		uint8_t data[24];
		size_t size;
		uint8_t answer[12];
		size_t answer_size;
	} rows[] = {
		/* Not SOCKS5, nor HTTP. */
		{{4, 1, 0, 80, 1, 2, 3, 4, 0}, 9, {0}, 0},
		{{0x16, 3, 1}, 3, {0}, 0},
		/* No method that we have. */
		{{5, 0}, 2, {5, 255}, 2},
		{{5, 1, 1}, 3, {5, 255}, 2},
		/* BIND; an unknown command. */
		{{5, 1, 0, 5, 2, 0, 1, 1, 2, 3, 4, 0, 80}, 13, {5, 0, 5, 7, 0, 1}, 12},
		{{5, 1, 0, 5, 9, 0, 1, 1, 2, 3, 4, 0, 80}, 13, {5, 0, 5, 7, 0, 1}, 12},
		/* An unknown type of address. */
		{{5, 1, 0, 5, 1, 0, 2, 1, 2, 3, 4, 0, 80}, 13, {5, 0, 5, 8, 0, 1}, 12},
		/* A name that cannot be one; one that resolvers take for an address; port 0. */
		{{5, 1, 0, 5, 1, 0, 3, 3, 'a', ' ', 'b', 0, 80}, 13, {5, 0, 5, 4, 0, 1}, 12},
		{{5, 1, 0, 5, 1, 0, 3, 3, '0', 'x', '1', 0, 80}, 13, {5, 0, 5, 4, 0, 1}, 12},
		{{5, 1, 0, 5, 1, 0, 3, 0, 0, 80}, 10, {5, 0, 5, 4, 0, 1}, 12},
		{{5, 1, 0, 5, 1, 0, 1, 1, 2, 3, 4, 0, 0}, 13, {5, 0, 5, 1, 0, 1}, 12},
		/* Another version in the middle; what is reserved. */
		{{5, 1, 0, 4, 1, 0, 1}, 7, {5, 0}, 2},
		{{5, 1, 0, 5, 1, 1, 1}, 7, {5, 0}, 2},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		for (size_t piece = 1; piece <= rows[i].size; piece++) {
			struct world *world = world_new(NULL);
			(void)world_put(world, FRONT_CLIENT, rows[i].data, rows[i].size, piece);
			world_expect(world, "close;");
			world_expect_bytes(world, rows[i].answer, rows[i].answer_size);
			world_free(world);
		}
	}
}

static void asks_for_passwords(void **state) {
	static const struct credential alice = {"alice", "secret"};
	static const uint8_t right[] = {5,   2,   0,   2,   1, 5, 'a', 'l', 'i', 'c', 'e', 6, 's', 'e',
									'c', 'r', 'e', 't', 5, 1, 0,   1,   1,   2,   3,   4, 0,   80};
	for (size_t piece = 1; piece <= sizeof right; piece++) {
		struct world *world = world_new(&alice);
		(void)world_put(world, FRONT_CLIENT, right, sizeof right, piece);
		world_expect(world, "open 1.2.3.4:80;");
		world_expect_bytes(world, BYTES(5, 2, 1, 0));
		world_free(world);
	}
	struct world *world = world_new(&alice);
	uint8_t wrong[sizeof right];
	memcpy(wrong, right, sizeof right);
	wrong[17] ^= 1;
	(void)world_put(world, FRONT_CLIENT, wrong, sizeof wrong, 1000);
	world_expect(world, "close;");
	world_expect_bytes(world, BYTES(5, 2, 1, 1));
	world_free(world);
	/* Who does not offer it. */
	world = world_new(&alice);
	(void)world_put(world, FRONT_CLIENT, connect_name, sizeof connect_name, 1000);
	world_expect(world, "close;");
	world_expect_bytes(world, BYTES(5, 255));
	world_free(world);
	/* Where none is needed, whatever is said will do. */
	world = world_new(NULL);
	wrong[1] = 1;
	wrong[2] = 2;
	(void)world_put(world, FRONT_CLIENT, wrong, 3, 1000);
	(void)world_put(world, FRONT_CLIENT, wrong + 4, sizeof wrong - 4, 1000);
	world_expect(world, "open 1.2.3.4:80;");
	world_free(world);
}

static void associates(void **state) {
	struct world *world = world_new(NULL);
	(void)world_put(world, FRONT_CLIENT, BYTES(5, 1, 0, 5, 3, 0, 1, 0, 0, 0, 0, 0x12, 0x34), 1000);
	world_expect(world, "associate 0.0.0.0:4660/udp;");
	world_expect_bytes(world, BYTES(5, 0));
	struct endpoint bound;
	assert_int_equal(endpoint_parse("[::1]:4097", &bound), ERR_OK);
	front_associated(world->front, world->now, &bound);
	world_expect_bytes(world,
					   BYTES(5, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 16, 1));
	/* It lasts as long as the connection, on which nothing more is said. */
	assert_int_equal(world_text(world, FRONT_CLIENT, "hi"), 2);
	assert_int_equal(front_run(world->front, world->now + 1000 * CLOCK_SECOND), CLOCK_NEVER);
	front_end(world->front, world->now, FRONT_CLIENT);
	world_expect(world, "release;close;");
	world_free(world);

	world = world_new(NULL);
	(void)world_put(world, FRONT_CLIENT, BYTES(5, 1, 0, 5, 3, 0, 1, 0, 0, 0, 0, 0, 0), 1000);
	front_refused(world->front, world->now, REFUSAL_CARRIER);
	world_expect(world, "associate 0.0.0.0:0/udp;close;");
	world_expect_bytes(world, BYTES(5, 0, 5, 3, 0, 1, 0, 0, 0, 0, 0, 0));
	world_free(world);
}

static void has_deadlines(void **state) {
	/* A request that never becomes whole, however often a byte comes. */
	struct world *world = world_new(NULL);
	uint64_t deadline = front_run(world->front, world->now);
	assert_int_equal(deadline, world->now + FRONT_HEAD_TIMEOUT);
	(void)world_put(world, FRONT_CLIENT, connect_name, 10, 1);
	world->now = deadline - 1;
	(void)world_put(world, FRONT_CLIENT, connect_name + 10, 1, 1);
	assert_int_equal(front_run(world->front, world->now), deadline);
	world_expect(world, "");
	assert_int_equal(front_run(world->front, deadline), CLOCK_NEVER);
	world_expect(world, "close;");
	world_free(world);
	/* A target that nobody opens. */
	world = world_new(NULL);
	(void)world_put(world, FRONT_CLIENT, connect_name, sizeof connect_name, 1000);
	deadline = front_run(world->front, world->now);
	assert_int_equal(deadline, world->now + FRONT_OPEN_TIMEOUT);
	assert_int_equal(front_run(world->front, deadline), CLOCK_NEVER);
	world_expect(world, "open example.com:443;release;close;");
	world_expect_bytes(world, BYTES(5, 0, 5, 6, 0, 1, 0, 0, 0, 0, 0, 0));
	world_free(world);
}

static void hears_of_ends(void **state) {
	for (size_t size = 0; size < sizeof connect_name - 2; size++) {
		struct world *world = world_new(NULL);
		(void)world_put(world, FRONT_CLIENT, connect_name, size, 1000);
		front_end(world->front, world->now, FRONT_CLIENT);
		world_expect(world, "close;");
		world_free(world);
	}
	/* Who has said everything may still want an answer. */
	struct world *world = world_new(NULL);
	(void)world_put(world, FRONT_CLIENT, connect_name, sizeof connect_name, 1000);
	front_end(world->front, world->now, FRONT_CLIENT);
	world_expect(world, "open example.com:443;");
	front_end(world->front, world->now, FRONT_TARGET);
	world_expect(world, "close;");
	world_expect_bytes(world, BYTES(5, 0, 5, 4, 0, 1, 0, 0, 0, 0, 0, 0));
	world_free(world);
	front_free(NULL);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connects),           cmocka_unit_test(opens_at_once),
		cmocka_unit_test(tells_why_not),      cmocka_unit_test(rejects),
		cmocka_unit_test(asks_for_passwords), cmocka_unit_test(associates),
		cmocka_unit_test(has_deadlines),      cmocka_unit_test(hears_of_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
