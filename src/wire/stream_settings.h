#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "wire/interface_settings.h"

/*
 * What one end tells the other about the connection: the payload of STREAM_FRAME_SETTINGS. Items
 * of id (2), length (2) and value.
 */

enum stream_setting {
	STREAM_SETTING_SHAPING = 1,
	STREAM_SETTING_INTERFACE = 1, /* and an enum interface_setting: ids 2 to 6 */
};

/* How a connection's sizes and times are hidden; what each means is stream/padding.h's. */
enum stream_shaping {
	STREAM_SHAPING_NONE = 0, /* not said */
	STREAM_SHAPING_PERFORMANCE = 1,
	STREAM_SHAPING_BALANCED = 2,
	STREAM_SHAPING_STEALTH = 3,
};

enum {
	STREAM_SETTINGS_HEAD_SIZE = 4,
	/* All of that in one frame that we send. */
	STREAM_SETTINGS_SIZE_MAX =
		STREAM_SETTINGS_HEAD_SIZE + 1 + INTERFACE_SETTINGS_SIZE_MAX(STREAM_SETTINGS_HEAD_SIZE),
};

struct stream_settings {
	uint8_t shaping;                     /* enum stream_shaping */
	struct interface_settings interface; /* of TARGET_PACKETS */
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
