#pragma once

#include "base/error.h"
#include "wire/target.h"

/* A listening TCP port: whoever connects is relayed to one target at the far end. */

struct forward_tcp;
struct front_setup;

enum { FORWARD_TCP_CONNECTIONS_MAX = 4096 }; /* those beyond are reset at once */

struct forward_tcp_options {
	const struct front_setup *setup;
	int descriptor; /* listens, non-blocking; taken over, also on failure */
	struct target target;
};

enum err forward_tcp_new(const struct forward_tcp_options *options,
						 struct forward_tcp **out_forward);
/* Ends all connections: before the carriers are freed. NULL-safe. */
void forward_tcp_free(struct forward_tcp *forward);
