#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/output.h"
#include "cli/status_text.h"
#include "cli/text_buffer.h"
#include "ctl/view.h"

enum { NOW = 1795266318 };

#define KEY_1 "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
#define KEY_2 "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="

/* What the views point to: theirs are heap texts, but nothing here frees them. */
static struct {
	char um0[8], um1[8], protocol[8], phone[8], office[16], file[8], store[8], host[32], reason[16];
	struct prefix addresses[2], allowed_ips[2];
	struct view_peer peers[2];
	struct view_tunnel tunnels[2];
	char version[8], node[8], configuration[32], level[8];
} t = {
	.um0 = "um0",
	.um1 = "um1",
	.protocol = "secure",
	.phone = "phone",
	.office = "b\xc3\xbcro",
	.file = "file",
	.store = "store",
	.host = "vpn.example.org:51820",
	.reason = "no answer",
	.version = "0.1.0",
	.node = "gw1",
	.configuration = "/etc/umbra/umbra.yaml",
	.level = "info",
};

static struct prefix prefix(const char *address, uint8_t length) {
	struct prefix result;
	assert_int_equal(address_parse(address, &result.address), ERR_OK);
	result.length = length;
	return result;
}

static int setup(void **state) {
	t.addresses[0] = prefix("10.66.0.1", 24);
	t.addresses[1] = prefix("fd66::1", 64);
	t.allowed_ips[0] = prefix("10.66.0.2", 32);
	t.allowed_ips[1] = prefix("fd66::2", 128);
	t.peers[0] = (struct view_peer){
		.tunnel = t.um0,
		.name = t.phone,
		.origin = t.store,
		.has_preshared_key = true,
		.state = VIEW_PEER_CONNECTED,
		.allowed_ips = t.allowed_ips,
		.allowed_ip_count = 2,
		.persistent_keepalive = 25,
		.path_mtu = 1288,
		.latest_handshake = NOW - 63,
		.received = 1536,
		.sent = 5 << 20,
	};
	assert_int_equal(endpoint_parse("192.0.2.1:4444", &t.peers[0].endpoint), ERR_OK);
	memset(t.peers[0].public_key, 1, TEXT_KEY_SIZE);
	t.peers[1] = (struct view_peer){
		.tunnel = t.um0,
		.name = t.office,
		.origin = t.file,
		.state = VIEW_PEER_CONNECTING,
		.reason = t.reason,
		.endpoint_name = t.host,
		.allowed_ips = t.allowed_ips,
	};
	assert_int_equal(endpoint_parse("[2001:db8::1]:51820", &t.peers[1].endpoint), ERR_OK);
	memset(t.peers[1].public_key, 2, TEXT_KEY_SIZE);
	t.tunnels[0] = (struct view_tunnel){
		.name = t.um0,
		.protocol = t.protocol,
		.state = VIEW_UP,
		.has_public_key = true,
		.listen_port = 51820,
		.fwmark = 0x75,
		.mtu = 1420,
		.mtu_from_route = true,
		.addresses = t.addresses,
		.address_count = 2,
		.peer_count = 12,
		.connected_count = 3,
		.received = 2048,
		.sent = 0,
		.peers = t.peers,
		.shown = 2,
	};
	memset(t.tunnels[0].public_key, 2, TEXT_KEY_SIZE);
	t.tunnels[1] = (struct view_tunnel){.name = t.um1, .state = VIEW_FAILED, .reason = t.reason};
	return 0;
}

#define PEER_1(indent)                                                                    \
	indent "peer phone (store): connected\n" indent "  public key        " KEY_1          \
		   " and a pre-shared key\n" indent "  endpoint          192.0.2.1:4444\n" indent \
		   "  allowed IPs       10.66.0.2/32, fd66::2/128\n" indent                       \
		   "  latest handshake  1 minute, 3 seconds ago\n" indent                         \
		   "  transfer          1.50 KiB received, 5.00 MiB sent\n" indent                \
		   "  path              carries packets of 1288 bytes\n" indent                   \
		   "  keepalive         every 25 seconds\n"
#define PEER_2                                                            \
	"  peer b\xc3\xbcro (file): connecting, no answer\n"                  \
	"    public key        " KEY_2 "\n"                                   \
	"    endpoint          vpn.example.org:51820 ([2001:db8::1]:51820)\n" \
	"    allowed IPs       none\n"                                        \
	"    latest handshake  never\n"
#define TUNNEL_1                                        \
	"um0: up\n"                                         \
	"  protocol          secure\n"                      \
	"  public key        " KEY_2 "\n"                   \
	"  addresses         10.66.0.1/24, fd66::1/64\n"    \
	"  port              51820\n"                       \
	"  MTU               1420 (from the route)\n"       \
	"  mark              0x75\n"                        \
	"  peers             12, 3 connected\n"             \
	"  transfer          2.00 KiB received, 0 B sent\n" \
	"\n" PEER_1("  ") "\n" PEER_2 "\n  10 more peers not shown; --peers=N shows N of them\n"
#define TUNNEL_2                           \
	"um1: failed, no answer\n"             \
	"  addresses         none\n"           \
	"  peers             0, 0 connected\n" \
	"  transfer          0 B received, 0 B sent\n"

static const struct status_style plain = {.now = NOW};

/* The first line of a tunnel. */
static void assert_headline(const struct view_tunnel *tunnel, const char *expected) {
	struct text_buffer text = {0};
	status_text_tunnel(&text, tunnel, &plain);
	assert_memory_equal(text.text, expected, strlen(expected));
	text_buffer_done(&text);
}

static void test_conditions(void **state) {
	char connected[] = "connected", lost[] = "reconnecting", idle[] = "idle", down[] = "down";
	char why[] = "no route to 192.0.2.1:51820", name[] = "vpn.example.org:51820";
	struct view_peer peer = {.name = t.um1, .origin = t.um1, .endpoint_name = name};
	if (endpoint_parse("192.0.2.1:51820", &peer.endpoint))
		abort();
	struct view_tunnel tunnel = {
		.name = t.um0,
		.state = VIEW_UP,
		.condition = connected,
		.condition_since = NOW - 3 * 3600,
		.peer_count = 1,
		.connected_count = 1,
		.peers = &peer,
		.shown = 1,
	};
	assert_headline(&tunnel, "um0: up, connected to vpn.example.org:51820 (192.0.2.1:51820) for "
							 "3 hours\n");
	tunnel.condition_since = 0;
	assert_headline(&tunnel, "um0: up, connected to vpn.example.org:51820 (192.0.2.1:51820)\n");
	/* A server's one client, and several. */
	peer.endpoint_name = NULL;
	assert_headline(&tunnel, "um0: up, 1 of 1 peer connected\n");
	tunnel.peer_count = 40;
	tunnel.connected_count = 12;
	assert_headline(&tunnel, "um0: up, 12 of 40 peers connected\n");
	tunnel.condition = idle;
	assert_headline(&tunnel, "um0: up, idle\n");
	tunnel.condition = lost;
	tunnel.reason = why;
	assert_headline(&tunnel, "um0: up, reconnecting: no route to 192.0.2.1:51820\n");
	/* The state says it already. */
	tunnel.condition = down;
	tunnel.state = VIEW_DOWN;
	tunnel.reason = NULL;
	assert_headline(&tunnel, "um0: down\n");
}

/* Its ends share a key, or the peer logs in; of a client's server there may be nothing to say. */
static void test_identity(void **state) {
	struct view_peer peer = t.peers[1];
	struct text_buffer text = {0};
	peer.is_identity = peer.has_preshared_key = true;
	status_text_peer(&text, &peer, 2, &plain);
	assert_non_null(strstr(text.text, "    identity          " KEY_2 "\n"));
	assert_null(strstr(text.text, "key  "));
	assert_null(strstr(text.text, "pre-shared"));
	assert_null(strstr(text.text, "allowed IPs"));
	text_buffer_done(&text);
	text = (struct text_buffer){0};
	peer.endpoint_name = NULL;
	status_text_peer(&text, &peer, 2, &plain);
	assert_non_null(strstr(text.text, "allowed IPs       none\n"));
	text_buffer_done(&text);
}

/* What its server gives, of each kind only where there is some. */
static void test_pushed(void **state) {
	struct prefix addresses[] = {prefix("10.66.0.7", 32), prefix("fd66::7", 128)};
	struct prefix routes[] = {prefix("10.9.0.0", 16)};
	struct address dns[2];
	char search[] = "corp.example.org\nexample.com";
	assert_int_equal(address_parse("10.66.0.1", &dns[0]), ERR_OK);
	assert_int_equal(address_parse("fd66::1", &dns[1]), ERR_OK);
	struct view_pushed pushed = {.addresses = addresses,
								 .address_count = 2,
								 .routes = routes,
								 .route_count = 1,
								 .dns = dns,
								 .dns_count = 2,
								 .search = search,
								 .mtu = 1300};
	const struct view_tunnel tunnel = {.name = t.um0, .state = VIEW_UP, .pushed = &pushed};
	assert_headline(&tunnel, "um0: up\n"
							 "  addresses         none\n"
							 "  given addresses   10.66.0.7/32, fd66::7/128\n"
							 "  given routes      10.9.0.0/16\n"
							 "  given DNS         10.66.0.1, fd66::1\n"
							 "  given search      corp.example.org\n"
							 "                    example.com\n"
							 "  given MTU         1300\n"
							 "  peers             0, 0 connected\n");
	pushed = (struct view_pushed){.mtu = 1400};
	assert_headline(&tunnel, "um0: up\n"
							 "  addresses         none\n"
							 "  given MTU         1400\n"
							 "  peers             0, 0 connected\n");
}

static void test_daemon(void **state) {
	const struct view_status status = {
		.version = t.version,
		.node = t.node,
		.configuration = t.configuration,
		.log_level = t.level,
		.pid = 4711,
		.started = NOW - 3 * 3600 - 120,
		.tunnels = t.tunnels,
		.tunnel_count = 2,
	};
	struct text_buffer text = {0};
	status_text(&text, &status, &plain);
	assert_string_equal(text.text,
						"umbrad 0.1.0 on gw1, process 4711, running for 3 hours, 2 minutes\n"
						"configuration /etc/umbra/umbra.yaml, log level info\n"
						"\n" TUNNEL_1 "\n" TUNNEL_2);
	text_buffer_done(&text);
}

static void test_data_path(void **state) {
	char aead[] = "openssl";
	struct view_data_path path = {.aead = aead, .shard_count = 1};
	struct view_tunnel tunnel = t.tunnels[1];
	tunnel.data_path = &path;
	const char line[] =
		TUNNEL_2 "  data path         1 shard, openssl, UDP without offload, TUN without offload\n";
	struct text_buffer text = {0};
	status_text_tunnel(&text, &tunnel, &plain);
	assert_string_equal(text.text, line);
	text_buffer_done(&text);
	const struct status_style verbose = {.now = NOW, .verbose = true};
	status_text_tunnel(&text, &tunnel, &verbose);
	assert_memory_equal(text.text, line, sizeof line - 1);
	assert_memory_equal(text.text + sizeof line - 1, "    shard  ", 11);
	text_buffer_done(&text);
}

static void test_one_peer(void **state) {
	struct text_buffer text = {0};
	status_text_peer(&text, &t.peers[0], 0, &plain);
	assert_string_equal(text.text, PEER_1(""));
	/* All rules of one peer, and their number where there are many peers. */
	static const struct status_style verbose = {.now = NOW, .verbose = true};
	char rules[] = "allow 10.9.0.0/16\ndeny any";
	struct view_peer with_rules = t.peers[0];
	with_rules.rules = rules;
	status_text_peer(&text, &with_rules, 2, &plain);
	assert_non_null(strstr(text.text, "\n    rules             2\n    latest"));
	status_text_peer(&text, &with_rules, 0, &verbose);
	assert_non_null(strstr(text.text, "\n  rules             allow 10.9.0.0/16\n"
									  "                    deny any\n  latest"));
	text_buffer_done(&text);
}

static void test_table(void **state) {
	struct text_buffer text = {0};
	status_text_peers(&text, t.peers, 2, true, &plain);
	assert_string_equal(text.text,
						"TUNNEL  NAME   ORIGIN  STATE       HANDSHAKE                "
						"ENDPOINT                                     ALLOWED IPS\n"
						"um0     phone  store   connected   1 minute, 3 seconds ago  "
						"192.0.2.1:4444                               10.66.0.2/32, fd66::2/128\n"
						"um0     b\xc3\xbcro   file    connecting  never                    "
						"vpn.example.org:51820 ([2001:db8::1]:51820)  none  (no answer)\n");
	text_buffer_done(&text);
	status_text_peers(&text, t.peers, 0, false, &plain);
	assert_string_equal(text.text, "NAME  ORIGIN  STATE  HANDSHAKE  ENDPOINT  ALLOWED IPS\n");
	text_buffer_done(&text);
}

/* A terminal is coloured, unless somebody says NO_COLOR; nothing else ever is. */
static void test_when_to_colour(void **state) {
	int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(terminal >= 0);
	assert_int_equal(unlockpt(terminal), 0);
	int other = open(ptsname(terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);
	int file = open("/dev/null", O_WRONLY | O_CLOEXEC);
	assert_true(other >= 0 && file >= 0);
	const struct streams to_terminal = {.output = other}, to_file = {.output = file};
	assert_int_equal(setenv("TERM", "xterm", true), 0);
	assert_int_equal(unsetenv("NO_COLOR"), 0);
	assert_true(output_has_colours(&to_terminal));
	assert_false(output_has_colours(&to_file));
	assert_int_equal(setenv("NO_COLOR", "", true), 0);
	assert_true(output_has_colours(&to_terminal));
	assert_int_equal(setenv("NO_COLOR", "1", true), 0);
	assert_false(output_has_colours(&to_terminal));
	assert_int_equal(unsetenv("NO_COLOR"), 0);
	assert_int_equal(setenv("TERM", "dumb", true), 0);
	assert_false(output_has_colours(&to_terminal));
	(void)close(terminal);
	(void)close(other);
	(void)close(file);
}

/* Colours add nothing but themselves. */
static void test_colours(void **state) {
	const struct status_style coloured = {.colours = true, .now = NOW};
	struct text_buffer text = {0};
	status_text_tunnel(&text, &t.tunnels[0], &coloured);
	assert_non_null(strstr(text.text, "\x1b[1mum0\x1b[0m: \x1b[32mup\x1b[0m\n"));
	char *to = text.text;
	for (const char *from = text.text; *from;) {
		if (*from == '\x1b')
			from = strchr(from, 'm') + 1;
		else
			*to++ = *from++;
	}
	*to = '\0';
	assert_string_equal(text.text, TUNNEL_1);
	text_buffer_done(&text);
}

static void test_texts_of_others(void **state) {
	struct text_buffer text = {0};
	char name[] = "a\nb\x1b[2J";
	struct view_peer peer = t.peers[1];
	peer.name = peer.reason = peer.origin = peer.endpoint_name = name;
	status_text_peer(&text, &peer, 0, &plain);
	assert_null(strchr(text.text, '\x1b'));
	assert_memory_equal(text.text, "peer a?b?[2J (a?b?[2J): connecting, a?b?[2J\n", 44);
	text_buffer_done(&text);
}

static void test_events(void **state) {
	assert_int_equal(setenv("TZ", "UTC0", 1), 0);
	tzset();
	char kind[] = "peer.connected", message[] = "from 192.0.2.1:4444";
	struct view_event event = {7, UINT64_C(1000) * NOW + 5, kind, t.um0, t.phone, message};
	struct text_buffer text = {0};
	status_text_event(&text, &event, &plain);
	char lines[] = "one\ntwo";
	event.message = lines;
	status_text_event(&text, &event, &plain);
	event.peer = event.tunnel = event.message = NULL;
	status_text_event(&text, &event, &plain);
	assert_string_equal(
		text.text, "2026-11-21 13:05:18.005 +0000 peer.connected um0 phone: from 192.0.2.1:4444\n"
				   "2026-11-21 13:05:18.005 +0000 peer.connected um0 phone: one; two\n"
				   "2026-11-21 13:05:18.005 +0000 peer.connected\n");
	text_buffer_done(&text);
}

static void streams_have_lines_of_their_own(void **state) {
	struct view_tunnel tunnel = {.name = t.um0, .state = VIEW_UP};
	struct text_buffer text = {0};
	tunnel.streams.are_known = true;
	status_text_tunnel(&text, &tunnel, &plain);
	assert_non_null(strstr(text.text,
						   "  streams           0 streams on 0 connections; 0 TCP relays, "
						   "0 UDP sessions\n"));
	assert_null(strstr(text.text, "targets"));
	text_buffer_done(&text);
	const struct stream_figure_set figures = {.are_known = true,
											  .of = {[STREAM_FIGURE_CONNECTIONS] = 1,
													 [STREAM_FIGURE_STREAMS] = 7,
													 [STREAM_FIGURE_RELAYS] = 1,
													 [STREAM_FIGURE_ACCEPTED] = 90,
													 [STREAM_FIGURE_DECOYED] = 88,
													 [STREAM_FIGURE_REFUSED] = 3,
													 [STREAM_FIGURE_PACKETS_DROPPED] = 4}};
	tunnel.streams = figures;
	struct view_peer peer = t.peers[0];
	peer.streams = (struct stream_peer_figure_set){.are_known = true,
												   .of = {2, 1, 12450, 2048, 8 << 20, 1 << 20}};
	tunnel.peers = &peer;
	tunnel.peer_count = tunnel.shown = 1;
	text = (struct text_buffer){0};
	status_text_tunnel(&text, &tunnel, &plain);
	assert_non_null(strstr(text.text,
						   "  streams           7 streams on 1 connection; 1 TCP relay, 0 UDP "
						   "sessions\n"
						   "  connections       90 accepted, 88 shown the site\n"
						   "  targets           3 refused\n"
						   "  dropped           4 packets\n"));
	assert_non_null(strstr(text.text, "    streams           1 stream on 2 connections, round trip "
									  "12.4 ms, 2.00 KiB unread\n"
									  "    windows           8.00 MiB to send, 1.00 MiB to "
									  "receive\n"));
	text_buffer_done(&text);
}

static void test_paths(void **state) {
	struct view_peer peer = {.tunnel = t.um0,
							 .name = t.phone,
							 .origin = t.file,
							 .state = VIEW_PEER_CONNECTED,
							 .path_count = 2};
	const struct status_style style = {.now = NOW};
	auto_text_buffer struct text_buffer text = {0};
	peer.paths[0].round_trip = 12345;
	assert_int_equal(endpoint_parse("192.0.2.1:4444", &peer.paths[0].endpoint), ERR_OK);
	assert_int_equal(endpoint_parse("[2001:db8::1]:1", &peer.paths[1].endpoint), ERR_OK);
	status_text_peer(&text, &peer, 0, &style);
	assert_non_null(strstr(text.text, "  paths             192.0.2.1:4444, 12.3 ms\n"
									  "                    [2001:db8::1]:1, no answer yet\n"));
	/* Nobody measures them. */
	text_buffer_done(&text);
	text = (struct text_buffer){0};
	peer.paths[0].round_trip = 0;
	status_text_peer(&text, &peer, 0, &style);
	assert_null(strstr(text.text, "paths"));
	peer.state = VIEW_PEER_CONNECTING;
	status_text_peer(&text, &peer, 0, &style);
	assert_non_null(strstr(text.text, "  paths             192.0.2.1:4444, no answer yet\n"));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(streams_have_lines_of_their_own),
		cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_daemon),
		cmocka_unit_test(test_data_path),
		cmocka_unit_test(test_one_peer),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_pushed),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_when_to_colour),
		cmocka_unit_test(test_colours),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_texts_of_others),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
