#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/init.h"
#include "cli/init_folder.h"
#include "cli/init_streams.h"
#include "conf/both_kinds.h"
#include "conf/config.h"
#include "crypto/certificate.h"
#include "crypto/x25519.h"

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

static void check_certificate(const struct config_tunnel *server, const struct stream_line *line,
							  const char *name) {
	struct certificate_facts facts;
	const struct slice pem = slice_of_text(server->tls.certificates);
	assert_int_equal(certificate_read(pem, &facts), ERR_OK);
	assert_true(certificate_covers(pem, name));
	assert_true(facts.self_signed);
	assert_int_equal(line->pin_count, 1);
	assert_memory_equal(facts.pin, line->pins[0], sizeof facts.pin);
}

/* A server, and the client that its line makes, know each other. */
static void a_pair(void **state) {
	struct folder server, client;
	struct capture capture;
	struct stream_line line;
	const char *problem;
	uint8_t key[TEXT_KEY_SIZE];
	folder_init(&server);
	folder_init(&client);
	assert_int_equal(RUN(init_stream_server_run, &capture, &server, "", "--endpoint",
						 "vpn.example.org:8443", "--listen", "8443", "--client", "alice", "--name",
						 "w"),
					 STATUS_OK);
	assert_int_equal(folder_mode(&server, "tls/w.key"), 0600);
	assert_int_equal(folder_mode(&server, "keys/w.key"), 0600);
	/* One line, and nothing else on the output. */
	assert_ptr_equal(strchr(capture.output, '\n'), capture.output + strlen(capture.output) - 1);
	if (stream_line_parse(capture.output, &line, &problem))
		fail_msg("%s", problem);
	assert_string_equal(line.label, "alice");
	assert_null(strstr(capture.error, "phantom://"));
	struct config *ours = load(&server);
	const struct config_tunnel *tunnel = config_find(ours, "w");
	assert_non_null(tunnel);
	assert_int_equal(tunnel->listen.port, 8443);
	assert_string_equal(tunnel->clients.endpoint.name, "vpn.example.org");
	check_certificate(tunnel, &line, "vpn.example.org");
	assert_int_equal(x25519_public(tunnel->private_key, key), ERR_OK);
	assert_memory_equal(key, line.server_key, sizeof key);
	assert_int_equal(x25519_public(line.private_key, key), ERR_OK);
	assert_memory_equal(key, tunnel->peers[0].public_key, sizeof key);
	assert_string_equal(tunnel->peers[0].name, "alice");

	char text[CAPTURE_SIZE];
	strcpy(text, capture.output);
	assert_int_equal(RUN(init_client_run, &capture, &client, text, "-"), STATUS_OK);
	assert_int_equal(folder_mode(&client, "keys/out.key"), 0600);
	struct config *theirs = load(&client);
	const struct config_tunnel *out = config_find(theirs, "out");
	assert_non_null(out);
	assert_int_equal(out->role, CONFIG_CLIENT);
	assert_memory_equal(out->private_key, line.private_key, TEXT_KEY_SIZE);
	assert_memory_equal(out->peers[0].public_key, line.server_key, TEXT_KEY_SIZE);
	assert_string_equal(out->peers[0].endpoint.name, "vpn.example.org");
	assert_int_equal(out->peers[0].endpoint.port, 8443);
	assert_int_equal(out->tls.pins.count, 1);
	assert_memory_equal(out->tls.pins.items[0].bytes, line.pins[0], TEXT_KEY_SIZE);
	assert_string_equal(out->tls.server_name, "vpn.example.org");
	assert_int_equal(out->proxy.listen.port, 1080);
	config_free(ours);
	config_free(theirs);
	folder_done(&server);
	folder_done(&client);
}

static void check_prefix(const struct config_prefixes *prefixes, size_t i, const char *text) {
	char word[ADDRESS_TEXT_SIZE];
	assert_true(i < prefixes->count);
	prefix_format(&prefixes->items[i], word);
	assert_string_equal(word, text);
}

/* With networks both have interfaces, and each knows what is the other's. */
static void a_pair_with_interfaces(void **state) {
	struct folder server, client;
	struct capture capture;
	char text[CAPTURE_SIZE];
	folder_init(&server);
	folder_init(&client);
	assert_int_equal(RUN(init_stream_server_run, &capture, &server, "", "--endpoint", "a.example",
						 "--network", "10.7.0.0/16,fd07::/64", "--dns", "10.7.0.1"),
					 STATUS_OK);
	strcpy(text, capture.output);
	struct config *ours = load(&server);
	const struct config_tunnel *web = config_find(ours, "web");
	assert_true(web->masquerade);
	check_prefix(&web->addresses, 0, "10.7.0.1/16");
	check_prefix(&web->addresses, 1, "fd07::1/64");
	check_prefix(&web->peers[0].allowed_ips, 0, "10.7.0.2/32");
	check_prefix(&web->clients.allowed_ips, 1, "::/0");
	assert_int_equal(web->clients.dns_count, 1);
	assert_int_equal(RUN(init_client_run, &capture, &client, text, "-"), STATUS_OK);
	assert_non_null(strstr(capture.output, "kill switch"));
	struct config *theirs = load(&client);
	const struct config_tunnel *out = config_find(theirs, "out");
	check_prefix(&out->addresses, 0, "10.7.0.2/32");
	check_prefix(&out->addresses, 1, "fd07::2/128");
	check_prefix(&out->peers[0].allowed_ips, 0, "0.0.0.0/0");
	check_prefix(&out->peers[0].allowed_ips, 1, "::/0");
	assert_int_equal(out->dns.server_count, 1);
	config_free(ours);
	config_free(theirs);
	folder_done(&server);
	folder_done(&client);
	/* Clients that reach their server alone leave the rest as it is. */
	folder_init(&server);
	assert_int_equal(RUN(init_stream_server_run, &capture, &server, "", "--endpoint", "a.example",
						 "--network", "10.7.0.0/16", "--no-masquerade"),
					 STATUS_OK);
	assert_non_null(strstr(capture.output, "&address=10.7.0.2&route=10.7.0.0/16#"));
	folder_done(&server);
}

/* Where there is a configuration the tunnel gets a file of its own. */
static void a_second_tunnel(void **state) {
	struct folder server, client;
	struct capture capture;
	char text[CAPTURE_SIZE];
	folder_init(&server);
	folder_init(&client);
	assert_int_equal(RUN(init_stream_server_run, &capture, &server, "", "--endpoint",
						 "[2001:db8::1]", "--server-name", "www.example.org"),
					 STATUS_OK);
	strcpy(text, capture.output);
	assert_int_equal(RUN(init_client_run, &capture, &client, text, "-"), STATUS_OK);
	assert_int_equal(RUN(init_client_run, &capture, &client, text, "-", "--name", "second"),
					 STATUS_OK);
	assert_true(folder_has(&client, "tunnels/second.yaml"));
	assert_non_null(strstr(folder_read(&client, "tunnels/second.yaml"), "../keys/second.key"));
	/* Its proxy is beside the first one's. */
	assert_non_null(strstr(capture.output, "127.0.0.1:1081 "));
	struct config *config = load(&client);
	assert_int_equal(config_find(config, "second")->proxy.listen.port, 1081);
	config_free(config);
	assert_int_equal(RUN(init_client_run, &capture, &client, text, "-", "--name", "second"),
					 STATUS_FAILED);
	assert_non_null(strstr(capture.error, "--force"));
	assert_non_null(strstr(folder_read(&client, "umbra.yaml"), "[2001:db8::1]:443"));
	assert_non_null(strstr(folder_read(&client, "umbra.yaml"), "www.example.org"));
	/* A name that another file has: the daemon would refuse all of them. */
	folder_write(&client, "tunnels/other.yaml",
				 "tunnels: {third: {protocol: wireguard, private_key_file: ../keys/out.key}}\n",
				 0600);
	const int count = folder_count(&client);
	config_free(load(&client));
	assert_int_equal(RUN(init_client_run, &capture, &client, text, "-", "--name", "third"),
					 STATUS_FAILED);
	assert_non_null(strstr(capture.error, "the daemon would refuse that; nothing was made"));
	assert_int_equal(folder_count(&client), count);
	config_free(load(&client));
	folder_done(&server);
	folder_done(&client);
}

/* Beside what there is; with force in its place. */
static void a_second_server(void **state) {
	struct folder folder;
	struct capture capture;
	folder_init(&folder);
	assert_int_equal(RUN(init_stream_server_run, &capture, &folder, "", "--endpoint", "a.example"),
					 STATUS_OK);
	assert_int_equal(RUN(init_stream_server_run, &capture, &folder, "", "--endpoint", "a.example",
						 "--listen", "8443", "--name", "second"),
					 STATUS_OK);
	assert_non_null(strstr(capture.error, "umbra reload"));
	struct config *config = load(&folder);
	assert_non_null(config_find(config, "web"));
	assert_non_null(config_find(config, "second"));
	config_free(config);
	assert_int_equal(RUN(init_stream_server_run, &capture, &folder, "", "--endpoint", "a.example",
						 "--name", "second"),
					 STATUS_FAILED);
	assert_string_equal(capture.output, "");
	folder_done(&folder);
}

static void bad_orders(void **state) {
	static const char line[] = "phantom://AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE@a:1";
	struct folder folder;
	struct capture capture;
	folder_init(&folder);
	/* A private key on the command line, which is not repeated either. */
	assert_int_equal(RUN(init_client_run, &capture, &folder, "", line), STATUS_USAGE);
	assert_non_null(strstr(capture.error, "init client -"));
	assert_null(strstr(capture.error, "AQEB"));
	assert_int_equal(RUN(init_client_run, &capture, &folder, line, "-"), STATUS_FAILED);
	assert_non_null(strstr(capture.error, "the line has no key of the server"));
	assert_null(strstr(capture.error, "AQEB"));
	assert_int_equal(RUN(init_stream_server_run, &capture, &folder, "", "--listen", "0"),
					 STATUS_USAGE);
	assert_int_equal(RUN(init_stream_server_run, &capture, &folder, "", "--name", "a/b"),
					 STATUS_USAGE);
	assert_int_equal(RUN(init_stream_server_run, &capture, &folder, "", "--endpoint", "a b"),
					 STATUS_USAGE);
	assert_int_equal(RUN(init_stream_server_run, &capture, &folder, "", "--endpoint", "a",
						 "--server-name", "a b"),
					 STATUS_USAGE);
	assert_int_equal(RUN(init_stream_server_run, &capture, &folder, "", "--endpoint", "a",
						 "--network", "10.7.0.0/31"),
					 STATUS_USAGE);
	assert_int_equal(
		RUN(init_stream_server_run, &capture, &folder, "", "--endpoint", "a", "--dns", "10.7.0.1"),
		STATUS_USAGE);
	assert_non_null(strstr(capture.error, "--dns is of clients with an interface: --network"));
	assert_false(folder_has(&folder, "umbra.yaml"));
	folder_done(&folder);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pair),          cmocka_unit_test(a_pair_with_interfaces),
		cmocka_unit_test(a_second_tunnel), cmocka_unit_test(a_second_server),
		cmocka_unit_test(bad_orders),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
