#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/slice.h"

/*
 * One connection to the web site that everybody meets who is not let in: bytes of HTTP/2 or
 * HTTP/1.1 (inside TLS) and `now` in; bytes, news and the next deadline out. Sockets are the
 * owner's. What it does with a connection, it does as nginx would.
 *
 *   OPEN ──an admitted request──▶ RAW
 *     ├──a fault, time to close──▶ FINISHED
 *     └──the client was too slow, or ended first──▶ CUT
 *
 * The first request of a connection, if it is whole and alone, is handed to the owner for a
 * verdict, whatever it says, and the answer waits for it; so nothing tells apart what is judged in
 * vain. Who is to be let in asks so. All others are judged by nobody: a verdict costs a hundred
 * times what a request does, and so there are no more of them than connections.
 */

#define DECOY_HEAD_TIMEOUT (60 * CLOCK_SECOND)  /* for a request, from its first byte */
#define DECOY_IDLE_TIMEOUT (75 * CLOCK_SECOND)  /* between two of them */
#define DECOY_STALL_TIMEOUT (60 * CLOCK_SECOND) /* without a byte of body or answer */
/* For the rest of a body that nobody wants, before the end: without a byte of it, and in total. */
#define DECOY_LINGER_IDLE (5 * CLOCK_SECOND)
#define DECOY_LINGER_MAX (30 * CLOCK_SECOND)
#define DECOY_BACKEND_TIMEOUT (60 * CLOCK_SECOND) /* without a byte of the backend */

enum {
	DECOY_REQUESTS_MAX = 1000,     /* of a connection */
	DECOY_BODY_MAX = 1 << 20,      /* bytes of a request's body */
	DECOY_OUTGOING_MAX = 64 << 10, /* bytes of HTTP/1.1 that wait */
	DECOY_FEEDS_MAX = 8,           /* answers of HTTP/2 whose bodies are being sent */
	DECOY_BACKENDS_MAX = 16,       /* connections to the backend for one connection */
	DECOY_PEER_SIZE = 48,          /* of an address as text, with its NUL */
};

enum decoy_state {
	DECOY_OPEN,
	/*
	 * HTTP is over. Once what waits is sent, the bytes that were not taken, and all that follow,
	 * are the owner's.
	 */
	DECOY_RAW,
	DECOY_FINISHED, /* to be closed in order, once what waits is sent; what comes is of no use */
	DECOY_CUT,      /* the same, but TLS does not say that it is the end */
};

struct decoy;
struct decoy_backend;
struct site;

/* News, from inside the functions below, none of which may be called in turn. */
struct decoy_ops {
	/* The first request's cookie, maybe empty. Ends in decoy_judged(); once at most. */
	void (*candidate)(void *context, struct slice text);
	/* A connection to the web server behind, see proxy/decoy_backend.h. */
	void (*open)(void *context, struct decoy_backend *backend);
	/* There is more to be sent to it, or room again for what it sends. */
	void (*resume)(void *context, struct decoy_backend *backend);
	/* It is not needed any more, and gone after the call. */
	void (*close)(void *context, struct decoy_backend *backend);
	uint64_t (*wall_now)(void *context); /* seconds since the Unix epoch */
};

struct decoy_options {
	const struct decoy_ops *ops;
	void *context;
	bool http2;
	bool plain;         /* HTTP/1.1 without TLS, where TLS is served: no request is answered */
	struct site *site;  /* held as long as it is needed; NULL: a backend answers */
	const char *cookie; /* name; outlives the connection */
	const char *peer;   /* the client's address, which a backend is told; copied */
	uint16_t port;      /* that the site is served at */
};

/* ERR_NO_MEMORY. */
enum err decoy_new(const struct decoy_options *options, uint64_t now, struct decoy **out_decoy);
/* close() is called for each backend. NULL-safe. */
void decoy_free(struct decoy *decoy);

enum decoy_state decoy_state(const struct decoy *decoy);
/* Bytes of memory that the client makes it hold. */
size_t decoy_held(const struct decoy *decoy);

/*
 * What the client sent; returns how many bytes were taken. The others are to be offered again after
 * any other call.
 */
size_t decoy_put(struct decoy *decoy, uint64_t now, const uint8_t *data, size_t size);
/* The client sends no more, and all it sent was taken. */
void decoy_end(struct decoy *decoy, uint64_t now);

/* What is to be sent to it; stays until the next call. */
struct slice decoy_waiting(struct decoy *decoy);
void decoy_sent(struct decoy *decoy, uint64_t now, size_t size);

/* Admitted: the request is answered with a cookie of that text, and HTTP ends behind it. */
void decoy_judged(struct decoy *decoy, uint64_t now, bool admitted, struct slice text);

/* Does what is due; returns the next deadline. */
uint64_t decoy_run(struct decoy *decoy, uint64_t now);
