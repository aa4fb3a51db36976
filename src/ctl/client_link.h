#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "ctl/http_head.h"
#include "ctl/view.h"

/*
 * The connection of the tool to the daemon: blocking, one question at a time, kept open between
 * them. Failures fill *out_error with what a person should read, and its status is 0.
 */

struct client_link {
	const char *path; /* of the socket; the caller's */
	int descriptor;   /* -1: not open */
	char *input;      /* what was read and is not used yet */
	size_t size, capacity;
	size_t line; /* bytes of the line that was handed out last */
};

void client_link_init(struct client_link *link, const char *path);
void client_link_done(struct client_link *link);

/* The text of what went wrong; returns error for the caller's return. */
enum err client_link_fail(enum err error, struct view_error *out_error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Sends a question and reads its answer's head. The body may be a secret: it is not copied. */
enum err client_link_ask(struct client_link *link, const char *method, const char *path,
						 const char *body, size_t body_size, struct http_response *out_response,
						 struct view_error *out_error);

/* The answer's body, with a NUL behind it; heap memory of the caller. */
enum err client_link_body(struct client_link *link, const struct http_response *response,
						  char **out_text, size_t *out_size, struct view_error *out_error);

/*
 * The next line of a body without an end, without its line end; it lives until the next call.
 * *out_signal: a signal came instead, and out_line is as it was.
 */
enum err client_link_line(struct client_link *link, const char **out_line, size_t *out_size,
						  bool *out_signal, struct view_error *out_error);
