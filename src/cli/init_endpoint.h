#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "conf/config.h"

/* Where clients reach a new server, as "host:port" with brackets around a v6 address. */

enum { INIT_ENDPOINT_SIZE = CONFIG_HOST_MAX + 16 };

/* "HOST", "HOST:PORT", "2001:db8::1", "[2001:db8::1]:PORT"; ERR_INVALID. */
enum err init_endpoint_parse(const char *text, uint16_t default_port,
							 char out_endpoint[static INIT_ENDPOINT_SIZE]);

/*
 * The address of the interface with the default route, otherwise the first one of any interface;
 * v4 before v6. Sends nothing. ERR_NOT_FOUND.
 */
enum err init_endpoint_guess(struct address *out_address);
enum err init_endpoint_of(const struct address *address, uint16_t port,
						  char out_endpoint[static INIT_ENDPOINT_SIZE]);

/* Whether hosts elsewhere in the Internet cannot reach it. */
bool init_endpoint_is_private(const struct address *address);
