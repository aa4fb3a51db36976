#pragma once

#include <stddef.h>

#include "base/address.h"
#include "base/error.h"

/*
 * The addresses of all interfaces but one, with the lengths of their networks, in the network
 * namespace of the caller. *out_addresses is the caller's (free) and never NULL. ERR_NO_DEVICE:
 * there is no such interface.
 */
enum err network_others(const char *name, struct prefix **out_addresses, size_t *out_count);
