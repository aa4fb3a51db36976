#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/packets.h"
#include "tunnel/fake_carrier.h"
#include "tunnel/fake_stream_host.h"
#include "tunnel/fake_uplink.h"
#include "tunnel/packet_stream.h"
#include "tunnel/packet_uplink.h"
#include "tunnel/stream_packets.h"
#include "tunnel/tun_port.h"
#include "wire/virtio.h"

/*
 * A client and a server, each with an interface that is a pair of sockets: what the test sends,
 * its host does. 10.0.0.2 and fd00::2 are the client's.
 */

enum { CLIENT = 2, OTHER = 3, FAR = 9, HOST_BUFFER = 212992, LARGE = 3500 };

struct side {
	struct stream_packets *packets;
	struct packets_peer *peer;
	int host; /* the test's end of the interface */
};

struct world {
	struct fake_stream_host fake;
	struct fake_carriers carriers;
	struct uplink uplink;
	struct side client, server;
	struct packets_peer *other; /* of the server; NULL: none */
	enum stream_error refusal;  /* of the server */
	size_t payload;             /* of put() */
	uint8_t packet[PACKETS_SIZE_MAX + VIRTIO_HEADER_SIZE];
};

static enum stream_error opened(void *context, struct mux_stream *stream,
								const struct target *target) {
	struct world *world = context;
	assert_int_equal(target->type, TARGET_PACKETS);
	if (world->refusal)
		return world->refusal;
	return packets_peer_open(world->server.peer, &world->carriers.server, stream);
}

static const struct carrier_ops server_ops = {.opened = opened};

static struct prefix prefix_of(const char *text) {
	struct prefix prefix;
	assert_int_equal(prefix_parse(text, &prefix), ERR_OK);
	return prefix;
}

static void side_init(struct world *world, struct side *side, bool is_client, bool offloads) {
	int pair[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
					 0);
	/* What every host grants, which it doubles: more than a window of large packets. */
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(
			setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &(int){HOST_BUFFER}, sizeof(int)), 0);
	side->host = pair[0];
	struct stream_packets_options options = {.host = &world->fake.host,
											 .queue = pair[1],
											 .header = offloads,
											 .tcp = offloads,
											 .uplink = is_client ? &world->uplink : NULL};
	assert_int_equal(stream_packets_new(&options, &side->packets), ERR_OK);
	struct prefix all[] = {prefix_of("0.0.0.0/0"), prefix_of("::/0")};
	struct prefix his[] = {prefix_of("10.0.0.2/32"), prefix_of("fd00::2/128")};
	assert_int_equal(packets_peer_new(side->packets, is_client ? all : his, 2, &side->peer),
					 ERR_OK);
}

static void turn(struct world *world) {
	fake_stream_host_turn(&world->fake);
}

static struct world *world_of(bool client_offloads, bool server_offloads) {
	struct world *world = calloc(1, sizeof *world);
	assert_non_null(world);
	fake_stream_host_init(&world->fake);
	fake_carriers_init(&world->carriers, &world->fake);
	fake_uplink_init(&world->uplink, &world->carriers);
	world->payload = 1200;
	world->carriers.server.ops = &server_ops;
	world->carriers.server.context = world;
	side_init(world, &world->server, false, server_offloads);
	side_init(world, &world->client, true, client_offloads);
	turn(world);
	return world;
}

static struct world *world_new(void) {
	struct world *world = world_of(false, false);
	assert_int_equal(world->uplink.opened, 1);
	return world;
}

static void side_done(struct side *side) {
	packets_peer_free(side->peer);
	stream_packets_free(side->packets);
	(void)close(side->host);
}

static void world_free(struct world *world) {
	packets_peer_free(world->other);
	side_done(&world->client);
	side_done(&world->server);
	fake_uplink_done(&world->uplink);
	fake_carriers_done(&world->carriers);
	fake_stream_host_done(&world->fake);
	free(world);
}

static size_t udp_packet(uint8_t *out, bool v6, uint8_t source, uint8_t destination, uint16_t id,
						 size_t payload) {
	static const uint8_t bytes[PACKETS_SIZE_MAX];
	struct packet_spec spec = {.v6 = v6,
							   .protocol = PACKETS_UDP,
							   .ttl = 64,
							   .id = id,
							   .source = source,
							   .destination = destination,
							   .source_port = 1000,
							   .destination_port = id};
	return packets_build(&spec, bytes, payload, out);
}

/* A UDP packet that a side's host sends. Whether its interface took it. */
static bool put(struct world *world, const struct side *side, bool v6, uint8_t source,
				uint8_t destination, uint16_t id) {
	uint8_t packet[LARGE + 100];
	size_t size = udp_packet(packet, v6, source, destination, id, world->payload);
	ssize_t sent = send(side->host, packet, size, MSG_NOSIGNAL);
	assert_true(sent == (ssize_t)size || errno == EAGAIN);
	turn(world);
	return sent > 0;
}

/* Of the next packet that a side's host gets: its destination port; 0: none comes. */
static uint16_t take(struct world *world, const struct side *side) {
	turn(world);
	ssize_t size = recv(side->host, world->packet, sizeof world->packet, 0);
	if (size < 0)
		return 0;
	assert_true(packets_are_right(world->packet, (size_t)size));
	return packets_u16(world->packet + packets_ip_size(world->packet) + 2);
}

static struct packets_figures figures(const struct packets_peer *peer) {
	struct packets_figures of;
	packets_peer_figures(peer, &of);
	return of;
}

static void carries_packets(void **state) {
	(void)state;
	struct world *world = world_new();
	assert_true(figures(world->client.peer).is_open);
	assert_true(figures(world->server.peer).is_open);
	for (unsigned v6 = 0; v6 < 2; v6++) {
		assert_true(put(world, &world->client, v6, CLIENT, FAR, 1));
		assert_true(put(world, &world->client, v6, CLIENT, FAR, 2));
		assert_int_equal(take(world, &world->server), 1);
		assert_int_equal(take(world, &world->server), 2);
		assert_int_equal(take(world, &world->server), 0);
		assert_true(put(world, &world->server, v6, FAR, CLIENT, 3));
		assert_int_equal(take(world, &world->client), 3);
	}
	assert_int_equal(figures(world->client.peer).sent, 4);
	assert_int_equal(figures(world->client.peer).received, 2);
	assert_int_equal(figures(world->server.peer).received, 4);
	assert_int_equal(figures(world->server.peer).received_bytes, 2 * 1228 + 2 * 1248);
	assert_int_equal(figures(world->server.peer).sent_bytes, 1228 + 1248);
	/* Of the largest size, and nothing. */
	size_t size = udp_packet(world->packet, false, CLIENT, FAR, 4, 65535 - 28);
	assert_int_equal(send(world->client.host, world->packet, size, 0), size);
	assert_int_equal(take(world, &world->server), 4);
	assert_int_equal(packets_u16(world->packet + 2), 65535);
	world_free(world);
}

/* TCP of one flow in segments, as a super-packet or already cut. */
static void put_segments(struct world *world, const struct side *side, bool super) {
	enum { SEGMENT = 1360, SEGMENTS = 10, HEADERS = 40 };
	static uint8_t payload[SEGMENT * SEGMENTS];
	struct packet_spec spec = {.protocol = PACKETS_TCP,
							   .ttl = 64,
							   .do_not_fragment = true,
							   .source = CLIENT,
							   .destination = FAR,
							   .source_port = 1000,
							   .destination_port = 80,
							   .flags = 0x10,
							   .window = 100};
	for (size_t i = 0; i < sizeof payload; i++)
		payload[i] = (uint8_t)(i / 7);
	uint8_t bytes[VIRTIO_HEADER_SIZE + HEADERS + sizeof payload];
	struct virtio_header header = {.flags = VIRTIO_NEEDS_CHECKSUM,
								   .gso_type = VIRTIO_GSO_TCP_V4,
								   .header_size = HEADERS,
								   .gso_size = SEGMENT,
								   .checksum_start = 20,
								   .checksum_offset = 16};
	for (size_t i = 0; i < (super ? 1 : SEGMENTS); i++) {
		size_t size = packets_build(&spec, payload + i * SEGMENT, super ? sizeof payload : SEGMENT,
									bytes + VIRTIO_HEADER_SIZE);
		virtio_encode(&header, bytes);
		size_t skip = super ? 0 : VIRTIO_HEADER_SIZE;
		assert_int_equal(send(side->host, bytes + skip, VIRTIO_HEADER_SIZE + size - skip, 0),
						 VIRTIO_HEADER_SIZE + size - skip);
		spec.sequence += SEGMENT;
	}
	turn(world);
}

static void cuts_and_joins(void **state) {
	(void)state;
	/* Cut, and written as they are. */
	struct world *world = world_of(true, false);
	put_segments(world, &world->client, true);
	for (uint32_t i = 0; i < 10; i++) {
		ssize_t size = recv(world->server.host, world->packet, sizeof world->packet, 0);
		assert_int_equal(size, 1400);
		assert_true(packets_are_right(world->packet, 1400));
		assert_int_equal(packets_u32(world->packet + 24), i * 1360);
	}
	assert_int_equal(figures(world->client.peer).sent, 10);
	world_free(world);

	/* Joined where they arrive. */
	world = world_of(false, true);
	put_segments(world, &world->client, false);
	unsigned writes = 0;
	size_t all = 0;
	ssize_t size;
	while ((size = recv(world->server.host, world->packet, sizeof world->packet, 0)) > 0) {
		writes++;
		all += (size_t)size - VIRTIO_HEADER_SIZE - 40;
	}
	assert_int_equal(all, 13600);
	assert_in_range(writes, 1, 3);
	world_free(world);
}

static void keeps_sources_apart(void **state) {
	(void)state;
	struct world *world = world_new();
	assert_true(put(world, &world->client, false, OTHER, FAR, 1));
	assert_true(put(world, &world->client, true, OTHER, FAR, 2));
	assert_true(put(world, &world->client, false, CLIENT, FAR, 3));
	assert_int_equal(take(world, &world->server), 3);
	assert_int_equal(figures(world->server.peer).strange, 2);
	/* No packet at all. */
	assert_int_equal(send(world->client.host, "nonsense", 8, 0), 8);
	turn(world);
	/* A client holds its server to what it said, too. */
	struct prefix only = prefix_of("10.0.0.9/32");
	assert_int_equal(packets_peer_set(world->client.peer, &only, 1), ERR_OK);
	assert_true(put(world, &world->server, false, 8, CLIENT, 4));
	assert_true(put(world, &world->server, false, FAR, CLIENT, 5));
	assert_int_equal(take(world, &world->client), 5);
	assert_int_equal(figures(world->client.peer).strange, 1);
	/* And sends it nothing else. */
	assert_true(put(world, &world->client, false, CLIENT, 8, 6));
	assert_int_equal(take(world, &world->server), 0);
	world_free(world);
}

static void finds_the_longest_prefix(void **state) {
	(void)state;
	struct world *world = world_new();
	struct prefix wide = prefix_of("10.0.0.0/24"), narrow = prefix_of("10.0.0.3/32");
	assert_int_equal(packets_peer_set(world->server.peer, &wide, 1), ERR_OK);
	assert_int_equal(packets_peer_new(world->server.packets, &narrow, 1, &world->other), ERR_OK);
	assert_true(put(world, &world->server, false, FAR, OTHER, 1));
	assert_true(put(world, &world->server, false, FAR, 4, 2));
	assert_true(put(world, &world->server, false, FAR, CLIENT, 3));
	assert_int_equal(take(world, &world->client), 2);
	assert_int_equal(take(world, &world->client), 3);
	/* He has no stream. */
	assert_int_equal(figures(world->other).dropped, 1);
	/* Nor may the other one take his place. */
	assert_true(put(world, &world->client, false, OTHER, FAR, 4));
	assert_int_equal(take(world, &world->server), 0);
	/* What two claim is the last one's, also when the first one goes. */
	assert_int_equal(packets_peer_set(world->server.peer, &narrow, 1), ERR_OK);
	assert_int_equal(packets_peer_set(world->other, NULL, 0), ERR_OK);
	assert_true(put(world, &world->server, false, FAR, OTHER, 5));
	assert_int_equal(take(world, &world->client), 5);
	world_free(world);
}

static void keeps_the_stream_open(void **state) {
	(void)state;
	struct world *world = world_new();
	fake_stream_host_advance(&world->fake, 3600 * CLOCK_SECOND);
	assert_int_equal(world->uplink.opened, 1);
	assert_true(put(world, &world->client, false, CLIENT, FAR, 1));
	assert_int_equal(take(world, &world->server), 1);
	/* One that was connected is replaced at once. */
	packets_peer_leave(world->server.peer, &world->carriers.client);
	turn(world);
	assert_int_equal(world->uplink.opened, 1);
	packets_peer_leave(world->server.peer, &world->carriers.server);
	turn(world);
	assert_int_equal(world->uplink.opened, 2);
	assert_true(put(world, &world->client, false, CLIENT, FAR, 2));
	assert_int_equal(take(world, &world->server), 2);
	/* A second stream of the client's ends the first one. */
	struct target target = {.type = TARGET_PACKETS};
	struct mux_stream *second;
	struct packet_stream *user;
	static const struct packet_stream_ops nothing;
	assert_int_equal(packet_stream_new(&nothing, NULL, &user), ERR_OK);
	assert_int_equal(mux_stream_open(carrier_mux(&world->carriers.client), &target,
									 packet_stream_user(user), &second),
					 ERR_OK);
	packet_stream_begin(user, &world->carriers.client, second);
	world->uplink.is_waiting = true;
	turn(world);
	assert_false(figures(world->client.peer).is_open);
	assert_false(list_is_empty(&world->uplink.wishes));
	assert_true(figures(world->server.peer).is_open);
	packet_stream_free(user);
	turn(world);
	assert_false(figures(world->server.peer).is_open);
	world_free(world);
}

static void tries_again_later_each_time(void **state) {
	(void)state;
	struct world *world = world_new();
	world->uplink.refusal = REFUSAL_INTERNAL;
	fake_carriers_break(&world->carriers, STREAM_ERROR_INTERNAL);
	turn(world);
	/* At once, then after 1, 2, 4 … 60 and 60 s. */
	static const unsigned delays[] = {1, 2, 4, 8, 16, 32, 60, 60};
	for (unsigned i = 0; i < sizeof delays / sizeof delays[0]; i++) {
		assert_int_equal(world->uplink.refused, i + 1);
		fake_stream_host_advance(&world->fake, delays[i] * CLOCK_SECOND - CLOCK_MILLISECOND);
		assert_int_equal(world->uplink.refused, i + 1);
		fake_stream_host_advance(&world->fake, CLOCK_MILLISECOND);
	}
	/* Packets of meanwhile are not kept. */
	assert_true(put(world, &world->client, false, CLIENT, FAR, 1));
	assert_int_equal(figures(world->client.peer).dropped, 1);
	assert_false(figures(world->client.peer).is_open);
	world_free(world);

	/* A server that has no interface. */
	world = world_new();
	world->refusal = STREAM_ERROR_REFUSED_STREAM;
	packets_peer_leave(world->server.peer, &world->carriers.server);
	turn(world);
	assert_int_equal(world->uplink.opened, 2);
	fake_stream_host_advance(&world->fake, 20 * CLOCK_SECOND);
	assert_int_equal(world->uplink.opened, 6);
	world_free(world);
}

/* Without a connection the time of the next try is the uplink's, and not one's own. */
static void waits_for_a_connection(void **state) {
	(void)state;
	struct world *world = world_new();
	world->uplink.refusal = REFUSAL_CARRIER;
	packets_peer_leave(world->server.peer, &world->carriers.server);
	turn(world);
	assert_int_equal(world->uplink.refused, 1);
	fake_stream_host_advance(&world->fake, 3600 * CLOCK_SECOND);
	assert_int_equal(world->uplink.refused, 1);
	fake_uplink_again(&world->uplink);
	assert_int_equal(world->uplink.refused, 2);
	/* Packets of meanwhile are not kept. */
	assert_true(put(world, &world->client, false, CLIENT, FAR, 1));
	assert_int_equal(figures(world->client.peer).dropped, 1);
	world->uplink.refusal = REFUSAL_COUNT;
	fake_uplink_again(&world->uplink);
	turn(world);
	assert_int_equal(world->uplink.opened, 2);
	assert_true(put(world, &world->client, false, CLIENT, FAR, 2));
	assert_int_equal(take(world, &world->server), 2);
	/* It is not asked for once more when the time has come at which its keeping would be due. */
	fake_stream_host_advance(&world->fake, 3600 * CLOCK_SECOND);
	assert_int_equal(world->uplink.opened, 2);
	/* Gone while it waits: nothing is left behind. */
	world->uplink.refusal = REFUSAL_CARRIER;
	packets_peer_leave(world->server.peer, &world->carriers.server);
	turn(world);
	world_free(world);
}

/* Takes what comes to a side's host in every turn, which is numbered from 1 on. */
struct drain {
	struct fake_stream_host_hook hook;
	struct world *world;
	const struct side *side;
	uint16_t count;
};

static bool drain(struct fake_stream_host_hook *hook) {
	struct drain *of = (struct drain *)(void *)((char *)hook - offsetof(struct drain, hook));
	bool was_busy = false;
	ssize_t size;
	while ((size = recv(of->side->host, of->world->packet, sizeof of->world->packet, 0)) > 0) {
		assert_true(packets_are_right(of->world->packet, (size_t)size));
		assert_int_equal(packets_u16(of->world->packet + 22), ++of->count);
		was_busy = true;
	}
	return was_busy;
}

static void drain_init(struct drain *of, struct world *world, const struct side *side) {
	*of = (struct drain){.hook.turn = drain, .world = world, .side = side};
	fake_stream_host_add(&world->fake, &of->hook);
}

/* A client's host waits; nothing is lost. */
static void slows_the_client_down(void **state) {
	(void)state;
	struct world *world = world_new();
	world->payload = LARGE;
	world->carriers.is_stalled = true;
	uint16_t sent = 0;
	while (sent < 20000 && put(world, &world->client, false, CLIENT, FAR, (uint16_t)(sent + 1)))
		sent++;
	assert_in_range(sent, 10, 19999);
	assert_int_equal(figures(world->client.peer).dropped, 0);
	assert_true(figures(world->client.peer).sent < sent);
	world->carriers.is_stalled = false;
	struct drain to;
	drain_init(&to, world, &world->server);
	turn(world);
	assert_int_equal(to.count, sent);
	assert_int_equal(figures(world->client.peer).dropped, 0);
	list_remove(&to.hook.link);
	/* A stream that ends meanwhile lets the interface be read again. */
	world->carriers.is_stalled = true;
	for (uint16_t i = 0; i < 100; i++)
		(void)put(world, &world->client, false, CLIENT, FAR, 1);
	world->uplink.refusal = REFUSAL_CARRIER;
	fake_carriers_break(&world->carriers, STREAM_ERROR_INTERNAL);
	turn(world);
	assert_true(figures(world->client.peer).dropped > 0);
	world_free(world);
}

/* A server's does not: the newest are dropped, and what was taken is whole. */
static void drops_of_a_server(void **state) {
	(void)state;
	struct world *world = world_new();
	world->payload = LARGE;
	world->carriers.is_stalled = true;
	enum { MANY = 200, LEAST = PACKET_STREAM_WAITING_MAX / (LARGE + 100) };
	for (uint16_t i = 0; i < MANY; i++)
		assert_true(put(world, &world->server, false, FAR, CLIENT, (uint16_t)(i + 1)));
	struct packets_figures of = figures(world->server.peer);
	assert_int_equal(of.sent + of.dropped, MANY);
	assert_in_range(of.sent, LEAST, MANY - 1);
	world->carriers.is_stalled = false;
	struct drain to;
	drain_init(&to, world, &world->client);
	turn(world);
	assert_int_equal(to.count, of.sent);
	assert_true(put(world, &world->server, false, FAR, CLIENT, (uint16_t)(of.sent + 1)));
	assert_int_equal(to.count, of.sent + 1);
	list_remove(&to.hook.link);
	world_free(world);
}

/* What comes before there is a stream waits for it, within bounds; then all goes in order. */
static void keeps_early_packets(void **state) {
	(void)state;
	struct world *world = world_new();
	world->payload = LARGE;
	world->uplink.is_waiting = true;
	packets_peer_leave(world->server.peer, &world->carriers.server);
	turn(world);
	enum { MANY = 40, KEPT = PACKET_STREAM_EARLY_MAX / (LARGE + 28 + 2) };
	for (uint16_t i = 0; i < MANY; i++)
		assert_true(put(world, &world->client, false, CLIENT, FAR, (uint16_t)(i + 1)));
	struct packets_figures of = figures(world->client.peer);
	assert_int_equal(of.sent, KEPT);
	assert_int_equal(of.dropped, MANY - KEPT);
	assert_int_equal(take(world, &world->server), 0);
	struct drain to;
	drain_init(&to, world, &world->server);
	fake_uplink_go_on(&world->uplink);
	turn(world);
	assert_int_equal(to.count, KEPT);
	assert_true(put(world, &world->client, false, CLIENT, FAR, KEPT + 1));
	assert_int_equal(to.count, KEPT + 1);
	list_remove(&to.hook.link);
	world_free(world);
}

static void port_packet(void *context, const uint8_t *data, size_t size) {
	(void)data;
	*(size_t *)context = size;
}

/* A queue whose reads fail, as those of an interface that is down, is left alone for a while. */
static void survives_a_queue_out_of_order(void **state) {
	(void)state;
	struct fake_stream_host fake;
	struct endpoint at, nobody;
	struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	fake_stream_host_init(&fake);
	int queue = fake_stream_host_datagrams(&at), gone = fake_stream_host_datagrams(&nobody);
	(void)close(gone);
	name.sin_port = htons(nobody.port);
	assert_int_equal(connect(queue, (struct sockaddr *)&name, sizeof name), 0);
	assert_int_equal(send(queue, "x", 1, 0), 1);
	size_t read = 0;
	struct tun_port *port;
	struct tun_port_options options = {
		.host = &fake.host, .descriptor = queue, .packet = port_packet, .context = &read};
	assert_int_equal(tun_port_new(&options, &port), ERR_OK);
	fake_stream_host_turn(&fake);
	/* Now there is somebody, and a packet. */
	name.sin_port = htons(at.port);
	assert_int_equal(connect(queue, (struct sockaddr *)&name, sizeof name), 0);
	uint8_t packet[200];
	size_t size = udp_packet(packet, false, CLIENT, FAR, 1, 100);
	assert_int_equal(send(queue, packet, size, 0), size);
	fake_stream_host_turn(&fake);
	assert_int_equal(read, 0);
	fake_stream_host_advance(&fake, TUN_PORT_RETRY_MILLISECONDS * CLOCK_MILLISECOND);
	assert_int_equal(read, size);
	assert_int_equal(tun_port_figures(port).read, 1);
	tun_port_free(port);
	fake_stream_host_done(&fake);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(carries_packets),        cmocka_unit_test(cuts_and_joins),
		cmocka_unit_test(keeps_sources_apart),    cmocka_unit_test(finds_the_longest_prefix),
		cmocka_unit_test(keeps_the_stream_open),  cmocka_unit_test(tries_again_later_each_time),
		cmocka_unit_test(slows_the_client_down),  cmocka_unit_test(drops_of_a_server),
		cmocka_unit_test(keeps_early_packets),    cmocka_unit_test(survives_a_queue_out_of_order),
		cmocka_unit_test(waits_for_a_connection),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
