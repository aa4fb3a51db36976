#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log_limit.h"
#include "base/log_line.h"
#include "base/log_syslog.h"

enum { SEVERITY_SIZE = sizeof "<6>" - 1 };

/* What becomes of a line, of log_set_format() and what standard error was then. */
enum form { FORM_PLAIN, FORM_STAMPED, FORM_JSON };

static struct {
	_Atomic(enum log_level) level;
	_Atomic(const char *) name;
	_Atomic(enum form) form;
	atomic_bool severity; /* "<6>" before the line */
	atomic_bool syslog;
	pthread_mutex_t mutex;
	struct log_limit limit; /* under the mutex, as every struct log_kind */
} logger = {.level = LOG_INFO, .name = "umbra", .mutex = PTHREAD_MUTEX_INITIALIZER};

static const enum log_severity severities[] = {
	[LOG_SILENT] = LOG_SEVERITY_DEBUG,    [LOG_ERROR] = LOG_SEVERITY_ERROR,
	[LOG_WARNING] = LOG_SEVERITY_WARNING, [LOG_INFO] = LOG_SEVERITY_INFO,
	[LOG_DEBUG] = LOG_SEVERITY_DEBUG,
};

void log_init(enum log_level level, const char *name) {
	atomic_store(&logger.name, name);
	atomic_store(&logger.level, level);
}

enum log_level log_current_level(void) {
	return atomic_load_explicit(&logger.level, memory_order_relaxed);
}

void log_set_level(enum log_level level) {
	atomic_store(&logger.level, level);
}

const char *log_level_name(enum log_level level) {
	return log_line_level(level);
}

bool log_level_parse(const char *text, enum log_level *out_level) {
	for (enum log_level level = LOG_SILENT; level <= LOG_DEBUG; level++) {
		if (strcmp(text, log_line_level(level)) == 0) {
			*out_level = level;
			return true;
		}
	}
	if (strcmp(text, "verbose") != 0)
		return false;
	*out_level = LOG_DEBUG;
	return true;
}

/* systemd.exec(5): JOURNAL_STREAM has device and inode of the journal's stream. */
static bool is_journal(int descriptor) {
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat status;
	char expected[64];
	if (!stream || fstat(descriptor, &status))
		return false;
	(void)snprintf(expected, sizeof expected, "%ju:%ju", (uintmax_t)status.st_dev,
				   (uintmax_t)status.st_ino);
	return strcmp(stream, expected) == 0;
}

void log_set_format(enum log_format format) {
	int saved_errno = errno; /* isatty() sets it */
	bool journal = format != LOG_FORMAT_PLAIN && is_journal(STDERR_FILENO);
	bool keeps_time = format == LOG_FORMAT_TEXT && !journal && !isatty(STDERR_FILENO);
	atomic_store(&logger.severity, journal);
	atomic_store(&logger.form, format == LOG_FORMAT_JSON ? FORM_JSON
							   : keeps_time              ? FORM_STAMPED
														 : FORM_PLAIN);
	errno = saved_errno;
}

void log_to_syslog(void) {
	log_syslog_open(atomic_load(&logger.name));
	atomic_store(&logger.syslog, true);
}

void log_prepare_syslog(void) {
	log_syslog_connect(atomic_load(&logger.name));
}

static void emit(enum log_level level, char *message) {
	if (atomic_load(&logger.syslog)) {
		log_line_clean(message);
		log_syslog_write(severities[level], message);
		return;
	}
	const struct log_line line = {level, atomic_load(&logger.name), message, clock_wall_now()};
	char text[LOG_LINE_JSON_SIZE];
	size_t size = 0;
	if (atomic_load(&logger.severity)) {
		(void)snprintf(text, sizeof text, "<%d>", (int)severities[level]);
		size = SEVERITY_SIZE;
	}
	char *rest = text + size;
	switch (atomic_load(&logger.form)) {
	case FORM_PLAIN:
		size += log_line_plain(&line, rest, LOG_LINE_SIZE);
		break;
	case FORM_STAMPED:
		size += log_line_stamped(&line, rest, LOG_LINE_SIZE);
		break;
	case FORM_JSON:
		size += log_line_json(&line, rest, sizeof text - size);
		break;
	}
	/* One write a line, so that lines of several threads and processes never mix. */
	ssize_t ignored = write(STDERR_FILENO, text, size);
	(void)ignored; /* there is nobody to tell */
}

/* Whether a line may go; the lines dropped before are told first. errno may change. */
static bool take(enum log_level level, struct log_kind *kind, uint32_t *out_suppressed) {
	uint32_t dropped = 0;
	bool allowed = true;
	*out_suppressed = 0;
	if (level != LOG_ERROR || kind) {
		uint64_t now = clock_now();
		pthread_mutex_lock(&logger.mutex);
		if (kind)
			allowed = log_limit_take_kind(kind, now, out_suppressed);
		if (allowed && level != LOG_ERROR)
			allowed = log_limit_take(&logger.limit, now, &dropped);
		if (!allowed && kind)
			kind->suppressed += *out_suppressed; /* still to be told */
		pthread_mutex_unlock(&logger.mutex);
	}
	if (dropped > 0) {
		char message[64];
		(void)snprintf(message, sizeof message, "%u lines were dropped", dropped);
		emit(LOG_WARNING, message);
	}
	return allowed;
}

__attribute__((format(printf, 3, 0))) static void
write_line(enum log_level level, struct log_kind *kind, const char *format, va_list arguments) {
	if (level == LOG_SILENT || level > log_current_level())
		return;
	int saved_errno = errno;
	uint32_t suppressed;
	if (take(level, kind, &suppressed)) {
		char message[LOG_LINE_SIZE];
		errno = saved_errno; /* for %m */
		(void)vsnprintf(message, sizeof message, format, arguments);
		size_t used = strlen(message);
		if (suppressed > 0)
			(void)snprintf(message + used, sizeof message - used, " (%u similar line%s suppressed)",
						   suppressed, suppressed == 1 ? "" : "s");
		emit(level, message);
	}
	errno = saved_errno;
}

void log_write(enum log_level level, const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	write_line(level, NULL, format, arguments);
	va_end(arguments);
}

void log_limited(struct log_kind *kind, enum log_level level, const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	write_line(level, kind, format, arguments);
	va_end(arguments);
}
