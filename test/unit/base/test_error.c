#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/error.h"

static void test_every_error_has_name_and_text(void **state) {
	for (unsigned i = 0; i < ERR_COUNT; i++) {
		const char *name = err_name((enum err)i), *text = err_text((enum err)i);
		assert_non_null(name);
		assert_non_null(text);
		assert_memory_equal(name, "ERR_", 4);
		assert_true(strlen(text) > 0);
		for (unsigned j = 0; j < i; j++) {
			assert_string_not_equal(name, err_name((enum err)j));
			assert_string_not_equal(text, err_text((enum err)j));
		}
	}
}

static void test_success_is_zero(void **state) {
	assert_int_equal(ERR_OK, 0);
	assert_string_equal(err_name(ERR_OK), "ERR_OK");
	assert_string_equal(err_text(ERR_OK), "success");
}

static void test_values_out_of_range(void **state) {
	const int values[] = {ERR_COUNT, ERR_COUNT + 1, -1, 1 << 30};
	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
		assert_string_equal(err_name((enum err)values[i]), "ERR_UNKNOWN");
		assert_string_equal(err_text((enum err)values[i]), "unknown error");
	}
}

static void test_errno(void **state) {
	static const struct {
		int number;
		enum err error;
	} rows[] = {
		{0, ERR_OK},
		{ENOMEM, ERR_NO_MEMORY},
		{EINVAL, ERR_INVALID},
		{EAGAIN, ERR_AGAIN},
		{EINTR, ERR_AGAIN},
		{EADDRINUSE, ERR_ADDRESS_IN_USE},
		{EACCES, ERR_PERMISSION},
		{EPERM, ERR_PERMISSION},
		{ENOENT, ERR_NOT_FOUND},
		{EEXIST, ERR_EXISTS},
		{EBUSY, ERR_EXISTS},
		{ENODEV, ERR_NO_DEVICE},
		{ENXIO, ERR_NO_DEVICE},
		{EOPNOTSUPP, ERR_UNSUPPORTED},
		{EAFNOSUPPORT, ERR_UNSUPPORTED},
		{EPROTONOSUPPORT, ERR_UNSUPPORTED},
		{ENOPROTOOPT, ERR_UNSUPPORTED},
		{ENOSYS, ERR_UNSUPPORTED},
		{EPIPE, ERR_CLOSED},
		{ECONNRESET, ERR_CLOSED},
		{ENETUNREACH, ERR_UNREACHABLE},
		{EHOSTUNREACH, ERR_UNREACHABLE},
		{ENETDOWN, ERR_UNREACHABLE},
		{EADDRNOTAVAIL, ERR_UNREACHABLE},
		{EIO, ERR_IO},
		{ENOSPC, ERR_NO_SPACE},
		{EMFILE, ERR_TOO_MANY_FILES},
		{ENFILE, ERR_TOO_MANY_FILES},
		{EROFS, ERR_READ_ONLY},
		{ENOTDIR, ERR_WRONG_KIND},
		{EISDIR, ERR_WRONG_KIND},
		{ENOTTY, ERR_WRONG_KIND},
		{ENOTSOCK, ERR_WRONG_KIND},
		{99999, ERR_IO},
		{-1, ERR_IO},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_equal(err_from_errno(rows[i].number), rows[i].error);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_error_has_name_and_text),
		cmocka_unit_test(test_success_is_zero),
		cmocka_unit_test(test_values_out_of_range),
		cmocka_unit_test(test_errno),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
