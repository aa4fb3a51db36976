#include "proto/phaze_draft.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"
#include "proto/phaze_dial.h"
#include "proto/phaze_sessions.h"
#include "proto/phaze_tickets.h"

void phaze_drafts_init(struct phaze_drafts *drafts, struct device *device) {
	*drafts = (struct phaze_drafts){.device = device, .current = SIZE_MAX};
	key_table_init(&drafts->by_identity, engine_get_options(device->engine)->random, HASH_SIZE);
}

/* Leaves it as one that says nothing. */
static void forget(struct phaze_draft *draft) {
	phaze_control_free(draft->made);
	if (draft->password)
		wipe(draft->password, sizeof *draft->password);
	free(draft->password);
	free(draft->ticket);
	draft->made = NULL;
	draft->password = NULL;
	draft->ticket = NULL;
	draft->parts = 0;
}

void phaze_drafts_done(struct phaze_drafts *drafts) {
	for (size_t i = 0; i < drafts->count; i++) {
		forget(drafts->items[i]);
		free(drafts->items[i]);
	}
	free(drafts->items);
	device_draft_edits_done(&drafts->edits);
	key_table_done(&drafts->by_identity);
}

static struct phaze_draft *add_draft(struct phaze_drafts *drafts,
									 const uint8_t identity[static HASH_SIZE]) {
	if (!device_draft_grow((void **)&drafts->items, drafts->count, &drafts->capacity,
						   sizeof *drafts->items))
		return NULL;
	struct phaze_draft *draft = calloc(1, sizeof *draft);
	if (!draft)
		return NULL;
	memcpy(draft->identity, identity, HASH_SIZE);
	if (key_table_add(&drafts->by_identity, draft->identity, draft)) {
		free(draft);
		return NULL;
	}
	draft->member = drafts->replaces ? NULL : phaze_control_find(drafts->device, identity);
	if (draft->member)
		draft->profile = draft->member->profile;
	draft->place = drafts->count;
	drafts->items[drafts->count++] = draft;
	return draft;
}

static bool is_present(const struct phaze_draft *draft) {
	return draft->member || draft->made;
}

static int open_peer(struct phaze_drafts *drafts, const uint8_t identity[static HASH_SIZE]) {
	struct phaze_draft *draft = key_table_find(&drafts->by_identity, identity);
	if (!draft)
		draft = add_draft(drafts, identity);
	if (!draft)
		return ENOMEM;
	drafts->gone = false;
	drafts->created = !is_present(draft);
	drafts->current = draft->place;
	if (drafts->created)
		draft->made = phaze_control_make(drafts->device, identity);
	return is_present(draft) ? 0 : ENOMEM;
}

/* A peer that does not stay takes nobody's allowed IPs. */
static void remove_peer(struct phaze_drafts *drafts, struct phaze_draft *draft) {
	forget(draft);
	draft->drops |= draft->member != NULL;
	draft->member = NULL;
	draft->removals++;
	memset(&draft->profile, 0, sizeof draft->profile);
	drafts->gone = true;
}

/* A list of addresses that lines begin takes the place of what was there. */
static void begin_addresses(struct phaze_draft *draft) {
	if (!(draft->parts & PHAZE_DRAFT_ADDRESSES))
		draft->profile.address_count = 0;
	draft->parts |= PHAZE_DRAFT_ADDRESSES;
}

static int set_password(struct phaze_draft *draft, const struct uapi_password *password) {
	draft->parts |= PHAZE_DRAFT_PASSWORD;
	if (!draft->password)
		draft->password = malloc(sizeof *draft->password);
	if (!draft->password)
		return ENOMEM;
	*draft->password = *password;
	return 0;
}

static int set_ticket(struct phaze_draft *draft, const struct uapi_ticket *ticket) {
	draft->parts |= PHAZE_DRAFT_TICKET;
	if (!draft->ticket)
		draft->ticket = malloc(sizeof *draft->ticket);
	if (!draft->ticket)
		return ENOMEM;
	*draft->ticket = *ticket;
	return 0;
}

/* Lines of the peer's profile. */
static int take_profile(struct phaze_draft *draft, const struct uapi_entry *line) {
	struct phaze_profile *profile = &draft->profile;
	switch (line->key) {
	case UAPI_NAME:
		draft->parts |= PHAZE_DRAFT_NAME;
		memcpy(draft->parts & PHAZE_DRAFT_LOGIN ? draft->login : profile->name, line->text,
			   strlen(line->text) + 1);
		return 0;
	case UAPI_REPLACE_ENDPOINTS:
		draft->parts |= PHAZE_DRAFT_ENDPOINTS;
		profile->endpoint_count = 0;
		return 0;
	case UAPI_ENDPOINT:
		draft->parts |= PHAZE_DRAFT_ENDPOINTS;
		return device_draft_add_endpoint(profile->endpoints, &profile->endpoint_count,
										 PHAZE_ENDPOINTS_MAX, &line->endpoint);
	case UAPI_ADDRESS:
		begin_addresses(draft);
		return device_draft_add_prefix(profile->addresses, &profile->address_count,
									   INTERFACE_SETTINGS_ADDRESSES_MAX, &line->prefix);
	case UAPI_RATE:
		draft->parts |= PHAZE_DRAFT_RATE;
		profile->rate = line->large;
		return 0;
	case UAPI_UNTIL:
		draft->parts |= PHAZE_DRAFT_UNTIL;
		profile->until = line->large;
		return 0;
	default:
		return EINVAL;
	}
}

int phaze_drafts_take(struct phaze_drafts *drafts, const struct uapi_entry *line) {
	if (line->key == UAPI_PUBLIC_KEY)
		return open_peer(drafts, line->bytes);
	if (drafts->current == SIZE_MAX)
		return EINVAL;
	struct phaze_draft *draft = drafts->items[drafts->current];
	if (drafts->gone)
		return 0;
	switch (line->key) {
	case UAPI_UPDATE_ONLY:
		if (!drafts->created)
			return 0;
		[[fallthrough]];
	case UAPI_REMOVE:
		remove_peer(drafts, draft);
		return 0;
	case UAPI_REPLACE_ALLOWED_IPS:
	case UAPI_ALLOWED_IP:
		return device_draft_edits_take(&drafts->edits, line, draft->place, draft->removals);
	case UAPI_QUOTA:
		draft->parts |= PHAZE_DRAFT_QUOTA;
		draft->quota = line->large;
		return 0;
	case UAPI_END:
		draft->parts |= PHAZE_DRAFT_END;
		draft->end = (uint8_t)line->number;
		return 0;
	case UAPI_LOGIN:
		draft->parts |= PHAZE_DRAFT_LOGIN;
		return 0;
	case UAPI_PASSWORD:
		return set_password(draft, &line->password);
	case UAPI_TICKET:
		return set_ticket(draft, &line->ticket);
	default:
		return take_profile(draft, line);
	}
}

static size_t final_count(const struct phaze_drafts *drafts) {
	size_t count = drafts->replaces ? 0 : drafts->device->member_count;
	for (size_t i = 0; i < drafts->count; i++) {
		count -= drafts->items[i]->drops ? 1 : 0;
		count += drafts->items[i]->made != NULL ? 1 : 0;
	}
	return count;
}

static int check_told(const struct phaze_settings *settings, const struct phaze_profile *profile) {
	struct parameters told;
	switch (phaze_control_tell(settings, profile, &told)) {
	case ERR_OK:
		return 0;
	case ERR_LIMIT:
		return EMSGSIZE;
	default:
		return EINVAL;
	}
}

static int check_login(const struct phaze_drafts *drafts, const struct phaze_draft *draft) {
	if (!(draft->parts & PHAZE_DRAFT_LOGIN))
		return 0;
	if ((draft->parts & ~(unsigned)PHAZE_DRAFT_OF_LOGIN) || drafts->count > 1 || !draft->member)
		return EINVAL;
	return phaze_dial_can_log_in(drafts->device, draft->parts & PHAZE_DRAFT_NAME,
								 draft->parts & PHAZE_DRAFT_PASSWORD)
			   ? 0
			   : ENOKEY;
}

static int check_draft(const struct phaze_drafts *drafts, const struct phaze_draft *draft,
					   const struct phaze_settings *settings) {
	if (!is_present(draft))
		return 0;
	if (draft->end > PHAZE_CLOSE_REPLACED)
		return EINVAL;
	if (settings->role == PHAZE_CLIENT)
		return draft->parts & PHAZE_DRAFT_OF_SERVER ? EINVAL : check_login(drafts, draft);
	if (draft->parts & PHAZE_DRAFT_OF_CLIENT)
		return EINVAL;
	return check_told(settings, &draft->profile);
}

/* Those that the operation does not name, where what all are told has changed. */
static int check_others(const struct phaze_drafts *drafts, const struct phaze_settings *settings) {
	const struct phaze_profile nobody = {.rate = 0};
	const struct parameters *before = &drafts->device->settings.tells;
	int failed = check_told(settings, &nobody);
	if (drafts->replaces || memcmp(before, &settings->tells, sizeof *before) == 0)
		return failed;
	list_for_each (link, &drafts->device->members) {
		const struct phaze_member *member = list_item(link, struct phaze_member, link);
		if (!failed && !key_table_find(&drafts->by_identity, member->shared.identity))
			failed = check_told(settings, &member->profile);
	}
	return failed;
}

bool phaze_drafts_is_login(const struct phaze_drafts *drafts) {
	for (size_t i = 0; i < drafts->count; i++)
		if (drafts->items[i]->parts & PHAZE_DRAFT_LOGIN)
			return true;
	return false;
}

int phaze_drafts_check(const struct phaze_drafts *drafts, const struct phaze_settings *settings) {
	const size_t most = settings->role == PHAZE_CLIENT ? 1 : PHAZE_MEMBERS_MAX;
	if (final_count(drafts) > most)
		return ENOSPC;
	int failed = settings->role == PHAZE_SERVER ? check_others(drafts, settings) : 0;
	for (size_t i = 0; i < drafts->count && !failed; i++)
		failed = check_draft(drafts, drafts->items[i], settings);
	return failed;
}

/* Whether a client would be let in elsewhere, or as somebody else. */
static bool is_another_login(const struct phaze_draft *draft) {
	const struct phaze_profile *before = &draft->member->profile, *now = &draft->profile;
	if ((draft->parts & PHAZE_DRAFT_PASSWORD) || strcmp(before->name, now->name) != 0 ||
		before->endpoint_count != now->endpoint_count)
		return true;
	for (size_t i = 0; i < now->endpoint_count; i++)
		if (!endpoint_equal(&before->endpoints[i], &now->endpoints[i]))
			return true;
	return false;
}

/* An end first: what is given behind it holds. */
static void apply_parts(struct device *device, const struct phaze_draft *draft) {
	struct phaze_member *member = draft->member;
	if (draft->parts & PHAZE_DRAFT_LOGIN) {
		phaze_dial_log_in(device, draft->parts & PHAZE_DRAFT_NAME ? draft->login : NULL,
						  draft->password);
		return;
	}
	const bool redial = is_another_login(draft);
	const bool has_ticket = (draft->parts & PHAZE_DRAFT_TICKET) && !member->ticket_known;
	const bool has_other_end = draft->profile.until != member->profile.until;
	member->profile = draft->profile;
	if (draft->parts & PHAZE_DRAFT_END)
		phaze_sessions_end(device, member, (enum phaze_close_code)draft->end);
	if (draft->parts & PHAZE_DRAFT_RATE)
		phaze_control_change(device, member, PHAZE_CHANGE_RATE);
	if (draft->parts & PHAZE_DRAFT_QUOTA)
		phaze_sessions_set_quota(device, member, draft->quota);
	if (has_other_end && member->number != 0)
		device->next_sweep = 0;
	if (draft->parts & PHAZE_DRAFT_PASSWORD) {
		phaze_dial_set_password(device, draft->password);
		member->logs_in = true;
	}
	if (draft->parts & PHAZE_DRAFT_TICKET)
		phaze_tickets_offer(device, member, draft->ticket);
	if (redial)
		phaze_dial_changed(device);
	else if (has_ticket)
		phaze_dial_offered(device);
}

static enum err apply_draft(struct device *device, struct phaze_draft *draft) {
	struct phaze_member *present =
		draft->drops ? phaze_control_find(device, draft->identity) : NULL;
	if (present)
		phaze_control_remove(device, present);
	if (draft->made) {
		enum err error = phaze_control_add(device, draft->made);
		if (error)
			return error;
		draft->member = draft->made;
		draft->made = NULL;
	}
	if (draft->member)
		apply_parts(device, draft);
	return ERR_OK;
}

static enum err apply_edit(struct device *device, const struct phaze_draft *draft,
						   const struct device_draft_edit *edit) {
	struct phaze_member *member = draft->member;
	if (edit->removals != draft->removals)
		return ERR_OK;
	switch (edit->kind) {
	case DEVICE_DRAFT_PREFIXES_REPLACED:
		device_prefixes_disallow_all(&device->prefixes, &member->allowed_ips);
		return ERR_OK;
	case DEVICE_DRAFT_PREFIX_ADDED:
		return device_prefixes_allow(&device->prefixes, &member->shared.peer, &member->allowed_ips,
									 &edit->prefix);
	case DEVICE_DRAFT_PREFIX_TAKEN:
		device_prefixes_disallow(&device->prefixes, &member->shared.peer, &edit->prefix);
		return ERR_OK;
	}
	return ERR_INVALID;
}

enum err phaze_drafts_apply(struct phaze_drafts *drafts) {
	enum err error = ERR_OK;
	for (size_t i = 0; i < drafts->count && !error; i++)
		error = apply_draft(drafts->device, drafts->items[i]);
	for (size_t i = 0; i < drafts->edits.count && !error; i++) {
		const struct device_draft_edit *edit = &drafts->edits.items[i];
		error = apply_edit(drafts->device, drafts->items[edit->draft], edit);
	}
	return error;
}
