/*
 * A connection to the mixed port between a hostile client and a hostile target. Steps of
 * | what 1 | size 1 | bytes |; the first byte of all says whether a password is needed.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "expect.h"
#include "proxy/front.h"
#include "transport/http/http1_head.h"
#include "wire/cursor.h"

struct world {
	struct front *front;
	uint64_t now;
	bool has_target, is_associated, is_relaying, is_closed, at_once;
};

static void on_open(void *context, const struct target *target) {
	struct world *world = context;
	uint8_t data[TARGET_SIZE_MAX];
	size_t size;
	expect(!world->has_target && !world->is_relaying && !world->is_closed);
	expect(target->port != 0 && !target->udp && !target_encode(target, data, sizeof data, &size));
	world->has_target = true;
	if (world->at_once)
		front_opened(world->front, world->now);
}

static void on_associate(void *context, const struct target *hint) {
	struct world *world = context;
	expect(!world->has_target && !world->is_relaying && !world->is_closed && hint->udp);
	world->has_target = world->is_associated = true;
}

static void on_relay(void *context) {
	struct world *world = context;
	expect(world->has_target && !world->is_associated && !world->is_relaying && !world->is_closed);
	world->is_relaying = true;
}

static void on_release(void *context) {
	struct world *world = context;
	expect(world->has_target && !world->is_relaying && !world->is_closed);
	world->has_target = world->is_associated = false;
}

static void on_close(void *context) {
	struct world *world = context;
	expect(!world->is_closed && !world->is_relaying);
	world->is_closed = true;
}

static void step(struct world *world, uint8_t what, const uint8_t *bytes, size_t size) {
	const struct endpoint bound = {{{127, 0, 0, 1}, ADDRESS_V4}, 1080, 0};
	enum front_side side = what & 0x80 ? FRONT_TARGET : FRONT_CLIENT;
	size_t waiting;
	world->at_once = what & 0x40;
	switch (what & 7) {
	case 0:
	case 1:
	case 2:
		/* Nothing comes from a target that there is not. */
		if (side == FRONT_CLIENT || world->has_target)
			expect(front_put(world->front, world->now, side, bytes, size) <= size);
		break;
	case 3:
		if (side == FRONT_CLIENT || world->has_target)
			front_end(world->front, world->now, side);
		if (side == FRONT_TARGET && world->is_closed)
			world->has_target = false;
		break;
	case 4:
		front_opened(world->front, world->now);
		break;
	case 5:
		if (world->is_associated)
			front_associated(world->front, world->now, &bound);
		else if (world->has_target)
			front_refused(world->front, world->now,
						  (enum refusal)(bytes && size > 0 ? bytes[0] % REFUSAL_COUNT : 0));
		break;
	case 6:
		world->now += size * CLOCK_SECOND;
		expect(front_run(world->front, world->now) > world->now);
		break;
	default:
		waiting = front_waiting(world->front, side).size;
		front_sent(world->front, side, waiting < size ? waiting : size);
	}
	expect(front_waiting(world->front, FRONT_CLIENT).size <= FRONT_BODY_ROOM + 2 * HTTP1_HEAD_MAX);
	expect(front_waiting(world->front, FRONT_TARGET).size <= FRONT_BODY_ROOM + 2 * HTTP1_HEAD_MAX);
	expect(world->is_relaying || world->has_target ||
		   front_waiting(world->front, FRONT_TARGET).size == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static const struct front_ops ops = {on_open, on_associate, on_relay, on_release, on_close};
	static const struct credential alice = {"a", "b"};
	struct world world = {.now = CLOCK_SECOND};
	struct credentials *credentials = NULL;
	struct reader reader = reader_of(data, size);
	if (reader_u8(&reader) & 1)
		expect(!credentials_new(&alice, 1, &credentials));
	const struct front_options options = {&ops, &world, credentials};
	expect(!front_new(&options, world.now, &world.front));
	while (!reader.error && reader_left(&reader) > 0) {
		uint8_t what = reader_u8(&reader), length = reader_u8(&reader);
		size_t left = reader_left(&reader);
		struct slice bytes = reader_slice(&reader, length < left ? length : left);
		step(&world, what, bytes.data, bytes.size);
	}
	front_free(world.front);
	credentials_free(credentials);
	return 0;
}
