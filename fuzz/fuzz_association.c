/*
 * The datagrams of a SOCKS5 client, its targets, and a clock. Steps of | what 1 | size 1 | bytes |.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "expect.h"
#include "proxy/association.h"
#include "wire/cursor.h"
#include "wire/socks5.h"

struct world {
	struct association *association;
	uint32_t flow; /* the last one */
	size_t flows;
	bool ends_at_once;
};

static void on_open(void *context, uint32_t flow, const struct target *target) {
	struct world *world = context;
	uint8_t data[TARGET_SIZE_MAX];
	size_t size;
	expect(target->udp && target->port != 0);
	expect(!target_encode(target, data, sizeof data, &size));
	world->flow = flow;
	expect(++world->flows <= ASSOCIATION_FLOWS_MAX);
	if (world->ends_at_once) {
		association_ended(world->association, flow);
		world->flows--;
	}
}

static void on_send(void *context, uint32_t flow, struct slice payload) {
	expect(payload.size <= UINT8_MAX);
}

static void on_close(void *context, uint32_t flow) {
	struct world *world = context;
	expect(world->flows-- > 0);
}

static void on_answer(void *context, const struct endpoint *client, struct slice header,
					  struct slice payload) {
	struct target target;
	struct slice nothing;
	expect(client->port == 1000 && header.size <= SOCKS5_UDP_HEADER_MAX);
	expect(!socks5_udp_decode(header.data, header.size, &target, &nothing) && nothing.size == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static const struct association_ops ops = {on_open, on_send, on_close, on_answer};
	struct world world = {.flows = 0};
	const struct association_options options = {
		.ops = &ops, .context = &world, .client = {{127, 0, 0, 1}, ADDRESS_V4}};
	const struct endpoint client = {{{127, 0, 0, 1}, ADDRESS_V4}, 1000, 0};
	struct reader reader = reader_of(data, size);
	uint64_t now = CLOCK_SECOND;
	expect(!association_new(&options, &world.association));
	while (!reader.error && reader_left(&reader) > 0) {
		uint8_t what = reader_u8(&reader), length = reader_u8(&reader);
		size_t left = reader_left(&reader);
		struct slice bytes = reader_slice(&reader, length < left ? length : left);
		world.ends_at_once = what & 0x40;
		now += (uint64_t)(what & 0x30) * CLOCK_SECOND;
		switch (what & 3) {
		case 0:
		case 1:
			association_put(world.association, now, &client, bytes.data, bytes.size);
			break;
		case 2:
			association_answer(world.association, now, world.flow, bytes);
			break;
		default:
			expect(association_run(world.association, now) > now);
		}
	}
	association_free(world.association);
	return 0;
}
