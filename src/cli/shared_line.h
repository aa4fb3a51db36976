#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/text.h"
#include "conf/config.h"

/*
 * All that a client needs whose server shares a key with it, in one line that people copy and
 * cameras read:
 *
 *   SCHEME://KEY@HOST:PORT,HOST:PORT?route=PREFIX&name=NAME&sum=SUM
 *
 * SCHEME is the protocol's name; KEY is base64 of RFC 4648 section 5 without padding. Up to eight
 * endpoints of the server. route may repeat: what the client sends into the tunnel whatever the
 * server says later, such as everything. name is what the server calls the client. SUM is last:
 * the first eight hexadecimal digits of the SHA-256 of all that stands before "?sum=" or "&sum=",
 * so that a line that was mistyped or cut off is not taken. What is unknown behind the question
 * mark is read over.
 */

enum {
	SHARED_LINE_MAX = 4096, /* characters */
	SHARED_LINE_ROUTES_MAX = 16,
};

struct shared_line_endpoint {
	char host[CONFIG_HOST_MAX + 1]; /* without brackets */
	uint16_t port;
};

/* Wiped by its owner. */
struct shared_line {
	uint8_t key[TEXT_KEY_SIZE];
	size_t endpoint_count;
	struct shared_line_endpoint endpoints[CONFIG_ENDPOINTS_MAX];
	size_t route_count;
	struct prefix routes[SHARED_LINE_ROUTES_MAX];
	char label[CONFIG_LABEL_MAX + 1]; /* empty: none */
};

/* Whether the text, blanks before it aside, is to be such a line. */
bool shared_line_is_one(const char *text);

/*
 * Blanks and line ends around it are read over. ERR_INVALID with what is wrong in *out_problem,
 * static, which follows "the line".
 */
enum err shared_line_parse(const char *text, struct shared_line *out_line,
						   const char **out_problem);

/* *out_text is to be wiped and freed. ERR_NO_MEMORY; ERR_INVALID without an endpoint. */
enum err shared_line_format(const struct shared_line *line, char **out_text);
