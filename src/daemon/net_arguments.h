#pragma once

#include "base/error.h"
#include "daemon/options.h"
#include "daemon/sandbox.h"

/* How the net process is started. */
struct net_arguments {
	const char *log, *aead;
	unsigned no_offload;
	bool streams; /* there may be tunnels of them */
	struct sandbox sandbox;
};

/* ERR_INVALID: one is unknown, or the sandbox is missing. */
enum err net_arguments_parse(int count, char *const *arguments, struct net_arguments *out);
