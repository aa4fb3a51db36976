#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "wire/socks5.h"

/*
 * Why a client of the front end does not get what it asked for, and what it is told: a reply of
 * SOCKS5, or a status of HTTP with a line of text for a person.
 */

enum refusal {
	REFUSAL_INTERNAL,    /* our own trouble: memory, descriptors */
	REFUSAL_CARRIER,     /* there is no connection to the server now */
	REFUSAL_NOT_ALLOWED, /* by the server, or the stream is one too many */
	REFUSAL_UNREACHABLE, /* the target did not answer, has no address, or refused */
	REFUSAL_TIMEOUT,     /* nobody said anything */
	REFUSAL_BUSY,        /* too much, too fast */
	REFUSAL_TARGET,      /* it broke off, or does not speak HTTP */
	/* What the client did, in HTTP: */
	REFUSAL_REQUEST,   /* it makes no sense */
	REFUSAL_NO_PROXY,  /* it is one to a web server, not to a proxy */
	REFUSAL_SCHEME,    /* not http:// */
	REFUSAL_PASSWORD,  /* needed */
	REFUSAL_HEAD_SIZE, /* of more bytes, or fields, than are taken */
	REFUSAL_METHOD,    /* unknown, or not to be passed on */
	REFUSAL_VERSION,   /* neither HTTP/1.0 nor 1.1 */
	REFUSAL_SLOW,      /* the request took too long to come */
	REFUSAL_COUNT,
};

/* Of a stream that ended with an enum stream_error before the target was connected. */
enum refusal refusal_of_stream(uint32_t error);

enum socks5_reply refusal_socks5(enum refusal refusal);

struct refusal_page {
	unsigned status;
	const char *reason; /* of the status line */
	const char *text;   /* a sentence */
};
const struct refusal_page *refusal_page(enum refusal refusal);
