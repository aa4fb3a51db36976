#include "cli/peer_lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { ROOM_AT_FIRST = 4096 };

void peer_lines_done(struct peer_lines *lines) {
	free(lines->items);
	free(lines->text);
	*lines = (struct peer_lines){0};
}

/* Cuts a line into its words; returns their number, one more than there is room for when more. */
static int split(char *line, struct peer_line *out_line) {
	int count = 0;
	for (char *rest = line;;) {
		rest += strspn(rest, " \t\r");
		if (!*rest)
			return count;
		if (count == PEER_LINES_WORDS)
			return count + 1;
		out_line->words[count++] = rest;
		rest += strcspn(rest, " \t\r");
		if (*rest)
			*rest++ = '\0';
	}
}

static enum err add_line(struct peer_lines *lines, size_t *room, const struct peer_line *line) {
	if (lines->count == *room) {
		size_t more = *room > 0 ? *room * 2 : ROOM_AT_FIRST / sizeof *line;
		struct peer_line *items = realloc(lines->items, more * sizeof *items);
		if (!items)
			return ERR_NO_MEMORY;
		lines->items = items;
		*room = more;
	}
	lines->items[lines->count++] = *line;
	return ERR_OK;
}

/* What is wrong with a line of so many words; NULL: nothing. */
static const char *judge(const struct peer_line *line, int count, int least, int most) {
	if (count > most)
		return "has too many words";
	if (count < least)
		return "lacks a word";
	for (int i = 0; i < count; i++)
		for (const char *at = line->words[i]; *at; at++)
			if ((uint8_t)*at < ' ' || *at == 0x7f)
				return "has a control character";
	return NULL;
}

enum err peer_lines_parse(char *text, size_t size, int least, int most,
						  struct peer_lines *out_lines,
						  char out_problem[static PEER_LINES_PROBLEM_SIZE]) {
	struct peer_lines lines = {.text = text};
	size_t room = 0;
	unsigned number = 0;
	enum err error = ERR_OK;
	for (char *next = text; !error && next < text + size;) {
		struct peer_line line = {.number = ++number};
		char *begin = next;
		char *end = memchr(next, '\n', (size_t)(text + size - next));
		next = end ? end + 1 : text + size;
		if (end)
			*end = '\0';
		const char *problem =
			strlen(begin) < (size_t)(next - begin) - (end ? 1 : 0) ? "has a NUL" : NULL;
		int count = split(begin, &line);
		if (!problem && (count == 0 || line.words[0][0] == '#'))
			continue;
		if (!problem)
			problem = judge(&line, count, least, most);
		if (problem) {
			(void)snprintf(out_problem, PEER_LINES_PROBLEM_SIZE, "line %u: %s", number, problem);
			error = ERR_INVALID;
		} else {
			error = add_line(&lines, &room, &line);
		}
	}
	if (error)
		peer_lines_done(&lines);
	else
		*out_lines = lines;
	return error;
}

/* All of it and a NUL; ERR_LIMIT, or ERR_IO with errno. */
static enum err read_all(int descriptor, char **out_text, size_t *out_size) {
	auto_free char *text = NULL;
	size_t size = 0, room = 0;
	for (;;) {
		if (room - size < 2) {
			room = room > 0 ? room * 2 : ROOM_AT_FIRST;
			char *more = realloc(text, room);
			if (!more)
				return ERR_NO_MEMORY;
			text = more;
		}
		ssize_t got = read(descriptor, text + size, room - size - 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return ERR_IO;
		if (got == 0)
			break;
		size += (size_t)got;
		if (size > PEER_LINES_SIZE_MAX)
			return ERR_LIMIT;
	}
	text[size] = '\0';
	*out_text = cleanup_steal(text);
	*out_size = size;
	return ERR_OK;
}

int peer_lines_read(const struct streams *streams, const char *command, const char *path, int least,
					int most, struct peer_lines *out_lines) {
	bool standard = strcmp(path, "-") == 0;
	auto_close int file = standard ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	const char *place = standard ? "standard input" : path;
	char *text;
	size_t size;
	enum err error =
		!standard && file < 0 ? ERR_IO : read_all(standard ? streams->input : file, &text, &size);
	if (error) {
		output_message(streams, "%s: cannot read %s: %s", command, place,
					   error == ERR_IO ? strerror(errno) : err_text(error));
		return STATUS_FAILED;
	}
	char problem[PEER_LINES_PROBLEM_SIZE];
	error = peer_lines_parse(text, size, least, most, out_lines, problem);
	if (!error)
		return STATUS_OK;
	output_message(streams, "%s: %s: %s", command, place,
				   error == ERR_INVALID ? problem : err_text(error));
	return STATUS_FAILED;
}
