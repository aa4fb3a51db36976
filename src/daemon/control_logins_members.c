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

static void put_limits(struct uapi_text *text, const struct control *control,
					   const struct store_user *user) {
	uapi_put_number(text, "rate", user->rate);
	uapi_put_number(text, "quota", control_logins_left(control, user));
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
	put_limits(text, tunnel->control, user);
}

static void put_end(struct uapi_text *text, const uint8_t key[static TEXT_KEY_SIZE],
					enum control_logins_end code) {
	uapi_put_key(text, "public_key", key);
	uapi_put_line(text, "update_only=true");
	uapi_put_number(text, "end", code);
}

static void put_ticket(struct uapi_text *text, const struct store_ticket *ticket) {
	struct uapi_ticket told = {.size = ticket->size};
	memcpy(told.hash, ticket->hash, sizeof told.hash);
	memcpy(told.sealed, ticket->sealed, ticket->size);
	uapi_put_ticket(text, "ticket", &told);
}

/* While it is down nobody has a session; when it comes up, all is pushed. */
static void send(struct control_tunnel *tunnel, struct uapi_text *text) {
	if ((text->size > 0 || text->error) && control_tunnel_is_up(tunnel) && tunnel->synced)
		control_net_set(tunnel, text, NULL, NULL);
	uapi_text_done(text);
}

/* Loading: */

struct loading {
	struct control *control;
	const struct config_tunnel *tunnel;
	struct directory *directory;
};

static enum err load(void *context, const struct store_lease *lease) {
	const struct loading *loading = context;
	struct directory_peer *peer;
	struct {
		struct store_user user;
	} s;
	WIPE_ON_EXIT(s);
	enum err error = store_users_get(loading->control->store, lease->user, &s.user);
	if (!error)
		error =
			control_logins_add_member(loading->directory, loading->tunnel, &s.user, lease, &peer);
	if (!error)
		control_logins_expires(loading->control, s.user.expires);
	return error;
}

enum err control_logins_load(struct control *control, const struct config_tunnel *tunnel,
							 struct directory *directory) {
	struct loading loading = {control, tunnel, directory};
	if (!tunnel->logs_in || tunnel->role != CONFIG_SERVER || !control->store)
		return ERR_OK;
	return store_leases_each(control->store, tunnel->name, load, &loading);
}

/* Standing: */

static bool is_in(const struct config_texts *groups, const struct store_user *user) {
	for (size_t i = 0; i < groups->count; i++)
		for (size_t j = 0; j < user->group_count; j++)
			if (strcmp(groups->items[i], user->groups[j]) == 0)
				return true;
	return groups->count == 0;
}

enum control_logins_end control_logins_standing(const struct control_tunnel *tunnel,
												const struct store_user *user) {
	if (user->disabled || !is_in(&tunnel->config->login.groups, user))
		return CONTROL_LOGINS_REVOKED;
	if (user->expires > 0 && user->expires <= clock_wall_now() / CLOCK_SECOND)
		return CONTROL_LOGINS_EXPIRED;
	return control_logins_left(tunnel->control, user) > 0 ? CONTROL_LOGINS_STAYS
														  : CONTROL_LOGINS_QUOTA;
}

/* The device begins: */

struct pushing {
	struct control_tunnel *tunnel;
	struct uapi_text text;
};

static enum err push(void *context, const struct store_lease *lease) {
	struct pushing *pushing = context;
	const struct control_tunnel *tunnel = pushing->tunnel;
	struct store *store = tunnel->control->store;
	const struct directory_peer *member = directory_find_key(tunnel->directory, lease->member);
	struct store_ticket ticket;
	struct {
		struct store_user user;
	} s;
	WIPE_ON_EXIT(s);
	if (!member || member->origin != DIRECTORY_STORE)
		return ERR_OK;
	enum err error = store_users_get(store, lease->user, &s.user);
	if (error)
		return error;
	const enum control_logins_end code = control_logins_standing(tunnel, &s.user);
	if (code) {
		if (member->known)
			put_end(&pushing->text, lease->member, code);
		return store_tickets_remove(store, tunnel->name, lease->member);
	}
	error = store_tickets_find(store, tunnel->name, lease->member, &ticket);
	if (error && error != ERR_NOT_FOUND)
		return error;
	/* A device that goes on knows its tickets, perhaps a newer one. */
	const bool goes_on = member->known || member->watched.session;
	if (!error || goes_on)
		control_logins_put_member(&pushing->text, tunnel, &s.user, lease);
	if (!error && !goes_on)
		put_ticket(&pushing->text, &ticket);
	return ERR_OK;
}

/* Users went while nobody could tell the device. */
static void remove_others(const struct control_tunnel *tunnel, struct uapi_text *text) {
	list_for_each (link, directory_peers(tunnel->directory)) {
		const struct directory_peer *peer = list_item(link, struct directory_peer, link);
		if (peer->origin == DIRECTORY_DEVICE)
			directory_put_removal(text, peer->public_key);
	}
}

static enum err push_server(void *context, const struct store_ticket *ticket) {
	struct pushing *pushing = context;
	const struct directory_peer *server =
		directory_find_key(pushing->tunnel->directory, ticket->member);
	if (!server || server->watched.session)
		return ERR_OK;
	uapi_put_key(&pushing->text, "public_key", ticket->member);
	uapi_put_line(&pushing->text, "update_only=true");
	put_ticket(&pushing->text, ticket);
	return ERR_OK;
}

void control_logins_push(struct control_tunnel *tunnel) {
	struct store *store = tunnel->control->store;
	struct pushing pushing = {.tunnel = tunnel};
	if (!store || !tunnel->control->logins)
		return;
	enum err error = store_tickets_trim(store, clock_wall_now() / CLOCK_SECOND);
	if (error)
		log_error("tickets that are old stay in the store: %s", err_text(error));
	if (control_logins_is_server(tunnel)) {
		remove_others(tunnel, &pushing.text);
		error = store_leases_each(store, tunnel->name, push, &pushing);
	} else {
		error = store_tickets_each(store, tunnel->name, push_server, &pushing);
	}
	if (error)
		log_error("%s: leases and tickets of the store: %s", tunnel->name, err_text(error));
	send(tunnel, &pushing.text);
}

void control_logins_recheck(struct control_tunnel *tunnel) {
	if (tunnel->synced && control_logins_is_server(tunnel))
		control_logins_push(tunnel);
}

/* A user is another: */

/* Calls visit() for each member of the user that there is anywhere. */
static void each_member(struct control *control, const struct store_user *user,
						void (*visit)(struct control_tunnel *tunnel, struct directory_peer *member,
									  uint32_t number, const struct store_user *user,
									  enum control_logins_end code, struct uapi_text *text),
						enum control_logins_end code) {
	char name[CONTROL_LOGINS_MEMBER_SIZE];
	for (size_t i = 0; i < CONFIG_TUNNELS_MAX; i++) {
		struct control_tunnel *tunnel = &control->tunnels[i];
		struct uapi_text text = {.data = NULL};
		if (!control_logins_is_server(tunnel))
			continue;
		for (uint32_t number = 1; number <= STORE_DEVICES_MAX; number++) {
			control_logins_member_name(user, number, name);
			struct directory_peer *member = directory_find_name(tunnel->directory, name);
			if (member && member->origin == DIRECTORY_STORE)
				visit(tunnel, member, number, user, code, &text);
		}
		send(tunnel, &text);
	}
}

static void end_member(struct control_tunnel *tunnel, struct directory_peer *member,
					   uint32_t number, const struct store_user *user, enum control_logins_end code,
					   struct uapi_text *text) {
	put_end(text, member->public_key, code);
}

void control_logins_end_user(struct control *control, const struct store_user *user,
							 enum control_logins_end code) {
	each_member(control, user, end_member, code);
	enum err error = store_tickets_remove_user(control->store, user->id);
	if (error)
		log_error("tickets of %s stay in the store: %s", user->name, err_text(error));
}

static void remove_member(struct control_tunnel *tunnel, struct directory_peer *member,
						  uint32_t number, const struct store_user *user,
						  enum control_logins_end code, struct uapi_text *text) {
	directory_put_removal(text, member->public_key);
	directory_remove(tunnel->directory, member);
}

/* More than he may have now: the last ones go, with their leases. */
static void drop_member(struct control_tunnel *tunnel, struct directory_peer *member,
						const struct store_user *user, struct uapi_text *text) {
	enum err error = store_leases_remove(tunnel->control->store, tunnel->name, member->public_key);
	if (error && error != ERR_NOT_FOUND) {
		log_error("%s: the lease of %s stays: %s", tunnel->name, member->name, err_text(error));
		return;
	}
	directory_put_removal(text, member->public_key);
	directory_remove(tunnel->directory, member);
}

static void limit_member(struct control_tunnel *tunnel, struct directory_peer *member,
						 uint32_t number, const struct store_user *user,
						 enum control_logins_end code, struct uapi_text *text) {
	if (number > user->devices) {
		drop_member(tunnel, member, user, text);
		return;
	}
	code = control_logins_standing(tunnel, user);
	if (code) {
		put_end(text, member->public_key, code);
		enum err error =
			store_tickets_remove(tunnel->control->store, tunnel->name, member->public_key);
		if (error)
			log_error("%s: the ticket of %s stays in the store: %s", tunnel->name, member->name,
					  err_text(error));
		return;
	}
	uapi_put_key(text, "public_key", member->public_key);
	uapi_put_line(text, "update_only=true");
	put_limits(text, tunnel->control, user);
}

void control_logins_limit_user(struct control *control, const struct store_user *user) {
	each_member(control, user, limit_member, CONTROL_LOGINS_STAYS);
}

void control_logins_changed(struct control *control, const struct store_user *user,
							enum control_users_change change) {
	if (!control->logins || !control->store)
		return;
	control_logins_expires(control, user->expires);
	switch (change) {
	case CONTROL_USERS_LIMITS:
		control_logins_limit_user(control, user);
		break;
	case CONTROL_USERS_LOCKED:
		control_logins_limit_user(control, user);
		control_logins_end_user(control, user, CONTROL_LOGINS_REVOKED);
		break;
	case CONTROL_USERS_REMOVING:
		each_member(control, user, remove_member, CONTROL_LOGINS_REVOKED);
		break;
	}
}

/* Tickets: */

static enum err put(struct store *store, const struct control_tunnel *tunnel,
					const struct process_ticket *told) {
	struct store_ticket ticket = {.size = told->size, .until = told->until};
	memcpy(ticket.member, told->public_key, sizeof ticket.member);
	memcpy(ticket.hash, told->hash, sizeof ticket.hash);
	memcpy(ticket.sealed, told->sealed, told->size);
	return control_logins_is_server(tunnel)
			   ? store_tickets_put_member(store, tunnel->name, &ticket)
			   : store_tickets_put_server(store, tunnel->name, &ticket);
}

void control_logins_ticket(struct control *control, const struct process_message *message) {
	const struct control_tunnel *tunnel = control_tunnel_of_slot(control, message->tunnel);
	const struct process_ticket *told = &message->ticket;
	struct store *store = control->store;
	if (!tunnel || !tunnel->config->logs_in || !store || !control->logins ||
		!directory_find_key(tunnel->directory, told->public_key))
		return;
	enum err error = told->size > 0 ? put(store, tunnel, told)
									: store_tickets_remove(store, tunnel->name, told->public_key);
	/* The lease may have gone while the message was under way. */
	if (error && error != ERR_NOT_FOUND)
		log_limited(&control->logins->unkept, LOG_ERROR, "%s: a ticket was not kept: %s",
					tunnel->name, err_text(error));
}
