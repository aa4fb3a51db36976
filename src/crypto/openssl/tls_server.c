#include "crypto/tls_server.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "crypto/openssl/leaf.h"
#include "crypto/openssl/tls_end.h"

struct tls_server {
	SSL_CTX *context;
	uint8_t protocols[TLS_PROTOCOLS_MAX * (1 + TLS_PROTOCOL_SIZE_MAX)];
	size_t protocols_size;
};

/* Ciphers of TLS 1.2 with forward secrecy and AEAD; those of 1.3 are the library's three. */
static const char ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL";

/*
 * Sessions are of one context, of as many bytes as nginx has for it (a SHA-1), and remember which
 * name was asked for, as nginx says to each of them that it was taken: both travel in tickets,
 * whose length anybody sees.
 */
static const unsigned char session_context[20];

static int take_any_name(SSL *ssl, int *alert, void *unused) {
	return SSL_TLSEXT_ERR_OK;
}

/* The server's list decides. A client that offers none of it gets an alert, as from web servers. */
static int choose_protocol(SSL *ssl, const unsigned char **out_protocol, unsigned char *out_size,
						   const unsigned char *offered, unsigned offered_size, void *unused) {
	const struct tls_end *end = SSL_get_app_data(ssl);
	unsigned char *chosen = NULL;
	if (SSL_select_next_proto(&chosen, out_size, end->protocols, (unsigned)end->protocols_size,
							  offered, offered_size) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out_protocol = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static enum err use_chain(SSL_CTX *context, struct slice pem, const char **out_fault) {
	auto_bio BIO *reader = leaf_reader(pem);
	if (!reader)
		return ERR_NO_MEMORY;
	for (size_t count = 0;; count++) {
		auto_x509 X509 *leaf = NULL;
		if (leaf_next(reader, &leaf)) {
			*out_fault = "a certificate is damaged";
			return ERR_MALFORMED;
		}
		if (!leaf && count > 0)
			return ERR_OK;
		if (!leaf) {
			*out_fault = "there is no certificate";
			return ERR_MALFORMED;
		}
		if (count == TLS_SERVER_CHAIN_MAX) {
			*out_fault = "there are too many certificates";
			return ERR_LIMIT;
		}
		if ((count == 0 ? SSL_CTX_use_certificate(context, leaf)
						: SSL_CTX_add1_chain_cert(context, leaf)) <= 0) {
			*out_fault = "a certificate's key or signature is too weak, or of an unknown kind";
			return ERR_INVALID;
		}
	}
}

static enum err use_key(SSL_CTX *context, struct slice pem, const char **out_fault) {
	auto_bio BIO *reader = leaf_reader(pem);
	if (!reader)
		return ERR_NO_MEMORY;
	auto_key EVP_PKEY *key = PEM_read_bio_PrivateKey(reader, NULL, leaf_no_passphrase, NULL);
	if (!key) {
		*out_fault = "there is no private key, or it is damaged, or it has a passphrase";
		return ERR_MALFORMED;
	}
	if (SSL_CTX_use_PrivateKey(context, key) <= 0 || SSL_CTX_check_private_key(context) <= 0) {
		*out_fault = "the private key is not the first certificate's";
		return ERR_INVALID;
	}
	return ERR_OK;
}

/* Everything is set here, so that the library's own configuration file does not matter. */
static bool configure(SSL_CTX *context) {
	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	/* Sessions without tickets have a name, too, and nobody keeps them. */
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_AUTO_CLEAR |
												SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_set_timeout(context, TLS_SERVER_TICKET_LIFETIME);
	SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
	SSL_CTX_set_tlsext_servername_callback(context, take_any_name);
	return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) > 0 &&
		   SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) > 0 &&
		   SSL_CTX_set_cipher_list(context, ciphers) > 0 &&
		   SSL_CTX_set_session_id_context(context, session_context, sizeof session_context) > 0 &&
		   SSL_CTX_set_num_tickets(context, TLS_SERVER_TICKETS) > 0;
}

enum err tls_server_new(const struct tls_server_options *options, struct tls_server **out_server,
						const char **out_fault) {
	struct tls_server *server = calloc(1, sizeof *server);
	if (!server)
		return ERR_NO_MEMORY;
	const char *fault = err_text(ERR_CRYPTO);
	enum err error = ERR_CRYPTO;
	ERR_clear_error();
	server->context = SSL_CTX_new(TLS_server_method());
	if (server->context && configure(server->context)) {
		error = use_chain(server->context, options->certificates, &fault);
		if (!error)
			error = use_key(server->context, options->key, &fault);
		if (!error && tls_end_protocols(options->protocols, options->protocol_count,
										server->protocols, &server->protocols_size)) {
			error = ERR_INVALID;
			fault = "the protocols' names are not ones for ALPN";
		}
	}
	ERR_clear_error();
	if (error) {
		tls_server_free(server);
		*out_fault = fault;
		return error;
	}
	*out_server = server;
	return ERR_OK;
}

void tls_server_free(struct tls_server *server) {
	if (!server)
		return;
	SSL_CTX_free(server->context);
	free(server);
}

enum err tls_server_accept(struct tls_server *server, struct tls *out_tls) {
	struct tls_end *end;
	enum err error = tls_end_new(server->context, &end);
	if (error)
		return error;
	memcpy(end->protocols, server->protocols, sizeof end->protocols);
	end->protocols_size = server->protocols_size;
	SSL_set_accept_state(end->ssl);
	*out_tls = tls_end_hand_over(end);
	return ERR_OK;
}
