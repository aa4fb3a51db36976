#pragma once

#include "proxy/front.h"
#include "proxy/queue.h"
#include "transport/http/http1_head.h"
#include "wire/socks5.h"

/* What the parts of the front know of each other; nobody else includes this. */

enum front_state {
	FRONT_START,
	/* SOCKS5 */
	FRONT_GREETING,
	FRONT_PASSWORD,
	FRONT_REQUEST,
	FRONT_ASSOCIATING,
	FRONT_ASSOCIATED,
	/* HTTP */
	FRONT_HEAD,
	FRONT_EXCHANGING,
	/* Both */
	FRONT_OPENING,
	FRONT_RELAYING,
	FRONT_CLOSING,
};

struct front {
	struct front_options options;
	enum front_state state;
	uint64_t deadline;
	struct queue to_client, to_target;
	bool client_ended;
	/* A message of SOCKS5 that is not whole. */
	uint8_t input[SOCKS5_PASSWORD_MAX];
	size_t input_size;
	/* HTTP: */
	struct http1_reader *request, *response; /* NULL: SOCKS5 */
	bool is_connect, is_head;
	bool keep_alive;      /* the client may send another request */
	bool request_ended;   /* with its body */
	bool has_answered;    /* the head of the final response was passed on, or is */
	enum http1_body body; /* of that response */
};

/* front.c */
void front_enter(struct front *front, enum front_state state, uint64_t deadline);
void front_close(struct front *front);
/* Tells the client, in its protocol, and closes. */
void front_refuse(struct front *front, enum refusal refusal);
void front_begin_relay(struct front *front);

/* front_socks5.c: how many bytes were taken; 0: it waits for something. */
size_t front_socks5_put(struct front *front, uint64_t now, const uint8_t *data, size_t size);
void front_socks5_answer(struct front *front, enum socks5_reply reply,
						 const struct endpoint *bound);

/* front_http.c */
enum err front_http_begin(struct front *front);
size_t front_http_put(struct front *front, uint64_t now, const uint8_t *data, size_t size);
void front_http_refuse(struct front *front, enum refusal refusal);
void front_http_opened(struct front *front, uint64_t now);

/* front_exchange.c */
void front_exchange_begin(struct front *front, uint64_t now);
size_t front_exchange_put(struct front *front, uint64_t now, enum front_side side,
						  const uint8_t *data, size_t size);
void front_exchange_end(struct front *front, uint64_t now, enum front_side side);
