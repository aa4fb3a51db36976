#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/slice.h"

/* What somebody shows of himself, in the memory that goes with LOGIN. */

enum {
	PROCESS_LOGIN_VERSION = 1,
	PROCESS_LOGIN_USER_MAX = 255, /* bytes */
	PROCESS_LOGIN_PASSWORD_MAX = 1024,
	PROCESS_LOGIN_SIZE_MAX =
		1 + 1 + 23 + 1 + PROCESS_LOGIN_USER_MAX + 2 + PROCESS_LOGIN_PASSWORD_MAX,
};

struct process_login {
	struct slice user;     /* views; no byte of it is 0 */
	struct slice password; /* may be empty beside a certificate */
	struct endpoint from;
	bool by_certificate;
	bool stream;
};

/*
 * Takes the whole of data. ERR_UNSUPPORTED: another version; ERR_TRUNCATED, ERR_TRAILING,
 * ERR_MALFORMED.
 */
enum err process_login_decode(const uint8_t *data, size_t size, struct process_login *out_login);

/* ERR_INVALID for what the decoder would refuse. */
enum err process_login_encode(const struct process_login *login,
							  uint8_t out_data[static PROCESS_LOGIN_SIZE_MAX], size_t *out_size);
