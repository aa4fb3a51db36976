#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/device_draft.h"
#include "proto/phaze_control.h"
#include "wire/uapi.h"

/*
 * What a set operation makes of each peer that it names, before anything is done: so that it is
 * done as a whole or not at all.
 */

/* What lines are there for a peer. */
enum phaze_draft_part {
	PHAZE_DRAFT_NAME = 1,
	PHAZE_DRAFT_ENDPOINTS = 2,
	PHAZE_DRAFT_PASSWORD = 4,
	PHAZE_DRAFT_ADDRESSES = 8,
	PHAZE_DRAFT_RATE = 16,
	PHAZE_DRAFT_QUOTA = 32,
	PHAZE_DRAFT_UNTIL = 64,
	PHAZE_DRAFT_TICKET = 128,
	PHAZE_DRAFT_END = 256,
	PHAZE_DRAFT_LOGIN = 512, /* with name and password, and nothing else */

	PHAZE_DRAFT_OF_LOGIN = PHAZE_DRAFT_LOGIN | PHAZE_DRAFT_NAME | PHAZE_DRAFT_PASSWORD,
	PHAZE_DRAFT_OF_CLIENT = PHAZE_DRAFT_ENDPOINTS | PHAZE_DRAFT_PASSWORD | PHAZE_DRAFT_LOGIN,
	PHAZE_DRAFT_OF_SERVER =
		PHAZE_DRAFT_ADDRESSES | PHAZE_DRAFT_RATE | PHAZE_DRAFT_QUOTA | PHAZE_DRAFT_UNTIL,
};

struct phaze_draft {
	size_t place; /* among the items */
	uint8_t identity[HASH_SIZE];
	struct phaze_member *member; /* the present one, if it stays */
	struct phaze_member *made;   /* a new one, the draft's until it is taken */
	bool drops;                  /* the present one is removed, whether there is a new one or not */
	unsigned removals;           /* by these lines; edits of before them are void */
	unsigned parts;              /* enum phaze_draft_part */
	struct phaze_profile profile;
	uint64_t quota; /* left */
	uint8_t end;
	char login[UAPI_NAME_MAX + 1];  /* the name that one logs in by */
	struct uapi_password *password; /* secret */
	struct uapi_ticket *ticket;
};

struct phaze_drafts {
	struct device *device;
	bool replaces; /* all present peers are removed */
	size_t count, capacity;
	struct phaze_draft **items;
	struct device_draft_edits edits;
	struct key_table by_identity; /* to struct phaze_draft */
	/* The peer that the present lines are about. */
	size_t current; /* SIZE_MAX: none yet */
	bool created;   /* by these lines */
	bool gone;      /* it was removed, or was not to be made: the lines say nothing */
};

void phaze_drafts_init(struct phaze_drafts *drafts, struct device *device);
void phaze_drafts_done(struct phaze_drafts *drafts);

/* A line about peers, the first being a public_key. errno. */
int phaze_drafts_take(struct phaze_drafts *drafts, const struct uapi_entry *line);

/* Whether it is a login, of which nothing is kept before it is accepted. */
bool phaze_drafts_is_login(const struct phaze_drafts *drafts);
/* Whether all of them can be under these settings; errno. ENOKEY: there is nothing to log in by. */
int phaze_drafts_check(const struct phaze_drafts *drafts, const struct phaze_settings *settings);

/* Carries them out; only memory can be short. */
enum err phaze_drafts_apply(struct phaze_drafts *drafts);
