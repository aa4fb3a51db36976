#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

/*
 * Tickets, with which a device logs in again without its credentials: at a server one of each
 * member, at a client its own. What is in them is sealed under a key that is not in this file, and
 * their ids are here as hashes alone, so that who reads the file can log in as nobody.
 */

struct store;

enum { STORE_TICKET_MAX = 240 }; /* sealed bytes */

struct store_ticket {
	uint8_t
		member[TEXT_KEY_SIZE];   /* whose it is: a lease's, or at a client the server's identity */
	uint8_t hash[TEXT_KEY_SIZE]; /* SHA-256 of the ticket's id */
	uint8_t sealed[STORE_TICKET_MAX];
	size_t size;
	uint64_t until; /* seconds since the Unix epoch */
};

/*
 * On the disk when it returns, in the place of the one that the member had. A member's goes with
 * its lease: ERR_NOT_FOUND where that has gone, or the user was locked and the device has not ended
 * its sessions of before.
 */
enum err store_tickets_put_member(struct store *store, const char *tunnel,
								  const struct store_ticket *ticket);
/* The same of a client, whose servers have no leases here. */
enum err store_tickets_put_server(struct store *store, const char *tunnel,
								  const struct store_ticket *ticket);
/* Where there is none: as if there had been. */
enum err store_tickets_remove(struct store *store, const char *tunnel,
							  const uint8_t member[static TEXT_KEY_SIZE]);
/* Of all the user's devices, at that tunnel; NULL: at all of them. */
enum err store_tickets_remove_user(struct store *store, int64_t user, const char *tunnel);
/* Of all tunnels, those that were good until then or earlier. */
enum err store_tickets_trim(struct store *store, uint64_t now);

/* ERR_NOT_FOUND. */
enum err store_tickets_find(struct store *store, const char *tunnel,
							const uint8_t member[static TEXT_KEY_SIZE],
							struct store_ticket *out_ticket);
/* All of a tunnel; an error of take() ends it and is returned. */
enum err store_tickets_each(struct store *store, const char *tunnel,
							enum err (*take)(void *context, const struct store_ticket *ticket),
							void *context);
