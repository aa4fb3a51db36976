#pragma once

#include "ctl/view.h"

/* The body of a request to log in to a tunnel's server, as in view.h; doc/api.md shows it. */

enum { VIEW_LOGIN_PASSWORD_MAX = 1024 /* bytes */ };

struct view_login_request {
	char *user;     /* NULL: the one of the configuration */
	char *password; /* wiped by _done; NULL: none */
};
void view_login_request_done(struct view_login_request *request);
enum err view_login_request_encode(const struct view_login_request *request, char **out_text,
								   size_t *out_size); /* wipe and free it */
/* On failure out_problem says which member is wrong and what would be right. */
enum err view_login_request_decode(const char *text, size_t size,
								   struct view_login_request *out_request,
								   char out_problem[static VIEW_PROBLEM_SIZE]);
