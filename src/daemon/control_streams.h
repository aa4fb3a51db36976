#pragma once

#include "base/error.h"
#include "daemon/control_core.h"
#include "daemon/resolve_cache.h"

/*
 * What net has control do for its tunnels of streams: the addresses of names that streams lead to,
 * from the resolver that endpoints' names are asked of, or from answers that still hold.
 */

enum { CONTROL_RESOLVES_MAX = 512 /* questions to the resolver */ };

enum err control_streams_open(struct control *control);
/* The resolver must be gone: nobody answers any more. */
void control_streams_done(struct control *control);
/* RESOLVE of net. */
void control_streams_resolve(struct control *control, const struct process_message *message);
/* Other name servers are asked from now on. */
void control_streams_forget(struct control *control);
