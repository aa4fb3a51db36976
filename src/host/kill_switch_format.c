#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "host/kill_switch.h"
#include "host/nft_text.h"

#define TABLE KILL_SWITCH_TABLE
#define ARP_TABLE "{'family':'arp','name':'" TABLE "'}"

enum { PRIORITY = 10 /* behind the chains of others, which may still set marks */ };

#define IN NFT_MATCH("==", NFT_META("iifname"), "'%s'")
#define OUT NFT_MATCH("==", NFT_META("oifname"), "'%s'")
#define MARKED NFT_MATCH("==", NFT_META("mark"), "%" PRIu32)
#define FLOW_MARKED NFT_MATCH("==", "{'ct':{'key':'mark'}}", "%" PRIu32)
#define SET_MARK "{'mangle':{'key':{'meta':{'key':'mark'}},'value':%" PRIu32 "}}"
#define SET_FLOW_MARK "{'mangle':{'key':{'ct':{'key':'mark'}},'value':%" PRIu32 "}}"
#define TO NFT_MATCH("==", NFT_PAYLOAD("%s", "daddr"), "'%s'")
#define TO_NETWORK NFT_MATCH("==", NFT_PAYLOAD("%s", "daddr"), "{'prefix':{'addr':'%s','len':%u}}")
#define TO_SET NFT_MATCH("==", NFT_PAYLOAD("%s", "daddr"), "'@%s'")
#define IS_V4 NFT_MATCH("==", NFT_META("nfproto"), "'ipv4'")
#define IS_V6 NFT_MATCH("==", NFT_META("nfproto"), "'ipv6'")
#define TCP_UDP NFT_MATCH("==", NFT_META("l4proto"), "{'set':['tcp','udp']}")
#define PORT(protocol, field, number) NFT_MATCH("==", NFT_PAYLOAD(protocol, field), number)
#define HOP_LIMIT(number) NFT_MATCH("==", NFT_PAYLOAD("ip6", "hoplimit"), number)
#define ICMP6(types) NFT_MATCH("==", NFT_PAYLOAD("icmpv6", "type"), "{'set':[" types "]}")
#define TO_ENDPOINT(protocol, transport, set)                                                    \
	NFT_MATCH("==",                                                                              \
			  "{'concat':[" NFT_META("mark") "," NFT_PAYLOAD(protocol, "daddr") "," NFT_PAYLOAD( \
				  transport, "dport") "]}",                                                      \
			  "'@" set "'")

#define put_rule(text, chain, expressions, ...)                                         \
	nft_text_put(text,                                                                  \
				 ",\n{'add':{'rule':{'family':'inet','table':'" TABLE "','chain':'%s'," \
				 "'expr':[" expressions "]}}}",                                         \
				 chain __VA_OPT__(, ) __VA_ARGS__)

#define V4(a, b, c, d, size) \
	{ .address = {.family = ADDRESS_V4, .bytes = {a, b, c, d}}, .length = (size) }
#define V6(a, b, size) \
	{ .address = {.family = ADDRESS_V6, .bytes = {a, b}}, .length = (size) }

/* RFC 1918, 3927, 5771 (local network control), 2365 (local scope), 919; 4193, 4291 2.5.6, 2.7. */
const struct prefix kill_switch_lan[] = {
	V4(10, 0, 0, 0, 8),         V4(172, 16, 0, 0, 12), V4(192, 168, 0, 0, 16),
	V4(169, 254, 0, 0, 16),     V4(224, 0, 0, 0, 24),  V4(239, 255, 0, 0, 16),
	V4(255, 255, 255, 255, 32), V6(0xfc, 0, 7),        V6(0xfe, 0x80, 10),
	V6(0xff, 0x02, 16),         V6(0xff, 0x05, 16),
};
const size_t kill_switch_lan_count = sizeof kill_switch_lan / sizeof *kill_switch_lan;

static const char *protocol_of(const struct address *address) {
	return address->family == ADDRESS_V4 ? "ip" : "ip6";
}

/* Sets */

static const char *type_of(uint8_t family) {
	return family == ADDRESS_V4 ? "ipv4_addr" : "ipv6_addr";
}

/* nft takes no empty list of elements. */
static void put_endpoints(struct nft_text *text, const struct kill_switch_request *request,
						  const char *name, bool streams, uint8_t family) {
	char address[ADDRESS_TEXT_SIZE];
	bool any = false;
	nft_text_put(text,
				 ",\n{'add':{'set':{'family':'inet','table':'" TABLE "','name':'%s%u',"
				 "'type':['mark','%s','inet_service']",
				 name, family, type_of(family));
	for (size_t i = 0; i < request->endpoint_count; i++) {
		const struct kill_switch_endpoint *item = &request->endpoints[i];
		if (item->endpoint.address.family != family || item->streams != streams)
			continue;
		address_format(&item->endpoint.address, address);
		nft_text_put(text, "%s{'concat':[%" PRIu32 ",'%s',%u]}", any ? "," : ",'elem':[",
					 item->mark, address, item->endpoint.port);
		any = true;
	}
	nft_text_put(text, "%s}}}", any ? "]" : "");
}

static bool has_streams(const struct kill_switch_request *request) {
	for (size_t i = 0; i < request->endpoint_count; i++)
		if (request->endpoints[i].streams)
			return true;
	return false;
}

static int compare(const void *left_item, const void *right_item) {
	const struct prefix *left = left_item, *right = right_item;
	int order = memcmp(left->address.bytes, right->address.bytes, sizeof left->address.bytes);
	return order ? order : (int)left->length - (int)right->length;
}

static bool covers(const struct prefix *outer, const struct prefix *inner) {
	struct prefix cut = *inner;
	if (inner->length < outer->length)
		return false;
	cut.length = outer->length;
	prefix_mask(&cut);
	return prefix_equal(&cut, outer);
}

/* Those of the family, sorted, without those that lie in others: intervals may not meet. */
static size_t gather(const struct prefix *prefixes, size_t count, uint8_t family,
					 struct prefix *out_prefixes) {
	size_t taken = 0, kept = 0;
	for (size_t i = 0; i < count; i++) {
		if (prefixes[i].address.family != family)
			continue;
		out_prefixes[taken] = prefixes[i];
		prefix_mask(&out_prefixes[taken++]);
	}
	qsort(out_prefixes, taken, sizeof *out_prefixes, compare);
	for (size_t i = 0; i < taken; i++)
		if (kept == 0 || !covers(&out_prefixes[kept - 1], &out_prefixes[i]))
			out_prefixes[kept++] = out_prefixes[i];
	return kept;
}

static enum err put_prefixes(struct nft_text *text, const char *name, const struct prefix *prefixes,
							 size_t count, uint8_t family) {
	auto_free struct prefix *items = calloc(count + 1, sizeof *items);
	if (!items)
		return ERR_NO_MEMORY;
	size_t kept = gather(prefixes, count, family, items);
	if (kept == 0)
		return ERR_OK;
	nft_text_put(text,
				 ",\n{'add':{'set':{'family':'inet','table':'" TABLE "','name':'%s%u',"
				 "'type':'%s','flags':['interval'],'elem':[",
				 name, family, type_of(family));
	for (size_t i = 0; i < kept; i++) {
		char address[ADDRESS_TEXT_SIZE];
		address_format(&items[i].address, address);
		nft_text_put(text, "%s{'prefix':{'addr':'%s','len':%u}}", i > 0 ? "," : "", address,
					 items[i].length);
	}
	nft_text_put(text, "]}}}");
	return ERR_OK;
}

static bool has_family(const struct prefix *prefixes, size_t count, uint8_t family) {
	for (size_t i = 0; i < count; i++)
		if (prefixes[i].address.family == family)
			return true;
	return false;
}

static const uint8_t families[] = {ADDRESS_V4, ADDRESS_V6};

static enum err put_sets(struct nft_text *text, const struct kill_switch_request *request,
						 const char *seal) {
	enum err error = ERR_OK;
	nft_text_put(text,
				 ",\n{'add':{'set':{'family':'inet','table':'" TABLE "','name':'%s',"
				 "'type':'mark'}}}",
				 seal);
	for (size_t i = 0; i < sizeof families && !error; i++) {
		put_endpoints(text, request, "endpoints", false, families[i]);
		if (has_streams(request))
			put_endpoints(text, request, "streams", true, families[i]);
		error = put_prefixes(text, "inside", request->inside, request->inside_count, families[i]);
		if (!error)
			error = put_prefixes(text, "allowed", request->allowed, request->allowed_count,
								 families[i]);
	}
	return error;
}

/* Rules */

static void put_set_rules(struct nft_text *text, const char *chain, const char *name,
						  const struct prefix *prefixes, size_t count, const char *verdict) {
	for (size_t i = 0; i < sizeof families; i++) {
		char set[16];
		if (!has_family(prefixes, count, families[i]))
			continue;
		(void)snprintf(set, sizeof set, "%s%u", name, families[i]);
		put_rule(text, chain, TO_SET ",{'%s':null}", families[i] == ADDRESS_V4 ? "ip" : "ip6", set,
				 verdict);
	}
}

/* What may pass by choice. */
static void put_exceptions(struct nft_text *text, const char *chain,
						   const struct kill_switch_request *request) {
	put_set_rules(text, chain, "allowed", request->allowed, request->allowed_count, "accept");
	if (request->outside_mark)
		put_rule(text, chain, MARKED "," NFT_ACCEPT, request->outside_mark);
	if (!request->allow_lan)
		return;
	put_set_rules(text, chain, "inside", request->inside, request->inside_count, "drop");
	for (size_t i = 0; i < kill_switch_lan_count; i++) {
		const struct prefix *network = &kill_switch_lan[i];
		char address[ADDRESS_TEXT_SIZE];
		address_format(&network->address, address);
		put_rule(text, chain, TO_NETWORK "," NFT_ACCEPT, protocol_of(&network->address), address,
				 network->length);
	}
}

/* What a host needs to have an address and neighbours at all; none of it goes beyond the link but
 * a lease's renewal, which goes to who gave it. */
static void put_link(struct nft_text *text, const char *chain) {
	put_rule(text, chain,
			 IS_V4 "," PORT("udp", "sport", "68") "," PORT("udp", "dport", "67") "," NFT_ACCEPT);
	put_rule(text, chain,
			 IS_V6 "," PORT("udp", "sport", "546") "," PORT("udp", "dport", "547") "," NFT_ACCEPT);
	/* RFC 4861 4: anything but 255 was forwarded, and is invalid. */
	put_rule(
		text, chain,
		HOP_LIMIT("255") "," ICMP6("'nd-router-solicit','nd-router-advert','nd-neighbor-solicit',"
								   "'nd-neighbor-advert','nd-redirect'") "," NFT_ACCEPT);
	/* RFC 2710 3, 3810 5. */
	put_rule(text, chain,
			 HOP_LIMIT("1") "," ICMP6("'mld-listener-query','mld-listener-report',"
									  "'mld-listener-done','mld2-listener-report'") "," NFT_ACCEPT);
}

/* Answers to the resolver's questions come in by an interface that the route back leads to only
 * with their mark; strict rp_filter would drop them. */
static void put_marks(struct nft_text *text, uint32_t mark) {
	nft_text_put_chain(text, TABLE, "restore", "filter", "prerouting", -150);
	nft_text_put_chain(text, TABLE, "save", "filter", "postrouting", -150);
	put_rule(text, "restore", TCP_UDP "," FLOW_MARKED "," SET_MARK, mark, mark);
	put_rule(text, "save", TCP_UDP "," MARKED "," SET_FLOW_MARK, mark, mark);
}

/*
 * A neighbour is answered only if the route back to him leads to the interface he asks by, to
 * strict rp_filter: so main's routes are asked. Nothing is sent on that carries this mark. The
 * family has tables of its own.
 */
static void put_neighbours(struct nft_text *text, uint32_t mark) {
	nft_text_put(text, ",\n{'add':{'table':" ARP_TABLE "}},\n{'delete':{'table':" ARP_TABLE
					   "}},\n{'add':{'table':" ARP_TABLE "}}");
	nft_text_put(text, ",\n{'add':{'chain':{'family':'arp','table':'" TABLE "','name':'asked',"
					   "'type':'filter','hook':'input','prio':0,'policy':'accept'}}}");
	nft_text_put(text,
				 ",\n{'add':{'rule':{'family':'arp','table':'" TABLE "','chain':'asked',"
				 "'expr':[" SET_MARK "]}}}",
				 mark);
}

static void put_interfaces(struct nft_text *text, const char *chain, const char *which,
						   const struct kill_switch_request *request) {
	for (size_t i = 0; i < request->interface_count; i++)
		put_rule(text, chain, NFT_MATCH("==", NFT_META("%s"), "'%s'") "," NFT_ACCEPT, which,
				 request->interfaces[i]);
}

static void put_sent(struct nft_text *text, const char *chain,
					 const struct kill_switch_request *request) {
	put_rule(text, chain, OUT "," NFT_ACCEPT, "lo");
	put_interfaces(text, chain, "oifname", request);
	put_rule(text, chain, TO_ENDPOINT("ip", "udp", "endpoints4") "," NFT_ACCEPT);
	put_rule(text, chain, TO_ENDPOINT("ip6", "udp", "endpoints6") "," NFT_ACCEPT);
	if (has_streams(request)) {
		put_rule(text, chain, TO_ENDPOINT("ip", "tcp", "streams4") "," NFT_ACCEPT);
		put_rule(text, chain, TO_ENDPOINT("ip6", "tcp", "streams6") "," NFT_ACCEPT);
	}
	for (size_t i = 0; i < request->resolver_count; i++) {
		char address[ADDRESS_TEXT_SIZE];
		address_format(&request->resolvers[i], address);
		put_rule(text, chain,
				 MARKED "," TO "," TCP_UDP "," PORT("th", "dport", "53") "," NFT_ACCEPT,
				 request->resolver_mark, protocol_of(&request->resolvers[i]), address);
	}
	put_link(text, chain);
	put_exceptions(text, chain, request);
	put_rule(text, chain, NFT_DROP);
}

static void put_output(struct nft_text *text, const struct kill_switch_request *request) {
	nft_text_put_chain(text, TABLE, "output", "filter", "output", PRIORITY);
	put_sent(text, "output", request);
}

/*
 * Chains of others at the output hook, which set marks or destinations, make the kernel choose a
 * route again, but that hook goes on with the interface of before. Here it is the one that the
 * packet leaves by. What is forwarded comes here as well.
 */
static void put_leaving(struct nft_text *text, const struct kill_switch_request *request) {
	nft_text_put_chain(text, TABLE, "leaving", "filter", "postrouting", PRIORITY);
	put_interfaces(text, "leaving", "iifname", request);
	put_sent(text, "leaving", request);
}

static void put_forward(struct nft_text *text, const struct kill_switch_request *request) {
	nft_text_put_chain(text, TABLE, "forward", "filter", "forward", PRIORITY);
	for (size_t i = 0; i < request->interface_count; i++) {
		put_rule(text, "forward", OUT "," NFT_ACCEPT, request->interfaces[i]);
		put_rule(text, "forward", IN "," NFT_ACCEPT, request->interfaces[i]);
	}
	put_exceptions(text, "forward", request);
	nft_text_put_rule(text, TABLE, "forward", NFT_DROP);
}

static bool prefixes_are_valid(const struct prefix *prefixes, size_t count) {
	for (size_t i = 0; i < count; i++)
		if (address_size(&prefixes[i].address) == 0 || prefixes[i].length == 0)
			return false;
	return true;
}

static bool is_valid(const struct kill_switch_request *request) {
	for (size_t i = 0; i < request->interface_count; i++)
		if (!nft_text_is_name(request->interfaces[i]))
			return false;
	for (size_t i = 0; i < request->endpoint_count; i++)
		if (address_size(&request->endpoints[i].endpoint.address) == 0 ||
			request->endpoints[i].mark == 0)
			return false;
	for (size_t i = 0; i < request->resolver_count; i++)
		if (address_size(&request->resolvers[i]) == 0 || request->resolver_mark == 0)
			return false;
	return prefixes_are_valid(request->inside, request->inside_count) &&
		   prefixes_are_valid(request->allowed, request->allowed_count);
}

static enum err format(const struct kill_switch_request *request, const char *seal, char **out_text,
					   size_t *out_size) {
	struct nft_text text;
	enum err error = nft_text_begin(&text);
	if (error)
		return error;
	nft_text_put_table(&text, TABLE, true);
	error = put_sets(&text, request, seal);
	if (error) {
		nft_text_abandon(&text);
		return error;
	}
	if (request->resolver_count > 0)
		put_marks(&text, request->resolver_mark);
	put_output(&text, request);
	put_forward(&text, request);
	put_leaving(&text, request);
	if (request->neighbour_mark)
		put_neighbours(&text, request->neighbour_mark);
	return nft_text_end(&text, out_text, out_size);
}

/* FNV-1a: tells texts of ours apart, nothing more. */
static uint64_t hash_of(const char *text, size_t size) {
	uint64_t hash = 0xcbf29ce484222325;
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ (uint8_t)text[i]) * 0x100000001b3;
	return hash;
}

static int compare_names(const void *left, const void *right) {
	return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static int compare_endpoints(const void *left_item, const void *right_item) {
	const struct kill_switch_endpoint *left = left_item, *right = right_item;
	const struct endpoint *one = &left->endpoint, *other = &right->endpoint;
	if (left->mark != right->mark)
		return left->mark < right->mark ? -1 : 1;
	int order = memcmp(one->address.bytes, other->address.bytes, sizeof one->address.bytes);
	return order ? order : (int)one->port - (int)other->port;
}

/* The text twice, as its seal is in it. */
static enum err format_sealed(const struct kill_switch_request *request,
							  char out_seal[static KILL_SWITCH_SEAL_SIZE], char **out_text,
							  size_t *out_size) {
	char *text = NULL, seal[KILL_SWITCH_SEAL_SIZE] = "is_";
	size_t size = 0;
	enum err error = format(request, seal, &text, &size);
	if (error)
		return error;
	(void)snprintf(seal, sizeof seal, "is_%016" PRIx64, hash_of(text, size));
	free(text);
	error = format(request, seal, out_text, out_size);
	if (!error)
		memcpy(out_seal, seal, sizeof seal);
	return error;
}

enum err kill_switch_format(const struct kill_switch_request *request,
							char out_seal[static KILL_SWITCH_SEAL_SIZE], char **out_text,
							size_t *out_size) {
	if (!is_valid(request))
		return ERR_INVALID;
	size_t names = request->interface_count, endpoints = request->endpoint_count;
	auto_free const char **interface = calloc(names + 1, sizeof *interface);
	auto_free struct kill_switch_endpoint *endpoint = calloc(endpoints + 1, sizeof *endpoint);
	if (!interface || !endpoint)
		return ERR_NO_MEMORY;
	/* In what order they became known says nothing, and the seal is not to depend on it. */
	for (size_t i = 0; i < names; i++)
		interface[i] = request->interfaces[i];
	for (size_t i = 0; i < endpoints; i++)
		endpoint[i] = request->endpoints[i];
	qsort(interface, names, sizeof *interface, compare_names);
	qsort(endpoint, endpoints, sizeof *endpoint, compare_endpoints);
	struct kill_switch_request sorted = *request;
	sorted.interfaces = interface;
	sorted.endpoints = endpoint;
	return format_sealed(&sorted, out_seal, out_text, out_size);
}
