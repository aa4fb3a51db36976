/* Members of tunnels whose clients log in: leases as peers, and what becomes of them as users do.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/wipe.h"
#include "daemon/control_logins_core.h"

bool control_logins_is_server(const struct control_tunnel *tunnel) {
	return tunnel->config && tunnel->config->logs_in && tunnel->config->role == CONFIG_SERVER;
}

void control_logins_member_name(const struct store_user *user, uint32_t number,
								char out_name[static CONTROL_LOGINS_MEMBER_SIZE]) {
	if (number == 1)
		(void)snprintf(out_name, CONTROL_LOGINS_MEMBER_SIZE, "%s", user->name);
	else
		(void)snprintf(out_name, CONTROL_LOGINS_MEMBER_SIZE, "%s/%u", user->name, number);
}

static size_t addresses_of(const struct store_lease *lease,
						   struct prefix out_prefixes[static DIRECTORY_ADDRESSES_MAX]) {
	const struct address *const addresses[] = {&lease->v4, &lease->v6};
	size_t count = 0;
	for (size_t i = 0; i < DIRECTORY_ADDRESSES_MAX; i++)
		if (addresses[i]->family)
			out_prefixes[count++] =
				(struct prefix){*addresses[i], (uint8_t)(8 * address_size(addresses[i]))};
	return count;
}

enum err control_logins_add_member(struct directory *directory, const struct config_tunnel *tunnel,
								   const struct store_user *user, const struct store_lease *lease,
								   struct directory_peer **out_peer) {
	char name[CONTROL_LOGINS_MEMBER_SIZE];
	struct prefix prefixes[DIRECTORY_ADDRESSES_MAX];
	struct directory_peer *peer = directory_find_key(directory, lease->member);
	if (peer && peer->origin == DIRECTORY_STORE) {
		peer->watched.has_quota = user->quota > 0;
		*out_peer = peer;
		return ERR_OK;
	}
	control_logins_member_name(user, lease->number, name);
	struct store_peer member = {
		.tunnel = tunnel->name,
		.name = name,
		.allowed_ips = prefixes,
		.allowed_ip_count = addresses_of(lease, prefixes),
	};
	memcpy(member.public_key, lease->member, sizeof member.public_key);
	enum err error = directory_add(directory, &member, &peer);
	if (error)
		return error;
	if (peer->shadowed_by) {
		log_warning("%s: %s is not let in: the configuration has %s of the same %s", tunnel->name,
					name, peer->shadowed_by->name,
					peer->shadowed == DIRECTORY_NAME ? "name" : "address");
		peer = NULL;
	}
	if (peer)
		peer->watched.has_quota = user->quota > 0;
	*out_peer = peer;
	return ERR_OK;
}

/* Lines of set operations: */

/* What the member is told has the length of its network, what it may send from is that alone. */
static void put_address(struct uapi_text *text, const struct config_prefixes *pool,
						const struct prefix *address) {
	struct prefix told = *address;
	for (size_t i = 0; i < pool->count; i++)
		if (prefix_covers(&pool->items[i], address)) {
			told.length = pool->items[i].length;
			break;
		}
	uapi_put_prefix(text, "allowed_ip", address);
	uapi_put_prefix(text, "address", &told);
}

static void put_limits(struct uapi_text *text, const struct store_user *user, uint64_t left) {
	uapi_put_number(text, "rate", user->rate);
	uapi_put_number(text, "quota", left);
	uapi_put_number(text, "until", user->expires);
}

void control_logins_put_member(struct uapi_text *text, const struct control_tunnel *tunnel,
							   const struct store_user *user, const struct store_lease *lease) {
	struct prefix prefixes[DIRECTORY_ADDRESSES_MAX];
	char name[CONTROL_LOGINS_MEMBER_SIZE];
	const size_t count = addresses_of(lease, prefixes);
	control_logins_member_name(user, lease->number, name);
	uapi_put_key(text, "public_key", lease->member);
	uapi_put_text(text, "name", name);
	uapi_put_line(text, "replace_allowed_ips=true");
	for (size_t i = 0; i < count; i++)
		put_address(text, &tunnel->config->addresses, &prefixes[i]);
	put_limits(text, user, control_logins_left(tunnel->control, user));
}

/* Standing: */

static bool is_in(const struct config_texts *groups, const struct store_user *user) {
	for (size_t i = 0; i < groups->count; i++)
		for (size_t j = 0; j < user->group_count; j++)
			if (strcmp(groups->items[i], user->groups[j]) == 0)
				return true;
	return groups->count == 0;
}

static enum control_logins_end standing(const struct control_tunnel *tunnel,
										const struct store_user *user, uint64_t left) {
	if (user->disabled || !is_in(&tunnel->config->login.groups, user))
		return CONTROL_LOGINS_REVOKED;
	if (user->expires > 0 && user->expires <= clock_wall_now() / CLOCK_SECOND)
		return CONTROL_LOGINS_EXPIRED;
	return left > 0 ? CONTROL_LOGINS_STAYS : CONTROL_LOGINS_QUOTA;
}

enum control_logins_end control_logins_standing(const struct control_tunnel *tunnel,
												const struct store_user *user) {
	return standing(tunnel, user, control_logins_left(tunnel->control, user));
}

/* A user is another: */

static struct directory_peer *find_member(const struct control_tunnel *tunnel,
										  const struct store_user *user, uint32_t number) {
	char name[CONTROL_LOGINS_MEMBER_SIZE];
	control_logins_member_name(user, number, name);
	struct directory_peer *member = directory_find_name(tunnel->directory, name);
	return member && member->origin == DIRECTORY_STORE ? member : NULL;
}

size_t control_logins_devices(const struct control *control, const struct store_user *user) {
	size_t count = 0;
	for (size_t i = 0; i < CONFIG_TUNNELS_MAX; i++)
		for (uint32_t number = 1;
			 control_logins_is_server(&control->tunnels[i]) && number <= STORE_DEVICES_MAX;
			 number++)
			count += find_member(&control->tunnels[i], user, number) != NULL;
	return count;
}

void control_logins_end_user(struct control *control, const struct store_user *user,
							 enum control_logins_end code, struct control_logins_orders *orders) {
	control_logins_keep_tickets(control);
	for (size_t i = 0; i < CONFIG_TUNNELS_MAX; i++) {
		const struct control_tunnel *tunnel = &control->tunnels[i];
		if (!control_logins_is_server(tunnel))
			continue;
		for (uint32_t number = 1; number <= STORE_DEVICES_MAX; number++) {
			const struct directory_peer *member = find_member(tunnel, user, number);
			if (!member)
				continue;
			control_logins_put_end(&orders->of[i].text, member->public_key, code);
			if (user->epoch > 0)
				control_logins_owe(&orders->of[i], member->public_key, user->epoch);
		}
	}
}

static void remove_user(struct control *control, const struct store_user *user,
						struct control_logins_orders *orders) {
	for (size_t i = 0; i < CONFIG_TUNNELS_MAX; i++) {
		const struct control_tunnel *tunnel = &control->tunnels[i];
		if (!control_logins_is_server(tunnel))
			continue;
		for (uint32_t number = 1; number <= STORE_DEVICES_MAX; number++) {
			struct directory_peer *member = find_member(tunnel, user, number);
			if (!member)
				continue;
			directory_put_removal(&orders->of[i].text, member->public_key);
			directory_remove(tunnel->directory, member);
		}
	}
}

void control_logins_drop_member(const struct control_tunnel *tunnel, struct directory_peer *member,
								struct uapi_text *text) {
	enum err error = store_leases_remove(tunnel->control->store, tunnel->name, member->public_key);
	if (error && error != ERR_NOT_FOUND) {
		log_error("%s: the lease of %s stays: %s", tunnel->name, member->name, err_text(error));
		return;
	}
	directory_put_removal(text, member->public_key);
	directory_remove(tunnel->directory, member);
}

static void limit_in(const struct control_tunnel *tunnel, const struct store_user *user,
					 uint64_t left, struct uapi_text *text) {
	const enum control_logins_end code = standing(tunnel, user, left);
	for (uint32_t number = 1; number <= STORE_DEVICES_MAX; number++) {
		struct directory_peer *member = find_member(tunnel, user, number);
		if (!member)
			continue;
		member->watched.has_quota = user->quota > 0;
		member->watched.weighs = false;
		if (number > user->devices) {
			control_logins_drop_member(tunnel, member, text);
		} else if (code) {
			control_logins_put_end(text, member->public_key, code);
		} else {
			uapi_put_key(text, "public_key", member->public_key);
			uapi_put_line(text, "update_only=true");
			put_limits(text, user, left);
		}
	}
	enum err error =
		code ? store_tickets_remove_user(tunnel->control->store, user->id, tunnel->name) : ERR_OK;
	if (error)
		log_error("tickets of %s stay in the store: %s", user->name, err_text(error));
}

void control_logins_limit_user(struct control *control, const struct store_user *user,
							   struct control_logins_orders *orders) {
	control_logins_keep_tickets(control);
	const uint64_t left = control_logins_left(control, user);
	for (size_t i = 0; i < CONFIG_TUNNELS_MAX; i++)
		if (control_logins_is_server(&control->tunnels[i]))
			limit_in(&control->tunnels[i], user, left, &orders->of[i].text);
}

void control_logins_changed(struct control *control, const struct store_user *user,
							enum control_users_change change) {
	control_logins_keep_tickets(control);
	struct control_logins_orders orders = {0};
	if (!control->logins || !control->store)
		return;
	control_logins_expires(control, user->expires);
	switch (change) {
	case CONTROL_USERS_LIMITS:
		control_logins_limit_user(control, user, &orders);
		break;
	case CONTROL_USERS_LOCKED:
		control_logins_limit_user(control, user, &orders);
		control_logins_end_user(control, user, CONTROL_LOGINS_REVOKED, &orders);
		break;
	case CONTROL_USERS_REMOVING:
		remove_user(control, user, &orders);
		break;
	}
	control_logins_send_all(control, &orders);
}
