#include "daemon/sandbox.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "crypto/aead.h"
#include "crypto/tls.h"
#include "daemon/sandbox_build.h"
#include "daemon/sandbox_filter.h"
#include "daemon/sandbox_identity.h"
#include "daemon/sandbox_landlock.h"

enum { DNS_PORT = 53 };

/* Before anything else is given up: */

enum err sandbox_prepare(bool on, const char *user, struct sandbox *out_sandbox) {
	struct sandbox sandbox = {.on = on, .account = sandbox_account_own()};
	*out_sandbox = sandbox;
	if (!on) {
		log_warning("the sandbox is off: all processes run with every right of this one");
		return ERR_OK;
	}
	if (SANDBOX_SANITIZED || sandbox.account.uid != 0)
		return ERR_OK;
	bool derived = false;
	enum err error = sandbox_account_find(user, &sandbox.account, &derived);
	if (error == ERR_INVALID)
		log_error("the account %s is the superuser's: net and control need one without rights",
				  user);
	else if (error)
		log_error("no number is free for the account of net and control: %s", err_text(error));
	if (error)
		return error;
	if (derived)
		log_info("there is no account %s: net and control run as number %u, which nobody has; to "
				 "make it: useradd --system --no-create-home --shell /usr/sbin/nologin %s",
				 user, (unsigned)sandbox.account.uid, user);
	*out_sandbox = sandbox;
	return ERR_OK;
}

void sandbox_format(const struct sandbox *sandbox, char out_text[static SANDBOX_TEXT_SIZE]) {
	if (sandbox->on)
		(void)snprintf(out_text, SANDBOX_TEXT_SIZE, "%u:%u", (unsigned)sandbox->account.uid,
					   (unsigned)sandbox->account.gid);
	else
		(void)snprintf(out_text, SANDBOX_TEXT_SIZE, "off");
}

enum err sandbox_parse(const char *text, struct sandbox *out_sandbox) {
	struct sandbox sandbox = {.on = strcmp(text, "off") != 0, .account = sandbox_account_own()};
	if (sandbox.on) {
		unsigned uid, gid;
		char rest;
		if (sscanf(text, "%u:%u%c", &uid, &gid, &rest) != 2)
			return ERR_INVALID;
		sandbox.account = (struct sandbox_account){uid, gid};
	}
	*out_sandbox = sandbox;
	return ERR_OK;
}

/* Memory that is locked counts for an account that may not lock any. */
static void unlock_memory(const char *process) {
	struct rlimit limit;
	if (getrlimit(RLIMIT_MEMLOCK, &limit) || limit.rlim_cur == RLIM_INFINITY)
		return;
	log_info("the %s process's memory may be swapped out: the limit of locked memory "
			 "(RLIMIT_MEMLOCK) cannot be raised without CAP_SYS_RESOURCE",
			 process);
	(void)munlockall();
}

static enum err tell(const char *process, const char *what, const char *why) {
	log_error("the sandbox of the %s process could not be made: %s: %s; node.sandbox: off does "
			  "without it",
			  process, what, why);
	return ERR_PERMISSION;
}

/* An older kernel has none; the account and the list of calls hold without it. */
static enum err apply_landlock(const char *process, const struct sandbox_landlock *rules) {
	enum err error = SANDBOX_SANITIZED ? ERR_OK : sandbox_landlock_apply(rules);
	if (error == ERR_UNSUPPORTED) {
		log_warning("the %s process runs without Landlock, which this kernel does not have",
					process);
		return ERR_OK;
	}
	return error ? tell(process, "Landlock", err_text(error)) : ERR_OK;
}

static enum err apply_filters(const char *process, const struct sandbox_call *const *fatal,
							  const struct sandbox_call *const *allowed) {
	static const struct sandbox_call *const refused[] = {sandbox_calls_refused, NULL};
	enum err error = sandbox_filter_forbid(fatal, true);
	if (!error)
		error = sandbox_filter_forbid(refused, false);
	if (!error)
		error = sandbox_filter_allow(allowed);
	return error ? tell(process, "seccomp", err_text(error)) : ERR_OK;
}

static enum err enter(const char *process, const struct sandbox *sandbox,
					  const struct sandbox_landlock *rules, const struct sandbox_call *const *fatal,
					  const struct sandbox_call *const *allowed) {
	char problem[SANDBOX_PROBLEM_SIZE];
	/* The C library reads it for the times of syslog's lines. */
	tzset();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return tell(process, "no_new_privs", strerror(errno));
	unlock_memory(process);
	if (sandbox_identity_drop(&sandbox->account, problem))
		return tell(process, "rights", problem);
	/* The search for leaks is another process's that looks into this one. */
	if (SANDBOX_SANITIZED)
		(void)prctl(PR_SET_DUMPABLE, 1);
	enum err error = apply_landlock(process, rules);
	if (error || SANDBOX_SANITIZED)
		return error;
	return apply_filters(process, fatal, allowed);
}

/* What the libraries of cryptography read from files at their first use. */
static void warm_up(const char *aead, bool streams) {
	struct aead_worker *worker = NULL;
	if (streams)
		tls_prepare();
	const struct aead_backend *backend = aead_backend_find(aead);
	if (backend && aead_worker_new(backend, &worker) == ERR_OK)
		aead_worker_free(worker);
}

enum err sandbox_enter_net(const struct sandbox *sandbox, const char *aead, bool streams) {
	const struct sandbox_call *const fatal[] = {sandbox_calls_fatal, sandbox_calls_debug,
												sandbox_calls_fatal_net,
												streams ? NULL : sandbox_calls_fatal_packets, NULL};
	const struct sandbox_call *const allowed[] = {sandbox_calls_common,
												  streams ? sandbox_calls_streams : NULL, NULL};
	const struct sandbox_landlock rules = {.paths = NULL, .connect_anywhere = streams};
	if (!sandbox->on)
		return ERR_OK;
	warm_up(aead, streams);
	return enter("net", sandbox, &rules, fatal, allowed);
}

/* Where /etc/resolv.conf leads to: whoever writes it puts a new file in the old one's place. */
static const char *resolver_folder(char *path) {
	char *slash = realpath("/etc/resolv.conf", path) ? strrchr(path, '/') : NULL;
	if (!slash || slash == path)
		return "/etc";
	*slash = '\0';
	return path;
}

enum err sandbox_enter_control(const struct sandbox *sandbox, const char *folder) {
	static const struct sandbox_call *const fatal[] = {sandbox_calls_fatal, sandbox_calls_debug,
													   NULL};
	static const struct sandbox_call *const allowed[] = {sandbox_calls_common,
														 sandbox_calls_control, NULL};
	/* The store is opened from here in any case. */
	if (chdir(folder)) {
		log_error("the store's folder %s: %s", folder, strerror(errno));
		return ERR_IO;
	}
	if (!sandbox->on)
		return ERR_OK;
	char path[PATH_MAX];
	/* hosts, resolv.conf and nsswitch.conf are replaced as well; the account reads no secrets. */
	const struct sandbox_landlock_path paths[] = {
		{".", SANDBOX_WRITE_FILES},
		{"/etc", SANDBOX_READ_FILES},
		{resolver_folder(path), SANDBOX_READ_FILES},
		{"/dev/urandom", SANDBOX_READ_FILES},
	};
	const struct sandbox_landlock rules = {
		.paths = paths,
		.path_count = sizeof paths / sizeof *paths,
		.connect_port = DNS_PORT,
	};
	return enter("control", sandbox, &rules, fatal, allowed);
}

enum err sandbox_enter_privileged(const struct sandbox *sandbox) {
	static const struct sandbox_call *const tables[] = {sandbox_calls_forbidden,
														sandbox_calls_debug, NULL};
	static const struct sandbox_call *const fewer[] = {sandbox_calls_forbidden, NULL};
	char problem[SANDBOX_PROBLEM_SIZE];
	if (!sandbox->on)
		return ERR_OK;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return tell("privileged", "no_new_privs", strerror(errno));
	if (sandbox_identity_reduce(problem))
		return tell("privileged", "rights", problem);
	if (SANDBOX_SANITIZED)
		(void)prctl(PR_SET_DUMPABLE, 1);
	enum err error = sandbox_filter_forbid(SANDBOX_SANITIZED ? fewer : tables, false);
	return error ? tell("privileged", "seccomp", err_text(error)) : ERR_OK;
}
