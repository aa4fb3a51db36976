#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sys/resource.h>

#include "tunnel/exits_world.h"
#include "tunnel/own_address.h"

/* Addresses that are this host's in a test, beside those that are; ADDRESS_NONE: none. */
static struct address also_own;

enum own_address_answer __real_own_address_ask(struct own_address *own,
											   const struct endpoint *there);
enum own_address_answer __wrap_own_address_ask(struct own_address *own,
											   const struct endpoint *there);
enum own_address_answer __wrap_own_address_ask(struct own_address *own,
											   const struct endpoint *there) {
	return address_equal(&also_own, &there->address) ? OWN_ADDRESS_YES
													 : __real_own_address_ask(own, there);
}

static unsigned tcp_sockets(const struct world *world) {
	return world->fake.sockets[STREAM_SOCKET_TCP_V4] + world->fake.sockets[STREAM_SOCKET_TCP_V6];
}

static void listens(struct world *world) {
	world->target = fake_stream_host_listen(&world->at);
}

static void accepts(struct world *world) {
	turn(world);
	world->accepted = accept4(world->target, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(world->accepted >= 0);
}

static void leads_to_a_connection(void **state) {
	(void)state;
	struct world *world = world_new();
	listens(world);
	struct near *near = &world->near[0];
	open_user(world, near, "127.0.0.1", world->at.port, false);
	/* Before anybody knows whether there is a target. */
	write_all(near, "early", 5);
	accepts(world);
	assert_true(near->is_connected);
	expect_socket(world->accepted, "early");
	assert_int_equal(send(world->accepted, "answer", 6, MSG_NOSIGNAL), 6);
	assert_int_equal(shutdown(world->accepted, SHUT_WR), 0);
	turn(world);
	assert_int_equal(near->size, 6);
	assert_memory_equal(near->heard, "answer", 6);
	assert_true(near->is_at_end);
	assert_int_equal(figures(world).connections, 1);
	assert_int_equal(figures(world).opened, 1);
	mux_stream_end(near->stream);
	expect_closed(world, near, STREAM_ERROR_NONE);
	assert_int_equal(figures(world).connections, 0);
	assert_int_equal(figures(world).failed, 0);
	world_free(world);
}

static const char *const nothing[] = {NULL};

static void refuses_what_the_policy_does(void **state) {
	(void)state;
	struct world *world = world_of(nothing, LIMIT, false);
	listens(world);
	expect_closed(world, open_stream(world, "127.0.0.1", world->at.port, false),
				  STREAM_ERROR_REFUSED_STREAM);
	expect_closed(world, open_stream(world, "127.0.0.1", world->at.port, true),
				  STREAM_ERROR_REFUSED_STREAM);
	/* By what a name leads to, too, of which one is for nobody. */
	fake_stream_host_name(&world->fake, "inside.example.com", "10.1.2.3 ::ffff:127.0.0.1", ERR_OK);
	expect_closed(world, open_stream(world, "inside.example.com", 80, false),
				  STREAM_ERROR_REFUSED_STREAM);
	assert_int_equal(world->fake.questions, 1);
	assert_int_equal(figures(world).questions, 1);
	assert_int_equal(tcp_sockets(world), 0);
	assert_int_equal(figures(world).refused, 3);
	assert_int_equal(figures(world).waiting, 0);
	world_free(world);
}

static void tells_what_cannot_be_reached(void **state) {
	(void)state;
	struct world *world = world_new();
	listens(world);
	(void)close(world->target);
	world->target = -1;
	expect_closed(world, open_stream(world, "127.0.0.1", world->at.port, false),
				  STREAM_ERROR_CONNECT);
	expect_closed(world, open_stream(world, "nowhere.example.com", 80, false),
				  STREAM_ERROR_CONNECT);
	fake_stream_host_name(&world->fake, "busy.example.com", "", ERR_LIMIT);
	expect_closed(world, open_stream(world, "busy.example.com", 80, false),
				  STREAM_ERROR_ENHANCE_YOUR_CALM);
	assert_int_equal(figures(world).failed, 3);
	world->fake.socket_error[STREAM_SOCKET_TCP_V4] = EMFILE;
	world->fake.socket_error[STREAM_SOCKET_UDP_V4] = EMFILE;
	expect_closed(world, open_stream(world, "127.0.0.1", world->at.port, false),
				  STREAM_ERROR_INTERNAL);
	expect_closed(world, open_stream(world, "127.0.0.1", world->at.port, true),
				  STREAM_ERROR_INTERNAL);
	/* The whole host has none. */
	world->fake.socket_error[STREAM_SOCKET_TCP_V4] = ENFILE;
	world->fake.socket_error[STREAM_SOCKET_UDP_V4] = ENFILE;
	expect_closed(world, open_stream(world, "127.0.0.1", world->at.port, false),
				  STREAM_ERROR_INTERNAL);
	expect_closed(world, open_stream(world, "127.0.0.1", world->at.port, true),
				  STREAM_ERROR_INTERNAL);
	assert_int_equal(figures(world).waiting, 0);
	world_free(world);
}

/* The first does not answer, the second may not be, the third is it. */
static void tries_addresses_of_a_name(void **state) {
	(void)state;
	struct world *world = world_new();
	listens(world);
	fake_stream_host_name(&world->fake, "www.example.com", "::1 10.0.0.1 127.0.0.1", ERR_OK);
	struct near *near = open_stream(world, "www.example.com", world->at.port, false);
	accepts(world);
	assert_true(near->is_connected);
	assert_string_equal(world->fake.asked, "www.example.com");
	assert_int_equal(world->fake.sockets[STREAM_SOCKET_TCP_V6], 1);
	assert_int_equal(world->fake.sockets[STREAM_SOCKET_TCP_V4], 1);
	world_free(world);
}

static void keeps_to_others_than_this_host(void **state) {
	(void)state;
	struct world *world = world_of(nothing, LIMIT, false);
	assert_int_equal(address_parse("11.0.0.1", &also_own), ERR_OK);
	world->fake.is_socket_kept = true;
	expect_closed(world, open_stream(world, "11.0.0.1", 443, false), STREAM_ERROR_REFUSED_STREAM);
	expect_closed(world, open_stream(world, "11.0.0.1", 443, true), STREAM_ERROR_REFUSED_STREAM);
	fake_stream_host_name(&world->fake, "me.example.com", "11.0.0.1", ERR_OK);
	expect_closed(world, open_stream(world, "me.example.com", 443, false),
				  STREAM_ERROR_REFUSED_STREAM);
	assert_int_equal(tcp_sockets(world), 0);
	/* Unless a rule is about it. Nobody gets the socket, so that nothing is sent there. */
	static const char *const rules[] = {"allow 11.0.0.1 tcp 443", NULL};
	struct policy *other = policy_of(rules);
	exits_client_set(world->client, other, LIMIT);
	(void)open_stream(world, "me.example.com", 443, false);
	assert_int_equal(tcp_sockets(world), 1);
	exits_client_set(world->client, NULL, LIMIT);
	exits_client_free(world->client);
	world->client = NULL;
	policy_free(other);
	also_own = (struct address){.family = ADDRESS_NONE};
	world_free(world);
}

static void knows_this_hosts_addresses(void **state) {
	(void)state;
	struct world *world = world_new();
	struct own_address *own;
	assert_int_equal(own_address_new(&world->fake.host, NULL, NULL, &own), ERR_OK);
	assert_true(own_address_is_ready(own));
	static const struct {
		const char *address;
		enum own_address_answer answer;
	} cases[] = {
		{"127.0.0.1", OWN_ADDRESS_YES},
		/* Answers of before have no part in it. */
		{"255.255.255.255", OWN_ADDRESS_NO_WAY},
		{"127.0.0.1", OWN_ADDRESS_YES},
		{"127.0.0.9", OWN_ADDRESS_NO},
		{"127.0.0.1", OWN_ADDRESS_YES},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct endpoint at = {.port = 80};
		assert_int_equal(address_parse(cases[i].address, &at.address), ERR_OK);
		assert_int_equal(own_address_ask(own, &at), cases[i].answer);
	}
	own_address_free(own);
	world_free(world);
}

static void waits_for_the_means_to_judge(void **state) {
	(void)state;
	struct world *world = world_of(loopback, LIMIT, true);
	listens(world);
	struct near *near = open_stream(world, "127.0.0.1", world->at.port, false);
	assert_int_equal(figures(world).waiting, 1);
	assert_int_equal(tcp_sockets(world), 0);
	world->fake.is_socket_kept = false;
	fake_stream_host_give(&world->fake);
	accepts(world);
	assert_true(near->is_connected);
	world_free(world);
}

static void is_let_go_at_any_time(void **state) {
	(void)state;
	/* By the client: while the name is asked for, and while nobody answers. */
	struct world *world = world_new();
	world->fake.is_resolver_silent = true;
	struct near *near = open_stream(world, "www.example.com", 80, false);
	assert_int_equal(figures(world).waiting, 1);
	mux_stream_reset(near->stream, STREAM_ERROR_CANCEL);
	turn(world);
	assert_int_equal(figures(world).waiting, 0);
	world->fake.is_socket_kept = true;
	near = open_stream(world, "127.0.0.1", 80, false);
	assert_int_equal(figures(world).waiting, 1);
	mux_stream_reset(near->stream, STREAM_ERROR_CANCEL);
	near = open_stream(world, "127.0.0.1", 80, true);
	mux_stream_reset(near->stream, STREAM_ERROR_CANCEL);
	turn(world);
	assert_int_equal(figures(world).waiting, 0);
	assert_int_equal(figures(world).failed, 2);

	/* By who has the carrier, and all of the client. */
	for (unsigned i = 0; i < 3; i++)
		open_user(world, &world->near[i], i == 0 ? "www.example.com" : "127.0.0.1", 80, i == 2);
	turn(world);
	assert_int_equal(figures(world).waiting, 3);
	exits_client_leave(world->client, &world->carriers.client);
	assert_int_equal(figures(world).waiting, 3);
	exits_client_leave(world->client, &world->carriers.server);
	assert_int_equal(figures(world).waiting, 0);
	for (unsigned i = 0; i < 3; i++)
		expect_closed(world, &world->near[i], STREAM_ERROR_CANCEL);
	(void)open_stream(world, "127.0.0.1", 80, false);
	fake_carriers_break(&world->carriers, STREAM_ERROR_INTERNAL);
	assert_int_equal(figures(world).waiting, 0);
	world_free(world);
}

static void follows_the_policy(void **state) {
	(void)state;
	struct world *world = world_new();
	listens(world);
	struct near *near = open_stream(world, "127.0.0.1", world->at.port, false);
	accepts(world);
	static const char *const others[] = {"deny 127.0.0.1 tcp", "allow 127.0.0.1", NULL};
	struct policy *policy = policy_of(others);
	/* One that it still allows goes on. */
	exits_client_set(world->client, world->policy, LIMIT);
	turn(world);
	assert_false(near->is_closed);
	exits_client_set(world->client, policy, LIMIT);
	turn(world);
	assert_true(near->is_closed);
	char byte;
	assert_int_equal(recv(world->accepted, &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);

	/* One whose target is still looked for is judged when it is found. */
	exits_client_set(world->client, world->policy, LIMIT);
	world->fake.is_socket_kept = true;
	near = open_stream(world, "127.0.0.1", world->at.port, false);
	exits_client_set(world->client, policy, LIMIT);
	fake_stream_host_give(&world->fake);
	expect_closed(world, near, STREAM_ERROR_REFUSED_STREAM);
	assert_false(near->is_connected);
	assert_int_equal(figures(world).refused, 1);
	exits_client_set(world->client, world->policy, LIMIT);
	policy_free(policy);
	world_free(world);
}

static void has_a_limit(void **state) {
	(void)state;
	struct world *world = world_of(loopback, 2, false);
	world->fake.is_socket_kept = true;
	for (unsigned i = 0; i < 3; i++)
		open_user(world, &world->near[i], "127.0.0.1", 80, false);
	turn(world);
	assert_false(world->near[0].is_closed);
	assert_false(world->near[1].is_closed);
	assert_true(world->near[2].is_closed);
	assert_int_equal(world->near[2].error, STREAM_ERROR_REFUSED_STREAM);
	world_free(world);
}

static struct near *open_near(struct world *world) {
	struct near *near = calloc(1, sizeof *near);
	assert_non_null(near);
	open_user(world, near, "127.0.0.1", 80, false);
	turn(world);
	return near;
}

static size_t count_closed(struct near *const *nears, size_t count) {
	size_t closed = 0;
	for (size_t i = 0; i < count; i++)
		closed += nears[i]->is_closed;
	return closed;
}

/* Who has taken all places loses those that were idle for longest to who has fewer. */
static void shares_places(void **state) {
	enum { FIRST = LIMIT - 1, SECOND = PLACES - FIRST, HALF = PLACES / 2 };
	(void)state;
	struct world *world = world_of(loopback, LIMIT, false);
	struct near **greedy = calloc(FIRST, sizeof *greedy), **late = calloc(LIMIT, sizeof *late);
	assert_true(greedy && late);
	world->fake.is_socket_kept = true;
	for (size_t i = 0; i < FIRST; i++) {
		greedy[i] = open_near(world);
		world->fake.now++;
	}
	world->other = world->client;
	assert_int_equal(exits_client_new(world->exits, world->policy, LIMIT, &world->client), ERR_OK);
	for (size_t i = 0; i < SECOND; i++)
		late[i] = open_near(world);
	assert_int_equal(count_closed(greedy, FIRST), 0);
	/* All places are taken: one for one from now on, until both have as many. */
	for (size_t i = SECOND; i < HALF; i++) {
		late[i] = open_near(world);
		assert_false(late[i]->is_closed);
		assert_int_equal(count_closed(greedy, FIRST), i + 1 - SECOND);
		assert_true(greedy[i - SECOND]->is_closed);
		assert_int_equal(greedy[i - SECOND]->error, STREAM_ERROR_CANCEL);
	}
	late[HALF] = open_near(world);
	assert_true(late[HALF]->is_closed);
	assert_int_equal(late[HALF]->error, STREAM_ERROR_REFUSED_STREAM);
	assert_int_equal(count_closed(late, HALF), 0);
	assert_int_equal(count_closed(greedy, FIRST), HALF - SECOND);
	world_free(world);
	for (size_t i = 0; i < FIRST; i++)
		free(greedy[i]);
	for (size_t i = 0; i <= HALF; i++)
		free(late[i]);
	free(greedy);
	free(late);
}

static void leaves_descriptors_to_others(void **state) {
	(void)state;
	static const struct {
		rlim_t files;
		size_t places;
	} rows[] = {{800, 300}, {9600, 3600}, {16384, 10240}, {20000, EXITS_TOTAL_MAX}};
	struct rlimit before;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	for (size_t i = 0; i < sizeof rows / sizeof *rows && rows[i].files <= before.rlim_max; i++) {
		const struct rlimit limit = {.rlim_cur = rows[i].files, .rlim_max = before.rlim_max};
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
		const size_t places = exits_places();
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
		assert_int_equal(places, rows[i].places);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leads_to_a_connection),
		cmocka_unit_test(refuses_what_the_policy_does),
		cmocka_unit_test(tells_what_cannot_be_reached),
		cmocka_unit_test(tries_addresses_of_a_name),
		cmocka_unit_test(keeps_to_others_than_this_host),
		cmocka_unit_test(knows_this_hosts_addresses),
		cmocka_unit_test(waits_for_the_means_to_judge),
		cmocka_unit_test(is_let_go_at_any_time),
		cmocka_unit_test(follows_the_policy),
		cmocka_unit_test(has_a_limit),
		cmocka_unit_test(shares_places),
		cmocka_unit_test(leaves_descriptors_to_others),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
