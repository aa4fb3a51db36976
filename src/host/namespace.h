#pragma once

#include <stdbool.h>

#include "base/error.h"

/* Network namespaces by descriptor. */

/* The one this thread is in. */
enum err namespace_open_own(int *out_descriptor);

/* False also when either cannot be looked at. */
bool namespace_same(int left, int right);

/*
 * Runs a function inside another namespace and comes back; sockets made there stay there. The
 * process must have one thread. When there is no way back the process is aborted: everything it
 * opened from then on would be in a stranger's network.
 */
enum err namespace_run(int inside, int home, enum err (*run)(void *context), void *context);
