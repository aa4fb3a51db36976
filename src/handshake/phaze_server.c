#include "handshake/phaze_server.h"

#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"
#include "crypto/ed25519.h"
#include "crypto/x25519.h"
#include "handshake/phaze_assembly.h"
#include "handshake/phaze_flight.h"
#include "wire/cursor.h"

struct phaze_server {
	const struct phaze_server_setup *setup;
	enum phaze_server_state state;
	bool reliable;
	struct endpoint from;

	uint32_t session_id; /* ours */
	uint8_t datagram[PHAZE_CLIENT_HELLO_SIZE];
	struct phaze_client_hello hello;
	uint8_t answer[PHAZE_SERVER_HELLO_SIZE];
	struct slice auth; /* the body of ServerAuth, ours */
	enum aead_algorithm algorithm;
	struct phaze_handshake_keys keys;
	struct phaze_sealer sealer;
	struct phaze_assembly assembly;
	uint8_t resume[PHAZE_SECRET_SIZE]; /* that a ticket's PSK comes of */

	struct phaze_flight flight;
	uint64_t flight_at; /* when it left last */
	uint64_t shown_at;  /* when ClientAuth was whole */
	enum phaze_reject reject;
	uint64_t deadline;

	struct phaze_established established;
};

/* Of a ClientHello: what a cookie is for, beside where it came from. */
enum { COOKIE_CONTENT_SIZE = 4 + PHAZE_RANDOM_SIZE + X25519_KEY_SIZE };

static void cookie_content(const struct phaze_client_hello *hello,
						   uint8_t out_content[static COOKIE_CONTENT_SIZE]) {
	struct writer writer = writer_of(out_content, COOKIE_CONTENT_SIZE);
	writer_u32_be(&writer, hello->session_id);
	writer_bytes(&writer, hello->random, sizeof hello->random);
	writer_bytes(&writer, hello->key, sizeof hello->key);
}

static bool has_good_cookie(const struct phaze_server_setup *setup,
							const struct phaze_server_input *input,
							const struct phaze_client_hello *hello) {
	uint8_t content[COOKIE_CONTENT_SIZE];
	if (!hello->has_cookie)
		return false;
	cookie_content(hello, content);
	return setup->ops->check_cookie(setup->context, input->now, input->from,
									slice_of(content, sizeof content), hello->cookie);
}

static enum err make_retry(const struct phaze_server_setup *setup,
						   const struct phaze_server_input *input,
						   const struct phaze_client_hello *hello,
						   uint8_t out_retry[static PHAZE_RETRY_SIZE]) {
	struct phaze_retry retry = {.receiver = hello->session_id};
	uint8_t content[COOKIE_CONTENT_SIZE];
	cookie_content(hello, content);
	memcpy(retry.random, hello->random, sizeof retry.random);
	enum err error = setup->ops->make_cookie(setup->context, input->now, input->from,
											 slice_of(content, sizeof content), retry.cookie);
	if (error)
		return error;
	phaze_hello_encode_retry(&retry, out_retry);
	return ERR_COOKIE_REQUIRED;
}

/* AES where both ends have instructions for it, ChaCha20 otherwise, and the other one after that.
 */
static enum err choose_cipher(const struct phaze_server_setup *setup,
							  const struct phaze_client_hello *hello, uint8_t *out_cipher) {
	static const uint8_t orders[2][PHAZE_CIPHERS_KNOWN] = {
		{PHAZE_CHACHA20_POLY1305, PHAZE_AES_256_GCM}, {PHAZE_AES_256_GCM, PHAZE_CHACHA20_POLY1305}};
	const uint8_t *order = orders[setup->aes && hello->aes];
	for (size_t i = 0; i < PHAZE_CIPHERS_KNOWN; i++) {
		if (setup->cipher_count > 0 && memchr(setup->ciphers, order[i], setup->cipher_count) &&
			memchr(hello->ciphers, order[i], hello->cipher_count)) {
			*out_cipher = order[i];
			return ERR_OK;
		}
	}
	return ERR_UNSUPPORTED;
}

/* What is known of who greets, before a key exchange. */
struct caller {
	struct phaze_client_hello hello;
	struct phaze_server_hello answer;
	uint8_t psk[PHAZE_SECRET_SIZE], early[PHAZE_SECRET_SIZE];
	uint8_t accept[PHAZE_BODY_SIZE_MAX]; /* where the ticket is good */
	size_t accept_size;
	struct parameters parameters;
};

/* Whether the ticket is known and its PSK too; then with what is said to its user. */
static bool is_resumed(const struct phaze_server_setup *setup,
					   const struct phaze_server_input *input, struct caller *caller) {
	const struct phaze_client_hello *hello = &caller->hello;
	uint8_t binder[PHAZE_BINDER_SIZE];
	if (!hello->has_ticket ||
		!setup->ops->find_ticket(setup->context, hello->ticket_id, caller->psk))
		return false;
	if (phaze_keys_early(caller->psk, caller->early) ||
		phaze_keys_binder(caller->early, input->data, binder) ||
		!wipe_equal(binder, hello->binder, sizeof binder))
		return false;
	return setup->ops->resume(setup->context, hello->ticket_id, &caller->parameters) &&
		   parameters_encode(&caller->parameters, caller->accept, sizeof caller->accept,
							 &caller->accept_size) == ERR_OK;
}

static size_t flight_size(const struct phaze_server_setup *setup, const struct caller *caller) {
	return PHAZE_SERVER_HELLO_SIZE +
		   phaze_flight_sealed_size(caller->answer.ticket_accepted
										? caller->accept_size
										: phaze_auth_server_size(&setup->identity->chain));
}

static void hellos_said(const struct phaze_server *server, struct phaze_said out_said[static 2]) {
	struct slice parts[4];
	phaze_hello_parts(server->datagram, sizeof server->datagram, parts);
	phaze_hello_parts(server->answer, sizeof server->answer, parts + 2);
	out_said[0] = phaze_keys_said(PHAZE_CLIENT_HELLO, parts[1].size, parts[1]);
	out_said[1] = phaze_keys_said(PHAZE_SERVER_HELLO, parts[3].size, parts[3]);
}

/* The key exchange: ServerHello, and what handshake keys follow. */
static enum err exchange(struct phaze_server *server, struct caller *caller) {
	struct {
		uint8_t private_key[X25519_KEY_SIZE], shared[X25519_KEY_SIZE];
	} scratch;
	WIPE_ON_EXIT(scratch);
	struct phaze_server_hello *answer = &caller->answer;
	struct phaze_said said[2];
	uint8_t transcript[HASH_SIZE];
	random_fill(server->setup->random, answer->random, sizeof answer->random);
	x25519_generate(server->setup->random, scratch.private_key);
	enum err error = x25519_shared(scratch.private_key, server->hello.key, scratch.shared)
						 ?: x25519_public(scratch.private_key, answer->key)
						 ?: phaze_keys_algorithm(answer->cipher, &server->algorithm);
	if (error)
		return error;
	phaze_hello_encode_server(answer, server->answer);
	hellos_said(server, said);
	if (!answer->ticket_accepted)
		error = phaze_keys_early(NULL, caller->early);
	error = error ? error : phaze_keys_transcript(said, 2, transcript);
	error = error ? error
				  : phaze_keys_handshake(caller->early, scratch.shared, transcript, &server->keys);
	if (error)
		return error;
	server->sealer =
		(struct phaze_sealer){.algorithm = server->algorithm, .receiver = server->hello.session_id};
	memcpy(server->sealer.key, server->keys.server, sizeof server->sealer.key);
	return phaze_flight_add(&server->flight, server->answer, sizeof server->answer);
}

/* Traffic keys, of all that was said. */
static enum err derive_master(struct phaze_server *server, const struct phaze_said *said,
							  size_t count, bool resumed) {
	uint8_t transcript[HASH_SIZE];
	struct phaze_established *established = &server->established;
	enum err error = phaze_keys_transcript(said, count, transcript)
						 ?: phaze_keys_master(server->keys.secret, transcript, &established->keys,
											  server->resume);
	if (error)
		return error;
	established->algorithm = server->algorithm;
	established->client_id = server->hello.session_id;
	established->server_id = server->session_id;
	established->resumed = resumed;
	return ERR_OK;
}

static enum err give_ticket(struct phaze_server *server, const struct parameters *parameters) {
	struct phaze_established *established = &server->established;
	established->has_ticket = parameters->has_ticket;
	if (!parameters->has_ticket)
		return ERR_OK;
	memcpy(established->ticket.id, parameters->ticket_id, sizeof established->ticket.id);
	return phaze_keys_ticket(server->resume, established->ticket.id, established->ticket.psk);
}

static enum err accept_resumed(struct phaze_server *server, const struct caller *caller) {
	struct phaze_said said[2];
	hellos_said(server, said);
	return derive_master(server, said, 2, true)
			   ?: give_ticket(server, &caller->parameters)
			   ?: phaze_flight_seal(&server->flight, &server->sealer, server->setup->random,
									PHAZE_SERVER_ACCEPT,
									slice_of(caller->accept, caller->accept_size));
}

/* ServerAuth, signed over all before its signature. */
static enum err present(struct phaze_server *server) {
	const struct phaze_server_setup *setup = server->setup;
	const struct phaze_identity *identity = setup->identity;
	const struct phaze_server_auth auth = {.demands = setup->demands, .chain = identity->chain};
	const size_t room = phaze_auth_server_size(&identity->chain);
	uint8_t transcript[HASH_SIZE], content[PHAZE_SIGNED_SIZE];
	struct phaze_said said[3];
	size_t size, before;
	if (room > PHAZE_BODY_SIZE_MAX)
		return ERR_LIMIT;
	uint8_t *body = malloc(room);
	if (!body)
		return ERR_NO_MEMORY;
	server->auth = slice_of(body, room);
	enum err error = phaze_auth_encode_server(&auth, body, room, &size, &before);
	if (error)
		return error;
	hellos_said(server, said);
	said[2] = phaze_keys_said(PHAZE_SERVER_AUTH, size, slice_of(body, before));
	error = phaze_keys_transcript(said, 3, transcript);
	if (error)
		return error;
	phaze_keys_signed(PHAZE_SERVER_AUTH, transcript, content);
	return identity->sign(identity->context, slice_of(content, sizeof content), body + before)
			   ?: phaze_flight_seal(&server->flight, &server->sealer, setup->random,
									PHAZE_SERVER_AUTH, server->auth);
}

static enum err greet(const struct phaze_server_setup *setup,
					  const struct phaze_server_input *input, struct caller *caller,
					  struct phaze_server **out_server) {
	struct phaze_server *server = calloc(1, sizeof *server);
	if (!server)
		return ERR_NO_MEMORY;
	const bool resumed = caller->answer.ticket_accepted;
	server->setup = setup;
	server->reliable = input->reliable;
	server->from = *input->from;
	server->session_id = input->session_id;
	memcpy(server->datagram, input->data, sizeof server->datagram);
	server->hello = caller->hello;
	enum err error =
		exchange(server, caller) ?: (resumed ? accept_resumed(server, caller) : present(server));
	if (error) {
		phaze_server_free(server);
		return error;
	}
	server->state = resumed ? PHAZE_SERVER_RESUMED : PHAZE_SERVER_GREETED;
	server->flight_at = input->now;
	server->deadline = input->now + PHAZE_PATIENCE;
	*out_server = server;
	return ERR_OK;
}

enum err phaze_server_open(const struct phaze_server_setup *setup,
						   const struct phaze_server_input *input,
						   uint8_t out_retry[static PHAZE_RETRY_SIZE],
						   struct phaze_server **out_server) {
	struct caller caller = {.answer = {.session_id = input->session_id}};
	WIPE_ON_EXIT(caller);
	if (input->session_id == 0)
		return ERR_INVALID;
	enum err error = phaze_hello_decode_client(input->data, input->size, &caller.hello)
						 ?: choose_cipher(setup, &caller.hello, &caller.answer.cipher);
	if (error)
		return error;
	const bool needs_cookie = !input->reliable && !has_good_cookie(setup, input, &caller.hello);
	if (needs_cookie && input->loaded)
		return make_retry(setup, input, &caller.hello, out_retry);
	caller.answer.receiver = caller.hello.session_id;
	caller.answer.ticket_accepted = is_resumed(setup, input, &caller);
	/* So that no more leaves than came: once for each hello, its repeats among them. */
	if (needs_cookie && flight_size(setup, &caller) > input->size)
		return make_retry(setup, input, &caller.hello, out_retry);
	return greet(setup, input, &caller, out_server);
}

/* Leaves nothing secret but what was agreed on; the flight stays for who repeats. */
static void forget(struct phaze_server *server) {
	phaze_assembly_done(&server->assembly);
	wipe(server->keys.secret, sizeof server->keys.secret);
	wipe(server->resume, sizeof server->resume);
	free((void *)server->auth.data);
	server->auth = slice_of(NULL, 0);
}

static void end(struct phaze_server *server) {
	server->state = PHAZE_SERVER_ENDED;
	forget(server);
	wipe(&server->keys, sizeof server->keys);
	wipe(&server->sealer, sizeof server->sealer);
	wipe(&server->established, sizeof server->established);
	phaze_flight_done(&server->flight);
}

void phaze_server_free(struct phaze_server *server) {
	if (!server)
		return;
	end(server);
	wipe(server, sizeof *server);
	free(server);
}

bool phaze_server_is_repeat(const struct phaze_server *server, const struct endpoint *from,
							const uint8_t *data, size_t size) {
	return size == sizeof server->datagram && memcmp(data, server->datagram, size) == 0 &&
		   endpoint_equal(from, &server->from);
}

bool phaze_server_send(struct phaze_server *server, struct slice *out_packet) {
	if (!phaze_flight_peek(&server->flight, out_packet))
		return false;
	phaze_flight_skip(&server->flight, out_packet->size);
	return true;
}

/* The client repeats itself: what it was told it is told once more. */
static enum err repeat(struct phaze_server *server, uint64_t now) {
	if (server->reliable || now < server->flight_at ||
		now - server->flight_at < PHAZE_FLIGHT_INTERVAL)
		return ERR_RATE_LIMITED;
	server->flight_at = now;
	server->flight.at = 0;
	return ERR_EXISTS;
}

/* The next flight, in place of the last. */
static enum err say(struct phaze_server *server, uint64_t now, enum phaze_message type,
					struct slice body) {
	struct phaze_flight flight = {0};
	enum err error = phaze_flight_seal(&flight, &server->sealer, server->setup->random, type, body);
	if (error) {
		phaze_flight_done(&flight);
		return error;
	}
	phaze_flight_done(&server->flight);
	server->flight = flight;
	server->flight_at = now;
	server->deadline = now + PHAZE_PATIENCE;
	return ERR_OK;
}

/* Refuses when it is time to: at the first whole second after ClientAuth that has not passed. */
static void refuse(struct phaze_server *server, uint64_t now, enum phaze_reject reason) {
	const uint64_t age = now > server->shown_at ? now - server->shown_at : 0;
	uint64_t seconds = age / CLOCK_SECOND + (age % CLOCK_SECOND > 0);
	if (seconds < PHAZE_REJECT_SECONDS)
		seconds = PHAZE_REJECT_SECONDS;
	server->state = PHAZE_SERVER_REFUSING;
	server->reject = reason;
	server->deadline = server->shown_at + seconds * CLOCK_SECOND;
	wipe(&server->established, sizeof server->established);
	phaze_flight_done(&server->flight); /* silent until then, whatever is wrong */
	forget(server);
}

/* The certificate is good, and its key signed all that was said. */
static enum err check_certificate(const struct phaze_server *server,
								  const struct phaze_client_auth *auth, size_t before,
								  struct phaze_leaf *out_leaf) {
	const struct phaze_identity *identity = server->setup->identity;
	const struct slice body = phaze_assembly_body(&server->assembly);
	uint8_t transcript[HASH_SIZE], content[PHAZE_SIGNED_SIZE];
	struct phaze_said said[4];
	hellos_said(server, said);
	said[2] = phaze_keys_said(PHAZE_SERVER_AUTH, server->auth.size, server->auth);
	said[3] = phaze_keys_said(PHAZE_CLIENT_AUTH, body.size, slice_of(body.data, before));
	enum err error = identity->verify(identity->context, &auth->chain, out_leaf)
						 ?: phaze_keys_transcript(said, 4, transcript);
	if (error)
		return error;
	phaze_keys_signed(PHAZE_CLIENT_AUTH, transcript, content);
	return ed25519_verify(out_leaf->key, slice_of(content, sizeof content), auth->signature);
}

/* Who it is, as far as this end can tell. ERR_AUTHENTICATION and others: nobody. */
static enum err identify(const struct phaze_server *server, struct phaze_client_auth *auth,
						 struct phaze_leaf *leaf, struct phaze_login *out_login) {
	const struct slice body = phaze_assembly_body(&server->assembly);
	size_t before;
	enum err error = phaze_auth_decode_client(body.data, body.size, auth, &before);
	if (error)
		return error;
	if (auth->kinds != server->setup->demands)
		return ERR_AUTHENTICATION;
	*out_login =
		(struct phaze_login){.user = auth->name, .chain = &auth->chain, .password = auth->password};
	if (!(auth->kinds & PHAZE_BY_CERTIFICATE))
		return ERR_OK;
	error = check_certificate(server, auth, before, leaf);
	if (error)
		return error;
	if (leaf->user_size == 0 || leaf->user_size > sizeof leaf->user)
		return ERR_INVALID;
	if (auth->name.size > 0 && (auth->name.size != leaf->user_size ||
								memcmp(auth->name.data, leaf->user, leaf->user_size) != 0))
		return ERR_AUTHENTICATION;
	out_login->by_certificate = true;
	out_login->user = slice_of(leaf->user, leaf->user_size);
	return ERR_OK;
}

static enum err take_auth(struct phaze_server *server, uint64_t now) {
	const struct slice body = phaze_assembly_body(&server->assembly);
	struct phaze_client_auth auth;
	struct phaze_leaf leaf;
	struct phaze_login login;
	struct phaze_said said[4];
	server->shown_at = now;
	enum err error = identify(server, &auth, &leaf, &login);
	if (error) {
		refuse(server, now, PHAZE_REJECT_CREDENTIALS);
		return error;
	}
	hellos_said(server, said);
	said[2] = phaze_keys_said(PHAZE_SERVER_AUTH, server->auth.size, server->auth);
	said[3] = phaze_keys_said(PHAZE_CLIENT_AUTH, body.size, body);
	error = derive_master(server, said, 4, false);
	if (error) {
		end(server);
		return error;
	}
	/* check() may answer at once, and with that free what login has views of. */
	struct phaze_assembly assembly = server->assembly;
	server->assembly = (struct phaze_assembly){0};
	server->state = PHAZE_SERVER_CHECKING;
	server->deadline = now + PHAZE_PATIENCE;
	phaze_flight_done(&server->flight);
	server->setup->ops->check(server->setup->context, server, &login);
	phaze_assembly_done(&assembly);
	return ERR_OK;
}

enum err phaze_server_verdict(struct phaze_server *server, uint64_t now,
							  const struct phaze_verdict *verdict) {
	uint8_t body[PHAZE_BODY_SIZE_MAX];
	size_t size;
	if (server->state != PHAZE_SERVER_CHECKING)
		return ERR_CLOSED;
	if (verdict->reject != 0) {
		refuse(server, now, verdict->reject);
		return ERR_OK;
	}
	enum err error = parameters_encode(verdict->parameters, body, sizeof body, &size)
						 ?: give_ticket(server, verdict->parameters)
						 ?: say(server, now, PHAZE_SERVER_ACCEPT, slice_of(body, size));
	if (error) {
		end(server);
		return error;
	}
	server->state = PHAZE_SERVER_ACCEPTED;
	forget(server);
	return ERR_OK;
}

static enum err take_sealed(struct phaze_server *server, uint64_t now, const uint8_t *data,
							size_t size) {
	struct {
		uint8_t plain[PHAZE_OPENED_SIZE]; /* a password is in it */
	} scratch;
	WIPE_ON_EXIT(scratch);
	struct phaze_piece piece;
	enum err error = phaze_flight_open(server->algorithm, server->keys.client, data, size,
									   scratch.plain, &piece);
	if (error == ERR_AUTHENTICATION)
		return error;
	if (!error && piece.type != PHAZE_CLIENT_AUTH)
		error = ERR_MALFORMED;
	if (!error && server->state != PHAZE_SERVER_GREETED)
		return server->state == PHAZE_SERVER_RESUMED ? ERR_MALFORMED : repeat(server, now);
	if (!error)
		error = phaze_assembly_take(&server->assembly, &piece);
	if (error == ERR_AGAIN || error == ERR_NO_MEMORY)
		return error;
	if (error) {
		end(server);
		return error;
	}
	return take_auth(server, now);
}

static enum err receive(struct phaze_server *server, uint64_t now, const struct endpoint *from,
						const uint8_t *data, size_t size) {
	struct phaze_header header;
	enum err error = phaze_packet_decode(data, size, &header);
	if (error)
		return error;
	if (!endpoint_equal(from, &server->from))
		return ERR_NOT_FOUND;
	const bool greeted =
		server->state == PHAZE_SERVER_GREETED || server->state == PHAZE_SERVER_RESUMED;
	if (phaze_server_is_repeat(server, from, data, size))
		return greeted ? repeat(server, now) : ERR_EXISTS;
	if (header.session_id != server->session_id)
		return ERR_NOT_FOUND;
	if (header.type != PHAZE_HANDSHAKE)
		return ERR_UNSUPPORTED;
	return header.sequence == 0 ? ERR_MALFORMED : take_sealed(server, now, data, size);
}

enum err phaze_server_receive(struct phaze_server *server, uint64_t now,
							  const struct endpoint *from, const uint8_t *data, size_t size) {
	if (server->state == PHAZE_SERVER_ENDED)
		return ERR_CLOSED;
	const bool greeted = server->state == PHAZE_SERVER_GREETED;
	enum err error = receive(server, now, from, data, size);
	/* Who has shown himself gets his verdict, whatever he says then. */
	if (server->reliable && error && error != ERR_AGAIN && greeted &&
		server->state == PHAZE_SERVER_GREETED)
		end(server);
	return error;
}

uint64_t phaze_server_deadline(const struct phaze_server *server) {
	return server->state == PHAZE_SERVER_ENDED ? CLOCK_NEVER : server->deadline;
}

void phaze_server_expire(struct phaze_server *server, uint64_t now) {
	uint8_t body[PHAZE_REJECT_SIZE];
	if (server->state == PHAZE_SERVER_ENDED || now < server->deadline)
		return;
	if (server->state != PHAZE_SERVER_REFUSING) {
		end(server);
		return;
	}
	phaze_auth_encode_reject(server->reject, body);
	if (say(server, now, PHAZE_SERVER_REJECT, slice_of(body, sizeof body)))
		end(server);
	else
		server->state = PHAZE_SERVER_REFUSED;
}

enum phaze_server_state phaze_server_state(const struct phaze_server *server) {
	return server->state;
}

uint32_t phaze_server_session_id(const struct phaze_server *server) {
	return server->session_id;
}

const struct phaze_established *phaze_server_established(const struct phaze_server *server) {
	const bool has =
		server->state == PHAZE_SERVER_ACCEPTED || server->state == PHAZE_SERVER_RESUMED;
	return has ? &server->established : NULL;
}

const uint8_t *phaze_server_used_ticket(const struct phaze_server *server) {
	return server->state == PHAZE_SERVER_RESUMED ? server->hello.ticket_id : NULL;
}
