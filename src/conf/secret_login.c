#include "conf/secret_login.h"

#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"
#include "conf/arena.h"
#include "conf/fault.h"
#include "conf/secret_text.h"
#include "crypto/certificate.h"
#include "crypto/chain.h"
#include "crypto/ed25519.h"

_Static_assert((int)ED25519_KEY_SIZE == (int)TEXT_KEY_SIZE);

struct reading {
	struct arena *memory;
	struct config_errors *errors;
	const struct tree_node *auth;
};

/* what: the right content; public: others may open it. */
static struct secret_file file_at(const struct reading *reading, const char *key, const char *path,
								  const char *what, bool is_public) {
	return (struct secret_file){
		.node = tree_get(reading->auth, key),
		.path = path,
		.errors = reading->errors,
		.what = what,
		.help = what,
		.is_public = is_public,
	};
}

static const char *read_file(const struct reading *reading, const struct secret_file *file,
							 size_t maximum, secret_text_judge *judge) {
	return file->node && file->path ? secret_text_read(reading->memory, file, maximum, judge)
									: NULL;
}

/* Whom the end trusts, as the device will take it. */
static void read_trust(const struct reading *reading, struct config_login *login) {
	const struct secret_file authorities =
		file_at(reading, "ca_file", login->ca_file,
				"authorities of Ed25519 in PEM, as the ca.pem of \"umbra ca init\"", true);
	const struct secret_file lists =
		file_at(reading, "crl_file", login->crl_file,
				"lists of revoked certificates in PEM, as the crl.pem of \"umbra ca init\"", true);
	login->authorities = read_file(reading, &authorities, CONFIG_PEM_MAX, secret_text_certificates);
	login->revoked = read_file(reading, &lists, CONFIG_PEM_MAX, secret_text_list);
	if (!login->authorities)
		return;
	struct chain_trust *trust = NULL;
	const struct secret_file *at = &authorities;
	enum err error = chain_trust_new(slice_of_text(login->authorities), slice_of(NULL, 0), &trust);
	if (!error && login->revoked) {
		chain_trust_free(trust);
		trust = NULL;
		at = &lists;
		error = chain_trust_new(slice_of_text(login->authorities), slice_of_text(login->revoked),
								&trust);
	}
	if (error == ERR_NO_MEMORY)
		reading->memory->failed = true;
	else if (error)
		fault_add(at->errors, at->node, NULL, "%s holds something else; %s", secret_file_shown(at),
				  at->what);
	chain_trust_free(trust);
}

/* What every other end would refuse: a certificate for the other role. NULL: nothing. */
static const char *judge_use(const char *pem, enum config_role role) {
	struct slice chain[CHAIN_CERTIFICATES_MAX];
	uint8_t *bytes;
	size_t count;
	struct certificate_facts facts;
	struct chain_leaf leaf;
	if (certificate_read(slice_of_text(pem), &facts))
		return "holds no certificate that can be read";
	enum err error = chain_read(slice_of_text(pem), &bytes, chain, &count);
	if (error)
		return error == ERR_LIMIT ? "holds too many certificates"
								  : "holds a certificate that cannot be read";
	const struct chain_policy policy = {
		.pin = facts.pin,
		.use = role == CONFIG_SERVER ? AUTHORITY_SERVER : AUTHORITY_CLIENT,
		.now = facts.valid_from,
	};
	const enum chain_fault fault = chain_verify(&policy, chain, count, &leaf);
	free(bytes);
	switch (fault) {
	case CHAIN_NOT_ED25519:
		return "holds certificates of other keys than Ed25519";
	case CHAIN_WRONG_USE:
		return role == CONFIG_SERVER ? "holds no certificate of a server"
									 : "holds no certificate of a client";
	case CHAIN_NO_USER:
		return "holds a certificate that names no user";
	default:
		return NULL;
	}
}

static void read_own(const struct reading *reading, struct config_tunnel *tunnel) {
	struct config_login *login = &tunnel->login;
	const struct secret_file certificates = file_at(
		reading, "certificate_file", login->certificate_file,
		"certificates of Ed25519 in PEM, this end's first, as \"umbra ca issue\" makes them", true);
	const struct secret_file key =
		file_at(reading, "key_file", login->key_file,
				"the certificate's private key of Ed25519 in PEM, without a passphrase", false);
	const char *pem = read_file(reading, &certificates, CONFIG_PEM_MAX, secret_text_certificates);
	const char *secret = read_file(reading, &key, CERTIFICATE_PEM_SIZE_MAX, secret_text_key);
	const char *problem = pem ? judge_use(pem, tunnel->role) : NULL;
	if (problem)
		fault_add(certificates.errors, certificates.node, NULL, "%s %s; %s",
				  secret_file_shown(&certificates), problem, certificates.what);
	else
		login->certificates = pem;
	if (!secret || !pem || problem)
		return;
	problem = ed25519_read(slice_of_text(secret), login->signing_key)
				  ? "holds no private key of Ed25519 that can be read"
			  : certificate_check_key(slice_of_text(pem), slice_of_text(secret))
				  ? "is the key of another certificate"
				  : NULL;
	if (problem)
		fault_add(key.errors, key.node, NULL, "%s %s; %s", secret_file_shown(&key), problem,
				  key.what);
}

void secret_login_read(struct config *config, struct config_tunnel *tunnel,
					   const struct tree_node *node, struct config_errors *errors) {
	struct config_login *login = &tunnel->login;
	const struct reading reading = {
		.memory = config->memory, .errors = errors, .auth = tree_get(node, "auth")};
	if (!tunnel->logs_in || tunnel->role_absent)
		return;
	const struct secret_file password =
		file_at(&reading, "password_file", login->password_file,
				"one line with the password, up to 1024 bytes", false);
	_Static_assert(CONFIG_PASSWORD_MAX == 1024, "as the text says");
	struct secret_file ticket_key =
		file_at(&reading, "ticket_key_file", login->ticket_key_file, "a file with a key", false);
	ticket_key.help = "\"umbra genpsk\" makes a key";
	read_trust(&reading, login);
	read_own(&reading, tunnel);
	login->password = read_file(&reading, &password, CONFIG_PASSWORD_MAX, secret_text_password);
	if (ticket_key.node && ticket_key.path)
		(void)secret_file_read_key(&ticket_key, "umbra genpsk", login->ticket_key);
}
