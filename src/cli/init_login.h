#pragma once

#include "cli/command.h"
#include "cli/output.h"

/* Servers that users log in to: the files of a new configuration. */

extern const char init_login_server_help[];
extern const struct command_option init_login_server_options[];
int init_login_server_run(const struct streams *streams, int count, char **arguments);
