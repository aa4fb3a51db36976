#include "ctl/view_login.h"

#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"
#include "ctl/view_body.h"

enum { USER_MAX = 255 /* bytes; the daemon allows less and says so */ };

void view_login_request_done(struct view_login_request *request) {
	if (!request)
		return;
	if (request->password)
		wipe(request->password, strlen(request->password));
	free(request->password);
	free(request->user);
	*request = (struct view_login_request){0};
}

enum err view_login_request_encode(const struct view_login_request *request, char **out_text,
								   size_t *out_size) {
	view_body_guard();
	struct view_text text = {0};
	struct view_writer w = view_writer_new();
	view_put_text(&w, "user", request->user);
	view_put_text(&w, "password", request->password);
	view_writer_end(&w, &text, false);
	return view_text_take(&text, out_text, out_size);
}

enum err view_login_request_decode(const char *text, size_t size,
								   struct view_login_request *out_request,
								   char out_problem[static VIEW_PROBLEM_SIZE]) {
	static const char *const names[] = {"user", "password", NULL};
	view_body_guard();
	json_t *object;
	enum err error = view_body_parse(text, size, names, &object, out_problem);
	if (error)
		return error;
	struct view_reader r = view_reader_of(object);
	struct view_login_request request = {
		.user = view_get_text(&r, "user", USER_MAX, false),
		.password = view_get_text(&r, "password", VIEW_LOGIN_PASSWORD_MAX, false),
	};
	json_decref(object);
	if (r.error) {
		view_login_request_done(&request);
		return view_body_refuse(&r, out_problem);
	}
	*out_request = request;
	return ERR_OK;
}
