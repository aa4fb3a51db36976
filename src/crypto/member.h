#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "crypto/sizes.h"

/*
 * What ends of tunnels with logins are called where others have public keys: a member, which is one
 * device of a user at a tunnel, and at a client its server. No secret; stays the same over
 * restarts.
 */

/* SHA-256 of "umbra member", 00, the tunnel's name, 00, the user's, 00, and the number in decimal.
 * ERR_INVALID for an empty name, or a number of 0. */
enum err member_identity(const char *tunnel, const char *user, uint32_t number,
						 uint8_t out_identity[static HASH_SIZE]);
/* SHA-256 of "umbra server", 00, and the name that its certificate must have. ERR_INVALID: "". */
enum err member_server_identity(const char *name, uint8_t out_identity[static HASH_SIZE]);

/* What people call a member: "alice", and "alice/2" and so on for further devices of hers. */
void member_name(const char *user, uint32_t number, char *out_text, size_t room);
