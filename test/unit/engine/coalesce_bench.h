#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "engine/packets.h"
#include "engine/recut.h"

enum { ARENA_SIZE = 8 << 20 };

static const struct coalesce_options both = {.tcp = true, .udp = true};

/* A coalescer with its sink, and memory for the packets of one flush. */
struct bench {
	struct coalescer *coalescer;
	struct recut *recut;
	uint8_t *arena;
	size_t used;
	uint8_t payload[PACKETS_SIZE_MAX];
};

static inline struct bench *bench_new(const struct coalesce_options *options) {
	struct bench *bench = calloc(1, sizeof *bench);
	assert_non_null(bench);
	bench->recut = calloc(1, sizeof *bench->recut);
	bench->arena = malloc(ARENA_SIZE);
	assert_true(bench->recut && bench->arena);
	struct coalesce_sink sink = {.write = recut_write, .context = bench->recut};
	assert_int_equal(coalescer_new(options, &sink, &bench->coalescer), ERR_OK);
	for (size_t i = 0; i < sizeof bench->payload; i++)
		bench->payload[i] = (uint8_t)(i * 11 + i / 250);
	return bench;
}

static inline void bench_flush(struct bench *bench) {
	coalescer_flush(bench->coalescer);
	recut_finish(bench->recut);
	bench->used = 0;
	if (bench->recut->failure)
		fail_msg("%s", bench->recut->failure);
}

static inline void bench_free(struct bench *bench) {
	bench_flush(bench);
	coalescer_free(bench->coalescer);
	free(bench->recut);
	free(bench->arena);
	free(bench);
}

static inline void bench_add_raw(struct bench *bench, size_t size) {
	uint8_t *packet = bench->arena + bench->used;
	assert_true(recut_expect(bench->recut, packet, size));
	bench->used += size;
	assert_true(bench->used <= ARENA_SIZE);
	coalescer_add(bench->coalescer, packet, size);
}

static inline void bench_add(struct bench *bench, const struct packet_spec *spec,
							 size_t payload_size) {
	size_t from = spec->sequence % 4096;
	bench_add_raw(bench, packets_build(spec, bench->payload + from, payload_size,
									   bench->arena + bench->used));
}

static inline struct packet_spec spec_of(bool v6, uint8_t protocol) {
	return (struct packet_spec){.v6 = v6,
								.protocol = protocol,
								.ttl = 64,
								.id = 65530,
								.options_size = 12,
								.option_byte = 1,
								.source = 1,
								.destination = 2,
								.source_port = 4000,
								.destination_port = 443,
								.sequence = 0xfffffff0,
								.acknowledgment = 77,
								.flags = 16, /* ACK */
								.window = 1000};
}

/* Continues the flow behind a packet with so much payload. */
static inline struct packet_spec next_of(const struct packet_spec *spec, size_t payload_size) {
	struct packet_spec next = *spec;
	next.id++;
	next.sequence += (uint32_t)payload_size;
	return next;
}
