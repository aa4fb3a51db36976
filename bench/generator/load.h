#pragma once

#include <stdint.h>

#include "bench/generator/burst.h"
#include "bench/generator/crowd.h"

/* Connected clients send bursts in turn; beside them, each may ask for echoes to be timed. */

struct load_plan {
	struct burst_shape shape;
	double rate;             /* bits a second of packets inside, of all clients; 0: all that go */
	uint64_t duration;       /* ns */
	uint64_t probe_interval; /* ns between two echo requests of a client; 0: none */
};

struct load_result {
	uint64_t packets, refused; /* sent; not taken by this end's kernel */
	double seconds;
	uint64_t probes;
	uint64_t *trips; /* ns there and back of each probe that was answered; malloc'ed */
	size_t trip_count;
};

void load_run(struct crowd *crowd, const struct load_plan *plan, struct load_result *out_result);
