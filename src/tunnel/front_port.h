#pragma once

#include <stddef.h>

#include "base/error.h"

/*
 * The mixed port of a client's front end: whoever connects speaks SOCKS5 or HTTP (proxy/front.h),
 * and gets streams to where he wants to.
 */

enum { FRONT_PORT_CONNECTIONS_MAX = 4096 }; /* those beyond are closed at once */

struct credential;
struct front_port;
struct front_setup;

struct front_port_options {
	const struct front_setup *setup;
	int descriptor;                 /* listens, non-blocking; taken over, also on failure */
	const struct credential *users; /* copied; none: everybody may use it */
	size_t user_count;
};

enum err front_port_new(const struct front_port_options *options, struct front_port **out_port);
/* Ends all connections: before the carriers are freed. NULL-safe. */
void front_port_free(struct front_port *port);

/* For those who connect from now on. On failure those of before stay. */
enum err front_port_set_users(struct front_port *port, const struct credential *users,
							  size_t count);
