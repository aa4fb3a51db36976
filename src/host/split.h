#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "host/nft_batch.h"

/*
 * Split tunnelling by what a packet is of: new flows to addresses of known names, in table
 * "inet umbra_split". A flow gets a mark that rules lead by (host/split_rules.h), and keeps it for
 * life, also when the address has expired meanwhile; no flow changes its way once it began.
 *
 *   output     flows of this host; the kernel routes them once more when the mark changes. Those of
 *              applications that go outside have it already, and only keep it; but for questions to
 *              a tunnel's name servers, which go into it: their replies come as any others do
 *   prerouting flows that this host forwards; replies from outside get their mark back, for
 *              rp_filter's sake
 *   keep       what is marked to go inside a tunnel and leaves elsewhere is dropped
 *   hide       the source address was chosen before the mark was there: flows leave with that of
 *              the interface they really take
 *
 * Of each tunnel there are sets of addresses, "include4_SLOT" and so on, whose elements expire by
 * themselves. They live on when the rules are replaced. Packets that bear a mark already, such as
 * tunnels' own datagrams, are left alone.
 */

enum {
	SPLIT_PROBLEM_SIZE = 256,
	SPLIT_SLOTS_MAX = 64,
	SPLIT_ELEMENTS_MAX = 8192, /* addresses of one set */
	SPLIT_ADD_MAX = 64,        /* addresses of one split_add() */
	SPLIT_TTL_MIN = 60,        /* seconds: an application keeps an address longer than it may */
	SPLIT_TTL_MAX = 3600,
};

enum split_kind { SPLIT_INCLUDE, SPLIT_EXCLUDE, SPLIT_KIND_COUNT };

struct split_tunnel {
	const char *name; /* of the interface */
	uint16_t slot;
	const struct prefix *addresses; /* of the interface, with their networks' lengths */
	size_t address_count;
	bool include;                  /* addresses of its own that go inside it */
	bool exclude;                  /* addresses that go past it */
	uint32_t inside;               /* the mark that leads into it; not 0 with include */
	const struct address *servers; /* for names */
	size_t server_count;
};

/* All tunnels that are up: their source addresses must not leave elsewhere. */
struct split_request {
	const struct split_tunnel *tunnels;
	size_t count;
	uint32_t outside; /* the mark that leads past all tunnels; not 0 with exclude */
	/* Sockets of applications have the mark from the beginning (host/split_group.h). */
	bool applications;
};

/* What is in force. Zeroed: nothing. To be given to split_done(). */
struct split {
	uint8_t kinds[SPLIT_SLOTS_MAX]; /* bits of the sets there are: 1 << enum split_kind */
	bool table;
	struct nft_link link;
};

/*
 * The rules as nft's JSON. *out_text is the caller's (free). ERR_INVALID for names that nft_text.h
 * does not take and slots out of range; ERR_LIMIT, ERR_NO_MEMORY.
 */
enum err split_format(const struct split *before, const struct split_request *request,
					  char **out_text, size_t *out_size);

/*
 * Replaces the rules by those of the request, at once; sets that it still has keep their elements.
 * Where it needs none, the table is removed. Waits for nft. On failure all is as it was.
 */
enum err split_apply(struct split *split, const struct split_request *request,
					 char out_problem[static SPLIT_PROBLEM_SIZE]);

/*
 * Addresses of both families for the next ttl seconds, of which SPLIT_TTL_MIN..SPLIT_TTL_MAX are
 * taken; those that are there already begin anew. All or none. ERR_NOT_FOUND: there is no such set;
 * ERR_LIMIT: it is full, or there are more than SPLIT_ADD_MAX. Tens of microseconds.
 */
enum err split_add(struct split *split, uint16_t slot, enum split_kind kind,
				   const struct address *addresses, size_t count, uint32_t ttl);

/* Takes nothing away. */
void split_done(struct split *split);

/* What an earlier process left. */
enum err split_clean(void);
