#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"

/*
 * One stranger's connection in the control process: the site's end of wire/decoy_link.h, on the
 * control loop, with proxy/decoy.h behind it and TCP connections to the web server behind that.
 */

struct control_loop;
struct decoy_link_entry;
struct decoy_visit;
struct decoy_visit_backend;
struct site;

struct decoy_visit_ops {
	/* Keeps an admitted handshake: only then it is answered. */
	enum err (*keep)(void *context, const struct decoy_link_entry *entry);
	/*
	 * A TCP socket that is being connected to the backend: ends in decoy_visit_connected() unless
	 * forget() comes first. False: there is none. forget() comes in any case, when it is over.
	 */
	bool (*connect)(void *context, struct decoy_visit_backend *backend);
	void (*forget)(void *context, struct decoy_visit_backend *backend);
	/*
	 * So many bytes of memory are held for the client now. False: others need them, and it ends.
	 * Other visits may be freed from inside.
	 */
	bool (*holds)(void *context, size_t size);
	/* It is over: to be freed by its owner, from inside or later. */
	void (*ended)(void *context, struct decoy_visit *visit);
};

struct decoy_visit_options {
	struct control_loop *loop;
	int descriptor; /* of the link; taken over, also on failure */
	const struct decoy_visit_ops *ops;
	void *context;
	bool http2, plain;
	struct site *site; /* NULL: a backend answers */
	const char *cookie;
	const struct endpoint *peer;
	uint16_t port;
};

enum err decoy_visit_new(const struct decoy_visit_options *options, struct decoy_visit **out_visit);
/* A connection that is not over is reset. NULL-safe. */
void decoy_visit_free(struct decoy_visit *visit);

/* descriptor: taken over; -1: it could not be made. Not from inside connect(). */
void decoy_visit_connected(struct decoy_visit_backend *backend, int descriptor);
