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

#define SERVER(auth)                  \
	"tunnels:\n"                      \
	"  vpn:\n"                        \
	"    protocol: phaze\n"           \
	"    role: server\n"              \
	"    listen: 51820\n"             \
	"    addresses: [10.66.0.1/24]\n" \
	"    auth: { certificate_file: c, key_file: k" auth " }\n" /* 7 */
#define CLIENT(auth)                     \
	"tunnels:\n"                         \
	"  out:\n"                           \
	"    protocol: phaze\n"              \
	"    role: client\n"                 \
	"    endpoints: [\"a.example:1\"]\n" \
	"    auth: { " auth " }\n" /* 6 */

static const struct {
	const char *text, *lines;
} rows[] = {
	{"tunnels:\n"
	 "  vpn: { protocol: phaze }\n",
	 "umbra.yaml:2: tunnels.vpn.role: missing; server or client"},
	{"tunnels:\n"
	 "  vpn: { protocol: phaze, role: server }\n",
	 "umbra.yaml:2: tunnels.vpn.addresses: missing; a list of addresses with lengths like "
	 "[10.66.0.1/24, \"fd66::1/64\"]\n"
	 "umbra.yaml:2: tunnels.vpn.auth.certificate_file: missing; a path like keys/vpn.pem, at most "
	 "4095 characters\n"
	 "umbra.yaml:2: tunnels.vpn.auth.key_file: missing; a path like keys/vpn.key, at most 4095 "
	 "characters\n"
	 "umbra.yaml:2: tunnels.vpn.listen: missing; where clients come, a port, or an address and "
	 "port like \"[::]:51820\""},
	{"tunnels:\n"
	 "  out: { protocol: phaze, role: client }\n",
	 "umbra.yaml:2: tunnels.out.endpoints: missing; a list of hosts and ports like "
	 "[vpn.example.org:51820]\n"
	 "umbra.yaml:2: tunnels.out.auth.ca_file: missing; the authority that vouches for the server "
	 "(ca.pem, as its operator gives it), or auth.pin"},
	{SERVER("") "    private_key_file: k\n"
				"    peers: []\n"
				"    clients: { endpoint: \"a.example:1\" }\n"
				"    endpoints: [\"a.example:1\"]\n"
				"    tls: { pins: [] }\n",
	 "umbra.yaml:8: tunnels.vpn.private_key_file: of no use for phaze, whose clients log in; no "
	 "such key\n"
	 "umbra.yaml:9: tunnels.vpn.peers: of no use for phaze, whose clients log in; no such key\n"
	 "umbra.yaml:10: tunnels.vpn.clients: of no use for phaze, whose clients log in; no such key\n"
	 "umbra.yaml:12: tunnels.vpn.tls: of no use for phaze, whose clients log in; another protocol "
	 "(phantom), or no such key\n"
	 "umbra.yaml:11: tunnels.vpn.endpoints: of no use for a server; no such key, or another role"},
	{SERVER(", psk_file: p, identity: " KEY_A
			", username: a, password_file: p, pin: x, server_name: a"),
	 "umbra.yaml:7: tunnels.vpn.auth.pin: \"x\" does not begin with sha256/; sha256/ and 44 "
	 "characters of base64\n"
	 "umbra.yaml:7: tunnels.vpn.auth.psk_file: of no use for phaze, whose clients log in; another "
	 "protocol (mighty), or no such key\n"
	 "umbra.yaml:7: tunnels.vpn.auth.identity: of no use for phaze, whose clients log in; another "
	 "protocol (mighty), or no such key\n"
	 "umbra.yaml:7: tunnels.vpn.auth.username: of no use for a server; no such key, or another "
	 "role\n"
	 "umbra.yaml:7: tunnels.vpn.auth.password_file: of no use for a server; no such key, or "
	 "another role\n"
	 "umbra.yaml:7: tunnels.vpn.auth.pin: of no use for a server; no such key, or another role\n"
	 "umbra.yaml:7: tunnels.vpn.auth.server_name: of no use for a server; no such key, or another "
	 "role"},
	/* One port of TCP is of one tunnel, whatever shares those of UDP. */
	{"tunnels:\n"
	 "  web: { protocol: phantom, role: server, listen: 1, private_key_file: k,\n"
	 "         tls: { certificate_file: c, key_file: k }, decoy: { folder: f } }\n"
	 "  vpn: { protocol: phaze, role: server, listen: 1, addresses: [10.0.0.1/24],\n"
	 "         auth: { certificate_file: c, key_file: k } }\n",
	 "umbra.yaml:4: tunnels.vpn.listen: port 1 is taken by the tunnel at umbra.yaml:2; another "
	 "port "
	 "or address"},
	{CLIENT(
		 "ca_file: c, demands: [password], groups: [a], tickets: 60") "    listen: 1\n"
																	  "    client_to_client: true\n"
																	  "    push: { mtu: 1400 }\n",
	 "umbra.yaml:7: tunnels.out.listen: of no use for a client; no such key, or another role\n"
	 "umbra.yaml:6: tunnels.out.auth.demands: of no use for a client; no such key, or another "
	 "role\n"
	 "umbra.yaml:6: tunnels.out.auth.groups: of no use for a client; no such key, or another role\n"
	 "umbra.yaml:6: tunnels.out.auth.tickets: of no use for a client; no such key, or another "
	 "role\n"
	 "umbra.yaml:8: tunnels.out.client_to_client: of no use for a client; no such key, or another "
	 "role\n"
	 "umbra.yaml:9: tunnels.out.push: of no use for a client; no such key, or another role"},
	{"tunnels:\n"
	 "  um0:\n"
	 "    private_key_file: k\n"
	 "    auth: { username: a }\n"
	 "    peers: []\n",
	 "umbra.yaml:4: tunnels.um0.auth: of no use for wireguard, which carries packets; another "
	 "protocol (mighty or phaze), or no such key"},
	{"tunnels:\n"
	 "  old:\n"
	 "    protocol: mighty\n"
	 "    role: server\n"
	 "    listen: 1\n"
	 "    auth: { psk_file: k }\n",
	 "umbra.yaml:6: tunnels.old.auth: of no use for a server; no such key, or another role"},
	{"tunnels:\n"
	 "  old:\n"
	 "    protocol: mighty\n"
	 "    role: client\n"
	 "    endpoints: [\"a.example:1\"]\n"
	 "    auth: { psk_file: k, username: a }\n",
	 "umbra.yaml:6: tunnels.old.auth.username: of no use for mighty, whose ends share keys; "
	 "another protocol (phaze), or no such key"},
	{SERVER(", demands: [certificate]"),
	 "umbra.yaml:7: tunnels.vpn.auth.ca_file: missing; the authorities that vouch for clients, as "
	 "demands has certificate"},
	{SERVER(", crl_file: r"), "umbra.yaml:7: tunnels.vpn.auth.ca_file: missing; the authorities "
							  "whose lists are in crl_file"},
	{"tunnels:\n"
	 "  vpn:\n"
	 "    protocol: phaze\n"
	 "    role: server\n"
	 "    listen: 0\n"
	 "    addresses: [10.66.0.1/32, \"fd66::1/128\"]\n"
	 "    auth: { certificate_file: c, key_file: k }\n",
	 "umbra.yaml:6: tunnels.vpn.addresses: no address is left for clients, who get theirs of these "
	 "networks; one with room like [10.66.0.1/24]\n"
	 "umbra.yaml:5: tunnels.vpn.listen: no port that clients could know; one like \"[::]:51820\""},
	{CLIENT("certificate_file: c"),
	 "umbra.yaml:6: tunnels.out.auth.ca_file: missing; the authority that vouches for the server "
	 "(ca.pem, as its operator gives it), or auth.pin\n"
	 "umbra.yaml:6: tunnels.out.auth.key_file: missing; the private key of certificate_file"},
	{CLIENT("ca_file: c, key_file: k, password_file: p"),
	 "umbra.yaml:6: tunnels.out.auth.certificate_file: missing; the certificate that key_file is "
	 "of\n"
	 "umbra.yaml:6: tunnels.out.auth.username: missing; whose password it is"},
	{"tunnels:\n"
	 "  out: { protocol: phaze, role: client, auth: { ca_file: c },\n"
	 "         endpoints: [\"[fe80::1%eth0]:1\"] }\n",
	 "umbra.yaml:2: tunnels.out.auth.server_name: missing; the first endpoint has no name that "
	 "could stand in a certificate"},
	{SERVER(", demands: [password, otp], groups: [a, \"\", a, \"b/c\"], tickets: 59"),
	 "umbra.yaml:7: tunnels.vpn.auth.demands: \"otp\" is not known; a list of password or "
	 "certificate\n"
	 "umbra.yaml:7: tunnels.vpn.auth.groups: empty; a list of names of 1 to 63 letters, digits, "
	 "spaces and _.@-\n"
	 "umbra.yaml:7: tunnels.vpn.auth.groups: \"a\" stands in the list twice; a list of names of 1 "
	 "to 63 letters, digits, spaces and _.@-\n"
	 "umbra.yaml:7: tunnels.vpn.auth.groups: \"b/c\" is no name; a list of names of 1 to 63 "
	 "letters, digits, spaces and _.@-\n"
	 "umbra.yaml:7: tunnels.vpn.auth.tickets: \"59\" is out of range; off, or 60 to 604800"},
	{SERVER(", tickets: 604801, ca_file: \"\", crl_file: [], ticket_key_file: {}"),
	 "umbra.yaml:7: tunnels.vpn.auth.tickets: \"604801\" is out of range; off, or 60 to 604800\n"
	 "umbra.yaml:7: tunnels.vpn.auth.ca_file: empty; a path like ca/ca.pem, at most 4095 "
	 "characters\n"
	 "umbra.yaml:7: tunnels.vpn.auth.crl_file: a list stands where a value belongs; a path like "
	 "ca/crl.pem, at most 4095 characters\n"
	 "umbra.yaml:7: tunnels.vpn.auth.ticket_key_file: a map stands where a value belongs; a path "
	 "like keys/ticket.key, at most 4095 characters"},
	{"tunnels:\n"
	 "  vpn:\n"
	 "    protocol: phaze\n"
	 "    role: server\n"
	 "    listen: 1\n"
	 "    addresses: [10.66.0.1/24]\n"
	 "    auth: { certificate_file: \"\", key_file: [] }\n",
	 "umbra.yaml:7: tunnels.vpn.auth.certificate_file: empty; a path like keys/vpn.pem, at most "
	 "4095 characters\n"
	 "umbra.yaml:7: tunnels.vpn.auth.key_file: a list stands where a value belongs; a path like "
	 "keys/vpn.key, at most 4095 characters"},
	{CLIENT("username: \"a/b\", password_file: \"\", pin: [x, y], server_name: \"a b\""),
	 "umbra.yaml:6: tunnels.out.auth.username: \"a/b\" is no name; 1 to 63 letters, digits, spaces "
	 "and _.@-, beginning with a letter or digit\n"
	 "umbra.yaml:6: tunnels.out.auth.password_file: empty; a path like keys/work.password, at most "
	 "4095 characters\n"
	 "umbra.yaml:6: tunnels.out.auth.pin: the list has 2 items; at most 1\n"
	 "umbra.yaml:6: tunnels.out.auth.server_name: \"a b\" is neither a domain name nor an address; "
	 "a domain name like vpn.example.org, or an address"},
	{SERVER("") "    transports: [udp, tcp, udp, quic]\n    transport: tcp\n",
	 "umbra.yaml:8: tunnels.vpn.transports: the list has 4 items; at most 2\n"
	 "umbra.yaml:9: tunnels.vpn.transport: of no use for a server; no such key, or another role"},
	{SERVER("") "    transports: [tcp, quic]\n",
	 "umbra.yaml:8: tunnels.vpn.transports: \"quic\" is not known; a list of udp or tcp"},
	{CLIENT("ca_file: c") "    transport: quic\n    transports: [udp]\n",
	 "umbra.yaml:7: tunnels.out.transport: \"quic\" is not known; udp, tcp or auto\n"
	 "umbra.yaml:8: tunnels.out.transports: of no use for a client; no such key, or another role"},
	{CLIENT("pin: sha256/short"),
	 "umbra.yaml:6: tunnels.out.auth.pin: \"sha256/short\" is not the base64 of 32 bytes behind "
	 "sha256/; sha256/ and 44 characters of base64"},
	{SERVER("") "    push: { domains: [a.example], mtu: 1279 }\n",
	 "umbra.yaml:8: tunnels.vpn.push.domains: there are no servers to ask; push.dns as well"},
};

static void test_every_row_says_its_lines(void **state) {
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		loading_refuses(&(struct config_source){.path = "umbra.yaml",
												.text = rows[i].text,
												.text_size = strlen(rows[i].text)},
						rows[i].lines);
}

/* A key that is of tunnels whose clients log in alone has a wrong value in some row. */
static void find_row(void *context, const struct schema_row *row, const char *path,
					 unsigned depth) {
	if (schema_kinds(row) != SCHEMA_OF_LOGIN || row->type == SCHEMA_GROUP)
		return;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (wrong_values_have(rows[i].lines, path))
			return;
	fail_msg("no row has a wrong value of %s", path);
}

static void test_every_key_has_a_wrong_value(void **state) {
	schema_walk(&schema_root, find_row, NULL);
}

/* So many domains of 250 characters and whole IPv6 addresses. */
static void load_push(unsigned domains, unsigned routes, const char *lines) {
	static char text[1 << 16];
	size_t used = (size_t)snprintf(text, sizeof text,
								   SERVER("") "    push:\n      dns: [10.0.0.1]\n"
											  "      domains: [");
	for (unsigned i = 0; i < domains; i++)
		used +=
			(size_t)snprintf(text + used, sizeof text - used, "%sd%02u.%060d.%060d.%060d.x%059d",
							 i > 0 ? ", " : "", i, 0, 0, 0, 0);
	used += (size_t)snprintf(text + used, sizeof text - used, "]\n      routes: [");
	for (unsigned i = 0; i < routes; i++)
		used += (size_t)snprintf(text + used, sizeof text - used, "%s\"2001:db8::%x\"",
								 i > 0 ? ", " : "", i);
	used += (size_t)snprintf(text + used, sizeof text - used, "]\n");
	if (lines)
		loading_refuses(
			&(struct config_source){.path = "umbra.yaml", .text = text, .text_size = used}, lines);
	else
		config_free(loading_good(text));
}

/* What clients are told is one message of 8192 bytes. */
static void test_what_is_told_has_room(void **state) {
	load_push(16, 190, NULL);
	load_push(16, 196,
			  "umbra.yaml:11: tunnels.vpn.push.routes: with all the rest more than the 8192 bytes "
			  "that there is room for in an answer; fewer routes or domains");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_key_has_a_wrong_value),
		cmocka_unit_test(test_what_is_told_has_room),
		cmocka_unit_test(test_every_row_says_its_lines),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
