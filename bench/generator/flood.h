#pragma once

#include <stdint.h>

#include "bench/generator/client.h"

/*
 * Initiations as a hostile stranger would send them: well formed, with a valid mac1, from
 * addresses that are not his. Each costs a server that believes it a Diffie-Hellman, and names a
 * static key that the server does not know. Needs a raw socket.
 */

enum { FLOOD_MESSAGES = 1024 }; /* different ones, made before */

struct flood_plan {
	struct client_server server;
	uint64_t seed;
	double rate;       /* a second */
	uint64_t duration; /* ns */
};

struct flood_result {
	uint64_t sent;
	double seconds;
};

void flood_run(const struct flood_plan *plan, struct flood_result *out_result);
