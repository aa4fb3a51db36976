#pragma once

/* Exits of one client, whose end of the streams is the test's. cmocka.h comes before. */

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/policy.h"
#include "tunnel/exits.h"
#include "tunnel/fake_carrier.h"
#include "tunnel/fake_stream_host.h"

enum { LIMIT = 600, PLACES = 700, HEARD_MAX = 70000 };

/* A stream as the client has it. */
struct near {
	struct stream_user user;
	struct mux_stream *stream;
	bool is_connected, is_at_end, is_closed;
	uint32_t error;
	uint8_t heard[HEARD_MAX];
	size_t size;
};

static struct near *near_of(struct stream_user *user) {
	return list_item(user, struct near, user);
}

static void near_connected(struct stream_user *user) {
	near_of(user)->is_connected = true;
}

static void near_readable(struct stream_user *user) {
	struct near *near = near_of(user);
	struct slice part;
	while ((part = mux_stream_peek(near->stream)).size > 0) {
		assert_true(near->size + part.size <= HEARD_MAX);
		memcpy(near->heard + near->size, part.data, part.size);
		near->size += part.size;
		mux_stream_consume(near->stream, part.size);
	}
	near->is_at_end = mux_stream_is_at_end(near->stream);
}

static void near_writable(struct stream_user *user) {
	(void)user;
}

static void near_closed(struct stream_user *user, uint32_t error) {
	struct near *near = near_of(user);
	near->is_closed = true;
	near->error = error;
	near->stream = NULL;
}

static const struct stream_user_ops near_ops = {.connected = near_connected,
												.readable = near_readable,
												.writable = near_writable,
												.closed = near_closed};

struct world {
	struct fake_stream_host fake;
	struct fake_carriers carriers;
	struct exits *exits;
	struct policy *policy;
	struct exits_client *client; /* whose streams are opened */
	struct exits_client *other;  /* NULL: there is only the one */
	int target, accepted;        /* the target's sockets */
	struct endpoint at;
	struct near near[3];
};

static enum stream_error opened(void *context, struct mux_stream *stream,
								const struct target *target) {
	struct world *world = context;
	return exits_client_open(world->client, &world->carriers.server, stream, target);
}

static const struct carrier_ops server_ops = {.opened = opened};

/* rules: ending in NULL. */
static struct policy *policy_of(const char *const *rules) {
	struct policy_rule parsed[8];
	struct policy *policy;
	size_t count = 0;
	for (; rules[count]; count++)
		assert_int_equal(policy_rule_parse(rules[count], &parsed[count]), ERR_OK);
	assert_int_equal(policy_new(parsed, count, POLICY_ALLOW, &policy), ERR_OK);
	return policy;
}

static const char *const loopback[] = {"allow 127.0.0.1", "allow ::1", NULL};

static struct world *world_of(const char *const *rules, uint32_t limit, bool is_socket_kept) {
	struct world *world = calloc(1, sizeof *world);
	assert_non_null(world);
	fake_stream_host_init(&world->fake);
	world->fake.is_socket_kept = is_socket_kept;
	fake_carriers_init(&world->carriers, &world->fake);
	world->policy = policy_of(rules);
	assert_int_equal(exits_new(&world->fake.host, PLACES, &world->exits), ERR_OK);
	assert_int_equal(exits_client_new(world->exits, world->policy, limit, &world->client), ERR_OK);
	world->carriers.server.ops = &server_ops;
	world->carriers.server.context = world;
	world->target = world->accepted = -1;
	return world;
}

static struct world *world_new(void) {
	return world_of(loopback, LIMIT, false);
}

static void world_free(struct world *world) {
	exits_client_free(world->client);
	exits_client_free(world->other);
	exits_free(world->exits);
	policy_free(world->policy);
	fake_carriers_done(&world->carriers);
	if (world->target >= 0)
		(void)close(world->target);
	if (world->accepted >= 0)
		(void)close(world->accepted);
	fake_stream_host_done(&world->fake);
	free(world);
}

static void turn(struct world *world) {
	fake_stream_host_turn(&world->fake);
}

static void open_user(struct world *world, struct near *near, const char *host, uint16_t port,
					  bool udp) {
	struct target target;
	assert_int_equal(target_parse(host, port, udp, &target), ERR_OK);
	*near = (struct near){.user.ops = &near_ops};
	assert_int_equal(
		mux_stream_open(carrier_mux(&world->carriers.client), &target, &near->user, &near->stream),
		ERR_OK);
}

static struct near *open_stream(struct world *world, const char *host, uint16_t port, bool udp) {
	open_user(world, &world->near[0], host, port, udp);
	turn(world);
	return &world->near[0];
}

static void write_all(const struct near *near, const void *data, size_t size) {
	assert_int_equal(mux_stream_write(near->stream, data, size), size);
}

static void expect_closed(struct world *world, const struct near *near, enum stream_error error) {
	turn(world);
	assert_true(near->is_closed);
	assert_string_equal(stream_error_name(near->error), stream_error_name(error));
	assert_int_equal(mux_stream_count(carrier_mux(&world->carriers.server)), 0);
}

static struct exits_figures figures(const struct world *world) {
	struct exits_figures of;
	exits_client_figures(world->client, &of);
	return of;
}

static void expect_socket(int descriptor, const char *text) {
	char bytes[100];
	assert_int_equal(recv(descriptor, bytes, sizeof bytes, 0), strlen(text));
	assert_memory_equal(bytes, text, strlen(text));
}
