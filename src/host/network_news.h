#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What the kernel tells of the network (rtnetlink), and whether any of it may change which way
 * datagrams take: links, addresses, routes and rules. Left out is what changes nothing for them:
 * addresses that are only renewed, news of radio scans, local and cached routes, and what this
 * daemon does itself (its interfaces, its routes and rules).
 */

enum {
	NETWORK_NEWS_ADDRESSES_MAX = 256, /* of all interfaces; renewals beyond count as changes */
	/* Routing protocol number of routes that outlive an interface, beside NETWORK_PROTOCOL. */
	NETWORK_NEWS_KEPT_PROTOCOL = 118,
};

/* Zeroed to begin with. */
struct network_news {
	struct {
		uint64_t hash;
		uint32_t flags;                      /* those by which it is good to send from */
	} addresses[NETWORK_NEWS_ADDRESSES_MAX]; /* that are known */
	size_t count;
};

struct network_news_filter {
	/* Whether an interface, by its index, is one of ours. */
	bool (*is_own)(void *context, uint32_t interface);
	void *context;
};

/*
 * Reads a datagram of messages (aligned as malloc aligns); malformed ones are skipped. True when
 * one of them may matter.
 */
bool network_news_read(struct network_news *news, const struct network_news_filter *filter,
					   const void *data, size_t size);

/* News were lost: nothing that was known counts any more. */
void network_news_forget(struct network_news *news);
