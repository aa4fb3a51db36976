#include "daemon/sandbox_account.h"

#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "base/siphash.h"

uid_t sandbox_account_derive(const char *name) {
	/* Fixed: no stranger chooses the name, and the number must be the same at every start. */
	static const struct siphash_key key = {
		{UINT64_C(0x756d627261207573), UINT64_C(0x6572206f66206e65)}};
	const uint64_t count = SANDBOX_ACCOUNT_LAST - SANDBOX_ACCOUNT_FIRST + 1;
	return (uid_t)(SANDBOX_ACCOUNT_FIRST + siphash(&key, name, strlen(name)) % count);
}

static enum err derive(const char *name, struct sandbox_account *out_account) {
	const unsigned count = SANDBOX_ACCOUNT_LAST - SANDBOX_ACCOUNT_FIRST + 1;
	unsigned first = sandbox_account_derive(name) - SANDBOX_ACCOUNT_FIRST;
	for (unsigned i = 0; i < count; i++) {
		unsigned number = SANDBOX_ACCOUNT_FIRST + (first + i) % count;
		if (getpwuid((uid_t)number) || getgrgid((gid_t)number))
			continue;
		*out_account = (struct sandbox_account){(uid_t)number, (gid_t)number};
		return ERR_OK;
	}
	return ERR_LIMIT;
}

enum err sandbox_account_find(const char *name, struct sandbox_account *out_account,
							  bool *out_derived) {
	const struct passwd *entry = getpwnam(name);
	if (!entry) {
		enum err error = derive(name, out_account);
		if (!error)
			*out_derived = true;
		return error;
	}
	if (entry->pw_uid == 0 || entry->pw_gid == 0)
		return ERR_INVALID;
	*out_account = (struct sandbox_account){entry->pw_uid, entry->pw_gid};
	*out_derived = false;
	return ERR_OK;
}

struct sandbox_account sandbox_account_own(void) {
	return (struct sandbox_account){geteuid(), getegid()};
}
