#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "transport/http/http2_block.h"

#define FIELD(name, value)                                                             \
	{                                                                                  \
		(uint8_t *)(uintptr_t)(name), (uint8_t *)(uintptr_t)(value), sizeof(name) - 1, \
			sizeof(value) - 1, NGHTTP2_NV_FLAG_NONE                                    \
	}

/* As nginx 1.22 sent it, in hexadecimal digits. */
static void expect(struct http2_block *block, const nghttp2_nv *fields, size_t count,
				   const char *wanted) {
	uint8_t data[HTTP2_BLOCK_MAX];
	char digits[2 * 256 + 1];
	size_t size = 0;
	assert_int_equal(http2_block_encode(block, fields, count, data, &size), ERR_OK);
	assert_true(size <= 256);
	for (size_t i = 0; i < size; i++)
		(void)snprintf(digits + 2 * i, 3, "%02x", data[i]);
	assert_string_equal(digits, wanted);
}

static void test_as_nginx(void **state) {
	static const nghttp2_nv page[] = {
		FIELD(":status", "200"),
		FIELD("server", "nginx"),
		FIELD("date", "Sun, 22 Nov 2026 07:16:16 GMT"),
		FIELD("content-type", "application/octet-stream"),
		FIELD("content-length", "1"),
		FIELD("last-modified", "Sun, 22 Nov 2026 06:59:09 GMT"),
		FIELD("etag", "\"6b0292bd-1\""),
		FIELD("accept-ranges", "bytes"),
	};
	static const nghttp2_nv refusal[] = {
		FIELD(":status", "416"),
		FIELD("server", "nginx"),
		FIELD("content-length", "190"),
		FIELD("content-range", "bytes */1048576"),
	};
	struct http2_block *block;
	assert_int_equal(http2_block_new(&block), ERR_OK);
	expect(block, page, 8,
		   "887684aa6355e76196dd6d5f4a084a693f75040138a01db8172e05c53168df5f901d75d0620d263d"
		   "4c1c892a56426c28e95c01316c96dd6d5f4a084a693f75040138a01cb8dbf700fa98b46f00832a47"
		   "378afe5c8c027c51c8b07f9f008919085ad2b583aa62a3848fd24a8f");
	expect(block, refusal, 4,
		   "48033431367684aa6355e75c03313930008921ea496a4ad60ea98b8b8fd24a853e58081a79b75c");
	/* The client's table is emptied once for each word about it. */
	http2_block_resized(block);
	expect(block, refusal, 2, "2048033431367684aa6355e7");
	expect(block, refusal, 2, "48033431367684aa6355e7");
	http2_block_free(block);
}

/* What is too long is nobody's, and what was to be said first is not lost. */
static void test_limit(void **state) {
	struct http2_block *block;
	uint8_t data[HTTP2_BLOCK_MAX];
	static char value[HTTP2_BLOCK_MAX];
	size_t size = 7;
	memset(value, 'x', sizeof value);
	assert_int_equal(http2_block_new(&block), ERR_OK);
	http2_block_resized(block);
	nghttp2_nv fields[3] = {FIELD("server", ""), FIELD("a", ""), FIELD("b", "")};
	for (size_t i = 0; i < 3; i++)
		fields[i].value = (uint8_t *)value;
	fields[0].valuelen = sizeof value;
	assert_int_equal(http2_block_encode(block, fields, 1, data, &size), ERR_LIMIT);
	for (size_t i = 0; i < 3; i++)
		fields[i].valuelen = HTTP2_BLOCK_MAX / 2;
	assert_int_equal(http2_block_encode(block, fields, 3, data, &size), ERR_LIMIT);
	assert_int_equal(size, 7);
	fields[0].valuelen = 0;
	expect(block, fields, 1, "207600");
	http2_block_free(block);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_nginx),
		cmocka_unit_test(test_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
