#include "transport/http/http1_head.h"

#include <llhttp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/wipe.h"

enum {
	FIRST_ROOM = 1024,
	/* Separators and line ends, which are not in what is kept. */
	FIELD_OVERHEAD = 4,
};

/* A part of the text, which moves when it grows. */
struct part {
	uint32_t begin, size;
};

enum state { READING, BODY, ENDED, FAILED };

struct http1_reader {
	llhttp_t parser;
	enum http1_kind kind;
	enum state state;
	enum err error; /* of FAILED, or of a callback */
	bool has_begun;
	bool has_method, has_target, simple; /* of a visit */
	uint64_t left; /* of a body that has a length; bytes of trailers may be, of a chunked one */
	/* What came of a head, one behind the other. */
	char *text;
	size_t size, room;
	struct part method, target, reason;
	struct part names[HTTP1_FIELDS_MAX], values[HTTP1_FIELDS_MAX];
	size_t names_count, values_count;
	bool in_name;     /* pieces belong to the last one */
	uint8_t *content; /* for a call: where what chunks bring goes; NULL: nowhere */
	size_t content_size;
	struct http1_head head;
	struct http1_field fields[HTTP1_FIELDS_MAX];
};

static struct http1_reader *reader_of_parser(llhttp_t *parser) {
	return (struct http1_reader *)parser->data;
}

static int fail(struct http1_reader *reader, enum err error) {
	if (!reader->error)
		reader->error = error;
	return HPE_USER;
}

/* By hand, as realloc() would leave a copy that is not wiped: there may be passwords in it. */
static enum err grow(struct http1_reader *reader, size_t size) {
	if (size > HTTP1_HEAD_MAX - reader->size)
		return ERR_LIMIT;
	size_t room = reader->room > 0 ? reader->room : FIRST_ROOM;
	while (room < reader->size + size)
		room *= 2;
	if (room == reader->room)
		return ERR_OK;
	char *text = malloc(room);
	if (!text)
		return ERR_NO_MEMORY;
	if (reader->size > 0)
		memcpy(text, reader->text, reader->size);
	wipe(reader->text, reader->room);
	free(reader->text);
	reader->text = text;
	reader->room = room;
	return ERR_OK;
}

/* The part is the last one of the text, or a new one. */
static int add(struct http1_reader *reader, struct part *part, const char *at, size_t size) {
	enum err error = grow(reader, size);
	if (error)
		return fail(reader, error);
	if (part->size == 0)
		part->begin = (uint32_t)reader->size;
	if (size > 0)
		memcpy(reader->text + reader->size, at, size);
	reader->size += size;
	part->size += (uint32_t)size;
	return 0;
}

static int on_url(llhttp_t *parser, const char *at, size_t size) {
	struct http1_reader *reader = reader_of_parser(parser);
	return add(reader, &reader->target, at, size);
}

/* HTTP/0.9 ends here; a later version is not known yet. */
static int on_url_complete(llhttp_t *parser) {
	struct http1_reader *reader = reader_of_parser(parser);
	reader->has_target = true;
	reader->simple = reader->kind == HTTP1_VISIT && parser->http_minor == 9;
	return reader->simple ? HPE_PAUSED : 0;
}

static int on_status(llhttp_t *parser, const char *at, size_t size) {
	struct http1_reader *reader = reader_of_parser(parser);
	return add(reader, &reader->reason, at, size);
}

/* Of a trailer: it goes on with the body, and is only counted. */
static int count_trailer(struct http1_reader *reader, size_t size) {
	if (reader->left + size > HTTP1_TRAILER_MAX)
		return fail(reader, ERR_LIMIT);
	reader->left += size;
	return 0;
}

static int on_name(llhttp_t *parser, const char *at, size_t size) {
	struct http1_reader *reader = reader_of_parser(parser);
	if (reader->state != READING)
		return count_trailer(reader, size);
	if (!reader->in_name) {
		if (reader->names_count == HTTP1_FIELDS_MAX)
			return fail(reader, ERR_LIMIT);
		reader->names_count++;
		reader->in_name = true;
	}
	return add(reader, &reader->names[reader->names_count - 1], at, size);
}

static int on_name_complete(llhttp_t *parser) {
	reader_of_parser(parser)->in_name = false;
	return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t size) {
	struct http1_reader *reader = reader_of_parser(parser);
	if (reader->state != READING)
		return count_trailer(reader, size);
	if (reader->values_count >= reader->names_count)
		return fail(reader, ERR_MALFORMED);
	return add(reader, &reader->values[reader->values_count], at, size);
}

/* Comes for empty values as well. */
static int on_value_complete(llhttp_t *parser) {
	struct http1_reader *reader = reader_of_parser(parser);
	if (reader->state != READING)
		return count_trailer(reader, FIELD_OVERHEAD);
	reader->values_count++;
	return 0;
}

static int pause_parser(llhttp_t *parser) {
	return HPE_PAUSED;
}

static int on_body(llhttp_t *parser, const char *at, size_t size) {
	struct http1_reader *reader = reader_of_parser(parser);
	if (reader->content && size > 0)
		memcpy(reader->content + reader->content_size, at, size);
	reader->content_size += size;
	return 0;
}

static const llhttp_settings_t settings = {
	.on_url = on_url,
	.on_url_complete = on_url_complete,
	.on_status = on_status,
	.on_header_field = on_name,
	.on_header_field_complete = on_name_complete,
	.on_header_value = on_value,
	.on_header_value_complete = on_value_complete,
	.on_headers_complete = pause_parser,
	.on_body = on_body,
	.on_message_complete = pause_parser,
};

static void begin(struct http1_reader *reader) {
	llhttp_init(&reader->parser, reader->kind == HTTP1_RESPONSE ? HTTP_RESPONSE : HTTP_REQUEST,
				&settings);
	llhttp_set_lenient_version(&reader->parser, reader->kind == HTTP1_VISIT);
	reader->parser.data = reader;
}

enum err http1_reader_new(enum http1_kind kind, struct http1_reader **out_reader) {
	struct http1_reader *reader = calloc(1, sizeof *reader);
	if (!reader)
		return ERR_NO_MEMORY;
	reader->kind = kind;
	begin(reader);
	*out_reader = reader;
	return ERR_OK;
}

void http1_reader_free(struct http1_reader *reader) {
	if (!reader)
		return;
	wipe(reader->text, reader->room);
	free(reader->text);
	free(reader);
}

size_t http1_reader_held(const struct http1_reader *reader) {
	return reader ? sizeof *reader + reader->room : 0;
}

void http1_reader_next(struct http1_reader *reader) {
	wipe(reader->text, reader->size);
	/* Not llhttp_reset(): after "Connection: close" it would take no other message. */
	begin(reader);
	reader->state = READING;
	reader->error = ERR_OK;
	reader->has_begun = reader->has_method = reader->has_target = reader->simple = false;
	reader->size = reader->left = 0;
	reader->method = reader->target = reader->reason = (struct part){0, 0};
	memset(reader->names, 0, sizeof reader->names);
	memset(reader->values, 0, sizeof reader->values);
	reader->names_count = reader->values_count = 0;
	reader->in_name = false;
	reader->head = (struct http1_head){.fields = NULL};
}

bool http1_reader_has_begun(const struct http1_reader *reader) {
	return reader->has_begun;
}

static struct slice slice_of_part(const struct http1_reader *reader, struct part part) {
	return part.size > 0 ? slice_of(reader->text + part.begin, part.size) : slice_of(NULL, 0);
}

static bool is_blank(uint8_t byte) {
	return byte == ' ' || byte == '\t';
}

static struct slice trimmed(struct slice text) {
	while (text.size > 0 && is_blank(text.data[text.size - 1]))
		text.size--;
	while (text.size > 0 && is_blank(text.data[0]))
		text = slice_of(text.data + 1, text.size - 1);
	return text;
}

/* Controls that would end a line or a text where it is written anew. */
static bool is_line(struct slice text) {
	for (size_t i = 0; i < text.size; i++)
		if (text.data[i] == '\r' || text.data[i] == '\n' || text.data[i] == '\0')
			return false;
	return true;
}

static void find_body(struct http1_reader *reader, struct http1_head *head) {
	const llhttp_t *parser = &reader->parser;
	bool is_response = parser->type == HTTP_RESPONSE;
	bool is_bare = is_response
					   ? head->status / 100 == 1 || head->status == 204 || head->status == 304
					   : parser->method == HTTP_CONNECT;
	if (is_bare)
		head->body = HTTP1_BODY_NONE;
	else if (parser->flags & F_CHUNKED)
		head->body = HTTP1_BODY_CHUNKED;
	else if (is_response && llhttp_message_needs_eof(parser))
		head->body = HTTP1_BODY_CLOSE;
	else if (parser->content_length > 0 && (parser->flags & F_CONTENT_LENGTH))
		head->body = HTTP1_BODY_LENGTH;
	head->length = head->body == HTTP1_BODY_LENGTH ? parser->content_length : 0;
	reader->left = head->length;
}

/* Whether the body is in chunks, as anybody would say who reads the fields by RFC 9112. */
static bool says_chunked(const struct http1_reader *reader, const struct http1_head *head) {
	struct slice last = slice_of(NULL, 0);
	for (size_t i = 0; i < head->field_count; i++)
		if (http1_text_is(reader->fields[i].name, "transfer-encoding"))
			last = reader->fields[i].value;
	for (size_t i = last.size; i > 0; i--)
		if (last.data[i - 1] == ',')
			return http1_text_is(trimmed(slice_of(last.data + i, last.size - i)), "chunked");
	return http1_text_is(last, "chunked");
}

static enum err finish_head(struct http1_reader *reader) {
	const llhttp_t *parser = &reader->parser;
	struct http1_head head = {
		.minor = reader->simple ? 0 : parser->http_minor,
		.simple = reader->simple,
		.target = slice_of_part(reader, reader->target),
		.reason = slice_of_part(reader, reader->reason),
		.status = parser->status_code,
		.fields = reader->fields,
		.field_count = reader->names_count,
		.keep_alive = llhttp_should_keep_alive(parser) != 0,
	};
	if (!reader->simple &&
		(parser->http_major != 1 || (reader->kind != HTTP1_VISIT && parser->http_minor > 1)))
		return reader->kind == HTTP1_VISIT ? ERR_MALFORMED : ERR_INVALID;
	if (reader->values_count != reader->names_count || !is_line(head.target) ||
		!is_line(head.reason) || (parser->type == HTTP_RESPONSE && head.status < 100))
		return ERR_MALFORMED;
	if (reader->kind == HTTP1_VISIT)
		head.method = slice_of_part(reader, reader->method);
	else if (reader->kind == HTTP1_REQUEST)
		head.method = slice_of_text(llhttp_method_name((llhttp_method_t)parser->method));
	for (size_t i = 0; i < head.field_count; i++) {
		struct slice name = slice_of_part(reader, reader->names[i]);
		struct slice value = trimmed(slice_of_part(reader, reader->values[i]));
		if (name.size == 0 || !is_line(value))
			return ERR_MALFORMED;
		reader->fields[i] = (struct http1_field){name, value};
	}
	/* The library takes "chunked" with a tab behind it for another coding; others do not. */
	if (says_chunked(reader, &head) != ((parser->flags & F_CHUNKED) != 0))
		return ERR_MALFORMED;
	find_body(reader, &head);
	reader->head = head;
	return ERR_OK;
}

static enum err error_of(const struct http1_reader *reader, llhttp_errno_t found) {
	if (reader->error)
		return reader->error;
	switch (found) {
	case HPE_INVALID_METHOD:
		return ERR_UNSUPPORTED;
	case HPE_INVALID_VERSION:
		return reader->kind == HTTP1_VISIT ? ERR_MALFORMED : ERR_INVALID;
	default:
		return ERR_MALFORMED;
	}
}

static enum err give_up(struct http1_reader *reader, enum err error) {
	reader->state = FAILED;
	reader->error = error;
	return error;
}

/* How much of data the parser has taken. */
static size_t taken_of(const struct http1_reader *reader, const uint8_t *data, size_t size,
					   llhttp_errno_t found) {
	if (found == HPE_OK)
		return size;
	return (size_t)((const uint8_t *)llhttp_get_error_pos(&reader->parser) - data);
}

static bool is_line_end(uint8_t byte) {
	return byte == '\r' || byte == '\n';
}

/*
 * The library knows a list of methods, and nginx none that could not be one: of a visit it is told
 * PUT for each, which changes nothing else, and the method is read here.
 */
static enum err take_method(struct http1_reader *reader, const uint8_t *data, size_t size,
							size_t *out_taken) {
	static const char stand_in[] = "PUT";
	size_t taken = 0;
	while (taken < size && reader->method.size == 0 && is_line_end(data[taken]))
		taken++;
	size_t begin = taken;
	while (taken < size &&
		   ((data[taken] >= 'A' && data[taken] <= 'Z') || data[taken] == '_' || data[taken] == '-'))
		taken++;
	if (taken > begin &&
		add(reader, &reader->method, (const char *)data + begin, taken - begin) != 0)
		return reader->error;
	*out_taken = taken;
	if (taken == size)
		return ERR_OK;
	if (data[taken] != ' ' || reader->method.size == 0)
		return ERR_MALFORMED;
	reader->has_method = true;
	return llhttp_execute(&reader->parser, stand_in, sizeof stand_in - 1) == HPE_OK ? ERR_OK
																					: ERR_MALFORMED;
}

/* What nginx knows of a visit before the library says it. */
static llhttp_errno_t look_ahead(struct http1_reader *reader, llhttp_errno_t found, uint8_t last) {
	/* A target has no line's end: without a version, HTTP/0.9 ends with it. */
	reader->simple |=
		found == HPE_OK && !reader->has_target && reader->target.size > 0 && last == '\n';
	if (reader->parser.http_major <= 1)
		return reader->simple ? HPE_PAUSED : found;
	(void)fail(reader, reader->text[reader->target.begin] == '*' ? ERR_MALFORMED : ERR_INVALID);
	return HPE_USER;
}

enum err http1_reader_head(struct http1_reader *reader, const uint8_t *data, size_t size,
						   size_t *out_taken, const struct http1_head **out_head) {
	if (reader->state != READING)
		return reader->error ? reader->error : ERR_INVALID;
	*out_head = NULL;
	*out_taken = 0;
	if (size == 0)
		return ERR_OK;
	reader->has_begun = true;
	size_t taken = 0;
	llhttp_errno_t found = HPE_OK;
	if (reader->kind == HTTP1_VISIT && !reader->has_method) {
		enum err error = take_method(reader, data, size, &taken);
		if (error)
			return give_up(reader, error);
	}
	if (taken < size) {
		found = llhttp_execute(&reader->parser, (const char *)data + taken, size - taken);
		if (reader->kind == HTTP1_VISIT)
			found = look_ahead(reader, found, data[size - 1]);
		if (found != HPE_OK && found != HPE_PAUSED)
			return give_up(reader, error_of(reader, found));
		taken = reader->simple ? size : taken_of(reader, data, size, found);
	}
	/* Line ends and blanks count, and they are not in the text. */
	reader->left += taken;
	if (reader->left > HTTP1_HEAD_MAX)
		return give_up(reader, ERR_LIMIT);
	*out_taken = taken;
	if (found == HPE_OK)
		return ERR_OK;
	enum err error = finish_head(reader);
	if (error)
		return give_up(reader, error);
	reader->state = BODY;
	*out_head = &reader->head;
	return ERR_OK;
}

void http1_reader_skip_body(struct http1_reader *reader) {
	reader->head.body = HTTP1_BODY_NONE;
}

static enum err read_chunks(struct http1_reader *reader, const uint8_t *data, size_t size,
							size_t *out_taken, bool *out_ended) {
	if (size == 0)
		return ERR_OK;
	llhttp_resume(&reader->parser);
	llhttp_errno_t found = llhttp_execute(&reader->parser, (const char *)data, size);
	if (found != HPE_OK && found != HPE_PAUSED)
		return give_up(reader, error_of(reader, found));
	*out_taken = taken_of(reader, data, size, found);
	*out_ended = found == HPE_PAUSED;
	return ERR_OK;
}

enum err http1_reader_body(struct http1_reader *reader, const uint8_t *data, size_t size,
						   size_t *out_taken, bool *out_ended) {
	if (reader->state != BODY)
		return reader->error ? reader->error : ERR_INVALID;
	*out_taken = 0;
	*out_ended = false;
	enum err error = ERR_OK;
	switch (reader->head.body) {
	case HTTP1_BODY_NONE:
		*out_ended = true;
		break;
	case HTTP1_BODY_LENGTH:
		*out_taken = reader->left < size ? (size_t)reader->left : size;
		reader->left -= *out_taken;
		*out_ended = reader->left == 0;
		break;
	case HTTP1_BODY_CHUNKED:
		error = read_chunks(reader, data, size, out_taken, out_ended);
		break;
	case HTTP1_BODY_CLOSE:
		*out_taken = size;
		break;
	}
	if (*out_ended)
		reader->state = ENDED;
	return error;
}

enum err http1_reader_content(struct http1_reader *reader, const uint8_t *data, size_t size,
							  size_t *out_taken, uint8_t *out_content, size_t *out_content_size,
							  bool *out_ended) {
	size_t taken = 0;
	reader->content = out_content;
	reader->content_size = 0;
	enum err error = http1_reader_body(reader, data, size, &taken, out_ended);
	reader->content = NULL;
	if (error)
		return error;
	if (reader->head.body != HTTP1_BODY_CHUNKED) {
		if (taken > 0)
			memcpy(out_content, data, taken);
		reader->content_size = taken;
	}
	*out_taken = taken;
	*out_content_size = reader->content_size;
	return ERR_OK;
}

bool http1_text_is(struct slice text, const char *wanted) {
	size_t size = strlen(wanted);
	return text.size == size &&
		   (size == 0 || strncasecmp((const char *)text.data, wanted, size) == 0);
}

const struct slice *http1_head_field(const struct http1_head *head, const char *name,
									 size_t *out_count) {
	const struct slice *found = NULL;
	size_t count = 0;
	for (size_t i = 0; i < head->field_count; i++) {
		if (!http1_text_is(head->fields[i].name, name))
			continue;
		found = found ? found : &head->fields[i].value;
		count++;
	}
	if (out_count)
		*out_count = count;
	return found;
}
