#include <stdlib.h>

#include "base/log.h"
#include "base/wipe.h"
#include "ctl/view.h"
#include "ctl/view_body.h"
#include "ctl/view_json.h"

/* Bodies of requests. Unlike answers they are strict: what is asked for is done whole or not. */

enum {
	NAME_MAX_SIZE = 256,     /* the daemon allows less and says so */
	ENDPOINT_MAX_SIZE = 512, /* likewise */
	LEVEL_MAX_SIZE = 32,
};

void view_peer_request_done(struct view_peer_request *request) {
	if (!request)
		return;
	free(request->name);
	free(request->endpoint);
	free(request->allowed_ips);
	free(request->rules);
	wipe(request, sizeof *request);
}

enum err view_peer_request_encode(const struct view_peer_request *request, char **out_text,
								  size_t *out_size) {
	view_body_guard();
	struct view_text text = {0};
	struct view_writer w = view_writer_new();
	view_put_text(&w, "name", request->name);
	view_put_key(&w, "public_key", request->public_key);
	if (request->has_preshared_key)
		view_put_key(&w, "preshared_key", request->preshared_key);
	else
		view_put_text(&w, "preshared_key", NULL);
	view_put_text(&w, "endpoint", request->endpoint);
	view_put_prefixes(&w, "allowed_ips", request->allowed_ips, request->allowed_ip_count);
	view_put_number(&w, "persistent_keepalive", request->persistent_keepalive);
	if (request->rules)
		view_put_lines(&w, "rules", request->rules);
	view_writer_end(&w, &text, false);
	return view_text_take(&text, out_text, out_size);
}

enum err view_peer_request_decode(const char *text, size_t size,
								  struct view_peer_request *out_request,
								  char out_problem[static VIEW_PROBLEM_SIZE]) {
	static const char *const names[] = {
		"name",        "public_key",           "preshared_key", "endpoint",
		"allowed_ips", "persistent_keepalive", "rules",         NULL,
	};
	view_body_guard();
	json_t *object;
	enum err error = view_body_parse(text, size, names, &object, out_problem);
	if (error)
		return error;
	struct {
		struct view_peer_request request;
	} s = {0};
	WIPE_ON_EXIT(s);
	struct view_reader r = view_reader_of(object);
	s.request.name = view_get_text(&r, "name", NAME_MAX_SIZE, false);
	(void)view_get_key(&r, "public_key", s.request.public_key, true);
	s.request.has_preshared_key = view_get_key(&r, "preshared_key", s.request.preshared_key, false);
	s.request.endpoint = view_get_text(&r, "endpoint", ENDPOINT_MAX_SIZE, false);
	s.request.allowed_ips = view_get_prefixes(&r, "allowed_ips", true, &s.request.allowed_ip_count);
	s.request.persistent_keepalive =
		(uint16_t)view_get_number(&r, "persistent_keepalive", UINT16_MAX);
	s.request.rules = view_get_lines(&r, "rules", VIEW_RULES_MAX,
									 "a list of rules such as \"allow 10.1.0.0/16 tcp 22\"");
	json_decref(object);
	if (r.error) {
		view_peer_request_done(&s.request);
		return view_body_refuse(&r, out_problem);
	}
	*out_request = s.request;
	return ERR_OK;
}

enum err view_level_encode(const char *level, char **out_text, size_t *out_size) {
	struct view_text text = {0};
	struct view_writer w = view_writer_new();
	view_put_text(&w, "level", level);
	view_writer_end(&w, &text, false);
	return view_text_take(&text, out_text, out_size);
}

enum err view_level_decode(const char *text, size_t size, char **out_level,
						   char out_problem[static VIEW_PROBLEM_SIZE]) {
	static const char *const names[] = {"level", NULL};
	json_t *object;
	enum err error = view_body_parse(text, size, names, &object, out_problem);
	if (error)
		return error;
	struct view_reader r = view_reader_of(object);
	char *level = view_get_text(&r, "level", LEVEL_MAX_SIZE, true);
	json_decref(object);
	enum log_level known;
	if (level && !log_level_parse(level, &known))
		view_fail(&r, "level", "silent, error, warning, info or debug");
	if (r.error) {
		free(level);
		return view_body_refuse(&r, out_problem);
	}
	*out_level = level;
	return ERR_OK;
}
