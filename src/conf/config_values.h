#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"

/* Values that several keys of a configuration have. */

struct config_prefixes {
	const struct prefix *items;
	size_t count;
};

/* Of domains, in lower case, without a last dot. */
struct config_names {
	const char *const *items;
	size_t count;
};

/* A number, or left to the program. */
struct config_choice {
	bool automatic, off; /* neither: value counts */
	uint32_t value;
};

/* "vpn.example.org:51820", "192.0.2.1:51820", "[2001:db8::1]:51820". */
struct config_host {
	const char *name; /* without brackets; NULL: absent */
	uint16_t port;
};

struct config_hosts {
	const struct config_host *items;
	size_t count;
};

/* Texts whose form was checked. */
struct config_texts {
	const char *const *items;
	size_t count;
};
