#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "crypto/sizes.h"

/* The command line of the program: a mode, and then --name=value. */

enum arguments_mode {
	ARGUMENTS_KEYS,
	ARGUMENTS_CONNECT,
	ARGUMENTS_HANDSHAKES,
	ARGUMENTS_LOAD,
	ARGUMENTS_FLOOD,
};

/* Of cookie_wait_ms: a cookie is only remembered. */
#define ARGUMENTS_NO_WAIT UINT64_MAX

struct arguments {
	enum arguments_mode mode;
	struct endpoint server; /* outside, IPv4 */
	uint8_t key[X25519_KEY_SIZE];
	struct address to; /* inside */
	const char *aead;
	bool spoof; /* flood does nothing without */
	uint64_t seed, first, count, sockets, window, limit_ms, again_ms, every_ms, cookie_wait_ms;
	uint64_t port, size, burst, rate, start_ms, duration_ms, probe_us;
};

/* On ERR_INVALID *out_wrong is the argument that is wrong or NULL when one is missing. */
enum err arguments_parse(int count, char *const *words, struct arguments *out_arguments,
						 const char **out_wrong);

/* What the arguments are. */
extern const char arguments_usage[];
