#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "crypto/aead.h"

/* Batches: all back ends against each other, every size, forgeries, and the edges of memory. */

enum {
	KEYS = 4, /* two of each algorithm */
	BATCH_MAX = 70,
	SIZE_MAX_SWEPT = 300,
	DATA_MAX = 64,
	SLOT = SIZE_MAX_SWEPT + AEAD_TAG_SIZE,
	GUARDED = 4096,
};

static const char *const names[] = {"openssl", "ipsec-mb"};
enum { BACKENDS = sizeof names / sizeof names[0] };

struct side {
	const struct aead_backend *backend; /* NULL: not on this machine */
	struct aead_worker *worker;
	struct aead_key keys[KEYS];
};

static struct side sides[BACKENDS];

/* xorshift64; a fixed sequence, so that a failure comes back. */
static uint64_t next_random(uint64_t *seed) {
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static void fill_random(uint64_t *seed, uint8_t *out_data, size_t size) {
	for (size_t i = 0; i < size; i++)
		out_data[i] = (uint8_t)(next_random(seed) >> 32);
}

static int setup(void **state) {
	for (size_t b = 0; b < BACKENDS; b++) {
		struct side *side = &sides[b];
		side->backend = aead_backend_find(names[b]);
		if (side->backend == NULL) {
			print_message("this machine or build has no %s\n", names[b]);
			continue;
		}
		assert_int_equal(aead_worker_new(side->backend, &side->worker), ERR_OK);
		uint64_t seed = 77;
		for (size_t k = 0; k < KEYS; k++) {
			uint8_t bytes[AEAD_KEY_SIZE];
			fill_random(&seed, bytes, sizeof bytes);
			enum aead_algorithm algorithm = k % 2 ? AEAD_AES_256_GCM : AEAD_CHACHA20_POLY1305;
			assert_int_equal(aead_key_init(&side->keys[k], side->backend, algorithm, bytes),
							 ERR_OK);
		}
	}
	return 0;
}

static int teardown(void **state) {
	for (size_t b = 0; b < BACKENDS; b++) {
		for (size_t k = 0; k < KEYS; k++)
			aead_key_done(&sides[b].keys[k]);
		aead_worker_free(sides[b].worker);
	}
	return 0;
}

/* Jobs of a batch and the memory they name. */
struct batch {
	struct aead_job jobs[BATCH_MAX];
	size_t key_of[BATCH_MAX];
	uint8_t plain[BATCH_MAX][SLOT], sealed[BATCH_MAX][SLOT], opened[BATCH_MAX][SLOT];
	uint8_t data[BATCH_MAX][DATA_MAX];
};

static void name_keys(struct batch *batch, const struct side *side, size_t count) {
	for (size_t i = 0; i < count; i++)
		batch->jobs[i].key = &side->keys[batch->key_of[i]];
}

/* job i: any key, given size or a random one, associated data of i bytes modulo 65. */
static void make_batch(struct batch *batch, size_t count, int size, uint64_t *seed) {
	memset(batch, 0, sizeof *batch);
	for (size_t i = 0; i < count; i++) {
		struct aead_job *job = &batch->jobs[i];
		fill_random(seed, batch->plain[i], SLOT);
		fill_random(seed, batch->data[i], DATA_MAX);
		fill_random(seed, job->nonce, sizeof job->nonce);
		batch->key_of[i] = next_random(seed) % KEYS;
		job->size = size >= 0 ? (uint32_t)size : (uint32_t)(next_random(seed) % 301);
		job->associated_data_size = (uint32_t)(i % (DATA_MAX + 1));
		job->associated_data = job->associated_data_size > 0 ? batch->data[i] : NULL;
		job->source = batch->plain[i];
		job->destination = batch->sealed[i];
	}
}

static void seal_batch(struct batch *batch, struct side *side, size_t count) {
	name_keys(batch, side, count);
	assert_int_equal(aead_seal_many(side->worker, batch->jobs, count), ERR_OK);
}

static void open_batch(struct batch *batch, struct side *side, size_t count, bool in_place) {
	name_keys(batch, side, count);
	for (size_t i = 0; i < count; i++) {
		struct aead_job *job = &batch->jobs[i];
		memcpy(batch->opened[i], batch->sealed[i], SLOT);
		job->source = in_place ? batch->opened[i] : batch->sealed[i];
		job->destination = batch->opened[i];
	}
	aead_open_many(side->worker, batch->jobs, count);
}

static void test_names(void **state) {
	assert_null(aead_backend_find("no such"));
	assert_null(aead_backend_find(""));
	assert_non_null(aead_backend_find("openssl"));
	const struct aead_backend *best = aead_backend_find("ipsec-mb");
	assert_ptr_equal(aead_backend_find("auto"), best != NULL ? best : aead_backend_find("openssl"));
}

/* The same bytes from all, for each size and each size of associated data. */
static void test_sizes(void **state) {
	static struct batch first, other;
	uint64_t seed = 1;
	for (int size = 0; size <= SIZE_MAX_SWEPT; size++) {
		uint64_t same = seed;
		make_batch(&first, DATA_MAX + 1, size, &seed);
		seal_batch(&first, &sides[0], DATA_MAX + 1);
		for (size_t b = 0; b < BACKENDS; b++) {
			if (sides[b].backend == NULL)
				continue;
			uint64_t again = same;
			make_batch(&other, DATA_MAX + 1, size, &again);
			seal_batch(&other, &sides[b], DATA_MAX + 1);
			assert_memory_equal(other.sealed, first.sealed, sizeof first.sealed);
			open_batch(&other, &sides[b], DATA_MAX + 1, size % 2 == 0);
			for (size_t i = 0; i <= DATA_MAX; i++) {
				assert_true(other.jobs[i].ok);
				assert_memory_equal(other.opened[i], other.plain[i], (size_t)size);
				/* The rest of the slot, from the tag on, is as it was. */
				assert_memory_equal(other.opened[i] + size, other.sealed[i] + size,
									SLOT - (size_t)size);
			}
		}
	}
}

static void flip_somewhere(struct batch *batch, size_t at, uint64_t *seed) {
	struct aead_job *job = &batch->jobs[at];
	uint8_t bit = (uint8_t)(1U << next_random(seed) % 8);
	switch (next_random(seed) % 4) {
	case 0:
		batch->sealed[at][job->size + next_random(seed) % AEAD_TAG_SIZE] ^= bit;
		return;
	case 1:
		batch->sealed[at][next_random(seed) % (job->size + AEAD_TAG_SIZE)] ^= bit;
		return;
	case 2:
		if (job->associated_data_size > 0)
			batch->data[at][next_random(seed) % job->associated_data_size] ^= bit;
		else
			job->associated_data = (const uint8_t *)"", job->associated_data_size = 1;
		return;
	default:
		job->nonce[next_random(seed) % AEAD_NONCE_SIZE] ^= bit;
		return;
	}
}

/* Batches of 1 to 70 mixed jobs, sealed by one back end and opened by each, one job forged. */
static void test_forgeries(void **state) {
	static struct batch batch;
	uint64_t seed = 2;
	for (size_t count = 1; count <= BATCH_MAX; count++) {
		for (size_t b = 0; b < 2 * BACKENDS; b++) {
			struct side *sealer = &sides[b % 2], *opener = &sides[b / 2];
			if (sealer->backend == NULL || opener->backend == NULL)
				continue;
			make_batch(&batch, count, -1, &seed);
			seal_batch(&batch, sealer, count);
			size_t forged = next_random(&seed) % count;
			flip_somewhere(&batch, forged, &seed);
			open_batch(&batch, opener, count, count % 2 == 0);
			for (size_t i = 0; i < count; i++) {
				assert_int_equal(batch.jobs[i].ok, i != forged);
				if (i != forged)
					assert_memory_equal(batch.opened[i], batch.plain[i], batch.jobs[i].size);
			}
		}
	}
}

/* Every bit of the tag counts. */
static void test_tag_bits(void **state) {
	static struct batch batch;
	for (size_t b = 0; b < BACKENDS; b++) {
		if (sides[b].backend == NULL)
			continue;
		for (size_t k = 0; k < 2; k++) {
			uint64_t seed = 3;
			make_batch(&batch, 1, 100, &seed);
			batch.key_of[0] = k;
			seal_batch(&batch, &sides[b], 1);
			for (size_t bit = 0; bit < 8 * AEAD_TAG_SIZE; bit++) {
				uint8_t *byte = &batch.sealed[0][100 + bit / 8];
				*byte ^= (uint8_t)(1U << bit % 8);
				open_batch(&batch, &sides[b], 1, true);
				assert_false(batch.jobs[0].ok);
				*byte ^= (uint8_t)(1U << bit % 8);
			}
			open_batch(&batch, &sides[b], 1, true);
			assert_true(batch.jobs[0].ok);
		}
	}
}

static void test_large(void **state) {
	static uint8_t plain[65535], sealed[BACKENDS][65535 + AEAD_TAG_SIZE], data[65535];
	uint64_t seed = 4;
	fill_random(&seed, plain, sizeof plain);
	fill_random(&seed, data, sizeof data);
	for (int round = 0; round < 80; round++) {
		struct aead_job job = {.associated_data = data};
		job.size = round < 2 ? 65535 : (uint32_t)(next_random(&seed) % 65536);
		job.associated_data_size = (uint32_t)(next_random(&seed) % (round % 2 ? 65536 : 65));
		fill_random(&seed, job.nonce, sizeof job.nonce);
		for (size_t b = 0; b < BACKENDS; b++) {
			if (sides[b].backend == NULL)
				continue;
			job.key = &sides[b].keys[round % KEYS];
			/* In place, as the data path opens and sometimes seals. */
			memcpy(sealed[b], plain, job.size);
			job.source = job.destination = sealed[b];
			assert_int_equal(aead_seal_many(sides[b].worker, &job, 1), ERR_OK);
			assert_memory_equal(sealed[b], sealed[0], job.size + AEAD_TAG_SIZE);
		}
		for (size_t b = 0; b < BACKENDS; b++) {
			if (sides[b].backend == NULL)
				continue;
			job.key = &sides[b].keys[round % KEYS];
			job.source = job.destination = sealed[b];
			aead_open_many(sides[b].worker, &job, 1);
			assert_true(job.ok);
			assert_memory_equal(sealed[b], plain, job.size);
		}
	}
}

/* A page that ends in front of one that must not be touched. */
static uint8_t *guarded_new(void) {
	uint8_t *pages =
		mmap(NULL, 2 * GUARDED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(pages, MAP_FAILED);
	assert_int_equal(mprotect(pages + GUARDED, GUARDED, PROT_NONE), 0);
	return pages;
}

/* Vector code must not read or write past a packet's end. The sanitizers cannot see assembly. */
static void test_bounds(void **state) {
	uint8_t *source = guarded_new(), *destination = guarded_new(), *data = guarded_new();
	for (size_t b = 0; b < BACKENDS; b++) {
		if (sides[b].backend == NULL)
			continue;
		for (uint32_t size = 0; size <= 600; size++) {
			struct aead_job job = {.key = &sides[b].keys[size / 7 % 2], .size = size};
			job.source = source + GUARDED - size;
			job.destination = destination + GUARDED - size - AEAD_TAG_SIZE;
			job.associated_data_size = size % 70;
			job.associated_data = data + GUARDED - job.associated_data_size;
			destination[GUARDED - size - AEAD_TAG_SIZE - 1] = 0x5a;
			assert_int_equal(aead_seal_many(sides[b].worker, &job, 1), ERR_OK);
			assert_int_equal(destination[GUARDED - size - AEAD_TAG_SIZE - 1], 0x5a);

			job.source = job.destination;
			job.destination = source + GUARDED - size;
			memset(job.destination, 1, size);
			source[GUARDED - size - 1] = 0x5a;
			aead_open_many(sides[b].worker, &job, 1);
			assert_true(job.ok);
			assert_int_equal(source[GUARDED - size - 1], 0x5a);
			for (uint32_t i = 0; i < size; i++)
				assert_int_equal(job.destination[i], 0);
			source[GUARDED - size - 1] = 0;
		}
	}
	munmap(source, 2 * GUARDED);
	munmap(destination, 2 * GUARDED);
	munmap(data, 2 * GUARDED);
}

/* A worker must not take a new key at a freed one's address for the old one. */
static void test_key_at_the_same_address(void **state) {
	for (size_t b = 0; b < BACKENDS; b++) {
		for (int algorithm = 0; algorithm < 2 && sides[b].backend != NULL; algorithm++) {
			uint8_t sealed[2][8 + AEAD_TAG_SIZE];
			for (size_t round = 0; round < 2; round++) {
				static struct aead_key key;
				uint8_t bytes[AEAD_KEY_SIZE] = {(uint8_t)round};
				assert_int_equal(
					aead_key_init(&key, sides[b].backend, (enum aead_algorithm)algorithm, bytes),
					ERR_OK);
				struct aead_job job = {.key = &key, .source = (const uint8_t *)"8 bytes."};
				job.destination = sealed[round];
				job.size = 8;
				assert_int_equal(aead_seal_many(sides[b].worker, &job, 1), ERR_OK);
				if (algorithm == AEAD_CHACHA20_POLY1305) {
					uint8_t single[8 + AEAD_TAG_SIZE];
					assert_int_equal(aead_seal(bytes, 0, NULL, 0, "8 bytes.", 8, single), ERR_OK);
					assert_memory_equal(sealed[round], single, sizeof single);
				}
				aead_key_done(&key);
				const struct aead_key zero = {0};
				assert_memory_equal(&key, &zero, sizeof key);
				aead_key_done(&key);
			}
			assert_memory_not_equal(sealed[0], sealed[1], sizeof sealed[0]);
		}
	}
}

/* What would corrupt memory is refused; the other jobs of an opened batch do not suffer. */
static void test_refusals(void **state) {
	static struct batch batch;
	for (size_t b = 0; b < BACKENDS; b++) {
		if (sides[b].backend == NULL)
			continue;
		uint64_t seed = 5;
		make_batch(&batch, 3, 50, &seed);
		seal_batch(&batch, &sides[b], 3);
		open_batch(&batch, &sides[b], 3, false);
		batch.jobs[1].size = 65536;
		aead_open_many(sides[b].worker, batch.jobs, 3);
		assert_true(batch.jobs[0].ok && !batch.jobs[1].ok && batch.jobs[2].ok);
		assert_int_equal(aead_seal_many(sides[b].worker, &batch.jobs[1], 1), ERR_INVALID);
		batch.jobs[1].size = 50;
		struct aead_key foreign = sides[b].keys[0];
		foreign.backend = NULL;
		batch.jobs[1].key = &foreign;
		aead_open_many(sides[b].worker, batch.jobs, 3);
		assert_true(batch.jobs[0].ok && !batch.jobs[1].ok && batch.jobs[2].ok);
		assert_int_equal(aead_seal_many(sides[b].worker, &batch.jobs[1], 1), ERR_INVALID);
		assert_int_equal(aead_seal_many(sides[b].worker, NULL, 0), ERR_OK);
		aead_open_many(sides[b].worker, NULL, 0);
	}
	aead_worker_free(NULL);
	aead_key_done(NULL);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),     cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_forgeries), cmocka_unit_test(test_tag_bits),
		cmocka_unit_test(test_large),     cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_refusals),  cmocka_unit_test(test_key_at_the_same_address),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
