#include "daemon/site_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "daemon/shared_text.h"
#include "proxy/site.h"

struct walk {
	const char *folder;
	int root;
	struct site_file *entries; /* paths on the heap */
	size_t count;
	char *problem;
};

static enum err complain(struct walk *walk, enum err error, const char *path, const char *what) {
	(void)snprintf(walk->problem, SITE_FOLDER_PROBLEM_SIZE, "%.120s%.200s: %.70s", walk->folder,
				   path[1] ? path : "", what ? what : err_text(error));
	return error;
}

/* path begins with '/', which is the folder. Links that lead out of it are not followed. */
static int open_beneath(const struct walk *walk, const char *path) {
	const struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	return (int)syscall(SYS_openat2, walk->root, path[1] ? path + 1 : ".", &how, sizeof how);
}

/*
 * What others of this host may not read was not meant for strangers, and this process may read
 * everything. The folder itself was named by who may. *out_descriptor is the caller's.
 */
static enum err open_public(struct walk *walk, const char *path, int *out_descriptor,
							struct stat *out_status) {
	auto_close int descriptor = open_beneath(walk, path);
	if (descriptor < 0)
		return complain(walk, err_from_errno(errno), path,
						errno == EXDEV ? "leads out of the folder" : NULL);
	if (fstat(descriptor, out_status))
		return complain(walk, err_from_errno(errno), path, NULL);
	const mode_t mode = out_status->st_mode;
	const mode_t needed = S_ISDIR(mode) ? S_IROTH | S_IXOTH : S_IROTH;
	if (!S_ISREG(mode) && !S_ISDIR(mode))
		return complain(walk, ERR_WRONG_KIND, path, "is neither a file nor a folder");
	if (path[1] && (mode & needed) != needed)
		return complain(walk, ERR_PERMISSION, path,
						"may not be read by others, so strangers do not see it either");
	*out_descriptor = cleanup_steal_descriptor(&descriptor);
	return ERR_OK;
}

static enum err visit(struct walk *walk, const char *path, unsigned depth);

static bool is_hidden(const char *name) {
	return name[0] == '.' && strcmp(name, ".well-known") != 0;
}

static enum err visit_folder(struct walk *walk, const char *path, int descriptor, unsigned depth) {
	if (depth == SITE_FOLDER_DEPTH_MAX) {
		(void)close(descriptor);
		return complain(walk, ERR_LIMIT, path, "folders are too deep, or a link leads to its own");
	}
	DIR *directory = fdopendir(descriptor);
	if (!directory) {
		(void)close(descriptor);
		return complain(walk, ERR_NO_MEMORY, path, NULL);
	}
	enum err error = ERR_OK;
	while (!error) {
		errno = 0;
		const struct dirent *entry = readdir(directory);
		if (!entry) {
			if (errno)
				error = complain(walk, err_from_errno(errno), path, NULL);
			break;
		}
		char below[SITE_PATH_MAX + 1];
		if (is_hidden(entry->d_name))
			continue;
		int size = snprintf(below, sizeof below, "%s/%s", path[1] ? path : "", entry->d_name);
		if (size < 0 || (size_t)size >= sizeof below)
			error = complain(walk, ERR_LIMIT, path, "has a path that is too long");
		else
			error = visit(walk, below, depth + 1);
	}
	(void)closedir(directory);
	return error;
}

static enum err add(struct walk *walk, const char *path, const struct stat *status) {
	if (walk->count == SITE_FILES_MAX)
		return complain(walk, ERR_LIMIT, "/", "has more than 4096 files and folders");
	if (status->st_size > SITE_SIZE_MAX)
		return complain(walk, ERR_LIMIT, path, "is larger than 64 MiB");
	char *copy = strdup(path);
	if (!copy)
		return complain(walk, ERR_NO_MEMORY, path, NULL);
	bool is_folder = S_ISDIR(status->st_mode);
	walk->entries[walk->count++] = (struct site_file){
		.path = slice_of_text(copy),
		.is_folder = is_folder,
		.modified = status->st_mtime > 0 ? (uint64_t)status->st_mtime : 0,
		.content = slice_of(NULL, is_folder ? 0 : (size_t)status->st_size),
	};
	return ERR_OK;
}

static enum err visit(struct walk *walk, const char *path, unsigned depth) {
	struct stat status;
	auto_close int descriptor = -1;
	enum err error = open_public(walk, path, &descriptor, &status);
	if (!error)
		error = add(walk, path, &status);
	if (!error && S_ISDIR(status.st_mode))
		error = visit_folder(walk, path, cleanup_steal_descriptor(&descriptor), depth);
	return error;
}

static int compare(const void *left, const void *right) {
	const struct site_file *a = left, *b = right;
	size_t size = a->path.size < b->path.size ? a->path.size : b->path.size;
	int order = memcmp(a->path.data, b->path.data, size);
	return order ? order : (a->path.size > b->path.size) - (a->path.size < b->path.size);
}

/* Exactly as many bytes as it had before. */
static enum err copy_file(struct walk *walk, const struct site_file *file, int to) {
	const char *path = (const char *)file->path.data;
	uint8_t buffer[65536];
	size_t left = file->content.size;
	struct stat status;
	auto_close int from = -1;
	/* It may be another one by now. */
	enum err error = open_public(walk, path, &from, &status);
	if (error)
		return error;
	while (left > 0) {
		ssize_t got = read(from, buffer, left < sizeof buffer ? left : sizeof buffer);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return complain(walk, ERR_IO, path, got < 0 ? NULL : "became shorter meanwhile");
		error = shared_text_write(to, slice_of(buffer, (size_t)got));
		if (error)
			return complain(walk, error, path, NULL);
		left -= (size_t)got;
	}
	return ERR_OK;
}

static enum err write_image(struct walk *walk, int *out_descriptor) {
	auto_free uint8_t *head = NULL;
	size_t size;
	enum err error = site_head(walk->entries, walk->count, &head, &size);
	if (error)
		return complain(walk, error, "/",
						error == ERR_LIMIT ? "is larger than 64 MiB together" : NULL);
	auto_close int descriptor = memfd_create("site", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (descriptor < 0)
		return complain(walk, err_from_errno(errno), "/", NULL);
	error = shared_text_write(descriptor, slice_of(head, size));
	if (error)
		return complain(walk, error, "/", NULL);
	for (size_t i = 0; i < walk->count && !error; i++)
		if (!walk->entries[i].is_folder)
			error = copy_file(walk, &walk->entries[i], descriptor);
	if (error)
		return error;
	error = shared_text_seal(descriptor);
	if (error)
		return complain(walk, error, "/", NULL);
	*out_descriptor = cleanup_steal_descriptor(&descriptor);
	return ERR_OK;
}

enum err site_folder_image(const char *folder, int *out_descriptor,
						   char out_problem[static SITE_FOLDER_PROBLEM_SIZE]) {
	auto_free struct site_file *entries = calloc(SITE_FILES_MAX, sizeof *entries);
	auto_close int root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct walk walk = {.folder = folder, .root = root, .entries = entries, .problem = out_problem};
	if (root < 0)
		return complain(&walk, err_from_errno(errno), "/", NULL);
	if (!entries)
		return complain(&walk, ERR_NO_MEMORY, "/", NULL);
	enum err error = visit(&walk, "/", 0);
	if (!error) {
		qsort(entries, walk.count, sizeof *entries, compare);
		error = write_image(&walk, out_descriptor);
	}
	for (size_t i = 0; i < walk.count; i++)
		free((void *)(uintptr_t)entries[i].path.data);
	return error;
}
