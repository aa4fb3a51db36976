#pragma once

#include <stdint.h>

/*
 * Who uses a stream: the owner of every mux_stream (stream/mux.h) of a carrier is one of these,
 * embedded in a relay, an exit, a session of datagrams. Called from within the mux, see there.
 */

struct mux_stream;
struct stream_user;

struct stream_user_ops {
	void (*connected)(struct stream_user *user); /* optional */
	void (*readable)(struct stream_user *user);
	void (*writable)(struct stream_user *user);
	/* The stream is gone; error: enum stream_error. */
	void (*closed)(struct stream_user *user, uint32_t error);
};

struct stream_user {
	const struct stream_user_ops *ops;
};
