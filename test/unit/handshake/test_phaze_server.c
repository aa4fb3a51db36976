#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "handshake/phaze_flight.h"

#include "phaze_desk_flow.h"

/* Without a cookie no more leaves than came, whatever the state of the load. */
static void nobody_is_sent_more_than_he_sent(void **state) {
	static struct desk desk;
	static struct desk_packets packets;
	static uint8_t certificate[PHAZE_BODY_SIZE_MAX];
	for (size_t size = 900; size < 1100; size++) {
		const size_t flight = PHAZE_SERVER_HELLO_SIZE + PHAZE_OVERHEAD + PHAZE_MESSAGE_HEAD_SIZE +
							  2 + 2 + size + ED25519_SIGNATURE_SIZE;
		desk_init(&desk, DESK_PASSWORD);
		desk_start(&desk);
		desk_take_client(&desk, &packets);
		desk.identity[1].chain = (struct phaze_chain){1, {slice_of(certificate, size)}};
		const enum err error = desk_open(&desk, packets.bytes, packets.size);
		/* Beyond a piece there is one more overhead. */
		const bool fits = flight <= PHAZE_CLIENT_HELLO_SIZE && size + 68 <= PHAZE_PIECE_SIZE;
		assert_int_equal(error, fits ? ERR_OK : ERR_COOKIE_REQUIRED);
		if (!error) {
			assert_int_equal(desk_take_server(&desk, &packets), flight);
			for (unsigned i = 1; i < 5; i++) { /* and each repeat pays for the next */
				desk.now += CLOCK_SECOND;
				assert_int_equal(phaze_server_receive(desk.server, desk.now, &desk.from,
													  desk.v->first, sizeof desk.v->first),
								 ERR_EXISTS);
				assert_int_equal(desk_take_server(&desk, &packets), flight);
			}
		}
		desk_done(&desk);
	}
}

/* With a good cookie a flight may be as large as it is; a wrong one counts as none. */
static void cookies_are_asked_for_and_taken(void **state) {
	static struct desk desk;
	static struct desk_packets packets;
	desk_init(&desk, DESK_BOTH); /* whose flight is large */
	assert_int_equal(desk_open(&desk, desk.v->first, sizeof desk.v->first), ERR_COOKIE_REQUIRED);
	assert_memory_equal(desk.retry, desk.v->retry, sizeof desk.retry);
	struct endpoint other = desk.from; /* another source's cookie */
	other.port++;
	desk.input = (struct phaze_server_input){
		&other, desk.v->second, sizeof desk.v->second, desk.now, false, false, 5};
	assert_int_equal(phaze_server_open(&desk.setup, &desk.input, desk.retry, &desk.server),
					 ERR_COOKIE_REQUIRED);
	assert_null(desk.server);
	desk.input.session_id = 0;
	assert_int_equal(desk_open(&desk, desk.v->second, sizeof desk.v->second), ERR_OK);
	assert_true(desk_take_server(&desk, &packets) > 2 * PHAZE_CLIENT_HELLO_SIZE);
	desk_done(&desk);
	/* Under load everybody is asked; over TCP nobody. */
	desk_init(&desk, DESK_PASSWORD);
	desk.input.loaded = true;
	assert_int_equal(desk_open(&desk, desk.v->first, sizeof desk.v->first), ERR_COOKIE_REQUIRED);
	assert_int_equal(desk_open(&desk, desk.v->second, sizeof desk.v->second), ERR_OK);
	desk_done(&desk);
	desk.input.reliable = true;
	assert_int_equal(desk_open(&desk, desk.v->first, sizeof desk.v->first), ERR_OK);
	desk_done(&desk);
}

static void the_best_common_cipher_is_taken(void **state) {
	static const struct {
		bool client_aes, server_aes;
		const char *offered, *allowed;
		int cipher; /* 0: none */
	} rows[] = {
		{true, true, "\1\2", "\1\2", 2},   {true, true, "\2\1", "\2\1", 2},
		{true, false, "\2\1", "\2\1", 1},  {false, true, "\2\1", "\2\1", 1},
		{false, false, "\2\1", "\2\1", 1}, {true, true, "\1", "\1\2", 1},
		{false, false, "\2", "\1\2", 2},   {false, false, "\1\2", "\2", 2},
		{true, true, "\1", "\2", 0},       {true, true, "\2", "\1", 0},
		{true, true, "\1\2", "", 0},       {true, true, "\1", "\3", 0},
	};
	static struct desk desk;
	static struct desk_packets packets;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		desk_init(&desk, DESK_PASSWORD);
		desk.options.aes = rows[i].client_aes;
		desk.setup.aes = rows[i].server_aes;
		desk.options.ciphers = (const uint8_t *)rows[i].offered;
		desk.options.cipher_count = strlen(rows[i].offered);
		desk.setup.ciphers = (const uint8_t *)rows[i].allowed;
		desk.setup.cipher_count = strlen(rows[i].allowed);
		desk_start(&desk);
		desk_take_client(&desk, &packets);
		assert_int_equal(desk_open(&desk, packets.bytes, packets.size),
						 rows[i].cipher ? ERR_OK : ERR_UNSUPPORTED);
		if (rows[i].cipher) {
			desk_take_server(&desk, &packets);
			assert_int_equal(packets.bytes[89], rows[i].cipher);
			assert_int_equal(desk_to_client(&desk, &packets), ERR_OK);
		}
		desk_done(&desk);
	}
}

static void bad_hellos_meet_silence(void **state) {
	static struct desk desk;
	uint8_t hello[PHAZE_CLIENT_HELLO_SIZE];
	desk_init(&desk, DESK_PASSWORD);
	memcpy(hello, desk.v->first, sizeof hello);
	memset(hello + 57, 0, 32); /* a key of low order */
	assert_int_equal(desk_open(&desk, hello, sizeof hello), ERR_CRYPTO);
	hello[57] = 1;
	assert_int_equal(desk_open(&desk, hello, sizeof hello), ERR_CRYPTO);
	assert_int_equal(desk_open(&desk, desk.v->first, sizeof hello - 1), ERR_MALFORMED);
	assert_int_equal(desk_open(&desk, desk.retry, sizeof desk.retry), ERR_MALFORMED);
	assert_null(desk.server);
	assert_true(wipe_is_zero(desk.retry, sizeof desk.retry));
	desk.input =
		(struct phaze_server_input){&desk.from, desk.v->first, sizeof hello, 0, false, false, 0};
	assert_int_equal(phaze_server_open(&desk.setup, &desk.input, desk.retry, &desk.server),
					 ERR_INVALID); /* no session id to give */
}

/* The ticket is known, the binder right, and its user still one; else the whole handshake. */
static void tickets_are_shown_before_they_count(void **state) {
	static struct desk desk;
	static struct desk_packets packets;
	for (unsigned i = 0; i < 4; i++) {
		desk_init(&desk, DESK_RESUMED);
		desk.knows_ticket = i != 1;
		desk.forgets_user = i == 3;
		desk_start(&desk);
		desk_take_client(&desk, &packets);
		if (i == 2) /* the id of a ticket is no secret */
			packets.bytes[packets.size - 1] ^= 1;
		assert_int_equal(desk_open(&desk, packets.bytes, packets.size), ERR_OK);
		assert_int_equal(desk.resumes, i == 0 || i == 3);
		assert_int_equal(phaze_server_state(desk.server),
						 i == 0 ? PHAZE_SERVER_RESUMED : PHAZE_SERVER_GREETED);
		if (i == 0)
			assert_memory_equal(phaze_server_used_ticket(desk.server), desk.v->old_ticket, 16);
		else
			assert_null(phaze_server_used_ticket(desk.server));
		assert_int_equal(phaze_server_established(desk.server) != NULL, i == 0);
		desk_take_server(&desk, &packets);
		assert_int_equal(packets.bytes[90], i == 0);
		if (i != 2) {
			assert_int_equal(desk_to_client(&desk, &packets), ERR_OK);
			assert_int_equal(phaze_client_state(desk.client),
							 i == 0 ? PHAZE_CLIENT_ESTABLISHED : PHAZE_CLIENT_SHOWING);
		}
		desk_done(&desk);
	}
}

/* Who has the ticket's id but not its PSK cannot make a client believe that it was taken. */
static void a_ticket_is_the_servers_proof_too(void **state) {
	static struct desk desk;
	static struct desk_packets packets;
	desk_init(&desk, DESK_RESUMED);
	desk_start(&desk);
	desk_take_client(&desk, &packets);
	struct phaze_client_hello hello;
	assert_int_equal(phaze_hello_decode_client(packets.bytes, packets.size, &hello), ERR_OK);
	uint8_t early[PHAZE_SECRET_SIZE];
	memset(desk.ticket.psk, 1, sizeof desk.ticket.psk);
	assert_int_equal(phaze_keys_early(desk.ticket.psk, early), ERR_OK);
	assert_int_equal(phaze_keys_binder(early, packets.bytes, hello.binder), ERR_OK);
	assert_int_equal(phaze_hello_encode_client(&hello, packets.bytes), ERR_OK);
	assert_int_equal(desk_open(&desk, packets.bytes, packets.size), ERR_OK);
	assert_int_equal(phaze_server_state(desk.server), PHAZE_SERVER_RESUMED);
	desk_take_server(&desk, &packets);
	assert_int_equal(desk_to_client(&desk, &packets), ERR_AUTHENTICATION);
	assert_int_equal(phaze_client_state(desk.client), PHAZE_CLIENT_GREETING);
	desk_done(&desk);
}

/* Repeats are answered with the same bytes, and nothing is done twice. */
static void flights_are_stored(void **state) {
	static struct desk desk;
	static struct desk_packets flight, again, shown;
	desk_greet(&desk, DESK_PASSWORD, &flight);
	assert_true(phaze_server_is_repeat(desk.server, &desk.from, desk.v->first, 1200));
	assert_false(phaze_server_is_repeat(desk.server, &desk.from, desk.v->second, 1200));
	struct endpoint other = desk.from;
	other.port++;
	assert_false(phaze_server_is_repeat(desk.server, &other, desk.v->first, 1200));
	for (unsigned i = 0; i < 3; i++) {
		desk.now += PHAZE_FLIGHT_INTERVAL - 1; /* no more often than so */
		assert_int_equal(
			phaze_server_receive(desk.server, desk.now, &desk.from, desk.v->first, 1200),
			ERR_RATE_LIMITED);
		assert_int_equal(desk_take_server(&desk, &again), 0);
		desk.now += 1;
		assert_int_equal(
			phaze_server_receive(desk.server, desk.now, &desk.from, desk.v->first, 1200),
			ERR_EXISTS);
		assert_int_equal(desk_take_server(&desk, &again), flight.size);
		assert_memory_equal(again.bytes, flight.bytes, flight.size);
	}
	assert_int_equal(desk_to_client(&desk, &flight), ERR_OK);
	desk_take_client(&desk, &shown);
	assert_int_equal(phaze_server_receive(desk.server, desk.now, &other, shown.bytes, shown.size),
					 ERR_NOT_FOUND);
	desk.answer_at_once = false;
	assert_int_equal(desk_to_server(&desk, &shown), ERR_OK);
	for (unsigned i = 0; i < 3; i++) { /* while it is checked there is nothing to say */
		desk.now += CLOCK_SECOND;
		(void)desk_to_server(&desk, &shown);
		(void)phaze_server_receive(desk.server, desk.now, &desk.from, desk.v->first, 1200);
		assert_int_equal(desk_take_server(&desk, &again), 0);
	}
	assert_int_equal(phaze_server_verdict(desk.server, desk.now, &desk.verdict), ERR_OK);
	assert_int_equal(phaze_server_verdict(desk.server, desk.now, &desk.verdict), ERR_CLOSED);
	desk_take_server(&desk, &flight);
	for (unsigned i = 0; i < 3; i++) {
		desk.now += CLOCK_SECOND;
		assert_int_equal(desk_to_server(&desk, &shown), ERR_EXISTS);
		assert_int_equal(desk_take_server(&desk, &again), flight.size);
		assert_memory_equal(again.bytes, flight.bytes, flight.size);
		desk.now += CLOCK_SECOND; /* but to who has its ClientAuth, not to everybody */
		assert_int_equal(
			phaze_server_receive(desk.server, desk.now, &desk.from, desk.v->first, 1200),
			ERR_EXISTS);
		assert_int_equal(desk_take_server(&desk, &again), 0);
	}
	assert_int_equal(desk.checks, 1);
	desk_done(&desk);
}

/* Two seconds at least, and whole ones: when the verdict came cannot be told. */
static void refusals_leave_at_whole_seconds(void **state) {
	static const struct {
		uint64_t verdict, leaves; /* ms and s after ClientAuth */
	} rows[] = {{0, 2}, {1, 2}, {1999, 2}, {2000, 2}, {2001, 3}, {3000, 3}, {7300, 8}};
	static struct desk desk;
	static struct desk_packets packets;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		desk_show(&desk, DESK_PASSWORD, &packets);
		desk.now += 123456789;
		const uint64_t shown_at = desk.now;
		desk.answer_at_once = false;
		assert_int_equal(desk_to_server(&desk, &packets), ERR_OK);
		desk.now = shown_at + rows[i].verdict * CLOCK_MILLISECOND;
		desk.verdict.reject = PHAZE_REJECT_QUOTA;
		assert_int_equal(phaze_server_verdict(desk.server, desk.now, &desk.verdict), ERR_OK);
		assert_int_equal(phaze_server_deadline(desk.server),
						 shown_at + rows[i].leaves * CLOCK_SECOND);
		phaze_server_expire(desk.server, phaze_server_deadline(desk.server) - 1);
		assert_int_equal(desk_take_server(&desk, &packets), 0);
		assert_int_equal(phaze_server_state(desk.server), PHAZE_SERVER_REFUSING);
		phaze_server_expire(desk.server, phaze_server_deadline(desk.server));
		assert_int_equal(phaze_server_state(desk.server), PHAZE_SERVER_REFUSED);
		desk_take_server(&desk, &packets);
		assert_int_equal(desk_to_client(&desk, &packets), ERR_OK);
		assert_int_equal(phaze_client_end(desk.client, NULL), PHAZE_END_QUOTA);
		assert_null(phaze_server_established(desk.server));
		phaze_server_expire(desk.server, phaze_server_deadline(desk.server));
		assert_int_equal(phaze_server_state(desk.server), PHAZE_SERVER_ENDED);
		desk_done(&desk);
	}
}

/* Wrong certificate, wrong signature, wrong name, wrong kind: each as a wrong password, in time and
 * bytes, and nobody is asked for it. */
static void whatever_is_wrong_looks_alike(void **state) {
	static const uint8_t another[ED25519_KEY_SIZE] = {7};
	static struct desk desk;
	static struct desk_packets packets, first;
	for (unsigned i = 0; i < 6; i++) {
		desk_init(&desk, DESK_BOTH);
		if (i == 1)
			desk.trust[1].error = ERR_EXPIRED;
		if (i == 2)
			desk.trust[0].private_key = another;
		if (i == 3)
			desk.options.name = slice_of_text("mallory");
		if (i == 4)
			desk.trust[1].user = "";
		desk.draws[1].left = slice_of(NULL, 0); /* the same for all */
		desk_start(&desk);
		assert_int_equal(
			phaze_client_receive(desk.client, desk.now, desk.v->retry, sizeof desk.v->retry),
			ERR_OK);
		desk_take_client(&desk, &packets);
		assert_int_equal(desk_open(&desk, packets.bytes, packets.size), ERR_OK);
		desk_take_server(&desk, &packets);
		assert_int_equal(desk_to_client(&desk, &packets), ERR_OK);
		if (i == 5) /* as if it had asked for less */
			desk.setup.demands = PHAZE_BY_PASSWORD;
		desk_take_client(&desk, &packets);
		desk.verdict.reject = PHAZE_REJECT_CREDENTIALS;
		(void)desk_to_server(&desk, &packets);
		assert_int_equal(desk.checks, i == 0);
		assert_int_equal(phaze_server_state(desk.server), PHAZE_SERVER_REFUSING);
		assert_int_equal(phaze_server_deadline(desk.server), desk.now + 2 * CLOCK_SECOND);
		desk.now += CLOCK_SECOND; /* and until then it says nothing, whoever repeats what */
		(void)desk_to_server(&desk, &packets);
		assert_int_equal(desk_take_server(&desk, &packets), 0);
		desk.now += CLOCK_SECOND;
		phaze_server_expire(desk.server, desk.now);
		desk_take_server(&desk, &packets);
		if (i == 0)
			first = packets;
		assert_int_equal(packets.size, first.size);
		assert_memory_equal(packets.bytes, first.bytes, PHAZE_HEADER_SIZE);
		assert_int_equal(desk_to_client(&desk, &packets), ERR_OK);
		assert_int_equal(phaze_client_end(desk.client, NULL), PHAZE_END_CREDENTIALS);
		desk_done(&desk);
	}
}

/* Seals what a client would. */
static void say(struct desk *desk, enum phaze_message type, struct slice body,
				struct desk_packets *packets) {
	struct phaze_sealer sealer = {
		.algorithm =
			desk->v->cipher == PHAZE_AES_256_GCM ? AEAD_AES_256_GCM : AEAD_CHACHA20_POLY1305,
		.receiver = desk->v->server_id,
		.sequence = 1000,
	};
	struct phaze_flight flight = {0};
	memcpy(sealer.key, desk->v->client_hs, sizeof sealer.key);
	assert_int_equal(phaze_flight_seal(&flight, &sealer, &desk->random[0], type, body), ERR_OK);
	packets->size = 0;
	desk_append(packets, slice_of(flight.bytes, flight.size));
	phaze_flight_done(&flight);
}

/* Sealed as it should be, and yet not what may be said. */
static void rules_hold_for_the_client_too(void **state) {
	static struct desk desk;
	static struct desk_packets packets;
	static uint8_t body[2 * PHAZE_PIECE_SIZE] = {1};
	desk_greet(&desk, DESK_PASSWORD, &packets);
	say(&desk, PHAZE_SERVER_ACCEPT, slice_of(body, 1), &packets);
	assert_int_equal(desk_to_server(&desk, &packets), ERR_MALFORMED);
	assert_int_equal(phaze_server_state(desk.server), PHAZE_SERVER_ENDED);
	assert_int_equal(desk_to_server(&desk, &packets), ERR_CLOSED);
	assert_int_equal(phaze_server_deadline(desk.server), CLOCK_NEVER);
	desk_done(&desk);
	/* Nonsense is no credentials either. */
	desk_greet(&desk, DESK_PASSWORD, &packets);
	say(&desk, PHAZE_CLIENT_AUTH, slice_of(body, 256), &packets);
	assert_int_not_equal(desk_to_server(&desk, &packets), ERR_OK);
	assert_int_equal(phaze_server_state(desk.server), PHAZE_SERVER_REFUSING);
	assert_int_equal(desk.checks, 0);
	desk_done(&desk);
	/* Halves of two messages are none. */
	desk_greet(&desk, DESK_PASSWORD, &packets);
	say(&desk, PHAZE_CLIENT_AUTH, slice_of(body, 2 * PHAZE_PIECE_SIZE), &packets);
	assert_int_equal(phaze_server_receive(desk.server, desk.now, &desk.from, packets.bytes,
										  PHAZE_PIECE_PACKET_SIZE_MAX),
					 ERR_AGAIN);
	body[3] = 1;
	say(&desk, PHAZE_CLIENT_AUTH, slice_of(body, 2 * PHAZE_PIECE_SIZE), &packets);
	assert_int_equal(desk_to_server(&desk, &packets), ERR_CLOSED);
	body[3] = 0;
	desk_done(&desk);
	/* A ticket was taken: nobody has to show himself. */
	desk_greet(&desk, DESK_RESUMED, &packets);
	say(&desk, PHAZE_CLIENT_AUTH, slice_of(body, 256), &packets);
	assert_int_equal(desk_to_server(&desk, &packets), ERR_MALFORMED);
	assert_int_equal(phaze_server_state(desk.server), PHAZE_SERVER_RESUMED);
	desk_done(&desk);
}

/* Over TCP what does not open ends it, and so does a repeat. */
static void over_tcp_there_is_no_second_try(void **state) {
	static struct desk desk;
	static struct desk_packets packets;
	for (unsigned i = 0; i < 2; i++) {
		desk_init(&desk, DESK_PASSWORD);
		desk.input.reliable = desk.options.reliable = true;
		desk_start(&desk);
		desk_take_client(&desk, &packets);
		assert_int_equal(desk_open(&desk, packets.bytes, packets.size), ERR_OK);
		if (i == 0) {
			desk_take_server(&desk, &packets);
			assert_int_equal(desk_to_client(&desk, &packets), ERR_OK);
			desk_take_client(&desk, &packets);
			packets.bytes[packets.size - 1] ^= 1;
		} else {
			desk.now += CLOCK_SECOND;
		}
		assert_int_equal(desk_to_server(&desk, &packets),
						 i == 0 ? ERR_AUTHENTICATION : ERR_RATE_LIMITED);
		assert_int_equal(phaze_server_state(desk.server), PHAZE_SERVER_ENDED);
		desk_done(&desk);
	}
}

/* Who says nothing more is forgotten, and so is who was answered. */
static void every_state_has_an_end(void **state) {
	static struct desk desk;
	static struct desk_packets packets;
	for (unsigned i = 0; i < 3; i++) {
		if (i == 0) {
			desk_greet(&desk, DESK_PASSWORD, &packets);
		} else {
			desk_show(&desk, DESK_PASSWORD, &packets);
			desk.answer_at_once = i == 2;
			assert_int_equal(desk_to_server(&desk, &packets), ERR_OK);
		}
		assert_int_equal(phaze_server_deadline(desk.server), desk.now + PHAZE_PATIENCE);
		phaze_server_expire(desk.server, desk.now + PHAZE_PATIENCE);
		assert_int_equal(phaze_server_state(desk.server), PHAZE_SERVER_ENDED);
		assert_null(phaze_server_established(desk.server));
		assert_int_equal(phaze_server_verdict(desk.server, desk.now, &desk.verdict), ERR_CLOSED);
		assert_int_equal(desk_take_server(&desk, &packets), 0);
		desk_done(&desk);
	}
}

/* More than a message holds is the operator's mistake, and ends but that handshake. */
static void too_much_to_say_is_noticed(void **state) {
	static struct desk desk;
	static struct desk_packets packets;
	static uint8_t certificate[PHAZE_BODY_SIZE_MAX];
	desk_show(&desk, DESK_PASSWORD, &packets);
	desk.answer_at_once = false;
	assert_int_equal(desk_to_server(&desk, &packets), ERR_OK);
	desk.pushed.interface.mtu = 1;
	assert_int_equal(phaze_server_verdict(desk.server, desk.now, &desk.verdict), ERR_INVALID);
	assert_int_equal(phaze_server_state(desk.server), PHAZE_SERVER_ENDED);
	desk_done(&desk);
	desk_init(&desk, DESK_PASSWORD);
	desk.input.reliable = true;
	desk.identity[1].chain = (struct phaze_chain){1, {slice_of(certificate, sizeof certificate)}};
	assert_int_equal(desk_open(&desk, desk.v->first, sizeof desk.v->first), ERR_LIMIT);
	assert_null(desk.server);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_is_sent_more_than_he_sent),
		cmocka_unit_test(cookies_are_asked_for_and_taken),
		cmocka_unit_test(the_best_common_cipher_is_taken),
		cmocka_unit_test(bad_hellos_meet_silence),
		cmocka_unit_test(tickets_are_shown_before_they_count),
		cmocka_unit_test(a_ticket_is_the_servers_proof_too),
		cmocka_unit_test(flights_are_stored),
		cmocka_unit_test(refusals_leave_at_whole_seconds),
		cmocka_unit_test(whatever_is_wrong_looks_alike),
		cmocka_unit_test(rules_hold_for_the_client_too),
		cmocka_unit_test(over_tcp_there_is_no_second_try),
		cmocka_unit_test(every_state_has_an_end),
		cmocka_unit_test(too_much_to_say_is_noticed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
