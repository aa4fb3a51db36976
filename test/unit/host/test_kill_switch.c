#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/kill_switch.h"

/*
 * Texts that nft takes (test/net/test_kill_switch.py); here they stay as they are. Apostrophes
 * stand for quotation marks, "SEAL" for the seal.
 */

#define SET(name, rest) \
	",\n{'add':{'set':{'family':'inet','table':'umbra_kill','name':'" name "','type':" rest "}}}"
#define CHAIN(name, hook, priority)                                          \
	",\n{'add':{'chain':{'family':'inet','table':'umbra_kill','name':'" name \
	"','type':'filter','hook':'" hook "','prio':" priority ",'policy':'accept'}}}"
#define RULE(chain, expressions)                                              \
	",\n{'add':{'rule':{'family':'inet','table':'umbra_kill','chain':'" chain \
	"','expr':[" expressions "]}}}"
#define IS(left, right) "{'match':{'op':'==','left':" left ",'right':" right "}}"
#define META(key, right) IS("{'meta':{'key':'" key "'}}", right)
#define PAYLOAD(protocol, field) "{'payload':{'protocol':'" protocol "','field':'" field "'}}"
#define ACCEPT ",{'accept':null}"
#define DROP "{'drop':null}"
#define TO_ENDPOINT(chain, family, set)                                                        \
	RULE(chain, IS("{'concat':[{'meta':{'key':'mark'}}," PAYLOAD(family, "daddr") "," PAYLOAD( \
					   "udp", "dport") "]}",                                                   \
				   "'@" set "'") ACCEPT)
#define BEGIN                                                                 \
	"{'nftables':[\n{'add':{'table':{'family':'inet','name':'umbra_kill'}}}," \
	"\n{'delete':{'table':{'family':'inet','name':'umbra_kill'}}}"            \
	",\n{'add':{'table':{'family':'inet','name':'umbra_kill'}}}" SET("SEAL", "'mark'")
#define ENDPOINT_TYPE(address) "['mark','" address "','inet_service']"
#define LINK(chain)                                                                       \
	RULE(chain, META("nfproto", "'ipv4'") "," IS(PAYLOAD("udp", "sport"), "68") "," IS(   \
					PAYLOAD("udp", "dport"), "67") ACCEPT)                                \
	RULE(chain, META("nfproto", "'ipv6'") "," IS(PAYLOAD("udp", "sport"), "546") "," IS(  \
					PAYLOAD("udp", "dport"), "547") ACCEPT)                               \
	RULE(chain, IS(PAYLOAD("ip6", "hoplimit"), "255") "," IS(                             \
					PAYLOAD("icmpv6", "type"),                                            \
					"{'set':['nd-router-solicit','nd-router-advert',"                     \
					"'nd-neighbor-solicit','nd-neighbor-advert','nd-redirect']}") ACCEPT) \
	RULE(chain, IS(PAYLOAD("ip6", "hoplimit"),                                            \
				   "1") "," IS(PAYLOAD("icmpv6", "type"),                                 \
							   "{'set':['mld-listener-query','mld-listener-report',"      \
							   "'mld-listener-done','mld2-listener-report']}") ACCEPT)

static struct prefix prefix_of(const char *text) {
	struct prefix prefix;
	assert_int_equal(prefix_parse(text, &prefix), ERR_OK);
	return prefix;
}

static struct kill_switch_endpoint endpoint_of(uint32_t mark, const char *text) {
	struct kill_switch_endpoint item = {.mark = mark};
	assert_int_equal(endpoint_parse(text, &item.endpoint), ERR_OK);
	return item;
}

/* With the seal in its place, and quotation marks for apostrophes. */
static char *spell(const char *template, const char *seal) {
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);
	assert_non_null(stream);
	for (; *template; template ++) {
		if (strncmp(template, "SEAL", 4) == 0) {
			assert_true(fputs(seal, stream) >= 0);
			template += 3;
		} else {
			assert_true(fputc(*template == '\'' ? '"' : *template, stream) >= 0);
		}
	}
	assert_int_equal(fclose(stream), 0);
	return text;
}

static void assert_format(const struct kill_switch_request *request, const char *template) {
	char *text, seal[KILL_SWITCH_SEAL_SIZE];
	size_t size;
	assert_int_equal(kill_switch_format(request, seal, &text, &size), ERR_OK);
	assert_int_equal(size, strlen(text));
	char *expected = spell(template, seal);
	assert_string_equal(text, expected);
	free(expected);
	free(text);
}

#define LEAST(chain)                            \
	RULE(chain, META("oifname", "'lo'") ACCEPT) \
	TO_ENDPOINT(chain, "ip", "endpoints4")      \
	TO_ENDPOINT(chain, "ip6", "endpoints6") LINK(chain) RULE(chain, DROP)

/* No tunnel's interface, no endpoint: only what a link needs passes. */
static void test_least(void **state) {
	const struct kill_switch_request request = {.interface_count = 0};
	assert_format(&request,
				  BEGIN SET("endpoints4", ENDPOINT_TYPE("ipv4_addr"))
					  SET("endpoints6", ENDPOINT_TYPE("ipv6_addr")) CHAIN("output", "output", "10")
						  LEAST("output") CHAIN("forward", "forward", "10") RULE("forward", DROP)
							  CHAIN("leaving", "postrouting", "10") LEAST("leaving") "\n]}\n");
}

static void test_tunnel(void **state) {
	const char *const interfaces[] = {"um0"};
	const struct kill_switch_endpoint endpoints[] = {endpoint_of(7, "192.0.2.1:51820"),
													 endpoint_of(7, "[2001:db8::1]:443"),
													 endpoint_of(8, "192.0.2.2:1")};
	struct address resolvers[2];
	assert_int_equal(address_parse("192.0.2.53", &resolvers[0]), ERR_OK);
	assert_int_equal(address_parse("2001:db8::53", &resolvers[1]), ERR_OK);
	const struct kill_switch_request request = {
		.interfaces = interfaces,
		.interface_count = 1,
		.endpoints = endpoints,
		.endpoint_count = 3,
		.resolver_mark = 9,
		.resolvers = resolvers,
		.resolver_count = 2,
	};
#define TCP_UDP META("l4proto", "{'set':['tcp','udp']}")
#define QUESTION(chain, family, address)                                                         \
	RULE(chain,                                                                                  \
		 META("mark", "9") "," IS(PAYLOAD(family, "daddr"), "'" address "'") "," TCP_UDP "," IS( \
			 PAYLOAD("th", "dport"), "53") ACCEPT)
#define SENT(chain)                              \
	RULE(chain, META("oifname", "'lo'") ACCEPT)  \
	RULE(chain, META("oifname", "'um0'") ACCEPT) \
	TO_ENDPOINT(chain, "ip", "endpoints4")       \
	TO_ENDPOINT(chain, "ip6", "endpoints6")      \
	QUESTION(chain, "ip", "192.0.2.53")          \
	QUESTION(chain, "ip6", "2001:db8::53") LINK(chain) RULE(chain, DROP)
	assert_format(
		&request,
		BEGIN SET("endpoints4",
				  ENDPOINT_TYPE("ipv4_addr") ",'elem':[{'concat':[7,'192.0.2.1',51820]},"
											 "{'concat':[8,'192.0.2.2',1]}]")
			SET("endpoints6",
				ENDPOINT_TYPE("ipv6_addr") ",'elem':[{'concat':[7,'2001:db8::1',443]}]")
				CHAIN("restore", "prerouting", "-150") CHAIN("save", "postrouting", "-150") RULE(
					"restore", TCP_UDP "," IS("{'ct':{'key':'mark'}}", "9") ",{'mangle':{'key':{"
																			"'meta':{'key':'mark'}}"
																			",'value':9}}")
					RULE("save", TCP_UDP "," META("mark", "9") ",{'mangle':{'key':{'ct':{'key':"
															   "'mark'}},'value':9}}")
						CHAIN("output", "output", "10") SENT("output")
							CHAIN("forward", "forward", "10")
								RULE("forward", META("oifname", "'um0'") ACCEPT)
									RULE("forward", META("iifname", "'um0'") ACCEPT)
										RULE("forward", DROP) CHAIN("leaving", "postrouting", "10")
											RULE("leaving", META("iifname", "'um0'") ACCEPT)
												SENT("leaving") "\n]}\n");
}

/* The text without what is known from above. */
static char *format_exceptions(const struct kill_switch_request *request) {
	char *text, seal[KILL_SWITCH_SEAL_SIZE];
	size_t size;
	assert_int_equal(kill_switch_format(request, seal, &text, &size), ERR_OK);
	return text;
}

static void assert_order(const char *text, const char *const pieces[], size_t count) {
	for (size_t i = 0; i < count; i++) {
		char *piece = spell(pieces[i], "");
		const char *found = strstr(text, piece);
		if (!found)
			fail_msg("not behind the pieces before: %s", piece);
		text = found + 1;
		free(piece);
	}
}

/* In each chain, in this order: what is excluded, marked, the tunnels' own, the LAN. */
static void test_exceptions(void **state) {
	const struct prefix inside = prefix_of("10.9.0.0/16");
	const struct prefix allowed[] = {prefix_of("192.0.2.128/25"), prefix_of("198.51.100.0/24"),
									 prefix_of("192.0.2.0/24"), prefix_of("2001:db8::/32")};
	const struct kill_switch_request request = {
		.inside = &inside,
		.inside_count = 1,
		.allowed = allowed,
		.allowed_count = 4,
		.outside_mark = 77,
		.allow_lan = true,
	};
	char *text = format_exceptions(&request);
#define FROM_SET(chain, family, set, verdict) \
	RULE(chain, IS(PAYLOAD(family, "daddr"), "'@" set "'") ",{'" verdict "':null}")
#define LAN(chain, family, address, size) \
	RULE(chain,                           \
		 IS(PAYLOAD(family, "daddr"), "{'prefix':{'addr':'" address "','len':" size "}}") ACCEPT)
#define EXCEPTIONS(chain)                                                                      \
	FROM_SET(chain, "ip", "allowed4", "accept"), FROM_SET(chain, "ip6", "allowed6", "accept"), \
		RULE(chain, META("mark", "77") ACCEPT), FROM_SET(chain, "ip", "inside4", "drop"),      \
		LAN(chain, "ip", "10.0.0.0", "8"), LAN(chain, "ip", "172.16.0.0", "12"),               \
		LAN(chain, "ip", "192.168.0.0", "16"), LAN(chain, "ip", "169.254.0.0", "16"),          \
		LAN(chain, "ip", "224.0.0.0", "24"), LAN(chain, "ip", "239.255.0.0", "16"),            \
		LAN(chain, "ip", "255.255.255.255", "32"), LAN(chain, "ip6", "fc00::", "7"),           \
		LAN(chain, "ip6", "fe80::", "10"), LAN(chain, "ip6", "ff02::", "16"),                  \
		LAN(chain, "ip6", "ff05::", "16"), RULE(chain, DROP)
	const char *const pieces[] = {
		/* Intervals may not meet: one that lies in another is left out. */
		SET("inside4", "'ipv4_addr','flags':['interval'],'elem':[{'prefix':{'addr':'10.9.0.0',"
					   "'len':16}}]"),
		SET("allowed4",
			"'ipv4_addr','flags':['interval'],'elem':[{'prefix':{'addr':'192.0.2.0','len':24}},"
			"{'prefix':{'addr':'198.51.100.0','len':24}}]"),
		SET("allowed6", "'ipv6_addr','flags':['interval'],'elem':[{'prefix':{'addr':'2001:db8::',"
						"'len':32}}]"),
		EXCEPTIONS("output"),
		EXCEPTIONS("forward"),
		EXCEPTIONS("leaving"),
	};
	assert_order(text, pieces, sizeof pieces / sizeof *pieces);
	free(text);
}

/* In the same transaction, a table of the other family. */
static void test_neighbours(void **state) {
	const struct kill_switch_request request = {.neighbour_mark = 9};
	char *text = format_exceptions(&request);
#define ARP_TABLE "{'family':'arp','name':'umbra_kill'}"
	const char *const pieces[] = {
		RULE("leaving", DROP),
		",\n{'add':{'table':" ARP_TABLE "}},\n{'delete':{'table':" ARP_TABLE "}}",
		",\n{'add':{'table':" ARP_TABLE "}}",
		",\n{'add':{'chain':{'family':'arp','table':'umbra_kill','name':'asked','type':'filter',"
		"'hook':'input','prio':0,'policy':'accept'}}}",
		",\n{'add':{'rule':{'family':'arp','table':'umbra_kill','chain':'asked','expr':["
		"{'mangle':{'key':{'meta':{'key':'mark'}},'value':9}}]}}}\n]}",
	};
	assert_order(text, pieces, sizeof pieces / sizeof *pieces);
	free(text);
}

/* Of streams TCP passes and no UDP, and the other way round. */
static void test_streams(void **state) {
	struct kill_switch_endpoint endpoints[] = {endpoint_of(7, "192.0.2.1:443"),
											   endpoint_of(8, "192.0.2.2:51820")};
	endpoints[0].streams = true;
	const struct kill_switch_request request = {.endpoints = endpoints, .endpoint_count = 2};
	char *text = format_exceptions(&request);
#define TO_STREAM(chain, family, set)                                                          \
	RULE(chain, IS("{'concat':[{'meta':{'key':'mark'}}," PAYLOAD(family, "daddr") "," PAYLOAD( \
					   "tcp", "dport") "]}",                                                   \
				   "'@" set "'") ACCEPT)
#define WITH_ELEMENT(name, element) \
	SET(name, ENDPOINT_TYPE("ipv4_addr") ",'elem':[{'concat':[" element "]}]")
	const char *const pieces[] = {
		WITH_ELEMENT("endpoints4", "8,'192.0.2.2',51820"),
		WITH_ELEMENT("streams4", "7,'192.0.2.1',443"),
		SET("streams6", ENDPOINT_TYPE("ipv6_addr")),
		TO_STREAM("output", "ip", "streams4"),
		TO_STREAM("output", "ip6", "streams6"),
		RULE("output", DROP),
		TO_STREAM("leaving", "ip", "streams4"),
		RULE("leaving", DROP),
	};
	assert_order(text, pieces, sizeof pieces / sizeof *pieces);
	free(text);
	endpoints[0].streams = false;
	text = format_exceptions(&request);
	assert_null(strstr(text, "streams"));
	free(text);
}

/* Without allow_lan what is inside needs no rule. */
static void test_no_lan(void **state) {
	const struct kill_switch_request request = {.interface_count = 0};
	char *text = format_exceptions(&request);
	assert_null(strstr(text, "10.0.0.0"));
	assert_null(strstr(text, "fe80"));
	free(text);
}

/* The same text has the same seal, any other another one. */
static void test_seal(void **state) {
	struct kill_switch_endpoint endpoint = endpoint_of(7, "192.0.2.1:51820");
	const struct kill_switch_request request = {.endpoints = &endpoint, .endpoint_count = 1};
	char seals[3][KILL_SWITCH_SEAL_SIZE], *text;
	size_t size;
	for (size_t i = 0; i < 3; i++) {
		endpoint.endpoint.port = (uint16_t)(i == 2 ? 2 : 1);
		assert_int_equal(kill_switch_format(&request, seals[i], &text, &size), ERR_OK);
		free(text);
	}
	assert_string_equal(seals[0], seals[1]);
	assert_string_not_equal(seals[0], seals[2]);
}

/* In what order endpoints and tunnels became known is not seen. */
static void test_order(void **state) {
	const struct kill_switch_endpoint endpoints[] = {
		endpoint_of(8, "192.0.2.2:1"), endpoint_of(7, "[2001:db8::1]:443"),
		endpoint_of(7, "192.0.2.1:51821"), endpoint_of(7, "192.0.2.1:51820")};
	const struct kill_switch_endpoint turned[] = {endpoints[3], endpoints[2], endpoints[1],
												  endpoints[0]};
	const char *const interfaces[] = {"um1", "um0"}, *const other[] = {"um0", "um1"};
	const struct kill_switch_request requests[] = {
		{.endpoints = endpoints,
		 .endpoint_count = 4,
		 .interfaces = interfaces,
		 .interface_count = 2},
		{.endpoints = turned, .endpoint_count = 4, .interfaces = other, .interface_count = 2},
	};
	char seals[2][KILL_SWITCH_SEAL_SIZE], *texts[2];
	size_t size;
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(kill_switch_format(&requests[i], seals[i], &texts[i], &size), ERR_OK);
	assert_string_equal(seals[0], seals[1]);
	assert_string_equal(texts[0], texts[1]);
	for (size_t i = 0; i < 2; i++)
		free(texts[i]);
}

static void test_refused(void **state) {
	const char *const name = "um0\"";
	const struct prefix everything = {.address.family = ADDRESS_V4};
	const struct kill_switch_endpoint unmarked = endpoint_of(0, "192.0.2.1:1");
	const struct address resolver = {.family = ADDRESS_V4, .bytes = {1, 1, 1, 1}};
	const struct kill_switch_request requests[] = {
		{.interfaces = &name, .interface_count = 1},
		{.allowed = &everything, .allowed_count = 1},
		{.inside = &everything, .inside_count = 1},
		{.endpoints = &unmarked, .endpoint_count = 1},
		{.resolvers = &resolver, .resolver_count = 1},
	};
	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
		char *text = NULL, seal[KILL_SWITCH_SEAL_SIZE];
		size_t size;
		assert_int_equal(kill_switch_format(&requests[i], seal, &text, &size), ERR_INVALID);
		assert_null(text);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_least),      cmocka_unit_test(test_tunnel),
		cmocka_unit_test(test_exceptions), cmocka_unit_test(test_no_lan),
		cmocka_unit_test(test_seal),       cmocka_unit_test(test_order),
		cmocka_unit_test(test_refused),    cmocka_unit_test(test_neighbours),
		cmocka_unit_test(test_streams),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
