#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "wire/parameters.h"
#include "wire/uapi.h"

/*
 * Of how a device's sessions go, and of what its server tells, that which devices of several
 * protocols have alike: where each of them keeps it.
 */
struct device_terms {
	uint32_t *rekey_seconds, *rekey_packets;
	uint16_t *keepalive;
	bool *client_to_client;
	struct parameters *tells;
};

/* A line about one of them; errno, EINVAL for any other line. */
int device_terms_take(const struct device_terms *terms, const struct uapi_entry *line);

/* Whether anything is to be pushed: a client has nothing of that. */
bool device_terms_pushes(const struct parameters *tells);
