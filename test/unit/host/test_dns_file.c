#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "host/dns_file.h"
#include "host/dns_folder.h"
#include "host/dns_kept.h"

/* One test's folder, and the module as one process after the other would use it. */
struct fixture {
	struct dns_folder folder;
	struct dns_file *file;
	struct address server;
};

static const char plain[] = "nameserver 192.0.2.1\nsearch home\noptions ndots:3 trust-ad\n";

static void begin(struct fixture *f) {
	dns_folder_make(&f->folder);
	assert_int_equal(dns_file_new(f->folder.file, f->folder.state, &f->file), ERR_OK);
	assert_int_equal(address_parse("10.0.0.1", &f->server), ERR_OK);
}

static void end(struct fixture *f) {
	dns_file_free(f->file);
	dns_folder_remove(&f->folder);
}

static void hold(struct fixture *f) {
	char problem[DNS_PROBLEM_SIZE] = "";
	const struct resolv_conf_wish wish = {.servers = &f->server, .server_count = 1, .options = ""};
	if (dns_file_hold(f->file, &wish, problem))
		fail_msg("%s", problem);
	assert_true(dns_file_is_held(f->file));
	dns_check_has(f->folder.file, "\nnameserver 10.0.0.1\n");
}

static void release(struct fixture *f) {
	char problem[DNS_PROBLEM_SIZE] = "";
	if (dns_file_release(f->file, problem))
		fail_msg("%s", problem);
	assert_false(dns_file_is_held(f->file));
	assert_int_equal(access(f->folder.record, F_OK), -1);
}

/* As if the process had been killed. */
static void forget(struct fixture *f) {
	dns_file_free(f->file);
	assert_int_equal(dns_file_new(f->folder.file, f->folder.state, &f->file), ERR_OK);
}

static bool check(struct fixture *f, uint64_t now) {
	char problem[DNS_PROBLEM_SIZE] = "";
	bool changed;
	if (dns_file_check(f->file, now, &changed, problem))
		fail_msg("%s", problem);
	return changed;
}

/* Nothing is left in the folder but the file. */
static void check_alone(const struct fixture *f) {
	char command[256];
	(void)snprintf(command, sizeof command, "test \"$(ls -A %s/etc)\" = resolv.conf",
				   f->folder.path);
	assert_int_equal(system(command), 0); // NOLINT: a test's own words
}

static void test_plain(void **state) {
	struct fixture f;
	begin(&f);
	dns_write(f.folder.file, plain, sizeof plain - 1, 0640);
	hold(&f);
	dns_check_has(f.folder.file, "options ndots:3\n");
	struct stat status;
	assert_int_equal(stat(f.folder.file, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0640);
	assert_int_equal(stat(f.folder.record, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	release(&f);
	dns_check_content(f.folder.file, plain, sizeof plain - 1);
	assert_int_equal(stat(f.folder.file, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0640);
	check_alone(&f);
	release(&f); /* of nothing */
	end(&f);
}

/* Held again with something else, what was before stays what it was. */
static void test_held_twice(void **state) {
	struct fixture f;
	begin(&f);
	dns_write(f.folder.file, plain, sizeof plain - 1, 0644);
	hold(&f);
	assert_int_equal(address_parse("fd00::7", &f.server), ERR_OK);
	char problem[DNS_PROBLEM_SIZE];
	const struct resolv_conf_wish wish = {.servers = &f.server, .server_count = 1, .options = ""};
	assert_int_equal(dns_file_hold(f.file, &wish, problem), ERR_OK);
	dns_check_has(f.folder.file, "\nnameserver fd00::7\n");
	release(&f);
	dns_check_content(f.folder.file, plain, sizeof plain - 1);
	end(&f);
}

static void check_link(const struct fixture *f, const char *expected) {
	char link[128];
	ssize_t size = readlink(f->folder.file, link, sizeof link - 1);
	assert_true(size > 0);
	link[size] = '\0';
	assert_string_equal(link, expected);
}

static void test_link(void **state) {
	struct fixture f;
	char target[128];
	begin(&f);
	(void)snprintf(target, sizeof target, "%s/stub.conf", f.folder.path);
	dns_write(target, plain, sizeof plain - 1, 0644);
	assert_int_equal(symlink("../stub.conf", f.folder.file), 0);
	hold(&f);
	struct stat status;
	assert_int_equal(lstat(f.folder.file, &status), 0);
	assert_true(S_ISREG(status.st_mode));
	dns_check_content(target, plain, sizeof plain - 1);
	struct resolv_conf own;
	assert_int_equal(dns_file_own(f.file, &own), ERR_OK);
	assert_int_equal(own.server_count, 1);
	assert_int_equal(own.servers[0].address.bytes[0], 192);
	forget(&f);
	release(&f);
	check_link(&f, "../stub.conf");
	dns_check_content(f.folder.file, plain, sizeof plain - 1);
	check_alone(&f);
	end(&f);
}

static void test_link_that_leads_nowhere(void **state) {
	struct fixture f;
	begin(&f);
	assert_int_equal(symlink("/nowhere/at/all", f.folder.file), 0);
	hold(&f);
	release(&f);
	check_link(&f, "/nowhere/at/all");
	end(&f);
}

static void test_nothing_there(void **state) {
	struct fixture f;
	begin(&f);
	hold(&f);
	forget(&f);
	hold(&f);
	release(&f);
	assert_int_equal(access(f.folder.file, F_OK), -1);
	end(&f);
}

/* Every content comes back byte for byte, also after a crash. */
static void test_any_content(void **state) {
	enum { LARGE = 100 * 1024 };
	static char large[LARGE];
	static const char strange[] = "\xff\0\r\n\0umbra-kept-1 file 0 0 0 0 0\n\x80nameserver";
	for (size_t i = 0; i < LARGE; i++)
		large[i] = (char)(i * 131 + i / 251);
	const struct {
		const char *data;
		size_t size;
	} cases[] = {{"", 0}, {"\n", 1}, {strange, sizeof strange}, {large, LARGE}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct fixture f;
		begin(&f);
		dns_write(f.folder.file, cases[i].data, cases[i].size, 0644);
		hold(&f);
		forget(&f);
		if (i % 2 == 1)
			hold(&f); /* the next process holds it, too */
		release(&f);
		dns_check_content(f.folder.file, cases[i].data, cases[i].size);
		end(&f);
	}
}

static void test_too_large(void **state) {
	struct fixture f;
	char problem[DNS_PROBLEM_SIZE] = "";
	char *data = calloc(1, RESOLV_CONF_SIZE_MAX + 1);
	assert_non_null(data);
	begin(&f);
	const struct resolv_conf_wish wish = {.servers = &f.server, .server_count = 1, .options = ""};
	dns_write(f.folder.file, data, RESOLV_CONF_SIZE_MAX + 1, 0644);
	assert_int_equal(dns_file_hold(f.file, &wish, problem), ERR_LIMIT);
	assert_non_null(strstr(problem, "resolv.conf"));
	assert_false(dns_file_is_held(f.file));
	dns_check_content(f.folder.file, data, RESOLV_CONF_SIZE_MAX + 1);
	assert_int_equal(unlink(f.folder.file), 0);
	assert_int_equal(mkdir(f.folder.file, 0700), 0);
	assert_int_equal(dns_file_hold(f.file, &wish, problem), ERR_WRONG_KIND);
	end(&f);
	free(data);
}

/* Somebody else writes there meanwhile: ours comes back, theirs is what was before. */
static void test_changed_meanwhile(void **state) {
	static const char newer[] = "nameserver 198.51.100.7\noptions rotate\n";
	struct fixture f;
	begin(&f);
	dns_write(f.folder.file, plain, sizeof plain - 1, 0644);
	hold(&f);
	assert_false(check(&f, 0));
	dns_write(f.folder.file, newer, sizeof newer - 1, 0644);
	assert_true(check(&f, 1));
	dns_check_has(f.folder.file, "\nnameserver 10.0.0.1\noptions rotate\n");
	struct resolv_conf own;
	assert_int_equal(dns_file_own(f.file, &own), ERR_OK);
	assert_int_equal(own.servers[0].address.bytes[0], 198);
	forget(&f);
	release(&f);
	dns_check_content(f.folder.file, newer, sizeof newer - 1);
	/* Deleted, and replaced by a link. */
	hold(&f);
	assert_int_equal(unlink(f.folder.file), 0);
	assert_true(check(&f, 2));
	dns_check_has(f.folder.file, "\nnameserver 10.0.0.1\n");
	assert_int_equal(unlink(f.folder.file), 0);
	assert_int_equal(symlink("/nowhere", f.folder.file), 0);
	assert_true(check(&f, 3));
	release(&f);
	check_link(&f, "/nowhere");
	end(&f);
}

/* Written over ours, and nobody looked before the end: it stays. */
static void test_changed_at_the_end(void **state) {
	static const char newer[] = "nameserver 198.51.100.7\n";
	struct fixture f;
	begin(&f);
	dns_write(f.folder.file, plain, sizeof plain - 1, 0644);
	hold(&f);
	forget(&f);
	dns_write(f.folder.file, newer, sizeof newer - 1, 0644);
	release(&f);
	dns_check_content(f.folder.file, newer, sizeof newer - 1);
	end(&f);
}

/* What somebody added to ours is lost, but it is never kept as the host's own. */
static void test_ours_edited(void **state) {
	struct fixture f;
	begin(&f);
	dns_write(f.folder.file, plain, sizeof plain - 1, 0644);
	hold(&f);
	int descriptor = open(f.folder.file, O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_int_equal(write(descriptor, "nameserver 203.0.113.1\n", 23), 23);
	assert_int_equal(close(descriptor), 0);
	assert_false(check(&f, 0));
	release(&f);
	dns_check_content(f.folder.file, plain, sizeof plain - 1);
	end(&f);
}

/* Two who both want the last word do not keep the machine busy. */
static void test_fight_is_bounded(void **state) {
	struct fixture f;
	char problem[DNS_PROBLEM_SIZE] = "";
	bool changed;
	begin(&f);
	dns_write(f.folder.file, plain, sizeof plain - 1, 0644);
	hold(&f);
	for (int i = 0; i < DNS_FILE_REWRITES_MAX; i++) {
		dns_write(f.folder.file, plain, sizeof plain - 1, 0644);
		assert_true(check(&f, 61 * CLOCK_SECOND + (uint64_t)i));
	}
	dns_write(f.folder.file, plain, sizeof plain - 1, 0644);
	assert_int_equal(dns_file_check(f.file, 62 * CLOCK_SECOND, &changed, problem),
					 ERR_RATE_LIMITED);
	assert_true(check(&f, 122 * CLOCK_SECOND));
	release(&f);
	end(&f);
}

/* A crash between the record and the file, and one between the file and the record's end. */
static void test_crash_in_between(void **state) {
	struct fixture f;
	begin(&f);
	dns_write(f.folder.file, plain, sizeof plain - 1, 0644);
	struct dns_kept kept;
	assert_int_equal(dns_kept_read(f.folder.file, &kept), ERR_OK);
	assert_int_equal(dns_kept_save(f.folder.record, &kept), ERR_OK);
	release(&f);
	dns_check_content(f.folder.file, plain, sizeof plain - 1);
	hold(&f);
	dns_write(f.folder.file, plain, sizeof plain - 1, 0644); /* put back already */
	forget(&f);
	release(&f);
	dns_check_content(f.folder.file, plain, sizeof plain - 1);
	dns_kept_done(&kept);
	end(&f);
}

/* A record that cannot be read is an error, and nothing is written over. */
static void test_broken_record(void **state) {
	struct fixture f;
	char problem[DNS_PROBLEM_SIZE] = "";
	begin(&f);
	dns_write(f.folder.file, plain, sizeof plain - 1, 0644);
	dns_write(f.folder.record, "umbra-kept-1 file 644 0 0 0 9\nshort", 35, 0600);
	const struct resolv_conf_wish wish = {.servers = &f.server, .server_count = 1, .options = ""};
	assert_int_equal(dns_file_hold(f.file, &wish, problem), ERR_MALFORMED);
	assert_non_null(strstr(problem, "resolv.conf.before"));
	assert_int_equal(dns_file_release(f.file, problem), ERR_MALFORMED);
	dns_check_content(f.folder.file, plain, sizeof plain - 1);
	end(&f);
}

/* Bound over, as in containers: it cannot be renamed over, so it is written in place. */
static void in_place(void) {
	struct fixture f;
	char source[128];
	begin(&f);
	(void)snprintf(source, sizeof source, "%s/bound", f.folder.path);
	dns_write(source, plain, sizeof plain - 1, 0644);
	dns_write(f.folder.file, "", 0, 0644);
	if (mount(source, f.folder.file, NULL, MS_BIND, NULL))
		_exit(77);
	hold(&f);
	dns_check_has(source, "\nnameserver 10.0.0.1\n");
	forget(&f);
	release(&f);
	dns_check_content(source, plain, sizeof plain - 1);
	check_alone(&f);
	assert_int_equal(umount(f.folder.file), 0);
	/* A folder that is read-only, and a link in it. */
	assert_int_equal(unlink(f.folder.file), 0);
	assert_int_equal(symlink("../bound", f.folder.file), 0);
	char folder[128];
	(void)snprintf(folder, sizeof folder, "%s/etc", f.folder.path);
	assert_int_equal(mount(folder, folder, NULL, MS_BIND, NULL), 0);
	assert_int_equal(mount(NULL, folder, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL), 0);
	hold(&f);
	dns_check_has(source, "\nnameserver 10.0.0.1\n");
	check_link(&f, "../bound");
	release(&f);
	check_link(&f, "../bound");
	dns_check_content(source, plain, sizeof plain - 1);
	assert_int_equal(umount(folder), 0);
	end(&f);
}

/* In a mount namespace of its own; skipped where that is not allowed. */
static void test_in_place(void **state) {
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
			_exit(77);
		in_place();
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}

static void test_record(void **state) {
	static const struct {
		const char *text;
		size_t size;
		enum err error;
	} cases[] = {
		{"umbra-kept-1 none 0 0 0 0 0\n", 28, ERR_OK},
		{"umbra-kept-1 file 644 0 0 0 2\nab", 32, ERR_OK},
		{"umbra-kept-1 link 644 0 0 2 0\nab", 32, ERR_OK},
		{"umbra-kept-1 link 644 0 0 0 2\nab", 32, ERR_MALFORMED},
		{"umbra-kept-1 file 644 0 0 2 0\nab", 32, ERR_MALFORMED},
		{"umbra-kept-1 none 644 0 0 0 2\nab", 32, ERR_MALFORMED},
		{"umbra-kept-1 link 644 0 0 2 0\na\0", 32, ERR_MALFORMED},
		{"umbra-kept-1 file 644 0 0 0 3\nab", 32, ERR_MALFORMED},
		{"umbra-kept-1 file 644 0 0 0 1\nab", 32, ERR_MALFORMED},
		{"umbra-kept-1 pipe 644 0 0 0 2\nab", 32, ERR_MALFORMED},
		{"umbra-kept-1 file 644 0 0 0 2 3\nab", 34, ERR_MALFORMED},
		{"umbra-kept-2 file 644 0 0 0 2\nab", 32, ERR_MALFORMED},
		{"umbra-kept-1 file 99999 0 0 0 2\nab", 34, ERR_MALFORMED},
		{"", 0, ERR_MALFORMED},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct dns_kept kept = {.text = NULL};
		if (dns_kept_parse(cases[i].text, cases[i].size, &kept) != cases[i].error)
			fail_msg("%s", cases[i].text);
		dns_kept_done(&kept);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_held_twice),
		cmocka_unit_test(test_link),
		cmocka_unit_test(test_link_that_leads_nowhere),
		cmocka_unit_test(test_nothing_there),
		cmocka_unit_test(test_any_content),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_changed_meanwhile),
		cmocka_unit_test(test_changed_at_the_end),
		cmocka_unit_test(test_ours_edited),
		cmocka_unit_test(test_fight_is_bounded),
		cmocka_unit_test(test_crash_in_between),
		cmocka_unit_test(test_broken_record),
		cmocka_unit_test(test_in_place),
		cmocka_unit_test(test_record),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
