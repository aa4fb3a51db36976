/*
 * What a proxy passes on is a good message, means the same, and has nothing in it that was meant
 * for the proxy. The first byte: whether it is a response.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "expect.h"
#include "proxy/rewrite.h"

static void check_head(const struct http1_head *before, const struct http1_head *head) {
	static const char *const gone[] = {"proxy-authorization",
									   "proxy-connection",
									   "proxy-authenticate",
									   "keep-alive",
									   "te",
									   "upgrade"};
	size_t count;
	for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++)
		expect(!http1_head_field(head, gone[i], NULL));
	expect(head->body == before->body && head->length == before->length);
	expect(head->status == before->status && head->method.size == before->method.size);
	(void)http1_head_field(head, "connection", &count);
	expect(count <= 1);
	if (head->status != 0)
		return;
	(void)http1_head_field(head, "host", &count);
	expect(count == 1 && !head->keep_alive);
	expect(head->target.data[0] == '/' || head->target.data[0] == '*');
}

static void run(enum http1_kind kind, const struct http1_head *head) {
	struct queue queue;
	struct origin origin;
	queue_init(&queue, HTTP1_HEAD_MAX / 2);
	bool rewritten = kind == HTTP1_REQUEST ? !origin_parse(head->target, &origin) &&
												 !rewrite_request(head, &origin, &queue)
										   : !rewrite_response(head, head->minor > 0, &queue);
	struct slice waiting = queue_waiting(&queue);
	struct http1_reader *reader = NULL;
	expect(!http1_reader_new(kind, &reader));
	if (rewritten) {
		const struct http1_head *again = NULL;
		size_t taken;
		expect(origin.target.port != 0 || kind == HTTP1_RESPONSE);
		/* Fields that were there may be too many together with ours. */
		enum err error = http1_reader_head(reader, waiting.data, waiting.size, &taken, &again);
		expect(error ? head->field_count + 2 > HTTP1_FIELDS_MAX : again && taken == waiting.size);
		if (!error)
			check_head(head, again);
	}
	http1_reader_free(reader);
	queue_done(&queue);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct http1_reader *reader = NULL;
	const struct http1_head *head = NULL;
	size_t taken;
	if (size < 1)
		return 0;
	enum http1_kind kind = data[0] & 1 ? HTTP1_RESPONSE : HTTP1_REQUEST;
	expect(!http1_reader_new(kind, &reader));
	bool is_connect = size > 8 && memcmp(data + 1, "CONNECT", 7) == 0;
	if (!http1_reader_head(reader, data + 1, size - 1, &taken, &head) && head && !is_connect)
		run(kind, head);
	http1_reader_free(reader);
	return 0;
}
