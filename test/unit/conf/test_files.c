#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conf/folder.h"
#include "conf/loading.h"

#define TUNNEL(name) "tunnels: { " name ": { private_key_file: k } }\n"

static const struct config_source source = {.path = "umbra.yaml"};

static void check_tunnels(const char *names) {
	struct config *config = loading_source(&source);
	char found[256] = "";
	for (size_t i = 0; i < config->tunnel_count; i++) {
		strcat(found, i > 0 ? " " : "");
		strcat(found, config->tunnels[i].name);
	}
	assert_string_equal(found, names);
	config_free(config);
}

static void test_files_that_cannot_be_read(void **state) {
	loading_refuses(&source,
					"umbra.yaml: cannot be opened: No such file or directory; \"umbra init "
					"server\" or \"umbra init client\" makes one, -c names another");
	assert_int_equal(mkdir("umbra.yaml", 0700), 0);
	loading_refuses(&source, "umbra.yaml: is no regular file; a file");
	assert_int_equal(rmdir("umbra.yaml"), 0);
	assert_int_equal(mkfifo("umbra.yaml", 0600), 0);
	loading_refuses(&source, "umbra.yaml: is no regular file; a file");
	assert_int_equal(unlink("umbra.yaml"), 0);
	folder_write("umbra.yaml", 0666, "");
	loading_refuses(&source, "umbra.yaml: can be written by every user (mode 0666); chmod o-w");
	folder_write("umbra.yaml", 0664, "");
	config_free(loading_source(&source));
	assert_int_equal(truncate("umbra.yaml", (64 << 20) + 1), 0);
	loading_refuses(&source, "umbra.yaml: is too large; at most 64 MiB in all files");
}

static void test_paths_start_at_their_files(void **state) {
	const struct folder *folder = *state;
	char expected[128];
	folder_write("umbra.yaml", 0644, "include: [./d/a.yaml]\nnode: { state_dir: s }\n");
	assert_int_equal(mkdir("d", 0700), 0);
	folder_write("d/a.yaml", 0644, TUNNEL("um0"));
	struct config *config = loading_source(&source);
	(void)snprintf(expected, sizeof expected, "%s/umbra.yaml", folder->path);
	assert_string_equal(config->path, expected);
	(void)snprintf(expected, sizeof expected, "%s/s", folder->path);
	assert_string_equal(config->node.state_dir, expected);
	(void)snprintf(expected, sizeof expected, "%s/d/k", folder->path);
	assert_string_equal(config->tunnels[0].private_key_file, expected);
	assert_string_equal(config->tunnels[0].position.file, "./d/a.yaml");
	config_free(config);
}

static void test_patterns(void **state) {
	folder_write("umbra.yaml", 0644, "include: ['d/*.yaml', last.yaml, 'none*']\n" TUNNEL("um0"));
	assert_int_equal(mkdir("d", 0700), 0);
	folder_write("d/2.yaml", 0644, TUNNEL("um2"));
	folder_write("d/1.yaml", 0644, TUNNEL("um1"));
	folder_write("d/3.yml", 0644, "no: configuration\n");
	folder_write("last.yaml", 0644, "node: { name: last }\n");
	check_tunnels("um0 um1 um2");
}

/* The folder's own name is no pattern. */
static void test_folder_with_a_star(void **state) {
	assert_int_equal(mkdir("[a]*", 0700), 0);
	folder_write("[a]*/umbra.yaml", 0644, "include: 'x*.yaml'\n");
	folder_write("[a]*/x1.yaml", 0644, TUNNEL("um1"));
	struct config *config = loading_source(&(struct config_source){.path = "[a]*/umbra.yaml"});
	assert_int_equal(config->tunnel_count, 1);
	config_free(config);
}

static void test_groups_are_joined(void **state) {
	folder_write("umbra.yaml", 0644,
				 "include: a.yaml\nnode: { name: x, log: { level: debug } }\ntunnels:\n");
	folder_write("a.yaml", 0644, "node: { log: { format: json }, shards: 2 }\n" TUNNEL("um0"));
	struct config *config = loading_source(&source);
	assert_string_equal(config->node.name, "x");
	assert_int_equal(config->node.log.level, LOG_DEBUG);
	assert_int_equal(config->node.log.format, CONFIG_LOG_JSON);
	assert_int_equal(config->node.shards.value, 2);
	assert_int_equal(config->tunnel_count, 1);
	config_free(config);
}

static void test_what_stands_in_two_files(void **state) {
	folder_write("umbra.yaml", 0644,
				 "include: a.yaml\nnode: { name: x }\n"
				 "control:\n  socket: /s\n" TUNNEL("um0"));
	folder_write("a.yaml", 0644,
				 "node:\n  name: x\ncontrol: { socket: /s }\ntunnels:\n"
				 "  um0:\n    private_key_file: k\n");
	loading_refuses(&source, "a.yaml:2: node.name: stands at umbra.yaml:2, too; in one place\n"
							 "a.yaml:3: control.socket: stands at umbra.yaml:4, too; in one place\n"
							 "a.yaml:5: tunnels.um0: stands at umbra.yaml:5, too; in one place");
}

static void test_faults_in_an_included_file(void **state) {
	assert_int_equal(mkdir("d", 0700), 0);
	folder_write("umbra.yaml", 0644, "include: d/a.yaml\nnode: { shards: 0 }\n");
	folder_write("d/a.yaml", 0644, "tunnels:\n  um0:\n    private_key_file: k\n    mtu: 5\n");
	loading_refuses(&source,
					"umbra.yaml:2: node.shards: \"0\" is out of range; auto, or 1 to 16\n"
					"d/a.yaml:4: tunnels.um0.mtu: \"5\" is out of range; auto, or 576 to 65475");
	folder_write("d/a.yaml", 0644, "tunnels: [\n");
	loading_refuses(&source, "d/a.yaml:2: no valid YAML: did not find expected node content");
}

static void test_includes_that_cannot_be(void **state) {
	folder_write("umbra.yaml", 0644,
				 "include:\n  - absent.yaml\n  - open.yaml\n  - umbra.yaml\n  - ''\n  - []\n");
	folder_write("open.yaml", 0646, "");
	loading_refuses(
		&source,
		"umbra.yaml:2: include: absent.yaml cannot be opened: No such file or directory; a file "
		"that can be read\n"
		"umbra.yaml:3: include: open.yaml can be written by every user (mode 0646); chmod o-w\n"
		"umbra.yaml:4: include: umbra.yaml is read already; each file once\n"
		"umbra.yaml:5: include: empty; a file or pattern, or a list of them\n"
		"umbra.yaml:6: include: no text; a file or pattern, or a list of them");
	folder_write("umbra.yaml", 0644, "include: { file: x }\n");
	loading_refuses(&source,
					"umbra.yaml:1: include: no text; a file or pattern, or a list of them");
}

static void test_depth(void **state) {
	for (int depth = 8; depth <= 9; depth++) {
		for (int i = 0; i <= depth; i++) {
			char name[32], text[64] = "";
			(void)snprintf(name, sizeof name, i > 0 ? "%d.yaml" : "umbra.yaml", i);
			if (i < depth)
				(void)snprintf(text, sizeof text, "include: %d.yaml\n", i + 1);
			folder_write(name, 0644, i < depth ? text : TUNNEL("deep"));
		}
		if (depth == 8)
			check_tunnels("deep");
		else
			loading_refuses(&source,
							"8.yaml:1: include: files include files deeper than 8 levels; fewer");
	}
}

static void test_too_many_files(void **state) {
	folder_write("umbra.yaml", 0644, "include: 'x*'\n");
	for (int i = 0; i < 256; i++) {
		char name[16];
		(void)snprintf(name, sizeof name, "x%03d", i);
		folder_write(name, 0644, "");
	}
	loading_refuses(&source, "umbra.yaml:1: include: x255 is one file too many; at most 256");
	assert_int_equal(unlink("x255"), 0);
	config_free(loading_source(&source));
}

#define FOLDER_TEST(function) cmocka_unit_test_setup_teardown(function, folder_enter, folder_leave)

int main(void) {
	const struct CMUnitTest tests[] = {
		FOLDER_TEST(test_files_that_cannot_be_read),
		FOLDER_TEST(test_paths_start_at_their_files),
		FOLDER_TEST(test_patterns),
		FOLDER_TEST(test_folder_with_a_star),
		FOLDER_TEST(test_groups_are_joined),
		FOLDER_TEST(test_what_stands_in_two_files),
		FOLDER_TEST(test_faults_in_an_included_file),
		FOLDER_TEST(test_includes_that_cannot_be),
		FOLDER_TEST(test_depth),
		FOLDER_TEST(test_too_many_files),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
