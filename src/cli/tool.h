#pragma once

#include <stddef.h>

#include "cli/output.h"

/* The frame of the tool: finds the subcommand of a command line, and answers calls for help. */

struct command {
	const char *name;
	const char *summary; /* one line, for the list */
	const char *help;    /* whole lines, after the usage line */
	/* Arguments behind the name, none of them a call for help. Returns the exit code. */
	int (*run)(const struct streams *streams, int count, char **arguments);
};

/* The last row of the table has no name. Returns the exit code. */
int tool_run(const struct command *commands, const struct streams *streams, int argc, char **argv);

/* For commands without arguments: STATUS_USAGE, after a message, when there is one. */
[[nodiscard]] int tool_expect_no_arguments(const struct streams *streams, const char *name,
										   int count, char **arguments);
