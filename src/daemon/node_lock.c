#include "daemon/node_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

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

/* Names without a file belong to one network namespace, which is just what is wanted. */
static enum err lock_namespace(int *out_descriptor) {
	static const char name[] = "umbra/node";
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	memcpy(address.sun_path + 1, name, sizeof name - 1);
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + sizeof name);
	auto_close int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (descriptor < 0)
		return err_from_errno(errno);
	if (bind(descriptor, (const struct sockaddr *)&address, size)) {
		enum err error = errno == EADDRINUSE ? ERR_EXISTS : err_from_errno(errno);
		if (error == ERR_EXISTS)
			log_error("umbrad runs already in this network namespace; one daemon can have all its "
					  "tunnels");
		return error;
	}
	*out_descriptor = cleanup_steal_descriptor(&descriptor);
	return ERR_OK;
}

enum err node_lock_take(const char *state_dir, struct node_lock *out_lock) {
	struct node_lock lock = {-1, -1};
	enum err error = lock_folder(state_dir, &lock.folder);
	if (!error)
		error = lock_namespace(&lock.namespace);
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
	if (lock->namespace >= 0)
		(void)close(lock->namespace);
	*lock = (struct node_lock){-1, -1};
}
