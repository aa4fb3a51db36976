#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "transport/http/http_cookie.h"

struct row {
	const char *field, *value; /* NULL: not found; "!": twice */
};

static void check(enum err (*find)(struct slice, const char *, struct slice *),
				  const struct row *row) {
	struct slice value = slice_of_text("untouched");
	enum err error = find(slice_of_text(row->field), "id", &value);
	enum err expected = !row->value ? ERR_NOT_FOUND : ERR_OK;
	if (row->value && row->value[0] == '!')
		expected = ERR_MALFORMED;
	const char *text = expected ? "untouched" : row->value;
	if (error != expected || value.size != strlen(text) ||
		memcmp(value.data, text, value.size) != 0)
		fail_msg("'%s': %s, '%.*s'", row->field, err_name(error), (int)value.size,
				 (const char *)value.data);
}

static void test_request(void **state) {
	static const struct row rows[] = {
		{"id=abc", "abc"},
		{"a=1; id=abc; b=2", "abc"},
		{"a=1;id=abc", "abc"},
		{" id = abc ", "abc"},
		{"id=", ""},
		{"id=a=b", "a=b"},
		{"id", NULL},
		{"", NULL},
		{";;;", NULL},
		{"ID=abc", NULL},
		{"xid=abc", NULL},
		{"idx=abc", NULL},
		{"a=id=abc", NULL},
		{"id=abc; id=abc", "!"},
		{"id=abc; a=1; id=d", "!"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		check(http_cookie_find, &rows[i]);
}

static void test_answer(void **state) {
	static const struct row rows[] = {
		{"id=abc; Path=/; Secure; HttpOnly", "abc"},
		{"id=abc", "abc"},
		{"id=", ""},
		{"other=1; id=abc", NULL},
		{"Path=/", NULL},
		{"", NULL},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		check(http_cookie_find_set, &rows[i]);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
