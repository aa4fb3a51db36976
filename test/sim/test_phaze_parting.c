#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "sim/calls.h"
#include "sim/logins.h"

/* Whose session ends as soon as it has begun is told so, however early the word leaves. */

static const struct node_options shards[] = {{.shards = 1}, {.shards = 3}};

/* Far less than it takes to find a silent server dead. */
#define SOON (500 * CLOCK_MILLISECOND)

static void expel(const struct logins *logins) {
	assert_int_equal(node_set(logins->server, "public_key=%s\nupdate_only=true\nend=2\n",
							  node_hex(logins->member_identity)),
					 0);
}

/* Whether the client's session was there, and is over with that code. */
static void assert_client_ended(const struct logins *logins, enum phaze_close_code code) {
	const struct logins_host *host = &logins->client_host;
	const long connected = logins_last_event(host, DEVICE_EVENT_CONNECTED);
	const long ended = logins_last_event(host, DEVICE_EVENT_ENDED);
	assert_true(connected >= 0 && ended > connected);
	assert_int_equal(host->events[ended].count, code);
}

static struct logins *begin(uint64_t seed, const struct node_options *node) {
	const struct logins_options options = {.node = node, .password = "secret"};
	struct logins *logins = logins_new(seed, &options);
	logins->silent = true;
	node_link(logins->server, true);
	node_link(logins->client, true);
	return logins;
}

static void wait_for_login(struct logins *logins) {
	logins_run(logins, SOON);
	assert_int_equal(logins->waiting_count, 1);
}

/* Who is let in and disabled in the same moment. */
static void test_expelled(void **state) {
	for (size_t i = 0; i < 8; i++) {
		struct logins *logins = begin(400 + i, &shards[i % 2]);
		wait_for_login(logins);
		logins_judge(logins);
		expel(logins);
		logins_run(logins, SOON);
		assert_client_ended(logins, PHAZE_CLOSE_REVOKED);
		assert_false(logins_is_connected(logins));
		/* The server knew it at once, and says it only once. */
		const struct logins_host *host = &logins->server_host;
		assert_int_equal(host->events[host->event_count - 1].kind, DEVICE_EVENT_ENDED);
		/* He may come back when he may. */
		logins->silent = false;
		logins_run(logins, 5 * CLOCK_SECOND);
		logins_assert_talking(logins, 1);
		logins_run(logins, 20 * CLOCK_SECOND);
		logins_assert_talking(logins, 3);
		logins_free(logins);
	}
}

/* Whose quota is used up when he comes. */
static void test_quota(void **state) {
	for (size_t i = 0; i < 2; i++) {
		struct logins *logins = begin(410 + i, &shards[i]);
		logins->member_lines = "quota=0\n";
		wait_for_login(logins);
		logins_judge(logins);
		logins_run(logins, SOON);
		assert_client_ended(logins, PHAZE_CLOSE_QUOTA);
		logins_free(logins);
	}
}

/* What he says first is lost, or what he is told; then he is told the next time. */
static void test_lossy(void **state) {
	const struct sim_link nothing = {.loss_percent = 100}, good = {.delay = LOGINS_DELAY};
	struct logins *logins = begin(415, &shards[0]);
	wait_for_login(logins);
	logins_judge(logins);
	expel(logins);
	logins_run(logins, LOGINS_DELAY + CLOCK_MILLISECOND); /* the verdict is there */
	world_set_link(logins->world, &nothing);
	logins_run(logins, CLOCK_SECOND);
	assert_int_equal(logins_last_event(&logins->client_host, DEVICE_EVENT_ENDED), -1);
	world_set_link(logins->world, &good);
	logins_run(logins, CLOCK_SECOND);
	assert_client_ended(logins, PHAZE_CLOSE_REVOKED);
	logins_free(logins);
}

/* Of the packets that he sends in it none arrives. */
static void test_no_packet(void **state) {
	struct logins *logins = begin(416, &shards[0]);
	wait_for_login(logins);
	logins_judge(logins);
	expel(logins);
	world_packet(logins->client, logins->server, 1); /* waits for the session */
	logins_run(logins, SOON);
	assert_client_ended(logins, PHAZE_CLOSE_REVOKED);
	assert_int_equal(node_arrived(logins->server, logins->client, 1), 0);
	logins_free(logins);
}

/* By a ticket, before the first packet comes. */
static void test_resumed(void **state) {
	for (size_t i = 0; i < 8; i++) {
		struct logins *logins = begin(420 + i, &shards[i % 2]);
		logins->silent = false;
		logins_run(logins, CLOCK_SECOND);
		logins_end_session(logins);
		node_link(logins->client, true);
		logins_run(logins, 3 * LOGINS_DELAY / 2); /* the hello was answered */
		expel(logins);
		logins_run(logins, SOON);
		assert_client_ended(logins, PHAZE_CLOSE_REVOKED);
		assert_false(logins_is_connected(logins));
		logins_run(logins, 5 * CLOCK_SECOND);
		logins_assert_talking(logins, 1);
		assert_int_equal(logins->judged, 2);
		logins_free(logins);
	}
}

/* By a connection, where everything comes in order. */
static void test_connection(void **state) {
	struct calls calls;
	struct logins *logins = begin(430, &shards[1]);
	calls_init(&calls, logins->client, logins->server);
	assert_int_equal(node_set(logins->server, "transport=tcp\n"), 0);
	assert_int_equal(node_set(logins->client, "transport=tcp\n"), 0);
	for (size_t i = 0; i < 200 && logins->waiting_count == 0; i++) {
		logins_run(logins, 5 * CLOCK_MILLISECOND);
		calls_deliver(&calls);
	}
	assert_int_equal(logins->waiting_count, 1);
	logins_judge(logins);
	expel(logins);
	for (size_t i = 0; i < 100; i++) {
		logins_run(logins, 5 * CLOCK_MILLISECOND);
		calls_deliver(&calls);
	}
	assert_client_ended(logins, PHAZE_CLOSE_REVOKED);
	logins_free(logins);
	calls_done(&calls);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_expelled), cmocka_unit_test(test_quota),
		cmocka_unit_test(test_lossy),    cmocka_unit_test(test_no_packet),
		cmocka_unit_test(test_resumed),  cmocka_unit_test(test_connection),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
