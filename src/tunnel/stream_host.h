#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/list.h"
#include "base/random.h"

/*
 * What a tunnel of streams asks of its surroundings. Everything is called on the tunnel's own
 * thread, which runs `loop`; so are the answers.
 */

struct aead_backend;
struct aead_worker;
struct control_loop;
struct slice;

enum stream_socket {
	STREAM_SOCKET_TCP_V4, /* to be connected; marked as the tunnel's own are */
	STREAM_SOCKET_TCP_V6,
	STREAM_SOCKET_UDP_V4,
	STREAM_SOCKET_UDP_V6,
	STREAM_SOCKET_ASSOCIATION, /* UDP, bound to the front end's address and a port of its own */
	STREAM_SOCKETS,
};

/* Somebody who waits for a socket; embedded in its owner. */
struct stream_socket_wish {
	struct list link; /* the host's */
	/* A non-blocking socket, the owner's now; -1: there is none, number is errno's. */
	void (*given)(struct stream_socket_wish *wish, int descriptor, int number);
};

/* Somebody who waits for a name's addresses. */
struct stream_question {
	struct list link; /* the host's, as the next four are */
	const char *name;
	uint64_t deadline;
	uint32_t id;
	enum err error;
	/*
	 * v6 and v4 in turn, v6 first (RFC 8305); only for the call. ERR_NOT_FOUND: no such name or no
	 * address; ERR_AGAIN: nobody answered; ERR_LIMIT: too many ask.
	 */
	void (*answered)(struct stream_question *question, enum err error,
					 const struct address *addresses, size_t count);
};

enum stream_event_kind {
	STREAM_EVENT_CONNECTED,   /* to the peer, for the first time or after none was */
	STREAM_EVENT_UNANSWERED,  /* an attempt failed; count: in a row */
	STREAM_EVENT_UNREACHABLE, /* this host has no way there */
};

struct stream_event {
	enum stream_event_kind kind;
	uint8_t public_key[32];
	struct endpoint endpoint;
	uint32_t count;
};

struct stream_host_ops {
	uint64_t (*now)(void *context);      /* ns, as base/clock.h's clock_now() */
	uint64_t (*wall_now)(void *context); /* ns since the Unix epoch */
	/*
	 * given() is called once, maybe from inside, unless cancelled before. After list_init() of
	 * their links wishes and questions may be cancelled at any time, also when nobody waits.
	 */
	void (*socket)(void *context, enum stream_socket kind, struct stream_socket_wish *wish);
	void (*cancel_socket)(void *context, struct stream_socket_wish *wish);
	/* answered() is called once, never from inside, unless cancelled before. The name stays with
	 * who asks until then. */
	void (*resolve)(void *context, const char *name, struct stream_question *question);
	void (*cancel_question)(void *context, struct stream_question *question);
	/*
	 * A connection that nobody has spoken for: hands one end of a new pair (SOCK_SEQPACKET,
	 * non-blocking) to who serves strangers, and gives the other. protocol: "h2", "http/1.1",
	 * or "plain": HTTP without TLS, where TLS was expected.
	 * Messages on it are wire/decoy_link.h's. -1: nobody is there to serve.
	 */
	int (*stranger)(void *context, const struct endpoint *from, const char *protocol);
	void (*event)(void *context, const struct stream_event *event);
};

struct stream_host {
	const struct stream_host_ops *ops;
	void *context;
	struct control_loop *loop;
	const struct random_source *random;
	const struct aead_backend *backend;
	struct aead_worker *worker; /* the thread's */
	const char *prefix;         /* "um0: ", of lines in the log */
};

static inline uint64_t stream_host_now(const struct stream_host *host) {
	return host->ops->now(host->context);
}
static inline uint64_t stream_host_wall_now(const struct stream_host *host) {
	return host->ops->wall_now(host->context);
}
static inline void stream_host_socket(const struct stream_host *host, enum stream_socket kind,
									  struct stream_socket_wish *wish) {
	host->ops->socket(host->context, kind, wish);
}
static inline void stream_host_cancel_socket(const struct stream_host *host,
											 struct stream_socket_wish *wish) {
	host->ops->cancel_socket(host->context, wish);
}
static inline void stream_host_resolve(const struct stream_host *host, const char *name,
									   struct stream_question *question) {
	host->ops->resolve(host->context, name, question);
}
static inline void stream_host_cancel_question(const struct stream_host *host,
											   struct stream_question *question) {
	host->ops->cancel_question(host->context, question);
}
static inline int stream_host_stranger(const struct stream_host *host, const struct endpoint *from,
									   const char *protocol) {
	return host->ops->stranger(host->context, from, protocol);
}
static inline void stream_host_event(const struct stream_host *host,
									 const struct stream_event *event) {
	host->ops->event(host->context, event);
}
