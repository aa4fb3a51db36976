#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

/*
 * The account of the processes net and control: node.user, or, where the system has none of that
 * name, numbers that nobody has. They are derived from the name as systemd does it for DynamicUser=
 * and from the same range, so that they are the same at every start.
 */
struct sandbox_account {
	uid_t uid;
	gid_t gid;
};

enum {
	SANDBOX_ACCOUNT_FIRST = 61184,
	SANDBOX_ACCOUNT_LAST = 65519,
};

/*
 * *out_derived: there is no such account. ERR_INVALID: it is the superuser's; ERR_LIMIT: all
 * numbers of the range are taken. Before the process restricts itself: it may ask name services.
 */
enum err sandbox_account_find(const char *name, struct sandbox_account *out_account,
							  bool *out_derived);

/* That of this process. */
struct sandbox_account sandbox_account_own(void);

/* The number at which the search for a free one begins. */
uid_t sandbox_account_derive(const char *name);
