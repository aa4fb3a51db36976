#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "../../vectors/stream_cipher.h"
#include "base/clock.h"
#include "crypto/hash.h"
#include "crypto/keystream.h"
#include "stream/cipher.h"
#include "wire/stream_frame.h"

enum {
	VECTORS = sizeof stream_cipher_sizes / sizeof stream_cipher_sizes[0],
	FRAMES_MAX = 400,
	CARRIER_MAX = 2 << 20,
	BORN = 1000, /* a time in ns */
};

/* The end that seals and the one that opens, with what travels between them. */
struct pair {
	struct aead_worker *worker;
	struct cipher *sealer, *opener;
	uint8_t *plain, *carrier; /* the frames one behind the other; the same sealed */
	size_t plain_size, carrier_size;
	size_t ends[FRAMES_MAX], carrier_ends[FRAMES_MAX], count;
	uint64_t seed;
};

static const char *backend_name; /* of this run */

/* xorshift64; a fixed sequence, so that a failure comes back. */
static uint64_t next_random(struct pair *pair) {
	pair->seed ^= pair->seed << 13;
	pair->seed ^= pair->seed >> 7;
	pair->seed ^= pair->seed << 17;
	return pair->seed >> 16;
}

static struct cipher_setup setup_of(const struct cipher_rules *rules) {
	struct cipher_setup setup = {.backend = aead_backend_find(backend_name), .rules = rules};
	memcpy(setup.key, stream_cipher_key, sizeof setup.key);
	memcpy(setup.handshake_hash, stream_cipher_handshake_hash, sizeof setup.handshake_hash);
	return setup;
}

static void pair_init(struct pair *pair, const struct cipher_rules *rules) {
	struct cipher_setup setup = setup_of(rules);
	*pair = (struct pair){.seed = 7};
	assert_int_equal(aead_worker_new(setup.backend, &pair->worker), ERR_OK);
	assert_int_equal(cipher_new(&setup, BORN, &pair->sealer), ERR_OK);
	assert_int_equal(cipher_new(&setup, BORN, &pair->opener), ERR_OK);
	pair->plain = malloc(CARRIER_MAX);
	pair->carrier = malloc(CARRIER_MAX);
	assert_non_null(pair->plain);
	assert_non_null(pair->carrier);
}

static void pair_done(struct pair *pair) {
	cipher_free(pair->sealer);
	cipher_free(pair->opener);
	aead_worker_free(pair->worker);
	free(pair->plain);
	free(pair->carrier);
}

/* Lays a frame down, not yet sealed. */
static void put(struct pair *pair, const uint8_t *frame, size_t size) {
	assert_true(pair->count < FRAMES_MAX);
	assert_true(pair->carrier_size + size + CIPHER_OVERHEAD <= CARRIER_MAX);
	memcpy(pair->plain + pair->plain_size, frame, size);
	memcpy(pair->carrier + pair->carrier_size + CIPHER_LENGTH_SIZE, frame, size);
	pair->plain_size += size;
	pair->carrier_size += size + CIPHER_OVERHEAD;
	pair->ends[pair->count] = pair->plain_size;
	pair->carrier_ends[pair->count++] = pair->carrier_size;
}

/* Seals the frames from the first on, in one call. */
static enum err seal_from(struct pair *pair, size_t first) {
	size_t sizes[FRAMES_MAX];
	for (size_t i = first; i < pair->count; i++)
		sizes[i - first] = pair->ends[i] - (i > 0 ? pair->ends[i - 1] : 0);
	size_t at = first > 0 ? pair->carrier_ends[first - 1] : 0;
	return cipher_seal(pair->sealer, pair->worker, pair->carrier + at, sizes, pair->count - first);
}

static void put_and_seal(struct pair *pair, const uint8_t *frame, size_t size) {
	put(pair, frame, size);
	assert_int_equal(seal_from(pair, pair->count - 1), ERR_OK);
}

/* A frame of that type, padded to size. */
static size_t make_frame(uint8_t *out_frame, uint8_t type, size_t size) {
	memset(out_frame, (int)size, size);
	memset(out_frame, 0, STREAM_FRAME_HEADER_SIZE);
	out_frame[0] = type;
	out_frame[4] = (uint8_t)((size - STREAM_FRAME_HEADER_SIZE) >> 8);
	out_frame[5] = (uint8_t)(size - STREAM_FRAME_HEADER_SIZE);
	return size;
}

static void put_and_rekey(struct pair *pair) {
	uint8_t frame[64];
	put_and_seal(pair, frame, make_frame(frame, STREAM_FRAME_KEY_UPDATE, 7));
	assert_int_equal(cipher_rekey(pair->sealer, BORN), ERR_OK);
}

/* Hands the opener the next chunk, on the heap and of its size; checks what comes out of it. */
static enum err open_chunk(struct pair *pair, size_t begin, size_t size, size_t *opened) {
	uint8_t *chunk = malloc(size > 0 ? size : 1);
	assert_non_null(chunk);
	memcpy(chunk, pair->carrier + begin, size);
	enum err error = ERR_OK;
	for (size_t at = 0; at < size;) {
		struct cipher_frames found = {.used = 77};
		error = cipher_open(pair->opener, pair->worker, chunk + at, size - at, &found);
		if (error != ERR_OK) {
			assert_int_equal(found.used, 77);
			break;
		}
		assert_true(found.used <= size - at);
		assert_true(found.count > 0 || found.used == size - at);
		for (size_t i = 0; i < found.count; i++, ++*opened) {
			assert_true(*opened < pair->count);
			size_t first = *opened > 0 ? pair->ends[*opened - 1] : 0;
			assert_int_equal(found.frames[i].size, pair->ends[*opened] - first);
			assert_memory_equal(found.frames[i].data, pair->plain + first, found.frames[i].size);
		}
		at += found.used;
	}
	free(chunk);
	return error;
}

static void vectors(void **state) {
	struct pair pair;
	pair_init(&pair, &cipher_rules);
	const uint8_t *plain = stream_cipher_plain;
	for (size_t i = 0; i < VECTORS; plain += stream_cipher_sizes[i++]) {
		put_and_seal(&pair, plain, stream_cipher_sizes[i]);
		if (plain[0] == STREAM_FRAME_KEY_UPDATE)
			assert_int_equal(cipher_rekey(pair.sealer, BORN), ERR_OK);
	}
	assert_int_equal(pair.carrier_size, sizeof stream_cipher_wire);
	assert_memory_equal(pair.carrier, stream_cipher_wire, sizeof stream_cipher_wire);
	size_t opened = 0;
	assert_int_equal(open_chunk(&pair, 0, pair.carrier_size, &opened), ERR_OK);
	assert_int_equal(opened, VECTORS);
	pair_done(&pair);
}

/* Far into the keystream of the masks, sealed in calls of many sizes. */
static void many_frames(void **state) {
	struct pair pair;
	pair_init(&pair, &cipher_rules);
	struct slice all[FRAMES_MAX];
	size_t opened = 0, parts = 0, done = 0;
	for (size_t batch = 1; done < 1000; batch = batch % 70 + 9) {
		size_t first = pair.count;
		for (size_t i = 0; i < batch && done < 1000; i++, done++) {
			uint8_t frame[STREAM_FRAME_HEADER_SIZE + 50];
			size_t size = make_frame(frame, STREAM_FRAME_PADDING, 7 + done % 50);
			memset(frame + 7, (uint8_t)done, done % 50);
			put(&pair, frame, size);
		}
		size_t begin = first > 0 ? pair.carrier_ends[first - 1] : 0;
		assert_int_equal(seal_from(&pair, first), ERR_OK);
		all[parts++] = slice_of(pair.carrier + begin, pair.carrier_size - begin);
		assert_int_equal(open_chunk(&pair, begin, pair.carrier_size - begin, &opened), ERR_OK);
		assert_int_equal(opened, pair.count);
		if (pair.count > FRAMES_MAX - 80) {
			/* The digest takes the sealed bytes as they lie; only the records of them are full. */
			memmove(pair.ends, pair.ends + pair.count - 1, sizeof pair.ends[0]);
			memmove(pair.carrier_ends, pair.carrier_ends + pair.count - 1, sizeof pair.ends[0]);
			pair.count = opened = 1;
		}
	}
	uint8_t digest[HASH_SIZE];
	assert_int_equal(hash_digest(HASH_SHA256, all, parts, digest), ERR_OK);
	assert_memory_equal(digest, stream_cipher_many, sizeof digest);
	pair_done(&pair);
}

/* Frames of all sizes and new keys among them, in chunks of all sizes. */
static void any_chunking(void **state) {
	static uint8_t frame[STREAM_FRAME_SIZE_MAX];
	static const size_t largest[] = {1, 2, 3, 19, 300, 5000, 16384, 200000, CARRIER_MAX};
	for (size_t run = 0; run < sizeof largest / sizeof largest[0]; run++) {
		struct pair pair;
		pair_init(&pair, &cipher_rules);
		pair.seed += run;
		while (pair.count < 120) {
			uint64_t choice = next_random(&pair) % 16;
			size_t size = 7 + next_random(&pair) % (choice < 10 ? 60 : choice < 15 ? 3000 : 65529);
			if (choice == 9)
				put_and_rekey(&pair);
			else if (pair.carrier_size + size + CIPHER_OVERHEAD < CARRIER_MAX)
				put_and_seal(&pair, frame, make_frame(frame, STREAM_FRAME_DATA, size));
		}
		size_t opened = 0, size;
		for (size_t at = 0; at < pair.carrier_size; at += size) {
			size = 1 + next_random(&pair) % largest[run];
			if (size > pair.carrier_size - at)
				size = pair.carrier_size - at;
			assert_int_equal(open_chunk(&pair, at, size, &opened), ERR_OK);
			/* All that is whole has come out. */
			assert_true(opened == pair.count || pair.carrier_ends[opened] > at + size);
		}
		assert_int_equal(opened, pair.count);
		assert_int_equal(open_chunk(&pair, 0, 0, &opened), ERR_OK);
		pair_done(&pair);
	}
}

static void key_updates_of_every_size(void **state) {
	static uint8_t frame[1000];
	for (size_t size = 7; size <= 7 + 255; size++) {
		struct pair pair;
		pair_init(&pair, &cipher_rules);
		put_and_seal(&pair, frame, make_frame(frame, STREAM_FRAME_DATA, 700));
		put_and_seal(&pair, frame, make_frame(frame, STREAM_FRAME_KEY_UPDATE, size));
		assert_int_equal(cipher_rekey(pair.sealer, BORN), ERR_OK);
		put_and_seal(&pair, frame, make_frame(frame, STREAM_FRAME_DATA, 700));
		size_t opened = 0;
		assert_int_equal(open_chunk(&pair, 0, pair.carrier_size, &opened), ERR_OK);
		assert_int_equal(opened, 3);
		pair_done(&pair);
	}
	/* No such frame can be larger: this one is against the rules, which its reader will see. */
	struct pair pair;
	pair_init(&pair, &cipher_rules);
	put_and_seal(&pair, frame, make_frame(frame, STREAM_FRAME_KEY_UPDATE, 7 + 256));
	put_and_seal(&pair, frame, make_frame(frame, STREAM_FRAME_DATA, 700));
	size_t opened = 0;
	size_t end = pair.carrier_ends[0]; /* what comes alone is the last of its batch, too */
	assert_int_equal(open_chunk(&pair, 0, end, &opened), ERR_OK);
	assert_int_equal(open_chunk(&pair, end, pair.carrier_size - end, &opened), ERR_OK);
	assert_int_equal(opened, 2);
	pair_done(&pair);
}

/* Every bit of the second of three frames: the first comes out, nothing more ever does. */
static void forgeries(void **state) {
	uint8_t frame[300];
	for (size_t chunk = 1; chunk <= 400; chunk += 399) {
		struct pair pair;
		for (size_t bit = 0;; bit++) {
			pair_init(&pair, &cipher_rules);
			put_and_seal(&pair, frame, make_frame(frame, STREAM_FRAME_DATA, 270));
			put_and_seal(&pair, frame, make_frame(frame, STREAM_FRAME_DATA, 20));
			size_t begin = pair.carrier_ends[0], end = pair.carrier_ends[1];
			if (bit == 8 * (end - begin))
				break;
			/* Enough behind it for any length that the flipped bits may say. */
			while (pair.carrier_size < end + STREAM_FRAME_SIZE_MAX + CIPHER_OVERHEAD)
				put_and_seal(&pair, frame, make_frame(frame, STREAM_FRAME_DATA, 300));
			pair.carrier[begin + bit / 8] ^= (uint8_t)(1 << bit % 8);
			size_t opened = 0;
			enum err error = ERR_OK;
			for (size_t at = 0; at < pair.carrier_size && !error; at += chunk) {
				size_t left = pair.carrier_size - at;
				error = open_chunk(&pair, at, left < chunk ? left : chunk, &opened);
			}
			assert_int_equal(error, ERR_AUTHENTICATION);
			assert_int_equal(opened, 1);
			assert_int_equal(open_chunk(&pair, end, 1, &opened), ERR_AUTHENTICATION);
			pair_done(&pair);
			if (chunk == 1 && bit >= 40) /* these cost more, and the rest is alike */
				bit += 7;
		}
		pair_done(&pair);
	}
}

/* Seals by hand what no sealer would: a frame smaller than its header. */
static void seal_small(const struct cipher_setup *setup, uint8_t *out_carrier, size_t size) {
	static const uint8_t plain[STREAM_FRAME_HEADER_SIZE];
	uint8_t length_key[AEAD_KEY_SIZE], mask[2];
	assert_int_equal(hash_hkdf(HASH_SHA256, slice_of(setup->handshake_hash, HASH_SIZE),
							   slice_of(setup->key, AEAD_KEY_SIZE),
							   slice_of_text(STREAM_FRAME_LENGTH_LABEL), length_key,
							   sizeof length_key),
					 ERR_OK);
	assert_int_equal(keystream_chacha20(length_key, 0, mask, sizeof mask), ERR_OK);
	out_carrier[0] = mask[0];
	out_carrier[1] = (uint8_t)(mask[1] ^ size);
	assert_int_equal(aead_seal(setup->key, 0, out_carrier, 2, plain, size, out_carrier + 2),
					 ERR_OK);
}

/* Even an authentic one is refused like a forged one: once all of it is there, and not before. */
static void frames_smaller_than_a_header(void **state) {
	for (size_t size = 0; size <= STREAM_FRAME_HEADER_SIZE; size++) {
		struct pair pair;
		pair_init(&pair, &cipher_rules);
		struct cipher_setup setup = setup_of(&cipher_rules);
		size_t opened = 0, all = size + CIPHER_OVERHEAD;
		seal_small(&setup, pair.carrier, size);
		for (size_t at = 0; at + 1 < all; at++)
			assert_int_equal(open_chunk(&pair, at, 1, &opened), ERR_OK);
		struct cipher_frames found;
		assert_int_equal(cipher_open(pair.opener, pair.worker, pair.carrier + all - 1, 1, &found),
						 size < STREAM_FRAME_HEADER_SIZE ? ERR_AUTHENTICATION : ERR_OK);
		pair_done(&pair);
	}
}

static void one_who_is_cut_off_or_replayed(void **state) {
	struct pair pair;
	uint8_t frame[100];
	size_t opened = 0;
	pair_init(&pair, &cipher_rules);
	put_and_seal(&pair, frame, make_frame(frame, STREAM_FRAME_DATA, 100));
	put_and_seal(&pair, frame, make_frame(frame, STREAM_FRAME_DATA, 100));
	assert_int_equal(open_chunk(&pair, 0, pair.carrier_ends[0], &opened), ERR_OK);
	assert_int_equal(opened, 1);
	/* The same again: for now no more than the beginning of something, then a forgery. */
	enum err error = ERR_OK;
	for (size_t i = 0; i < 1000 && !error; i++)
		error = open_chunk(&pair, 0, pair.carrier_ends[0], &opened);
	assert_int_equal(error, ERR_AUTHENTICATION);
	assert_int_equal(opened, 1);
	pair_done(&pair);
}

static void refused_to_seal(void **state) {
	static const struct cipher_rules rules = {.rekey_frames = 2, .rekey_age = 50, .frames_max = 5};
	static const size_t tiny[] = {7, 6, 7}, huge[] = {7, 65536, 7}, good[] = {7, 7, 7, 7};
	uint8_t data[4 * (7 + CIPHER_OVERHEAD)] = {0}, before[sizeof data] = {0};
	struct pair pair;
	pair_init(&pair, &rules);
	assert_int_equal(cipher_seal(pair.sealer, pair.worker, data, tiny, 3), ERR_INVALID);
	assert_int_equal(cipher_seal(pair.sealer, pair.worker, data, huge, 3), ERR_INVALID);
	assert_int_equal(cipher_seal(pair.sealer, pair.worker, data, good, 0), ERR_OK);
	assert_memory_equal(data, before, sizeof data);
	assert_int_equal(cipher_seal(pair.sealer, pair.worker, data, good, 4), ERR_OK);
	memset(data, 0, sizeof data);
	assert_int_equal(cipher_seal(pair.sealer, pair.worker, data, good, 2), ERR_EXPIRED);
	assert_memory_equal(data, before, sizeof data);
	assert_int_equal(cipher_seal(pair.sealer, pair.worker, data, good, 1), ERR_OK);
	assert_int_equal(cipher_seal(pair.sealer, pair.worker, data, good, 1), ERR_EXPIRED);
	assert_int_equal(cipher_rekey(pair.sealer, BORN), ERR_OK);
	assert_int_equal(cipher_seal(pair.sealer, pair.worker, data, good, 4), ERR_OK);
	pair_done(&pair);

	static const struct cipher_rules more = {.frames_max = (UINT64_C(1) << 37) + 1};
	struct cipher_setup setup = setup_of(&more);
	struct cipher *cipher = NULL;
	assert_int_equal(cipher_new(&setup, BORN, &cipher), ERR_INVALID);
	assert_null(cipher);
	cipher_free(NULL);
}

static void a_new_key_is_due(void **state) {
	static const struct cipher_rules rules = {.rekey_frames = 2, .rekey_age = 50, .frames_max = 5};
	struct pair pair;
	uint8_t frame[7];
	size_t opened = 0;
	pair_init(&pair, &rules);
	assert_int_equal(cipher_rekey_time(pair.sealer), BORN + 50);
	assert_false(cipher_is_rekey_due(pair.sealer, BORN + 49));
	assert_true(cipher_is_rekey_due(pair.sealer, BORN + 50));
	put_and_seal(&pair, frame, make_frame(frame, STREAM_FRAME_DATA, 7));
	assert_false(cipher_is_rekey_due(pair.sealer, BORN));
	put_and_rekey(&pair);
	assert_false(cipher_is_rekey_due(pair.sealer, BORN));
	put_and_seal(&pair, frame, make_frame(frame, STREAM_FRAME_DATA, 7));
	put_and_seal(&pair, frame, make_frame(frame, STREAM_FRAME_DATA, 7));
	assert_true(cipher_is_rekey_due(pair.sealer, BORN));
	assert_int_equal(cipher_rekey(pair.sealer, BORN + 7), ERR_OK);
	assert_false(cipher_is_rekey_due(pair.sealer, BORN + 56));
	assert_true(cipher_is_rekey_due(pair.sealer, BORN + 57));

	pair_done(&pair);

	/* Who never comes with a new key is not listened to for ever. */
	pair_init(&pair, &cipher_rules);
	struct cipher_setup setup = setup_of(&rules);
	cipher_free(pair.opener);
	assert_int_equal(cipher_new(&setup, BORN, &pair.opener), ERR_OK);
	for (size_t i = 0; i < 6; i++)
		put_and_seal(&pair, frame, make_frame(frame, STREAM_FRAME_DATA, 7));
	opened = 0;
	assert_int_equal(open_chunk(&pair, 0, pair.carrier_size, &opened), ERR_EXPIRED);
	assert_int_equal(opened, 5);
	assert_int_equal(open_chunk(&pair, 0, 1, &opened), ERR_EXPIRED);
	pair_done(&pair);
}

static void the_rules(void **state) {
	assert_true(cipher_rules.rekey_frames == UINT64_C(4294967296));
	assert_true(cipher_rules.rekey_age == 24 * 60 * 60 * CLOCK_SECOND);
	assert_true(cipher_rules.frames_max > cipher_rules.rekey_frames);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors),
		cmocka_unit_test(many_frames),
		cmocka_unit_test(any_chunking),
		cmocka_unit_test(key_updates_of_every_size),
		cmocka_unit_test(forgeries),
		cmocka_unit_test(frames_smaller_than_a_header),
		cmocka_unit_test(one_who_is_cut_off_or_replayed),
		cmocka_unit_test(refused_to_seal),
		cmocka_unit_test(a_new_key_is_due),
		cmocka_unit_test(the_rules),
	};
	static const char *const backends[] = {"openssl", "ipsec-mb"};
	int failed = 0;
	for (size_t i = 0; i < sizeof backends / sizeof backends[0]; i++) {
		backend_name = backends[i];
		if (aead_backend_find(backend_name) == NULL)
			print_message("this machine or build has no %s\n", backend_name);
		else
			failed += cmocka_run_group_tests_name(backend_name, tests, NULL, NULL);
	}
	return failed;
}
