#pragma once

#include "base/byte_queue.h"
#include "base/list.h"
#include "proxy/decoy.h"
#include "proxy/decoy_message.h"
#include "proxy/site.h"
#include "transport/http/http1_head.h"
#include "transport/http/http2_server.h"

/*
 * Inside of the decoy:
 *
 *   decoy_http1.c ─┐                    ┌─ decoy_file.c (the site's)
 *                  ├─▶ decoy_exchange.c ┤
 *   decoy_http2.c ─┘                    └─ decoy_backend.c
 */

struct decoy_exchange;

/* What a version of HTTP does for an exchange. */
struct decoy_protocol {
	size_t (*put)(struct decoy *decoy, const uint8_t *data, size_t size);
	void (*end)(struct decoy *decoy);
	struct slice (*waiting)(struct decoy *decoy);
	void (*sent)(struct decoy *decoy, size_t size);
	/* After anything happened: goes on with what can go on. */
	void (*settle)(struct decoy *decoy);
	void (*expired)(struct decoy *decoy);
	void (*free)(struct decoy *decoy);

	void (*answer)(struct decoy_exchange *exchange, const struct decoy_answer *answer, bool ended);
	/* Of the answer's body; returns how many bytes were taken. ended: with the last of them. */
	size_t (*write)(struct decoy_exchange *exchange, const uint8_t *data, size_t size, bool ended);
	/* So many bytes of the request's body were worked on. */
	void (*consumed)(struct decoy_exchange *exchange, size_t size);
	/* The answer cannot be brought to its end. */
	void (*reset)(struct decoy_exchange *exchange);
	/* False: it cannot be taken over after all. */
	bool (*take_over)(struct decoy_exchange *exchange, struct decoy_answer *answer);
};

extern const struct decoy_protocol decoy_http1_protocol, decoy_http2_protocol;

/* A request and its answer. */
struct decoy_exchange {
	struct list link; /* of the decoy's */
	struct decoy *decoy;
	uint32_t stream;               /* of HTTP/2 */
	struct decoy_request *request; /* a copy; NULL once it is answered, or a backend has it */
	bool is_head, is_old;          /* the request: HEAD; HTTP/1.0 */
	bool starts;                   /* nobody has looked at it yet */
	bool waits;                    /* it was judged, and a backend has no place for it yet */
	bool too_large;                /* fields of it were left out */
	bool ended;                    /* its body is whole */
	bool answered, done;           /* the answer's head, all of it */
	bool feeds;                    /* HTTP/2: counts as one whose body is being sent */
	uint64_t received;             /* bytes of the body */
	struct slice left;             /* of an answer's body, and what stands behind it */
	const struct slice *rest;
	size_t rest_count;
	uint8_t *more;                 /* what left is in, if it is the exchange's own */
	struct decoy_backend *backend; /* NULL: none */
};

struct decoy {
	struct decoy_options options;
	const struct decoy_protocol *protocol;
	char peer[DECOY_PEER_SIZE];
	enum decoy_state state;
	uint64_t now, deadline;
	uint64_t active; /* when a byte came or went last */
	struct list exchanges;
	size_t exchange_count, backend_count, feed_count;
	struct decoy_exchange *judging; /* NULL: none; nothing is taken meanwhile */
	bool input_ended;
	size_t requests;

	/* HTTP/1.1 */
	struct http1_reader *reader;
	struct byte_queue out;
	uint64_t begun_at; /* 0: no byte of a request has come */
	bool chunked, keep_alive;
	bool simple;            /* the answer has no head, as in HTTP/0.9 */
	uint64_t lingers_until; /* not 0: all is said, and the rest of a body is read and thrown away */

	/* HTTP/2 */
	struct http2_server *server;
	bool shuts_down;
};

/* decoy.c */
uint64_t decoy_wall_now(const struct decoy *decoy);
/* Hands the request to the owner, unless it is none that may be taken over: then it starts. */
void decoy_consider(struct decoy_exchange *exchange);
void decoy_finish(struct decoy *decoy);
void decoy_cut(struct decoy *decoy);
bool decoy_is_over(const struct decoy *decoy);
/* Goes on after something happened outside of decoy_put(). */
void decoy_settle(struct decoy *decoy);

/* decoy_http2.c */
enum err decoy_http2_open(struct decoy *decoy);

/* decoy_exchange.c */
enum err decoy_exchange_new(struct decoy *decoy, uint32_t stream,
							const struct decoy_request *request, bool ended,
							struct decoy_exchange **out_exchange);
void decoy_exchange_free(struct decoy_exchange *exchange);
void decoy_exchange_start(struct decoy_exchange *exchange);
/* With a page. Does nothing once it is answered. */
void decoy_exchange_refuse(struct decoy_exchange *exchange, uint16_t status);
/* Bytes of the request's body. */
void decoy_exchange_body(struct decoy_exchange *exchange, const uint8_t *data, size_t size,
						 bool ended);
/* How many may come. */
size_t decoy_exchange_room(const struct decoy_exchange *exchange);
void decoy_exchange_drop_backend(struct decoy_exchange *exchange);
/* Bytes of memory. */
size_t decoy_exchange_held(const struct decoy_exchange *exchange);
/* Writes as much of the answer's body as can be. */
void decoy_exchange_pump(struct decoy_exchange *exchange);

/* decoy_backend.c */
enum err decoy_backend_new(struct decoy_exchange *exchange, struct decoy_backend **out_backend);
/* Says close(). NULL-safe. */
void decoy_backend_free(struct decoy_backend *backend);
void decoy_backend_body(struct decoy_backend *backend, const uint8_t *data, size_t size,
						bool ended);
size_t decoy_backend_body_room(const struct decoy_backend *backend);
size_t decoy_backend_held(const struct decoy_backend *backend);
void decoy_backend_pump(struct decoy_backend *backend);
uint64_t decoy_backend_deadline(const struct decoy_backend *backend);
void decoy_backend_expired(struct decoy_backend *backend);

/* decoy_forward.c: what a proxy says on both sides. ERR_NO_MEMORY, ERR_INVALID: no such request. */
enum err decoy_forward_request(const struct decoy_request *request, const char *peer,
							   struct byte_queue *queue);
void decoy_forward_answer(const struct http1_head *head, bool is_head, uint64_t wall_now,
						  struct decoy_answer *answer);
