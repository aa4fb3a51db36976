#include "tunnel/directory.h"

#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"
#include "conf/config.h"
#include "store/store.h"
#include "tunnel/directory_core.h"

struct directory_prefix_key directory_prefix_key(const struct prefix *prefix) {
	struct directory_prefix_key key;
	memcpy(key.bytes, prefix->address.bytes, ADDRESS_V6_SIZE);
	key.bytes[ADDRESS_V6_SIZE] = prefix->address.family;
	key.bytes[ADDRESS_V6_SIZE + 1] = prefix->length;
	return key;
}

static bool same_key(const struct directory_peer *peer, const uint8_t key[static TEXT_KEY_SIZE]) {
	return memcmp(peer->public_key, key, TEXT_KEY_SIZE) == 0;
}

static struct directory_peer *find_key(const struct directory *directory,
									   const uint8_t key[static TEXT_KEY_SIZE], bool shadowed) {
	struct directory_link *link = directory_table_first(&directory->keys, key, TEXT_KEY_SIZE);
	for (; link; link = directory_table_next(link)) {
		struct directory_peer *peer = directory_link_item(link, struct directory_peer, by_key);
		if (same_key(peer, key) && (peer->shadowed_by != NULL) == shadowed)
			return peer;
	}
	return NULL;
}

static struct directory_peer *find_name(const struct directory *directory, const char *name,
										bool shadowed) {
	struct directory_link *link = directory_table_first(&directory->names, name, strlen(name));
	for (; link; link = directory_table_next(link)) {
		struct directory_peer *peer = directory_link_item(link, struct directory_peer, by_name);
		if (strcmp(peer->name, name) == 0 && (peer->shadowed_by != NULL) == shadowed)
			return peer;
	}
	return NULL;
}

static struct directory_peer *find(const struct directory *directory, const char *name_or_key,
								   bool shadowed) {
	uint8_t key[TEXT_KEY_SIZE];
	struct directory_peer *peer = NULL;
	if (text_key_decode(name_or_key, strlen(name_or_key), key) == ERR_OK)
		peer = find_key(directory, key, shadowed);
	return peer ? peer : find_name(directory, name_or_key, shadowed);
}

struct directory_peer *directory_find_key(const struct directory *directory,
										  const uint8_t key[static TEXT_KEY_SIZE]) {
	return find_key(directory, key, false);
}

struct directory_peer *directory_find_name(const struct directory *directory, const char *name) {
	return find_name(directory, name, false);
}

struct directory_peer *directory_find(const struct directory *directory, const char *name_or_key) {
	return find(directory, name_or_key, false);
}

struct directory_peer *directory_find_shadowed(const struct directory *directory,
											   const char *name_or_key) {
	return find(directory, name_or_key, true);
}

static const struct directory_peer *find_prefix(const struct directory *directory,
												const struct prefix *prefix) {
	struct directory_prefix_key key = directory_prefix_key(prefix);
	struct directory_link *link =
		directory_table_first(&directory->prefixes, key.bytes, sizeof key.bytes);
	for (; link; link = directory_table_next(link)) {
		const struct directory_prefix *taken =
			directory_link_item(link, struct directory_prefix, link);
		if (prefix_equal(taken->prefix, prefix))
			return taken->peer;
	}
	return NULL;
}

const struct list *directory_peers(const struct directory *directory) {
	return &directory->peers;
}

size_t directory_count(const struct directory *directory) {
	return directory->count;
}

/* Into the tables; by its prefixes only while it is used, as the table has no multiple owners. */
static enum err register_peer(struct directory *directory, struct directory_peer *peer) {
	/* With room for one, as malloc(0) may be NULL. */
	struct directory_prefix *prefixes = NULL;
	if (!peer->shadowed_by) {
		prefixes = calloc(peer->allowed_ip_count + 1, sizeof *prefixes);
		if (!prefixes)
			return ERR_NO_MEMORY;
	}
	for (size_t i = 0; prefixes && i < peer->allowed_ip_count; i++) {
		prefixes[i] = (struct directory_prefix){.peer = peer, .prefix = &peer->allowed_ips[i]};
		struct directory_prefix_key key = directory_prefix_key(&peer->allowed_ips[i]);
		directory_table_add(&directory->prefixes, &prefixes[i].link, key.bytes, sizeof key.bytes);
	}
	peer->prefixes = prefixes;
	peer->of_streams = directory->carries_streams;
	peer->of_shared = directory->has_shared;
	peer->lifetime = directory->lifetime;
	directory_table_add(&directory->keys, &peer->by_key, peer->public_key, TEXT_KEY_SIZE);
	directory_table_add(&directory->names, &peer->by_name, peer->name, strlen(peer->name));
	/* The store's come before those of the device only. */
	struct list *place =
		peer->origin == DIRECTORY_DEVICE ? &directory->peers : directory->device_only;
	list_append(place, &peer->link);
	if (peer->origin == DIRECTORY_DEVICE && directory->device_only == &directory->peers)
		directory->device_only = &peer->link;
	directory->count++;
	return ERR_OK;
}

static void peer_free(struct directory_peer *peer) {
	free(peer->prefixes);
	free(peer->memory);
	wipe(peer, sizeof *peer);
	free(peer);
}

static void drop(struct directory *directory, struct directory_peer *peer) {
	for (size_t i = 0; peer->prefixes && i < peer->allowed_ip_count; i++)
		directory_table_remove(&directory->prefixes, &peer->prefixes[i].link);
	directory_table_remove(&directory->keys, &peer->by_key);
	directory_table_remove(&directory->names, &peer->by_name);
	list_remove(&peer->link);
	directory->count--;
	peer_free(peer);
}

void directory_drop_device_peers(struct directory *directory) {
	struct list *link = directory->device_only;
	directory->device_only = &directory->peers;
	while (link != &directory->peers) {
		struct list *next = link->next;
		drop(directory, list_item(link, struct directory_peer, link));
		link = next;
	}
}

/* In one text, a line each; NULL without any. */
static enum err join_rules(const struct config_texts *rules, struct directory_peer *peer) {
	size_t size = 0;
	for (size_t i = 0; i < rules->count; i++)
		size += strlen(rules->items[i]) + 1;
	if (size == 0)
		return ERR_OK;
	char *text = malloc(size), *end = text;
	if (!text)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < rules->count; i++) {
		end = stpcpy(end, rules->items[i]);
		*end++ = '\n';
	}
	end[-1] = '\0';
	peer->memory = text;
	peer->rules = text;
	return ERR_OK;
}

static enum err add_file_peer(struct directory *directory, const struct config_peer *from) {
	struct directory_peer *peer = calloc(1, sizeof *peer);
	if (!peer)
		return ERR_NO_MEMORY;
	peer->origin = DIRECTORY_FILE;
	memcpy(peer->public_key, from->public_key, TEXT_KEY_SIZE);
	peer->name = from->name;
	peer->has_preshared_key = from->preshared_key_file != NULL;
	peer->endpoint_name = from->endpoint.name;
	peer->endpoint_port = from->endpoint.port;
	peer->others = from->others.count > 0 ? &from->others : NULL;
	peer->allowed_ips = from->allowed_ips.items;
	peer->allowed_ip_count = from->allowed_ips.count;
	peer->persistent_keepalive = from->persistent_keepalive;
	enum err error = join_rules(&from->rules, peer);
	if (!error)
		error = register_peer(directory, peer);
	if (error)
		peer_free(peer);
	return error;
}

/* As long as keys live, and the time to agree on others. */
static uint64_t lifetime_of(const struct config_tunnel *tunnel) {
	enum { MORE = 60 };
	return config_has_shared(tunnel) ? tunnel->shared.rekey.seconds.value + MORE
									 : DIRECTORY_CONNECTED_SECONDS;
}

enum err directory_new(const struct config_tunnel *tunnel, struct directory **out_directory) {
	struct directory *directory = calloc(1, sizeof *directory);
	if (!directory)
		return ERR_NO_MEMORY;
	directory->carries_streams = tunnel->carries_streams;
	directory->has_shared = config_has_shared(tunnel);
	directory->lifetime = lifetime_of(tunnel);
	list_init(&directory->peers);
	directory->device_only = &directory->peers;
	enum err error = directory_table_init(&directory->keys);
	if (!error)
		error = directory_table_init(&directory->names);
	if (!error)
		error = directory_table_init(&directory->prefixes);
	for (size_t i = 0; i < tunnel->peer_count && !error; i++)
		error = add_file_peer(directory, &tunnel->peers[i]);
	if (error)
		directory_free(directory);
	else
		*out_directory = directory;
	return error;
}

void directory_free(struct directory *directory) {
	if (!directory)
		return;
	/* The tables go as a whole. */
	list_for_each (link, &directory->peers)
		peer_free(list_item(link, struct directory_peer, link));
	directory_table_done(&directory->keys);
	directory_table_done(&directory->names);
	directory_table_done(&directory->prefixes);
	free(directory);
}

/* Whoever is only known to the device can be taken over. */
static const struct directory_peer *unless_device(const struct directory_peer *peer) {
	return peer && peer->origin != DIRECTORY_DEVICE ? peer : NULL;
}

enum directory_conflict directory_check(const struct directory *directory,
										const uint8_t key[static TEXT_KEY_SIZE], const char *name,
										const struct prefix *prefixes, size_t count,
										const struct directory_peer **out_with,
										const struct prefix **out_prefix) {
	*out_with = NULL;
	if (directory->device.has_public_key &&
		memcmp(directory->device.public_key, key, TEXT_KEY_SIZE) == 0)
		return DIRECTORY_OWN_KEY;
	const struct directory_peer *with = unless_device(directory_find_key(directory, key));
	*out_with = with;
	if (with)
		return DIRECTORY_KEY;
	*out_with = with = unless_device(directory_find_name(directory, name));
	if (with)
		return DIRECTORY_NAME;
	for (size_t i = 0; i < count; i++) {
		with = find_prefix(directory, &prefixes[i]);
		/* A device may have the peer's own key already. */
		if (with && !(with->origin == DIRECTORY_DEVICE && same_key(with, key))) {
			*out_with = with;
			*out_prefix = &prefixes[i];
			return DIRECTORY_PREFIX;
		}
	}
	return DIRECTORY_FREE;
}

/* Its texts and prefixes in one piece of memory. */
static enum err copy_texts(struct directory_peer *peer, const char *name, const char *host,
						   const char *rules, const struct prefix *prefixes, size_t count) {
	size_t name_size = strlen(name) + 1, host_size = host ? strlen(host) + 1 : 0;
	size_t rules_size = rules ? strlen(rules) + 1 : 0;
	char *memory = malloc(count * sizeof(struct prefix) + name_size + host_size + rules_size);
	if (!memory)
		return ERR_NO_MEMORY;
	char *texts = memory + count * sizeof(struct prefix);
	if (count > 0)
		memcpy(memory, prefixes, count * sizeof(struct prefix));
	memcpy(texts, name, name_size);
	if (host)
		memcpy(texts + name_size, host, host_size);
	if (rules)
		memcpy(texts + name_size + host_size, rules, rules_size);
	peer->memory = memory;
	peer->allowed_ips = (const struct prefix *)(const void *)memory;
	peer->allowed_ip_count = count;
	peer->name = texts;
	peer->endpoint_name = host ? texts + name_size : NULL;
	peer->rules = rules ? texts + name_size + host_size : NULL;
	return ERR_OK;
}

static struct directory_peer *make_store_peer(const struct store_peer *from) {
	struct directory_peer *peer = calloc(1, sizeof *peer);
	if (!peer)
		return NULL;
	peer->origin = DIRECTORY_STORE;
	memcpy(peer->public_key, from->public_key, TEXT_KEY_SIZE);
	peer->has_preshared_key = from->has_preshared_key;
	if (from->has_preshared_key)
		memcpy(peer->preshared_key, from->preshared_key, TEXT_KEY_SIZE);
	peer->endpoint_port = from->endpoint_port;
	peer->persistent_keepalive = from->persistent_keepalive;
	peer->created = from->created;
	if (copy_texts(peer, from->name, from->endpoint_name, from->rules, from->allowed_ips,
				   from->allowed_ip_count) == ERR_OK)
		return peer;
	peer_free(peer);
	return NULL;
}

enum err directory_add_device_peer(struct directory *directory,
								   const struct directory_text_peer *seen) {
	struct directory_peer *peer = calloc(1, sizeof *peer);
	if (!peer)
		return ERR_NO_MEMORY;
	peer->origin = DIRECTORY_DEVICE;
	memcpy(peer->public_key, seen->public_key, TEXT_KEY_SIZE);
	peer->has_preshared_key = seen->figures.has_preshared_key;
	peer->persistent_keepalive = seen->figures.persistent_keepalive;
	char name[TEXT_KEY_BASE64_SIZE];
	text_key_encode(seen->public_key, name);
	name[DIRECTORY_NAME_PREFIX] = '\0';
	enum err error = copy_texts(peer, name, NULL, NULL, seen->allowed_ips, seen->allowed_ip_count);
	if (!error)
		error = register_peer(directory, peer);
	if (error)
		peer_free(peer);
	return error;
}

static bool in_store_already(const struct directory *directory, const struct store_peer *peer) {
	for (int shadowed = 0; shadowed < 2; shadowed++) {
		const struct directory_peer *same = find_key(directory, peer->public_key, shadowed);
		if (same && same->origin == DIRECTORY_STORE)
			return true;
		same = find_name(directory, peer->name, shadowed);
		if (same && same->origin == DIRECTORY_STORE)
			return true;
	}
	return false;
}

enum err directory_add(struct directory *directory, const struct store_peer *from,
					   struct directory_peer **out_peer) {
	if (in_store_already(directory, from))
		return ERR_EXISTS;
	if (directory->store_count >= DIRECTORY_STORE_PEERS_MAX)
		return ERR_LIMIT;
	struct directory_peer *peer = make_store_peer(from);
	if (!peer)
		return ERR_NO_MEMORY;
	/* They come back with the next update, but for those that are the store's from now on. */
	directory_drop_device_peers(directory);
	const struct prefix *prefix;
	enum directory_conflict conflict =
		directory_check(directory, peer->public_key, peer->name, peer->allowed_ips,
						peer->allowed_ip_count, &peer->shadowed_by, &prefix);
	/* The tunnel's own key does no harm: the device passes over it. */
	if (conflict != DIRECTORY_OWN_KEY)
		peer->shadowed = conflict;
	enum err error = register_peer(directory, peer);
	if (error) {
		peer_free(peer);
		return error;
	}
	directory->store_count++;
	if (out_peer)
		*out_peer = peer;
	return ERR_OK;
}

enum err directory_adopt(struct directory *directory, const struct directory *before) {
	list_for_each (link, &before->peers) {
		const struct directory_peer *peer = list_item(link, struct directory_peer, link);
		if (peer->origin != DIRECTORY_STORE)
			continue;
		struct {
			struct store_peer peer;
		} s = {.peer = {.name = peer->name,
						.has_preshared_key = peer->has_preshared_key,
						.endpoint_name = peer->endpoint_name,
						.endpoint_port = peer->endpoint_port,
						.allowed_ips = peer->allowed_ips,
						.allowed_ip_count = peer->allowed_ip_count,
						.persistent_keepalive = peer->persistent_keepalive,
						.rules = peer->rules,
						.created = peer->created}};
		WIPE_ON_EXIT(s);
		memcpy(s.peer.public_key, peer->public_key, TEXT_KEY_SIZE);
		memcpy(s.peer.preshared_key, peer->preshared_key, TEXT_KEY_SIZE);
		if (directory_add(directory, &s.peer, NULL) == ERR_NO_MEMORY)
			return ERR_NO_MEMORY;
	}
	return ERR_OK;
}

void directory_remove(struct directory *directory, struct directory_peer *peer) {
	/* Those that it shadows wait for somebody else now: they point to it no longer. */
	list_for_each (link, &directory->peers) {
		struct directory_peer *other = list_item(link, struct directory_peer, link);
		if (other->shadowed_by == peer)
			other->shadowed_by = other;
	}
	directory->store_count--;
	drop(directory, peer);
}
