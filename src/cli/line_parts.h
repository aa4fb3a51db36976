#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/slice.h"
#include "base/text.h"
#include "conf/config.h"

/*
 * What lines for clients are made of (stream_line.h, shared_line.h): keys in base64 of RFC 4648
 * section 5 without padding, texts in which all but unreserved characters are percent-encoded
 * (RFC 3986 section 2.1), hosts with ports.
 */

/* Behind "SCHEME://", blanks before it aside; NULL: it is no such line. scheme may be NULL. */
const char *line_parts_behind(const char *text, const char *scheme);
/* Without blanks and line ends behind it. */
struct slice line_parts_trim(const char *text);
/* The bytes before the first of the character, which text then begins behind; all without one. */
struct slice line_parts_cut(struct slice *text, char character);
bool line_parts_is(struct slice text, const char *word);

/* False for what is none, with the result in an unknown state. A key of zeros is none. */
bool line_parts_key(struct slice text, uint8_t out_key[static TEXT_KEY_SIZE]);
/* Printable ASCII alone comes out; not for an empty text. */
bool line_parts_text(struct slice text, char *out_text, size_t room);
/* "HOST:PORT", "[2001:db8::1]:443"; whether the host can be one is for others to say. */
bool line_parts_host(struct slice text, char out_host[static CONFIG_HOST_MAX + 1],
					 uint16_t *out_port);

/* Into text, with room for so many characters and a NUL; what does not fit is left out. */
struct line_writer {
	char *text;
	size_t used, room;
};

void line_writer_put(struct line_writer *writer, const char *text);
/* before and the value, nothing where that is empty. */
void line_writer_put_text(struct line_writer *writer, const char *before, const char *text);
void line_writer_put_key(struct line_writer *writer, const char *before,
						 const uint8_t key[static TEXT_KEY_SIZE]);
void line_writer_put_host(struct line_writer *writer, const char *before, const char *host,
						  uint16_t port);
/* before and the value for each; as they are: RFC 3986 section 3.4 has them in a query. */
void line_writer_put_addresses(struct line_writer *writer, const char *before,
							   const struct address *items, size_t count);
void line_writer_put_prefixes(struct line_writer *writer, const char *before,
							  const struct prefix *items, size_t count);
