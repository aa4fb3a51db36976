#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/text.h"
#include "conf/config.h"

/*
 * All that a client of a server of streams needs, in one line that people copy and cameras read:
 *
 *   SCHEME://PRIVATE-KEY@HOST:PORT?key=KEY&pin=PIN&name=NAME&cookie=NAME&path=PATH
 *       &address=ADDRESS&route=PREFIX&dns=ADDRESS#LABEL
 *
 * SCHEME is the protocol's name; keys and pins are base64 of RFC 4648 section 5 without padding;
 * the rest is percent-encoded. key is the server's; pin, address, route and dns may repeat; all but
 * key and one pin or name may be absent. A client with an address has an interface, into which
 * it sends what is within the routes; names are then asked of dns. What is unknown behind the
 * question mark is read over.
 */

enum {
	STREAM_LINE_MAX = 8192, /* characters */
	STREAM_LINE_PINS_MAX = 8,
	STREAM_LINE_ADDRESSES_MAX = 8,
	STREAM_LINE_ROUTES_MAX = 64,
	STREAM_LINE_DNS_MAX = 8,
};

/* Holds a private key: wiped by its owner. */
struct stream_line {
	uint8_t private_key[TEXT_KEY_SIZE], server_key[TEXT_KEY_SIZE];
	char host[CONFIG_HOST_MAX + 1]; /* without brackets */
	uint16_t port;
	char server_name[CONFIG_HOST_MAX + 1]; /* of the certificate; empty: the host */
	uint8_t pins[STREAM_LINE_PINS_MAX][TEXT_KEY_SIZE];
	size_t pin_count;
	char cookie[CONFIG_COOKIE_MAX + 1], path[CONFIG_URL_PATH_MAX + 1]; /* empty: the default */
	char label[CONFIG_LABEL_MAX + 1];                                  /* empty: none */
	struct address addresses[STREAM_LINE_ADDRESSES_MAX]; /* of its interface; none: it has none */
	struct prefix routes[STREAM_LINE_ROUTES_MAX];
	struct address dns[STREAM_LINE_DNS_MAX];
	size_t address_count, route_count, dns_count;
};

/* Whether the text, blanks before it aside, is to be such a line. */
bool stream_line_is_one(const char *text);

/*
 * Blanks and line ends around it are read over. ERR_INVALID with what is wrong in *out_problem,
 * static, which follows "the line".
 */
enum err stream_line_parse(const char *text, struct stream_line *out_line,
						   const char **out_problem);

/* *out_text is to be wiped and freed. ERR_NO_MEMORY. */
enum err stream_line_format(const struct stream_line *line, char **out_text);
