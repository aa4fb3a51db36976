#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Which tunnels' figures an answer still waits for. Pure; tunnels are places 0 to 63.
 *
 * An answer is ready when all have come, or when its time is over.
 */
struct control_gather {
	uint64_t waiting;  /* a bit a tunnel */
	uint64_t deadline; /* ns */
};

enum { CONTROL_GATHER_TUNNELS = 64 };

static inline struct control_gather control_gather_until(uint64_t deadline) {
	return (struct control_gather){.deadline = deadline};
}

static inline void control_gather_expect(struct control_gather *gather, unsigned place) {
	gather->waiting |= UINT64_C(1) << (place % CONTROL_GATHER_TUNNELS);
}

static inline void control_gather_came(struct control_gather *gather, unsigned place) {
	gather->waiting &= ~(UINT64_C(1) << (place % CONTROL_GATHER_TUNNELS));
}

static inline bool control_gather_ready(const struct control_gather *gather, uint64_t now) {
	return gather->waiting == 0 || now >= gather->deadline;
}
