#include "ctl/http_head.h"

#include <strings.h>

#include "base/text.h"

/* What both kinds of heads say by their header lines. */
struct headers {
	unsigned count, hosts;
	bool has_body_size, transfer_coded;
	uint64_t body_size;
	bool close, keep_alive, expects_continue;
};

bool http_is(struct slice slice, const char *text) {
	return slice.size == strlen(text) && memcmp(slice.data, text, slice.size) == 0;
}

static bool is_word(struct slice slice, const char *text) {
	return slice.size == strlen(text) &&
		   strncasecmp((const char *)slice.data, text, slice.size) == 0;
}

/* RFC 9110 section 5.6.2. */
static bool is_token(struct slice slice) {
	static const char others[] = "!#$%&'*+-.^_`|~";
	for (size_t i = 0; i < slice.size; i++) {
		uint8_t c = slice.data[i];
		bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		if (!plain && (c == 0 || !strchr(others, c)))
			return false;
	}
	return slice.size > 0;
}

static struct slice part(struct slice slice, size_t from, size_t to) {
	return slice_of(slice.data + from, to - from);
}

static struct slice trim(struct slice slice) {
	size_t from = 0, to = slice.size;
	while (from < to && (slice.data[from] == ' ' || slice.data[from] == '\t'))
		from++;
	while (to > from && (slice.data[to - 1] == ' ' || slice.data[to - 1] == '\t'))
		to--;
	return part(slice, from, to);
}

/* Up to the first such byte, which is taken off the rest as well; all of it when there is none. */
static struct slice cut(struct slice *rest, char separator) {
	const uint8_t *found = rest->size > 0 ? memchr(rest->data, separator, rest->size) : NULL;
	size_t size = found ? (size_t)(found - rest->data) : rest->size;
	struct slice first = part(*rest, 0, size);
	*rest = part(*rest, found ? size + 1 : size, rest->size);
	return first;
}

/*
 * Where the head ends. Lines end with CR LF alone, and no other control characters are inside, so
 * that nobody else can have read the lines differently.
 */
static enum err find_end(const char *data, size_t size, size_t *out_size) {
	size_t limit = size < HTTP_HEAD_MAX ? size : HTTP_HEAD_MAX;
	size_t line = 0;
	for (size_t i = 0; i < limit; i++) {
		uint8_t c = (uint8_t)data[i];
		if (c == '\n') {
			if (i == 0 || data[i - 1] != '\r')
				return ERR_MALFORMED;
			if (i == line + 1 && i > 1) {
				*out_size = i + 1;
				return ERR_OK;
			}
			line = i + 1;
		} else if ((c < 0x20 && c != '\t' && c != '\r') || c == 0x7f ||
				   (i > 0 && data[i - 1] == '\r')) {
			return ERR_MALFORMED;
		}
	}
	return size < HTTP_HEAD_MAX ? ERR_AGAIN : ERR_LIMIT;
}

/* A line without its end; the rest begins behind it. */
static struct slice cut_line(struct slice *rest) {
	struct slice line = cut(rest, '\n');
	line.size--; /* find_end() saw the CR */
	return line;
}

static void take_connection(struct slice value, struct headers *headers) {
	while (value.size > 0) {
		struct slice option = trim(cut(&value, ','));
		if (is_word(option, "close"))
			headers->close = true;
		else if (is_word(option, "keep-alive"))
			headers->keep_alive = true;
	}
}

static enum err take_header(struct slice line, struct headers *headers) {
	struct slice value = line;
	struct slice name = cut(&value, ':');
	if (name.size == line.size || !is_token(name))
		return ERR_MALFORMED; /* a folded line begins with a blank, which no name has */
	if (++headers->count > HTTP_HEADERS_MAX)
		return ERR_LIMIT;
	value = trim(value);
	if (is_word(name, "Content-Length")) {
		/* Two are a way to smuggle requests past whoever reads the other one. */
		if (headers->has_body_size || text_unsigned_parse((const char *)value.data, value.size,
														  INT64_MAX, &headers->body_size))
			return ERR_MALFORMED;
		headers->has_body_size = true;
	} else if (is_word(name, "Transfer-Encoding")) {
		headers->transfer_coded = true;
	} else if (is_word(name, "Host")) {
		headers->hosts++;
	} else if (is_word(name, "Connection")) {
		take_connection(value, headers);
	} else if (is_word(name, "Expect")) {
		headers->expects_continue = is_word(value, "100-continue");
	}
	return ERR_OK;
}

/* All lines behind the first, up to the empty one. */
static enum err take_headers(struct slice rest, struct headers *out_headers) {
	struct headers headers = {0};
	for (struct slice line = cut_line(&rest); line.size > 0; line = cut_line(&rest)) {
		enum err error = take_header(line, &headers);
		if (error)
			return error;
	}
	if (headers.has_body_size && headers.transfer_coded)
		return ERR_MALFORMED;
	*out_headers = headers;
	return ERR_OK;
}

/* "HTTP/1.0" or "HTTP/1.1"; higher minor versions are read as the latter. */
static enum err take_version(struct slice text, bool *out_old) {
	static const char prefix[] = "HTTP/";
	size_t size = sizeof prefix - 1;
	if (text.size != size + 3 || memcmp(text.data, prefix, size) != 0 || text.data[size + 1] != '.')
		return ERR_MALFORMED;
	uint8_t major = text.data[size], minor = text.data[size + 2];
	if (major < '0' || major > '9' || minor < '0' || minor > '9')
		return ERR_MALFORMED;
	if (major != '1')
		return ERR_UNSUPPORTED;
	*out_old = minor == '0';
	return ERR_OK;
}

/* "/path?query", or that behind "http://host", which proxies get. */
static enum err take_target(struct slice target, struct http_request *request) {
	static const char scheme[] = "http://";
	size_t size = sizeof scheme - 1;
	if (target.size > size && memcmp(target.data, scheme, size) == 0) {
		struct slice rest = part(target, size, target.size);
		struct slice host = cut(&rest, '/');
		if (host.size + size == target.size)
			return ERR_MALFORMED;
		target = part(target, size + host.size, target.size);
	}
	if (target.size == 0 || target.data[0] != '/')
		return ERR_MALFORMED;
	request->path = cut(&target, '?');
	request->query = target;
	return ERR_OK;
}

enum err http_request_parse(const char *data, size_t size, struct http_request *out_request) {
	if (size == 0)
		return ERR_AGAIN;
	/* RFC 9112 section 2.2: an empty line before a request is passed over. */
	size_t skipped = size >= 2 && data[0] == '\r' && data[1] == '\n' ? 2 : 0;
	struct http_request request = {0};
	enum err error = find_end(data + skipped, size - skipped, &request.size);
	if (error)
		return error;
	struct slice rest = slice_of(data + skipped, request.size);
	request.size += skipped;
	struct slice line = cut_line(&rest);
	struct slice target = line;
	request.method = cut(&target, ' ');
	struct slice version = target;
	target = cut(&version, ' ');
	bool old = false;
	error = take_version(version, &old);
	if (error)
		return error;
	if (!is_token(request.method))
		return ERR_MALFORMED;
	struct headers headers;
	error = take_headers(rest, &headers);
	if (!error)
		error = take_target(target, &request);
	if (error)
		return error;
	if (headers.hosts > 1 || (headers.hosts == 0 && !old))
		return ERR_MALFORMED; /* RFC 9112 section 3.2 */
	request.has_body_size = headers.has_body_size;
	request.body_size = headers.body_size;
	request.transfer_coded = headers.transfer_coded;
	request.keep_alive = !headers.close && (!old || headers.keep_alive);
	request.expects_continue = headers.expects_continue && !old;
	*out_request = request;
	return ERR_OK;
}

enum err http_response_parse(const char *data, size_t size, struct http_response *out_response) {
	struct http_response response = {0};
	enum err error = find_end(data, size, &response.size);
	if (error)
		return error;
	struct slice rest = slice_of(data, response.size);
	struct slice line = cut_line(&rest);
	struct slice version = cut(&line, ' ');
	struct slice status = cut(&line, ' ');
	bool old = false;
	error = take_version(version, &old);
	if (error)
		return error;
	uint64_t number = 0;
	if (status.size != 3 ||
		text_unsigned_parse((const char *)status.data, status.size, 599, &number) || number < 100)
		return ERR_MALFORMED;
	struct headers headers;
	error = take_headers(rest, &headers);
	if (error)
		return error;
	response.status = (unsigned)number;
	response.has_body_size = headers.has_body_size;
	response.body_size = headers.body_size;
	response.transfer_coded = headers.transfer_coded;
	response.keep_alive = !headers.close && (!old || headers.keep_alive);
	*out_response = response;
	return ERR_OK;
}

const char *http_reason(unsigned status) {
	static const struct {
		unsigned status;
		const char *reason;
	} reasons[] = {
		{200, "OK"},
		{201, "Created"},
		{400, "Bad Request"},
		{403, "Forbidden"},
		{404, "Not Found"},
		{405, "Method Not Allowed"},
		{408, "Request Timeout"},
		{409, "Conflict"},
		{411, "Length Required"},
		{413, "Content Too Large"},
		{422, "Unprocessable Content"},
		{431, "Request Header Fields Too Large"},
		{500, "Internal Server Error"},
		{503, "Service Unavailable"},
		{505, "HTTP Version Not Supported"},
	};
	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return status < 400 ? "OK" : "Error";
}
