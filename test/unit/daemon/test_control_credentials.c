#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/address.h"
#include "base/text.h"
#include "conf/all_kinds.h"
#include "crypto/member.h"
#include "daemon/stage.h"
#include "wire/process_settings.h"

#define TUNNEL(auth) TUNNEL_OVER("udp", auth)
#define TUNNEL_OVER(transport, auth)                                                     \
	"tunnels:\n  out:\n    protocol: phaze\n    role: client\n    transport: " transport \
	"\n    endpoints: [\"192.0.2.1:51820\"]\n    auth: { ca_file: /none, server_name: "  \
	"vpn.example" auth " }\n"

enum { SLOT = 5 };

static uint8_t server[HASH_SIZE];

static void bring_up(struct stage *stage, const char *tunnel) {
	stage_open(stage);
	stage_start_process(stage);
	stage_configure(stage, tunnel);
	struct process_message up = stage_expect(stage, stage->privileged, PROCESS_UP);
	(void)stage_expect(stage, stage->privileged, PROCESS_READY);
	stage_peer(stage);
	stage_state(stage, "out", SLOT, PROCESS_STATE_UP);
	stage_result(stage->privileged, &up, 0, "out is up");
	stage_figures(stage, "");
	/* Where the server is; this host does not lead there. */
	struct process_message endpoint = stage_expect(stage, stage->privileged, PROCESS_ENDPOINT);
	stage_result(stage->privileged, &endpoint, EIO, "");
	struct process_message routes = stage_expect(stage, stage->privileged, PROCESS_ROUTES);
	stage_result(stage->privileged, &routes, 0, "");
	assert_int_equal(member_server_identity("vpn.example", server), ERR_OK);
}

static void shut_down(struct stage *stage) {
	stage_stop_process(stage);
	stage_close(stage);
}

/* The lines that net is given, up to those of the user. */
static struct process_message expect_lines(struct stage *stage, const char *user) {
	char hex[2 * HASH_SIZE + 1], lines[1024];
	struct process_message set = stage_expect(stage, stage->net, PROCESS_SET);
	assert_int_equal(set.tunnel, SLOT);
	text_hex_encode(server, sizeof server, hex);
	(void)snprintf(lines, sizeof lines, "public_key=%s\nupdate_only=true\nlogin=true\n%s", hex,
				   user);
	assert_string_equal(stage->text, lines);
	return set;
}

static void happen_for(struct stage *stage, enum process_event kind, uint32_t count,
					   const char *text) {
	struct process_message message = {.type = PROCESS_EVENT, .tunnel = SLOT};
	message.event.kind = (uint8_t)kind;
	message.event.count = count;
	memcpy(message.event.public_key, server, sizeof server);
	message.event.family = ADDRESS_V4;
	memcpy(message.event.address, (uint8_t[]){192, 0, 2, 1}, 4);
	message.event.port = 51820;
	(void)snprintf(message.event.text, sizeof message.event.text, "%s", text);
	stage_send(stage->net, &message, -1);
}

static void happen(struct stage *stage, enum process_event kind, const char *text) {
	happen_for(stage, kind, 0, text);
}

/* The privileged process: what the server gives is there. */
static void give(struct stage *stage) {
	struct process_message message = {.type = PROCESS_SETTINGS, .tunnel = SLOT};
	struct interface_settings settings = {.mtu = 1400};
	uint8_t data[PROCESS_SETTINGS_SIZE_MAX];
	size_t size;
	int descriptor;
	memcpy(message.settings.public_key, server, sizeof server);
	assert_int_equal(process_settings_encode(&settings, data, &size), ERR_OK);
	assert_int_equal(shared_text_new(slice_of(data, size), &descriptor), ERR_OK);
	stage_send(stage->privileged, &message, descriptor);
	(void)close(descriptor);
}

static void test_who_is_let_in(void **state) {
	static struct stage stage;
	bring_up(&stage, TUNNEL(""));
	stage_ask(&stage, "POST", "/v1/tunnels/out/login",
			  "{\"user\": \"alice\", \"password\": \"p\xc3\xa4ss\"}");
	struct process_message set = expect_lines(&stage, "name=alice\npassword=70c3a47373\n");
	/* What was before the net process took it is about somebody else. */
	happen(&stage, PROCESS_EVENT_REFUSED, "an earlier one");
	assert_true(stage_is_quiet(stage.tool, 50));
	stage_result(stage.net, &set, 0, "");
	/* That passes, and is tried again without anybody's doing. */
	happen_for(&stage, PROCESS_EVENT_REFUSED, PROCESS_REJECT_BUSY, "the server is busy");
	assert_true(stage_is_quiet(stage.tool, 50));
	happen(&stage, PROCESS_EVENT_CONNECTED, "");
	/* Without addresses nothing could be sent. */
	assert_true(stage_is_quiet(stage.tool, 50));
	give(&stage);
	assert_int_equal(stage_answer(&stage), 200);
	stage_contains(&stage, "out is connected to 192.0.2.1:51820 as alice");
	/* Later ones are nobody's. */
	happen(&stage, PROCESS_EVENT_REFUSED, "later");
	shut_down(&stage);
}

static void test_who_is_not(void **state) {
	static struct stage stage;
	bring_up(&stage, TUNNEL(", username: bob"));
	/* The configuration's user. */
	stage_ask(&stage, "POST", "/v1/tunnels/out/login", "{\"password\": \"x\"}");
	struct process_message set = expect_lines(&stage, "name=bob\npassword=78\n");
	stage_result(stage.net, &set, 0, "");
	happen_for(&stage, PROCESS_EVENT_REFUSED, PROCESS_REJECT_CREDENTIALS, "wrong name or password");
	assert_int_equal(stage_answer(&stage), 403);
	stage_contains(&stage, "wrong name or password");
	stage_contains(&stage, "\"credentials\"");
	/* Nobody waits any more. */
	happen(&stage, PROCESS_EVENT_REFUSED, "again");
	shut_down(&stage);
}

/* Programs learn whose word it is. */
static void test_whose_word_it_is(void **state) {
	static const struct {
		uint32_t reject;
		const char *code;
	} rows[] = {{PROCESS_ACCEPTED, "\"declined\""}, {PROCESS_REJECT_QUOTA, "\"refused\""}};
	static struct stage stage;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		bring_up(&stage, TUNNEL(", username: bob"));
		stage_ask(&stage, "POST", "/v1/tunnels/out/login", "{}");
		struct process_message set = expect_lines(&stage, "");
		stage_result(stage.net, &set, 0, "");
		happen_for(&stage, PROCESS_EVENT_REFUSED, rows[i].reject, "why");
		assert_int_equal(stage_answer(&stage), 403);
		stage_contains(&stage, rows[i].code);
		shut_down(&stage);
	}
}

/* Where nobody answers, and no other way is left to try, who waits is told at once. */
static void test_nobody_there(void **state) {
	static const struct {
		const char *tunnel;
		enum process_event kind;
		int times;
		const char *said, *hint;
	} rows[] = {
		{TUNNEL(", username: bob"), PROCESS_EVENT_UNANSWERED, 1, "no answer from 192.0.2.1:51820",
		 "asked over UDP alone, and with transport: auto over TCP, too"},
		{TUNNEL_OVER("tcp", ", username: bob"), PROCESS_EVENT_UNANSWERED, 1,
		 "no answer from 192.0.2.1:51820", "asked over TCP alone, and with transport: auto over"},
		{TUNNEL_OVER("auto", ", username: bob"), PROCESS_EVENT_UNANSWERED, 2,
		 "no answer from 192.0.2.1:51820", "the daemon goes on trying"},
		{TUNNEL(", username: bob"), PROCESS_EVENT_UNREACHABLE, 1,
		 "no route to 192.0.2.1:51820; the", "daemon goes on trying"},
	};
	static struct stage stage;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		bring_up(&stage, rows[i].tunnel);
		stage_ask(&stage, "POST", "/v1/tunnels/out/login", "{}");
		struct process_message set = expect_lines(&stage, "");
		stage_result(stage.net, &set, 0, "");
		for (int time = 1; time <= rows[i].times; time++) {
			assert_true(stage_is_quiet(stage.tool, 20));
			happen_for(&stage, rows[i].kind, (uint32_t)time, "");
		}
		assert_int_equal(stage_answer(&stage), 504);
		stage_contains(&stage, rows[i].said);
		stage_contains(&stage, rows[i].hint);
		shut_down(&stage);
	}
}

static void test_what_net_does_not_take(void **state) {
	static struct stage stage;
	bring_up(&stage, TUNNEL(", username: bob"));
	stage_ask(&stage, "POST", "/v1/tunnels/out/login", "{\"password\": \"x\"}");
	struct process_message set = expect_lines(&stage, "name=bob\npassword=78\n");
	stage_result(stage.net, &set, EINVAL, "no such line");
	assert_int_equal(stage_answer(&stage), 422);
	stage_contains(&stage, "no such line");
	shut_down(&stage);
}

/* What the configuration has of name and password may be on its way already. */
static void test_what_is_known_already(void **state) {
	static struct stage stage;
	for (int taken = 0; taken < 2; taken++) {
		bring_up(&stage, TUNNEL(", username: bob"));
		stage_ask(&stage, "POST", "/v1/tunnels/out/login", "{}");
		struct process_message set = expect_lines(&stage, "");
		if (taken)
			stage_result(stage.net, &set, 0, "");
		give(&stage);
		happen(&stage, PROCESS_EVENT_CONNECTED, "");
		assert_int_equal(stage_answer(&stage), 200);
		stage_contains(&stage, "out is connected to 192.0.2.1:51820 as bob");
		if (!taken)
			stage_result(stage.net, &set, 0, "");
		shut_down(&stage);
	}
}

/* Who has nothing to show hears so at once. */
static void test_what_is_not_known(void **state) {
	static struct stage stage;
	bring_up(&stage, TUNNEL(", username: bob"));
	stage_ask(&stage, "POST", "/v1/tunnels/out/login", "{}");
	struct process_message set = expect_lines(&stage, "");
	stage_result(stage.net, &set, ENOKEY, "");
	assert_int_equal(stage_answer(&stage), 403);
	stage_contains(&stage, "no password is known");
	shut_down(&stage);
}

/* What a net process tried the next one does not know: its session is by what was known before. */
static void test_net_ends(void **state) {
	static struct stage stage;
	bring_up(&stage, TUNNEL(", username: bob"));
	stage_ask(&stage, "POST", "/v1/tunnels/out/login", "{\"password\": \"x\"}");
	struct process_message set = expect_lines(&stage, "name=bob\npassword=78\n");
	stage_result(stage.net, &set, 0, "");
	assert_true(stage_is_quiet(stage.tool, 50));
	(void)close(stage.net);
	stage_peer(&stage);
	assert_int_equal(stage_answer(&stage), 503);
	stage_contains(&stage, "log in again");
	happen(&stage, PROCESS_EVENT_CONNECTED, "");
	shut_down(&stage);
}

/* Of two, the later one is what is asked for. */
static void test_another_takes_the_place(void **state) {
	static struct stage stage;
	bring_up(&stage, TUNNEL(""));
	stage_ask(&stage, "POST", "/v1/tunnels/out/login", "{\"user\": \"a\", \"password\": \"x\"}");
	struct process_message first = expect_lines(&stage, "name=a\npassword=78\n");
	int tool = stage.tool;
	stage.tool = -1;
	stage_ask(&stage, "POST", "/v1/tunnels/out/login", "{\"user\": \"b\", \"password\": \"y\"}");
	int later = stage.tool;
	stage.tool = tool;
	assert_int_equal(stage_answer(&stage), 409);
	(void)close(stage.tool);
	stage.tool = later;
	stage_result(stage.net, &first, 0, "");
	struct process_message second = expect_lines(&stage, "name=b\npassword=79\n");
	happen(&stage, PROCESS_EVENT_CONNECTED, "");
	assert_true(stage_is_quiet(stage.tool, 50));
	stage_result(stage.net, &second, 0, "");
	/* It has what the server gave before. */
	give(&stage);
	happen(&stage, PROCESS_EVENT_CONNECTED, "");
	assert_int_equal(stage_answer(&stage), 200);
	stage_contains(&stage, "as b");
	shut_down(&stage);
}

static void test_the_tunnel_goes(void **state) {
	static struct stage stage;
	for (int taken = 0; taken < 2; taken++) {
		bring_up(&stage, TUNNEL(""));
		stage_ask(&stage, "POST", "/v1/tunnels/out/login",
				  "{\"user\": \"a\", \"password\": \"x\"}");
		struct process_message set = expect_lines(&stage, "name=a\npassword=78\n");
		if (taken)
			stage_result(stage.net, &set, 0, "");
		stage_state(&stage, "out", SLOT, PROCESS_STATE_DOWN);
		assert_int_equal(stage_answer(&stage), 503);
		stage_contains(&stage, "the tunnel ");
		if (!taken)
			stage_result(stage.net, &set, ENODEV, "");
		shut_down(&stage);
	}
}

static void test_what_is_refused_at_once(void **state) {
	static struct stage stage;
	static const struct {
		const char *body;
		int status;
		const char *text;
	} rows[] = {
		{"{\"password\": \"x\"}", 400, "user: must be there"},
		{"{\"user\": \"a/b\", \"password\": \"x\"}", 400, "user: must be 1 to 63 letters"},
		{"{\"user\": \"a\", \"pin\": 1}", 400, "pin: there is no such member"},
	};
	bring_up(&stage, TUNNEL(""));
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		stage_ask(&stage, "POST", "/v1/tunnels/out/login", rows[i].body);
		assert_int_equal(stage_answer(&stage), rows[i].status);
		stage_contains(&stage, rows[i].text);
	}
	stage_state(&stage, "out", SLOT, PROCESS_STATE_DOWN);
	stage_ask(&stage, "POST", "/v1/tunnels/out/login", "{\"user\": \"a\", \"password\": \"x\"}");
	assert_int_equal(stage_answer(&stage), 503);
	stage_contains(&stage, "out is not up");
	assert_true(stage_is_quiet(stage.net, 50));
	shut_down(&stage);
	bring_up(&stage, "tunnels:\n  out: { protocol: mighty, role: client, auth: { psk_file: /k },\n"
					 "         endpoints: [\"192.0.2.1:1\"] }\n");
	stage_ask(&stage, "POST", "/v1/tunnels/out/login", "{\"user\": \"a\", \"password\": \"x\"}");
	assert_int_equal(stage_answer(&stage), 409);
	shut_down(&stage);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_another_takes_the_place),
		cmocka_unit_test(test_nobody_there),
		cmocka_unit_test(test_the_tunnel_goes),
		cmocka_unit_test(test_what_is_refused_at_once),
		cmocka_unit_test(test_net_ends),
		cmocka_unit_test(test_what_is_known_already),
		cmocka_unit_test(test_what_is_not_known),
		cmocka_unit_test(test_what_net_does_not_take),
		cmocka_unit_test(test_who_is_let_in),
		cmocka_unit_test(test_who_is_not),
		cmocka_unit_test(test_whose_word_it_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
