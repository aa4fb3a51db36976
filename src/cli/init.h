#pragma once

#include "cli/command.h"
#include "cli/output.h"

/* umbra init server, umbra init client: the files of a new configuration. */

extern const char init_help[];
extern const struct command init_commands[]; /* subcommands */

/* init_server.c */
extern const char init_server_help[];
extern const struct command_option init_server_options[];
int init_server_run(const struct streams *streams, int count, char **arguments);

/* init_client.c */
extern const char init_client_help[];
extern const struct command_option init_client_options[];
int init_client_run(const struct streams *streams, int count, char **arguments);
