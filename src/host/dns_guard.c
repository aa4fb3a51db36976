#include "host/dns_guard.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "host/firewall_nft.h"
#include "host/firewall_table.h"
#include "host/nft_text.h"

#define TABLE DNS_GUARD_TABLE
#define MARKED NFT_MATCH("==", NFT_META("mark"), "%" PRIu32)
#define OUT NFT_MATCH("==", NFT_META("oifname"), "'%s'")
#define PORTS NFT_MATCH("==", "{'payload':{'protocol':'th','field':'dport'}}", "{'set':[53,853]}")
#define QUESTIONS NFT_MATCH("==", NFT_META("l4proto"), "{'set':['tcp','udp']}") "," PORTS
#define TCP_QUESTIONS NFT_MATCH("==", NFT_META("l4proto"), "'tcp'") "," PORTS
#define TO NFT_MATCH("==", NFT_PAYLOAD("%s", "daddr"), "'%s'")
#define REFUSE "{'reject':{'type':'icmpx','expr':'admin-prohibited'}}"
/* Of a program that is just connecting the kernel drops ICMP errors, but not this. */
#define RESET "{'reject':{'type':'tcp reset'}}"

/* Both hooks have the same rules but for what happens in the end: `refuse` or drop. */
#define put_rule(text, chain, expressions, ...)                       \
	nft_text_put(text,                                                \
				 ",\n{'add':{'rule':{'family':'inet','table':'" TABLE \
				 "','chain':'%s','expr':[" expressions "]}}}",        \
				 chain __VA_OPT__(, ) __VA_ARGS__)

static bool asks(const struct dns_guard_tunnel *tunnel, const struct address *server) {
	for (size_t i = 0; i < tunnel->server_count; i++)
		if (address_equal(&tunnel->servers[i], server))
			return true;
	return false;
}

/* A server that several tunnels name may be asked through each of them. */
static void put_server(struct nft_text *text, const struct dns_guard *guard, const char *chain,
					   const struct address *server, bool refuse) {
	const char *protocol = server->family == ADDRESS_V4 ? "ip" : "ip6";
	char address[ADDRESS_TEXT_SIZE];
	address_format(server, address);
	for (size_t i = 0; i < guard->count; i++)
		if (asks(&guard->tunnels[i], server))
			put_rule(text, chain, QUESTIONS "," TO "," OUT "," NFT_ACCEPT, protocol, address,
					 guard->tunnels[i].name);
	if (refuse)
		put_rule(text, chain, TCP_QUESTIONS "," TO "," RESET, protocol, address);
	put_rule(text, chain, QUESTIONS "," TO ",%s", protocol, address, refuse ? REFUSE : NFT_DROP);
}

/* Each server once, however many name it. */
static void put_servers(struct nft_text *text, const struct dns_guard *guard, const char *chain,
						bool refuse) {
	for (size_t i = 0; i < guard->count; i++) {
		const struct dns_guard_tunnel *tunnel = &guard->tunnels[i];
		for (size_t j = 0; tunnel->protect && j < tunnel->server_count; j++) {
			bool before = false;
			for (size_t k = 0; k < i && !before; k++)
				before = guard->tunnels[k].protect && asks(&guard->tunnels[k], &tunnel->servers[j]);
			if (!before)
				put_server(text, guard, chain, &tunnel->servers[j], refuse);
		}
	}
}

static void put_hook(struct nft_text *text, const struct dns_guard *guard, const char *hook,
					 bool refuse) {
	nft_text_put_chain(text, TABLE, hook, "filter", hook, 0);
	for (size_t i = 0; i < guard->mark_count; i++)
		put_rule(text, hook, MARKED "," NFT_ACCEPT, guard->marks[i]);
	for (size_t i = 0; i < guard->count; i++)
		if (guard->tunnels[i].mark != 0)
			put_rule(text, hook, MARKED "," NFT_ACCEPT, guard->tunnels[i].mark);
	put_rule(text, hook, OUT "," NFT_ACCEPT, "lo");
	put_servers(text, guard, hook, refuse);
	for (size_t i = 0; i < guard->count; i++)
		put_rule(text, hook, OUT "," NFT_ACCEPT, guard->tunnels[i].name);
	if (refuse)
		put_rule(text, hook, TCP_QUESTIONS "," RESET);
	put_rule(text, hook, QUESTIONS ",%s", refuse ? REFUSE : NFT_DROP);
}

enum err dns_guard_format(const struct dns_guard *guard, char **out_text, size_t *out_size) {
	bool needed = false;
	for (size_t i = 0; i < guard->count; i++) {
		if (!nft_text_is_name(guard->tunnels[i].name))
			return ERR_INVALID;
		for (size_t j = 0; j < guard->tunnels[i].server_count; j++)
			if (address_size(&guard->tunnels[i].servers[j]) == 0)
				return ERR_INVALID;
		needed |= guard->tunnels[i].protect;
	}
	struct nft_text text;
	enum err error = nft_text_begin(&text);
	if (error)
		return error;
	nft_text_put_table(&text, TABLE, needed);
	if (needed) {
		put_hook(&text, guard, "output", true);
		put_hook(&text, guard, "forward", false);
	}
	return nft_text_end(&text, out_text, out_size);
}

enum err dns_guard_remove(char out_problem[static FIREWALL_PROBLEM_SIZE]) {
	enum err error = firewall_table_remove(TABLE);
	if (error)
		(void)snprintf(out_problem, FIREWALL_PROBLEM_SIZE, "table inet " TABLE ": %s",
					   err_text(error));
	return error;
}

enum err dns_guard_apply(const struct dns_guard *guard,
						 char out_problem[static FIREWALL_PROBLEM_SIZE]) {
	auto_free char *text = NULL;
	size_t size = 0;
	bool needed = false;
	for (size_t i = 0; i < guard->count; i++)
		needed |= guard->tunnels[i].protect;
	if (!needed)
		return dns_guard_remove(out_problem);
	enum err error = firewall_nft_find(out_problem);
	if (error)
		return error;
	error = dns_guard_format(guard, &text, &size);
	if (error) {
		(void)snprintf(out_problem, FIREWALL_PROBLEM_SIZE, "rules: %s", err_text(error));
		return error;
	}
	return firewall_nft_run(text, size, out_problem);
}
