#include "cli/command.h"

#include <stddef.h>
#include <string.h>

enum { REPEATED_SIZE = 32 };

bool command_is_help(const char *argument) {
	return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0;
}

const char *command_repeatable(const char *argument) {
	return strlen(argument) <= REPEATED_SIZE ? argument : "(a long argument)";
}

const struct command *command_find(const struct command *commands, const char *name) {
	for (; commands->name; commands++)
		if (strcmp(commands->name, name) == 0)
			return commands;
	return NULL;
}

const struct command_option *command_find_option(const struct command_option *options,
												 const char *word) {
	for (; options && options->name; options++) {
		size_t size = strlen(options->name);
		if (strncmp(options->name, word, size) == 0 && (word[size] == '\0' || word[size] == '='))
			return options;
	}
	return NULL;
}

int command_head(const struct command_option *options, int count, char *const *arguments) {
	int head = 0;
	while (head < count && arguments[head][0] == '-' && arguments[head][1] != '\0') {
		const char *word = arguments[head++];
		if (strcmp(word, "--") == 0)
			return head;
		const struct command_option *option = command_find_option(options, word);
		bool apart = option && option->value && !option->bare && !strchr(word, '=');
		if (apart && head < count && strncmp(arguments[head], "--", 2) != 0)
			head++;
	}
	return head;
}

/* One option, the next argument its value where it takes one; out_used is their number. */
static int parse_option(const struct streams *streams, const char *name,
						const struct command_option *option, char *const *arguments, int count,
						const char **out_value, int *out_used) {
	const char *equals = strchr(arguments[0], '=');
	*out_used = 1;
	if (*out_value) {
		output_message(streams, "%s: %s is given twice", name, option->name);
		return STATUS_USAGE;
	}
	if (!option->value && equals) {
		output_message(streams, "%s: %s takes no value", name, option->name);
		return STATUS_USAGE;
	}
	if (!option->value || (option->bare && !equals)) {
		*out_value = "";
		return STATUS_OK;
	}
	const char *value = equals ? equals + 1 : NULL;
	if (!equals && count > 1 && strncmp(arguments[1], "--", 2) != 0) {
		value = arguments[1];
		*out_used = 2;
	}
	if (!value || !*value) {
		output_message(streams, "%s: %s needs a value: %s %s", name, option->name, option->name,
					   option->value);
		return STATUS_USAGE;
	}
	*out_value = value;
	return STATUS_OK;
}

int command_take(const struct streams *streams, const char *name,
				 const struct command_option *option, int *count, char **arguments,
				 char **out_values, size_t most, size_t *out_count) {
	size_t taken = 0, size = strlen(option->name);
	int kept = 0, i = 0;
	while (i < *count && strcmp(arguments[i], "--") != 0) {
		char *word = arguments[i];
		if (strncmp(word, option->name, size) != 0 || (word[size] != '\0' && word[size] != '=')) {
			arguments[kept++] = arguments[i++];
			continue;
		}
		const char *value = NULL;
		int used;
		int status = parse_option(streams, name, option, arguments + i, *count - i, &value, &used);
		if (status == STATUS_OK && taken == most) {
			output_message(streams, "%s: %s stands more than %zu times", name, option->name, most);
			status = STATUS_USAGE;
		}
		if (status != STATUS_OK)
			return status;
		out_values[taken++] = word[size] == '=' ? word + size + 1 : arguments[i + 1];
		i += used;
	}
	while (i < *count)
		arguments[kept++] = arguments[i++];
	*count = kept;
	*out_count = taken;
	return STATUS_OK;
}

static int check_operands(const struct streams *streams, const char *name, int least, int most,
						  int count) {
	if (count < least)
		output_message(streams, "%s: an argument is missing; try 'umbra %s --help'", name, name);
	else if (count > most && most == 0)
		output_message(streams, "%s: too many arguments, it takes none; try 'umbra %s --help'",
					   name, name);
	else if (count > most)
		output_message(streams, "%s: too many arguments; try 'umbra %s --help'", name, name);
	else
		return STATUS_OK;
	return STATUS_USAGE;
}

int command_parse(const struct streams *streams, const char *name,
				  const struct command_option *options, int least, int most, int count,
				  char **arguments, struct command_line *out_line) {
	struct command_line line = {.operands = arguments};
	bool ended = false;
	for (int i = 0; i < count;) {
		char *word = arguments[i];
		if (ended || word[0] != '-' || word[1] == '\0') {
			arguments[line.count++] = word;
			i++;
			continue;
		}
		if (strcmp(word, "--") == 0) {
			ended = true;
			i++;
			continue;
		}
		const struct command_option *option = command_find_option(options, word);
		if (!option) {
			output_message(streams, "%s: unknown option '%s'; try 'umbra %s --help'", name,
						   command_repeatable(word), name);
			return STATUS_USAGE;
		}
		int used;
		int status = parse_option(streams, name, option, arguments + i, count - i,
								  &line.values[option - options], &used);
		if (status != STATUS_OK)
			return status;
		i += used;
	}
	for (int i = 0; i < line.count; i++) {
		if (*line.operands[i])
			continue;
		output_message(streams, "%s: an argument is empty; try 'umbra %s --help'", name, name);
		return STATUS_USAGE;
	}
	int status = check_operands(streams, name, least, most, line.count);
	if (status == STATUS_OK)
		*out_line = line;
	return status;
}
