/*
 * The front end, streams and the policy together: a client of the mixed port at one end, a server
 * with targets of its own at the other. Nothing here is a socket.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/association.h"
#include "proxy/front.h"
#include "proxy/policy.h"
#include "stream/mux_end.h"
#include "wire/socks5.h"
#include "wire/stream_datagram.h"

#define BYTES(...) ((const uint8_t[]){__VA_ARGS__}), sizeof((const uint8_t[]){__VA_ARGS__})

struct world {
	struct mux_end client, server;
	/* The client's side. */
	struct front *front;
	struct association *association;
	struct mux_stream *stream; /* the front's, or the association's only flow's */
	struct stream_datagram_reader *datagrams;
	bool is_connected, is_relaying, is_closed;
	uint32_t flow;
	char got[4096]; /* by the client's socket */
	size_t got_size;
	uint8_t datagram[256]; /* by its other one, the last */
	size_t datagram_size;
	/* The server's. */
	const struct policy *policy;
	struct mux_stream *target;
	struct target asked;
	struct stream_datagram_reader *target_datagrams;
	char heard[4096]; /* by the target */
	size_t heard_size;
	bool target_ended;
};

/* The server: what a target says is the test's, but for datagrams, which come back. */

static enum stream_error on_opened(void *context, struct mux_stream *stream,
								   const struct target *target) {
	static const struct address inside = {{10, 0, 0, 1}, ADDRESS_V4};
	static const struct address outside = {{8, 8, 8, 8}, ADDRESS_V4};
	struct world *world = context;
	world->asked = *target;
	enum policy_verdict verdict = policy_judge(world->policy, target);
	if (verdict == POLICY_BY_ADDRESS) {
		const struct address *address =
			strcmp(target->name, "inside.example") == 0 ? &inside : &outside;
		verdict =
			policy_allows_address(world->policy, target, address) ? POLICY_ALLOWED : POLICY_REFUSED;
	}
	if (verdict == POLICY_REFUSED)
		return STREAM_ERROR_REFUSED_STREAM;
	world->target = stream;
	return STREAM_ERROR_NONE;
}

static void echo_datagrams(struct world *world, struct mux_stream *stream) {
	uint8_t bytes[1024], header[STREAM_DATAGRAM_HEADER_SIZE];
	struct slice data = slice_of(bytes, mux_end_read(stream, bytes, sizeof bytes)), datagram;
	while (!stream_datagram_next(world->target_datagrams, &data, &datagram)) {
		stream_datagram_header(datagram.size, header);
		assert_int_equal(mux_stream_write(stream, header, sizeof header), sizeof header);
		assert_int_equal(mux_stream_write(stream, datagram.data, datagram.size), datagram.size);
	}
}

static void on_server_readable(void *context, struct mux_stream *stream) {
	struct world *world = context;
	if (world->asked.udp) {
		echo_datagrams(world, stream);
		return;
	}
	world->heard_size += mux_end_read(stream, world->heard + world->heard_size,
									  sizeof world->heard - 1 - world->heard_size);
	world->heard[world->heard_size] = '\0';
	world->target_ended = mux_stream_is_at_end(stream);
}

static void on_server_closed(void *context, struct mux_stream *stream, uint32_t error) {
	struct world *world = context;
	if (stream == world->target)
		world->target = NULL;
}

static void on_writable(void *context, struct mux_stream *stream) {
}

static const struct mux_ops server_ops = {
	.opened = on_opened,
	.readable = on_server_readable,
	.writable = on_writable,
	.closed = on_server_closed,
};

/* The client: what an owner of the front does. */

/* To the socket, and what is for the target to its stream. */
static void send_waiting(struct world *world) {
	struct slice waiting = front_waiting(world->front, FRONT_CLIENT);
	assert_true(world->got_size + waiting.size < sizeof world->got);
	if (waiting.size > 0)
		memcpy(world->got + world->got_size, waiting.data, waiting.size);
	world->got_size += waiting.size;
	world->got[world->got_size] = '\0';
	front_sent(world->front, FRONT_CLIENT, waiting.size);
	waiting = front_waiting(world->front, FRONT_TARGET);
	if (world->stream && waiting.size > 0)
		front_sent(world->front, FRONT_TARGET,
				   mux_stream_write(world->stream, waiting.data, waiting.size));
}

static void open_stream(struct world *world, const struct target *target) {
	assert_null(world->stream);
	world->is_connected = false;
	assert_int_equal(mux_stream_open(world->client.mux, target, NULL, &world->stream), ERR_OK);
}

static void on_open(void *context, const struct target *target) {
	open_stream(context, target);
}

static void on_connected(void *context, struct mux_stream *stream) {
	struct world *world = context;
	world->is_connected = true;
	if (!world->association)
		front_opened(world->front, world->client.now);
	send_waiting(world);
}

static void answer_datagrams(struct world *world, struct mux_stream *stream) {
	uint8_t bytes[1024];
	struct slice data = slice_of(bytes, mux_end_read(stream, bytes, sizeof bytes)), datagram;
	while (!stream_datagram_next(world->datagrams, &data, &datagram))
		association_answer(world->association, world->client.now, world->flow, datagram);
}

static void on_readable(void *context, struct mux_stream *stream) {
	struct world *world = context;
	if (world->association) {
		answer_datagrams(world, stream);
		return;
	}
	for (struct slice part; world->stream && (part = mux_stream_peek(stream)).size > 0;) {
		size_t taken = part.size;
		if (world->is_relaying) {
			memcpy(world->got + world->got_size, part.data, part.size);
			world->got_size += part.size;
		} else {
			/* Once it has all of it, it may have released the stream. */
			taken = front_put(world->front, world->client.now, FRONT_TARGET, part.data, part.size);
		}
		if (world->stream)
			mux_stream_consume(stream, taken);
		send_waiting(world);
	}
	if (world->stream && mux_stream_is_at_end(stream) && !world->is_relaying)
		front_end(world->front, world->client.now, FRONT_TARGET);
	send_waiting(world);
}

static void on_stream_closed(void *context, struct mux_stream *stream, uint32_t error) {
	struct world *world = context;
	world->stream = NULL;
	if (world->association)
		association_ended(world->association, world->flow);
	else if (!world->is_connected)
		front_refused(world->front, world->client.now, refusal_of_stream(error));
	send_waiting(world);
}

static const struct mux_ops client_ops = {
	.connected = on_connected,
	.readable = on_readable,
	.writable = on_writable,
	.closed = on_stream_closed,
};

static void on_associate(void *context, const struct target *hint);

static void on_relay(void *context) {
	struct world *world = context;
	world->is_relaying = true;
}

static void on_release(void *context) {
	struct world *world = context;
	if (world->stream)
		mux_stream_reset(world->stream, STREAM_ERROR_CANCEL);
	world->stream = NULL;
	association_free(world->association);
	world->association = NULL;
}

static void on_close(void *context) {
	struct world *world = context;
	world->is_closed = true;
}

static const struct front_ops front_ops = {on_open, on_associate, on_relay, on_release, on_close};

static void on_flow_open(void *context, uint32_t flow, const struct target *target) {
	struct world *world = context;
	world->flow = flow;
	open_stream(world, target);
}

static void on_flow_send(void *context, uint32_t flow, struct slice payload) {
	struct world *world = context;
	uint8_t header[STREAM_DATAGRAM_HEADER_SIZE];
	stream_datagram_header(payload.size, header);
	assert_int_equal(mux_stream_write(world->stream, header, sizeof header), sizeof header);
	assert_int_equal(mux_stream_write(world->stream, payload.data, payload.size), payload.size);
}

static void on_flow_close(void *context, uint32_t flow) {
	struct world *world = context;
	mux_stream_reset(world->stream, STREAM_ERROR_CANCEL);
	world->stream = NULL;
}

static void on_flow_answer(void *context, const struct endpoint *client, struct slice header,
						   struct slice payload) {
	struct world *world = context;
	memcpy(world->datagram, header.data, header.size);
	memcpy(world->datagram + header.size, payload.data, payload.size);
	world->datagram_size = header.size + payload.size;
}

static const struct association_ops association_ops = {on_flow_open, on_flow_send, on_flow_close,
													   on_flow_answer};

static void on_associate(void *context, const struct target *hint) {
	struct world *world = context;
	const struct association_options options = {.ops = &association_ops,
												.context = world,
												.client = {{127, 0, 0, 1}, ADDRESS_V4},
												.port = hint->port};
	const struct endpoint bound = {{{127, 0, 0, 1}, ADDRESS_V4}, 1081, 0};
	assert_int_equal(association_new(&options, &world->association), ERR_OK);
	front_associated(world->front, world->client.now, &bound);
}

static struct world *world_new(const struct policy *policy) {
	struct world *world = calloc(1, sizeof *world);
	assert_non_null(world);
	world->policy = policy;
	mux_end_init_with(&world->client, MUX_INITIATOR,
					  (struct mux_end_setup){.ops = &client_ops, .context = world});
	mux_end_init_with(&world->server, MUX_RESPONDER,
					  (struct mux_end_setup){.ops = &server_ops, .context = world});
	const struct front_options options = {&front_ops, world, NULL};
	assert_int_equal(front_new(&options, world->client.now, &world->front), ERR_OK);
	assert_int_equal(stream_datagram_reader_new(1000, &world->datagrams), ERR_OK);
	assert_int_equal(stream_datagram_reader_new(1000, &world->target_datagrams), ERR_OK);
	return world;
}

static void world_free(struct world *world) {
	front_free(world->front);
	association_free(world->association);
	stream_datagram_reader_free(world->datagrams);
	stream_datagram_reader_free(world->target_datagrams);
	mux_end_done(&world->client);
	mux_end_done(&world->server);
	free(world);
}

/* What the client's socket says; behind the request, once it relays, into the stream. */
static void say(struct world *world, const void *data, size_t size) {
	size_t taken = 0;
	if (!world->is_relaying)
		taken = front_put(world->front, world->client.now, FRONT_CLIENT, data, size);
	if (world->is_relaying)
		taken += mux_stream_write(world->stream, (const uint8_t *)data + taken, size - taken);
	assert_int_equal(taken, size);
	send_waiting(world);
	mux_end_exchange(&world->client, &world->server);
}

static void target_is_connected(struct world *world) {
	assert_non_null(world->target);
	mux_stream_connected(world->target);
	mux_end_exchange(&world->client, &world->server);
}

static void target_says(struct world *world, const char *text) {
	assert_int_equal(mux_end_write_text(world->target, text), strlen(text));
	mux_end_exchange(&world->client, &world->server);
}

static void expect_got(struct world *world, const void *data, size_t size) {
	assert_int_equal(world->got_size, size);
	assert_memory_equal(world->got, data, size);
	world->got_size = 0;
}

static void relays(void **state) {
	struct world *world = world_new(NULL);
	say(world, BYTES(5, 1, 0, 5, 1, 0, 3, 4, 'a', '.', 'd', 'e', 1, 187));
	expect_got(world, BYTES(5, 0));
	assert_string_equal(world->asked.name, "a.de");
	assert_int_equal(world->asked.port, 443);
	target_is_connected(world);
	assert_true(world->is_relaying);
	expect_got(world, BYTES(5, 0, 0, 1, 0, 0, 0, 0, 0, 0));
	say(world, "hello", 5);
	assert_string_equal(world->heard, "hello");
	target_says(world, "good day");
	expect_got(world, "good day", 8);
	/* The client has said all; the target has not. */
	mux_stream_end(world->stream);
	mux_end_exchange(&world->client, &world->server);
	assert_true(world->target_ended);
	target_says(world, "bye");
	expect_got(world, "bye", 3);
	mux_stream_end(world->target);
	mux_end_exchange(&world->client, &world->server);
	assert_null(world->stream);
	assert_int_equal(mux_stream_count(world->client.mux), 0);
	assert_int_equal(mux_stream_count(world->server.mux), 0);
	world_free(world);
}

/* By its address, by a name that leads there, and by a rule. */
static void refuses(void **state) {
	struct policy_rule rule;
	struct policy *policy = NULL;
	assert_int_equal(policy_rule_parse("deny *.example", &rule), ERR_OK);
	assert_int_equal(policy_new(&rule, 1, POLICY_ALLOW, &policy), ERR_OK);
	static const char *const hosts[] = {"192.168.1.1", "[::ffff:127.0.0.1]", "inside.example",
										"other.example"};
	for (size_t i = 0; i < 2 * sizeof hosts / sizeof hosts[0]; i++) {
		struct world *world = world_new(i / 2 == 3 ? policy : NULL);
		char request[200];
		(void)snprintf(request, sizeof request,
					   i % 2 ? "CONNECT %s:80 HTTP/1.1\r\n\r\n"
							 : "GET http://%s:80/ HTTP/1.1\r\n\r\n",
					   hosts[i / 2]);
		say(world, request, strlen(request));
		assert_int_equal(strncmp(world->got, "HTTP/1.1 403 ", 13), 0);
		assert_true(world->is_closed);
		assert_int_equal(mux_stream_count(world->server.mux), 0);
		world_free(world);
	}
	policy_free(policy);
	/* The target that does not answer. */
	struct world *world = world_new(NULL);
	say(world, BYTES(5, 1, 0, 5, 1, 0, 1, 8, 8, 8, 8, 0, 80));
	mux_stream_reset(world->target, STREAM_ERROR_CONNECT);
	mux_end_exchange(&world->client, &world->server);
	expect_got(world, BYTES(5, 0, 5, 4, 0, 1, 0, 0, 0, 0, 0, 0));
	world_free(world);
	/* The connection to the server breaks. */
	world = world_new(NULL);
	say(world, BYTES(5, 1, 0, 5, 1, 0, 1, 8, 8, 8, 8, 0, 80));
	mux_abort(world->client.mux, STREAM_ERROR_PROTOCOL);
	expect_got(world, BYTES(5, 0, 5, 3, 0, 1, 0, 0, 0, 0, 0, 0));
	world_free(world);
}

/* Two requests of one client: two streams, and nothing is left of them. */
static void passes_requests(void **state) {
	static const char request[] = "GET http://example.com/a HTTP/1.1\r\n"
								  "Proxy-Authorization: Basic x\r\n\r\n";
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
	struct world *world = world_new(NULL);
	for (int i = 0; i < 2; i++) {
		say(world, request, sizeof request - 1);
		target_is_connected(world);
		assert_string_equal(world->heard, "GET /a HTTP/1.1\r\nHost: example.com\r\n"
										  "Connection: close\r\n\r\n");
		world->heard_size = 0;
		target_says(world, answer);
		expect_got(world, answer, sizeof answer - 1);
		assert_false(world->is_closed);
		assert_null(world->stream);
		assert_null(world->target);
		assert_int_equal(mux_stream_count(world->server.mux), 0);
	}
	world_free(world);
}

static void carries_datagrams(void **state) {
	static const uint8_t question[] = {0, 0, 0, 3, 4, 'a', '.', 'd', 'e', 0, 53, 'h', 'i'};
	const struct endpoint from = {{{127, 0, 0, 1}, ADDRESS_V4}, 4000, 0};
	struct world *world = world_new(NULL);
	say(world, BYTES(5, 1, 0, 5, 3, 0, 1, 0, 0, 0, 0, 0, 0));
	expect_got(world, BYTES(5, 0, 5, 0, 0, 1, 127, 0, 0, 1, 4, 57));
	for (int i = 0; i < 2; i++) {
		association_put(world->association, world->client.now, &from, question, sizeof question);
		mux_end_exchange(&world->client, &world->server);
		assert_true(world->asked.udp);
		/* As it is an echo, it is the question. */
		assert_int_equal(world->datagram_size, sizeof question);
		assert_memory_equal(world->datagram, question, sizeof question);
		world->datagram_size = 0;
	}
	assert_int_equal(mux_stream_count(world->server.mux), 1);
	assert_int_equal(association_figures(world->association)->received, 2);
	/* With the connection the flows go. */
	front_end(world->front, world->client.now, FRONT_CLIENT);
	mux_end_exchange(&world->client, &world->server);
	assert_true(world->is_closed);
	assert_int_equal(mux_stream_count(world->server.mux), 0);
	world_free(world);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(relays),
		cmocka_unit_test(refuses),
		cmocka_unit_test(passes_requests),
		cmocka_unit_test(carries_datagrams),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
