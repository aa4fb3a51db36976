#include "host/unix_listener.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { BACKLOG = 64 };

/* Every component, as the parent directory may be missing too. */
static enum err make_directory(const char *directory) {
	char path[sizeof((struct unix_listener *)0)->path];
	size_t size = strlen(directory);
	if (size == 0 || size >= sizeof path)
		return ERR_INVALID;
	memcpy(path, directory, size + 1);
	mode_t previous = umask(022);
	int result = 0;
	for (size_t i = 1; i <= size; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		char separator = path[i];
		path[i] = '\0';
		result = mkdir(path, 0755);
		if (result && errno == EEXIST)
			result = 0;
		path[i] = separator;
		if (result)
			break;
	}
	int number = errno;
	(void)umask(previous);
	return result ? err_from_errno(number) : ERR_OK;
}

/* ERR_EXISTS when somebody accepts there; otherwise the path is free afterwards. */
static enum err remove_stale(const struct sockaddr_un *address) {
	struct stat status;
	if (lstat(address->sun_path, &status))
		return errno == ENOENT ? ERR_OK : err_from_errno(errno);
	if (!S_ISSOCK(status.st_mode))
		return ERR_WRONG_KIND;
	auto_close int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (probe < 0)
		return err_from_errno(errno);
	/* EAGAIN: somebody listens whose queue is full. */
	if (connect(probe, (const struct sockaddr *)address, sizeof *address) == 0 || errno == EAGAIN)
		return ERR_EXISTS;
	if (errno != ECONNREFUSED && errno != ENOENT)
		return err_from_errno(errno);
	if (unlink(address->sun_path) && errno != ENOENT)
		return err_from_errno(errno);
	return ERR_OK;
}

static enum err bind_private(int descriptor, const struct sockaddr_un *address) {
	mode_t previous = umask(0177);
	int result = bind(descriptor, (const struct sockaddr *)address, sizeof *address);
	int number = errno;
	(void)umask(previous);
	if (!result)
		return ERR_OK;
	return number == EADDRINUSE ? ERR_EXISTS : err_from_errno(number);
}

/*
 * wg(8) deletes a socket that nobody listens to yet. So it gets another name first, which is no
 * .sock, and its own only when it is whole. Where that name is too long, it is made in place.
 */
static enum err bind_and_listen(int descriptor, const char *directory,
								const struct sockaddr_un *address) {
	struct sockaddr_un early = {.sun_family = AF_UNIX};
	int written =
		snprintf(early.sun_path, sizeof early.sun_path, "%s/.new-%d", directory, (int)getpid());
	bool direct = written < 0 || (size_t)written >= sizeof early.sun_path;
	if (!direct)
		(void)unlink(early.sun_path); /* of one that crashed */
	enum err error = bind_private(descriptor, direct ? address : &early);
	if (error)
		return error;
	int number = listen(descriptor, BACKLOG) ? errno : 0;
	if (!number && !direct && link(early.sun_path, address->sun_path))
		number = errno;
	if (number == EEXIST)
		error = ERR_EXISTS;
	else if (number)
		error = err_from_errno(number);
	if (!direct)
		(void)unlink(early.sun_path);
	else if (error)
		(void)unlink(address->sun_path);
	return error;
}

enum err unix_listener_open(const char *directory, const char *name,
							struct unix_listener *out_listener) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int written = snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", directory, name);
	if (written < 0 || (size_t)written >= sizeof address.sun_path)
		return ERR_INVALID;
	enum err error = make_directory(directory);
	if (!error)
		error = remove_stale(&address);
	if (error)
		return error;
	auto_close int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	auto_close int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (descriptor < 0 || watch < 0)
		return err_from_errno(errno);
	error = bind_and_listen(descriptor, directory, &address);
	if (error)
		return error;
	/*
	 * Deleting the file changes its link count, which is an attribute; but whoever looks at once
	 * may still find the name. It is gone when the folder's own news comes.
	 */
	struct stat status;
	if (lstat(address.sun_path, &status) ||
		inotify_add_watch(watch, address.sun_path, IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF) < 0 ||
		inotify_add_watch(watch, directory, IN_DELETE | IN_MOVED_FROM | IN_ONLYDIR) < 0) {
		error = err_from_errno(errno);
		(void)unlink(address.sun_path);
		return error;
	}
	out_listener->file_device = status.st_dev;
	out_listener->file_inode = status.st_ino;
	memcpy(out_listener->path, address.sun_path, sizeof out_listener->path);
	out_listener->descriptor = cleanup_steal_descriptor(&descriptor);
	out_listener->watch = cleanup_steal_descriptor(&watch);
	return ERR_OK;
}

static bool is_ours(const struct unix_listener *listener) {
	struct stat status;
	return lstat(listener->path, &status) == 0 && status.st_dev == listener->file_device &&
		   status.st_ino == listener->file_inode;
}

bool unix_listener_gone(struct unix_listener *listener) {
	/* Less than one event with the longest name would be refused. */
	char events[16 * (sizeof(struct inotify_event) + NAME_MAX + 1)];
	while (read(listener->watch, events, sizeof events) > 0)
		;
	return !is_ours(listener);
}

static bool may_connect(int descriptor) {
	struct ucred peer;
	socklen_t size = sizeof peer;
	return getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
		   (peer.uid == 0 || peer.uid == geteuid());
}

enum err unix_listener_accept(struct unix_listener *listener, int *out_descriptor) {
	for (;;) {
		auto_close int descriptor =
			accept4(listener->descriptor, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (descriptor < 0) {
			if (errno == ECONNABORTED)
				continue;
			return err_from_errno(errno);
		}
		if (may_connect(descriptor)) {
			*out_descriptor = cleanup_steal_descriptor(&descriptor);
			return ERR_OK;
		}
	}
}

void unix_listener_done(struct unix_listener *listener) {
	if (listener->descriptor < 0)
		return;
	if (is_ours(listener))
		(void)unlink(listener->path);
	(void)close(listener->descriptor);
	(void)close(listener->watch);
	listener->descriptor = listener->watch = -1;
}
