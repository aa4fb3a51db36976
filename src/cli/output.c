#include "cli/output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/text_buffer.h"

enum { MESSAGE_SIZE = 512 };

/* 0, or -1 with errno. */
static int write_all(int descriptor, const void *data, size_t size) {
	const char *next = data;
	while (size > 0) {
		ssize_t written = write(descriptor, next, size);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -1;
		next += written;
		size -= (size_t)written;
	}
	return 0;
}

int output_data(const struct streams *streams, const void *data, size_t size) {
	if (!write_all(streams->output, data, size))
		return STATUS_OK;
	output_message(streams, "cannot write the output: %s", strerror(errno));
	return STATUS_FAILED;
}

int output_text(const struct streams *streams, const char *text) {
	return output_data(streams, text, strlen(text));
}

int output_buffer(const struct streams *streams, const struct text_buffer *buffer) {
	if (!buffer->failed)
		return output_data(streams, buffer->text, buffer->size);
	output_message(streams, "out of memory");
	return STATUS_FAILED;
}

void output_message(const struct streams *streams, const char *format, ...) {
	static const char name[] = "umbra: ";
	char line[MESSAGE_SIZE];
	memcpy(line, name, sizeof name);
	size_t used = sizeof name - 1;
	va_list arguments;
	va_start(arguments, format);
	/* One byte stays free for the line's end. */
	(void)vsnprintf(line + used, sizeof line - used - 1, format, arguments);
	va_end(arguments);
	used = strlen(line);
	line[used++] = '\n';
	(void)write_all(streams->error, line, used);
}

void output_warn_if_public(const struct streams *streams) {
	struct stat status;
	if (fstat(streams->output, &status) || !S_ISREG(status.st_mode) ||
		(status.st_mode & S_IRWXO) == 0)
		return;
	output_message(streams,
				   "warning: other users may open the file that this secret is written to; "
				   "use umask 077");
}

void output_lines(const struct streams *streams, const char *command, const char *text) {
	size_t size = strlen(text);
	while (size > 0 && text[size - 1] == '\n')
		size--;
	if (!memchr(text, '\n', size)) {
		auto_text_buffer struct text_buffer line = {0};
		text_buffer_add_clean(&line, text);
		size_t clean = line.size < size ? line.size : size;
		output_message(streams, "%s: %.*s", command, (int)clean, line.text ? line.text : "");
		return;
	}
	(void)write_all(streams->error, text, size);
	(void)write_all(streams->error, "\n", 1);
}

bool output_has_colours(const struct streams *streams) {
	const char *refused = getenv("NO_COLOR"), *terminal = getenv("TERM");
	return (!refused || !*refused) && terminal && strcmp(terminal, "dumb") != 0 &&
		   isatty(streams->output);
}
