#include "handshake/mighty.h"

#include <string.h>

#include "base/wipe.h"
#include "crypto/hash.h"
#include "crypto/x25519.h"
#include "wire/cursor.h"

/* A message's bytes behind the header. */
static struct slice content_of(const uint8_t *data, size_t size) {
	return slice_of(data + MIGHTY_HEADER_SIZE, size - MIGHTY_HEADER_SIZE);
}

enum err mighty_algorithm(uint8_t cipher, enum aead_algorithm *out_algorithm) {
	switch (cipher) {
	case MIGHTY_AES_256_GCM:
		*out_algorithm = AEAD_AES_256_GCM;
		return ERR_OK;
	case MIGHTY_CHACHA20_POLY1305:
		*out_algorithm = AEAD_CHACHA20_POLY1305;
		return ERR_OK;
	default:
		return ERR_UNSUPPORTED;
	}
}

static enum err derive_mac_key(const uint8_t secret[static MIGHTY_PSK_SIZE], const char *label,
							   uint8_t out_key[static HASH_SIZE]) {
	return hash_hkdf(HASH_SHA256, slice_of(NULL, 0), slice_of(secret, MIGHTY_PSK_SIZE),
					 slice_of_text(label), out_key, HASH_SIZE);
}

enum err mighty_psk_init(struct mighty_psk *psk, const uint8_t secret[static MIGHTY_PSK_SIZE]) {
	struct mighty_psk made = {.id = {0}};
	WIPE_ON_EXIT(made);
	if (wipe_is_zero(secret, MIGHTY_PSK_SIZE))
		return ERR_INVALID;
	const struct slice parts[] = {slice_of_text("mighty id"), slice_of(secret, MIGHTY_PSK_SIZE)};
	enum err error = hash_digest(HASH_SHA256, parts, 2, made.identity)
						 ?: derive_mac_key(secret, "mighty hello", made.hello_key)
						 ?: derive_mac_key(secret, "mighty reply", made.reply_key)
						 ?: derive_mac_key(secret, "mighty cookie", made.cookie_key);
	if (error)
		return error;
	memcpy(made.id, made.identity, sizeof made.id);
	memcpy(made.secret, secret, sizeof made.secret);
	*psk = made;
	return ERR_OK;
}

/* A ClientHello as it travels, and the digest of its content. The MAC may not be there yet. */
struct request {
	uint8_t datagram[MIGHTY_CLIENT_HELLO_SIZE];
	uint8_t digest[HASH_SIZE];
};

static enum err request_of(const struct mighty_client_hello *hello, struct request *out_request) {
	enum err error = mighty_encode_client_hello(hello, out_request->datagram);
	if (error)
		return error;
	const struct slice content = content_of(out_request->datagram, MIGHTY_CLIENT_HELLO_SIZE);
	return hash_digest(HASH_SHA256, &content, 1, out_request->digest);
}

static enum err hello_mac(const struct mighty_psk *psk, const struct mighty_client_hello *hello,
						  uint8_t out_mac[static MIGHTY_MAC_SIZE]) {
	uint8_t datagram[MIGHTY_CLIENT_HELLO_SIZE];
	enum err error = mighty_encode_client_hello(hello, datagram);
	if (error)
		return error;
	const struct slice covered = slice_of(datagram, sizeof datagram - MIGHTY_MAC_SIZE);
	return hash_hmac(HASH_SHA256, slice_of(psk->hello_key, HASH_SIZE), &covered, 1, out_mac);
}

/* Of an answer: its header, the digest of what it answers, and so many bytes of its content. */
static enum err answer_mac(const uint8_t key[static HASH_SIZE], const struct request *request,
						   const uint8_t *datagram, size_t plain_size,
						   uint8_t out_mac[static MIGHTY_MAC_SIZE]) {
	const struct slice parts[] = {slice_of(datagram, MIGHTY_HEADER_SIZE),
								  slice_of(request->digest, sizeof request->digest),
								  slice_of(datagram + MIGHTY_HEADER_SIZE, plain_size)};
	return hash_hmac(HASH_SHA256, slice_of(key, HASH_SIZE), parts, 3, out_mac);
}

static enum err check_answer(const uint8_t key[static HASH_SIZE], const struct request *request,
							 const uint8_t *datagram, size_t plain_size,
							 const uint8_t mac[static MIGHTY_MAC_SIZE]) {
	uint8_t expected[MIGHTY_MAC_SIZE];
	enum err error = answer_mac(key, request, datagram, plain_size, expected);
	if (!error && !wipe_equal(expected, mac, sizeof expected))
		error = ERR_AUTHENTICATION;
	wipe(expected, sizeof expected);
	return error;
}

/* Of both contents, the server's as far as size goes. */
static enum err digest_both(const struct request *request, const uint8_t *answer, size_t size,
							uint8_t out_digest[static HASH_SIZE]) {
	const struct slice parts[] = {content_of(request->datagram, MIGHTY_CLIENT_HELLO_SIZE),
								  content_of(answer, size)};
	return hash_digest(HASH_SHA256, parts, 2, out_digest);
}

/* What of a ServerHello is in the clear: the associated data of the rest. */
enum { OPEN_SIZE = MIGHTY_HEADER_SIZE + MIGHTY_SERVER_HELLO_OPEN_SIZE };

/* The four keys, in the order in which they are derived. */
struct schedule {
	uint8_t client_handshake[AEAD_KEY_SIZE], server_handshake[AEAD_KEY_SIZE];
	uint8_t client_data[AEAD_KEY_SIZE], server_data[AEAD_KEY_SIZE];
};

static enum err schedule_derive(const struct mighty_psk *psk, const struct request *request,
								const struct mighty_client_hello *hello,
								const struct mighty_server_hello *answer, const uint8_t *datagram,
								const uint8_t shared[static X25519_KEY_SIZE],
								struct schedule *out_schedule) {
	struct {
		uint8_t salt[2 * MIGHTY_RANDOM_SIZE];
		uint8_t secret[X25519_KEY_SIZE + MIGHTY_PSK_SIZE];
		uint8_t info[sizeof "mighty v1" - 1 + HASH_SIZE];
		uint8_t digest[HASH_SIZE];
		uint8_t keys[sizeof(struct schedule)];
	} scratch;
	WIPE_ON_EXIT(scratch);
	struct writer salt = writer_of(scratch.salt, sizeof scratch.salt);
	struct writer secret = writer_of(scratch.secret, sizeof scratch.secret);
	struct writer info = writer_of(scratch.info, sizeof scratch.info);
	enum err error = digest_both(request, datagram, OPEN_SIZE, scratch.digest);
	writer_bytes(&salt, hello->random, sizeof hello->random);
	writer_bytes(&salt, answer->random, sizeof answer->random);
	writer_bytes(&secret, shared, X25519_KEY_SIZE);
	writer_bytes(&secret, psk->secret, sizeof psk->secret);
	writer_bytes(&info, "mighty v1", sizeof "mighty v1" - 1);
	writer_bytes(&info, scratch.digest, sizeof scratch.digest);
	if (error)
		return error;
	error =
		hash_hkdf(HASH_SHA256, slice_of(scratch.salt, sizeof scratch.salt),
				  slice_of(scratch.secret, sizeof scratch.secret),
				  slice_of(scratch.info, sizeof scratch.info), scratch.keys, sizeof scratch.keys);
	if (error)
		return error;
	struct reader reader = reader_of(scratch.keys, sizeof scratch.keys);
	reader_bytes(&reader, out_schedule->client_handshake, AEAD_KEY_SIZE);
	reader_bytes(&reader, out_schedule->server_handshake, AEAD_KEY_SIZE);
	reader_bytes(&reader, out_schedule->client_data, AEAD_KEY_SIZE);
	reader_bytes(&reader, out_schedule->server_data, AEAD_KEY_SIZE);
	return reader_finish(&reader);
}

static void keys_of(const struct schedule *schedule, enum aead_algorithm algorithm,
					const struct mighty_server_hello *answer, bool client,
					struct mighty_keys *out_keys) {
	const uint8_t *send = client ? schedule->client_data : schedule->server_data;
	const uint8_t *receive = client ? schedule->server_data : schedule->client_data;
	out_keys->algorithm = algorithm;
	out_keys->local_id = client ? answer->receiver : answer->session_id;
	out_keys->remote_id = client ? answer->session_id : answer->receiver;
	memcpy(out_keys->send, send, AEAD_KEY_SIZE);
	memcpy(out_keys->receive, receive, AEAD_KEY_SIZE);
}

static void confirmation_of(const struct schedule *schedule, enum aead_algorithm algorithm,
							const struct mighty_server_hello *answer,
							const uint8_t digest[static HASH_SIZE],
							struct mighty_confirmation *out_confirmation) {
	out_confirmation->algorithm = algorithm;
	out_confirmation->server_id = answer->session_id;
	memcpy(out_confirmation->key, schedule->client_handshake, AEAD_KEY_SIZE);
	memcpy(out_confirmation->digest, digest, HASH_SIZE);
}

enum err mighty_client_init(struct mighty_client *client, const struct mighty_psk *psk,
							const uint8_t instance[static MIGHTY_INSTANCE_SIZE],
							const uint8_t *ciphers, size_t cipher_count) {
	if (cipher_count == 0 || cipher_count > MIGHTY_CIPHERS_KNOWN)
		return ERR_INVALID;
	for (size_t i = 0; i < cipher_count; i++) {
		enum aead_algorithm algorithm;
		if (mighty_algorithm(ciphers[i], &algorithm) || memchr(ciphers, ciphers[i], i))
			return ERR_INVALID;
	}
	*client = (struct mighty_client){.psk = *psk, .cipher_count = cipher_count};
	memcpy(client->instance, instance, sizeof client->instance);
	memcpy(client->ciphers, ciphers, cipher_count);
	return ERR_OK;
}

void mighty_client_done(struct mighty_client *client) {
	wipe(client, sizeof *client);
}

void mighty_client_forget(struct mighty_client *client) {
	wipe(client->attempts, sizeof client->attempts);
}

/* NULL for 0, too. */
static struct mighty_attempt *attempt_find(struct mighty_client *client, uint16_t session_id) {
	for (size_t i = 0; i < MIGHTY_ATTEMPTS; i++) {
		if (session_id != 0 && client->attempts[i].hello.session_id == session_id)
			return &client->attempts[i];
	}
	return NULL;
}

/* With its MAC, and as it travels. */
static enum err hello_finish(const struct mighty_psk *psk, struct mighty_client_hello *hello,
							 uint8_t out_datagram[static MIGHTY_CLIENT_HELLO_SIZE]) {
	enum err error = hello_mac(psk, hello, hello->mac);
	return error ? error : mighty_encode_client_hello(hello, out_datagram);
}

enum err mighty_client_start(struct mighty_client *client, const struct random_source *random,
							 uint16_t session_id, uint64_t now,
							 uint8_t out_datagram[static MIGHTY_CLIENT_HELLO_SIZE],
							 uint16_t *out_forgotten) {
	struct mighty_attempt attempt = {.hello = {.session_id = session_id}};
	WIPE_ON_EXIT(attempt);
	struct mighty_client_hello *hello = &attempt.hello;
	if (session_id == 0)
		return ERR_INVALID;
	if (attempt_find(client, session_id))
		return ERR_EXISTS;
	memcpy(hello->instance, client->instance, sizeof hello->instance);
	memcpy(hello->psk_id, client->psk.id, sizeof hello->psk_id);
	memcpy(hello->ciphers, client->ciphers, client->cipher_count);
	hello->cipher_count = client->cipher_count;
	hello->time = now > client->last_time ? now : client->last_time + 1;
	random_fill(random, hello->random, sizeof hello->random);
	x25519_generate(random, attempt.private_key);
	enum err error = x25519_public(attempt.private_key, hello->key)
						 ?: hello_finish(&client->psk, hello, out_datagram);
	if (error)
		return error;
	struct mighty_attempt *place = &client->attempts[client->next];
	*out_forgotten = place->hello.session_id;
	*place = attempt;
	client->next = (client->next + 1) % MIGHTY_ATTEMPTS;
	client->last_time = hello->time;
	return ERR_OK;
}

enum err mighty_client_take_cookie(struct mighty_client *client, const uint8_t *data, size_t size,
								   uint8_t out_datagram[static MIGHTY_CLIENT_HELLO_SIZE]) {
	struct mighty_cookie_answer answer;
	struct request request;
	enum err error = mighty_decode_cookie_answer(data, size, &answer);
	if (error)
		return error;
	struct mighty_attempt *attempt = attempt_find(client, answer.receiver);
	if (!attempt)
		return ERR_NOT_FOUND;
	if (attempt->hello.has_cookie)
		return ERR_EXISTS;
	error = request_of(&attempt->hello, &request)
				?: check_answer(client->psk.cookie_key, &request, data,
								MIGHTY_COOKIE_ANSWER_PLAIN_SIZE, answer.mac);
	if (error)
		return error;
	struct mighty_client_hello hello = attempt->hello;
	hello.has_cookie = true;
	memcpy(hello.cookie, answer.cookie, sizeof hello.cookie);
	error = hello_finish(&client->psk, &hello, out_datagram);
	if (!error)
		attempt->hello = hello;
	return error;
}

static bool is_among(const uint8_t *ciphers, size_t count, uint8_t cipher) {
	return count > 0 && memchr(ciphers, cipher, count);
}

/* Opens what a server says of its parameters. */
static enum err parameters_open(const struct schedule *schedule, enum aead_algorithm algorithm,
								const struct mighty_server_hello *answer, const uint8_t *datagram,
								struct parameters *out_parameters) {
	uint8_t plain[MIGHTY_PARAMETERS_SIZE_MAX];
	const size_t size = answer->sealed.size - AEAD_TAG_SIZE;
	if (size > sizeof plain)
		return ERR_LIMIT;
	enum err error = aead_open_with(algorithm, schedule->server_handshake, answer->nonce,
									slice_of(datagram, OPEN_SIZE), answer->sealed.data, size, plain)
						 ?: parameters_decode(plain, size, out_parameters);
	wipe(plain, sizeof plain);
	return error;
}

enum err mighty_client_finish(const struct mighty_client *client, const uint8_t *data, size_t size,
							  struct parameters *out_parameters, struct mighty_keys *out_keys,
							  struct mighty_confirmation *out_confirmation) {
	struct {
		struct schedule schedule;
		uint8_t shared[X25519_KEY_SIZE];
	} scratch;
	WIPE_ON_EXIT(scratch);
	struct mighty_server_hello answer;
	struct request request;
	uint8_t digest[HASH_SIZE];
	enum aead_algorithm algorithm;
	enum err error = mighty_decode_server_hello(data, size, &answer);
	if (error)
		return error;
	const struct mighty_attempt *attempt =
		attempt_find((struct mighty_client *)client, answer.receiver);
	if (!attempt)
		return ERR_NOT_FOUND;
	error = request_of(&attempt->hello, &request)
				?: check_answer(client->psk.reply_key, &request, data,
								MIGHTY_SERVER_HELLO_PLAIN_SIZE, answer.mac);
	if (error)
		return error;
	if (!is_among(client->ciphers, client->cipher_count, answer.cipher) ||
		mighty_algorithm(answer.cipher, &algorithm))
		return ERR_MALFORMED;
	error = x25519_shared(attempt->private_key, answer.key, scratch.shared)
				?: schedule_derive(&client->psk, &request, &attempt->hello, &answer, data,
								   scratch.shared, &scratch.schedule)
				?: digest_both(&request, data, size, digest)
				?: parameters_open(&scratch.schedule, algorithm, &answer, data, out_parameters);
	if (error)
		return error;
	keys_of(&scratch.schedule, algorithm, &answer, true, out_keys);
	confirmation_of(&scratch.schedule, algorithm, &answer, digest, out_confirmation);
	return ERR_OK;
}

/* The header of a Finalize, which is its associated data. */
static void finalize_header(uint16_t server_id, uint8_t out_header[static MIGHTY_HEADER_SIZE]) {
	const struct mighty_header header = {.type = MIGHTY_COMPLETE,
										 .session_id = server_id,
										 .length = MIGHTY_FINALIZE_SIZE - MIGHTY_HEADER_SIZE};
	mighty_encode_header(&header, out_header);
}

enum err mighty_finalize_make(const struct mighty_confirmation *confirmation,
							  const uint8_t nonce[static AEAD_NONCE_SIZE],
							  uint8_t out_datagram[static MIGHTY_FINALIZE_SIZE]) {
	struct mighty_finalize finalize = {.receiver = confirmation->server_id};
	uint8_t header[MIGHTY_HEADER_SIZE];
	finalize_header(confirmation->server_id, header);
	memcpy(finalize.nonce, nonce, sizeof finalize.nonce);
	enum err error = aead_seal_with(confirmation->algorithm, confirmation->key, nonce,
									slice_of(header, sizeof header), confirmation->digest,
									HASH_SIZE, finalize.sealed);
	if (!error)
		mighty_encode_finalize(&finalize, out_datagram);
	return error;
}

enum err mighty_finalize_check(const struct mighty_confirmation *confirmation, const uint8_t *data,
							   size_t size) {
	struct mighty_finalize finalize;
	uint8_t header[MIGHTY_HEADER_SIZE], digest[HASH_SIZE];
	enum err error = mighty_decode_finalize(data, size, &finalize);
	if (error)
		return error;
	if (finalize.receiver != confirmation->server_id)
		return ERR_NOT_FOUND;
	finalize_header(confirmation->server_id, header);
	error = aead_open_with(confirmation->algorithm, confirmation->key, finalize.nonce,
						   slice_of(header, sizeof header), finalize.sealed, sizeof digest, digest);
	if (!error && !wipe_equal(digest, confirmation->digest, sizeof digest))
		error = ERR_AUTHENTICATION;
	return error;
}

enum err mighty_accept(const struct mighty_psk *psk, const struct mighty_client_hello *hello) {
	uint8_t expected[MIGHTY_MAC_SIZE];
	if (!wipe_equal(psk->id, hello->psk_id, sizeof psk->id))
		return ERR_AUTHENTICATION;
	enum err error = hello_mac(psk, hello, expected);
	if (!error && !wipe_equal(expected, hello->mac, sizeof expected))
		error = ERR_AUTHENTICATION;
	wipe(expected, sizeof expected);
	return error;
}

void mighty_cookie_content(const struct mighty_client_hello *hello,
						   uint8_t out_content[static MIGHTY_COOKIE_CONTENT_SIZE]) {
	struct writer writer = writer_of(out_content, MIGHTY_COOKIE_CONTENT_SIZE);
	writer_bytes(&writer, hello->instance, sizeof hello->instance);
	writer_bytes(&writer, hello->random, sizeof hello->random);
	writer_bytes(&writer, hello->key, sizeof hello->key);
}

enum err mighty_answer_cookie(const struct mighty_psk *psk, const struct mighty_client_hello *hello,
							  const uint8_t cookie[static MIGHTY_COOKIE_SIZE],
							  uint8_t out_datagram[static MIGHTY_COOKIE_ANSWER_SIZE]) {
	struct mighty_cookie_answer answer = {.receiver = hello->session_id};
	struct request request;
	memcpy(answer.cookie, cookie, sizeof answer.cookie);
	mighty_encode_cookie_answer(&answer, out_datagram);
	enum err error = request_of(hello, &request)
						 ?: answer_mac(psk->cookie_key, &request, out_datagram,
									   MIGHTY_COOKIE_ANSWER_PLAIN_SIZE, answer.mac);
	if (!error)
		mighty_encode_cookie_answer(&answer, out_datagram);
	return error;
}

static enum err choose_cipher(const struct mighty_client_hello *hello,
							  const struct mighty_offer *offer, uint8_t *out_cipher,
							  enum aead_algorithm *out_algorithm) {
	for (size_t i = 0; i < hello->cipher_count; i++) {
		if (is_among(offer->ciphers, offer->cipher_count, hello->ciphers[i]) &&
			mighty_algorithm(hello->ciphers[i], out_algorithm) == ERR_OK) {
			*out_cipher = hello->ciphers[i];
			return ERR_OK;
		}
	}
	return ERR_UNSUPPORTED;
}

/* A ServerHello on its way: its MAC needs its first bytes, its keys need the MAC. */
struct response {
	struct schedule schedule;
	uint8_t private_key[X25519_KEY_SIZE], shared[X25519_KEY_SIZE];
	uint8_t digest[HASH_SIZE];
	enum aead_algorithm algorithm;
	struct request request;
	struct mighty_server_hello answer;
	uint8_t plain[MIGHTY_PARAMETERS_SIZE_MAX];
	uint8_t sealed[MIGHTY_PARAMETERS_SIZE_MAX + AEAD_TAG_SIZE];
	size_t plain_size;
};

static enum err response_seal(const struct mighty_psk *psk, const struct mighty_client_hello *hello,
							  struct response *response, uint8_t *datagram, size_t *out_size) {
	struct mighty_server_hello *answer = &response->answer;
	const size_t room = MIGHTY_SERVER_HELLO_SIZE_MAX;
	answer->sealed = slice_of(response->sealed, response->plain_size + AEAD_TAG_SIZE);
	return mighty_encode_server_hello(answer, datagram, room, out_size)
			   ?: answer_mac(psk->reply_key, &response->request, datagram,
							 MIGHTY_SERVER_HELLO_PLAIN_SIZE, answer->mac)
			   ?: mighty_encode_server_hello(answer, datagram, room, out_size)
			   ?: schedule_derive(psk, &response->request, hello, answer, datagram,
								  response->shared, &response->schedule)
			   ?: aead_seal_with(response->algorithm, response->schedule.server_handshake,
								 answer->nonce, slice_of(datagram, OPEN_SIZE), response->plain,
								 response->plain_size, response->sealed)
			   ?: mighty_encode_server_hello(answer, datagram, room, out_size)
			   ?: digest_both(&response->request, datagram, *out_size, response->digest);
}

enum err mighty_respond(const struct mighty_psk *psk, const struct mighty_client_hello *hello,
						const struct random_source *random, const struct mighty_offer *offer,
						uint8_t out_datagram[static MIGHTY_SERVER_HELLO_SIZE_MAX], size_t *out_size,
						struct mighty_keys *out_keys,
						struct mighty_confirmation *out_confirmation) {
	struct response response = {
		.answer = {.receiver = hello->session_id, .session_id = offer->session_id}};
	WIPE_ON_EXIT(response);
	struct mighty_server_hello *answer = &response.answer;
	size_t size = 0;
	if (offer->session_id == 0)
		return ERR_INVALID;
	enum err error = choose_cipher(hello, offer, &answer->cipher, &response.algorithm)
						 ?: parameters_encode(offer->parameters, response.plain,
											  sizeof response.plain, &response.plain_size)
						 ?: request_of(hello, &response.request);
	if (error)
		return error;
	random_fill(random, answer->random, sizeof answer->random);
	x25519_generate(random, response.private_key);
	random_fill(random, answer->nonce, sizeof answer->nonce);
	error = x25519_shared(response.private_key, hello->key, response.shared)
				?: x25519_public(response.private_key, answer->key)
				?: response_seal(psk, hello, &response, out_datagram, &size);
	if (error)
		return error;
	*out_size = size;
	keys_of(&response.schedule, response.algorithm, answer, false, out_keys);
	confirmation_of(&response.schedule, response.algorithm, answer, response.digest,
					out_confirmation);
	return ERR_OK;
}
