/*
 * A message is understood in the same way however it is cut. The first byte: the lowest bit says
 * whether it is a response, the others how large the pieces are.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "transport/http/http1_head.h"

struct result {
	bool failed, has_head, ended;
	size_t head_size, body_size;
	unsigned long sum; /* of what the head says */
};

static unsigned long sum_of(unsigned long sum, struct slice text) {
	for (size_t i = 0; i < text.size; i++)
		sum = sum * 31 + text.data[i];
	return sum * 31 + text.size;
}

static void look(struct result *result, const struct http1_head *head) {
	expect(head->field_count <= HTTP1_FIELDS_MAX && head->minor <= 1);
	expect((head->body == HTTP1_BODY_LENGTH) == (head->length > 0));
	result->has_head = true;
	result->sum = sum_of(sum_of(sum_of(head->status, head->method), head->target), head->reason);
	result->sum = result->sum * 31 + (unsigned)head->body * 2 + head->keep_alive;
	for (size_t i = 0; i < head->field_count; i++) {
		const struct http1_field *field = &head->fields[i];
		expect(field->name.size > 0);
		for (size_t j = 0; j < field->value.size; j++)
			expect(field->value.data[j] != '\r' && field->value.data[j] != '\n' &&
				   field->value.data[j] != '\0');
		result->sum = sum_of(sum_of(result->sum, field->name), field->value);
	}
}

static void put(struct http1_reader *reader, struct result *result, const uint8_t *data,
				size_t size) {
	const struct http1_head *head = NULL;
	size_t taken = 0, more = 0;
	if (!result->has_head) {
		if (http1_reader_head(reader, data, size, &taken, &head)) {
			result->failed = true;
			return;
		}
		expect(taken <= size && (head || taken == size));
		result->head_size += taken;
		expect(result->head_size <= HTTP1_HEAD_MAX);
		if (!head)
			return;
		look(result, head);
	}
	if (http1_reader_body(reader, data + taken, size - taken, &more, &result->ended)) {
		result->failed = true;
		return;
	}
	expect(taken + more <= size && (result->ended || taken + more == size));
	result->body_size += more;
}

static struct result run(enum http1_kind kind, const uint8_t *data, size_t size, size_t piece) {
	struct result result = {.failed = false};
	struct http1_reader *reader = NULL;
	if (http1_reader_new(kind, &reader))
		abort();
	for (size_t at = 0; at < size && !result.failed && !result.ended; at += piece) {
		size_t part = size - at < piece ? size - at : piece;
		uint8_t *copy = malloc(part);
		expect(copy != NULL);
		memcpy(copy, data + at, part);
		put(reader, &result, copy, part);
		free(copy);
	}
	http1_reader_free(reader);
	return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (size < 2)
		return 0;
	enum http1_kind kind = data[0] & 1 ? HTTP1_RESPONSE : HTTP1_REQUEST;
	struct result whole = run(kind, data + 1, size - 1, size);
	struct result cut = run(kind, data + 1, size - 1, (data[0] >> 1) + 1U);
	expect(whole.failed == cut.failed && whole.ended == cut.ended);
	/* With an error later on, in the same piece, a head is still told of. */
	expect(whole.has_head == cut.has_head && whole.sum == cut.sum);
	expect(whole.failed || (whole.head_size == cut.head_size && whole.body_size == cut.body_size));
	return 0;
}
