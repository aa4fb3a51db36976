#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "wire/interface_settings.h"

/* What a tunnel's server tells of the interface, in the memory that goes with SETTINGS. */

enum {
	PROCESS_SETTINGS_VERSION = 1,
	PROCESS_SETTINGS_HEAD_SIZE = 3,
	PROCESS_SETTINGS_SIZE_MAX = 1 + INTERFACE_SETTINGS_SIZE_MAX(PROCESS_SETTINGS_HEAD_SIZE),
};

/*
 * Takes the whole of data. ERR_UNSUPPORTED: another version; ERR_TRUNCATED; ERR_MALFORMED, also for
 * items of unknown types; ERR_LIMIT for more of a kind than there is room for.
 */
enum err process_settings_decode(const uint8_t *data, size_t size,
								 struct interface_settings *out_settings);

/* ERR_INVALID for what the decoder would refuse. */
enum err process_settings_encode(const struct interface_settings *settings,
								 uint8_t out_data[static PROCESS_SETTINGS_SIZE_MAX],
								 size_t *out_size);
