#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "tunnel/stream_tunnel.h"
#include "wire/uapi.h"

/*
 * A tunnel of streams as set operations make it: options, peers, and the server or client that they
 * are for, which is made when the first options have come. All on the tunnel's own thread.
 *
 * Lines of a server besides those of tunnel/stream_options.h and of peers, in operations of their
 * own: seen=BASE64URL (wire/base64url.h) for each handshake of an earlier run, and admit=1 behind
 * the last of these. They are recollections, which are not kept: who says them says them again.
 */

struct stream_core;

struct stream_core_start {
	const struct stream_host *host;
	const struct stream_protocol *protocol;
	const struct stream_tunnel_ops *server, *client;
	const int *listeners; /* taken over */
	size_t listener_count;
	int queue; /* taken over; -1: none */
	bool header, tcp, udp;
};

/* On failure the descriptors are the caller's. */
enum err stream_core_new(const struct stream_core_start *start, struct stream_core **out_core);
void stream_core_free(struct stream_core *core); /* NULL-safe */

/* See stream_tunnel_ops.drain(). */
void stream_core_drain(struct stream_core *core, bool now);
bool stream_core_is_drained(const struct stream_core *core);

/* One set operation, all or nothing but for recollections. Returns errno. */
int stream_core_set(struct stream_core *core, struct slice text);
/* The lines that answer a get operation, without any secret. */
void stream_core_status(struct stream_core *core, struct uapi_text *out_text);
/* One set operation that makes another one the same, secrets included. */
void stream_core_save(struct stream_core *core, struct uapi_text *out_text);
void stream_core_link(struct stream_core *core);
void stream_core_network(struct stream_core *core);

bool stream_core_is_recollection(struct slice text);
