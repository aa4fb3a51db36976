#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/slice.h"

/*
 * Listens on the wire: every datagram that a node sends passes through here before the network has
 * it. Counts them by their first byte, keeps copies on demand, and drops what a test wants dropped.
 */

enum { TAP_TYPES = 32 };

struct tap_record {
	uint64_t time; /* the network's */
	struct endpoint from, to;
	size_t size;
	uint8_t data[];
};

struct tap {
	bool recording;
	struct tap_record **records;
	size_t count, capacity;
	uint64_t sent[TAP_TYPES]; /* by the first byte, since the beginning */
	/* Whether a datagram may go on; may be NULL. */
	bool (*pass)(void *context, const struct endpoint *from, const struct endpoint *to,
				 struct slice datagram);
	void *context;
};

void tap_done(struct tap *tap);

/* False when the datagram is to be dropped. */
bool tap_take(struct tap *tap, uint64_t time, const struct endpoint *from,
			  const struct endpoint *to, struct slice datagram);

/* Forgets all records. */
void tap_clear(struct tap *tap);

/* Records of a type (0: any) from an address (NULL: any). */
size_t tap_count(const struct tap *tap, const struct address *from, uint8_t type);

/* The one number `index` of these; NULL when there are not so many. */
const struct tap_record *tap_find(const struct tap *tap, const struct address *from, uint8_t type,
								  size_t index);
/* The last one of these. */
const struct tap_record *tap_last(const struct tap *tap, const struct address *from, uint8_t type);
