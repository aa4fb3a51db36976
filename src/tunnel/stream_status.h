#pragma once

#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "base/stream_figure.h"

/*
 * The figures of a tunnel of streams as lines of a device's answer to who asks for its status
 * (tunnel/directory_text.h): `stream_NAME=number`, the tunnel's in front of all peers, each peer's
 * behind its public_key.
 */

struct carrier_figures;
struct uapi_text;

/* One more of a peer's connections, which are taken together: of round trips, the shortest. */
void stream_status_add(struct stream_peer_figure_set *figures,
					   const struct carrier_figures *connection);

/* Errors stick in the text. */
void stream_status_put(struct uapi_text *text, const struct stream_figure_set *figures);
void stream_status_put_peer(struct uapi_text *text, const struct stream_peer_figure_set *figures);

/*
 * One line, without its newline. ERR_NOT_FOUND: it is about something else, and nothing changed;
 * ERR_MALFORMED: a number that is none.
 */
enum err stream_status_take(struct slice line, struct stream_figure_set *figures);
enum err stream_status_take_peer(struct slice line, struct stream_peer_figure_set *figures);
