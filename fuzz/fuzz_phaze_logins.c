/* Logins over a bad way: clients that come and go, a judge with moods, and what lines change. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#define assert_int_equal(left, right) expect((left) == (right))
#include "proto/phaze_handshakes.h"
#include "sim/logins.h"

/*
 * Input: steps of a kind and its arguments, on a server and a client that are made anew for every
 * input and log in. In `way` bit 0 says to whom (server, client), bit 1 whether from an address
 * that is nobody's.
 *   RAW      way 1, size 1, that many bytes: a datagram as it is
 *   CHANGED  way 1, which 2, place 2, mask 1, cut 1: one that was sent before, with one byte
 *            changed and the last ones cut off; where mask and cut are 0, a copy
 *   LOSE     count 1: so many that are sent next do not arrive
 *   PACKET   way 1: an ordinary packet from there
 *   WAIT     time 1, in units of 50 ms
 *   LONG     time 1, of which the lower half, in units of 5 s
 *   LINK     end 1 (server, client), bit 1: whether it stays down
 *   RESTART  end 1: its process dies and comes back
 *   JUDGE    mood 1: what he says from now on, beyond the reasons nothing, or that he cannot be
 * asked LINES    which 1: of the lines below Property: when all this is over, who has the password
 * is let in, and packets pass both ways.
 */
enum kind { RAW, CHANGED, LOSE, PACKET, WAIT, LONG, LINK, RESTART, JUDGE, LINES, KINDS };
enum { STEPS_MAX = 48, RECORDS_MAX = 4096, SHARDS = 2, SILENT = DEVICE_REJECTS, GONE, MOODS };
#define PATIENCE (200 * CLOCK_SECOND)

struct run {
	struct logins *logins;
	const uint8_t *at, *end;
	size_t lose;
	uint32_t packets; /* that were sent */
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

static void put(struct run *run, uint8_t way, struct slice datagram) {
	const struct node *to = way & 1 ? run->logins->client : run->logins->server;
	const struct node *other = way & 1 ? run->logins->server : run->logins->client;
	struct endpoint target = node_endpoint(to), from = node_endpoint(other);
	if (way & 2)
		from.address.bytes[0] ^= 1;
	expect(sim_send(run->logins->world->network, &from, &target, datagram) == ERR_OK);
	logins_run(run->logins, CLOCK_MILLISECOND);
}

static void put_raw(struct run *run) {
	const uint8_t way = take(run);
	size_t size = take(run);
	if (size > (size_t)(run->end - run->at))
		size = (size_t)(run->end - run->at);
	run->at += size;
	put(run, way, slice_of(run->at - size, size));
}

static void put_changed(struct run *run) {
	const struct tap *tap = &run->logins->world->tap;
	const uint8_t way = take(run);
	const size_t which = take_two(run), place = take_two(run);
	const uint8_t mask = take(run);
	const size_t cut = take(run);
	const struct tap_record *record = tap->count > 0 ? tap->records[which % tap->count] : NULL;
	if (!record || cut >= record->size)
		return;
	uint8_t *data = malloc(record->size);
	expect(data);
	memcpy(data, record->data, record->size);
	data[place % record->size] ^= mask;
	put(run, way, slice_of(data, record->size - cut));
	free(data);
}

static void judge(struct logins *logins, uint8_t mood) {
	logins->silent = mood == SILENT;
	logins->refuses = mood == GONE ? ERR_CLOSED : ERR_OK;
	logins->reject = mood < DEVICE_REJECTS ? (enum device_reject)mood : DEVICE_ACCEPTED;
	logins->loaded = mood == DEVICE_REJECT_BUSY;
}

/* %: the peer, or any other key. Some are refused. */
static const struct {
	bool of_client;
	const char *lines;
} lines[] = {
	{false, "public_key=%\nupdate_only=true\nend=2\n"},
	{false, "public_key=%\nremove=true\n"},
	{false, "public_key=%\nupdate_only=true\nquota=3000\n"},
	{false, "public_key=%\nupdate_only=true\nuntil=1700000100\n"},
	{false, "public_key=%\nupdate_only=true\nrate=2000\n"},
	{false, "demands=password,certificate\n"},
	{false, "demands=password\n"},
	{false, "ticket_key=%\n"},
	{false, "ticket_seconds=30\n"},
	{false, "ciphers=aes-256-gcm\nreplace_push=true\n"},
	{false, "replace_peers=true\nrole=client\n"},
	{false, "role=server\nreplace_peers=true\n"},
	{false, "replace_certificates=true\n"},
	{true, "public_key=%\npassword=77726f6e67\n"},
	{true, "public_key=%\npassword=736563726574\n"},
	{true, "public_key=%\nname=bob\n"},
	{true, "public_key=%\nreplace_endpoints=true\nendpoint=198.51.100.1:1\n"},
	{true, "public_key=%\nend=0\n"},
	{true, "server_name=vpn.example.net\n"},
	{true, "public_key=%\nremove=true\n"},
};

static void set_lines(struct run *run) {
	const struct logins *logins = run->logins;
	const size_t which = take(run) % (sizeof lines / sizeof *lines);
	const char *key =
		node_hex(lines[which].of_client ? logins->server_identity : logins->member_identity);
	char text[512], *out = text;
	for (const char *at = lines[which].lines; *at; at++)
		out = *at == '%' ? stpcpy(out, key) : stpncpy(out, at, 1);
	*out = '\0';
	(void)logins_set(lines[which].of_client ? logins->client : logins->server, text);
}

static void run_step(struct run *run) {
	struct logins *logins = run->logins;
	struct node *node;
	uint8_t value;
	switch ((enum kind)(take(run) % KINDS)) {
	case RAW:
		put_raw(run);
		break;
	case CHANGED:
		put_changed(run);
		break;
	case LOSE:
		run->lose = take(run);
		break;
	case PACKET:
		value = take(run);
		world_packet(value & 1 ? logins->server : logins->client,
					 value & 1 ? logins->client : logins->server, run->packets++);
		logins_run(logins, CLOCK_MILLISECOND);
		break;
	case WAIT:
		logins_run(logins, take(run) * 50 * CLOCK_MILLISECOND);
		break;
	case LONG:
		logins_run(logins, take(run) % 16 * 5 * CLOCK_SECOND);
		break;
	case LINK:
		value = take(run);
		node = value & 1 ? logins->client : logins->server;
		node_link(node, false);
		if (!(value & 2))
			node_link(node, true);
		break;
	case RESTART:
		node_restart(take(run) & 1 ? logins->client : logins->server);
		break;
	case JUDGE:
		judge(logins, take(run) % MOODS);
		break;
	case LINES:
		set_lines(run);
		break;
	case KINDS:
		break;
	}
	logins->world->tap.recording = logins->world->tap.count < RECORDS_MAX;
	size_t half_open;
	expect(phaze_gate_count(logins->server->device, &half_open) <= PHAZE_HANDSHAKES_MAX);
	expect(half_open <= PHAZE_HANDSHAKES_MAX);
}

static bool talks(struct run *run) {
	const struct logins *logins = run->logins;
	run->packets++;
	return logins_is_connected(logins) &&
		   world_packet_arrives(logins->client, logins->server, run->packets,
								500 * CLOCK_MILLISECOND) &&
		   world_packet_arrives(logins->server, logins->client, run->packets,
								500 * CLOCK_MILLISECOND);
}

/* Everything as it was in the beginning. */
static void mend(struct run *run) {
	struct logins *logins = run->logins;
	const struct logins_options options = {.password = "secret"};
	run->lose = 0;
	judge(logins, DEVICE_ACCEPTED);
	logins->world->tap.recording = false;
	logins_configure(logins, &options);
	node_link(logins->server, true);
	node_link(logins->client, true);
	for (uint64_t waited = 0; waited < PATIENCE && !talks(run); waited += 5 * CLOCK_SECOND)
		logins_run(logins, 4 * CLOCK_SECOND);
	expect(talks(run));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	const struct node_options node = {.shards = SHARDS};
	const struct logins_options options = {.node = &node, .password = "secret"};
	struct run run = {.at = data, .end = data + size};
	run.logins = logins_up(1, &options);
	run.logins->world->tap.pass = pass;
	run.logins->world->tap.context = &run;
	for (unsigned i = 0; i < STEPS_MAX && run.at < run.end; i++)
		run_step(&run);
	mend(&run);
	logins_free(run.logins);
	return 0;
}
