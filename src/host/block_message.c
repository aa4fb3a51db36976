#include "host/block_message.h"

#include <stdio.h>

#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include "host/netlink.h"
#include "host/route.h"
#include "host/route_rows.h"

/* Worse than any other route of the table. */
#define METRIC UINT32_MAX

static void put_port(struct nlmsghdr *request, uint16_t type, uint16_t port) {
	if (port != 0)
		netlink_put_port(request, type, port);
}

void block_message_put_rule(struct route *route, bool create, const struct block_rule *rule,
							size_t item) {
	struct fib_rule_hdr *body;
	struct nlmsghdr *request =
		route_add(route, create ? RTM_NEWRULE : RTM_DELRULE, create ? NLM_F_CREATE | NLM_F_EXCL : 0,
				  sizeof *body, item);
	body = mnl_nlmsg_get_payload(request);
	body->family = netlink_family(rule->family);
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
		netlink_put_address(request, FRA_DST, &rule->to.address);
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
	body->rtm_family = netlink_family(address->family);
	body->rtm_dst_len = entry->prefix.length;
	body->rtm_type = entry->prefix.length > 0 ? RTN_THROW : RTN_UNREACHABLE;
	body->rtm_protocol = BLOCK_PROTOCOL;
	body->rtm_scope = create ? RT_SCOPE_UNIVERSE : RT_SCOPE_NOWHERE;
	mnl_attr_put_u32(request, RTA_PRIORITY, METRIC);
	mnl_attr_put_u32(request, RTA_TABLE, entry->table);
	if (entry->prefix.length > 0)
		netlink_put_address(request, RTA_DST, address);
}

/* Lists */

static void read_rule_attribute(const struct nlattr *attribute, struct block_rule *rule,
								uint8_t family, uint8_t *protocol) {
	switch (mnl_attr_get_type(attribute)) {
	case FRA_PRIORITY:
		rule->priority = netlink_u32(attribute);
		break;
	case FRA_FWMARK:
		rule->mark = netlink_u32(attribute);
		break;
	case FRA_TABLE:
		rule->target = rule->goes_to ? rule->target : netlink_u32(attribute);
		break;
	case FRA_GOTO:
		rule->target = rule->goes_to ? netlink_u32(attribute) : rule->target;
		break;
	case FRA_SUPPRESS_PREFIXLEN:
		rule->suppress = netlink_u32(attribute) == 0;
		break;
	case FRA_PROTOCOL:
		*protocol = netlink_u8(attribute);
		break;
	case FRA_IP_PROTO:
		rule->ip_protocol = netlink_u8(attribute);
		break;
	case FRA_SPORT_RANGE:
		rule->source_port = netlink_port(attribute);
		break;
	case FRA_DPORT_RANGE:
		rule->destination_port = netlink_port(attribute);
		break;
	case FRA_IIFNAME:
		(void)snprintf(rule->from, sizeof rule->from, "%.*s",
					   (int)mnl_attr_get_payload_len(attribute), mnl_attr_get_str(attribute));
		break;
	case FRA_DST:
		(void)netlink_address(attribute, family, &rule->to.address);
		break;
	default:
		break;
	}
}

static enum err found_rule(void *context, const struct nlmsghdr *message) {
	struct route_rows *rows = context;
	const struct fib_rule_hdr *body = mnl_nlmsg_get_payload(message);
	if (message->nlmsg_type != RTM_NEWRULE || body->family != rows->family)
		return ERR_OK;
	struct block_rule rule = {.family = netlink_family_of(rows->family),
							  .goes_to = body->action == FR_ACT_GOTO};
	rule.to.length = body->dst_len;
	uint8_t protocol = 0;
	const struct nlattr *attribute;
	for (attribute = netlink_first(message, sizeof *body); attribute;
		 attribute = netlink_next(message, attribute))
		read_rule_attribute(attribute, &rule, body->family, &protocol);
	return protocol == BLOCK_PROTOCOL ? route_rows_add(rows, &rule) : ERR_OK;
}

enum err block_message_list_rules(struct route *route, uint8_t family,
								  struct block_rule **out_rules, size_t *out_count) {
	struct route_rows rows = {.item_size = sizeof(struct block_rule),
							  .family = netlink_family(family)};
	const struct fib_rule_hdr body = {.family = rows.family};
	const struct route_listing listing = {
		.type = RTM_GETRULE, .header = &body, .header_size = sizeof body, .found = found_rule};
	enum err error = route_rows_list(route, &rows, &listing);
	if (error)
		return error;
	*out_rules = rows.items;
	*out_count = rows.count;
	return ERR_OK;
}

static enum err found_route(void *context, const struct nlmsghdr *message) {
	struct route_rows *rows = context;
	const struct rtmsg *body = mnl_nlmsg_get_payload(message);
	if (message->nlmsg_type != RTM_NEWROUTE || body->rtm_family != rows->family ||
		body->rtm_protocol != BLOCK_PROTOCOL || (body->rtm_flags & RTM_F_CLONED))
		return ERR_OK;
	struct block_route entry = {.table = body->rtm_table};
	entry.prefix.length = body->rtm_dst_len;
	entry.prefix.address.family = netlink_family_of(body->rtm_family);
	const struct nlattr *attribute;
	for (attribute = netlink_first(message, sizeof *body); attribute;
		 attribute = netlink_next(message, attribute))
		if (mnl_attr_get_type(attribute) == RTA_TABLE)
			entry.table = netlink_u32(attribute);
		else if (mnl_attr_get_type(attribute) == RTA_DST)
			(void)netlink_address(attribute, body->rtm_family, &entry.prefix.address);
	return route_rows_add(rows, &entry);
}

enum err block_message_list_routes(struct route *route, uint8_t family,
								   struct block_route **out_routes, size_t *out_count) {
	struct route_rows rows = {.item_size = sizeof(struct block_route),
							  .family = netlink_family(family)};
	const struct rtmsg body = {.rtm_family = rows.family, .rtm_protocol = BLOCK_PROTOCOL};
	const struct route_listing listing = {
		.type = RTM_GETROUTE, .header = &body, .header_size = sizeof body, .found = found_route};
	enum err error = route_rows_list(route, &rows, &listing);
	if (error)
		return error;
	*out_routes = rows.items;
	*out_count = rows.count;
	return ERR_OK;
}
