#include "cli/completion_words.h"

#include <stddef.h>
#include <string.h>

#include "cli/command.h"
#include "cli/text_buffer.h"

enum { TOKEN_SIZE = 64 };

struct completion {
	const struct command *commands;
	const struct completion_source *source;
	struct text_buffer *text;
	const char *prefix; /* the word to be completed */
	const char *socket;
	const char *tunnel; /* the operand before */
};

static const struct command_option everywhere[] = {
	COMMAND_SOCKET_OPTION,
	{"--json", NULL, "print JSON, where the command can", false},
	{"--version", NULL, "print the version", false},
	{"--help", NULL, "explain the command", false},
	{0},
};

/* And only these behind a command of several. */
static const struct command_option behind[] = {
	{"--help", NULL, "explain the command", false},
	{0},
};

static void offer(const struct completion *completion, const char *word, size_t size,
				  const char *description) {
	size_t typed = strlen(completion->prefix);
	if (typed <= size && strncmp(word, completion->prefix, typed) == 0)
		text_buffer_add(completion->text, "%.*s\t%s\n", (int)size, word, description);
}

static void offer_commands(const struct completion *completion, const struct command *commands) {
	for (; commands->name; commands++)
		offer(completion, commands->name, strlen(commands->name), commands->summary);
}

static void offer_options(const struct completion *completion,
						  const struct command_option *options) {
	for (; options && options->name; options++)
		offer(completion, options->name, strlen(options->name), options->help);
}

/* Those lines of the source that begin with the prefix. */
static void offer_names(const struct completion *completion, const struct text_buffer *names) {
	for (const char *line = names->text; line && *line;) {
		const char *end = strchr(line, '\n');
		size_t size = end ? (size_t)(end - line) : strlen(line);
		const char *tab = memchr(line, '\t', size);
		if (tab && end && strncmp(line, completion->prefix, strlen(completion->prefix)) == 0)
			text_buffer_add(completion->text, "%.*s\n", (int)size, line);
		line += size + (end ? 1 : 0);
	}
}

/* What a word of a usage line stands for. */
static void offer_value(const struct completion *completion, const char *token) {
	static const char *const files[] = {"FILE", "PATH", "FOLDER", "DIRECTORY"};
	auto_text_buffer struct text_buffer names = {0};
	const struct completion_source *source = completion->source;
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
		if (strcmp(token, files[i]) == 0)
			text_buffer_add(completion->text, COMPLETION_FILES "\n");
	if (strcmp(token, "TUNNEL") == 0)
		source->add_tunnels(source->context, completion->socket, &names);
	else if (strcmp(token, "PEER") == 0 && completion->tunnel)
		source->add_peers(source->context, completion->socket, completion->tunnel, &names);
	else if (strcmp(token, "USER") == 0)
		source->add_users(source->context, completion->socket, &names);
	offer_names(completion, &names);
	if (!strchr(token, '|'))
		return;
	for (const char *choice = token; *choice;) {
		size_t size = strcspn(choice, "|");
		/* Capitals stand for something else. */
		if (choice[0] < 'A' || choice[0] > 'Z')
			offer(completion, choice, size, "");
		choice += size + (choice[size] ? 1 : 0);
	}
}

/* The word of "TUNNEL... [FILE]" at a place, without its dress; the last one may repeat. */
static void find_operand(const char *operands, int place, char out_token[static TOKEN_SIZE]) {
	out_token[0] = '\0';
	for (int i = 0; operands && *operands; i++) {
		operands += strspn(operands, " [");
		size_t size = strcspn(operands, " ]");
		size_t bare = size > 3 && strncmp(operands + size - 3, "...", 3) == 0 ? size - 3 : size;
		if ((i == place || bare < size) && bare < TOKEN_SIZE) {
			memcpy(out_token, operands, bare);
			out_token[bare] = '\0';
			return;
		}
		operands += size;
		operands += strspn(operands, " ]");
	}
}

/* Behind the command's own words. */
static void complete_arguments(struct completion *completion, const struct command *command,
							   int count, const char *const *words) {
	int operands = 0;
	bool ended = false;
	for (int i = 0; i < count; i++) {
		const struct command_option *option = NULL;
		if (!ended && words[i][0] == '-')
			option = command_find_option(command->options, words[i]);
		if (!ended && strcmp(words[i], "--") == 0) {
			ended = true;
		} else if (option && option->value && !option->bare && !strchr(words[i], '=')) {
			if (++i == count) {
				offer_value(completion, option->value);
				return;
			}
			if (strcmp(option->name, "--socket") == 0)
				completion->socket = words[i];
		} else if (ended || words[i][0] != '-') {
			operands++;
			completion->tunnel = words[i];
		}
	}
	if (!ended && completion->prefix[0] == '-') {
		offer_options(completion, command->options);
		offer(completion, "--help", strlen("--help"), "explain the command");
		return;
	}
	char token[TOKEN_SIZE];
	find_operand(command->operands, operands, token);
	offer_value(completion, token);
}

void completion_words_add(const struct command *commands, int count, const char *const *words,
						  const struct completion_source *source, struct text_buffer *text) {
	if (count < 1)
		return;
	struct completion completion = {commands, source, text, words[count - 1], NULL, NULL};
	int at = 0;
	const int last = count - 1;
	while (at < last && words[at][0] == '-') {
		const struct command_option *option = command_find_option(everywhere, words[at]);
		bool separate = option && option->value && !strchr(words[at], '=');
		if (separate && at + 1 == last) {
			offer_value(&completion, option->value);
			return;
		}
		if (separate)
			completion.socket = words[at + 1];
		at += separate ? 2 : 1;
	}
	bool help = at < last && strcmp(words[at], "help") == 0;
	at += help;
	const struct command *command = NULL;
	for (; at < last && commands; at++) {
		command = command_find(commands, words[at]);
		if (!command)
			return;
		commands = command->subcommands;
	}
	if (commands) {
		if (completion.prefix[0] == '-' && !help)
			offer_options(&completion, command ? behind : everywhere);
		else
			offer_commands(&completion, commands);
		if (!command && !help)
			offer(&completion, "help", strlen("help"), "explain a command");
	} else if (!help) {
		complete_arguments(&completion, command, last - at, words + at);
	}
}
