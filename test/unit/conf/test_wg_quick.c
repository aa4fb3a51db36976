#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/wg_quick.h"
#include "conf/wg_quick_same.h"
#include "conf/wg_quick_vectors.h"

#define INTERFACE "[Interface]\nPrivateKey = " KEY_A "\n"
#define PEER "[Peer]\nPublicKey = " KEY_B "\n"

static void parse(const char *text, struct wg_quick *file) {
	char error[WG_QUICK_ERROR_SIZE] = "";
	enum err result = wg_quick_parse(text, strlen(text), file, error);
	if (result)
		fail_msg("%s", error);
}

static const struct wg_quick_note *find_note(const struct wg_quick *file, unsigned line) {
	for (size_t i = 0; i < file->note_count; i++)
		if (file->notes[i].line == line)
			return &file->notes[i];
	fail_msg("no note on line %u", line);
	return NULL;
}

static void check_prefix(const struct config_prefixes *prefixes, size_t index, const char *text) {
	char formatted[ADDRESS_TEXT_SIZE];
	assert_true(index < prefixes->count);
	prefix_format(&prefixes->items[index], formatted);
	assert_string_equal(formatted, text);
}

static void test_every_key(void **state) {
	struct wg_quick file;
	uint8_t key[TEXT_KEY_SIZE];
	parse(INTERFACE "Address = 10.0.0.1/24, fd00::1/64\nAddress = 10.1.0.1\n"
					"ListenPort = 51820\nFwMark = 0xCA6C\nMTU = 1420\nTable = 7\n" PEER
					"PresharedKey = " KEY_C "\nAllowedIPs = 10.0.0.2, fd00::2\n"
					"AllowedIPs = 10.9.0.0/16\nEndpoint = [2001:DB8::1]:443\n"
					"PersistentKeepalive = 25\n",
		  &file);
	const struct config_tunnel *tunnel = &file.tunnel;
	assert_true(file.has_private_key);
	assert_int_equal(text_key_decode(KEY_A, strlen(KEY_A), key), ERR_OK);
	assert_memory_equal(tunnel->private_key, key, sizeof key);
	assert_int_equal(tunnel->addresses.count, 3);
	check_prefix(&tunnel->addresses, 0, "10.0.0.1/24");
	check_prefix(&tunnel->addresses, 1, "fd00::1/64");
	check_prefix(&tunnel->addresses, 2, "10.1.0.1/32");
	assert_int_equal(tunnel->listen.port, 51820);
	assert_int_equal(tunnel->listen.address.family, ADDRESS_V6);
	assert_int_equal(tunnel->fwmark.value, 0xca6c);
	assert_false(tunnel->fwmark.automatic || tunnel->fwmark.off);
	assert_int_equal(tunnel->mtu.value, 1420);
	assert_int_equal(tunnel->routes.table.value, 7);
	assert_true(tunnel->routes.from_peers);
	assert_int_equal(tunnel->peer_count, 1);
	const struct config_peer *peer = &tunnel->peers[0];
	assert_int_equal(text_key_decode(KEY_B, strlen(KEY_B), key), ERR_OK);
	assert_memory_equal(peer->public_key, key, sizeof key);
	assert_int_equal(text_key_decode(KEY_C, strlen(KEY_C), key), ERR_OK);
	assert_memory_equal(peer->preshared_key, key, sizeof key);
	assert_int_equal(peer->allowed_ips.count, 3);
	check_prefix(&peer->allowed_ips, 0, "10.0.0.2/32");
	check_prefix(&peer->allowed_ips, 1, "fd00::2/128");
	check_prefix(&peer->allowed_ips, 2, "10.9.0.0/16");
	assert_string_equal(peer->endpoint.name, "2001:DB8::1");
	assert_int_equal(peer->endpoint.port, 443);
	assert_int_equal(peer->persistent_keepalive, 25);
	assert_int_equal(file.note_count, 0);
	wg_quick_done(&file);
}

static void test_defaults(void **state) {
	struct wg_quick file;
	parse("[Interface]\n", &file);
	assert_false(file.has_private_key);
	assert_string_equal(file.tunnel.protocol, config_default_protocol());
	assert_true(file.tunnel.autostart && file.tunnel.mtu.automatic);
	assert_true(file.tunnel.fwmark.automatic && file.tunnel.routes.table.automatic);
	assert_int_equal(file.tunnel.listen.port, 0);
	assert_int_equal(file.tunnel.peer_count, 0);
	wg_quick_done(&file);
	wg_quick_done(NULL);
}

static void test_words(void **state) {
	struct wg_quick file;
	parse(INTERFACE "FwMark = OFF\nTable = Off\nSaveConfig = FALSE\n" PEER
					"PersistentKeepalive = off\nPresharedKey = "
					"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
		  &file);
	assert_true(file.tunnel.fwmark.off && file.tunnel.routes.table.off);
	assert_int_equal(file.tunnel.peers[0].persistent_keepalive, 0);
	assert_int_equal(file.note_count, 0);
	wg_quick_done(&file);
	parse(INTERFACE "Table = main\nFwMark = 0\n", &file);
	assert_int_equal(file.tunnel.routes.table.value, 254);
	assert_true(file.tunnel.fwmark.off);
	wg_quick_done(&file);
	/* wg-quick gives a default route a mark when nobody did. */
	parse(INTERFACE "FwMark = off\n" PEER "AllowedIPs = ::/0\n", &file);
	assert_true(file.tunnel.fwmark.automatic);
	wg_quick_done(&file);
	parse(INTERFACE "FwMark = off\nTable = 9\n" PEER "AllowedIPs = ::/0\n", &file);
	assert_true(file.tunnel.fwmark.off);
	wg_quick_done(&file);
}

/* text, then what the message says; it may not have any part of a key. */
static const char *const wrong[][2] = {
	{"", "line 1: the file ends without an [Interface]"},
	{PEER, "line 2: the file ends without an [Interface]"},
	{"PrivateKey = " KEY_A "\n", "line 1: PrivateKey belongs into the [Interface]"},
	{"[Interface]\n\n[Interface]\n", "line 3: a second [Interface]; the first one is in line 1"},
	{"[Interface\n", "line 1: an unknown section"},
	{"[Peers]\n", "line 1: an unknown section"},
	{"[]\n", "line 1: an unknown section"},
	{"[\n", "line 1: an unknown section"},
	{INTERFACE "PrivateKey = " KEY_B "\n", "line 3: PrivateKey for the second time; line 2 has"},
	{"[Interface]\nPrivateKey = " KEY_A "A\n", "line 2: PrivateKey is not the base64"},
	{"[Interface]\nPrivateKey = gI7K6AtO4LgLcjXwh1pol7hze98JeQ94mHTugRX7y+N=\n",
	 "line 2: PrivateKey is not the base64"},
	{"[Interface]\nPrivateKey =\n", "line 2: PrivateKey has no value"},
	{"[Interface]\n" KEY_A "\n", "line 2: an unknown key"},
	{"[Interface]\ngI7K6AtO4LgLcjXwh1pol7\n", "line 2: neither a [section] nor Key = value"},
	{INTERFACE "Jc = 4\n", "line 3: an unknown key \"Jc\""},
	{INTERFACE "= 4\n", "line 3: an unknown key"},
	{INTERFACE "PublicKey = " KEY_B "\n", "line 3: PublicKey belongs into a [Peer]"},
	{INTERFACE PEER "MTU = 1420\n", "line 5: MTU belongs into the [Interface]"},
	{INTERFACE "ListenPort = 65536\n", "line 3: ListenPort is no number from 0 to 65535"},
	{INTERFACE "ListenPort = -1\n", "line 3: ListenPort"},
	{INTERFACE "FwMark = 0x100000000\n", "line 3: FwMark is off, or"},
	{INTERFACE "FwMark = 0x\n", "line 3: FwMark is off, or"},
	{INTERFACE "FwMark = 12g\n", "line 3: FwMark is off, or"},
	{INTERFACE "MTU = 575\n", "line 3: MTU is no number from 576 to 65475"},
	{INTERFACE "MTU = auto\n", "line 3: MTU is no number"},
	{INTERFACE "Table = 0\n", "line 3: Table is auto, off, main, or the number"},
	{INTERFACE "Table = vpn\n", "line 3: Table is auto, off, main, or the number"},
	{INTERFACE "SaveConfig = yes\n", "line 3: SaveConfig is true or false"},
	{INTERFACE "Address = 10.0.0.1/33\n", "line 3: Address has an item that is no IP address"},
	{INTERFACE "Address = 10.0.0.1/24, vpn\n", "line 3: Address has an item"},
	{INTERFACE "Address = 10.0.0.1/\n", "line 3: Address has an item"},
	{INTERFACE "[Peer]\n", "line 3: this [Peer] has no PublicKey"},
	{INTERFACE "[Peer]\nAllowedIPs = 10.0.0.0/8\n[Peer]\nPublicKey = " KEY_B "\n",
	 "line 3: this [Peer] has no PublicKey"},
	{INTERFACE "[Peer]\nPublicKey = AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
	 "line 4: PublicKey is not the base64"},
	{INTERFACE PEER PEER, "line 5: a [Peer] with the PublicKey of the one in line 3"},
	{INTERFACE PEER "PresharedKey = " KEY_C "=\n", "line 5: PresharedKey is not the base64"},
	{INTERFACE PEER "AllowedIPs = +10.0.0.0/8\n", "line 5: AllowedIPs with + or -"},
	{INTERFACE PEER "AllowedIPs = 10.1.0.0/16, -10.0.0.0/8\n", "line 5: AllowedIPs with + or -"},
	{INTERFACE PEER "AllowedIPs = 10.0.0.0/255.0.0.0\n", "line 5: AllowedIPs has an item"},
	{INTERFACE PEER "AllowedIPs = example.org\n", "line 5: AllowedIPs has an item"},
	{INTERFACE PEER "Endpoint = example.org\n", "line 5: Endpoint is a host, a colon"},
	{INTERFACE PEER "Endpoint = example.org:0\n", "line 5: Endpoint is a host, a colon"},
	{INTERFACE PEER "Endpoint = example.org:http\n", "line 5: Endpoint is a host, a colon"},
	{INTERFACE PEER "Endpoint = exa mple.org:5\n", "line 5: Endpoint is a host, a colon"},
	{INTERFACE PEER "Endpoint = [10.0.0.1]:5\n", "line 5: Endpoint is a host, a colon"},
	{INTERFACE PEER "Endpoint = [::1:5\n", "line 5: Endpoint is a host, a colon"},
	{INTERFACE PEER "Endpoint = []:5\n", "line 5: Endpoint is a host, a colon"},
	{INTERFACE PEER "Endpoint = :5\n", "line 5: Endpoint is a host, a colon"},
	{INTERFACE PEER "Endpoint = a:b:5\n", "line 5: Endpoint is a host, a colon"},
	{INTERFACE PEER "PersistentKeepalive = 65536\n", "line 5: PersistentKeepalive is off, or"},
	{INTERFACE PEER "Endpoint =\n", "line 5: Endpoint has no value"},
};

static bool has_part_of_key(const char *text) {
	static const char *const keys[] = {KEY_A, KEY_B, KEY_C};
	char part[7];
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
		for (size_t j = 0; j + sizeof part <= strlen(keys[i]); j++) {
			memcpy(part, keys[i] + j, sizeof part - 1);
			part[sizeof part - 1] = '\0';
			if (strstr(text, part))
				return true;
		}
	return false;
}

static void test_wrong_files(void **state) {
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		struct wg_quick file, before;
		char error[WG_QUICK_ERROR_SIZE] = "";
		memset(&file, 7, sizeof file);
		before = file;
		enum err result = wg_quick_parse(wrong[i][0], strlen(wrong[i][0]), &file, error);
		if (result != ERR_INVALID || strncmp(error, wrong[i][1], strlen(wrong[i][1])) != 0)
			fail_msg("%zu: \"%s\", not \"%s\"", i, error, wrong[i][1]);
		assert_memory_equal(&file, &before, sizeof file);
		assert_false(has_part_of_key(error));
	}
	struct wg_quick file;
	char error[WG_QUICK_ERROR_SIZE];
	static const char nul[] = "[Interface]\nMTU = 1\0";
	assert_int_equal(wg_quick_parse(nul, sizeof nul, &file, error), ERR_INVALID);
	assert_string_equal(error, "line 2: a NUL byte; this is no text in UTF-8");
}

static void test_limits(void **state) {
	struct wg_quick file;
	char error[WG_QUICK_ERROR_SIZE];
	size_t size = WG_QUICK_SIZE_MAX + 1;
	char *text = malloc(size);
	assert_non_null(text);
	memset(text, '\n', size);
	assert_int_equal(wg_quick_parse(text, size, &file, error), ERR_INVALID);
	assert_string_equal(error, "line 1: the file is larger than 16 MiB");
	size_t used = (size_t)sprintf(text, INTERFACE);
	for (int i = 0; i < WG_QUICK_NOTES_MAX + 5; i++)
		used += (size_t)sprintf(text + used, "PostUp = true\n");
	assert_int_equal(wg_quick_parse(text, used, &file, error), ERR_OK);
	assert_int_equal(file.note_count, WG_QUICK_NOTES_MAX);
	assert_non_null(strstr(file.notes[WG_QUICK_NOTES_MAX - 1].text, "left out"));
	wg_quick_done(&file);
	free(text);
}

static void test_notes(void **state) {
	static const struct {
		const char *line, *note;
	} cases[] = {
		{"PreUp = sysctl -w net.ipv4.ip_forward=1", "PreUp is not taken over: umbra runs no shell"},
		{"PostUp = iptables -A FORWARD -i %i -j ACCEPT", "forward: true does this job"},
		{"PostUp = iptables -t nat -A POSTROUTING -j MASQUERADE", "masquerade: true does this"},
		{"PostUp = ip -6 route add ::/1 dev %i", "routes: { include: [...] } does this job"},
		{"PostUp = wg set %i private-key /root/key", "private_key_file"},
		{"PostUp = iptables -I OUTPUT -j REJECT", "a kill switch is not there yet"},
		{"PostUp = resolvconf -a %i", "dns: { servers: [...] } does this job"},
		{"PostUp = /root/up.sh", "masquerade, forward and routes are for the usual jobs"},
		{"PostUp = ", "PostUp is not taken over"},
		{"PreDown = x", "takes away by itself what it has set"},
		{"PostDown = x", "takes away by itself what it has set"},
		{"SaveConfig = true", "SaveConfig is not taken over"},
		{"ExcludedApplications = org.example", "lists of applications are not taken over"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct wg_quick file;
		char text[512];
		(void)snprintf(text, sizeof text, INTERFACE "%s\n", cases[i].line);
		parse(text, &file);
		assert_int_equal(file.note_count, 1);
		if (!strstr(find_note(&file, 3)->text, cases[i].note))
			fail_msg("%s: %s", cases[i].line, file.notes[0].text);
		wg_quick_done(&file);
	}
	struct wg_quick file;
	parse(INTERFACE "DNS =\nDNS = , ,\n", &file);
	assert_int_equal(file.note_count, 0);
	assert_int_equal(file.tunnel.dns.server_count, 0);
	wg_quick_done(&file);
}

static void test_dns(void **state) {
	struct wg_quick file;
	parse(INTERFACE "DNS = 10.0.0.1, Corp.Example.org.,fd00::1\nDNS = home, 10.0.0.2\n", &file);
	const struct config_dns *dns = &file.tunnel.dns;
	const char *servers[] = {"10.0.0.1", "fd00::1", "10.0.0.2"};
	assert_int_equal(dns->server_count, 3);
	for (size_t i = 0; i < 3; i++) {
		char text[ADDRESS_TEXT_SIZE];
		address_format(&dns->servers[i], text);
		assert_string_equal(text, servers[i]);
	}
	assert_int_equal(dns->search.count, 2);
	assert_string_equal(dns->search.items[0], "corp.example.org");
	assert_string_equal(dns->search.items[1], "home");
	assert_true(dns->leak_protection_absent);
	assert_int_equal(file.note_count, 0);
	char *written;
	size_t size;
	assert_int_equal(wg_quick_format(&file.tunnel, &written, &size), ERR_OK);
	assert_non_null(
		strstr(written, "\nDNS = 10.0.0.1, fd00::1, 10.0.0.2, corp.example.org, home\n"));
	wg_quick_text_free(written, size);
	wg_quick_done(&file);
	char error[WG_QUICK_ERROR_SIZE];
	static const char *const bad[] = {"10.0.0.1:53", "~corp.example", "a..b", "1.2.3", "-x"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char text[256];
		int length = snprintf(text, sizeof text, INTERFACE "DNS = %s\n", bad[i]);
		assert_int_equal(wg_quick_parse(text, (size_t)length, &file, error), ERR_INVALID);
		assert_string_equal(error,
							"line 3: DNS has an item that is neither an address nor a domain");
	}
	static const char many[] = INTERFACE "DNS = ::1,::2,::3,::4,::5,::6,::7,::8\nDNS = ::9\n";
	assert_int_equal(wg_quick_parse(many, sizeof many - 1, &file, error), ERR_INVALID);
	assert_string_equal(error, "line 4: DNS has more than 8 addresses");
}

static void test_allowed_ips_have_one_owner(void **state) {
	struct wg_quick file;
	parse(INTERFACE PEER "AllowedIPs = 0.0.0.0/0, 10.0.0.1/32, 0.0.0.0/0, 10.3.0.9/24\n"
						 "[Peer]\nPublicKey = " KEY_C "\n"
						 "AllowedIPs = 10.0.0.1, 10.0.0.1\nAllowedIPs = 0.0.0.0/0\n",
		  &file);
	assert_int_equal(file.tunnel.peers[0].allowed_ips.count, 1);
	check_prefix(&file.tunnel.peers[0].allowed_ips, 0, "10.3.0.0/24");
	assert_int_equal(file.tunnel.peers[1].allowed_ips.count, 2);
	check_prefix(&file.tunnel.peers[1].allowed_ips, 0, "10.0.0.1/32");
	check_prefix(&file.tunnel.peers[1].allowed_ips, 1, "0.0.0.0/0");
	assert_int_equal(file.note_count, 4);
	assert_string_equal(find_note(&file, 5)->text,
						"AllowedIPs 10.3.0.9/24 is the whole network 10.3.0.0/24; for the one "
						"address write /32");
	assert_string_equal(file.notes[1].text,
						"AllowedIPs 0.0.0.0/0 goes to the peer that names it last, in line 9");
	wg_quick_done(&file);
}

static void check_name(const char *text, size_t peer, const char *name) {
	struct wg_quick file;
	parse(text, &file);
	assert_true(peer < file.tunnel.peer_count);
	assert_string_equal(file.tunnel.peers[peer].name, name);
	wg_quick_done(&file);
}

static void test_names(void **state) {
	static const char two[] =
		INTERFACE "# first\n" PEER "\n# second\n[Peer]\nPublicKey = " KEY_C "\n# trailing\n";
	check_name(INTERFACE PEER, 0, "VDvSehwh");
	check_name(INTERFACE "# phone\n" PEER, 0, "phone");
	check_name(INTERFACE "# phone\n\n" PEER, 0, "VDvSehwh");
	check_name(INTERFACE "# phone\nMTU = 1420\n" PEER, 0, "VDvSehwh");
	check_name(INTERFACE "# Name = my phone\n" PEER, 0, "my phone");
	check_name(INTERFACE "#name:phone\n# remark\n" PEER, 0, "phone");
	check_name(INTERFACE "# remark\n# friendly_name=phone\n" PEER, 0, "phone");
	check_name(INTERFACE "# phone\n# of Anna\n" PEER, 0, "phone");
	check_name(INTERFACE "### Client phone\n" PEER, 0, "phone");
	check_name(INTERFACE "### begin phone ###\n" PEER "### end phone ###\n", 0, "phone");
	check_name(INTERFACE "[Peer] # phone\nPublicKey = " KEY_B "\n", 0, "phone");
	check_name(INTERFACE "# remark\n[Peer]\n# Name = phone\nPublicKey = " KEY_B "\n", 0, "phone");
	check_name(INTERFACE "# ------\n" PEER, 0, "VDvSehwh");
	check_name(INTERFACE "# PresharedKey = " KEY_C "\n" PEER, 0, "VDvSehwh");
	check_name(INTERFACE "# bell\a\n" PEER, 0, "VDvSehwh");
	check_name(two, 0, "first");
	check_name(two, 1, "second");
	/* One name for two, and the name that another one has by its key. */
	check_name(INTERFACE "# a\n" PEER "# a\n[Peer]\nPublicKey = " KEY_C "\n", 0, "a");
	check_name(INTERFACE "# a\n" PEER "# a\n[Peer]\nPublicKey = " KEY_C "\n", 1, "69xDBFNW");
	check_name(INTERFACE "# 69xDBFNW\n" PEER "[Peer]\nPublicKey = " KEY_C "\n", 0, "VDvSehwh");
}

static void test_format(void **state) {
	static const char text[] = "[Interface]\nPrivateKey = " KEY_A
							   "\nAddress = 10.0.0.1/24, fd00::1/64\nListenPort = 51820\n"
							   "MTU = 1420\nFwMark = 0xca6c\nTable = off\n"
							   "\n[Peer]\n# Name = phone\n# Umbra = true\nPublicKey = " KEY_B
							   "\nPresharedKey = " KEY_C "\nAllowedIPs = 10.0.0.2/32, fd00::2/128\n"
							   "Endpoint = [2001:db8::1]:443\nPersistentKeepalive = 25\n"
							   "\n[Peer]\nPublicKey = " KEY_D "\n";
	struct wg_quick file;
	char *written;
	size_t size;
	parse(text, &file);
	assert_int_equal(wg_quick_format(&file.tunnel, &written, &size), ERR_OK);
	assert_string_equal(written, text);
	assert_int_equal(size, sizeof text - 1);
	wg_quick_text_free(written, size);
	struct address dns[2];
	assert_int_equal(address_parse("10.0.0.1", &dns[0]), ERR_OK);
	assert_int_equal(address_parse("fd00::1", &dns[1]), ERR_OK);
	file.tunnel.dns.servers = dns;
	file.tunnel.dns.server_count = 2;
	memset(file.tunnel.private_key, 0, sizeof file.tunnel.private_key);
	assert_int_equal(wg_quick_format(&file.tunnel, &written, &size), ERR_OK);
	assert_non_null(strstr(written, "\nDNS = 10.0.0.1, fd00::1\n"));
	assert_non_null(strstr(written, "# The private key is missing"));
	assert_null(strstr(written, KEY_A));
	wg_quick_text_free(written, size);
	wg_quick_text_free(NULL, 0);
	wg_quick_done(&file);
}

/* The sizes that the limits allow take no time to speak of. */
static void test_many_peers(void **state) {
	enum { PEERS = 20000, LINE = 200 };
	char *text = malloc(PEERS * LINE), encoded[TEXT_KEY_BASE64_SIZE];
	assert_non_null(text);
	size_t used = (size_t)sprintf(text, INTERFACE);
	for (unsigned i = 0; i < PEERS; i++) {
		uint8_t key[TEXT_KEY_SIZE] = {1, (uint8_t)i, (uint8_t)(i >> 8), 3};
		text_key_encode(key, encoded);
		used += (size_t)sprintf(text + used, "[Peer]\n# peer %u\nPublicKey = %s\n", i, encoded);
		used +=
			(size_t)sprintf(text + used, "AllowedIPs = 10.1.%u.%u, 0.0.0.0/0\n", i >> 8, i & 255);
	}
	struct wg_quick file;
	char error[WG_QUICK_ERROR_SIZE];
	assert_int_equal(wg_quick_parse(text, used, &file, error), ERR_OK);
	assert_int_equal(file.tunnel.peer_count, PEERS);
	assert_string_equal(file.tunnel.peers[PEERS - 1].name, "19999");
	assert_int_equal(file.tunnel.peers[0].allowed_ips.count, 1);
	assert_int_equal(file.tunnel.peers[PEERS - 1].allowed_ips.count, 2);
	wg_quick_done(&file);
	free(text);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_key),  cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_words),      cmocka_unit_test(test_wrong_files),
		cmocka_unit_test(test_limits),     cmocka_unit_test(test_notes),
		cmocka_unit_test(test_dns),        cmocka_unit_test(test_allowed_ips_have_one_owner),
		cmocka_unit_test(test_names),      cmocka_unit_test(test_format),
		cmocka_unit_test(test_many_peers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
