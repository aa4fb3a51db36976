#include <stdlib.h>

#include "stream/mux_core.h"

enum { SLOTS_FIRST = 16 };

/* Multiplied by an odd constant (the golden ratio's) after a secret was mixed in. */
static size_t home_of(const struct mux_table *table, uint32_t id) {
	uint32_t mixed = (id ^ table->seed) * UINT32_C(0x9e3779b1);
	return (mixed >> 16 ^ mixed) & (table->slot_count - 1);
}

static size_t slot_after(const struct mux_table *table, size_t slot) {
	return (slot + 1) & (table->slot_count - 1);
}

struct mux_stream *mux_table_find(const struct mux_table *table, uint32_t id) {
	if (table->used == 0)
		return NULL;
	size_t slot = home_of(table, id);
	while (table->slots[slot] && table->slots[slot]->id != id)
		slot = slot_after(table, slot);
	return table->slots[slot];
}

static void place(struct mux_table *table, struct mux_stream *stream) {
	size_t slot = home_of(table, stream->id);
	while (table->slots[slot])
		slot = slot_after(table, slot);
	table->slots[slot] = stream;
}

static enum err grow(struct mux_table *table) {
	struct mux_table larger = *table;
	larger.slot_count = table->slot_count > 0 ? 2 * table->slot_count : SLOTS_FIRST;
	larger.slots = calloc(larger.slot_count, sizeof *larger.slots);
	if (!larger.slots)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < table->slot_count; i++)
		if (table->slots[i])
			place(&larger, table->slots[i]);
	free(table->slots);
	*table = larger;
	return ERR_OK;
}

enum err mux_table_add(struct mux_table *table, struct mux_stream *stream) {
	if (2 * (table->used + 1) > table->slot_count) {
		enum err error = grow(table);
		if (error)
			return error;
	}
	place(table, stream);
	table->used++;
	return ERR_OK;
}

/* Those behind it that its place kept from their own move up. */
void mux_table_remove(struct mux_table *table, const struct mux_stream *stream) {
	size_t hole = home_of(table, stream->id);
	while (table->slots[hole] != stream)
		hole = slot_after(table, hole);
	table->slots[hole] = NULL;
	table->used--;
	for (size_t slot = slot_after(table, hole); table->slots[slot];
		 slot = slot_after(table, slot)) {
		struct mux_stream *moved = table->slots[slot];
		table->slots[slot] = NULL;
		place(table, moved);
	}
}
