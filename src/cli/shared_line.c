#include "cli/shared_line.h"

#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"
#include "cli/line_parts.h"
#include "crypto/hash.h"

enum { SUM_BYTES = 4, SUM_SIZE = 2 * SUM_BYTES + 1 };

static const char sum_mark[] = "sum=";

bool shared_line_is_one(const char *text) {
	return line_parts_behind(text, config_shared_protocol()) != NULL;
}

static enum err sum_of(struct slice text, char out_sum[static SUM_SIZE]) {
	uint8_t digest[HASH_SIZE];
	enum err error = hash_digest(HASH_SHA256, &text, 1, digest);
	if (!error)
		text_hex_encode(digest, SUM_BYTES, out_sum);
	return error;
}

/* Takes the sum off the end of the line. */
static const char *check_sum(struct slice *line) {
	enum { TAIL = 1 + sizeof sum_mark - 1 + SUM_SIZE - 1 };
	char sum[SUM_SIZE];
	if (line->size < TAIL)
		return "is cut off: its sum is missing";
	const struct slice before = slice_of(line->data, line->size - TAIL);
	const uint8_t *tail = line->data + before.size;
	if ((tail[0] != '?' && tail[0] != '&') || memcmp(tail + 1, sum_mark, sizeof sum_mark - 1) != 0)
		return "is cut off: its sum is missing";
	if (sum_of(before, sum))
		return "cannot be checked";
	if (memcmp(tail + 1 + sizeof sum_mark - 1, sum, SUM_SIZE - 1) != 0)
		return "does not fit its sum: a character is wrong, missing or too many";
	*line = before;
	return NULL;
}

static const char *take_endpoints(struct slice text, struct shared_line *line) {
	while (text.size > 0) {
		if (line->endpoint_count == CONFIG_ENDPOINTS_MAX)
			return "has too many endpoints";
		struct shared_line_endpoint *endpoint = &line->endpoints[line->endpoint_count++];
		if (!line_parts_host(line_parts_cut(&text, ','), endpoint->host, &endpoint->port))
			return "has no host and port behind its key";
	}
	return line->endpoint_count > 0 ? NULL : "has no host and port behind its key";
}

static const char *take_parameters(struct slice text, struct shared_line *line) {
	while (text.size > 0) {
		struct slice value = line_parts_cut(&text, '&');
		struct slice name = line_parts_cut(&value, '=');
		char route[ADDRESS_TEXT_SIZE];
		if (line_parts_is(name, "name")) {
			if (!line_parts_text(value, line->label, sizeof line->label))
				return "has a name that is none";
		} else if (line_parts_is(name, "route")) {
			if (line->route_count == SHARED_LINE_ROUTES_MAX)
				return "has too many routes";
			if (!line_parts_text(value, route, sizeof route) ||
				prefix_parse(route, &line->routes[line->route_count++]))
				return "has a route that is none";
		}
	}
	return NULL;
}

static const char *parse(const char *text, struct shared_line *line) {
	const char *scheme = config_shared_protocol();
	const char *behind = line_parts_behind(text, scheme);
	if (!behind)
		return "is of another kind";
	if (strnlen(behind, SHARED_LINE_MAX + 1) > SHARED_LINE_MAX)
		return "is too long";
	/* The sum is of the scheme, too. */
	const size_t head = strlen(scheme) + strlen("://");
	struct slice rest = line_parts_trim(behind - head);
	const char *problem = check_sum(&rest);
	if (problem)
		return problem;
	if (rest.size < head)
		return "is cut off";
	rest = slice_of(rest.data + head, rest.size - head);
	struct slice endpoints = line_parts_cut(&rest, '?');
	if (!line_parts_key(line_parts_cut(&endpoints, '@'), line->key))
		return "begins with no key";
	problem = take_endpoints(endpoints, line);
	return problem ? problem : take_parameters(rest, line);
}

enum err shared_line_parse(const char *text, struct shared_line *out_line,
						   const char **out_problem) {
	struct {
		struct shared_line line;
	} s = {.line = {.route_count = 0}};
	WIPE_ON_EXIT(s);
	*out_problem = parse(text, &s.line);
	if (*out_problem)
		return ERR_INVALID;
	*out_line = s.line;
	return ERR_OK;
}

enum err shared_line_format(const struct shared_line *line, char **out_text) {
	/* Hosts are as they are, and a name three times as long at most. */
	const size_t room = 2 * (size_t)SHARED_LINE_MAX;
	char sum[SUM_SIZE];
	if (line->endpoint_count == 0)
		return ERR_INVALID;
	struct line_writer writer = {.text = calloc(1, room + 1), .room = room};
	if (!writer.text)
		return ERR_NO_MEMORY;
	line_writer_put(&writer, config_shared_protocol());
	line_writer_put_key(&writer, "://", line->key);
	for (size_t i = 0; i < line->endpoint_count; i++)
		line_writer_put_host(&writer, i == 0 ? "@" : ",", line->endpoints[i].host,
							 line->endpoints[i].port);
	const size_t begun = writer.used;
	line_writer_put_prefixes(&writer, "&route=", line->routes, line->route_count);
	line_writer_put_text(&writer, "&name=", line->label);
	if (writer.used > begun)
		writer.text[begun] = '?';
	enum err error = sum_of(slice_of(writer.text, writer.used), sum);
	line_writer_put(&writer, writer.used > begun ? "&" : "?");
	line_writer_put(&writer, sum_mark);
	line_writer_put(&writer, sum);
	if (error) {
		wipe(writer.text, room);
		free(writer.text);
		return error;
	}
	*out_text = writer.text;
	return ERR_OK;
}
