#pragma once

#include "daemon/control_core.h"

/*
 * The web sites that strangers meet at servers of streams: what net hands over of them, what is
 * shown to them, and handshakes that were taken, which outlive both processes in the store.
 */

enum {
	CONTROL_VISITS_MAX = 2048, /* at once: no fewer than net lets in (tunnel/connection_limit.h) */
	/* Bytes that all of them hold; beyond it the one that holds most is reset. */
	CONTROL_VISITS_HELD_MAX = 128 << 20,
	CONTROL_BACKENDS_MAX = 256, /* connections to web servers behind */
};

/* SITE: what the tunnel of that slot shows from now on; without descriptor a page of our own. */
void control_decoy_site(struct control *control, struct channel_message *message);
/* STRANGER of net. One that is not served is reset. */
void control_decoy_stranger(struct control *control, struct channel_message *message);
/* Tells net which handshakes were taken before, and with it that it may take others. */
void control_decoy_recollect(struct control_tunnel *tunnel);
/* The tunnel is gone, and with it its visitors. */
void control_decoy_forget(struct control_tunnel *tunnel);
/* The channel to the privileged process is closed by then. */
void control_decoy_done(struct control *control);
