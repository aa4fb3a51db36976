#pragma once

/* What tests of HTTP/2 ask for and answer with. No cmocka. */

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "transport/http/http2_client.h"
#include "transport/http/http2_server.h"

static inline void http2_pair_require(bool holds) {
	if (!holds)
		abort();
}

static inline struct http2_field http2_pair_field(const char *name, const char *value) {
	return (struct http2_field){slice_of_text(name), slice_of_text(value)};
}

/* As Chromium 156 begins. */
static const struct http2_setting http2_pair_settings[] = {
	{HTTP2_HEADER_TABLE_SIZE, 65536},
	{HTTP2_ENABLE_PUSH, 0},
	{HTTP2_INITIAL_WINDOW_SIZE, 6291456},
	{HTTP2_MAX_HEADER_LIST_SIZE, 262144},
};

/* Takes every cookie but "no". */
static inline bool http2_pair_accepts(void *context, struct slice value) {
	return value.size != 2 || memcmp(value.data, "no", 2) != 0;
}

static inline struct http2_client *http2_pair_client(const char *cookie) {
	const struct http2_field fields[] = {
		http2_pair_field(":method", "GET"),
		http2_pair_field(":authority", "vpn.example.org"),
		http2_pair_field(":scheme", "https"),
		http2_pair_field(":path", "/"),
		http2_pair_field("user-agent", "Mozilla/5.0 (X11; Linux x86_64)"),
		http2_pair_field("accept-encoding", "gzip, deflate, br, zstd"),
		http2_pair_field("cookie", cookie),
	};
	const struct http2_client_options options = {
		.settings = http2_pair_settings,
		.setting_count = 4,
		.window_increment = 15663105,
		.fields = fields,
		.field_count = sizeof fields / sizeof *fields,
		.weight = 256,
		.exclusive = true,
		.cookie = "id",
		.accepts = http2_pair_accepts,
	};
	struct http2_client *client;
	http2_pair_require(!http2_client_new(&options, &client));
	return client;
}
