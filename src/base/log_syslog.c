#include "base/log_syslog.h"

#include <syslog.h>

_Static_assert(LOG_SEVERITY_ERROR == LOG_ERR && LOG_SEVERITY_WARNING == LOG_WARNING &&
				   LOG_SEVERITY_INFO == LOG_INFO && LOG_SEVERITY_DEBUG == LOG_DEBUG,
			   "the C library uses the protocol's numbers");

void log_syslog_open(const char *name) {
	openlog(name, LOG_PID, LOG_DAEMON);
}

void log_syslog_connect(const char *name) {
	openlog(name, LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

void log_syslog_write(enum log_severity severity, const char *line) {
	syslog((int)severity, "%s", line);
}
