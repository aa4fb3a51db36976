#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/http/http1_head.h"

/* One message whole: its head in short, bytes of body and of what is behind it. */
struct result {
	enum err error;
	char text[4096];
	size_t body, left;
	bool whole;
};

static void add(struct result *result, const char *before, struct slice slice) {
	size_t size = strlen(result->text);
	(void)snprintf(result->text + size, sizeof result->text - size, "%s%.*s", before,
				   (int)slice.size, slice.size > 0 ? (const char *)slice.data : "");
}

static void describe(struct result *result, const struct http1_head *head) {
	if (head->status == 0) {
		add(result, "", head->method);
		add(result, " ", head->target);
	} else {
		(void)snprintf(result->text, sizeof result->text, "%u", head->status);
		add(result, " ", head->reason);
	}
	for (size_t i = 0; i < head->field_count; i++) {
		add(result, "|", head->fields[i].name);
		add(result, "=", head->fields[i].value);
	}
	static const char *const bodies[] = {"none", "length", "chunked", "close"};
	add(result, "|", slice_of_text(bodies[head->body]));
	add(result, "", slice_of_text(head->keep_alive ? "+" : "-"));
}

/* In pieces of that many bytes, each of its own memory. */
static struct result run(enum http1_kind kind, bool skip, const void *bytes, size_t size,
						 size_t piece) {
	struct result result = {.error = ERR_OK};
	struct http1_reader *reader = NULL;
	const struct http1_head *head = NULL;
	assert_int_equal(http1_reader_new(kind, &reader), ERR_OK);
	/* What is not taken is offered again, together with what follows. */
	size_t at = 0;
	for (size_t end = 0; !result.error && !result.whole;) {
		end = end + piece < size ? end + piece : size;
		uint8_t *copy = malloc(end - at + 1);
		assert_non_null(copy);
		memcpy(copy, (const uint8_t *)bytes + at, end - at);
		size_t taken = 0, more = 0;
		if (!head) {
			result.error = http1_reader_head(reader, copy, end - at, &taken, &head);
			if (head)
				describe(&result, head);
			if (head && skip)
				http1_reader_skip_body(reader);
		}
		if (head && !result.error) {
			result.error =
				http1_reader_body(reader, copy + taken, end - at - taken, &more, &result.whole);
			result.body += more;
		}
		free(copy);
		bool is_last = end == size;
		at += taken + more;
		if (is_last)
			break;
	}
	result.left = size - at;
	http1_reader_free(reader);
	return result;
}

static void expect(enum http1_kind kind, bool skip, const char *text, const char *wanted,
				   size_t body, bool whole, const char *left) {
	for (size_t piece = 1; piece <= strlen(text); piece++) {
		struct result result = run(kind, skip, text, strlen(text), piece);
		assert_int_equal(result.error, ERR_OK);
		assert_string_equal(result.text, wanted);
		assert_int_equal(result.body, body);
		assert_int_equal(result.whole, whole);
		/* What is behind the message is looked at only once it is whole. */
		if (piece == strlen(text))
			assert_int_equal(result.left, strlen(left));
	}
}

static void refuse(enum http1_kind kind, const char *text, size_t size, enum err error) {
	for (size_t piece = 1; piece <= size; piece += size / 64 + 1)
		assert_int_equal(run(kind, false, text, size, piece).error, error);
}

static void reads_requests(void **state) {
	expect(HTTP1_REQUEST, false,
		   "GET http://example.com/a?b HTTP/1.1\r\nHost: example.com\r\nX-Empty:\r\n"
		   "X-Two:  a  b \t\r\n\r\nGET",
		   "GET http://example.com/a?b|Host=example.com|X-Empty=|X-Two=a  b|none+", 0, true, "GET");
	expect(HTTP1_REQUEST, false, "CONNECT example.com:443 HTTP/1.1\r\n\r\n\x16\x03\x01",
		   "CONNECT example.com:443|none+", 0, true, "\x16\x03\x01");
	expect(HTTP1_REQUEST, false, "\r\nPOST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhelloGET",
		   "POST /|Content-Length=5|length+", 5, true, "GET");
	expect(HTTP1_REQUEST, false, "POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhell",
		   "POST /|Content-Length=5|length-", 4, false, "");
	expect(HTTP1_REQUEST, false, "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
		   "POST /|Content-Length=0|none+", 0, true, "");
	expect(HTTP1_REQUEST, false,
		   "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
		   "5;x=y\r\nhello\r\n0\r\nTrailer: value\r\n\r\nGET",
		   "POST /|Transfer-Encoding=chunked|Connection=close|chunked-", 35, true, "GET");
	/* An upgrade that nobody follows leaves the body what it is. */
	expect(HTTP1_REQUEST, false,
		   "POST / HTTP/1.1\r\nUpgrade: x\r\nConnection: upgrade\r\n"
		   "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\nGET",
		   "POST /|Upgrade=x|Connection=upgrade|Transfer-Encoding=chunked|chunked+", 11, true,
		   "GET");
	expect(HTTP1_REQUEST, false, "GET / HTTP/1.1\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nabc",
		   "GET /|Upgrade=x|Connection=upgrade|none+", 0, true, "abc");
}

static void reads_responses(void **state) {
	expect(HTTP1_RESPONSE, false, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiX",
		   "200 OK|Content-Length=2|length+", 2, true, "X");
	expect(HTTP1_RESPONSE, false, "HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nhi",
		   "200 |Content-Length=2|length+", 2, true, "");
	expect(HTTP1_RESPONSE, false, "HTTP/1.0 200 OK\r\nA: b\r\n\r\nall of it", "200 OK|A=b|close-",
		   9, false, "");
	expect(HTTP1_RESPONSE, false, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200", "100 Continue|none+",
		   0, true, "HTTP/1.1 200");
	expect(HTTP1_RESPONSE, false, "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\nX",
		   "304 Not Modified|Content-Length=9|none+", 0, true, "X");
	expect(HTTP1_RESPONSE, false, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX",
		   "200 OK|Transfer-Encoding=chunked|chunked+", 5, true, "X");
	/* Of a request with HEAD. */
	expect(HTTP1_RESPONSE, true, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/",
		   "200 OK|Content-Length=5|length+", 0, true, "HTTP/");
}

/* What two parsers might take for different messages. */
static void refuses_what_is_ambiguous(void **state) {
	static const char *const rows[] = {
		"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
		"POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\na",
		"POST / HTTP/1.1\r\nContent-Length: 1,1\r\n\r\na",
		"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\na",
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\t\r\n\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\t\r\n\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n\r\n",
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
		"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
		"GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n",
		"GET / HTTP/1.1\r\nA: b\rC: d\r\n\r\n",
		"GET / HTTP/1.1\r\n: b\r\n\r\n",
		"GET / HTTP/1.1\r\nA b\r\n\r\n",
		"GET /\r\n\r\n",
		"GET / HTTQ/1.1\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		enum err error = run(HTTP1_REQUEST, false, rows[i], strlen(rows[i]), 1000).error;
		if (error != ERR_MALFORMED && error != ERR_INVALID)
			print_message("%s\n", rows[i]);
		assert_true(error == ERR_MALFORMED || error == ERR_INVALID);
	}
	static const char zero[] = "GET / HTTP/1.1\r\nA: b\0c\r\n\r\n";
	refuse(HTTP1_REQUEST, zero, sizeof zero - 1, ERR_MALFORMED);
	static const char method[] = "BREW / HTTP/1.1\r\n\r\n";
	refuse(HTTP1_REQUEST, method, sizeof method - 1, ERR_UNSUPPORTED);
	static const char version[] = "GET / HTTP/2.0\r\n\r\n";
	refuse(HTTP1_REQUEST, version, sizeof version - 1, ERR_INVALID);
	static const char status[] = "HTTP/1.1 020 OK\r\n\r\n";
	refuse(HTTP1_RESPONSE, status, sizeof status - 1, ERR_MALFORMED);
	static const char tab[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\t\r\n\r\n0\r\n\r\n";
	refuse(HTTP1_RESPONSE, tab, sizeof tab - 1, ERR_MALFORMED);
	static const char answer[] = "SSH-2.0-OpenSSH_9.2\r\n";
	refuse(HTTP1_RESPONSE, answer, sizeof answer - 1, ERR_MALFORMED);
}

static size_t put_together(char *text, size_t room, size_t fields, size_t size, const char *begin,
						   const char *end) {
	size_t at = (size_t)snprintf(text, room, "%s", begin);
	for (size_t i = 0; i < fields; i++) {
		at += (size_t)snprintf(text + at, room - at, "F%zu: ", i);
		memset(text + at, 'v', size);
		at += size;
		at += (size_t)snprintf(text + at, room - at, "\r\n");
	}
	return at + (size_t)snprintf(text + at, room - at, "%s", end);
}

static void has_limits(void **state) {
	static char text[4 * HTTP1_HEAD_MAX];
	static const char get[] = "GET / HTTP/1.1\r\n";
	size_t size = put_together(text, sizeof text, HTTP1_FIELDS_MAX, 8, get, "\r\n");
	assert_int_equal(run(HTTP1_REQUEST, false, text, size, size).error, ERR_OK);
	size = put_together(text, sizeof text, HTTP1_FIELDS_MAX + 1, 8, get, "\r\n");
	refuse(HTTP1_REQUEST, text, size, ERR_LIMIT);
	/* To the byte, line ends and all. */
	size_t fixed = sizeof get - 1 + strlen("F0: \r\n\r\n");
	size = put_together(text, sizeof text, 1, HTTP1_HEAD_MAX - fixed, get, "\r\n");
	assert_int_equal(size, HTTP1_HEAD_MAX);
	refuse(HTTP1_REQUEST, text, size, ERR_OK);
	size = put_together(text, sizeof text, 1, HTTP1_HEAD_MAX - fixed + 1, get, "\r\n");
	refuse(HTTP1_REQUEST, text, size, ERR_LIMIT);
	/* Without an end. */
	memset(text, 'A', sizeof text);
	memcpy(text, get, sizeof get - 1);
	refuse(HTTP1_REQUEST, text, sizeof text, ERR_LIMIT);
	memset(text, '\n', sizeof text);
	refuse(HTTP1_REQUEST, text, sizeof text, ERR_LIMIT);

	static const char chunked[] = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
	size = put_together(text, sizeof text, 2, HTTP1_TRAILER_MAX / 2 - 8, chunked, "\r\n");
	refuse(HTTP1_REQUEST, text, size, ERR_OK);
	size = put_together(text, sizeof text, 2, HTTP1_TRAILER_MAX / 2, chunked, "\r\n");
	refuse(HTTP1_REQUEST, text, size, ERR_LIMIT);
	size = put_together(text, sizeof text, 800, 0, chunked, "\r\n");
	refuse(HTTP1_REQUEST, text, size, ERR_OK);
	size = put_together(text, sizeof text, 1100, 0, chunked, "\r\n");
	refuse(HTTP1_REQUEST, text, size, ERR_LIMIT);
}

static void goes_on(void **state) {
	struct http1_reader *reader = NULL;
	const struct http1_head *head = NULL;
	static const char close[] = "GET /first HTTP/1.1\r\nA: 1\r\nA: 2\r\nConnection: close\r\n\r\n";
	static const char next[] = "GET /next HTTP/1.1\r\n\r\n";
	size_t taken, count;
	bool ended;
	assert_int_equal(http1_reader_new(HTTP1_REQUEST, &reader), ERR_OK);
	assert_false(http1_reader_has_begun(reader));
	assert_int_equal(http1_reader_head(reader, (const uint8_t *)close, 3, &taken, &head), ERR_OK);
	assert_true(http1_reader_has_begun(reader));
	/* No body without a head. */
	assert_int_equal(http1_reader_body(reader, NULL, 0, &taken, &ended), ERR_INVALID);
	assert_int_equal(
		http1_reader_head(reader, (const uint8_t *)close + 3, sizeof close - 4, &taken, &head),
		ERR_OK);
	assert_non_null(head);
	assert_int_equal(taken, sizeof close - 4);
	const struct slice *value = http1_head_field(head, "a", &count);
	assert_int_equal(count, 2);
	assert_true(http1_text_is(*value, "1"));
	assert_null(http1_head_field(head, "b", &count));
	assert_int_equal(count, 0);
	assert_int_equal(http1_reader_body(reader, NULL, 0, &taken, &ended), ERR_OK);
	assert_true(ended);
	http1_reader_next(reader);
	assert_false(http1_reader_has_begun(reader));
	assert_int_equal(
		http1_reader_head(reader, (const uint8_t *)next, sizeof next - 1, &taken, &head), ERR_OK);
	assert_non_null(head);
	assert_true(http1_text_is(head->target, "/next"));
	assert_int_equal(head->field_count, 0);
	http1_reader_free(reader);
	http1_reader_free(NULL);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_requests),
		cmocka_unit_test(reads_responses),
		cmocka_unit_test(refuses_what_is_ambiguous),
		cmocka_unit_test(has_limits),
		cmocka_unit_test(goes_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
