#pragma once

/* Include after cmocka.h: a client and a server of one of Phaze's vectors, and their owners. */

#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"
#include "crypto/ed25519.h"
#include "handshake/phaze_client.h"
#include "handshake/phaze_server.h"

#include "../../vectors/phaze_vectors.h"

enum {
	DESK_VECTORS = sizeof phaze_vectors / sizeof *phaze_vectors,
	/* Which is which. */
	DESK_PASSWORD = 0,
	DESK_BOTH = 1,
	DESK_CERTIFICATE = 2,
	DESK_RESUMED = 3,
	DESK_RESUMED_COOKIE = 4,
	DESK_FORGOTTEN = 5,
};

#define DESK_START (1000 * CLOCK_SECOND)

/* A source that gives out what it was handed, and then counts on. */
struct desk_draws {
	struct slice left;
	uint32_t next;
};

static inline void desk_fill(void *context, void *out_data, size_t size) {
	struct desk_draws *draws = context;
	if (draws->left.size >= size) {
		memcpy(out_data, draws->left.data, size);
		draws->left = slice_of(draws->left.data + size, draws->left.size - size);
		return;
	}
	draws->next++;
	for (size_t i = 0; i < size; i++)
		((uint8_t *)out_data)[i] = (uint8_t)(draws->next >> i % 4 * 8);
}

/* One end's side of an identity: its own key, and whom it trusts. */
struct desk_trust {
	const uint8_t *private_key;
	struct phaze_chain expected;
	const uint8_t *expected_key;
	const char *user;
	enum err error; /* of every chain; ERR_OK: the expected one is good */
	unsigned asked;
};

struct desk {
	const struct phaze_vector *v;
	uint64_t now;
	struct endpoint from;
	struct desk_draws draws[2];
	struct random_source random[2];
	struct desk_trust trust[2];
	struct phaze_identity identity[2];
	struct phaze_ticket ticket;
	struct phaze_client_options options;
	struct phaze_client *client;
	struct phaze_server_setup setup;
	struct phaze_server_input input;
	struct phaze_server *server;
	uint8_t retry[PHAZE_RETRY_SIZE];
	struct parameters pushed;
	unsigned checks, resumes;
	struct {
		bool by_certificate;
		size_t user_size, password_size, chain_count;
		uint8_t user[PHAZE_NAME_MAX], password[PHAZE_PASSWORD_MAX];
	} login;
	bool answer_at_once, knows_ticket, forgets_user;
	struct phaze_verdict verdict;
};

static inline enum err desk_sign(void *context, struct slice content,
								 uint8_t out_signature[static ED25519_SIGNATURE_SIZE]) {
	const struct desk_trust *trust = context;
	return ed25519_sign(trust->private_key, content, out_signature);
}

static inline enum err desk_verify(void *context, const struct phaze_chain *chain,
								   struct phaze_leaf *out_leaf) {
	struct desk_trust *trust = context;
	struct phaze_leaf leaf = {.user_size = strlen(trust->user)};
	trust->asked++;
	if (trust->error || chain->count != trust->expected.count)
		return trust->error ? trust->error : ERR_AUTHENTICATION;
	for (size_t i = 0; i < chain->count; i++) {
		const struct slice *one = &chain->certificates[i],
						   *other = &trust->expected.certificates[i];
		if (one->size != other->size || memcmp(one->data, other->data, one->size) != 0)
			return ERR_AUTHENTICATION;
	}
	memcpy(leaf.key, trust->expected_key, sizeof leaf.key);
	memcpy(leaf.user, trust->user, leaf.user_size);
	*out_leaf = leaf;
	return ERR_OK;
}

static inline bool desk_find_ticket(void *context, const uint8_t id[static PHAZE_TICKET_ID_SIZE],
									uint8_t out_psk[static PHAZE_SECRET_SIZE]) {
	const struct desk *desk = context;
	if (!desk->knows_ticket || memcmp(id, desk->ticket.id, PHAZE_TICKET_ID_SIZE) != 0)
		return false;
	memcpy(out_psk, desk->ticket.psk, PHAZE_SECRET_SIZE);
	return true;
}

static inline bool desk_resume(void *context, const uint8_t id[static PHAZE_TICKET_ID_SIZE],
							   struct parameters *out_parameters) {
	struct desk *desk = context;
	desk->resumes++;
	*out_parameters = desk->pushed;
	return !desk->forgets_user;
}

static inline void desk_check(void *context, struct phaze_server *server,
							  const struct phaze_login *login) {
	struct desk *desk = context;
	desk->checks++;
	desk->login.by_certificate = login->by_certificate;
	desk->login.user_size = login->user.size;
	desk->login.password_size = login->password.size;
	desk->login.chain_count = login->chain->count;
	if (login->user.size > 0)
		memcpy(desk->login.user, login->user.data, login->user.size);
	if (login->password.size > 0)
		memcpy(desk->login.password, login->password.data, login->password.size);
	if (desk->answer_at_once)
		assert_int_equal(phaze_server_verdict(server, desk->now, &desk->verdict), ERR_OK);
}

static inline enum err desk_make_cookie(void *context, uint64_t now, const struct endpoint *from,
										struct slice content,
										uint8_t out_cookie[static PHAZE_COOKIE_SIZE]) {
	const struct desk *desk = context;
	assert_int_equal(content.size, 4 + PHAZE_RANDOM_SIZE + X25519_KEY_SIZE);
	memcpy(out_cookie, desk->v->cookie, PHAZE_COOKIE_SIZE);
	return ERR_OK;
}

static inline bool desk_check_cookie(void *context, uint64_t now, const struct endpoint *from,
									 struct slice content,
									 const uint8_t cookie[static PHAZE_COOKIE_SIZE]) {
	const struct desk *desk = context;
	return endpoint_equal(from, &desk->from) &&
		   memcmp(cookie, desk->v->cookie, PHAZE_COOKIE_SIZE) == 0;
}

static const struct phaze_server_ops desk_ops = {desk_find_ticket, desk_resume, desk_check,
												 desk_make_cookie, desk_check_cookie};

static inline struct phaze_chain desk_chain(struct slice bytes) {
	struct phaze_chain chain = {0};
	const uint8_t *at = bytes.data;
	if (bytes.size == 0)
		return chain;
	chain.count = *at++;
	for (size_t i = 0; i < chain.count; i++) {
		const size_t size = (size_t)at[0] << 8 | at[1];
		chain.certificates[i] = slice_of(at + 2, size);
		at += 2 + size;
	}
	return chain;
}

static inline void desk_init(struct desk *desk, size_t number) {
	const struct phaze_vector *v = &phaze_vectors[number];
	*desk = (struct desk){.v = v, .now = DESK_START, .answer_at_once = true};
	desk->from = (struct endpoint){.address = {.bytes = {192, 0, 2, 1}, .family = ADDRESS_V4},
								   .port = 51820};
	desk->draws[0].left = v->client_draws;
	desk->draws[1].left = v->server_draws;
	desk->trust[0] = (struct desk_trust){
		v->client_identity, desk_chain(v->server_chain), v->server_identity_public, "", ERR_OK, 0};
	desk->trust[1] = (struct desk_trust){v->server_identity,
										 desk_chain(v->client_chain),
										 v->client_identity_public,
										 "carol",
										 ERR_OK,
										 0};
	const struct phaze_chain own[] = {desk_chain(v->client_chain), desk_chain(v->server_chain)};
	for (size_t i = 0; i < 2; i++) {
		desk->random[i] = (struct random_source){desk_fill, &desk->draws[i]};
		desk->identity[i] =
			(struct phaze_identity){own[i], desk_sign, desk_verify, &desk->trust[i]};
	}
	memcpy(desk->ticket.id, v->old_ticket, sizeof desk->ticket.id);
	memcpy(desk->ticket.psk, v->old_psk, sizeof desk->ticket.psk);
	desk->options = (struct phaze_client_options){
		.session_id = v->client_id,
		.aes = v->client_aes,
		.ciphers = v->offered.data,
		.cipher_count = v->offered.size,
		.name = v->user,
		.password = v->password,
		.ticket = v->has_ticket ? &desk->ticket : NULL,
		.identity = &desk->identity[0],
		.random = &desk->random[0],
	};
	desk->setup = (struct phaze_server_setup){
		.ops = &desk_ops,
		.context = desk,
		.identity = &desk->identity[1],
		.random = &desk->random[1],
		.demands = v->kinds,
		.aes = v->server_aes,
		.ciphers = v->allowed.data,
		.cipher_count = v->allowed.size,
	};
	desk->knows_ticket = v->resumed;
	desk->verdict.parameters = &desk->pushed;
	assert_int_equal(parameters_decode(v->pushed.data, v->pushed.size, &desk->pushed), ERR_OK);
}

static inline void desk_done(struct desk *desk) {
	phaze_client_free(desk->client);
	phaze_server_free(desk->server);
	desk->client = NULL;
	desk->server = NULL;
}

static inline void desk_start(struct desk *desk) {
	assert_int_equal(phaze_client_new(&desk->options, desk->now, &desk->client), ERR_OK);
}
