#include "crypto/tls_client.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/wipe.h"
#include "crypto/openssl/leaf.h"
#include "crypto/openssl/tls_end.h"

#define SECOND UINT64_C(1000000000)

struct tls_client {
	SSL_CTX *context;
	bool has_roots;
	uint8_t pins[TLS_PINS_MAX][TLS_PIN_SIZE];
	size_t pin_count;
};

#define auto_session __attribute__((cleanup(session_done)))
static void session_done(SSL_SESSION **session) {
	SSL_SESSION_free(*session);
}

static bool is_pinned(const uint8_t (*pins)[TLS_PIN_SIZE], size_t count, const X509 *leaf) {
	uint8_t pin[TLS_PIN_SIZE];
	bool found = false;
	if (leaf_pin(leaf, pin))
		return false;
	for (size_t i = 0; i < count; i++)
		found |= wipe_equal(pin, pins[i], sizeof pin);
	return found;
}

/* In place of the library's own check, which comes after it where nothing is pinned. */
static int check_certificate(X509_STORE_CTX *store, void *unused) {
	const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls_end *end = SSL_get_app_data(ssl);
	if (end->pin_count == 0)
		return X509_verify_cert(store);
	X509 *leaf = X509_STORE_CTX_get0_cert(store);
	if (leaf && is_pinned(end->pins, end->pin_count, leaf)) {
		X509_STORE_CTX_set_error(store, X509_V_OK);
		return 1;
	}
	end->certificate_fault = "the server's key is none of those that are pinned";
	X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
	return 0;
}

static int keep_ticket(SSL *ssl, SSL_SESSION *session) {
	tls_end_keep_ticket(SSL_get_app_data(ssl), session);
	return 0; /* no reference is kept */
}

static bool configure(SSL_CTX *context) {
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(context, keep_ticket);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(context, check_certificate, NULL);
	return SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) > 0 &&
		   SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) > 0;
}

/* A bundle of hundreds, as distributions have it. Damaged ones are as if they were not there. */
static enum err add_roots(struct tls_client *client, struct slice pem, const char **out_fault) {
	auto_bio BIO *reader = leaf_reader(pem);
	X509_STORE *store = SSL_CTX_get_cert_store(client->context);
	if (!reader)
		return ERR_NO_MEMORY;
	for (;;) {
		auto_x509 X509 *root = NULL;
		if (leaf_next(reader, &root))
			continue; /* each try steps on */
		if (!root)
			break;
		if (X509_STORE_add_cert(store, root) <= 0)
			return ERR_NO_MEMORY;
		client->has_roots = true;
	}
	if (!client->has_roots) {
		*out_fault = "there is no certificate among the roots";
		return ERR_MALFORMED;
	}
	return ERR_OK;
}

static enum err fill(struct tls_client *client, const struct tls_client_options *options,
					 const char **out_fault) {
	uint8_t protocols[TLS_PROTOCOLS_MAX * (1 + TLS_PROTOCOL_SIZE_MAX)];
	size_t size = 0;
	if (tls_end_protocols(options->protocols, options->protocol_count, protocols, &size)) {
		*out_fault = "the protocols' names are not ones for ALPN";
		return ERR_INVALID;
	}
	if (options->pin_count > TLS_PINS_MAX) {
		*out_fault = "there are too many pins";
		return ERR_LIMIT;
	}
	if (options->pin_count == 0 && options->roots.size == 0) {
		*out_fault = "there is neither a root nor a pin";
		return ERR_INVALID;
	}
	client->context = SSL_CTX_new(TLS_client_method());
	if (!client->context || !configure(client->context) ||
		(size > 0 && SSL_CTX_set_alpn_protos(client->context, protocols, (unsigned)size) != 0))
		return ERR_CRYPTO;
	client->pin_count = options->pin_count;
	if (options->pin_count > 0)
		memcpy(client->pins, options->pins, options->pin_count * TLS_PIN_SIZE);
	return options->roots.size > 0 ? add_roots(client, options->roots, out_fault) : ERR_OK;
}

enum err tls_client_new(const struct tls_client_options *options, struct tls_client **out_client,
						const char **out_fault) {
	struct tls_client *client = calloc(1, sizeof *client);
	if (!client)
		return ERR_NO_MEMORY;
	const char *fault = err_text(ERR_CRYPTO);
	ERR_clear_error();
	enum err error = fill(client, options, &fault);
	ERR_clear_error();
	if (error) {
		tls_client_free(client);
		*out_fault = fault;
		return error;
	}
	*out_client = client;
	return ERR_OK;
}

void tls_client_free(struct tls_client *client) {
	if (!client)
		return;
	SSL_CTX_free(client->context);
	free(client);
}

/* Nobody shows the certificate again: what the ticket remembers of it has to pass. */
static bool may_resume(const struct tls_client *client, const struct tls_client_target *target,
					   SSL_SESSION *session) {
	X509 *leaf = SSL_SESSION_get0_peer(session);
	time_t now = (time_t)(target->wall_now / SECOND);
	if (!leaf || SSL_SESSION_get_protocol_version(session) != TLS1_3_VERSION)
		return false;
	if (client->pin_count > 0)
		return is_pinned(client->pins, client->pin_count, leaf);
	return X509_cmp_time(X509_get0_notBefore(leaf), &now) < 0 &&
		   X509_cmp_time(X509_get0_notAfter(leaf), &now) > 0 && leaf_covers(leaf, target->name);
}

static void use_ticket(const struct tls_client *client, const struct tls_client_target *target,
					   SSL *ssl) {
	auto_session SSL_SESSION *session = tls_end_read_ticket(target->ticket);
	if (session && may_resume(client, target, session))
		(void)SSL_set_session(ssl, session);
	ERR_clear_error();
}

static bool aim(SSL *ssl, const struct tls_client_target *target) {
	X509_VERIFY_PARAM *check = SSL_get0_param(ssl);
	X509_VERIFY_PARAM_set_time(check, (time_t)(target->wall_now / SECOND));
	X509_VERIFY_PARAM_set_hostflags(check, LEAF_NAME_FLAGS);
	if (leaf_is_address(target->name))
		return X509_VERIFY_PARAM_set1_ip_asc(check, target->name) > 0;
	return X509_VERIFY_PARAM_set1_host(check, target->name, 0) > 0 &&
		   SSL_set_tlsext_host_name(ssl, target->name) > 0;
}

enum err tls_client_connect(struct tls_client *client, const struct tls_client_target *target,
							struct tls *out_tls) {
	size_t name_size = strlen(target->name);
	if (name_size == 0 || name_size > TLS_CLIENT_NAME_SIZE_MAX)
		return ERR_INVALID;
	struct tls_end *end;
	enum err error = tls_end_new(client->context, &end);
	if (error)
		return error;
	memcpy(end->pins, client->pins, sizeof end->pins);
	end->pin_count = client->pin_count;
	SSL_set_connect_state(end->ssl);
	error = aim(end->ssl, target) ? ERR_OK : ERR_INVALID;
	if (!error) {
		use_ticket(client, target, end->ssl);
		error = tls_end_start(end);
	}
	ERR_clear_error();
	if (error) {
		tls_end_free(end);
		return error;
	}
	*out_tls = tls_end_hand_over(end);
	return ERR_OK;
}
