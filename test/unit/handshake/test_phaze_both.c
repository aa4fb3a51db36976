#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "phaze_desk_flow.h"

static void assert_bytes(const struct desk_packets *packets, struct slice expected) {
	assert_int_equal(packets->size, expected.size);
	if (expected.size > 0)
		assert_memory_equal(packets->bytes, expected.data, expected.size);
}

static void assert_keys(const struct phaze_established *established, const struct phaze_vector *v) {
	assert_non_null(established);
	assert_int_equal(established->algorithm,
					 v->cipher == PHAZE_AES_256_GCM ? AEAD_AES_256_GCM : AEAD_CHACHA20_POLY1305);
	assert_int_equal(established->client_id, v->client_id);
	assert_int_equal(established->server_id, v->server_id);
	assert_int_equal(established->resumed, v->resumed);
	assert_memory_equal(established->keys.client, v->client_data, AEAD_KEY_SIZE);
	assert_memory_equal(established->keys.server, v->server_data, AEAD_KEY_SIZE);
	assert_memory_equal(established->keys.rekey, v->rekey, PHAZE_SECRET_SIZE);
	assert_int_equal(established->has_ticket, v->gives_ticket);
	if (v->gives_ticket) {
		assert_memory_equal(established->ticket.id, v->ticket_id, sizeof v->ticket_id);
		assert_memory_equal(established->ticket.psk, v->ticket_psk, sizeof v->ticket_psk);
	}
}

static void assert_login(const struct desk *desk) {
	const struct phaze_vector *v = desk->v;
	const bool certificate = v->kinds & PHAZE_BY_CERTIFICATE;
	assert_int_equal(desk->checks, 1);
	assert_int_equal(desk->login.by_certificate, certificate);
	assert_int_equal(desk->login.chain_count, certificate ? v->client_chain.data[0] : 0);
	assert_int_equal(desk->login.user_size, certificate ? 5 : v->user.size);
	assert_memory_equal(desk->login.user, certificate ? (const void *)"carol" : v->user.data, 5);
	assert_int_equal(desk->login.password_size, v->password.size);
	if (v->password.size > 0)
		assert_memory_equal(desk->login.password, v->password.data, v->password.size);
}

/* Whole handshakes, each byte as another implementation has it. */
static void known_answers(void **state) {
	for (size_t i = 0; i < DESK_VECTORS; i++) {
		static struct desk desk;
		static struct desk_packets packets;
		desk_init(&desk, i);
		const struct phaze_vector *v = desk.v;
		desk_start(&desk);
		desk_take_client(&desk, &packets);
		assert_bytes(&packets, slice_of(v->first, sizeof v->first));
		if (v->with_cookie) {
			desk.input.loaded = true;
			assert_int_equal(desk_open(&desk, packets.bytes, packets.size), ERR_COOKIE_REQUIRED);
			assert_memory_equal(desk.retry, v->retry, sizeof v->retry);
			assert_int_equal(
				phaze_client_receive(desk.client, desk.now, desk.retry, sizeof desk.retry), ERR_OK);
			desk_take_client(&desk, &packets);
			assert_bytes(&packets, slice_of(v->second, sizeof v->second));
		}
		assert_int_equal(desk_open(&desk, packets.bytes, packets.size), ERR_OK);
		desk_take_server(&desk, &packets);
		assert_bytes(&packets, v->server_flight);
		assert_int_equal(desk_to_client(&desk, &packets), ERR_OK);
		if (!v->resumed) {
			desk_take_client(&desk, &packets);
			assert_bytes(&packets, v->client_flight);
			assert_int_equal(desk_to_server(&desk, &packets), ERR_OK);
			assert_login(&desk);
			assert_int_equal(phaze_server_state(desk.server), PHAZE_SERVER_ACCEPTED);
			desk_take_server(&desk, &packets);
			assert_bytes(&packets, v->accept_flight);
			assert_int_equal(desk_to_client(&desk, &packets), ERR_OK);
		}
		assert_int_equal(phaze_server_state(desk.server),
						 v->resumed ? PHAZE_SERVER_RESUMED : PHAZE_SERVER_ACCEPTED);
		assert_int_equal(phaze_client_state(desk.client), PHAZE_CLIENT_ESTABLISHED);
		assert_keys(phaze_server_established(desk.server), v);
		assert_keys(phaze_client_established(desk.client), v);
		assert_int_equal(phaze_client_parameters(desk.client)->interface.mtu, 1380);
		assert_int_equal(phaze_client_deadline(desk.client), CLOCK_NEVER);
		assert_int_equal(desk_take_client(&desk, &packets), 0);
		desk_done(&desk);
	}
}

/* Also where everything comes twice and in the other order. */
static void order_and_copies_do_not_matter(void **state) {
	static struct desk desk;
	static struct desk_packets packets;
	struct slice parts[16];
	for (size_t i = 0; i < DESK_VECTORS; i++) {
		desk_greet(&desk, i, &packets);
		for (unsigned flight = 0; flight < 3; flight++) {
			size_t count = 0;
			for (size_t at = 0; desk_next(&packets, &at, &parts[count]);)
				count++;
			/* A ServerHello is first: without it there are no keys. */
			for (size_t j = 0; j < 2 * count; j++) {
				const size_t n = flight == 0 && j < 2 ? 0 : count - 1 - (j % count);
				if (flight == 1)
					(void)phaze_server_receive(desk.server, desk.now, &desk.from, parts[n].data,
											   parts[n].size);
				else
					(void)phaze_client_receive(desk.client, desk.now, parts[n].data, parts[n].size);
			}
			if (desk.v->resumed)
				break;
			if (flight == 0)
				desk_take_client(&desk, &packets);
			if (flight == 1)
				desk_take_server(&desk, &packets);
		}
		assert_int_equal(phaze_client_state(desk.client), PHAZE_CLIENT_ESTABLISHED);
		assert_int_equal(desk.checks, desk.v->resumed ? 0 : 1);
		desk_done(&desk);
	}
}

/* What one end says is nothing to itself, nor what was said in another handshake. */
static void reflections_are_refused(void **state) {
	static struct desk desk, other;
	static struct desk_packets packets, hello;
	desk_show(&desk, DESK_BOTH, &packets);
	struct slice packet;
	for (size_t at = 0; desk_next(&packets, &at, &packet);) {
		uint8_t copy[PHAZE_PIECE_PACKET_SIZE_MAX];
		memcpy(copy, packet.data, packet.size);
		assert_int_equal(phaze_client_receive(desk.client, desk.now, copy, packet.size),
						 ERR_NOT_FOUND);
		copy[10] = (uint8_t)(desk.v->client_id >> 24); /* with the id of who sent it */
		copy[11] = (uint8_t)(desk.v->client_id >> 16);
		copy[12] = (uint8_t)(desk.v->client_id >> 8);
		copy[13] = (uint8_t)desk.v->client_id;
		assert_int_equal(phaze_client_receive(desk.client, desk.now, copy, packet.size),
						 ERR_AUTHENTICATION);
	}
	desk_init(&other, DESK_PASSWORD);
	desk_start(&other);
	desk_take_client(&other, &hello);
	assert_int_equal(phaze_client_receive(desk.client, desk.now, hello.bytes, hello.size),
					 ERR_NOT_FOUND);
	desk_done(&other);
	/* A flight of the same vector with another random. */
	desk_init(&other, DESK_BOTH);
	other.draws[0].left = slice_of(NULL, 0);
	desk_start(&other);
	desk_take_client(&other, &hello);
	other.input.loaded = false;
	other.input.reliable = true;
	assert_int_equal(desk_open(&other, hello.bytes, hello.size), ERR_OK);
	assert_int_equal(desk_to_server(&other, &packets), ERR_CLOSED); /* TCP: it ended at the first */
	desk_done(&other);
	desk_done(&desk);
}

/* In every packet of every flight each byte counts; what is wrong changes nothing. */
static void every_byte_counts(void **state) {
	static struct desk desk;
	static struct desk_packets packets;
	struct slice packet;
	desk_greet(&desk, DESK_BOTH, &packets);
	for (size_t at = 0, next = 0; desk_next(&packets, &next, &packet); at = next) {
		for (size_t i = 0; i < packet.size && at > 0; i++) { /* a ServerHello is another, then */
			packets.bytes[at + i] ^= (uint8_t)(1 << i % 8);
			assert_int_not_equal(
				phaze_client_receive(desk.client, desk.now, packet.data, packet.size), ERR_AGAIN);
			packets.bytes[at + i] ^= (uint8_t)(1 << i % 8);
			if (i % 8 == 0)
				assert_int_not_equal(phaze_client_receive(desk.client, desk.now, packet.data, i),
									 ERR_AGAIN);
		}
		(void)phaze_client_receive(desk.client, desk.now, packet.data, packet.size);
	}
	assert_int_equal(phaze_client_state(desk.client), PHAZE_CLIENT_SHOWING);
	desk_take_client(&desk, &packets);
	for (size_t at = 0, next = 0; desk_next(&packets, &next, &packet); at = next) {
		for (size_t i = 0; i < packet.size; i++) {
			packets.bytes[at + i] ^= (uint8_t)(1 << i % 8);
			assert_int_not_equal(
				phaze_server_receive(desk.server, desk.now, &desk.from, packet.data, packet.size),
				ERR_AGAIN);
			packets.bytes[at + i] ^= (uint8_t)(1 << i % 8);
		}
		assert_int_equal(desk.checks, 0);
		(void)phaze_server_receive(desk.server, desk.now, &desk.from, packet.data, packet.size);
	}
	assert_int_equal(desk.checks, 1);
	desk_take_server(&desk, &packets);
	for (size_t i = 0; i < packets.size; i++) {
		packets.bytes[i] ^= (uint8_t)(1 << i % 8);
		assert_int_not_equal(
			phaze_client_receive(desk.client, desk.now, packets.bytes, packets.size), ERR_OK);
		packets.bytes[i] ^= (uint8_t)(1 << i % 8);
	}
	assert_int_equal(desk_to_client(&desk, &packets), ERR_OK);
	assert_int_equal(phaze_client_state(desk.client), PHAZE_CLIENT_ESTABLISHED);
	desk_done(&desk);
}

/* In the clear, and yet no byte of it may be another: the keys are others then. */
static void hellos_are_authentic_in_the_end(void **state) {
	static struct desk desk;
	static struct desk_packets packets, hello;
	for (size_t i = PHAZE_PLAIN_FRONT; i < PHAZE_CLIENT_HELLO_SIZE; i += i < 120 ? 1 : 97) {
		desk_init(&desk, DESK_PASSWORD);
		desk_start(&desk);
		desk_take_client(&desk, &hello);
		hello.bytes[i] ^= (uint8_t)(1 << i % 8);
		if (desk_open(&desk, hello.bytes, hello.size) == ERR_OK) {
			desk_take_server(&desk, &packets);
			assert_int_not_equal(desk_to_client(&desk, &packets), ERR_OK);
			assert_int_equal(phaze_client_state(desk.client), PHAZE_CLIENT_GREETING);
		}
		desk_done(&desk);
	}
	for (size_t i = PHAZE_PLAIN_FRONT; i < PHAZE_SERVER_HELLO_SIZE; i++) {
		desk_greet(&desk, DESK_PASSWORD, &packets);
		packets.bytes[i] ^= (uint8_t)(1 << i % 8);
		assert_int_not_equal(desk_to_client(&desk, &packets), ERR_OK);
		assert_int_equal(phaze_client_state(desk.client), PHAZE_CLIENT_GREETING);
		desk_done(&desk);
	}
}

/* Whoever takes the better cipher out of a hello gets no handshake for it. */
static void ciphers_cannot_be_taken_away(void **state) {
	static struct desk desk;
	static struct desk_packets packets, hello;
	desk_init(&desk, DESK_PASSWORD);
	desk.options.aes = true;
	desk_start(&desk);
	desk_take_client(&desk, &hello);
	struct phaze_client_hello said;
	assert_int_equal(phaze_hello_decode_client(hello.bytes, hello.size, &said), ERR_OK);
	said.aes = false;
	assert_int_equal(phaze_hello_encode_client(&said, hello.bytes), ERR_OK);
	assert_int_equal(desk_open(&desk, hello.bytes, hello.size), ERR_OK);
	desk_take_server(&desk, &packets);
	assert_int_equal(packets.bytes[89], PHAZE_CHACHA20_POLY1305);
	assert_int_equal(desk_to_client(&desk, &packets), ERR_AUTHENTICATION);
	assert_int_equal(phaze_client_state(desk.client), PHAZE_CLIENT_GREETING);
	desk_done(&desk);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answers),
		cmocka_unit_test(order_and_copies_do_not_matter),
		cmocka_unit_test(reflections_are_refused),
		cmocka_unit_test(every_byte_counts),
		cmocka_unit_test(hellos_are_authentic_in_the_end),
		cmocka_unit_test(ciphers_cannot_be_taken_away),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
