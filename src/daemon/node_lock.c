#include "daemon/node_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

static const char folder[] = "/run/umbra";

enum { ATTEMPTS = 10 };

static enum err lock_folder(const char *state_dir, int *out_descriptor) {
	char path[PATH_MAX];
	int size = snprintf(path, sizeof path, "%s/lock", state_dir);
	if (size < 0 || (size_t)size >= sizeof path)
		return ERR_INVALID;
	auto_close int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (descriptor < 0) {
		log_error("the state folder cannot be used: %s: %s", path, strerror(errno));
		return err_from_errno(errno);
	}
	if (flock(descriptor, LOCK_EX | LOCK_NB)) {
		enum err error = errno == EWOULDBLOCK ? ERR_EXISTS : err_from_errno(errno);
		log_error("%s %s",
				  error == ERR_EXISTS ? "umbrad runs already with the state folder"
									  : "cannot lock the state folder",
				  state_dir);
		return error;
	}
	*out_descriptor = cleanup_steal_descriptor(&descriptor);
	return ERR_OK;
}

/* Whether the file that was locked is still the one of the name: its last owner removes it. */
static bool is_current(int descriptor, const char *path) {
	struct stat opened, named;
	return fstat(descriptor, &opened) == 0 && lstat(path, &named) == 0 &&
		   opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

/* A folder that only root writes to: a name that anybody may take would stop every start. */
static enum err make_folder(void) {
	struct stat status;
	if (mkdir(folder, 0755) && errno != EEXIST) {
		log_error("%s could not be made: %s", folder, strerror(errno));
		return err_from_errno(errno);
	}
	if (lstat(folder, &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == geteuid() &&
		(status.st_mode & 022) == 0)
		return ERR_OK;
	log_error("%s is not a folder of root's that others cannot write to", folder);
	return ERR_PERMISSION;
}

/* The file is named by the network namespace, of which the kernel knows a number. */
static enum err lock_namespace(struct node_lock *lock) {
	struct stat namespace;
	if (stat("/proc/self/ns/net", &namespace))
		return err_from_errno(errno);
	(void)snprintf(lock->path, sizeof lock->path, "%s/network-%ju.lock", folder,
				   (uintmax_t) namespace.st_ino);
	enum err error = make_folder();
	for (unsigned i = 0; !error && i < ATTEMPTS; i++) {
		auto_close int descriptor =
			open(lock->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (descriptor < 0) {
			log_error("%s: %s", lock->path, strerror(errno));
			return err_from_errno(errno);
		}
		if (flock(descriptor, LOCK_EX | LOCK_NB)) {
			log_error("umbrad runs already in this network namespace; one daemon can have all its "
					  "tunnels");
			return ERR_EXISTS;
		}
		if (!is_current(descriptor, lock->path))
			continue;
		lock->namespace = cleanup_steal_descriptor(&descriptor);
		return ERR_OK;
	}
	return error ? error : ERR_EXISTS;
}

enum err node_lock_take(const char *state_dir, struct node_lock *out_lock) {
	struct node_lock lock = NODE_LOCK_NONE;
	enum err error = lock_folder(state_dir, &lock.folder);
	if (!error)
		error = lock_namespace(&lock);
	if (error) {
		node_lock_done(&lock);
		return error;
	}
	*out_lock = lock;
	return ERR_OK;
}

void node_lock_done(struct node_lock *lock) {
	if (lock->folder >= 0)
		(void)close(lock->folder);
	/* While it is held: nobody removes another's. */
	if (lock->namespace >= 0) {
		(void)unlink(lock->path);
		(void)close(lock->namespace);
	}
	*lock = (struct node_lock)NODE_LOCK_NONE;
}
