#pragma once

#include <stddef.h>

#include "base/error.h"
#include "conf/config.h"
#include "wire/interface_settings.h"

/*
 * What follows from the keys of tunnels whose ends share keys or whose clients log in: ciphers and
 * ages of keys where none are named, and of a client its one peer, the server. Its allowed IPs are
 * what routes.include has and the networks of addresses, so none where the server says all of that.
 * ERR_NO_MEMORY.
 */
enum err shared_complete(struct config *config);

/* The addresses that the client is told: what stands there, or its allowed IPs that are one. */
size_t shared_addresses(const struct config_peer *peer,
						struct prefix out_prefixes[static INTERFACE_SETTINGS_ADDRESSES_MAX]);
/* What clients are told to send here: what stands there, or the tunnel's networks, each once. */
size_t shared_routes(const struct config_tunnel *tunnel,
					 struct prefix out_prefixes[static INTERFACE_SETTINGS_ROUTES_MAX]);
