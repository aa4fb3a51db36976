#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct reader;

/*
 * A domain name as RFC 1035 section 3.1 writes it, letters in lower case, so that equal names have
 * equal bytes: | size 1 | label … | for each label, then a zero.
 */

enum {
	DNS_NAME_MAX = 255, /* bytes, the last zero among them (RFC 1035 section 2.3.4) */
	DNS_LABEL_MAX = 63,
	DNS_NAME_TEXT_MAX = 253, /* characters */
};

struct dns_name {
	uint8_t bytes[DNS_NAME_MAX];
	uint8_t size; /* 1 for the root, 0 for none at all */
};

/*
 * Reads a name out of a message of size bytes, whose reader it is. A pointer of section 4.1.4 leads
 * to before the part of the name that it ends, never elsewhere, so that there is no going round;
 * with may_point false there is none at all. On failure, in the reader, the name is the root.
 */
void dns_name_read(struct reader *reader, const uint8_t *message, size_t size, bool may_point,
				   struct dns_name *out_name);

/*
 * "example.org", letters in either case, digits, '-' and '_' between dots. ERR_INVALID for all
 * else, a last dot and the root among it.
 */
enum err dns_name_parse(const char *text, struct dns_name *out_name);

bool dns_name_equal(const struct dns_name *left, const struct dns_name *right);
/* Whether the name is the domain itself or below it. */
bool dns_name_is_within(const struct dns_name *name, const struct dns_name *domain);
