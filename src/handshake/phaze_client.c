#include "handshake/phaze_client.h"

#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"
#include "crypto/ed25519.h"
#include "crypto/x25519.h"
#include "handshake/phaze_candidate.h"
#include "handshake/phaze_flight.h"

struct phaze_client {
	enum phaze_client_state state;
	enum phaze_end end, doubt; /* doubt: why the last candidate was dropped */
	enum err cause, doubt_cause;

	bool reliable, has_ticket, ticket_alone;
	const struct phaze_identity *identity;
	const struct random_source *random;
	size_t name_size, password_size;
	uint8_t name[PHAZE_NAME_MAX], password[PHAZE_PASSWORD_MAX];
	struct phaze_ticket ticket;

	uint8_t private_key[X25519_KEY_SIZE];
	struct phaze_client_hello hello;
	uint8_t datagram[PHAZE_CLIENT_HELLO_SIZE];
	unsigned retries;
	struct phaze_candidates candidates;
	struct phaze_candidate *chosen;    /* whose certificate was verified */
	uint8_t resume[PHAZE_SECRET_SIZE]; /* that a ticket's PSK comes of */

	struct phaze_flight flight;
	uint64_t repeat_at, interval, deadline;

	struct phaze_established established;
	struct parameters parameters;
};

#define END_TEXT(name, text) text,
const char *phaze_client_end_text(enum phaze_end end) {
	static const char *const texts[] = {PHAZE_END_MAP(END_TEXT)};
	return end < PHAZE_ENDS ? texts[end] : texts[PHAZE_END_FAILED];
}
#undef END_TEXT

/* Leaves nothing secret but what was agreed on. */
static void forget(struct phaze_client *client) {
	wipe(client->password, sizeof client->password);
	wipe(&client->ticket, sizeof client->ticket);
	wipe(client->private_key, sizeof client->private_key);
	wipe(client->resume, sizeof client->resume);
	phaze_candidates_done(&client->candidates);
	client->chosen = NULL;
	phaze_flight_done(&client->flight);
}

static enum err end(struct phaze_client *client, enum phaze_end why, enum err cause) {
	client->state = PHAZE_CLIENT_ENDED;
	client->end = why;
	client->cause = cause;
	wipe(&client->established, sizeof client->established);
	forget(client);
	return cause;
}

static bool is_over(const struct phaze_client *client) {
	return client->state >= PHAZE_CLIENT_ESTABLISHED;
}

/* What is sent first leaves at once. */
static void begin_flight(struct phaze_client *client, uint64_t now) {
	client->flight.at = 0;
	client->interval = PHAZE_REPEAT_FIRST;
	client->repeat_at = client->reliable ? CLOCK_NEVER : now + client->interval;
}

/* Encodes the hello as it is now, with its binder, as the flight. */
static enum err make_hello(struct phaze_client *client) {
	struct {
		uint8_t early[PHAZE_SECRET_SIZE];
	} scratch;
	WIPE_ON_EXIT(scratch);
	struct phaze_client_hello *hello = &client->hello;
	enum err error = phaze_hello_encode_client(hello, client->datagram);
	if (!error && hello->has_ticket)
		error = phaze_keys_early(client->ticket.psk, scratch.early)
					?: phaze_keys_binder(scratch.early, client->datagram, hello->binder)
					?: phaze_hello_encode_client(hello, client->datagram);
	if (error)
		return error;
	phaze_flight_done(&client->flight);
	return phaze_flight_add(&client->flight, client->datagram, sizeof client->datagram);
}

static enum err take_ciphers(struct phaze_client_hello *hello, const uint8_t *ciphers,
							 size_t count) {
	if (count == 0 || count > PHAZE_CIPHERS_KNOWN)
		return ERR_INVALID;
	for (size_t i = 0; i < count; i++) {
		enum aead_algorithm algorithm;
		if (phaze_keys_algorithm(ciphers[i], &algorithm) || memchr(ciphers, ciphers[i], i))
			return ERR_INVALID;
	}
	memcpy(hello->ciphers, ciphers, count);
	hello->cipher_count = count;
	return ERR_OK;
}

/* Whether all that may have to be sent can be. */
static enum err try_auth(const struct phaze_client_options *options) {
	struct {
		uint8_t body[PHAZE_BODY_SIZE_MAX];
	} scratch;
	WIPE_ON_EXIT(scratch);
	struct phaze_client_auth auth = {.name = options->name, .password = options->password};
	size_t size, before;
	if (options->password.size > 0)
		auth.kinds |= PHAZE_BY_PASSWORD;
	if (options->identity->chain.count > 0)
		auth.kinds |= PHAZE_BY_CERTIFICATE;
	auth.chain = options->identity->chain;
	if (auth.kinds == 0)
		return ERR_OK;
	return phaze_auth_encode_client(&auth, scratch.body, sizeof scratch.body, &size, &before);
}

enum err phaze_client_new(const struct phaze_client_options *options, uint64_t now,
						  struct phaze_client **out_client) {
	struct phaze_client_hello hello = {.session_id = options->session_id, .aes = options->aes};
	enum err error = options->session_id == 0 ? ERR_INVALID : try_auth(options);
	if (!error)
		error = take_ciphers(&hello, options->ciphers, options->cipher_count);
	if (error)
		return error;
	struct phaze_client *client = calloc(1, sizeof *client);
	if (!client)
		return ERR_NO_MEMORY;
	client->reliable = options->reliable;
	client->identity = options->identity;
	client->random = options->random;
	client->name_size = options->name.size;
	client->password_size = options->password.size;
	if (client->name_size > 0)
		memcpy(client->name, options->name.data, client->name_size);
	if (client->password_size > 0)
		memcpy(client->password, options->password.data, client->password_size);
	client->has_ticket = hello.has_ticket = options->ticket != NULL;
	client->ticket_alone = options->ticket_alone;
	if (options->ticket) {
		client->ticket = *options->ticket;
		memcpy(hello.ticket_id, options->ticket->id, sizeof hello.ticket_id);
	}
	random_fill(client->random, hello.random, sizeof hello.random);
	x25519_generate(client->random, client->private_key);
	error = x25519_public(client->private_key, hello.key);
	client->hello = hello;
	error = error ? error : make_hello(client);
	if (error) {
		phaze_client_free(client);
		return error;
	}
	begin_flight(client, now);
	client->deadline = now + PHAZE_PATIENCE;
	*out_client = client;
	return ERR_OK;
}

void phaze_client_free(struct phaze_client *client) {
	if (!client)
		return;
	forget(client);
	wipe(client, sizeof *client);
	free(client);
}

bool phaze_client_send(struct phaze_client *client, struct slice *out_packet) {
	if (!phaze_flight_peek(&client->flight, out_packet))
		return false;
	phaze_flight_skip(&client->flight, out_packet->size);
	return true;
}

static enum err take_retry(struct phaze_client *client, uint64_t now, const uint8_t *data,
						   size_t size) {
	struct phaze_retry retry;
	struct phaze_client_hello *hello = &client->hello;
	enum err error = phaze_hello_decode_retry(data, size, &retry);
	if (error)
		return error;
	if (client->reliable || memcmp(retry.random, hello->random, sizeof retry.random) != 0)
		return ERR_MALFORMED;
	if (hello->has_cookie && memcmp(retry.cookie, hello->cookie, sizeof retry.cookie) == 0)
		return ERR_EXISTS;
	if (client->retries == PHAZE_RETRIES_MAX)
		return ERR_LIMIT;
	client->retries++;
	hello->has_cookie = true;
	memcpy(hello->cookie, retry.cookie, sizeof hello->cookie);
	phaze_candidates_done(&client->candidates); /* they answered another hello */
	error = make_hello(client);
	if (error)
		return end(client, PHAZE_END_FAILED, error);
	begin_flight(client, now);
	return ERR_OK;
}

static enum err take_hello(struct phaze_client *client, const uint8_t *data, size_t size) {
	const struct phaze_greeting greeting = {client->datagram, client->private_key,
											client->has_ticket ? client->ticket.psk : NULL};
	struct phaze_server_hello hello;
	enum err error = phaze_hello_decode_server(data, size, &hello);
	if (error)
		return error;
	if (!memchr(client->hello.ciphers, hello.cipher, client->hello.cipher_count))
		return ERR_UNSUPPORTED;
	return phaze_candidates_add(&client->candidates, &greeting, &hello, data);
}

/* A candidate showed itself to be nobody; another may yet be the server. */
static enum err drop(struct phaze_client *client, uint64_t now, struct phaze_candidate *candidate,
					 enum phaze_end why, enum err cause) {
	phaze_candidates_drop(candidate);
	client->doubt = why;
	client->doubt_cause = cause;
	if (client->reliable)
		return end(client, why, cause);
	if (client->deadline > now + PHAZE_DOUBT)
		client->deadline = now + PHAZE_DOUBT;
	return cause;
}

/* The first so many of what both said; auths are views that outlive it. */
static void what_was_said(const struct phaze_client *client,
						  const struct phaze_candidate *candidate,
						  struct phaze_said out_said[static 2]) {
	struct slice parts[4];
	phaze_hello_parts(client->datagram, sizeof client->datagram, parts);
	phaze_hello_parts(candidate->datagram, sizeof candidate->datagram, parts + 2);
	out_said[0] = phaze_keys_said(PHAZE_CLIENT_HELLO, parts[1].size, parts[1]);
	out_said[1] = phaze_keys_said(PHAZE_SERVER_HELLO, parts[3].size, parts[3]);
}

/* All that follows from a transcript; the keys wait until the server accepts. */
static enum err derive_master(struct phaze_client *client, const struct phaze_candidate *candidate,
							  const struct phaze_said *said, size_t count) {
	uint8_t transcript[HASH_SIZE];
	struct phaze_established *established = &client->established;
	enum err error = phaze_keys_transcript(said, count, transcript)
						 ?: phaze_keys_master(candidate->keys.secret, transcript,
											  &established->keys, client->resume);
	if (error)
		return error;
	established->algorithm = candidate->algorithm;
	established->client_id = client->hello.session_id;
	established->server_id = candidate->hello.session_id;
	established->resumed = candidate->hello.ticket_accepted;
	return ERR_OK;
}

/* The body of a ClientAuth, signed where it is to be; said has place for it behind three others. */
static enum err make_auth(struct phaze_client *client, uint8_t demands,
						  struct phaze_said said[static 4],
						  uint8_t out_body[static PHAZE_BODY_SIZE_MAX]) {
	const struct phaze_identity *identity = client->identity;
	const struct phaze_client_auth auth = {
		.kinds = demands,
		.name = slice_of(client->name, client->name_size),
		.password = slice_of(client->password, client->password_size),
		.chain = identity->chain,
	};
	uint8_t transcript[HASH_SIZE], content[PHAZE_SIGNED_SIZE];
	size_t size, before;
	enum err error = phaze_auth_encode_client(&auth, out_body, PHAZE_BODY_SIZE_MAX, &size, &before);
	if (error)
		return error;
	if (demands & PHAZE_BY_CERTIFICATE) {
		said[3] = phaze_keys_said(PHAZE_CLIENT_AUTH, size, slice_of(out_body, before));
		error = phaze_keys_transcript(said, 4, transcript);
		phaze_keys_signed(PHAZE_CLIENT_AUTH, transcript, content);
		if (!error)
			error = identity->sign(identity->context, slice_of(content, sizeof content),
								   out_body + before);
	}
	said[3] = phaze_keys_said(PHAZE_CLIENT_AUTH, size, slice_of(out_body, size));
	return error;
}

/* The server is who it should be: it may learn who its client is. */
static enum err show(struct phaze_client *client, uint64_t now, struct phaze_candidate *candidate,
					 uint8_t demands, struct phaze_said said[static 4]) {
	struct {
		uint8_t body[PHAZE_BODY_SIZE_MAX];
		struct phaze_sealer sealer;
		struct phaze_flight flight;
	} scratch = {
		.sealer = {.algorithm = candidate->algorithm, .receiver = candidate->hello.session_id}};
	WIPE_ON_EXIT(scratch);
	const bool named = client->name_size > 0 || (demands & PHAZE_BY_CERTIFICATE);
	if (client->ticket_alone)
		return end(client, PHAZE_END_TICKET, ERR_PERMISSION);
	if ((demands & PHAZE_BY_PASSWORD) && (client->password_size == 0 || !named))
		return end(client, PHAZE_END_NEEDS_PASSWORD, ERR_PERMISSION);
	if ((demands & PHAZE_BY_CERTIFICATE) && client->identity->chain.count == 0)
		return end(client, PHAZE_END_NEEDS_CERTIFICATE, ERR_PERMISSION);
	memcpy(scratch.sealer.key, candidate->keys.client, sizeof scratch.sealer.key);
	enum err error = make_auth(client, demands, said, scratch.body)
						 ?: derive_master(client, candidate, said, 4)
						 ?: phaze_flight_seal(&scratch.flight, &scratch.sealer, client->random,
											  PHAZE_CLIENT_AUTH, said[3].body);
	if (error) {
		phaze_flight_done(&scratch.flight);
		return end(client, PHAZE_END_FAILED, error);
	}
	phaze_flight_done(&client->flight);
	client->flight = scratch.flight;
	client->state = PHAZE_CLIENT_SHOWING;
	client->doubt = PHAZE_END_NONE;
	client->doubt_cause = ERR_OK;
	client->chosen = candidate;
	phaze_candidates_keep(&client->candidates, candidate);
	phaze_assembly_done(&candidate->assembly);
	wipe(client->private_key, sizeof client->private_key);
	begin_flight(client, now);
	client->deadline = now + PHAZE_PATIENCE;
	return ERR_OK;
}

static enum err check_signature(const struct phaze_said said[static 3],
								const struct phaze_server_auth *auth,
								const struct phaze_leaf *leaf) {
	uint8_t transcript[HASH_SIZE], content[PHAZE_SIGNED_SIZE];
	enum err error = phaze_keys_transcript(said, 3, transcript);
	if (error)
		return error;
	phaze_keys_signed(PHAZE_SERVER_AUTH, transcript, content);
	return ed25519_verify(leaf->key, slice_of(content, sizeof content), auth->signature);
}

static enum err take_server_auth(struct phaze_client *client, uint64_t now,
								 struct phaze_candidate *candidate) {
	const struct phaze_identity *identity = client->identity;
	const struct slice body = phaze_assembly_body(&candidate->assembly);
	struct phaze_server_auth auth;
	struct phaze_leaf leaf;
	struct phaze_said said[4];
	size_t before;
	enum err error = phaze_auth_decode_server(body.data, body.size, &auth, &before);
	if (error)
		return drop(client, now, candidate, PHAZE_END_MALFORMED, error);
	error = identity->verify(identity->context, &auth.chain, &leaf);
	if (error)
		return drop(client, now, candidate, PHAZE_END_UNTRUSTED, error);
	what_was_said(client, candidate, said);
	said[2] = phaze_keys_said(PHAZE_SERVER_AUTH, body.size, slice_of(body.data, before));
	error = check_signature(said, &auth, &leaf);
	if (error)
		return drop(client, now, candidate, PHAZE_END_FORGED, error);
	said[2] = phaze_keys_said(PHAZE_SERVER_AUTH, body.size, body);
	return show(client, now, candidate, auth.demands, said);
}

static enum err take_reject(struct phaze_client *client, struct slice body) {
	static const enum phaze_end ends[] = {
		[PHAZE_REJECT_CREDENTIALS] = PHAZE_END_CREDENTIALS,
		[PHAZE_REJECT_BUSY] = PHAZE_END_BUSY,
		[PHAZE_REJECT_EXPIRED] = PHAZE_END_EXPIRED,
		[PHAZE_REJECT_QUOTA] = PHAZE_END_QUOTA,
		[PHAZE_REJECT_DEVICES] = PHAZE_END_DEVICES,
		[PHAZE_REJECT_ADDRESS] = PHAZE_END_ADDRESS,
	};
	enum phaze_reject reason;
	enum err error = phaze_auth_decode_reject(body.data, body.size, &reason);
	if (error)
		return end(client, PHAZE_END_MALFORMED, error);
	(void)end(client, ends[reason], ERR_OK);
	return ERR_OK;
}

/* Whole and authentic: the handshake is over, one way or the other. */
static enum err take_verdict(struct phaze_client *client, struct phaze_candidate *candidate) {
	const struct slice body = phaze_assembly_body(&candidate->assembly);
	struct phaze_established *established = &client->established;
	struct phaze_ticket *ticket = &established->ticket;
	if (candidate->assembly.type == PHAZE_SERVER_REJECT)
		return take_reject(client, body);
	enum err error = parameters_decode(body.data, body.size, &client->parameters);
	if (error)
		return end(client, PHAZE_END_MALFORMED, error);
	established->has_ticket = client->parameters.has_ticket;
	if (established->has_ticket) {
		memcpy(ticket->id, client->parameters.ticket_id, sizeof ticket->id);
		error = phaze_keys_ticket(client->resume, ticket->id, ticket->psk);
	}
	if (error)
		return end(client, PHAZE_END_FAILED, error);
	client->state = PHAZE_CLIENT_ESTABLISHED;
	forget(client);
	return ERR_OK;
}

static enum err take_resumed(struct phaze_client *client, struct phaze_candidate *candidate) {
	struct phaze_said said[2];
	what_was_said(client, candidate, said);
	enum err error = derive_master(client, candidate, said, 2);
	return error ? end(client, PHAZE_END_FAILED, error) : take_verdict(client, candidate);
}

static bool is_verdict(const struct phaze_piece *piece) {
	return piece->type == PHAZE_SERVER_ACCEPT || piece->type == PHAZE_SERVER_REJECT;
}

static enum err greet_sealed(struct phaze_client *client, uint64_t now, const uint8_t *data,
							 size_t size) {
	uint8_t plain[PHAZE_OPENED_SIZE];
	struct phaze_piece piece;
	struct phaze_candidate *candidate = NULL;
	enum err error =
		phaze_candidates_open(&client->candidates, data, size, plain, &piece, &candidate);
	if (!candidate)
		return error;
	const bool resumed = candidate->hello.ticket_accepted;
	if (!error && (resumed ? !is_verdict(&piece) : piece.type != PHAZE_SERVER_AUTH))
		error = ERR_MALFORMED;
	if (!error)
		error = phaze_assembly_take(&candidate->assembly, &piece);
	if (error == ERR_AGAIN || error == ERR_NO_MEMORY)
		return error;
	if (error)
		return drop(client, now, candidate, PHAZE_END_MALFORMED, error);
	return resumed ? take_resumed(client, candidate) : take_server_auth(client, now, candidate);
}

static enum err show_sealed(struct phaze_client *client, const uint8_t *data, size_t size) {
	uint8_t plain[PHAZE_OPENED_SIZE];
	struct phaze_piece piece;
	struct phaze_candidate *chosen = client->chosen;
	enum err error =
		phaze_flight_open(chosen->algorithm, chosen->keys.server, data, size, plain, &piece);
	if (error == ERR_AUTHENTICATION)
		return error;
	if (!error && piece.type == PHAZE_SERVER_AUTH)
		return ERR_EXISTS; /* the server repeats what was taken */
	if (!error)
		error = is_verdict(&piece) ? phaze_assembly_take(&chosen->assembly, &piece) : ERR_MALFORMED;
	if (error == ERR_AGAIN || error == ERR_NO_MEMORY)
		return error;
	return error ? end(client, PHAZE_END_MALFORMED, error) : take_verdict(client, chosen);
}

static enum err receive(struct phaze_client *client, uint64_t now, const uint8_t *data,
						size_t size) {
	struct phaze_header header;
	enum err error = phaze_packet_decode(data, size, &header);
	if (error)
		return error;
	if (header.session_id != client->hello.session_id)
		return ERR_NOT_FOUND;
	if (header.type != PHAZE_HANDSHAKE)
		return ERR_UNSUPPORTED;
	const bool greeting = client->state == PHAZE_CLIENT_GREETING;
	if (header.sequence > 0)
		return greeting ? greet_sealed(client, now, data, size) : show_sealed(client, data, size);
	if (!greeting)
		return ERR_EXISTS;
	return size == PHAZE_RETRY_SIZE ? take_retry(client, now, data, size)
									: take_hello(client, data, size);
}

enum err phaze_client_receive(struct phaze_client *client, uint64_t now, const uint8_t *data,
							  size_t size) {
	if (is_over(client))
		return ERR_CLOSED;
	enum err error = receive(client, now, data, size);
	if (client->reliable && error && error != ERR_AGAIN && !is_over(client))
		(void)end(client, PHAZE_END_MALFORMED, error);
	return error;
}

uint64_t phaze_client_deadline(const struct phaze_client *client) {
	if (is_over(client))
		return CLOCK_NEVER;
	return client->repeat_at < client->deadline ? client->repeat_at : client->deadline;
}

void phaze_client_expire(struct phaze_client *client, uint64_t now) {
	if (is_over(client))
		return;
	if (now >= client->deadline) {
		const bool doubts = client->doubt != PHAZE_END_NONE;
		(void)end(client, doubts ? client->doubt : PHAZE_END_SILENCE, client->doubt_cause);
	} else if (now >= client->repeat_at) {
		client->flight.at = 0;
		client->interval *= 2;
		client->repeat_at = now + client->interval;
	}
}

enum phaze_client_state phaze_client_state(const struct phaze_client *client) {
	return client->state;
}

enum phaze_end phaze_client_end(const struct phaze_client *client, enum err *out_cause) {
	if (out_cause)
		*out_cause = client->cause;
	return client->end;
}

const struct phaze_established *phaze_client_established(const struct phaze_client *client) {
	return client->state == PHAZE_CLIENT_ESTABLISHED ? &client->established : NULL;
}

const struct parameters *phaze_client_parameters(const struct phaze_client *client) {
	return client->state == PHAZE_CLIENT_ESTABLISHED ? &client->parameters : NULL;
}
