#include "session/migration.h"

#include <string.h>

enum { DUE_HOME = 1, DUE_CANDIDATE = 2 };

static bool is_asking(const struct migration *migration) {
	return migration->candidate.address.family != ADDRESS_NONE;
}

static void end(struct migration *migration) {
	migration->candidate = (struct endpoint){.port = 0};
	migration->due = 0;
}

void migration_begin(struct migration *migration, const struct endpoint *home) {
	end(migration);
	migration->home = *home;
	migration->highest = 0;
}

void migration_rekeyed(struct migration *migration) {
	migration->highest = 0;
}

static void ask(struct migration *migration, uint64_t now) {
	migration->due = DUE_HOME | DUE_CANDIDATE;
	migration->deadline = now + (MIGRATION_WAIT << migration->tries);
	migration->tries++;
}

static void start(struct migration *migration, const struct endpoint *from, size_t bytes,
				  const struct random_source *random, uint64_t now) {
	migration->candidate = *from;
	migration->received = bytes;
	migration->sent = 0;
	migration->tries = 0;
	migration->next_start = now + MIGRATION_INTERVAL;
	random_fill(random, migration->home_token, sizeof migration->home_token);
	random_fill(random, migration->candidate_token, sizeof migration->candidate_token);
	ask(migration, now);
}

enum migration_place migration_seen(struct migration *migration, const struct endpoint *from,
									uint64_t sequence, size_t bytes,
									const struct random_source *random, uint64_t now) {
	const bool is_newest = sequence > migration->highest;
	if (is_newest)
		migration->highest = sequence;
	if (endpoint_equal(from, &migration->home)) {
		if (is_newest)
			end(migration);
		return is_newest ? MIGRATION_HERE : MIGRATION_UNKNOWN;
	}
	if (is_asking(migration) && endpoint_equal(from, &migration->candidate)) {
		migration->received += bytes;
		return MIGRATION_ELSEWHERE;
	}
	if (!is_newest || now < migration->next_start)
		return MIGRATION_UNKNOWN;
	start(migration, from, bytes, random, now);
	return MIGRATION_ELSEWHERE;
}

bool migration_pong(struct migration *migration, const struct endpoint *from,
					const uint8_t token[static MIGRATION_TOKEN_SIZE]) {
	/* From another address it says no more than that somebody passed the ping on. */
	if (!is_asking(migration) || !endpoint_equal(from, &migration->candidate) ||
		memcmp(token, migration->candidate_token, MIGRATION_TOKEN_SIZE) != 0)
		return false;
	migration->home = migration->candidate;
	end(migration);
	return true;
}

static bool take(struct migration *migration, size_t size) {
	const uint64_t room = MIGRATION_FACTOR * migration->received - migration->sent;
	if (size > room)
		return false;
	migration->sent += size;
	return true;
}

bool migration_ping(struct migration *migration, size_t size, struct migration_ping *out_ping) {
	const uint8_t *token;
	if (migration->due & DUE_HOME) {
		migration->due &= (uint8_t)~DUE_HOME;
		out_ping->to = migration->home;
		token = migration->home_token;
	} else if ((migration->due & DUE_CANDIDATE) && take(migration, size)) {
		migration->due &= (uint8_t)~DUE_CANDIDATE;
		out_ping->to = migration->candidate;
		token = migration->candidate_token;
	} else {
		return false;
	}
	memcpy(out_ping->token, token, sizeof out_ping->token);
	return true;
}

bool migration_may_answer(struct migration *migration, const struct endpoint *to, size_t size) {
	if (endpoint_equal(to, &migration->home))
		return true;
	return is_asking(migration) && endpoint_equal(to, &migration->candidate) &&
		   take(migration, size);
}

void migration_expired(struct migration *migration, uint64_t now) {
	if (migration_deadline(migration) > now)
		return;
	if (migration->tries < MIGRATION_TRIES)
		ask(migration, now);
	else
		end(migration);
}
