#pragma once

#include <stddef.h>

#include "base/error.h"
#include "base/slice.h"

/* What a request's target names: a path without detours, and what stands behind '?'. */

enum { DECOY_URI_MAX = 8192 /* bytes of a target */ };

struct decoy_uri {
	char path[DECOY_URI_MAX]; /* decoded; begins with '/', no "." or ".." parts, no "//" */
	size_t size;
	struct slice query; /* as it came; data NULL: there was none */
	struct slice host;  /* of "http://host/…"; empty: none was there */
};

/*
 * A view of target. ERR_INVALID: no path, or one that leads out of the root; ERR_LIMIT: beyond
 * DECOY_URI_MAX.
 */
enum err decoy_uri_parse(struct slice target, struct decoy_uri *out_uri);

/*
 * The path as it may stand in a field, "%20" for what may not be there; returns its size without
 * the NUL, which is at most 3 × size.
 */
size_t decoy_uri_escape(const char *path, size_t size, char *out_text);
