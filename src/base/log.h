#pragma once

#include <stdbool.h>

/*
 * The one logger. Only daemon/, cli/ and what they call back into log; lower layers return errors.
 * Secrets and inner addresses of users' traffic are never logged.
 */

enum log_level { LOG_SILENT, LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

/* Lines below the level are dropped. name (static text) is put before each line: "umbra-wg: wg0".
 */
void log_init(enum log_level level, const char *name);

enum log_level log_current_level(void);

/* "error", "warning", "info", "debug", "silent", "verbose" (= debug). */
bool log_level_parse(const char *text, enum log_level *out_level);

/* One line on standard error, or syslog once log_to_syslog() was called. Thread-safe. */
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Where a daemon without a terminal logs from now on. */
void log_to_syslog(void);

#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)
