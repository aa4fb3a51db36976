/*
 * Passwords that take longer to be looked at than their client waits, as on a machine that has far
 * too much to do. It comes again each time, and would never hear of a verdict: who comes again
 * while his password is looked at takes that look over, and what was found right after he had gone
 * is known for a while.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/wipe.h"
#include "daemon/control_logins_core.h"

/* A client that was not heard comes again within 2 s, later and later. */
#define KEPT (30 * CLOCK_SECOND)

enum { LATE_MAX = 16 };

/* The same user and network, and password. */
static bool is_same(const struct control_login *one, const struct control_login *other) {
	return one->tunnel == other->tunnel && one->delay_key == other->delay_key &&
		   one->by_certificate == other->by_certificate && strcmp(one->user, other->user) == 0 &&
		   one->password_size == other->password_size &&
		   wipe_equal(one->password, other->password, one->password_size);
}

static void forget(struct control_logins *logins, struct control_login *login) {
	list_remove(&login->link);
	logins->late_count--;
	wipe(login, sizeof *login);
	free(login);
}

bool control_logins_take_over(struct control_login *login) {
	list_for_each (link, &login->control->logins->items) {
		struct control_login *other = list_item(link, struct control_login, link);
		if (other->state != CONTROL_LOGIN_RUNNING || !other->abandoned || !is_same(other, login))
			continue;
		other->abandoned = false;
		other->run = login->run;
		other->net_start = login->net_start;
		other->slot = login->slot;
		other->id = login->id;
		other->from = login->from;
		return true;
	}
	return false;
}

bool control_logins_was_right(struct control_login *login) {
	struct control_logins *logins = login->control->logins;
	list_for_each (link, &logins->late) {
		struct control_login *late = list_item(link, struct control_login, link);
		if (!is_same(late, login))
			continue;
		memcpy(login->hash, late->hash, sizeof login->hash);
		forget(logins, late);
		return true;
	}
	return false;
}

void control_logins_keep_late(struct control_login *login) {
	struct control_logins *logins = login->control->logins;
	const uint64_t now = clock_now();
	log_limited(&logins->unanswered, LOG_WARNING,
				"%s: a password was looked at too late: its client waited for %u s",
				login->tunnel->name, (unsigned)((now - login->since) / CLOCK_SECOND));
	if (logins->late_count == LATE_MAX)
		forget(logins, list_item(logins->late.next, struct control_login, link));
	list_remove(&login->link);
	logins->count--;
	login->since = now;
	list_append(&logins->late, &login->link);
	logins->late_count++;
}

/* The oldest is the first. */
uint64_t control_logins_late_run(struct control *control, uint64_t now) {
	struct control_logins *logins = control->logins;
	list_for_each (link, &logins->late) {
		struct control_login *late = list_item(link, struct control_login, link);
		if (now < late->since + KEPT)
			return late->since + KEPT;
		forget(logins, late);
	}
	return CLOCK_NEVER;
}

void control_logins_late_done(struct control_logins *logins) {
	list_for_each (link, &logins->late)
		forget(logins, list_item(link, struct control_login, link));
}
