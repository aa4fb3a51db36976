#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "conf/config.h"
#include "tunnel/stream_options.h"
#include "wire/uapi.h"

/*
 * What the configuration of a tunnel that carries streams means. tunnel/plan.h has what it means
 * for the host, and calls these for such a tunnel.
 */

/*
 * The sockets that it listens at, in the order of stream_options.listeners; returns how many. UDP
 * where stream_listener_is_udp() says so, TCP otherwise.
 */
size_t plan_streams_listeners(const struct config_tunnel *tunnel,
							  struct stream_listener out_listeners[static STREAM_LISTENERS_MAX]);

/* Whether there is an interface for IP packets. */
bool plan_streams_has_interface(const struct config_tunnel *tunnel);

/*
 * Copies; stream_options_done() when it is over. The tunnel was read with CONFIG_SECRETS.
 * ERR_NO_MEMORY, ERR_INVALID for a rule or target that is none.
 */
enum err plan_streams_options(const struct config_tunnel *tunnel,
							  struct stream_options *out_options);

/* The lines of the options alone, peers excepted. Errors stick in the text. */
void plan_streams_put_options(const struct config_tunnel *tunnel, struct uapi_text *text);
/* The same, or nothing when they are those of before. */
void plan_streams_put_changes(const struct config_tunnel *before, const struct config_tunnel *after,
							  struct uapi_text *text);

/* The peer's name and rules; all of them where before is NULL, otherwise what changed. */
void plan_streams_put_peer(const struct config_peer *before, const struct config_peer *peer,
						   struct uapi_text *text);
bool plan_streams_peers_equal(const struct config_peer *left, const struct config_peer *right);

/* Other listeners or targets, another role, an interface that comes or goes. */
bool plan_streams_needs_restart(const struct config_tunnel *before,
								const struct config_tunnel *after);
