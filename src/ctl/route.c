#include "ctl/route.h"

#include <stdio.h>

#include "base/text.h"
#include "ctl/percent.h"
#include "ctl/view.h"

enum { SEGMENTS_MAX = 8 };

/* In patterns: a tunnel's name; a peer's name or key; a user's name. */
#define TUNNEL "{tunnel}"
#define PEER "{peer}"
#define USER "{user}"

static const struct row {
	const char *method;
	const char *path[SEGMENTS_MAX];
	unsigned kind;
	enum route_body body;
} ROWS[] = {
	{"GET", {"v1", "status"}, CTL_STATUS, ROUTE_NO_BODY},
	{"GET", {"v1", "tunnels", TUNNEL}, CTL_TUNNEL, ROUTE_NO_BODY},
	{"POST", {"v1", "tunnels", TUNNEL, "up"}, CTL_UP, ROUTE_NO_BODY},
	{"POST", {"v1", "tunnels", TUNNEL, "down"}, CTL_DOWN, ROUTE_NO_BODY},
	{"POST", {"v1", "tunnels", TUNNEL, "login"}, CTL_LOGIN, ROUTE_LOGIN},
	{"GET", {"v1", "tunnels", TUNNEL, "peers"}, CTL_PEERS, ROUTE_NO_BODY},
	{"POST", {"v1", "tunnels", TUNNEL, "peers"}, CTL_PEER_ADD, ROUTE_PEER_REQUEST},
	{"GET", {"v1", "tunnels", TUNNEL, "peers", PEER}, CTL_PEER, ROUTE_NO_BODY},
	{"DELETE", {"v1", "tunnels", TUNNEL, "peers", PEER}, CTL_PEER_REMOVE, ROUTE_NO_BODY},
	{"GET", {"v1", "users"}, CTL_USERS, ROUTE_NO_BODY},
	{"POST", {"v1", "users"}, CTL_USER_ADD, ROUTE_USER_ADD},
	{"GET", {"v1", "users", USER}, CTL_USER, ROUTE_NO_BODY},
	{"PATCH", {"v1", "users", USER}, CTL_USER_CHANGE, ROUTE_USER_CHANGE},
	{"DELETE", {"v1", "users", USER}, CTL_USER_REMOVE, ROUTE_NO_BODY},
	{"POST", {"v1", "reload"}, CTL_RELOAD, ROUTE_NO_BODY},
	{"PUT", {"v1", "log"}, CTL_LOG, ROUTE_LEVEL},
	{"POST", {"v1", "outside"}, CTL_OUTSIDE, ROUTE_NO_BODY},
	{"POST", {"v1", "tunnels", TUNNEL, "inside"}, CTL_INSIDE, ROUTE_NO_BODY},
	{"GET", {"v1", "events"}, ROUTE_EVENTS, ROUTE_NO_BODY},
	{"GET", {"metrics"}, CTL_METRICS, ROUTE_NO_BODY},
};

enum { ROW_COUNT = sizeof ROWS / sizeof ROWS[0] };

static bool is_text(struct slice slice, const char *text) {
	return slice.size == strlen(text) && memcmp(slice.data, text, slice.size) == 0;
}

/* Between the slashes; "/a/" has two, of which the second is empty. 0: too many. */
static size_t split(struct slice path, struct slice out_segments[static SEGMENTS_MAX]) {
	size_t count = 0, from = 1; /* it begins with a slash */
	for (size_t i = 1; i <= path.size; i++) {
		if (i < path.size && path.data[i] != '/')
			continue;
		if (count == SEGMENTS_MAX)
			return 0;
		out_segments[count++] = slice_of(path.data + from, i - from);
		from = i + 1;
	}
	return count;
}

static bool matches(const struct row *row, const struct slice *segments, size_t count) {
	for (size_t i = 0; i < SEGMENTS_MAX; i++) {
		const char *pattern = row->path[i];
		if (!pattern || i == count)
			return !pattern && i == count;
		if (pattern[0] == '{' ? segments[i].size == 0 : !is_text(segments[i], pattern))
			return false;
	}
	return count == SEGMENTS_MAX;
}

static enum err take_segments(const struct row *row, const struct slice *segments, size_t count,
							  struct route *route) {
	for (size_t i = 0; i < count; i++) {
		enum err error = ERR_OK;
		if (strcmp(row->path[i], TUNNEL) == 0) {
			route->has_tunnel = true;
			error = percent_decode(segments[i], route->tunnel, sizeof route->tunnel);
		} else if (strcmp(row->path[i], PEER) == 0) {
			route->has_peer = true;
			error = percent_decode(segments[i], route->peer, sizeof route->peer);
		} else if (strcmp(row->path[i], USER) == 0) {
			route->has_user = true;
			error = percent_decode(segments[i], route->user, sizeof route->user);
		}
		/* No name is that long, so there is nothing of that name. */
		if (error)
			return error == ERR_LIMIT ? ERR_NOT_FOUND : error;
	}
	return ERR_OK;
}

static enum err take_number(const char *text, uint64_t maximum, uint64_t *out_number) {
	return text_unsigned_parse(text, strlen(text), maximum, out_number) ? ERR_MALFORMED : ERR_OK;
}

static enum err take_query(const struct route_request *request, struct route *route) {
	uint64_t peers = route->peers;
	enum err error = ERR_OK;
	if (request->peers)
		error = take_number(request->peers, ROUTE_PEERS_MAX, &peers);
	route->peers = (size_t)peers;
	route->has_after = request->after != NULL;
	if (!error && request->after)
		error = take_number(request->after, UINT64_MAX, &route->after);
	return error;
}

/* HEAD is GET whose answer is left out. A stream of events has no such answer. */
static bool has_method(const struct row *row, struct slice method) {
	return is_text(method, row->method) ||
		   (is_text(method, "HEAD") && strcmp(row->method, "GET") == 0 &&
			row->kind != ROUTE_EVENTS);
}

static void add_allowed(const struct row *row, char allow[static ROUTE_ALLOW_SIZE]) {
	bool head = strcmp(row->method, "GET") == 0 && row->kind != ROUTE_EVENTS;
	size_t size = strlen(allow);
	(void)snprintf(allow + size, ROUTE_ALLOW_SIZE - size, "%s%s%s", size > 0 ? ", " : "",
				   row->method, head ? ", HEAD" : "");
}

enum err route_find(const struct route_request *request, struct route *out_route,
					char out_allow[static ROUTE_ALLOW_SIZE]) {
	struct slice segments[SEGMENTS_MAX];
	size_t count = split(request->path, segments);
	char allow[ROUTE_ALLOW_SIZE] = "";
	for (size_t i = 0; i < ROW_COUNT && count > 0; i++) {
		const struct row *row = &ROWS[i];
		if (!matches(row, segments, count))
			continue;
		if (!has_method(row, request->method)) {
			add_allowed(row, allow);
			continue;
		}
		struct route route = {.kind = row->kind, .body = row->body, .peers = VIEW_PEERS_SHOWN};
		enum err error = take_segments(row, segments, count, &route);
		if (!error)
			error = take_query(request, &route);
		if (error)
			return error;
		*out_route = route;
		return ERR_OK;
	}
	if (allow[0] == '\0')
		return ERR_NOT_FOUND;
	memcpy(out_allow, allow, sizeof allow);
	return ERR_UNSUPPORTED;
}
