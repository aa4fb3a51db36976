#include "cli/stream_line.h"

#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/wipe.h"
#include "cli/line_parts.h"

bool stream_line_is_one(const char *text) {
	return line_parts_behind(text, config_stream_protocol()) != NULL;
}

static const char *take_address(struct slice value, struct address *items, size_t most,
								size_t *count, const char *problem) {
	char text[ADDRESS_TEXT_SIZE];
	if (*count == most)
		return "has too many addresses";
	if (!line_parts_text(value, text, sizeof text) || address_parse(text, &items[*count]))
		return problem;
	(*count)++;
	return NULL;
}

static const char *take_route(struct slice value, struct stream_line *line) {
	char text[ADDRESS_TEXT_SIZE];
	if (line->route_count == STREAM_LINE_ROUTES_MAX)
		return "has too many routes";
	if (!line_parts_text(value, text, sizeof text) ||
		prefix_parse(text, &line->routes[line->route_count]))
		return "has a route that is none";
	line->route_count++;
	return NULL;
}

/* What is wrong with one "NAME=VALUE"; NULL. */
static const char *take_parameter(struct slice name, struct slice value, struct stream_line *line) {
	if (line_parts_is(name, "key"))
		return line_parts_key(value, line->server_key) ? NULL : "has a key that is none";
	if (line_parts_is(name, "pin")) {
		if (line->pin_count == STREAM_LINE_PINS_MAX)
			return "has too many pins";
		return line_parts_key(value, line->pins[line->pin_count++]) ? NULL
																	: "has a pin that is none";
	}
	if (line_parts_is(name, "name"))
		return line_parts_text(value, line->server_name, sizeof line->server_name)
				   ? NULL
				   : "has a name that is none";
	if (line_parts_is(name, "cookie"))
		return line_parts_text(value, line->cookie, sizeof line->cookie)
				   ? NULL
				   : "has a cookie that is none";
	if (line_parts_is(name, "path"))
		return line_parts_text(value, line->path, sizeof line->path) ? NULL
																	 : "has a path that is none";
	if (line_parts_is(name, "address"))
		return take_address(value, line->addresses, STREAM_LINE_ADDRESSES_MAX, &line->address_count,
							"has an address that is none");
	if (line_parts_is(name, "route"))
		return take_route(value, line);
	if (line_parts_is(name, "dns"))
		return take_address(value, line->dns, STREAM_LINE_DNS_MAX, &line->dns_count,
							"has a name server that is none");
	return NULL;
}

static const char *take_parameters(struct slice text, struct stream_line *line) {
	while (text.size > 0) {
		const uint8_t *end = memchr(text.data, '&', text.size);
		size_t size = end ? (size_t)(end - text.data) : text.size;
		const uint8_t *equal = memchr(text.data, '=', size);
		size_t name = equal ? (size_t)(equal - text.data) : size;
		struct slice value =
			slice_of(text.data + name + (equal != NULL), size - name - (equal != NULL));
		const char *problem = take_parameter(slice_of(text.data, name), value, line);
		if (problem)
			return problem;
		size += end != NULL;
		text = slice_of(text.data + size, text.size - size);
	}
	return NULL;
}

static const char *parse(const char *text, struct stream_line *line) {
	const char *start = line_parts_behind(text, config_stream_protocol());
	if (!start)
		return "is of another kind";
	if (strnlen(start, STREAM_LINE_MAX + 1) > STREAM_LINE_MAX)
		return "is too long";
	struct slice label = line_parts_trim(start);
	struct slice rest = line_parts_cut(&label, '#');
	struct slice authority = line_parts_cut(&rest, '?');
	struct slice host = authority;
	struct slice key = line_parts_cut(&host, '@');
	if (!line_parts_key(key, line->private_key))
		return "begins with no private key";
	if (!line_parts_host(host, line->host, &line->port))
		return "has no host and port behind its private key";
	const char *problem = take_parameters(rest, line);
	if (problem)
		return problem;
	if (wipe_is_zero(line->server_key, sizeof line->server_key))
		return "has no key of the server";
	/* A label that cannot be read is of no harm. */
	if (!line_parts_text(label, line->label, sizeof line->label))
		line->label[0] = '\0';
	return NULL;
}

enum err stream_line_parse(const char *text, struct stream_line *out_line,
						   const char **out_problem) {
	struct {
		struct stream_line line;
	} s = {.line = {.port = 0}};
	WIPE_ON_EXIT(s);
	*out_problem = parse(text, &s.line);
	if (*out_problem)
		return ERR_INVALID;
	*out_line = s.line;
	return ERR_OK;
}

enum err stream_line_format(const struct stream_line *line, char **out_text) {
	/* Longer than what can come of all parts, each at most three times as long. */
	const size_t room = 2 * (size_t)STREAM_LINE_MAX;
	struct line_writer writer = {.text = calloc(1, room + 1), .room = room};
	if (!writer.text)
		return ERR_NO_MEMORY;
	line_writer_put(&writer, config_stream_protocol());
	line_writer_put_key(&writer, "://", line->private_key);
	line_writer_put_host(&writer, "@", line->host, line->port);
	line_writer_put_key(&writer, "?key=", line->server_key);
	for (size_t i = 0; i < line->pin_count; i++)
		line_writer_put_key(&writer, "&pin=", line->pins[i]);
	line_writer_put_text(&writer, "&name=", line->server_name);
	line_writer_put_text(&writer, "&cookie=", line->cookie);
	line_writer_put_text(&writer, "&path=", line->path);
	line_writer_put_addresses(&writer, "&address=", line->addresses, line->address_count);
	line_writer_put_prefixes(&writer, "&route=", line->routes, line->route_count);
	line_writer_put_addresses(&writer, "&dns=", line->dns, line->dns_count);
	line_writer_put_text(&writer, "#", line->label);
	*out_text = writer.text;
	return ERR_OK;
}
