#pragma once

#include "conf/config.h"
#include "wire/uapi.h"

/* Lines of a device's text that are said together, where one of them has changed. */

typedef void plan_part(const struct config_tunnel *tunnel, const struct config_peer *peer,
					   struct uapi_text *text);

/* All of the part where before is NULL, otherwise only if it differs from that of before; known is
 * the peer there, and both peers are NULL in a part of the tunnel. */
void plan_part_put(plan_part *put, const struct config_tunnel *before,
				   const struct config_peer *known, const struct config_tunnel *tunnel,
				   const struct config_peer *peer, struct uapi_text *text);

/* The first error sticks. */
void plan_part_fail(struct uapi_text *text, enum err error);
