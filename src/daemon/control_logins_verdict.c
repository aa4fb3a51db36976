/* Who has shown who he is: whether he is let in, and as which member. */
#include <string.h>

#include "base/clock.h"
#include "base/wipe.h"
#include "crypto/member.h"
#include "daemon/control_logins_core.h"

/* As far as anybody else is to learn there is no such user. */
static bool is_known(const struct control_login *login, const struct store_user *user) {
	bool needs_password = false, needs_certificate = false;
	const struct config_texts *demands = &login->tunnel->config->login.demands;
	for (size_t i = 0; i < demands->count; i++) {
		needs_password |= strcmp(demands->items[i], "password") == 0;
		needs_certificate |= strcmp(demands->items[i], "certificate") == 0;
	}
	return (!needs_password || login->password_size > 0) &&
		   (!needs_certificate || login->by_certificate) &&
		   control_logins_standing(login->tunnel, user) != CONTROL_LOGINS_REVOKED;
}

static enum process_reject judge(const struct control_login *login, struct store_user *out_user) {
	enum err error = store_users_find(login->control->store, login->user, out_user);
	if (error)
		return error == ERR_NOT_FOUND ? PROCESS_REJECT_CREDENTIALS : PROCESS_REJECT_BUSY;
	if (!is_known(login, out_user))
		return PROCESS_REJECT_CREDENTIALS;
	/* It became another while this one was looked at. */
	if (login->password_size > 0 && strcmp(login->hash, out_user->password) != 0)
		return PROCESS_REJECT_BUSY;
	switch (control_logins_standing(login->tunnel, out_user)) {
	case CONTROL_LOGINS_EXPIRED:
		return PROCESS_REJECT_EXPIRED;
	case CONTROL_LOGINS_QUOTA:
		return PROCESS_REJECT_QUOTA;
	default:
		return PROCESS_ACCEPTED;
	}
}

/* A member: */

/* The user's leases of the tunnel, those used last first. */
struct choice {
	const struct control_tunnel *tunnel;
	const struct endpoint *from;
	uint32_t devices;
	bool taken[STORE_DEVICES_MAX + 1]; /* by number */
	bool found, is_same;
	struct store_lease lease;
};

/*
 * Who comes from the very address and port that a session has is the device that has it, and has
 * lost it, or gave it up unheard.
 */
static bool is_same(const struct choice *choice, const struct directory_peer *member) {
	return member && endpoint_equal(&member->watched.from, choice->from);
}

static enum err look(void *context, const char *tunnel, const struct store_lease *lease) {
	struct choice *choice = context;
	if (lease->number > STORE_DEVICES_MAX)
		return ERR_OK;
	choice->taken[lease->number] = true;
	const struct directory_peer *member =
		directory_find_key(choice->tunnel->directory, lease->member);
	bool is_busy =
		member && (member->watched.session || clock_now() < member->watched.reserved_until);
	const bool same = is_same(choice, member);
	if (choice->is_same || (!same && (choice->found || is_busy)) || lease->number > choice->devices)
		return ERR_OK;
	choice->found = true;
	choice->is_same = same;
	choice->lease = *lease;
	return ERR_OK;
}

static enum err give_addresses(const struct control_tunnel *tunnel, struct store_lease *lease) {
	struct prefix prefixes[DIRECTORY_ADDRESSES_MAX];
	size_t count;
	enum err error =
		directory_next_addresses(tunnel->directory, &tunnel->config->addresses, prefixes, &count);
	if (error)
		return error;
	lease->v4 = lease->v6 = (struct address){.family = ADDRESS_NONE};
	for (size_t i = 0; i < count; i++)
		*(prefixes[i].address.family == ADDRESS_V4 ? &lease->v4 : &lease->v6) = prefixes[i].address;
	return ERR_OK;
}

/* An address that was another's until just now: the device hears of both in order. */
static void forget_member(struct control_tunnel *tunnel, const uint8_t key[static TEXT_KEY_SIZE]) {
	struct directory_peer *member = directory_find_key(tunnel->directory, key);
	if (member && member->origin == DIRECTORY_STORE)
		directory_remove(tunnel->directory, member);
}

static enum process_reject reject_of(enum err error) {
	return error == ERR_LIMIT || error == ERR_NOT_FOUND ? PROCESS_REJECT_ADDRESS
														: PROCESS_REJECT_BUSY;
}

static enum err keep(struct control *control, const char *tunnel, const struct store_user *user,
					 const struct store_lease *lease, bool is_new) {
	enum err error = store_begin(control->store);
	if (error)
		return error;
	error = is_new ? store_leases_add(control->store, tunnel, lease)
				   : store_leases_change(control->store, tunnel, lease);
	if (!error)
		error = store_users_use(control->store, user->id, 0, lease->used);
	if (!error)
		return store_commit(control->store);
	store_rollback(control->store);
	return error;
}

/* Should one of the devices have ended unheard, the next time will know. */
static void look_again(struct control_tunnel *tunnel) {
	struct control *control = tunnel->control;
	uint64_t *next = &control->logins->tunnels[tunnel - control->tunnels].figures_at,
			 now = clock_now();
	if (now >= *next && control_net_refresh(tunnel))
		*next = now + CONTROL_LOGINS_FIGURES_INTERVAL;
}

/* text: what the device has to hear before it has the lease. */
static enum process_reject choose(const struct control_login *login, const struct store_user *user,
								  struct store_lease *out_lease, struct uapi_text *text) {
	struct control *control = login->control;
	struct control_tunnel *tunnel = login->tunnel;
	struct choice choice = {.tunnel = tunnel, .from = &login->from, .devices = user->devices};
	if (store_leases_of(control->store, tunnel->name, user->id, look, &choice))
		return PROCESS_REJECT_BUSY;
	const bool is_new = !choice.found;
	struct store_lease *lease = &choice.lease;
	if (is_new) {
		uint32_t number = 1;
		while (number <= user->devices && choice.taken[number])
			number++;
		if (number > user->devices) {
			look_again(tunnel);
			return PROCESS_REJECT_DEVICES;
		}
		lease->user = user->id;
		lease->epoch = user->epoch;
		lease->number = number;
		if (member_identity(tunnel->name, user->name, number, lease->member))
			return PROCESS_REJECT_BUSY;
	}
	enum err error = ERR_OK;
	if (is_new || !control_logins_has_place(&tunnel->config->addresses, lease)) {
		forget_member(tunnel, lease->member);
		error = give_addresses(tunnel, lease);
		if (error == ERR_LIMIT && control_logins_reclaim(tunnel, text))
			error = give_addresses(tunnel, lease);
	}
	if (error)
		return reject_of(error);
	lease->used = clock_wall_now() / CLOCK_SECOND;
	error = keep(control, tunnel->name, user, lease, is_new);
	if (error) {
		log_limited(&control->logins->unkept, LOG_ERROR, "%s: a lease was not kept: %s",
					tunnel->name, err_text(error));
		return PROCESS_REJECT_BUSY;
	}
	*out_lease = *lease;
	return PROCESS_ACCEPTED;
}

static void set_done(void *context, int number, const char *text) {
	struct control_login *login = context;
	struct directory_peer *member =
		login->tunnel->config ? directory_find_key(login->tunnel->directory, login->member) : NULL;
	enum err error = ERR_OK;
	if (!number && login->epoch > 0 && login->control->store) {
		control_logins_keep_tickets(login->control); /* those of before */
		error = store_leases_ended(login->control->store, login->tunnel->name, login->member,
								   login->epoch);
	}
	if (error && error != ERR_NOT_FOUND)
		log_error("%s: what the device did is not kept: %s", login->tunnel->name, err_text(error));
	/* Nobody will come. */
	if (member && (number || login->abandoned))
		member->watched.reserved_until = 0;
	/* The user may have been removed meanwhile, and the device hear of that only later. */
	control_logins_answer(login, number || !member ? PROCESS_REJECT_BUSY : PROCESS_ACCEPTED);
}

static enum process_reject let_in(struct control_login *login, const struct store_user *user) {
	struct control_tunnel *tunnel = login->tunnel;
	struct directory_peer *member = NULL;
	struct store_lease lease;
	struct control_logins_order order = {0};
	enum process_reject reject = choose(login, user, &lease, &order.text);
	enum err error = reject ? ERR_OK
							: control_logins_add_member(tunnel->directory, tunnel->config, user,
														&lease, &member);
	if (!reject && !member)
		reject = error == ERR_NO_MEMORY ? PROCESS_REJECT_BUSY : PROCESS_REJECT_ADDRESS;
	if (reject) {
		control_logins_send(tunnel, &order);
		return reject;
	}
	member->watched.reserved_until = clock_now() + CONTROL_LOGINS_RESERVED;
	member->watched.from = login->from;
	memcpy(login->member, lease.member, sizeof login->member);
	login->state = CONTROL_LOGIN_SETTING;
	/* A session of before the user was locked may still be there. */
	if (lease.epoch < user->epoch) {
		control_logins_put_end(&order.text, lease.member, CONTROL_LOGINS_REVOKED);
		login->epoch = user->epoch;
	}
	control_logins_put_member(&order.text, tunnel, user, &lease);
	control_net_set(tunnel, &order.text, set_done, login);
	uapi_text_done(&order.text);
	return PROCESS_ACCEPTED;
}

void control_logins_admit(struct control_login *login) {
	struct control_logins *logins = login->control->logins;
	struct {
		struct store_user user;
	} s;
	WIPE_ON_EXIT(s);
	bool is_there = !login->abandoned && !login->control->stop && login->tunnel->config &&
					login->tunnel->run == login->run && control_tunnel_is_up(login->tunnel);
	if (!is_there) {
		control_logins_answer(login, PROCESS_REJECT_BUSY);
		return;
	}
	enum process_reject reject = judge(login, &s.user);
	if (reject == PROCESS_REJECT_CREDENTIALS)
		guess_delay_wrong(logins->delay, login->delay_key, clock_now());
	else
		guess_delay_right(logins->delay, login->delay_key);
	if (!reject)
		reject = let_in(login, &s.user);
	if (reject)
		control_logins_answer(login, reject);
}
