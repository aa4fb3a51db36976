#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/text.h"
#include "conf/config.h"

/*
 * What the kill switch remembers over restarts, in the file "kill_switch" of the state folder: the
 * tunnels that it is up for, the resolvers of the system, and where peers were reached last, so
 * that they are found again when no name can be resolved.
 */

enum {
	KILL_MEMORY_ENDPOINTS_MAX = 64, /* of one tunnel; the oldest is forgotten for a new one */
	KILL_MEMORY_RESOLVERS_MAX = 8,
	KILL_MEMORY_FILE_MAX = 1 << 20, /* bytes */
};

enum kill_memory_state {
	KILL_MEMORY_IDLE,     /* nothing is known */
	KILL_MEMORY_ENGAGED,  /* until somebody takes the tunnel down */
	KILL_MEMORY_RELEASED, /* somebody did */
};

struct kill_memory_endpoint {
	uint8_t key[TEXT_KEY_SIZE];
	struct endpoint endpoint;
};

struct kill_memory_tunnel {
	char name[CONFIG_NAME_SIZE];
	enum kill_memory_state state;
	struct kill_memory_endpoint endpoints[KILL_MEMORY_ENDPOINTS_MAX]; /* newest first */
	size_t endpoint_count;
};

/* Zeroed is empty. */
struct kill_memory {
	struct kill_memory_tunnel tunnels[CONFIG_TUNNELS_MAX];
	size_t tunnel_count;
	struct address resolvers[KILL_MEMORY_RESOLVERS_MAX];
	size_t resolver_count;
};

/* Of the name, new where there is none. NULL: there are too many. */
struct kill_memory_tunnel *kill_memory_tunnel(struct kill_memory *memory, const char *name);
void kill_memory_forget(struct kill_memory *memory, const char *name);

/* The peer was reached there, or is about to be. False: that was its newest already. */
bool kill_memory_put(struct kill_memory_tunnel *tunnel, const uint8_t key[static TEXT_KEY_SIZE],
					 const struct endpoint *endpoint);
/* The peer's newest; NULL: none is known. */
const struct endpoint *kill_memory_last(const struct kill_memory_tunnel *tunnel,
										const uint8_t key[static TEXT_KEY_SIZE]);

/* Lines that say nothing it knows are left out: they cannot make it block less. */
void kill_memory_parse(char *text, struct kill_memory *out_memory);
/* *out_text is the caller's (free). ERR_NO_MEMORY. */
enum err kill_memory_format(const struct kill_memory *memory, char **out_text, size_t *out_size);

/* No file is an empty memory. */
enum err kill_memory_load(const char *state_dir, struct kill_memory *out_memory);
/* All of it or nothing, also over a loss of power. */
enum err kill_memory_save(const struct kill_memory *memory, const char *state_dir);
