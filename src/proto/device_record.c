#include "proto/device_record.h"

#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"

void device_record_save_set(const struct device_host *host, struct slice lines) {
	uint8_t *record = malloc(lines.size + 1);
	if (!record) {
		host->warn(host->context, "out of memory: a change will not survive");
		return;
	}
	record[0] = DEVICE_RECORD_SET;
	memcpy(record + 1, lines.data, lines.size);
	host->save(host->context, slice_of(record, lines.size + 1));
	wipe(record, lines.size + 1);
	free(record);
}

void device_record_save_dump(const struct device_host *host, const struct uapi_text *dump) {
	if (dump->error)
		host->warn(host->context, "out of memory: the present state was not saved");
	else
		device_record_save_set(host, slice_of(dump->data, dump->size));
}

bool device_record_is_set(struct slice record, struct slice *out_lines) {
	if (record.size == 0 || record.data[0] != DEVICE_RECORD_SET)
		return false;
	*out_lines = slice_of(record.data + 1, record.size - 1);
	return true;
}
