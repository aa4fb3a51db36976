#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "conf/config.h"
#include "conf/schema.h"

const char *schema_standard(const struct schema_row *row) {
	return row->type == SCHEMA_WORD && !row->standard ? row->choices[0] : row->standard;
}

bool schema_is_list(const struct schema_row *row) {
	return row->type == SCHEMA_ADDRESSES || row->type == SCHEMA_NAMES ||
		   row->type == SCHEMA_NETWORKS || row->type == SCHEMA_PREFIXES ||
		   row->type == SCHEMA_RULES || row->type == SCHEMA_PINS || row->type == SCHEMA_HOSTS ||
		   row->type == SCHEMA_WORDS || row->type == SCHEMA_LABELS;
}

static bool contains(const char *const *protocols, const char *protocol) {
	for (size_t i = 0; protocol && protocols[i]; i++)
		if (strcmp(protocols[i], protocol) == 0)
			return true;
	return false;
}

bool schema_carries_streams(const char *protocol) {
	return contains(schema_stream_protocols, protocol);
}

bool schema_shares_keys(const char *protocol) {
	return contains(schema_shared_protocols, protocol);
}

bool schema_logs_in(const char *protocol) {
	return contains(schema_login_protocols, protocol);
}

unsigned schema_kinds(const struct schema_row *row) {
	enum { ALL = SCHEMA_OF_PACKETS | SCHEMA_OF_STREAMS | SCHEMA_OF_SHARED | SCHEMA_OF_LOGIN };
	return row->flags & ALL ? row->flags & ALL : ALL;
}

unsigned schema_kind(const struct config_tunnel *tunnel) {
	return tunnel->carries_streams ? SCHEMA_OF_STREAMS
		   : tunnel->shares_keys   ? SCHEMA_OF_SHARED
		   : tunnel->logs_in       ? SCHEMA_OF_LOGIN
								   : SCHEMA_OF_PACKETS;
}

bool schema_is_there(const struct schema_row *row) {
	unsigned kinds = schema_kinds(row);
	return (kinds & SCHEMA_OF_PACKETS) ||
		   ((kinds & SCHEMA_OF_STREAMS) && schema_stream_protocols[0]) ||
		   ((kinds & SCHEMA_OF_SHARED) && schema_shared_protocols[0]) ||
		   ((kinds & SCHEMA_OF_LOGIN) && schema_login_protocols[0]);
}

bool schema_suits(const struct schema_row *row, const struct config_tunnel *tunnel) {
	unsigned roles = row->flags & (SCHEMA_OF_SERVER | SCHEMA_OF_CLIENT);
	if (!(schema_kinds(row) & schema_kind(tunnel)))
		return false;
	if (tunnel->shares_keys && (row->flags & SCHEMA_SHARED_SERVER))
		roles = SCHEMA_OF_SERVER;
	if (tunnel->shares_keys && (row->flags & SCHEMA_SHARED_CLIENT))
		roles = SCHEMA_OF_CLIENT;
	return schema_kind(tunnel) == SCHEMA_OF_PACKETS || !roles || tunnel->role_absent ||
		   (roles & (tunnel->role == CONFIG_SERVER ? SCHEMA_OF_SERVER : SCHEMA_OF_CLIENT));
}

bool schema_needs(const struct schema_row *row, const struct config_tunnel *tunnel) {
	return (row->flags & SCHEMA_NEEDED) ||
		   (tunnel->shares_keys && (row->flags & SCHEMA_SHARED_NEEDED)) ||
		   (tunnel->logs_in && tunnel->role == CONFIG_SERVER && !tunnel->role_absent &&
			(row->flags & SCHEMA_LOGIN_SERVER_NEEDED));
}

const struct schema_row *schema_find(const struct schema_row *group, const char *key,
									 size_t key_size) {
	for (const struct schema_row *row = group->rows; row->key; row++)
		if (strncmp(row->key, key, key_size) == 0 && row->key[key_size] == '\0' &&
			schema_is_there(row))
			return row;
	return NULL;
}

enum {
	DISTANCE_MAX = 2, /* typing mistakes that are recognized */
	DISTANCE_KEY_MAX = 32,
};

static size_t least(size_t left, size_t right) {
	return left < right ? left : right;
}

/* Insertions, removals and replacements that lead from one key to the other (Levenshtein 1965). */
static size_t distance(const char *left, const char *right) {
	size_t left_size = strlen(left), right_size = strlen(right);
	size_t row[DISTANCE_KEY_MAX + 1];
	if (left_size > DISTANCE_KEY_MAX || right_size > DISTANCE_KEY_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= right_size; j++)
		row[j] = j;
	for (size_t i = 1; i <= left_size; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= right_size; j++) {
			size_t replaced = diagonal + (left[i - 1] != right[j - 1]);
			diagonal = row[j];
			row[j] = least(replaced, 1 + least(row[j], row[j - 1]));
		}
	}
	return row[right_size];
}

struct search {
	const char *key;
	char *hint;
};

static void find_elsewhere(void *context, const struct schema_row *row, const char *path,
						   unsigned depth) {
	struct search *search = context;
	if (strcmp(row->key, search->key) == 0 && !search->hint[0])
		(void)snprintf(search->hint, SCHEMA_HINT_SIZE, "did you mean %s?", path);
}

/* Whether one begins with the other, as private_key and private_key_file. */
static bool is_part(const char *left, const char *right) {
	enum { PART_MIN = 3 };
	size_t size = least(strlen(left), strlen(right));
	return size >= PART_MIN && strncmp(left, right, size) == 0;
}

/* The row, or the next one that is there; the table's end. */
static const struct schema_row *next_there(const struct schema_row *row) {
	while (row->key && !schema_is_there(row))
		row++;
	return row;
}

void schema_hint(const struct schema_row *group, const char *key,
				 char hint[static SCHEMA_HINT_SIZE]) {
	const struct schema_row *nearest = NULL;
	size_t nearest_distance = DISTANCE_MAX + 1;
	for (const struct schema_row *row = group->rows; row->key; row++) {
		size_t found = schema_is_there(row) ? distance(key, row->key) : SIZE_MAX;
		if (found < nearest_distance && found < strlen(key)) {
			nearest = row;
			nearest_distance = found;
		}
	}
	/* A beginning says more than two mistakes. */
	for (const struct schema_row *row = group->rows;
		 row->key && (!nearest || nearest_distance == DISTANCE_MAX); row++) {
		if (schema_is_there(row) && is_part(key, row->key)) {
			nearest = row;
			nearest_distance = 0;
		}
	}
	hint[0] = '\0';
	/* So does the key itself, elsewhere. */
	if (!nearest || nearest_distance == DISTANCE_MAX)
		schema_walk(&schema_root, find_elsewhere, &(struct search){.key = key, .hint = hint});
	if (hint[0])
		return;
	if (nearest) {
		(void)snprintf(hint, SCHEMA_HINT_SIZE, "did you mean %s?", nearest->key);
		return;
	}
	size_t used = 0;
	const struct schema_row *row = next_there(group->rows);
	while (row->key && used < SCHEMA_HINT_SIZE) {
		const struct schema_row *next = next_there(row + 1);
		const char *before = used == 0 ? "" : next->key ? ", " : " or ";
		used += (size_t)snprintf(hint + used, SCHEMA_HINT_SIZE - used, "%s%s", before, row->key);
		row = next;
	}
}

struct walk {
	void (*visit)(void *context, const struct schema_row *row, const char *path, unsigned depth);
	void *context;
};

static void walk_rows(const struct walk *walk, const struct schema_row *group, const char *prefix,
					  unsigned depth) {
	for (const struct schema_row *row = next_there(group->rows); row->key;
		 row = next_there(row + 1)) {
		char path[SCHEMA_PATH_SIZE], below[SCHEMA_PATH_SIZE + 4];
		bool many =
			row->type == SCHEMA_TUNNELS || row->type == SCHEMA_PEERS || row->type == SCHEMA_ITEMS;
		(void)snprintf(path, sizeof path, "%s%s", prefix, row->key);
		(void)snprintf(below, sizeof below, "%s.%s", path, many ? "*." : "");
		walk->visit(walk->context, row, path, depth);
		if (row->rows)
			walk_rows(walk, row, below, depth + 1);
	}
}

void schema_walk(const struct schema_row *group,
				 void (*visit)(void *context, const struct schema_row *row, const char *path,
							   unsigned depth),
				 void *context) {
	walk_rows(&(struct walk){.visit = visit, .context = context}, group, "", 0);
}
