/* Leases of the store as a tunnel's members: when it is read, and when its device begins. */
#include <string.h>

#include "base/clock.h"
#include "base/wipe.h"
#include "daemon/control_logins_core.h"

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

/* The device begins: */

static void put_ticket(struct uapi_text *text, const struct store_ticket *ticket) {
	struct uapi_ticket told = {.size = ticket->size};
	memcpy(told.hash, ticket->hash, sizeof told.hash);
	memcpy(told.sealed, ticket->sealed, ticket->size);
	uapi_put_ticket(text, "ticket", &told);
}

struct pushing {
	struct control_tunnel *tunnel;
	/* Who has to go comes first, by itself: nothing that is wrong with others keeps him. */
	struct control_logins_order ends, others;
};

/* Also of who was locked, where the device may not know of that yet. */
static void put_end(struct control_logins_order *order, const struct store_lease *lease,
					const struct store_user *user, enum control_logins_end code) {
	control_logins_put_end(&order->text, lease->member, code);
	if (lease->epoch < user->epoch)
		control_logins_owe(order, lease->member, user->epoch);
}

static enum err push(void *context, const struct store_lease *lease) {
	struct pushing *pushing = context;
	const struct control_tunnel *tunnel = pushing->tunnel;
	struct store *store = tunnel->control->store;
	struct directory_peer *member = directory_find_key(tunnel->directory, lease->member);
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
	/* He was to have fewer, and it was not carried out. */
	if (lease->number > s.user.devices) {
		control_logins_drop_member(tunnel, member, &pushing->ends.text);
		return ERR_OK;
	}
	enum control_logins_end code = control_logins_standing(tunnel, &s.user);
	/* The next login has another one; by a ticket it would be the same. */
	if (!code && control_logins_is_outside(&tunnel->config->addresses, lease))
		code = CONTROL_LOGINS_REVOKED;
	if (code) {
		put_end(&pushing->ends, lease, &s.user, code);
		return store_tickets_remove(store, tunnel->name, lease->member);
	}
	if (lease->epoch < s.user.epoch)
		put_end(&pushing->ends, lease, &s.user, CONTROL_LOGINS_REVOKED);
	error = store_tickets_find(store, tunnel->name, lease->member, &ticket);
	if (error && error != ERR_NOT_FOUND)
		return error;
	/* A device that goes on knows its tickets, perhaps a newer one. */
	const bool goes_on =
		member->known || member->watched.session || member->watched.reserved_until > 0;
	if (!error || goes_on)
		control_logins_put_member(&pushing->others.text, tunnel, &s.user, lease);
	if (!error && !goes_on)
		put_ticket(&pushing->others.text, &ticket);
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
	uapi_put_key(&pushing->others.text, "public_key", ticket->member);
	uapi_put_line(&pushing->others.text, "update_only=true");
	put_ticket(&pushing->others.text, ticket);
	return ERR_OK;
}

/* Each is judged by the configuration and the store of now. Tickets that go do so with one write to
 * the disk. */
static enum err push_members(struct pushing *pushing) {
	struct control_tunnel *tunnel = pushing->tunnel;
	struct store *store = tunnel->control->store;
	enum err error = store_begin(store);
	if (error)
		return error;
	remove_others(tunnel, &pushing->others.text);
	error = store_leases_each(store, tunnel->name, push, pushing);
	enum err kept = store_commit(store);
	return error ? error : kept;
}

void control_logins_push(struct control_tunnel *tunnel) {
	control_logins_keep_tickets(tunnel->control);
	struct store *store = tunnel->control->store;
	struct pushing pushing = {.tunnel = tunnel};
	if (!store || !tunnel->control->logins)
		return;
	enum err error = store_tickets_trim(store, clock_wall_now() / CLOCK_SECOND);
	if (error)
		log_error("tickets that are old stay in the store: %s", err_text(error));
	error = control_logins_is_server(tunnel)
				? push_members(&pushing)
				: store_tickets_each(store, tunnel->name, push_server, &pushing);
	if (error) {
		log_error("%s: leases and tickets of the store: %s", tunnel->name, err_text(error));
		control_logins_doubt(tunnel);
	}
	control_logins_send(tunnel, &pushing.ends);
	control_logins_send(tunnel, &pushing.others);
}

void control_logins_recheck(struct control_tunnel *tunnel) {
	if (tunnel->synced && control_logins_is_server(tunnel))
		control_logins_push(tunnel);
}
