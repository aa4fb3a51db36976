#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/export.h"
#include "cli/init_folder.h"

#define KEY "gI7K6AtO4LgLcjXwh1pol7hze98JeQ94mHTugRX7y+M="
#define PEER "VDvSehwhc4Gvw7rUszbP5YqhuL69h5grixJlmLI5jts="
#define SHARED "69xDBFNWC1jkOvxB40tLAQGYT9DUoruSc2oasgpX/Sk="

static const char yaml[] = "tunnels:\n"
						   "  um0:\n"
						   "    listen: \"192.0.2.1:51820\"\n"
						   "    private_key_file: um0.key\n"
						   "    addresses: [10.66.0.1/24]\n"
						   "    masquerade: true\n"
						   "    routes: { include: [10.0.0.0/8] }\n"
						   "    clients: { dns: [10.66.0.1] }\n"
						   "    peers:\n"
						   "      - name: phone\n"
						   "        public_key: " PEER "\n"
						   "        preshared_key_file: phone.psk\n"
						   "        allowed_ips: [10.66.0.2/32]\n"
						   "  um1:\n"
						   "    private_key_file: um0.key\n"
						   "    forward: true\n";

static void prepare(struct folder *folder) {
	folder_init(folder);
	folder_write(folder, "umbra.yaml", yaml, 0600);
	folder_write(folder, "um0.key", KEY "\n", 0600);
	folder_write(folder, "phone.psk", SHARED "\n", 0600);
}

static void test_tunnel(void **state) {
	struct folder folder;
	struct capture capture;
	prepare(&folder);
	assert_int_equal(FOLDER_RUN(&folder, export_run, "", &capture, "um0", "--config=%/umbra.yaml"),
					 STATUS_OK);
	assert_string_equal(capture.output, "[Interface]\n"
										"PrivateKey = " KEY "\n"
										"Address = 10.66.0.1/24\n"
										"ListenPort = 51820\n"
										"\n"
										"[Peer]\n"
										"# Name = phone\n"
										"PublicKey = " PEER "\n"
										"PresharedKey = " SHARED "\n"
										"AllowedIPs = 10.66.0.2/32\n");
	assert_non_null(strstr(capture.error, "masquerade is not in the file"));
	assert_non_null(strstr(capture.error, "routes.include is not in the file"));
	assert_non_null(strstr(capture.error, "of listen 192.0.2.1:51820 the port alone"));
	assert_null(strstr(capture.error, "forward"));
	assert_null(strstr(capture.error, "use umask"));
	assert_int_equal(FOLDER_RUN(&folder, export_run, "", &capture, "-c", "%/umbra.yaml", "um1"),
					 STATUS_OK);
	assert_non_null(strstr(capture.error, "forward is not in the file"));
	folder_done(&folder);
}

static void test_warns_of_readers(void **state) {
	struct folder folder;
	char path[2 * FOLDER_PATH_SIZE];
	char name[] = "um0", option[] = "-c";
	char *arguments[] = {name, option, path};
	struct capture capture;
	prepare(&folder);
	folder_join(&folder, "umbra.yaml", path);
	capture_init(&capture, "");
	assert_int_equal(fchmod(capture.streams.output, 0644), 0);
	assert_int_equal(export_run(&capture.streams, 3, arguments), STATUS_OK);
	capture_done(&capture);
	assert_non_null(strstr(capture.error, "use umask"));
	folder_done(&folder);
}

static void test_refused(void **state) {
	struct folder folder;
	struct capture capture;
	prepare(&folder);
	assert_int_equal(FOLDER_RUN(&folder, export_run, "", &capture, "um9", "-c", "%/umbra.yaml"),
					 STATUS_FAILED);
	assert_non_null(strstr(capture.error, "has no tunnel um9"));
	assert_int_equal(FOLDER_RUN(&folder, export_run, "", &capture, "um0", "-c", "%/missing.yaml"),
					 STATUS_FAILED);
	assert_non_null(strstr(capture.error, "missing.yaml"));
	assert_int_equal(FOLDER_RUN(&folder, export_run, "", &capture, "-c", "%/umbra.yaml"),
					 STATUS_USAGE);
	folder_write(&folder, "um0.key", KEY "\n", 0644);
	assert_int_equal(FOLDER_RUN(&folder, export_run, "", &capture, "um0", "-c", "%/umbra.yaml"),
					 STATUS_FAILED);
	assert_non_null(strstr(capture.error, "um0.key"));
	assert_null(strstr(capture.error, KEY));
	assert_string_equal(capture.output, "");
	folder_done(&folder);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tunnel),
		cmocka_unit_test(test_warns_of_readers),
		cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
