#pragma once

#include <stdbool.h>

#include "cli/command.h"
#include "cli/init_endpoint.h"
#include "cli/output.h"
#include "cli/password_input.h"

/* umbra login: a person says who it is, and hears what the server says to that. */

extern const char login_help[];
extern const struct command_option login_options[];
int login_run(const struct streams *streams, int count, char **arguments);

/* login_tunnel.c: the tunnel to a server that the configuration does not have yet. */

struct login_tunnel {
	const char *name;      /* and its interface's */
	const char *directory; /* of umbra.yaml */
	char endpoint[INIT_ENDPOINT_SIZE];
	const char *user;
	const char *ca;                        /* path of a file with authorities; or */
	const char *pin;                       /* what the option says */
	const struct password_input *password; /* to be kept; NULL: it is not */
	bool split;                            /* the server says what goes through it */
};

/* Whether the pin is one: "sha256/" and base64, or 64 hexadecimal digits. */
bool login_tunnel_is_pin(const char *text);

/* Its file in the configuration's folder, and what that names. An exit code, after a message. */
[[nodiscard]] int login_tunnel_make(const struct streams *streams,
									const struct login_tunnel *tunnel);
