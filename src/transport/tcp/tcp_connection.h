#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/error.h"

/*
 * One TCP connection on the control loop, over a socket that somebody else made: bytes in as far as
 * the owner has room for them, bytes out as far as the kernel has. Nothing is kept here in between,
 * so that a slow end slows the other one down and costs no memory.
 *
 * The owner may free the connection inside any of its callbacks.
 */

struct control_loop;
struct tcp_connection;

struct tcp_connection_ops {
	/* The connection is made; not called where the socket was connected already. Optional. */
	void (*connected)(void *context);
	/*
	 * How many bytes may come now; 0: none until tcp_connection_resume(). While nothing may come
	 * and nothing waits to be sent, an end or a reset is not noticed either.
	 */
	size_t (*room)(void *context);
	/* At most as many as room() said, at least one. */
	void (*received)(void *context, const uint8_t *data, size_t size);
	/* The other end sends no more; what is sent to it may still arrive. At most once. */
	void (*finished)(void *context);
	/* After tcp_connection_send() did not take everything: the kernel has room again. */
	void (*writable)(void *context);
	/*
	 * Refused, reset, unreachable, timed out: nothing more comes or goes, and nothing else is
	 * called. number is the errno value.
	 */
	void (*failed)(void *context, int number);
};

enum {
	/* A turn of one connection, so that the others get theirs. */
	TCP_CONNECTION_TURN_MAX = 256 * 1024,
	TCP_CONNECTION_VECTOR_MAX = 32,
};

struct tcp_connection_options {
	struct control_loop *loop;
	int descriptor;  /* taken over, also on failure */
	bool connecting; /* connect() was called and has not ended */
	/*
	 * Bytes that may wait unsent in the kernel (TCP_NOTSENT_LOWAT), 0: as many as it likes. What
	 * is urgent waits behind them.
	 */
	uint32_t unsent_max;
	const struct tcp_connection_ops *ops;
	void *context;
};

/* No callback is made before the loop runs. ERR_NO_MEMORY, or what the loop says. */
enum err tcp_connection_new(const struct tcp_connection_options *options,
							struct tcp_connection **out_connection);

/*
 * Somebody else is told from now on; also from inside a callback, failed() excepted. What the one
 * before him was told (connected, finished) is not said again.
 */
void tcp_connection_hand_over(struct tcp_connection *connection,
							  const struct tcp_connection_ops *ops, void *context);

/*
 * Closes it, in order: what the kernel has taken is still sent. Where bytes from the other end have
 * not been read, the kernel resets it instead. NULL-safe.
 */
void tcp_connection_free(struct tcp_connection *connection);

/* The same with a reset. */
void tcp_connection_abort(struct tcp_connection *connection);

/*
 * Sends of at most TCP_CONNECTION_VECTOR_MAX pieces what the kernel has room for, and says how much
 * that was; less than everything: writable() follows. Before the connection is made, after
 * finish(), and after an error, which failed() tells, that is nothing.
 */
size_t tcp_connection_send(struct tcp_connection *connection, const struct iovec *pieces,
						   size_t count);

/* No more bytes will be sent: the other end gets its end behind the last one. */
void tcp_connection_finish(struct tcp_connection *connection);

/* There is room again, after room() was 0. */
void tcp_connection_resume(struct tcp_connection *connection);

/*
 * The same, for a flow that fills the room again and again: what has come is read at once, and
 * nobody waits for more unless that was all. room(), received() and finished() are called from
 * inside, so the connection may be gone afterwards.
 */
void tcp_connection_read(struct tcp_connection *connection);
