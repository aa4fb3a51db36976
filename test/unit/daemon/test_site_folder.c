#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/site_folder.h"
#include "proxy/site.h"

struct bench {
	char folder[32];
	char problem[SITE_FOLDER_PROBLEM_SIZE];
};

static int set_up(void **state) {
	struct bench *bench = calloc(1, sizeof *bench);
	assert_non_null(bench);
	(void)snprintf(bench->folder, sizeof bench->folder, "/tmp/umbra-site-XXXXXX");
	assert_non_null(mkdtemp(bench->folder));
	*state = bench;
	return 0;
}

static int tear_down(void **state) {
	struct bench *bench = *state;
	char command[64];
	(void)snprintf(command, sizeof command, "rm -r %s", bench->folder);
	assert_int_equal(system(command), 0);
	free(bench);
	return 0;
}

static void put(const struct bench *bench, const char *name, const char *text) {
	char path[128];
	(void)snprintf(path, sizeof path, "%s/%s", bench->folder, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void make_folder(const struct bench *bench, const char *name) {
	char path[128];
	(void)snprintf(path, sizeof path, "%s/%s", bench->folder, name);
	assert_int_equal(mkdir(path, 0755), 0);
}

static void make_link(const struct bench *bench, const char *to, const char *name) {
	char path[128];
	(void)snprintf(path, sizeof path, "%s/%s", bench->folder, name);
	assert_int_equal(symlink(to, path), 0);
}

static void expect_file(const struct site *site, const char *path, const char *text) {
	const struct site_file *file = site_find(site, path, strlen(path));
	assert_non_null(file);
	assert_false(file->is_folder);
	assert_true(file->modified > 1600000000);
	assert_int_equal(file->content.size, strlen(text));
	if (text[0])
		assert_memory_equal(file->content.data, text, strlen(text));
}

static void reads_a_folder(void **state) {
	struct bench *bench = *state;
	put(bench, "index.html", "home");
	put(bench, "empty", "");
	put(bench, ".secret", "no");
	make_folder(bench, "a");
	make_folder(bench, "a/.git");
	make_folder(bench, ".well-known");
	put(bench, ".well-known/x", "known");
	put(bench, "a/b.txt", "b");
	put(bench, "a-b", "between");
	make_link(bench, "a/b.txt", "inside");
	make_link(bench, "../index.html", "a/up");
	int descriptor;
	enum err error = site_folder_image(bench->folder, &descriptor, bench->problem);
	if (error)
		print_message("%s\n", bench->problem);
	assert_int_equal(error, ERR_OK);
	/* Nobody can change it any more. */
	assert_int_equal(write(descriptor, "x", 1), -1);
	assert_int_equal(ftruncate(descriptor, 0), -1);
	struct stat status;
	assert_int_equal(fstat(descriptor, &status), 0);
	void *image = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
	assert_ptr_not_equal(image, MAP_FAILED);
	struct site *site;
	assert_int_equal(site_new(slice_of(image, (size_t)status.st_size), NULL, &site), ERR_OK);
	expect_file(site, "/index.html", "home");
	expect_file(site, "/empty", "");
	expect_file(site, "/a/b.txt", "b");
	expect_file(site, "/a-b", "between");
	expect_file(site, "/inside", "b");
	expect_file(site, "/a/up", "home");
	expect_file(site, "/.well-known/x", "known");
	assert_true(site_find(site, "/", 1)->is_folder);
	assert_true(site_find(site, "/a", 2)->is_folder);
	assert_null(site_find(site, "/.secret", 8));
	assert_null(site_find(site, "/a/.git", 7));
	site_release(site);
	(void)munmap(image, (size_t)status.st_size);
	(void)close(descriptor);
}

static void expect_problem(struct bench *bench, const char *part) {
	int descriptor;
	assert_int_not_equal(site_folder_image(bench->folder, &descriptor, bench->problem), ERR_OK);
	if (!strstr(bench->problem, part))
		fail_msg("\"%s\" is not in \"%s\"", part, bench->problem);
	assert_non_null(strstr(bench->problem, bench->folder));
}

static void stays_inside(void **state) {
	struct bench *bench = *state;
	static const char *const out[] = {"/etc/passwd", "../../etc/passwd", "..", "/"};
	for (size_t i = 0; i < sizeof out / sizeof out[0]; i++) {
		char path[64];
		make_link(bench, out[i], "way");
		expect_problem(bench, "/way: leads out of the folder");
		(void)snprintf(path, sizeof path, "%s/way", bench->folder);
		assert_int_equal(unlink(path), 0);
	}
}

/* What only some of this host may read is not published by who may read everything. */
static void keeps_private_what_is(void **state) {
	struct bench *bench = *state;
	static const struct {
		const char *name;
		mode_t mode, good;
	} privates[] = {
		{"draft", 0640, 0604}, {"a/key", 0600, 0644}, {"a", 0700, 0755}, {"a", 0754, 0705}};
	make_folder(bench, "a");
	put(bench, "draft", "later");
	put(bench, "a/key", "secret");
	make_link(bench, "a/key", "zzz");
	for (size_t i = 0; i < sizeof privates / sizeof privates[0]; i++) {
		char path[64], part[96];
		int descriptor;
		(void)snprintf(path, sizeof path, "%s/%s", bench->folder, privates[i].name);
		(void)snprintf(part, sizeof part, "/%s: may not be read by others", privates[i].name);
		assert_int_equal(chmod(path, privates[i].mode), 0);
		expect_problem(bench, i == 1 ? "may not be read by others" : part);
		assert_int_equal(chmod(path, privates[i].good), 0);
		assert_int_equal(site_folder_image(bench->folder, &descriptor, bench->problem), ERR_OK);
		(void)close(descriptor);
	}
	/* The folder that was named is meant, whoever else may read it; mkdtemp() made it 0700. */
}

static void tells_what_is_wrong(void **state) {
	struct bench *bench = *state;
	char path[64];
	int descriptor;
	(void)snprintf(path, sizeof path, "%s/pipe", bench->folder);
	assert_int_equal(mkfifo(path, 0600), 0);
	expect_problem(bench, "/pipe: is neither a file nor a folder");
	assert_int_equal(unlink(path), 0);
	make_link(bench, ".", "round");
	assert_int_equal(chmod(bench->folder, 0755), 0);
	expect_problem(bench, "folders are too deep");
	(void)snprintf(path, sizeof path, "%s/round", bench->folder);
	assert_int_equal(unlink(path), 0);
	make_link(bench, "nowhere", "gone");
	expect_problem(bench, "/gone: not found");
	(void)snprintf(path, sizeof path, "%s/gone", bench->folder);
	assert_int_equal(unlink(path), 0);
	put(bench, "large", "");
	(void)snprintf(path, sizeof path, "%s/large", bench->folder);
	assert_int_equal(truncate(path, SITE_SIZE_MAX + 1), 0);
	expect_problem(bench, "/large: is larger than 64 MiB");
	assert_int_equal(truncate(path, SITE_SIZE_MAX), 0);
	expect_problem(bench, ": is larger than 64 MiB together");
	assert_int_equal(site_folder_image("/nowhere/at/all", &descriptor, bench->problem),
					 ERR_NOT_FOUND);
	assert_string_equal(bench->problem, "/nowhere/at/all: not found");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reads_a_folder, set_up, tear_down),
		cmocka_unit_test_setup_teardown(stays_inside, set_up, tear_down),
		cmocka_unit_test_setup_teardown(keeps_private_what_is, set_up, tear_down),
		cmocka_unit_test_setup_teardown(tells_what_is_wrong, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
