#include "host/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

enum {
	VALUE_SIZE = 32,
	LINE_SIZE = SYSCTL_KEY_SIZE + 2 * VALUE_SIZE,
	FILE_SIZE_MAX = SYSCTL_RECORDS_MAX * LINE_SIZE,
	STAMP_SIZE = 128,
};

/* Settings */

static bool make_path(const char *key, char path[static PATH_MAX]) {
	int size = snprintf(path, PATH_MAX, "/proc/sys/%s", key);
	return size > 0 && size < PATH_MAX && !strstr(key, "..");
}

static bool parse_number(const char *text, int32_t *out_value) {
	char *end;
	errno = 0;
	long value = strtol(text, &end, 10);
	if (errno || end == text || *end != '\0' || value < INT32_MIN || value > INT32_MAX)
		return false;
	*out_value = (int32_t)value;
	return true;
}

enum err sysctl_read(const char *key, int32_t *out_value) {
	char path[PATH_MAX], text[VALUE_SIZE];
	if (!make_path(key, path))
		return ERR_INVALID;
	auto_close int descriptor = open(path, O_RDONLY | O_CLOEXEC);
	if (descriptor < 0)
		return err_from_errno(errno);
	ssize_t size = read(descriptor, text, sizeof text - 1);
	if (size < 0)
		return err_from_errno(errno);
	text[size] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return parse_number(text, out_value) ? ERR_OK : ERR_INVALID;
}

enum err sysctl_write(const char *key, int32_t value) {
	char path[PATH_MAX], text[VALUE_SIZE];
	if (!make_path(key, path))
		return ERR_INVALID;
	auto_close int descriptor = open(path, O_WRONLY | O_CLOEXEC);
	if (descriptor < 0)
		return err_from_errno(errno);
	int size = snprintf(text, sizeof text, "%" PRId32 "\n", value);
	return write(descriptor, text, (size_t)size) == size ? ERR_OK : err_from_errno(errno);
}

/* The file */

static bool is_known(const char *key) {
	static const char *const whole[] = {
		"net/ipv4/ip_forward",
		"net/ipv4/conf/all/accept_redirects",
		"net/ipv4/conf/all/src_valid_mark",
		"net/ipv6/conf/all/forwarding",
	};
	for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
		if (strcmp(key, whole[i]) == 0)
			return true;
	static const char start[] = "net/ipv6/conf/";
	if (strncmp(key, start, sizeof start - 1) != 0)
		return false;
	const char *slash = strchr(key + sizeof start - 1, '/');
	return slash && strcmp(slash, "/accept_ra") == 0;
}

static enum err parse_line(char *line, struct sysctl_record *out_record) {
	char *rest = line;
	const char *key = strsep(&rest, " "), *before = strsep(&rest, " ");
	struct sysctl_record record;
	if (!before || !rest || strlen(key) >= sizeof record.key || !is_known(key) ||
		!parse_number(before, &record.before) || !parse_number(rest, &record.ours))
		return ERR_MALFORMED;
	strcpy(record.key, key);
	*out_record = record;
	return ERR_OK;
}

enum err sysctl_parse(const char *text, struct sysctl_record **out_records, size_t *out_count) {
	size_t lines = 0, count = 0;
	for (const char *at = text; (at = strchr(at, '\n')); at++)
		lines++;
	if (lines > SYSCTL_RECORDS_MAX)
		return ERR_LIMIT;
	auto_free struct sysctl_record *records = calloc(lines + 1, sizeof *records);
	auto_free char *copy = strdup(text);
	if (!records || !copy)
		return ERR_NO_MEMORY;
	char *rest = copy;
	while (count < lines) {
		enum err error = parse_line(strsep(&rest, "\n"), &records[count]);
		if (error)
			return error;
		count++;
	}
	if (*rest != '\0')
		return ERR_MALFORMED; /* cut off inside a line */
	*out_records = cleanup_steal(records);
	*out_count = count;
	return ERR_OK;
}

/* The file's first line: it is true for this boot and this network namespace alone. */
static enum err make_stamp(char stamp[static STAMP_SIZE]) {
	char boot[64];
	auto_close int descriptor = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	if (descriptor < 0)
		return err_from_errno(errno);
	ssize_t size = read(descriptor, boot, sizeof boot - 1);
	struct stat namespace;
	if (size < 0 || stat("/proc/thread-self/ns/net", &namespace))
		return err_from_errno(errno);
	boot[size] = '\0';
	boot[strcspn(boot, "\n")] = '\0';
	(void)snprintf(stamp, STAMP_SIZE, "umbra-sysctl-1 %s %ju\n", boot,
				   (uintmax_t) namespace.st_ino);
	return ERR_OK;
}

struct file {
	char path[PATH_MAX];
	char stamp[STAMP_SIZE];
	struct sysctl_record *records;
	size_t count;
	bool exists;
};

static enum err read_text(const char *path, char **out_text) {
	auto_close int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (descriptor < 0)
		return err_from_errno(errno);
	struct stat status;
	if (fstat(descriptor, &status))
		return err_from_errno(errno);
	if (!S_ISREG(status.st_mode) || status.st_size > FILE_SIZE_MAX)
		return ERR_WRONG_KIND;
	size_t size = (size_t)status.st_size;
	auto_free char *text = calloc(size + 1, 1);
	if (!text)
		return ERR_NO_MEMORY;
	if (read(descriptor, text, size) < 0)
		return err_from_errno(errno);
	*out_text = cleanup_steal(text);
	return ERR_OK;
}

/* What cannot be understood, or is of another boot, counts as nothing held. */
static enum err load(const char *state_dir, const char *owner, struct file *file) {
	int size = snprintf(file->path, sizeof file->path, "%s/sysctl.%s", state_dir, owner);
	if (size < 0 || size >= (int)sizeof file->path - 8)
		return ERR_INVALID;
	enum err error = make_stamp(file->stamp);
	if (error)
		return error;
	auto_free char *text = NULL;
	error = read_text(file->path, &text);
	if (error == ERR_NOT_FOUND)
		return ERR_OK;
	if (error == ERR_NO_MEMORY || error == ERR_PERMISSION || error == ERR_IO)
		return error;
	file->exists = true;
	if (error || strncmp(text, file->stamp, strlen(file->stamp)) != 0)
		return ERR_OK;
	error = sysctl_parse(text + strlen(file->stamp), &file->records, &file->count);
	return error == ERR_NO_MEMORY ? error : ERR_OK;
}

static enum err write_text(int descriptor, const struct file *file, const bool *dropped) {
	FILE *stream = fdopen(descriptor, "w");
	if (!stream) {
		enum err error = err_from_errno(errno);
		(void)close(descriptor);
		return error;
	}
	(void)fputs(file->stamp, stream);
	for (size_t i = 0; i < file->count; i++)
		if (!dropped || !dropped[i])
			(void)fprintf(stream, "%s %" PRId32 " %" PRId32 "\n", file->records[i].key,
						  file->records[i].before, file->records[i].ours);
	enum err error = ERR_OK;
	if (fflush(stream) || fsync(descriptor))
		error = err_from_errno(errno);
	(void)fclose(stream);
	return error;
}

/* All of it or nothing, also over a loss of power. No records: no file. */
static enum err save(struct file *file, size_t kept, const bool *dropped) {
	if (kept == 0) {
		if (file->exists && unlink(file->path) && errno != ENOENT)
			return err_from_errno(errno);
		file->exists = false;
		return ERR_OK;
	}
	char temporary[PATH_MAX + 8];
	(void)snprintf(temporary, sizeof temporary, "%s.XXXXXX", file->path);
	int descriptor = mkostemp(temporary, O_CLOEXEC);
	if (descriptor < 0)
		return err_from_errno(errno);
	enum err error = write_text(descriptor, file, dropped);
	if (!error && rename(temporary, file->path))
		error = err_from_errno(errno);
	if (error)
		(void)unlink(temporary);
	else
		file->exists = true;
	return error;
}

/* Holding */

static const struct sysctl_wish *find_wish(const struct sysctl_wish *wishes, size_t count,
										   const char *key) {
	for (size_t i = 0; i < count; i++)
		if (strcmp(wishes[i].key, key) == 0)
			return &wishes[i];
	return NULL;
}

static struct sysctl_record *find_record(const struct file *file, const char *key) {
	for (size_t i = 0; i < file->count; i++)
		if (strcmp(file->records[i].key, key) == 0)
			return &file->records[i];
	return NULL;
}

/* What is held no longer, marked in dropped. */
static enum err put_back(struct file *file, const struct sysctl_wish *wishes, size_t count) {
	auto_free bool *dropped = calloc(file->count + 1, sizeof *dropped);
	auto_free bool *ours = calloc(file->count + 1, sizeof *ours);
	if (!dropped || !ours)
		return ERR_NO_MEMORY;
	size_t left = 0;
	/* Looked at before any is written, as one write may change another setting along. */
	for (size_t i = 0; i < file->count; i++) {
		const struct sysctl_record *record = &file->records[i];
		int32_t value;
		dropped[i] = !find_wish(wishes, count, record->key);
		ours[i] = dropped[i] && !sysctl_read(record->key, &value) && value == record->ours;
		left += !dropped[i];
	}
	if (left == file->count && (left > 0 || !file->exists))
		return ERR_OK;
	for (size_t i = file->count; i-- > 0;)
		/* An interface may have gone, and what cannot be put back now never will. */
		if (ours[i])
			(void)sysctl_write(file->records[i].key, file->records[i].before);
	enum err error = save(file, left, dropped);
	size_t kept = 0;
	for (size_t i = 0; i < file->count; i++)
		if (!dropped[i])
			file->records[kept++] = file->records[i];
	file->count = kept;
	return error;
}

static enum err explain(enum err error, const char *what,
						char out_problem[static SYSCTL_PROBLEM_SIZE]) {
	(void)snprintf(out_problem, SYSCTL_PROBLEM_SIZE, "%.100s: %s", what, err_text(error));
	return error;
}

static bool meets_condition(const struct sysctl_wish *wish) {
	int32_t value;
	return !wish->condition || (!sysctl_read(wish->condition, &value) && value == wish->only);
}

/* Adds records of what is wished for the first time; nothing is changed yet. */
static enum err take(struct file *file, const struct sysctl_wish *wishes, size_t count,
					 char out_problem[static SYSCTL_PROBLEM_SIZE]) {
	if (file->count + count > SYSCTL_RECORDS_MAX)
		return explain(ERR_LIMIT, "settings", out_problem);
	struct sysctl_record *records =
		reallocarray(file->records, file->count + count + 1, sizeof *records);
	if (!records)
		return explain(ERR_NO_MEMORY, "settings", out_problem);
	file->records = records;
	size_t taken = file->count;
	for (size_t i = 0; i < count; i++) {
		const struct sysctl_wish *wish = &wishes[i];
		int32_t value;
		if (find_record(file, wish->key) || !meets_condition(wish))
			continue;
		enum err error = sysctl_read(wish->key, &value);
		if (error && wish->optional)
			continue;
		if (error)
			return explain(error, wish->key, out_problem);
		records[taken] = (struct sysctl_record){.before = value, .ours = wish->value};
		strcpy(records[taken++].key, wish->key);
	}
	if (taken == file->count)
		return ERR_OK;
	file->count = taken;
	enum err error = save(file, file->count, NULL);
	return error ? explain(error, file->path, out_problem) : ERR_OK;
}

static enum err set(const struct file *file, const struct sysctl_wish *wishes, size_t count,
					char out_problem[static SYSCTL_PROBLEM_SIZE]) {
	for (size_t i = 0; i < count; i++) {
		int32_t value;
		if (!find_record(file, wishes[i].key))
			continue;
		/* In containers the folder is often read-only, with the right values in it. */
		enum err error = sysctl_read(wishes[i].key, &value);
		if (!error && value != wishes[i].value)
			error = sysctl_write(wishes[i].key, wishes[i].value);
		if (error && !wishes[i].optional)
			return explain(error, wishes[i].key, out_problem);
	}
	return ERR_OK;
}

enum err sysctl_hold(const char *state_dir, const char *owner, const struct sysctl_wish *wishes,
					 size_t count, char out_problem[static SYSCTL_PROBLEM_SIZE]) {
	for (size_t i = 0; i < count; i++)
		if (!is_known(wishes[i].key))
			return explain(ERR_INVALID, wishes[i].key, out_problem);
	struct file file = {.records = NULL};
	enum err error = load(state_dir, owner, &file);
	if (!error)
		error = put_back(&file, wishes, count);
	if (error)
		(void)explain(error, file.path, out_problem);
	if (!error)
		error = take(&file, wishes, count, out_problem);
	if (!error)
		error = set(&file, wishes, count, out_problem);
	free(file.records);
	return error;
}
