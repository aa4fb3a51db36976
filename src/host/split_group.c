#include "host/split_group.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "host/split_program.h"

enum {
	MOUNT_POINT_FIELD = 4, /* of a line of mountinfo, counted from 0 */
	MOUNT_SIZE = 128,
	ATTEMPTS = 8, /* another daemon may remove the common folder at the same time */
};

static const char common[] = "umbra";

/* Blanks and the like are there as "\040". */
static bool copy_unescaped(const char *text, size_t text_size, char *out_path, size_t size) {
	size_t used = 0;
	for (size_t i = 0; i < text_size; used++) {
		if (used + 1 >= size)
			return false;
		const char *at = text + i;
		if (*at == '\\' && i + 3 < text_size) {
			out_path[used] = (char)((at[1] - '0') << 6 | (at[2] - '0') << 3 | (at[3] - '0'));
			i += 4;
		} else {
			out_path[used] = *at;
			i++;
		}
	}
	out_path[used] = '\0';
	return used > 0;
}

/* "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw" */
static bool read_line(const char *line, size_t line_size, char *out_path, size_t size) {
	static const char kind[] = " - cgroup2 ";
	if (!memmem(line, line_size, kind, sizeof kind - 1))
		return false;
	const char *field = line, *end = line + line_size;
	for (unsigned i = 0; i < MOUNT_POINT_FIELD; i++) {
		field = memchr(field, ' ', (size_t)(end - field));
		if (!field)
			return false;
		field++;
	}
	const char *field_end = memchr(field, ' ', (size_t)(end - field));
	return field_end && copy_unescaped(field, (size_t)(field_end - field), out_path, size);
}

enum err split_group_find_mount(const char *mountinfo, char *out_path, size_t size) {
	for (const char *line = mountinfo; *line;) {
		size_t line_size = strcspn(line, "\n");
		if (read_line(line, line_size, out_path, size))
			return ERR_OK;
		line += line_size + (line[line_size] == '\n');
	}
	return ERR_NOT_FOUND;
}

static enum err find_mount(char out_path[static MOUNT_SIZE]) {
	FILE *file = fopen("/proc/self/mountinfo", "re");
	if (!file)
		return err_from_errno(errno);
	auto_free char *line = NULL;
	size_t room = 0;
	enum err error = ERR_NOT_FOUND;
	while (error && getline(&line, &room, file) >= 0)
		error = split_group_find_mount(line, out_path, MOUNT_SIZE);
	(void)fclose(file);
	return error;
}

/* The folder of this network's groups. */
static enum err find_folder(char out_path[static SPLIT_GROUP_PATH_SIZE], size_t *out_common_size) {
	char mount[MOUNT_SIZE];
	struct stat network;
	enum err error = find_mount(mount);
	if (error)
		return error;
	if (stat("/proc/self/ns/net", &network))
		return err_from_errno(errno);
	*out_common_size = strlen(mount) + sizeof common;
	int size = snprintf(out_path, SPLIT_GROUP_PATH_SIZE, "%s/%s/%ju", mount, common,
						(uintmax_t)network.st_ino);
	return size < SPLIT_GROUP_PATH_SIZE ? ERR_OK : ERR_LIMIT;
}

static enum err find_group(const char *name, char out_path[static SPLIT_GROUP_PATH_SIZE]) {
	char folder[SPLIT_GROUP_PATH_SIZE];
	size_t common_size;
	enum err error = find_folder(folder, &common_size);
	if (error)
		return error;
	int size = snprintf(out_path, SPLIT_GROUP_PATH_SIZE, "%s/%s", folder, name);
	return size < SPLIT_GROUP_PATH_SIZE ? ERR_OK : ERR_LIMIT;
}

/* Removes the common folders, too, once nothing is in them. */
static void remove_folders(void) {
	char folder[SPLIT_GROUP_PATH_SIZE];
	size_t common_size;
	if (find_folder(folder, &common_size) || rmdir(folder))
		return;
	folder[common_size] = '\0';
	(void)rmdir(folder);
}

static enum err make_folders(const char *path) {
	char part[SPLIT_GROUP_PATH_SIZE], folder[SPLIT_GROUP_PATH_SIZE];
	size_t common_size;
	enum err error = find_folder(folder, &common_size);
	if (error)
		return error;
	const size_t sizes[] = {common_size, strlen(folder), strlen(path)};
	for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
		int number = 0;
		for (size_t i = 0; i < sizeof sizes / sizeof *sizes && !number; i++) {
			(void)snprintf(part, sizeof part, "%.*s", (int)sizes[i], path);
			if (mkdir(part, 0755) && errno != EEXIST)
				number = errno;
		}
		if (number != ENOENT)
			return err_from_errno(number);
	}
	return ERR_AGAIN;
}

static enum err fail(enum err error, const char *what,
					 char out_problem[static SPLIT_GROUP_PROBLEM_SIZE]) {
	const char *why = err_text(error);
	if (error == ERR_UNSUPPORTED)
		why = "this kernel has no BPF for control groups (CONFIG_CGROUP_BPF)";
	else if (error == ERR_NOT_FOUND)
		why = "cgroup2 is not mounted";
	(void)snprintf(out_problem, SPLIT_GROUP_PROBLEM_SIZE, "%s: %s", what, why);
	return error;
}

/* The filter first: no socket is marked that could send elsewhere. */
static enum err attach(const char *path, const struct split_group *group) {
	auto_close int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (descriptor < 0)
		return err_from_errno(errno);
	enum err error = group->kept ? split_program_keep(descriptor, group->interface) : ERR_OK;
	return error ? error : split_program_mark(descriptor, group->mark);
}

enum err split_group_make(const struct split_group *group,
						  char out_path[static SPLIT_GROUP_PATH_SIZE],
						  char out_problem[static SPLIT_GROUP_PROBLEM_SIZE]) {
	char path[SPLIT_GROUP_PATH_SIZE];
	enum err error = find_group(group->name, path);
	if (!error)
		error = make_folders(path);
	if (!error)
		error = attach(path, group);
	if (error)
		return fail(error, "control group", out_problem);
	memcpy(out_path, path, sizeof path);
	return ERR_OK;
}

bool split_group_exists(const char *name) {
	char path[SPLIT_GROUP_PATH_SIZE];
	return !find_group(name, path) && access(path, F_OK) == 0;
}

void split_group_remove(const char *name) {
	char path[SPLIT_GROUP_PATH_SIZE];
	if (!find_group(name, path))
		(void)rmdir(path);
	remove_folders();
}

void split_groups_remove(void) {
	char path[SPLIT_GROUP_PATH_SIZE], folder[SPLIT_GROUP_PATH_SIZE];
	size_t common_size;
	if (find_folder(folder, &common_size))
		return;
	DIR *stream = opendir(folder);
	if (!stream)
		return;
	for (const struct dirent *entry; (entry = readdir(stream)) != NULL;)
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.' && !find_group(entry->d_name, path))
			(void)rmdir(path);
	(void)closedir(stream);
	remove_folders();
}
