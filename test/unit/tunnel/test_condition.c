#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tunnel/condition.h"

#define NAME "vpn.example.org:51820"
#define AT \
	{ .address = {.bytes = {192, 0, 2, 1}, .family = ADDRESS_V4}, .port = 51820 }

static void test_names(void **state) {
	for (int i = 0; i < CONDITION_COUNT; i++) {
		assert_string_not_equal(condition_name((enum condition)i), "unknown");
		for (int j = 0; j < i; j++)
			assert_string_not_equal(condition_name((enum condition)i),
									condition_name((enum condition)j));
	}
	assert_string_equal(condition_name(CONDITION_COUNT), "unknown");
}

static const struct {
	struct condition_peer peer;
	enum condition condition;
	const char *reason;
} peers[] = {
	{{.endpoint = AT}, CONDITION_IDLE, ""},
	{{.endpoint = AT, .was_connected = true}, CONDITION_IDLE, ""},
	{{.connected = true, .was_connected = true}, CONDITION_CONNECTED, ""},
	{{.endpoint_name = NAME, .was_connected = true, .lost = true}, CONDITION_RECONNECTING, ""},
	/* One of two lost: keys of now are renewed. */
	{{.connected = true, .was_connected = true, .unanswered = 1}, CONDITION_CONNECTED, ""},
	{{.endpoint = AT, .connected = true, .was_connected = true, .unanswered = 2, .silent = 11},
	 CONDITION_RECONNECTING,
	 "no answer from 192.0.2.1:51820 for 11 seconds"},
	{{.endpoint_name = NAME, .endpoint = AT, .was_connected = true, .unanswered = 9, .silent = 1},
	 CONDITION_RECONNECTING,
	 "no answer from " NAME " (192.0.2.1:51820) for 1 second"},
	{{.endpoint_name = "192.0.2.1:51820", .endpoint = AT, .unanswered = 1},
	 CONDITION_CONNECTING,
	 "no answer from 192.0.2.1:51820"},
	{{.unanswered = 1}, CONDITION_CONNECTING, "no answer from the peer"},
	/* What came in place of an answer; the first attempt may not be over yet. */
	{{.endpoint = AT, .unanswered = 3, .silent = 4, .why = "TLS: another key"},
	 CONDITION_CONNECTING,
	 "no connection to 192.0.2.1:51820 for 4 seconds: TLS: another key"},
	{{.endpoint_name = NAME, .why = "it does not answer"},
	 CONDITION_CONNECTING,
	 "no connection to " NAME ": it does not answer"},
	{{.connected = true, .was_connected = true, .unanswered = 1, .why = "closed"},
	 CONDITION_CONNECTED,
	 ""},
	{{.endpoint_name = NAME, .resolving = true, .name_problem = "no server answered"},
	 CONDITION_CONNECTING,
	 NAME " has no address yet: no server answered"},
	{{.endpoint_name = NAME, .resolving = true, .was_connected = true, .unanswered = 4},
	 CONDITION_RECONNECTING,
	 NAME " has no address yet"},
	/* Known at once, also while keys are young. */
	{{.endpoint_name = NAME,
	  .endpoint = AT,
	  .connected = true,
	  .was_connected = true,
	  .unreachable = true},
	 CONDITION_RECONNECTING,
	 "no route to " NAME " (192.0.2.1:51820)"},
	{{.endpoint = AT, .unreachable = true, .unanswered = 3},
	 CONDITION_CONNECTING,
	 "no route to 192.0.2.1:51820"},
};

static void test_peers(void **state) {
	for (size_t i = 0; i < sizeof peers / sizeof *peers; i++) {
		const struct condition_result result = condition_of_peer(&peers[i].peer);
		assert_string_equal(condition_name(result.condition), condition_name(peers[i].condition));
		assert_string_equal(result.reason, peers[i].reason);
	}
}

static const struct condition_peer good = {.connected = true, .was_connected = true};
static const struct condition_peer lost = {.endpoint = AT, .was_connected = true, .unanswered = 5};
static const struct condition_peer unused = {.endpoint = AT};

static const struct {
	struct condition_tunnel tunnel;
	enum condition condition;
	const char *reason;
} tunnels[] = {
	{{.state = CONDITION_IS_DOWN}, CONDITION_DOWN, ""},
	{{.state = CONDITION_IS_DOWN, .reason = "autostart is off"},
	 CONDITION_DOWN,
	 "autostart is off"},
	{{.state = CONDITION_IS_STARTING, .reason = ""}, CONDITION_STARTING, ""},
	{{.state = CONDITION_HAS_FAILED, .reason = "no TUN"}, CONDITION_FAILED, "no TUN"},
	{{.state = CONDITION_IS_UP, .only = &good}, CONDITION_CONNECTED, ""},
	{{.state = CONDITION_IS_UP, .only = &unused}, CONDITION_IDLE, ""},
	{{.state = CONDITION_IS_UP, .only = &lost},
	 CONDITION_RECONNECTING,
	 "no answer from 192.0.2.1:51820"},
	{{.state = CONDITION_IS_UP, .only = &good, .reason = "UDP port 51820 could not be opened"},
	 CONDITION_RECONNECTING,
	 "UDP port 51820 could not be opened"},
	/* A server. */
	{{.state = CONDITION_IS_UP, .connected = 12}, CONDITION_CONNECTED, ""},
	{{.state = CONDITION_IS_UP}, CONDITION_IDLE, ""},
	/* With the kill switch. */
	{{.state = CONDITION_IS_UP, .only = &good, .kill_switch = true}, CONDITION_CONNECTED, ""},
	{{.state = CONDITION_IS_UP, .only = &unused, .kill_switch = true}, CONDITION_IDLE, ""},
	{{.state = CONDITION_IS_UP, .only = &lost, .kill_switch = true},
	 CONDITION_BLOCKED,
	 "the kill switch is up and the tunnel is reconnecting: no answer from 192.0.2.1:51820"},
	{{.state = CONDITION_HAS_FAILED, .reason = "no TUN", .kill_switch = true},
	 CONDITION_BLOCKED,
	 "the kill switch is up and the tunnel is failed: no TUN"},
	{{.state = CONDITION_IS_DOWN, .kill_switch = true},
	 CONDITION_BLOCKED,
	 "the kill switch is up and the tunnel is down"},
};

static void test_tunnels(void **state) {
	for (size_t i = 0; i < sizeof tunnels / sizeof *tunnels; i++) {
		const struct condition_result result = condition_of_tunnel(&tunnels[i].tunnel);
		assert_string_equal(condition_name(result.condition), condition_name(tunnels[i].condition));
		assert_string_equal(result.reason, tunnels[i].reason);
	}
}

/* Whatever others have to say, the reason ends inside its room. */
static void test_long(void **state) {
	char text[1000];
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	const struct condition_peer peer = {
		.endpoint_name = text, .resolving = true, .name_problem = text};
	const struct condition_tunnel tunnel = {
		.state = CONDITION_IS_UP, .only = &peer, .kill_switch = true};
	const struct condition_result result = condition_of_tunnel(&tunnel);
	assert_in_range(strlen(result.reason), 100, CONDITION_REASON_SIZE - 1);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_peers),
		cmocka_unit_test(test_tunnels),
		cmocka_unit_test(test_long),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
