#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "handshake/phaze_client.h"
#include "proto/phaze_handshakes.h"
#include "sim/logins.h"

/*
 * Phaze as it is configured: clients that log in with whole devices at both ends, set up by texts
 * alone, before a judge who knows alice.
 */

#define MINUTE (60 * CLOCK_SECOND)

static const struct node_options shards[] = {{.shards = 1}, {.shards = 3}};

static const struct logins_options by_password = {.password = "secret"};

static void test_kinds(void **state) {
	static const struct {
		const char *demands, *password;
		bool certificate;
	} rows[] = {
		{"password", "secret", false},
		{"certificate", NULL, true},
		{"password,certificate", "secret", true},
		{"password", "secret", true}, /* brings no more than it is asked for */
	};
	for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
		const struct logins_options options = {.node = &shards[i % 2],
											   .demands = rows[i / 2].demands,
											   .password = rows[i / 2].password,
											   .certificate = rows[i / 2].certificate};
		struct logins *logins = logins_up(1 + i, &options);
		logins_assert_talking(logins, 1);
		assert_int_equal(logins->judged, 1);
		assert_int_equal(logins->server_host.event_count, 1);
		assert_int_equal(logins->server_host.events[0].kind, DEVICE_EVENT_CONNECTED);
		assert_int_equal(logins->client_host.event_count, 1);
		assert_int_equal(logins->client_host.events[0].kind, DEVICE_EVENT_CONNECTED);
		assert_int_equal(logins->client_host.settings, 1);
		assert_int_equal(logins->client_host.told.address_count, 1);
		assert_int_equal(logins->client_host.told.addresses[0].address.bytes[3],
						 logins->client->number);
		assert_int_equal(logins->client_host.told.route_count, 1);
		assert_int_equal(logins->client_host.told.server_count, 1);
		/* Both have a ticket, and it is kept. */
		assert_true(logins->server_host.has_ticket && logins->client_host.has_ticket);
		assert_memory_equal(logins->server_host.ticket.hash, logins->client_host.ticket.hash,
							HASH_SIZE);
		assert_int_equal(logins->server->warnings + logins->client->warnings, 0);
		/* It goes on: keys are renewed, and nobody logs in again. */
		logins_run(logins, 10 * MINUTE);
		logins_assert_talking(logins, 3);
		assert_int_equal(logins->judged, 1);
		assert_int_equal(logins_hellos(logins), 1);
		logins_free(logins);
	}
}

static void test_status(void **state) {
	char value[256];
	struct logins *logins = logins_up(20, &by_password);
	logins_assert_talking(logins, 1);
	char *text = node_get(logins->server);
	(void)snprintf(value, sizeof value, "public_key=%s\nsession=1\nendpoint=192.0.2.%u:%u\n",
				   node_hex(logins->member_identity), logins->client->number, NODE_PORT);
	assert_non_null(strstr(text, value));
	assert_non_null(strstr(text, "name=alice\n"));
	assert_null(strstr(text, "last_handshake_time_sec=0\n"));
	assert_null(strstr(text, "rx_bytes=0\n"));
	assert_null(strstr(text, "_key=0"));
	free(text);
	text = node_get(logins->client);
	assert_non_null(strstr(text, "session=1\n"));
	assert_null(strstr(text, "password="));
	assert_null(strstr(text, "refused="));
	free(text);
	logins_free(logins);
}

/* Everything that is wrong is told once, and only what may pass is tried again. */
static void test_refused(void **state) {
	static const struct {
		struct logins_options options;
		enum device_reject reject;
		const char *why;
		bool again;
	} rows[] = {
		{{.password = "wrong"}, 0, "not accepted", false},
		{{.password = "secret"}, DEVICE_REJECT_EXPIRED, "expired", false},
		{{.password = "secret"}, DEVICE_REJECT_QUOTA, "quota", true},
		{{.password = "secret"}, DEVICE_REJECT_DEVICES, "devices", true},
		{{.password = "secret"}, DEVICE_REJECT_ADDRESS, "address", true},
		{{.password = "secret"}, DEVICE_REJECT_BUSY, "busy", true},
		{{.password = "secret", .name = "vpn.example.net"},
		 0,
		 "for another name than vpn.example.net: auth.server_name",
		 true},
		{{.password = "secret", .demands = "certificate"}, 0, "wants a certificate", false},
		{{.certificate = true}, 0, "wants a password", false},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct logins *logins = logins_new(30 + i, &rows[i].options);
		logins->reject = rows[i].reject;
		node_link(logins->server, true);
		node_link(logins->client, true);
		logins_run(logins, 4 * CLOCK_SECOND);
		const long event = logins_last_event(&logins->client_host, DEVICE_EVENT_REFUSED);
		assert_true(event >= 0);
		if (!strstr(logins->client_host.events[event].text, rows[i].why))
			fail_msg("row %zu: %s", i, logins->client_host.events[event].text);
		const bool is_wrong = strcmp(rows[i].why, "not accepted") == 0;
		assert_int_equal(logins->client_host.events[event].count,
						 is_wrong ? DEVICE_REJECT_CREDENTIALS : rows[i].reject);
		char *text = node_get(logins->client);
		assert_non_null(strstr(text, "refused="));
		free(text);
		assert_null(logins_member(logins));
		logins_run(logins, 10 * MINUTE);
		/* Twice as long between them each time, up to a minute; each has up to three hellos. */
		assert_int_equal(logins_hellos(logins) > 1, rows[i].again);
		assert_true(logins_hellos(logins) <= 60);
		/* With what it needs it is let in at once. */
		logins->reject = 0;
		if (is_wrong) {
			assert_int_equal(node_set(logins->client, "public_key=%s\npassword=736563726574\n",
									  node_hex(logins->server_identity)),
							 0);
			logins_run(logins, CLOCK_SECOND);
			logins_assert_talking(logins, 1);
			text = node_get(logins->client);
			assert_null(strstr(text, "refused="));
			free(text);
		}
		logins_free(logins);
	}
}

/* A judge who cannot be asked is as one who is busy; a client comes back when he can. */
static void test_no_judge(void **state) {
	struct logins *logins = logins_new(50, &by_password);
	logins->refuses = ERR_CLOSED;
	node_link(logins->server, true);
	node_link(logins->client, true);
	logins_run(logins, 10 * CLOCK_SECOND);
	assert_false(logins_is_connected(logins));
	logins->refuses = ERR_OK;
	logins_run(logins, MINUTE);
	logins_assert_talking(logins, 1);
	logins_free(logins);
}

/* Who does not wait for his verdict is not judged for nothing. */
static void test_abandoned(void **state) {
	struct logins *logins = logins_new(51, &by_password);
	size_t half_open;
	logins->silent = true;
	node_link(logins->server, true);
	node_link(logins->client, true);
	logins_run(logins, CLOCK_SECOND);
	assert_int_equal(logins->waiting_count, 1);
	node_link(logins->client, false);
	logins_run(logins, 20 * CLOCK_SECOND);
	assert_int_equal(logins->server_host.abandoned, 1);
	assert_int_equal(logins->waiting_count, 0);
	assert_int_equal(phaze_gate_count(logins->server->device, &half_open), 0);
	/* A verdict that comes nevertheless is nobody's. */
	const struct device_verdict late = {.id = 1};
	logins->server->ops->verdict(logins->server->device, &late);
	logins_run(logins, CLOCK_SECOND);
	assert_false(logins_is_connected(logins));
	logins_free(logins);
}

static int say_password(const struct logins *logins, const char *hex) {
	return node_set(logins->client, "public_key=%s\npassword=%s\n",
					node_hex(logins->server_identity), hex);
}

/* "Going away" leads to the next endpoint at once. */
static void test_next_endpoint(void **state) {
	struct logins *logins = logins_up(56, &by_password);
	const struct endpoint endpoint = {.address = logins->server->v6, .port = NODE_PORT};
	char place[ENDPOINT_TEXT_SIZE], value[128];
	endpoint_format(&endpoint, place);
	(void)snprintf(value, sizeof value, "\nendpoint=%s\n", place);
	assert_int_equal(node_set(logins->client, "public_key=%s\nendpoint=%s\n",
							  node_hex(logins->server_identity), place),
					 0);
	logins_run(logins, 20 * CLOCK_SECOND);
	logins_assert_talking(logins, 1);
	node_link(logins->server, false);
	node_link(logins->server, true);
	logins_run(logins, 400 * CLOCK_MILLISECOND);
	logins_assert_talking(logins, 3);
	char *text = node_get(logins->client);
	assert_non_null(strstr(text, value));
	free(text);
	logins_free(logins);
}

/* Who logs in anew is judged anew; with nothing good the session of before stays. */
static void test_again(void **state) {
	struct logins *logins = logins_up(55, &by_password);
	logins_assert_talking(logins, 1);
	assert_int_equal(say_password(logins, "736563726574"), 0);
	logins_run(logins, CLOCK_SECOND);
	logins_assert_talking(logins, 3);
	assert_int_equal(logins->judged, 2);
	assert_int_equal(say_password(logins, "77726f6e67"), 0);
	logins_run(logins, 10 * CLOCK_SECOND);
	assert_int_equal(logins->judged, 3);
	assert_true(logins_last_event(&logins->client_host, DEVICE_EVENT_REFUSED) >= 0);
	logins_assert_talking(logins, 5);
	logins_end_session(logins);
	logins_come_back(logins, 7);
	assert_int_equal(logins->judged, 3);
	logins_free(logins);
}

/* A server that goes down gives up what it began; and it begins anew. */
static void test_given_up(void **state) {
	struct logins *logins = logins_new(54, &by_password);
	size_t half_open;
	logins->silent = true;
	node_link(logins->server, true);
	node_link(logins->client, true);
	logins_run(logins, CLOCK_SECOND);
	assert_int_equal(logins->waiting_count, 1);
	node_link(logins->server, false);
	assert_int_equal(logins->server_host.abandoned, 1);
	assert_int_equal(phaze_gate_count(logins->server->device, &half_open), 0);
	node_link(logins->server, true);
	logins->silent = false;
	logins_run(logins, MINUTE);
	logins_assert_talking(logins, 1);
	logins_free(logins);
}

/* Endpoints in turn; one that does not answer holds nobody up for long. */
static void test_endpoints(void **state) {
	const struct logins_options options = {.password = "secret", .endpoints_before = 2};
	struct logins *logins = logins_up(52, &options);
	assert_false(logins_is_connected(logins));
	logins_run(logins, 8 * CLOCK_SECOND);
	logins_assert_talking(logins, 1);
	assert_int_equal(logins->client_host.event_count, 3);
	assert_int_equal(logins->client_host.events[0].kind, DEVICE_EVENT_UNANSWERED);
	assert_int_equal(logins->client_host.events[1].kind, DEVICE_EVENT_UNANSWERED);
	assert_int_equal(logins->client_host.events[1].count, 2);
	assert_int_equal(logins->client_host.events[2].kind, DEVICE_EVENT_CONNECTED);
	/* Without the one that it is connected by it looks for another; it has not left before that. */
	assert_int_equal(node_set(logins->client,
							  "public_key=%s\nreplace_endpoints=true\nendpoint=198.51.100.1:1\n",
							  node_hex(logins->server_identity)),
					 0);
	logins_run(logins, MINUTE);
	logins_assert_talking(logins, 3);
	const struct endpoint endpoint = {.address = logins->server->v6, .port = NODE_PORT};
	char place[ENDPOINT_TEXT_SIZE], value[128];
	endpoint_format(&endpoint, place);
	assert_int_equal(node_set(logins->client,
							  "public_key=%s\nreplace_endpoints=true\nendpoint=%s\n",
							  node_hex(logins->server_identity), place),
					 0);
	logins_run(logins, CLOCK_SECOND);
	logins_assert_talking(logins, 5);
	(void)snprintf(value, sizeof value, "\nendpoint=%s\n", place);
	char *text = node_get(logins->client);
	assert_non_null(strstr(text, value));
	free(text);
	assert_int_equal(logins->judged, 1);
	assert_int_equal(logins_last_event(&logins->server_host, DEVICE_EVENT_ENDED), -1);
	logins_free(logins);
}

/* Answers what was sent last to the endpoint where nobody is, as if there were a server. */
static void forge(struct logins *logins) {
	struct endpoint from;
	struct phaze_client_hello hello;
	const struct endpoint to = node_endpoint(logins->client);
	const struct slice last = logins_last_hello(logins);
	uint8_t answer[PHAZE_SERVER_HELLO_SIZE], rubbish[PHAZE_PIECE_PACKET_SIZE_MAX] = {0};
	assert_int_equal(endpoint_parse("198.51.100.1:1", &from), ERR_OK);
	assert_int_equal(phaze_hello_decode_client(last.data, last.size, &hello), ERR_OK);
	struct phaze_server_hello forged = {
		.receiver = hello.session_id, .session_id = 5, .key = {9}, .cipher = hello.ciphers[0]};
	phaze_hello_encode_server(&forged, answer);
	world_send(logins->world, &from, &to, slice_of(answer, sizeof answer));
	/* The same header, but for sequence and length. */
	memcpy(rubbish, answer, PHAZE_HEADER_SIZE);
	rubbish[9] = 1;
	rubbish[14] = (sizeof rubbish - PHAZE_HEADER_SIZE) >> 8;
	rubbish[15] = (sizeof rubbish - PHAZE_HEADER_SIZE) & 0xff;
	world_send(logins->world, &from, &to, slice_of(rubbish, sizeof rubbish));
	free((void *)(uintptr_t)last.data);
}

/* Who answers, and does not show that he is the server, has no more time than who is silent. */
static void test_forged_endpoint(void **state) {
	const struct logins_options options = {.password = "secret", .endpoints_before = 1};
	struct logins *logins = logins_new(50, &options);
	node_link(logins->server, true);
	node_link(logins->client, true);
	for (size_t i = 0; i < 39; i++) {
		logins_run(logins, 100 * CLOCK_MILLISECOND);
		forge(logins);
	}
	assert_int_equal(logins->client_host.event_count, 0);
	logins_run(logins, CLOCK_SECOND);
	logins_assert_talking(logins, 1);
	logins_free(logins);
}

static void test_lossy(void **state) {
	const struct sim_link lossy = {.delay = LOGINS_DELAY, .loss_percent = 30};
	const struct sim_link good = {.delay = LOGINS_DELAY};
	for (uint64_t seed = 0; seed < 10; seed++) {
		struct logins *logins = logins_new(100 + seed, &by_password);
		world_set_link(logins->world, &lossy);
		node_link(logins->server, true);
		node_link(logins->client, true);
		logins_run(logins, 40 * CLOCK_SECOND);
		world_set_link(logins->world, &good);
		logins_run(logins, 2 * MINUTE);
		logins_assert_talking(logins, 1);
		logins_free(logins);
	}
}

/* A server that goes away says so; its client is back soon after it. */
static void test_links(void **state) {
	struct logins *logins = logins_up(53, &by_password);
	logins_assert_talking(logins, 1);
	node_link(logins->server, false);
	logins_run(logins, CLOCK_SECOND);
	const long event = logins_last_event(&logins->client_host, DEVICE_EVENT_ENDED);
	assert_true(event >= 0);
	assert_int_equal(logins->client_host.events[event].count, PHAZE_CLOSE_GOING_AWAY);
	logins_assert_apart(logins, 3);
	logins_run(logins, 2 * MINUTE);
	node_link(logins->server, true);
	logins_run(logins, 80 * CLOCK_SECOND);
	logins_assert_talking(logins, 5);
	assert_int_equal(logins->judged, 1);
	logins_free(logins);
}

/* Strangers' hellos by the thousand: memory is bounded, and who shows his address gets in. */
static void test_flood(void **state) {
	enum { STRANGERS = 3000 };
	struct logins *logins = logins_up(90, &by_password);
	struct endpoint to = node_endpoint(logins->server);
	struct slice hello = logins_last_hello(logins);
	uint8_t *bytes = (uint8_t *)(uintptr_t)hello.data;
	size_t half_open;
	node_link(logins->client, false);
	logins_run(logins, CLOCK_SECOND);
	logins->world->tap.recording = false;
	for (uint32_t i = 0; i < STRANGERS; i++) {
		struct endpoint from = {.address = {.family = ADDRESS_V4}, .port = 7};
		const uint8_t address[] = {198, 18, (uint8_t)(i >> 8), (uint8_t)i};
		memcpy(from.address.bytes, address, sizeof address);
		memcpy(bytes + 30, &i, sizeof i); /* in its random bytes */
		world_send(logins->world, &from, &to, hello);
		if (i % 100 == 99)
			logins_run(logins, LOGINS_DELAY);
	}
	logins_run(logins, CLOCK_SECOND);
	assert_true(phaze_gate_count(logins->server->device, &half_open) <= PHAZE_HANDSHAKES_MAX);
	assert_int_equal(half_open, PHAZE_GATE_HALF_OPEN_MAX + 1);
	logins_give_ticket(logins, &(struct uapi_ticket){.size = 1}, "secret");
	logins->world->tap.recording = true;
	tap_clear(&logins->world->tap);
	node_link(logins->client, true);
	logins_run(logins, CLOCK_SECOND);
	logins_assert_talking(logins, 1);
	assert_int_equal(logins_hellos(logins), 2); /* it was asked for a cookie */
	logins_run(logins, 20 * CLOCK_SECOND);
	(void)phaze_gate_count(logins->server->device, &half_open);
	assert_int_equal(half_open, 0);
	free(bytes);
	logins_free(logins);
}

enum { CALLERS = 40 };

static struct endpoint caller(size_t number) {
	return (struct endpoint){.address = {.bytes = {198, 19, 0, 1}, .family = ADDRESS_V4},
							 .port = (uint16_t)(1000 + number)};
}

static void send_all(struct logins *logins, struct phaze_client *const clients[static CALLERS]) {
	const struct endpoint to = node_endpoint(logins->server);
	for (size_t i = 0; i < CALLERS; i++) {
		const struct endpoint from = caller(i);
		struct slice packet;
		assert_true(phaze_client_send(clients[i], &packet));
		world_send(logins->world, &from, &to, packet);
	}
	world_run(logins->world, 3 * LOGINS_DELAY);
}

static void take_retries(const struct logins *logins,
						 struct phaze_client *const clients[static CALLERS]) {
	const struct tap *tap = &logins->world->tap;
	size_t taken = 0;
	for (size_t k = 0; k < tap->count; k++) {
		const struct tap_record *record = tap->records[k];
		for (size_t i = 0; i < CALLERS; i++) {
			const struct endpoint at = caller(i);
			if (!endpoint_equal(&record->to, &at))
				continue;
			assert_int_equal(phaze_client_receive(clients[i], world_now(logins->world),
												  record->data, record->size),
							 ERR_OK);
			taken++;
		}
	}
	assert_int_equal(taken, CALLERS);
}

/* Under load who shows his address begins no more than so many at a time. */
static void test_source_limit(void **state) {
	static const uint8_t ciphers[] = {PHAZE_CHACHA20_POLY1305};
	enum { BURST = 5 };
	struct logins *logins = logins_up(57, &by_password);
	struct phaze_client *clients[CALLERS];
	size_t half_open;
	logins->refuses = ERR_LIMIT; /* for two seconds cookies are wanted */
	assert_int_equal(say_password(logins, "736563726574"), 0);
	logins_run(logins, 100 * CLOCK_MILLISECOND);
	for (size_t i = 0; i < CALLERS; i++) {
		const struct phaze_client_options options = {
			.session_id = (uint32_t)(1 + i),
			.ciphers = ciphers,
			.cipher_count = sizeof ciphers,
			.identity = phaze_trust_identity(logins->client->device->trust),
			.random = engine_get_options(logins->client->engine)->random,
		};
		assert_int_equal(phaze_client_new(&options, world_now(logins->world), &clients[i]), ERR_OK);
	}
	send_all(logins, clients);
	(void)phaze_gate_count(logins->server->device, &half_open);
	assert_int_equal(half_open, 0);
	take_retries(logins, clients);
	send_all(logins, clients);
	(void)phaze_gate_count(logins->server->device, &half_open);
	assert_int_equal(half_open, BURST);
	for (size_t i = 0; i < CALLERS; i++)
		phaze_client_free(clients[i]);
	logins_free(logins);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),        cmocka_unit_test(test_status),
		cmocka_unit_test(test_refused),      cmocka_unit_test(test_no_judge),
		cmocka_unit_test(test_abandoned),    cmocka_unit_test(test_given_up),
		cmocka_unit_test(test_again),        cmocka_unit_test(test_next_endpoint),
		cmocka_unit_test(test_source_limit), cmocka_unit_test(test_endpoints),
		cmocka_unit_test(test_lossy),        cmocka_unit_test(test_links),
		cmocka_unit_test(test_flood),        cmocka_unit_test(test_forged_endpoint),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
