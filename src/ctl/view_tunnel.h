#pragma once

#include "ctl/view.h"
#include "ctl/view_json.h"

/* Tunnels as parts of the status. */

void view_tunnel_put(const struct view_tunnel *tunnel, struct view_text *text);
enum err view_tunnel_get(const json_t *object, struct view_tunnel *out_tunnel);
