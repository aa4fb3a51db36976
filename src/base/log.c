#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log_limit.h"
#include "base/log_syslog.h"

enum { LINE_MAX_SIZE = 1024 }; /* with the newline; longer lines are cut */

static struct {
	_Atomic(enum log_level) level;
	_Atomic(const char *) name;
	atomic_bool syslog;
	pthread_mutex_t mutex;
	struct log_limit limit; /* under the mutex */
} logger = {.level = LOG_INFO, .name = "umbra", .mutex = PTHREAD_MUTEX_INITIALIZER};

static const struct {
	const char *name, *prefix;
	enum log_severity severity;
} levels[] = {
	[LOG_SILENT] = {"silent", "", LOG_SEVERITY_DEBUG},
	[LOG_ERROR] = {"error", "error: ", LOG_SEVERITY_ERROR},
	[LOG_WARNING] = {"warning", "warning: ", LOG_SEVERITY_WARNING},
	[LOG_INFO] = {"info", "", LOG_SEVERITY_INFO},
	[LOG_DEBUG] = {"debug", "", LOG_SEVERITY_DEBUG},
};

void log_init(enum log_level level, const char *name) {
	atomic_store(&logger.name, name);
	atomic_store(&logger.level, level);
}

enum log_level log_current_level(void) {
	return atomic_load_explicit(&logger.level, memory_order_relaxed);
}

bool log_level_parse(const char *text, enum log_level *out_level) {
	for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
		if (strcmp(text, levels[i].name) == 0) {
			*out_level = (enum log_level)i;
			return true;
		}
	}
	if (strcmp(text, "verbose") != 0)
		return false;
	*out_level = LOG_DEBUG;
	return true;
}

void log_to_syslog(void) {
	log_syslog_open(atomic_load(&logger.name));
	atomic_store(&logger.syslog, true);
}

/* Whatever a message quotes stays one line and cannot steer a terminal. */
static void make_printable(char *text) {
	for (; *text; text++)
		if ((uint8_t)*text < ' ' || *text == 0x7f)
			*text = '?';
}

static void emit(enum log_level level, char *message) {
	make_printable(message);
	if (atomic_load(&logger.syslog)) {
		log_syslog_write(levels[level].severity, message);
		return;
	}
	/* One write a line, so that lines of several threads and processes never mix. */
	char line[LINE_MAX_SIZE];
	int length = snprintf(line, sizeof line, "%s: %s%s", atomic_load(&logger.name),
						  levels[level].prefix, message);
	if (length < 0)
		return;
	size_t size = (size_t)length < sizeof line ? (size_t)length : sizeof line - 1;
	line[size] = '\n';
	ssize_t ignored = write(STDERR_FILENO, line, size + 1);
	(void)ignored; /* there is nobody to tell */
}

void log_write(enum log_level level, const char *format, ...) {
	if (level == LOG_SILENT || level > log_current_level())
		return;
	int saved_errno = errno;
	uint32_t dropped = 0;
	bool allowed = level == LOG_ERROR;
	if (!allowed) {
		pthread_mutex_lock(&logger.mutex);
		allowed = log_limit_take(&logger.limit, clock_now(), &dropped);
		pthread_mutex_unlock(&logger.mutex);
	}

	char message[LINE_MAX_SIZE];
	if (dropped > 0) {
		(void)snprintf(message, sizeof message, "%u lines were dropped", dropped);
		emit(LOG_WARNING, message);
	}
	if (allowed) {
		va_list arguments;
		va_start(arguments, format);
		errno = saved_errno; /* for %m */
		(void)vsnprintf(message, sizeof message, format, arguments);
		va_end(arguments);
		emit(level, message);
	}
	errno = saved_errno;
}
