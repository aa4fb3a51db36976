#include "proto/device_draft.h"

#include <errno.h>
#include <stdlib.h>

enum { FIRST_CAPACITY = 8 };

bool device_draft_grow(void **items, size_t count, size_t *capacity, size_t size) {
	if (count < *capacity)
		return true;
	size_t wanted = *capacity > 0 ? 2 * *capacity : FIRST_CAPACITY;
	void *larger = reallocarray(*items, wanted, size);
	if (!larger)
		return false;
	*items = larger;
	*capacity = wanted;
	return true;
}

int device_draft_add_endpoint(struct endpoint *endpoints, size_t *count, size_t most,
							  const struct endpoint *endpoint) {
	for (size_t i = 0; i < *count; i++)
		if (endpoint_equal(&endpoints[i], endpoint))
			return 0;
	if (*count == most)
		return ENOSPC;
	endpoints[(*count)++] = *endpoint;
	return 0;
}

int device_draft_add_prefix(struct prefix *prefixes, size_t *count, size_t most,
							const struct prefix *prefix) {
	for (size_t i = 0; i < *count; i++)
		if (prefix_equal(&prefixes[i], prefix))
			return 0;
	if (*count == most)
		return ENOSPC;
	prefixes[(*count)++] = *prefix;
	return 0;
}

int device_draft_edits_take(struct device_draft_edits *edits, const struct uapi_entry *line,
							size_t draft, unsigned removals) {
	struct device_draft_edit edit = {.draft = draft, .removals = removals};
	switch (line->key) {
	case UAPI_REPLACE_ALLOWED_IPS:
		edit.kind = DEVICE_DRAFT_PREFIXES_REPLACED;
		break;
	case UAPI_ALLOWED_IP:
		edit.kind = line->subtract ? DEVICE_DRAFT_PREFIX_TAKEN : DEVICE_DRAFT_PREFIX_ADDED;
		edit.prefix = line->prefix;
		break;
	default:
		return EINVAL;
	}
	if (!device_draft_grow((void **)&edits->items, edits->count, &edits->capacity,
						   sizeof *edits->items))
		return ENOMEM;
	edits->items[edits->count++] = edit;
	return 0;
}

void device_draft_edits_done(struct device_draft_edits *edits) {
	free(edits->items);
	*edits = (struct device_draft_edits){.count = 0};
}
