#include "host/route_message.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "host/netlink.h"
#include "host/route.h"
#include "host/route_rows.h"
#include "host/route_rule.h"

/* Link */

/* Kernels add members at its end. */
static uint64_t read_dropped(const struct nlattr *attribute) {
	struct rtnl_link_stats64 statistics = {0};
	size_t size = mnl_attr_get_payload_len(attribute);
	memcpy(&statistics, mnl_attr_get_payload(attribute),
		   size < sizeof statistics ? size : sizeof statistics);
	return statistics.tx_dropped;
}

static void read_link(void *context, const struct nlmsghdr *message) {
	struct route_link *link = context;
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	link->index = (uint32_t)info->ifi_index;
	link->up = info->ifi_flags & IFF_UP;
	const struct nlattr *attribute;
	for (attribute = netlink_first(message, sizeof *info); attribute;
		 attribute = netlink_next(message, attribute)) {
		if (mnl_attr_get_type(attribute) == IFLA_MTU)
			link->mtu = netlink_u32(attribute);
		else if (mnl_attr_get_type(attribute) == IFLA_IFNAME)
			(void)snprintf(link->name, sizeof link->name, "%s", mnl_attr_get_str(attribute));
		else if (mnl_attr_get_type(attribute) == IFLA_STATS64)
			link->dropped = read_dropped(attribute);
	}
}

enum err route_link_get(struct route *route, const char *name, uint32_t index,
						struct route_link *out_link, int *out_number) {
	_Alignas(NLMSG_ALIGNTO) char buffer[ROUTE_MESSAGE_SIZE] = {0};
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	request->nlmsg_type = RTM_GETLINK;
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(request, sizeof *info);
	if (name)
		mnl_attr_put_strz(request, IFLA_IFNAME, name);
	else
		info->ifi_index = (int)index;
	struct route_link link = {0};
	enum err error = route_ask(route, request, read_link, &link, out_number);
	if (!error && *out_number == 0)
		*out_link = link;
	return error;
}

enum err route_link_set(struct route *route, uint32_t index, uint32_t mtu, const bool *up,
						int *out_number) {
	_Alignas(NLMSG_ALIGNTO) char buffer[ROUTE_MESSAGE_SIZE] = {0};
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	request->nlmsg_type = RTM_NEWLINK;
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(request, sizeof *info);
	info->ifi_index = (int)index;
	if (up) {
		info->ifi_change = IFF_UP;
		info->ifi_flags = *up ? IFF_UP : 0;
	}
	if (mtu > 0)
		mnl_attr_put_u32(request, IFLA_MTU, mtu);
	return route_ask(route, request, NULL, NULL, out_number);
}

/* Requests */

static uint16_t type_of(enum route_action action, uint16_t create, uint16_t delete) {
	return action == ROUTE_DELETE ? delete : create;
}

static uint16_t flags_of(enum route_action action) {
	switch (action) {
	case ROUTE_CREATE:
		return NLM_F_CREATE | NLM_F_EXCL;
	case ROUTE_BESIDES:
		return NLM_F_CREATE | NLM_F_APPEND;
	case ROUTE_DELETE:
		break;
	}
	return 0;
}

void route_put_address(struct route *route, enum route_action action, uint32_t index,
					   const struct prefix *address, size_t item) {
	struct ifaddrmsg *body;
	struct nlmsghdr *request = route_add(route, type_of(action, RTM_NEWADDR, RTM_DELADDR),
										 flags_of(action), sizeof *body, item);
	body = mnl_nlmsg_get_payload(request);
	body->ifa_family = netlink_family(address->address.family);
	body->ifa_prefixlen = address->length;
	body->ifa_index = index;
	/* Nobody is on a tunnel who could have the address already. */
	if (address->address.family == ADDRESS_V6 && action != ROUTE_DELETE)
		body->ifa_flags = IFA_F_NODAD;
	netlink_put_address(request, IFA_LOCAL, &address->address);
	netlink_put_address(request, IFA_ADDRESS, &address->address);
}

void route_put_route(struct route *route, enum route_action action, uint32_t index,
					 const struct route_entry *entry, uint8_t protocol, size_t item) {
	struct rtmsg *body;
	struct nlmsghdr *request = route_add(route, type_of(action, RTM_NEWROUTE, RTM_DELROUTE),
										 flags_of(action), sizeof *body, item);
	body = mnl_nlmsg_get_payload(request);
	body->rtm_family = netlink_family(entry->prefix.address.family);
	body->rtm_dst_len = entry->prefix.length;
	body->rtm_protocol = protocol;
	if (action == ROUTE_DELETE) {
		body->rtm_scope = RT_SCOPE_NOWHERE; /* whichever it has */
	} else {
		body->rtm_type = RTN_UNICAST;
		body->rtm_scope = RT_SCOPE_LINK;
	}
	netlink_put_address(request, RTA_DST, &entry->prefix.address);
	mnl_attr_put_u32(request, RTA_OIF, index);
	mnl_attr_put_u32(request, RTA_TABLE, entry->table);
}

void route_put_throw(struct route *route, enum route_action action, const struct route_entry *entry,
					 uint8_t protocol, size_t item) {
	struct rtmsg *body;
	struct nlmsghdr *request = route_add(route, type_of(action, RTM_NEWROUTE, RTM_DELROUTE),
										 flags_of(action), sizeof *body, item);
	body = mnl_nlmsg_get_payload(request);
	body->rtm_family = netlink_family(entry->prefix.address.family);
	body->rtm_dst_len = entry->prefix.length;
	body->rtm_protocol = protocol;
	body->rtm_type = RTN_THROW;
	body->rtm_scope = RT_SCOPE_UNIVERSE;
	netlink_put_address(request, RTA_DST, &entry->prefix.address);
	mnl_attr_put_u32(request, RTA_TABLE, entry->table);
}

void route_put_rule(struct route *route, enum route_action action, const struct route_rule *rule,
					uint8_t protocol, size_t item) {
	struct nlmsghdr *request = route_add(route, type_of(action, RTM_NEWRULE, RTM_DELRULE),
										 flags_of(action), sizeof(struct fib_rule_hdr), item);
	route_rule_write(request, rule, protocol);
}

/* Lists */

static enum err found_address(void *context, const struct nlmsghdr *message) {
	struct route_rows *rows = context;
	const struct ifaddrmsg *body = mnl_nlmsg_get_payload(message);
	if (message->nlmsg_type != RTM_NEWADDR || body->ifa_family != rows->family ||
		(body->ifa_index == rows->index) == rows->others)
		return ERR_OK;
	struct prefix address = {.length = body->ifa_prefixlen};
	bool local = false;
	const struct nlattr *attribute;
	for (attribute = netlink_first(message, sizeof *body); attribute;
		 attribute = netlink_next(message, attribute)) {
		uint16_t type = mnl_attr_get_type(attribute);
		/* With a peer, which is not ours, the other attribute is the peer's. */
		if (type == IFA_LOCAL)
			local = netlink_address(attribute, body->ifa_family, &address.address);
		else if (type == IFA_ADDRESS && !local)
			(void)netlink_address(attribute, body->ifa_family, &address.address);
	}
	return route_rows_add(rows, &address);
}

static enum err list_addresses(struct route *route, enum address_family family, uint32_t index,
							   bool others, struct prefix **out_addresses, size_t *out_count) {
	struct route_rows rows = {.item_size = sizeof(struct prefix),
							  .family = netlink_family(family),
							  .index = index,
							  .others = others};
	const struct ifaddrmsg body = {.ifa_family = rows.family, .ifa_index = others ? 0 : index};
	const struct route_listing listing = {
		.type = RTM_GETADDR,
		.header = &body,
		.header_size = sizeof body,
		.found = found_address,
	};
	enum err error = route_rows_list(route, &rows, &listing);
	if (error)
		return error;
	*out_addresses = rows.items;
	*out_count = rows.count;
	return ERR_OK;
}

enum err route_list_addresses(struct route *route, enum address_family family, uint32_t index,
							  struct prefix **out_addresses, size_t *out_count) {
	return list_addresses(route, family, index, false, out_addresses, out_count);
}

enum err route_list_other_addresses(struct route *route, enum address_family family, uint32_t index,
									struct prefix **out_addresses, size_t *out_count) {
	return list_addresses(route, family, index, true, out_addresses, out_count);
}

static enum err found_route(void *context, const struct nlmsghdr *message) {
	struct route_rows *rows = context;
	const struct rtmsg *body = mnl_nlmsg_get_payload(message);
	if (message->nlmsg_type != RTM_NEWROUTE || body->rtm_family != rows->family ||
		body->rtm_protocol != rows->protocol || (body->rtm_flags & RTM_F_CLONED))
		return ERR_OK;
	struct route_entry entry = {.table = body->rtm_table};
	entry.prefix.length = body->rtm_dst_len;
	/* A default route has no destination. */
	entry.prefix.address.family = netlink_family_of(rows->family);
	uint32_t index = 0;
	const struct nlattr *attribute;
	for (attribute = netlink_first(message, sizeof *body); attribute;
		 attribute = netlink_next(message, attribute)) {
		switch (mnl_attr_get_type(attribute)) {
		case RTA_DST:
			(void)netlink_address(attribute, body->rtm_family, &entry.prefix.address);
			break;
		case RTA_TABLE:
			entry.table = netlink_u32(attribute);
			break;
		case RTA_OIF:
			index = netlink_u32(attribute);
			break;
		default:
			break;
		}
	}
	return index == rows->index ? route_rows_add(rows, &entry) : ERR_OK;
}

enum err route_list_routes(struct route *route, enum address_family family, uint32_t index,
						   uint8_t protocol, struct route_entry **out_entries, size_t *out_count) {
	struct route_rows rows = {.item_size = sizeof(struct route_entry),
							  .family = netlink_family(family),
							  .index = index,
							  .protocol = protocol};
	const struct rtmsg body = {.rtm_family = rows.family, .rtm_protocol = protocol};
	const struct route_listing listing = {
		.type = RTM_GETROUTE,
		.header = &body,
		.header_size = sizeof body,
		.interface = index,
		.found = found_route,
	};
	enum err error = route_rows_list(route, &rows, &listing);
	if (error)
		return error;
	*out_entries = rows.items;
	*out_count = rows.count;
	return ERR_OK;
}

static enum err found_rule(void *context, const struct nlmsghdr *message) {
	struct route_rows *rows = context;
	struct route_rule rule;
	uint8_t family = netlink_family_of(rows->family);
	return route_rule_read(message, family, rows->protocol, &rule) ? route_rows_add(rows, &rule)
																   : ERR_OK;
}

enum err route_list_rules(struct route *route, enum address_family family, uint8_t protocol,
						  struct route_rule **out_rules, size_t *out_count) {
	struct route_rows rows = {.item_size = sizeof(struct route_rule),
							  .family = netlink_family(family),
							  .protocol = protocol};
	const struct fib_rule_hdr body = {.family = rows.family};
	const struct route_listing listing = {
		.type = RTM_GETRULE,
		.header = &body,
		.header_size = sizeof body,
		.found = found_rule,
	};
	enum err error = route_rows_list(route, &rows, &listing);
	if (error)
		return error;
	*out_rules = rows.items;
	*out_count = rows.count;
	return ERR_OK;
}

/* Flush: what was listed is sent back as it came, as what to remove. */

struct leftover {
	uint16_t type;
	size_t header_size, size;
	uint8_t body[ROUTE_MESSAGE_SIZE - NLMSG_HDRLEN];
};

static bool has_protocol(const struct nlmsghdr *message, uint8_t protocol) {
	if (message->nlmsg_type == RTM_NEWROUTE)
		return ((const struct rtmsg *)mnl_nlmsg_get_payload(message))->rtm_protocol == protocol;
	return route_rule_is_of(message, protocol);
}

static enum err found_leftover(void *context, const struct nlmsghdr *message) {
	struct route_rows *rows = context;
	bool is_route = message->nlmsg_type == RTM_NEWROUTE;
	struct leftover leftover = {.type = is_route ? RTM_DELROUTE : RTM_DELRULE,
								.size = mnl_nlmsg_get_payload_len(message)};
	/* The family is the first byte of both headers. */
	const uint8_t *body = mnl_nlmsg_get_payload(message);
	if ((!is_route && message->nlmsg_type != RTM_NEWRULE) || body[0] != rows->family ||
		leftover.size > sizeof leftover.body || !has_protocol(message, rows->protocol))
		return ERR_OK;
	memcpy(leftover.body, body, leftover.size);
	return route_rows_add(rows, &leftover);
}

static void keep_refusal(void *context, size_t item, int number) {
	int *kept = context;
	if (number != ESRCH && number != ENOENT && number != ENODEV)
		*kept = number;
}

static enum err flush_rows(struct route *route, struct route_rows *rows,
						   const struct route_listing *listing) {
	enum err error = route_rows_list(route, rows, listing);
	if (error)
		return error;
	int refusal = 0;
	route_begin(route, keep_refusal, &refusal);
	const struct leftover *leftovers = rows->items;
	for (size_t i = 0; i < rows->count; i++) {
		struct nlmsghdr *request = route_add(route, leftovers[i].type, 0, leftovers[i].size, i);
		memcpy(mnl_nlmsg_get_payload(request), leftovers[i].body, leftovers[i].size);
	}
	error = route_end(route);
	free(rows->items);
	return error ? error : err_from_errno(refusal);
}

static enum err flush_family(struct route *route, uint8_t family, uint8_t protocol) {
	struct route_rows rows = {
		.item_size = sizeof(struct leftover), .family = family, .protocol = protocol};
	const struct fib_rule_hdr rule = {.family = family};
	const struct rtmsg entry = {.rtm_family = family, .rtm_protocol = protocol};
	struct route_listing listing = {
		.type = RTM_GETRULE,
		.header = &rule,
		.header_size = sizeof rule,
		.found = found_leftover,
	};
	enum err error = flush_rows(route, &rows, &listing);
	listing.type = RTM_GETROUTE;
	listing.header = &entry;
	listing.header_size = sizeof entry;
	enum err second = flush_rows(route, &rows, &listing);
	return error ? error : second;
}

enum err route_flush(struct route *route, uint8_t protocol) {
	enum err error = flush_family(route, AF_INET, protocol);
	enum err second = flush_family(route, AF_INET6, protocol);
	return error ? error : second;
}
