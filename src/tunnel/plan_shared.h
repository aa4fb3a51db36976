#pragma once

#include "conf/config.h"
#include "wire/uapi.h"

/*
 * What the configuration of a tunnel whose ends share keys means for its device; tunnel/plan.h has
 * what it means for the host, and calls these for such a tunnel. The instance of a client is not
 * the configuration's: who has it puts it before these lines.
 */

/* The tunnel's own lines: all of them where before is NULL, otherwise what changed. */
void plan_shared_put(const struct config_tunnel *before, const struct config_tunnel *tunnel,
					 uint16_t slot, struct uapi_text *text);

/*
 * All of a peer that is new (known is NULL, and before may be), otherwise what changed since it was
 * known, one of before; nothing where that is nothing.
 */
void plan_shared_put_peer(const struct config_tunnel *before, const struct config_peer *known,
						  const struct config_tunnel *tunnel, const struct config_peer *peer,
						  struct uapi_text *text);
