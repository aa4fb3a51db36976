#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

/*
 * One client's way into a tunnel, as its protocol has it: datagrams and the time in, datagrams and
 * the next deadline out. No I/O and no clock; who sends and receives is run.h. What a client keeps
 * from one arrival for the next stays in it.
 */

enum arrival_state {
	ARRIVAL_IDLE, /* not begun, or given up */
	ARRIVAL_UNDER_WAY,
	ARRIVAL_THERE,   /* both ends know of the session */
	ARRIVAL_REFUSED, /* the server has said so, or nothing at all */
};

enum { ARRIVAL_LINE_SIZE = 256 };

struct arrival_ops {
	const char *name;
	const char *const *ways; /* of arriving, up to NULL; the first is with no memory of before */
	size_t size;             /* of a client, aligned as malloc() does */

	/* What the server has to know of it, as one line of words. */
	enum err (*describe)(uint32_t number, char out_line[static ARRIVAL_LINE_SIZE]);

	/* Optional: what all clients have in common, from files in a folder. */
	enum err (*open)(const char *folder, void **out_common);
	void (*close)(void *common);

	/* From zeroed memory; done() takes that, too. common: open()'s, and outlives it. */
	enum err (*init)(void *client, uint32_t number, void *common);
	void (*done)(void *client);

	/* Begins, whatever was before. ERR_NOT_FOUND: for this way it has not what it needs. */
	enum err (*begin)(void *client, const char *way, uint64_t now, uint64_t wall);
	/* The next datagram to be sent, valid until the next call with this client. */
	bool (*send)(void *client, struct slice *out_datagram);
	void (*receive)(void *client, const uint8_t *data, size_t size, uint64_t now);
	/* To be called once its deadline has passed; CLOCK_NEVER: there is none. */
	void (*expire)(void *client, uint64_t now, uint64_t wall);
	uint64_t (*deadline)(const void *client);
	enum arrival_state (*state)(const void *client);
};

/* NULL for an unknown name. */
const struct arrival_ops *arrival_find(const char *name);
