#include "tunnel/ticket_jar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../crypto/tls_pair.h"

#define NAME "vpn.example.org"

struct world {
	struct certificate_pair certificate;
	struct tls_server *server;
	struct tls_client *client;
	struct ticket_jar jar;
};

/* A handshake with the ticket, whose own ones go into the jar. Whether it was resumed. */
static bool meet(struct world *world, struct ticket ticket) {
	struct tls client = tls_pair_connect(world->client, NAME, slice_of(ticket.bytes, ticket.size));
	struct tls server;
	struct tls_pair_sink sink = {.size = 0};
	struct tls_facts facts;
	assert_int_equal(tls_server_accept(world->server, &server), ERR_OK);
	tls_pair_pump(&client, &server, SIZE_MAX, &sink, &sink);
	assert_int_equal(tls_state(&client), TLS_OPEN);
	tls_facts(&client, &facts);
	ticket_jar_collect(&world->jar, &client);
	tls_done(&client);
	tls_done(&server);
	ticket_done(&ticket);
	return facts.resumed;
}

static size_t count(const struct world *world) {
	size_t count = 0;
	for (size_t i = 0; i < TICKET_JAR_MAX; i++)
		count += world->jar.tickets[i].size > 0;
	return count;
}

static int set_up(void **state) {
	struct world *world = calloc(1, sizeof *world);
	assert_non_null(world);
	tls_pair_certificate(&world->certificate);
	world->server = tls_pair_server(&world->certificate);
	world->client = tls_pair_client(&world->certificate);
	*state = world;
	return 0;
}

static int tear_down(void **state) {
	struct world *world = *state;
	ticket_jar_clear(&world->jar);
	tls_server_free(world->server);
	tls_client_free(world->client);
	free(world);
	return 0;
}

/* Each is there once: two of a full handshake, one of a resumed one. */
static void used_once(void **state) {
	struct world *world = *state;
	assert_false(meet(world, ticket_jar_take(&world->jar)));
	assert_int_equal(count(world), 2);
	struct ticket first = ticket_jar_take(&world->jar), second = ticket_jar_take(&world->jar);
	assert_int_equal(count(world), 0);
	assert_int_equal(ticket_jar_take(&world->jar).size, 0);
	assert_true(first.size != second.size || memcmp(first.bytes, second.bytes, first.size) != 0);
	assert_true(meet(world, first));
	assert_int_equal(count(world), 1);
	assert_true(meet(world, second));
	assert_int_equal(count(world), 2);
}

/* No more than there is room for, and the newest are kept, and taken first. */
static void bounded(void **state) {
	struct world *world = *state;
	for (size_t i = 0; i < 3; i++)
		assert_false(meet(world, (struct ticket){.size = 0}));
	assert_int_equal(count(world), TICKET_JAR_MAX);
	/* Another server's, which the first does not know. */
	struct tls_server *other = tls_pair_server(&world->certificate), *before = world->server;
	world->server = other;
	assert_true(!meet(world, (struct ticket){.size = 0}));
	assert_int_equal(count(world), TICKET_JAR_MAX);
	assert_true(meet(world, ticket_jar_take(&world->jar)));
	world->server = before;
	assert_false(meet(world, ticket_jar_take(&world->jar)));
	tls_server_free(other);
}

static void cleared(void **state) {
	struct world *world = *state;
	(void)meet(world, (struct ticket){.size = 0});
	ticket_jar_clear(&world->jar);
	assert_int_equal(count(world), 0);
	assert_int_equal(ticket_jar_take(&world->jar).size, 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(used_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(bounded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(cleared, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
