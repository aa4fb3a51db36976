#pragma once

/*
 * syslog(3) behind numbers, apart from the logger because <syslog.h> has macros of the same names
 * as our levels.
 */

enum log_severity { /* RFC 5424 section 6.2.1 */
					LOG_SEVERITY_ERROR = 3,
					LOG_SEVERITY_WARNING = 4,
					LOG_SEVERITY_INFO = 6,
					LOG_SEVERITY_DEBUG = 7,
};

/* name must stay valid. */
void log_syslog_open(const char *name);
/* Connects at once, for a process that soon may not. */
void log_syslog_connect(const char *name);
void log_syslog_write(enum log_severity severity, const char *line);
