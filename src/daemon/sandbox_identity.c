#include "daemon/sandbox_identity.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <linux/capability.h>

/* What the privileged process keeps, each with its reason. nft and the others inherit it. */
static const unsigned kept[] = {
	CAP_NET_ADMIN,        /* TUN, routes, rules, addresses, nft, SO_MARK, socket buffers */
	CAP_NET_BROADCAST,    /* news of interfaces that were moved to other namespaces */
	CAP_NET_BIND_SERVICE, /* tunnels and metrics may listen below 1024 */
	CAP_NET_RAW,          /* nft looks at sockets of other families; SO_BINDTODEVICE */
	CAP_SYS_ADMIN,    /* setns() to such an interface's namespace; the filter has no other use */
	CAP_SETUID,       /* net and control become their account, */
	CAP_SETGID,       /* give up its groups */
	CAP_SETPCAP,      /* and the capabilities that they could gain */
	CAP_KILL,         /* ends net and control, which are another account's */
	CAP_CHOWN,        /* the store's folder is that account's */
	CAP_DAC_OVERRIDE, /* configuration, keys and state of another account than root */
	CAP_IPC_LOCK,     /* keys are not swapped out, here and in the processes started */
	CAP_SYS_RESOURCE, /* so many descriptors and locked pages */
};

static enum err tell(char out_problem[static SANDBOX_PROBLEM_SIZE], const char *what) {
	int number = errno;
	(void)snprintf(out_problem, SANDBOX_PROBLEM_SIZE, "%s: %s", what, strerror(number));
	return ERR_PERMISSION;
}

/* The superuser's rights go with the account; those of its groups have to be given up before. */
static enum err change_account(const struct sandbox_account *account,
							   char out_problem[static SANDBOX_PROBLEM_SIZE]) {
	capng_clear(CAPNG_SELECT_BOUNDS);
	if (capng_apply(CAPNG_SELECT_BOUNDS))
		return tell(out_problem, "the bounding set (CAP_SETPCAP)");
	if (setgroups(0, NULL))
		return tell(out_problem, "the groups (CAP_SETGID)");
	if (setresgid(account->gid, account->gid, account->gid))
		return tell(out_problem, "the group (CAP_SETGID)");
	if (setresuid(account->uid, account->uid, account->uid))
		return tell(out_problem, "the account (CAP_SETUID)");
	return ERR_OK;
}

static bool is_dropped(const struct sandbox_account *account) {
	uid_t real, effective, saved;
	gid_t real_group, effective_group, saved_group;
	if (getresuid(&real, &effective, &saved) ||
		getresgid(&real_group, &effective_group, &saved_group))
		return false;
	if (real != account->uid || effective != account->uid || saved != account->uid ||
		real_group != account->gid || effective_group != account->gid ||
		saved_group != account->gid)
		return false;
	if (account->uid != 0 && (setresuid(0, 0, 0) == 0 || setresgid(0, 0, 0) == 0))
		return false;
	return capng_get_caps_process() == 0 &&
		   capng_have_capabilities(CAPNG_SELECT_CAPS) == CAPNG_NONE;
}

enum err sandbox_identity_drop(const struct sandbox_account *account,
							   char out_problem[static SANDBOX_PROBLEM_SIZE]) {
	struct sandbox_account own = sandbox_account_own();
	if (capng_get_caps_process())
		return tell(out_problem, "the capabilities");
	if (own.uid == 0 && account->uid != 0) {
		enum err error = change_account(account, out_problem);
		if (error)
			return error;
		own = *account;
	}
	capng_clear(CAPNG_SELECT_CAPS);
	if (capng_apply(CAPNG_SELECT_CAPS))
		return tell(out_problem, "the capabilities");
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) && errno != EINVAL)
		return tell(out_problem, "the ambient capabilities");
	if (!is_dropped(&own)) {
		errno = EPERM;
		return tell(out_problem, "the account can still be left");
	}
	/* A change of account takes both back. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || prctl(PR_SET_DUMPABLE, 0))
		return tell(out_problem, "the end with the parent");
	return ERR_OK;
}

enum err sandbox_identity_reduce(char out_problem[static SANDBOX_PROBLEM_SIZE]) {
	if (capng_get_caps_process())
		return tell(out_problem, "the capabilities");
	bool has[sizeof kept / sizeof *kept];
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		has[i] = capng_have_capability(CAPNG_PERMITTED, kept[i]);
	bool may_cut = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
	capng_clear(CAPNG_SELECT_BOTH);
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		if (has[i])
			(void)capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET,
							   kept[i]);
	/* Without CAP_SETPCAP nothing is started with more than this process has. */
	if (capng_apply(may_cut ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS))
		return tell(out_problem, "the capabilities");
	return ERR_OK;
}
