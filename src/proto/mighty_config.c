#include "proto/mighty_config.h"

#include <stdlib.h>
#include <string.h>

#include "proto/mighty_peer.h"

enum { DIRECTORY_SIZE_MIN = 16 };

static size_t bytes_of(size_t capacity) {
	return sizeof(struct mighty_directory) + capacity * sizeof(struct mighty_peer *);
}

struct mighty_directory *mighty_directory_new(const struct siphash_key *hash_key, size_t count) {
	size_t capacity = DIRECTORY_SIZE_MIN;
	while (capacity < 2 * count)
		capacity *= 2;
	struct mighty_directory *directory = calloc(1, bytes_of(capacity));
	if (!directory)
		return NULL;
	directory->hash_key = *hash_key;
	directory->capacity = capacity;
	return directory;
}

struct mighty_directory *mighty_directory_copy(const struct mighty_directory *directory) {
	struct mighty_directory *copy = malloc(bytes_of(directory->capacity));
	if (copy)
		memcpy(copy, directory, bytes_of(directory->capacity));
	return copy;
}

static size_t home_of(const struct mighty_directory *directory, const uint8_t *psk_id) {
	return siphash(&directory->hash_key, psk_id, MIGHTY_PSK_ID_SIZE) & (directory->capacity - 1);
}

static size_t after(const struct mighty_directory *directory, size_t slot) {
	return (slot + 1) & (directory->capacity - 1);
}

static void put(struct mighty_directory *directory, struct mighty_peer *peer) {
	size_t slot = home_of(directory, peer->psk.id);
	while (directory->peers[slot])
		slot = after(directory, slot);
	directory->peers[slot] = peer;
	directory->count++;
}

enum err mighty_directory_add(struct mighty_directory **directory, struct mighty_peer *peer) {
	struct mighty_directory *old = *directory;
	if (mighty_directory_find(old, peer->psk.id))
		return ERR_EXISTS;
	if (2 * (old->count + 1) > old->capacity) {
		struct mighty_directory *larger =
			mighty_directory_new(&old->hash_key, 2 * (old->count + 1));
		if (!larger)
			return ERR_NO_MEMORY;
		for (size_t slot = 0; slot < old->capacity; slot++)
			if (old->peers[slot])
				put(larger, old->peers[slot]);
		free(old);
		*directory = larger;
	}
	put(*directory, peer);
	return ERR_OK;
}

void mighty_directory_remove(struct mighty_directory *directory, const struct mighty_peer *peer) {
	size_t slot = home_of(directory, peer->psk.id);
	while (directory->peers[slot] != peer) {
		if (!directory->peers[slot])
			return;
		slot = after(directory, slot);
	}
	directory->count--;
	/* Later peers of the run move up, so that searches need no tombstones (Knuth 6.4, R). */
	for (size_t next = after(directory, slot); directory->peers[next];
		 next = after(directory, next)) {
		size_t home = home_of(directory, directory->peers[next]->psk.id);
		size_t mask = directory->capacity - 1;
		if (((next - home) & mask) < ((next - slot) & mask))
			continue;
		directory->peers[slot] = directory->peers[next];
		slot = next;
	}
	directory->peers[slot] = NULL;
}

struct mighty_peer *mighty_directory_find(const struct mighty_directory *directory,
										  const uint8_t psk_id[static MIGHTY_PSK_ID_SIZE]) {
	for (size_t slot = home_of(directory, psk_id); directory->peers[slot];
		 slot = after(directory, slot))
		if (memcmp(directory->peers[slot]->psk.id, psk_id, MIGHTY_PSK_ID_SIZE) == 0)
			return directory->peers[slot];
	return NULL;
}

enum err mighty_config_tell(const struct mighty_config *config, const struct prefix *addresses,
							size_t address_count, struct parameters *out_parameters) {
	uint8_t encoded[MIGHTY_PARAMETERS_SIZE_MAX];
	size_t size;
	if (address_count > INTERFACE_SETTINGS_ADDRESSES_MAX)
		return ERR_LIMIT;
	struct parameters parameters = config->tells;
	parameters.interface.address_count = address_count;
	if (address_count > 0)
		memcpy(parameters.interface.addresses, addresses, address_count * sizeof *addresses);
	parameters.keepalive = config->keepalive;
	parameters.rekey_seconds = config->rekey_seconds;
	parameters.rekey_packets = config->rekey_packets;
	enum err error = parameters_encode(&parameters, encoded, sizeof encoded, &size);
	if (!error)
		*out_parameters = parameters;
	return error;
}
