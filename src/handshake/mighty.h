#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/random.h"
#include "crypto/aead.h"
#include "crypto/sizes.h"
#include "wire/mighty.h"
#include "wire/parameters.h"

/*
 * Mighty's handshake, both ends, pure: no I/O, no clock. Nothing that a caller owns changes unless
 * a function succeeds, but for the room of messages. doc/protocol/mighty.md has the formulas.
 *
 *   client                                             server
 *   mighty_client_start()       --- ClientHello --->   mighty_accept()         whose is it?
 *                                                      (cookie good? else: time in order?)
 *   mighty_client_take_cookie() <-- cookie answer --   mighty_answer_cookie()  where it is not
 *                               --- ClientHello --->
 *   mighty_client_finish()      <-- ServerHello ----   mighty_respond()
 *   mighty_finalize_make()      --- Finalize ------>   mighty_finalize_check()
 *
 * Who has the PSK can pose as either end; who has it not sees no secret, and no message of his is
 * taken. Keys of a handshake are safe from who learns the PSK later.
 */

enum {
	MIGHTY_ATTEMPTS = 3, /* a client's last hellos that may still be answered */
	MIGHTY_CIPHERS_KNOWN = 2,
	MIGHTY_COOKIE_CONTENT_SIZE = MIGHTY_INSTANCE_SIZE + MIGHTY_RANDOM_SIZE + X25519_KEY_SIZE,
};

/* A PSK and what is derived from it alone. Made once, never changed; its owner wipes it. */
struct mighty_psk {
	uint8_t identity[HASH_SIZE];    /* names it where nobody may know it; not secret */
	uint8_t id[MIGHTY_PSK_ID_SIZE]; /* the identity's first bytes, on the wire */
	uint8_t secret[MIGHTY_PSK_SIZE];
	uint8_t hello_key[HASH_SIZE], reply_key[HASH_SIZE], cookie_key[HASH_SIZE]; /* of MACs */
};

/* Traffic keys and whose they are. */
struct mighty_keys {
	enum aead_algorithm algorithm;
	uint16_t local_id, remote_id;
	uint8_t send[AEAD_KEY_SIZE], receive[AEAD_KEY_SIZE];
};

/* What Finalize is sealed or opened with, until the server is known to have had it. */
struct mighty_confirmation {
	enum aead_algorithm algorithm;
	uint16_t server_id;
	uint8_t key[AEAD_KEY_SIZE];
	uint8_t digest[HASH_SIZE]; /* of both hellos */
};

/* One ClientHello that waits for its answer. */
struct mighty_attempt {
	uint8_t private_key[X25519_KEY_SIZE];
	struct mighty_client_hello hello; /* session_id 0: there is none */
};

struct mighty_client {
	struct mighty_psk psk;
	uint8_t instance[MIGHTY_INSTANCE_SIZE];
	size_t cipher_count;
	uint8_t ciphers[MIGHTY_CIPHERS_KNOWN];
	uint64_t last_time; /* of the latest hello */
	size_t next;        /* the place of the next attempt */
	struct mighty_attempt attempts[MIGHTY_ATTEMPTS];
};

/* ERR_INVALID for a PSK of zeros. */
enum err mighty_psk_init(struct mighty_psk *psk, const uint8_t secret[static MIGHTY_PSK_SIZE]);

/* ciphers: enum mighty_cipher by preference. ERR_INVALID for none, unknown ones or one twice. */
enum err mighty_client_init(struct mighty_client *client, const struct mighty_psk *psk,
							const uint8_t instance[static MIGHTY_INSTANCE_SIZE],
							const uint8_t *ciphers, size_t cipher_count);
/* Wipes it; fine for a zeroed struct. */
void mighty_client_done(struct mighty_client *client);

/*
 * A fresh ClientHello with a session id that no other attempt has. now: wall clock in ms; times
 * increase even where it does not. Where it takes an older attempt's place, *out_forgotten is that
 * one's session id, else 0. ERR_INVALID for the id 0, ERR_EXISTS for one that is in use.
 */
enum err mighty_client_start(struct mighty_client *client, const struct random_source *random,
							 uint16_t session_id, uint64_t now,
							 uint8_t out_datagram[static MIGHTY_CLIENT_HELLO_SIZE],
							 uint16_t *out_forgotten);

/*
 * The attempt's hello once more, with the cookie. ERR_AUTHENTICATION, ERR_NOT_FOUND for another
 * receiver than an attempt, ERR_EXISTS where it has a cookie already: each gets one.
 */
enum err mighty_client_take_cookie(struct mighty_client *client, const uint8_t *data, size_t size,
								   uint8_t out_datagram[static MIGHTY_CLIENT_HELLO_SIZE]);

/*
 * Takes a ServerHello. The client stays as it is: mighty_client_forget() ends all attempts.
 * ERR_AUTHENTICATION, ERR_NOT_FOUND for another receiver, ERR_CRYPTO for a low-order key,
 * ERR_MALFORMED or ERR_LIMIT for what the server should not have said.
 */
enum err mighty_client_finish(const struct mighty_client *client, const uint8_t *data, size_t size,
							  struct parameters *out_parameters, struct mighty_keys *out_keys,
							  struct mighty_confirmation *out_confirmation);
void mighty_client_forget(struct mighty_client *client);

/* Each repetition takes a fresh random nonce. */
enum err mighty_finalize_make(const struct mighty_confirmation *confirmation,
							  const uint8_t nonce[static AEAD_NONCE_SIZE],
							  uint8_t out_datagram[static MIGHTY_FINALIZE_SIZE]);
enum err mighty_finalize_check(const struct mighty_confirmation *confirmation, const uint8_t *data,
							   size_t size);

/* Whether the hello's MAC was made with the PSK, whose id it has. ERR_AUTHENTICATION. */
enum err mighty_accept(const struct mighty_psk *psk, const struct mighty_client_hello *hello);

/* What a cookie is for, beside where it came from. */
void mighty_cookie_content(const struct mighty_client_hello *hello,
						   uint8_t out_content[static MIGHTY_COOKIE_CONTENT_SIZE]);

/* For a hello that was accepted, here and below. */
enum err mighty_answer_cookie(const struct mighty_psk *psk, const struct mighty_client_hello *hello,
							  const uint8_t cookie[static MIGHTY_COOKIE_SIZE],
							  uint8_t out_datagram[static MIGHTY_COOKIE_ANSWER_SIZE]);

/* What a server answers with. */
struct mighty_offer {
	uint16_t session_id;    /* never 0 */
	const uint8_t *ciphers; /* enum mighty_cipher, those allowed */
	size_t cipher_count;
	const struct parameters *parameters;
};

/*
 * Of the client's ciphers, the first that is allowed: ERR_UNSUPPORTED where none is. ERR_CRYPTO for
 * a low-order key, ERR_LIMIT for more parameters than MIGHTY_PARAMETERS_SIZE_MAX. The keys may open
 * packets at once, and may seal none before a Finalize or one of those packets opened.
 */
enum err mighty_respond(const struct mighty_psk *psk, const struct mighty_client_hello *hello,
						const struct random_source *random, const struct mighty_offer *offer,
						uint8_t out_datagram[static MIGHTY_SERVER_HELLO_SIZE_MAX], size_t *out_size,
						struct mighty_keys *out_keys, struct mighty_confirmation *out_confirmation);

/* ERR_UNSUPPORTED for a cipher that is unknown. */
enum err mighty_algorithm(uint8_t cipher, enum aead_algorithm *out_algorithm);
