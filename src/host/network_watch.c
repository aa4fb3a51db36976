#include "host/network_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

enum {
	BUFFER_SIZE = 32768,
	READS_PER_TURN = 64, /* what is left is read in the next turn: the descriptor stays readable */
};

struct network_watch {
	struct mnl_socket *socket;
	struct network_news_filter filter;
	struct network_news news;
	uint64_t first, last; /* of the changes not told yet; first is CLOCK_NEVER without one */
	uint64_t told;        /* the last time; 0: never */
	_Alignas(NLMSG_ALIGNTO) char buffer[BUFFER_SIZE];
};

static enum err open_socket(struct network_watch *watch) {
	watch->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!watch->socket || mnl_socket_bind(watch->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return err_from_errno(errno);
	static const unsigned groups[] = {
		RTNLGRP_LINK,       RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE,
		RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE,   RTNLGRP_IPV6_RULE,
	};
	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
		unsigned group = groups[i];
		if (mnl_socket_setsockopt(watch->socket, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0)
			return err_from_errno(errno);
	}
	return ERR_OK;
}

enum err network_watch_new(const struct network_news_filter *filter,
						   struct network_watch **out_watch) {
	struct network_watch *watch = calloc(1, sizeof *watch);
	if (!watch)
		return ERR_NO_MEMORY;
	watch->filter = *filter;
	watch->first = CLOCK_NEVER;
	enum err error = open_socket(watch);
	if (error) {
		network_watch_free(watch);
		return error;
	}
	*out_watch = watch;
	return ERR_OK;
}

void network_watch_free(struct network_watch *watch) {
	if (!watch)
		return;
	if (watch->socket)
		(void)mnl_socket_close(watch->socket);
	free(watch);
}

int network_watch_descriptor(const struct network_watch *watch) {
	return mnl_socket_get_fd(watch->socket);
}

void network_watch_note(struct network_watch *watch, uint64_t now) {
	if (watch->first == CLOCK_NEVER)
		watch->first = now;
	watch->last = now;
}

void network_watch_read(struct network_watch *watch, uint64_t now) {
	for (unsigned i = 0; i < READS_PER_TURN; i++) {
		ssize_t size = recv(network_watch_descriptor(watch), watch->buffer, BUFFER_SIZE,
							MSG_DONTWAIT | MSG_TRUNC);
		if (size == 0 || (size < 0 && errno != ENOBUFS))
			return;
		if (size > 0 && size <= BUFFER_SIZE) {
			if (network_news_read(&watch->news, &watch->filter, watch->buffer, (size_t)size))
				network_watch_note(watch, now);
			continue;
		}
		/* ENOBUFS: news were lost. Or a message was cut short. */
		network_news_forget(&watch->news);
		network_watch_note(watch, now);
	}
}

static uint64_t earlier(uint64_t left, uint64_t right) {
	return left < right ? left : right;
}

uint64_t network_watch_deadline(const struct network_watch *watch) {
	if (watch->first == CLOCK_NEVER)
		return CLOCK_NEVER;
	uint64_t at = earlier(watch->last + NETWORK_WATCH_QUIET, watch->first + NETWORK_WATCH_LATE);
	uint64_t again = watch->told > 0 ? watch->told + NETWORK_WATCH_INTERVAL : 0;
	return at > again ? at : again;
}

bool network_watch_take(struct network_watch *watch, uint64_t now) {
	if (now < network_watch_deadline(watch))
		return false;
	watch->first = CLOCK_NEVER;
	watch->told = now;
	return true;
}
