#include "conf/set.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>

struct set_slot {
	uint64_t hash;
	struct slice key;
	const void *value; /* NULL: the slot is free */
};

enum err set_init(struct set *set, size_t count) {
	size_t capacity = 8;
	while (capacity < 2 * count)
		capacity *= 2;
	struct set_slot *slots = calloc(capacity, sizeof *slots);
	if (!slots)
		return ERR_NO_MEMORY;
	*set = (struct set){.slots = slots, .mask = capacity - 1};
	/* Peers choose their keys. Without randomness, early at boot, it is only slow for those. */
	(void)!getrandom(&set->key, sizeof set->key, GRND_NONBLOCK);
	return ERR_OK;
}

void set_done(struct set *set) {
	free(set->slots);
	*set = (struct set){0};
}

const void *set_put(struct set *set, struct slice key, const void *value) {
	uint64_t hash = siphash(&set->key, key.data, key.size);
	size_t i = (size_t)hash & set->mask;
	for (; set->slots[i].value; i = (i + 1) & set->mask) {
		const struct set_slot *slot = &set->slots[i];
		if (slot->hash == hash && slot->key.size == key.size &&
			memcmp(slot->key.data, key.data, key.size) == 0)
			return slot->value;
	}
	set->slots[i] = (struct set_slot){.hash = hash, .key = key, .value = value};
	return NULL;
}
