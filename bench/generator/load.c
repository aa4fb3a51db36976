#include "bench/generator/load.h"

#include <stdlib.h>

#include "base/clock.h"
#include "bench/generator/fail.h"
#include "bench/generator/pace.h"

/* A busy sender looks for answers so often. */
#define LISTEN CLOCK_MILLISECOND
/* For answers that are still on their way when the time is over. */
#define LAST_WAIT CLOCK_SECOND
/* A burst too many is dropped where a steady stream would not be. */
#define DEBT (5 * CLOCK_MILLISECOND)
#define WAIT_MOST (100 * CLOCK_MILLISECOND)

struct load {
	struct crowd *crowd;
	const struct load_plan *plan;
	struct load_result *result;
	struct burst_sealer *sealer;
	uint32_t turn; /* the client whose burst is next */
	size_t trip_room;
};

static void send_bursts(struct load *load, uint32_t count) {
	struct client *clients[BURST_BATCH] = {NULL};
	struct burst bursts[BURST_BATCH];
	for (uint32_t i = 0; i < count; i++) {
		clients[i] = &load->crowd->clients[load->turn];
		load->turn = (load->turn + 1) % load->crowd->count;
	}
	must(burst_seal(load->sealer, clients, count, bursts) == ERR_OK, "sealing");
	for (uint32_t i = 0; i < count; i++) {
		if (crowd_send(load->crowd, clients[i], bursts[i].data, bursts[i].size))
			load->result->packets += load->plan->shape.packets;
		else
			load->result->refused += load->plan->shape.packets;
	}
}

static void send_probes(struct load *load, uint16_t number) {
	for (uint32_t i = 0; i < load->crowd->count; i++) {
		struct client *client = &load->crowd->clients[i];
		uint8_t packet[PACKET_ECHO_SIZE], data[BURST_DATAGRAM_MAX];
		size_t size;
		packet_echo(packet, &client->address, &load->plan->shape.to, number, clock_now());
		must(burst_seal_one(client, load->crowd->worker, packet, sizeof packet, data, &size) ==
				 ERR_OK,
			 "sealing");
		(void)crowd_send(load->crowd, client, data, size);
		load->result->probes++;
	}
}

static void take(void *context, struct client *client, const uint8_t *data, size_t size,
				 uint64_t now) {
	struct load *load = context;
	uint8_t packet[2048];
	uint64_t sent;
	size_t packet_size;
	if (client_take(client, load->crowd->backend, data, size, now) != CLIENT_PACKET ||
		size > sizeof packet ||
		client_open(client, load->crowd->worker, data, size, packet, &packet_size) != ERR_OK ||
		!packet_is_answer(packet, packet_size, &sent) || sent > now ||
		load->result->trip_count == load->trip_room)
		return;
	load->result->trips[load->result->trip_count++] = now - sent;
}

static void await_answers(struct load *load, const struct crowd_taker *taker) {
	uint64_t end = clock_now() + LAST_WAIT;
	while (load->result->trip_count < load->result->probes && clock_now() < end)
		crowd_receive(load->crowd, WAIT_MOST, taker);
}

static uint64_t least(uint64_t left, uint64_t right) {
	return left < right ? left : right;
}

static void run(struct load *load, const struct crowd_taker *taker) {
	const struct load_plan *plan = load->plan;
	double bits = 8.0 * plan->shape.packet_size * plan->shape.packets;
	uint32_t most = (uint32_t)burst_most(&plan->shape);
	uint64_t begin = clock_now(), now = begin, end = begin + plan->duration, listened = begin;
	uint64_t probe = plan->probe_interval ? begin : CLOCK_NEVER;
	uint16_t number = 0;
	struct pace pace;
	pace_init(&pace, plan->rate / bits, DEBT, begin);
	for (; now < end; now = clock_now()) {
		uint32_t due = pace_take(&pace, now, most);
		if (due > 0)
			send_bursts(load, due);
		if (probe <= now) {
			send_probes(load, number++);
			probe += plan->probe_interval;
		}
		if (due > 0 && now - listened < LISTEN)
			continue;
		listened = now;
		uint64_t next = least(least(pace_next(&pace), probe), end);
		now = clock_now();
		crowd_receive(load->crowd, next > now ? next - now : 0, taker);
	}
	load->result->seconds = (double)(now - begin) / 1e9;
}

void load_run(struct crowd *crowd, const struct load_plan *plan, struct load_result *out_result) {
	*out_result = (struct load_result){0};
	struct load load = {.crowd = crowd, .plan = plan, .result = out_result};
	if (plan->probe_interval) {
		load.trip_room = (plan->duration / plan->probe_interval + 1) * crowd->count;
		out_result->trips = calloc(load.trip_room, sizeof *out_result->trips);
		must(out_result->trips, "memory");
	}
	must(burst_sealer_new(&plan->shape, crowd->worker, &load.sealer) == ERR_OK, "shape of bursts");
	if (plan->shape.packets > 1)
		crowd_segment(crowd, burst_datagram_size(&plan->shape));
	const struct crowd_taker taker = {.take = take, .context = &load};
	run(&load, &taker);
	await_answers(&load, &taker);
	burst_sealer_free(load.sealer);
}
