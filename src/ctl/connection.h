#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/list.h"
#include "base/slice.h"
#include "ctl/http_head.h"

/*
 * One connection of the control API: HTTP/1.1 requests in, one at a time and in order, answers out.
 *
 *               whole request            answer queued            sent
 *     READING ────────────────▶ ASKED ────────────────▶ READING ─────────▶ next request
 *        │ refused                │ connection_stream()     │ was the last one
 *        ▼                        ▼                         ▼
 *     DRAINING (sent, half       STREAMING (until          DRAINING
 *     closed, the rest of        somebody goes)
 *     the input is thrown away)
 *
 * It is freed by its host only, when gone() was called or connection_tick() said so: never inside a
 * call of the functions below.
 */

struct connection;
struct control_loop;

enum {
	CONNECTION_QUEUE_MAX = 1 << 20,  /* bytes of a stream that wait for a slow reader */
	CONNECTION_DRAIN_SECONDS = 2,    /* for the other side to read the last answer and go */
	CONNECTION_DRAIN_MAX = 16 << 20, /* bytes thrown away after the last answer */
	CONNECTION_COMMENT_SECONDS = 15, /* a stream says at least so often that it lives */
};

struct connection_host {
	/* A whole request; it is answered by exactly one connection_answer(), _refuse(), or _stream(),
	 * now or later. What it points to is gone when this returns. */
	void (*take)(void *context, struct connection *connection, const struct http_request *request,
				 struct slice body);
	/* Ended by the other side or an error: to be freed. */
	void (*gone)(void *context, struct connection *connection);
	void *context;
	unsigned idle_seconds, comment_seconds;
};

/* Takes the descriptor over, also on failure. owner is the host's to find its own things by. */
enum err connection_new(struct control_loop *loop, int descriptor,
						const struct connection_host *host, struct connection **out_connection);
void connection_free(struct connection *connection);

/* What the host keeps beside it; NULL at first. */
void connection_set_owner(struct connection *connection, void *owner);
void *connection_owner(const struct connection *connection);
/* A list of the host's. */
struct list *connection_link(struct connection *connection);
struct connection *connection_of(struct list *link);

/* JSON of size bytes, taken over. allow: of 405, else NULL. */
void connection_answer(struct connection *connection, unsigned status, const char *allow,
					   char *json, size_t size);
/* The same with a view_error. last: nothing more is read. */
void connection_refuse(struct connection *connection, unsigned status, const char *allow,
					   const char *code, const char *message, bool last);
/* An answer without an end: text/event-stream, whose frames follow by connection_add(). */
void connection_stream(struct connection *connection);
/* Does nothing unless it streams; too slow a reader is dropped. */
void connection_add(struct connection *connection, struct slice frame);

/* To be called about once a second. False: its time is over, free it. */
bool connection_tick(struct connection *connection, uint64_t now);
