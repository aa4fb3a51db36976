/*
 * How long sealing and opening take: both ciphers, each back end, packets of several sizes. Rounds
 * are interleaved, and of each the least time counts: what else the machine does only adds to it.
 *
 *   aead_speed [ROUNDS]
 *
 * Prints one line for each: cipher, back end, seal or open, bytes, ns a packet.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "crypto/aead.h"

enum { BATCH = 32, BATCHES = 40, PACKET_MAX = 1420, ROUNDS = 60, CASES_MAX = 32 };

static const char *const back_ends[] = {"ipsec-mb", "openssl"};
static const struct {
	enum aead_algorithm algorithm;
	const char *name;
} ciphers[] = {{AEAD_CHACHA20_POLY1305, "ChaCha20-Poly1305"}, {AEAD_AES_256_GCM, "AES-256-GCM"}};
static const uint32_t sizes[] = {64, 512, 1420};

struct test {
	const struct aead_backend *backend;
	struct aead_worker *worker;
	struct aead_key key;
	const char *cipher;
	uint32_t size;
	double seal, open; /* ns a packet, the least so far */
};

static _Noreturn void fail(const char *what) {
	(void)fprintf(stderr, "aead_speed: %s\n", what);
	exit(1);
}

static uint8_t plain[BATCH][PACKET_MAX], sealed[BATCH][PACKET_MAX + AEAD_TAG_SIZE];

static void fill_jobs(const struct test *test, struct aead_job *jobs, bool seal) {
	for (size_t i = 0; i < BATCH; i++) {
		jobs[i] = (struct aead_job){
			.key = &test->key,
			.source = seal ? plain[i] : sealed[i],
			.destination = seal ? sealed[i] : plain[i],
			.size = test->size,
		};
		memcpy(jobs[i].nonce + 4, &i, sizeof i);
	}
}

static double elapsed(uint64_t since) {
	return (double)(clock_now() - since) / (BATCH * BATCHES);
}

static void run(struct test *test) {
	struct aead_job jobs[BATCH];
	fill_jobs(test, jobs, true);
	uint64_t since = clock_now();
	for (size_t i = 0; i < BATCHES; i++)
		if (aead_seal_many(test->worker, jobs, BATCH) != ERR_OK)
			fail("sealing failed");
	double seal = elapsed(since);
	fill_jobs(test, jobs, false);
	since = clock_now();
	for (size_t i = 0; i < BATCHES; i++) {
		aead_open_many(test->worker, jobs, BATCH);
		if (!jobs[0].ok || !jobs[BATCH - 1].ok)
			fail("what was sealed does not open");
	}
	double open = elapsed(since);
	if (test->seal == 0 || seal < test->seal)
		test->seal = seal;
	if (test->open == 0 || open < test->open)
		test->open = open;
}

static size_t prepare(struct test *tests) {
	static const uint8_t key[AEAD_KEY_SIZE] = {1, 2, 3};
	size_t count = 0;
	for (size_t b = 0; b < sizeof back_ends / sizeof *back_ends; b++) {
		const struct aead_backend *backend = aead_backend_find(back_ends[b]);
		if (!backend)
			continue;
		for (size_t c = 0; c < sizeof ciphers / sizeof *ciphers; c++) {
			for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
				struct test *test = &tests[count++];
				*test =
					(struct test){.backend = backend, .cipher = ciphers[c].name, .size = sizes[s]};
				if (aead_worker_new(backend, &test->worker) != ERR_OK ||
					aead_key_init(&test->key, backend, ciphers[c].algorithm, key) != ERR_OK)
					fail("the library does not work");
			}
		}
	}
	return count;
}

int main(int argc, char **argv) {
	int rounds = argc > 1 ? atoi(argv[1]) : ROUNDS;
	static struct test tests[CASES_MAX];
	size_t count = prepare(tests);
	for (int round = 0; round < rounds; round++)
		for (size_t i = 0; i < count; i++)
			run(&tests[i]);
	for (size_t i = 0; i < count; i++) {
		const char *backend = aead_backend_name(tests[i].backend);
		(void)printf("%s %s seal %u %.0f\n", tests[i].cipher, backend, tests[i].size,
					 tests[i].seal);
		(void)printf("%s %s open %u %.0f\n", tests[i].cipher, backend, tests[i].size,
					 tests[i].open);
		aead_key_done(&tests[i].key);
		aead_worker_free(tests[i].worker);
	}
	return 0;
}
