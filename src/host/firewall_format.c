#include <inttypes.h>
#include <string.h>

#include "host/firewall.h"
#include "host/nft_text.h"

#define TABLE "umbra"

#define IN NFT_MATCH("==", NFT_META("iifname"), "'%s'")
#define OUT NFT_MATCH("==", NFT_META("oifname"), "'%s'")
#define NOT_IN NFT_MATCH("!=", NFT_META("iifname"), "'%s'")
#define NOT_OUT NFT_MATCH("!=", NFT_META("oifname"), "'%s'")
#define TO NFT_MATCH("==", NFT_PAYLOAD("%s", "daddr"), "'%s'")
#define FROM_NETWORK \
	NFT_MATCH("==", NFT_PAYLOAD("%s", "saddr"), "{'prefix':{'addr':'%s','len':%u}}")
#define NOT_FROM_HERE NFT_MATCH("!=", "{'fib':{'result':'type','flags':['saddr']}}", "'local'")
#define TRANSPORT NFT_MATCH("==", NFT_META("l4proto"), "'%s'")
#define MARKED NFT_MATCH("==", NFT_META("mark"), "%" PRIu32)
#define FLOW_MARKED NFT_MATCH("==", "{'ct':{'key':'mark'}}", "%" PRIu32)
#define SET_MARK "{'mangle':{'key':{'meta':{'key':'mark'}},'value':%" PRIu32 "}}"
#define SET_FLOW_MARK "{'mangle':{'key':{'ct':{'key':'mark'}},'value':%" PRIu32 "}}"
#define TCP_SYN NFT_MATCH("==", "{'&':[" NFT_PAYLOAD("tcp", "flags") ",['syn','rst']]}", "'syn'")
#define CLAMP                 \
	"{'mangle':{'key':{'tcp " \
	"option':{'name':'maxseg','field':'size'}},'value':{'rt':{'key':'mtu'}}}}"
#define MASQUERADE "{'masquerade':null}"

#define put_rule(text, chain, expressions, ...) \
	nft_text_put_rule(text, TABLE, chain, expressions, __VA_ARGS__)

static const char *protocol_of(const struct prefix *prefix) {
	return prefix->address.family == ADDRESS_V4 ? "ip" : "ip6";
}

static bool keeps_mark(const struct firewall_tunnel *tunnel) {
	return tunnel->default_mark && tunnel->mark != 0;
}

static void put_guard(struct nft_text *text, const struct firewall_tunnel *tunnel) {
	for (size_t i = 0; i < tunnel->address_count; i++) {
		const struct prefix *address = &tunnel->addresses[i];
		char address_text[ADDRESS_TEXT_SIZE];
		address_format(&address->address, address_text);
		put_rule(text, "guard", NOT_IN "," NOT_IN "," TO "," NOT_FROM_HERE "," NFT_DROP,
				 tunnel->name, "lo", protocol_of(address), address_text);
	}
}

/* Only marks of ours are given to packets: others' use of flows' marks stays as it is. */
static void put_mark(struct nft_text *text, const struct firewall_tunnel *tunnel) {
	const char *transport = tunnel->streams ? "tcp" : "udp";
	put_rule(text, "restore", TRANSPORT "," FLOW_MARKED "," SET_MARK, transport, tunnel->mark,
			 tunnel->mark);
	put_rule(text, "save", TRANSPORT "," MARKED "," SET_FLOW_MARK, transport, tunnel->mark,
			 tunnel->mark);
}

/* nft looks at the routes of both directions, takes the smaller MTU, and never raises a size. */
static void put_forward(struct nft_text *text, const struct firewall_tunnel *tunnel) {
	put_rule(text, "forward", IN "," TCP_SYN "," CLAMP, tunnel->name);
	put_rule(text, "forward", OUT "," TCP_SYN "," CLAMP, tunnel->name);
	put_rule(text, "forward", IN "," NFT_ACCEPT, tunnel->name);
	put_rule(text, "forward", OUT "," NFT_ACCEPT, tunnel->name);
}

static void put_hide(struct nft_text *text, const struct firewall_tunnel *tunnel) {
	for (size_t i = 0; i < tunnel->address_count; i++) {
		struct prefix network = tunnel->addresses[i];
		prefix_mask(&network);
		char address_text[ADDRESS_TEXT_SIZE];
		address_format(&network.address, address_text);
		put_rule(text, "hide", FROM_NETWORK "," NOT_OUT "," NOT_OUT "," MASQUERADE,
				 protocol_of(&network), address_text, network.length, tunnel->name, "lo");
	}
}

/* Only chains that are needed: some make the kernel track every connection of the host. */
static void put_chains(struct nft_text *text, const struct firewall_tunnel *tunnels, size_t count) {
	bool guard = false, mark = false, forward = false, hide = false;
	for (size_t i = 0; i < count; i++) {
		guard |= tunnels[i].address_count > 0;
		mark |= keeps_mark(&tunnels[i]);
		forward |= tunnels[i].forward;
		hide |= tunnels[i].masquerade;
	}
	if (guard)
		nft_text_put_chain(text, TABLE, "guard", "filter", "prerouting", -300);
	if (mark) {
		nft_text_put_chain(text, TABLE, "restore", "filter", "prerouting", -150);
		nft_text_put_chain(text, TABLE, "save", "filter", "postrouting", -150);
	}
	if (forward)
		nft_text_put_chain(text, TABLE, "forward", "filter", "forward", 0);
	if (hide)
		nft_text_put_chain(text, TABLE, "hide", "nat", "postrouting", 100);
}

static void put_all(struct nft_text *text, const struct firewall_tunnel *tunnels, size_t count) {
	nft_text_put_table(text, TABLE, count > 0);
	put_chains(text, tunnels, count);
	for (size_t i = 0; i < count; i++) {
		put_guard(text, &tunnels[i]);
		if (keeps_mark(&tunnels[i]))
			put_mark(text, &tunnels[i]);
		if (tunnels[i].forward)
			put_forward(text, &tunnels[i]);
		if (tunnels[i].masquerade)
			put_hide(text, &tunnels[i]);
	}
}

static bool is_valid(const struct firewall_tunnel *tunnel) {
	if (!nft_text_is_name(tunnel->name))
		return false;
	for (size_t i = 0; i < tunnel->address_count; i++)
		if (address_size(&tunnel->addresses[i].address) == 0)
			return false;
	return true;
}

enum err firewall_format(const struct firewall_tunnel *tunnels, size_t count, char **out_text,
						 size_t *out_size) {
	for (size_t i = 0; i < count; i++)
		if (!is_valid(&tunnels[i]))
			return ERR_INVALID;
	struct nft_text text;
	enum err error = nft_text_begin(&text);
	if (error)
		return error;
	put_all(&text, tunnels, count);
	return nft_text_end(&text, out_text, out_size);
}
