#pragma once

#include "host/dns.h"

/* What a way of setting name servers is: one ops table each. */
struct dns_backend {
	const char *name;
	/* Whether it takes care of this host's names, for "auto". */
	bool (*is_here)(void *context);
	/*
	 * Exactly these tunnels from now on; none: everything is put back, also what an earlier process
	 * left. Domains that it cannot split are refused before.
	 */
	enum err (*apply)(void *context, const struct dns_tunnel *tunnels, size_t count,
					  char out_problem[static DNS_PROBLEM_SIZE]);
	bool splits; /* knows domains */
};
