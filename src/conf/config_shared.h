#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/text.h"
#include "conf/config_values.h"

/*
 * What a tunnel has besides whose ends share keys, or whose clients log in, as conf/config.h has
 * the rest.
 */

enum {
	CONFIG_ENDPOINTS_MAX = 8,
	CONFIG_CIPHERS_MAX = 2,
	CONFIG_KEEPALIVE_MAX = 3600, /* seconds */
};

struct config_shared {
	/* A client's: of what stands here the loader makes the tunnel's one peer, its server. */
	struct config_hosts endpoints;
	const char *psk_file;            /* absolute; where ends share keys */
	uint8_t identity[TEXT_KEY_SIZE]; /* of that peer */

	struct config_texts ciphers; /* by preference; never empty */
	struct {
		struct config_choice seconds, packets;
	} rekey;
	struct config_choice keepalive; /* seconds */

	/* A server's. */
	bool client_to_client;
	struct {
		bool routes_absent; /* then those of the tunnel's own networks */
		struct config_prefixes routes;
		const struct address *dns;
		size_t dns_count;
		struct config_names domains;
		struct config_choice mtu; /* off: not said */
	} push;
};
