#include "sim/tap.h"

#include <stdlib.h>
#include <string.h>

void tap_clear(struct tap *tap) {
	for (size_t i = 0; i < tap->count; i++)
		free(tap->records[i]);
	tap->count = 0;
}

void tap_done(struct tap *tap) {
	tap_clear(tap);
	free(tap->records);
	*tap = (struct tap){.recording = false};
}

static void record(struct tap *tap, uint64_t time, const struct endpoint *from,
				   const struct endpoint *to, struct slice datagram) {
	if (tap->count == tap->capacity) {
		tap->capacity = tap->capacity * 2 + 64;
		tap->records = reallocarray(tap->records, tap->capacity, sizeof(struct tap_record *));
	}
	struct tap_record *record = tap->records ? malloc(sizeof *record + datagram.size) : NULL;
	if (!record)
		abort();
	record->time = time;
	record->from = *from;
	record->to = *to;
	record->size = datagram.size;
	if (datagram.size > 0)
		memcpy(record->data, datagram.data, datagram.size);
	tap->records[tap->count++] = record;
}

bool tap_take(struct tap *tap, uint64_t time, const struct endpoint *from,
			  const struct endpoint *to, struct slice datagram) {
	uint8_t type = datagram.size > 0 ? datagram.data[0] : 0;
	tap->sent[type < TAP_TYPES ? type : 0]++;
	if (tap->recording)
		record(tap, time, from, to, datagram);
	return !tap->pass || tap->pass(tap->context, from, to, datagram);
}

static bool is_wanted(const struct tap_record *record, const struct address *from, uint8_t type) {
	return (!from || address_equal(&record->from.address, from)) &&
		   (type == 0 || (record->size > 0 && record->data[0] == type));
}

size_t tap_count(const struct tap *tap, const struct address *from, uint8_t type) {
	size_t count = 0;
	for (size_t i = 0; i < tap->count; i++)
		count += is_wanted(tap->records[i], from, type);
	return count;
}

const struct tap_record *tap_find(const struct tap *tap, const struct address *from, uint8_t type,
								  size_t index) {
	for (size_t i = 0; i < tap->count; i++)
		if (is_wanted(tap->records[i], from, type) && index-- == 0)
			return tap->records[i];
	return NULL;
}

const struct tap_record *tap_last(const struct tap *tap, const struct address *from, uint8_t type) {
	for (size_t i = tap->count; i-- > 0;)
		if (is_wanted(tap->records[i], from, type))
			return tap->records[i];
	return NULL;
}
