#include "tunnel/stream_peers.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/text.h"
#include "base/wipe.h"
#include "wire/uapi.h"

struct draft;

struct member {
	struct stream_peer peer; /* first: what is found by key is one */
	size_t place;            /* in peers; SIZE_MAX: it is new, and not there yet */
	struct draft *draft;     /* of the operation that is under way */
};

/* What a peer becomes when all lines were right. */
struct draft {
	struct list link;
	struct member *entry;
	struct stream_peer value; /* with lists of its own */
	size_t prefix_capacity, rule_capacity;
	bool removed, changed;
};

struct stream_peers {
	void *tree;           /* of entries by key, tsearch() */
	struct member **list; /* in no order that means anything */
	size_t count, capacity;
	uint64_t generation;
};

struct operation {
	struct stream_peers *peers;
	struct list drafts;  /* in the order of the lines */
	struct draft *draft; /* that the present lines are about; NULL: none */
	bool gone;           /* the one that they are about was removed by an earlier line of them */
	size_t added;
	void (*removed)(void *context, struct stream_peer *peer);
	void *context;
};

enum {
	LIST_FIRST = 4,
	NAME_PREFIX = 8,
};

static int compare_keys(const void *left, const void *right) {
	const struct member *first = left, *second = right;
	return memcmp(first->peer.public_key, second->peer.public_key, X25519_KEY_SIZE);
}

enum err stream_peers_new(struct stream_peers **out_peers) {
	struct stream_peers *peers = calloc(1, sizeof *peers);
	if (!peers)
		return ERR_NO_MEMORY;
	*out_peers = peers;
	return ERR_OK;
}

static void value_done(struct stream_peer *value) {
	free(value->allowed_ips);
	free(value->rules);
}

static void entry_free(struct member *entry) {
	value_done(&entry->peer);
	free(entry);
}

void stream_peers_free(struct stream_peers *peers) {
	if (!peers)
		return;
	for (size_t i = 0; i < peers->count; i++) {
		(void)tdelete(peers->list[i], &peers->tree, compare_keys);
		entry_free(peers->list[i]);
	}
	free(peers->list);
	free(peers);
}

size_t stream_peers_count(const struct stream_peers *peers) {
	return peers->count;
}

struct stream_peer *stream_peers_at(const struct stream_peers *peers, size_t place) {
	return &peers->list[place]->peer;
}

static struct member *find(const struct stream_peers *peers,
						   const uint8_t public_key[static X25519_KEY_SIZE]) {
	struct member wanted;
	memcpy(wanted.peer.public_key, public_key, X25519_KEY_SIZE);
	struct member *const *node = tfind(&wanted, &peers->tree, compare_keys);
	return node ? *node : NULL;
}

struct stream_peer *stream_peers_find(const struct stream_peers *peers,
									  const uint8_t public_key[static X25519_KEY_SIZE]) {
	struct member *entry = find(peers, public_key);
	return entry && entry->place != SIZE_MAX ? &entry->peer : NULL;
}

/* A copy of the count items; *out_list is NULL without any. */
static int copy_list(void *out_list, const void *list, size_t count, size_t size) {
	void *copy = count > 0 ? malloc(count * size) : NULL;
	if (count > 0 && !copy)
		return ENOMEM;
	if (count > 0)
		memcpy(copy, list, count * size);
	memcpy(out_list, &copy, sizeof copy);
	return 0;
}

/* Room for one item more. The list as it is afterwards; NULL: no memory, and it is as it was. */
static void *grow(void *list, size_t count, size_t *capacity, size_t size) {
	if (count < *capacity)
		return list;
	size_t room = *capacity > 0 ? 2 * *capacity : LIST_FIRST;
	void *grown = realloc(list, room * size);
	if (grown)
		*capacity = room;
	return grown;
}

static struct draft *draft_new(struct operation *operation, struct member *entry) {
	struct draft *draft = calloc(1, sizeof *draft);
	if (!draft)
		return NULL;
	const struct stream_peer *peer = &entry->peer;
	draft->entry = entry;
	draft->value = *peer;
	draft->value.allowed_ips = NULL;
	draft->value.rules = NULL;
	draft->prefix_capacity = peer->allowed_ip_count;
	draft->rule_capacity = peer->rule_count;
	if (copy_list(&draft->value.allowed_ips, peer->allowed_ips, peer->allowed_ip_count,
				  sizeof *peer->allowed_ips) ||
		copy_list(&draft->value.rules, peer->rules, peer->rule_count, sizeof *peer->rules)) {
		value_done(&draft->value);
		free(draft);
		return NULL;
	}
	entry->draft = draft;
	list_append(&operation->drafts, &draft->link);
	return draft;
}

static void set_default_name(struct stream_peer *peer) {
	char text[TEXT_KEY_BASE64_SIZE];
	text_key_encode(peer->public_key, text);
	memset(peer->name, 0, sizeof peer->name);
	memcpy(peer->name, text, NAME_PREFIX);
}

static struct member *entry_new(struct operation *operation,
								const uint8_t public_key[static X25519_KEY_SIZE]) {
	if (operation->peers->count + operation->added >= STREAM_PEERS_MAX)
		return NULL;
	struct member *entry = calloc(1, sizeof *entry);
	if (!entry)
		return NULL;
	memcpy(entry->peer.public_key, public_key, X25519_KEY_SIZE);
	set_default_name(&entry->peer);
	entry->place = SIZE_MAX;
	if (!tsearch(entry, &operation->peers->tree, compare_keys)) {
		free(entry);
		return NULL;
	}
	operation->added++;
	return entry;
}

static void entry_drop(struct stream_peers *peers, struct member *entry) {
	(void)tdelete(entry, &peers->tree, compare_keys);
	entry_free(entry);
}

/* Lines */

static void forget_prefixes(struct draft *draft) {
	draft->changed |= draft->value.allowed_ip_count > 0;
	draft->value.allowed_ip_count = 0;
}

static void forget_rules(struct draft *draft) {
	draft->changed |= draft->value.rule_count > 0;
	draft->value.rule_count = 0;
}

/* As if it had never been, but for its owner, who is told nothing. */
static void begin_anew(struct draft *draft) {
	forget_prefixes(draft);
	forget_rules(draft);
	set_default_name(&draft->value);
	draft->value.endpoint = (struct endpoint){.port = 0};
	draft->removed = false;
	draft->changed = true;
}

static int open_peer(struct operation *operation,
					 const uint8_t public_key[static X25519_KEY_SIZE]) {
	operation->draft = NULL;
	struct member *entry = find(operation->peers, public_key);
	if (entry && entry->draft) {
		if (entry->draft->removed)
			begin_anew(entry->draft);
		operation->draft = entry->draft;
		return 0;
	}
	const bool is_new = !entry;
	if (is_new)
		entry = entry_new(operation, public_key);
	struct draft *draft = entry ? draft_new(operation, entry) : NULL;
	if (!draft) {
		if (is_new && entry) {
			operation->added--;
			entry_drop(operation->peers, entry);
		}
		return ENOMEM;
	}
	draft->changed = is_new;
	operation->draft = draft;
	return 0;
}

static int remove_all(struct operation *operation) {
	for (size_t i = 0; i < operation->peers->count; i++) {
		struct member *entry = operation->peers->list[i];
		struct draft *draft = entry->draft ?: draft_new(operation, entry);
		if (!draft)
			return ENOMEM;
		draft->removed = true;
	}
	return 0;
}

static int add_prefix(struct draft *draft, const struct prefix *prefix) {
	struct stream_peer *value = &draft->value;
	for (size_t i = 0; i < value->allowed_ip_count; i++)
		if (prefix_equal(&value->allowed_ips[i], prefix))
			return 0;
	struct prefix *list = value->allowed_ip_count < STREAM_PEER_PREFIXES_MAX
							  ? grow(value->allowed_ips, value->allowed_ip_count,
									 &draft->prefix_capacity, sizeof *list)
							  : NULL;
	if (!list)
		return ENOMEM;
	list[value->allowed_ip_count++] = *prefix;
	value->allowed_ips = list;
	draft->changed = true;
	return 0;
}

static void remove_prefix(struct draft *draft, const struct prefix *prefix) {
	struct stream_peer *value = &draft->value;
	size_t kept = 0;
	for (size_t i = 0; i < value->allowed_ip_count; i++)
		if (!prefix_equal(&value->allowed_ips[i], prefix))
			value->allowed_ips[kept++] = value->allowed_ips[i];
	draft->changed |= kept < value->allowed_ip_count;
	value->allowed_ip_count = kept;
}

static int add_rule(struct draft *draft, const char *text) {
	struct stream_peer *value = &draft->value;
	struct policy_rule rule;
	if (policy_rule_parse(text, &rule))
		return EINVAL;
	struct policy_rule *list =
		value->rule_count < POLICY_RULES_MAX
			? grow(value->rules, value->rule_count, &draft->rule_capacity, sizeof *list)
			: NULL;
	if (!list)
		return ENOMEM;
	list[value->rule_count++] = rule;
	value->rules = list;
	draft->changed = true;
	return 0;
}

static int set_name(struct draft *draft, const char *name) {
	size_t size = strlen(name);
	if (size == 0 || size >= sizeof draft->value.name)
		return EINVAL;
	for (const char *at = name; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			return EINVAL;
	draft->changed |= strcmp(draft->value.name, name) != 0;
	memset(draft->value.name, 0, sizeof draft->value.name);
	memcpy(draft->value.name, name, size);
	return 0;
}

static int remove_peer(struct operation *operation) {
	operation->draft->removed = true;
	operation->draft = NULL;
	operation->gone = true;
	return 0;
}

static bool is_of_peers(enum uapi_key key) {
	return key > UAPI_PUBLIC_KEY && key <= UAPI_RULE;
}

static int apply_line(struct operation *operation, const struct uapi_entry *line) {
	if (line->key == UAPI_PUBLIC_KEY) {
		operation->gone = false;
		return open_peer(operation, line->bytes);
	}
	struct draft *draft = operation->draft;
	if (line->key == UAPI_REPLACE_PEERS)
		return draft || operation->gone ? EINVAL : remove_all(operation);
	if (!draft)
		return operation->gone && is_of_peers(line->key) ? 0 : EINVAL;
	switch (line->key) {
	case UAPI_REMOVE:
		return remove_peer(operation);
	case UAPI_UPDATE_ONLY:
		return draft->entry->place == SIZE_MAX ? remove_peer(operation) : 0;
	case UAPI_ENDPOINT:
		draft->changed |= !endpoint_equal(&draft->value.endpoint, &line->endpoint);
		draft->value.endpoint = line->endpoint;
		return 0;
	case UAPI_REPLACE_ALLOWED_IPS:
		forget_prefixes(draft);
		return 0;
	case UAPI_ALLOWED_IP:
		if (!line->subtract)
			return add_prefix(draft, &line->prefix);
		remove_prefix(draft, &line->prefix);
		return 0;
	case UAPI_NAME:
		return set_name(draft, line->text);
	case UAPI_REPLACE_RULES:
		forget_rules(draft);
		return 0;
	case UAPI_RULE:
		return add_rule(draft, line->text);
	default:
		return is_of_peers(line->key) ? 0 : EINVAL;
	}
}

static int apply_lines(struct operation *operation, struct slice text) {
	struct uapi_entry entry;
	WIPE_ON_EXIT(entry);
	struct slice line;
	int number = 0;
	while (!number && uapi_next_line(&text, &line))
		number = uapi_parse_line((const char *)line.data, line.size, &entry)
					 ? EINVAL
					 : apply_line(operation, &entry);
	return number;
}

/* The end of an operation */

static void draft_free(struct draft *draft) {
	draft->entry->draft = NULL;
	list_remove(&draft->link);
	value_done(&draft->value);
	free(draft);
}

static void undo(struct operation *operation) {
	list_for_each (link, &operation->drafts) {
		struct draft *draft = list_item(link, struct draft, link);
		struct member *entry = draft->entry;
		draft_free(draft);
		if (entry->place == SIZE_MAX)
			entry_drop(operation->peers, entry);
	}
}

static void commit_removal(struct operation *operation, struct member *entry) {
	struct stream_peers *peers = operation->peers;
	if (entry->place != SIZE_MAX) {
		struct member *last = peers->list[--peers->count];
		peers->list[entry->place] = last;
		last->place = entry->place;
		if (operation->removed)
			operation->removed(operation->context, &entry->peer);
	}
	entry_drop(peers, entry);
}

static void commit_change(struct operation *operation, struct draft *draft) {
	struct stream_peers *peers = operation->peers;
	struct member *entry = draft->entry;
	if (entry->place == SIZE_MAX) {
		entry->place = peers->count;
		peers->list[peers->count++] = entry;
	}
	struct stream_peer before = entry->peer;
	entry->peer = draft->value;
	entry->peer.owner = before.owner; /* who agreed may have changed it since the draft */
	entry->peer.generation = ++peers->generation;
	draft->value = before;
}

static void commit(struct operation *operation) {
	list_for_each (link, &operation->drafts) {
		struct draft *draft = list_item(link, struct draft, link);
		struct member *entry = draft->entry;
		const bool removed = draft->removed;
		if (!removed && draft->changed)
			commit_change(operation, draft);
		draft_free(draft);
		if (removed)
			commit_removal(operation, entry);
	}
}

static int reserve(struct stream_peers *peers, size_t more) {
	size_t capacity = peers->capacity;
	while (peers->count + more > capacity)
		capacity = capacity > 0 ? 2 * capacity : LIST_FIRST;
	if (capacity == peers->capacity)
		return 0;
	struct member **grown = realloc(peers->list, capacity * sizeof(*grown));
	if (!grown)
		return ENOMEM;
	peers->list = grown;
	peers->capacity = capacity;
	return 0;
}

int stream_peers_set_if(struct stream_peers *peers, struct slice text, int (*agreed)(void *context),
						void (*removed)(void *context, struct stream_peer *peer), void *context) {
	struct operation operation = {.peers = peers, .removed = removed, .context = context};
	list_init(&operation.drafts);
	int number = apply_lines(&operation, text);
	if (!number)
		number = reserve(peers, operation.added);
	if (!number && agreed)
		number = agreed(context);
	if (number)
		undo(&operation);
	else
		commit(&operation);
	return number;
}

int stream_peers_set(struct stream_peers *peers, struct slice text,
					 void (*removed)(void *context, struct stream_peer *peer), void *context) {
	return stream_peers_set_if(peers, text, NULL, removed, context);
}
