#pragma once

#include "base/error.h"

/*
 * Going to the background: the process that was started stays until the daemon is ready, so that
 * its exit status tells whether everything works.
 */
struct daemonize {
	int parent; /* descriptor the parent waits on, -1 when there is none */
};

/* Returns in the child, in a session of its own. The parent exits here, later, with 0 or 1. */
enum err daemonize_begin(struct daemonize *out_daemonize);

/* Lets the parent go, with success. ERR_CLOSED when it was ended meanwhile. */
enum err daemonize_ready(struct daemonize *daemonize);
