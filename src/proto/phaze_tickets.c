#include "proto/phaze_tickets.h"

#include <string.h>

#include "base/clock.h"
#include "base/wipe.h"
#include "proto/phaze_dial.h"
#include "proto/phaze_record.h"

/* A ticket that could not be told is told again after so long: where too much waits, and where
 * nobody hears. */
#define TELL_PAUSE (100 * CLOCK_MILLISECOND)
#define TELL_INTERVAL (1 * CLOCK_SECOND)

static bool has_key(const struct device *device) {
	const struct phaze_settings *settings = &device->settings;
	return !wipe_is_zero(settings->ticket_key, sizeof settings->ticket_key);
}

/* Without a key it has to do with what memory has. */
static size_t seal(const struct device *device, const struct phaze_member *member,
				   uint8_t out_sealed[static PHAZE_PASS_SEALED_MAX]) {
	size_t size;
	if (!member->has_ticket || !has_key(device) ||
		phaze_pass_seal(&member->pass, device->settings.ticket_key, member->shared.identity,
						engine_get_options(device->engine)->random, out_sealed, &size))
		return 0;
	return size;
}

enum err phaze_tickets_give(const struct device *device, const struct phaze_member *member,
							struct phaze_pass *pass, bool *out_has_ticket,
							struct parameters *out_parameters) {
	const struct phaze_settings *settings = &device->settings;
	const uint64_t now = phaze_control_wall(device);
	enum err error = phaze_control_tell(settings, &member->profile, out_parameters);
	*out_has_ticket = !error && has_key(device) &&
					  phaze_pass_until(pass, now, settings->ticket_seconds, member->profile.until,
									   &pass->until) == ERR_OK;
	if (!*out_has_ticket)
		return error;
	random_fill(engine_get_options(device->engine)->random, pass->ticket.id,
				sizeof pass->ticket.id);
	out_parameters->has_ticket = true;
	memcpy(out_parameters->ticket_id, pass->ticket.id, sizeof out_parameters->ticket_id);
	out_parameters->ticket_lifetime = (uint32_t)(pass->until - now);
	return ERR_OK;
}

/* Of both, where there are two. */
static uint64_t last_until(const struct phaze_pass *pass) {
	return pass->has_next && pass->next_until > pass->until ? pass->next_until : pass->until;
}

static enum err tell(const struct device *device, const struct phaze_member *member) {
	struct device_ticket ticket = {.until = 0};
	uint8_t sealed[PHAZE_PASS_SEALED_MAX];
	if (!device->host->ticket)
		return ERR_OK;
	memcpy(ticket.public_key, member->shared.identity, sizeof ticket.public_key);
	ticket.sealed = slice_of(sealed, seal(device, member, sealed));
	if (ticket.sealed.size > 0) {
		memcpy(ticket.hash, member->ticket_hash, sizeof ticket.hash);
		ticket.until = last_until(&member->pass);
	}
	return device->host->ticket(device->host->context, &ticket);
}

static void try_to_tell(struct device *device, struct phaze_member *member) {
	const uint64_t now = phaze_control_now(device);
	enum err error = tell(device, member);
	member->ticket_untold = error != ERR_OK;
	if (error && device->next_ticket == CLOCK_NEVER)
		device->next_ticket = now + (error == ERR_LIMIT ? TELL_PAUSE : TELL_INTERVAL);
}

uint64_t phaze_tickets_run(struct device *device, uint64_t now) {
	if (device->next_ticket > now)
		return device->next_ticket;
	device->next_ticket = CLOCK_NEVER;
	list_for_each (link, &device->members) {
		struct phaze_member *member = list_item(link, struct phaze_member, link);
		if (member->ticket_untold)
			try_to_tell(device, member);
		if (device->next_ticket != CLOCK_NEVER)
			break;
	}
	return device->next_ticket;
}

void phaze_tickets_save(const struct device *device, const struct phaze_member *member) {
	struct phaze_record_ticket ticket = {.hash = {0}};
	uint8_t sealed[PHAZE_PASS_SEALED_MAX], record[PHAZE_RECORD_TICKET_SIZE_MAX];
	size_t size;
	if (!member->ticket_known)
		return;
	memcpy(ticket.identity, member->shared.identity, sizeof ticket.identity);
	ticket.sealed = slice_of(sealed, seal(device, member, sealed));
	if (ticket.sealed.size > 0)
		memcpy(ticket.hash, member->ticket_hash, sizeof ticket.hash);
	phaze_record_encode_ticket(&ticket, record, &size);
	device->host->save(device->host->context, slice_of(record, size));
}

static void take_away(struct device *device, struct phaze_member *member) {
	if (member->has_ticket)
		key_table_remove(&device->by_ticket, member->ticket_hash);
	member->has_ticket = false;
	wipe(member->ticket_hash, sizeof member->ticket_hash);
	wipe(&member->pass, sizeof member->pass);
}

/* Without memory there is none: the next login is a full one. */
static void put(struct device *device, struct phaze_member *member, const struct phaze_pass *pass) {
	take_away(device, member);
	member->ticket_known = true;
	if (!pass || phaze_pass_hash(pass->ticket.id, member->ticket_hash))
		return;
	member->pass = *pass;
	member->has_ticket = key_table_add(&device->by_ticket, member->ticket_hash, member) == ERR_OK;
	if (!member->has_ticket)
		take_away(device, member);
}

void phaze_tickets_set(struct device *device, struct phaze_member *member,
					   const struct phaze_pass *pass) {
	const bool had = member->has_ticket || !member->ticket_known;
	put(device, member, pass);
	if (!had && !member->has_ticket)
		return;
	phaze_tickets_save(device, member);
	try_to_tell(device, member);
}

bool phaze_tickets_brought(struct device *device, const struct chain_mark *mark,
						   const struct phaze_established *established, uint32_t seconds,
						   struct phaze_pass *pass) {
	const uint64_t now = phaze_control_wall(device);
	uint64_t until = 0;
	if (!established->resumed)
		*pass = (struct phaze_pass){.login = now, .by_certificate = true, .mark = *mark};
	const bool has_ticket =
		established->has_ticket && phaze_pass_until(pass, now, seconds, 0, &until) == ERR_OK;
	if (!established->resumed) {
		pass->ticket = established->ticket;
		pass->until = until;
		return has_ticket;
	}
	pass->has_next = has_ticket;
	pass->next = established->ticket;
	pass->next_until = until;
	phaze_tickets_set(device, phaze_control_only(device), pass);
	return has_ticket;
}

void phaze_tickets_heard(struct device *device, struct phaze_member *member,
						 const struct phaze_news_session *news) {
	struct {
		struct phaze_pass pass;
	} scratch = {.pass = member->pass};
	WIPE_ON_EXIT(scratch);
	struct phaze_pass *pass = &scratch.pass;
	uint8_t next[HASH_SIZE];
	if (!member->has_ticket || memcmp(member->ticket_hash, news->used, sizeof news->used) != 0)
		return;
	if (wipe_is_zero(news->fresh, sizeof news->fresh)) {
		phaze_tickets_set(device, member, NULL);
		return;
	}
	if (!pass->has_next || phaze_pass_hash(pass->next.id, next) ||
		memcmp(next, news->fresh, sizeof next) != 0)
		return;
	phaze_pass_take_next(pass);
	phaze_tickets_set(device, member, pass);
}

/* Of somebody's keeping: sealed for this peer, and not over yet. */
static enum err open_kept(const struct device *device, const struct phaze_member *member,
						  const uint8_t hash[static HASH_SIZE], struct slice sealed,
						  struct phaze_pass *out_pass) {
	uint8_t own[HASH_SIZE];
	if (!has_key(device))
		return ERR_NOT_FOUND;
	enum err error =
		phaze_pass_open(sealed, device->settings.ticket_key, member->shared.identity, out_pass)
			?: phaze_pass_hash(out_pass->ticket.id, own);
	if (error)
		return error;
	if (memcmp(own, hash, sizeof own) != 0)
		return ERR_MALFORMED;
	return last_until(out_pass) > phaze_control_wall(device) ? ERR_OK : ERR_EXPIRED;
}

/* What was kept may be of a server that is not trusted any more: who waits for it is told why. */
static void distrust_kept(struct device *device, struct phaze_member *member) {
	const bool judges =
		device->settings.role == PHAZE_CLIENT && member->has_ticket && member->pass.by_certificate;
	enum chain_fault fault =
		judges ? phaze_trust_recheck(device->trust, &member->pass.mark) : CHAIN_GOOD;
	if (!fault)
		return;
	phaze_tickets_set(device, member, NULL);
	phaze_dial_distrust(device, fault);
}

static void take_kept(struct device *device, struct phaze_member *member,
					  const uint8_t hash[static HASH_SIZE], struct slice sealed) {
	struct {
		struct phaze_pass pass;
	} scratch = {.pass = {.login = 0}};
	WIPE_ON_EXIT(scratch);
	put(device, member,
		open_kept(device, member, hash, sealed, &scratch.pass) ? NULL : &scratch.pass);
	member->logs_in &= !member->has_ticket;
	phaze_control_change(device, member, PHAZE_CHANGE_TICKET);
}

void phaze_tickets_offer(struct device *device, struct phaze_member *member,
						 const struct uapi_ticket *ticket) {
	if (!member->ticket_known) {
		take_kept(device, member, ticket->hash, slice_of(ticket->sealed, ticket->size));
		distrust_kept(device, member);
	} else if (!member->has_ticket ||
			   memcmp(ticket->hash, member->ticket_hash, sizeof ticket->hash) != 0)
		try_to_tell(device, member); /* what is kept is old */
}

enum err phaze_tickets_restore(struct device *device, struct slice record) {
	struct phaze_record_ticket ticket;
	enum err error = phaze_record_decode_ticket(record, &ticket);
	struct phaze_member *member = error ? NULL : phaze_control_find(device, ticket.identity);
	if (member) /* otherwise it was removed since */
		take_kept(device, member, ticket.hash, ticket.sealed);
	return error;
}

/*
 * Of a login by no less than what is demanded by now. A client's wants its server's certificate: of
 * one that was kept without it nobody could say whether that is still trusted.
 */
static bool shows_enough(const struct device *device, const struct phaze_pass *pass) {
	const bool is_server = device->settings.role == PHAZE_SERVER;
	const uint8_t demands = is_server ? device->settings.demands : PHAZE_BY_CERTIFICATE;
	return (!(demands & PHAZE_BY_PASSWORD) || pass->by_password) &&
		   (!(demands & PHAZE_BY_CERTIFICATE) || pass->by_certificate);
}

static bool is_good_until(const struct device *device, const struct phaze_member *member,
						  uint64_t pass_until) {
	const struct phaze_pass *pass = &member->pass;
	const uint64_t until = member->profile.until, now = phaze_control_wall(device);
	return member->has_ticket && pass_until > now && (until == 0 || until > now) &&
		   shows_enough(device, pass) &&
		   (!pass->by_certificate || phaze_trust_still_is(device->trust, &pass->mark));
}

bool phaze_tickets_is_good(const struct device *device, const struct phaze_member *member) {
	return is_good_until(device, member, member->pass.until);
}

const struct phaze_ticket *phaze_tickets_nth(const struct device *device,
											 const struct phaze_member *member, size_t n) {
	const struct phaze_pass *pass = &member->pass;
	const bool is_first = is_good_until(device, member, pass->until);
	if (is_first && n == 0)
		return &pass->ticket;
	return pass->has_next && n == is_first && is_good_until(device, member, pass->next_until)
			   ? &pass->next
			   : NULL;
}

struct phaze_member *phaze_tickets_find(const struct device *device,
										const uint8_t id[static PHAZE_TICKET_ID_SIZE]) {
	uint8_t hash[HASH_SIZE];
	if (phaze_pass_hash(id, hash))
		return NULL;
	struct phaze_member *member = key_table_find(&device->by_ticket, hash);
	return member && phaze_tickets_is_good(device, member) ? member : NULL;
}

void phaze_tickets_forget(struct device *device, struct phaze_member *member) {
	take_away(device, member);
}

void phaze_tickets_drop_all(struct device *device) {
	list_for_each (link, &device->members) {
		struct phaze_member *member = list_item(link, struct phaze_member, link);
		if (!member->has_ticket)
			continue;
		member->kills++;
		phaze_tickets_set(device, member, NULL);
		phaze_control_change(device, member, PHAZE_CHANGE_TICKET);
	}
}
