#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "crypto/tls.h"

/*
 * One end of a TLS connection over a TCP socket, on the control loop: plain bytes in as far as the
 * owner has room for them, plain bytes out as far as the kernel has. What waits in between is
 * bounded: a call's bytes on the way out, a turn's on the way in.
 *
 * The owner may free the stream inside any of its callbacks but room().
 */

struct control_loop;
struct tls_stream;

struct tls_stream_failure {
	int number;             /* errno of the socket's failure; 0: it is TLS's */
	struct tls_failure tls; /* of TLS_FAULT_NONE where number says it */
};

struct tls_stream_ops {
	/* The handshake is over, and the peer is who it should be. Optional. */
	void (*open)(void *context);
	/*
	 * How many bytes may come now; 0: none until tls_stream_resume(). With room for several records
	 * they come together.
	 */
	size_t (*room)(void *context);
	/*
	 * At most as many as room() said and TLS_STREAM_RECEIVE_MAX, at least one; right behind open()
	 * up to TLS_RECORD_SIZE_MAX, which came with the handshake's end. The bytes may be overwritten.
	 */
	void (*received)(void *context, uint8_t *data, size_t size);
	/*
	 * Nothing more will come, though things may still be sent. cut: the connection ended without
	 * TLS saying so, and somebody may have cut the end off. At most once.
	 */
	void (*finished)(void *context, bool cut);
	/* After tls_stream_send() did not take everything: there is room again. */
	void (*writable)(void *context);
	/* Nothing more comes or goes, and nothing else is called. An alert has been sent. */
	void (*failed)(void *context, const struct tls_stream_failure *failure);
};

struct tls_stream_options {
	struct control_loop *loop;
	int descriptor;      /* taken over, also on failure */
	bool connecting;     /* connect() was called and has not ended */
	uint32_t unsent_max; /* see tcp_connection.h */
	struct tls *tls;     /* taken over and set to none, also on failure */
	const struct tls_stream_ops *ops;
	void *context;
};

enum {
	TLS_STREAM_SEND_MAX = 4 * TLS_RECORD_SIZE_MAX,    /* bytes that one call takes */
	TLS_STREAM_RECEIVE_MAX = 4 * TLS_RECORD_SIZE_MAX, /* bytes that one call of received() brings */
	TLS_STREAM_CIPHER_MAX = 65536, /* of the other end that wait for the owner's room */
};

/* No callback is made before the loop runs. ERR_NO_MEMORY, or what the loop says. */
enum err tls_stream_new(const struct tls_stream_options *options, struct tls_stream **out_stream);
/* What the kernel has taken is still sent. NULL-safe. */
void tls_stream_free(struct tls_stream *stream);
/* The same with a reset. */
void tls_stream_abort(struct tls_stream *stream);

/*
 * Takes what can go now: every TLS_RECORD_SIZE_MAX bytes of a call are a record, and the rest is
 * one. Less than size: writable() follows. Before it is open, after finish() and after a failure,
 * which failed() tells, that is nothing.
 */
size_t tls_stream_send(struct tls_stream *stream, const uint8_t *data, size_t size);
/*
 * Whether tls_stream_send() would take TLS_STREAM_SEND_MAX bytes now; if not, writable() follows as
 * after a call that did not take everything.
 */
bool tls_stream_has_room(struct tls_stream *stream);
/* close_notify, and the end of what is sent; once what was taken is on its way. */
void tls_stream_finish(struct tls_stream *stream);
/* The same without close_notify. */
void tls_stream_cut(struct tls_stream *stream);
/* There is room again, after room() was 0. */
void tls_stream_resume(struct tls_stream *stream);

/* From now on its news are another owner's; also from inside a callback, which it must not free. */
void tls_stream_set_owner(struct tls_stream *stream, const struct tls_stream_ops *ops,
						  void *context);

/* For its facts, secrets and tickets. */
struct tls *tls_stream_tls(struct tls_stream *stream);
