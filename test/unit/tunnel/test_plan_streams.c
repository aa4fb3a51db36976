#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "tunnel/plan.h"
#include "tunnel/plan_streams.h"

static const char *const rules[] = {"allow 10.1.0.0/16 tcp 22", "deny any tcp 25"};
static const struct config_user users[] = {{.name = "u", .password = "pass"},
										   {.name = "v", .password = "word"}};
static const struct config_pin pins[] = {{{1, 2, 3}}};

static struct endpoint endpoint_of(const char *text) {
	struct endpoint endpoint;
	assert_int_equal(endpoint_parse(text, &endpoint), ERR_OK);
	return endpoint;
}

static struct config_tunnel server(void) {
	struct config_tunnel tunnel = {
		.name = "web",
		.protocol = "streams",
		.carries_streams = true,
		.role = CONFIG_SERVER,
		.listen = endpoint_of("[::]:443"),
		.tls = {.certificates = "certificate\n", .key = "key\n"},
		.streams = {.padding = CONFIG_PADDING_STEALTH,
					.cookie = "session",
					.path = "/",
					.connections.value = 2,
					.limit.value = 100},
		.policy = {.otherwise = CONFIG_DENY, .rules = {rules, 2}},
	};
	memset(tunnel.private_key, 7, sizeof tunnel.private_key);
	return tunnel;
}

static struct config_forward forwards[2];
static struct config_peer gateway = {.name = "gw", .endpoint = {"vpn.example.org", 443}};

static struct config_tunnel client(void) {
	forwards[0] = (struct config_forward){.protocol = CONFIG_TCP,
										  .listen = endpoint_of("127.0.0.1:5201"),
										  .target = {"10.1.1.1", 5201}};
	forwards[1] = (struct config_forward){.protocol = CONFIG_UDP,
										  .listen = endpoint_of("127.0.0.1:53"),
										  .target = {"2001:db8::1", 53}};
	struct config_tunnel tunnel = server();
	tunnel.role = CONFIG_CLIENT;
	tunnel.listen = (struct endpoint){.address.family = ADDRESS_V6};
	tunnel.tls = (struct config_tls){.pins = {pins, 1}, .roots = "roots"};
	tunnel.proxy = (struct config_proxy){endpoint_of("127.0.0.1:1080"), users, 2};
	tunnel.forwards = forwards;
	tunnel.forward_count = 2;
	tunnel.peers = &gateway;
	tunnel.peer_count = 1;
	return tunnel;
}

static void a_server(void **state) {
	const struct config_tunnel tunnel = server();
	struct stream_options options;
	assert_int_equal(plan_streams_options(&tunnel, &options), ERR_OK);
	assert_int_equal(options.role, STREAM_SERVER);
	assert_int_equal(options.shaping, 3);
	assert_int_equal(options.listener_count, 1);
	assert_int_equal(options.listeners[0].kind, STREAM_LISTENER_CARRIER);
	assert_string_equal(options.certificates, "certificate\n");
	assert_string_equal(options.certificate_key, "key\n");
	assert_int_equal(options.otherwise, POLICY_DENY);
	assert_int_equal(options.rule_count, 2);
	assert_int_equal(options.streams_max, 100);
	assert_int_equal(options.memory, 0);
	assert_int_equal(options.private_key[0], 7);
	assert_false(options.interface);
	stream_options_done(&options);
	/* As the machine is: a quarter of it, of which there is some. */
	struct config_tunnel automatic = tunnel;
	automatic.streams.memory.automatic = true;
	assert_int_equal(plan_streams_options(&automatic, &options), ERR_OK);
	assert_in_range(options.memory, 64, 4096);
	stream_options_done(&options);
}

static void a_client(void **state) {
	struct config_tunnel tunnel = client();
	const struct prefix address = {.address.family = ADDRESS_V4, .length = 24};
	struct stream_options options;
	tunnel.addresses = (struct config_prefixes){&address, 1};
	assert_int_equal(plan_streams_options(&tunnel, &options), ERR_OK);
	assert_int_equal(options.role, STREAM_CLIENT);
	assert_true(options.interface);
	assert_int_equal(options.listener_count, 3);
	assert_int_equal(options.listeners[0].kind, STREAM_LISTENER_MIXED);
	assert_int_equal(options.listeners[1].kind, STREAM_LISTENER_TCP);
	assert_int_equal(options.listeners[2].kind, STREAM_LISTENER_UDP);
	assert_true(options.listeners[2].target.udp);
	assert_string_equal(options.server_name, "vpn.example.org");
	assert_string_equal(options.roots, "roots");
	assert_int_equal(options.pins[0][2], 3);
	assert_int_equal(options.connections, 2);
	assert_int_equal(options.user_count, 2);
	assert_string_equal(options.users[1].password, "word");
	stream_options_done(&options);
	tunnel.tls.server_name = "other.example";
	assert_int_equal(plan_streams_options(&tunnel, &options), ERR_OK);
	assert_string_equal(options.server_name, "other.example");
	stream_options_done(&options);
}

/* Without the secrets there is nothing to be told, and what was there is freed. */
static void without_secrets(void **state) {
	struct config_tunnel tunnel = server();
	struct stream_options options;
	struct uapi_text text = {0};
	tunnel.tls.key = NULL;
	assert_int_equal(plan_streams_options(&tunnel, &options), ERR_INVALID);
	plan_streams_put_options(&tunnel, &text);
	assert_int_equal(text.error, ERR_INVALID);
	uapi_text_done(&text);
}

static bool has(const struct uapi_text *text, const char *part) {
	return text->size > 0 && memmem(text->data, text->size, part, strlen(part)) != NULL;
}

static void changes_of_options(void **state) {
	const struct config_tunnel before = server();
	struct config_tunnel after = server();
	struct uapi_text text = {0};
	plan_streams_put_changes(&before, &after, &text);
	assert_int_equal(text.size, 0);
	after.tls.certificates = "renewed\n";
	plan_streams_put_changes(&before, &after, &text);
	assert_int_equal(text.error, ERR_OK);
	assert_true(stream_options_are_there(slice_of(text.data, text.size)));
	uapi_text_done(&text);
}

static void what_takes_a_restart(void **state) {
	const struct config_tunnel before = client();
	struct config_tunnel after = client();
	assert_false(plan_streams_needs_restart(&before, &after));
	after.tls.server_name = "other.example";
	after.streams.padding = CONFIG_PADDING_NONE;
	assert_false(plan_streams_needs_restart(&before, &after));
	struct config_forward moved[2] = {forwards[0], forwards[1]};
	after.forwards = moved;
	assert_false(plan_streams_needs_restart(&before, &after));
	/* A client that runs takes no others (tunnel/stream_tunnel.h). */
	moved[0].target.port = 1;
	assert_true(plan_streams_needs_restart(&before, &after));
	moved[0] = forwards[0];
	moved[0].target.name = "elsewhere.example";
	assert_true(plan_streams_needs_restart(&before, &after));
	moved[0] = forwards[0];
	moved[0].listen.port = 1;
	assert_true(plan_streams_needs_restart(&before, &after));
	moved[0] = forwards[0];
	moved[0].protocol = CONFIG_UDP;
	assert_true(plan_streams_needs_restart(&before, &after));
	after.forwards = forwards;
	assert_false(plan_streams_needs_restart(&before, &after));
	after.proxy.listen.port = 0;
	assert_true(plan_streams_needs_restart(&before, &after));
	after = client();
	const struct prefix address = {.address.family = ADDRESS_V4, .length = 24};
	after.addresses = (struct config_prefixes){&address, 1};
	assert_true(plan_streams_needs_restart(&before, &after));
}

static void peers_lines(void **state) {
	struct config_peer before = {.name = "alice"}, after = {.name = "alice", .rules = {rules, 1}};
	struct uapi_text text = {0};
	plan_streams_put_peer(NULL, &before, &text);
	assert_true(has(&text, "name=alice\n"));
	assert_false(has(&text, "rule"));
	uapi_text_done(&text);
	assert_true(plan_streams_peers_equal(&before, &before));
	assert_false(plan_streams_peers_equal(&before, &after));
	plan_streams_put_peer(&before, &after, &text);
	assert_false(has(&text, "name"));
	assert_true(has(&text, "replace_rules=true\nrule=allow 10.1.0.0/16 tcp 22\n"));
	uapi_text_done(&text);
	plan_streams_put_peer(&after, &before, &text);
	assert_int_equal(text.size, strlen("replace_rules=true\n"));
	uapi_text_done(&text);
	plan_streams_put_peer(&after, &after, &text);
	assert_int_equal(text.size, 0);
}

/* What the device is told as a whole, and of a reload: by way of tunnel/plan.h. */
static void texts_for_the_device(void **state) {
	struct config_peer old[2] = {{.name = "alice", .public_key = {1}},
								 {.name = "bob", .public_key = {2}}};
	struct config_peer new[2] = {{.name = "alice", .public_key = {1}, .rules = {rules, 2}},
								 {.name = "bob", .public_key = {2}}};
	struct config_tunnel before = server(), after = server();
	struct uapi_text text = {0};
	before.peers = old;
	after.peers = new;
	before.peer_count = after.peer_count = 2;
	plan_device_text(&after, 0, &text);
	assert_int_equal(text.error, ERR_OK);
	assert_true(stream_options_are_there(slice_of(text.data, text.size)));
	assert_true(has(&text, "\nname=alice\nreplace_rules=true\nrule=allow 10.1.0.0/16 tcp 22\n"));
	assert_true(has(&text, "\nname=bob\n"));
	assert_false(has(&text, "listen_port"));
	uapi_text_done(&text);
	assert_int_equal(plan_device_changes(&before, &before, 0, &text), ERR_OK);
	assert_int_equal(text.size, 0);
	assert_int_equal(plan_device_changes(&before, &after, 0, &text), ERR_OK);
	assert_false(stream_options_are_there(slice_of(text.data, text.size)));
	assert_true(has(&text, "rule=deny any tcp 25\n"));
	assert_false(has(&text, "bob"));
	uapi_text_done(&text);
	assert_false(plan_needs_restart(&before, &after));
	after.listen.port++;
	assert_true(plan_needs_restart(&before, &after));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_server),
		cmocka_unit_test(a_client),
		cmocka_unit_test(without_secrets),
		cmocka_unit_test(changes_of_options),
		cmocka_unit_test(what_takes_a_restart),
		cmocka_unit_test(peers_lines),
		cmocka_unit_test(texts_for_the_device),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
