#pragma once

#include <stdbool.h>

#include "conf/config.h"
#include "wire/uapi.h"

/*
 * What the configuration of a tunnel whose clients log in means for its device, besides what
 * tunnel/plan_shared.h has of it as well.
 */

/* The tunnel's own lines: all of them where before is NULL, otherwise what changed. */
void plan_login_put(const struct config_tunnel *before, const struct config_tunnel *tunnel,
					struct uapi_text *text);

/* A plan_part: who a client logs in as, so far as the configuration says. */
void plan_login_put_user(const struct config_tunnel *tunnel, const struct config_peer *peer,
						 struct uapi_text *text);

/* Whether a server's listening sockets are others. */
bool plan_login_needs_restart(const struct config_tunnel *before,
							  const struct config_tunnel *after);
