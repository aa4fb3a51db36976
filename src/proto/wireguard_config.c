#include "proto/wireguard_config.h"

#include <stdlib.h>
#include <string.h>

#include "proto/wireguard_peer.h"

enum { DIRECTORY_SIZE_MIN = 16 };

static size_t bytes_of(size_t capacity) {
	return sizeof(struct wireguard_directory) + capacity * sizeof(struct wireguard_peer *);
}

struct wireguard_directory *wireguard_directory_new(const struct siphash_key *hash_key,
													size_t count) {
	size_t capacity = DIRECTORY_SIZE_MIN;
	while (capacity < 2 * count)
		capacity *= 2;
	struct wireguard_directory *directory = calloc(1, bytes_of(capacity));
	if (!directory)
		return NULL;
	directory->hash_key = *hash_key;
	directory->capacity = capacity;
	return directory;
}

struct wireguard_directory *wireguard_directory_copy(const struct wireguard_directory *directory) {
	struct wireguard_directory *copy = malloc(bytes_of(directory->capacity));
	if (copy)
		memcpy(copy, directory, bytes_of(directory->capacity));
	return copy;
}

static size_t home_of(const struct wireguard_directory *directory, const uint8_t *key) {
	return siphash(&directory->hash_key, key, X25519_KEY_SIZE) & (directory->capacity - 1);
}

static size_t after(const struct wireguard_directory *directory, size_t slot) {
	return (slot + 1) & (directory->capacity - 1);
}

static void put(struct wireguard_directory *directory, struct wireguard_peer *peer) {
	size_t slot = home_of(directory, peer->control.public_key);
	while (directory->peers[slot])
		slot = after(directory, slot);
	directory->peers[slot] = peer;
	directory->count++;
}

enum err wireguard_directory_add(struct wireguard_directory **directory,
								 struct wireguard_peer *peer) {
	struct wireguard_directory *old = *directory;
	if (2 * (old->count + 1) > old->capacity) {
		struct wireguard_directory *larger =
			wireguard_directory_new(&old->hash_key, 2 * (old->count + 1));
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

void wireguard_directory_remove(struct wireguard_directory *directory,
								const struct wireguard_peer *peer) {
	size_t slot = home_of(directory, peer->control.public_key);
	while (directory->peers[slot] != peer) {
		if (!directory->peers[slot])
			return;
		slot = after(directory, slot);
	}
	directory->count--;
	/* Later peers of the run move up, so that searches need no tombstones (Knuth 6.4, R). */
	for (size_t next = after(directory, slot); directory->peers[next];
		 next = after(directory, next)) {
		size_t home = home_of(directory, directory->peers[next]->control.public_key);
		size_t mask = directory->capacity - 1;
		if (((next - home) & mask) < ((next - slot) & mask))
			continue;
		directory->peers[slot] = directory->peers[next];
		slot = next;
	}
	directory->peers[slot] = NULL;
}

struct wireguard_peer *wireguard_directory_find(const struct wireguard_directory *directory,
												const uint8_t key[static X25519_KEY_SIZE]) {
	for (size_t slot = home_of(directory, key); directory->peers[slot];
		 slot = after(directory, slot))
		if (memcmp(directory->peers[slot]->control.public_key, key, X25519_KEY_SIZE) == 0)
			return directory->peers[slot];
	return NULL;
}
