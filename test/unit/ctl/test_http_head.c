#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/http_head.h"

static enum err parse(const char *text, struct http_request *out_request) {
	return http_request_parse(text, strlen(text), out_request);
}

#define HOST "Host: umbra\r\n"

static void a_request_is_taken_apart(void **state) {
	const char *text =
		"POST /v1/a%2Fb?x=1&y HTTP/1.1\r\n" HOST "content-length:  12 \r\nConnection: x, Close\r\n"
		"Expect: 100-continue\r\n\r\nbody";
	struct http_request request;
	assert_int_equal(parse(text, &request), ERR_OK);
	assert_true(http_is(request.method, "POST"));
	assert_true(http_is(request.path, "/v1/a%2Fb"));
	assert_true(http_is(request.query, "x=1&y"));
	assert_int_equal(request.size, strlen(text) - 4);
	assert_true(request.has_body_size);
	assert_int_equal(request.body_size, 12);
	assert_false(request.keep_alive);
	assert_true(request.expects_continue);
	assert_false(request.transfer_coded);
	assert_int_equal(parse("\r\nGET http://umbra/v1/x HTTP/1.0\r\n\r\n", &request), ERR_OK);
	assert_true(http_is(request.path, "/v1/x"));
	assert_int_equal(request.query.size, 0);
	assert_false(request.keep_alive);
	assert_false(request.has_body_size);
	assert_int_equal(parse("GET / HTTP/1.1\r\n" HOST "\r\n", &request), ERR_OK);
	assert_true(request.keep_alive);
	assert_int_equal(parse("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", &request), ERR_OK);
	assert_true(request.keep_alive);
	assert_int_equal(
		parse("GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", &request), ERR_OK);
	assert_true(request.transfer_coded);
}

static void every_part_of_a_request_is_no_whole_one(void **state) {
	const char *text = "\r\nGET /v1/status HTTP/1.1\r\n" HOST "A: b\r\n\r\n";
	struct http_request request;
	for (size_t size = 0; size < strlen(text); size++) {
		char *part = malloc(size + 1); /* so that a sanitizer sees reads beyond it */
		assert_non_null(part);
		memcpy(part, text, size);
		assert_int_equal(http_request_parse(part, size, &request), ERR_AGAIN);
		free(part);
	}
	assert_int_equal(parse(text, &request), ERR_OK);
}

static void what_is_odd_is_refused(void **state) {
	static const char *const bad[] = {
		"GET / HTTP/1.1\n" HOST "\r\n", /* at once, not after the last line */
		"GET / HTTP/1.1\n",
		"\x01",
		"GET / HTTP/1.1\r\n\r\n", /* no host */
		"GET / HTTP/1.1\r\n" HOST HOST "\r\n",
		"GET /\r\n" HOST "\r\n",
		"GET  / HTTP/1.1\r\n" HOST "\r\n",
		"GET / HTTP/1.1 \r\n" HOST "\r\n",
		"GET / HTTP/x.1\r\n" HOST "\r\n",
		"GET / HTTQ/1.1\r\n" HOST "\r\n",
		"G(T / HTTP/1.1\r\n" HOST "\r\n",
		" / HTTP/1.1\r\n" HOST "\r\n",
		"GET v1 HTTP/1.1\r\n" HOST "\r\n",
		"GET * HTTP/1.1\r\n" HOST "\r\n",
		"GET http://umbra HTTP/1.1\r\n" HOST "\r\n",
		"GET / HTTP/1.1\r\n" HOST "nothing\r\n\r\n",
		"GET / HTTP/1.1\r\n" HOST "A : b\r\n\r\n",
		"GET / HTTP/1.1\r\n" HOST ": b\r\n\r\n",
		"GET / HTTP/1.1\r\n" HOST "A: b\r\n folded\r\n\r\n",
		"GET / HTTP/1.1\r\n" HOST "A: b\rc\r\n\r\n",
		"GET / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n",
		"GET / HTTP/1.1\r\n" HOST "Content-Length: 1x\r\n\r\n",
		"GET / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n",
		"GET / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\n",
		"GET / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\n",
		"GET / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		"\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n",
	};
	struct http_request request;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(parse(bad[i], &request), ERR_MALFORMED);
	assert_int_equal(parse("PRI * HTTP/2.0\r\n\r\n", &request), ERR_UNSUPPORTED);
	assert_int_equal(parse("GET / HTTP/1.7\r\n" HOST "\r\n", &request), ERR_OK);
}

static void heads_have_limits(void **state) {
	static char text[HTTP_HEAD_MAX + 64];
	struct http_request request;
	int size = snprintf(text, sizeof text, "GET / HTTP/1.1\r\n" HOST "A: ");
	memset(text + size, 'a', sizeof text - (size_t)size);
	assert_int_equal(http_request_parse(text, HTTP_HEAD_MAX - 1, &request), ERR_AGAIN);
	assert_int_equal(http_request_parse(text, HTTP_HEAD_MAX, &request), ERR_LIMIT);
	memcpy(text + HTTP_HEAD_MAX - 4, "\r\n\r\n", 4);
	assert_int_equal(http_request_parse(text, sizeof text, &request), ERR_OK);
	assert_int_equal(request.size, HTTP_HEAD_MAX);
	size_t used = (size_t)snprintf(text, sizeof text, "GET / HTTP/1.1\r\n" HOST);
	for (unsigned i = 1; i < HTTP_HEADERS_MAX; i++)
		used += (size_t)snprintf(text + used, sizeof text - used, "A: %u\r\n", i);
	memcpy(text + used, "\r\n", 3);
	assert_int_equal(parse(text, &request), ERR_OK);
	memcpy(text + used, "B: 1\r\n\r\n", 9);
	assert_int_equal(parse(text, &request), ERR_LIMIT);
}

static void answers_are_taken_apart(void **state) {
	struct http_response response;
	const char *text = "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\n";
	assert_int_equal(http_response_parse(text, strlen(text), &response), ERR_OK);
	assert_int_equal(response.status, 404);
	assert_int_equal(response.body_size, 5);
	assert_true(response.has_body_size && response.keep_alive);
	assert_int_equal(response.size, strlen(text));
	static const char *const bad[] = {
		"HTTP/1.1 99 x\r\n\r\n",  "HTTP/1.1 600 x\r\n\r\n", "HTTP/1.1 2000 x\r\n\r\n",
		"HTTP/1.1 20x x\r\n\r\n", "SSH-2.0-x\r\n\r\n",      "HTTP/1.1\r\n\r\n",
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(http_response_parse(bad[i], strlen(bad[i]), &response), ERR_MALFORMED);
	assert_string_equal(http_reason(404), "Not Found");
	assert_string_equal(http_reason(299), "OK");
	assert_string_equal(http_reason(599), "Error");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_taken_apart),
		cmocka_unit_test(every_part_of_a_request_is_no_whole_one),
		cmocka_unit_test(what_is_odd_is_refused),
		cmocka_unit_test(heads_have_limits),
		cmocka_unit_test(answers_are_taken_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
