#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * The one logger. Only daemon/, cli/ and what they call back into log; lower layers return errors.
 * Secrets and inner addresses of users' traffic are never logged. Every function may be called by
 * any thread at any time.
 */

enum log_level { LOG_SILENT, LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

/* How lines on standard error look; log_line.h shows each. */
enum log_format {
	LOG_FORMAT_PLAIN, /* as it is at the start: no time; the level where it matters */
	/*
	 * With time and level, except on terminals (plain) and under systemd's journal, which keeps
	 * both itself: there lines are plain behind "<6>", sd-daemon(3).
	 */
	LOG_FORMAT_TEXT,
	LOG_FORMAT_JSON, /* one object a line, under the journal behind "<6>" as well */
};

/* Lines below the level are dropped. name (static text) is put before each line: "umbra-wg: wg0".
 */
void log_init(enum log_level level, const char *name);

enum log_level log_current_level(void);

/* From the next line on, of all threads. */
void log_set_level(enum log_level level);

/* Looks at what standard error is, so call it once that has been redirected. */
void log_set_format(enum log_format format);

/* "error", "warning", "info", "debug", "silent", "verbose" (= debug). */
bool log_level_parse(const char *text, enum log_level *out_level);

/* The word that log_level_parse() takes. */
const char *log_level_name(enum log_level level);

/*
 * One line on standard error, or syslog once log_to_syslog() was called. Lines that are no errors
 * are limited to LOG_LIMIT_LINES a second over all.
 */
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Where a daemon without a terminal logs from now on. */
void log_to_syslog(void);
/* For a process that will open no sockets any more by then. */
void log_prepare_syslog(void);

/* Lines of one kind that strangers or a fault can repeat without end. Zeroed is fresh. */
struct log_kind {
	uint64_t until; /* ns: end of the current interval */
	uint32_t lines, suppressed;
};

enum {
	LOG_KIND_LINES = 3, /* in each interval that begins with a line */
	LOG_KIND_SECONDS = 10,
};

/*
 * log_write() for a kind of line that has a limit of its own. The first line after some were
 * suppressed tells how many: "cannot send: no route (41 similar lines suppressed)".
 *     static struct log_kind unreachable;
 *     log_limited(&unreachable, LOG_WARNING, "cannot send: %s", err_text(error));
 */
void log_limited(struct log_kind *kind, enum log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)
