#include "cli/tool.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
	LINE_SIZE = 256,
	/* Longer arguments are not repeated in messages: one might be a key in the wrong place. */
	REPEATED_SIZE = 32,
};

static bool is_help(const char *argument) {
	return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0;
}

static const char *repeatable(const char *argument) {
	return strlen(argument) <= REPEATED_SIZE ? argument : "(a long argument)";
}

static const struct command *find_command(const struct command *commands, const char *name) {
	for (; commands->name; commands++)
		if (strcmp(commands->name, name) == 0)
			return commands;
	return NULL;
}

static int unknown_command(const struct streams *streams, const char *name) {
	output_message(streams, "unknown command '%s'; 'umbra --help' lists them", repeatable(name));
	return STATUS_USAGE;
}

static int list_commands(const struct command *commands, const struct streams *streams) {
	int status = output_text(streams, "Usage: umbra COMMAND [ARGUMENT...]\n\nCommands:\n");
	for (; status == STATUS_OK && commands->name; commands++) {
		char line[LINE_SIZE];
		(void)snprintf(line, sizeof line, "  %-10s %s\n", commands->name, commands->summary);
		status = output_text(streams, line);
	}
	if (status == STATUS_OK)
		status =
			output_text(streams, "  help       explain a command\n"
								 "\n'umbra help COMMAND' and 'umbra COMMAND --help' say more.\n");
	return status;
}

static int explain_command(const struct command *command, const struct streams *streams) {
	char line[LINE_SIZE];
	(void)snprintf(line, sizeof line, "Usage: umbra %s\n\n", command->name);
	int status = output_text(streams, line);
	return status == STATUS_OK ? output_text(streams, command->help) : status;
}

static int run_help(const struct command *commands, const struct streams *streams, int count,
					char **arguments) {
	if (count == 0 || is_help(arguments[0]))
		return list_commands(commands, streams);
	if (count > 1) {
		output_message(streams, "help: explains one command at a time");
		return STATUS_USAGE;
	}
	if (strcmp(arguments[0], "help") == 0)
		return list_commands(commands, streams);
	const struct command *command = find_command(commands, arguments[0]);
	return command ? explain_command(command, streams) : unknown_command(streams, arguments[0]);
}

int tool_run(const struct command *commands, const struct streams *streams, int argc, char **argv) {
	if (argc < 2) {
		output_message(streams, "a command is missing; 'umbra --help' lists them");
		return STATUS_USAGE;
	}
	const char *name = argv[1];
	int count = argc - 2;
	char **arguments = argv + 2;
	if (is_help(name) || strcmp(name, "help") == 0)
		return run_help(commands, streams, count, arguments);
	if (strcmp(name, "--version") == 0)
		name = "version";
	const struct command *command = find_command(commands, name);
	if (!command && name[0] == '-') {
		output_message(streams, "unknown option '%s'; try 'umbra --help'", repeatable(name));
		return STATUS_USAGE;
	}
	if (!command)
		return unknown_command(streams, name);
	for (int i = 0; i < count; i++)
		if (is_help(arguments[i]))
			return explain_command(command, streams);
	return command->run(streams, count, arguments);
}

int tool_expect_no_arguments(const struct streams *streams, const char *name, int count,
							 char **arguments) {
	if (count == 0)
		return STATUS_OK;
	if (arguments[0][0] == '-')
		output_message(streams, "%s: unknown option '%s'; try 'umbra %s --help'", name,
					   repeatable(arguments[0]), name);
	else
		output_message(streams, "%s: too many arguments, it takes none; try 'umbra %s --help'",
					   name, name);
	return STATUS_USAGE;
}
