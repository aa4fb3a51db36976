#include "proto/phaze_control.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/wipe.h"
#include "proto/phaze_protocol.h"
#include "proto/phaze_sessions.h"

uint64_t phaze_control_now(const struct device *device) {
	const struct engine_clock *clock = engine_get_options(device->engine)->clock;
	return clock->now(clock->context);
}

uint64_t phaze_control_wall(const struct device *device) {
	const struct engine_clock *clock = engine_get_options(device->engine)->clock;
	return clock->wall_now(clock->context) / CLOCK_SECOND;
}

struct phaze_member *phaze_control_find(const struct device *device,
										const uint8_t identity[static HASH_SIZE]) {
	return key_table_find(&device->by_identity, identity);
}

struct phaze_member *phaze_control_make(struct device *device,
										const uint8_t identity[static HASH_SIZE]) {
	const uint16_t owner = (uint16_t)(siphash(&device->by_identity.hash_key, identity, HASH_SIZE) %
									  engine_shards(device->engine));
	struct phaze_member *member = calloc(1, sizeof *member);
	if (!member)
		return NULL;
	phaze_peer_init(&member->shared, identity, owner, &device->box);
	/* That it connected is told with its sessions: phaze_sessions.c. */
	member->shared.news.known_handshake = 1;
	member->quota_end = PHAZE_NO_QUOTA;
	list_init(&member->link);
	list_init(&member->changed_link);
	list_init(&member->allowed_ips);
	return member;
}

void phaze_control_free(struct phaze_member *member) {
	if (!member)
		return;
	phaze_peer_done(&member->shared);
	wipe(member, sizeof *member);
	free(member);
}

static void free_removed(void *pointer) {
	struct phaze_member *member = pointer;
	device_news_forget(&member->shared.news);
	phaze_control_free(member);
}

static void free_snapshot(void *pointer) {
	struct phaze_snapshot *snapshot = pointer;
	trie_view_release(snapshot->allowed_ips, snapshot->snapshot.allowed_ips);
	free(snapshot);
}

enum err phaze_control_add(struct device *device, struct phaze_member *member) {
	enum err error = key_table_add(&device->by_identity, member->shared.identity, member);
	if (error)
		return error;
	member->shared.news.box = &device->news;
	list_append(&device->members, &member->link);
	device->member_count++;
	phaze_control_change(device, member, PHAZE_CHANGE_ATTACH);
	return ERR_OK;
}

void phaze_control_change(struct device *device, struct phaze_member *member, unsigned changes) {
	if (member->changes == 0)
		list_append(&device->changed, &member->changed_link);
	member->changes |= changes;
}

void phaze_control_remove(struct device *device, struct phaze_member *member) {
	phaze_sessions_forget(device, member);
	device_prefixes_disallow_all(&device->prefixes, &member->allowed_ips);
	key_table_remove(&device->by_identity, member->shared.identity);
	list_remove(&member->link);
	list_remove(&member->changed_link);
	member->shared.news.removed = true;
	device->member_count--;
	/* Also when no owner has it: memory may have been too short for the command. */
	list_append(&device->removed, &member->link);
	device->config_changed = true;
}

struct phaze_member *phaze_control_only(const struct device *device) {
	return list_is_empty(&device->members)
			   ? NULL
			   : list_item(device->members.next, struct phaze_member, link);
}

enum err phaze_control_tell(const struct phaze_settings *settings,
							const struct phaze_profile *profile,
							struct parameters *out_parameters) {
	uint8_t encoded[PHAZE_BODY_SIZE_MAX];
	size_t size;
	struct parameters parameters = settings->tells;
	parameters.interface.address_count = profile->address_count;
	memcpy(parameters.interface.addresses, profile->addresses, sizeof profile->addresses);
	parameters.keepalive = settings->keepalive;
	parameters.rekey_seconds = settings->rekey_seconds;
	parameters.rekey_packets = settings->rekey_packets;
	/* With a ticket it has to fit, too. */
	parameters.has_ticket = true;
	parameters.ticket_lifetime = 1;
	enum err error = parameters_encode(&parameters, encoded, sizeof encoded, &size);
	if (error)
		return error;
	parameters.has_ticket = false;
	parameters.ticket_lifetime = 0;
	*out_parameters = parameters;
	return ERR_OK;
}

/* Builds what is to be published next; the present snapshot stays in use. */
static enum err make_snapshot(struct device *device, struct phaze_snapshot **out_snapshot) {
	struct phaze_snapshot *snapshot = calloc(1, sizeof *snapshot);
	if (!snapshot)
		return ERR_NO_MEMORY;
	snapshot->config.box = &device->box;
	snapshot->config.role = device->settings.role;
	snapshot->config.client_to_client = device->settings.client_to_client;
	snapshot->allowed_ips = device->prefixes.peers;
	snapshot->snapshot.up = device_sockets_are_up(&device->sockets);
	snapshot->snapshot.protocol_config = &snapshot->config;
	enum err error = trie_publish(device->prefixes.peers, &snapshot->snapshot.allowed_ips);
	if (error) {
		free(snapshot);
		return error;
	}
	*out_snapshot = snapshot;
	return ERR_OK;
}

enum err phaze_control_first_snapshot(struct device *device) {
	return make_snapshot(device, &device->snapshot);
}

static enum err post_changes(struct device *device) {
	list_for_each (link, &device->changed) {
		struct phaze_member *member = list_item(link, struct phaze_member, changed_link);
		struct phaze_peer_change change = {
			.peer = &member->shared,
			.interface = device->interface,
			.changes = member->changes,
			.rate = member->profile.rate,
			.quota_end = member->quota_end,
			.end = member->end,
		};
		if (member->has_ticket)
			memcpy(change.ticket, member->ticket_hash, sizeof change.ticket);
		enum err error = phaze_command_change(device->engine, &change);
		if (error)
			return error;
		list_remove(link);
		member->changes = 0;
	}
	return ERR_OK;
}

/* After the snapshot without them is out, so that nobody finds them any more. */
static void detach_removed(struct device *device) {
	list_for_each (link, &device->removed) {
		struct phaze_member *member = list_item(link, struct phaze_member, link);
		const struct phaze_peer_change change = {
			.peer = &member->shared,
			.interface = device->interface,
			.changes = PHAZE_CHANGE_DETACH,
		};
		if (phaze_command_change(device->engine, &change))
			return; /* the next commit tries again */
		list_remove(link);
		engine_retire(device->engine, free_removed, member);
	}
}

static bool needs_snapshot(const struct device *device) {
	return device->config_changed || device->prefixes.changed || device->sockets.changed;
}

/* The snapshot first: commands are carried out under what they belong to. */
enum err phaze_control_commit(struct device *device) {
	if (needs_snapshot(device)) {
		struct phaze_snapshot *snapshot, *before = device->snapshot;
		enum err error = make_snapshot(device, &snapshot);
		if (error)
			return error;
		device->snapshot = snapshot;
		engine_publish(device->engine, device->interface, &snapshot->snapshot);
		engine_retire(device->engine, free_snapshot, before);
		device->config_changed = false;
		device->prefixes.changed = device->sockets.changed = false;
	}
	detach_removed(device);
	return post_changes(device);
}
