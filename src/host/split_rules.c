#include "host/split_rules.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <netinet/in.h>

#include "base/cleanup.h"
#include "host/network_goal.h"
#include "host/network_refusal.h"
#include "host/route.h"
#include "host/route_message.h"
#include "host/route_rule.h"
#include "host/sysctl.h"

/* How a name server is asked: DNS, and DNS over TLS and QUIC (RFC 1035 4.2, 7858 3.1, 9250 4.1). */
static const struct {
	uint8_t ip_protocol;
	uint16_t port;
} services[] = {{IPPROTO_UDP, 53}, {IPPROTO_TCP, 53}, {IPPROTO_UDP, 853}, {IPPROTO_TCP, 853}};

enum { SERVICES = sizeof services / sizeof *services };

struct rules {
	struct route_rule *items;
	size_t count;
};

static enum err rules_init(const struct split_rules_request *request, struct rules *out_rules) {
	size_t room = 2 * request->inside_count + SERVICES * request->server_count + 1;
	struct rules rules = {.items = calloc(room, sizeof *rules.items)};
	if (!rules.items)
		return ERR_NO_MEMORY;
	*out_rules = rules;
	return ERR_OK;
}

static void add(struct rules *rules, struct route_rule rule) {
	rules->items[rules->count++] = rule;
}

static void add_inside(struct rules *rules, const struct split_rules_inside *inside,
					   uint8_t family) {
	if (inside->name)
		add(rules, (struct route_rule){.family = family,
									   .kind = ROUTE_RULE_MARKED,
									   .priority = SPLIT_RULES_INSIDE,
									   .mark = inside->mark,
									   .table = inside->table});
	add(rules, (struct route_rule){.family = family,
								   .kind = ROUTE_RULE_REFUSE,
								   .priority = SPLIT_RULES_REFUSE,
								   .mark = inside->mark});
}

static void add_server(struct rules *rules, const struct split_rules_server *server,
					   uint32_t mark) {
	for (size_t i = 0; i < SERVICES; i++)
		add(rules, (struct route_rule){.family = server->address.family,
									   .kind = ROUTE_RULE_SERVICE,
									   .priority = SPLIT_RULES_SERVERS,
									   .mark = mark,
									   .table = server->table,
									   .to = server->address,
									   .ip_protocol = services[i].ip_protocol,
									   .port = services[i].port});
}

static void collect(const struct split_rules_request *request, uint8_t family,
					struct rules *rules) {
	for (size_t i = 0; i < request->inside_count; i++)
		add_inside(rules, &request->inside[i], family);
	if (!request->outside)
		return;
	for (size_t i = 0; i < request->server_count; i++)
		if (request->servers[i].address.family == family)
			add_server(rules, &request->servers[i], request->outside);
	add(rules, (struct route_rule){.family = family,
								   .kind = ROUTE_RULE_PASS,
								   .priority = SPLIT_RULES_OUTSIDE,
								   .mark = request->outside,
								   .table = NETWORK_PRIORITY_KERNEL});
}

static void keep_number(void *context, size_t item, int number) {
	int *kept = context;
	if (number != EEXIST && *kept == 0)
		*kept = number;
}

/* What is missing comes first: nothing that is marked passes between the two. */
static enum err change(struct route *route, uint8_t family, const struct rules *rules,
					   int *number) {
	auto_free struct route_rule *present = NULL;
	size_t count = 0;
	enum err error = route_list_rules(route, family, SPLIT_RULES_PROTOCOL, &present, &count);
	if (error)
		return error;
	route_begin(route, keep_number, number);
	for (size_t i = rules->count; i-- > 0;)
		if (!route_rule_is_among(&rules->items[i], present, count))
			route_put_rule(route, ROUTE_CREATE, &rules->items[i], SPLIT_RULES_PROTOCOL, i);
	error = route_end(route);
	if (error)
		return error;
	route_begin(route, network_refusal_ignore, NULL);
	for (size_t i = 0; i < count; i++)
		if (!route_rule_is_among(&present[i], rules->items, rules->count))
			route_put_rule(route, ROUTE_DELETE, &present[i], SPLIT_RULES_PROTOCOL, i);
	return route_end(route);
}

static enum err apply_family(struct route *route, const struct split_rules_request *request,
							 uint8_t family, int *number) {
	struct rules rules;
	enum err error = rules_init(request, &rules);
	if (error)
		return error;
	collect(request, family, &rules);
	error = change(route, family, &rules, number);
	free(rules.items);
	return error;
}

static enum err put_default(struct route *route, const struct split_rules_inside *inside,
							uint32_t interface, enum address_family family, int *number) {
	bool absent = family == ADDRESS_V4 ? inside->no_v4 : inside->no_v6;
	const struct route_entry entry = {.prefix.address.family = (uint8_t)family,
									  .table = inside->table};
	route_begin(route, keep_number, number);
	route_put_route(route, absent ? ROUTE_DELETE : ROUTE_CREATE, interface, &entry,
					SPLIT_RULES_PROTOCOL, 0);
	return route_end(route);
}

/* Without IPv6 there is no such route; the rules refuse what it would have carried. */
static enum err lead_inside(struct route *route, const struct split_rules_inside *inside,
							int *number) {
	struct route_link link;
	enum err error = route_link_get(route, inside->name, 0, &link, number);
	if (error || *number)
		return error;
	char key[SYSCTL_KEY_SIZE];
	(void)snprintf(key, sizeof key, "net/ipv4/conf/%.15s/rp_filter", inside->name);
	if (sysctl_write(key, 2))
		*number = EACCES;
	int ignored = 0;
	error = put_default(route, inside, link.index, ADDRESS_V4, inside->no_v4 ? &ignored : number);
	return error ? error : put_default(route, inside, link.index, ADDRESS_V6, &ignored);
}

static enum err apply(struct route *route, const struct split_rules_request *request, int *number) {
	for (size_t i = 0; i < request->inside_count && *number == 0; i++) {
		if (!request->inside[i].name)
			continue;
		enum err error = lead_inside(route, &request->inside[i], number);
		if (error)
			return error;
	}
	if (*number)
		return ERR_OK;
	int v6 = 0;
	enum err error = apply_family(route, request, ADDRESS_V4, number);
	return error ? error : apply_family(route, request, ADDRESS_V6, &v6);
}

enum err split_rules_apply(const struct split_rules_request *request,
						   char out_problem[static NETWORK_PROBLEM_SIZE]) {
	struct route *route = NULL;
	int number = 0;
	out_problem[0] = '\0';
	if (request->inside_count > SPLIT_RULES_TUNNELS_MAX)
		return network_refusal_talk(ERR_LIMIT, out_problem);
	enum err error = route_open(&route);
	if (!error)
		error = apply(route, request, &number);
	route_close(route);
	if (!error && number)
		return network_refusal_explain("rules of split tunnelling", number, out_problem);
	return network_refusal_talk(error, out_problem);
}

enum err split_rules_clean(void) {
	struct route *route = NULL;
	enum err error = route_open(&route);
	if (!error)
		error = route_flush(route, SPLIT_RULES_PROTOCOL);
	route_close(route);
	return error;
}
