/* Somebody on the way between two ends of Phaze's sessions, and an end that says what it likes. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "proto/phaze_message.h"

#include "expect.h"
#include "sim/phaze.h"

/*
 * Input: steps of a kind and its arguments, on a session that is made anew for every input. In
 * `way` bit 0 says to whom (server, client), bit 1 whether from an address that is nobody's.
 *   RAW      way 1, size 1, that many bytes: a datagram as it is
 *   CHANGED  way 1, which 2, place 2, mask 1, cut 1: one that was sent before, with one byte
 *            changed and the last ones cut off; where mask and cut are 0, a copy
 *   LOSE     count 1: so many that are sent next do not arrive
 *   PACKET   way 1: an ordinary packet from there
 *   WAIT     time 1, in units of 50 ms
 *   LONG     time 1, in units of 5 s
 *   MOVE     address 1: the client is elsewhere
 *   LINK     way 1: an end goes down and up again
 *   LOGIN    shard 1: a session as of a handshake
 *   RESUME   ticket 1, way 1: one of a ticket, at the server alone where way says so
 *   CHANGE   what 1, value 1: ticket, rate, quota or end, of the member
 *   SAID     way 1, size 1, that many bytes: as the content of a REKEY that is sealed rightly
 * Property: what is delivered are packets of the other end, whole, each once; nothing is told twice
 * of a session; and after another login packets arrive, both ways.
 */
enum kind {
	RAW,
	CHANGED,
	LOSE,
	PACKET,
	WAIT,
	LONG,
	MOVE,
	LINK,
	LOGIN,
	RESUME,
	CHANGE,
	SAID,
	KINDS
};
enum { STEPS_MAX = 64, RECORDS_MAX = 4096, SHARDS = 2, TICKETS = 4 };

struct run {
	struct phaze_pair pair;
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

static struct slice take_bytes(struct run *run) {
	size_t size = take(run);
	if (size > (size_t)(run->end - run->at))
		size = (size_t)(run->end - run->at);
	run->at += size;
	return slice_of(run->at - size, size);
}

static bool pass(void *context, const struct endpoint *from, const struct endpoint *to,
				 struct slice datagram) {
	struct run *run = context;
	if (run->lose == 0)
		return true;
	run->lose--;
	return false;
}

static void put(struct run *run, uint8_t way, struct slice datagram) {
	const struct node *to = way & 1 ? run->pair.client : run->pair.server;
	const struct node *other = way & 1 ? run->pair.server : run->pair.client;
	struct endpoint target = node_endpoint(to), from = node_endpoint(other);
	if (way & 2)
		from.address.bytes[0] ^= 1;
	expect(sim_send(run->pair.world->network, &from, &target, datagram) == ERR_OK);
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
	put(run, way, slice_of(data, record->size - cut));
	free(data);
}

static void send_packet(struct run *run) {
	const bool back = take(run) & 1;
	world_packet(back ? run->pair.server : run->pair.client,
				 back ? run->pair.client : run->pair.server, run->packets++);
	world_run(run->pair.world, CLOCK_MILLISECOND);
}

static void log_in(struct run *run, bool resumed) {
	struct phaze_login login = phaze_login;
	login.resumed = resumed;
	login.rekey_packets = 50;
	login.fresh = (uint8_t)(1 + run->pair.number % TICKETS);
	login.id_shard = SHARDS - 1;
	if (resumed) {
		login.used = (uint8_t)(take(run) % (TICKETS + 1));
		login.server_alone = take(run) & 1;
	} else {
		login.id_shard = take(run) % SHARDS;
	}
	(void)phaze_pair_login(&run->pair, &login);
}

static void change(struct run *run) {
	struct phaze_peer_change change = {.changes = (unsigned)PHAZE_CHANGE_TICKET << take(run) % 4};
	const uint8_t value = take(run);
	memset(change.ticket, value % (TICKETS + 1), sizeof change.ticket);
	change.rate = value * 16;
	change.quota_end = value < 128 ? value * 256 : PHAZE_NO_QUOTA;
	change.end = value % (PHAZE_CLOSE_REPLACED + 1);
	phaze_sim_change(run->pair.server, run->pair.server_peer, change);
}

static void say(struct run *run) {
	const bool back = take(run) & 1;
	const struct slice said = take_bytes(run);
	if (said.size > PHAZE_REKEY_SIZE)
		return;
	phaze_message_rekey(back ? run->pair.server_peer : run->pair.client_peer, said.data, said.size);
	(back ? run->pair.server : run->pair.client)->dirty = true;
}

static void run_step(struct run *run) {
	struct world *world = run->pair.world;
	struct node *node;
	uint8_t way;
	switch ((enum kind)(take(run) % KINDS)) {
	case RAW:
		way = take(run);
		put(run, way, take_bytes(run));
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
		node = take(run) & 1 ? run->pair.client : run->pair.server;
		node_link(node, false);
		node_link(node, true);
		break;
	case LOGIN:
		log_in(run, false);
		break;
	case RESUME:
		log_in(run, true);
		break;
	case CHANGE:
		change(run);
		break;
	case SAID:
		say(run);
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

static void recovers(struct run *run) {
	const struct phaze_peer_change no_limits = {.changes = PHAZE_CHANGE_RATE | PHAZE_CHANGE_QUOTA,
												.quota_end = PHAZE_NO_QUOTA};
	run->lose = 0;
	world_run(run->pair.world, CLOCK_SECOND);
	phaze_sim_change(run->pair.server, run->pair.server_peer, no_limits);
	const uint64_t number = phaze_pair_login(&run->pair, &phaze_login);
	world_run(run->pair.world, 2 * CLOCK_SECOND);
	expect(world_packet_arrives(run->pair.client, run->pair.server, run->packets++, CLOCK_SECOND));
	expect(world_packet_arrives(run->pair.server, run->pair.client, run->packets++, CLOCK_SECOND));
	expect(run->pair.server_peer->current->number == number);
	/* All of before are over. */
	for (uint64_t before = 1; before < number; before++)
		expect(phaze_sim_told(run->pair.server, PHAZE_NEWS_ENDED, before));
	expect(!phaze_sim_told(run->pair.server, PHAZE_NEWS_ENDED, number));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static const struct node_options options = {.shards = SHARDS};
	struct run run = {.at = data, .end = data + size};
	run.pair = phaze_pair_up(1, &options);
	struct world *world = run.pair.world;
	world->tap.recording = true;
	world->tap.pass = pass;
	world->tap.context = &run;
	world_packet(run.pair.client, run.pair.server, run.packets++);
	world_packet(run.pair.server, run.pair.client, run.packets++);
	world_run(world, CLOCK_SECOND);
	for (int i = 0; i < STEPS_MAX && run.at < run.end; i++)
		run_step(&run);
	world->tap.recording = false;
	recovers(&run);
	check(run.pair.client, run.pair.server);
	check(run.pair.server, run.pair.client);
	phaze_pair_free(&run.pair);
	return 0;
}
