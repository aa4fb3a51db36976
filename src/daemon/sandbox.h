#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "daemon/sandbox_account.h"

/*
 * What the processes may do, see doc/security.md:
 *
 *   net, control   an account of their own without capabilities, no_new_privs, a list of allowed
 *                  system calls, and of the file system nothing (net), or the store's folder and
 *                  the resolver's files (control)
 *   privileged     the capabilities that it needs, no_new_privs, a list of forbidden system calls
 *
 * Programs made by a sanitizer keep the account and have neither Landlock nor the list of allowed
 * calls: at the end of a process a sanitizer looks for leaks and writes its report by means that
 * these are there to refuse.
 */

struct sandbox {
	bool on;
	struct sandbox_account account; /* this process's own when it is off */
};

/*
 * The sandbox as the privileged process sets it up; user is an account's name. Logs what it has to
 * say. ERR_INVALID: the account will not do. Once, at the start.
 */
enum err sandbox_prepare(bool on, const char *user, struct sandbox *out_sandbox);

/* How net and control learn it: one of their arguments. */
#define SANDBOX_ARGUMENT "--sandbox="
enum { SANDBOX_TEXT_SIZE = 32 };
void sandbox_format(const struct sandbox *sandbox, char out_text[static SANDBOX_TEXT_SIZE]);
/* What stands behind the argument's "="; ERR_INVALID. */
enum err sandbox_parse(const char *text, struct sandbox *out_sandbox);

/*
 * For ever, and for all threads that are started later: once the log is open and before anything
 * of a stranger is read. Nothing is done where it is off. On a failure, which is logged, the
 * process must end.
 */
/*
 * aead: the back end that will be used, which reads what it needs from files before. streams: it
 * may get tunnels of these, so it takes connections of sockets that it is given, and connects them.
 */
enum err sandbox_enter_net(const struct sandbox *sandbox, const char *aead, bool streams);
/* folder is the store's; it becomes the current one, as the account may not reach it otherwise. */
enum err sandbox_enter_control(const struct sandbox *sandbox, const char *folder);
/* Before net and control are started; they inherit the bounds of it. */
enum err sandbox_enter_privileged(const struct sandbox *sandbox);
