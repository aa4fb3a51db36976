#include "sim/stranger.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/x25519.h"

static void must(bool is_so) {
	if (!is_so)
		abort();
}

static void init_jar(struct cookie_jar *jar, const struct node *target) {
	struct cookie_keys keys;
	must(cookie_keys_init(&keys, "mac1----", "cookie--", target->public_key) == ERR_OK);
	cookie_jar_init(jar, &keys);
}

void stranger_init(struct stranger *stranger, struct node *target, const char *at) {
	*stranger = (struct stranger){.world = target->world, .target = target};
	must(endpoint_parse(at, &stranger->at) == ERR_OK);
	uint8_t key[X25519_KEY_SIZE];
	x25519_generate(sim_random(target->world->network), key);
	must(wireguard_identity_init(&stranger->identity, key) == ERR_OK);
	memcpy(stranger->remote.public_key, target->public_key, X25519_KEY_SIZE);
	wireguard_remote_prepare(&stranger->remote, &stranger->identity);
	init_jar(&stranger->jar, target);
}

void stranger_introduce(const struct stranger *stranger) {
	must(node_set(stranger->target, "public_key=%s\n", node_hex(stranger->identity.public_key)) ==
		 0);
}

void stranger_make(struct stranger *stranger, uint8_t out_data[static WIREGUARD_INITIATION_SIZE]) {
	uint64_t now = world_now(stranger->world);
	uint8_t timestamp[WIREGUARD_TIMESTAMP_SIZE];
	wireguard_timestamp(now - WORLD_START + WORLD_WALL_START, timestamp);
	struct wireguard_initiation message;
	struct wireguard_pending pending;
	must(wireguard_initiate(&stranger->identity, &stranger->remote,
							sim_random(stranger->world->network), ++stranger->index, timestamp,
							&message, &pending) == ERR_OK);
	wireguard_encode_initiation(&message, out_data);
	must(cookie_add_macs(&stranger->jar, out_data, WIREGUARD_INITIATION_SIZE, now) == ERR_OK);
}

static struct endpoint target_of(const struct node *target, enum address_family family) {
	return (struct endpoint){
		.address = family == ADDRESS_V6 ? target->v6 : target->v4,
		.port = NODE_PORT,
	};
}

void stranger_initiate(struct stranger *stranger) {
	uint8_t data[WIREGUARD_INITIATION_SIZE];
	stranger_make(stranger, data);
	struct endpoint to = target_of(stranger->target, stranger->at.address.family);
	must(sim_send(stranger->world->network, &stranger->at, &to, slice_of(data, sizeof data)) ==
		 ERR_OK);
}

static bool is_for(const struct stranger *stranger, const struct tap_record *record, uint8_t type) {
	return record->data[0] == type && endpoint_equal(&record->to, &stranger->at);
}

bool stranger_take_cookie(struct stranger *stranger) {
	const struct tap *tap = &stranger->world->tap;
	for (size_t i = tap->count; i-- > 0;) {
		const struct tap_record *record = tap->records[i];
		if (!is_for(stranger, record, WIREGUARD_COOKIE_REPLY))
			continue;
		struct wireguard_cookie_reply reply;
		return wireguard_decode_cookie_reply(record->data, record->size, &reply) == ERR_OK &&
			   reply.receiver == stranger->index &&
			   cookie_take(&stranger->jar, reply.nonce, reply.sealed_cookie,
						   world_now(stranger->world)) == ERR_OK;
	}
	return false;
}

size_t stranger_count(const struct stranger *stranger, uint8_t type) {
	const struct tap *tap = &stranger->world->tap;
	size_t count = 0;
	for (size_t i = 0; i < tap->count; i++)
		count += is_for(stranger, tap->records[i], type);
	return count;
}

void stranger_flood(struct world *world, const struct node *target, size_t count, bool right_mac1,
					enum address_family family) {
	const struct random_source *random = sim_random(world->network);
	struct cookie_jar jar;
	init_jar(&jar, target);
	struct endpoint to = target_of(target, family);
	for (size_t i = 0; i < count; i++) {
		uint8_t data[WIREGUARD_INITIATION_SIZE];
		random_fill(random, data, sizeof data);
		data[0] = WIREGUARD_INITIATION;
		data[1] = data[2] = data[3] = 0;
		if (right_mac1)
			must(cookie_add_macs(&jar, data, sizeof data, 1) == ERR_OK);
		struct endpoint from = {.address.family = (uint8_t)family,
								.port = (uint16_t)(random_u32(random) | 1)};
		random_fill(random, from.address.bytes, address_size(&from.address));
		from.address.bytes[0] = 0x20; /* none of the nodes' */
		must(sim_send(world->network, &from, &to, slice_of(data, sizeof data)) == ERR_OK);
	}
}
