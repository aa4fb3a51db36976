#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "handshake/phaze_client.h"
#include "proto/phaze_handshakes.h"
#include "sim/logins.h"

/* Strangers at the gate of a server: how many, and who gives way to whom. */

static const struct logins_options by_password = {.password = "secret"};

static struct phaze_client *stranger(const struct logins *logins, uint32_t number) {
	static const uint8_t ciphers[] = {PHAZE_CHACHA20_POLY1305};
	const struct phaze_client_options options = {
		.session_id = 1 + number,
		.ciphers = ciphers,
		.cipher_count = sizeof ciphers,
		.name = slice_of_text("alice"),
		.password = slice_of_text("wrong"),
		.identity = phaze_trust_identity(logins->client->device->trust),
		.random = engine_get_options(logins->client->engine)->random,
	};
	struct phaze_client *client;
	assert_int_equal(phaze_client_new(&options, world_now(logins->world), &client), ERR_OK);
	return client;
}

enum {
	GROUP = 64, /* that come at once */
	REFUSED = PHAZE_GATE_HALF_OPEN_MAX + 1,
	STRANGERS = PHAZE_HANDSHAKES_MAX + 1,
};

static struct phaze_client *strangers[STRANGERS];

static struct endpoint place_of(size_t number) {
	return (struct endpoint){
		.address = {.bytes = {198, 18, (uint8_t)(number >> 8), (uint8_t)number},
					.family = ADDRESS_V4},
		.port = 7};
}

/* They send what they have to; answers are on their way back. */
static void send_all(const struct logins *logins, size_t first, size_t end) {
	const struct endpoint to = node_endpoint(logins->server);
	tap_clear(&logins->world->tap);
	for (size_t i = first; i < end; i++) {
		const struct endpoint from = place_of(i);
		struct slice packet;
		while (phaze_client_send(strangers[i], &packet))
			world_send(logins->world, &from, &to, packet);
	}
	world_run(logins->world, 3 * LOGINS_DELAY);
}

/* Returns how many were asked for a cookie. */
static size_t take_all(const struct logins *logins) {
	const struct tap *tap = &logins->world->tap;
	size_t retries = 0;
	for (size_t i = 0; i < tap->count; i++) {
		const struct tap_record *record = tap->records[i];
		const uint8_t *bytes = record->to.address.bytes;
		if (bytes[0] != 198 || bytes[1] != 18)
			continue;
		retries += record->size == PHAZE_RETRY_SIZE ? 1 : 0;
		(void)phaze_client_receive(strangers[bytes[2] << 8 | bytes[3]], world_now(logins->world),
								   record->data, record->size);
	}
	return retries;
}

/* So many come, with what is wrong. */
static void come_and_be_refused(struct logins *logins, size_t first, size_t end) {
	send_all(logins, first, end);
	assert_int_equal(take_all(logins), 0);
	send_all(logins, first, end);
	assert_int_equal(logins->waiting_count, end - first);
	logins_judge(logins);
	world_run(logins->world, CLOCK_MILLISECOND);
}

/* So many come, and show their addresses. */
static void come_and_begin(const struct logins *logins, size_t first, size_t end) {
	send_all(logins, first, end);
	assert_int_equal(take_all(logins), end - first);
	send_all(logins, first, end);
}

/* Who is refused is load like who shows nothing, and goes before him where places are short. */
static void test_refused(void **state) {
	struct logins *logins = logins_up(1, &by_password);
	const struct device *device = logins->server->device;
	size_t half_open;
	logins_run(logins, 20 * CLOCK_SECOND);
	assert_int_equal(phaze_gate_count(device, &half_open), 0);
	for (uint32_t i = 0; i < STRANGERS; i++)
		strangers[i] = stranger(logins, i);
	for (size_t i = 0; i + 1 < REFUSED; i += GROUP)
		come_and_be_refused(logins, i, i + GROUP);
	come_and_be_refused(logins, REFUSED - 1, REFUSED);
	assert_int_equal(phaze_gate_count(device, &half_open), REFUSED);
	assert_int_equal(half_open, 0);
	for (size_t i = REFUSED; i < PHAZE_HANDSHAKES_MAX; i += GROUP)
		come_and_begin(logins, i,
					   i + GROUP < PHAZE_HANDSHAKES_MAX ? i + GROUP : PHAZE_HANDSHAKES_MAX);
	assert_int_equal(phaze_gate_count(device, &half_open), PHAZE_HANDSHAKES_MAX);
	assert_int_equal(half_open, PHAZE_HANDSHAKES_MAX - REFUSED);
	come_and_begin(logins, PHAZE_HANDSHAKES_MAX, STRANGERS);
	assert_int_equal(phaze_gate_count(device, &half_open), PHAZE_HANDSHAKES_MAX);
	assert_int_equal(half_open, PHAZE_HANDSHAKES_MAX - REFUSED + 1);
	for (size_t i = 0; i < STRANGERS; i++)
		phaze_client_free(strangers[i]);
	logins_free(logins);
}

/* Who has begun has nothing to lose there: he goes first. */
static void test_heard(void **state) {
	struct logins *logins = logins_up(1, &by_password);
	const struct device *device = logins->server->device;
	size_t half_open;
	logins_assert_talking(logins, 1);
	assert_int_equal(phaze_gate_count(device, &half_open), 1);
	assert_int_equal(half_open, 0);
	for (uint32_t i = 0; i < PHAZE_HANDSHAKES_MAX; i++)
		strangers[i] = stranger(logins, i);
	for (size_t i = 0; i < REFUSED; i += GROUP)
		send_all(logins, i, i + GROUP < REFUSED ? i + GROUP : REFUSED);
	for (size_t i = REFUSED; i < PHAZE_HANDSHAKES_MAX - 1; i += GROUP)
		come_and_begin(logins, i,
					   i + GROUP < PHAZE_HANDSHAKES_MAX - 1 ? i + GROUP : PHAZE_HANDSHAKES_MAX - 1);
	assert_int_equal(phaze_gate_count(device, &half_open), PHAZE_HANDSHAKES_MAX);
	assert_int_equal(half_open, PHAZE_HANDSHAKES_MAX - 1);
	come_and_begin(logins, PHAZE_HANDSHAKES_MAX - 1, PHAZE_HANDSHAKES_MAX);
	assert_int_equal(phaze_gate_count(device, &half_open), PHAZE_HANDSHAKES_MAX);
	assert_int_equal(half_open, PHAZE_HANDSHAKES_MAX);
	for (size_t i = 0; i < PHAZE_HANDSHAKES_MAX; i++)
		phaze_client_free(strangers[i]);
	logins_assert_talking(logins, 2);
	logins_free(logins);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_heard),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
