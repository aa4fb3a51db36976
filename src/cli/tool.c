#include "cli/tool.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/text_buffer.h"

enum { PATH_SIZE = 64, DEPTH_MAX = 3 };

/* What may stand before the command. */
static const struct command_option leading_options[] = {
	COMMAND_SOCKET_OPTION,
	{"--json", NULL, "print JSON, where the command can", false},
	{0},
};

static const char exit_codes[] = "\nExit codes: 0 done, 1 failed, 2 wrong command line, "
								 "3 the daemon does not run.\n";

/* A command found by its words, and how it is called: "peer add". */
struct found {
	const struct command *command;
	int words;
	char path[PATH_SIZE];
};

/* Goes as deep as the words name commands. NULL for none at all. */
static struct found find(const struct command *commands, int count, char *const *words) {
	struct found found = {0};
	size_t used = 0;
	while (commands && found.words < count && found.words < DEPTH_MAX) {
		const struct command *command = command_find(commands, words[found.words]);
		if (!command)
			break;
		int length = snprintf(found.path + used, sizeof found.path - used, "%s%s",
							  used > 0 ? " " : "", command->name);
		used += length > 0 ? (size_t)length : 0;
		found.command = command;
		found.words++;
		commands = command->subcommands;
	}
	return found;
}

static void add_list(struct text_buffer *text, const struct command *commands) {
	enum { WIDTH_MIN = 10 };
	size_t widest = WIDTH_MIN;
	for (const struct command *command = commands; command->name; command++)
		widest = strlen(command->name) > widest ? strlen(command->name) : widest;
	for (; commands->name; commands++)
		text_buffer_add(text, "  %-*s %s\n", (int)widest, commands->name, commands->summary);
}

/* "--json", "--socket PATH", "--watch[=SECONDS]" */
static void format_option(const struct command_option *option, char out_words[static PATH_SIZE]) {
	if (!option->value)
		(void)snprintf(out_words, PATH_SIZE, "%s", option->name);
	else
		(void)snprintf(out_words, PATH_SIZE, "%s%s%s%s", option->name, option->bare ? "[=" : " ",
					   option->value, option->bare ? "]" : "");
}

static void add_options(struct text_buffer *text, const struct command_option *options) {
	char words[PATH_SIZE];
	size_t widest = 0;
	for (const struct command_option *option = options; option->name; option++) {
		format_option(option, words);
		widest = strlen(words) > widest ? strlen(words) : widest;
	}
	for (; options->name; options++) {
		format_option(options, words);
		text_buffer_add(text, "  %-*s  %s\n", (int)widest, words, options->help);
	}
}

static int list_commands(const struct command *commands, const struct streams *streams) {
	auto_text_buffer struct text_buffer text = {0};
	text_buffer_add(&text, "Usage: umbra COMMAND [ARGUMENT...]\n\nCommands:\n");
	add_list(&text, commands);
	text_buffer_add(&text, "  help       explain a command\n\nOptions:\n");
	add_options(&text, leading_options);
	text_buffer_add(&text, "\n'umbra help COMMAND' and 'umbra COMMAND --help' say more.\n%s",
					exit_codes);
	return output_buffer(streams, &text);
}

static int explain_command(const struct found *found, const struct streams *streams) {
	const struct command *command = found->command;
	auto_text_buffer struct text_buffer text = {0};
	text_buffer_add(&text, "Usage: umbra %s%s", found->path,
					command->subcommands ? " COMMAND [ARGUMENT...]" : "");
	if (command->options)
		text_buffer_add(&text, " [OPTION...]");
	if (command->operands)
		text_buffer_add(&text, " %s", command->operands);
	text_buffer_add(&text, "\n\n%s", command->help);
	if (command->subcommands) {
		text_buffer_add(&text, "\nCommands:\n");
		add_list(&text, command->subcommands);
		text_buffer_add(&text, "\n'umbra %s COMMAND --help' says more.\n", found->path);
	}
	if (command->options) {
		text_buffer_add(&text, "\nOptions:\n");
		add_options(&text, command->options);
	}
	return output_buffer(streams, &text);
}

static int unknown_command(const struct streams *streams, const char *path, const char *name) {
	if (*path)
		output_message(streams, "%s: unknown command '%s'; 'umbra %s --help' lists them", path,
					   command_repeatable(name), path);
	else
		output_message(streams, "unknown command '%s'; 'umbra --help' lists them",
					   command_repeatable(name));
	return STATUS_USAGE;
}

static int run_help(const struct command *commands, const struct streams *streams, int count,
					char **arguments) {
	if (count == 0 || command_is_help(arguments[0]) || strcmp(arguments[0], "help") == 0)
		return list_commands(commands, streams);
	struct found found = find(commands, count, arguments);
	if (found.words == count)
		return explain_command(&found, streams);
	if (!found.command || found.command->subcommands)
		return unknown_command(streams, found.path, arguments[found.words]);
	output_message(streams, "help: explains one command at a time");
	return STATUS_USAGE;
}

/* The leading options that the command knows, then its own arguments. */
static int run_command(const struct found *found, const struct streams *streams, char **leading,
					   int leading_count, int count, char **arguments) {
	const struct command *command = found->command;
	bool tail = command->operands && strcmp(command->operands, COMMAND_TAIL) == 0;
	int ours = tail ? command_head(command->options, count, arguments) : count;
	for (int i = 0; i < ours && strcmp(arguments[i], "--") != 0; i++)
		if (command_is_help(arguments[i]))
			return explain_command(found, streams);
	if (command->subcommands) {
		if (count > 0 && arguments[0][0] != '-')
			return unknown_command(streams, found->path, arguments[0]);
		output_message(streams, "%s: a command is missing; 'umbra %s --help' lists them",
					   found->path, found->path);
		return STATUS_USAGE;
	}
	if (leading_count == 0)
		return command->run(streams, count, arguments);
	auto_free char **all = calloc((size_t)(leading_count + count) + 1, sizeof *all);
	if (!all) {
		output_message(streams, "out of memory");
		return STATUS_FAILED;
	}
	int used = 0;
	for (int i = 0; i < leading_count; i++) {
		bool socket = strncmp(leading[i], "--socket", strlen("--socket")) == 0;
		if (socket && !command_find_option(command->options, leading[i]))
			i += strchr(leading[i], '=') == NULL;
		else
			all[used++] = leading[i];
	}
	for (int i = 0; i < count; i++)
		all[used++] = arguments[i];
	return command->run(streams, used, all);
}

int tool_run(const struct command *commands, const struct streams *streams, int argc, char **argv) {
	int first = 1;
	while (first < argc) {
		const struct command_option *option = command_find_option(leading_options, argv[first]);
		if (!option)
			break;
		first += option->value && !strchr(argv[first], '=') ? 2 : 1;
	}
	if (first > argc) {
		output_message(streams, "%s needs a value; try 'umbra --help'", argv[argc - 1]);
		return STATUS_USAGE;
	}
	if (first == argc) {
		output_message(streams, "a command is missing; 'umbra --help' lists them");
		return STATUS_USAGE;
	}
	char version[] = "version";
	if (strcmp(argv[first], "--version") == 0)
		argv[first] = version;
	const char *name = argv[first];
	if (command_is_help(name) || strcmp(name, "help") == 0)
		return run_help(commands, streams, argc - first - 1, argv + first + 1);
	struct found found = find(commands, argc - first, argv + first);
	if (!found.command && name[0] == '-') {
		output_message(streams, "unknown option '%s'; try 'umbra --help'",
					   command_repeatable(name));
		return STATUS_USAGE;
	}
	if (!found.command)
		return unknown_command(streams, "", name);
	int behind = first + found.words;
	return run_command(&found, streams, argv + 1, first - 1, argc - behind, argv + behind);
}

int tool_expect_no_arguments(const struct streams *streams, const char *name, int count,
							 char **arguments) {
	if (count == 0)
		return STATUS_OK;
	if (arguments[0][0] == '-')
		output_message(streams, "%s: unknown option '%s'; try 'umbra %s --help'", name,
					   command_repeatable(arguments[0]), name);
	else
		output_message(streams, "%s: too many arguments, it takes none; try 'umbra %s --help'",
					   name, name);
	return STATUS_USAGE;
}
