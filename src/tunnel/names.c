#include "tunnel/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/deadline.h"
#include "base/doubling.h"
#include "base/list.h"
#include "base/siphash.h"

enum { BUCKETS_MIN = 16, TTL_SECONDS_MAX = NAMES_TTL_MAX / CLOCK_SECOND };

struct entry {
	struct entry *next;  /* of its bucket */
	struct list waiting; /* to be asked, as soon as there is room */
	struct deadline due; /* when it is to be asked */
	uint64_t hash;
	uint16_t tunnel, port;
	uint8_t key[TEXT_KEY_SIZE];
	char *name;
	char *problem; /* NULL: none */
	enum names_state state;
	struct address *addresses;
	size_t count;
	size_t unreachable;   /* addresses in a row that there was no way to */
	size_t tried;         /* addresses that stayed unanswered since the last answer */
	struct endpoint used; /* set last; ADDRESS_NONE: none */
	uint64_t used_at, asked_at;
	unsigned failures, rounds; /* questions without addresses, addresses without answer */
	struct question *question; /* the open one */
	bool asked;                /* ever */
	bool maybe_roamed;         /* the peer was connected since used was set */
	bool again;                /* the open question may be of a network that is gone */
};

struct question {
	uint64_t ticket; /* 0: none is open here */
	uint64_t asked_at;
	struct entry *entry; /* NULL: gone */
};

struct names {
	struct names_host host;
	struct entry **buckets;
	size_t bucket_count, count; /* bucket_count is a power of two */
	struct deadline_heap deadlines;
	struct list waiting; /* first come, first served */
	struct question questions[NAMES_OPEN_MAX];
	uint64_t questions_ever;
};

/* The table. */

/* Keys and names are the operator's, no stranger's: a fixed key does. */
static uint64_t hash_of(uint16_t tunnel, const uint8_t *key) {
	static const struct siphash_key fixed = {.words = {1, 2}};
	uint8_t data[sizeof tunnel + TEXT_KEY_SIZE];
	memcpy(data, &tunnel, sizeof tunnel);
	memcpy(data + sizeof tunnel, key, TEXT_KEY_SIZE);
	return siphash(&fixed, data, sizeof data);
}

static struct entry **place_of(const struct names *names, uint64_t hash, uint16_t tunnel,
							   const uint8_t *key) {
	struct entry **place = &names->buckets[hash & (names->bucket_count - 1)];
	while (*place && ((*place)->tunnel != tunnel || memcmp((*place)->key, key, TEXT_KEY_SIZE) != 0))
		place = &(*place)->next;
	return place;
}

static struct entry *find(const struct names *names, uint16_t tunnel, const uint8_t *key) {
	return *place_of(names, hash_of(tunnel, key), tunnel, key);
}

static enum err grow(struct names *names) {
	if (names->count < names->bucket_count)
		return ERR_OK;
	size_t bucket_count = 2 * names->bucket_count;
	struct entry **buckets = calloc(bucket_count, sizeof *buckets);
	if (!buckets)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < names->bucket_count; i++) {
		struct entry *next;
		for (struct entry *entry = names->buckets[i]; entry; entry = next) {
			next = entry->next;
			struct entry **bucket = &buckets[entry->hash & (bucket_count - 1)];
			entry->next = *bucket;
			*bucket = entry;
		}
	}
	free(names->buckets);
	names->buckets = buckets;
	names->bucket_count = bucket_count;
	return ERR_OK;
}

enum err names_new(const struct names_host *host, struct names **out_names) {
	struct names *names = calloc(1, sizeof *names);
	if (!names)
		return ERR_NO_MEMORY;
	names->host = *host;
	names->bucket_count = BUCKETS_MIN;
	names->buckets = calloc(BUCKETS_MIN, sizeof(struct entry *));
	if (!names->buckets) {
		free(names);
		return ERR_NO_MEMORY;
	}
	deadline_heap_init(&names->deadlines);
	list_init(&names->waiting);
	*out_names = names;
	return ERR_OK;
}

static void entry_free(struct names *names, struct entry *entry) {
	if (entry->question)
		entry->question->entry = NULL;
	deadline_remove(&names->deadlines, &entry->due);
	list_remove(&entry->waiting);
	free(entry->name);
	free(entry->problem);
	free(entry->addresses);
	free(entry);
}

void names_free(struct names *names) {
	if (!names)
		return;
	for (size_t i = 0; i < names->bucket_count; i++) {
		struct entry *next;
		for (struct entry *entry = names->buckets[i]; entry; entry = next) {
			next = entry->next;
			entry_free(names, entry);
		}
	}
	deadline_heap_done(&names->deadlines);
	free(names->buckets);
	free(names);
}

/* Questions. */

static bool is_being_asked(const struct entry *entry) {
	return entry->question || !list_is_empty(&entry->waiting);
}

/* Asks at that time, or earlier when that was decided before. */
static void ask_at(struct names *names, struct entry *entry, uint64_t at) {
	if (is_being_asked(entry) || (entry->due.position != 0 && entry->due.at <= at))
		return;
	deadline_set(&names->deadlines, &entry->due, at);
}

static void ask_no_more(struct names *names, struct entry *entry) {
	deadline_remove(&names->deadlines, &entry->due);
	list_remove(&entry->waiting);
}

/* A part of the time, of 256, that is the same for a peer and differs between peers. */
static uint64_t spread(const struct entry *entry, uint64_t time) {
	return time / 256 * (entry->hash >> 56);
}

static uint64_t backoff_of(const struct entry *entry) {
	uint64_t whole = doubling_of(NAMES_BACKOFF_MIN, NAMES_BACKOFF_MAX, entry->failures);
	uint64_t time = whole - spread(entry, whole / 4);
	return time > NAMES_BACKOFF_MIN ? time : NAMES_BACKOFF_MIN;
}

static uint64_t lifetime_of(const struct entry *entry, uint32_t ttl) {
	uint64_t time = (ttl < TTL_SECONDS_MAX ? ttl : TTL_SECONDS_MAX) * CLOCK_SECOND;
	if (time < NAMES_TTL_MIN)
		time = NAMES_TTL_MIN;
	return time + spread(entry, time / 8);
}

static void set_problem(struct names *names, struct entry *entry, const char *problem) {
	if (problem ? entry->problem && strcmp(entry->problem, problem) == 0 : !entry->problem)
		return;
	free(entry->problem);
	entry->problem = problem ? strdup(problem) : NULL;
	names->host.tell(names->host.context, entry->tunnel, entry->key, entry->name, problem);
}

static void close_question(struct entry *entry, struct question *question) {
	*question = (struct question){.ticket = 0};
	entry->question = NULL;
}

static void failed(struct names *names, uint64_t now, struct entry *entry, const char *problem) {
	uint64_t delay = backoff_of(entry);
	entry->failures++;
	if (entry->state != NAMES_CONNECTED)
		ask_at(names, entry, now + delay);
	set_problem(names, entry, problem);
}

static void ask(struct names *names, uint64_t now, struct entry *entry, struct question *question) {
	size_t slot = (size_t)(question - names->questions);
	*question = (struct question){
		.ticket = ++names->questions_ever * NAMES_OPEN_MAX + slot,
		.asked_at = now,
		.entry = entry,
	};
	entry->question = question;
	entry->asked_at = now;
	entry->asked = true;
	enum err error = names->host.ask(names->host.context, entry->name, question->ticket);
	if (error == ERR_OK)
		return;
	close_question(entry, question);
	failed(names, now, entry, err_text(error));
}

static void give_up_questions(struct names *names, uint64_t now) {
	for (size_t i = 0; i < NAMES_OPEN_MAX; i++) {
		struct question *question = &names->questions[i];
		if (question->ticket == 0 || now < question->asked_at + NAMES_QUESTION_TIME)
			continue;
		struct entry *entry = question->entry;
		question->ticket = 0;
		if (!entry)
			continue;
		close_question(entry, question);
		failed(names, now, entry, "no answer came");
	}
}

uint64_t names_run(struct names *names, uint64_t now) {
	give_up_questions(names, now);
	struct deadline *due;
	while ((due = deadline_pop_expired(&names->deadlines, now))) {
		struct entry *entry = deadline_owner(due, struct entry, due);
		list_append(&names->waiting, &entry->waiting);
		if (entry->state == NAMES_TRYING)
			entry->state = NAMES_RESOLVING;
	}
	uint64_t next = CLOCK_NEVER;
	for (size_t i = 0; i < NAMES_OPEN_MAX; i++) {
		struct question *question = &names->questions[i];
		struct list *link = question->ticket == 0 ? list_take_first(&names->waiting) : NULL;
		if (link)
			ask(names, now, list_item(link, struct entry, waiting), question);
		if (question->ticket != 0 && question->asked_at + NAMES_QUESTION_TIME < next)
			next = question->asked_at + NAMES_QUESTION_TIME;
	}
	uint64_t earliest = deadline_next(&names->deadlines);
	/* Where each question of a whole row failed on the spot, room is left for more at once. */
	if (!list_is_empty(&names->waiting) && next == CLOCK_NEVER)
		return now;
	return earliest < next ? earliest : next;
}

/* Addresses. */

static size_t index_of(const struct entry *entry, const struct address *address) {
	size_t i = 0;
	while (i < entry->count && !address_equal(&entry->addresses[i], address))
		i++;
	return i;
}

/* The next in turn; the first when that one is not among them. */
static size_t index_after(const struct entry *entry, const struct address *address) {
	size_t index = index_of(entry, address);
	return index + 1 < entry->count ? index + 1 : 0;
}

static void use(struct names *names, uint64_t now, struct entry *entry, size_t index) {
	const struct endpoint endpoint = {.address = entry->addresses[index], .port = entry->port};
	if (endpoint_equal(&endpoint, &entry->used) && !entry->maybe_roamed)
		return;
	entry->used = endpoint;
	entry->used_at = now;
	entry->maybe_roamed = false;
	names->host.use(names->host.context, entry->tunnel, entry->key, &endpoint);
}

void names_answer(struct names *names, uint64_t now, uint64_t ticket,
				  const struct address *addresses, size_t count, uint32_t ttl,
				  const char *problem) {
	struct question *question = &names->questions[ticket % NAMES_OPEN_MAX];
	if (ticket == 0 || question->ticket != ticket)
		return;
	struct entry *entry = question->entry;
	question->ticket = 0;
	if (!entry)
		return;
	close_question(entry, question);
	if (entry->again && entry->state != NAMES_CONNECTED)
		ask_at(names, entry, now);
	entry->again = false;
	if (count > NAMES_ADDRESSES_MAX)
		count = NAMES_ADDRESSES_MAX;
	struct address *copy = count > 0 ? malloc(count * sizeof *copy) : NULL;
	if (!copy) {
		const char *otherwise = count > 0 ? err_text(ERR_NO_MEMORY) : "no address";
		failed(names, now, entry, count == 0 && problem ? problem : otherwise);
		return;
	}
	memcpy(copy, addresses, count * sizeof *copy);
	free(entry->addresses);
	entry->addresses = copy;
	entry->count = count;
	entry->failures = 0;
	entry->tried = entry->unreachable = 0;
	set_problem(names, entry, NULL);
	if (entry->state == NAMES_CONNECTED)
		return;
	entry->state = NAMES_TRYING;
	ask_at(names, entry, now + lifetime_of(entry, ttl));
	/* One that is being tried and still in the answer gets its time. */
	if (index_of(entry, &entry->used.address) == count)
		use(names, now, entry, 0);
}

/* What happens to peers. */

static enum err add(struct names *names, uint16_t tunnel, const uint8_t *key,
					struct entry **out_entry) {
	enum err error = grow(names);
	if (error == ERR_OK)
		error = deadline_heap_reserve(&names->deadlines, names->count + 1);
	if (error != ERR_OK)
		return error;
	struct entry *entry = calloc(1, sizeof *entry);
	if (!entry)
		return ERR_NO_MEMORY;
	entry->hash = hash_of(tunnel, key);
	entry->tunnel = tunnel;
	memcpy(entry->key, key, TEXT_KEY_SIZE);
	list_init(&entry->waiting);
	*place_of(names, entry->hash, tunnel, key) = entry;
	names->count++;
	*out_entry = entry;
	return ERR_OK;
}

enum err names_put(struct names *names, uint64_t now, uint16_t tunnel,
				   const uint8_t key[static TEXT_KEY_SIZE], const char *name, uint16_t port) {
	struct entry *entry = find(names, tunnel, key);
	if (entry && entry->port == port && strcmp(entry->name, name) == 0)
		return ERR_OK;
	char *copy = strdup(name);
	if (!copy)
		return ERR_NO_MEMORY;
	enum err error = entry ? ERR_OK : add(names, tunnel, key, &entry);
	if (error != ERR_OK) {
		free(copy);
		return error;
	}
	/* The answer to a question that is open would be of the name before. */
	if (entry->question)
		entry->question->entry = NULL;
	entry->question = NULL;
	free(entry->name);
	free(entry->problem);
	free(entry->addresses);
	entry->name = copy;
	entry->port = port;
	entry->problem = NULL;
	entry->addresses = NULL;
	entry->count = entry->tried = entry->unreachable = 0;
	entry->used = (struct endpoint){.port = 0};
	entry->failures = entry->rounds = 0;
	entry->again = entry->asked = false;
	entry->state = NAMES_RESOLVING;
	ask_at(names, entry, now);
	return ERR_OK;
}

static void remove_at(struct names *names, struct entry **place) {
	struct entry *entry = *place;
	*place = entry->next;
	names->count--;
	entry_free(names, entry);
}

void names_remove(struct names *names, uint16_t tunnel, const uint8_t key[static TEXT_KEY_SIZE]) {
	struct entry **place = place_of(names, hash_of(tunnel, key), tunnel, key);
	if (*place)
		remove_at(names, place);
}

void names_remove_tunnel(struct names *names, uint16_t tunnel) {
	for (size_t i = 0; i < names->bucket_count; i++) {
		struct entry **place = &names->buckets[i];
		while (*place) {
			if ((*place)->tunnel == tunnel)
				remove_at(names, place);
			else
				place = &(*place)->next;
		}
	}
}

void names_connected(struct names *names, uint64_t now, uint16_t tunnel,
					 const uint8_t key[static TEXT_KEY_SIZE]) {
	(void)now;
	struct entry *entry = find(names, tunnel, key);
	if (!entry)
		return;
	entry->state = NAMES_CONNECTED;
	entry->maybe_roamed = true;
	entry->failures = entry->rounds = 0;
	entry->tried = entry->unreachable = 0;
	ask_no_more(names, entry);
	set_problem(names, entry, NULL);
}

static uint64_t not_before(const struct entry *entry, uint64_t now, uint64_t after_last) {
	uint64_t at = entry->asked ? entry->asked_at + after_last : now;
	return at > now ? at : now;
}

void names_unanswered(struct names *names, uint64_t now, uint16_t tunnel,
					  const uint8_t key[static TEXT_KEY_SIZE], uint32_t count) {
	struct entry *entry = find(names, tunnel, key);
	if (!entry || count == 0)
		return;
	if (entry->state == NAMES_CONNECTED) {
		ask_at(names, entry, not_before(entry, now, NAMES_ROUND_MIN));
		if (count < NAMES_LOST_COUNT)
			return;
		entry->state = NAMES_RESOLVING;
	} else if (entry->count > 0 && now < entry->used_at + NAMES_ATTEMPT_MIN) {
		return;
	}
	if (entry->count == 0)
		return;
	use(names, now, entry, index_after(entry, &entry->used.address));
	entry->tried++;
	if (entry->tried < entry->count || is_being_asked(entry))
		return;
	entry->state = NAMES_RESOLVING;
	if (entry->failures > 0)
		return; /* that has a time of its own */
	ask_at(names, entry,
		   not_before(entry, now, doubling_of(NAMES_ROUND_MIN, NAMES_ROUND_MAX, entry->rounds)));
	entry->rounds++;
}

void names_unreachable(struct names *names, uint64_t now, uint16_t tunnel,
					   const uint8_t key[static TEXT_KEY_SIZE]) {
	struct entry *entry = find(names, tunnel, key);
	if (!entry || entry->unreachable + 1 >= entry->count)
		return;
	entry->unreachable++;
	use(names, now, entry, index_after(entry, &entry->used.address));
}

void names_retry(struct names *names, uint64_t now) {
	for (size_t i = 0; i < names->bucket_count; i++) {
		for (struct entry *entry = names->buckets[i]; entry; entry = entry->next) {
			entry->unreachable = 0;
			if (entry->state == NAMES_CONNECTED)
				continue;
			entry->failures = entry->rounds = 0;
			entry->again = entry->question != NULL;
			ask_at(names, entry, now);
		}
	}
}

enum err names_state_of(const struct names *names, uint16_t tunnel,
						const uint8_t key[static TEXT_KEY_SIZE], enum names_state *out_state,
						const char **out_problem) {
	const struct entry *entry = find(names, tunnel, key);
	if (!entry)
		return ERR_NOT_FOUND;
	*out_state = entry->state;
	*out_problem = entry->problem;
	return ERR_OK;
}
