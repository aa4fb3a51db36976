#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tunnel/fake_carrier.h"
#include "tunnel/fake_stream_host.h"
#include "tunnel/relay.h"

enum { BULK = 6 << 20, PIECE = 50000 };

/* A relay between a socket, whose other end the test has, and a stream to a far end. */
struct world {
	struct fake_stream_host fake;
	struct fake_carriers carriers;
	struct fake_far far_end;
	struct fake_far_stream *far;
	struct relay *relay;
	int ours; /* non-blocking */
	unsigned ended, in_peace;
	/* Of bulk: */
	uint64_t said, far_said, read;
	uint32_t sum;
};

static void on_ended(void *context, bool in_peace) {
	struct world *world = context;
	world->ended++;
	world->in_peace += in_peace;
}

static int accepted(int listener) {
	int descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(descriptor >= 0);
	return descriptor;
}

/* Options' host, stream and descriptor are filled in. */
static struct world *world_of(struct relay_options options) {
	struct world *world = calloc(1, sizeof *world);
	assert_non_null(world);
	fake_stream_host_init(&world->fake);
	fake_carriers_init(&world->carriers, &world->fake);
	fake_far_init(&world->far_end, &world->carriers);
	struct endpoint at;
	int listener = fake_stream_host_listen(&at);
	world->ours = fake_stream_host_connect(&at);
	assert_int_equal(fcntl(world->ours, F_SETFL, O_NONBLOCK), 0);
	options.host = &world->fake.host;
	options.carrier = &world->carriers.client;
	options.stream = mux_end_open(&world->carriers.client.end);
	options.descriptor = accepted(listener);
	options.ended = on_ended;
	options.context = world;
	assert_int_equal(relay_new(&options, &world->relay), ERR_OK);
	(void)close(listener);
	fake_stream_host_turn(&world->fake);
	assert_int_equal(world->far_end.count, 1);
	world->far = world->far_end.streams[0];
	return world;
}

static struct world *world_new(void) {
	return world_of((struct relay_options){.connection = NULL});
}

static void world_free(struct world *world) {
	relay_free(world->relay);
	fake_carriers_done(&world->carriers);
	fake_far_done(&world->far_end);
	if (world->ours >= 0)
		(void)close(world->ours);
	fake_stream_host_done(&world->fake);
	free(world);
}

static void turn(struct world *world) {
	fake_stream_host_turn(&world->fake);
}

static void say(struct world *world, const char *text) {
	assert_int_equal(send(world->ours, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	turn(world);
}

static void expect(struct world *world, const char *text) {
	char bytes[100];
	turn(world);
	assert_int_equal(recv(world->ours, bytes, sizeof bytes, 0), strlen(text));
	assert_memory_equal(bytes, text, strlen(text));
}

static void expect_end(struct world *world) {
	char byte;
	turn(world);
	assert_int_equal(recv(world->ours, &byte, 1, 0), 0);
}

static void expect_reset(struct world *world) {
	char byte;
	turn(world);
	assert_int_equal(recv(world->ours, &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
}

static void far_ends(struct world *world) {
	mux_stream_end(world->far->stream);
	carrier_touch(&world->carriers.server);
	turn(world);
}

static void passes_on(void **state) {
	(void)state;
	struct world *world = world_new();
	say(world, "hello");
	fake_far_expect(world->far, "hello", 5);
	fake_far_say(world->far, "good day", 8);
	expect(world, "good day");
	struct relay_figures figures = relay_figures(world->relay);
	assert_int_equal(figures.received, 5);
	assert_int_equal(figures.sent, 8);
	assert_int_equal(world->ended, 0);
	world_free(world);
}

/* Half an end is passed on, while the other direction goes on; either may be first. */
static void ends_in_peace(void **state) {
	(void)state;
	struct world *world = world_new();
	say(world, "question");
	assert_int_equal(shutdown(world->ours, SHUT_WR), 0);
	turn(world);
	fake_far_expect(world->far, "question", 8);
	assert_true(world->far->is_at_end);
	fake_far_say(world->far, "answer", 6);
	expect(world, "answer");
	assert_int_equal(world->ended, 0);
	far_ends(world);
	expect_end(world);
	assert_int_equal(world->ended, 1);
	assert_int_equal(world->in_peace, 1);
	assert_true(world->far->is_closed);
	assert_int_equal(world->far->error, STREAM_ERROR_NONE);
	assert_int_equal(mux_stream_count(carrier_mux(&world->carriers.client)), 0);
	world_free(world);

	world = world_new();
	fake_far_say(world->far, "answer", 6);
	far_ends(world);
	expect(world, "answer");
	expect_end(world);
	say(world, "more");
	fake_far_expect(world->far, "more", 4);
	assert_int_equal(world->ended, 0);
	assert_int_equal(shutdown(world->ours, SHUT_WR), 0);
	turn(world);
	assert_int_equal(world->in_peace, 1);
	assert_true(world->far->is_closed);
	assert_int_equal(world->far->error, STREAM_ERROR_NONE);
	world_free(world);
}

static void passes_resets_on(void **state) {
	(void)state;
	struct world *world = world_new();
	mux_stream_reset(world->far->stream, STREAM_ERROR_CONNECT);
	world->far->stream = NULL;
	expect_reset(world);
	assert_int_equal(world->ended, 1);
	assert_int_equal(world->in_peace, 0);
	world_free(world);

	world = world_new();
	struct linger at_once = {.l_onoff = 1};
	assert_int_equal(setsockopt(world->ours, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
	(void)close(world->ours);
	world->ours = -1;
	turn(world);
	assert_int_equal(world->ended, 1);
	assert_int_equal(world->in_peace, 0);
	assert_true(world->far->is_closed);
	assert_int_equal(world->far->error, STREAM_ERROR_CANCEL);
	world_free(world);
}

static void ends_with_the_carrier(void **state) {
	(void)state;
	struct world *world = world_new();
	fake_carriers_break(&world->carriers, STREAM_ERROR_INTERNAL);
	expect_reset(world);
	assert_int_equal(world->ended, 1);
	assert_int_equal(world->in_peace, 0);
	world_free(world);
}

/* The stream has ended on both sides, and the connection has not taken all of it yet. */
static void ends_with_the_carrier_at_its_end(void **state) {
	(void)state;
	static const uint8_t bytes[PIECE];
	struct world *world = world_new();
	uint64_t wrote = 0;
	do {
		assert_int_equal(mux_stream_write(world->far->stream, bytes, PIECE), PIECE);
		wrote += PIECE;
		turn(world);
	} while (relay_figures(world->relay).sent == wrote);
	far_ends(world);
	assert_int_equal(shutdown(world->ours, SHUT_WR), 0);
	turn(world);
	assert_true(world->far->is_closed);
	assert_int_equal(world->ended, 0);
	fake_carriers_break(&world->carriers, STREAM_ERROR_INTERNAL);
	assert_int_equal(world->ended, 1);
	assert_int_equal(world->in_peace, 0);
	world_free(world);
}

static void may_be_freed_amid(void **state) {
	(void)state;
	struct world *world = world_new();
	say(world, "hello");
	relay_free(world->relay);
	world->relay = NULL;
	expect_reset(world);
	assert_int_equal(world->ended, 0);
	assert_true(world->far->is_closed);
	assert_int_equal(world->far->error, STREAM_ERROR_CANCEL);
	world_free(world);
}

/* A relay that its owner frees as soon as it is over. */
static void on_ended_free(void *context, bool in_peace) {
	struct world *world = context;
	on_ended(context, in_peace);
	relay_free(world->relay);
	world->relay = NULL;
}

static void may_be_freed_at_its_end(void **state) {
	(void)state;
	for (int i = 0; i < 3; i++) {
		struct world *world = world_new();
		relay_free(world->relay);
		(void)close(world->ours);
		turn(world);
		struct endpoint at;
		int listener = fake_stream_host_listen(&at);
		world->ours = fake_stream_host_connect(&at);
		struct relay_options options = {
			.host = &world->fake.host,
			.carrier = &world->carriers.client,
			.stream = mux_end_open(&world->carriers.client.end),
			.descriptor = accepted(listener),
			.ended = on_ended_free,
			.context = world,
		};
		assert_int_equal(relay_new(&options, &world->relay), ERR_OK);
		(void)close(listener);
		turn(world);
		world->far = world->far_end.streams[1];
		if (i == 0) {
			far_ends(world);
			assert_int_equal(shutdown(world->ours, SHUT_WR), 0);
		} else if (i == 1) {
			mux_stream_reset(world->far->stream, STREAM_ERROR_CANCEL);
		} else {
			/* What was not read makes the kernel send a reset. */
			fake_far_say(world->far, "unread", 6);
			turn(world);
			(void)close(world->ours);
			world->ours = -1;
		}
		turn(world);
		assert_int_equal(world->ended, 1);
		assert_int_equal(world->in_peace, i == 0);
		assert_null(world->relay);
		world_free(world);
	}
}

static uint8_t byte_at(uint64_t at) {
	return (uint8_t)(at * 31 >> 3 ^ at >> 11);
}

static bool bulk_is_through(void *context) {
	struct world *world = context;
	static uint8_t bytes[PIECE];
	if (world->said < BULK) {
		for (size_t i = 0; i < sizeof bytes; i++)
			bytes[i] = byte_at(world->said + i);
		uint64_t left = BULK - world->said;
		ssize_t sent = send(world->ours, bytes, left < PIECE ? left : PIECE, MSG_NOSIGNAL);
		world->said += sent > 0 ? (uint64_t)sent : 0;
		if (world->said == BULK)
			assert_int_equal(shutdown(world->ours, SHUT_WR), 0);
	}
	if (world->far_said < BULK) {
		for (size_t i = 0; i < sizeof bytes; i++)
			bytes[i] = byte_at(~(world->far_said + i));
		uint64_t left = BULK - world->far_said;
		world->far_said += mux_stream_write(world->far->stream, bytes, left < PIECE ? left : PIECE);
		if (world->far_said == BULK)
			mux_stream_end(world->far->stream);
	}
	ssize_t got = recv(world->ours, bytes, sizeof bytes, 0);
	if (got > 0) {
		world->sum = fake_far_sum(world->sum, bytes, (size_t)got, world->read);
		world->read += (uint64_t)got;
	}
	return got == 0 && world->ended;
}

/* Both directions at once, larger than every window and buffer. */
static void carries_bulk(void **state) {
	(void)state;
	struct world *world = world_new();
	fake_stream_host_until(&world->fake, bulk_is_through, world);
	assert_int_equal(world->in_peace, 1);
	assert_int_equal(world->far->heard_size, BULK);
	assert_int_equal(world->read, BULK);
	uint32_t up = 0, down = 0;
	for (uint64_t i = 0; i < BULK; i++) {
		up = fake_far_sum(up, &(uint8_t){byte_at(i)}, 1, i);
		down = fake_far_sum(down, &(uint8_t){byte_at(~i)}, 1, i);
	}
	assert_int_equal(world->far->sum, up);
	assert_int_equal(world->sum, down);
	world_free(world);
}

/* A reader who stands still stops the other side: nothing is heaped up here. */
static void stands_still(void **state) {
	(void)state;
	static const uint8_t bytes[PIECE];
	struct world *world = world_new();
	world->far->is_reading_stopped = true;
	uint64_t said = 0;
	for (ssize_t sent = 0; sent >= 0; said += sent > 0 ? (uint64_t)sent : 0) {
		sent = send(world->ours, bytes, sizeof bytes, MSG_NOSIGNAL);
		turn(world);
	}
	/* The stream's window, and what waits for it. */
	assert_in_range(relay_figures(world->relay).received, 262144, 262144 + 65536);
	assert_true(said > relay_figures(world->relay).received);
	world->far->is_reading_stopped = false;
	world->far->user.ops->readable(&world->far->user);
	turn(world);
	assert_int_equal(world->far->heard_size, said);

	/* The other direction. */
	int small = 65536;
	assert_int_equal(setsockopt(world->ours, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
	uint64_t wrote = 0, last;
	do {
		last = wrote;
		for (size_t size; (size = mux_stream_write(world->far->stream, bytes, PIECE)) > 0;)
			wrote += size;
		turn(world);
	} while (wrote > last);
	uint64_t sent = relay_figures(world->relay).sent;
	assert_true(wrote > sent);
	/* Unread and unsent bytes are in the stream, no more than its window. */
	assert_in_range(wrote - sent, 1, WINDOW_MAX + MUX_STAGED_MAX);
	static uint8_t got[PIECE];
	uint64_t read = 0;
	do {
		ssize_t size = recv(world->ours, got, sizeof got, 0);
		read += size > 0 ? (uint64_t)size : 0;
		turn(world);
	} while (read < wrote);
	assert_int_equal(read, wrote);
	world_free(world);
}

/* What was there before the relay was. */
static void begins_with_what_there_was(void **state) {
	(void)state;
	struct world *world = world_of((struct relay_options){
		.to_stream = slice_of_text("early "), .to_connection = slice_of_text("welcome ")});
	say(world, "bird");
	fake_far_expect(world->far, "early bird", 10);
	fake_far_say(world->far, "home", 4);
	expect(world, "welcome home");
	world_free(world);

	world =
		world_of((struct relay_options){.to_stream = slice_of_text("all"), .is_finished = true});
	assert_true(world->far->is_at_end);
	fake_far_expect(world->far, "all", 3);
	world_free(world);
}

/* The stream is over, but what stood before it has not gone yet. */
static void sends_what_came_first(void **state) {
	(void)state;
	static uint8_t first[8 << 20];
	struct world *world =
		world_of((struct relay_options){.to_connection = slice_of(first, sizeof first)});
	far_ends(world);
	assert_int_equal(shutdown(world->ours, SHUT_WR), 0);
	turn(world);
	assert_true(world->far->is_closed);
	assert_int_equal(world->ended, 0);
	size_t got = 0;
	for (ssize_t size; got < sizeof first;) {
		size = recv(world->ours, first, sizeof first, 0);
		got += size > 0 ? (size_t)size : 0;
		turn(world);
	}
	expect_end(world);
	assert_int_equal(world->in_peace, 1);
	world_free(world);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passes_on),
		cmocka_unit_test(ends_in_peace),
		cmocka_unit_test(passes_resets_on),
		cmocka_unit_test(ends_with_the_carrier),
		cmocka_unit_test(ends_with_the_carrier_at_its_end),
		cmocka_unit_test(may_be_freed_amid),
		cmocka_unit_test(may_be_freed_at_its_end),
		cmocka_unit_test(carries_bulk),
		cmocka_unit_test(stands_still),
		cmocka_unit_test(begins_with_what_there_was),
		cmocka_unit_test(sends_what_came_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
