#pragma once

#include "base/slice.h"
#include "proto/device.h"

/*
 * Records that devices of all protocols save alike. Their first byte is a kind; those from 2 on are
 * the protocol's own.
 *
 *   SET   kind 1 | the lines of a set operation, as they came
 */
enum { DEVICE_RECORD_SET = 1 };

/* Saves the lines of a set operation that succeeded; warns the host where it cannot. */
void device_record_save_set(const struct device_host *host, struct slice lines);

/* All of the configuration as such lines: what was written so far, or a warning. */
void device_record_save_dump(const struct device_host *host, const struct uapi_text *dump);

/* The lines of a record; false when it is not of that kind. */
bool device_record_is_set(struct slice record, struct slice *out_lines);
