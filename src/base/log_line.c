#include "base/log_line.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

enum {
	TIME_SIZE = sizeof "-2147483648-12-31T23:59:59.999Z",
	PREFIX_SIZE = 192, /* program, level and time */
	ESCAPE_SIZE = 7,   /* "\u001b" and a NUL */
};

static const struct {
	const char *name, *plain_prefix;
} levels[] = {
	[LOG_SILENT] = {"silent", ""},
	[LOG_ERROR] = {"error", "error: "},
	[LOG_WARNING] = {"warning", "warning: "},
	[LOG_INFO] = {"info", ""},
	[LOG_DEBUG] = {"debug", ""},
};

const char *log_line_level(enum log_level level) {
	return levels[level].name;
}

/*
 * Bytes of the character at text (RFC 3629 section 4), 0 when it is none, or one that steers
 * terminals: a control character of ASCII or of U+0080 to U+009F.
 */
static size_t character_size(const char *text) {
	const uint8_t *bytes = (const uint8_t *)text;
	if (bytes[0] < 0x80)
		return bytes[0] >= ' ' && bytes[0] != 0x7f;
	size_t size = bytes[0] >= 0xf0 ? 4 : bytes[0] >= 0xe0 ? 3 : 2;
	uint32_t least = size == 4 ? 0x10000 : size == 3 ? 0x800 : 0xa0;
	if (bytes[0] < 0xc2 || bytes[0] > 0xf4)
		return 0;
	uint32_t value = bytes[0] & (0x7fu >> size);
	for (size_t i = 1; i < size; i++) {
		if ((bytes[i] & 0xc0) != 0x80) /* the NUL too */
			return 0;
		value = value << 6 | (bytes[i] & 0x3fu);
	}
	bool surrogate = value >= 0xd800 && value <= 0xdfff;
	return value >= least && value <= 0x10ffff && !surrogate ? size : 0;
}

void log_line_clean(char *text) {
	while (*text) {
		size_t size = character_size(text);
		if (size == 0)
			*text = '?';
		text += size > 0 ? size : 1;
	}
}

/* Copies what fits of the message in whole characters; returns the bytes used. */
static size_t copy_clean(const char *message, char *out, size_t room) {
	size_t used = 0;
	while (*message) {
		size_t size = character_size(message);
		size_t takes = size > 0 ? size : 1;
		if (takes > room - used)
			break;
		if (size == 0)
			out[used] = '?';
		else
			memcpy(out + used, message, size);
		used += takes;
		message += takes;
	}
	return used;
}

static void format_time(uint64_t time, char out[static TIME_SIZE]) {
	time_t seconds = (time_t)(time / CLOCK_SECOND);
	unsigned milliseconds = (unsigned)(time % CLOCK_SECOND / CLOCK_MILLISECOND);
	struct tm fields;
	char whole[TIME_SIZE];
	if (!gmtime_r(&seconds, &fields) ||
		strftime(whole, sizeof whole, "%Y-%m-%dT%H:%M:%S", &fields) == 0)
		whole[0] = '\0';
	(void)snprintf(out, TIME_SIZE, "%.24s.%03uZ", whole, milliseconds);
}

/* The line of a prefix made by snprintf() and the message. */
static size_t finish(const char *prefix, const char *message, char *out, size_t size) {
	size_t used = copy_clean(prefix, out, size - 1);
	used += copy_clean(message, out + used, size - 1 - used);
	out[used++] = '\n';
	return used;
}

size_t log_line_plain(const struct log_line *line, char *out, size_t size) {
	char prefix[PREFIX_SIZE];
	(void)snprintf(prefix, sizeof prefix, "%s: %s", line->program,
				   levels[line->level].plain_prefix);
	return finish(prefix, line->message, out, size);
}

size_t log_line_stamped(const struct log_line *line, char *out, size_t size) {
	char prefix[PREFIX_SIZE], time[TIME_SIZE];
	format_time(line->time, time);
	(void)snprintf(prefix, sizeof prefix, "%s %s %s: ", time, levels[line->level].name,
				   line->program);
	return finish(prefix, line->message, out, size);
}

/* One character of a JSON string (RFC 8259 section 7); returns how many bytes of text it was. */
static size_t escape(const char *text, char out[static ESCAPE_SIZE]) {
	uint8_t byte = (uint8_t)*text;
	size_t size = character_size(text);
	if (byte == '"' || byte == '\\')
		(void)snprintf(out, ESCAPE_SIZE, "\\%c", byte);
	else if (byte == '\n' || byte == '\t' || byte == '\r')
		(void)snprintf(out, ESCAPE_SIZE, "\\%c", byte == '\n' ? 'n' : byte == '\t' ? 't' : 'r');
	else if (size > 0)
		(void)snprintf(out, ESCAPE_SIZE, "%.*s", (int)size, text);
	else if (byte < 0x80)
		(void)snprintf(out, ESCAPE_SIZE, "\\u%04x", byte);
	else
		(void)snprintf(out, ESCAPE_SIZE, "\xef\xbf\xbd"); /* U+FFFD */
	return size > 0 ? size : 1;
}

static size_t copy_escaped(const char *text, char *out, size_t room) {
	size_t used = 0;
	while (*text) {
		char escaped[ESCAPE_SIZE];
		text += escape(text, escaped);
		size_t size = strlen(escaped);
		if (size > room - used)
			break;
		memcpy(out + used, escaped, size);
		used += size;
	}
	return used;
}

size_t log_line_json(const struct log_line *line, char *out, size_t size) {
	static const char between[] = "\",\"message\":\"", end[] = "\"}\n";
	char prefix[PREFIX_SIZE], time[TIME_SIZE];
	format_time(line->time, time);
	int length = snprintf(prefix, sizeof prefix, "{\"time\":\"%s\",\"level\":\"%s\",\"program\":\"",
						  time, levels[line->level].name);
	size_t used = (size_t)length;
	memcpy(out, prefix, used);
	const size_t room = size - (sizeof between - 1) - (sizeof end - 1);
	used += copy_escaped(line->program, out + used, room - used);
	memcpy(out + used, between, sizeof between - 1);
	used += sizeof between - 1;
	used += copy_escaped(line->message, out + used, size - (sizeof end - 1) - used);
	memcpy(out + used, end, sizeof end - 1);
	return used + sizeof end - 1;
}
