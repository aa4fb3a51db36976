#pragma once

#include <stdint.h>

#include "base/figure.h"

/*
 * What the shards of an interface have counted, for the control thread: read while they run, each
 * number whole, those of one shard not all of the same moment.
 */

struct interface;
struct uapi_text;

/* Of one shard, 0..interface->shards - 1; now is the engine's monotonic time in ns. */
void figures_read(const struct interface *interface, uint16_t shard, uint64_t now,
				  struct figure_set *out_figures);

/*
 * Of all shards, as lines: aead=NAME, then for each shard shard=NUMBER and a line FIGURE=NUMBER for
 * each figure that is not 0. Errors stick in the text.
 */
void figures_put(const struct interface *interface, struct uapi_text *out_text);
