#include <inttypes.h>

#include "host/nft_text.h"
#include "host/split.h"

#define TABLE "umbra_split"

#define EQUAL(key, value) NFT_MATCH("==", NFT_META(key), value)
#define IN EQUAL("iifname", "'%s'")
#define OUT EQUAL("oifname", "'%s'")
#define NOT_IN NFT_MATCH("!=", NFT_META("iifname"), "'%s'")
#define NOT_OUT NFT_MATCH("!=", NFT_META("oifname"), "'%s'")
#define UNMARKED EQUAL("mark", "0")
#define MARKED EQUAL("mark", "%" PRIu32)
#define FLOW(key, value) NFT_MATCH("==", "{'ct':{'key':'" key "'}}", value)
#define FLOW_MARKED FLOW("mark", "%" PRIu32)
#define NEW NFT_MATCH("in", "{'ct':{'key':'state'}}", "'new'")
#define TO_SET NFT_MATCH("==", NFT_PAYLOAD("%s", "daddr"), "'@%s%c_%u'")
#define TO NFT_MATCH("==", NFT_PAYLOAD("%s", "daddr"), "'%s'")
#define QUESTION                                                  \
	NFT_MATCH("==", NFT_META("l4proto"), "{'set':['tcp','udp']}") \
	"," NFT_MATCH("==", NFT_PAYLOAD("th", "dport"), "{'set':[53,853]}")
#define FROM_NETWORK \
	NFT_MATCH("==", NFT_PAYLOAD("%s", "saddr"), "{'prefix':{'addr':'%s','len':%u}}")
#define SET_MARK "{'mangle':{'key':{'meta':{'key':'mark'}},'value':%" PRIu32 "}}"
#define SET_FLOW_MARK "{'mangle':{'key':{'ct':{'key':'mark'}},'value':%" PRIu32 "}}"
#define MASQUERADE "{'masquerade':null}"

#define put_rule(text, chain, expressions, ...) \
	nft_text_put_rule(text, TABLE, chain, expressions, __VA_ARGS__)

static const struct family {
	const char *protocol, *type;
	char digit;
	enum address_family family;
} families[] = {{"ip", "ipv4_addr", '4', ADDRESS_V4}, {"ip6", "ipv6_addr", '6', ADDRESS_V6}};

enum { FAMILIES = sizeof families / sizeof *families };

static const char *const kinds[SPLIT_KIND_COUNT] = {
	[SPLIT_INCLUDE] = "include", [SPLIT_EXCLUDE] = "exclude"};

/* An old set may be there or not: it is added in any case, which changes none that is. */
static void put_set(struct nft_text *text, enum split_kind kind, uint16_t slot) {
	for (size_t i = 0; i < FAMILIES; i++)
		nft_text_put(text,
					 ",\n{'add':{'set':{'family':'inet','table':'" TABLE "','name':'%s%c_%u',"
					 "'type':'%s','flags':['timeout'],'size':%d}}}",
					 kinds[kind], families[i].digit, slot, families[i].type, SPLIT_ELEMENTS_MAX);
}

/* Once no rule names them. */
static void remove_set(struct nft_text *text, enum split_kind kind, uint16_t slot) {
	for (size_t i = 0; i < FAMILIES; i++)
		nft_text_put(text,
					 ",\n{'delete':{'set':{'family':'inet','table':'" TABLE "','name':'%s%c_%u'}}}",
					 kinds[kind], families[i].digit, slot);
}

static bool has(const struct split_tunnel *tunnel, enum split_kind kind) {
	return kind == SPLIT_INCLUDE ? tunnel->include : tunnel->exclude;
}

static bool wants(const struct split_request *request, uint16_t slot, enum split_kind kind) {
	for (size_t i = 0; i < request->count; i++)
		if (request->tunnels[i].slot == slot && has(&request->tunnels[i], kind))
			return true;
	return false;
}

static void put_sets(struct nft_text *text, const struct split_request *request) {
	for (size_t i = 0; i < request->count; i++)
		for (enum split_kind kind = 0; kind < SPLIT_KIND_COUNT; kind++)
			if (has(&request->tunnels[i], kind))
				put_set(text, kind, request->tunnels[i].slot);
}

static void remove_sets(struct nft_text *text, const struct split *before,
						const struct split_request *request) {
	for (uint16_t slot = 0; slot < SPLIT_SLOTS_MAX; slot++)
		for (enum split_kind kind = 0; kind < SPLIT_KIND_COUNT; kind++)
			if ((before->kinds[slot] & 1 << kind) && !wants(request, slot, kind))
				remove_set(text, kind, slot);
}

/* Chains are emptied rather than made anew, as are rules, for the sets' elements are to stay. */
static void put_chains(struct nft_text *text) {
	static const struct {
		const char *name, *type, *hook;
		int priority;
	} chains[] = {
		{"output", "route", "output", -150},
		{"prerouting", "filter", "prerouting", -150},
		{"keep", "filter", "postrouting", 0},
		{"hide", "nat", "postrouting", 100},
	};
	for (size_t i = 0; i < sizeof chains / sizeof *chains; i++) {
		nft_text_put_chain(text, TABLE, chains[i].name, chains[i].type, chains[i].hook,
						   chains[i].priority);
		nft_text_put(text,
					 ",\n{'flush':{'chain':{'family':'inet','table':'" TABLE "','name':'%s'}}}",
					 chains[i].name);
	}
}

/* A flow that has its mark. Replies to forwarded ones are routed like any other packet. */
static void put_kept(struct nft_text *text, uint32_t mark) {
	put_rule(text, "output",
			 UNMARKED "," FLOW_MARKED "," FLOW("direction", "'original'") "," SET_MARK, mark, mark);
	put_rule(text, "prerouting",
			 UNMARKED "," FLOW_MARKED "," FLOW("direction", "'original'") "," SET_MARK, mark, mark);
}

/* rp_filter looks where a reply's source would be sent to: outside. */
static void put_replies(struct nft_text *text, uint32_t outside) {
	put_rule(text, "prerouting",
			 UNMARKED "," FLOW_MARKED "," FLOW("direction", "'reply'") "," SET_MARK, outside,
			 outside);
}

/* Flows to a tunnel's addresses; not what comes out of it. */
static void put_flows(struct nft_text *text, const struct split_tunnel *tunnel,
					  enum split_kind kind, uint32_t mark) {
	for (size_t i = 0; i < FAMILIES; i++) {
		const struct family *family = &families[i];
		put_rule(text, "output", UNMARKED "," NEW "," TO_SET "," SET_FLOW_MARK "," SET_MARK,
				 family->protocol, kinds[kind], family->digit, tunnel->slot, mark, mark);
		put_rule(text, "prerouting",
				 NOT_IN "," UNMARKED "," NEW "," TO_SET "," SET_FLOW_MARK "," SET_MARK,
				 tunnel->name, family->protocol, kinds[kind], family->digit, tunnel->slot, mark,
				 mark);
	}
}

/* Into the tunnel: all sources but its own become its own. */
static void put_hide_inside(struct nft_text *text, const struct split_tunnel *tunnel) {
	for (size_t i = 0; i < tunnel->address_count; i++) {
		struct prefix network = tunnel->addresses[i];
		prefix_mask(&network);
		char address_text[ADDRESS_TEXT_SIZE];
		address_format(&network.address, address_text);
		put_rule(text, "hide", MARKED "," OUT "," FROM_NETWORK "," NFT_ACCEPT, tunnel->inside,
				 tunnel->name, network.address.family == ADDRESS_V4 ? "ip" : "ip6", address_text,
				 network.length);
	}
	put_rule(text, "hide", MARKED "," OUT "," MASQUERADE, tunnel->inside, tunnel->name);
}

/* Past the tunnels: their sources stay at home. */
static void put_hide_outside(struct nft_text *text, const struct split_tunnel *tunnel,
							 uint32_t outside) {
	for (size_t i = 0; i < tunnel->address_count; i++) {
		struct prefix network = tunnel->addresses[i];
		prefix_mask(&network);
		char address_text[ADDRESS_TEXT_SIZE];
		address_format(&network.address, address_text);
		put_rule(text, "hide", MARKED "," NOT_OUT "," FROM_NETWORK "," MASQUERADE, outside,
				 tunnel->name, network.address.family == ADDRESS_V4 ? "ip" : "ip6", address_text,
				 network.length);
	}
}

/* What split_rules.h leads into the tunnel. With its mark a reply would be looked for outside. */
static void put_questions(struct nft_text *text, const struct split_tunnel *tunnel,
						  uint32_t outside) {
	for (size_t i = 0; i < tunnel->server_count; i++) {
		const struct address *server = &tunnel->servers[i];
		char address_text[ADDRESS_TEXT_SIZE];
		address_format(server, address_text);
		put_rule(text, "output", MARKED "," OUT "," TO "," QUESTION "," NFT_ACCEPT, outside,
				 tunnel->name, server->family == ADDRESS_V4 ? "ip" : "ip6", address_text);
	}
}

static void put_applications(struct nft_text *text, const struct split_request *request) {
	for (size_t i = 0; i < request->count; i++)
		put_questions(text, &request->tunnels[i], request->outside);
	put_rule(text, "output", MARKED "," NEW "," SET_FLOW_MARK, request->outside, request->outside);
}

static void put_rules(struct nft_text *text, const struct split_request *request) {
	if (request->applications)
		put_applications(text, request);
	if (request->outside) {
		put_kept(text, request->outside);
		put_replies(text, request->outside);
	}
	for (size_t i = 0; i < request->count; i++) {
		const struct split_tunnel *tunnel = &request->tunnels[i];
		if (tunnel->include) {
			put_kept(text, tunnel->inside);
			put_rule(text, "keep", MARKED "," NOT_OUT "," NFT_DROP, tunnel->inside, tunnel->name);
			put_hide_inside(text, tunnel);
		}
		if (request->outside)
			put_hide_outside(text, tunnel, request->outside);
	}
	/* An address that two names share goes inside: that gives nothing away. */
	for (enum split_kind kind = 0; kind < SPLIT_KIND_COUNT; kind++)
		for (size_t i = 0; i < request->count; i++)
			if (has(&request->tunnels[i], kind))
				put_flows(text, &request->tunnels[i], kind,
						  kind == SPLIT_INCLUDE ? request->tunnels[i].inside : request->outside);
}

static bool is_valid(const struct split_request *request) {
	for (size_t i = 0; i < request->count; i++) {
		const struct split_tunnel *tunnel = &request->tunnels[i];
		if (!nft_text_is_name(tunnel->name) || tunnel->slot >= SPLIT_SLOTS_MAX ||
			(tunnel->include && tunnel->inside == 0) || (tunnel->exclude && request->outside == 0))
			return false;
		for (size_t j = 0; j < tunnel->address_count; j++)
			if (address_size(&tunnel->addresses[j].address) == 0)
				return false;
		for (size_t j = 0; j < tunnel->server_count; j++)
			if (address_size(&tunnel->servers[j]) == 0)
				return false;
	}
	return true;
}

enum err split_format(const struct split *before, const struct split_request *request,
					  char **out_text, size_t *out_size) {
	if (!is_valid(request) || (request->applications && request->outside == 0))
		return ERR_INVALID;
	struct nft_text text;
	enum err error = nft_text_begin(&text);
	if (error)
		return error;
	nft_text_put(&text, "\n{'add':{'table':{'family':'inet','name':'" TABLE "'}}}");
	put_chains(&text);
	put_sets(&text, request);
	put_rules(&text, request);
	remove_sets(&text, before, request);
	return nft_text_end(&text, out_text, out_size);
}
