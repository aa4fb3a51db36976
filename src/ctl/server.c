#include "ctl/server.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/list.h"
#include "ctl/events.h"
#include "ctl/metrics.h"
#include "ctl/request.h"
#include "ctl/route.h"
#include "ctl/stream.h"
#include "ctl/view.h"
#include "ctl/view_json.h"
#include "ctl/view_login.h"
#include "ctl/view_user.h"
#include "ctl/web.h"
#include "loop/control_loop.h"

enum { PATH_SHOWN = 64 };

struct ctl_server {
	struct ctl_server_options options;
	struct web *web;
	struct web *metrics; /* NULL: on no socket of their own */
	struct list orphans; /* requests whose socket is gone; whoever was asked may still answer */
	struct list streams;
	struct control_timer *timer; /* runs while there are streams */
	struct events *events;
};

static void tick(void *context);
static void take(void *context, struct ctl_request *request);

enum err ctl_server_new(const struct ctl_server_options *options, struct ctl_server **out_server) {
	struct ctl_server *server = calloc(1, sizeof *server);
	if (!server)
		return ERR_NO_MEMORY;
	view_json_seed();
	server->options = *options;
	if (server->options.comment_seconds == 0)
		server->options.comment_seconds = STREAM_COMMENT_SECONDS;
	list_init(&server->orphans);
	list_init(&server->streams);
	const struct web_options web = {
		.loop = options->loop,
		.take = take,
		.context = server,
		.connections = CTL_CONNECTIONS_MAX,
		.listening = -1,
		.idle_seconds = options->idle_seconds ? options->idle_seconds : CTL_IDLE_SECONDS,
	};
	enum err error = events_new(&server->events);
	if (!error)
		error = control_timer_new(options->loop, tick, server, &server->timer);
	if (!error)
		error = web_new(&web, &server->web);
	if (error) {
		ctl_server_free(server);
		return error;
	}
	*out_server = server;
	return ERR_OK;
}

void ctl_server_free(struct ctl_server *server) {
	if (!server)
		return;
	web_free(server->metrics, NULL);
	web_free(server->web, NULL); /* and with it all streams */
	request_list_free(&server->orphans);
	control_timer_free(server->timer);
	events_free(server->events);
	free(server);
}

enum err ctl_server_adopt(struct ctl_server *server, int descriptor) {
	return web_adopt(server->web, descriptor);
}

static void tick(void *context) {
	struct ctl_server *server = context;
	uint64_t now = clock_now();
	list_for_each (link, &server->streams)
		stream_tick(stream_of(link), now, server->options.comment_seconds);
	if (!list_is_empty(&server->streams))
		control_timer_set(server->timer, CLOCK_SECOND);
}

/* Questions */

/* bodies: what the request brought, the rest follows from the route. */
static void ask(struct ctl_server *server, struct ctl_request *request, const struct route *route,
				const struct ctl_question *bodies) {
	struct ctl_question question = *bodies;
	question.kind = (enum ctl_kind)route->kind;
	question.tunnel = route->has_tunnel ? route->tunnel : NULL;
	question.peer = route->has_peer ? route->peer : NULL;
	question.user = route->has_user ? route->user : NULL;
	question.peers = route->peers;
	server->options.ask(server->options.context, request, &question);
}

static void ask_metrics(struct ctl_server *server, struct ctl_request *request) {
	const struct route route = {.kind = CTL_METRICS, .peers = METRICS_PEERS_MAX};
	ask(server, request, &route, &(const struct ctl_question){0});
}

static enum err ask_with_peer(struct ctl_server *server, struct ctl_request *request,
							  const struct route *route, const char *text, size_t size,
							  char problem[static VIEW_PROBLEM_SIZE]) {
	struct view_peer_request add;
	enum err error = view_peer_request_decode(text, size, &add, problem);
	if (error)
		return error;
	ask(server, request, route, &(const struct ctl_question){.add = &add});
	view_peer_request_done(&add);
	return ERR_OK;
}

static enum err ask_with_user(struct ctl_server *server, struct ctl_request *request,
							  const struct route *route, const char *text, size_t size,
							  char problem[static VIEW_PROBLEM_SIZE]) {
	struct view_user_request user;
	enum err error =
		view_user_request_decode(text, size, route->body == ROUTE_USER_ADD, &user, problem);
	if (error)
		return error;
	ask(server, request, route, &(const struct ctl_question){.user_request = &user});
	view_user_request_done(&user);
	return ERR_OK;
}

static enum err ask_with_level(struct ctl_server *server, struct ctl_request *request,
							   const struct route *route, const char *text, size_t size,
							   char problem[static VIEW_PROBLEM_SIZE]) {
	auto_free char *level = NULL;
	enum err error = view_level_decode(text, size, &level, problem);
	if (!error)
		ask(server, request, route, &(const struct ctl_question){.level = level});
	return error;
}

static enum err ask_with_login(struct ctl_server *server, struct ctl_request *request,
							   const struct route *route, const char *text, size_t size,
							   char problem[static VIEW_PROBLEM_SIZE]) {
	struct view_login_request login;
	enum err error = view_login_request_decode(text, size, &login, problem);
	if (error)
		return error;
	ask(server, request, route, &(const struct ctl_question){.login = &login});
	view_login_request_done(&login);
	return ERR_OK;
}

static void ask_with_body(struct ctl_server *server, struct ctl_request *request,
						  const struct route *route) {
	const struct slice body = request_body(request);
	const char *text = (const char *)body.data;
	char problem[VIEW_PROBLEM_SIZE];
	enum err error = ERR_OK;
	switch (route->body) {
	case ROUTE_PEER_REQUEST:
		error = ask_with_peer(server, request, route, text, body.size, problem);
		break;
	case ROUTE_USER_ADD:
	case ROUTE_USER_CHANGE:
		error = ask_with_user(server, request, route, text, body.size, problem);
		break;
	case ROUTE_LEVEL:
		error = ask_with_level(server, request, route, text, body.size, problem);
		break;
	case ROUTE_LOGIN:
		error = ask_with_login(server, request, route, text, body.size, problem);
		break;
	case ROUTE_NO_BODY:
		ask(server, request, route, &(const struct ctl_question){0});
		break;
	}
	if (error)
		request_refuse(request, 400, NULL, "invalid", problem);
}

static void open_stream(struct ctl_server *server, struct ctl_request *request,
						const struct route *route) {
	if (list_is_empty(&server->streams))
		control_timer_set(server->timer, CLOCK_SECOND);
	struct stream *stream = stream_open(request, &server->streams);
	if (!stream)
		return;
	uint64_t after = route->after;
	struct slice frame;
	while (route->has_after && !events_next(server->events, &after, &frame))
		stream_add(stream, frame);
}

static void refuse_route(struct ctl_request *request, enum err error, const char *allow) {
	char message[PATH_SHOWN + 64];
	const char *path = request_path(request);
	switch (error) {
	case ERR_NOT_FOUND:
		(void)snprintf(message, sizeof message, "there is no %.*s", (int)PATH_SHOWN, path);
		request_refuse(request, 404, NULL, "not_found", message);
		break;
	case ERR_UNSUPPORTED:
		(void)snprintf(message, sizeof message, "%.*s takes %s", (int)PATH_SHOWN, path, allow);
		request_refuse(request, 405, allow, "method_not_allowed", message);
		break;
	default:
		(void)snprintf(message, sizeof message, "a part of %.*s is badly encoded or no number",
					   (int)PATH_SHOWN, path);
		request_refuse(request, 400, NULL, "malformed", message);
		break;
	}
}

static void take(void *context, struct ctl_request *request) {
	struct ctl_server *server = context;
	const struct route_request sent = {
		.method = slice_of_text(request_method(request)),
		.path = slice_of_text(request_path(request)),
		.peers = request_argument(request, "peers"),
		.after = request_argument(request, "after"),
	};
	struct route route;
	char allow[ROUTE_ALLOW_SIZE] = "";
	enum err error = route_find(&sent, &route, allow);
	if (error)
		refuse_route(request, error, allow);
	else if (route.body != ROUTE_NO_BODY && !request_has_body(request))
		request_refuse(request, 411, NULL, "length_required",
					   "this needs a body with a Content-Length");
	else if (route.kind == ROUTE_EVENTS)
		open_stream(server, request, &route);
	else if (route.kind == CTL_METRICS)
		ask_metrics(server, request);
	else
		ask_with_body(server, request, &route);
}

/* Metrics */

static void take_metrics(void *context, struct ctl_request *request) {
	struct ctl_server *server = context;
	const char *method = request_method(request);
	bool reads = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
	if (strcmp(request_path(request), "/metrics") != 0)
		refuse_route(request, ERR_NOT_FOUND, NULL);
	else if (!reads)
		refuse_route(request, ERR_UNSUPPORTED, "GET, HEAD");
	else
		ask_metrics(server, request);
}

enum err ctl_server_listen(struct ctl_server *server, int descriptor) {
	web_free(server->metrics, &server->orphans);
	server->metrics = NULL;
	if (descriptor < 0)
		return ERR_OK;
	const struct web_options options = {
		.loop = server->options.loop,
		.take = take_metrics,
		.context = server,
		.connections = CTL_METRICS_CONNECTIONS_MAX,
		.listening = descriptor,
		.idle_seconds =
			server->options.idle_seconds ? server->options.idle_seconds : CTL_IDLE_SECONDS,
	};
	return web_new(&options, &server->metrics);
}

/* Answers */

/* Ends the request with what was encoded, or with the failure of that. */
static void answer(struct ctl_request *request, unsigned status, enum err error, char *json,
				   size_t size) {
	if (error) {
		request_refuse(request, 500, NULL, "failed", err_text(error));
		return;
	}
	json[size] = '\n'; /* where the NUL was: for people with curl */
	request_answer(request, status, NULL, json, size + 1);
}

void ctl_answer_status(struct ctl_request *request, const struct view_status *status) {
	char *json = NULL;
	size_t size = 0;
	enum err error = view_status_encode(status, &json, &size);
	answer(request, 200, error, json, size);
}

void ctl_answer_metrics(struct ctl_request *request, const struct view_status *status) {
	char *text = NULL;
	size_t size = 0;
	enum err error = metrics_encode(status, &text, &size);
	if (error)
		request_refuse(request, 500, NULL, "failed", err_text(error));
	else
		request_answer_text(request, METRICS_CONTENT_TYPE, text, size);
}

void ctl_answer_tunnel(struct ctl_request *request, const struct view_tunnel *tunnel) {
	char *json = NULL;
	size_t size = 0;
	enum err error = view_tunnel_encode(tunnel, &json, &size);
	answer(request, 200, error, json, size);
}

void ctl_answer_peers(struct ctl_request *request, const struct view_peer *peers, size_t count) {
	char *json = NULL;
	size_t size = 0;
	enum err error = view_peers_encode(peers, count, &json, &size);
	answer(request, 200, error, json, size);
}

void ctl_answer_peer(struct ctl_request *request, unsigned http_status,
					 const struct view_peer *peer) {
	char *json = NULL;
	size_t size = 0;
	enum err error = view_peer_encode(peer, &json, &size);
	answer(request, http_status, error, json, size);
}

void ctl_answer_users(struct ctl_request *request, const struct view_user *users, size_t count) {
	char *json = NULL;
	size_t size = 0;
	enum err error = view_users_encode(users, count, &json, &size);
	answer(request, 200, error, json, size);
}

void ctl_answer_user(struct ctl_request *request, unsigned http_status,
					 const struct view_user *user) {
	char *json = NULL;
	size_t size = 0;
	enum err error = view_user_encode(user, &json, &size);
	answer(request, http_status, error, json, size);
}

void ctl_answer_done(struct ctl_request *request, const char *message) {
	char *json = NULL;
	size_t size = 0;
	enum err error = view_message_encode(message, &json, &size);
	answer(request, 200, error, json, size);
}

void ctl_answer_error(struct ctl_request *request, unsigned http_status, const char *code,
					  const char *message) {
	request_refuse(request, http_status, NULL, code, message);
}

void ctl_server_publish(struct ctl_server *server, const char *kind, const char *tunnel,
						const char *peer, const char *message) {
	struct view_event event = {
		.time = clock_wall_now() / CLOCK_MILLISECOND,
		.kind = (char *)(uintptr_t)kind,
		.tunnel = (char *)(uintptr_t)tunnel,
		.peer = (char *)(uintptr_t)peer,
		.message = (char *)(uintptr_t)(message ? message : ""),
	};
	struct slice frame;
	/* Without memory the event is lost; its number is missing, which readers see. */
	if (events_add(server->events, &event, &frame))
		return;
	list_for_each (link, &server->streams)
		stream_add(stream_of(link), frame);
}
