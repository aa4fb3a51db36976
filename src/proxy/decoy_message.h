#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "transport/http/http1_head.h"

/*
 * A request to the decoy and its answer, without the words that the versions of HTTP have for
 * them: names of fields are written as HTTP/1.1 does, "Content-Type", and do not regard case.
 */

enum {
	DECOY_FIELDS_MAX = HTTP1_FIELDS_MAX + 16, /* of an answer */
	DECOY_TEXT_MAX = 2048,                    /* bytes of an answer's own fields */
};

struct decoy_request {
	struct slice method, target;
	struct slice host; /* empty: none */
	const struct http1_field *fields;
	size_t field_count;
	bool old;        /* HTTP/1.0 */
	bool has_body;   /* may still be of no bytes */
	bool has_length; /* of the body, known beforehand */
	uint64_t length;
};

/* The first field's value; data NULL: there is none. count may be NULL. */
struct slice decoy_request_field(const struct decoy_request *request, const char *name,
								 size_t *out_count);
bool decoy_request_is(const struct decoy_request *request, const char *method);

/* A copy in one piece, to be freed. ERR_NO_MEMORY. */
enum err decoy_request_copy(const struct decoy_request *request, struct decoy_request **out_copy);

struct decoy_answer {
	uint16_t status;
	struct slice reason; /* of HTTP/1.1; data NULL: the usual one */
	struct http1_field fields[DECOY_FIELDS_MAX];
	size_t field_count;
	size_t before; /* so many of them stand before Connection */
	bool has_body; /* may be of no bytes */
	bool has_length;
	bool close;               /* the connection, behind it */
	bool breaks_off;          /* the same over HTTP/1.1, but the answer does not say so */
	bool is_file;             /* of a file that is there, under its own name */
	struct slice body;        /* of an answer that is there as a whole; the site's, or of text */
	const struct slice *rest; /* of the body, behind that; none of them is empty */
	size_t rest_count;
	size_t text_size;
	bool too_large; /* a field was left out */
	char text[DECOY_TEXT_MAX];
};

/* With Server and Date. wall_now in seconds since the Unix epoch. */
void decoy_answer_init(struct decoy_answer *answer, uint16_t status, uint64_t wall_now);
/* What is added from now on stands behind Connection. */
void decoy_answer_turn(struct decoy_answer *answer);
/* Views are kept. */
void decoy_answer_add(struct decoy_answer *answer, struct slice name, struct slice value);
/* name is kept, the value copied. */
void decoy_answer_print(struct decoy_answer *answer, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* A body of text, kept in the answer; a view. */
struct slice decoy_answer_keep(struct decoy_answer *answer, const char *text, size_t size);
