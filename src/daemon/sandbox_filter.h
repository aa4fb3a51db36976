#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "daemon/sandbox_calls.h"

/*
 * Lists of system calls as filters of the kernel (seccomp), which all threads and programs started
 * later inherit. Several filters hold together, the strictest answer counts. The only file that
 * knows libseccomp.
 */

/* The calls of the tables, NULL behind the last, fail with EPERM, or end the process. */
enum err sandbox_filter_forbid(const struct sandbox_call *const *tables, bool fatal);

/* All others fail with EPERM. */
enum err sandbox_filter_allow(const struct sandbox_call *const *tables);
