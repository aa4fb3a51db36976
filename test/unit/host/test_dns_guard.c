#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/dns_guard.h"

#define TABLE(verb) "{\"" verb "\":{\"table\":{\"family\":\"inet\",\"name\":\"umbra_dns\"}}}"
#define CHAIN(name)                                                                        \
	",\n{\"add\":{\"chain\":{\"family\":\"inet\",\"table\":\"umbra_dns\",\"name\":\"" name \
	"\",\"type\":\"filter\",\"hook\":\"" name "\",\"prio\":0,\"policy\":\"accept\"}}}"
#define RULE(chain, what)                                                                   \
	",\n{\"add\":{\"rule\":{\"family\":\"inet\",\"table\":\"umbra_dns\",\"chain\":\"" chain \
	"\",\"expr\":[" what "]}}}"
#define MATCH(operator, left, right) \
	"{\"match\":{\"op\":\"" operator"\",\"left\":" left ",\"right\":" right "}}"
#define META(key) "{\"meta\":{\"key\":\"" key "\"}}"
#define ACCEPT ",{\"accept\":null}"
#define MARK(value) MATCH("==", META("mark"), value) ACCEPT
#define OUT(name) MATCH("==", META("oifname"), "\"" name "\"") ACCEPT
#define PORTS \
	MATCH("==", "{\"payload\":{\"protocol\":\"th\",\"field\":\"dport\"}}", "{\"set\":[53,853]}")
#define ASKED MATCH("==", META("l4proto"), "{\"set\":[\"tcp\",\"udp\"]}") "," PORTS
#define TCP_ASKED MATCH("==", META("l4proto"), "\"tcp\"") "," PORTS
#define TO(protocol, address)                                                            \
	"," MATCH("==", "{\"payload\":{\"protocol\":\"" protocol "\",\"field\":\"daddr\"}}", \
			  "\"" address "\"") ","
#define REJECT "{\"reject\":{\"type\":\"icmpx\",\"expr\":\"admin-prohibited\"}}"
#define RESET "{\"reject\":{\"type\":\"tcp reset\"}}"
#define DROP "{\"drop\":null}"

#define REFUSED(name, to) RULE(name, TCP_ASKED to RESET) RULE(name, ASKED to REJECT)
#define DROPPED(name, to) RULE(name, ASKED to DROP)
#define MARKS(name) RULE(name, MARK("7")) RULE(name, MARK("1000")) RULE(name, OUT("lo"))
#define FIRST(name, END)                              \
	RULE(name, ASKED TO("ip", "10.0.0.1") OUT("um0")) \
	RULE(name, ASKED TO("ip", "10.0.0.1") OUT("um2")) END(name, TO("ip", "10.0.0.1"))
#define SECOND(name, END) \
	RULE(name, ASKED TO("ip6", "fd00::1") OUT("um0")) END(name, TO("ip6", "fd00::1"))
#define REST(name, END) \
	RULE(name, OUT("um0")) RULE(name, OUT("um1")) RULE(name, OUT("um2")) END(name, ",")
#define HOOK(name, END) CHAIN(name) MARKS(name) FIRST(name, END) SECOND(name, END) REST(name, END)

static void test_rules(void **state) {
	static const char expected[] =
		"{\"nftables\":[\n" TABLE("add") ",\n" TABLE("delete") ",\n" TABLE("add")
			HOOK("output", REFUSED) HOOK("forward", DROPPED) "\n]}\n";
	struct address servers[2];
	assert_int_equal(address_parse("10.0.0.1", &servers[0]), ERR_OK);
	assert_int_equal(address_parse("fd00::1", &servers[1]), ERR_OK);
	const struct dns_guard_tunnel tunnels[] = {
		{.name = "um0", .mark = 1000, .protect = true, .servers = servers, .server_count = 2},
		{.name = "um1"},
		{.name = "um2", .servers = servers, .server_count = 1},
	};
	static const uint32_t marks[] = {7};
	const struct dns_guard guard = {tunnels, 3, marks, 1};
	char *text;
	size_t size;
	assert_int_equal(dns_guard_format(&guard, &text, &size), ERR_OK);
	assert_string_equal(text, expected);
	assert_int_equal(size, sizeof expected - 1);
	free(text);
}

static void test_nobody_asks(void **state) {
	const struct dns_guard_tunnel tunnels[] = {{.name = "um0", .mark = 1000}};
	const struct dns_guard guard = {tunnels, 1, NULL, 0};
	char *text;
	size_t size;
	assert_int_equal(dns_guard_format(&guard, &text, &size), ERR_OK);
	assert_string_equal(text, "{\"nftables\":[\n" TABLE("add") ",\n" TABLE("delete") "\n]}\n");
	free(text);
}

static void test_refused(void **state) {
	const struct address nothing = {.family = ADDRESS_NONE};
	struct dns_guard_tunnel tunnel = {.name = "um0\"", .protect = true};
	const struct dns_guard guard = {&tunnel, 1, NULL, 0};
	char *text;
	size_t size;
	assert_int_equal(dns_guard_format(&guard, &text, &size), ERR_INVALID);
	tunnel = (struct dns_guard_tunnel){.name = "um0", .servers = &nothing, .server_count = 1};
	assert_int_equal(dns_guard_format(&guard, &text, &size), ERR_INVALID);
}

/* As many as there can be, all with one server: nothing is cut off. */
static void test_many(void **state) {
	struct dns_guard_tunnel tunnels[64];
	char names[64][16];
	struct address server;
	assert_int_equal(address_parse("2001:db8:1111:2222:3333:4444:5555:6666", &server), ERR_OK);
	for (size_t i = 0; i < 64; i++) {
		(void)snprintf(names[i], sizeof names[i], "tunnel-name-%03zu", i);
		tunnels[i] = (struct dns_guard_tunnel){
			.name = names[i], .protect = true, .servers = &server, .server_count = 1};
	}
	const struct dns_guard guard = {tunnels, 64, NULL, 0};
	char *text;
	size_t size;
	enum err error = dns_guard_format(&guard, &text, &size);
	assert_int_equal(error, ERR_OK);
	size_t refused = 0;
	for (const char *at = text; (at = strstr(at, "admin-prohibited")); at++)
		refused++;
	assert_int_equal(refused, 2); /* the server's once, and all others */
	assert_non_null(strstr(text, "\"tunnel-name-063\""));
	free(text);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_nobody_asks),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
