#include "host/nft_watch.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "host/netlink.h"

enum {
	BUFFER_SIZE = 65536,
	RECEIVE_SIZE = 1 << 21, /* a flush of a large ruleset is told rule by rule */
	READS_PER_TURN = 256,   /* the rest in the next turn: the descriptor stays readable */
};

struct nft_watch {
	struct mnl_socket *socket;
	const char *prefix;
	struct nft_watch_news news[NFT_WATCH_TABLES_MAX]; /* of the transaction that is being read */
	size_t count;
	_Alignas(NLMSG_ALIGNTO) char buffer[BUFFER_SIZE];
};

enum err nft_watch_new(const char *prefix, struct nft_watch **out_watch) {
	struct nft_watch *watch = calloc(1, sizeof *watch);
	if (!watch)
		return ERR_NO_MEMORY;
	watch->prefix = prefix;
	watch->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int group = NFNLGRP_NFTABLES, size = RECEIVE_SIZE;
	if (!watch->socket || mnl_socket_bind(watch->socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
		mnl_socket_setsockopt(watch->socket, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0) {
		enum err error = err_from_errno(errno);
		nft_watch_free(watch);
		return error;
	}
	(void)setsockopt(nft_watch_descriptor(watch), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
	*out_watch = watch;
	return ERR_OK;
}

void nft_watch_free(struct nft_watch *watch) {
	if (!watch)
		return;
	if (watch->socket)
		(void)mnl_socket_close(watch->socket);
	free(watch);
}

int nft_watch_descriptor(const struct nft_watch *watch) {
	return mnl_socket_get_fd(watch->socket);
}

static bool read_text(const struct nlattr *attribute, char out_text[static NFT_WATCH_NAME_SIZE]) {
	size_t size = mnl_attr_get_payload_len(attribute);
	const char *text = mnl_attr_get_payload(attribute);
	if (size == 0 || size > NFT_WATCH_NAME_SIZE || text[size - 1] != '\0')
		return false;
	memcpy(out_text, text, size);
	return true;
}

/* One of a transaction more than there is room for is told of as lost. */
static struct nft_watch_news *news_of(struct nft_watch *watch, const char *table, bool *out_lost) {
	for (size_t i = 0; i < watch->count; i++)
		if (strcmp(watch->news[i].table, table) == 0)
			return &watch->news[i];
	if (watch->count == NFT_WATCH_TABLES_MAX) {
		*out_lost = true;
		return NULL;
	}
	struct nft_watch_news *news = &watch->news[watch->count++];
	*news = (struct nft_watch_news){.deleted = false};
	strcpy(news->table, table);
	return news;
}

/* The first attribute of all kinds of objects is the table's name, the second one the object's. */
_Static_assert(NFTA_TABLE_NAME == 1 && NFTA_CHAIN_TABLE == 1 && NFTA_RULE_TABLE == 1 &&
			   NFTA_SET_TABLE == 1 && NFTA_SET_ELEM_LIST_TABLE == 1 && NFTA_OBJ_TABLE == 1 &&
			   NFTA_SET_NAME == 2);

static void read_change(struct nft_watch *watch, const struct nlmsghdr *message, uint16_t type,
						bool *out_lost) {
	char table[NFT_WATCH_NAME_SIZE] = "", name[NFT_WATCH_NAME_SIZE] = "";
	const struct nfgenmsg *body = mnl_nlmsg_get_payload(message);
	if (mnl_nlmsg_get_payload_len(message) < sizeof *body || body->nfgen_family != NFPROTO_INET)
		return;
	const struct nlattr *attribute = netlink_first(message, sizeof *body);
	for (; attribute; attribute = netlink_next(message, attribute)) {
		if (mnl_attr_get_type(attribute) == NFTA_SET_TABLE && !read_text(attribute, table))
			return;
		if (mnl_attr_get_type(attribute) == NFTA_SET_NAME && type == NFT_MSG_NEWSET)
			(void)read_text(attribute, name);
	}
	if (strncmp(table, watch->prefix, strlen(watch->prefix)) != 0)
		return;
	struct nft_watch_news *news = news_of(watch, table, out_lost);
	if (!news)
		return;
	if (type == NFT_MSG_DELTABLE || type == NFT_MSG_NEWTABLE) {
		news->deleted = type == NFT_MSG_DELTABLE;
		news->set[0] = '\0';
	} else if (type == NFT_MSG_NEWSET && !news->set[0]) {
		strcpy(news->set, name);
	}
}

struct told {
	void (*changed)(void *context, const struct nft_watch_news *news);
	void *context;
	bool lost;
};

static void read_message(struct nft_watch *watch, const struct nlmsghdr *message,
						 struct told *told) {
	uint16_t type = message->nlmsg_type & 0xff;
	if (message->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES)
		return;
	if (type != NFT_MSG_NEWGEN) {
		read_change(watch, message, type, &told->lost);
		return;
	}
	/* The end of a transaction. */
	for (size_t i = 0; i < watch->count; i++)
		told->changed(told->context, &watch->news[i]);
	watch->count = 0;
}

void nft_watch_read(struct nft_watch *watch,
					void (*changed)(void *context, const struct nft_watch_news *news),
					void *context, bool *out_lost) {
	struct told told = {.changed = changed, .context = context};
	for (unsigned i = 0; i < READS_PER_TURN; i++) {
		ssize_t size = mnl_socket_recvfrom(watch->socket, watch->buffer, sizeof watch->buffer);
		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0 && (errno == ENOBUFS || errno == ENOSPC)) {
			told.lost = true;
			watch->count = 0;
			continue;
		}
		if (size <= 0)
			break;
		int left = (int)size;
		const struct nlmsghdr *message = (const void *)watch->buffer;
		for (; netlink_is_whole(message, left); message = mnl_nlmsg_next(message, &left))
			read_message(watch, message, &told);
	}
	*out_lost = told.lost;
}
