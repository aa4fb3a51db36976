#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/steering_rule.h"

#include <linux/filter.h>

/*
 * Which of the sockets that share a port gets a datagram, as a classic BPF program. Datagrams that
 * a rule of the caller's is about go by it, the first one that fits; all others by the kernel's
 * hash over addresses and ports.
 */

enum {
	STEERING_RULES_MAX = 16,
	STEERING_PROGRAM_MAX = 6 + 13 * STEERING_RULES_MAX, /* instructions */
};

struct steering {
	const struct steering_rule *rules;
	size_t count; /* up to STEERING_RULES_MAX */
	uint8_t mask; /* of the bits in that byte */
};

/* The program for `sockets` sockets: (byte & mask) modulo sockets. Returns its length. */
size_t steering_compile(const struct steering *steering, unsigned sockets,
						struct sock_filter out_program[static STEERING_PROGRAM_MAX]);

/* Attaches it to the group that the socket is a member of. */
enum err steering_attach(int descriptor, const struct steering *steering, unsigned sockets);
