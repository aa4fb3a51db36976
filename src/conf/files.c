#include "conf/files.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "conf/fault.h"
#include "conf/merge.h"

struct files {
	struct tree *tree;
	struct arena *names;
	struct config_errors *errors;
	struct tree_node *root;
	struct {
		dev_t device;
		ino_t inode;
	} seen[FILES_MAX];
	size_t count, size_left;
};

static bool read_file(struct files *files, const char *name, const struct tree_node *from,
					  unsigned depth);

/* A fault of a file: at the line that includes it, or of the first one itself. */
static void file_fault(struct files *files, const struct tree_node *from, const char *name,
					   const char *problem, const char *right) {
	if (from)
		fault_add(files->errors, from, NULL, "%s %s; %s", name, problem, right);
	else
		fault_at(files->errors, name, 0, "%s; %s", problem, right);
}

const char *files_absolute(struct arena *memory, const char *path) {
	if (path[0] == '/')
		return arena_text(memory, path, strlen(path));
	auto_free char *directory = getcwd(NULL, 0);
	if (!directory) {
		memory->failed = true;
		return NULL;
	}
	while (path[0] == '.' && path[1] == '/')
		path += 2;
	const char *slash = directory[1] ? "/" : "";
	size_t size = strlen(directory) + strlen(slash) + strlen(path);
	char *absolute = arena_take(memory, size + 1);
	if (absolute)
		(void)snprintf(absolute, size + 1, "%s%s%s", directory, slash, path);
	return absolute;
}

/* The folder that paths in the file start from. */
static const struct tree_file *new_tree_file(struct tree *tree, struct arena *names,
											 const char *name) {
	struct tree_file *file = arena_take(&tree->memory, sizeof *file);
	const char *copy = arena_text(names, name, strlen(name));
	const char *absolute = files_absolute(&tree->memory, name);
	if (!file || !copy || !absolute)
		return NULL;
	const char *slash = strrchr(absolute, '/');
	file->name = copy;
	file->directory =
		arena_text(&tree->memory, absolute, slash == absolute ? 1 : (size_t)(slash - absolute));
	return file->directory ? file : NULL;
}

/* Whether the file may be read, and was not before. */
static bool is_acceptable(struct files *files, const struct stat *status, const char *name,
						  const struct tree_node *from) {
	char mode[48];
	(void)snprintf(mode, sizeof mode, "can be written by every user (mode %04o)",
				   status->st_mode & 07777);
	const char *problem = NULL, *right = "";
	if (!S_ISREG(status->st_mode)) {
		problem = "is no regular file";
		right = "a file";
	} else if (status->st_mode & S_IWOTH) {
		problem = mode;
		right = "chmod o-w";
	} else if ((size_t)status->st_size > files->size_left) {
		problem = "is too large";
		right = "at most 64 MiB in all files";
	} else if (files->count == FILES_MAX) {
		problem = "is one file too many";
		right = "at most 256";
	}
	_Static_assert(FILES_SIZE_MAX == 64 << 20 && FILES_MAX == 256, "as the texts say");
	for (size_t i = 0; !problem && i < files->count; i++) {
		if (files->seen[i].device == status->st_dev && files->seen[i].inode == status->st_ino) {
			problem = "is read already";
			right = "each file once";
		}
	}
	if (problem) {
		file_fault(files, from, name, problem, right);
		return false;
	}
	files->seen[files->count].device = status->st_dev;
	files->seen[files->count++].inode = status->st_ino;
	return true;
}

/* Up to size bytes; 0 or an errno. A file that grows meanwhile is cut where it ended. */
static int read_content(int descriptor, char *text, size_t size, size_t *out_size) {
	size_t used = 0;
	while (used < size) {
		ssize_t count = read(descriptor, text + used, size - used);
		if (count < 0 && errno != EINTR)
			return errno;
		if (count == 0)
			break;
		used += count > 0 ? (size_t)count : 0;
	}
	*out_size = used;
	return 0;
}

static bool is_pattern(const char *text) {
	return strpbrk(text, "*?[");
}

/* The folder of a file's name as it was given, with its slash; patterns must not see its stars. */
static char *beside(const char *file_name, const char *text, bool pattern) {
	const char *slash = strrchr(file_name, '/');
	size_t folder = slash && text[0] != '/' ? (size_t)(slash - file_name) + 1 : 0;
	char *name = malloc(2 * folder + strlen(text) + 1), *end = name;
	if (!name)
		return NULL;
	for (size_t i = 0; i < folder; i++) {
		if (pattern && strchr("*?[\\", file_name[i]))
			*end++ = '\\';
		*end++ = file_name[i];
	}
	strcpy(end, text);
	return name;
}

/* One entry of include: a file that must be there, or a pattern that may match nothing. */
static void include_entry(struct files *files, const struct tree_node *entry, unsigned depth) {
	bool pattern = is_pattern(entry->text);
	auto_free char *name = beside(entry->file->name, entry->text, pattern);
	if (!name) {
		files->tree->memory.failed = true;
		return;
	}
	if (!pattern) {
		(void)read_file(files, name, entry, depth);
		return;
	}
	glob_t matches = {0};
	int result = glob(name, 0, NULL, &matches);
	if (result == GLOB_NOSPACE)
		files->tree->memory.failed = true;
	for (size_t i = 0; result == 0 && i < matches.gl_pathc && i <= FILES_MAX; i++)
		(void)read_file(files, matches.gl_pathv[i], entry, depth);
	globfree(&matches);
}

static void include_all(struct files *files, const struct tree_node *include, unsigned depth) {
	static const char right[] = "a file or pattern, or a list of them";
	if (!include || include->empty)
		return;
	if (depth == FILES_DEPTH_MAX) {
		fault_add(files->errors, include, NULL, "files include files deeper than %d levels; fewer",
				  FILES_DEPTH_MAX);
		return;
	}
	const struct tree_node *entry = include->kind == TREE_LIST ? include->first : include;
	for (; entry; entry = include->kind == TREE_LIST ? entry->next : NULL) {
		if (entry->kind != TREE_TEXT)
			fault_add(files->errors, entry, NULL, "no text; %s", right);
		else if (!entry->text[0])
			fault_add(files->errors, entry, NULL, "empty; %s", right);
		else
			include_entry(files, entry, depth + 1);
	}
}

static bool read_text(struct files *files, const char *name, const char *text, size_t size,
					  struct tree_node **out_root) {
	const struct tree_file *file = new_tree_file(files->tree, files->names, name);
	return file && tree_parse(files->tree, file, text, size, files->errors, out_root);
}

/* Reads, merges, and goes on to what the file includes. */
static bool read_file(struct files *files, const char *name, const struct tree_node *from,
					  unsigned depth) {
	auto_close int descriptor = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat status;
	if (descriptor < 0 || fstat(descriptor, &status)) {
		char problem[128];
		bool begin = errno == ENOENT && !from;
		(void)snprintf(problem, sizeof problem, "cannot be opened: %s", strerror(errno));
		file_fault(
			files, from, name, problem,
			begin ? "\"umbra init server\" or \"umbra init client\" makes one, -c names another"
				  : "a file that can be read");
		return false;
	}
	if (!is_acceptable(files, &status, name, from))
		return false;
	size_t size = (size_t)status.st_size;
	auto_free char *text = malloc(size + 1);
	if (!text) {
		files->tree->memory.failed = true;
		return false;
	}
	int number = read_content(descriptor, text, size, &size);
	if (number) {
		file_fault(files, from, name, strerror(number), "a file that can be read");
		return false;
	}
	files->size_left -= size;
	struct tree_node *root;
	if (!read_text(files, name, text, size, &root))
		return false;
	const struct tree_node *include = tree_get(root, "include");
	if (!files->root)
		files->root = root;
	else
		merge_roots(files->root, root, files->errors);
	include_all(files, include, depth);
	return true;
}

bool files_read(struct tree *tree, struct arena *names, const struct config_source *source,
				struct config_errors *errors, struct tree_node **out_root) {
	struct files files = {
		.tree = tree,
		.names = names,
		.errors = errors,
		.size_left = FILES_SIZE_MAX,
	};
	const char *name = source->path ? source->path : "configuration";
	if (!source->text) {
		(void)read_file(&files, name, NULL, 0);
	} else if (source->text_size > FILES_SIZE_MAX) {
		fault_at(errors, name, 0, "more than %d bytes", FILES_SIZE_MAX);
	} else if (read_text(&files, name, source->text, source->text_size, &files.root)) {
		const struct tree_node *include = tree_get(files.root, "include");
		if (include && !include->empty)
			fault_add(errors, include, NULL, "not possible here; one text without other files");
	}
	if (!files.root || errors->count > 0 || errors->more || tree->memory.failed || names->failed)
		return false;
	*out_root = files.root;
	return true;
}
