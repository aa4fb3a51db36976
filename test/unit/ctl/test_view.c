#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"
#include "ctl/examples.h"
#include "ctl/view.h"

#define KEY "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define OTHER_KEY "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static void peers_are_written_as_documented(void **state) {
	struct view_peer peer = example_peer(1);
	char *text = NULL;
	size_t size = 0;
	assert_int_equal(view_peer_encode(&peer, &text, &size), ERR_OK);
	assert_int_equal(size, strlen(text));
	assert_string_equal(
		text,
		"{\"tunnel\":\"um0\",\"name\":\"peer-1\",\"origin\":\"file\",\"public_key\":\"" OTHER_KEY
		"\",\"has_preshared_key\":true,\"is_identity\":true,\"state\":\"connected\","
		"\"reason\":\"said \\\"yes\\\" \\\\ and\\nmore\","
		"\"endpoint_name\":\"vpn.example.org:51820\","
		"\"endpoint\":\"[2001:db8::1]:51820\","
		"\"allowed_ips\":[\"10.66.0.2/32\",\"fd66::/64\"],\"persistent_keepalive\":25,"
		"\"path_mtu\":1288,\"paths\":[{\"endpoint\":\"192.0.2.1:51820\",\"round_trip_us\":1500},{"
		"\"endpoint\":\"[2001:db8::1]:1\",\"round_trip_us\":null}],\"latest_handshake\":1700000001,"
		"\"received\":1099511627776,\"sent\":"
		"12,\"rules\":[\"allow 10.9.0.0/16\",\"deny any "
		"udp\"],\"streams\":{\"connections\":1,\"streams\":20,\"round_trip\":300,\"held\":4000,"
		"\"window_send\":5000,\"window_receive\":6000}}");
	free(text);
	view_peer_done(&peer);
	peer = example_bare_peer(0);
	assert_int_equal(view_peer_encode(&peer, &text, &size), ERR_OK);
	assert_string_equal(
		text, "{\"tunnel\":\"um0\",\"name\":\"peer-0\",\"origin\":\"file\",\"public_key\":\"" KEY
			  "\",\"has_preshared_key\":false,\"is_identity\":false,\"state\":\"idle\","
			  "\"reason\":null,"
			  "\"endpoint_name\":null,\"endpoint\":null,\"allowed_ips\":[],"
			  "\"persistent_keepalive\":0,\"path_mtu\":null,\"paths\":[],"
			  "\"latest_handshake\":null,\"received\":0,\"sent\":0,\"rules\":[],\"streams\":null}");
	free(text);
	view_peer_done(&peer);
}

static void assert_same_peer(const struct view_peer *left, const struct view_peer *right) {
	assert_string_equal(left->name, right->name);
	assert_memory_equal(left->public_key, right->public_key, TEXT_KEY_SIZE);
	assert_int_equal(left->has_preshared_key, right->has_preshared_key);
	assert_int_equal(left->is_identity, right->is_identity);
	assert_int_equal(left->state, right->state);
	assert_int_equal(left->reason != NULL, right->reason != NULL);
	if (left->reason)
		assert_string_equal(left->reason, right->reason);
	assert_true(endpoint_equal(&left->endpoint, &right->endpoint));
	assert_int_equal(left->allowed_ip_count, right->allowed_ip_count);
	for (size_t i = 0; i < left->allowed_ip_count; i++)
		assert_true(prefix_equal(&left->allowed_ips[i], &right->allowed_ips[i]));
	assert_int_equal(left->persistent_keepalive, right->persistent_keepalive);
	assert_int_equal(left->path_mtu, right->path_mtu);
	assert_int_equal(left->path_count, right->path_count);
	for (size_t i = 0; i < left->path_count; i++) {
		assert_true(endpoint_equal(&left->paths[i].endpoint, &right->paths[i].endpoint));
		assert_int_equal(left->paths[i].round_trip, right->paths[i].round_trip);
	}
	assert_int_equal(left->latest_handshake, right->latest_handshake);
	assert_int_equal(left->received, right->received);
	assert_int_equal(left->sent, right->sent);
	assert_memory_equal(&left->streams, &right->streams, sizeof left->streams);
	assert_int_equal(left->rules != NULL, right->rules != NULL);
	if (left->rules)
		assert_string_equal(left->rules, right->rules);
}

static void lists_of_peers_come_back(void **state) {
	struct view_peer peers[] = {example_peer(1), example_bare_peer(2)};
	char *text = NULL;
	size_t size = 0, count = 0;
	assert_int_equal(view_peers_encode(peers, 2, &text, &size), ERR_OK);
	struct view_peer *again = NULL;
	assert_int_equal(view_peers_decode(text, size, &again, &count), ERR_OK);
	assert_int_equal(count, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_same_peer(&peers[i], &again[i]);
		view_peer_done(&again[i]);
		view_peer_done(&peers[i]);
	}
	free(again);
	free(text);
	assert_int_equal(view_peers_encode(NULL, 0, &text, &size), ERR_OK);
	assert_string_equal(text, "{\"peers\":[]}");
	assert_int_equal(view_peers_decode(text, size, &again, &count), ERR_OK);
	assert_int_equal(count, 0);
	assert_null(again);
	free(text);
}

/* Others than we may write it with blanks, or with members that come later. */
static void lists_are_read_however_written(void **state) {
#define PEER(name)                                                                    \
	"{\"tunnel\":\"um0\",\"name\":\"" name "\",\"origin\":\"wg\",\"state\":\"idle\"," \
	"\"public_key\":\"" KEY "\"}"
	static const struct {
		const char *text;
		size_t count;
	} good[] = {
		{"{\"peers\":[" PEER("a") "," PEER("b") "]}", 2},
		{"{\"peers\":[" PEER("a") "," PEER("b") "]}\n", 2},
		{"{\"peers\":[" PEER("a") " ,\n" PEER("b") " ] }", 2},
		{"{\"peers\":[" PEER("a") "],\"more\":1}", 1},
		{"{\"more\":1,\"peers\":[" PEER("a") "]}", 1},
		{" {\"peers\": []}", 0},
		{"{\"peers\":[]}\n", 0},
	};
	static const char *const bad[] = {
		"{\"peers\":[" PEER("a") ",]}",  "{\"peers\":[" PEER("a") PEER("b") "]}",
		"{\"peers\":[" PEER("a") "]}x",  "{\"peers\":[" PEER("a") "]",
		"{\"peers\":[" PEER("a") "}",    "{\"peers\":[1]}",
		"{\"peers\":[" PEER("a") ",1]}", "{\"peers\":null}",
	};
	struct view_peer *peers;
	size_t count;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		assert_int_equal(view_peers_decode(good[i].text, strlen(good[i].text), &peers, &count),
						 ERR_OK);
		assert_int_equal(count, good[i].count);
		for (size_t j = 0; j < count; j++) {
			assert_int_equal(peers[j].name[0], 'a' + (int)j);
			view_peer_done(&peers[j]);
		}
		free(peers);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(view_peers_decode(bad[i], strlen(bad[i]), &peers, &count), ERR_MALFORMED);
}

/* Before there was such a member, and what is none. */
static void a_status_may_tell_nothing_of_names(void **state) {
	static const char without[] = "{\"api\":1,\"version\":\"0.1.0\",\"pid\":1,\"tunnels\":[]}";
	static const char *const wrong[] = {
		"{\"version\":\"1\",\"dns_step\":[]}",
		"{\"version\":\"1\",\"dns_step\":{\"system\":{},\"tunnel\":7}}",
		"{\"version\":\"1\",\"dns_step\":{\"system\":{},\"tunnel\":{\"failed\":-1}}}",
	};
	static const struct view_dns_step none = {.refused = 0};
	struct view_status status;
	assert_int_equal(view_status_decode(without, sizeof without - 1, &status), ERR_OK);
	assert_memory_equal(&status.dns_step, &none, sizeof none);
	view_status_done(&status);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_int_equal(view_status_decode(wrong[i], strlen(wrong[i]), &status), ERR_MALFORMED);
}

static void a_status_comes_back(void **state) {
	struct view_status status = example_status(), again = {0};
	char *text = NULL, *second = NULL;
	size_t size = 0, second_size = 0;
	assert_int_equal(view_status_encode(&status, &text, &size), ERR_OK);
	assert_int_equal(view_status_decode(text, size, &again), ERR_OK);
	assert_int_equal(again.api, 1);
	assert_int_equal(again.pid, 4711);
	assert_memory_equal(&again.dns_step, &status.dns_step, sizeof again.dns_step);
	assert_int_equal(again.tunnel_count, 2);
	const struct view_tunnel *tunnel = &again.tunnels[0];
	assert_int_equal(tunnel->state, VIEW_UP);
	assert_int_equal(tunnel->address_count, 2);
	assert_true(prefix_equal(&tunnel->addresses[0], &status.tunnels[0].addresses[0]));
	assert_int_equal(tunnel->addresses[0].address.bytes[3], 1);
	assert_int_equal(tunnel->addresses[0].length, 24);
	assert_int_equal(tunnel->clients_dns_count, 1);
	assert_int_equal(tunnel->clients_allowed_ip_count, 2);
	assert_int_equal(tunnel->peer_count, 5);
	assert_int_equal(tunnel->shown, 2);
	assert_same_peer(&tunnel->peers[1], &status.tunnels[0].peers[1]);
	assert_false(again.tunnels[1].has_public_key);
	assert_int_equal(again.tunnels[1].listen_port, 0);
	assert_non_null(strstr(text, "\"listen_port\":null"));
	/* All that is not compared above: the same text again. */
	assert_int_equal(view_status_encode(&again, &second, &second_size), ERR_OK);
	assert_string_equal(text, second);
	free(text);
	free(second);
	view_status_done(&status);
	view_status_done(&again);
}

static void figures_come_back(void **state) {
	struct view_tunnel tunnel = example_tunnel("um0", 0), again = {0};
	char *text = NULL;
	size_t size = 0;
	assert_int_equal(view_tunnel_encode(&tunnel, &text, &size), ERR_OK);
	/* Sums of both shards; an offload is one that all have. */
	static const char *const pieces[] = {
		"\"data_path\":{\"aead\":\"ipsec-mb\",\"offloads\":{\"udp_segmentation\":true,",
		"\"tun_tcp\":true,\"tun_udp\":false},\"batches\":{\"tun_read\":{\"calls\":105,",
		"{\"calls\":105,\"packets\":107},",
		"\"drops\":{\"tun_queue\":9,\"socket\":135,",
		"\"shards\":[{\"turns\":1,\"tun_reads\":2,",
		"},{\"turns\":102,\"tun_reads\":103,",
		"\"under_load\":true,\"udp_segmentation\":true,",
	};
	for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++)
		if (!strstr(text, pieces[i]))
			fail_msg("no %s in %s", pieces[i], text);
	assert_int_equal(view_tunnel_decode(text, size, &again), ERR_OK);
	const struct view_data_path *path = again.data_path;
	assert_string_equal(path->aead, "ipsec-mb");
	assert_true(path->has_tun_queue_drops);
	assert_int_equal(path->tun_queue_drops, 9);
	assert_int_equal(path->shard_count, 2);
	assert_memory_equal(path->shards, tunnel.data_path->shards, 2 * sizeof path->shards[0]);
	assert_memory_equal(&again.streams, &tunnel.streams, sizeof again.streams);
	assert_non_null(strstr(text, "\"streams\":{\"connections\":500,\"streams\":501,"));
	assert_false(view_data_path_has(path, FIGURE_TUN_UDP));
	assert_true(view_data_path_has(path, FIGURE_TUN_TCP));
	free(text);
	view_tunnel_done(&again);
	/* The kernel was not asked; no shard has said anything. */
	tunnel.data_path->has_tun_queue_drops = false;
	tunnel.data_path->shard_count = 0;
	assert_int_equal(view_tunnel_encode(&tunnel, &text, &size), ERR_OK);
	assert_non_null(strstr(text, "\"drops\":{\"tun_queue\":null,\"socket\":0,"));
	assert_non_null(strstr(text, "\"udp_segmentation\":false,"));
	assert_int_equal(view_tunnel_decode(text, size, &again), ERR_OK);
	assert_false(again.data_path->has_tun_queue_drops);
	free(text);
	view_tunnel_done(&again);
	view_tunnel_done(&tunnel);
}

/* Answers of a daemon that has none, or has them wrong. */
static void figures_may_be_absent(void **state) {
#define TUNNEL(more) "{\"name\":\"a\",\"protocol\":\"b\",\"state\":\"up\"" more "}"
	static const char *const good[] = {
		TUNNEL(""),
		TUNNEL(",\"data_path\":null"),
		TUNNEL(",\"data_path\":{\"aead\":\"x\"}"),
		TUNNEL(",\"data_path\":{\"aead\":\"x\",\"drops\":null,\"shards\":[{},{\"new\":1}]}"),
	};
	static const char *const bad[] = {
		TUNNEL(",\"data_path\":1"),
		TUNNEL(",\"data_path\":{}"),
		TUNNEL(",\"streams\":1"),
		TUNNEL(",\"streams\":{\"accepted\":-1}"),
		TUNNEL(",\"data_path\":{\"aead\":\"x\",\"drops\":{\"tun_queue\":-1}}"),
		TUNNEL(",\"data_path\":{\"aead\":\"x\",\"shards\":[1]}"),
		TUNNEL(",\"data_path\":{\"aead\":\"x\",\"shards\":[{\"turns\":-1}]}"),
		TUNNEL(",\"data_path\":{\"aead\":\"x\",\"shards\":[{\"tun_tcp\":1}]}"),
		TUNNEL(",\"data_path\":{\"aead\":\"x\",\"shards\":"
			   "[{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}]}"),
	};
	struct view_tunnel tunnel;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		assert_int_equal(view_tunnel_decode(good[i], strlen(good[i]), &tunnel), ERR_OK);
		assert_int_equal(tunnel.data_path != NULL, i > 1);
		view_tunnel_done(&tunnel);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (view_tunnel_decode(bad[i], strlen(bad[i]), &tunnel) != ERR_MALFORMED)
			fail_msg("taken: %s", bad[i]);
}

static void small_answers_come_back(void **state) {
	const struct view_event event = {7,    1700000000123,     (char[]){"peer.added"},
									 NULL, (char[]){"phone"}, (char[]){"hello"}};
	char *text = NULL;
	size_t size = 0;
	assert_int_equal(view_event_encode(&event, &text, &size), ERR_OK);
	assert_string_equal(text, "{\"sequence\":7,\"time\":1700000000123,\"kind\":\"peer.added\","
							  "\"tunnel\":null,\"peer\":\"phone\",\"message\":\"hello\"}");
	struct view_event event_again;
	assert_int_equal(view_event_decode(text, size, &event_again), ERR_OK);
	assert_string_equal(event_again.peer, "phone");
	assert_null(event_again.tunnel);
	view_event_done(&event_again);
	free(text);
	const struct view_error error = {404, (char[]){"not_found"}, (char[]){"one\ntwo"}};
	assert_int_equal(view_error_encode(&error, &text, &size), ERR_OK);
	assert_string_equal(text, "{\"status\":404,\"code\":\"not_found\",\"message\":\"one\\ntwo\"}");
	struct view_error error_again;
	assert_int_equal(view_error_decode(text, size, &error_again), ERR_OK);
	assert_int_equal(error_again.status, 404);
	assert_string_equal(error_again.message, "one\ntwo");
	view_error_done(&error_again);
	free(text);
	assert_int_equal(view_message_encode("done", &text, &size), ERR_OK);
	assert_string_equal(text, "{\"message\":\"done\"}");
	char *message = NULL;
	assert_int_equal(view_message_decode(text, size, &message), ERR_OK);
	assert_string_equal(message, "done");
	free(message);
	free(text);
}

/* A name from somebody's terminal does not take the whole answer down. */
static void bad_bytes_are_replaced(void **state) {
	char *text = NULL;
	size_t size = 0;
	assert_int_equal(view_message_encode("caf\xe9 open", &text, &size), ERR_OK);
	assert_string_equal(text, "{\"message\":\"caf? open\"}");
	free(text);
	assert_int_equal(view_message_encode("caf\xc3\xa9", &text, &size), ERR_OK);
	assert_string_equal(text, "{\"message\":\"caf\xc3\xa9\"}");
	free(text);
}

static void counters_stay_within_json(void **state) {
	struct view_peer peer = example_bare_peer(0), again;
	peer.received = UINT64_MAX;
	char *text = NULL;
	size_t size = 0;
	assert_int_equal(view_peer_encode(&peer, &text, &size), ERR_OK);
	assert_int_equal(view_peer_decode(text, size, &again), ERR_OK);
	assert_int_equal(again.received, INT64_MAX);
	free(text);
	view_peer_done(&peer);
	view_peer_done(&again);
}

#define PEER_START \
	"{\"tunnel\":\"um0\",\"name\":\"a\",\"origin\":\"wg\",\"state\":\"idle\",\"public_key\":\""

static void strange_answers_are_refused(void **state) {
	static const char *const bad[] = {
		"",
		"[]",
		"nonsense",
		"{}",
		"{\"a\":1,\"a\":1}",
		PEER_START KEY "\"} x",
		PEER_START "short\"}",
		PEER_START KEY "\",\"state\":\"idle\"}", /* twice */
		PEER_START KEY "\",\"endpoint\":\"nowhere\"}",
		PEER_START KEY "\",\"endpoint\":5}",
		PEER_START KEY "\",\"reason\":[]}",
		PEER_START KEY "\",\"reason\":\"a\\u0000b\"}",
		PEER_START KEY "\",\"sent\":-1}",
		PEER_START KEY "\",\"sent\":1.5}",
		PEER_START KEY "\",\"sent\":\"1\"}",
		PEER_START KEY "\",\"persistent_keepalive\":65536}",
		PEER_START KEY "\",\"has_preshared_key\":1}",
		PEER_START KEY "\",\"is_identity\":1}",
		PEER_START KEY "\",\"allowed_ips\":{}}",
		PEER_START KEY "\",\"allowed_ips\":[1]}",
		PEER_START KEY "\",\"allowed_ips\":[\"10.0.0.0/33\"]}",
		"{\"tunnel\":\"um0\",\"name\":\"a\",\"origin\":\"wg\",\"state\":\"odd\",\"public_key\":"
		"\"" KEY "\"}",
		"{\"name\":\"a\",\"origin\":\"wg\",\"state\":\"idle\",\"public_key\":\"" KEY "\"}",
	};
	const char *good = PEER_START KEY "\",\"later\":{},\"sent\":null}";
	struct view_peer peer;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(view_peer_decode(bad[i], strlen(bad[i]), &peer), ERR_MALFORMED);
	assert_int_equal(view_peer_decode(good, strlen(good), &peer), ERR_OK);
	view_peer_done(&peer);
	/* Readers subtract these. */
	const char *fewer = "{\"name\":\"um0\",\"protocol\":\"toy\",\"state\":\"up\",\"peer_count\":0,"
						"\"peers\":[" PEER_START KEY "\"}]}";
	struct view_tunnel tunnel;
	assert_int_equal(view_tunnel_decode(fewer, strlen(fewer), &tunnel), ERR_MALFORMED);
	struct view_peer *peers;
	size_t count;
	assert_int_equal(view_peers_decode("{}", 2, &peers, &count), ERR_MALFORMED);
	const char *half = "{\"peers\":[" PEER_START KEY "\"},{}]}";
	assert_int_equal(view_peers_decode(half, strlen(half), &peers, &count), ERR_MALFORMED);
}

static void requests_come_back(void **state) {
	struct view_peer_request request = {
		.name = example_text("phone"),
		.has_preshared_key = true,
		.endpoint = example_text("host.example:1"),
		.allowed_ips = example_prefixes("10.0.0.2/32", "fd00::2/128"),
		.allowed_ip_count = 2,
		.persistent_keepalive = 25,
		.rules = example_text("allow 10.9.0.0/16\ndeny any"),
	};
	memset(request.public_key, 1, TEXT_KEY_SIZE);
	memset(request.preshared_key, 2, TEXT_KEY_SIZE);
	char *text = NULL;
	size_t size = 0;
	assert_int_equal(view_peer_request_encode(&request, &text, &size), ERR_OK);
	struct view_peer_request again;
	char problem[VIEW_PROBLEM_SIZE];
	assert_int_equal(view_peer_request_decode(text, size, &again, problem), ERR_OK);
	assert_string_equal(again.name, "phone");
	assert_string_equal(again.endpoint, "host.example:1");
	assert_memory_equal(again.public_key, request.public_key, TEXT_KEY_SIZE);
	assert_memory_equal(again.preshared_key, request.preshared_key, TEXT_KEY_SIZE);
	assert_int_equal(again.allowed_ip_count, 2);
	assert_int_equal(again.persistent_keepalive, 25);
	assert_string_equal(again.rules, "allow 10.9.0.0/16\ndeny any");
	view_peer_request_done(&again);
	assert_true(wipe_is_zero(&again, sizeof again));
	view_peer_request_done(&request);
	free(text);
}

static void faults_of_requests_are_named(void **state) {
	static const struct {
		const char *text;
		enum err error;
		const char *problem;
	} cases[] = {
		{"", ERR_MALFORMED, "the body is not an object in JSON"},
		{"{}", ERR_INVALID, "public_key: must be a key, 44 characters of base64"},
		{"{\"public_key\":\"abc\"}", ERR_INVALID,
		 "public_key: must be a key, 44 characters of base64"},
		{"{\"public_key\":\"" KEY "\",\"allowed_ip\":[]}", ERR_INVALID,
		 "allowed_ip: there is no such member"},
		{"{\"public_key\":\"" KEY "\",\"allowed_ips\":\"10.0.0.1\"}", ERR_INVALID,
		 "allowed_ips: must be a list"},
		{"{\"public_key\":\"" KEY "\",\"allowed_ips\":[\"x\"]}", ERR_INVALID,
		 "allowed_ips: must be a list of prefixes such as \"10.66.0.2/32\""},
		{"{\"public_key\":\"" KEY "\",\"persistent_keepalive\":70000}", ERR_INVALID,
		 "persistent_keepalive: must be a whole number from 0 to 65535"},
		{"{\"public_key\":\"" KEY "\",\"name\":5}", ERR_INVALID, "name: must be a text"},
		{"{\"public_key\":\"" KEY "\",\"rules\":[\"deny any\\nallow any\"]}", ERR_INVALID,
		 "rules: must be a list of rules such as \"allow 10.1.0.0/16 tcp 22\""},
		{"{\"public_key\":\"" KEY "\",\"rules\":[\"\"]}", ERR_INVALID,
		 "rules: must be a list of rules such as \"allow 10.1.0.0/16 tcp 22\""},
		{"{\"public_key\":\"" KEY "\",\"rules\":\"deny any\"}", ERR_INVALID,
		 "rules: must be a list"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char problem[VIEW_PROBLEM_SIZE] = "";
		struct view_peer_request request;
		assert_int_equal(
			view_peer_request_decode(cases[i].text, strlen(cases[i].text), &request, problem),
			cases[i].error);
		assert_string_equal(problem, cases[i].problem);
	}
}

static void levels_are_words_of_the_logger(void **state) {
	char *text = NULL, *level = NULL;
	size_t size = 0;
	char problem[VIEW_PROBLEM_SIZE] = "";
	assert_int_equal(view_level_encode("debug", &text, &size), ERR_OK);
	assert_string_equal(text, "{\"level\":\"debug\"}");
	assert_int_equal(view_level_decode(text, size, &level, problem), ERR_OK);
	assert_string_equal(level, "debug");
	free(level);
	free(text);
	assert_int_equal(view_level_decode("{\"level\":\"loud\"}", 16, &level, problem), ERR_INVALID);
	assert_string_equal(problem, "level: must be silent, error, warning, info or debug");
	assert_int_equal(view_level_decode("{}", 2, &level, problem), ERR_INVALID);
}

static void words_have_names(void **state) {
	for (unsigned i = 0; i < VIEW_PEER_STATE_COUNT; i++)
		assert_non_null(view_peer_state_name((enum view_peer_state)i));
	for (unsigned i = 0; i < VIEW_TUNNEL_STATE_COUNT; i++)
		assert_non_null(view_tunnel_state_name((enum view_tunnel_state)i));
	assert_string_equal(view_peer_state_name(VIEW_PEER_STATE_COUNT), "unknown");
	assert_string_equal(view_tunnel_state_name(VIEW_TUNNEL_STATE_COUNT), "unknown");
	view_peer_done(NULL);
	view_tunnel_done(NULL);
	view_status_done(NULL);
	view_event_done(NULL);
	view_error_done(NULL);
	view_peer_request_done(NULL);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(peers_are_written_as_documented),
		cmocka_unit_test(lists_of_peers_come_back),
		cmocka_unit_test(lists_are_read_however_written),
		cmocka_unit_test(a_status_comes_back),
		cmocka_unit_test(a_status_may_tell_nothing_of_names),
		cmocka_unit_test(figures_come_back),
		cmocka_unit_test(figures_may_be_absent),
		cmocka_unit_test(small_answers_come_back),
		cmocka_unit_test(bad_bytes_are_replaced),
		cmocka_unit_test(counters_stay_within_json),
		cmocka_unit_test(strange_answers_are_refused),
		cmocka_unit_test(requests_come_back),
		cmocka_unit_test(faults_of_requests_are_named),
		cmocka_unit_test(levels_are_words_of_the_logger),
		cmocka_unit_test(words_have_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
