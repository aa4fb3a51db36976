#pragma once

#include "base/stream_figure.h"
#include "ctl/view_json.h"

/* The figures of streams as the member "streams" of tunnels and peers; null where there are none.
 */

void view_streams_put(struct view_writer *writer, const struct stream_figure_set *figures);
void view_streams_put_peer(struct view_writer *writer,
						   const struct stream_peer_figure_set *figures);
/* Failures stay in the reader. */
struct stream_figure_set view_streams_get(struct view_reader *reader);
struct stream_peer_figure_set view_streams_get_peer(struct view_reader *reader);
