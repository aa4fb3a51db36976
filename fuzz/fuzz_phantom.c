/* A fixed client and a fixed server, each against a peer who follows a script. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "expect.h"
#include "handshake/phantom.h"

/*
 * Input: a byte that chooses what the peer knows, then what he makes of it:
 *   0, 1   nothing: the rest is message 1 or 2, as it comes from the network
 *   2, 3   the genuine message, over which the rest is XORed; it grows or shrinks by the first byte
 *   4, 5   all keys: the rest is the payload that he seals, a hello or not
 * A message is accepted exactly when it is genuine, or its payload is a hello.
 */
enum { RAW_FIRST, RAW_SECOND, MASKED_FIRST, MASKED_SECOND, SEALED_FIRST, SEALED_SECOND, KINDS };

static struct {
	bool ready;
	struct noise_ik_identity client, server;
	struct phantom_channel channel;
	struct phantom_pending pending;
	struct phantom_opened opened;
	struct phantom_keys client_keys, server_keys;
	uint8_t first[PHANTOM_FIRST_SIZE_MAX], second[PHANTOM_SECOND_SIZE_MAX];
	size_t first_size, second_size;
	struct random_source random;
	uint8_t seed;
} fixed;

static void counted_fill(void *context, void *out_data, size_t size) {
	uint8_t *seed = context;
	memset(out_data, ++*seed, size);
}

static void make_fixed(void) {
	uint8_t key[X25519_KEY_SIZE];
	fixed.random = (struct random_source){counted_fill, &fixed.seed};
	random_fill(&fixed.random, key, sizeof key);
	expect(!noise_ik_identity_init(&fixed.client, key));
	random_fill(&fixed.random, key, sizeof key);
	expect(!noise_ik_identity_init(&fixed.server, key));
	random_fill(&fixed.random, fixed.channel.exporter, sizeof fixed.channel.exporter);
	const struct phantom_offer offer = {true, 1700000000000, 7};
	expect(!phantom_initiate(&fixed.client, fixed.server.public_key, &fixed.channel, &fixed.random,
							 &offer, fixed.first, sizeof fixed.first, &fixed.first_size,
							 &fixed.pending));
	expect(!phantom_accept(&fixed.server, &fixed.channel, slice_of(fixed.first, fixed.first_size),
						   &fixed.opened));
	expect(!phantom_respond(&fixed.opened, &fixed.random, &offer, fixed.second, sizeof fixed.second,
							&fixed.second_size, &fixed.server_keys));
	fixed.ready = true;
}

static void try_first(const uint8_t *data, size_t size, bool good) {
	struct phantom_opened opened, before;
	memset(&opened, 0xa5, sizeof opened);
	memcpy(&before, &opened, sizeof opened);
	enum err error = phantom_accept(&fixed.server, &fixed.channel, slice_of(data, size), &opened);
	expect(error == (good ? ERR_OK : ERR_AUTHENTICATION));
	if (error)
		expect(memcmp(&opened, &before, sizeof opened) == 0);
	else
		expect(memcmp(opened.ik.public_key, fixed.client.public_key, X25519_KEY_SIZE) == 0);
}

static void try_second(const uint8_t *data, size_t size, bool good) {
	struct phantom_hello hello;
	struct phantom_pending pending = fixed.pending;
	struct phantom_keys keys, before;
	memset(&keys, 0xa5, sizeof keys);
	memcpy(&before, &keys, sizeof keys);
	enum err error = phantom_finish(&fixed.client, &pending, slice_of(data, size), &hello, &keys);
	expect(error == (good ? ERR_OK : ERR_AUTHENTICATION));
	expect(memcmp(&pending, &fixed.pending, sizeof pending) == 0);
	if (error)
		expect(memcmp(&keys, &before, sizeof keys) == 0);
}

static bool is_genuine(const uint8_t *data, size_t size, const uint8_t *genuine,
					   size_t genuine_size) {
	return size == genuine_size && memcmp(data, genuine, size) == 0;
}

/* The genuine message changed; returns its new size, at most the room. */
static size_t mask(uint8_t *message, size_t message_size, size_t room, const uint8_t *data,
				   size_t size) {
	if (size == 0)
		return message_size;
	size_t changed_size = message_size + (size_t)(int8_t)data[0];
	for (size_t i = 1; i < size && i <= message_size; i++)
		message[i - 1] ^= data[i];
	return changed_size < room ? changed_size : room;
}

static void try_sealed(bool first, struct slice payload) {
	uint8_t message[NOISE_IK_FIRST_OVERHEAD + PHANTOM_HELLO_SIZE_MAX + 16];
	uint8_t prologue[PHANTOM_PROLOGUE_SIZE];
	size_t size;
	struct phantom_hello hello;
	struct phantom_pending pending;
	struct noise_ik_keys keys;
	if (payload.size > PHANTOM_HELLO_SIZE_MAX + 16)
		return;
	bool good = !phantom_hello_decode(payload, &hello);
	expect(!phantom_prologue(fixed.channel.carrier, fixed.channel.exporter, prologue));
	if (first) {
		expect(!noise_ik_initiate(&fixed.client, fixed.server.public_key,
								  slice_of(prologue, sizeof prologue), &fixed.random, payload,
								  message, sizeof message, &size, &pending.ik));
		try_first(message, size, good);
	} else {
		expect(!noise_ik_respond(&fixed.opened.ik, &fixed.random, payload, message, sizeof message,
								 &size, &keys));
		try_second(message, size, good);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (size == 0)
		return 0;
	if (!fixed.ready)
		make_fixed();
	fixed.seed = 100;
	const unsigned kind = data[0] % KINDS;
	data++;
	size--;
	uint8_t first[sizeof fixed.first], second[sizeof fixed.second];
	switch (kind) {
	case RAW_FIRST:
		try_first(data, size, is_genuine(data, size, fixed.first, fixed.first_size));
		break;
	case RAW_SECOND:
		try_second(data, size, is_genuine(data, size, fixed.second, fixed.second_size));
		break;
	case MASKED_FIRST:
		memcpy(first, fixed.first, sizeof first);
		size = mask(first, fixed.first_size, sizeof first, data, size);
		try_first(first, size, is_genuine(first, size, fixed.first, fixed.first_size));
		break;
	case MASKED_SECOND:
		memcpy(second, fixed.second, sizeof second);
		size = mask(second, fixed.second_size, sizeof second, data, size);
		try_second(second, size, is_genuine(second, size, fixed.second, fixed.second_size));
		break;
	default:
		try_sealed(kind == SEALED_FIRST, slice_of(data, size));
		break;
	}
	return 0;
}
