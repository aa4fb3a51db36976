#pragma once

#include <stddef.h>

#include "base/error.h"
#include "ctl/view.h"

/*
 * The daemon's status as metrics: Prometheus' text format, version 0.0.4. doc/metrics.md lists the
 * families; a test compares it with the rows of metrics.c.
 */

enum {
	METRICS_PEERS_MAX = 1000, /* of a tunnel, those seen last; a gauge says how many are left out */
};

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct metrics_family {
	const char *name, *type, *help; /* "umbra_info", "gauge", a sentence */
};

/* All families there are, in the order of the text. */
void metrics_each(void (*visit)(void *context, const struct metrics_family *family), void *context);

/* In heap memory of the caller (free), with a NUL behind its size bytes. ERR_NO_MEMORY. */
enum err metrics_encode(const struct view_status *status, char **out_text, size_t *out_size);
