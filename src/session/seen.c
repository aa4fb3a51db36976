#include "session/seen.h"

#include <stdlib.h>
#include <string.h>

#include "base/siphash.h"
#include "base/wipe.h"

enum { CHAINS = 16384, PLACES_MIN = 4 };

struct place {
	uint64_t timestamp;
	uint8_t random[SEEN_RANDOM_SIZE];
};

/* A client with at least one handshake. */
struct client {
	struct client *chain; /* next of the same hash */
	uint8_t public_key[X25519_KEY_SIZE];
	uint32_t used, room;
	struct place *places; /* in no order */
};

struct seen {
	struct siphash_key hash_key;
	size_t clients, entries;
	uint64_t full_until; /* no place gets free before; 0: not known */
	struct client *chains[CHAINS];
};

static uint64_t distance(uint64_t timestamp, uint64_t now) {
	return timestamp > now ? timestamp - now : now - timestamp;
}

/* Outside the window it could not be taken again, unless the clock is put right or back. */
static bool is_needed(const struct place *place, uint64_t now) {
	return distance(place->timestamp, now) <= SEEN_WINDOW;
}

static bool is_over(uint64_t timestamp, uint64_t now) {
	return timestamp < now && now - timestamp > SEEN_WINDOW;
}

/* The last moment at which it is needed. */
static uint64_t until_of(uint64_t timestamp) {
	return timestamp < UINT64_MAX - SEEN_WINDOW ? timestamp + SEEN_WINDOW : UINT64_MAX;
}

enum err seen_new(const struct random_source *random, struct seen **out_seen) {
	struct seen *seen = calloc(1, sizeof *seen);
	if (!seen)
		return ERR_NO_MEMORY;
	random_fill(random, &seen->hash_key, sizeof seen->hash_key);
	*out_seen = seen;
	return ERR_OK;
}

static void client_free(struct client *client) {
	free(client->places);
	free(client);
}

void seen_free(struct seen *seen) {
	if (!seen)
		return;
	for (size_t i = 0; i < CHAINS; i++) {
		while (seen->chains[i]) {
			struct client *client = seen->chains[i];
			seen->chains[i] = client->chain;
			client_free(client);
		}
	}
	wipe(&seen->hash_key, sizeof seen->hash_key);
	free(seen);
}

static size_t chain_of(const struct seen *seen, const uint8_t key[static X25519_KEY_SIZE]) {
	return siphash(&seen->hash_key, key, X25519_KEY_SIZE) % CHAINS;
}

static struct client *find(const struct seen *seen, const uint8_t key[static X25519_KEY_SIZE]) {
	struct client *client = seen->chains[chain_of(seen, key)];
	while (client && !wipe_equal(client->public_key, key, X25519_KEY_SIZE))
		client = client->chain;
	return client;
}

/* All places are looked at, whichever matches. */
static bool has_random(const struct client *client, const uint8_t random[static SEEN_RANDOM_SIZE]) {
	bool found = false;
	for (uint32_t i = 0; i < client->used; i++)
		found |= wipe_equal(client->places[i].random, random, SEEN_RANDOM_SIZE);
	return found;
}

/* The place that is needed least: farthest from now. NULL for a client without any. */
static struct place *farthest(const struct client *client, uint64_t now) {
	struct place *found = NULL;
	for (uint32_t i = 0; i < client->used; i++) {
		struct place *place = &client->places[i];
		if (!found || distance(place->timestamp, now) > distance(found->timestamp, now))
			found = place;
	}
	return found;
}

static bool is_full(const struct client *client, uint64_t now) {
	return client->used == SEEN_CLIENT_MAX && is_needed(farthest(client, now), now);
}

enum err seen_check(const struct seen *seen, const struct seen_entry *entry, uint64_t now) {
	const struct client *client = find(seen, entry->client);
	if (distance(entry->timestamp, now) > SEEN_WINDOW)
		return ERR_EXPIRED;
	if (!client)
		return ERR_OK;
	if (has_random(client, entry->random))
		return ERR_REPLAY;
	return is_full(client, now) ? ERR_LIMIT : ERR_OK;
}

/* Keeps what is needed; returns when the first of it is needed no more. */
static uint64_t client_trim(struct client *client, uint64_t now) {
	uint64_t until = UINT64_MAX;
	uint32_t kept = 0;
	for (uint32_t i = 0; i < client->used; i++) {
		if (!is_needed(&client->places[i], now))
			continue;
		client->places[kept++] = client->places[i];
		if (client->places[i].timestamp < until)
			until = client->places[i].timestamp;
	}
	client->used = kept;
	return until_of(until);
}

void seen_trim(struct seen *seen, uint64_t now) {
	uint64_t full_until = UINT64_MAX;
	for (size_t i = 0; i < CHAINS; i++) {
		for (struct client **link = &seen->chains[i]; *link;) {
			struct client *client = *link;
			const uint32_t before = client->used;
			const uint64_t until = client_trim(client, now);
			seen->entries -= before - client->used;
			if (until < full_until)
				full_until = until;
			if (client->used > 0) {
				link = &client->chain;
				continue;
			}
			*link = client->chain;
			client_free(client);
			seen->clients--;
		}
	}
	seen->full_until = full_until;
}

/* Whether one more may be remembered. Looks through all, but not again and again in vain. */
static bool make_room(struct seen *seen, bool for_client, uint64_t now) {
	for (int tries = 0; tries < 2; tries++) {
		if (seen->entries < SEEN_ENTRIES_MAX && !(for_client && seen->clients == SEEN_CLIENTS_MAX))
			return true;
		if (tries > 0 || now <= seen->full_until)
			return false;
		seen_trim(seen, now);
	}
	return false;
}

static struct client *client_add(struct seen *seen, const uint8_t key[static X25519_KEY_SIZE]) {
	struct client *client = calloc(1, sizeof *client);
	struct place *places = calloc(PLACES_MIN, sizeof *places);
	if (!client || !places) {
		free(client);
		free(places);
		return NULL;
	}
	memcpy(client->public_key, key, X25519_KEY_SIZE);
	client->places = places;
	client->room = PLACES_MIN;
	struct client **chain = &seen->chains[chain_of(seen, key)];
	client->chain = *chain;
	*chain = client;
	seen->clients++;
	return client;
}

/* A place to be filled: a new one, or that of the entry that is needed least. */
static struct place *place_add(struct seen *seen, struct client *client, uint64_t now) {
	if (client->used == SEEN_CLIENT_MAX)
		return farthest(client, now);
	if (client->used == client->room) {
		struct place *grown = reallocarray(client->places, 2 * (size_t)client->room, sizeof *grown);
		if (!grown)
			return NULL;
		client->places = grown;
		client->room *= 2;
	}
	seen->entries++;
	return &client->places[client->used++];
}

/* One that passed the checks. */
static enum err remember(struct seen *seen, const struct seen_entry *entry, uint64_t now) {
	struct client *client = find(seen, entry->client);
	const bool grows = !client || client->used < SEEN_CLIENT_MAX;
	if (grows && !make_room(seen, !client, now))
		return ERR_LIMIT;
	client = find(seen, entry->client); /* it may have been dropped to make room */
	if (!client)
		client = client_add(seen, entry->client);
	struct place *place = client ? place_add(seen, client, now) : NULL;
	if (!place)
		return ERR_NO_MEMORY;
	place->timestamp = entry->timestamp;
	memcpy(place->random, entry->random, sizeof place->random);
	if (until_of(place->timestamp) < seen->full_until)
		seen->full_until = until_of(place->timestamp);
	return ERR_OK;
}

enum err seen_take(struct seen *seen, const struct seen_entry *entry, uint64_t now) {
	enum err error = seen_check(seen, entry, now);
	return error ? error : remember(seen, entry, now);
}

void seen_export(const struct seen *seen, uint64_t now, const struct seen_reader *reader) {
	for (size_t i = 0; i < CHAINS; i++) {
		for (const struct client *client = seen->chains[i]; client; client = client->chain) {
			for (uint32_t j = 0; j < client->used; j++) {
				if (is_over(client->places[j].timestamp, now))
					continue;
				struct seen_entry entry = {.timestamp = client->places[j].timestamp};
				memcpy(entry.client, client->public_key, sizeof entry.client);
				memcpy(entry.random, client->places[j].random, sizeof entry.random);
				reader->entry(reader->context, &entry);
			}
		}
	}
}

enum err seen_import(struct seen *seen, const struct seen_entry *entry, uint64_t now) {
	const struct client *client = find(seen, entry->client);
	if (is_over(entry->timestamp, now) || (client && has_random(client, entry->random)))
		return ERR_OK;
	return client && is_full(client, now) ? ERR_LIMIT : remember(seen, entry, now);
}

size_t seen_count(const struct seen *seen) {
	return seen->entries;
}
