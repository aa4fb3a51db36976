#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/init.h"
#include "cli/init_folder.h"
#include "cli/init_shared.h"
#include "conf/all_kinds.h"

static struct config *load(const struct folder *folder) {
	char path[2 * FOLDER_PATH_SIZE];
	folder_join(folder, "umbra.yaml", path);
	const struct config_source source = {.path = path, .flags = CONFIG_SECRETS};
	struct config_errors errors;
	struct config *config;
	enum err error = config_load(&source, &config, &errors);
	if (error)
		fail_msg("%s", errors.count ? errors.lines[0] : err_text(error));
	config_errors_done(&errors);
	return config;
}

static int run(int (*command)(const struct streams *, int, char **), struct capture *capture,
			   const struct folder *folder, const char *input, const char *const *more) {
	char *arguments[FOLDER_ARGUMENTS] = {(char *)"--directory", (char *)folder->path};
	int count = 2;
	for (; *more; more++)
		arguments[count++] = (char *)*more;
	capture_init(capture, input);
	int status = command(&capture->streams, count, arguments);
	capture_done(capture);
	return status;
}
#define RUN(command, capture, folder, input, ...) \
	run(command, capture, folder, input, (const char *const[]){__VA_ARGS__, NULL})

static void check_prefix(const struct config_prefixes *prefixes, size_t i, const char *text) {
	char word[ADDRESS_TEXT_SIZE];
	assert_true(i < prefixes->count);
	prefix_format(&prefixes->items[i], word);
	assert_string_equal(word, text);
}

/* A server, and the client that its line makes, know each other. */
static void a_pair(void **state) {
	struct folder server, client;
	struct capture capture;
	struct shared_line line;
	const char *problem;
	char text[CAPTURE_SIZE];
	folder_init(&server);
	folder_init(&client);
	assert_int_equal(RUN(init_shared_server_run, &capture, &server, "", "--endpoint",
						 "vpn.example.org", "--listen", "4500", "--client", "alice", "--network",
						 "10.7.0.0/16", "--dns", "10.7.0.1"),
					 STATUS_OK);
	assert_int_equal(folder_mode(&server, "keys/vpn-alice.psk"), 0600);
	assert_int_equal(folder_mode(&server, "umbra.yaml"), 0600);
	/* One line, and nothing else on the output; and the key nowhere else. */
	assert_ptr_equal(strchr(capture.output, '\n'), capture.output + strlen(capture.output) - 1);
	assert_null(strstr(capture.error, "mighty://"));
	if (shared_line_parse(capture.output, &line, &problem))
		fail_msg("%s", problem);
	assert_string_equal(line.label, "alice");
	assert_string_equal(line.endpoints[0].host, "vpn.example.org");
	assert_int_equal(line.endpoints[0].port, 4500);
	struct config *ours = load(&server);
	const struct config_tunnel *vpn = config_find(ours, "vpn");
	assert_non_null(vpn);
	assert_true(vpn->role == CONFIG_SERVER && vpn->masquerade);
	assert_int_equal(vpn->listen.port, 4500);
	check_prefix(&vpn->addresses, 0, "10.7.0.1/16");
	check_prefix(&vpn->shared.push.routes, 0, "0.0.0.0/0");
	assert_int_equal(vpn->shared.push.dns_count, 1);
	assert_string_equal(vpn->clients.endpoint.name, "vpn.example.org");
	assert_string_equal(vpn->peers[0].name, "alice");
	check_prefix(&vpn->peers[0].allowed_ips, 0, "10.7.0.2/32");
	assert_memory_equal(vpn->peers[0].preshared_key, line.key, sizeof line.key);

	strcpy(text, capture.output);
	assert_int_equal(RUN(init_client_run, &capture, &client, text, "-"), STATUS_OK);
	assert_int_equal(folder_mode(&client, "keys/um0.psk"), 0600);
	assert_int_equal(folder_mode(&client, "umbra.yaml"), 0600);
	struct config *theirs = load(&client);
	const struct config_tunnel *um0 = config_find(theirs, "um0");
	assert_non_null(um0);
	assert_int_equal(um0->role, CONFIG_CLIENT);
	assert_memory_equal(um0->peers[0].preshared_key, line.key, sizeof line.key);
	assert_memory_equal(um0->peers[0].public_key, vpn->peers[0].public_key, TEXT_KEY_SIZE);
	assert_string_equal(um0->peers[0].endpoint.name, "vpn.example.org");
	check_prefix(&um0->routes.include, 0, "0.0.0.0/0");
	config_free(ours);
	config_free(theirs);
	folder_done(&server);
	folder_done(&client);
}

/* What leads nowhere but to the server is the server's to say. */
static void without_masquerade(void **state) {
	struct folder server, client;
	struct capture capture;
	char text[CAPTURE_SIZE];
	folder_init(&server);
	folder_init(&client);
	assert_int_equal(RUN(init_shared_server_run, &capture, &server, "", "--endpoint",
						 "[2001:db8::1]:1", "--no-masquerade", "--name", "office"),
					 STATUS_OK);
	strcpy(text, capture.output);
	struct config *ours = load(&server);
	check_prefix(&config_find(ours, "office")->shared.push.routes, 0, "10.66.0.0/24");
	assert_int_equal(RUN(init_client_run, &capture, &client, text, "-", "--name", "work"),
					 STATUS_OK);
	struct config *theirs = load(&client);
	const struct config_tunnel *work = config_find(theirs, "work");
	assert_true(work->routes.from_peers);
	assert_int_equal(work->peers[0].allowed_ips.count, 0);
	assert_string_equal(work->peers[0].endpoint.name, "2001:db8::1");
	config_free(ours);
	config_free(theirs);
	folder_done(&server);
	folder_done(&client);
}

static void beside_a_configuration(void **state) {
	struct folder folder;
	struct capture capture;
	char text[CAPTURE_SIZE];
	folder_init(&folder);
	folder_write(&folder, "umbra.yaml", "include: [tunnels/*.yaml]\n", 0600);
	assert_int_equal(RUN(init_shared_server_run, &capture, &folder, "", "--endpoint", "a.example"),
					 STATUS_OK);
	assert_true(folder_has(&folder, "tunnels/vpn.yaml"));
	strcpy(text, capture.output);
	/* One host cannot be both with the same key, and what the daemon would refuse is not made. */
	const int count = folder_count(&folder);
	assert_int_equal(RUN(init_client_run, &capture, &folder, text, "-"), STATUS_FAILED);
	assert_non_null(strstr(capture.error, "holds the key that the file at"));
	assert_non_null(strstr(capture.error, "the daemon would refuse that; nothing was made"));
	assert_int_equal(folder_count(&folder), count);
	config_free(load(&folder));
	folder_done(&folder);
}

static void refusals(void **state) {
	struct folder folder;
	struct capture capture;
	folder_init(&folder);
	static const struct {
		const char *option, *value, *text;
	} rows[] = {
		{"--endpoint", "a b", "--endpoint takes a name or an address"},
		{"--listen", "0", "--listen takes a UDP port, 1 to 65535"},
		{"--name", "a/b", "--name takes up to 15 letters"},
		{"--client", "../a", "--client takes up to 63 letters"},
		{"--network", "10.0.0.0/31", "--network takes an IPv4 network"},
		{"--dns", "x", "--dns takes up to 8 addresses"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const char *arguments[] = {rows[i].option, rows[i].value,
								   strcmp(rows[i].option, "--endpoint") ? "--endpoint" : NULL,
								   "a.example", NULL};
		assert_int_equal(run(init_shared_server_run, &capture, &folder, "", arguments),
						 STATUS_USAGE);
		assert_non_null(strstr(capture.error, rows[i].text));
	}
	assert_int_equal(folder_count(&folder), 0);
	/* A line that was mistyped makes nothing, and is repeated nowhere. */
	assert_int_equal(RUN(init_client_run, &capture, &folder,
						 "mighty://AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA@h:1?sum=12345678",
						 "-"),
					 STATUS_FAILED);
	assert_non_null(strstr(capture.error, "does not fit its sum"));
	assert_null(strstr(capture.error, "AQIDBA"));
	assert_int_equal(folder_count(&folder), 0);
	assert_int_equal(RUN(init_client_run, &capture, &folder, "", "mighty://AQID@h:1?sum=12345678"),
					 STATUS_USAGE);
	assert_non_null(strstr(capture.error, "others could see on a command line"));
	assert_null(strstr(capture.error, "AQID"));
	folder_done(&folder);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pair),
		cmocka_unit_test(beside_a_configuration),
		cmocka_unit_test(refusals),
		cmocka_unit_test(without_masquerade),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
