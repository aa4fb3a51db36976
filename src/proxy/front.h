#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/slice.h"
#include "proxy/credentials.h"
#include "proxy/refusal.h"
#include "wire/target.h"

/*
 * One connection to the mixed port: SOCKS5, HTTP CONNECT, or requests to an HTTP proxy, as its
 * first byte tells. Bytes and `now` in; bytes, news and the next deadline out: sockets and streams
 * are the owner's.
 *
 *           ┌─05─▶ GREETING ─▶ PASSWORD ─▶ REQUEST ─┬─connect──▶ OPENING ─▶ RELAYING
 *    START ─┤                                       └─associate─▶ ASSOCIATING ─▶ ASSOCIATED
 *           └─A…Z─▶ HEAD ─┬─CONNECT──▶ OPENING ─▶ RELAYING
 *                     ▲   └─http://…─▶ OPENING ─▶ EXCHANGING ─┐
 *                     └───────────the answer's end────────────┘
 *    all of them ──▶ CLOSING
 *
 * A client who does not speak either, or whose request fails, is told so where his protocol has
 * words for it, and closed. Names are not resolved here. Each request to an HTTP proxy gets a
 * stream of its own; the client's connection stays for the next one.
 */

#define FRONT_HEAD_TIMEOUT (30 * CLOCK_SECOND) /* from the first byte to the end of a request */
#define FRONT_IDLE_TIMEOUT (60 * CLOCK_SECOND) /* between two of them */
#define FRONT_OPEN_TIMEOUT (60 * CLOCK_SECOND) /* for the owner to open a target */

enum {
	FRONT_BODY_ROOM = 16 * 1024, /* bytes of an exchange that wait for a side */
};

enum front_side { FRONT_CLIENT, FRONT_TARGET };

struct front;

/*
 * News, from inside the functions below, which may be called in turn, front_free() excepted. There
 * is at most one target, or association, at a time.
 */
struct front_ops {
	/* Ends in front_opened() or front_refused(). */
	void (*open)(void *context, const struct target *target);
	/*
	 * The same for datagrams, see proxy/association.h: ends in front_associated() or
	 * front_refused(). hint is where the client says that it will send from; port 0: not known.
	 */
	void (*associate)(void *context, const struct target *hint);
	/*
	 * From now on the owner passes bytes on, both ways, after what waits for the client: the front
	 * has nothing to do with the connection any more.
	 */
	void (*relay)(void *context);
	/*
	 * The target, or association, is not needed any more, whether it was there already or not. What
	 * waits for the target is not to be sent.
	 */
	void (*release)(void *context);
	/*
	 * The client's connection is to be closed once what waits for it is sent, and it has read that
	 * or two seconds are over: what it sends until then is to be read and thrown away, as the
	 * answer might be lost otherwise.
	 */
	void (*close)(void *context);
};

struct front_options {
	const struct front_ops *ops;
	void *context;
	const struct credentials *credentials; /* outlives the front; NULL: none are needed */
};

/* ERR_NO_MEMORY. */
enum err front_new(const struct front_options *options, uint64_t now, struct front **out_front);
/* No news any more. NULL-safe. */
void front_free(struct front *front);

/*
 * What a side sent; returns how many bytes were taken. The others are to be offered again after any
 * other call or after front_sent(); while relaying they are the owner's to pass on.
 */
size_t front_put(struct front *front, uint64_t now, enum front_side side, const uint8_t *data,
				 size_t size);
/* A side will send no more, and all it sent was taken. */
void front_end(struct front *front, uint64_t now, enum front_side side);

/* What is to be sent to a side; stays until the next call. */
struct slice front_waiting(const struct front *front, enum front_side side);
void front_sent(struct front *front, enum front_side side, size_t size);

/* The target is connected. */
void front_opened(struct front *front, uint64_t now);
/* Datagrams are to be sent to there; the association lasts as long as the connection. */
void front_associated(struct front *front, uint64_t now, const struct endpoint *bound);
/* It was not opened, or is broken; release() is not called. */
void front_refused(struct front *front, uint64_t now, enum refusal refusal);

/* Does what is due; returns the next deadline. */
uint64_t front_run(struct front *front, uint64_t now);
