#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "decoy_site.h"
#include "proxy/site_type.h"

static void finds_files(void **state) {
	struct site *site = decoy_site_new(true);
	const struct site_file *file = site_find(site, "/a.txt", 6);
	assert_non_null(file);
	assert_false(file->is_folder);
	assert_int_equal(file->modified, DECOY_SITE_MODIFIED);
	assert_int_equal(file->content.size, 12);
	assert_memory_equal(file->content.data, "hello world\n", 12);
	assert_true(site_find(site, "/", 1)->is_folder);
	assert_true(site_find(site, "/dir", 4)->is_folder);
	assert_non_null(site_find(site, "/no index/x.css", 15));
	static const char *const none[] = {"/b", "", "/dir/", "a.txt", "/a.tx", "/a.txt2", "/\xff"};
	for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
		assert_null(site_find(site, none[i], strlen(none[i])));
	(void)site_hold(site);
	site_release(site);
	assert_non_null(site_find(site, "/a.txt", 6));
	site_release(site);
	site_release(NULL);
}

static void refuses_bad_images(void **state) {
	const struct site_file files[] = {
		{slice_of_text("/"), true, 1, {NULL, 0}},
		{slice_of_text("/a"), false, 1, slice_of_text("abc")},
	};
	struct slice image = decoy_site_image(files, 2);
	uint8_t *bytes = (uint8_t *)(uintptr_t)image.data;
	struct site *site;
	for (size_t size = 0; size < image.size; size++)
		assert_int_not_equal(site_new(slice_of(bytes, size), NULL, &site), ERR_OK);
	static const struct {
		size_t at;
		uint8_t value;
		enum err error;
	} rows[] = {
		{0, 'x', ERR_UNSUPPORTED}, {8, 1, ERR_MALFORMED},    {11, 1, ERR_TRAILING},
		{12, 2, ERR_MALFORMED},    {31, 'x', ERR_MALFORMED},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint8_t before = bytes[rows[i].at];
		bytes[rows[i].at] = rows[i].value;
		assert_int_equal(site_new(image, NULL, &site), rows[i].error);
		bytes[rows[i].at] = before;
	}
	assert_int_equal(site_new(image, NULL, &site), ERR_OK);
	site_release(site);
	free(bytes);
}

static void refuses_bad_entries(void **state) {
	static const char *const paths[] = {"",    "a",       "//",     "/a/",   "/.",
										"/..", "/a/../b", "/a/./b", "/a//b", "/a/.."};
	uint8_t *head;
	size_t size;
	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
		const struct site_file file = {slice_of_text(paths[i]), false, 1, {NULL, 0}};
		assert_int_equal(site_head(&file, 1, &head, &size), ERR_INVALID);
	}
	const struct site_file twice[] = {
		{slice_of_text("/a"), false, 1, {NULL, 0}},
		{slice_of_text("/a"), false, 1, {NULL, 0}},
	};
	assert_int_equal(site_head(twice, 2, &head, &size), ERR_INVALID);
	const struct site_file large = {slice_of_text("/a"), false, 1, {NULL, SITE_SIZE_MAX}};
	assert_int_equal(site_head(&large, 1, &head, &size), ERR_LIMIT);
	assert_int_equal(site_head(NULL, SITE_FILES_MAX + 1, &head, &size), ERR_LIMIT);
	static char path[SITE_PATH_MAX + 2];
	memset(path, 'a', sizeof path - 1);
	path[0] = '/';
	struct site_file longest = {slice_of(path, SITE_PATH_MAX), false, 1, {NULL, 0}};
	assert_int_equal(site_head(&longest, 1, &head, &size), ERR_OK);
	free(head);
	longest.path.size++;
	assert_int_equal(site_head(&longest, 1, &head, &size), ERR_INVALID);
}

static void has_one_of_its_own(void **state) {
	struct site *site;
	assert_int_equal(site_new_plain(5, &site), ERR_OK);
	const struct site_file *file = site_find(site, "/index.html", 11);
	assert_non_null(file);
	assert_int_equal(file->modified, 5);
	assert_true(file->content.size > 50);
	site_release(site);
}

static void knows_types(void **state) {
	assert_string_equal(site_type(slice_of_text("/a.html")), "text/html");
	assert_string_equal(site_type(slice_of_text("/a.b/c.JS")), "application/javascript");
	assert_string_equal(site_type(slice_of_text("/.css")), "text/css");
	assert_string_equal(site_type(slice_of_text("/a.css/x")), "application/octet-stream");
	assert_string_equal(site_type(slice_of_text("/html")), "application/octet-stream");
	assert_string_equal(site_type(slice_of_text("/a.")), "application/octet-stream");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_files),         cmocka_unit_test(refuses_bad_images),
		cmocka_unit_test(refuses_bad_entries), cmocka_unit_test(has_one_of_its_own),
		cmocka_unit_test(knows_types),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
