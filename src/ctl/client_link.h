#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "ctl/view.h"

/*
 * HTTP of the tool's side by libcurl: blocking, one question at a time, over a connection that is
 * kept open between them. Failures fill *out_error with what a person should read, and its status
 * is 0.
 */

struct client_link;

struct client_question {
	const char *method, *path; /* encoded already */
	const char *body;          /* NULL: none. It may be a secret: nothing of it stays. */
	size_t body_size;
};

struct client_answer {
	unsigned status;
	char *text; /* with a NUL behind it; heap memory of the caller */
	size_t size;
};

/* ERR_NO_MEMORY */
enum err client_link_new(const char *socket, struct client_link **out_link);
void client_link_free(struct client_link *link); /* NULL-safe */

/* The text of what went wrong; returns error for the caller's return. */
enum err client_link_fail(enum err error, struct view_error *out_error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

enum err client_link_ask(struct client_link *link, const struct client_question *question,
						 struct client_answer *out_answer, struct view_error *out_error);

/*
 * Hands out each line, without its end, of an answer that may have none. ERR_OK when take()
 * returned false or a signal came; then *out_answer has status 200 and no text. An answer with
 * another status is as in client_link_ask().
 */
enum err client_link_listen(struct client_link *link, const char *path,
							bool (*take)(void *context, const char *line, size_t size),
							void *context, struct client_answer *out_answer,
							struct view_error *out_error);
