#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the daemon says of itself, its tunnels and peers, as text for people. */

struct text_buffer;
struct view_event;
struct view_peer;
struct view_status;
struct view_tunnel;

struct status_style {
	bool colours;
	uint64_t now; /* seconds since the Unix epoch */
	bool verbose; /* figures of the data path by shard */
};

/* A line of the daemon, then every tunnel behind an empty line. */
void status_text(struct text_buffer *text, const struct view_status *status,
				 const struct status_style *style);

/* Its state, what it is, and the peers that are there, the last one counting the others. */
void status_text_tunnel(struct text_buffer *text, const struct view_tunnel *tunnel,
						const struct status_style *style);

/* One peer with all that is known; indent blanks stand before each line. */
void status_text_peer(struct text_buffer *text, const struct view_peer *peer, int indent,
					  const struct status_style *style);

/* A line a peer under a line of headings; with_tunnel: the first column names the tunnel. */
void status_text_peers(struct text_buffer *text, const struct view_peer *peers, size_t count,
					   bool with_tunnel, const struct status_style *style);

/* "2026-11-21 13:05:18.123 peer.connected um0 phone: message" */
void status_text_event(struct text_buffer *text, const struct view_event *event,
					   const struct status_style *style);
