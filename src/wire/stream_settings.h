#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "wire/dns_name.h"

/*
 * What one end tells the other about the connection: the payload of STREAM_FRAME_SETTINGS. Items
 * of id (2), length (2) and value.
 */

enum stream_setting {
	STREAM_SETTING_SHAPING = 1,
	STREAM_SETTING_ADDRESS = 2, /* of the receiver's interface */
	STREAM_SETTING_ROUTE = 3,   /* what the sender leads to */
	STREAM_SETTING_SERVER = 4,  /* that names are asked of */
	STREAM_SETTING_DOMAIN = 5,  /* that names are completed with */
	STREAM_SETTING_MTU = 6,
};

/* How a connection's sizes and times are hidden; what each means is stream/padding.h's. */
enum stream_shaping {
	STREAM_SHAPING_NONE = 0, /* not said */
	STREAM_SHAPING_PERFORMANCE = 1,
	STREAM_SHAPING_BALANCED = 2,
	STREAM_SHAPING_STEALTH = 3,
};

enum {
	STREAM_SETTINGS_ADDRESSES_MAX = 8,
	STREAM_SETTINGS_ROUTES_MAX = 256,
	STREAM_SETTINGS_SERVERS_MAX = 8,
	STREAM_SETTINGS_DOMAINS_MAX = 16,
	STREAM_SETTINGS_MTU_MIN = 576,
	/* All of that in one frame that we send. */
	STREAM_SETTINGS_SIZE_MAX = (4 + 1) + (4 + 2) + STREAM_SETTINGS_ADDRESSES_MAX * (4 + 18) +
							   STREAM_SETTINGS_ROUTES_MAX * (4 + 18) +
							   STREAM_SETTINGS_SERVERS_MAX * (4 + 17) +
							   STREAM_SETTINGS_DOMAINS_MAX * (4 + DNS_NAME_TEXT_MAX),
};

struct stream_settings {
	uint8_t shaping; /* enum stream_shaping */
	uint16_t mtu;    /* of TARGET_PACKETS; 0: not said */
	size_t address_count, route_count, server_count, domain_count;
	struct prefix addresses[STREAM_SETTINGS_ADDRESSES_MAX]; /* with their host bits */
	struct prefix routes[STREAM_SETTINGS_ROUTES_MAX];
	struct address servers[STREAM_SETTINGS_SERVERS_MAX];
	char domains[STREAM_SETTINGS_DOMAINS_MAX][DNS_NAME_TEXT_MAX + 1];
};

/*
 * Takes the whole of data. Unknown items, and profiles of later versions, are ignored.
 * ERR_TRUNCATED; ERR_MALFORMED, among others for what may be said once and is twice, and for a
 * route with host bits; ERR_LIMIT for more of a kind than there is room for.
 */
enum err stream_settings_decode(const uint8_t *data, size_t size,
								struct stream_settings *out_settings);

/* ERR_INVALID for what the decoder would refuse, ERR_LIMIT where room is too small. */
enum err stream_settings_encode(const struct stream_settings *settings, uint8_t *out_data,
								size_t room, size_t *out_size);

/* "performance", "balanced", "stealth"; NULL for all else. */
const char *stream_shaping_name(uint8_t shaping);
