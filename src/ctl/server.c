#include "ctl/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/list.h"
#include "ctl/connection.h"
#include "ctl/events.h"
#include "ctl/route.h"
#include "ctl/view.h"
#include "ctl/view_json.h"
#include "loop/control_loop.h"

enum { PATH_SHOWN = 64 };

struct ctl_server {
	struct ctl_server_options options;
	struct connection_host host;
	struct list connections, requests;
	unsigned connection_count;
	struct control_timer *timer; /* runs while there are connections */
	struct events *events;
};

struct ctl_request {
	struct list link;
	struct connection *connection; /* NULL: gone meanwhile */
};

static void tick(void *context);
static void take(void *context, struct connection *connection, const struct http_request *request,
				 struct slice body);
static void gone(void *context, struct connection *connection);

enum err ctl_server_new(const struct ctl_server_options *options, struct ctl_server **out_server) {
	struct ctl_server *server = calloc(1, sizeof *server);
	if (!server)
		return ERR_NO_MEMORY;
	view_json_seed();
	server->options = *options;
	server->host = (struct connection_host){
		.take = take,
		.gone = gone,
		.context = server,
		.idle_seconds = options->idle_seconds ? options->idle_seconds : CTL_IDLE_SECONDS,
		.comment_seconds =
			options->comment_seconds ? options->comment_seconds : CONNECTION_COMMENT_SECONDS,
	};
	list_init(&server->connections);
	list_init(&server->requests);
	enum err error = events_new(&server->events);
	if (!error)
		error = control_timer_new(options->loop, tick, server, &server->timer);
	if (error) {
		ctl_server_free(server);
		return error;
	}
	*out_server = server;
	return ERR_OK;
}

static void free_request(struct ctl_request *request) {
	list_remove(&request->link);
	if (request->connection)
		connection_set_owner(request->connection, NULL);
	free(request);
}

void ctl_server_free(struct ctl_server *server) {
	if (!server)
		return;
	list_for_each (link, &server->requests)
		free_request(list_item(link, struct ctl_request, link));
	list_for_each (link, &server->connections)
		connection_free(connection_of(link));
	control_timer_free(server->timer);
	events_free(server->events);
	free(server);
}

enum err ctl_server_adopt(struct ctl_server *server, int descriptor) {
	if (server->connection_count >= CTL_CONNECTIONS_MAX) {
		(void)close(descriptor);
		return ERR_LIMIT;
	}
	struct connection *connection;
	enum err error = connection_new(server->options.loop, descriptor, &server->host, &connection);
	if (error)
		return error;
	list_append(&server->connections, connection_link(connection));
	if (server->connection_count++ == 0)
		control_timer_set(server->timer, CLOCK_SECOND);
	return ERR_OK;
}

static void gone(void *context, struct connection *connection) {
	struct ctl_server *server = context;
	struct ctl_request *request = connection_owner(connection);
	if (request)
		request->connection = NULL;
	connection_free(connection);
	server->connection_count--;
}

static void tick(void *context) {
	struct ctl_server *server = context;
	uint64_t now = clock_now();
	list_for_each (link, &server->connections)
		if (!connection_tick(connection_of(link), now))
			gone(server, connection_of(link));
	if (server->connection_count > 0)
		control_timer_set(server->timer, CLOCK_SECOND);
}

/* Questions */

static enum err new_request(struct ctl_server *server, struct connection *connection,
							struct ctl_request **out_request) {
	struct ctl_request *request = calloc(1, sizeof *request);
	if (!request)
		return ERR_NO_MEMORY;
	request->connection = connection;
	connection_set_owner(connection, request);
	list_append(&server->requests, &request->link);
	*out_request = request;
	return ERR_OK;
}

static void ask(struct ctl_server *server, struct connection *connection, const struct route *route,
				const struct view_peer_request *add, const char *level) {
	struct ctl_request *request;
	if (new_request(server, connection, &request)) {
		connection_refuse(connection, 503, NULL, "unavailable", err_text(ERR_NO_MEMORY), true);
		return;
	}
	const struct ctl_question question = {
		.kind = (enum ctl_kind)route->kind,
		.tunnel = route->has_tunnel ? route->tunnel : NULL,
		.peer = route->has_peer ? route->peer : NULL,
		.peers = route->peers,
		.add = add,
		.level = level,
	};
	server->options.ask(server->options.context, request, &question);
}

static void ask_with_peer(struct ctl_server *server, struct connection *connection,
						  const struct route *route, struct slice body) {
	char problem[VIEW_PROBLEM_SIZE];
	struct view_peer_request add;
	if (view_peer_request_decode((const char *)body.data, body.size, &add, problem)) {
		connection_refuse(connection, 400, NULL, "invalid", problem, false);
		return;
	}
	ask(server, connection, route, &add, NULL);
	view_peer_request_done(&add);
}

static void ask_with_level(struct ctl_server *server, struct connection *connection,
						   const struct route *route, struct slice body) {
	char problem[VIEW_PROBLEM_SIZE];
	auto_free char *level = NULL;
	if (view_level_decode((const char *)body.data, body.size, &level, problem))
		connection_refuse(connection, 400, NULL, "invalid", problem, false);
	else
		ask(server, connection, route, NULL, level);
}

static void stream(struct ctl_server *server, struct connection *connection,
				   const struct route *route) {
	connection_stream(connection);
	uint64_t after = route->after;
	struct slice frame;
	while (route->has_after && !events_next(server->events, &after, &frame))
		connection_add(connection, frame);
}

static void refuse_route(struct connection *connection, const struct http_request *request,
						 enum err error, const char *allow) {
	char message[PATH_SHOWN + 64];
	int shown = request->path.size < PATH_SHOWN ? (int)request->path.size : (int)PATH_SHOWN;
	const char *path = (const char *)request->path.data;
	switch (error) {
	case ERR_NOT_FOUND:
		(void)snprintf(message, sizeof message, "there is no %.*s", shown, path);
		connection_refuse(connection, 404, NULL, "not_found", message, false);
		break;
	case ERR_UNSUPPORTED:
		(void)snprintf(message, sizeof message, "%.*s takes %s", shown, path, allow);
		connection_refuse(connection, 405, allow, "method_not_allowed", message, false);
		break;
	default:
		(void)snprintf(message, sizeof message, "a part of %.*s is badly encoded or no number",
					   shown, path);
		connection_refuse(connection, 400, NULL, "malformed", message, false);
		break;
	}
}

static void take(void *context, struct connection *connection, const struct http_request *request,
				 struct slice body) {
	struct ctl_server *server = context;
	struct route route;
	char allow[ROUTE_ALLOW_SIZE] = "";
	enum err error = route_find(request, &route, allow);
	if (error)
		refuse_route(connection, request, error, allow);
	else if (route.body != ROUTE_NO_BODY && !request->has_body_size)
		connection_refuse(connection, 411, NULL, "length_required",
						  "this needs a body with a Content-Length", false);
	else if (route.kind == ROUTE_EVENTS)
		stream(server, connection, &route);
	else if (route.body == ROUTE_PEER_REQUEST)
		ask_with_peer(server, connection, &route, body);
	else if (route.body == ROUTE_LEVEL)
		ask_with_level(server, connection, &route, body);
	else
		ask(server, connection, &route, NULL, NULL);
}

/* Answers */

/* Ends the request with what was encoded, or with the failure of that. */
static void answer(struct ctl_request *request, unsigned status, enum err error, char *json,
				   size_t size) {
	struct connection *connection = request->connection;
	free_request(request);
	if (!connection) {
		free(json);
		return;
	}
	if (error) {
		connection_refuse(connection, 500, NULL, "failed", err_text(error), false);
		return;
	}
	json[size] = '\n'; /* where the NUL was: for people with curl */
	connection_answer(connection, status, NULL, json, size + 1);
}

void ctl_answer_status(struct ctl_request *request, const struct view_status *status) {
	char *json = NULL;
	size_t size = 0;
	enum err error = view_status_encode(status, &json, &size);
	answer(request, 200, error, json, size);
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

void ctl_answer_done(struct ctl_request *request, const char *message) {
	char *json = NULL;
	size_t size = 0;
	enum err error = view_message_encode(message, &json, &size);
	answer(request, 200, error, json, size);
}

void ctl_answer_error(struct ctl_request *request, unsigned http_status, const char *code,
					  const char *message) {
	const struct view_error view = {http_status, (char *)(uintptr_t)code,
									(char *)(uintptr_t)message};
	char *json = NULL;
	size_t size = 0;
	enum err error = view_error_encode(&view, &json, &size);
	answer(request, http_status, error, json, size);
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
	list_for_each (link, &server->connections)
		connection_add(connection_of(link), frame);
}
