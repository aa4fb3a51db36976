/* Arbitrary datagrams into a running device whose peer is played here. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "proto/wireguard_control.h"

#include "engine/packets.h"
#include "expect.h"
#include "proto/desk.h"
#include "proto/remote.h"

/*
 * Input: steps of a kind and its arguments, on a session that is made anew for every input.
 *   RAW         size 1, that many bytes: a datagram as it is
 *   MUTATED     message 1, place 2, mask 1, cut 1: a recorded message with one byte changed and
 *               the last ones cut off
 *   GENUINE     a packet of the peer's, in order
 *   STRANGER    a packet of the peer's with an address inside that is not its own
 *   AGAIN       the packet before, once more, and a new one twice in one batch
 *   INITIATE    a new handshake by the peer
 *   OUTGOING    a packet of the system's to the peer
 *   WAIT        time 1, in seconds
 * Property: what is delivered are packets that the peer sealed, each once, and only with addresses
 * of its own.
 */
enum kind { RAW, MUTATED, GENUINE, STRANGER, AGAIN, INITIATE, OUTGOING, WAIT, KINDS };
enum message { INITIATION, RESPONSE, COOKIE, DATA, MESSAGES };
enum { STEPS_MAX = 64, PACKET_MAX = 128, PEER_HOST = 2, PAYLOAD = 40 };

struct recorded {
	uint8_t data[256];
	size_t size;
};

static struct {
	struct desk *desk;
	struct remote remote;
	struct endpoint from;
	uint32_t next_index;
	uint64_t counter;
	bool has_keys;
	uint8_t sent[STEPS_MAX + 1][PACKET_MAX]; /* genuine packets, by their number */
	size_t sizes[STEPS_MAX + 1];
	bool delivered[STEPS_MAX + 1];
	unsigned count;
	struct recorded recorded[MESSAGES];
} bench;

static void record(enum message message, const uint8_t *data, size_t size) {
	expect(size <= sizeof bench.recorded[message].data);
	memcpy(bench.recorded[message].data, data, size);
	bench.recorded[message].size = size;
}

static void put(const uint8_t *data, size_t size) {
	fake_transport_put(bench.desk->v4[0], &bench.from, data, (uint32_t)size, (uint32_t)size);
}

/* Everything that reached the TUN must be one of ours. */
static void check_delivered(void) {
	struct fake_tun *tun = bench.desk->tuns[0];
	for (size_t i = 0; i < tun->written_count; i++) {
		const uint8_t *packet = tun->written[i].data + VIRTIO_HEADER_SIZE;
		size_t size = tun->written[i].size - VIRTIO_HEADER_SIZE;
		unsigned number = size >= 6 ? packets_u16(packet + 4) : UINT16_MAX; /* the IPv4 id */
		expect(number < bench.count && size == bench.sizes[number]);
		expect(memcmp(packet, bench.sent[number], size) == 0);
		expect(!bench.delivered[number]);
		bench.delivered[number] = true;
	}
	fake_tun_forget(tun);
}

/* The peer's side of what the device sent: responses are finished, initiations recorded. */
static void take_sent(void) {
	struct fake_transport *sent = bench.desk->v4[0];
	for (size_t i = 0; i < sent->sent_count; i++) {
		const uint8_t *data = sent->sent[i].data;
		size_t size = sent->sent[i].size;
		uint8_t answer[WIREGUARD_RESPONSE_SIZE], plain[2048];
		struct wireguard_keys keys;
		switch (wireguard_classify(data, size)) {
		case WIREGUARD_INITIATION:
			if (remote_answer(&bench.remote, data, size, ++bench.next_index, bench.desk->now, &keys,
							  answer))
				record(RESPONSE, answer, sizeof answer);
			break;
		case WIREGUARD_RESPONSE:
			if (remote_finish(&bench.remote, data, size)) {
				bench.has_keys = true;
				bench.counter = 0;
			}
			break;
		case WIREGUARD_COOKIE_REPLY:
			record(COOKIE, data, size);
			break;
		case WIREGUARD_DATA:
			/* Of sessions before, or the present one. */
			if (bench.has_keys)
				expect(remote_open(&bench.remote.keys, data, size, plain) <= (int)sizeof plain);
			break;
		default:
			abort();
		}
	}
	fake_transport_forget(sent);
}

static void turn(void) {
	desk_turn(bench.desk);
	check_delivered();
	take_sent();
}

static void initiate(void) {
	uint8_t data[WIREGUARD_INITIATION_SIZE];
	bench.desk->now += CLOCK_SECOND;
	bench.desk->wall += CLOCK_SECOND;
	remote_initiate(&bench.remote, ++bench.next_index, bench.desk->wall, bench.desk->now, data);
	record(INITIATION, data, sizeof data);
	put(data, sizeof data);
	turn();
}

/* A packet of the peer's, whose number is its IPv4 id; strangers' are never to be delivered. */
static void send_packet(bool stranger, int copies) {
	if (!bench.has_keys || (!stranger && bench.count > STEPS_MAX))
		return;
	const struct packet_spec spec = {.protocol = PACKETS_UDP,
									 .ttl = 64,
									 .source = stranger ? 77 : PEER_HOST,
									 .destination = 1,
									 .id = (uint16_t)(stranger ? UINT16_MAX : bench.count)};
	uint8_t packet[PACKET_MAX], data[PACKET_MAX + WIREGUARD_DATA_OVERHEAD];
	static const uint8_t payload[PAYLOAD] = "what the peer says";
	size_t size = packets_build(&spec, payload, sizeof payload, packet);
	if (!stranger) {
		memcpy(bench.sent[bench.count], packet, size);
		bench.sizes[bench.count++] = size;
	}
	size_t whole = remote_seal(&bench.remote.keys, bench.counter++, packet, size, data);
	record(DATA, data, whole);
	for (int i = 0; i < copies; i++)
		put(data, whole);
	turn();
}

static void send_outgoing(void) {
	const struct packet_spec spec = {
		.protocol = PACKETS_UDP, .ttl = 64, .source = 1, .destination = PEER_HOST};
	uint8_t packet[PACKET_MAX];
	static const uint8_t payload[PAYLOAD];
	size_t size = packets_build(&spec, payload, sizeof payload, packet);
	fake_tun_put(bench.desk->tuns[0], NULL, packet, size);
	turn();
}

static void start(void) {
	static const char text[] = "private_key=4848484848484848484848484848484848484848484848484848"
							   "484848484848\nlisten_port=1000\n";
	bench.desk = desk_new(1);
	bench.desk->forgets = true;
	expect(desk_set(bench.desk, text) == 0);
	remote_init(&bench.remote, 0x50, bench.desk->device->identity->public_key, &bench.desk->source);
	char key[TEXT_KEY_HEX_SIZE], peer[256];
	text_hex_encode(bench.remote.identity.public_key, X25519_KEY_SIZE, key);
	(void)snprintf(peer, sizeof peer,
				   "public_key=%s\nallowed_ip=10.0.0.2/32\nendpoint=192.0.2.9:1\n", key);
	expect(desk_set(bench.desk, peer) == 0);
	bench.desk->ops->link(bench.desk->device, DESK_MTU, true);
	bench.from = (struct endpoint){.port = 1, .address.family = ADDRESS_V4};
	memcpy(bench.from.address.bytes, (uint8_t[]){192, 0, 2, 9}, 4);
	desk_turn(bench.desk);
	/* An initiation of the device's own, so that there is a response to play with. */
	send_outgoing();
	expect(bench.recorded[RESPONSE].size > 0);
}

static void begin_input(void) {
	if (!bench.desk)
		start();
	bench.count = 0;
	memset(bench.delivered, 0, sizeof bench.delivered);
	bench.has_keys = false;
	initiate();
	/* Under mutations before, cookies may be demanded for a second. */
	for (int tries = 0; tries < 3 && !bench.has_keys; tries++)
		initiate();
	expect(bench.has_keys);
	send_packet(false, 1);
	expect(bench.delivered[0]);
}

static uint8_t take_byte(const uint8_t **at, const uint8_t *end) {
	return *at < end ? *(*at)++ : 0;
}

static void put_mutated(const uint8_t **at, const uint8_t *end) {
	const struct recorded *recorded = &bench.recorded[take_byte(at, end) % MESSAGES];
	size_t place = take_byte(at, end);
	place = place << 8 | take_byte(at, end);
	uint8_t mask = take_byte(at, end);
	size_t cut = take_byte(at, end);
	if (cut >= recorded->size)
		return;
	uint8_t data[sizeof recorded->data];
	memcpy(data, recorded->data, recorded->size);
	data[place % recorded->size] ^= mask;
	put(data, recorded->size - cut);
	turn();
}

static void run_step(const uint8_t **at, const uint8_t *end) {
	size_t size;
	switch ((enum kind)(take_byte(at, end) % KINDS)) {
	case RAW:
		size = take_byte(at, end);
		if (size > (size_t)(end - *at))
			size = (size_t)(end - *at);
		put(*at, size);
		*at += size;
		turn();
		break;
	case MUTATED:
		put_mutated(at, end);
		break;
	case GENUINE:
		send_packet(false, 1);
		break;
	case STRANGER:
		send_packet(true, 1);
		break;
	case AGAIN:
		put(bench.recorded[DATA].data, bench.recorded[DATA].size);
		send_packet(false, 2);
		break;
	case INITIATE:
		initiate();
		break;
	case OUTGOING:
		send_outgoing();
		break;
	case WAIT:
		size = take_byte(at, end);
		bench.desk->now += size * CLOCK_SECOND;
		bench.desk->wall += size * CLOCK_SECOND;
		turn();
		break;
	case KINDS:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	begin_input();
	const uint8_t *at = data, *end = data + size;
	for (int i = 0; i < STEPS_MAX && at < end; i++)
		run_step(&at, end);
	return 0;
}
