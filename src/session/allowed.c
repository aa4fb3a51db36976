#include "session/allowed.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/siphash.h"
#include "base/wipe.h"

/*
 * Two tables of places in clients[], by key and by name: open addressing, linear probing, at most
 * half full. A slot holds place + 1; 0 is free.
 */
struct allowed {
	struct siphash_key hash_key;
	size_t count, mask; /* mask + 1 slots a table */
	uint32_t *by_key, *by_name;
	struct allowed_client *clients;
};

static size_t home_of(const struct allowed *allowed, const void *data, size_t size) {
	return siphash(&allowed->hash_key, data, size) & allowed->mask;
}

static const struct allowed_client *client_in(const struct allowed *allowed, uint32_t slot) {
	return &allowed->clients[slot - 1];
}

/* The slot of the key, or the free one where it belongs. */
static uint32_t *key_slot(const struct allowed *allowed,
						  const uint8_t public_key[static X25519_KEY_SIZE]) {
	size_t at = home_of(allowed, public_key, X25519_KEY_SIZE);
	while (allowed->by_key[at] != 0 &&
		   !wipe_equal(client_in(allowed, allowed->by_key[at])->public_key, public_key,
					   X25519_KEY_SIZE))
		at = (at + 1) & allowed->mask;
	return &allowed->by_key[at];
}

static uint32_t *name_slot(const struct allowed *allowed, const char *name) {
	size_t at = home_of(allowed, name, strlen(name));
	while (allowed->by_name[at] != 0 &&
		   strcmp(client_in(allowed, allowed->by_name[at])->name, name) != 0)
		at = (at + 1) & allowed->mask;
	return &allowed->by_name[at];
}

static bool is_valid(const struct allowed_client *client) {
	const size_t size = strnlen(client->name, sizeof client->name);
	if (size == 0 || size == sizeof client->name)
		return false;
	for (size_t i = 0; i < size; i++) {
		const uint8_t character = (uint8_t)client->name[i];
		if (character < ' ' || character == 0x7f)
			return false;
	}
	return !wipe_is_zero(client->public_key, sizeof client->public_key);
}

static enum err add(struct allowed *allowed, const struct allowed_client *client) {
	if (!is_valid(client))
		return ERR_INVALID;
	uint32_t *key = key_slot(allowed, client->public_key);
	uint32_t *name = name_slot(allowed, client->name);
	if (*key != 0 || *name != 0)
		return ERR_EXISTS;
	allowed->clients[allowed->count++] = *client;
	*key = *name = (uint32_t)allowed->count;
	return ERR_OK;
}

static struct allowed *allowed_with_room(size_t count) {
	struct allowed *allowed = calloc(1, sizeof *allowed);
	if (!allowed)
		return NULL;
	size_t slots = 2;
	while (slots < 2 * count)
		slots *= 2;
	allowed->mask = slots - 1;
	allowed->by_key = calloc(slots, sizeof *allowed->by_key);
	allowed->by_name = calloc(slots, sizeof *allowed->by_name);
	allowed->clients = calloc(count > 0 ? count : 1, sizeof *allowed->clients);
	if (allowed->by_key && allowed->by_name && allowed->clients)
		return allowed;
	allowed_free(allowed);
	return NULL;
}

enum err allowed_new(const struct allowed_client *clients, size_t count,
					 const struct random_source *random, size_t *out_place,
					 struct allowed **out_allowed) {
	if (count > ALLOWED_MAX)
		return ERR_LIMIT;
	struct allowed *allowed = allowed_with_room(count);
	if (!allowed)
		return ERR_NO_MEMORY;
	random_fill(random, &allowed->hash_key, sizeof allowed->hash_key);
	for (size_t i = 0; i < count; i++) {
		enum err error = add(allowed, &clients[i]);
		if (error) {
			if (out_place)
				*out_place = i;
			allowed_free(allowed);
			return error;
		}
	}
	*out_allowed = allowed;
	return ERR_OK;
}

void allowed_free(struct allowed *allowed) {
	if (!allowed)
		return;
	free(allowed->by_key);
	free(allowed->by_name);
	free(allowed->clients);
	wipe(allowed, sizeof *allowed);
	free(allowed);
}

const struct allowed_client *allowed_find(const struct allowed *allowed,
										  const uint8_t public_key[static X25519_KEY_SIZE]) {
	const uint32_t slot = *key_slot(allowed, public_key);
	return slot != 0 ? client_in(allowed, slot) : NULL;
}

const struct allowed_client *allowed_named(const struct allowed *allowed, const char *name) {
	const uint32_t slot = *name_slot(allowed, name);
	return slot != 0 ? client_in(allowed, slot) : NULL;
}

size_t allowed_count(const struct allowed *allowed) {
	return allowed->count;
}

const struct allowed_client *allowed_at(const struct allowed *allowed, size_t place) {
	return place < allowed->count ? &allowed->clients[place] : NULL;
}
