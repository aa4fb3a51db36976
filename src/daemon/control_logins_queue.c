/*
 * Logins that wait for their turn, and whether their passwords are right.
 *
 * One network may fill the queue as long as nobody else comes: an office behind one address is
 * served as fast as passwords can be looked at. Networks take turns: one's first comes behind who
 * is looked at now, each of its others one turn after the one before. Where there is no room, the
 * last one of the network that has most is sent away for one of a network that has less.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/wipe.h"
#include "daemon/control_logins_core.h"
#include "daemon/shared_text.h"
#include "loop/control_work.h"

/* Answers: */

static void send_verdict(struct control *control, uint16_t slot,
						 const struct process_verdict *verdict) {
	const struct process_message message = {
		.type = PROCESS_VERDICT, .tunnel = slot, .verdict = *verdict};
	enum err error = control_channel_send(&control->net, &message, -1);
	if (error && error != ERR_CLOSED)
		log_limited(&control->logins->unanswered, LOG_WARNING, "a login was not answered: %s",
					err_text(error));
}

static bool is_loaded(const struct control_logins *logins) {
	return logins->count >= CONTROL_LOGINS_MAX / 2;
}

static const char *why(enum process_reject reject) {
	static const char *const words[PROCESS_REJECTS] = {
		[PROCESS_ACCEPTED] = "accepted",
		[PROCESS_REJECT_CREDENTIALS] = "wrong credentials",
		[PROCESS_REJECT_BUSY] = "too busy, or too soon after a wrong guess",
		[PROCESS_REJECT_EXPIRED] = "the account has expired",
		[PROCESS_REJECT_QUOTA] = "the quota is used up",
		[PROCESS_REJECT_DEVICES] = "all devices of the user are logged in",
		[PROCESS_REJECT_ADDRESS] = "no address is free",
	};
	return words[reject];
}

/* Not the name that was given: people type passwords there. */
static void tell(struct control_login *login, enum process_reject reject) {
	char from[ENDPOINT_TEXT_SIZE];
	endpoint_format(&login->from, from);
	login->tunnel->logins[reject]++;
	if (reject == PROCESS_ACCEPTED) {
		const struct directory_peer *member =
			directory_find_key(login->tunnel->directory, login->member);
		log_info("%s: %s logged in from %s", login->tunnel->name,
				 member ? member->name : login->user, from);
	} else {
		log_limited(&login->control->logins->refused, LOG_INFO,
					"%s: a login from %s was refused: %s", login->tunnel->name, from, why(reject));
	}
}

static bool is_current(const struct control_login *login) {
	const struct control_tunnel *tunnel = login->tunnel;
	return !login->abandoned && control_tunnel_is_up(tunnel) && tunnel->run == login->run &&
		   login->control->net_starts == login->net_start;
}

void control_logins_answer(struct control_login *login, enum process_reject reject) {
	struct control *control = login->control;
	list_remove(&login->link);
	control->logins->count--;
	if (is_current(login)) {
		struct process_verdict verdict = {
			.id = login->id, .reject = (uint8_t)reject, .loaded = is_loaded(control->logins)};
		if (reject == PROCESS_ACCEPTED)
			memcpy(verdict.public_key, login->member, sizeof verdict.public_key);
		send_verdict(control, login->slot, &verdict);
		tell(login, reject);
	}
	wipe(login, sizeof *login);
	free(login);
}

/* One after the other: */

static void look_on_thread(void *context) {
	struct control_login *login = context;
	const struct slice password = slice_of(login->password, login->password_size);
	login->result = ERR_MALFORMED;
	if (login->hash[0] != '\0')
		login->result = password_verify(password, login->hash);
	if (login->result == ERR_MALFORMED)
		login->result = password_pretend(password);
}

static void looked(void *context) {
	struct control_login *login = context;
	struct control *control = login->control;
	struct control_logins *logins = control->logins;
	logins->running--;
	if (login->result || !login->abandoned)
		wipe(login->password, sizeof login->password);
	if (login->result == ERR_AUTHENTICATION) {
		/* Also of who has gone meanwhile: he might come back by the answer that he guesses. */
		guess_delay_wrong(logins->delay, login->delay_key, clock_now());
		control_logins_answer(login, PROCESS_REJECT_CREDENTIALS);
	} else if (login->result) {
		log_limited(&logins->unanswered, LOG_ERROR, "a password could not be looked at: %s",
					err_text(login->result));
		control_logins_answer(login, PROCESS_REJECT_BUSY);
	} else if (login->abandoned) {
		control_logins_keep_late(login);
	} else {
		control_logins_admit(login);
	}
	if (control->stop)
		return;
	control_logins_next(control);
	control_run(control);
}

static void start(struct control_login *login) {
	struct control_logins *logins = login->control->logins;
	struct {
		struct store_user user;
	} s;
	WIPE_ON_EXIT(s);
	if (guess_delay_left(logins->delay, login->delay_key, clock_now()) > 0) {
		control_logins_answer(login, PROCESS_REJECT_BUSY);
		return;
	}
	if (login->password_size == 0) {
		control_logins_admit(login);
		return;
	}
	if (store_users_find(login->control->store, login->user, &s.user) == ERR_OK)
		memcpy(login->hash, s.user.password, sizeof login->hash);
	if (control_work_start(login->control->loop, look_on_thread, looked, login)) {
		control_logins_answer(login, PROCESS_REJECT_BUSY);
		return;
	}
	login->state = CONTROL_LOGIN_RUNNING;
	logins->running++;
}

/* An IPv4 address, or the /64 that an IPv6 address is of. */
static bool same_source(const struct address *left, const struct address *right) {
	enum { V6_BITS = 64 };
	struct prefix one = {.address = *left, .length = V6_BITS};
	struct prefix two = {.address = *right, .length = V6_BITS};
	if (left->family != ADDRESS_V6 || right->family != ADDRESS_V6)
		return address_equal(left, right);
	prefix_mask(&one);
	prefix_mask(&two);
	return prefix_equal(&one, &two);
}

/* What is being looked at tells whether the next guess has to wait; and a source gets one at a
 * time. */
static bool has_turn(const struct control_login *login) {
	list_for_each (link, &login->control->logins->items) {
		const struct control_login *other = list_item(link, struct control_login, link);
		if (other->state == CONTROL_LOGIN_RUNNING &&
			(other->delay_key == login->delay_key ||
			 same_source(&other->from.address, &login->from.address)))
			return false;
	}
	return true;
}

/* Of those who waited too long nobody would hear. */
static void send_away_late(struct control_logins *logins) {
	const uint64_t now = clock_now();
	list_for_each (link, &logins->items) {
		struct control_login *login = list_item(link, struct control_login, link);
		if (login->state == CONTROL_LOGIN_WAITING && now - login->since > CONTROL_LOGINS_PATIENCE)
			control_logins_answer(login, PROCESS_REJECT_BUSY);
	}
}

static struct control_login *find_next(const struct control_logins *logins) {
	struct control_login *next = NULL;
	list_for_each (link, &logins->items) {
		struct control_login *login = list_item(link, struct control_login, link);
		if (login->state == CONTROL_LOGIN_WAITING && (!next || login->turn < next->turn) &&
			has_turn(login))
			next = login;
	}
	return next;
}

void control_logins_next(struct control *control) {
	struct control_logins *logins = control->logins;
	struct control_login *login;
	send_away_late(logins);
	while (logins->running < logins->running_max && (login = find_next(logins)) != NULL) {
		if (login->turn > logins->turn)
			logins->turn = login->turn;
		start(login);
	}
}

/* Questions: */

static size_t count_of(const struct control_logins *logins, uint64_t network) {
	size_t count = 0;
	list_for_each (link, &logins->items)
		count += list_item(link, struct control_login, link)->network == network;
	return count;
}

/* False: nobody who waits has to go for one of that network. */
static bool make_room(struct control_logins *logins, uint64_t network) {
	size_t most = count_of(logins, network) + 1;
	struct control_login *last = NULL;
	if (logins->count < CONTROL_LOGINS_MAX)
		return true;
	list_for_each (link, &logins->items) {
		struct control_login *login = list_item(link, struct control_login, link);
		const size_t count =
			login->state == CONTROL_LOGIN_WAITING ? count_of(logins, login->network) : 0;
		if (count > most || (last && count == most && login->network == last->network)) {
			most = count;
			last = login;
		}
	}
	if (last)
		control_logins_answer(last, PROCESS_REJECT_BUSY);
	return last != NULL;
}

static uint64_t turn_of(const struct control_logins *logins, uint64_t network) {
	uint64_t turn = logins->turn;
	list_for_each (link, &logins->items) {
		const struct control_login *other = list_item(link, struct control_login, link);
		if (other->network == network && other->turn >= turn)
			turn = other->turn + 1;
	}
	return turn;
}

/* Until the peers' figures are here it is not known which members have a session. */
static bool can_judge(const struct control_tunnel *tunnel) {
	return tunnel && control_logins_is_server(tunnel) && tunnel->synced && tunnel->control->store;
}

static void admit_again(struct control_login *login) {
	const struct control_logins *logins = login->control->logins;
	wipe(login->password, sizeof login->password);
	if (guess_delay_left(logins->delay, login->delay_key, clock_now()) > 0)
		control_logins_answer(login, PROCESS_REJECT_BUSY);
	else
		control_logins_admit(login);
}

static enum err take(struct control_tunnel *tunnel, const struct process_message *message,
					 const struct process_login *asked) {
	struct control *control = tunnel->control;
	struct control_logins *logins = control->logins;
	const struct slice nobody = slice_of(NULL, 0);
	const uint64_t network = guess_delay_key(logins->delay, nobody, &asked->from.address);
	struct control_login *login = calloc(1, sizeof *login);
	if (!login)
		return ERR_NO_MEMORY;
	*login = (struct control_login){
		.control = control,
		.tunnel = tunnel,
		.run = tunnel->run,
		.net_start = control->net_starts,
		.slot = message->tunnel,
		.id = message->login.id,
		.by_certificate = asked->by_certificate,
		.from = asked->from,
		.delay_key = guess_delay_key(logins->delay, asked->user, &asked->from.address),
		.network = network,
		.turn = turn_of(logins, network),
		.since = clock_now(),
		.password_size = asked->password.size,
	};
	if (asked->user.size < sizeof login->user)
		memcpy(login->user, asked->user.data, asked->user.size);
	if (asked->password.size > 0)
		memcpy(login->password, asked->password.data, asked->password.size);
	/* Neither has to wait, so that nobody has to go for it. */
	const bool is_under_way = control_logins_take_over(login),
			   was_right = !is_under_way && control_logins_was_right(login);
	if (is_under_way || (!was_right && !make_room(logins, network))) {
		wipe(login, sizeof *login);
		free(login);
		return is_under_way ? ERR_OK : ERR_LIMIT;
	}
	list_append(&logins->items, &login->link);
	logins->count++;
	if (was_right)
		admit_again(login);
	return ERR_OK;
}

void control_logins_ask(struct control *control, const struct channel_message *message) {
	const struct process_message *body = &message->message;
	struct control_tunnel *tunnel = control_tunnel_of_slot(control, body->tunnel);
	struct process_login asked;
	char *data = NULL;
	size_t size = 0;
	enum err error = ERR_CLOSED;
	if (!control->logins)
		return; /* who asked waits for nobody for long */
	if (can_judge(tunnel) && message->count == 1)
		error = shared_text_size(message->descriptors[0], PROCESS_LOGIN_SIZE_MAX, &size);
	if (!error)
		error = shared_text_read(message->descriptors[0], &data, &size);
	if (!error)
		error = process_login_decode((const uint8_t *)data, size, &asked);
	if (!error)
		error = take(tunnel, body, &asked);
	if (data)
		wipe(data, size);
	free(data);
	if (!error) {
		control_logins_next(control);
		return;
	}
	const struct process_verdict busy = {
		.id = body->login.id, .reject = PROCESS_REJECT_BUSY, .loaded = is_loaded(control->logins)};
	send_verdict(control, body->tunnel, &busy);
	if (tunnel)
		tunnel->logins[PROCESS_REJECT_BUSY]++;
}

void control_logins_abandon(struct control *control, const struct process_message *message) {
	if (!control->logins)
		return;
	list_for_each (link, &control->logins->items) {
		struct control_login *login = list_item(link, struct control_login, link);
		if (login->slot != message->tunnel || login->id != message->login.id)
			continue;
		login->abandoned = true;
		if (login->state == CONTROL_LOGIN_WAITING)
			control_logins_answer(login, PROCESS_REJECT_BUSY);
		return;
	}
}
