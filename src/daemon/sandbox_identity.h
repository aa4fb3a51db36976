#pragma once

#include "base/error.h"
#include "daemon/sandbox_account.h"

/*
 * Who a process is: account and capabilities. The only file that knows libcap-ng. Both functions
 * are for a process of one thread; out_problem tells what was refused.
 */

enum { SANDBOX_PROBLEM_SIZE = 160 };

/*
 * net and control: becomes the account for ever, without groups and without any capability, and
 * checks that there is no way back. A process that is not the superuser's keeps its account.
 */
enum err sandbox_identity_drop(const struct sandbox_account *account,
							   char out_problem[static SANDBOX_PROBLEM_SIZE]);

/* privileged: keeps only the capabilities that it needs, for itself and for what it starts. */
enum err sandbox_identity_reduce(char out_problem[static SANDBOX_PROBLEM_SIZE]);
