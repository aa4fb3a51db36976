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

static void parse(const char *name, const char *text, size_t size, struct wg_quick *file) {
	char error[WG_QUICK_ERROR_SIZE] = "";
	if (wg_quick_parse(text, size, file, error))
		fail_msg("%s: %s", name, error);
}

static void test_written_and_read_again(void **state) {
	for (size_t i = 0; i < WG_QUICK_SAMPLES; i++) {
		const struct wg_quick_sample *sample = &wg_quick_samples[i];
		struct wg_quick file, again;
		char *text, *twice;
		size_t size, twice_size;
		parse(sample->name, sample->text, strlen(sample->text), &file);
		assert_true(file.has_private_key && file.tunnel.peer_count > 0);
		assert_int_equal(wg_quick_format(&file.tunnel, &text, &size), ERR_OK);
		parse(sample->name, text, size, &again);
		if (!same_tunnel(&file.tunnel, &again.tunnel) || again.note_count > 0)
			fail_msg("%s became\n%s", sample->name, text);
		assert_int_equal(wg_quick_format(&again.tunnel, &twice, &twice_size), ERR_OK);
		assert_string_equal(text, twice);
		wg_quick_text_free(text, size);
		wg_quick_text_free(twice, twice_size);
		wg_quick_done(&file);
		wg_quick_done(&again);
	}
}

/* The keys go into files, which the loader is not asked to read. */
static void forget_keys(struct config_tunnel *tunnel) {
	memset(tunnel->private_key, 0, sizeof tunnel->private_key);
	for (size_t i = 0; i < tunnel->peer_count; i++)
		memset(tunnel->peers[i].preshared_key, 0, TEXT_KEY_SIZE);
}

static void load(const char *name, const char *yaml, struct config **config) {
	char text[1 << 14];
	int size = snprintf(text, sizeof text, "tunnels:\n%s", yaml);
	assert_true(size > 0 && (size_t)size < sizeof text);
	struct config_source source = {
		.path = "/nowhere/umbra.yaml", .text = text, .text_size = (size_t)size};
	struct config_errors errors;
	enum err error = config_load(&source, config, &errors);
	if (error)
		fail_msg("%s: %s in\n%s", name, errors.count ? errors.lines[0] : err_text(error), text);
	config_errors_done(&errors);
}

static void test_yaml_loads_to_the_same(void **state) {
	for (size_t i = 0; i < WG_QUICK_SAMPLES; i++) {
		const struct wg_quick_sample *sample = &wg_quick_samples[i];
		struct wg_quick file;
		char *yaml;
		size_t size;
		parse(sample->name, sample->text, strlen(sample->text), &file);
		struct config_tunnel *tunnel = &file.tunnel;
		(void)snprintf(tunnel->name, sizeof tunnel->name, "um7");
		tunnel->private_key_file = "/nowhere/um7.key";
		for (size_t j = 0; j < tunnel->peer_count; j++)
			tunnel->peers[j].preshared_key_file = j % 2 ? NULL : "/nowhere/a \"b\" \\c.psk";
		forget_keys(tunnel);
		assert_int_equal(wg_quick_to_yaml(tunnel, &yaml, &size), ERR_OK);
		assert_int_equal(strlen(yaml), size);
		struct config *config;
		load(sample->name, yaml, &config);
		const struct config_tunnel *loaded = config_find(config, "um7");
		assert_non_null(loaded);
		if (!same_tunnel(tunnel, loaded))
			fail_msg("%s became\n%s", sample->name, yaml);
		assert_string_equal(loaded->private_key_file, tunnel->private_key_file);
		for (size_t j = 0; j < tunnel->peer_count; j++)
			assert_true(same_text(tunnel->peers[j].preshared_key_file,
								  loaded->peers[j].preshared_key_file));
		config_free(config);
		wg_quick_text_free(yaml, size);
		wg_quick_done(&file);
	}
}

/* What no file of wg-quick has. */
static void test_yaml_of_a_server(void **state) {
	struct wg_quick file;
	parse("saved", wg_quick_samples[7].text, strlen(wg_quick_samples[7].text), &file);
	struct config_tunnel *tunnel = &file.tunnel;
	struct address dns[2];
	struct prefix routes[2], everything;
	assert_int_equal(address_parse("10.0.0.1", &dns[0]), ERR_OK);
	assert_int_equal(address_parse("fd00::1", &dns[1]), ERR_OK);
	assert_int_equal(prefix_parse("10.200.0.0/24", &routes[0]), ERR_OK);
	assert_int_equal(prefix_parse("fd00::/8", &routes[1]), ERR_OK);
	assert_int_equal(prefix_parse("0.0.0.0/0", &everything), ERR_OK);
	(void)snprintf(tunnel->name, sizeof tunnel->name, "um0");
	tunnel->private_key_file = "/nowhere/um0.key";
	tunnel->masquerade = tunnel->forward = true;
	tunnel->autostart = false;
	tunnel->routes.from_peers = false;
	tunnel->routes.include = (struct config_prefixes){routes, 2};
	assert_int_equal(endpoint_parse("192.0.2.1:99", &tunnel->listen), ERR_OK);
	tunnel->clients = (struct config_clients){
		.endpoint = {"2001:db8::1", 443},
		.dns = dns,
		.dns_count = 2,
		.allowed_ips = {&everything, 1},
		.persistent_keepalive = 25,
	};
	forget_keys(tunnel);
	char *yaml;
	size_t size;
	assert_int_equal(wg_quick_to_yaml(tunnel, &yaml, &size), ERR_OK);
	struct config *config;
	load("server", yaml, &config);
	const struct config_tunnel *loaded = config_find(config, "um0");
	assert_non_null(loaded);
	assert_true(same_tunnel(tunnel, loaded));
	assert_true(same_host(&tunnel->clients.endpoint, &loaded->clients.endpoint));
	assert_int_equal(loaded->clients.dns_count, 2);
	assert_true(address_equal(&dns[1], &loaded->clients.dns[1]));
	assert_true(same_prefixes(&tunnel->clients.allowed_ips, &loaded->clients.allowed_ips));
	assert_int_equal(loaded->clients.persistent_keepalive, 25);
	config_free(config);
	wg_quick_text_free(yaml, size);
	wg_quick_done(&file);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_written_and_read_again),
		cmocka_unit_test(test_yaml_loads_to_the_same),
		cmocka_unit_test(test_yaml_of_a_server),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
