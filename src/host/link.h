#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/*
 * News of the interface behind a TUN queue, also after it was moved to another network namespace.
 *
 * Only the namespace of the start has a netlink socket, which hears the others too
 * (NETLINK_LISTEN_ALL_NSID): a socket inside one would keep it alive after its user deleted it.
 */

struct link;

struct link_state {
	bool up;
	uint32_t mtu;
};

/* The queue is the caller's and outlives the link. The process must have one thread. */
enum err link_new(int queue, struct link **out_link);
void link_free(struct link *link);

/* Readable when there is news. */
int link_descriptor(const struct link *link);
/* The interface's index as of the last refresh, 0: unknown or in another namespace. */
uint32_t link_home_index(const struct link *link);

/* Reads all news; true when link_refresh() is worth a call. */
bool link_read(struct link *link);

/* The period of calls to link_refresh() when news cannot be heard; 0: it can. */
uint64_t link_poll_interval(const struct link *link);

/*
 * The state of now, following the interface where it went. ERR_NO_DEVICE: it was deleted;
 * ERR_AGAIN: it is being moved, ask again in some milliseconds.
 */
enum err link_refresh(struct link *link, struct link_state *out_state);

/*
 * The limit of one packet of several segments such that a whole one, each segment enlarged by
 * overhead bytes, fits one UDP send. See link.c.
 */
uint32_t link_gso_size(uint32_t mtu, uint32_t overhead);

/* Without an IPv6 address that the kernel makes up. Fails where there is no IPv6. */
enum err link_disable_link_local(struct link *link);

/* Sets the MTU and the limit above; 0 leaves a value as it is. */
enum err link_configure(struct link *link, uint32_t mtu, uint32_t gso_size);
