#pragma once

#include "ctl/view.h"
#include "ctl/view_json.h"

/* The member "paths" of a peer: a list of objects. */
void view_paths_put(struct view_writer *writer, const struct view_peer *peer);
void view_paths_get(struct view_reader *reader, struct view_peer *peer);
