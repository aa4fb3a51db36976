#include "proxy/decoy_message.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/decoy_date.h"

struct slice decoy_request_field(const struct decoy_request *request, const char *name,
								 size_t *out_count) {
	struct slice found = slice_of(NULL, 0);
	size_t count = 0;
	for (size_t i = 0; i < request->field_count; i++) {
		if (!http1_text_is(request->fields[i].name, name))
			continue;
		struct slice value = request->fields[i].value;
		if (count++ == 0)
			found = value.data ? value : slice_of("", 0);
	}
	if (out_count)
		*out_count = count;
	return found;
}

bool decoy_request_is(const struct decoy_request *request, const char *method) {
	return request->method.size == strlen(method) &&
		   memcmp(request->method.data, method, request->method.size) == 0;
}

static struct slice copy_to(char **at, struct slice text) {
	char *copy = *at;
	if (text.size > 0)
		memcpy(copy, text.data, text.size);
	*at += text.size;
	return slice_of(copy, text.size);
}

enum err decoy_request_copy(const struct decoy_request *request, struct decoy_request **out_copy) {
	size_t fields = request->field_count * sizeof request->fields[0];
	size_t text = request->method.size + request->target.size + request->host.size;
	for (size_t i = 0; i < request->field_count; i++)
		text += request->fields[i].name.size + request->fields[i].value.size;
	struct decoy_request *copy = malloc(sizeof *copy + fields + text);
	if (!copy)
		return ERR_NO_MEMORY;
	*copy = *request;
	struct http1_field *list = (struct http1_field *)(void *)(copy + 1);
	char *at = (char *)(list + request->field_count);
	copy->method = copy_to(&at, request->method);
	copy->target = copy_to(&at, request->target);
	copy->host = copy_to(&at, request->host);
	for (size_t i = 0; i < request->field_count; i++) {
		list[i].name = copy_to(&at, request->fields[i].name);
		list[i].value = copy_to(&at, request->fields[i].value);
	}
	copy->fields = list;
	*out_copy = copy;
	return ERR_OK;
}

void decoy_answer_init(struct decoy_answer *answer, uint16_t status, uint64_t wall_now) {
	char date[DECOY_DATE_SIZE];
	memset(answer, 0, offsetof(struct decoy_answer, text));
	answer->status = status;
	decoy_date_format(wall_now, date);
	decoy_answer_print(answer, "Server", "nginx");
	decoy_answer_print(answer, "Date", "%s", date);
	answer->before = DECOY_FIELDS_MAX;
}

void decoy_answer_turn(struct decoy_answer *answer) {
	answer->before = answer->field_count;
}

void decoy_answer_add(struct decoy_answer *answer, struct slice name, struct slice value) {
	if (answer->field_count < DECOY_FIELDS_MAX)
		answer->fields[answer->field_count++] = (struct http1_field){name, value};
	else
		answer->too_large = true;
}

struct slice decoy_answer_keep(struct decoy_answer *answer, const char *text, size_t size) {
	if (size > sizeof answer->text - answer->text_size) {
		answer->too_large = true;
		return slice_of(NULL, 0);
	}
	char *at = answer->text + answer->text_size;
	memcpy(at, text, size);
	answer->text_size += size;
	return slice_of(at, size);
}

void decoy_answer_print(struct decoy_answer *answer, const char *name, const char *format, ...) {
	char *at = answer->text + answer->text_size;
	size_t room = sizeof answer->text - answer->text_size;
	va_list arguments;
	va_start(arguments, format);
	int size = vsnprintf(at, room, format, arguments);
	va_end(arguments);
	if (size < 0 || (size_t)size >= room) {
		answer->too_large = true;
		return;
	}
	answer->text_size += (size_t)size;
	decoy_answer_add(answer, slice_of_text(name), slice_of(at, (size_t)size));
}
