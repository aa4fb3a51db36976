#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#include <linux/filter.h>

/*
 * Which of the sockets that share a port gets a datagram, as a classic BPF program. Datagrams that
 * start with one of the caller's words go by the low bits of one of their bytes, all others by the
 * kernel's hash over addresses and ports.
 */

enum {
	STEERING_RULES_MAX = 8,
	STEERING_PROGRAM_MAX = 4 + 10 * STEERING_RULES_MAX, /* instructions */
};

struct steering_rule {
	uint32_t first_word; /* the first four bytes of a datagram, read as big-endian */
	uint32_t offset;     /* of the byte that names the socket, from the datagram's start */
	uint32_t any;        /* bits of the word that may be anything; they are 0 in first_word */
};

struct steering {
	struct steering_rule rules[STEERING_RULES_MAX];
	size_t count;
	uint8_t mask; /* of the bits in that byte */
};

/* The program for `sockets` sockets: (byte & mask) modulo sockets. Returns its length. */
size_t steering_compile(const struct steering *steering, unsigned sockets,
						struct sock_filter out_program[static STEERING_PROGRAM_MAX]);

/* Attaches it to the group that the socket is a member of. */
enum err steering_attach(int descriptor, const struct steering *steering, unsigned sockets);
