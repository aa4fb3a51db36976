#include "proto/mighty_control.h"

#include <stdlib.h>
#include <string.h>

#include "proto/mighty_command.h"
#include "proto/mighty_protocol.h"
#include "session/packet_policy.h"

static void free_removed_peer(void *pointer) {
	struct mighty_peer *peer = pointer;
	device_news_forget(&peer->news.device);
	mighty_control_free_peer(peer);
}

static void free_snapshot(void *pointer) {
	struct mighty_snapshot *snapshot = pointer;
	trie_view_release(snapshot->allowed_ips, snapshot->snapshot.allowed_ips);
	free(snapshot);
}

struct mighty_peer *mighty_control_find(const struct device *device,
										const uint8_t identity[static HASH_SIZE]) {
	struct mighty_peer *peer = key_table_find(&device->directory, identity);
	return peer && memcmp(peer->psk.identity, identity, HASH_SIZE) == 0 ? peer : NULL;
}

struct mighty_peer *mighty_control_make(const struct device *device, const struct mighty_psk *psk) {
	uint16_t owner = (uint16_t)(siphash(&device->directory.hash_key, psk->identity, HASH_SIZE) %
								engine_shards(device->engine));
	return mighty_peer_new(psk, owner);
}

void mighty_control_free_peer(struct mighty_peer *peer) {
	if (!peer)
		return;
	if (peer->control.posted_policy != peer->control.policy)
		packet_policy_free(peer->control.posted_policy);
	packet_policy_free(peer->control.policy);
	free(peer->control.rules);
	mighty_peer_free(peer);
}

enum err mighty_control_add(struct device *device, struct mighty_peer *peer) {
	enum err error = key_table_add(&device->directory, peer->psk.id, peer);
	if (error)
		return error;
	peer->news.device.box = &device->news;
	list_append(&device->peers, &peer->control.link);
	device->peer_count++;
	device->peers_changed = true;
	mighty_control_change(device, peer, MIGHTY_CHANGE_ATTACH);
	return ERR_OK;
}

void mighty_control_change(struct device *device, struct mighty_peer *peer, unsigned changes) {
	if (peer->control.changes == 0)
		list_append(&device->changed, &peer->control.changed_link);
	peer->control.changes |= changes;
}

void mighty_control_remove(struct device *device, struct mighty_peer *peer) {
	device_prefixes_disallow_all(&device->prefixes, &peer->control.allowed_ips);
	key_table_remove(&device->directory, peer->psk.id);
	list_remove(&peer->control.link);
	list_remove(&peer->control.changed_link);
	peer->news.device.removed = true;
	device->peer_count--;
	/* Also when no owner has it: a snapshot may, where memory was too short for the command. */
	list_append(&device->removed, &peer->control.link);
	device->peers_changed = true;
}

static struct mighty_peer *holder_of(const struct device *device, const struct prefix *prefix) {
	return trie_find(device->prefixes.peers, prefix);
}

enum err mighty_control_allow(struct device *device, struct mighty_peer *peer,
							  const struct prefix *prefix) {
	struct mighty_peer *before = holder_of(device, prefix);
	if (before == peer)
		return ERR_OK;
	enum err error =
		device_prefixes_allow(&device->prefixes, &peer->peer, &peer->control.allowed_ips, prefix);
	if (error)
		return error;
	if (before)
		mighty_control_change(device, before, MIGHTY_CHANGE_ADDRESSES);
	mighty_control_change(device, peer, MIGHTY_CHANGE_ADDRESSES);
	return ERR_OK;
}

void mighty_control_disallow(struct device *device, struct mighty_peer *peer,
							 const struct prefix *prefix) {
	device_prefixes_disallow(&device->prefixes, &peer->peer, prefix);
	mighty_control_change(device, peer, MIGHTY_CHANGE_ADDRESSES);
}

void mighty_control_disallow_all(struct device *device, struct mighty_peer *peer) {
	device_prefixes_disallow_all(&device->prefixes, &peer->control.allowed_ips);
	mighty_control_change(device, peer, MIGHTY_CHANGE_ADDRESSES);
}

bool mighty_control_is_address(const struct prefix *prefix) {
	return prefix->length == 8 * address_size(&prefix->address);
}

size_t
mighty_control_addresses(const struct mighty_peer *peer,
						 struct prefix out_addresses[static INTERFACE_SETTINGS_ADDRESSES_MAX]) {
	size_t count = peer->control.address_count;
	if (count > 0) {
		memcpy(out_addresses, peer->control.addresses, count * sizeof *out_addresses);
		return count;
	}
	list_for_each (link, &peer->control.allowed_ips) {
		const struct device_prefix *allowed = list_item(link, struct device_prefix, link);
		if (count == INTERFACE_SETTINGS_ADDRESSES_MAX)
			break;
		if (mighty_control_is_address(&allowed->prefix))
			out_addresses[count++] = allowed->prefix;
	}
	return count;
}

/* Builds what is to be published next; the present snapshot stays in use. */
static enum err make_snapshot(struct device *device, struct mighty_snapshot **out_snapshot) {
	struct mighty_snapshot *snapshot = calloc(1, sizeof *snapshot);
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
	snapshot->config = device->config;
	snapshot->config.directory = directory;
	snapshot->allowed_ips = device->prefixes.peers;
	snapshot->snapshot.up = device_sockets_are_up(&device->sockets);
	snapshot->snapshot.protocol_config = &snapshot->config;
	enum err error = trie_publish(device->prefixes.peers, &snapshot->snapshot.allowed_ips);
	if (error) {
		free(copy);
		free(snapshot);
		return error;
	}
	*out_snapshot = snapshot;
	return ERR_OK;
}

enum err mighty_control_first_snapshot(struct device *device) {
	enum err error = make_snapshot(device, &device->snapshot);
	if (!error)
		device->published_directory = device->snapshot->config.directory;
	return error;
}

void mighty_control_set_rules(struct device *device, struct mighty_peer *peer,
							  struct policy_rule *rules, size_t count,
							  struct packet_policy *policy) {
	struct mighty_peer_control *control = &peer->control;
	free(control->rules);
	control->rules = rules;
	control->rule_count = count;
	if (control->policy != control->posted_policy)
		packet_policy_free(control->policy);
	control->policy = policy;
	mighty_control_change(device, peer, MIGHTY_CHANGE_POLICY);
}

static void release_policy(void *policy) {
	packet_policy_free(policy);
}

/* The owner has another one with its next turn. */
static void retire_policy(const struct device *device, struct mighty_peer_control *control) {
	if (control->posted_policy && control->posted_policy != control->policy)
		engine_retire(device->engine, release_policy, control->posted_policy);
	control->posted_policy = control->policy;
}

static void fill_change(const struct device *device, const struct mighty_peer *peer,
						struct mighty_peer_change *change) {
	const struct mighty_peer_control *control = &peer->control;
	change->changes = control->changes;
	change->endpoint_count = control->endpoint_count;
	memcpy(change->endpoints, control->endpoints, sizeof change->endpoints);
	if (device->config.role == MIGHTY_SERVER) {
		change->endpoint_count = control->learnt.address.family != ADDRESS_NONE;
		change->endpoints[0] = control->learnt;
		change->learnt = true;
		change->address_count = mighty_control_addresses(peer, change->addresses);
	}
	change->policy = control->policy;
	change->time_count = control->time_count;
	memcpy(change->times, control->times, sizeof change->times);
	change->claimed = atomic_load_explicit(&peer->news.claimed, memory_order_relaxed);
}

static enum err post_changes(struct device *device) {
	list_for_each (link, &device->changed) {
		struct mighty_peer *peer = list_item(link, struct mighty_peer, control.changed_link);
		struct mighty_peer_change change = {.peer = peer, .interface = device->interface};
		fill_change(device, peer, &change);
		enum err error = mighty_command_post(device->engine, &change);
		if (error)
			return error;
		list_remove(link);
		if (change.changes & MIGHTY_CHANGE_POLICY)
			retire_policy(device, &peer->control);
		peer->control.changes = 0;
	}
	return ERR_OK;
}

/* After the snapshot without them is out, so that nobody finds them any more. */
static void detach_removed(struct device *device) {
	list_for_each (link, &device->removed) {
		struct mighty_peer *peer = list_item(link, struct mighty_peer, control.link);
		const struct mighty_peer_change change = {
			.peer = peer,
			.interface = device->interface,
			.changes = MIGHTY_CHANGE_DETACH,
		};
		if (mighty_command_post(device->engine, &change))
			return; /* the next commit tries again */
		list_remove(link);
		engine_retire(device->engine, free_removed_peer, peer);
	}
}

static bool needs_snapshot(const struct device *device) {
	return device->config_changed || device->peers_changed || device->prefixes.changed ||
		   device->sockets.changed;
}

/* The snapshot first: commands are carried out under what they belong to. */
enum err mighty_control_commit(struct device *device) {
	if (needs_snapshot(device)) {
		struct mighty_snapshot *snapshot;
		enum err error = make_snapshot(device, &snapshot);
		if (error)
			return error;
		struct mighty_snapshot *before = device->snapshot;
		device->snapshot = snapshot;
		engine_publish(device->engine, device->interface, &snapshot->snapshot);
		if (before->config.directory != snapshot->config.directory)
			engine_retire(device->engine, free, (void *)(uintptr_t)before->config.directory);
		device->published_directory = snapshot->config.directory;
		engine_retire(device->engine, free_snapshot, before);
		device->config_changed = device->peers_changed = false;
		device->prefixes.changed = device->sockets.changed = false;
	}
	detach_removed(device);
	return post_changes(device);
}
