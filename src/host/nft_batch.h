#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct mnl_socket;
struct nlmsghdr;

/*
 * A transaction of the kernel's firewall spoken by ourselves (nfnetlink), without the nft program:
 * for what is so small or so frequent that a program a time is too much. All of it takes place or
 * nothing does.
 */

enum { NFT_BATCH_SIZE = 16384 };

struct nft_batch {
	_Alignas(8) char data[NFT_BATCH_SIZE];
	size_t size;
	uint32_t first, count; /* numbers of its messages: the first, and the last so far */
	struct nlmsghdr *message;
};

/*
 * A way to the kernel that stays open. Who deletes something waits in close() until nobody in the
 * kernel looks at it any more, milliseconds. Zeroed: not open yet.
 */
struct nft_link {
	struct mnl_socket *socket;
	uint32_t count; /* messages so far */
};
void nft_link_done(struct nft_link *link);

/* link: that of the commit, or NULL. */
void nft_batch_begin(struct nft_batch *batch, const struct nft_link *link);
/*
 * The next request (NFT_MSG_…), for the family inet, with flags (NLM_F_CREATE …). What is added to
 * it by libmnl must leave room: nft_batch_left(). It is complete with the next call for the batch.
 */
struct nlmsghdr *nft_batch_add(struct nft_batch *batch, uint16_t type, uint16_t flags);
/* Bytes that may still be used, the end not among them. */
size_t nft_batch_left(const struct nft_batch *batch);
/*
 * Sends it, by a way of its own (NULL) or the link, and waits for the kernel's word. The error of
 * the first request that was refused; ERR_UNSUPPORTED: this kernel has no netfilter.
 */
enum err nft_batch_commit(struct nft_batch *batch, struct nft_link *link);
