#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "proxy/connection_fields.h"

static struct http1_field field(const char *name, const char *value) {
	return (struct http1_field){slice_of_text(name), slice_of_text(value)};
}

static void test_known_and_named(void **state) {
	const struct http1_field list[] = {
		field("Connection", "close, X-One ,\tx-two"),
		field("Host", "example.org"),
		field("connection", "X-Three"),
	};
	static const char *const kept[] = {"connection", "Keep-Alive", "TE",      "upgrade",
									   "x-one",      "X-TWO",      "x-three", "close"};
	static const char *const passed[] = {"host", "x-on", "x-ones", "", "transfer-encoding"};
	struct connection_fields fields;
	assert_true(connection_fields_read(list, sizeof list / sizeof list[0], &fields));
	for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
		assert_true(connection_fields_have(&fields, slice_of_text(kept[i])));
	for (size_t i = 0; i < sizeof passed / sizeof passed[0]; i++)
		assert_false(connection_fields_have(&fields, slice_of_text(passed[i])));
}

static void test_too_many(void **state) {
	char value[2 * CONNECTION_FIELDS_MAX + 16] = "first";
	for (size_t i = 1; i < CONNECTION_FIELDS_MAX; i++)
		strcat(value, ",a");
	struct http1_field list[] = {field("Connection", value), field("Connection", " , ")};
	struct connection_fields fields;
	assert_true(connection_fields_read(list, 2, &fields));
	assert_int_equal(fields.count, CONNECTION_FIELDS_MAX);
	list[1] = field("Connection", "last");
	assert_false(connection_fields_read(list, 2, &fields));
	assert_true(connection_fields_have(&fields, slice_of_text("first")));
	assert_false(connection_fields_have(&fields, slice_of_text("last")));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_and_named),
		cmocka_unit_test(test_too_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
