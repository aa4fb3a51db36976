#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "conf/all_kinds.h"
#include "conf/loading.h"
#include "conf/schema.h"
#include "conf/wrong_values.h"

#define SERVER               \
	"tunnels:\n"             \
	"  vpn:\n"               \
	"    protocol: mighty\n" \
	"    role: server\n"     \
	"    listen: 51820\n" /* 5 */
#define CLIENT                    \
	"tunnels:\n"                  \
	"  out:\n"                    \
	"    protocol: mighty\n"      \
	"    role: client\n"          \
	"    auth: { psk_file: k }\n" \
	"    endpoints: [\"a.example:1\"]\n" /* 6 */
#define TEN(n)                                                                           \
	"10." #n "0.0.0/16, 10." #n "1.0.0/16, 10." #n "2.0.0/16, 10." #n "3.0.0/16, 10." #n \
	"4.0.0/16, "                                                                         \
	"10." #n "5.0.0/16, 10." #n "6.0.0/16, 10." #n "7.0.0/16, 10." #n "8.0.0/16, 10." #n \
	"9.0.0/16"
#define MANY                                                                                      \
	TEN(1)                                                                                        \
	", " TEN(2) ", " TEN(3) ", " TEN(4) ", " TEN(5) ", " TEN(6) ", " TEN(7) ", " TEN(8) ", " TEN( \
		9) ", " TEN(10) ", " TEN(11) ", " TEN(12)

static const struct {
	const char *text, *lines;
} rows[] = {
	/* Kinds and roles */
	{"tunnels:\n"
	 "  um0:\n"
	 "    private_key_file: k\n"
	 "    endpoints: [\"a.example:1\"]\n"
	 "    rekey: { seconds: 60 }\n"
	 "    role: client\n"
	 "    peers: [{ public_key: " KEY_A
	 ", psk_file: p, addresses: [10.0.0.2/24], rules: [allow any] }]\n",
	 "umbra.yaml:6: tunnels.um0.role: of no use for wireguard, which carries packets; another "
	 "protocol (phantom, mighty or phaze), or no such key\n"
	 "umbra.yaml:7: tunnels.um0.peers.1.psk_file: of no use for wireguard, which carries packets; "
	 "another protocol (mighty), or no such key\n"
	 "umbra.yaml:7: tunnels.um0.peers.1.addresses: of no use for wireguard, which carries packets; "
	 "another protocol (mighty), or no such key\n"
	 "umbra.yaml:7: tunnels.um0.peers.1.rules: of no use for wireguard, which carries packets; "
	 "another protocol (phantom or mighty), or no such key\n"
	 "umbra.yaml:4: tunnels.um0.endpoints: of no use for wireguard, which carries packets; another "
	 "protocol (mighty or phaze), or no such key\n"
	 "umbra.yaml:5: tunnels.um0.rekey: of no use for wireguard, which carries packets; another "
	 "protocol (mighty or phaze), or no such key"},
	{"tunnels:\n"
	 "  web:\n"
	 "    protocol: phantom\n"
	 "    role: client\n"
	 "    private_key_file: k\n"
	 "    addresses: [10.0.0.2/24]\n"
	 "    peers: [{ public_key: " KEY_A ", endpoint: \"a.example:443\" }]\n"
	 "    keepalive: 10\n",
	 "umbra.yaml:8: tunnels.web.keepalive: of no use for phantom, which carries streams; another "
	 "protocol (mighty or phaze), or no such key"},
	{SERVER "    private_key_file: k\n"
			"    tls: { pins: [] }\n"
			"    clients: { dns: [10.0.0.1] }\n"
			"    peers: [{ name: p, psk_file: p, allowed_ips: [10.0.0.2/32], public_key: " KEY_A
			", preshared_key_file: p,\n"
			"             persistent_keepalive: 25, umbra: true, endpoint: \"a.example:1\" }]\n",
	 "umbra.yaml:6: tunnels.vpn.private_key_file: of no use for mighty, whose ends share keys; no "
	 "such key\n"
	 "umbra.yaml:9: tunnels.vpn.peers.p.public_key: of no use for mighty, whose ends share keys; "
	 "no such key\n"
	 "umbra.yaml:9: tunnels.vpn.peers.p.preshared_key_file: of no use for mighty, whose ends share "
	 "keys; no such key\n"
	 "umbra.yaml:10: tunnels.vpn.peers.p.endpoint: of no use for mighty, whose ends share keys; no "
	 "such key\n"
	 "umbra.yaml:10: tunnels.vpn.peers.p.persistent_keepalive: of no use for mighty, whose ends "
	 "share keys; no such key\n"
	 "umbra.yaml:10: tunnels.vpn.peers.p.umbra: of no use for mighty, whose ends share keys; no "
	 "such key\n"
	 "umbra.yaml:8: tunnels.vpn.clients.dns: of no use for mighty, whose ends share keys; no such "
	 "key\n"
	 "umbra.yaml:7: tunnels.vpn.tls: of no use for mighty, whose ends share keys; another protocol "
	 "(phantom), or no such key"},
	{SERVER "    auth: { psk_file: k }\n"
			"    endpoints: []\n",
	 "umbra.yaml:7: tunnels.vpn.endpoints: of no use for a server; no such key, or another role\n"
	 "umbra.yaml:6: tunnels.vpn.auth: of no use for a server; no such key, or another role"},
	{CLIENT "    listen: 1\n"
			"    peers: []\n"
			"    client_to_client: true\n"
			"    push: { mtu: 1400 }\n"
			"    clients: { endpoint: \"a.example:1\" }\n",
	 "umbra.yaml:7: tunnels.out.listen: of no use for a client; no such key, or another role\n"
	 "umbra.yaml:8: tunnels.out.peers: of no use for a client; no such key, or another role\n"
	 "umbra.yaml:11: tunnels.out.clients: of no use for a client; no such key, or another role\n"
	 "umbra.yaml:9: tunnels.out.client_to_client: of no use for a client; no such key, or another "
	 "role\n"
	 "umbra.yaml:10: tunnels.out.push: of no use for a client; no such key, or another role"},
	/* What must be there */
	{"tunnels:\n"
	 "  vpn: { protocol: mighty }\n",
	 "umbra.yaml:2: tunnels.vpn.role: missing; server or client"},
	{"tunnels:\n"
	 "  vpn: { protocol: mighty, role: server }\n",
	 "umbra.yaml:2: tunnels.vpn.listen: missing; where clients come, a port, or an address and "
	 "port like \"[::]:51820\""},
	{"tunnels:\n"
	 "  out: { protocol: mighty, role: client }\n",
	 "umbra.yaml:2: tunnels.out.endpoints: missing; a list of hosts and ports like "
	 "[vpn.example.org:51820]\n"
	 "umbra.yaml:2: tunnels.out.auth.psk_file: missing; a path like keys/office.psk, at most 4095 "
	 "characters"},
	{"tunnels:\n"
	 "  out: { protocol: mighty, role: client, endpoints: [], auth: { psk_file: k } }\n",
	 "umbra.yaml:2: tunnels.out.endpoints: empty; where the server is, like vpn.example.org:51820"},
	{"tunnels:\n"
	 "  vpn:\n"
	 "    protocol: mighty\n"
	 "    role: server\n"
	 "    listen: 0\n"
	 "    peers:\n"
	 "      - name: phone\n"
	 "      - psk_file: p\n"
	 "        allowed_ips: [10.66.0.3/32]\n",
	 "umbra.yaml:7: tunnels.vpn.peers.phone.psk_file: missing; a path like keys/phone.psk, at most "
	 "4095 characters\n"
	 "umbra.yaml:7: tunnels.vpn.peers.phone.allowed_ips: missing; a list of prefixes like "
	 "[10.66.0.0/24, \"fd66::/64\"]\n"
	 "umbra.yaml:8: tunnels.vpn.peers.2.name: missing; 1 to 63 letters, digits, spaces and _.@-, "
	 "beginning with a letter or digit\n"
	 "umbra.yaml:5: tunnels.vpn.listen: no port that clients could know; one like \"[::]:51820\""},
	/* What does not go together */
	{SERVER "    peers:\n"
			"      - { name: a, psk_file: p, allowed_ips: [10.0.0.2/32], addresses: [10.0.0.2/24, "
			"10.0.0.3/24] }\n"
			"      - { name: a, psk_file: q, allowed_ips: [10.0.0.2/32], rules: [\"deny "
			"*.example.com\", \"deny any\", allow a.example tcp 22] }\n",
	 "umbra.yaml:7: tunnels.vpn.peers.a.addresses: packets from 10.0.0.3 would be thrown away; "
	 "allowed_ips with it as well\n"
	 "umbra.yaml:8: tunnels.vpn.peers.a.rules: \"deny *.example.com\" is no rule: it is about a "
	 "name, "
	 "and packets have none\n"
	 "umbra.yaml:8: tunnels.vpn.peers.a.rules: \"allow a.example tcp 22\" is no rule: it is about "
	 "a "
	 "name, and packets have none\n"
	 "umbra.yaml:8: tunnels.vpn.peers.a.allowed_ips: 10.0.0.2/32 leads to the peer at umbra.yaml:7 "
	 "already; a prefix belongs to one peer\n"
	 "umbra.yaml:8: tunnels.vpn.peers.a.name: \"a\" is the name of the peer at umbra.yaml:7, too; "
	 "a name of its own"},
	{SERVER "    peers:\n"
			"      - { name: a, psk_file: p, allowed_ips: [10.0.0.2/32], identity: " KEY_A " }\n"
			"      - { name: b, psk_file: q, allowed_ips: [10.0.0.3/32], identity: " KEY_A " }\n",
	 "umbra.yaml:8: tunnels.vpn.peers.b.identity: the peer at umbra.yaml:7 has the same key; each "
	 "peer its own"},
	{CLIENT "    routes: { accept: [10.0.0.0/33, push] }\n"
			"    dns: { servers: [push, 10.0.0.1] }\n",
	 "umbra.yaml:7: tunnels.out.routes.accept: \"10.0.0.0/33\" has a bad length; a list of "
	 "prefixes like [10.66.0.0/24, \"fd66::/64\"]\n"
	 "umbra.yaml:7: tunnels.out.routes.accept: \"push\" is no address; a list of prefixes like "
	 "[10.66.0.0/24, \"fd66::/64\"]\n"
	 "umbra.yaml:8: tunnels.out.dns.servers: \"push\" is no address; push, or a list of addresses "
	 "like [192.0.2.1, \"2001:db8::1\"]"},
	{SERVER "    routes: { accept: [10.0.0.0/8] }\n"
			"    dns: { servers: push }\n",
	 "umbra.yaml:6: tunnels.vpn.routes.accept: of no use for a server; no such key, or another "
	 "role\n"
	 "umbra.yaml:7: tunnels.vpn.dns.servers: push, but no server gives this end its name servers; "
	 "a list of addresses"},
	{SERVER "    addresses: [\"fd66::1/64\"]\n"
			"    push: { domains: [a.example], mtu: 1279 }\n",
	 "umbra.yaml:7: tunnels.vpn.push.domains: there are no servers to ask; push.dns as well\n"
	 "umbra.yaml:7: tunnels.vpn.push.mtu: 1279 is too small for IPv6 addresses; 1280 or more"},
	{SERVER "    push: { routes: [" MANY "] }\n",
	 "umbra.yaml:6: tunnels.vpn.push.routes: with all the rest more than the 1060 bytes that there "
	 "is room for in an answer; fewer routes or domains (117 IPv4 routes alone would fit, or 50 of "
	 "IPv6)"},
	{CLIENT "    kill_switch: true\n"
			"    routes: { include: [10.0.0.0/8] }\n",
	 "umbra.yaml:7: tunnels.out.kill_switch: true, but the tunnel takes no default route; "
	 "0.0.0.0/0 or ::/0 in routes.include or in a peer's allowed_ips with routes.table auto, or "
	 "false"},
	{"tunnels:\n"
	 "  out:\n"
	 "    protocol: mighty\n"
	 "    role: client\n"
	 "    auth: { psk_file: k }\n"
	 "    endpoints: [\"a.example:1\", \"b.example:1\", \"a.example:1\"]\n",
	 "umbra.yaml:6: tunnels.out.endpoints: a.example:1 stands in the list twice; each endpoint "
	 "once"},
	/* One port: of one protocol each, at one address, with one mark */
	{SERVER "  two: { protocol: wireguard, private_key_file: k, listen: 51820 }\n"
			"  three: { protocol: mighty, role: server, listen: \"[::]:51820\" }\n",
	 "umbra.yaml:7: tunnels.three.listen: port 51820 is taken by the tunnel at umbra.yaml:2; "
	 "another port or address"},
	{SERVER "  two: { protocol: wireguard, private_key_file: k, listen: \"0.0.0.0:51820\" }\n",
	 "umbra.yaml:6: tunnels.two.listen: port 51820 is shared with the tunnel at umbra.yaml:2, "
	 "which "
	 "has another address there; the same address, or another port"},
	{SERVER "  two: { protocol: wireguard, private_key_file: k, listen: 51820, fwmark: 7 }\n"
			"  three:\n"
			"    protocol: wireguard\n"
			"    private_key_file: k\n"
			"    listen: 51821\n"
			"    routes: { include: [\"::/0\"] }\n"
			"  four: { protocol: mighty, role: server, listen: 51821, fwmark: off }\n",
	 "umbra.yaml:6: tunnels.two.fwmark: port 51820 is shared with the tunnel at umbra.yaml:2, "
	 "whose "
	 "datagrams have another mark; the same fwmark for both, or another port\n"
	 "umbra.yaml:12: tunnels.four.fwmark: port 51821 is shared with the tunnel at umbra.yaml:7, "
	 "whose datagrams have another mark; the same fwmark for both, or another port"},
	{SERVER "  two: { protocol: oldies, listen: 51820 }\n"
			"  three: { protocol: oldies, listen: 51820 }\n",
	 "umbra.yaml:6: tunnels.two.protocol: \"oldies\" is not known; wireguard, phantom, mighty or "
	 "phaze\n"
	 "umbra.yaml:7: tunnels.three.protocol: \"oldies\" is not known; wireguard, phantom, mighty or "
	 "phaze"},
	/* Values */
	{SERVER "    ciphers: [aes-128-gcm]\n"
			"    rekey: { seconds: 0, packets: 999 }\n"
			"    keepalive: off\n"
			"    client_to_client: maybe\n",
	 "umbra.yaml:6: tunnels.vpn.ciphers: \"aes-128-gcm\" is not known; a list of aes-256-gcm or "
	 "chacha20-poly1305\n"
	 "umbra.yaml:7: tunnels.vpn.rekey.seconds: \"0\" is out of range; 1 to 86400\n"
	 "umbra.yaml:7: tunnels.vpn.rekey.packets: \"999\" is out of range; 1000 to 1073741824\n"
	 "umbra.yaml:8: tunnels.vpn.keepalive: \"off\" is no number; 1 to 3600\n"
	 "umbra.yaml:9: tunnels.vpn.client_to_client: \"maybe\" is neither; true or false"},
	{SERVER "    ciphers: [aes-256-gcm, aes-256-gcm]\n",
	 "umbra.yaml:6: tunnels.vpn.ciphers: \"aes-256-gcm\" stands in the list twice; a list of "
	 "aes-256-gcm or chacha20-poly1305"},
	{SERVER "    push: { routes: [10.0.0.0], dns: [a.example], domains: [a..b], mtu: 575 }\n"
			"    peers: [{ name: p, psk_file: \"\", identity: x, allowed_ips: [10.0.0.2/32], "
			"addresses: [10.0.0.2], rules: [permit any] }]\n",
	 "umbra.yaml:6: tunnels.vpn.push.dns: \"a.example\" is no address; a list of addresses like "
	 "[192.0.2.1, \"2001:db8::1\"]\n"
	 "umbra.yaml:6: tunnels.vpn.push.domains: \"a..b\" is no domain name; a list of domain names "
	 "like [corp.example.org]\n"
	 "umbra.yaml:6: tunnels.vpn.push.mtu: \"575\" is out of range; off, or 576 to 65475\n"
	 "umbra.yaml:7: tunnels.vpn.peers.p.psk_file: empty; a path like keys/phone.psk, at most 4095 "
	 "characters\n"
	 "umbra.yaml:7: tunnels.vpn.peers.p.identity: the value is too short for a key; 44 characters "
	 "of base64, as \"umbra pubkey\" prints them\n"
	 "umbra.yaml:7: tunnels.vpn.peers.p.addresses: \"10.0.0.2\" has no length; a list of addresses "
	 "with lengths like [10.66.0.1/24, \"fd66::1/64\"]\n"
	 "umbra.yaml:7: tunnels.vpn.peers.p.rules: \"permit any\" is no rule: it begins with neither "
	 "allow nor deny; a list of rules like "
	 "[\"allow 10.1.0.0/16 tcp 22\", \"deny any udp\"]"},
	{"tunnels:\n"
	 "  out:\n"
	 "    protocol: mighty\n"
	 "    role: clint\n"
	 "    auth: { psk_file: [], identity: KEY }\n"
	 "    endpoints: [a.example, \"b.example:0\", { a: b }]\n",
	 "umbra.yaml:4: tunnels.out.role: \"clint\" is not known; server or client\n"
	 "umbra.yaml:5: tunnels.out.auth.psk_file: a list stands where a value belongs; a path like "
	 "keys/office.psk, at most 4095 characters\n"
	 "umbra.yaml:5: tunnels.out.auth.identity: the value is too short for a key; 44 characters of "
	 "base64, as \"umbra pubkey\" prints them\n"
	 "umbra.yaml:6: tunnels.out.endpoints: \"a.example\" has no port; a list of hosts and ports "
	 "like [vpn.example.org:51820]\n"
	 "umbra.yaml:6: tunnels.out.endpoints: \"b.example:0\" has a bad port; a list of hosts and "
	 "ports like [vpn.example.org:51820]\n"
	 "umbra.yaml:6: tunnels.out.endpoints.3: a map stands in the list; a list of hosts and ports "
	 "like [vpn.example.org:51820]"},
	{"tunnels:\n"
	 "  out:\n"
	 "    protocol: mighty\n"
	 "    role: client\n"
	 "    auth: { psk_file: k }\n"
	 "    endpoints: [\"h:1\", \"h:2\", \"h:3\", \"h:4\", \"h:5\", \"h:6\", \"h:7\", \"h:8\", "
	 "\"h:9\"]\n",
	 "umbra.yaml:6: tunnels.out.endpoints: the list has 9 items; at most 8"},
};

static void test_every_row_says_its_lines(void **state) {
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		loading_refuses(&(struct config_source){.path = "umbra.yaml",
												.text = rows[i].text,
												.text_size = strlen(rows[i].text)},
						rows[i].lines);
}

/* A key that is of tunnels whose ends share keys alone has a wrong value in some row. */
static void find_row(void *context, const struct schema_row *row, const char *path,
					 unsigned depth) {
	if (!(schema_kinds(row) & SCHEMA_OF_SHARED) ||
		schema_kinds(row) & ~(unsigned)SCHEMA_OF_EITHER || row->type == SCHEMA_GROUP)
		return;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (wrong_values_have(rows[i].lines, path))
			return;
	fail_msg("no row has a wrong value of %s", path);
}

static void test_every_key_has_a_wrong_value(void **state) {
	schema_walk(&schema_root, find_row, NULL);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_key_has_a_wrong_value),
		cmocka_unit_test(test_every_row_says_its_lines),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
