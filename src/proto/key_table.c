#include "proto/key_table.h"

#include <stdlib.h>
#include <string.h>

enum { CAPACITY_MIN = 16 };

void key_table_init(struct key_table *table, const struct random_source *random, size_t key_size) {
	*table = (struct key_table){.key_size = key_size};
	random_fill(random, &table->hash_key, sizeof table->hash_key);
}

void key_table_done(struct key_table *table) {
	free(table->places);
	table->places = NULL;
	table->count = table->capacity = 0;
}

static size_t home_of(const struct key_table *table, const uint8_t *key) {
	return siphash(&table->hash_key, key, table->key_size) & (table->capacity - 1);
}

static size_t after(const struct key_table *table, size_t place) {
	return (place + 1) & (table->capacity - 1);
}

/* The place of the key, or the empty one where it would be. */
static size_t place_of(const struct key_table *table, const uint8_t *key) {
	size_t place = home_of(table, key);
	while (table->places[place].key && memcmp(table->places[place].key, key, table->key_size) != 0)
		place = after(table, place);
	return place;
}

static enum err grow(struct key_table *table) {
	struct key_table larger = *table;
	larger.capacity = table->capacity > 0 ? 2 * table->capacity : CAPACITY_MIN;
	larger.places = calloc(larger.capacity, sizeof *larger.places);
	if (!larger.places)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < table->capacity; i++)
		if (table->places[i].key)
			larger.places[place_of(&larger, table->places[i].key)] = table->places[i];
	free(table->places);
	*table = larger;
	return ERR_OK;
}

enum err key_table_add(struct key_table *table, const uint8_t *key, void *item) {
	if (key_table_find(table, key))
		return ERR_EXISTS;
	enum err error = 2 * (table->count + 1) > table->capacity ? grow(table) : ERR_OK;
	if (error)
		return error;
	table->places[place_of(table, key)] = (struct key_table_place){key, item};
	table->count++;
	return ERR_OK;
}

void key_table_remove(struct key_table *table, const uint8_t *key) {
	if (!key_table_find(table, key))
		return;
	const size_t mask = table->capacity - 1;
	size_t place = place_of(table, key);
	table->count--;
	/* Later ones of the run move up, so that searches need no tombstones (Knuth 6.4, R). */
	for (size_t next = after(table, place); table->places[next].key; next = after(table, next)) {
		const size_t home = home_of(table, table->places[next].key);
		if (((next - home) & mask) < ((next - place) & mask))
			continue;
		table->places[place] = table->places[next];
		place = next;
	}
	table->places[place] = (struct key_table_place){NULL, NULL};
}

void *key_table_find(const struct key_table *table, const uint8_t *key) {
	return table->count > 0 ? table->places[place_of(table, key)].item : NULL;
}

struct key_table *key_table_copy(const struct key_table *table) {
	const size_t size = table->capacity * sizeof *table->places;
	struct {
		struct key_table table; /* first */
		struct key_table_place places[];
	} *copy = malloc(sizeof *copy + size);
	if (!copy)
		return NULL;
	copy->table = *table;
	copy->table.places = copy->places;
	if (size > 0)
		memcpy(copy->places, table->places, size);
	return &copy->table;
}
