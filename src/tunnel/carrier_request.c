#include "tunnel/carrier_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* The two forms of a field's name, and what the browser says; NULL: made for the request. */
struct line {
	const char *name, *title;
	const char *value;
};

/* Measured, as far as the versions before told; the order is the browser's, and both forms' but
 * for the names before "sec-ch-ua". */
static const struct line lines[] = {
	{"sec-ch-ua", "sec-ch-ua",
	 "\"Not:A-Brand\";v=\"8\", \"Chromium\";v=\"156\", \"Google Chrome\";v=\"156\""},
	{"sec-ch-ua-mobile", "sec-ch-ua-mobile", "?0"},
	{"sec-ch-ua-platform", "sec-ch-ua-platform", "\"Linux\""},
	{"upgrade-insecure-requests", "Upgrade-Insecure-Requests", "1"},
	{"user-agent", "User-Agent",
	 "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
	 "Chrome/156.0.0.0 Safari/537.36"},
	{"accept", "Accept",
	 "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,"
	 "*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"},
	{"sec-fetch-site", "Sec-Fetch-Site", "none"},
	{"sec-fetch-mode", "Sec-Fetch-Mode", "navigate"},
	{"sec-fetch-user", "Sec-Fetch-User", "?1"},
	{"sec-fetch-dest", "Sec-Fetch-Dest", "document"},
	{"accept-encoding", "Accept-Encoding", "gzip, deflate, br, zstd"},
	{"accept-language", "Accept-Language", "en-US,en;q=0.9"},
	{"cookie", "Cookie", NULL},
	{"priority", NULL, "u=0, i"},
};

enum {
	LINES = sizeof lines / sizeof *lines,
	PSEUDO_FIELDS = 4,
	HTTPS_PORT = 443,
	WINDOW_INCREMENT = 15663105,
};

static const struct http2_setting settings[] = {
	{HTTP2_HEADER_TABLE_SIZE, 65536},
	{HTTP2_ENABLE_PUSH, 0},
	{HTTP2_INITIAL_WINDOW_SIZE, 6291456},
	{HTTP2_MAX_HEADER_LIST_SIZE, 262144},
};

/* Visible characters of ASCII: nothing that could begin another field. */
static bool is_visible(const char *text, const char *without) {
	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++)
		if (*text <= ' ' || *text > '~' || strchr(without, *text))
			return false;
	return true;
}

static bool is_valid(const struct carrier_request *request) {
	return is_visible(request->name, "/@\"") && request->path[0] == '/' &&
		   is_visible(request->path, "#") && is_visible(request->cookie, "=;,\"") &&
		   is_visible(request->value, ";,\"");
}

/* "name=value", and "host:port" as a browser writes it. */
static enum err texts(const struct carrier_request *request, char **out_cookie, char **out_host) {
	auto_free char *cookie = NULL;
	if (!is_valid(request))
		return ERR_INVALID;
	if (asprintf(&cookie, "%s=%s", request->cookie, request->value) < 0) {
		cookie = NULL; /* of no use to whoever frees it */
		return ERR_NO_MEMORY;
	}
	bool is_v6 = strchr(request->name, ':') != NULL;
	char port[8] = "";
	if (request->port != HTTPS_PORT)
		(void)snprintf(port, sizeof port, ":%u", (unsigned)request->port);
	if (asprintf(out_host, "%s%s%s%s", is_v6 ? "[" : "", request->name, is_v6 ? "]" : "", port) < 0)
		return ERR_NO_MEMORY;
	*out_cookie = cleanup_steal(cookie);
	return ERR_OK;
}

static struct http2_field field(const char *name, const char *value) {
	return (struct http2_field){slice_of_text(name), slice_of_text(value)};
}

enum err carrier_request_http2(const struct carrier_request *request,
							   bool (*accepts)(void *context, struct slice value), void *context,
							   struct http2_client **out_client) {
	auto_free char *cookie = NULL, *host = NULL;
	enum err error = texts(request, &cookie, &host);
	if (error)
		return error;
	struct http2_field fields[PSEUDO_FIELDS + LINES] = {
		field(":method", "GET"),
		field(":authority", host),
		field(":scheme", "https"),
		field(":path", request->path),
	};
	for (size_t i = 0; i < LINES; i++)
		fields[PSEUDO_FIELDS + i] = field(lines[i].name, lines[i].value ? lines[i].value : cookie);
	const struct http2_client_options options = {
		.settings = settings,
		.setting_count = sizeof settings / sizeof *settings,
		.window_increment = WINDOW_INCREMENT,
		.fields = fields,
		.field_count = PSEUDO_FIELDS + LINES,
		.weight = HTTP2_CLIENT_WEIGHT_MAX,
		.exclusive = true,
		.cookie = request->cookie,
		.accepts = accepts,
		.context = context,
	};
	return http2_client_new(&options, out_client);
}

enum err carrier_request_http1(const struct carrier_request *request, char **out_text) {
	auto_free char *cookie = NULL, *host = NULL;
	enum err error = texts(request, &cookie, &host);
	if (error)
		return error;
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);
	if (!stream)
		return ERR_NO_MEMORY;
	(void)fprintf(stream, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: keep-alive\r\n",
				  request->path, host);
	for (size_t i = 0; i < LINES; i++)
		if (lines[i].title)
			(void)fprintf(stream, "%s: %s\r\n", lines[i].title,
						  lines[i].value ? lines[i].value : cookie);
	(void)fputs("\r\n", stream);
	bool failed = ferror(stream);
	if (fclose(stream) || failed) {
		free(text);
		return ERR_NO_MEMORY;
	}
	*out_text = text;
	return ERR_OK;
}
