#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
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

/* Its hello, played again from elsewhere: nobody gets the place of the session that waits. */
static void test_unheard_and_replayed(void **state) {
	struct logins *logins = logins_up(30, &by_password);
	struct endpoint from, to = node_endpoint(logins->server);
	size_t half_open, again;
	assert_int_equal(endpoint_parse("203.0.113.9:7", &from), ERR_OK);
	resume_unheard(logins, false);
	struct slice hello = logins_last_hello(logins);
	const size_t count = phaze_gate_count(logins->server->device, &half_open);
	for (uint8_t i = 0; i < 20; i++) {
		from.address.bytes[3] = i;
		world_send(logins->world, &from, &to, hello);
		logins_run(logins, 50 * CLOCK_MILLISECOND);
	}
	assert_int_equal(phaze_gate_count(logins->server->device, &again), count);
	assert_int_equal(again, half_open);
	logins->world->tap.pass = NULL;
	logins_run(logins, 3 * CLOCK_SECOND);
	logins_assert_talking(logins, 1);
	/* The client itself comes beside what waits: it is asked for a cookie, and has one. */
	logins_end_session(logins);
	logins_run(logins, 2 * CLOCK_SECOND);
	resume_unheard(logins, false);
	kill_client(logins);
	logins_run(logins, CLOCK_SECOND);
	logins_assert_talking(logins, 3);
	assert_int_equal(logins->judged, 1);
	free((void *)(uintptr_t)hello.data);
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

static int log_in(const struct logins *logins, const char *name, const char *password) {
	struct uapi_text text = {.data = NULL};
	char copy[512] = "";
	uapi_put_key(&text, "public_key", logins->server_identity);
	uapi_put_line(&text, "login=true");
	if (name)
		uapi_put_text(&text, "name", name);
	if (password)
		uapi_put_bytes(&text, "password", slice_of_text(password));
	assert_true(text.size < sizeof copy);
	memcpy(copy, text.data, text.size);
	uapi_text_done(&text);
	return logins_set(logins->client, copy);
}

static size_t count_events(const struct logins_host *host, enum device_event_kind kind) {
	size_t count = 0;
	for (size_t i = 0; i < host->event_count; i++)
		count += host->events[i].kind == kind ? 1 : 0;
	return count;
}

enum disaster { NONE, KILLED_MEANWHILE, KILLED, KILLED_AND_COMPACT, DISASTERS };

/* A mistyped password: session, ticket and what was known are as before, whoever dies. */
static void test_mistyped(void **state) {
	for (size_t i = 0; i < DISASTERS; i++) {
		struct logins *logins = logins_up(30 + i, &by_password);
		const struct uapi_ticket ticket = logins->client_host.ticket;
		assert_int_equal(log_in(logins, i % 2 ? "bob" : NULL, "wrong"), 0);
		logins_run(logins, i == KILLED_MEANWHILE ? CLOCK_SECOND : 4 * CLOCK_SECOND);
		const bool is_told = logins_last_event(&logins->client_host, DEVICE_EVENT_REFUSED) >= 0;
		assert_int_equal(is_told, i != KILLED_MEANWHILE);
		assert_int_equal(count_events(&logins->client_host, DEVICE_EVENT_ENDED), 0);
		logins_assert_talking(logins, 1);
		assert_memory_equal(logins->client_host.ticket.hash, ticket.hash, HASH_SIZE);
		if (i == KILLED_AND_COMPACT)
			compact(logins->client);
		if (i != NONE) {
			kill_client(logins);
			logins_run(logins, CLOCK_SECOND);
			logins_assert_talking(logins, 3);
		}
		assert_int_equal(logins->judged, 2);
		/* The password of before, for when there is no ticket. */
		assert_int_equal(
			node_set(logins->server, "public_key=%s\nend=2\n", node_hex(logins->member_identity)),
			0);
		logins_run(logins, 3 * CLOCK_SECOND);
		logins_assert_talking(logins, 5);
		assert_int_equal(logins->judged, 3);
		logins_free(logins);
	}
}

/* What is accepted is kept, also for the next run, and the ticket of before is none. */
static void test_accepted(void **state) {
	const struct logins_options wrong = {.password = "wrong"};
	for (size_t i = 0; i < 2; i++) {
		struct logins *logins = logins_up(40 + i, &wrong);
		logins_run(logins, 4 * CLOCK_SECOND);
		assert_int_equal(log_in(logins, NULL, "secret"), 0);
		logins_run(logins, CLOCK_SECOND);
		logins_assert_talking(logins, 1);
		const struct uapi_ticket before = logins->client_host.ticket;
		assert_int_equal(log_in(logins, NULL, "secret"), 0);
		logins_run(logins, CLOCK_SECOND);
		logins_assert_talking(logins, 3);
		assert_int_equal(logins->judged, 3);
		assert_memory_not_equal(logins->client_host.ticket.hash, before.hash, HASH_SIZE);
		if (i)
			compact(logins->client);
		assert_int_equal(
			node_set(logins->server, "public_key=%s\nend=2\n", node_hex(logins->member_identity)),
			0);
		kill_client(logins);
		logins_run(logins, CLOCK_SECOND);
		logins_assert_talking(logins, 5);
		assert_int_equal(logins->judged, 4);
		logins_free(logins);
	}
}

/* A server that has no place for another device: the one that logs in gives its own up. */
static void test_devices(void **state) {
	struct logins *logins = logins_up(50, &by_password);
	logins->reject = DEVICE_REJECT_DEVICES;
	assert_int_equal(log_in(logins, NULL, "secret"), 0);
	logins_run(logins, 2500 * CLOCK_MILLISECOND);
	assert_int_equal(logins->judged, 3);
	assert_int_equal(logins_last_event(&logins->client_host, DEVICE_EVENT_REFUSED), -1);
	assert_int_equal(count_events(&logins->server_host, DEVICE_EVENT_ENDED), 1);
	assert_false(logins_is_connected(logins));
	/* That does not help: then it is told so, and is back. */
	logins_run(logins, 2500 * CLOCK_MILLISECOND);
	assert_int_equal(count_events(&logins->client_host, DEVICE_EVENT_REFUSED), 1);
	logins_assert_talking(logins, 1);
	assert_int_equal(logins->judged, 3);
	/* And where it does. */
	assert_int_equal(log_in(logins, NULL, "secret"), 0);
	logins_run(logins, CLOCK_SECOND);
	logins->reject = 0;
	logins_run(logins, 2 * CLOCK_SECOND);
	logins_assert_talking(logins, 3);
	assert_int_equal(logins->judged, 5);
	assert_int_equal(count_events(&logins->client_host, DEVICE_EVENT_REFUSED), 1);
	logins_free(logins);
}

/* Who is busy is asked again, beside the session; what is wrong with the server ends it. */
static void test_refused_otherwise(void **state) {
	struct logins *logins = logins_up(51, &by_password);
	logins->reject = DEVICE_REJECT_BUSY;
	assert_int_equal(log_in(logins, NULL, "secret"), 0);
	logins_run(logins, 60 * CLOCK_SECOND);
	logins_assert_talking(logins, 1);
	assert_true(logins->judged > 3);
	logins->reject = 0;
	logins_run(logins, 70 * CLOCK_SECOND);
	logins_assert_talking(logins, 3);
	const size_t judged = logins->judged;
	logins->reject = DEVICE_REJECT_QUOTA;
	assert_int_equal(log_in(logins, NULL, "secret"), 0);
	logins_run(logins, 60 * CLOCK_SECOND);
	assert_int_equal(logins->judged, judged + 1);
	logins_assert_talking(logins, 5);
	/* Without a session the ticket is not waited with for ever. */
	logins->reject = DEVICE_REJECT_BUSY;
	logins_end_session(logins);
	assert_int_equal(log_in(logins, NULL, "secret"), 0);
	node_link(logins->client, true);
	logins_run(logins, 10 * CLOCK_SECOND);
	logins_assert_apart(logins, 7);
	logins_run(logins, 90 * CLOCK_SECOND);
	logins_assert_talking(logins, 9);
	logins_free(logins);
}

/* With nothing new to say what is known is tried at once; where nothing is, that is the answer. */
static void test_nothing_new(void **state) {
	const struct logins_options wrong = {.password = "wrong"}, none = {.password = NULL};
	struct logins *logins = logins_up(52, &wrong);
	logins_run(logins, 60 * CLOCK_SECOND);
	assert_int_equal(logins->judged, 1);
	assert_int_equal(log_in(logins, NULL, NULL), 0);
	logins_run(logins, 3 * CLOCK_SECOND);
	assert_int_equal(logins->judged, 2);
	assert_int_equal(count_events(&logins->client_host, DEVICE_EVENT_REFUSED), 2);
	logins_free(logins);

	logins = logins_up(53, &none);
	assert_int_equal(log_in(logins, NULL, NULL), ENOKEY);
	assert_int_equal(log_in(logins, "bob", NULL), ENOKEY);
	assert_int_equal(log_in(logins, NULL, "wrong"), 0);
	logins_run(logins, 3 * CLOCK_SECOND);
	assert_int_equal(count_events(&logins->client_host, DEVICE_EVENT_REFUSED), 1);
	/* That is not kept. */
	assert_int_equal(log_in(logins, NULL, NULL), ENOKEY);
	logins->reject = DEVICE_REJECT_QUOTA;
	assert_int_equal(log_in(logins, NULL, "secret"), 0);
	logins_run(logins, 3 * CLOCK_SECOND);
	assert_int_equal(count_events(&logins->client_host, DEVICE_EVENT_REFUSED), 2);
	/* But where nothing else is, what may be right is. */
	logins->reject = 0;
	logins_run(logins, 10 * CLOCK_SECOND);
	logins_assert_talking(logins, 1);
	assert_int_equal(log_in(logins, NULL, NULL), 0);
	logins_run(logins, CLOCK_SECOND);
	logins_assert_talking(logins, 3);
	assert_int_equal(logins->judged, 3);
	/* A login stands alone. */
	assert_int_equal(node_set(logins->client, "keepalive=9\npublic_key=%s\nlogin=true\n",
							  node_hex(logins->server_identity)),
					 EINVAL);
	assert_int_equal(node_set(logins->client,
							  "public_key=%s\nlogin=true\npassword=00\nallowed_ip=10.0.0.0/8\n"
							  "endpoint=192.0.2.1:1\n",
							  node_hex(logins->server_identity)),
					 EINVAL);
	assert_int_equal(
		node_set(logins->server, "public_key=%s\nlogin=true\n", node_hex(logins->member_identity)),
		EINVAL);
	logins_free(logins);
}

/* The server has accepted, and the client's shard has not told yet that the session is there. */
static bool is_between(void *context) {
	const struct logins *logins = context;
	return logins->client_host.settings > 0 && logins_of_client(logins)->number == 0;
}

static void run_until_between(struct logins *logins) {
	logins->client_host.settings = 0;
	node_link(logins->client, true);
	for (int i = 0; !world_run_while(logins->world, LOGINS_DELAY, is_between, logins); i++) {
		assert_true(i < 100);
		logins_judge(logins);
	}
}

/* It ends, and only the password is known. */
static void assert_comes_back(struct logins *logins) {
	const size_t judged = logins->judged;
	assert_int_equal(
		node_set(logins->server, "public_key=%s\nend=2\n", node_hex(logins->member_identity)), 0);
	logins_run(logins, 3 * CLOCK_SECOND);
	logins_assert_talking(logins, 11);
	assert_int_equal(logins->judged, judged + 1);
}

/* The network changes right then: what was just accepted is not asked for again. */
static void test_network_between(void **state) {
	struct logins *logins = logins_new(60, &by_password);
	node_link(logins->server, true);
	run_until_between(logins);
	node_network(logins->client);
	logins_run(logins, CLOCK_SECOND);
	logins_assert_talking(logins, 1);
	assert_int_equal(logins->judged, 1);
	assert_comes_back(logins);
	logins_free(logins);
}

/* What is said right then is tried, whether it came by the configuration or of a person. */
static void test_said_between(void **state) {
	for (size_t i = 0; i < 2; i++) {
		struct logins *logins = logins_up(61 + i, &by_password);
		logins_end_session(logins);
		run_until_between(logins);
		assert_int_equal(i ? log_in(logins, NULL, "secret") : say_password(logins, "736563726574"),
						 0);
		logins_run(logins, CLOCK_SECOND);
		logins_assert_talking(logins, 1);
		assert_int_equal(logins->judged, 2);
		assert_comes_back(logins);
		logins_free(logins);
	}
}

/* Without tickets a change of the network is no reason to log in once more, either. */
static void test_network_without_tickets(void **state) {
	const struct logins_options options = {.password = "secret",
										   .server_lines = "ticket_seconds=0\n"};
	struct logins *logins = logins_up(63, &options);
	node_network(logins->client);
	logins_run(logins, CLOCK_SECOND);
	logins_assert_talking(logins, 1);
	assert_int_equal(logins->judged, 1);
	logins_free(logins);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unheard),
		cmocka_unit_test(test_unheard_again),
		cmocka_unit_test(test_unheard_and_replayed),
		cmocka_unit_test(test_neither),
		cmocka_unit_test(test_none_follows),
		cmocka_unit_test(test_refused_password),
		cmocka_unit_test(test_mistyped),
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_devices),
		cmocka_unit_test(test_refused_otherwise),
		cmocka_unit_test(test_nothing_new),
		cmocka_unit_test(test_network_between),
		cmocka_unit_test(test_said_between),
		cmocka_unit_test(test_network_without_tickets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
