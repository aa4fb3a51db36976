#include "host/block_watch.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include "base/cleanup.h"
#include "host/block.h"
#include "host/netlink.h"

enum {
	BUFFER_SIZE = 32768,
	RECEIVE_SIZE = 1 << 20,
	READS_PER_TURN = 64, /* what is left is read in the next turn: the descriptor stays readable */
};

enum err block_watch_open(int *out_descriptor) {
	auto_close int descriptor =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	const struct sockaddr_nl address = {
		.nl_family = AF_NETLINK,
		.nl_groups = 1U << (RTNLGRP_IPV4_RULE - 1) | 1U << (RTNLGRP_IPV6_RULE - 1) |
					 1U << (RTNLGRP_IPV4_ROUTE - 1) | 1U << (RTNLGRP_IPV6_ROUTE - 1),
	};
	int size = RECEIVE_SIZE;
	if (descriptor < 0 || bind(descriptor, (const struct sockaddr *)&address, sizeof address))
		return err_from_errno(errno);
	(void)setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
	*out_descriptor = cleanup_steal_descriptor(&descriptor);
	return ERR_OK;
}

static bool rule_is_ours(const struct nlmsghdr *message) {
	const struct nlattr *attribute;
	for (attribute = netlink_first(message, sizeof(struct fib_rule_hdr)); attribute;
		 attribute = netlink_next(message, attribute))
		if (mnl_attr_get_type(attribute) == FRA_PROTOCOL &&
			mnl_attr_get_payload_len(attribute) == 1)
			return mnl_attr_get_u8(attribute) == BLOCK_PROTOCOL;
	return false;
}

static bool is_ours(const struct nlmsghdr *message) {
	size_t size = mnl_nlmsg_get_payload_len(message);
	if (message->nlmsg_type == RTM_DELROUTE && size >= sizeof(struct rtmsg))
		return ((const struct rtmsg *)mnl_nlmsg_get_payload(message))->rtm_protocol ==
			   BLOCK_PROTOCOL;
	return message->nlmsg_type == RTM_DELRULE && size >= sizeof(struct fib_rule_hdr) &&
		   rule_is_ours(message);
}

bool block_watch_read(int descriptor) {
	_Alignas(NLMSG_ALIGNTO) char buffer[BUFFER_SIZE];
	bool changed = false;
	for (unsigned i = 0; i < READS_PER_TURN; i++) {
		ssize_t size = recv(descriptor, buffer, sizeof buffer, 0);
		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0 && errno == ENOBUFS) {
			changed = true;
			continue;
		}
		if (size <= 0)
			break;
		int left = (int)size;
		const struct nlmsghdr *message = (const void *)buffer;
		for (; netlink_is_whole(message, left); message = mnl_nlmsg_next(message, &left))
			changed |= is_ours(message);
	}
	return changed;
}
