#pragma once

#include "cli/command.h"
#include "cli/output.h"

/* umbra import FILE: a file of wg-quick becomes a tunnel of the configuration. */

extern const char import_help[];
extern const struct command_option import_options[];
int import_run(const struct streams *streams, int count, char **arguments);
