#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/stage.h"

/* Keys of bytes that are all the same. */
#define HEX_0 "0000000000000000000000000000000000000000000000000000000000000000"
#define HEX_1 "0101010101010101010101010101010101010101010101010101010101010101"
#define HEX_2 "0202020202020202020202020202020202020202020202020202020202020202"
#define HEX_3 "0303030303030303030303030303030303030303030303030303030303030303"
#define BASE64_1 "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
#define BASE64_2 "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="
#define BASE64_3 "AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM="

#define TUNNEL                                                                            \
	"tunnels:\n  um0:\n    listen: \"[::]:51820\"\n    private_key_file: /none/um0.key\n" \
	"    addresses: [10.66.0.1/24, \"fd66::1/64\"]\n    peers:\n"
#define PHONE                                        \
	"      - { name: phone, public_key: \"" BASE64_1 \
	"\", allowed_ips: [10.66.0.2/32, \"fd66::2/128\"] }\n"
#define TABLET "      - { name: pad, public_key: \"" BASE64_2 "\", allowed_ips: [10.66.0.3/32] }\n"

enum { SLOT = 5 };

/* Up to where the one tunnel is up and net was asked what it has. */
static void bring_up(struct stage *stage) {
	stage_start_process(stage);
	stage_configure(stage, TUNNEL PHONE);
	struct process_message up = stage_expect(stage, stage->privileged, PROCESS_UP);
	assert_string_equal(up.order.name, "um0");
	(void)stage_expect(stage, stage->privileged, PROCESS_READY);
	stage_peer(stage);
	stage_state(stage, "um0", SLOT, PROCESS_STATE_STARTING);
	stage_state(stage, "um0", SLOT, PROCESS_STATE_UP);
	stage_result(stage->privileged, &up, 0, "um0 is up");
	stage_figures(stage, "listen_port=51820\npublic_key=" HEX_1 "\nallowed_ip=10.66.0.2/32\n");
}

static void expect_routes(struct stage *stage, const char *lines) {
	struct process_message routes = stage_expect(stage, stage->privileged, PROCESS_ROUTES);
	assert_int_equal(routes.tunnel, SLOT);
	assert_string_equal(stage->text, lines);
	stage_result(stage->privileged, &routes, 0, "");
}

static struct process_message expect_set(struct stage *stage, const char *lines) {
	struct process_message set = stage_expect(stage, stage->net, PROCESS_SET);
	assert_int_equal(set.tunnel, SLOT);
	stage_contains(stage, lines);
	return set;
}

static void add_tablet(struct stage *stage) {
	stage_ask(stage, "POST", "/v1/tunnels/um0/peers",
			  "{\"name\": \"tablet\", \"public_key\": \"" BASE64_2 "\"}");
	struct process_message set =
		expect_set(stage, "public_key=" HEX_2 "\npreshared_key=" HEX_0 "\n");
	stage_contains(stage, "replace_allowed_ips=true\nallowed_ip=10.66.0.3/32\n"
						  "allowed_ip=fd66::3/128\n");
	/* Answered once the data path has it. */
	assert_true(stage_is_quiet(stage->tool, 50));
	stage_result(stage->net, &set, 0, "");
	assert_int_equal(stage_answer(stage), 201);
	stage_contains(stage, "10.66.0.3/32");
	stage_contains(stage, "store");
}

static void test_peers_come_and_go(void **state) {
	static struct stage stage;
	stage_open(&stage);
	bring_up(&stage);
	expect_routes(&stage, "");
	add_tablet(&stage);

	/* What is taken is refused, and says by whom. */
	stage_ask(&stage, "POST", "/v1/tunnels/um0/peers", "{\"public_key\": \"" BASE64_1 "\"}");
	assert_int_equal(stage_answer(&stage), 409);
	stage_contains(&stage, "phone in /etc/umbra/umbra.yaml");
	stage_ask(&stage, "POST", "/v1/tunnels/um0/peers",
			  "{\"name\": \"tablet\", \"public_key\": \"" BASE64_3 "\"}");
	assert_int_equal(stage_answer(&stage), 409);
	stage_ask(&stage, "POST", "/v1/tunnels/um0/peers",
			  "{\"name\": \"c\", \"public_key\": \"" BASE64_3
			  "\", \"allowed_ips\": [\"10.66.0.2/32\"]}");
	assert_int_equal(stage_answer(&stage), 409);
	stage_contains(&stage, "10.66.0.2/32 belongs to phone");
	stage_ask(&stage, "POST", "/v1/tunnels/um9/peers", "{\"public_key\": \"" BASE64_3 "\"}");
	assert_int_equal(stage_answer(&stage), 404);

	stage_ask(&stage, "DELETE", "/v1/tunnels/um0/peers/phone", "");
	assert_int_equal(stage_answer(&stage), 409);
	stage_contains(&stage, "remove it there and run umbra reload");
	stage_ask(&stage, "DELETE", "/v1/tunnels/um0/peers/nobody", "");
	assert_int_equal(stage_answer(&stage), 404);
	stage_ask(&stage, "DELETE", "/v1/tunnels/um0/peers/tablet", "");
	struct process_message set = expect_set(&stage, "public_key=" HEX_2 "\nremove=true\n");
	stage_result(stage.net, &set, 0, "");
	assert_int_equal(stage_answer(&stage), 200);
	stage_stop_process(&stage);
	stage_close(&stage);
}

static void test_refused_routes_are_sent_again(void **state) {
	static struct stage stage;
	stage_open(&stage);
	bring_up(&stage);
	struct process_message routes = stage_expect(&stage, stage.privileged, PROCESS_ROUTES);
	stage_result(stage.privileged, &routes, EINVAL, "not now");
	assert_true(stage_is_quiet(stage.privileged, 50));
	stage_ask(&stage, "POST", "/v1/tunnels/um0/peers", "{\"public_key\": \"" BASE64_2 "\"}");
	expect_routes(&stage, "");
	struct process_message set = expect_set(&stage, "public_key=" HEX_2);
	stage_result(stage.net, &set, 0, "");
	assert_int_equal(stage_answer(&stage), 201);
	stage_stop_process(&stage);
	stage_close(&stage);
}

static void test_status(void **state) {
	static struct stage stage;
	stage_open(&stage);
	bring_up(&stage);
	expect_routes(&stage, "");
	add_tablet(&stage);
	stage_ask(&stage, "GET", "/v1/status", "");
	stage_figures(&stage, "listen_port=51820\npublic_key=" HEX_1 "\nrx_bytes=1234567\n"
						  "public_key=" HEX_3 "\n");
	assert_int_equal(stage_answer(&stage), 200);
	stage_contains(&stage, "/etc/umbra/umbra.yaml");
	stage_contains(&stage, "1234567");
	stage_contains(&stage, "\"wg\"");
	/* Net does not answer: what is there has to do. */
	uint64_t start = clock_now();
	stage_ask(&stage, "GET", "/v1/tunnels/um0/peers", "");
	(void)stage_expect(&stage, stage.net, PROCESS_GET);
	assert_int_equal(stage_answer(&stage), 200);
	stage_contains(&stage, "1234567");
	assert_in_range(clock_now() - start, CLOCK_SECOND, 8 * CLOCK_SECOND);
	stage_stop_process(&stage);
	stage_close(&stage);
}

/* What was on its way when net ended is done by its successor, in order. */
static void test_net_starts_again(void **state) {
	static struct stage stage;
	stage_open(&stage);
	bring_up(&stage);
	expect_routes(&stage, "");
	stage_ask(&stage, "POST", "/v1/tunnels/um0/peers",
			  "{\"name\": \"tablet\", \"public_key\": \"" BASE64_2 "\"}");
	(void)expect_set(&stage, "public_key=" HEX_2);
	stage_peer(&stage);
	struct process_message set = expect_set(&stage, "public_key=" HEX_2);
	stage_result(stage.net, &set, 0, "");
	assert_int_equal(stage_answer(&stage), 201);
	/* Nothing else: the others are in its journal. */
	assert_true(stage_is_quiet(stage.net, 50));
	stage_stop_process(&stage);
	stage_close(&stage);
}

/* A net process that does not know the tunnel yet is told again, and of what came later behind it.
 */
static void test_net_does_not_know_it_yet(void **state) {
	static struct stage stage;
	stage_open(&stage);
	bring_up(&stage);
	expect_routes(&stage, "");
	stage_peer(&stage);
	stage_ask(&stage, "POST", "/v1/tunnels/um0/peers",
			  "{\"name\": \"tablet\", \"public_key\": \"" BASE64_2 "\"}");
	for (unsigned i = 0; i < 3; i++) {
		struct process_message set = expect_set(&stage, "public_key=" HEX_2);
		assert_true(i > 0 || stage_is_quiet(stage.net, 50));
		stage_result(stage.net, &set, i < 2 ? ENODEV : 0, "");
	}
	assert_int_equal(stage_answer(&stage), 201);
	/* Order is kept: one is refused, and goes before what came meanwhile. */
	stage_ask(&stage, "DELETE", "/v1/tunnels/um0/peers/tablet", "");
	struct process_message first = expect_set(&stage, "remove=true");
	int tool = stage.tool;
	stage.tool = -1;
	stage_ask(&stage, "POST", "/v1/tunnels/um0/peers",
			  "{\"name\": \"laptop\", \"public_key\": \"" BASE64_3 "\"}");
	assert_true(stage_is_quiet(stage.net, 50));
	stage_result(stage.net, &first, ENODEV, "");
	first = expect_set(&stage, "remove=true");
	stage_result(stage.net, &first, 0, "");
	struct process_message second = expect_set(&stage, "public_key=" HEX_3);
	/* One of a tunnel that is down is not repeated. */
	stage_state(&stage, "um0", SLOT, PROCESS_STATE_DOWN);
	stage_result(stage.net, &second, ENODEV, "");
	assert_int_equal(stage_answer(&stage), 201);
	assert_true(stage_is_quiet(stage.net, 500));
	(void)close(tool);
	stage_stop_process(&stage);
	stage_close(&stage);
}

/* A second run has the peers of the first, and knows who is to stay down. */
static void test_remembers(void **state) {
	static struct stage stage;
	stage_open(&stage);
	bring_up(&stage);
	expect_routes(&stage, "");
	add_tablet(&stage);
	stage_stop_process(&stage);

	bring_up(&stage);
	struct process_message set = expect_set(&stage, "public_key=" HEX_2);
	stage_result(stage.net, &set, 0, "");
	expect_routes(&stage, "");
	stage_ask(&stage, "POST", "/v1/tunnels/um0/down", "");
	struct process_message down = stage_expect(&stage, stage.privileged, PROCESS_DOWN);
	stage_state(&stage, "um0", SLOT, PROCESS_STATE_DOWN);
	stage_result(stage.privileged, &down, 0, "um0 is down");
	assert_int_equal(stage_answer(&stage), 200);
	stage_ask(&stage, "GET", "/v1/tunnels/um0", "");
	assert_int_equal(stage_answer(&stage), 200);
	stage_contains(&stage, "somebody took it down");
	stage_stop_process(&stage);

	stage_start_process(&stage);
	stage_configure(&stage, TUNNEL PHONE);
	(void)stage_expect(&stage, stage.privileged, PROCESS_READY);
	stage_ask(&stage, "POST", "/v1/tunnels/um0/up", "");
	struct process_message up = stage_expect(&stage, stage.privileged, PROCESS_UP);
	stage_result(stage.privileged, &up, EIO, "um0: port in use");
	assert_int_equal(stage_answer(&stage), 500);
	stage_contains(&stage, "port in use");
	/* It failed, so nothing was forgotten. */
	stage_stop_process(&stage);
	stage_start_process(&stage);
	stage_configure(&stage, TUNNEL PHONE);
	(void)stage_expect(&stage, stage.privileged, PROCESS_READY);
	stage_stop_process(&stage);
	stage_close(&stage);
}

static void test_reload(void **state) {
	static struct stage stage;
	stage_open(&stage);
	bring_up(&stage);
	expect_routes(&stage, "");
	add_tablet(&stage);
	/* The file takes over the tablet's key: net has it from there. */
	stage_ask(&stage, "POST", "/v1/reload", "");
	struct process_message reload = stage_expect(&stage, stage.privileged, PROCESS_RELOAD);
	stage_configure(&stage, TUNNEL PHONE TABLET);
	stage_result(stage.privileged, &reload, 0, "the configuration was read again");
	assert_int_equal(stage_answer(&stage), 200);
	stage_ask(&stage, "GET", "/v1/tunnels/um0/peers/tablet", "");
	stage_figures(&stage, "public_key=" HEX_1 "\npublic_key=" HEX_2 "\n");
	assert_int_equal(stage_answer(&stage), 200);
	stage_contains(&stage, "not used: pad in /etc/umbra/umbra.yaml has the same key");
	/* And gives it back. */
	stage_configure(&stage, TUNNEL PHONE);
	struct process_message set = expect_set(&stage, "public_key=" HEX_2 "\npreshared_key=");
	stage_result(stage.net, &set, 0, "");
	/* A refused one changes nothing. */
	stage_ask(&stage, "POST", "/v1/reload", "");
	reload = stage_expect(&stage, stage.privileged, PROCESS_RELOAD);
	stage_result(stage.privileged, &reload, EINVAL, "umbra.yaml:3: tunnels.um0.mtu: no number");
	assert_int_equal(stage_answer(&stage), 422);
	stage_contains(&stage, "umbra.yaml:3:");
	/* As is one that a signal had read, where nobody asked. */
	const struct process_message nobody = {.type = PROCESS_RELOAD};
	stage_result(stage.privileged, &nobody, EINVAL, "umbra.yaml:4: tunnels.um0.mut: unknown key");
	stage_ask(&stage, "GET", "/v1/events?after=0", "");
	stage_read_until(&stage, "umbra.yaml:4:");
	stage_stop_process(&stage);
	stage_close(&stage);
}

/* localhost needs no server. */
static void test_endpoints_by_name(void **state) {
	static struct stage stage;
	stage_open(&stage);
	bring_up(&stage);
	expect_routes(&stage, "");
	stage_ask(&stage, "POST", "/v1/tunnels/um0/peers",
			  "{\"name\": \"hub\", \"public_key\": \"" BASE64_2
			  "\", \"endpoint\": \"localhost:4500\", \"allowed_ips\": [\"192.0.2.0/24\"]}");
	expect_routes(&stage, "192.0.2.0/24\n");
	bool added = false, resolved = false;
	while (!added || !resolved) {
		struct process_message set = expect_set(&stage, "public_key=" HEX_2 "\n");
		bool is_endpoint = strstr(stage.text, "update_only=true\nendpoint=") != NULL;
		added = added || !is_endpoint;
		resolved = resolved || is_endpoint;
		if (is_endpoint)
			stage_contains(&stage, ":4500\n");
		else
			stage_lacks(&stage, "endpoint=");
		stage_result(stage.net, &set, 0, "");
	}
	assert_int_equal(stage_answer(&stage), 201);
	stage_contains(&stage, "localhost:4500");
	stage_stop_process(&stage);
	stage_close(&stage);
}

/* The state folder is a file: tunnels come up, peers cannot be changed. */
static void test_without_a_store(void **state) {
	static struct stage stage;
	stage_open(&stage);
	char path[STAGE_PATH_SIZE + 16];
	(void)snprintf(path, sizeof path, "%s/umbra.db", stage.folder);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs("this is no store, and long enough to be looked at closely: "
					  "0123456789012345678901234567890123456789",
					  file) >= 0);
	(void)fclose(file);
	bring_up(&stage);
	expect_routes(&stage, "");
	stage_ask(&stage, "POST", "/v1/tunnels/um0/peers", "{\"public_key\": \"" BASE64_2 "\"}");
	assert_int_equal(stage_answer(&stage), 503);
	stage_contains(&stage, "umbra.db");
	stage_ask(&stage, "POST", "/v1/tunnels/um0/down", "");
	struct process_message down = stage_expect(&stage, stage.privileged, PROCESS_DOWN);
	stage_result(stage.privileged, &down, 0, "um0 is down");
	assert_int_equal(stage_answer(&stage), 200);
	stage_contains(&stage, "forgotten at the next start");
	stage_stop_process(&stage);
	stage_close(&stage);
}

static void test_events(void **state) {
	static struct stage stage;
	stage_open(&stage);
	bring_up(&stage);
	expect_routes(&stage, "");
	struct process_message event = {.type = PROCESS_EVENT, .tunnel = SLOT};
	event.event.kind = PROCESS_EVENT_UNANSWERED;
	event.event.count = 2;
	memset(event.event.public_key, 1, sizeof event.event.public_key);
	stage_send(stage.net, &event, -1);
	stage_ask(&stage, "GET", "/v1/tunnels/um0/peers/phone", "");
	stage_figures(&stage, "public_key=" HEX_1 "\n");
	assert_int_equal(stage_answer(&stage), 200);
	stage_contains(&stage, "connecting");
	stage_contains(&stage, "no answer from the peer");
	/* A stranger's key, and a slot that is nobody's. */
	event.event.public_key[0] = 9;
	stage_send(stage.net, &event, -1);
	event.tunnel = SLOT + 1;
	stage_send(stage.net, &event, -1);
	stage_ask(&stage, "PUT", "/v1/log", "{\"level\": \"debug\"}");
	struct process_message log = stage_expect(&stage, stage.privileged, PROCESS_LOG);
	assert_int_equal(log.log.level, 4);
	stage_result(stage.privileged, &log, 0, "");
	assert_int_equal(stage_answer(&stage), 200);
	/* More of them than anybody wants to read do no harm. */
	event.tunnel = SLOT;
	event.event.public_key[0] = 1;
	event.event.kind = PROCESS_EVENT_MOVED;
	for (int i = 0; i < 1000; i++)
		stage_send(stage.net, &event, -1);
	event.event.kind = PROCESS_EVENT_CONNECTED;
	stage_send(stage.net, &event, -1);
	stage_ask(&stage, "GET", "/v1/events?after=0", "");
	stage_read_until(&stage, "peer.moved");
	stage_contains(&stage, "tunnel.up");
	stage_contains(&stage, "phone has not answered 2 handshakes");
	stage_ask(&stage, "GET", "/v1/tunnels/um0/peers/phone", "");
	stage_figures(&stage, "public_key=" HEX_1 "\n");
	assert_int_equal(stage_answer(&stage), 200);
	stage_lacks(&stage, "no answer");
	event.event.kind = PROCESS_EVENT_UNREACHABLE;
	stage_send(stage.net, &event, -1);
	stage_ask(&stage, "GET", "/v1/tunnels/um0/peers/phone", "");
	stage_figures(&stage, "public_key=" HEX_1 "\n");
	assert_int_equal(stage_answer(&stage), 200);
	stage_contains(&stage, "no route to the peer");
	stage_stop_process(&stage);
	stage_close(&stage);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_peers_come_and_go),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_net_starts_again),
		cmocka_unit_test(test_net_does_not_know_it_yet),
		cmocka_unit_test(test_remembers),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_refused_routes_are_sent_again),
		cmocka_unit_test(test_endpoints_by_name),
		cmocka_unit_test(test_without_a_store),
		cmocka_unit_test(test_events),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
