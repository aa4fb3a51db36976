#pragma once

#include <stdbool.h>

#include "base/error.h"

/*
 * News of nftables: which tables were changed, by whomever, a transaction at a time. So a table of
 * ours that another program flushed is put up again at once.
 */

struct nft_watch;

enum { NFT_WATCH_NAME_SIZE = 32, NFT_WATCH_TABLES_MAX = 8 /* told of in one transaction */ };

/* What one transaction did to one table of family inet. */
struct nft_watch_news {
	char table[NFT_WATCH_NAME_SIZE];
	bool deleted;                  /* and not made again by the same transaction */
	char set[NFT_WATCH_NAME_SIZE]; /* the first set that was made in it; empty: none */
};

/* prefix: only tables whose names begin so; static text. The descriptor is not blocking. */
enum err nft_watch_new(const char *prefix, struct nft_watch **out_watch);
void nft_watch_free(struct nft_watch *watch);

/* Readable when there is news. */
int nft_watch_descriptor(const struct nft_watch *watch);

/*
 * Reads all news. lost: some was lost, anything may have happened; changed() is called for what
 * is known nevertheless.
 */
void nft_watch_read(struct nft_watch *watch,
					void (*changed)(void *context, const struct nft_watch_news *news),
					void *context, bool *out_lost);
