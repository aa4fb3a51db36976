#pragma once

#include "cli/command.h"
#include "cli/output.h"

/* umbra export TUNNEL: a tunnel of the configuration as a file of wg-quick. */

extern const char export_help[];
extern const struct command_option export_options[];
int export_run(const struct streams *streams, int count, char **arguments);
