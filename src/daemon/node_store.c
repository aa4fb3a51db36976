#include "daemon/node_store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

/* The database last: as long as it is in its old place, not all has been moved. */
static const char *const files[] = {"umbra.db-shm", "umbra.db-wal", "umbra.db"};
enum { FILES = sizeof files / sizeof *files, DATABASE = FILES - 1 };

enum err node_store_path(const char *state_dir, char *out_path, size_t size) {
	int used = snprintf(out_path, size, "%s/store", state_dir);
	return used < 0 || (size_t)used >= size ? ERR_LIMIT : ERR_OK;
}

static bool exists(int folder, const char *name) {
	struct stat status;
	return fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

/* A store in the new place is never overwritten: one of before may be that of a downgrade. */
static int move(int old, int new, const char *state_dir) {
	if (!exists(old, files[DATABASE]))
		return 0;
	if (exists(new, files[DATABASE])) {
		log_warning("%s/umbra.db is not used, as there is %s/store/umbra.db; remove one of them",
					state_dir, state_dir);
		return 0;
	}
	for (size_t i = 0; i < FILES; i++)
		if (renameat(old, files[i], new, files[i]) && errno != ENOENT)
			return errno;
	if (fsync(new) || fsync(old))
		return errno;
	log_info("%s/umbra.db was moved to %s/store", state_dir, state_dir);
	return 0;
}

/* What the account made itself is not followed: it may be a link to anything. */
static int give(int folder, const char *name, const struct sandbox_account *account) {
	struct stat status;
	auto_close int file = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (file < 0)
		return errno == ENOENT ? 0 : errno;
	if (fstat(file, &status))
		return errno;
	if (!S_ISREG(status.st_mode) || status.st_nlink != 1 || status.st_uid == account->uid)
		return 0;
	return fchownat(file, "", account->uid, account->gid, AT_EMPTY_PATH) ? errno : 0;
}

/* Returns errno; 0 when all is done. */
static int prepare(const char *state_dir, const struct sandbox_account *account) {
	auto_close int old = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (old < 0 || (mkdirat(old, "store", 0700) && errno != EEXIST))
		return errno;
	auto_close int new = openat(old, "store", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (new < 0)
		return errno;
	int number = move(old, new, state_dir);
	for (size_t i = 0; i < FILES && number == 0; i++)
		number = give(new, files[i], account);
	/* Whose folder it is may change its mode; the superuser only with one more capability. */
	if (number == 0 && (fchown(new, geteuid(), getegid()) || fchmod(new, 0700) ||
						fchown(new, account->uid, account->gid)))
		number = errno;
	return number;
}

enum err node_store_prepare(const char *state_dir, const struct sandbox_account *account) {
	int number = prepare(state_dir, account);
	if (number == 0)
		return ERR_OK;
	log_error("the store's folder %s/store could not be made: %s", state_dir, strerror(number));
	return err_from_errno(number);
}
