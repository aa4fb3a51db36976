#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/export.h"
#include "cli/import.h"
#include "cli/init_folder.h"
#include "conf/wg_quick.h"
#include "conf/wg_quick_same.h"
#include "conf/wg_quick_vectors.h"

#define SMALL "[Interface]\nPrivateKey = " KEY_A "\n"

static void parse(const char *name, const char *text, struct wg_quick *file) {
	char error[WG_QUICK_ERROR_SIZE] = "";
	if (wg_quick_parse(text, strlen(text), file, error))
		fail_msg("%s: %s\n%s", name, error, text);
}

/* Imported and exported again, a file says the same, keys included. */
static void test_round_trips(void **state) {
	struct folder folder;
	struct capture capture;
	folder_init(&folder);
	for (size_t i = 0; i < WG_QUICK_SAMPLES; i++) {
		const struct wg_quick_sample *sample = &wg_quick_samples[i];
		struct wg_quick before, after;
		assert_int_equal(FOLDER_RUN(&folder, import_run, sample->text, &capture, "-", "--name=um0",
									"--directory=%", "--force"),
						 STATUS_OK);
		assert_null(strstr(capture.error, "has faults"));
		parse(sample->name, sample->text, &before);
		for (size_t j = 0; j < before.note_count; j++)
			if (!strstr(capture.error, before.notes[j].text))
				fail_msg("%s: %s", sample->name, before.notes[j].text);
		assert_int_equal(FOLDER_RUN(&folder, export_run, "", &capture, "um0", "-c", "%/umbra.yaml"),
						 STATUS_OK);
		parse(sample->name, capture.output, &after);
		if (!same_tunnel(&before.tunnel, &after.tunnel))
			fail_msg("%s became\n%s", sample->name, capture.output);
		wg_quick_done(&before);
		wg_quick_done(&after);
	}
	folder_done(&folder);
}

static void test_files(void **state) {
	struct folder folder;
	struct capture capture;
	folder_init(&folder);
	folder_write(&folder, "office.conf", wg_quick_samples[4].text, 0600);
	assert_string_equal(wg_quick_samples[4].name, "server_script");
	assert_int_equal(
		FOLDER_RUN(&folder, import_run, "", &capture, "%/office.conf", "--directory=%/etc"),
		STATUS_OK);
	assert_non_null(strstr(capture.error, "/office.conf:7: PostUp is not taken over"));
	assert_non_null(strstr(capture.error, "masquerade: true does this job"));
	assert_non_null(strstr(capture.output, "tunnels/office.yaml"));
	assert_int_equal(folder_mode(&folder, "etc/tunnels"), 0700);
	assert_int_equal(folder_mode(&folder, "etc/keys/office.key"), 0600);
	assert_string_equal(folder_read(&folder, "etc/keys/office.key"), KEY_A "\n");
	assert_int_equal(folder_mode(&folder, "etc/keys/office-peer2.psk"), 0600);
	assert_string_equal(folder_read(&folder, "etc/keys/office-peer2.psk"), KEY_E "\n");
	const char *yaml = folder_read(&folder, "etc/tunnels/office.yaml");
	assert_null(strstr(yaml, KEY_A));
	assert_null(strstr(yaml, KEY_C));
	assert_non_null(strstr(yaml, "name: \"laptop_anna\""));
	assert_non_null(strstr(folder_read(&folder, "etc/umbra.yaml"), "include: [tunnels/*.yaml]"));
	/* Not twice. */
	assert_int_equal(
		FOLDER_RUN(&folder, import_run, "", &capture, "%/office.conf", "--directory=%/etc"),
		STATUS_FAILED);
	assert_non_null(strstr(capture.error, "office.yaml already; --force replaces it"));
	/* Everybody could have read the keys. */
	folder_write(&folder, "open.conf", SMALL, 0644);
	assert_int_equal(
		FOLDER_RUN(&folder, import_run, "", &capture, "%/open.conf", "--directory=%/etc"),
		STATUS_OK);
	assert_non_null(strstr(capture.error, "warning: other users may read"));
	folder_done(&folder);
}

static void test_stdout(void **state) {
	struct folder folder;
	struct capture capture;
	folder_init(&folder);
	assert_int_equal(FOLDER_RUN(&folder, import_run, wg_quick_samples[0].text, &capture, "-",
								"--stdout", "--directory=%"),
					 STATUS_OK);
	assert_int_equal(strncmp(capture.output, "tunnels:\n  um0:\n", 16), 0);
	assert_null(strstr(capture.output, KEY_A));
	assert_int_equal(folder_count(&folder), 0);
	folder_done(&folder);
}

static void test_refused(void **state) {
	static const struct {
		const char *file, *name, *message;
		int status;
	} cases[] = {
		{"[Interface]\nPrivateKey = x\n", "--name=a", "standard input: line 2: PrivateKey is not",
		 STATUS_FAILED},
		{"[Interface]\nMTU = 1400\n", "--name=a", "has no PrivateKey", STATUS_FAILED},
		{"", "--name=a", "without an [Interface]", STATUS_FAILED},
		{SMALL, "--name=a b", "a tunnel is called by", STATUS_USAGE},
		{SMALL, "--name=../../x", "a tunnel is called by", STATUS_USAGE},
		{SMALL, "--name=longer-than-15-c", "a tunnel is called by", STATUS_USAGE},
		/* What wg-quick does not mind and umbra does. */
		{SMALL "MTU = 1000\nAddress = fd00::1/64\n", "--name=a", "tunnels.a.mtu", STATUS_FAILED},
		{SMALL "Table = 255\n", "--name=a", "tunnels.a.routes.table", STATUS_FAILED},
	};
	struct folder folder;
	struct capture capture;
	folder_init(&folder);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int status = FOLDER_RUN(&folder, import_run, cases[i].file, &capture, "-", cases[i].name,
								"--directory=%");
		if (status != cases[i].status || !strstr(capture.error, cases[i].message))
			fail_msg("%zu: %d, %s", i, status, capture.error);
		assert_string_equal(capture.output, "");
		assert_int_equal(folder_count(&folder), 0);
	}
	assert_int_equal(FOLDER_RUN(&folder, import_run, "", &capture, "%/missing.conf"),
					 STATUS_FAILED);
	assert_non_null(strstr(capture.error, "missing.conf: No such file"));
	assert_int_equal(FOLDER_RUN(&folder, import_run, "", &capture, "--stdout"), STATUS_USAGE);
	folder_done(&folder);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_stdout),
		cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
