#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "crypto/sizes.h"

/*
 * Authenticated encryption in batches (RFC 8439, NIST SP 800-38D). Two back ends do the work,
 * OpenSSL and libipsec-mb; both give identical bytes and the caller chooses one at run time.
 *
 * One aead_worker belongs to one thread. An aead_key may be used by one thread at a time. Jobs of
 * one call may name different keys, and all of them use the same direction.
 */

enum aead_algorithm { AEAD_CHACHA20_POLY1305, AEAD_AES_256_GCM };

struct aead_backend; /* const ops table, see aead_backend_find() */
struct aead_worker;

struct aead_key {
	const struct aead_backend *backend;
	enum aead_algorithm algorithm;
	uint8_t bytes[AEAD_KEY_SIZE]; /* the raw key, for algorithms that need no schedule */
	void *schedule;               /* the back end's expanded key; NULL where it needs none */
};

struct aead_job {
	const struct aead_key *key;
	const uint8_t *source; /* seal: size bytes; open: size bytes and the tag behind them */
	uint8_t *destination;  /* seal: size bytes and the tag; open: size bytes. May equal source */
	const uint8_t *associated_data;
	uint32_t associated_data_size; /* 0..64 KiB; the pointer may be NULL when 0 */
	uint32_t size;                 /* plaintext bytes, 0..65535 */
	uint8_t nonce[AEAD_NONCE_SIZE];
	bool ok; /* out, by aead_open_many(): authentic. destination is unspecified when false */
};

/*
 * The named back end, "openssl" or "ipsec-mb", or the best usable one for "auto".
 * NULL when the name is unknown or this machine or build cannot use it.
 */
const struct aead_backend *aead_backend_find(const char *name);
const char *aead_backend_name(const struct aead_backend *backend);

enum err aead_worker_new(const struct aead_backend *backend, struct aead_worker **out_worker);
void aead_worker_free(struct aead_worker *worker);

/* Expands a key; aead_key_done() wipes and frees it and may be called on a zeroed struct. */
enum err aead_key_init(struct aead_key *key, const struct aead_backend *backend,
					   enum aead_algorithm algorithm, const uint8_t bytes[static AEAD_KEY_SIZE]);
void aead_key_done(struct aead_key *key);

/* Every job of a worker's calls must use keys of the worker's back end. */
enum err aead_seal_many(struct aead_worker *worker, struct aead_job *jobs, size_t count);

/* Sets each job's ok; never fails as a whole. */
void aead_open_many(struct aead_worker *worker, struct aead_job *jobs, size_t count);

/*
 * Single messages of handshakes, by OpenSSL, without a worker. The counter becomes the nonce as
 * Noise has it for ChaChaPoly: 4 zero bytes and a 64-bit little-endian counter.
 * sealed has size + AEAD_TAG_SIZE bytes.
 */
enum err aead_seal(const uint8_t key[static AEAD_KEY_SIZE], uint64_t counter,
				   const void *associated_data, size_t associated_data_size, const void *plain,
				   size_t size, uint8_t *out_sealed);

/* size counts the plaintext. ERR_AUTHENTICATION leaves out_plain untouched. */
enum err aead_open(const uint8_t key[static AEAD_KEY_SIZE], uint64_t counter,
				   const void *associated_data, size_t associated_data_size, const uint8_t *sealed,
				   size_t size, void *out_plain);

/* The same with any nonce, and with either algorithm. */
enum err aead_seal_with(enum aead_algorithm algorithm, const uint8_t key[static AEAD_KEY_SIZE],
						const uint8_t nonce[static AEAD_NONCE_SIZE], struct slice associated_data,
						const void *plain, size_t size, uint8_t *out_sealed);
enum err aead_open_with(enum aead_algorithm algorithm, const uint8_t key[static AEAD_KEY_SIZE],
						const uint8_t nonce[static AEAD_NONCE_SIZE], struct slice associated_data,
						const uint8_t *sealed, size_t size, void *out_plain);

/*
 * XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03): HChaCha20 of key and nonce[0..15], then RFC 8439
 * with 4 zero bytes and nonce[16..23].
 */
enum err aead_xseal(const uint8_t key[static AEAD_KEY_SIZE],
					const uint8_t nonce[static XAEAD_NONCE_SIZE], const void *associated_data,
					size_t associated_data_size, const void *plain, size_t size,
					uint8_t *out_sealed);
enum err aead_xopen(const uint8_t key[static AEAD_KEY_SIZE],
					const uint8_t nonce[static XAEAD_NONCE_SIZE], const void *associated_data,
					size_t associated_data_size, const uint8_t *sealed, size_t size,
					void *out_plain);
