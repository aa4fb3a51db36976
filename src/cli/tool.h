#pragma once

#include <stddef.h>

#include "cli/command.h"
#include "cli/output.h"

/* The frame of the tool: finds the subcommand of a command line, and answers calls for help. */

/*
 * The last row of the table has no name. Returns the exit code. --socket and --json may stand
 * before the command too: --socket is left out for a command that has no use for it.
 */
int tool_run(const struct command *commands, const struct streams *streams, int argc, char **argv);

/* For commands without arguments: STATUS_USAGE, after a message, when there is one. */
[[nodiscard]] int tool_expect_no_arguments(const struct streams *streams, const char *name,
										   int count, char **arguments);
