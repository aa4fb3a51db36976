#include "proto/wireguard_control.h"

#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"
#include "proto/wireguard_protocol.h"

static void free_identity(void *pointer) {
	struct wireguard_identity *identity = pointer;
	wipe(identity, sizeof *identity);
	free(identity);
}

static void free_removed_peer(void *pointer) {
	struct wireguard_peer *peer = pointer;
	device_news_forget(&peer->news);
	wireguard_peer_free(peer);
}

static void free_snapshot(void *pointer) {
	struct wireguard_snapshot *snapshot = pointer;
	trie_view_release(snapshot->allowed_ips, snapshot->snapshot.allowed_ips);
	free(snapshot);
}

enum err wireguard_control_set_private_key(struct device *device,
										   const uint8_t key[static X25519_KEY_SIZE]) {
	struct wireguard_identity *identity = calloc(1, sizeof *identity);
	if (!identity)
		return ERR_NO_MEMORY;
	enum err error = wireguard_identity_init(identity, key);
	if (error != ERR_OK) {
		free_identity(identity);
		return error;
	}
	if (wipe_equal(identity->private_key, device->identity->private_key, X25519_KEY_SIZE)) {
		free_identity(identity);
		return ERR_OK;
	}
	if (device->old_identity)
		free_identity(device->identity); /* changed twice within one operation */
	else
		device->old_identity = device->identity;
	device->identity = identity;
	device->identity_changed = true;
	struct wireguard_peer *self =
		identity->present ? wireguard_control_find(device, identity->public_key) : NULL;
	if (self)
		wireguard_control_remove(device, self);
	return ERR_OK;
}

struct wireguard_peer *wireguard_control_find(const struct device *device,
											  const uint8_t key[static X25519_KEY_SIZE]) {
	return key_table_find(&device->directory, key);
}

struct wireguard_peer *wireguard_control_add(struct device *device,
											 const uint8_t key[static X25519_KEY_SIZE]) {
	uint16_t owner = (uint16_t)(siphash(&device->directory.hash_key, key, X25519_KEY_SIZE) %
								engine_shards(device->engine));
	struct wireguard_peer *peer = wireguard_peer_new(key, owner);
	if (!peer)
		return NULL;
	if (key_table_add(&device->directory, peer->control.public_key, peer) != ERR_OK) {
		wireguard_peer_free(peer);
		return NULL;
	}
	peer->news.box = &device->news;
	list_append(&device->peers, &peer->control.link);
	device->peer_count++;
	device->peers_changed = true;
	wireguard_control_change(device, peer, WIREGUARD_CHANGE_ATTACH);
	return peer;
}

void wireguard_control_change(struct device *device, struct wireguard_peer *peer,
							  unsigned changes) {
	if (peer->control.changes == 0)
		list_append(&device->changed, &peer->control.changed_link);
	peer->control.changes |= changes;
}

void wireguard_control_remove(struct device *device, struct wireguard_peer *peer) {
	device_prefixes_disallow_all(&device->prefixes, &peer->control.allowed_ips);
	key_table_remove(&device->directory, peer->control.public_key);
	list_remove(&peer->control.link);
	list_remove(&peer->control.changed_link);
	peer->news.removed = true;
	device->peer_count--;
	/* Also when no owner has it: a snapshot may, where memory was too short for the command. */
	list_append(&device->removed, &peer->control.link);
	device->peers_changed = true;
}

/* Builds what is to be published next; the present snapshot stays in use. */
static enum err make_snapshot(struct device *device, struct wireguard_snapshot **out_snapshot) {
	struct wireguard_snapshot *snapshot = calloc(1, sizeof *snapshot);
	if (!snapshot)
		return ERR_NO_MEMORY;
	const struct key_table *directory = device->published_directory;
	struct key_table *copy = NULL;
	if (!directory || device->peers_changed) {
		directory = copy = key_table_copy(&device->directory);
		if (!copy) {
			free(snapshot);
			return ERR_NO_MEMORY;
		}
	}
	snapshot->config = (struct wireguard_config){
		.generation = device->generation + (device->identity_changed ? 1 : 0),
		.identity = device->identity,
		.directory = directory,
	};
	snapshot->allowed_ips = device->prefixes.peers;
	snapshot->snapshot.up = device_sockets_are_up(&device->sockets);
	snapshot->snapshot.protocol_config = &snapshot->config;
	enum err error = cookie_keys_init(&snapshot->config.cookie_keys, WIREGUARD_MAC1_LABEL,
									  WIREGUARD_COOKIE_LABEL, device->identity->public_key);
	if (error == ERR_OK)
		error = trie_publish(device->prefixes.peers, &snapshot->snapshot.allowed_ips);
	if (error != ERR_OK) {
		free(copy);
		free(snapshot);
		return error;
	}
	*out_snapshot = snapshot;
	return ERR_OK;
}

enum err wireguard_control_first_snapshot(struct device *device) {
	enum err error = make_snapshot(device, &device->snapshot);
	if (error == ERR_OK)
		device->published_directory = device->snapshot->config.directory;
	return error;
}

static enum err post_changes(struct device *device) {
	list_for_each (link, &device->changed) {
		struct wireguard_peer *peer = list_item(link, struct wireguard_peer, control.changed_link);
		struct wireguard_peer_change change = {
			.peer = peer,
			.interface = device->interface,
			.changes = peer->control.changes,
			.endpoint = peer->control.endpoint,
			.persistent_interval = peer->control.persistent_interval,
			.umbra = peer->control.umbra,
			.claimed = atomic_load_explicit(&peer->claims.claimed, memory_order_relaxed),
		};
		WIPE_ON_EXIT(change);
		wireguard_claims_read_timestamp(&peer->claims, change.timestamp);
		memcpy(change.preshared_key, peer->control.preshared_key, AEAD_KEY_SIZE);
		enum err error = wireguard_command_post(device->engine, &change);
		if (error != ERR_OK)
			return error;
		list_remove(link);
		peer->control.changes = 0;
	}
	return ERR_OK;
}

/* After the snapshot without them is out, so that nobody finds them any more. */
static void detach_removed(struct device *device) {
	list_for_each (link, &device->removed) {
		struct wireguard_peer *peer = list_item(link, struct wireguard_peer, control.link);
		const struct wireguard_peer_change change = {
			.peer = peer,
			.interface = device->interface,
			.changes = WIREGUARD_CHANGE_DETACH,
		};
		if (wireguard_command_post(device->engine, &change) != ERR_OK)
			return; /* the next commit tries again */
		list_remove(link);
		engine_retire(device->engine, free_removed_peer, peer);
	}
}

static bool needs_snapshot(const struct device *device) {
	return device->identity_changed || device->peers_changed || device->prefixes.changed ||
		   device->sockets.changed;
}

/* The snapshot first: commands are carried out under what they belong to. */
enum err wireguard_control_commit(struct device *device) {
	if (needs_snapshot(device)) {
		struct wireguard_snapshot *snapshot;
		enum err error = make_snapshot(device, &snapshot);
		if (error != ERR_OK)
			return error;
		struct wireguard_snapshot *before = device->snapshot;
		device->snapshot = snapshot;
		device->generation = snapshot->config.generation;
		engine_publish(device->engine, device->interface, &snapshot->snapshot);
		if (before->config.directory != snapshot->config.directory)
			engine_retire(device->engine, free, (void *)(uintptr_t)before->config.directory);
		device->published_directory = snapshot->config.directory;
		if (device->old_identity)
			engine_retire(device->engine, free_identity, device->old_identity);
		device->old_identity = NULL;
		engine_retire(device->engine, free_snapshot, before);
		device->identity_changed = device->peers_changed = false;
		device->prefixes.changed = device->sockets.changed = false;
	}
	detach_removed(device);
	return post_changes(device);
}
