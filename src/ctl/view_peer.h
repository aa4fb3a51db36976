#pragma once

#include "ctl/view.h"
#include "ctl/view_json.h"

/* Peers as parts of other objects. */

void view_peer_put(const struct view_peer *peer, struct view_text *text);
enum err view_peer_get(const json_t *object, struct view_peer *out_peer);

/* "[…]"; failures stay in the text. */
void view_peers_put(const struct view_peer *peers, size_t count, struct view_text *text);
/* NULL and 0 when the member is absent or empty; the reader keeps the error as well. */
enum err view_peers_get(struct view_reader *reader, const char *member,
						struct view_peer **out_peers, size_t *out_count);
