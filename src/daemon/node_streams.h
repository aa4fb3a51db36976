#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "daemon/attachment.h"
#include "tunnel/stream_options.h"

/*
 * Tunnels that carry streams, and those that packets go over TCP of, as the privileged process has
 * them: their sockets.
 */

struct config_tunnel;
struct node_tunnel;

/*
 * What is to be opened for it besides, for any tunnel; the sockets are for as long as the request
 * is.
 */
void node_streams_request(const struct node_tunnel *tunnel,
						  struct stream_socket_request out_sockets[static STREAM_LISTENERS_MAX],
						  struct attachment_request *request);

/* See privileged_ops.may_open. */
bool node_streams_may_open(struct privileged *privileged, const struct attachment *attachment,
						   uint8_t kind, struct stream_socket_request *out_request);

/*
 * The same for one configuration. A server's streams lead anywhere; a client connects to its server
 * alone, and has sockets for what programs send it by SOCKS5, where it listens for that.
 */
bool node_streams_has_socket(const struct config_tunnel *tunnel, uint16_t slot, uint8_t kind,
							 struct stream_socket_request *out_request);
