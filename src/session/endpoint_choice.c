#include "session/endpoint_choice.h"

#include <string.h>

static bool is_asking(const struct endpoint_choice *choice) {
	return choice->asking_since != CLOCK_NEVER;
}

static void ask_no_more(struct endpoint_choice *choice) {
	choice->asking_since = CLOCK_NEVER;
	choice->asked = 0;
}

static uint8_t all_of(const struct endpoint_choice *choice) {
	return (uint8_t)((1U << choice->count) - 1);
}

static uint64_t interval(const struct endpoint_choice *choice) {
	const uint64_t jitter = ENDPOINT_CHOICE_INTERVAL / 100 * ENDPOINT_CHOICE_JITTER;
	const uint64_t part = random_u32(choice->random) >> 16;
	return ENDPOINT_CHOICE_INTERVAL - jitter + ((2 * jitter * part) >> 16);
}

static struct endpoint_choice_entry entry_of(const struct endpoint *endpoint) {
	struct endpoint_choice_entry entry = {
		.endpoint = *endpoint,
		.ping_at = CLOCK_NEVER,
		.better_since = CLOCK_NEVER,
	};
	for (size_t i = 0; i < ENDPOINT_CHOICE_PINGS; i++)
		entry.questions[i].sent_at = CLOCK_NEVER;
	return entry;
}

static struct endpoint_choice_entry *find(struct endpoint_choice *choice,
										  const struct endpoint *endpoint) {
	for (size_t i = 0; i < choice->count; i++)
		if (endpoint_equal(&choice->entries[i].endpoint, endpoint))
			return &choice->entries[i];
	return NULL;
}

static enum err check(const struct endpoint *endpoints, size_t count) {
	if (count == 0)
		return ERR_INVALID;
	if (count > ENDPOINT_CHOICE_MAX)
		return ERR_LIMIT;
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < i; j++)
			if (endpoint_equal(&endpoints[i], &endpoints[j]))
				return ERR_EXISTS;
	return ERR_OK;
}

enum err endpoint_choice_init(struct endpoint_choice *choice, const struct endpoint *endpoints,
							  size_t count, const struct random_source *random) {
	enum err error = check(endpoints, count);
	if (error)
		return error;
	*choice = (struct endpoint_choice){
		.random = random,
		.count = (uint8_t)count,
		.asking_since = CLOCK_NEVER,
	};
	for (size_t i = 0; i < count; i++)
		choice->entries[i] = entry_of(&endpoints[i]);
	return ERR_OK;
}

const struct endpoint *endpoint_choice_attempt(struct endpoint_choice *choice) {
	const struct endpoint *endpoint = &choice->entries[choice->attempt].endpoint;
	choice->attempt = (uint8_t)((choice->attempt + 1) % choice->count);
	return endpoint;
}

static void disconnect(struct endpoint_choice *choice, uint8_t attempt) {
	choice->connected = false;
	choice->attempt = (uint8_t)(attempt % choice->count);
	choice->due = 0;
	ask_no_more(choice);
}

void endpoint_choice_lost(struct endpoint_choice *choice) {
	if (choice->connected)
		disconnect(choice, choice->current);
}

/* All are pinged now, and again and again where there is a choice. */
static void measure_all(struct endpoint_choice *choice, uint64_t now) {
	choice->due = all_of(choice);
	for (size_t i = 0; i < choice->count; i++)
		choice->entries[i].ping_at = choice->count > 1 ? now + interval(choice) : CLOCK_NEVER;
}

static void use(struct endpoint_choice *choice, const struct endpoint_choice_entry *entry) {
	choice->current = (uint8_t)(entry - choice->entries);
	for (size_t i = 0; i < choice->count; i++)
		choice->entries[i].better_since = CLOCK_NEVER;
	ask_no_more(choice);
}

enum err endpoint_choice_connected(struct endpoint_choice *choice, const struct endpoint *from,
								   uint64_t now) {
	const struct endpoint_choice_entry *entry = find(choice, from);
	if (!entry)
		return ERR_NOT_FOUND;
	/* Nothing that was asked in another session is answered in this one. */
	for (size_t i = 0; i < choice->count; i++)
		choice->entries[i] = entry_of(&choice->entries[i].endpoint);
	choice->connected = true;
	use(choice, entry);
	measure_all(choice, now);
	return ERR_OK;
}

/* The current one is pinged at once, and at most PATIENCE later there is an answer or another. */
static void ask_at_once(struct endpoint_choice *choice, uint64_t now) {
	choice->asking_since = choice->ask_at = now;
	choice->asked = 0;
}

void endpoint_choice_sent(struct endpoint_choice *choice, uint64_t now) {
	if (is_asking(choice))
		return;
	choice->asking_since = now;
	choice->ask_at = now + ENDPOINT_CHOICE_QUESTION;
}

void endpoint_choice_received(struct endpoint_choice *choice, const struct endpoint *from) {
	if (is_asking(choice) && endpoint_equal(from, endpoint_choice_current(choice)))
		ask_no_more(choice);
}

/* Faster than the current one by more than the gain, as far as is known. */
static bool is_better(const struct endpoint_choice *choice,
					  const struct endpoint_choice_entry *entry) {
	const uint64_t before = choice->entries[choice->current].round_trip;
	return entry->round_trip > 0 && entry->unanswered <= 1 &&
		   entry->round_trip < before / 100 * (100 - ENDPOINT_CHOICE_GAIN);
}

static void compare(struct endpoint_choice *choice, uint64_t now) {
	for (size_t i = 0; i < choice->count; i++) {
		struct endpoint_choice_entry *entry = &choice->entries[i];
		if (!is_better(choice, entry))
			entry->better_since = CLOCK_NEVER;
		else if (entry->better_since == CLOCK_NEVER)
			entry->better_since = now;
	}
}

bool endpoint_choice_pong(struct endpoint_choice *choice, const struct endpoint *from,
						  const uint8_t token[static ENDPOINT_CHOICE_TOKEN_SIZE], uint64_t now) {
	struct endpoint_choice_entry *entry = choice->connected ? find(choice, from) : NULL;
	for (size_t i = 0; entry && i < ENDPOINT_CHOICE_PINGS; i++) {
		struct endpoint_choice_question *question = &entry->questions[i];
		if (question->sent_at == CLOCK_NEVER ||
			memcmp(question->token, token, sizeof question->token) != 0)
			continue;
		/* 0 stands for "not known". */
		const uint64_t sample = now > question->sent_at ? now - question->sent_at : 1;
		const uint64_t before = entry->round_trip > 0 ? entry->round_trip : sample;
		entry->round_trip =
			((ENDPOINT_CHOICE_SMOOTHING - 1) * before + sample) / ENDPOINT_CHOICE_SMOOTHING;
		entry->answered_at = now;
		entry->unanswered = 0;
		question->sent_at = CLOCK_NEVER;
		compare(choice, now);
		return true;
	}
	return false;
}

bool endpoint_choice_ping(struct endpoint_choice *choice, uint64_t now,
						  struct endpoint_choice_ping *out_ping) {
	for (size_t i = 0; i < choice->count; i++) {
		struct endpoint_choice_entry *entry = &choice->entries[i];
		if (!(choice->due >> i & 1))
			continue;
		choice->due &= (uint8_t) ~(1U << i);
		entry->last = (uint8_t)((entry->last + 1) % ENDPOINT_CHOICE_PINGS);
		if (entry->unanswered < UINT8_MAX)
			entry->unanswered++;
		struct endpoint_choice_question *question = &entry->questions[entry->last];
		random_fill(choice->random, question->token, sizeof question->token);
		question->sent_at = now;
		out_ping->to = entry->endpoint;
		memcpy(out_ping->token, question->token, sizeof out_ping->token);
		compare(choice, now);
		return true;
	}
	return false;
}

/* The fastest of those whose last answer is not older; NULL: none. */
static struct endpoint_choice_entry *fastest(struct endpoint_choice *choice, uint64_t since) {
	struct endpoint_choice_entry *best = NULL;
	for (size_t i = 0; i < choice->count; i++) {
		struct endpoint_choice_entry *entry = &choice->entries[i];
		if (entry->round_trip > 0 && entry->answered_at >= since &&
			(!best || entry->round_trip < best->round_trip))
			best = entry;
	}
	return best;
}

enum err endpoint_choice_change(struct endpoint_choice *choice, const struct endpoint *endpoints,
								size_t count, uint64_t now, enum endpoint_choice_news *out_news) {
	enum err error = check(endpoints, count);
	if (error)
		return error;
	struct endpoint_choice before = *choice;
	const struct endpoint *used = endpoint_choice_current(&before);
	choice->count = (uint8_t)count;
	for (size_t i = 0; i < count; i++) {
		const struct endpoint_choice_entry *known = find(&before, &endpoints[i]);
		choice->entries[i] = known ? *known : entry_of(&endpoints[i]);
	}
	choice->attempt = 0;
	choice->due = 0;
	*out_news = ENDPOINT_CHOICE_NOTHING;
	const struct endpoint_choice_entry *current = find(choice, used);
	if (!choice->connected) {
		choice->current = 0;
		return ERR_OK;
	}
	measure_all(choice, now);
	if (current) {
		choice->current = (uint8_t)(current - choice->entries);
		return ERR_OK;
	}
	current = fastest(choice, now > ENDPOINT_CHOICE_HOLD ? now - ENDPOINT_CHOICE_HOLD : 0);
	use(choice, current ? current : &choice->entries[0]);
	ask_at_once(choice, now);
	choice->due = 0; /* expired() asks all of them now */
	*out_news = ENDPOINT_CHOICE_SWITCHED;
	return ERR_OK;
}

static void ask(struct endpoint_choice *choice, uint64_t now) {
	choice->due = all_of(choice);
	choice->asked++;
	choice->ask_at += ENDPOINT_CHOICE_REPEAT;
	if (choice->asked == ENDPOINT_CHOICE_PINGS)
		choice->ask_at = choice->asking_since + ENDPOINT_CHOICE_PATIENCE;
	/* Whoever stood still waits for answers all the same. */
	if (choice->ask_at < now + ENDPOINT_CHOICE_QUESTION)
		choice->ask_at = now + ENDPOINT_CHOICE_QUESTION;
}

static enum endpoint_choice_news fail_over(struct endpoint_choice *choice, uint64_t now) {
	const struct endpoint_choice_entry *best = fastest(choice, choice->asking_since);
	if (!best) {
		disconnect(choice, (uint8_t)(choice->current + 1));
		return ENDPOINT_CHOICE_DEAD;
	}
	use(choice, best);
	ask_at_once(choice, now);
	return ENDPOINT_CHOICE_SWITCHED;
}

static uint64_t held_at(const struct endpoint_choice_entry *entry) {
	/* One that is being asked is not taken before it answered. */
	if (entry->better_since == CLOCK_NEVER || entry->unanswered > 0)
		return CLOCK_NEVER;
	return entry->better_since + ENDPOINT_CHOICE_HOLD;
}

static enum endpoint_choice_news gain(struct endpoint_choice *choice, uint64_t now) {
	const struct endpoint_choice_entry *best = NULL;
	for (size_t i = 0; i < choice->count; i++) {
		const struct endpoint_choice_entry *entry = &choice->entries[i];
		if (now >= held_at(entry) && (!best || entry->round_trip < best->round_trip))
			best = entry;
	}
	if (!best)
		return ENDPOINT_CHOICE_NOTHING;
	use(choice, best);
	ask_at_once(choice, now);
	return ENDPOINT_CHOICE_SWITCHED;
}

enum endpoint_choice_news endpoint_choice_expired(struct endpoint_choice *choice, uint64_t now) {
	enum endpoint_choice_news news = ENDPOINT_CHOICE_NOTHING;
	if (endpoint_choice_deadline(choice) > now)
		return news;
	for (size_t i = 0; i < choice->count; i++) {
		struct endpoint_choice_entry *entry = &choice->entries[i];
		if (now < entry->ping_at)
			continue;
		choice->due |= (uint8_t)(1U << i);
		entry->ping_at = now + interval(choice);
	}
	if (is_asking(choice) && now >= choice->ask_at && choice->asked == ENDPOINT_CHOICE_PINGS)
		news = fail_over(choice, now);
	else
		news = gain(choice, now);
	if (is_asking(choice) && now >= choice->ask_at)
		ask(choice, now);
	return news;
}

uint64_t endpoint_choice_deadline(const struct endpoint_choice *choice) {
	if (!choice->connected)
		return CLOCK_NEVER;
	uint64_t next = is_asking(choice) ? choice->ask_at : CLOCK_NEVER;
	for (size_t i = 0; i < choice->count; i++) {
		const struct endpoint_choice_entry *entry = &choice->entries[i];
		const uint64_t held = held_at(entry);
		next = entry->ping_at < next ? entry->ping_at : next;
		next = held < next ? held : next;
	}
	return next;
}
