/* Somebody on the way between a server and a client of Mighty, who sends, holds up and changes. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "proto/mighty_peer.h"

#include "expect.h"
#include "sim/mighty.h"

/*
 * Input: steps of a kind and its arguments, on a session that is made anew for every input. In
 * `way` bit 0 says to whom (server, client), bit 1 whether from an address that is nobody's.
 *   RAW      way 1, size 1, that many bytes: a datagram as it is
 *   CHANGED  way 1, which 2, place 2, mask 1, cut 1: one that was sent before, with one byte
 * changed and the last ones cut off; where mask and cut are 0, a copy LOSE     count 1: so many
 * that are sent next do not arrive PACKET   way 1: an ordinary packet from there WAIT     time 1,
 * in units of 50 ms LONG     time 1, in units of 5 s MOVE     address 1: the client is elsewhere
 *   LINK     the client goes down and up again
 *   RESTART  the server's process dies and comes back
 * Property: what is delivered are packets of the other end, whole, each once; and when all this is
 * over, packets arrive again, both ways.
 */
enum kind { RAW, CHANGED, LOSE, PACKET, WAIT, LONG, MOVE, LINK, RESTART, KINDS };
enum { STEPS_MAX = 64, RECORDS_MAX = 4096 };
#define PATIENCE (150 * CLOCK_SECOND)

struct run {
	struct mighty_pair pair;
	const uint8_t *at, *end;
	size_t lose;
	uint32_t packets;
};

static uint8_t take(struct run *run) {
	return run->at < run->end ? *run->at++ : 0;
}

static size_t take_two(struct run *run) {
	const size_t high = take(run);
	return high << 8 | take(run);
}

static bool pass(void *context, const struct endpoint *from, const struct endpoint *to,
				 struct slice datagram) {
	struct run *run = context;
	if (run->lose == 0)
		return true;
	run->lose--;
	return false;
}

static void put(struct run *run, uint8_t way, const uint8_t *data, size_t size) {
	const struct node *to = way & 1 ? run->pair.client : run->pair.server;
	const struct node *other = way & 1 ? run->pair.server : run->pair.client;
	struct endpoint target = node_endpoint(to), from = node_endpoint(other);
	if (way & 2)
		from.address.bytes[0] ^= 1;
	expect(sim_send(run->pair.world->network, &from, &target, slice_of(data, size)) == ERR_OK);
	world_run(run->pair.world, CLOCK_MILLISECOND);
}

static void put_changed(struct run *run) {
	const struct tap *tap = &run->pair.world->tap;
	const uint8_t way = take(run);
	const size_t which = take_two(run), place = take_two(run);
	const uint8_t mask = take(run);
	const size_t cut = take(run);
	const struct tap_record *record = tap->records[which % tap->count];
	if (cut >= record->size)
		return;
	uint8_t *data = malloc(record->size);
	expect(data);
	memcpy(data, record->data, record->size);
	data[place % record->size] ^= mask;
	put(run, way, data, record->size - cut);
	free(data);
}

static void send_packet(struct run *run) {
	const bool back = take(run) & 1;
	world_packet(back ? run->pair.server : run->pair.client,
				 back ? run->pair.client : run->pair.server, run->packets++);
	world_run(run->pair.world, CLOCK_MILLISECOND);
}

static void run_step(struct run *run) {
	struct world *world = run->pair.world;
	uint8_t way;
	size_t size;
	switch ((enum kind)(take(run) % KINDS)) {
	case RAW:
		way = take(run);
		size = take(run);
		if (size > (size_t)(run->end - run->at))
			size = (size_t)(run->end - run->at);
		put(run, way, run->at, size);
		run->at += size;
		break;
	case CHANGED:
		put_changed(run);
		break;
	case LOSE:
		run->lose = take(run);
		break;
	case PACKET:
		send_packet(run);
		break;
	case WAIT:
		world_run(world, take(run) * 50 * CLOCK_MILLISECOND);
		break;
	case LONG:
		world_run(world, take(run) * 5 * CLOCK_SECOND);
		break;
	case MOVE:
		run->pair.client->v4.bytes[3] = (uint8_t)(100 + take(run) % 100);
		break;
	case LINK:
		node_link(run->pair.client, false);
		node_link(run->pair.client, true);
		break;
	case RESTART:
		node_restart(run->pair.server);
		break;
	case KINDS:
		break;
	}
	world->tap.recording = world->tap.count < RECORDS_MAX;
}

static void check(const struct node *node, const struct node *from) {
	for (size_t i = 0; i < node->arrival_count; i++) {
		const struct arrival *arrival = &node->arrivals[i];
		expect(arrival->is_known);
		expect(node_arrived(node, from, arrival->inner.number) == 1);
	}
}

/* A packet that is lost while nobody knows of the other is no harm; that none arrives would be. */
static void recovers(struct run *run, struct node *from, struct node *to) {
	for (uint64_t waited = 0; waited < PATIENCE; waited += CLOCK_SECOND) {
		if (world_packet_arrives(from, to, 1000000 + run->packets++, CLOCK_SECOND))
			return;
	}
	expect(false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct run run = {.at = data, .end = data + size};
	run.pair = mighty_pair_new(1, NULL);
	struct world *world = run.pair.world;
	world->tap.recording = true;
	world->tap.pass = pass;
	world->tap.context = &run;
	node_link(run.pair.server, true);
	world_run(world, 0);
	node_link(run.pair.client, true);
	world_run(world, CLOCK_SECOND);
	world_packet(run.pair.client, run.pair.server, run.packets++);
	world_packet(run.pair.server, run.pair.client, run.packets++);
	world_run(world, CLOCK_SECOND);
	for (int i = 0; i < STEPS_MAX && run.at < run.end; i++)
		run_step(&run);
	run.lose = 0;
	world->tap.recording = false;
	recovers(&run, run.pair.client, run.pair.server);
	recovers(&run, run.pair.server, run.pair.client);
	check(run.pair.client, run.pair.server);
	check(run.pair.server, run.pair.client);
	mighty_pair_free(&run.pair);
	return 0;
}
