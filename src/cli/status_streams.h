#pragma once

#include "base/stream_figure.h"

/* What `umbra status` says of streams: whole lines, indented, with a label each. */

struct text_buffer;

/* Width of the labels of tunnels and peers, with the blanks behind them. */
enum { STATUS_LABEL_WIDTH = 18 };

void status_streams_tunnel(struct text_buffer *text, const struct stream_figure_set *figures,
						   int indent);
void status_streams_peer(struct text_buffer *text, const struct stream_peer_figure_set *figures,
						 int indent);
