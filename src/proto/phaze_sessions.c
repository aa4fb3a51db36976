#include "proto/phaze_sessions.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/wipe.h"
#include "engine/stream_link.h"
#include "proto/phaze_dial.h"
#include "proto/phaze_gate.h"
#include "proto/phaze_tickets.h"

/* What members used is told so often. */
#define TELL_INTERVAL (10 * CLOCK_SECOND)
/* But where too much of that waits, it goes on after so long. */
#define TELL_PAUSE (100 * CLOCK_MILLISECOND)
/* Whose time will be over is looked at so often: the wall clock may be set meanwhile. */
#define SWEEP_INTERVAL (10 * CLOCK_SECOND)

/* One that is not known to be current, and not over. */
struct offered {
	struct list link;
	uint64_t number;
	struct phaze_member *member; /* NULL: it was removed */
	unsigned kills;              /* the member's, when it was brought */
	bool resumed, has_ticket;
	struct phaze_pass pass;
};

static void free_offered(struct offered *offered) {
	list_remove(&offered->link);
	wipe(offered, sizeof *offered);
	free(offered);
}

void phaze_sessions_done(struct device *device) {
	list_for_each (link, &device->offers)
		free_offered(list_item(link, struct offered, link));
}

static struct offered *find_offered(const struct device *device, uint64_t number) {
	list_for_each (link, &device->offers) {
		struct offered *offered = list_item(link, struct offered, link);
		if (offered->number == number)
			return offered;
	}
	return NULL;
}

/* A client's own, or what it is told where that is less, but no less than what it bears. */
static uint32_t in_force(uint32_t own, uint32_t told, uint32_t least) {
	const uint32_t wanted = told < least ? least : told;
	return told > 0 && wanted < own ? wanted : own;
}

bool phaze_sessions_pends(const struct device *device, const struct phaze_member *member) {
	list_for_each (link, &device->offers) {
		const struct offered *offered = list_item(link, struct offered, link);
		if (offered->member == member && offered->resumed)
			return true;
	}
	return false;
}

static enum err hash_ids(const struct phaze_offer *offer, struct phaze_new_session *session) {
	enum err error = offer->used ? phaze_pass_hash(offer->used, session->used) : ERR_OK;
	if (!error && offer->has_ticket)
		error = phaze_pass_hash(offer->established->ticket.id, session->fresh);
	return error;
}

enum err phaze_sessions_offer(struct device *device, const struct phaze_offer *offer,
							  uint64_t *out_number) {
	const struct phaze_settings *settings = &device->settings;
	const struct phaze_established *established = offer->established;
	struct phaze_new_session session = {
		.peer = &offer->member->shared,
		.interface = device->interface,
		.number = device->last_number + 1,
		.resumed = offer->used != NULL,
		.algorithm = established->algorithm,
		.client_id = established->client_id,
		.server_id = established->server_id,
		.keys = established->keys,
		.rekey_seconds = in_force(settings->rekey_seconds, offer->tells->rekey_seconds,
								  PHAZE_TOLD_SECONDS_LEAST),
		.rekey_packets = in_force(settings->rekey_packets, offer->tells->rekey_packets,
								  PHAZE_TOLD_PACKETS_LEAST),
		.keepalive = offer->tells->keepalive ? offer->tells->keepalive : settings->keepalive,
		.to = offer->way->to,
		.from = offer->way->from,
		.link = offer->link,
	};
	WIPE_ON_EXIT(session);
	struct offered *offered = calloc(1, sizeof *offered);
	enum err error = offered ? hash_ids(offer, &session) : ERR_NO_MEMORY;
	if (error)
		stream_link_free(offer->link);
	else
		error = phaze_command_session(device->engine, &session);
	if (error) {
		free(offered);
		return error;
	}
	offered->number = session.number;
	offered->member = offer->member;
	offered->kills = offer->member->kills;
	offered->resumed = session.resumed;
	offered->has_ticket = offer->has_ticket;
	offered->pass = *offer->pass;
	list_init(&offered->link);
	list_append(&device->offers, &offered->link);
	*out_number = device->last_number = session.number;
	return ERR_OK;
}

void phaze_sessions_tell(const struct device *device, const struct phaze_member *member,
						 enum device_event_kind kind, uint32_t count, const char *text) {
	struct device_event event = {.kind = kind, .count = count, .text = text};
	uint32_t sequence;
	if (!device->host->event)
		return;
	memcpy(event.public_key, member->shared.identity, sizeof event.public_key);
	(void)peer_read_endpoint(&member->shared.peer, &event.endpoint, &sequence);
	device->host->event(device->host->context, &event);
}

static uint64_t bytes_of(const struct phaze_member *member) {
	const struct peer_published *published = &member->shared.peer.published;
	return atomic_load_explicit(&published->sent_bytes, memory_order_relaxed) +
		   atomic_load_explicit(&published->received_bytes, memory_order_relaxed);
}

/* What could not be told is told with what follows. */
static enum err tell_used(const struct device *device, struct phaze_member *member) {
	const struct device_host *host = device->host;
	const uint64_t sum = bytes_of(member);
	if (device->settings.role != PHAZE_SERVER || sum == member->told_bytes)
		return ERR_OK;
	enum err error =
		host->used ? host->used(host->context, member->shared.identity, sum - member->told_bytes)
				   : ERR_OK;
	if (!error)
		member->told_bytes = sum;
	return error;
}

static void tell_by(struct device *device, uint64_t time) {
	if (device->settings.role == PHAZE_SERVER && time < device->next_tell)
		device->next_tell = time;
}

/* Where it fails it goes on later with those who were not told of yet. */
static void tell_all(struct device *device, uint64_t now) {
	bool any = false;
	list_for_each (link, &device->members) {
		struct phaze_member *member = list_item(link, struct phaze_member, link);
		any |= member->number != 0;
		if (member->told_in == device->telling)
			continue;
		enum err error = tell_used(device, member);
		if (error) {
			device->next_tell = now + (error == ERR_LIMIT ? TELL_PAUSE : TELL_INTERVAL);
			return;
		}
		member->told_in = device->telling;
	}
	device->telling++;
	device->next_tell = any ? now + TELL_INTERVAL : CLOCK_NEVER;
}

void phaze_sessions_set_quota(struct device *device, struct phaze_member *member, uint64_t left) {
	if (left > PHAZE_NO_QUOTA - member->told_bytes)
		left = PHAZE_NO_QUOTA - member->told_bytes;
	member->quota_end = member->told_bytes + left;
	phaze_control_change(device, member, PHAZE_CHANGE_QUOTA);
}

/*
 * The other end's certificate is not good any more: a member hears so from its server, a client's
 * user of what the client says.
 */
static void distrust(struct device *device, struct phaze_member *member, enum chain_fault fault) {
	const bool is_client = device->settings.role == PHAZE_CLIENT;
	phaze_sessions_end(device, member, is_client ? PHAZE_CLOSE_DONE : PHAZE_CLOSE_REVOKED);
	if (is_client)
		phaze_dial_distrust(device, fault);
}

/* Seconds since 1970 when a connected member's session is over; 0: never. */
static uint64_t end_of(const struct phaze_member *member) {
	const uint64_t until = member->profile.until;
	if (!member->by_certificate)
		return until;
	const uint64_t valid = member->mark.valid_until > 0 ? (uint64_t)member->mark.valid_until : 1;
	return until > 0 && until < valid ? until : valid;
}

static void look_at_end(struct device *device, struct phaze_member *member, uint64_t now) {
	const uint64_t end = end_of(member), wall = phaze_control_wall(device);
	uint64_t next = now + SWEEP_INTERVAL;
	if (member->number == 0 || end == 0)
		return;
	if (end <= wall && device->settings.role == PHAZE_CLIENT)
		distrust(device, member, CHAIN_EXPIRED);
	else if (end <= wall)
		phaze_sessions_end(device, member, PHAZE_CLOSE_EXPIRED);
	else if (end - wall < SWEEP_INTERVAL / CLOCK_SECOND)
		next = now + (end - wall) * CLOCK_SECOND;
	if (next < device->next_sweep)
		device->next_sweep = next;
}

/* A client whose server is not heard may have to go back to the ticket that it used. */
static bool is_decided(const struct device *device, const struct offered *offered) {
	return device->settings.role == PHAZE_SERVER || !offered->resumed;
}

/* Its ticket is the only one from now on, unless tickets of before its end were to be none. */
static void became_current(struct device *device, const struct offered *offered) {
	struct phaze_member *member = offered->member;
	const uint64_t now = phaze_control_now(device);
	member->number = offered->number;
	if (offered->resumed)
		member->resumes_at = now + PHAZE_RESUME_INTERVAL;
	member->by_certificate = offered->pass.by_certificate;
	member->mark = offered->pass.mark;
	if (offered->kills == member->kills && is_decided(device, offered))
		phaze_tickets_set(device, member, offered->has_ticket ? &offered->pass : NULL);
	phaze_sessions_tell(device, member, DEVICE_EVENT_CONNECTED, 0, NULL);
	phaze_dial_connected(device, offered->number);
	phaze_gate_connected(device, offered->number);
	look_at_end(device, member, now);
	tell_by(device, now + TELL_INTERVAL);
}

/* One that another takes the place of is no end of its member's. */
static void ended(struct device *device, struct phaze_member *member,
				  const struct phaze_news_session *news) {
	const bool replaced = news->code == PHAZE_CLOSE_REPLACED && !news->by_peer;
	member->number = 0;
	if (tell_used(device, member))
		tell_by(device, phaze_control_now(device) + TELL_PAUSE);
	if (!replaced)
		phaze_sessions_tell(device, member, DEVICE_EVENT_ENDED, news->code, NULL);
}

/* member: NULL where it has another session by now. */
static void heard(struct device *device, struct phaze_member *member,
				  const struct phaze_news_session *news) {
	if (device->settings.role == PHAZE_SERVER)
		phaze_gate_heard(device, news->number);
	else if (member)
		phaze_tickets_heard(device, member, news);
}

void phaze_sessions_news(struct device *device, const struct phaze_news_session *news) {
	struct offered *offered = find_offered(device, news->number);
	struct phaze_member *member = phaze_control_find(device, news->identity);
	const bool is_present = member && member->number == news->number;
	if (news->news.kind == PHAZE_NEWS_CURRENT) {
		if (offered && offered->member)
			became_current(device, offered);
	} else if (news->news.kind == PHAZE_NEWS_HEARD) {
		heard(device, is_present ? member : NULL, news);
	} else {
		if (is_present)
			ended(device, member, news);
		phaze_dial_ended(device, news);
	}
	if (offered)
		free_offered(offered);
}

void phaze_sessions_close(struct device *device, struct phaze_member *member,
						  enum phaze_close_code code) {
	member->end = code;
	phaze_control_change(device, member, PHAZE_CHANGE_END);
}

void phaze_sessions_end(struct device *device, struct phaze_member *member,
						enum phaze_close_code code) {
	member->kills++;
	phaze_tickets_set(device, member, NULL);
	phaze_sessions_close(device, member, code);
}

void phaze_sessions_forget(struct device *device, struct phaze_member *member) {
	list_for_each (link, &device->offers) {
		struct offered *offered = list_item(link, struct offered, link);
		if (offered->member == member)
			offered->member = NULL;
	}
	(void)tell_used(device, member); /* nobody asks for it any more */
	phaze_tickets_forget(device, member);
	phaze_gate_forget(device, member);
	phaze_dial_forget(device);
}

/* Of its session, and of its ticket. */
static enum chain_fault judge(const struct device *device, const struct phaze_member *member) {
	enum chain_fault fault = CHAIN_GOOD;
	if (member->number != 0 && member->by_certificate)
		fault = phaze_trust_recheck(device->trust, &member->mark);
	if (!fault && member->has_ticket && member->pass.by_certificate)
		fault = phaze_trust_recheck(device->trust, &member->pass.mark);
	return fault;
}

/* Also what is brought to a member and not known to be current yet. */
void phaze_sessions_recheck(struct device *device) {
	list_for_each (link, &device->offers) {
		const struct offered *offered = list_item(link, struct offered, link);
		enum chain_fault fault = offered->member && offered->pass.by_certificate
									 ? phaze_trust_recheck(device->trust, &offered->pass.mark)
									 : CHAIN_GOOD;
		if (fault)
			distrust(device, offered->member, fault);
	}
	list_for_each (other, &device->members) {
		struct phaze_member *member = list_item(other, struct phaze_member, link);
		enum chain_fault fault = judge(device, member);
		if (fault)
			distrust(device, member, fault);
	}
}

static void sweep(struct device *device, uint64_t now) {
	device->next_sweep = CLOCK_NEVER;
	list_for_each (link, &device->members)
		look_at_end(device, list_item(link, struct phaze_member, link), now);
}

uint64_t phaze_sessions_run(struct device *device, uint64_t now) {
	if (device->next_sweep <= now)
		sweep(device, now);
	if (device->next_tell <= now)
		tell_all(device, now);
	return device->next_sweep < device->next_tell ? device->next_sweep : device->next_tell;
}
