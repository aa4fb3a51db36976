#include "host/network_news.h"

#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "base/siphash.h"
#include "host/netlink.h"
#include "host/network.h"

/* An address as the kernel tells of it, without what a renewal changes. */
struct told_address {
	struct {
		uint8_t family, length;
		uint16_t unused;
		uint32_t interface;
		uint8_t bytes[16];
	} what;
	uint32_t flags;
};

/* Flags by which an address is good to send from. */
enum { ADDRESS_FLAGS = IFA_F_TENTATIVE | IFA_F_DADFAILED | IFA_F_DEPRECATED | IFA_F_OPTIMISTIC };

static bool is_own(const struct network_news_filter *filter, uint32_t interface) {
	return interface != 0 && filter->is_own(filter->context, interface);
}

static bool is_own_protocol(uint8_t protocol) {
	return protocol == NETWORK_PROTOCOL || protocol == NETWORK_NEWS_KEPT_PROTOCOL;
}

/*
 * mnl_attr_parse() reads on to the aligned end of a message whose length is not aligned. Headers'
 * sizes are multiples of four.
 */
static void read_attributes(const struct nlmsghdr *message, size_t header, mnl_attr_cb_t take,
							void *context) {
	const uint8_t *payload = mnl_nlmsg_get_payload(message);
	size_t size = mnl_nlmsg_get_payload_len(message);
	if (header < size)
		(void)mnl_attr_parse_payload(payload + header, size - header, take, context);
}

/* Links: */

static int find_wireless(const struct nlattr *attribute, void *context) {
	if (mnl_attr_get_type(attribute) == IFLA_WIRELESS)
		*(bool *)context = true;
	return MNL_CB_OK;
}

static bool link_matters(const struct network_news_filter *filter, const struct nlmsghdr *message) {
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	if (mnl_nlmsg_get_payload_len(message) < sizeof *info || info->ifi_family != AF_UNSPEC ||
		is_own(filter, (uint32_t)info->ifi_index))
		return false;
	bool wireless = false;
	read_attributes(message, sizeof *info, find_wireless, &wireless);
	return !wireless;
}

/* Addresses: */

static int read_address(const struct nlattr *attribute, void *context) {
	struct told_address *address = context;
	uint16_t type = mnl_attr_get_type(attribute), size = mnl_attr_get_payload_len(attribute);
	/* An IPv4 address of a point-to-point link has both; the local one is what counts. */
	bool is_local = type == IFA_LOCAL || (type == IFA_ADDRESS && address->what.family == AF_INET6);
	if (type == IFA_FLAGS && size == sizeof(uint32_t))
		address->flags = mnl_attr_get_u32(attribute);
	else if (is_local && size <= sizeof address->what.bytes)
		memcpy(address->what.bytes, mnl_attr_get_payload(attribute), size);
	return MNL_CB_OK;
}

/* No stranger chooses them: the hash needs no secret. */
static uint64_t hash_of(const struct told_address *address) {
	static const struct siphash_key key = {{0}};
	return siphash(&key, &address->what, sizeof address->what);
}

static size_t find(const struct network_news *news, uint64_t hash) {
	size_t i = 0;
	while (i < news->count && news->addresses[i].hash != hash)
		i++;
	return i;
}

static bool forget(struct network_news *news, uint64_t hash) {
	size_t i = find(news, hash);
	if (i < news->count)
		news->addresses[i] = news->addresses[--news->count];
	return true;
}

/* Whether it is new, or not as good or bad as before. */
static bool remember(struct network_news *news, uint64_t hash, uint32_t flags) {
	size_t i = find(news, hash);
	if (i == news->count && i == NETWORK_NEWS_ADDRESSES_MAX)
		return true;
	if (i < news->count && news->addresses[i].flags == flags)
		return false;
	if (i == news->count)
		news->count++;
	news->addresses[i].hash = hash;
	news->addresses[i].flags = flags;
	return true;
}

static bool address_matters(struct network_news *news, const struct network_news_filter *filter,
							const struct nlmsghdr *message) {
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(message);
	if (mnl_nlmsg_get_payload_len(message) < sizeof *info || is_own(filter, info->ifa_index))
		return false;
	struct told_address address = {
		.what = {.family = info->ifa_family,
				 .length = info->ifa_prefixlen,
				 .interface = info->ifa_index},
		.flags = info->ifa_flags,
	};
	read_attributes(message, sizeof *info, read_address, &address);
	uint64_t hash = hash_of(&address);
	return message->nlmsg_type == RTM_DELADDR ? forget(news, hash)
											  : remember(news, hash, address.flags & ADDRESS_FLAGS);
}

/* Routes: */

static int read_interface(const struct nlattr *attribute, void *context) {
	if (mnl_attr_get_type(attribute) == RTA_OIF && mnl_attr_validate(attribute, MNL_TYPE_U32) >= 0)
		*(uint32_t *)context = mnl_attr_get_u32(attribute);
	return MNL_CB_OK;
}

static bool route_matters(const struct network_news_filter *filter,
						  const struct nlmsghdr *message) {
	const struct rtmsg *info = mnl_nlmsg_get_payload(message);
	if (mnl_nlmsg_get_payload_len(message) < sizeof *info || (info->rtm_flags & RTM_F_CLONED) ||
		info->rtm_table == RT_TABLE_LOCAL || info->rtm_type == RTN_MULTICAST ||
		(info->rtm_family != AF_INET && info->rtm_family != AF_INET6) ||
		is_own_protocol(info->rtm_protocol))
		return false;
	uint32_t interface = 0;
	read_attributes(message, sizeof *info, read_interface, &interface);
	return !is_own(filter, interface);
}

/* Rules: */

static int read_protocol(const struct nlattr *attribute, void *context) {
	if (mnl_attr_get_type(attribute) == FRA_PROTOCOL &&
		mnl_attr_validate(attribute, MNL_TYPE_U8) >= 0)
		*(uint8_t *)context = mnl_attr_get_u8(attribute);
	return MNL_CB_OK;
}

static bool rule_matters(const struct nlmsghdr *message) {
	const struct fib_rule_hdr *info = mnl_nlmsg_get_payload(message);
	if (mnl_nlmsg_get_payload_len(message) < sizeof *info)
		return false;
	uint8_t protocol = 0;
	read_attributes(message, sizeof *info, read_protocol, &protocol);
	return !is_own_protocol(protocol);
}

static bool matters(struct network_news *news, const struct network_news_filter *filter,
					const struct nlmsghdr *message) {
	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return link_matters(filter, message);
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return address_matters(news, filter, message);
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return route_matters(filter, message);
	case RTM_NEWRULE:
	case RTM_DELRULE:
		return rule_matters(message);
	default:
		return false;
	}
}

bool network_news_read(struct network_news *news, const struct network_news_filter *filter,
					   const void *data, size_t size) {
	bool any = false;
	int left = (int)size;
	const struct nlmsghdr *message = data;
	for (; netlink_is_whole(message, left); message = mnl_nlmsg_next(message, &left))
		any |= matters(news, filter, message);
	return any;
}

void network_news_forget(struct network_news *news) {
	news->count = 0;
}
