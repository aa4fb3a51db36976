#include "host/block_message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include "host/route.h"

/* Worse than any other route of the table. */
#define METRIC UINT32_MAX

static uint8_t kernel_family(uint8_t family) {
	return family == ADDRESS_V4 ? AF_INET : AF_INET6;
}

static void put_port(struct nlmsghdr *request, uint16_t type, uint16_t port) {
	const struct fib_rule_port_range range = {.start = port, .end = port};
	if (port != 0)
		mnl_attr_put(request, type, sizeof range, &range);
}

void block_message_put_rule(struct route *route, bool create, const struct block_rule *rule,
							size_t item) {
	struct fib_rule_hdr *body;
	struct nlmsghdr *request =
		route_add(route, create ? RTM_NEWRULE : RTM_DELRULE, create ? NLM_F_CREATE | NLM_F_EXCL : 0,
				  sizeof *body, item);
	body = mnl_nlmsg_get_payload(request);
	body->family = kernel_family(rule->family);
	body->action = rule->goes_to ? FR_ACT_GOTO : FR_ACT_TO_TBL;
	mnl_attr_put_u32(request, FRA_PRIORITY, rule->priority);
	mnl_attr_put_u8(request, FRA_PROTOCOL, BLOCK_PROTOCOL);
	mnl_attr_put_u32(request, rule->goes_to ? FRA_GOTO : FRA_TABLE, rule->target);
	if (rule->mark) {
		mnl_attr_put_u32(request, FRA_FWMARK, rule->mark);
		mnl_attr_put_u32(request, FRA_FWMASK, UINT32_MAX);
	}
	if (rule->suppress)
		mnl_attr_put_u32(request, FRA_SUPPRESS_PREFIXLEN, 0);
	if (rule->ip_protocol)
		mnl_attr_put_u8(request, FRA_IP_PROTO, rule->ip_protocol);
	put_port(request, FRA_SPORT_RANGE, rule->source_port);
	put_port(request, FRA_DPORT_RANGE, rule->destination_port);
	if (rule->from[0])
		mnl_attr_put_strz(request, FRA_IIFNAME, rule->from);
	if (rule->to.address.family) {
		body->dst_len = rule->to.length;
		mnl_attr_put(request, FRA_DST, address_size(&rule->to.address), rule->to.address.bytes);
	}
}

void block_message_put_route(struct route *route, bool create, const struct block_route *entry,
							 size_t item) {
	const struct address *address = &entry->prefix.address;
	struct rtmsg *body;
	struct nlmsghdr *request =
		route_add(route, create ? RTM_NEWROUTE : RTM_DELROUTE,
				  create ? NLM_F_CREATE | NLM_F_EXCL : 0, sizeof *body, item);
	body = mnl_nlmsg_get_payload(request);
	body->rtm_family = kernel_family(address->family);
	body->rtm_dst_len = entry->prefix.length;
	body->rtm_type = entry->prefix.length > 0 ? RTN_THROW : RTN_UNREACHABLE;
	body->rtm_protocol = BLOCK_PROTOCOL;
	body->rtm_scope = create ? RT_SCOPE_UNIVERSE : RT_SCOPE_NOWHERE;
	mnl_attr_put_u32(request, RTA_PRIORITY, METRIC);
	mnl_attr_put_u32(request, RTA_TABLE, entry->table);
	if (entry->prefix.length > 0)
		mnl_attr_put(request, RTA_DST, address_size(address), address->bytes);
}

/* Lists */

struct list {
	char *items;
	size_t item_size, count, room;
	uint8_t family; /* as the kernel numbers it */
};

static void forget(void *context) {
	struct list *list = context;
	list->count = 0;
}

static enum err append(struct list *list, const void *item) {
	if (list->count == list->room) {
		size_t room = list->room * 2 + 16;
		char *items = reallocarray(list->items, room, list->item_size);
		if (!items)
			return ERR_NO_MEMORY;
		list->items = items;
		list->room = room;
	}
	memcpy(list->items + list->count++ * list->item_size, item, list->item_size);
	return ERR_OK;
}

static enum err run(struct route *route, struct list *list, const struct route_listing *listing) {
	enum err error = route_list(route, listing);
	if (error == ERR_UNSUPPORTED || error == ERR_NO_DEVICE) {
		list->count = 0;
		error = ERR_OK;
	}
	if (error) {
		free(list->items);
		list->items = NULL;
	}
	return error;
}

static const struct nlattr *checked(const struct nlmsghdr *message,
									const struct nlattr *attribute) {
	const char *end = mnl_nlmsg_get_payload_tail(message);
	return mnl_attr_ok(attribute, (int)(end - (const char *)attribute)) ? attribute : NULL;
}

static uint16_t read_port(const struct nlattr *attribute) {
	struct fib_rule_port_range range = {0};
	if (mnl_attr_get_payload_len(attribute) == sizeof range)
		memcpy(&range, mnl_attr_get_payload(attribute), sizeof range);
	return range.start;
}

static void read_to(const struct nlattr *attribute, uint8_t family, struct prefix *out_to) {
	uint8_t known = family == AF_INET ? ADDRESS_V4 : ADDRESS_V6;
	const struct address shape = {.family = known};
	if (mnl_attr_get_payload_len(attribute) == address_size(&shape))
		out_to->address = address_from_bytes(known, mnl_attr_get_payload(attribute));
}

static void read_rule_attribute(const struct nlattr *attribute, struct block_rule *rule,
								uint8_t family, uint8_t *protocol) {
	switch (mnl_attr_get_type(attribute)) {
	case FRA_PRIORITY:
		rule->priority = mnl_attr_get_u32(attribute);
		break;
	case FRA_FWMARK:
		rule->mark = mnl_attr_get_u32(attribute);
		break;
	case FRA_TABLE:
		rule->target = rule->goes_to ? rule->target : mnl_attr_get_u32(attribute);
		break;
	case FRA_GOTO:
		rule->target = rule->goes_to ? mnl_attr_get_u32(attribute) : rule->target;
		break;
	case FRA_SUPPRESS_PREFIXLEN:
		rule->suppress = mnl_attr_get_u32(attribute) == 0;
		break;
	case FRA_PROTOCOL:
		*protocol = mnl_attr_get_u8(attribute);
		break;
	case FRA_IP_PROTO:
		rule->ip_protocol = mnl_attr_get_u8(attribute);
		break;
	case FRA_SPORT_RANGE:
		rule->source_port = read_port(attribute);
		break;
	case FRA_DPORT_RANGE:
		rule->destination_port = read_port(attribute);
		break;
	case FRA_IIFNAME:
		(void)snprintf(rule->from, sizeof rule->from, "%.*s",
					   (int)mnl_attr_get_payload_len(attribute), mnl_attr_get_str(attribute));
		break;
	case FRA_DST:
		read_to(attribute, family, &rule->to);
		break;
	default:
		break;
	}
}

static enum err found_rule(void *context, const struct nlmsghdr *message) {
	struct list *list = context;
	const struct fib_rule_hdr *body = mnl_nlmsg_get_payload(message);
	if (message->nlmsg_type != RTM_NEWRULE || body->family != list->family)
		return ERR_OK;
	struct block_rule rule = {.family = list->family == AF_INET ? ADDRESS_V4 : ADDRESS_V6,
							  .goes_to = body->action == FR_ACT_GOTO};
	rule.to.length = body->dst_len;
	uint8_t protocol = 0;
	const struct nlattr *attribute =
		checked(message, mnl_nlmsg_get_payload_offset(message, sizeof *body));
	for (; attribute; attribute = checked(message, mnl_attr_next(attribute)))
		read_rule_attribute(attribute, &rule, body->family, &protocol);
	return protocol == BLOCK_PROTOCOL ? append(list, &rule) : ERR_OK;
}

enum err block_message_list_rules(struct route *route, uint8_t family,
								  struct block_rule **out_rules, size_t *out_count) {
	struct list list = {.item_size = sizeof(struct block_rule), .family = kernel_family(family)};
	const struct fib_rule_hdr body = {.family = list.family};
	const struct route_listing listing = {.type = RTM_GETRULE,
										  .header = &body,
										  .header_size = sizeof body,
										  .found = found_rule,
										  .restart = forget,
										  .context = &list};
	enum err error = run(route, &list, &listing);
	if (error)
		return error;
	*out_rules = (void *)list.items;
	*out_count = list.count;
	return ERR_OK;
}

static enum err found_route(void *context, const struct nlmsghdr *message) {
	struct list *list = context;
	const struct rtmsg *body = mnl_nlmsg_get_payload(message);
	if (message->nlmsg_type != RTM_NEWROUTE || body->rtm_family != list->family ||
		body->rtm_protocol != BLOCK_PROTOCOL || (body->rtm_flags & RTM_F_CLONED))
		return ERR_OK;
	struct block_route entry = {.table = body->rtm_table};
	entry.prefix.length = body->rtm_dst_len;
	entry.prefix.address.family = body->rtm_family == AF_INET ? ADDRESS_V4 : ADDRESS_V6;
	const struct nlattr *attribute =
		checked(message, mnl_nlmsg_get_payload_offset(message, sizeof *body));
	for (; attribute; attribute = checked(message, mnl_attr_next(attribute)))
		if (mnl_attr_get_type(attribute) == RTA_TABLE)
			entry.table = mnl_attr_get_u32(attribute);
		else if (mnl_attr_get_type(attribute) == RTA_DST)
			read_to(attribute, body->rtm_family, &entry.prefix);
	return append(list, &entry);
}

enum err block_message_list_routes(struct route *route, uint8_t family,
								   struct block_route **out_routes, size_t *out_count) {
	struct list list = {.item_size = sizeof(struct block_route), .family = kernel_family(family)};
	const struct rtmsg body = {.rtm_family = list.family, .rtm_protocol = BLOCK_PROTOCOL};
	const struct route_listing listing = {.type = RTM_GETROUTE,
										  .header = &body,
										  .header_size = sizeof body,
										  .found = found_route,
										  .restart = forget,
										  .context = &list};
	enum err error = run(route, &list, &listing);
	if (error)
		return error;
	*out_routes = (void *)list.items;
	*out_count = list.count;
	return ERR_OK;
}
