#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"
#include "transport/http/http1_head.h"

/*
 * Fields of HTTP that are about one connection, which a proxy keeps to itself (RFC 9110 section
 * 7.6.1): those that everybody knows, and those that the fields Connection name. What frames a
 * body is none of the first.
 */

enum { CONNECTION_FIELDS_MAX = 64 /* that are named */ };

struct connection_fields {
	struct slice names[CONNECTION_FIELDS_MAX]; /* views */
	size_t count;
};

/* False: more are named than there are places, and the first of them are there. */
bool connection_fields_read(const struct http1_field *fields, size_t count,
							struct connection_fields *out_fields);

bool connection_fields_have(const struct connection_fields *fields, struct slice name);
