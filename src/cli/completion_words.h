#pragma once

/*
 * What may stand at the end of a command line, from the table of commands. Apart from shells and
 * daemon, which both come in from outside.
 */

struct command;
struct text_buffer;

/* Adds names with text_buffer_add(), a line "NAME\tdescription\n" each; says nothing on failure. */
struct completion_source {
	void *context;
	/* socket: as on the command line; NULL: not there. */
	void (*add_tunnels)(void *context, const char *socket, struct text_buffer *text);
	void (*add_peers)(void *context, const char *socket, const char *tunnel,
					  struct text_buffer *text);
	void (*add_users)(void *context, const char *socket, struct text_buffer *text);
};

/* A line of its own among the others: names of files fit here. */
#define COMPLETION_FILES ":files"

/*
 * words are those behind "umbra"; the last one, perhaps empty, is to be completed. Adds a line
 * "WORD\tdescription\n" for each that begins with it.
 */
void completion_words_add(const struct command *commands, int count, const char *const *words,
						  const struct completion_source *source, struct text_buffer *text);
