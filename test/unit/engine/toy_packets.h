#pragma once

/* The other end of a session of the toy protocol. */

#include "engine/toy.h"

/* Seals as the other end would; out has room for TOY_FRONT + size + TOY_TAG. Returns that sum. */
static inline uint32_t toy_seal(const struct toy_session *session, uint64_t counter,
								const uint8_t *packet, uint32_t size, uint8_t *out) {
	uint8_t nonce[AEAD_NONCE_SIZE];
	toy_header(session->session.local_index, counter, size, out, nonce);
	if (aead_seal(session->session.receive.bytes, counter, NULL, 0, packet, size,
				  out + TOY_FRONT) != ERR_OK)
		abort();
	return TOY_FRONT + size + TOY_TAG;
}

/* Opens what the session sealed; false when it is not authentic. */
static inline bool toy_open(const uint8_t key[static AEAD_KEY_SIZE], const uint8_t *datagram,
							uint32_t size, uint64_t *out_counter, uint8_t *out_packet) {
	if (size < TOY_FRONT + TOY_TAG || datagram[0] != 'D')
		return false;
	uint64_t counter;
	memcpy(&counter, datagram + 8, sizeof counter);
	*out_counter = le64toh(counter);
	return aead_open(key, *out_counter, NULL, 0, datagram + TOY_FRONT, size - TOY_FRONT - TOY_TAG,
					 out_packet) == ERR_OK;
}
