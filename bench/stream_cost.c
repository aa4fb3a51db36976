/*
 * What frames of streams cost: the cipher's time, and the bytes and delay that padding adds to a
 * few kinds of traffic, by profile.
 *
 *   stream_cost
 *
 * Times are the least of many rounds. The traffic is made up, as printed; its sizes on the carrier
 * are exact, without the TLS around it (22 bytes for each record of up to 16 KiB).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "crypto/csprng.h"
#include "stream/cipher.h"
#include "stream/padding.h"
#include "stream/padding_sizes.h"
#include "wire/stream_frame.h"

enum { BATCH = 32, ROUNDS = 40, FRAME_SIZE = STREAM_FRAME_SEND_SIZE_MAX + CIPHER_OVERHEAD };

static uint8_t carrier[BATCH * FRAME_SIZE];

static _Noreturn void fail(const char *what) {
	(void)fprintf(stderr, "stream_cost: %s\n", what);
	exit(1);
}

static struct cipher *make_cipher(const struct aead_backend *backend) {
	const struct cipher_setup setup = {.backend = backend, .rules = &cipher_rules, .key = {1}};
	struct cipher *cipher;
	if (cipher_new(&setup, 0, &cipher) != ERR_OK)
		fail("no cipher");
	return cipher;
}

static void open_all(struct cipher *cipher, struct aead_worker *worker, size_t size) {
	for (size_t at = 0; at < size;) {
		struct cipher_frames found;
		if (cipher_open(cipher, worker, carrier + at, size - at, &found) != ERR_OK)
			fail("what was sealed does not open");
		at += found.used;
	}
}

static double nanoseconds(uint64_t since) {
	return (double)(clock_now() - since) / BATCH;
}

/* Batches of frames of one size, sealed and opened in place. */
static void time_cipher(const struct aead_backend *backend, size_t frame) {
	struct aead_worker *worker;
	if (aead_worker_new(backend, &worker) != ERR_OK)
		fail("no worker");
	struct cipher *sealer = make_cipher(backend), *opener = make_cipher(backend);
	double seal = 0, open = 0;
	size_t sizes[BATCH];
	for (size_t round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < BATCH; i++)
			sizes[i] = frame;
		for (size_t i = 0; i < BATCH; i++)
			carrier[i * (frame + CIPHER_OVERHEAD) + CIPHER_LENGTH_SIZE] = STREAM_FRAME_DATA;
		uint64_t since = clock_now();
		if (cipher_seal(sealer, worker, carrier, sizes, BATCH) != ERR_OK)
			fail("not sealed");
		double took = nanoseconds(since);
		seal = round == 0 || took < seal ? took : seal;
		since = clock_now();
		open_all(opener, worker, BATCH * (frame + CIPHER_OVERHEAD));
		took = nanoseconds(since);
		open = round == 0 || took < open ? took : open;
	}
	(void)printf("%-10s %6zu B a frame  seal %7.0f ns  open %7.0f ns\n", aead_backend_name(backend),
				 frame, seal, open);
	cipher_free(sealer);
	cipher_free(opener);
	aead_worker_free(worker);
}

/* Bytes that an application wrote, and what of them came on the carrier; of one or both ways. */
struct cost {
	uint64_t given, sent, delay, writes;
};

/* One write of a stream's bytes in frames, as its owner would do it. */
static void send_write(struct padding *padding, struct padding_stream *stream, size_t size,
					   uint64_t *now, struct cost *cost) {
	size_t sent = 0, left = size;
	uint64_t at = padding_hold(padding, size, *now);
	while (left > 0) {
		size_t most = STREAM_FRAME_SEND_SIZE_MAX - STREAM_FRAME_HEADER_SIZE;
		size_t payload = left < most ? left : most;
		uint8_t more = padding_frame(padding, stream, payload);
		sent += STREAM_FRAME_HEADER_SIZE + payload + more + CIPHER_OVERHEAD;
		left -= payload;
	}
	sent += padding_burst(padding, stream, sent);
	cost->delay += at - *now;
	cost->writes++;
	*now = at;
	padding_written(padding, sent, *now);
	cost->given += size;
	cost->sent += sent;
}

/* The two ends; what one sends the other receives. */
struct ends {
	struct padding client, server;
	uint64_t now;
	struct cost cost;
};

static void ask(struct ends *ends, struct padding_stream streams[2], size_t size) {
	send_write(&ends->client, &streams[0], size, &ends->now, &ends->cost);
	padding_received(&ends->server, size, ends->now);
	padding_turn(&streams[1]);
}

static void answer(struct ends *ends, struct padding_stream streams[2], size_t size) {
	send_write(&ends->server, &streams[1], size, &ends->now, &ends->cost);
	padding_received(&ends->client, size, ends->now);
	padding_turn(&streams[0]);
}

static void bulk(struct ends *ends) {
	struct padding_stream streams[2] = {0};
	ask(ends, streams, 300);
	for (size_t i = 0; i < 640; i++, ends->now += CLOCK_MILLISECOND)
		answer(ends, streams, 163590);
}

/* What a program does over TLS: its handshake, a question, an answer; each on a new stream. */
static void requests(struct ends *ends) {
	for (size_t i = 0; i < 1000; i++, ends->now += CLOCK_SECOND) {
		struct padding_stream streams[2] = {0};
		ask(ends, streams, 600);
		answer(ends, streams, 3500);
		ask(ends, streams, 80);
		ask(ends, streams, 400);
		answer(ends, streams, 20000);
	}
}

/* Keys pressed, each echoed. */
static void typing(struct ends *ends) {
	struct padding_stream streams[2] = {0};
	for (size_t i = 0; i < 1000; i++, ends->now += 200 * CLOCK_MILLISECOND) {
		ask(ends, streams, 40);
		answer(ends, streams, 60);
	}
}

/* An hour with a stream that says nothing. */
static void silence(struct ends *ends) {
	uint64_t end = ends->now + 3600 * CLOCK_SECOND;
	struct padding *both[] = {&ends->client, &ends->server};
	for (size_t i = 0; i < 2; i++) {
		padding_streams(both[i], true, ends->now);
		for (uint64_t due; (due = padding_deadline(both[i])) < end;)
			ends->cost.sent += padding_idle(both[i], due);
	}
}

static const struct traffic {
	const char *name;
	void (*run)(struct ends *ends);
} traffics[] = {
	{"bulk, 100 MB", bulk},
	{"1,000 requests, 24.6 KB each", requests},
	{"1,000 keys and echoes", typing},
	{"an hour's silence, a stream open", silence},
};

static void measure(const struct traffic *traffic, uint8_t shaping) {
	struct ends ends = {.now = CLOCK_SECOND};
	const struct padding_rules *rules = padding_rules_of(shaping);
	const char *name = stream_shaping_name(shaping);
	padding_init(&ends.client, rules, &padding_sizes_requests, &csprng, ends.now);
	padding_init(&ends.server, rules, &padding_sizes_answers, &csprng, ends.now);
	traffic->run(&ends);
	(void)printf("%-34s %-12s %12lu B", traffic->name, name != NULL ? name : "none",
				 ends.cost.sent);
	if (ends.cost.given > 0)
		(void)printf("  %+7.2f %%  %5.1f ms later",
					 100 * ((double)ends.cost.sent / (double)ends.cost.given - 1),
					 (double)ends.cost.delay / (double)ends.cost.writes / 1e6);
	(void)printf("\n");
}

int main(void) {
	static const char *const back_ends[] = {"openssl", "ipsec-mb"};
	static const size_t frames[] = {64, 512, 1420, STREAM_FRAME_SEND_SIZE_MAX};
	for (size_t i = 0; i < sizeof back_ends / sizeof back_ends[0]; i++) {
		const struct aead_backend *backend = aead_backend_find(back_ends[i]);
		for (size_t j = 0; backend != NULL && j < sizeof frames / sizeof frames[0]; j++)
			time_cipher(backend, frames[j]);
	}
	for (size_t i = 0; i < sizeof traffics / sizeof traffics[0]; i++)
		for (uint8_t shaping = STREAM_SHAPING_NONE; shaping <= STREAM_SHAPING_STEALTH; shaping++)
			measure(&traffics[i], shaping);
	return 0;
}
