#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "proxy/rewrite.h"

/* What a message becomes. */
static void expect(enum http1_kind kind, bool keep_alive, const char *text, const char *wanted) {
	struct http1_reader *reader = NULL;
	const struct http1_head *head = NULL;
	struct queue queue;
	struct origin origin;
	size_t taken;
	queue_init(&queue, 10000);
	assert_int_equal(http1_reader_new(kind, &reader), ERR_OK);
	assert_int_equal(http1_reader_head(reader, (const uint8_t *)text, strlen(text), &taken, &head),
					 ERR_OK);
	assert_non_null(head);
	if (kind == HTTP1_REQUEST) {
		assert_int_equal(origin_parse(head->target, &origin), ERR_OK);
		assert_int_equal(rewrite_request(head, &origin, &queue), ERR_OK);
	} else {
		assert_int_equal(rewrite_response(head, keep_alive, &queue), ERR_OK);
	}
	struct slice waiting = queue_waiting(&queue);
	assert_int_equal(waiting.size, strlen(wanted));
	assert_memory_equal(waiting.data, wanted, waiting.size);
	/* Into a queue that is too small for it: an error, not a part of it. */
	size_t size = waiting.size;
	queue_done(&queue);
	queue_init(&queue, size - 1);
	if (kind == HTTP1_REQUEST)
		assert_int_equal(rewrite_request(head, &origin, &queue), ERR_LIMIT);
	else
		assert_int_equal(rewrite_response(head, keep_alive, &queue), ERR_LIMIT);
	queue_done(&queue);
	http1_reader_free(reader);
}

static void requests(void **state) {
	expect(HTTP1_REQUEST, false, "GET http://a.de HTTP/1.1\r\n\r\n",
		   "GET / HTTP/1.1\r\nHost: a.de\r\nConnection: close\r\n\r\n");
	expect(HTTP1_REQUEST, false, "GET http://a.de?x HTTP/1.0\r\n\r\n",
		   "GET /?x HTTP/1.0\r\nHost: a.de\r\nConnection: close\r\n\r\n");
	expect(HTTP1_REQUEST, false, "OPTIONS http://a.de HTTP/1.1\r\n\r\n",
		   "OPTIONS * HTTP/1.1\r\nHost: a.de\r\nConnection: close\r\n\r\n");
	expect(HTTP1_REQUEST, false, "OPTIONS http://a.de:81/x HTTP/1.1\r\n\r\n",
		   "OPTIONS /x HTTP/1.1\r\nHost: a.de:81\r\nConnection: close\r\n\r\n");
	/* The target's name counts, not what the client says beside it. */
	expect(HTTP1_REQUEST, false,
		   "GET http://a.de/ HTTP/1.1\r\nhost: b.de\r\nA: 1\r\nHOST: c.de\r\nA: 2\r\n\r\n",
		   "GET / HTTP/1.1\r\nHost: a.de\r\nA: 1\r\nA: 2\r\nConnection: close\r\n\r\n");
}

static void hop_by_hop(void **state) {
	expect(HTTP1_REQUEST, false,
		   "POST http://a.de/ HTTP/1.1\r\n"
		   "Connection: close , one,,\ttwo\r\nconnection: THREE\r\n"
		   "One: 1\r\ntwo: 2\r\nThree: 3\r\nFour: 4\r\n"
		   "Keep-Alive: x\r\nProxy-Connection: x\r\nProxy-Authorization: x\r\n"
		   "Proxy-Authenticate: x\r\nTE: x\r\nUpgrade: x\r\nTrailer: Five\r\n"
		   "Content-Length: 3\r\n\r\n",
		   "POST / HTTP/1.1\r\nHost: a.de\r\nFour: 4\r\nTrailer: Five\r\nContent-Length: 3\r\n"
		   "Connection: close\r\n\r\n");
	/* What frames the body stays, whoever wants it gone. */
	expect(HTTP1_REQUEST, false,
		   "POST http://a.de/ HTTP/1.1\r\nConnection: content-length\r\nContent-Length: 3\r\n\r\n",
		   "POST / HTTP/1.1\r\nHost: a.de\r\nContent-Length: 3\r\nConnection: close\r\n\r\n");
	expect(HTTP1_REQUEST, false,
		   "POST http://a.de/ HTTP/1.1\r\nConnection: Transfer-Encoding\r\n"
		   "Transfer-Encoding: chunked\r\n\r\n",
		   "POST / HTTP/1.1\r\nHost: a.de\r\nTransfer-Encoding: chunked\r\n"
		   "Connection: close\r\n\r\n");
}

static void responses(void **state) {
	static const char answer[] = "HTTP/1.0 404 Not Here\r\nConnection: x-y, keep-alive\r\n"
								 "Keep-Alive: 5\r\nX-Y: 1\r\nProxy-Authenticate: Basic\r\n"
								 "Content-Length: 0\r\nEmpty:\r\n\r\n";
	expect(HTTP1_RESPONSE, true, answer,
		   "HTTP/1.1 404 Not Here\r\nContent-Length: 0\r\nEmpty: \r\n\r\n");
	expect(HTTP1_RESPONSE, false, answer,
		   "HTTP/1.1 404 Not Here\r\nContent-Length: 0\r\nEmpty: \r\nConnection: close\r\n\r\n");
	expect(HTTP1_RESPONSE, false, "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests),
		cmocka_unit_test(hop_by_hop),
		cmocka_unit_test(responses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
