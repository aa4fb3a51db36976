/* The judge of logins: what comes, and what is due. */
#include "daemon/control_logins.h"

#include <stdlib.h>

#include "base/clock.h"
#include "crypto/csprng.h"
#include "daemon/control_logins_core.h"
#include "loop/control_work.h"

/* Half of the processors, but two: they give way to who moves packets (loop/control_work.h). */
size_t control_logins_threads(unsigned processors) {
	const size_t half = processors / 2, least = processors < 2 ? 1 : 2;
	const size_t wanted = half > least ? half : least;
	return wanted < CONTROL_LOGINS_RUNNING_MAX ? wanted : CONTROL_LOGINS_RUNNING_MAX;
}

enum err control_logins_open(struct control *control) {
	struct control_logins *logins = calloc(1, sizeof *logins);
	if (!logins)
		return ERR_NO_MEMORY;
	list_init(&logins->items);
	list_init(&logins->tickets);
	list_init(&logins->late);
	logins->running_max = control_logins_threads(control_work_processors());
	logins->flush_at = logins->weigh_at = logins->expire_at = logins->repeat_at = CLOCK_NEVER;
	logins->expired = clock_wall_now() / CLOCK_SECOND;
	enum err error = guess_delay_new(&csprng, &logins->delay);
	if (error)
		free(logins);
	else
		control->logins = logins;
	return error;
}

void control_logins_done(struct control *control) {
	struct control_logins *logins = control->logins;
	if (control->loop)
		control_work_finish(control->loop);
	if (!logins)
		return;
	list_for_each (link, &logins->items) {
		struct control_login *login = list_item(link, struct control_login, link);
		login->abandoned = true;
		if (login->state == CONTROL_LOGIN_WAITING)
			control_logins_answer(login, PROCESS_REJECT_BUSY);
	}
	control_logins_flush(control);
	control_logins_late_done(logins);
	guess_delay_free(logins->delay);
	free(logins);
	control->logins = NULL;
}

uint64_t control_logins_run(struct control *control, uint64_t now) {
	control_logins_keep_tickets(control);
	if (!control->logins)
		return CLOCK_NEVER;
	const uint64_t usage = control_logins_usage_run(control, now),
				   orders = control_logins_repeat(control, now),
				   late = control_logins_late_run(control, now),
				   next = usage < orders ? usage : orders;
	return late < next ? late : next;
}

void control_logins_hear(struct control *control, const struct channel_message *message) {
	const struct process_message *body = &message->message;
	if (body->type == PROCESS_LOGIN)
		control_logins_ask(control, message);
	else if (body->type == PROCESS_ABANDON)
		control_logins_abandon(control, body);
	else if (body->type == PROCESS_TICKET)
		control_logins_ticket(control, body);
	else if (body->type == PROCESS_USED)
		control_logins_used(control, body);
}

void control_logins_began(struct control_tunnel *tunnel, struct directory_peer *member) {
	if (!tunnel->config->logs_in)
		return;
	member->watched.session = true;
	member->watched.reserved_until = 0;
	if (control_logins_is_server(tunnel))
		control_logins_seen(tunnel->control, member);
}

/* Words for codes; others are those of protocols to come. */
static const char *why(uint32_t code) {
	static const char *const words[] = {
		"it was closed", "the server went away",  "it was revoked",
		"it expired",    "the quota was used up", "another took its place",
	};
	return code < sizeof words / sizeof words[0] ? words[code] : words[0];
}

void control_logins_ended(struct control_tunnel *tunnel, struct directory_peer *member,
						  uint32_t code) {
	member->watched.session = false;
	control_api_publish(tunnel->control, "peer.ended", tunnel->name, member->name,
						"the session of %s is over: %s", member->name, why(code));
}

struct view_logins control_logins_figures(const struct control_tunnel *tunnel) {
	static const enum view_login results[PROCESS_REJECTS] = {
		[PROCESS_ACCEPTED] = VIEW_LOGIN_ACCEPTED,
		[PROCESS_REJECT_CREDENTIALS] = VIEW_LOGIN_CREDENTIALS,
		[PROCESS_REJECT_BUSY] = VIEW_LOGIN_BUSY,
		[PROCESS_REJECT_EXPIRED] = VIEW_LOGIN_EXPIRED,
		[PROCESS_REJECT_QUOTA] = VIEW_LOGIN_QUOTA,
		[PROCESS_REJECT_DEVICES] = VIEW_LOGIN_DEVICES,
		[PROCESS_REJECT_ADDRESS] = VIEW_LOGIN_ADDRESS,
	};
	const struct control_logins *logins = tunnel->control->logins;
	struct view_logins figures = {.are_known = logins && control_logins_is_server(tunnel)};
	for (size_t i = 0; i < PROCESS_REJECTS; i++)
		figures.of[results[i]] = tunnel->logins[i];
	if (!figures.are_known)
		return figures;
	list_for_each (link, &logins->items)
		figures.waiting += list_item(link, struct control_login, link)->tunnel == tunnel;
	return figures;
}
