#include "proto/phaze_trust.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/wipe.h"
#include "crypto/ed25519.h"
#include "crypto/revocation.h"

struct phaze_trust {
	unsigned holders;
	bool is_client, has_pin;
	struct chain_trust *chains; /* NULL: no authorities */
	uint8_t *certificates;      /* what the identity's chain has views of */
	uint8_t signing_key[ED25519_KEY_SIZE];
	uint8_t pin[CERTIFICATE_PIN_SIZE];
	char server_name[PHAZE_SERVER_NAME_MAX + 1];
	const struct engine_clock *clock;
	struct phaze_identity identity;
	struct revocation_times lists; /* zeros: there are none */
	bool told;                     /* that they do not hold */
	enum chain_fault fault;        /* of the last chain */
	struct chain_mark mark;
};

_Static_assert(PHAZE_CHAIN_MAX == (int)CHAIN_CERTIFICATES_MAX, "chains are of one size");
_Static_assert(CHAIN_USER_SIZE_MAX <= (int)PHAZE_NAME_MAX + 1, "every user has a name");

static enum err sign(void *context, struct slice content,
					 uint8_t out_signature[static ED25519_SIGNATURE_SIZE]) {
	const struct phaze_trust *trust = context;
	return ed25519_sign(trust->signing_key, content, out_signature);
}

static int64_t seconds(const struct phaze_trust *trust) {
	return (int64_t)(trust->clock->wall_now(trust->clock->context) / CLOCK_SECOND);
}

static enum err error_of(enum chain_fault fault) {
	switch (fault) {
	case CHAIN_GOOD:
		return ERR_OK;
	case CHAIN_MALFORMED:
		return ERR_MALFORMED;
	case CHAIN_EARLY:
	case CHAIN_EXPIRED:
		return ERR_EXPIRED;
	case CHAIN_FAILED:
		return ERR_CRYPTO;
	default:
		return ERR_AUTHENTICATION;
	}
}

static struct chain_policy policy_of(const struct phaze_trust *trust) {
	return (struct chain_policy){
		.trust = trust->chains,
		.pin = trust->has_pin ? trust->pin : NULL,
		.use = trust->is_client ? AUTHORITY_SERVER : AUTHORITY_CLIENT,
		.name = trust->is_client ? trust->server_name : NULL,
		.now = seconds(trust),
	};
}

static enum err verify(void *context, const struct phaze_chain *chain,
					   struct phaze_leaf *out_leaf) {
	struct phaze_trust *trust = context;
	struct chain_leaf leaf;
	const struct chain_policy policy = policy_of(trust);
	trust->fault = chain_verify(&policy, chain->certificates, chain->count, &leaf);
	if (trust->fault)
		return error_of(trust->fault);
	struct phaze_leaf shown = {.user_size = strlen(leaf.user)};
	memcpy(shown.key, leaf.key, sizeof shown.key);
	memcpy(shown.user, leaf.user, shown.user_size);
	trust->mark = leaf.mark;
	*out_leaf = shown;
	return ERR_OK;
}

static enum err read_texts(struct phaze_trust *trust, const struct phaze_trust_options *options) {
	struct phaze_chain *chain = &trust->identity.chain;
	enum err error = ERR_OK;
	if (options->authorities.size > 0)
		error = chain_trust_new(options->authorities, options->revoked, &trust->chains);
	else if (options->revoked.size > 0)
		error = ERR_MALFORMED; /* nobody's, as far as this end knows */
	if (!error && options->revoked.size > 0)
		error = revocation_read(options->revoked, &trust->lists);
	if (!error && options->certificates.size > 0)
		error = chain_read(options->certificates, &trust->certificates, chain->certificates,
						   &chain->count);
	if (!error && phaze_auth_server_size(chain) > PHAZE_BODY_SIZE_MAX)
		error = ERR_LIMIT;
	return error;
}

enum err phaze_trust_new(const struct phaze_trust_options *options,
						 struct phaze_trust **out_trust) {
	struct phaze_trust *trust = calloc(1, sizeof *trust);
	if (!trust)
		return ERR_NO_MEMORY;
	trust->holders = 1;
	trust->is_client = options->is_client;
	trust->clock = options->clock;
	memcpy(trust->signing_key, options->signing_key, sizeof trust->signing_key);
	memcpy(trust->pin, options->pin, sizeof trust->pin);
	memcpy(trust->server_name, options->server_name, sizeof trust->server_name);
	trust->has_pin = !wipe_is_zero(trust->pin, sizeof trust->pin);
	trust->identity.sign = sign;
	trust->identity.verify = verify;
	trust->identity.context = trust;
	enum err error = read_texts(trust, options);
	if (error) {
		phaze_trust_release(trust);
		return error;
	}
	*out_trust = trust;
	return ERR_OK;
}

struct phaze_trust *phaze_trust_hold(struct phaze_trust *trust) {
	trust->holders++;
	return trust;
}

void phaze_trust_release(struct phaze_trust *trust) {
	if (!trust || --trust->holders > 0)
		return;
	chain_trust_free(trust->chains);
	free(trust->certificates);
	wipe(trust, sizeof *trust);
	free(trust);
}

const struct phaze_identity *phaze_trust_identity(const struct phaze_trust *trust) {
	return &trust->identity;
}

enum chain_fault phaze_trust_fault(const struct phaze_trust *trust) {
	return trust->fault;
}

/* As whoever has this end's configuration would look for it. */
static const char *remedy_of(enum chain_fault fault) {
	switch (fault) {
	case CHAIN_UNTRUSTED:
		return ": auth.ca_file says who is";
	case CHAIN_NOT_PINNED:
		return ": auth.pin, or somebody else answers in the server's place";
	case CHAIN_EXPIRED:
	case CHAIN_REVOKED:
		return ": its operator has to give it another one";
	case CHAIN_LIST:
		return ": auth.crl_file";
	default:
		return "";
	}
}

void phaze_trust_explain(enum chain_fault fault, const char *server_name,
						 char out_text[static PHAZE_TRUST_TEXT_SIZE]) {
	static const char what[] = "the server's certificate";
	if (fault == CHAIN_WRONG_NAME)
		(void)snprintf(out_text, PHAZE_TRUST_TEXT_SIZE, "%s %s than %.100s: auth.server_name", what,
					   chain_fault_text(fault), server_name);
	else
		(void)snprintf(out_text, PHAZE_TRUST_TEXT_SIZE, "%s %s%s", what, chain_fault_text(fault),
					   remedy_of(fault));
}

const struct chain_mark *phaze_trust_mark(const struct phaze_trust *trust) {
	return &trust->mark;
}

const char *phaze_trust_problem(const struct phaze_trust *trust) {
	return trust->lists.until != 0 ? revocation_problem(&trust->lists, seconds(trust)) : NULL;
}

const char *phaze_trust_news(struct phaze_trust *trust) {
	const char *problem = trust->told ? NULL : phaze_trust_problem(trust);
	trust->told |= problem != NULL;
	return problem;
}

enum chain_fault phaze_trust_recheck(const struct phaze_trust *trust,
									 const struct chain_mark *mark) {
	const struct chain_policy policy = policy_of(trust);
	return chain_recheck(&policy, mark);
}

bool phaze_trust_still_is(const struct phaze_trust *trust, const struct chain_mark *mark) {
	return phaze_trust_recheck(trust, mark) == CHAIN_GOOD;
}
