#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/unix_listener.h"

struct folder {
	char base[32], path[48], file[64];
};

static int make_folder(void **state) {
	static struct folder folder;
	folder = (struct folder){.base = "/tmp/umbra-unit-XXXXXX"};
	if (!mkdtemp(folder.base))
		return -1;
	(void)snprintf(folder.path, sizeof folder.path, "%s/a/b", folder.base);
	(void)snprintf(folder.file, sizeof folder.file, "%s/wg0.sock", folder.path);
	*state = &folder;
	return 0;
}

static int remove_folder(void **state) {
	struct folder *folder = *state;
	(void)unlink(folder->file);
	(void)rmdir(folder->path);
	folder->path[strlen(folder->base) + 2] = '\0';
	(void)rmdir(folder->path);
	return rmdir(folder->base);
}

static int connect_to(const struct folder *folder) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	(void)snprintf(address.sun_path, sizeof address.sun_path, "%s", folder->file);
	int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(descriptor, (struct sockaddr *)&address, sizeof address) == 0)
		return descriptor;
	(void)close(descriptor);
	return -1;
}

static mode_t mode_of(const char *path) {
	struct stat status;
	return lstat(path, &status) ? 0 : status.st_mode & 0777;
}

static void test_modes_and_connections(void **state) {
	const struct folder *folder = *state;
	struct unix_listener listener;
	assert_int_equal(unix_listener_open(folder->path, "wg0.sock", &listener), ERR_OK);
	assert_int_equal(mode_of(folder->file), 0600);
	assert_int_equal(mode_of(folder->path), 0755);
	int connection;
	assert_int_equal(unix_listener_accept(&listener, &connection), ERR_AGAIN);
	int client = connect_to(folder);
	assert_true(client >= 0);
	assert_int_equal(unix_listener_accept(&listener, &connection), ERR_OK);
	assert_true(fcntl(connection, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(connection, F_GETFL) & O_NONBLOCK);
	assert_int_equal(close(connection) | close(client), 0);
	assert_false(unix_listener_gone(&listener));
	unix_listener_done(&listener);
	assert_int_equal(access(folder->file, F_OK), -1);
	unix_listener_done(&listener);
}

static void test_live_socket_stays(void **state) {
	const struct folder *folder = *state;
	struct unix_listener first, second = {.descriptor = -1};
	assert_int_equal(unix_listener_open(folder->path, "wg0.sock", &first), ERR_OK);
	assert_int_equal(unix_listener_open(folder->path, "wg0.sock", &second), ERR_EXISTS);
	assert_int_equal(second.descriptor, -1);
	assert_false(unix_listener_gone(&first));
	unix_listener_done(&first);
}

static void test_stale_socket_is_replaced(void **state) {
	const struct folder *folder = *state;
	struct unix_listener stale, listener;
	assert_int_equal(unix_listener_open(folder->path, "wg0.sock", &stale), ERR_OK);
	assert_int_equal(close(stale.descriptor) | close(stale.watch), 0);
	assert_int_equal(access(folder->file, F_OK), 0);
	assert_int_equal(unix_listener_open(folder->path, "wg0.sock", &listener), ERR_OK);
	int client = connect_to(folder);
	assert_true(client >= 0);
	assert_int_equal(close(client), 0);
	unix_listener_done(&listener);
}

static void test_other_files_are_left_alone(void **state) {
	const struct folder *folder = *state;
	struct unix_listener listener;
	assert_int_equal(unix_listener_open(folder->path, "wg0.sock", &listener), ERR_OK);
	assert_int_equal(unlink(folder->file), 0);
	assert_true(unix_listener_gone(&listener));
	/* Somebody else's file of that name is not removed at the end. */
	int file = open(folder->file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(file >= 0);
	assert_int_equal(close(file), 0);
	assert_true(unix_listener_gone(&listener));
	unix_listener_done(&listener);
	assert_int_equal(access(folder->file, F_OK), 0);
	assert_int_equal(unix_listener_open(folder->path, "wg0.sock", &listener), ERR_WRONG_KIND);
}

/* As wg(8): whatever refuses to be connected to is deleted. */
static void clean_up_for_ever(const char *path) {
	for (;;) {
		DIR *folder = opendir(path);
		struct dirent *entry;
		while (folder && (entry = readdir(folder))) {
			struct sockaddr_un address = {.sun_family = AF_UNIX};
			int size =
				snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", path, entry->d_name);
			if (size < 5 || strcmp(address.sun_path + size - 5, ".sock") != 0)
				continue;
			int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
			if (connect(probe, (struct sockaddr *)&address, sizeof address) &&
				errno == ECONNREFUSED)
				(void)unlink(address.sun_path);
			(void)close(probe);
		}
		if (folder)
			(void)closedir(folder);
	}
}

/* Nobody finds a socket that does not listen yet. */
static void test_cleaner_beside(void **state) {
	const struct folder *folder = *state;
	pid_t cleaner = fork();
	assert_true(cleaner >= 0);
	if (cleaner == 0)
		clean_up_for_ever(folder->path);
	unsigned failures = 0;
	for (unsigned i = 0; i < 1000; i++) {
		char name[24], file[80];
		struct unix_listener listener;
		(void)snprintf(name, sizeof name, "wg%u.sock", i);
		(void)snprintf(file, sizeof file, "%s/%s", folder->path, name);
		if (unix_listener_open(folder->path, name, &listener)) {
			failures++;
			continue;
		}
		failures += unix_listener_gone(&listener);
		(void)unlink(file);
		unix_listener_done(&listener);
	}
	assert_int_equal(kill(cleaner, SIGKILL), 0);
	assert_int_equal(waitpid(cleaner, NULL, 0), cleaner);
	assert_int_equal(failures, 0);
}

static void test_too_long(void **state) {
	char name[120];
	memset(name, 'a', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	struct unix_listener listener;
	assert_int_equal(unix_listener_open("/tmp", name, &listener), ERR_INVALID);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_modes_and_connections, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(test_live_socket_stays, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(test_stale_socket_is_replaced, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(test_other_files_are_left_alone, make_folder,
										remove_folder),
		cmocka_unit_test_setup_teardown(test_cleaner_beside, make_folder, remove_folder),
		cmocka_unit_test(test_too_long),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
