#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "host/firewall.h"

/* Texts that nft takes (test/net/test_host_network.py); here they stay as they are. */

#define RESET                                                           \
	"{\"nftables\":[\n"                                                 \
	"{\"add\":{\"table\":{\"family\":\"inet\",\"name\":\"umbra\"}}},\n" \
	"{\"delete\":{\"table\":{\"family\":\"inet\",\"name\":\"umbra\"}}}"
#define TABLE ",\n{\"add\":{\"table\":{\"family\":\"inet\",\"name\":\"umbra\"}}}"
#define CHAIN(name, type, hook, priority)                                              \
	",\n{\"add\":{\"chain\":{\"family\":\"inet\",\"table\":\"umbra\",\"name\":\"" name \
	"\",\"type\":\"" type "\",\"hook\":\"" hook "\",\"prio\":" priority                \
	",\"policy\":\"accept\"}}}"
#define RULE(chain, expressions)                                                        \
	",\n{\"add\":{\"rule\":{\"family\":\"inet\",\"table\":\"umbra\",\"chain\":\"" chain \
	"\",\"expr\":[" expressions "]}}}"
#define MATCH(operator, left, right) \
	"{\"match\":{\"op\":\"" operator"\",\"left\":" left ",\"right\":" right "}}"
#define META(operator, key, right) MATCH(operator, "{\"meta\":{\"key\":\"" key "\"}}", right)
#define PAYLOAD(protocol, field) \
	"{\"payload\":{\"protocol\":\"" protocol "\",\"field\":\"" field "\"}}"
#define GUARD(name, protocol, address)                                                        \
	RULE("guard",                                                                             \
		 META("!=", "iifname", "\"" name "\"") "," META("!=", "iifname", "\"lo\"") "," MATCH( \
			 "==", PAYLOAD(protocol, "daddr"),                                                \
			 "\"" address                                                                     \
			 "\"") "," MATCH("!=", "{\"fib\":{\"result\":\"type\",\"flags\":[\"saddr\"]}}",   \
							 "\"local\"") ",{\"drop\":null}")
#define SYN                                                                   \
	MATCH("==",                                                               \
		  "{\"&\":[{\"payload\":{\"protocol\":\"tcp\",\"field\":\"flags\"}}," \
		  "[\"syn\",\"rst\"]]}",                                              \
		  "\"syn\"")
#define CLAMP                                                                         \
	"{\"mangle\":{\"key\":{\"tcp option\":{\"name\":\"maxseg\",\"field\":\"size\"}}," \
	"\"value\":{\"rt\":{\"key\":\"mtu\"}}}}"
#define UDP META("==", "l4proto", "\"udp\"")
#define HIDE(name, protocol, network, size)                                     \
	RULE("hide", MATCH("==", PAYLOAD(protocol, "saddr"),                        \
					   "{\"prefix\":{\"addr\":\"" network "\",\"len\":" size    \
					   "}}") "," META("!=", "oifname",                          \
									  "\"" name "\"") "," META("!=", "oifname", \
															   "\"lo\"") ",{\"masquerade\":null}")
#define END "\n]}\n"

static struct prefix prefix_of(const char *address, uint8_t length) {
	struct prefix prefix = {.length = length};
	assert_int_equal(address_parse(address, &prefix.address), ERR_OK);
	return prefix;
}

static void assert_format(const struct firewall_tunnel *tunnels, size_t count,
						  const char *expected) {
	char *text = NULL;
	size_t size = 0;
	assert_int_equal(firewall_format(tunnels, count, &text, &size), ERR_OK);
	assert_string_equal(text, expected);
	assert_int_equal(size, strlen(expected));
	free(text);
}

static void test_nothing(void **state) {
	assert_format(NULL, 0, RESET END);
}

static void test_addresses_are_guarded(void **state) {
	const struct prefix addresses[] = {prefix_of("10.66.0.1", 24), prefix_of("fd66::1", 64)};
	const struct firewall_tunnel tunnel = {
		.name = "um0", .addresses = addresses, .address_count = 2};
	assert_format(&tunnel, 1,
				  RESET TABLE CHAIN("guard", "filter", "prerouting", "-300")
					  GUARD("um0", "ip", "10.66.0.1") GUARD("um0", "ip6", "fd66::1") END);
}

static void test_marks_are_kept(void **state) {
	const struct firewall_tunnel tunnels[] = {
		{.name = "um0", .default_mark = true, .mark = 0xffffffff},
		{.name = "um1", .default_mark = true, .mark = 0},
		{.name = "um2", .default_mark = false, .mark = 7},
	};
	assert_format(
		tunnels, 3,
		RESET TABLE CHAIN("restore", "filter", "prerouting", "-150") CHAIN("save", "filter",
																		   "postrouting", "-150")
			RULE("restore",
				 UDP "," MATCH("==", "{\"ct\":{\"key\":\"mark\"}}",
							   "4294967295") ",{\"mangle\":{\"key\":{\"meta\":{\"key\":\"mark\"}},"
											 "\"value\":4294967295}}")
				RULE("save", UDP
					 "," META("==", "mark", "4294967295") ",{\"mangle\":{\"key\":{\"ct\":{\"key\":"
														  "\"mark\"}},\"value\":4294967295}}") END);
}

static void test_marks_of_streams(void **state) {
	const struct firewall_tunnel tunnel = {
		.name = "um0", .default_mark = true, .streams = true, .mark = 7};
	assert_format(
		&tunnel, 1,
		RESET TABLE CHAIN("restore", "filter", "prerouting", "-150")
			CHAIN("save", "filter", "postrouting", "-150")
				RULE("restore", META("==", "l4proto", "\"tcp\"") "," MATCH(
									"==", "{\"ct\":{\"key\":\"mark\"}}",
									"7") ",{\"mangle\":{\"key\":{\"meta\":{\"key\":\"mark\"}},"
										 "\"value\":7}}")
					RULE("save", META("==", "l4proto", "\"tcp\"") "," META(
									 "==", "mark",
									 "7") ",{\"mangle\":{"
										  "\"key\":{\"ct\":{\"key\":\"mark\"}},\"value\":7}}") END);
}

static void test_server(void **state) {
	const struct prefix addresses[] = {prefix_of("10.66.0.1", 24), prefix_of("fd66::1:1", 112)};
	const struct firewall_tunnel tunnel = {.name = "a.b-c_9",
										   .addresses = addresses,
										   .address_count = 2,
										   .forward = true,
										   .masquerade = true};
#define IN META("==", "iifname", "\"a.b-c_9\"")
#define OUT META("==", "oifname", "\"a.b-c_9\"")
	assert_format(
		&tunnel, 1,
		RESET TABLE CHAIN("guard", "filter", "prerouting", "-300")
			CHAIN("forward", "filter", "forward", "0") CHAIN("hide", "nat", "postrouting", "100")
				GUARD("a.b-c_9", "ip", "10.66.0.1") GUARD("a.b-c_9", "ip6", "fd66::1:1")
					RULE("forward", IN "," SYN "," CLAMP) RULE("forward", OUT "," SYN "," CLAMP)
						RULE("forward", IN ",{\"accept\":null}")
							RULE("forward", OUT ",{\"accept\":null}")
								HIDE("a.b-c_9", "ip", "10.66.0.0", "24")
									HIDE("a.b-c_9", "ip6", "fd66::1:0", "112") END);
}

static void test_bad_names(void **state) {
	static const char *const names[] = {
		"",     "um0*",  "um 0", "um\"0",     "um0\\",
		"um/0", "um\n0", "um'0", "\xc3\xbcm", "um{}0",
		"um,0", "um$0",  "um;0", "um%d",      "sixteen-letters_",
	};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char *text = NULL;
		size_t size = 0;
		const struct firewall_tunnel tunnels[] = {{.name = "um0", .forward = true},
												  {.name = names[i], .forward = true}};
		assert_int_equal(firewall_format(tunnels, 2, &text, &size), ERR_INVALID);
		assert_null(text);
	}
}

static void test_bad_address(void **state) {
	const struct prefix address = {.length = 0};
	const struct firewall_tunnel tunnel = {
		.name = "um0", .addresses = &address, .address_count = 1};
	char *text = NULL;
	size_t size = 0;
	assert_int_equal(firewall_format(&tunnel, 1, &text, &size), ERR_INVALID);
	assert_null(text);
}

static void test_limit(void **state) {
	enum { COUNT = 4000 };
	struct prefix *addresses = calloc(COUNT, sizeof *addresses);
	assert_non_null(addresses);
	for (size_t i = 0; i < COUNT; i++)
		addresses[i] = prefix_of("10.0.0.1", 32);
	const struct firewall_tunnel tunnel = {
		.name = "um0", .addresses = addresses, .address_count = COUNT};
	char *text = NULL;
	size_t size = 0;
	assert_int_equal(firewall_format(&tunnel, 1, &text, &size), ERR_LIMIT);
	assert_null(text);
	free(addresses);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),          cmocka_unit_test(test_addresses_are_guarded),
		cmocka_unit_test(test_server),           cmocka_unit_test(test_marks_are_kept),
		cmocka_unit_test(test_marks_of_streams), cmocka_unit_test(test_bad_names),
		cmocka_unit_test(test_bad_address),      cmocka_unit_test(test_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
