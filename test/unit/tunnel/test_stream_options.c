#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"
#include "tunnel/stream_options.h"

#define KEY "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"
#define COMMON "private_key=" KEY "\nshaping=2\ncookie=session\npath=/\n"
#define SERVER                                                              \
	"streams=1\nrole=server\n" COMMON "listener=carrier [::]:443\n"         \
	"certificates=YQpi\ncertificate_key=Y2Q\nstreams_max=1024\nmemory=99\n" \
	"otherwise=allow\n"
#define CLIENT                                                            \
	"streams=1\nrole=client\n" COMMON "interface=true\n"                  \
	"listener=mixed 127.0.0.1:1080\n"                                     \
	"listener=tcp 127.0.0.1:5201 10.1.1.1:5201\n"                         \
	"listener=udp [::1]:53 [2001:db8::1]:53\n"                            \
	"listener=tcp 127.0.0.1:80 example.com:80\n"                          \
	"server_name=vpn.example.org\npin=" KEY "\nroots=YQ\nconnections=2\n" \
	"user=dQ:cGFzcw\n"

static enum err decode(const char *text, struct stream_options *out_options, size_t *out_taken) {
	/* In memory of exactly that size: nothing behind the text is read. */
	size_t size = strlen(text);
	uint8_t *copy = malloc(size > 0 ? size : 1);
	assert_non_null(copy);
	memcpy(copy, text, size);
	enum err error = stream_options_decode(slice_of(copy, size), out_options, out_taken);
	free(copy);
	return error;
}

static void same_again(const struct stream_options *options, const char *expected) {
	struct uapi_text text = {0};
	stream_options_encode(options, &text);
	assert_int_equal(text.error, ERR_OK);
	assert_int_equal(text.size, strlen(expected));
	assert_memory_equal(text.data, expected, text.size);
	uapi_text_done(&text);
}

static void a_servers(void **state) {
	static const char text[] = SERVER "rule=allow 10.1.0.0/16 tcp 22\nrule=deny any tcp 25\n";
	static const char peers[] = "public_key=" KEY "\nrule=allow any\nseen=x\nadmit=1\n";
	char both[sizeof text + sizeof peers];
	struct stream_options options;
	size_t taken = 0;
	strcpy(both, text);
	strcat(both, peers);
	assert_int_equal(decode(both, &options, &taken), ERR_OK);
	assert_int_equal(taken, strlen(text));
	assert_int_equal(options.role, STREAM_SERVER);
	assert_int_equal(options.private_key[31], 0x20);
	assert_int_equal(options.shaping, 2);
	assert_string_equal(options.cookie, "session");
	assert_string_equal(options.path, "/");
	assert_false(options.interface);
	assert_int_equal(options.listener_count, 1);
	assert_int_equal(options.listeners[0].kind, STREAM_LISTENER_CARRIER);
	assert_int_equal(options.listeners[0].at.port, 443);
	assert_string_equal(options.certificates, "a\nb");
	assert_string_equal(options.certificate_key, "cd");
	assert_int_equal(options.rule_count, 2);
	assert_int_equal(options.rules[1].ports[0].first, 25);
	assert_int_equal(options.streams_max, 1024);
	assert_int_equal(options.memory, 99);
	same_again(&options, SERVER "rule=allow 10.1.0.0/16 tcp 22\nrule=deny any tcp 25\n");
	stream_options_done(&options);
	assert_true(wipe_is_zero(&options, sizeof options));
}

static void a_clients(void **state) {
	struct stream_options options;
	size_t taken = 0;
	assert_int_equal(decode(CLIENT, &options, &taken), ERR_OK);
	assert_int_equal(taken, strlen(CLIENT));
	assert_int_equal(options.role, STREAM_CLIENT);
	assert_true(options.interface);
	assert_int_equal(options.listener_count, 4);
	assert_int_equal(options.listeners[1].kind, STREAM_LISTENER_TCP);
	assert_int_equal(options.listeners[1].target.type, TARGET_V4);
	assert_false(options.listeners[1].target.udp);
	assert_true(options.listeners[2].target.udp);
	assert_int_equal(options.listeners[2].target.type, TARGET_V6);
	assert_int_equal(options.listeners[2].target.port, 53);
	assert_string_equal(options.listeners[3].target.name, "example.com");
	assert_string_equal(options.server_name, "vpn.example.org");
	assert_int_equal(options.pin_count, 1);
	assert_string_equal(options.roots, "a");
	assert_int_equal(options.connections, 2);
	assert_string_equal(options.users[0].name, "u");
	assert_string_equal(options.users[0].password, "pass");
	same_again(&options, CLIENT);
	stream_options_done(&options);
}

static void peers_alone_are_no_options(void **state) {
	assert_true(stream_options_are_there(slice_of_text(SERVER)));
	assert_false(stream_options_are_there(slice_of_text("public_key=" KEY "\n")));
	assert_false(stream_options_are_there(slice_of_text("streams=1")));
	assert_false(stream_options_are_there(slice_of(NULL, 0)));
}

/* Each of these lines is wrong at the end of what is right otherwise. */
static void bad_lines(void **state) {
	static const char *const lines[] = {
		"mtu=1280",
		"role=server",
		"listener=mixed 127.0.0.1:1080",
		"listener=carrier",
		"listener=carrier 443",
		"listener=carrier [::]:444 10.1.1.1:1",
		"listener=tcp 127.0.0.1:1",
		"listener=tcp 127.0.0.1:1 10.1.1.1",
		"listener=tcp 127.0.0.1:1 10.1.1.1:0",
		"listener= [::]:1",
		"rule=allow",
		"rule=",
		"rule=allow any tcp 25\x7f",
		"interface=false",
		"interface=1",
		"otherwise=maybe",
		"pin=00",
		"user=dQ",
		"user=dQ:",
		"user=:cA",
		"user=dQ:AA",
		"user=dQ:c=",
		"connections=0",
		"connections=7",
		"memory=0",
		"memory=1048577",
		"server_name=",
		"server_name=a b",
		"replace_peers=true",
		"x",
		"=",
		"",
	};
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		char text[1024];
		struct stream_options options;
		size_t taken = 0;
		strcpy(text, SERVER);
		strcat(text, lines[i]);
		strcat(text, "\n");
		if (decode(text, &options, &taken) != ERR_INVALID)
			fail_msg("taken: %s", lines[i]);
	}
}

/* Without any one of its lines a text is not whole. */
static void missing_lines(void **state) {
	static const char *const texts[] = {SERVER, "streams=1\nrole=client\n" COMMON
												"connections=2\nroots=YQ\n"};
	for (size_t i = 0; i < 2; i++) {
		struct stream_options options;
		size_t taken = 0;
		assert_int_equal(decode(texts[i], &options, &taken), ERR_OK);
		stream_options_done(&options);
		for (const char *line = texts[i]; *line; line = strchr(line, '\n') + 1) {
			char text[1024] = "";
			memcpy(text, texts[i], (size_t)(line - texts[i]));
			strcat(text, strchr(line, '\n') + 1);
			bool may = strncmp(line, "listener", 8) == 0 || strncmp(line, "memory", 6) == 0;
			assert_int_equal(decode(text, &options, &taken), may ? ERR_OK : ERR_INVALID);
			if (may)
				stream_options_done(&options);
		}
	}
}

static void limits(void **state) {
	static char text[1 << 16];
	struct stream_options options;
	size_t taken = 0, used = strlen(strcpy(text, SERVER));
	for (size_t i = 0; i < STREAM_RULES_MAX; i++)
		used = strlen(strcpy(text + used, "rule=allow any\n")) + used;
	assert_int_equal(decode(text, &options, &taken), ERR_OK);
	assert_int_equal(options.rule_count, STREAM_RULES_MAX);
	stream_options_done(&options);
	strcpy(text + used, "rule=allow any\n");
	assert_int_equal(decode(text, &options, &taken), ERR_LIMIT);
	used = strlen(strcpy(text, SERVER));
	for (size_t i = 1; i < STREAM_LISTENERS_MAX; i++)
		used = strlen(strcpy(text + used, "listener=carrier [::]:1\n")) + used;
	assert_int_equal(decode(text, &options, &taken), ERR_OK);
	stream_options_done(&options);
	strcpy(text + used, "listener=carrier [::]:1\n");
	assert_int_equal(decode(text, &options, &taken), ERR_INVALID);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_servers),     cmocka_unit_test(a_clients),
		cmocka_unit_test(bad_lines),     cmocka_unit_test(peers_alone_are_no_options),
		cmocka_unit_test(missing_lines), cmocka_unit_test(limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
