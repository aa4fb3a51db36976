#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "handshake/phaze_flight.h"

#include "phaze_desk_flow.h"

static void expire(struct desk *desk) {
	desk->now = phaze_client_deadline(desk->client);
	phaze_client_expire(desk->client, desk->now);
}

static void assert_ended(struct desk *desk, enum phaze_end why, enum err cause) {
	enum err found;
	assert_int_equal(phaze_client_state(desk->client), PHAZE_CLIENT_ENDED);
	assert_int_equal(phaze_client_end(desk->client, &found), why);
	assert_int_equal(found, cause);
	assert_null(phaze_client_established(desk->client));
	assert_null(phaze_client_parameters(desk->client));
	assert_int_equal(phaze_client_deadline(desk->client), CLOCK_NEVER);
	assert_int_equal(phaze_client_receive(desk->client, desk->now, NULL, 0), ERR_CLOSED);
	struct slice packet;
	assert_false(phaze_client_send(desk->client, &packet));
	desk_done(desk);
}

/* 500 ms, doubling; 15 s for each of the two messages. */
static void repeats_in_time(struct desk *desk, const uint8_t *bytes, size_t size) {
	static const uint64_t times[] = {500, 1500, 3500, 7500};
	static struct desk_packets packets;
	const uint64_t start = desk->now;
	for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
		assert_int_equal(phaze_client_deadline(desk->client), start + times[i] * CLOCK_MILLISECOND);
		phaze_client_expire(desk->client, phaze_client_deadline(desk->client) - 1);
		assert_int_equal(desk_take_client(desk, &packets), 0);
		expire(desk);
		assert_int_equal(desk_take_client(desk, &packets), size);
		assert_memory_equal(packets.bytes, bytes, size);
		assert_int_equal(desk_take_client(desk, &packets), 0);
	}
	assert_int_equal(phaze_client_deadline(desk->client), start + PHAZE_PATIENCE);
	expire(desk);
	assert_ended(desk, PHAZE_END_SILENCE, ERR_OK);
}

static void hellos_are_repeated(void **state) {
	static struct desk desk;
	static struct desk_packets packets;
	desk_init(&desk, DESK_PASSWORD);
	desk_start(&desk);
	desk_take_client(&desk, &packets);
	repeats_in_time(&desk, packets.bytes, packets.size);
}

static void auths_are_repeated(void **state) {
	static struct desk desk;
	static struct desk_packets packets;
	desk_show(&desk, DESK_BOTH, &packets);
	repeats_in_time(&desk, packets.bytes, packets.size);
}

static void over_tcp_nothing_is_repeated(void **state) {
	static struct desk desk;
	desk_init(&desk, DESK_PASSWORD);
	desk.options.reliable = true;
	desk_start(&desk);
	assert_int_equal(phaze_client_deadline(desk.client), desk.now + PHAZE_PATIENCE);
	expire(&desk);
	assert_ended(&desk, PHAZE_END_SILENCE, ERR_OK);
}

static void bad_options_are_refused(void **state) {
	static struct desk desk;
	static const uint8_t ciphers[][3] = {{1, 1}, {0}, {3}, {1, 2, 3}};
	static const size_t counts[] = {2, 1, 1, 3};
	static uint8_t large[PHAZE_BODY_SIZE_MAX];
	struct phaze_client *client = NULL;
	for (size_t i = 0; i < 4; i++) {
		desk_init(&desk, DESK_PASSWORD);
		desk.options.ciphers = ciphers[i];
		desk.options.cipher_count = counts[i];
		assert_int_equal(phaze_client_new(&desk.options, 0, &client), ERR_INVALID);
	}
	desk.options.cipher_count = 0;
	assert_int_equal(phaze_client_new(&desk.options, 0, &client), ERR_INVALID);
	desk_init(&desk, DESK_PASSWORD);
	desk.options.session_id = 0;
	assert_int_equal(phaze_client_new(&desk.options, 0, &client), ERR_INVALID);
	desk_init(&desk, DESK_PASSWORD);
	desk.options.name = slice_of_text("a\nb");
	assert_int_equal(phaze_client_new(&desk.options, 0, &client), ERR_INVALID);
	desk_init(&desk, DESK_PASSWORD);
	desk.options.password = slice_of(large, PHAZE_PASSWORD_MAX + 1);
	assert_int_equal(phaze_client_new(&desk.options, 0, &client), ERR_INVALID);
	desk_init(&desk, DESK_CERTIFICATE);
	desk.identity[0].chain = (struct phaze_chain){1, {slice_of(large, sizeof large)}};
	assert_int_equal(phaze_client_new(&desk.options, 0, &client), ERR_LIMIT);
	assert_null(client);
}

static void make_retry(const struct desk *desk, uint8_t number,
					   uint8_t out_retry[static PHAZE_RETRY_SIZE]) {
	struct phaze_retry retry = {.receiver = desk->v->client_id};
	memcpy(retry.random, desk->v->first + 25, sizeof retry.random);
	memset(retry.cookie, number, sizeof retry.cookie);
	phaze_hello_encode_retry(&retry, out_retry);
}

static enum err retry(struct desk *desk, const uint8_t *data) {
	return phaze_client_receive(desk->client, desk->now, data, PHAZE_RETRY_SIZE);
}

/* Three, each a hello at once that differs in cookie, padding and binder alone. */
static void retries_are_followed(void **state) {
	static struct desk desk;
	static struct desk_packets packets;
	uint8_t data[PHAZE_RETRY_SIZE];
	struct phaze_client_hello first, hello;
	desk_init(&desk, DESK_RESUMED);
	desk_start(&desk);
	desk_take_client(&desk, &packets);
	assert_int_equal(phaze_hello_decode_client(packets.bytes, packets.size, &first), ERR_OK);
	make_retry(&desk, 1, data);
	data[21] ^= 1; /* to another hello */
	assert_int_equal(retry(&desk, data), ERR_MALFORMED);
	for (uint8_t number = 1; number <= 4; number++) {
		make_retry(&desk, number, data);
		assert_int_equal(retry(&desk, data), number <= 3 ? ERR_OK : ERR_LIMIT);
		assert_int_equal(desk_take_client(&desk, &packets),
						 number <= 3 ? PHAZE_CLIENT_HELLO_SIZE : 0);
		if (number > 3)
			break;
		assert_int_equal(retry(&desk, data), ERR_EXISTS); /* no loop */
		assert_int_equal(phaze_hello_decode_client(packets.bytes, packets.size, &hello), ERR_OK);
		assert_int_equal(hello.cookie[31], number);
		assert_memory_not_equal(hello.binder, first.binder, sizeof first.binder);
		hello.has_cookie = false;
		memset(hello.cookie, 0, sizeof hello.cookie);
		memcpy(hello.binder, first.binder, sizeof hello.binder);
		assert_memory_equal(&hello, &first, sizeof hello);
	}
	desk_done(&desk);
	desk_init(&desk, DESK_PASSWORD);
	desk.options.reliable = true;
	desk_start(&desk);
	make_retry(&desk, 1, data);
	assert_int_equal(retry(&desk, data), ERR_MALFORMED);
	assert_ended(&desk, PHAZE_END_MALFORMED, ERR_MALFORMED);
}

/* A ServerHello of somebody who saw the client's. */
static void forge(const struct desk *desk, uint8_t number,
				  uint8_t out_data[static PHAZE_SERVER_HELLO_SIZE]) {
	struct phaze_server_hello hello = {
		.receiver = desk->v->client_id, .session_id = 77, .cipher = PHAZE_CHACHA20_POLY1305};
	memset(hello.random, number, sizeof hello.random);
	hello.key[0] = 9;
	hello.key[31] = number;
	phaze_hello_encode_server(&hello, out_data);
}

/* Others' ServerHellos, before the server's and behind it, do not keep it from being found. */
static void the_right_candidate_is_found(void **state) {
	static struct desk desk;
	static struct desk_packets packets;
	uint8_t data[PHAZE_SERVER_HELLO_SIZE];
	for (uint8_t before = 0; before < 20; before += 3) {
		for (uint8_t behind = 0; behind < PHAZE_CANDIDATES; behind++) {
			desk_greet(&desk, DESK_PASSWORD, &packets);
			for (uint8_t i = 0; i < before; i++) {
				forge(&desk, i, data);
				assert_int_equal(phaze_client_receive(desk.client, desk.now, data, sizeof data),
								 ERR_OK);
				assert_int_equal(phaze_client_receive(desk.client, desk.now, data, sizeof data),
								 ERR_EXISTS);
			}
			assert_int_equal(
				phaze_client_receive(desk.client, desk.now, packets.bytes, PHAZE_SERVER_HELLO_SIZE),
				ERR_OK);
			for (uint8_t i = 0; i < behind; i++) {
				forge(&desk, (uint8_t)(100 + i), data);
				assert_int_equal(phaze_client_receive(desk.client, desk.now, data, sizeof data),
								 ERR_OK);
			}
			assert_int_equal(desk_to_client(&desk, &packets), ERR_OK);
			assert_int_equal(phaze_client_state(desk.client), PHAZE_CLIENT_SHOWING);
			desk_done(&desk);
		}
	}
	/* One too many behind it: then the server says it once more. */
	desk_greet(&desk, DESK_PASSWORD, &packets);
	(void)phaze_client_receive(desk.client, desk.now, packets.bytes, PHAZE_SERVER_HELLO_SIZE);
	for (uint8_t i = 0; i < PHAZE_CANDIDATES; i++) {
		forge(&desk, i, data);
		(void)phaze_client_receive(desk.client, desk.now, data, sizeof data);
	}
	const uint8_t *sealed = packets.bytes + PHAZE_SERVER_HELLO_SIZE;
	const size_t sealed_size = packets.size - PHAZE_SERVER_HELLO_SIZE;
	assert_int_equal(phaze_client_receive(desk.client, desk.now, sealed, sealed_size),
					 ERR_AUTHENTICATION);
	assert_int_equal(desk_to_client(&desk, &packets), ERR_OK);
	assert_int_equal(phaze_client_state(desk.client), PHAZE_CLIENT_SHOWING);
	desk_done(&desk);
}

static void bad_server_hellos_are_dropped(void **state) {
	static struct desk desk;
	uint8_t data[PHAZE_SERVER_HELLO_SIZE];
	desk_init(&desk, DESK_CERTIFICATE); /* which offers AES alone, and no ticket */
	desk_start(&desk);
	forge(&desk, 1, data);
	assert_int_equal(phaze_client_receive(desk.client, desk.now, data, sizeof data),
					 ERR_UNSUPPORTED);
	data[89] = PHAZE_AES_256_GCM;
	data[90] = 1;
	assert_int_equal(phaze_client_receive(desk.client, desk.now, data, sizeof data), ERR_MALFORMED);
	data[90] = 0;
	memset(data + 57, 0, 32); /* a key of low order */
	assert_int_equal(phaze_client_receive(desk.client, desk.now, data, sizeof data), ERR_CRYPTO);
	data[57] = 9;
	assert_int_equal(phaze_client_receive(desk.client, desk.now, data, sizeof data), ERR_OK);
	data[13] ^= 1; /* to another session */
	assert_int_equal(phaze_client_receive(desk.client, desk.now, data, sizeof data), ERR_NOT_FOUND);
	assert_int_equal(phaze_client_state(desk.client), PHAZE_CLIENT_GREETING);
	desk_done(&desk);
}

/* A ticket that is not taken by a server who is who it should be: it hears of nobody. */
static void nothing_but_a_ticket(void **state) {
	static struct desk desk;
	static struct desk_packets packets;
	for (unsigned i = 0; i < 2; i++) {
		desk_init(&desk, DESK_FORGOTTEN);
		desk.options.ticket_alone = true;
		desk_start(&desk);
		desk_take_client(&desk, &packets);
		assert_int_equal(desk_open(&desk, packets.bytes, packets.size), ERR_OK);
		desk_take_server(&desk, &packets);
		desk.trust[0].error = i ? ERR_EXPIRED : ERR_OK;
		assert_int_equal(desk_to_client(&desk, &packets), i ? ERR_EXPIRED : ERR_PERMISSION);
		assert_int_equal(desk_take_client(&desk, &packets), 0);
		if (i) {
			assert_int_equal(phaze_client_state(desk.client), PHAZE_CLIENT_GREETING);
			desk_done(&desk);
		} else {
			assert_ended(&desk, PHAZE_END_TICKET, ERR_PERMISSION);
		}
	}
}

/* Whose certificate is bad, or signed by another, is dropped; its cause is told in the end. */
static void untrusted_servers_are_dropped(void **state) {
	static struct desk desk;
	static struct desk_packets packets;
	static const uint8_t another[ED25519_KEY_SIZE] = {7};
	for (unsigned i = 0; i < 6; i++) {
		const bool signature = i & 1, reliable = i & 2, both = i & 4;
		desk_init(&desk, DESK_PASSWORD);
		desk.options.reliable = desk.input.reliable = reliable;
		desk_start(&desk);
		desk_take_client(&desk, &packets);
		if (signature)
			desk.trust[1].private_key = another;
		else
			desk.trust[0].error = ERR_EXPIRED;
		assert_int_equal(desk_open(&desk, packets.bytes, packets.size), ERR_OK);
		desk_take_server(&desk, &packets);
		const enum phaze_end why = signature ? PHAZE_END_FORGED : PHAZE_END_UNTRUSTED;
		const enum err cause = signature ? ERR_AUTHENTICATION : ERR_EXPIRED;
		assert_int_equal(desk_to_client(&desk, &packets), cause);
		assert_int_equal(desk.trust[0].asked, 1);
		if (!reliable && both) { /* and then the server comes */
			desk.trust[0].error = ERR_OK;
			desk.trust[1].private_key = desk.v->server_identity;
			desk.draws[1].left = desk.v->server_draws;
			phaze_server_free(desk.server);
			assert_int_equal(desk_open(&desk, desk.v->first, sizeof desk.v->first), ERR_OK);
			desk_take_server(&desk, &packets);
			assert_int_equal(desk_to_client(&desk, &packets), ERR_OK);
			assert_int_equal(phaze_client_state(desk.client), PHAZE_CLIENT_SHOWING);
			assert_int_equal(phaze_client_deadline(desk.client), desk.now + PHAZE_REPEAT_FIRST);
			while (phaze_client_state(desk.client) == PHAZE_CLIENT_SHOWING)
				expire(&desk);
			assert_ended(&desk, PHAZE_END_SILENCE, ERR_OK); /* what was before is forgotten */
			continue;
		}
		if (!reliable) {
			const uint64_t start = desk.now;
			while (phaze_client_state(desk.client) == PHAZE_CLIENT_GREETING)
				expire(&desk);
			assert_int_equal(desk.now, start + PHAZE_DOUBT);
		}
		assert_ended(&desk, why, cause);
	}
}

/* A server that has its certificate, and wants or says what this client cannot give or take. */
static void demands_that_cannot_be_met_end_it(void **state) {
	static struct desk desk;
	static struct desk_packets packets;
	for (unsigned i = 0; i < 3; i++) {
		desk_init(&desk, DESK_BOTH);
		if (i == 0)
			desk.options.password = slice_of(NULL, 0);
		if (i == 1)
			desk.identity[0].chain.count = 0;
		if (i == 1)
			desk.options.name = slice_of_text("carol");
		if (i == 2) { /* a password that belongs to nobody */
			desk.setup.demands = PHAZE_BY_PASSWORD;
			desk.options.name = slice_of(NULL, 0);
		}
		desk.input.reliable = desk.options.reliable = true;
		desk_start(&desk);
		desk_take_client(&desk, &packets);
		assert_int_equal(desk_open(&desk, packets.bytes, packets.size), ERR_OK);
		desk_take_server(&desk, &packets);
		assert_int_equal(desk_to_client(&desk, &packets), ERR_PERMISSION);
		assert_ended(&desk, i == 1 ? PHAZE_END_NEEDS_CERTIFICATE : PHAZE_END_NEEDS_PASSWORD,
					 ERR_PERMISSION);
	}
}

/* Seals what a server would. */
static void say(struct desk *desk, enum phaze_message type, struct slice body,
				struct desk_packets *packets) {
	struct phaze_sealer sealer = {
		.algorithm =
			desk->v->cipher == PHAZE_AES_256_GCM ? AEAD_AES_256_GCM : AEAD_CHACHA20_POLY1305,
		.receiver = desk->v->client_id,
		.sequence = 1000,
	};
	struct phaze_flight flight = {0};
	memcpy(sealer.key, desk->v->server_hs, sizeof sealer.key);
	assert_int_equal(phaze_flight_seal(&flight, &sealer, &desk->random[1], type, body), ERR_OK);
	packets->size = 0;
	desk_append(packets, slice_of(flight.bytes, flight.size));
	phaze_flight_done(&flight);
}

static void each_refusal_has_its_words(void **state) {
	static const enum phaze_end ends[] = {
		PHAZE_END_NONE,  PHAZE_END_CREDENTIALS, PHAZE_END_BUSY,   PHAZE_END_EXPIRED,
		PHAZE_END_QUOTA, PHAZE_END_DEVICES,     PHAZE_END_ADDRESS};
	static struct desk desk;
	static struct desk_packets packets;
	for (uint8_t reason = 1; reason <= 6; reason++) {
		desk_show(&desk, DESK_PASSWORD, &packets);
		say(&desk, PHAZE_SERVER_REJECT, slice_of(&reason, 1), &packets);
		assert_int_equal(desk_to_client(&desk, &packets), ERR_OK);
		assert_ended(&desk, ends[reason], ERR_OK);
	}
	for (unsigned i = 0; i <= PHAZE_ENDS; i++) {
		assert_true(strlen(phaze_client_end_text((enum phaze_end)i)) > 5);
		for (unsigned j = 0; j < i && i < PHAZE_ENDS; j++)
			assert_string_not_equal(phaze_client_end_text((enum phaze_end)i),
									phaze_client_end_text((enum phaze_end)j));
	}
}

/* Authentic, and yet not what may be said: the handshake ends. */
static void rules_hold_for_the_server_too(void **state) {
	static struct desk desk;
	static struct desk_packets packets;
	static const struct {
		enum phaze_message type;
		struct slice body;
		enum err error;
	} rows[] = {
		{PHAZE_SERVER_REJECT, {(const uint8_t *)"\7", 1}, ERR_MALFORMED},
		{PHAZE_SERVER_ACCEPT, {(const uint8_t *)"\6\0\2\0\0", 5}, ERR_MALFORMED},
		{PHAZE_CLIENT_AUTH, {(const uint8_t *)"\1", 1}, ERR_MALFORMED},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		desk_show(&desk, DESK_PASSWORD, &packets);
		say(&desk, rows[i].type, rows[i].body, &packets);
		assert_int_equal(desk_to_client(&desk, &packets), rows[i].error);
		assert_ended(&desk, PHAZE_END_MALFORMED, rows[i].error);
	}
	/* Before the server has shown itself, no verdict counts. */
	desk_greet(&desk, DESK_PASSWORD, &packets);
	assert_int_equal(
		phaze_client_receive(desk.client, desk.now, packets.bytes, PHAZE_SERVER_HELLO_SIZE),
		ERR_OK);
	say(&desk, PHAZE_SERVER_REJECT, slice_of("\1", 1), &packets);
	assert_int_equal(desk_to_client(&desk, &packets), ERR_MALFORMED);
	assert_int_equal(phaze_client_state(desk.client), PHAZE_CLIENT_GREETING);
	desk_done(&desk);
	/* And half of one answer does not go with half of another. */
	static uint8_t large[PHAZE_PIECE_SIZE + 1];
	desk_show(&desk, DESK_PASSWORD, &packets);
	say(&desk, PHAZE_SERVER_ACCEPT, slice_of(large, sizeof large), &packets);
	assert_int_equal(
		phaze_client_receive(desk.client, desk.now, packets.bytes, PHAZE_PIECE_PACKET_SIZE_MAX),
		ERR_AGAIN);
	say(&desk, PHAZE_SERVER_REJECT, slice_of("\1", 1), &packets);
	assert_int_equal(desk_to_client(&desk, &packets), ERR_MALFORMED);
	assert_ended(&desk, PHAZE_END_MALFORMED, ERR_MALFORMED);
}

/* A flight that comes again. */
static void what_was_taken_is_passed_over(void **state) {
	static struct desk desk;
	static struct desk_packets flight, packets;
	desk_greet(&desk, DESK_PASSWORD, &flight);
	assert_int_equal(desk_to_client(&desk, &flight), ERR_OK);
	desk_take_client(&desk, &packets);
	assert_int_equal(desk_to_client(&desk, &flight), ERR_EXISTS);
	assert_int_equal(
		phaze_client_receive(desk.client, desk.now, flight.bytes, PHAZE_SERVER_HELLO_SIZE),
		ERR_EXISTS);
	assert_int_equal(desk_take_client(&desk, &packets), 0);
	assert_int_equal(desk.trust[0].asked, 1);
	desk_done(&desk);
}

/* Packets of other kinds say nothing; traffic may be early. */
static void strangers_change_nothing(void **state) {
	static struct desk desk;
	static struct desk_packets packets;
	uint8_t data[PHAZE_OVERHEAD + 20] = {0};
	struct phaze_header header = {PHAZE_DATA, 1, 0, sizeof data - PHAZE_HEADER_SIZE};
	desk_show(&desk, DESK_PASSWORD, &packets);
	header.session_id = desk.v->client_id;
	phaze_packet_encode(&header, data);
	assert_int_equal(phaze_client_receive(desk.client, desk.now, data, sizeof data),
					 ERR_UNSUPPORTED);
	assert_int_equal(phaze_client_receive(desk.client, desk.now, data, sizeof data - 1),
					 ERR_TRUNCATED);
	data[0] ^= 1;
	assert_int_equal(phaze_client_receive(desk.client, desk.now, data, sizeof data), ERR_MALFORMED);
	assert_int_equal(phaze_client_receive(desk.client, desk.now, NULL, 0), ERR_TRUNCATED);
	assert_int_equal(phaze_client_receive(desk.client, desk.now, packets.bytes, packets.size),
					 ERR_NOT_FOUND);
	assert_int_equal(phaze_client_state(desk.client), PHAZE_CLIENT_SHOWING);
	desk_done(&desk);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hellos_are_repeated),
		cmocka_unit_test(auths_are_repeated),
		cmocka_unit_test(over_tcp_nothing_is_repeated),
		cmocka_unit_test(bad_options_are_refused),
		cmocka_unit_test(retries_are_followed),
		cmocka_unit_test(the_right_candidate_is_found),
		cmocka_unit_test(bad_server_hellos_are_dropped),
		cmocka_unit_test(nothing_but_a_ticket),
		cmocka_unit_test(untrusted_servers_are_dropped),
		cmocka_unit_test(demands_that_cannot_be_met_end_it),
		cmocka_unit_test(each_refusal_has_its_words),
		cmocka_unit_test(rules_hold_for_the_server_too),
		cmocka_unit_test(what_was_taken_is_passed_over),
		cmocka_unit_test(strangers_change_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
