#pragma once

#include <netinet/in.h>
#include <stdint.h>

#include "bench/arrivals/arrival.h"

/*
 * Clients of one server with a UDP socket each, as they arrive: so many at the same time, and each
 * no sooner than the plan says. What cannot be opened or sent for good ends the program
 * (generator/fail.h).
 */

struct run_plan {
	const char *way;
	uint32_t first, count; /* which clients */
	uint32_t window;       /* under way at the same time */
	uint64_t every;        /* ns between the starts of two */
	uint64_t limit;        /* ns for all of them */
};

struct run_result {
	uint32_t there, refused;
	double seconds;  /* until the last one that arrived */
	uint64_t *times; /* ns from its begin, of each; 0: it did not arrive. The caller's */
};

struct run_setup {
	const struct arrival_ops *ops;
	const char *folder; /* with the files that all clients of the protocol need; NULL: none */
	struct sockaddr_in server;
	/* The first client's own address, of this host; each further one is in the /24 behind. 0: the
	 * kernel chooses one for all. */
	struct in_addr source;
	uint32_t count;
};

struct run;

void run_new(const struct run_setup *setup, struct run **out_run);
void run_free(struct run *run);

void run_arrive(struct run *run, const struct run_plan *plan, struct run_result *out_result);
