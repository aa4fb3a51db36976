#pragma once

#include <stdbool.h>

#include "cli/command.h"
#include "cli/init_endpoint.h"
#include "cli/init_files.h"
#include "cli/output.h"
#include "cli/password_input.h"
#include "conf/config.h"

/* umbra login: a person says who it is, and hears what the server says to that. */

extern const char login_help[];
extern const struct command_option login_options[];
int login_run(const struct streams *streams, int count, char **arguments);

/* login_tunnel.c: the tunnel to a server that the configuration does not have yet. */

struct view_status;

struct login_tunnel {
	char name[CONFIG_NAME_SIZE]; /* and its interface's */
	const char *directory;       /* of umbra.yaml */
	char endpoint[INIT_ENDPOINT_SIZE];
	const char *user;
	const char *ca;                        /* path of a file with authorities; or */
	const char *pin;                       /* what the option says */
	const struct password_input *password; /* to be kept; NULL: it is not */
	bool split;                            /* the server says what goes through it */
	struct init_files files;               /* that were made */
};

/* Whether the pin is one: "sha256/" and base64, or 64 hexadecimal digits. */
bool login_tunnel_is_pin(const char *text);

/*
 * Names it as wanted, or where nothing is wanted as nothing is called yet: neither a tunnel of the
 * daemon's, status NULL: there is none, nor one of the directory's, nor an interface. An exit code,
 * after a message.
 */
[[nodiscard]] int login_tunnel_name(const struct streams *streams, const struct view_status *status,
									const char *wanted, struct login_tunnel *tunnel);

/* Its file in the configuration's folder, and what that names. An exit code, after a message. */
[[nodiscard]] int login_tunnel_make(const struct streams *streams, struct login_tunnel *tunnel);
/* As if it had not been made. */
void login_tunnel_take_back(struct login_tunnel *tunnel);
/* Another password than it was made with. */
[[nodiscard]] int login_tunnel_remember(const struct streams *streams,
										const struct login_tunnel *tunnel);
/* Whether it was made or not; zeros are fine. */
void login_tunnel_done(struct login_tunnel *tunnel);
