#pragma once

#include "cli/command.h"
#include "cli/output.h"

/* umbra invite: a client of a server that shares a key with each, and its line. */
extern const char invite_help[];
extern const struct command_option invite_options[];
int invite_run(const struct streams *streams, int count, char **arguments);
