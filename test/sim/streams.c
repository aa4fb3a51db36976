#include "sim/streams.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "crypto/aead.h"
#include "stream/cipher.h"
#include "stream/mux.h"
#include "stream/padding.h"
#include "stream/padding_sizes.h"

enum { CLIENT, SERVER, BUFFER = 65536 };

#define TICK (5 * CLOCK_MILLISECOND) /* of readers with a rate */

struct streams_part {
	struct streams *streams;
	struct cipher *seal, *open;
	struct aead_worker *worker;
	struct random_source random;
	uint64_t seed;
	int end;
	bool is_limited; /* some flow has a rate */
};

static void check(bool holds) {
	if (!holds)
		abort();
}

static void fill(void *context, void *out_data, size_t size) {
	struct streams_part *part = context;
	uint8_t *bytes = out_data;
	for (size_t i = 0; i < size; i++) {
		part->seed = part->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		bytes[i] = (uint8_t)(part->seed >> 56);
	}
}

/* Flows know their streams by id: the client's are 1, 3, 5 and so on. */
static struct streams_flow *flow_of(struct streams_part *part, const struct mux_stream *stream) {
	return &part->streams->flows[mux_stream_id(stream) / 2];
}

/* What stands at a place of a flow, in a direction. */
static uint8_t byte_at(uint32_t id, int direction, uint64_t at) {
	return (uint8_t)(at ^ at >> 8 ^ at >> 16 ^ id * 7 ^ (unsigned)direction * 85);
}

static uint64_t total_of(const struct streams_flow *flow, int end) {
	return end == CLIENT ? flow->up : flow->down;
}

static void write_more(struct streams_part *part, struct mux_stream *stream) {
	struct streams_flow *flow = flow_of(part, stream);
	if (part->end == SERVER && !flow->is_duplex && flow->received[SERVER] < flow->up)
		return;
	uint64_t total = total_of(flow, part->end);
	uint64_t *sent = &flow->sent[part->end];
	uint8_t bytes[4096];
	size_t taken = 1;
	while (*sent < total && taken > 0) {
		size_t size = total - *sent < sizeof bytes ? total - *sent : sizeof bytes;
		for (size_t i = 0; i < size; i++)
			bytes[i] = byte_at(mux_stream_id(stream), part->end, *sent + i);
		taken = mux_stream_write(stream, bytes, size);
		*sent += taken;
	}
	if (*sent == total)
		mux_stream_end(stream);
}

static uint64_t allowance(const struct streams_part *part, const struct streams_flow *flow) {
	if (part->end == SERVER)
		return UINT64_MAX;
	if (flow->is_stalled)
		return 0;
	if (flow->read_rate == 0)
		return UINT64_MAX;
	uint64_t most = (part->streams->now - flow->read_at) * flow->read_rate / CLOCK_SECOND;
	return most > flow->received[CLIENT] ? most - flow->received[CLIENT] : 0;
}

static void read_some(struct streams_part *part, struct mux_stream *stream) {
	struct streams_flow *flow = flow_of(part, stream);
	uint64_t *received = &flow->received[part->end], left = allowance(part, flow);
	for (struct slice bytes; (bytes = mux_stream_peek(stream)).size > 0 && left > 0;) {
		size_t size = bytes.size < left ? bytes.size : left;
		for (size_t i = 0; i < size; i++)
			if (bytes.data[i] != byte_at(mux_stream_id(stream), 1 - part->end, *received + i))
				flow->is_wrong = true;
		mux_stream_consume(stream, size);
		*received += size;
		left -= size;
	}
	if (part->end == CLIENT && flow->first_byte == 0 && *received > 0)
		flow->first_byte = part->streams->now;
}

static enum stream_error opened(void *context, struct mux_stream *stream,
								const struct target *target) {
	struct streams_part *part = context;
	struct streams_flow *flow = flow_of(part, stream);
	check(part->end == SERVER && mux_stream_id(stream) % 2 == 1);
	flow->streams[SERVER] = stream;
	mux_stream_connected(stream);
	write_more(part, stream);
	return STREAM_ERROR_NONE;
}

static void readable(void *context, struct mux_stream *stream) {
	read_some(context, stream);
	write_more(context, stream);
}

static void closed(void *context, struct mux_stream *stream, uint32_t error) {
	struct streams_part *part = context;
	struct streams_flow *flow = flow_of(part, stream);
	check(!flow->is_closed[part->end]);
	flow->is_closed[part->end] = true;
	flow->error[part->end] = error;
	flow->streams[part->end] = NULL;
	if (part->end == CLIENT)
		flow->ended = part->streams->now;
}

static void writable(void *context, struct mux_stream *stream) {
	write_more(context, stream);
}

static const struct mux_ops ops = {
	.opened = opened, .readable = readable, .writable = writable, .closed = closed};

static struct cipher *cipher_from(int end, const struct cipher_rules *rules, uint64_t now) {
	struct cipher_setup setup = {.backend = aead_backend_find("auto"), .rules = rules};
	memset(setup.key, 1 + end, sizeof setup.key);
	struct cipher *cipher;
	check(!cipher_new(&setup, now, &cipher));
	return cipher;
}

struct streams *streams_new(const struct streams_setup *setup) {
	struct streams *streams = calloc(1, sizeof *streams);
	check(streams != NULL);
	streams->parts = calloc(2, sizeof *streams->parts);
	check(streams->parts != NULL);
	streams->now = 1000 * CLOCK_SECOND;
	const struct cipher_rules *rules = setup->cipher ? setup->cipher : &cipher_rules;
	for (int end = CLIENT; end <= SERVER; end++) {
		struct streams_part *part = &streams->parts[end];
		*part = (struct streams_part){.streams = streams, .seed = setup->seed + 9, .end = end};
		part->random = (struct random_source){.fill = fill, .context = part};
		part->seal = cipher_from(end, rules, streams->now);
		part->open = cipher_from(1 - end, rules, streams->now);
		check(!aead_worker_new(aead_backend_find("auto"), &part->worker));
		struct mux_config config = {
			.role = end == CLIENT ? MUX_INITIATOR : MUX_RESPONDER,
			.ops = &ops,
			.context = part,
			.random = &part->random,
			.seal = part->seal,
			.open = part->open,
			.worker = part->worker,
		};
		check(!mux_new(&config, streams->now, &streams->ends[end]));
		mux_set_padding(streams->ends[end], padding_rules_of(setup->shaping),
						end == CLIENT ? &padding_sizes_requests : &padding_sizes_answers);
		streams->carriers[end] = carrier_new(setup->seed + (unsigned)end, &setup->carrier);
	}
	return streams;
}

void streams_free(struct streams *streams) {
	for (int end = CLIENT; end <= SERVER; end++) {
		mux_free(streams->ends[end]);
		cipher_free(streams->parts[end].seal);
		cipher_free(streams->parts[end].open);
		aead_worker_free(streams->parts[end].worker);
		carrier_free(streams->carriers[end]);
	}
	free(streams->parts);
	free(streams);
}

enum err streams_start(struct streams *streams, size_t number) {
	struct streams_flow *flow = &streams->flows[number];
	struct target target;
	check(!target_parse("example.com", 443, false, &target));
	enum err error = mux_stream_open(streams->ends[CLIENT], &target, NULL, &flow->streams[CLIENT]);
	if (error)
		return error;
	check(mux_stream_id(flow->streams[CLIENT]) / 2 == number);
	flow->started = flow->read_at = streams->now;
	streams->parts[CLIENT].is_limited |= flow->read_rate > 0;
	write_more(&streams->parts[CLIENT], flow->streams[CLIENT]);
	return ERR_OK;
}

bool streams_is_done(const struct streams *streams, size_t number) {
	const struct streams_flow *flow = &streams->flows[number];
	return !flow->is_wrong && flow->is_closed[CLIENT] && flow->is_closed[SERVER] &&
		   flow->error[CLIENT] == STREAM_ERROR_NONE && flow->error[SERVER] == STREAM_ERROR_NONE &&
		   flow->received[SERVER] == flow->up && flow->received[CLIENT] == flow->down;
}

static void send_all(struct streams *streams, int end) {
	static uint8_t buffer[BUFFER];
	struct mux *mux = streams->ends[end];
	struct carrier *carrier = streams->carriers[end];
	while (mux_has_output(mux)) {
		size_t room = carrier_room(carrier, streams->now);
		if (room < MUX_SEND_ROOM_MIN)
			return;
		size_t size = mux_send(mux, buffer, room < BUFFER ? room : BUFFER, streams->now);
		if (size == 0)
			return;
		carrier_send(carrier, buffer, size, streams->now);
	}
}

static void receive_all(struct streams *streams, int end) {
	static uint8_t buffer[BUFFER];
	size_t size;
	while ((size = carrier_receive(streams->carriers[1 - end], buffer, BUFFER, streams->now)) > 0)
		mux_receive(streams->ends[end], buffer, size, streams->now);
}

/* Readers with a rate, or whose stall was lifted. */
static void read_all(struct streams *streams, size_t first, size_t last) {
	for (size_t i = first; i <= last; i++)
		if (streams->flows[i].streams[CLIENT])
			read_some(&streams->parts[CLIENT], streams->flows[i].streams[CLIENT]);
}

static uint64_t earlier(uint64_t left, uint64_t right) {
	return left < right ? left : right;
}

static uint64_t next_of(const struct streams *streams) {
	uint64_t next = CLOCK_NEVER;
	for (int end = CLIENT; end <= SERVER; end++) {
		next = earlier(next, mux_next(streams->ends[end]));
		next = earlier(next, carrier_next(streams->carriers[end]));
		if (mux_has_output(streams->ends[end]))
			next = earlier(next, carrier_room_time(streams->carriers[end], MUX_SEND_ROOM_MIN));
	}
	if (streams->parts[CLIENT].is_limited)
		next = earlier(next, streams->now + TICK);
	return next;
}

bool streams_run(struct streams *streams, size_t first, size_t last, uint64_t until) {
	for (;;) {
		for (int end = CLIENT; end <= SERVER; end++) {
			receive_all(streams, end);
			if (mux_next(streams->ends[end]) <= streams->now)
				mux_expire(streams->ends[end], streams->now);
		}
		read_all(streams, first, last);
		for (int end = CLIENT; end <= SERVER; end++)
			send_all(streams, end);
		size_t open = 0;
		for (size_t i = first; i <= last; i++)
			open += !streams->flows[i].is_closed[CLIENT] || !streams->flows[i].is_closed[SERVER];
		if (open == 0)
			return true;
		uint64_t next = next_of(streams);
		if (next > until) {
			streams->now = until;
			return false;
		}
		if (next > streams->now)
			streams->now = next;
	}
}
