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
struct front_port_users;
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

/* Who may use ports: made once, and given to as many as there are. The users are copied. */
enum err front_port_users_new(const struct credential *users, size_t count,
							  struct front_port_users **out_users);
/* Of who made them; ports have them as long as they need to. NULL-safe. */
void front_port_users_free(struct front_port_users *users);
/* For those who connect from now on. */
void front_port_set_users(struct front_port *port, struct front_port_users *users);
