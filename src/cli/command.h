#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cli/output.h"

/*
 * A subcommand as a row of a table. From the rows come the help, the parsing of options and the
 * completion of command lines, so that none of them can know more than the others.
 */

/* The last row has no name. */
struct command_option {
	const char *name;  /* "--socket" */
	const char *value; /* what it takes, see operands below; NULL: nothing */
	const char *help;  /* one line */
	bool bare;         /* the value may be absent; otherwise it is in the same word: --watch=5 */
};

enum { COMMAND_OPTIONS_MAX = 16 };

/* The last row has no name. */
struct command {
	const char *name;
	const char *summary; /* one line, for the list */
	const char *help;    /* whole lines, after the usage line */
	/* Arguments behind the name, none of them a call for help. Returns the exit code. */
	int (*run)(const struct streams *streams, int count, char **arguments);
	/*
	 * Words of the usage line, "TUNNEL... [FILE]", NULL for none. Completion knows TUNNEL, PEER
	 * (of the tunnel before it), USER, FILE and choices such as up|down.
	 */
	const char *operands;
	const struct command_option *options; /* NULL: none */
	const struct command *subcommands;    /* instead of run, operands and options */
};

/*
 * Operands that are a command line of their own: nothing in it, from the first word on that is no
 * option of ours, is looked at.
 */
#define COMMAND_TAIL "COMMAND [ARGUMENT...]"

/* The option of every command that asks the daemon. */
#define COMMAND_SOCKET_OPTION \
	{ "--socket", "PATH", "the daemon's socket; UMBRA_SOCKET, or /run/umbra/control.sock", false }

struct command_line {
	/* As the rows; "" for an option without its value, NULL for an option that is not there. */
	const char *values[COMMAND_OPTIONS_MAX];
	char **operands; /* moved to the beginning of the arguments */
	int count;
};

/*
 * Options may stand before, between and behind operands; "--" ends them. STATUS_USAGE, after a
 * message with the command's name ("peer add"), for those that are unknown, come twice, or have no
 * value, and when an operand is empty, or they are fewer than least or more than most.
 */
[[nodiscard]] int command_parse(const struct streams *streams, const char *name,
								const struct command_option *options, int least, int most,
								int count, char **arguments, struct command_line *out_line);

/*
 * Takes an option that may stand several times out of the arguments, before command_parse() sees
 * them: its values in their order. STATUS_USAGE, after a message, for one without its value, and
 * for more than most.
 */
[[nodiscard]] int command_take(const struct streams *streams, const char *name,
							   const struct command_option *option, int *count, char **arguments,
							   char **out_values, size_t most, size_t *out_count);

/* How many of the arguments, options with their values and a "--", stand before the first operand.
 */
int command_head(const struct command_option *options, int count, char *const *arguments);

/* The row of a word "--name" or "--name=value"; NULL. */
const struct command_option *command_find_option(const struct command_option *options,
												 const char *word);

/* NULL when there is none of the name. */
const struct command *command_find(const struct command *commands, const char *name);

/* An argument for a message, unless it is so long that it might be a key in the wrong place. */
const char *command_repeatable(const char *argument);

bool command_is_help(const char *argument);
