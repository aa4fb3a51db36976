#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

/*
 * One end of a TLS connection, with no socket: cipher bytes and plain bytes in and out. Made by
 * crypto/tls_server.h or crypto/tls_client.h; whoever writes another end implements the same table.
 *
 *   HANDSHAKE ──▶ OPEN ──close_notify of the peer──▶ ENDED
 *        └───────────┴──────any fault─────▶ FAILED
 *
 * The owner's loop: give what the carrier brought to tls_open() until it says ERR_AGAIN and the
 * slice is empty; after every call, send what tls_outgoing() has. ENDED and FAILED may leave
 * bytes (an alert) to be sent before the carrier is closed.
 */

enum {
	TLS_RECORD_SIZE_MAX = 16384,   /* plain bytes */
	TLS_OUTGOING_MAX = 16 * 16384, /* beyond it, bytes wait until some were sent */
	TLS_PROTOCOL_SIZE_MAX = 15,    /* of ALPN */
	TLS_PROTOCOLS_MAX = 4,
	TLS_PIN_SIZE = 32,
	TLS_PINS_MAX = 8,
	TLS_TICKET_SIZE_MAX = 16384,
	TLS_TICKETS_MAX = 4, /* that wait to be taken; later ones replace the oldest */
	TLS_VERSION_1_2 = 0x0303,
	TLS_VERSION_1_3 = 0x0304,
};

enum tls_state { TLS_HANDSHAKE, TLS_OPEN, TLS_ENDED, TLS_FAILED };

/* What the handshake came to; all zero before it is over. */
struct tls_facts {
	uint16_t version;
	bool resumed;                             /* from a ticket */
	char protocol[TLS_PROTOCOL_SIZE_MAX + 1]; /* ALPN's result; empty: none */
	bool pin_known;                           /* a client's: the server showed a certificate */
	uint8_t pin[TLS_PIN_SIZE];                /* SHA-256 of its SubjectPublicKeyInfo */
};

enum tls_fault {
	TLS_FAULT_NONE,
	TLS_FAULT_ALERT,       /* the peer sent one */
	TLS_FAULT_PROTOCOL,    /* what it sent is no TLS that we speak */
	TLS_FAULT_PLAIN_HTTP,  /* a client speaks HTTP without TLS; no alert is sent */
	TLS_FAULT_CERTIFICATE, /* neither chain and name nor a pin are right */
	TLS_FAULT_OURS,        /* memory, or a failure of the library */
};

struct tls_failure {
	enum tls_fault fault;
	uint8_t alert;    /* sent, or received for TLS_FAULT_ALERT (RFC 8446 section 6); 0: none */
	const char *text; /* static, for a person; never NULL */
};

struct tls_ops {
	enum tls_state (*state)(const void *context);
	/*
	 * Takes bytes of the carrier from the front of *cipher, and gives plain ones. ERR_OK: *out_size
	 * (> 0) bytes, there may be more; ERR_AGAIN: nothing now, and *cipher is empty unless bytes
	 * must be sent first; ERR_CLOSED: the peer's close_notify; ERR_AUTHENTICATION, ERR_MALFORMED,
	 * ERR_NO_MEMORY, ERR_CRYPTO: failed for good, as failure() says.
	 */
	enum err (*open)(void *context, struct slice *cipher, uint8_t *out_plain, size_t room,
					 size_t *out_size);
	/*
	 * Plain bytes to be sent, once OPEN. Every TLS_RECORD_SIZE_MAX bytes of a call are a record,
	 * and the rest of them is one: who wants certain records makes certain calls. ERR_AGAIN before,
	 * or with TLS_OUTGOING_MAX waiting; ERR_OK may have taken a part of them.
	 */
	enum err (*seal)(void *context, const uint8_t *plain, size_t size, size_t *out_taken);
	/* Bytes for the carrier; valid until the next call, but for this and sent(). */
	struct slice (*outgoing)(const void *context);
	/* The first size of them are gone. */
	void (*sent)(void *context, size_t size);
	/* Says close_notify; nothing may be sealed any more. */
	void (*close)(void *context);
	/*
	 * RFC 8446 section 7.5 with an empty context. ERR_AGAIN before OPEN; ERR_UNSUPPORTED for
	 * TLS 1.2: there is nothing to bind a tunnel to.
	 */
	enum err (*exporter)(void *context, const char *label, uint8_t *out_secret, size_t size);
	void (*facts)(const void *context, struct tls_facts *out_facts);
	void (*failure)(const void *context, struct tls_failure *out_failure);
	/*
	 * A client's: hands over a ticket for tls_client_connect(), which is to be used once. It is as
	 * secret as a key, and speaks for the certificate of the connection that it came from.
	 * ERR_NOT_FOUND: none; ERR_LIMIT: room is too small, it stays.
	 */
	enum err (*ticket)(void *context, uint8_t *out_ticket, size_t room, size_t *out_size);
	void (*free)(void *context);
};

/* Has the library read what it needs of files, for a process that will not be able to. */
void tls_prepare(void);

struct tls {
	const struct tls_ops *ops; /* NULL: none */
	void *context;
};

static inline enum tls_state tls_state(const struct tls *tls) {
	return tls->ops->state(tls->context);
}
static inline enum err tls_open(struct tls *tls, struct slice *cipher, uint8_t *out_plain,
								size_t room, size_t *out_size) {
	return tls->ops->open(tls->context, cipher, out_plain, room, out_size);
}
static inline enum err tls_seal(struct tls *tls, const void *plain, size_t size,
								size_t *out_taken) {
	return tls->ops->seal(tls->context, plain, size, out_taken);
}
static inline struct slice tls_outgoing(const struct tls *tls) {
	return tls->ops->outgoing(tls->context);
}
static inline void tls_sent(struct tls *tls, size_t size) {
	tls->ops->sent(tls->context, size);
}
static inline void tls_close(struct tls *tls) {
	tls->ops->close(tls->context);
}
static inline enum err tls_exporter(struct tls *tls, const char *label, uint8_t *out_secret,
									size_t size) {
	return tls->ops->exporter(tls->context, label, out_secret, size);
}
static inline void tls_facts(const struct tls *tls, struct tls_facts *out_facts) {
	tls->ops->facts(tls->context, out_facts);
}
static inline void tls_failure(const struct tls *tls, struct tls_failure *out_failure) {
	tls->ops->failure(tls->context, out_failure);
}
static inline enum err tls_ticket(struct tls *tls, uint8_t *out_ticket, size_t room,
								  size_t *out_size) {
	return tls->ops->ticket(tls->context, out_ticket, room, out_size);
}
static inline void tls_done(struct tls *tls) {
	if (tls->ops)
		tls->ops->free(tls->context);
	*tls = (struct tls){.ops = NULL};
}
