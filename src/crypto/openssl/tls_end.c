#include "crypto/openssl/tls_end.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>

#include "base/wipe.h"
#include "crypto/hash.h"
#include "crypto/openssl/leaf.h"

/* Header, type and tag of TLS 1.3. What a record of an older version has more finds its room. */
enum { RECORD_OVERHEAD = 5 + 1 + 16 };

/* The way of bytes between the SSL and the end. */

static int incoming_read(BIO *bio, char *out_data, int size) {
	struct tls_end *end = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	if (size <= 0)
		return 0;
	if (end->incoming.size == 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	size_t taken = (size_t)size < end->incoming.size ? (size_t)size : end->incoming.size;
	memcpy(out_data, end->incoming.data, taken);
	end->incoming.data += taken;
	end->incoming.size -= taken;
	return (int)taken;
}

static int outgoing_write(BIO *bio, const char *data, int size) {
	struct tls_end *end = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	if (size <= 0)
		return 0;
	if (byte_queue_append(&end->outgoing, data, (size_t)size)) {
		end->no_memory = true;
		return -1;
	}
	return size;
}

static long control(BIO *bio, int command, long number, void *pointer) {
	return command == BIO_CTRL_FLUSH;
}

static bool join(struct tls_end *end) {
	end->method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "slices");
	if (!end->method || BIO_meth_set_read(end->method, incoming_read) <= 0 ||
		BIO_meth_set_write(end->method, outgoing_write) <= 0 ||
		BIO_meth_set_ctrl(end->method, control) <= 0)
		return false;
	BIO *bio = BIO_new(end->method);
	if (!bio)
		return false;
	BIO_set_data(bio, end);
	BIO_set_init(bio, 1);
	SSL_set_bio(end->ssl, bio, bio);
	return true;
}

/* News of alerts. */
static void note_alert(const SSL *ssl, int where, int value) {
	struct tls_end *end = SSL_get_app_data(ssl);
	uint8_t description = (uint8_t)value;
	if (!(where & SSL_CB_ALERT) || !end || description == SSL_AD_CLOSE_NOTIFY)
		return;
	if (where & SSL_CB_READ)
		end->alert_received = description;
	else
		end->alert_sent = description;
}

enum err tls_end_new(SSL_CTX *context, struct tls_end **out_end) {
	struct tls_end *end = calloc(1, sizeof *end);
	if (!end)
		return ERR_NO_MEMORY;
	end->failure.text = err_text(ERR_OK);
	end->ssl = SSL_new(context);
	if (!end->ssl || !join(end)) {
		tls_end_free(end);
		return ERR_NO_MEMORY;
	}
	SSL_set_app_data(end->ssl, end);
	SSL_set_info_callback(end->ssl, note_alert);
	*out_end = end;
	return ERR_OK;
}

static void drop_ticket(struct tls_end *end) {
	wipe(end->tickets[0].bytes, end->tickets[0].size);
	free(end->tickets[0].bytes);
	end->ticket_count--;
	memmove(&end->tickets[0], &end->tickets[1], end->ticket_count * sizeof end->tickets[0]);
}

void tls_end_free(struct tls_end *end) {
	if (!end)
		return;
	SSL_free(end->ssl);
	BIO_meth_free(end->method);
	while (end->ticket_count > 0)
		drop_ticket(end);
	byte_queue_done(&end->outgoing);
	free(end);
}

/*
 * | session, as the library writes it | SHA-256 of it 32 |
 * The digest is against damage where tickets are kept: a server fails a connection whose ticket it
 * knows and whose key is another.
 */

void tls_end_keep_ticket(struct tls_end *end, SSL_SESSION *session) {
	int size = i2d_SSL_SESSION(session, NULL);
	if (size <= 0 || size > TLS_TICKET_SIZE_MAX - HASH_SIZE)
		return;
	size_t whole = (size_t)size + HASH_SIZE;
	uint8_t *bytes = malloc(whole);
	unsigned char *at = bytes;
	if (!bytes)
		return;
	(void)i2d_SSL_SESSION(session, &at);
	struct slice written = slice_of(bytes, (size_t)size);
	if (hash_digest(HASH_SHA256, &written, 1, bytes + size)) {
		wipe(bytes, whole);
		free(bytes);
		return;
	}
	if (end->ticket_count == TLS_TICKETS_MAX)
		drop_ticket(end);
	end->tickets[end->ticket_count++] = (struct tls_end_ticket){bytes, whole};
}

SSL_SESSION *tls_end_read_ticket(struct slice ticket) {
	uint8_t digest[HASH_SIZE];
	if (ticket.size <= HASH_SIZE || ticket.size > TLS_TICKET_SIZE_MAX)
		return NULL;
	struct slice session = slice_of(ticket.data, ticket.size - HASH_SIZE);
	if (hash_digest(HASH_SHA256, &session, 1, digest) ||
		!wipe_equal(digest, session.data + session.size, sizeof digest))
		return NULL;
	const unsigned char *at = session.data;
	return d2i_SSL_SESSION(NULL, &at, (long)session.size);
}

enum err tls_end_protocols(const char *const *protocols, size_t count,
						   uint8_t out_list[static TLS_PROTOCOLS_MAX * (1 + TLS_PROTOCOL_SIZE_MAX)],
						   size_t *out_size) {
	if (count > TLS_PROTOCOLS_MAX)
		return ERR_INVALID;
	size_t total = 0;
	for (size_t i = 0; i < count; i++) {
		size_t size = strlen(protocols[i]);
		if (size == 0 || size > TLS_PROTOCOL_SIZE_MAX)
			return ERR_INVALID;
		out_list[total] = (uint8_t)size;
		memcpy(out_list + total + 1, protocols[i], size);
		total += 1 + size;
	}
	*out_size = total;
	return ERR_OK;
}

/* States. */

static enum err error_of(const struct tls_end *end) {
	switch (end->failure.fault) {
	case TLS_FAULT_NONE:
		return ERR_OK;
	case TLS_FAULT_CERTIFICATE:
		return ERR_AUTHENTICATION;
	case TLS_FAULT_ALERT:
	case TLS_FAULT_PROTOCOL:
	case TLS_FAULT_PLAIN_HTTP:
		return ERR_MALFORMED;
	case TLS_FAULT_OURS:
		break;
	}
	return end->no_memory ? ERR_NO_MEMORY : ERR_CRYPTO;
}

/* The library's words where they are plain enough. */
static const char *certificate_text(long result) {
	switch (result) {
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return "the server's certificate is for another name";
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		return "the server's certificate leads to none of the roots, and nothing is pinned";
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return "the server's certificate has run out, by this host's clock";
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return "the server's certificate is not valid yet, by this host's clock";
	default:
		return X509_verify_cert_error_string(result);
	}
}

static struct tls_failure failure_of(const struct tls_end *end) {
	unsigned long code = ERR_peek_error();
	int reason = ERR_GET_REASON(code);
	const char *text = ERR_reason_error_string(code);
	if (end->no_memory || reason == ERR_R_MALLOC_FAILURE)
		return (struct tls_failure){TLS_FAULT_OURS, 0, err_text(ERR_NO_MEMORY)};
	if (ERR_GET_LIB(code) == ERR_LIB_SSL && reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
		text = end->certificate_fault;
		if (!text)
			text = certificate_text(SSL_get_verify_result(end->ssl));
		return (struct tls_failure){TLS_FAULT_CERTIFICATE, end->alert_sent, text};
	}
	if (end->alert_received != 0)
		return (struct tls_failure){TLS_FAULT_ALERT, end->alert_received,
									SSL_alert_desc_string_long(end->alert_received)};
	if (!text)
		text = err_text(ERR_MALFORMED);
	if (ERR_GET_LIB(code) == ERR_LIB_SSL &&
		(reason == SSL_R_HTTP_REQUEST || reason == SSL_R_HTTPS_PROXY_REQUEST))
		return (struct tls_failure){TLS_FAULT_PLAIN_HTTP, 0, text};
	if (ERR_GET_LIB(code) == ERR_LIB_SSL && reason == SSL_R_WRONG_VERSION_NUMBER)
		text = "the other end does not speak it";
	return (struct tls_failure){TLS_FAULT_PROTOCOL, end->alert_sent, text};
}

static enum err fail(struct tls_end *end) {
	end->failure = failure_of(end);
	end->state = TLS_FAILED;
	ERR_clear_error();
	return error_of(end);
}

static void note_facts(struct tls_end *end) {
	struct tls_facts *facts = &end->facts;
	const unsigned char *protocol = NULL;
	unsigned size = 0;
	SSL_get0_alpn_selected(end->ssl, &protocol, &size);
	if (size <= TLS_PROTOCOL_SIZE_MAX && size > 0)
		memcpy(facts->protocol, protocol, size);
	facts->version = (uint16_t)SSL_version(end->ssl);
	facts->resumed = SSL_session_reused(end->ssl);
	X509 *leaf = SSL_get0_peer_certificate(end->ssl);
	facts->pin_known = leaf && !leaf_pin(leaf, facts->pin);
}

static void look_for_end_of_handshake(struct tls_end *end) {
	if (end->state == TLS_HANDSHAKE && SSL_is_init_finished(end->ssl)) {
		note_facts(end);
		end->state = TLS_OPEN;
	}
}

/* What a call came to that did not succeed. */
static enum err judge(struct tls_end *end, int result) {
	switch (SSL_get_error(end->ssl, result)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return end->no_memory ? fail(end) : ERR_AGAIN;
	case SSL_ERROR_ZERO_RETURN:
		end->state = TLS_ENDED;
		return ERR_CLOSED;
	default:
		return fail(end);
	}
}

enum err tls_end_start(struct tls_end *end) {
	ERR_clear_error();
	int result = SSL_do_handshake(end->ssl);
	if (result > 0)
		return ERR_OK;
	enum err error = judge(end, result);
	return error == ERR_AGAIN ? ERR_OK : error;
}

/* The table. */

static enum tls_state end_state(const void *context) {
	return ((const struct tls_end *)context)->state;
}

static enum err end_open(void *context, struct slice *cipher, uint8_t *out_plain, size_t room,
						 size_t *out_size) {
	struct tls_end *end = context;
	if (end->state == TLS_ENDED)
		return ERR_CLOSED;
	if (end->state == TLS_FAILED)
		return error_of(end);
	if (room == 0)
		return ERR_INVALID;
	if (byte_queue_size(&end->outgoing) >= TLS_OUTGOING_MAX)
		return ERR_AGAIN;
	size_t size = 0;
	ERR_clear_error();
	end->incoming = *cipher;
	int result = SSL_read_ex(end->ssl, out_plain, room, &size);
	*cipher = end->incoming;
	end->incoming = (struct slice){.size = 0};
	look_for_end_of_handshake(end);
	if (result <= 0)
		return judge(end, result);
	*out_size = size;
	return ERR_OK;
}

static enum err end_seal(void *context, const uint8_t *plain, size_t size, size_t *out_taken) {
	struct tls_end *end = context;
	if (end->state == TLS_FAILED)
		return error_of(end);
	if (end->closed)
		return ERR_CLOSED;
	if (end->state == TLS_HANDSHAKE ||
		(size > 0 && byte_queue_size(&end->outgoing) >= TLS_OUTGOING_MAX))
		return ERR_AGAIN;
	size_t taken = 0, most = size < TLS_OUTGOING_MAX ? size : TLS_OUTGOING_MAX;
	size_t records = (most + TLS_RECORD_SIZE_MAX - 1) / TLS_RECORD_SIZE_MAX;
	if (byte_queue_reserve(&end->outgoing, most + records * RECORD_OVERHEAD)) {
		end->no_memory = true;
		return fail(end);
	}
	ERR_clear_error();
	while (taken < size && byte_queue_size(&end->outgoing) < TLS_OUTGOING_MAX) {
		size_t left = size - taken, written = 0;
		int result =
			SSL_write_ex(end->ssl, plain + taken,
						 left < TLS_RECORD_SIZE_MAX ? left : TLS_RECORD_SIZE_MAX, &written);
		if (result <= 0) {
			enum err error = judge(end, result);
			if (error != ERR_AGAIN || taken == 0)
				return error;
			break;
		}
		taken += written;
	}
	*out_taken = taken;
	return ERR_OK;
}

static struct slice end_outgoing(const void *context) {
	return byte_queue_view(&((const struct tls_end *)context)->outgoing);
}

static void end_sent(void *context, size_t size) {
	byte_queue_drop(&((struct tls_end *)context)->outgoing, size);
}

static void end_close(void *context) {
	struct tls_end *end = context;
	if (end->closed || end->state == TLS_HANDSHAKE || end->state == TLS_FAILED)
		return;
	end->closed = true;
	ERR_clear_error();
	(void)SSL_shutdown(end->ssl); /* nothing can be done about a failure */
	ERR_clear_error();
}

static enum err end_exporter(void *context, const char *label, uint8_t *out_secret, size_t size) {
	struct tls_end *end = context;
	if (end->state == TLS_HANDSHAKE || end->state == TLS_FAILED)
		return ERR_AGAIN;
	if (end->facts.version != TLS_VERSION_1_3)
		return ERR_UNSUPPORTED;
	ERR_clear_error();
	return SSL_export_keying_material(end->ssl, out_secret, size, label, strlen(label), NULL, 0,
									  1) > 0
			   ? ERR_OK
			   : ERR_CRYPTO;
}

static void end_facts(const void *context, struct tls_facts *out_facts) {
	*out_facts = ((const struct tls_end *)context)->facts;
}

static void end_failure(const void *context, struct tls_failure *out_failure) {
	*out_failure = ((const struct tls_end *)context)->failure;
}

static enum err end_ticket(void *context, uint8_t *out_ticket, size_t room, size_t *out_size) {
	struct tls_end *end = context;
	if (end->ticket_count == 0)
		return ERR_NOT_FOUND;
	const struct tls_end_ticket *ticket = &end->tickets[0];
	if (ticket->size > room)
		return ERR_LIMIT;
	memcpy(out_ticket, ticket->bytes, ticket->size);
	*out_size = ticket->size;
	drop_ticket(end);
	return ERR_OK;
}

static void end_free(void *context) {
	tls_end_free(context);
}

struct tls tls_end_hand_over(struct tls_end *end) {
	static const struct tls_ops ops = {
		.state = end_state,
		.open = end_open,
		.seal = end_seal,
		.outgoing = end_outgoing,
		.sent = end_sent,
		.close = end_close,
		.exporter = end_exporter,
		.facts = end_facts,
		.failure = end_failure,
		.ticket = end_ticket,
		.free = end_free,
	};
	return (struct tls){&ops, end};
}

void tls_prepare(void) {
	SSL_CTX_free(SSL_CTX_new(TLS_method()));
}
