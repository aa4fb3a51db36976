#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "conf/both_kinds.h"
#include "conf/loading.h"
#include "conf/schema.h"
#include "conf/wrong_values.h"

#define COMMON                \
	"    protocol: phantom\n" \
	"    private_key_file: k\n"
#define SERVER                             \
	"tunnels:\n"                           \
	"  web:\n" COMMON "    role: server\n" \
	"    listen: 443\n"                    \
	"    tls: { certificate_file: c, key_file: k }\n" /* 7 */
#define GATEWAY "    peers: [{ public_key: " KEY_A ", endpoint: \"a.example:443\" }]\n"
#define CLIENT                             \
	"tunnels:\n"                           \
	"  out:\n" COMMON "    role: client\n" \
	"    proxy: { listen: 1080 }\n" GATEWAY /* 7 */
#define PIN "sha256/" KEY_A

static const struct {
	const char *text, *lines;
} rows[] = {
	/* Kinds and roles */
	{"tunnels:\n"
	 "  um0:\n"
	 "    private_key_file: k\n"
	 "    role: server\n"
	 "    tls: { pins: [" PIN "] }\n"
	 "    forwards: [{ listen: 1, target: \"a:1\" }]\n"
	 "    peers: [{ public_key: " KEY_A ", rules: [allow any] }]\n",
	 "umbra.yaml:4: tunnels.um0.role: of no use for wireguard, which carries packets; another "
	 "protocol (phantom), or no such key\n"
	 "umbra.yaml:7: tunnels.um0.peers.1.rules: of no use for wireguard, which carries packets; "
	 "another protocol (phantom), or no such key\n"
	 "umbra.yaml:5: tunnels.um0.tls: of no use for wireguard, which carries packets; another "
	 "protocol (phantom), or no such key\n"
	 "umbra.yaml:6: tunnels.um0.forwards: of no use for wireguard, which carries packets; another "
	 "protocol (phantom), or no such key"},
	{SERVER "    peers: [{ public_key: " KEY_A ", persistent_keepalive: 25, preshared_key_file: p,"
			" umbra: true }]\n",
	 "umbra.yaml:8: tunnels.web.peers.1.preshared_key_file: of no use for phantom, which carries "
	 "streams; no such key\n"
	 "umbra.yaml:8: tunnels.web.peers.1.persistent_keepalive: of no use for phantom, which carries "
	 "streams; no such key\n"
	 "umbra.yaml:8: tunnels.web.peers.1.umbra: of no use for phantom, which carries streams; no "
	 "such key"},
	{SERVER "    proxy: { listen: 1080 }\n"
			"    peers: [{ public_key: " KEY_A ", endpoint: \"a.example:1\" }]\n",
	 "umbra.yaml:9: tunnels.web.peers.1.endpoint: of no use for a server; no such key, or another "
	 "role\n"
	 "umbra.yaml:8: tunnels.web.proxy: of no use for a server; no such key, or another role"},
	{CLIENT "    decoy: { folder: site }\n"
			"    listen: 443\n"
			"    tls: { key_file: k }\n"
			"    streams: { limit: 4 }\n",
	 "umbra.yaml:9: tunnels.out.listen: of no use for a client; no such key, or another role\n"
	 "umbra.yaml:10: tunnels.out.tls.key_file: of no use for a client; no such key, or another "
	 "role\n"
	 "umbra.yaml:8: tunnels.out.decoy: of no use for a client; no such key, or another role\n"
	 "umbra.yaml:11: tunnels.out.streams.limit: of no use for a client; no such key, or another "
	 "role"},
	/* What must be there */
	{"tunnels:\n"
	 "  web:\n" COMMON,
	 "umbra.yaml:2: tunnels.web.role: missing; server or client"},
	{"tunnels:\n"
	 "  web:\n" COMMON "    role: serve\n",
	 "umbra.yaml:5: tunnels.web.role: \"serve\" is not known; server or client"},
	{"tunnels:\n"
	 "  web:\n" COMMON "    role: server\n",
	 "umbra.yaml:2: tunnels.web.tls.certificate_file: missing; a path like tls/web.pem, at most "
	 "4095 characters\n"
	 "umbra.yaml:2: tunnels.web.tls.key_file: missing; a path like tls/web.key, at most 4095 "
	 "characters\n"
	 "umbra.yaml:2: tunnels.web.listen: missing; where clients come, a port, or an address and "
	 "port "
	 "like \"[::]:443\""},
	{"tunnels:\n"
	 "  web:\n" COMMON "    role: server\n"
	 "    listen: 0\n"
	 "    tls: { certificate_file: c }\n",
	 "umbra.yaml:7: tunnels.web.tls.key_file: missing; a path like tls/web.key, at most 4095 "
	 "characters\n"
	 "umbra.yaml:6: tunnels.web.listen: no port that clients could know; one like \"[::]:443\""},
	{"tunnels:\n"
	 "  out:\n" COMMON "    role: client\n",
	 "umbra.yaml:2: tunnels.out.peers: a client has one peer, its server; 0 stand here\n"
	 "umbra.yaml:2: tunnels.out: nothing leads into the tunnel; proxy.listen, forwards or "
	 "addresses"},
	{"tunnels:\n"
	 "  out:\n" COMMON "    role: client\n"
	 "    proxy: { listen: 1080 }\n"
	 "    peers: [{ public_key: " KEY_A " }]\n",
	 "umbra.yaml:7: tunnels.out.peers.1.endpoint: missing; where the server is, like "
	 "vpn.example.org:443"},
	{"tunnels:\n"
	 "  out:\n" COMMON "    role: client\n"
	 "    proxy: { listen: 1080 }\n"
	 "    peers: [{ public_key: " KEY_A " }, { public_key: " KEY_B " }]\n",
	 "umbra.yaml:7: tunnels.out.peers: a client has one peer, its server; 2 stand here"},
	/* What does not go together */
	{SERVER "    decoy: { folder: site, proxy: \"http://127.0.0.1:80\" }\n",
	 "umbra.yaml:8: tunnels.web.decoy.proxy: decoy.folder stands there as well; one of them"},
	{CLIENT "    tls: { pins: [" PIN "], ca_file: ca.pem }\n",
	 "umbra.yaml:8: tunnels.out.tls.ca_file: with tls.pins nobody looks at roots; one of them"},
	{SERVER "    mtu: 1400\n"
			"    masquerade: true\n"
			"    kill_switch: true\n"
			"    routes: { include: [10.0.0.0/8] }\n"
			"    dns: { servers: [10.0.0.1] }\n"
			"    peers: [{ public_key: " KEY_A ", allowed_ips: [10.80.0.2/32] }]\n",
	 "umbra.yaml:10: tunnels.web.kill_switch: true, but the tunnel takes no default route; "
	 "0.0.0.0/0 or ::/0 in routes.include or in a peer's allowed_ips with routes.table auto, or "
	 "false\n"
	 "umbra.yaml:8: tunnels.web.mtu: without addresses the tunnel has no interface; addresses, or "
	 "not mtu\n"
	 "umbra.yaml:9: tunnels.web.masquerade: without addresses the tunnel has no interface; "
	 "addresses, or not masquerade\n"
	 "umbra.yaml:10: tunnels.web.kill_switch: without addresses the tunnel has no interface; "
	 "addresses, or not kill_switch\n"
	 "umbra.yaml:11: tunnels.web.routes.include: without addresses the tunnel has no interface; "
	 "addresses, or not routes.include\n"
	 "umbra.yaml:12: tunnels.web.dns.servers: without addresses the tunnel has no interface; "
	 "addresses, or not dns.servers\n"
	 "umbra.yaml:13: tunnels.web.peers.1.allowed_ips: without addresses the tunnel has no "
	 "interface; addresses, or not allowed_ips"},
	{SERVER "    clients: { dns: [10.0.0.1], allowed_ips: [10.0.0.0/8] }\n",
	 "umbra.yaml:8: tunnels.web.clients.dns: without addresses the tunnel has no interface; "
	 "addresses, or not clients.dns\n"
	 "umbra.yaml:8: tunnels.web.clients.allowed_ips: without addresses the tunnel has no "
	 "interface; "
	 "addresses, or not clients.allowed_ips"},
	{"tunnels:\n"
	 "  out:\n" COMMON "    role: client\n" GATEWAY "    proxy: { listen: \"0.0.0.0:1080\" }\n",
	 "umbra.yaml:7: tunnels.out.proxy.listen: others reach it and nobody is asked for a password; "
	 "proxy.users, or an address of this host alone like 127.0.0.1:1080"},
	{"tunnels:\n"
	 "  out:\n" COMMON "    role: client\n" GATEWAY "    addresses: [10.80.0.2/24]\n"
	 "    proxy: { users: [{ name: u, password_file: f }, { name: u, password_file: g }] }\n",
	 "umbra.yaml:8: tunnels.out.proxy.users: there is no port to use them at; proxy.listen as "
	 "well\n"
	 "umbra.yaml:8: tunnels.out.proxy.users.u.name: \"u\" stands in the list twice; once"},
	/* Ports */
	{SERVER "  two:\n" COMMON "    role: server\n"
			"    listen: \"192.0.2.1:443\"\n"
			"    tls: { certificate_file: c, key_file: k }\n",
	 "umbra.yaml:12: tunnels.two.listen: port 443 is taken by the tunnel at umbra.yaml:2; another "
	 "port or address"},
	{CLIENT "    forwards:\n"
			"      - { protocol: udp, listen: 1080, target: \"a:1\" }\n"
			"      - { listen: 1080, target: \"a:1\" }\n"
			"      - { listen: 0, target: \"a:1\" }\n",
	 "umbra.yaml:10: tunnels.out.forwards.2.listen: port 1080 is taken at umbra.yaml:6; another "
	 "port "
	 "or address\n"
	 "umbra.yaml:11: tunnels.out.forwards.3.listen: no port that programs could know; one like "
	 "127.0.0.1:5201"},
	/* Values */
	{CLIENT "    forwards:\n"
			"      - { protocol: sctp, listen: 1, target: a }\n"
			"      - { target: \"[fe80::1%eth0]:1\" }\n"
			"      - x\n",
	 "umbra.yaml:9: tunnels.out.forwards.1.protocol: \"sctp\" is not known; tcp or udp\n"
	 "umbra.yaml:9: tunnels.out.forwards.1.target: \"a\" has no port; a host and a port like "
	 "vpn.example.org:51820 or \"[2001:db8::1]:51820\"\n"
	 "umbra.yaml:10: tunnels.out.forwards.2.listen: missing; an address and port like "
	 "127.0.0.1:9090, or a port of 127.0.0.1\n"
	 "umbra.yaml:11: tunnels.out.forwards: an item is no map; a list of maps\n"
	 "umbra.yaml:10: tunnels.out.forwards.2.target: nothing that a server could look up; a name or "
	 "an address without a scope"},
	{CLIENT "    forwards: { listen: 1 }\n",
	 "umbra.yaml:8: tunnels.out.forwards: a map stands here; a list of maps"},
	{SERVER "    policy: { otherwise: maybe, rules: [permit any, \"allow 10.0.0.0/33\"] }\n"
			"    streams: { cookie: \"a;b\", path: news, padding: much, limit: 0, memory: 15 }\n"
			"    decoy: { proxy: \"https://127.0.0.1\" }\n",
	 "umbra.yaml:8: tunnels.web.policy.otherwise: \"maybe\" is not known; allow or deny\n"
	 "umbra.yaml:8: tunnels.web.policy.rules: \"permit any\" is no rule: it begins with neither "
	 "allow nor deny; a list of rules like "
	 "[\"allow 10.1.0.0/16 tcp 22\", \"deny any udp\"]\n"
	 "umbra.yaml:8: tunnels.web.policy.rules: \"allow 10.0.0.0/33\" is no rule: its second word is "
	 "neither any nor an address, a prefix or a name; a list of rules "
	 "like "
	 "[\"allow 10.1.0.0/16 tcp 22\", \"deny any udp\"]\n"
	 "umbra.yaml:9: tunnels.web.streams.cookie: \"a;b\" is no name of a cookie; 1 to 63 letters, "
	 "digits and !#$%&'*+-.^_`|~\n"
	 "umbra.yaml:9: tunnels.web.streams.path: \"news\" is no path; a path of a URL like /news, at "
	 "most 255 characters\n"
	 "umbra.yaml:9: tunnels.web.streams.padding: \"much\" is not known; none, performance, "
	 "balanced "
	 "or stealth\n"
	 "umbra.yaml:9: tunnels.web.streams.limit: \"0\" is out of range; 1 to 1024\n"
	 "umbra.yaml:9: tunnels.web.streams.memory: \"15\" is out of range; auto, or 16 to 1048576\n"
	 "umbra.yaml:10: tunnels.web.decoy.proxy: \"https://127.0.0.1\" does not begin with http://; "
	 "an "
	 "address and port like http://127.0.0.1:8080"},
	{"tunnels:\n"
	 "  web:\n" COMMON "    role: server\n"
	 "    listen: https\n"
	 "    tls: { certificate_file: [c], key_file: \"\" }\n"
	 "    decoy: { folder: { a: b } }\n"
	 "    peers: [{ public_key: " KEY_A ", rules: [\"allow 10.0.0.0/8 tcp 0-x\"] }]\n",
	 "umbra.yaml:6: tunnels.web.listen: \"https\" is neither a port nor an address with one; a "
	 "port, or an address and port like \"[::]:51820\" or 192.0.2.1:51820\n"
	 "umbra.yaml:7: tunnels.web.tls.certificate_file: a list stands where a value belongs; a path "
	 "like tls/web.pem, at most 4095 characters\n"
	 "umbra.yaml:7: tunnels.web.tls.key_file: empty; a path like tls/web.key, at most 4095 "
	 "characters\n"
	 "umbra.yaml:8: tunnels.web.decoy.folder: a map stands where a value belongs; a path like "
	 "site, at most 4095 characters\n"
	 "umbra.yaml:9: tunnels.web.peers.1.rules: \"allow 10.0.0.0/8 tcp 0-x\" is no rule: ports are "
	 "like 443 or 53,5000-5999, from 1 to 65535; a list of "
	 "rules like [\"allow 10.1.0.0/16 tcp 22\", \"deny any udp\"]"},
	/* Rules of packets, where it carries streams. */
	{SERVER "    peers: [{ public_key: " KEY_A ", rules: [allow any, allow any icmp] }]\n",
	 "umbra.yaml:8: tunnels.web.peers.1.rules: \"allow any icmp\" is no rule: streams are tcp or "
	 "udp"},
	{SERVER "    policy: { rules: [allow any icmp] }\n",
	 "umbra.yaml:8: tunnels.web.policy.rules: \"allow any icmp\" is no rule: streams are tcp or "
	 "udp; a list of rules like [\"allow 10.1.0.0/16 tcp 22\", \"deny any udp\"]"},
	/* The lines that net is told have no tabs in them. */
	{SERVER "    peers: [{ public_key: " KEY_A ", rules: [\"allow any\\ttcp 22\"] }]\n",
	 "umbra.yaml:8: tunnels.web.peers.1.rules: \"allow any?tcp 22\" is no rule: its second word is "
	 "neither any nor an address, a prefix or a name; a list of rules "
	 "like [\"allow 10.1.0.0/16 tcp 22\", \"deny any udp\"]"},
	{"tunnels:\n"
	 "  out:\n" COMMON "    role: client\n"
	 "    tls: { ca_file: [] }\n"
	 "    streams: { connections: 7 }\n"
	 "    proxy: { listen: \"localhost:1080\", users: [{ name: \"a/b\", password_file: \"\" }] }\n"
	 "    forwards: [{ listen: \"[::1]\", target: \"a:1\" }]\n" GATEWAY,
	 "umbra.yaml:6: tunnels.out.tls.ca_file: a list stands where a value belongs; a path like "
	 "tls/ca.pem, at most 4095 characters\n"
	 "umbra.yaml:7: tunnels.out.streams.connections: \"7\" is out of range; 1 to 6\n"
	 "umbra.yaml:8: tunnels.out.proxy.listen: \"localhost:1080\" is neither a port nor an address "
	 "with one; an address and port like 127.0.0.1:9090, or a port of 127.0.0.1\n"
	 "umbra.yaml:8: tunnels.out.proxy.users.a/b.name: \"a/b\" is no name; 1 to 63 letters, digits, "
	 "spaces and _.@-, beginning with a letter or digit\n"
	 "umbra.yaml:8: tunnels.out.proxy.users.a/b.password_file: empty; a path like "
	 "keys/alice.password, at most 4095 characters\n"
	 "umbra.yaml:9: tunnels.out.forwards.1.listen: \"[::1]\" is neither a port nor an address with "
	 "one; an address and port like 127.0.0.1:9090, or a port of 127.0.0.1"},
	{CLIENT "    tls: { server_name: a_b..c, pins: [" KEY_A ", sha256/AA] }\n",
	 "umbra.yaml:8: tunnels.out.tls.server_name: \"a_b..c\" is neither a domain name nor an "
	 "address; "
	 "a domain name like vpn.example.org, or an address\n"
	 "umbra.yaml:8: tunnels.out.tls.pins: the value does not begin with sha256/; a list of sha256/ "
	 "and 44 characters of base64 each\n"
	 "umbra.yaml:8: tunnels.out.tls.pins: \"sha256/AA\" is not the base64 of 32 bytes behind "
	 "sha256/; a list of sha256/ and 44 characters of base64 each"},
};

static void test_every_row_says_its_lines(void **state) {
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		loading_refuses(&(struct config_source){.path = "umbra.yaml",
												.text = rows[i].text,
												.text_size = strlen(rows[i].text)},
						rows[i].lines);
}

/* A key that is of tunnels that carry streams alone has a wrong value in some row. */
static void find_wrong_value(void *context, const struct schema_row *row, const char *path,
							 unsigned depth) {
	bool *in_streams = context;
	if (depth == 1)
		*in_streams = !(schema_kinds(row) & SCHEMA_OF_PACKETS);
	if (!*in_streams && schema_kinds(row) & SCHEMA_OF_PACKETS)
		return;
	if (row->type == SCHEMA_GROUP)
		return;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (wrong_values_have(rows[i].lines, path))
			return;
	fail_msg("no row has a wrong value of %s", path);
}

static void test_every_key_has_a_wrong_value(void **state) {
	bool in_streams = false;
	schema_walk(&schema_root, find_wrong_value, &in_streams);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_key_has_a_wrong_value),
		cmocka_unit_test(test_every_row_says_its_lines),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
