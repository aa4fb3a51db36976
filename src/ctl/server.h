#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "ctl/view.h"

/*
 * The control API over HTTP/1.1 on connections that somebody else has accepted and found permitted.
 * It parses and answers; what is asked for is done by its owner, at once or later.
 *
 *   GET    /v1/status?peers=N                   CTL_STATUS
 *   GET    /v1/tunnels/T?peers=N                CTL_TUNNEL
 *   POST   /v1/tunnels/T/up, /down              CTL_UP, CTL_DOWN
 *   POST   /v1/tunnels/T/login                  CTL_LOGIN       (view_login_request)
 *   GET    /v1/tunnels/T/peers                  CTL_PEERS
 *   POST   /v1/tunnels/T/peers                  CTL_PEER_ADD    (view_peer_request)
 *   GET    /v1/tunnels/T/peers/NAME-OR-KEY      CTL_PEER        (percent-encoded)
 *   DELETE /v1/tunnels/T/peers/NAME-OR-KEY      CTL_PEER_REMOVE
 *   GET    /v1/users                            CTL_USERS
 *   POST   /v1/users                            CTL_USER_ADD    (view_user_request)
 *   GET    /v1/users/NAME                       CTL_USER        (percent-encoded)
 *   PATCH  /v1/users/NAME                       CTL_USER_CHANGE (view_user_request)
 *   DELETE /v1/users/NAME                       CTL_USER_REMOVE
 *   POST   /v1/reload                           CTL_RELOAD
 *   PUT    /v1/log  {"level": "debug"}          CTL_LOG
 *   POST   /v1/outside                          CTL_OUTSIDE
 *   POST   /v1/tunnels/T/inside                 CTL_INSIDE
 *   GET    /v1/events?after=SEQUENCE            (served here) text/event-stream of view_event
 *   GET    /metrics                             CTL_METRICS, text of ctl/metrics.h
 *
 * HEAD is GET whose answer's body is left out. Anything else is answered with a view_error and 404,
 * 405 (with Allow), 400, 411, 413; what is not even HTTP/1.1 the library refuses in its own words.
 */

struct control_loop;
struct ctl_server;
struct view_login_request;
struct view_user;
struct view_user_request;
struct ctl_request; /* opaque; answered exactly once, also when its connection is gone meanwhile */

enum ctl_kind {
	CTL_STATUS,
	CTL_TUNNEL,
	CTL_UP,
	CTL_DOWN,
	CTL_PEERS,
	CTL_PEER,
	CTL_PEER_ADD,
	CTL_PEER_REMOVE,
	CTL_RELOAD,
	CTL_LOG,
	CTL_OUTSIDE,
	CTL_INSIDE,
	CTL_USERS,
	CTL_USER,
	CTL_USER_ADD,
	CTL_USER_CHANGE,
	CTL_USER_REMOVE,
	CTL_LOGIN,
	CTL_METRICS, /* peers: as many as are shown */
};

struct ctl_question {
	enum ctl_kind kind;
	const char *tunnel; /* decoded; NULL where the path has none */
	const char *peer;   /* decoded name or key */
	const char *user;   /* decoded name */
	size_t peers;       /* how many to show in CTL_STATUS and CTL_TUNNEL */
	const struct view_peer_request *add;
	const struct view_login_request *login;       /* of CTL_LOGIN */
	const struct view_user_request *user_request; /* of CTL_USER_ADD, CTL_USER_CHANGE */
	const char *level;                            /* of CTL_LOG */
};

enum {
	CTL_CONNECTIONS_MAX = 64, /* more are closed at once */
	CTL_METRICS_CONNECTIONS_MAX = 16,
	CTL_BODY_MAX = 1 << 20, /* bytes of a request */
	CTL_EVENTS_KEPT = 256,  /* for readers that come back with after= */
	CTL_IDLE_SECONDS = 30,  /* without a byte of a request, or without an answer's bytes being
							   read, a connection is closed; not those that wait for an answer
							   or events */
};

struct ctl_server_options {
	struct control_loop *loop;
	/* The question and what it points to are gone when this returns; the request stays. */
	void (*ask)(void *context, struct ctl_request *request, const struct ctl_question *question);
	void *context;
	/* 0: CTL_IDLE_SECONDS, and 15 until a stream of events says that it lives. For tests. */
	unsigned idle_seconds, comment_seconds;
};

enum err ctl_server_new(const struct ctl_server_options *options, struct ctl_server **out_server);
void ctl_server_free(struct ctl_server *server); /* requests not answered yet are gone */

/* Takes the descriptor of a stream socket over, also on failure. ERR_LIMIT: there are too many. */
enum err ctl_server_adopt(struct ctl_server *server, int descriptor);

/*
 * Serves the metrics, and nothing else, to whoever connects to a listening stream socket, which is
 * taken over, also on failure, and replaces the one of before; -1: nowhere. ERR_NO_MEMORY and
 * others.
 */
enum err ctl_server_listen(struct ctl_server *server, int descriptor);

/* Answers. Each ends the request; what they are given stays the caller's. */
void ctl_answer_status(struct ctl_request *request, const struct view_status *status);
void ctl_answer_metrics(struct ctl_request *request, const struct view_status *status);
void ctl_answer_tunnel(struct ctl_request *request, const struct view_tunnel *tunnel);
void ctl_answer_peers(struct ctl_request *request, const struct view_peer *peers, size_t count);
void ctl_answer_peer(struct ctl_request *request, unsigned http_status,
					 const struct view_peer *peer);
void ctl_answer_users(struct ctl_request *request, const struct view_user *users, size_t count);
void ctl_answer_user(struct ctl_request *request, unsigned http_status,
					 const struct view_user *user);
void ctl_answer_done(struct ctl_request *request, const char *message); /* {"message": …} */
void ctl_answer_error(struct ctl_request *request, unsigned http_status, const char *code,
					  const char *message);

/* Gives the event its number and time, keeps it, and sends it to everybody who listens. */
void ctl_server_publish(struct ctl_server *server, const char *kind, const char *tunnel,
						const char *peer, const char *message);
