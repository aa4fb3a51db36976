/* What members use, of what they may, and for how long they may. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/wipe.h"
#include "daemon/control_logins_core.h"

/* A transaction of the store is a write to the disk, so there is one for all. */
#define FLUSH_INTERVAL (10 * CLOCK_SECOND)
/* What devices use of a quota comes one by one; the user's others are told of all at once. */
#define WEIGH_INTERVAL CLOCK_SECOND
/* The wall clock may be set meanwhile. */
#define EXPIRY_INTERVAL (60 * CLOCK_SECOND)

/* What is used: */

/* Bytes of the user's members that the store does not have yet. */
static uint64_t pending_of(const struct control *control, const struct store_user *user) {
	char name[CONTROL_LOGINS_MEMBER_SIZE];
	uint64_t bytes = 0;
	for (size_t i = 0; i < CONFIG_TUNNELS_MAX; i++) {
		const struct control_tunnel *tunnel = &control->tunnels[i];
		if (!control_logins_is_server(tunnel))
			continue;
		for (uint32_t number = 1; number <= user->devices; number++) {
			control_logins_member_name(user, number, name);
			const struct directory_peer *member = directory_find_name(tunnel->directory, name);
			bytes += member ? member->watched.used : 0;
		}
	}
	return bytes;
}

uint64_t control_logins_left(const struct control *control, const struct store_user *user) {
	if (user->quota == 0)
		return UINT64_MAX;
	const uint64_t used = user->used + pending_of(control, user);
	return used < user->quota ? user->quota - used : 0;
}

void control_logins_seen(struct control *control, struct directory_peer *member) {
	struct control_logins *logins = control->logins;
	member->watched.seen = true;
	if (logins && logins->flush_at == CLOCK_NEVER)
		logins->flush_at = clock_now() + FLUSH_INTERVAL;
}

void control_logins_used(struct control *control, const struct process_message *message) {
	const struct control_tunnel *tunnel = control_tunnel_of_slot(control, message->tunnel);
	struct directory_peer *member =
		tunnel ? directory_find_key(tunnel->directory, message->used.public_key) : NULL;
	struct control_logins *logins = control->logins;
	if (!member || !logins || !control->store || !control_logins_is_server(tunnel))
		return;
	if (member->watched.used < UINT64_MAX - message->used.bytes)
		member->watched.used += message->used.bytes;
	control_logins_seen(control, member);
	if (!member->watched.has_quota)
		return;
	member->watched.weighs = true;
	if (logins->weigh_at == CLOCK_NEVER)
		logins->weigh_at = clock_now() + WEIGH_INTERVAL;
}

/* Users of the store. */
struct users {
	int64_t *items;
	size_t count, capacity;
};

static enum err add(struct users *users, int64_t user) {
	if (users->count == users->capacity) {
		size_t capacity = users->capacity > 0 ? 2 * users->capacity : 16;
		int64_t *grown = reallocarray(users->items, capacity, sizeof *grown);
		if (!grown)
			return ERR_NO_MEMORY;
		users->items = grown;
		users->capacity = capacity;
	}
	users->items[users->count++] = user;
	return ERR_OK;
}

static int compare(const void *left_item, const void *right_item) {
	const int64_t left = *(const int64_t *)left_item, right = *(const int64_t *)right_item;
	return left < right ? -1 : left > right;
}

/* Who used something of his quota since that was weighed. */
static enum err collect_weighed(struct control *control, struct users *users) {
	struct store_lease lease;
	enum err error = ERR_OK;
	for (size_t i = 0; i < CONFIG_TUNNELS_MAX && !error; i++) {
		const struct control_tunnel *tunnel = &control->tunnels[i];
		if (!control_logins_is_server(tunnel))
			continue;
		list_for_each (link, directory_peers(tunnel->directory)) {
			struct directory_peer *member = list_item(link, struct directory_peer, link);
			if (error || !member->watched.weighs)
				continue;
			error = store_leases_find(control->store, tunnel->name, member->public_key, &lease);
			if (!error)
				error = add(users, lease.user);
			error = error == ERR_NOT_FOUND ? ERR_OK : error;
			member->watched.weighs = error != ERR_OK;
		}
	}
	return error;
}

/* Who has one device alone counts with what that was told, until it is used up. */
static void weigh_user(struct control *control, int64_t id, struct control_logins_orders *orders) {
	struct {
		struct store_user user;
	} s;
	WIPE_ON_EXIT(s);
	if (store_users_get(control->store, id, &s.user) || s.user.quota == 0)
		return;
	if (control_logins_left(control, &s.user) == 0 || control_logins_devices(control, &s.user) > 1)
		control_logins_limit_user(control, &s.user, orders);
}

static void weigh(struct control *control) {
	struct control_logins *logins = control->logins;
	struct control_logins_orders orders = {0};
	struct users users = {.count = 0};
	logins->weigh_at = CLOCK_NEVER;
	enum err error = collect_weighed(control, &users);
	if (error) {
		log_limited(&logins->unkept, LOG_ERROR, "what is left of quotas is not known: %s",
					err_text(error));
		logins->weigh_at = clock_now() + FLUSH_INTERVAL;
	}
	if (users.count > 0)
		qsort(users.items, users.count, sizeof *users.items, compare);
	for (size_t i = 0; i < users.count; i++)
		if (i == 0 || users.items[i] != users.items[i - 1])
			weigh_user(control, users.items[i], &orders);
	free(users.items);
	control_logins_send_all(control, &orders);
}

static enum err flush_member(const struct control_tunnel *tunnel,
							 const struct directory_peer *member, uint64_t now) {
	struct store *store = tunnel->control->store;
	struct store_lease lease;
	enum err error = store_leases_find(store, tunnel->name, member->public_key, &lease);
	if (error)
		return error == ERR_NOT_FOUND ? ERR_OK : error;
	lease.used = now;
	error = store_leases_change(store, tunnel->name, &lease);
	return error ? error : store_users_use(store, lease.user, member->watched.used, now);
}

/* With keep, into the store; then what was kept is forgotten. */
static enum err walk(struct control *control, bool keep) {
	const uint64_t now = clock_wall_now() / CLOCK_SECOND;
	for (size_t i = 0; i < CONFIG_TUNNELS_MAX; i++) {
		struct control_tunnel *tunnel = &control->tunnels[i];
		if (!control_logins_is_server(tunnel))
			continue;
		list_for_each (link, directory_peers(tunnel->directory)) {
			struct directory_peer *member = list_item(link, struct directory_peer, link);
			if (!member->watched.seen)
				continue;
			enum err error = keep ? flush_member(tunnel, member, now) : ERR_OK;
			if (error)
				return error;
			if (!keep) {
				member->watched.used = 0;
				member->watched.seen = false;
			}
		}
	}
	return ERR_OK;
}

void control_logins_flush(struct control *control) {
	control_logins_keep_tickets(control);
	struct control_logins *logins = control->logins;
	if (!logins || !control->store || logins->flush_at == CLOCK_NEVER)
		return;
	enum err error = store_begin(control->store);
	if (!error) {
		error = walk(control, true);
		if (error)
			store_rollback(control->store);
		else
			error = store_commit(control->store);
	}
	if (error) {
		log_limited(&logins->unkept, LOG_ERROR, "what users used is not kept yet: %s",
					err_text(error));
		logins->flush_at = clock_now() + FLUSH_INTERVAL;
		return;
	}
	(void)walk(control, false);
	logins->flush_at = CLOCK_NEVER;
}

/* And for how long: */

void control_logins_expires(struct control *control, uint64_t expires) {
	struct control_logins *logins = control->logins;
	const uint64_t wall = clock_wall_now(), now = clock_now();
	if (!logins || expires <= logins->expired)
		return;
	uint64_t left = expires > wall / CLOCK_SECOND ? EXPIRY_INTERVAL : 0;
	if (left > 0 && expires <= (wall + EXPIRY_INTERVAL) / CLOCK_SECOND)
		left = expires * CLOCK_SECOND - wall;
	if (now + left < logins->expire_at)
		logins->expire_at = now + left;
}

/* Those whose time was up since it was looked last. */
struct expiry {
	struct control *control;
	uint64_t after, now; /* seconds since the Unix epoch */
	struct users users;
};

static enum err collect(void *context, const struct store_user *user) {
	struct expiry *expiry = context;
	if (user->expires > expiry->now)
		control_logins_expires(expiry->control, user->expires);
	if (user->expires <= expiry->after || user->expires > expiry->now)
		return ERR_OK;
	return add(&expiry->users, user->id);
}

static void expire(struct control *control) {
	struct control_logins *logins = control->logins;
	struct expiry expiry = {
		.control = control,
		.after = logins->expired,
		.now = clock_wall_now() / CLOCK_SECOND,
	};
	logins->expire_at = CLOCK_NEVER;
	enum err error = store_users_each(control->store, collect, &expiry);
	if (error) {
		log_limited(&logins->unkept, LOG_ERROR, "who has expired is not known: %s",
					err_text(error));
		logins->expire_at = clock_now() + EXPIRY_INTERVAL;
	} else if (expiry.now > expiry.after) {
		logins->expired = expiry.now;
	}
	struct control_logins_orders orders = {0};
	for (size_t i = 0; i < expiry.users.count && !error; i++) {
		struct {
			struct store_user user;
		} s;
		WIPE_ON_EXIT(s);
		if (store_users_get(control->store, expiry.users.items[i], &s.user))
			continue;
		control_logins_end_user(control, &s.user, CONTROL_LOGINS_EXPIRED, &orders);
		if (store_tickets_remove_user(control->store, s.user.id, NULL))
			log_error("tickets of %s stay in the store", s.user.name);
	}
	control_logins_send_all(control, &orders);
	free(expiry.users.items);
}

uint64_t control_logins_usage_run(struct control *control, uint64_t now) {
	struct control_logins *logins = control->logins;
	if (now >= logins->flush_at)
		control_logins_flush(control);
	if (now >= logins->weigh_at && control->store)
		weigh(control);
	if (now >= logins->expire_at && control->store)
		expire(control);
	uint64_t next = logins->flush_at;
	next = logins->weigh_at < next ? logins->weigh_at : next;
	return logins->expire_at < next ? logins->expire_at : next;
}
