#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/slice.h"
#include "daemon/net.h"

/*
 * A device's records for the next net process (daemon/journal.h): taken up from the last one, and
 * written anew when they have grown far beyond what counts of them. Failures are logged.
 */

struct journal;

struct net_journal {
	const struct net_start *start; /* outlives it */
	struct journal *journal;
	size_t full_size; /* when it last held nothing superseded; 0: never in this run */
};

/*
 * Of a copy of the start's descriptor. A damaged one must not keep the device from coming back:
 * then it comes back empty, with a journal that is handed over.
 */
enum err net_journal_open(struct net_journal *journal, const struct net_start *start);
void net_journal_done(struct net_journal *journal); /* also of one that was never opened */

/* take() says what is wrong with a record, NULL: nothing. */
void net_journal_replay(const struct net_journal *journal,
						const char *(*take)(void *context, struct slice record), void *context);

enum err net_journal_append(struct net_journal *journal, struct slice record);

/*
 * When it is time: save() appends all that counts to a new journal, which takes the place of the
 * one before. False: something is missing, and the one before is gone on with.
 */
void net_journal_compact(struct net_journal *journal, bool (*save)(void *context), void *context);
