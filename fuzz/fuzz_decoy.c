/*
 * A stranger who sends anything to the decoy, and a backend who answers anything. The first byte:
 * bit 0 HTTP/2, bit 1 a backend, bit 3 no TLS. Then steps | what 1 | size 2 |: bytes of the client
 * or of a backend (size of them follow), ends, faults, verdicts, time that passes. What waits stays
 * bounded, and every backend that was opened is closed.
 */
#include <stdint.h>

#include "expect.h"
#include "proxy/decoy.h"
#include "proxy/decoy_backend.h"
#include "proxy/decoy_site.h"
#include "wire/cursor.h"

enum { PLACES = 64, WAITING_MAX = 600000 };

struct world {
	struct decoy *decoy;
	uint64_t now;
	bool pending;
	struct decoy_backend *backends[PLACES];
	size_t opened, closed;
};

static void candidate(void *context, struct slice text) {
	struct world *world = context;
	expect(!world->pending);
	world->pending = true;
}

static void open_backend(void *context, struct decoy_backend *backend) {
	struct world *world = context;
	size_t place = 0;
	while (place < PLACES && world->backends[place])
		place++;
	expect(place < PLACES);
	world->backends[place] = backend;
	world->opened++;
	decoy_backend_set_owner(backend, &world->backends[place]);
}

static void resume(void *context, struct decoy_backend *backend) {
}

static void close_backend(void *context, struct decoy_backend *backend) {
	struct world *world = context;
	struct decoy_backend **place = decoy_backend_owner(backend);
	expect(*place == backend);
	*place = NULL;
	world->closed++;
}

static uint64_t wall_now(void *context) {
	return 1700000000;
}

static const struct decoy_ops ops = {candidate, open_backend, resume, close_backend, wall_now};

static void put_backend(struct world *world, struct slice bytes) {
	for (size_t i = 0; i < PLACES; i++) {
		struct decoy_backend *backend = world->backends[i];
		if (!backend)
			continue;
		size_t waiting = decoy_backend_waiting(backend).size;
		expect(waiting < WAITING_MAX);
		decoy_backend_sent(backend, world->now, waiting);
		if (world->backends[i] != backend)
			return;
		size_t room = decoy_backend_room(backend);
		size_t size = bytes.size < room ? bytes.size : room;
		if (size > 0)
			decoy_backend_put(backend, world->now, bytes.data, size);
		return;
	}
}

static void end_backend(struct world *world, bool fails) {
	for (size_t i = 0; i < PLACES; i++) {
		if (!world->backends[i])
			continue;
		if (fails)
			decoy_backend_failed(world->backends[i], world->now);
		else
			decoy_backend_ended(world->backends[i], world->now);
		return;
	}
}

static void step(struct world *world, uint8_t what, struct slice bytes) {
	struct slice waiting;
	switch (what % 8) {
	case 0:
	case 1: {
		size_t taken = decoy_put(world->decoy, world->now, bytes.data, bytes.size);
		expect(taken <= bytes.size);
		break;
	}
	case 2:
		put_backend(world, bytes);
		break;
	case 3:
		end_backend(world, bytes.size % 2);
		break;
	case 4:
		waiting = decoy_waiting(world->decoy);
		expect(waiting.size < WAITING_MAX);
		decoy_sent(world->decoy, world->now, waiting.size);
		break;
	case 5:
		if (!world->pending)
			break;
		world->pending = false;
		decoy_judged(world->decoy, world->now, bytes.size % 2, slice_of_text("answer"));
		break;
	case 6:
		world->now += bytes.size * CLOCK_SECOND;
		(void)decoy_run(world->decoy, world->now);
		break;
	case 7:
		decoy_end(world->decoy, world->now);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct reader reader = reader_of(data, size);
	uint8_t first = reader_u8(&reader);
	struct world world = {.now = CLOCK_SECOND};
	struct site *site = first & 2 ? NULL : decoy_site_new(first & 4);
	const struct decoy_options options = {
		.ops = &ops,
		.context = &world,
		.http2 = first & 1,
		.plain = (first & 9) == 8,
		.site = site,
		.cookie = "sid",
		.peer = "192.0.2.1",
		.port = 443,
	};
	expect(!decoy_new(&options, world.now, &world.decoy));
	while (reader_left(&reader) > 0 && !reader.error) {
		uint8_t what = reader_u8(&reader);
		uint16_t length = reader_u16_be(&reader);
		size_t left = reader_left(&reader);
		bool has_bytes = what % 8 <= 2;
		struct slice bytes = has_bytes ? reader_slice(&reader, length < left ? length : left)
									   : slice_of(data, length);
		step(&world, what, bytes);
	}
	decoy_free(world.decoy);
	expect(world.opened == world.closed);
	site_release(site);
	return 0;
}
