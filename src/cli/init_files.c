#include "cli/init_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/wipe.h"

struct init_file {
	char *path;      /* with the directory */
	char *folder;    /* that it is in */
	char *temporary; /* its content, until it is placed */
	char *backup;    /* the file of before, while that may have to come back */
	char *text;      /* may hold keys */
	size_t size;
	mode_t mode;
	bool made_folder, has_temporary, has_backup, placed;
};

enum { CAPACITY_MIN = 8 };

static const char random_ending[] = ".XXXXXX"; /* mkostemp(3) */

void init_files_init(struct init_files *files, const char *directory) {
	*files = (struct init_files){.directory = directory};
}

static void file_done(struct init_file *file) {
	if (file->text)
		wipe(file->text, file->size);
	free(file->text);
	free(file->path);
	free(file->folder);
	free(file->temporary);
	free(file->backup);
}

void init_files_done(struct init_files *files) {
	for (size_t i = 0; i < files->count; i++)
		file_done(&files->items[i]);
	free(files->items);
	*files = (struct init_files){0};
}

static char *join(const char *first, const char *second, const char *third) {
	char *text;
	return asprintf(&text, "%s%s%s", first, second, third) < 0 ? NULL : text;
}

static enum err grow(struct init_files *files) {
	if (files->count < files->capacity)
		return ERR_OK;
	size_t capacity = files->capacity ? 2 * files->capacity : CAPACITY_MIN;
	struct init_file *items = reallocarray(files->items, capacity, sizeof items[0]);
	if (!items)
		return ERR_NO_MEMORY;
	files->items = items;
	files->capacity = capacity;
	return ERR_OK;
}

enum err init_files_add(struct init_files *files, const char *path, mode_t mode, const char *text,
						size_t size) {
	enum err error = grow(files);
	if (error)
		return error;
	struct init_file file = {
		.path = join(files->directory, "/", path),
		.text = malloc(size + 1),
		.size = size,
		.mode = mode,
	};
	if (file.path) {
		file.folder = strndup(file.path, (size_t)(strrchr(file.path, '/') - file.path));
		file.temporary = join(file.path, random_ending, "");
		file.backup = join(file.path, random_ending, "~");
	}
	if (!file.text || !file.folder || !file.temporary || !file.backup) {
		file.size = 0;
		file_done(&file);
		return ERR_NO_MEMORY;
	}
	memcpy(file.text, text, size);
	files->items[files->count++] = file;
	return ERR_OK;
}

static bool exists(const char *path) {
	struct stat status;
	return lstat(path, &status) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

bool init_files_exists(const struct init_files *files, const char *path) {
	auto_free char *whole = join(files->directory, "/", path);
	return whole && access(whole, F_OK) == 0;
}

/* Each step returns 0, or -1 with errno and the path it is about. */

static int make_folder(const char *path, bool *out_made) {
	if (mkdir(path, S_IRWXU) == 0) {
		*out_made = true;
		return 0;
	}
	struct stat status;
	if (errno != EEXIST || stat(path, &status))
		return -1;
	errno = ENOTDIR;
	return S_ISDIR(status.st_mode) ? 0 : -1;
}

static int write_temporary(struct init_file *file) {
	auto_close int descriptor = mkostemp(file->temporary, O_CLOEXEC);
	if (descriptor < 0)
		return -1;
	file->has_temporary = true;
	for (size_t done = 0; done < file->size;) {
		ssize_t size = write(descriptor, file->text + done, file->size - done);
		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			return -1;
		done += (size_t)size;
	}
	return fchmod(descriptor, file->mode) || fsync(descriptor) ? -1 : 0;
}

/* A second name for the file of before, so that it can come back. */
static int keep_backup(struct init_file *file) {
	size_t size = strlen(file->temporary);
	memcpy(file->backup, file->temporary, size);
	if (link(file->path, file->backup))
		return -1;
	file->has_backup = true;
	return 0;
}

static int place(struct init_file *file, bool force) {
	if (force && exists(file->path)) {
		if (keep_backup(file) || rename(file->temporary, file->path))
			return -1;
		file->has_temporary = false;
	} else if (link(file->temporary, file->path)) {
		return -1; /* unlike rename(2) it replaces nothing */
	}
	file->placed = true;
	return 0;
}

static int flush_folder(const char *path) {
	auto_close int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return descriptor < 0 ? -1 : fsync(descriptor);
}

void init_files_keep(struct init_files *files) {
	for (size_t i = 0; i < files->count; i++) {
		struct init_file *file = &files->items[i];
		if (file->has_temporary)
			(void)unlink(file->temporary);
		if (file->has_backup) {
			(void)unlink(file->backup);
			file->placed = false; /* for good */
		}
		file->has_temporary = file->has_backup = false;
	}
}

void init_files_take_back(struct init_files *files) {
	for (size_t i = files->count; i-- > 0;) {
		struct init_file *file = &files->items[i];
		if (file->placed && file->has_backup) {
			(void)rename(file->backup, file->path);
			file->has_backup = false;
		} else if (file->placed) {
			(void)unlink(file->path);
		}
		file->placed = false;
	}
	init_files_keep(files);
	for (size_t i = files->count; i-- > 0;)
		if (files->items[i].made_folder)
			(void)rmdir(files->items[i].folder);
	if (files->made_directory)
		(void)rmdir(files->directory);
}

/* The path that a step failed on, with errno; NULL when all went well. */
static const char *run_steps(struct init_files *files, bool force) {
	for (size_t i = files->count; !force && i-- > 0;)
		if (exists(files->items[i].path)) {
			errno = EEXIST;
			return files->items[i].path;
		}
	if (make_folder(files->directory, &files->made_directory))
		return files->directory;
	for (size_t i = 0; i < files->count; i++) {
		struct init_file *file = &files->items[i];
		if (make_folder(file->folder, &file->made_folder))
			return file->folder;
		if (write_temporary(file))
			return file->path;
	}
	for (size_t i = 0; i < files->count; i++)
		if (place(&files->items[i], force))
			return files->items[i].path;
	for (size_t i = 0; i < files->count; i++)
		if (flush_folder(files->items[i].folder))
			return files->items[i].folder;
	return flush_folder(files->directory) ? files->directory : NULL;
}

int init_files_place(const struct streams *streams, const char *command, struct init_files *files,
					 bool force) {
	const char *failed = run_steps(files, force);
	if (!failed)
		return STATUS_OK;
	int number = errno;
	init_files_take_back(files);
	if (number == EEXIST && !force)
		output_message(streams, "%s: there is %s already; %s", command, failed,
					   files->hint ? files->hint : "--force replaces it");
	else
		output_message(streams, "%s: cannot make %s: %s", command, failed, strerror(number));
	return STATUS_FAILED;
}

int init_files_commit(const struct streams *streams, const char *command, struct init_files *files,
					  bool force) {
	int status = init_files_place(streams, command, files, force);
	if (status == STATUS_OK)
		init_files_keep(files);
	return status;
}
