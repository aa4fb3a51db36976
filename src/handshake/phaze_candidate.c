#include "handshake/phaze_candidate.h"

#include <string.h>

#include "base/wipe.h"
#include "crypto/x25519.h"

void phaze_candidates_drop(struct phaze_candidate *candidate) {
	phaze_assembly_done(&candidate->assembly);
	wipe(candidate, sizeof *candidate);
}

void phaze_candidates_done(struct phaze_candidates *candidates) {
	phaze_candidates_keep(candidates, NULL);
}

void phaze_candidates_keep(struct phaze_candidates *candidates,
						   const struct phaze_candidate *candidate) {
	for (size_t i = 0; i < PHAZE_CANDIDATES; i++) {
		if (&candidates->all[i] != candidate)
			phaze_candidates_drop(&candidates->all[i]);
	}
}

static bool is_here(const struct phaze_candidates *candidates, const uint8_t *datagram) {
	for (size_t i = 0; i < PHAZE_CANDIDATES; i++) {
		const struct phaze_candidate *one = &candidates->all[i];
		if (one->order != 0 && memcmp(one->datagram, datagram, sizeof one->datagram) == 0)
			return true;
	}
	return false;
}

/* Free ones first, then doubted ones, each the oldest. */
static bool goes_before(const struct phaze_candidate *one, const struct phaze_candidate *other) {
	if (one->order == 0 || other->order == 0)
		return one->order == 0 && other->order != 0;
	return one->doubted != other->doubted ? one->doubted : one->order < other->order;
}

static struct phaze_candidate *place(struct phaze_candidates *candidates) {
	struct phaze_candidate *found = &candidates->all[0];
	for (size_t i = 1; i < PHAZE_CANDIDATES; i++) {
		if (goes_before(&candidates->all[i], found))
			found = &candidates->all[i];
	}
	return found;
}

static enum err derive(const struct phaze_greeting *greeting, struct phaze_candidate *candidate) {
	struct {
		uint8_t shared[X25519_KEY_SIZE], early[PHAZE_SECRET_SIZE];
	} scratch;
	WIPE_ON_EXIT(scratch);
	const struct phaze_server_hello *hello = &candidate->hello;
	uint8_t transcript[HASH_SIZE];
	struct slice parts[4];
	phaze_hello_parts(greeting->datagram, PHAZE_CLIENT_HELLO_SIZE, parts);
	phaze_hello_parts(candidate->datagram, sizeof candidate->datagram, parts + 2);
	const struct phaze_said said[] = {phaze_keys_said(PHAZE_CLIENT_HELLO, parts[1].size, parts[1]),
									  phaze_keys_said(PHAZE_SERVER_HELLO, parts[3].size, parts[3])};
	return x25519_shared(greeting->private_key, hello->key, scratch.shared)
			   ?: phaze_keys_early(hello->ticket_accepted ? greeting->psk : NULL, scratch.early)
			   ?: phaze_keys_transcript(said, 2, transcript)
			   ?: phaze_keys_handshake(scratch.early, scratch.shared, transcript, &candidate->keys);
}

enum err phaze_candidates_add(struct phaze_candidates *candidates,
							  const struct phaze_greeting *greeting,
							  const struct phaze_server_hello *hello,
							  const uint8_t datagram[static PHAZE_SERVER_HELLO_SIZE]) {
	struct phaze_candidate candidate = {.order = candidates->last + 1, .hello = *hello};
	WIPE_ON_EXIT(candidate);
	memcpy(candidate.datagram, datagram, sizeof candidate.datagram);
	if (is_here(candidates, datagram))
		return ERR_EXISTS;
	if (hello->ticket_accepted && !greeting->psk)
		return ERR_MALFORMED;
	enum err error =
		phaze_keys_algorithm(hello->cipher, &candidate.algorithm) ?: derive(greeting, &candidate);
	if (error)
		return error;
	struct phaze_candidate *into = place(candidates);
	phaze_candidates_drop(into);
	*into = candidate;
	candidates->last++;
	return ERR_OK;
}

enum err phaze_candidates_open(struct phaze_candidates *candidates, const uint8_t *packet,
							   size_t size, uint8_t out_plain[static PHAZE_OPENED_SIZE],
							   struct phaze_piece *out_piece,
							   struct phaze_candidate **out_candidate) {
	for (size_t i = 0; i < PHAZE_CANDIDATES; i++) {
		struct phaze_candidate *one = &candidates->all[i];
		if (one->order == 0)
			continue;
		enum err error =
			phaze_flight_open(one->algorithm, one->keys.server, packet, size, out_plain, out_piece);
		if (error == ERR_AUTHENTICATION)
			continue;
		*out_candidate = one;
		return error;
	}
	for (size_t i = 0; i < PHAZE_CANDIDATES; i++)
		candidates->all[i].doubted = candidates->all[i].assembly.type == 0;
	return ERR_AUTHENTICATION;
}
