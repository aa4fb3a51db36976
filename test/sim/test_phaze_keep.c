#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "sim/logins.h"

/*
 * What a client keeps of its tickets and of who it logs in as, whatever is lost on the way and
 * whoever dies in between.
 */

/* Three keepalives that are missed, and what a login takes. */
#define FOUND_DEAD (50 * CLOCK_SECOND)

static const struct logins_options by_password = {.password = "secret"};

static bool is_handshake(struct slice datagram) {
	return datagram.data[5] == PHAZE_HANDSHAKE;
}

static bool pass_no_traffic(void *context, const struct endpoint *from, const struct endpoint *to,
							struct slice datagram) {
	return is_handshake(datagram);
}

static bool pass_traffic_of_client(void *context, const struct endpoint *from,
								   const struct endpoint *to, struct slice datagram) {
	const struct logins *logins = context;
	const struct endpoint server = node_endpoint(logins->server);
	return is_handshake(datagram) || !address_equal(&from->address, &server.address);
}

static bool pass_nothing(void *context, const struct endpoint *from, const struct endpoint *to,
						 struct slice datagram) {
	return false;
}

/* A resumption in which the client hears nothing, as nothing but handshakes passes. */
static void resume_unheard(struct logins *logins, bool server_hears) {
	struct tap *tap = &logins->world->tap;
	logins_end_session(logins);
	logins_run(logins, 2 * CLOCK_SECOND);
	tap->context = logins;
	tap->pass = server_hears ? pass_traffic_of_client : pass_no_traffic;
	node_link(logins->client, true);
	logins_run(logins, CLOCK_SECOND);
	assert_int_not_equal(logins_of_client(logins)->number, 0);
	assert_int_equal(logins_member(logins)->number != 0, server_hears);
	assert_true(logins->client_host.has_ticket);
}

/* A process that dies says no farewell. */
static void kill_client(struct logins *logins) {
	logins->world->tap.pass = pass_nothing;
	node_restart(logins->client);
	logins->world->tap.pass = NULL;
}

static void compact(struct node *node) {
	for (size_t i = 0; i < node->record_count; i++)
		free(node->records[i].data);
	node->record_count = 0;
	node->ops->save_all(node->device);
}

enum after { GOES_ON, IS_KILLED, IS_KILLED_COMPACT, IS_NEW, AFTERS };

/* Whether the server took it or not: one of both tickets lets the client in, without a judge. */
static void test_unheard(void **state) {
	for (size_t i = 0; i < 2 * AFTERS; i++) {
		struct logins *logins = logins_up(1 + i, &by_password);
		resume_unheard(logins, i % 2);
		switch ((enum after)(i / 2)) {
		case GOES_ON:
			logins_run(logins, 5 * CLOCK_SECOND);
			logins->world->tap.pass = NULL;
			/* Who was heard goes on; who was not is found dead. */
			logins_run(logins, FOUND_DEAD);
			break;
		case IS_KILLED_COMPACT:
			compact(logins->client);
			[[fallthrough]];
		case IS_KILLED:
			kill_client(logins);
			break;
		case IS_NEW: {
			const struct uapi_ticket kept = logins->client_host.ticket;
			kill_client(logins);
			logins_give_ticket(logins, &kept, NULL);
			break;
		}
		case AFTERS:
			break;
		}
		logins_run(logins, 3 * CLOCK_SECOND);
		logins_assert_talking(logins, 1);
		assert_int_equal(logins->judged, 1);
		/* It is known which one is good, and that one alone is kept. */
		assert_memory_equal(logins->server_host.ticket.hash, logins->client_host.ticket.hash,
							HASH_SIZE);
		assert_false(logins_of_client(logins)->pass.has_next);
		logins_end_session(logins);
		logins_run(logins, 2 * CLOCK_SECOND);
		logins_come_back(logins, 3);
		assert_int_equal(logins->judged, 1);
		logins_free(logins);
	}
}

/* The session that is not heard ends, and the next one is no better: tickets stay. */
static void test_unheard_again(void **state) {
	struct logins *logins = logins_up(20, &by_password);
	resume_unheard(logins, false);
	logins_run(logins, 3 * FOUND_DEAD);
	logins->world->tap.pass = NULL;
	logins_run(logins, 2 * FOUND_DEAD);
	logins_assert_talking(logins, 1);
	assert_int_equal(logins->judged, 1);
	logins_free(logins);
}

/* Where none of them is good the password is asked for, and at once. */
static void test_neither(void **state) {
	struct logins *logins = logins_up(21, &by_password);
	resume_unheard(logins, true);
	assert_int_equal(
		node_set(logins->server, "public_key=%s\nend=2\n", node_hex(logins->member_identity)), 0);
	kill_client(logins);
	logins_run(logins, CLOCK_SECOND);
	logins_assert_talking(logins, 1);
	assert_int_equal(logins->judged, 2);
	logins_free(logins);
}

/* A server that gives out none any more: the last one is gone once it is used up. */
static void test_none_follows(void **state) {
	struct logins *logins = logins_up(22, &by_password);
	assert_int_equal(node_set(logins->server, "ticket_seconds=0\n"), 0);
	resume_unheard(logins, false);
	logins->world->tap.pass = NULL;
	logins_run(logins, CLOCK_SECOND);
	logins_assert_talking(logins, 1);
	assert_false(logins->client_host.has_ticket || logins->server_host.has_ticket);
	assert_int_equal(logins->judged, 1);
	logins_free(logins);
}

static int say_password(const struct logins *logins, const char *hex) {
	return node_set(logins->client, "public_key=%s\npassword=%s\n",
					node_hex(logins->server_identity), hex);
}

/* A password that is refused: the ticket is good all the same, and then it alone is shown. */
static void test_refused_password(void **state) {
	struct logins *logins = logins_up(23, &by_password);
	logins_end_session(logins);
	assert_int_equal(say_password(logins, "77726f6e67"), 0);
	node_link(logins->client, true);
	logins_run(logins, 4 * CLOCK_SECOND);
	assert_int_equal(logins->judged, 2);
	logins_assert_talking(logins, 1);
	assert_int_equal(
		node_set(logins->server, "public_key=%s\nend=2\n", node_hex(logins->member_identity)), 0);
	logins_run(logins, 100 * CLOCK_SECOND);
	logins_assert_apart(logins, 3);
	assert_int_equal(logins->judged, 2);
	char *text = node_get(logins->client);
	assert_non_null(strstr(text, "refused=user name, password or"));
	free(text);
	assert_int_equal(say_password(logins, "736563726574"), 0);
	logins_run(logins, CLOCK_SECOND);
	logins_assert_talking(logins, 5);
	logins_free(logins);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unheard),          cmocka_unit_test(test_unheard_again),
		cmocka_unit_test(test_neither),          cmocka_unit_test(test_none_follows),
		cmocka_unit_test(test_refused_password),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
