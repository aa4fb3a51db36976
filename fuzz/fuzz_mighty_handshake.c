/* A fixed client and a fixed server, each against a peer who follows a script. */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "crypto/hash.h"
#include "expect.h"
#include "handshake/mighty.h"

/*
 * Input: a byte for the message, a byte for what the peer knows, then what he makes of it:
 *   RAW     nothing: the rest is the datagram, as it comes from the network
 *   MASKED  the rest is XORed over the genuine one, which is cut or grows by the first byte
 *   KEYED   the PSK: as MASKED, and the MAC over it is right
 * Without the PSK nothing but the genuine message is taken; with it, what is taken is whole.
 */
enum { HELLO, COOKIE_ANSWER, SERVER_HELLO, FINALIZE, MESSAGES };
enum { RAW, MASKED, KEYED, KINDS };

enum { ROOM = MIGHTY_CLIENT_HELLO_SIZE + 128 };

struct message {
	uint8_t data[ROOM];
	size_t size;
};

static struct {
	bool ready;
	struct mighty_psk psk;
	struct mighty_client client;
	struct mighty_client_hello hello;
	struct parameters pushed;
	struct mighty_offer offer;
	struct mighty_confirmation at_server;
	struct message genuine[MESSAGES];
	struct random_source random;
	uint8_t seed;
} fixed;

static const uint8_t both_ciphers[] = {MIGHTY_AES_256_GCM, MIGHTY_CHACHA20_POLY1305};

static void counted_fill(void *context, void *out_data, size_t size) {
	uint8_t *seed = context;
	memset(out_data, ++*seed, size);
}

static void make_fixed(void) {
	const uint8_t secret[MIGHTY_PSK_SIZE] = {1}, instance[MIGHTY_INSTANCE_SIZE] = {2};
	const uint8_t cookie[MIGHTY_COOKIE_SIZE] = {3}, nonce[AEAD_NONCE_SIZE] = {4};
	struct parameters taken;
	struct mighty_keys keys;
	struct mighty_confirmation confirmation;
	struct message *genuine = fixed.genuine;
	uint16_t forgotten;
	fixed.random = (struct random_source){counted_fill, &fixed.seed};
	fixed.pushed.keepalive = 10;
	fixed.offer = (struct mighty_offer){7, both_ciphers, sizeof both_ciphers, &fixed.pushed};
	expect(!mighty_psk_init(&fixed.psk, secret));
	expect(!mighty_client_init(&fixed.client, &fixed.psk, instance, both_ciphers,
							   sizeof both_ciphers));
	genuine[HELLO].size = MIGHTY_CLIENT_HELLO_SIZE;
	expect(!mighty_client_start(&fixed.client, &fixed.random, 9, 1700000000000, genuine[HELLO].data,
								&forgotten));
	expect(!mighty_decode_client_hello(genuine[HELLO].data, genuine[HELLO].size, &fixed.hello));
	genuine[COOKIE_ANSWER].size = MIGHTY_COOKIE_ANSWER_SIZE;
	expect(!mighty_answer_cookie(&fixed.psk, &fixed.hello, cookie, genuine[COOKIE_ANSWER].data));
	expect(!mighty_respond(&fixed.psk, &fixed.hello, &fixed.random, &fixed.offer,
						   genuine[SERVER_HELLO].data, &genuine[SERVER_HELLO].size, &keys,
						   &fixed.at_server));
	expect(!mighty_client_finish(&fixed.client, genuine[SERVER_HELLO].data,
								 genuine[SERVER_HELLO].size, &taken, &keys, &confirmation));
	genuine[FINALIZE].size = MIGHTY_FINALIZE_SIZE;
	expect(!mighty_finalize_make(&confirmation, nonce, genuine[FINALIZE].data));
	fixed.ready = true;
}

/* Right as far as a holder of the PSK can make it so. */
static void put_mac(unsigned which, struct message *message) {
	uint8_t mac[MIGHTY_MAC_SIZE], digest[HASH_SIZE];
	const struct slice asked =
		slice_of(fixed.genuine[HELLO].data + MIGHTY_HEADER_SIZE, MIGHTY_CLIENT_HELLO_CONTENT_SIZE);
	const uint8_t *keys[] = {fixed.psk.hello_key, fixed.psk.cookie_key, fixed.psk.reply_key};
	const size_t ends[] = {MIGHTY_CLIENT_HELLO_SIZE - MIGHTY_MAC_SIZE,
						   MIGHTY_HEADER_SIZE + MIGHTY_COOKIE_ANSWER_PLAIN_SIZE,
						   MIGHTY_HEADER_SIZE + MIGHTY_SERVER_HELLO_PLAIN_SIZE};
	if (which == FINALIZE || message->size < ends[which] + sizeof mac)
		return;
	expect(!hash_digest(HASH_SHA256, &asked, 1, digest));
	const struct slice parts[] = {
		slice_of(message->data, MIGHTY_HEADER_SIZE),
		slice_of(digest, which == HELLO ? 0 : sizeof digest),
		slice_of(message->data + MIGHTY_HEADER_SIZE, ends[which] - MIGHTY_HEADER_SIZE)};
	expect(!hash_hmac(HASH_SHA256, slice_of(keys[which], HASH_SIZE), parts, 3, mac));
	memcpy(message->data + ends[which], mac, sizeof mac);
}

/* The server answers whom it believes, with no more than it got. */
static bool try_hello(const struct message *message) {
	struct mighty_client_hello hello;
	uint8_t out[MIGHTY_SERVER_HELLO_SIZE_MAX];
	size_t size = 0;
	struct mighty_keys keys;
	struct mighty_confirmation confirmation;
	if (mighty_decode_client_hello(message->data, message->size, &hello) ||
		mighty_accept(&fixed.psk, &hello))
		return false;
	const enum err error = mighty_respond(&fixed.psk, &hello, &fixed.random, &fixed.offer, out,
										  &size, &keys, &confirmation);
	expect(error == ERR_OK || error == ERR_CRYPTO || error == ERR_UNSUPPORTED);
	if (!error) {
		expect(size <= message->size && mighty_classify(out, size) == MIGHTY_RESPONSE);
		expect(keys.remote_id == hello.session_id && keys.local_id == fixed.offer.session_id);
	}
	return true;
}

static bool try_cookie_answer(const struct message *message) {
	struct mighty_client client = fixed.client;
	struct mighty_client_hello again;
	uint8_t out[MIGHTY_CLIENT_HELLO_SIZE];
	if (mighty_client_take_cookie(&client, message->data, message->size, out)) {
		expect(memcmp(&client, &fixed.client, sizeof client) == 0);
		return false;
	}
	expect(!mighty_decode_client_hello(out, sizeof out, &again) && again.has_cookie);
	expect(!mighty_accept(&fixed.psk, &again));
	expect(memcmp(again.random, fixed.hello.random, sizeof again.random) == 0);
	return true;
}

static bool try_server_hello(const struct message *message) {
	static struct parameters taken, before;
	struct mighty_keys keys;
	struct mighty_confirmation confirmation;
	memset(&taken, 0xa5, sizeof taken);
	memcpy(&before, &taken, sizeof taken);
	if (!mighty_client_finish(&fixed.client, message->data, message->size, &taken, &keys,
							  &confirmation))
		return true;
	expect(memcmp(&taken, &before, sizeof taken) == 0);
	return false;
}

static bool try_message(unsigned which, const struct message *message) {
	switch (which) {
	case HELLO:
		return try_hello(message);
	case COOKIE_ANSWER:
		return try_cookie_answer(message);
	case SERVER_HELLO:
		return try_server_hello(message);
	default:
		return mighty_finalize_check(&fixed.at_server, message->data, message->size) == ERR_OK;
	}
}

static bool is_genuine(unsigned which, const struct message *message) {
	const struct message *genuine = &fixed.genuine[which];
	return message->size == genuine->size &&
		   memcmp(message->data, genuine->data, message->size) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct message message;
	if (size < 3)
		return 0;
	if (!fixed.ready)
		make_fixed();
	fixed.seed = 100;
	const unsigned which = data[0] % MESSAGES, kind = data[1] % KINDS;
	message = fixed.genuine[which];
	if (kind == RAW) {
		message.size = size - 2 < ROOM ? size - 2 : ROOM;
		memcpy(message.data, data + 2, message.size);
	} else {
		const size_t changed = message.size + (size_t)(int8_t)data[2];
		message.size = changed < ROOM ? changed : 0;
		for (size_t i = 3; i < size && i - 3 < message.size; i++)
			message.data[i - 3] ^= data[i];
		if (kind == KEYED)
			put_mac(which, &message);
	}
	const bool taken = try_message(which, &message);
	if (kind != KEYED || which == FINALIZE || which == SERVER_HELLO)
		expect(taken == is_genuine(which, &message));
	if (is_genuine(which, &message))
		expect(taken);
	return 0;
}
