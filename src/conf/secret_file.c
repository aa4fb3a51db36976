#include "conf/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/wipe.h"
#include "conf/fault.h"

enum { CONTENT_SIZE = 256 }; /* a key, and more white space than anybody needs */

const char *secret_file_shown(const struct secret_file *file) {
	return file->key ? file->path : fault_path(file->node->text, file->path);
}

/* The file is somebody else's, or others may open it. */
static bool is_guarded(const struct secret_file *file, const struct stat *status) {
	const char *path = secret_file_shown(file);
	unsigned mode = status->st_mode & 07777;
	if (!S_ISREG(status->st_mode)) {
		fault_add(file->errors, file->node, file->key, "%s is no regular file; %s", path,
				  file->what);
		return false;
	}
	if (file->is_public)
		return true;
	if (mode & 077) {
		fault_add(file->errors, file->node, file->key,
				  "%s can be opened by other users (mode %04o); chmod 600 %s", path, mode, path);
		return false;
	}
	if (status->st_uid != 0 && status->st_uid != geteuid()) {
		fault_add(file->errors, file->node, file->key, "%s belongs to user %u; chown root %s", path,
				  status->st_uid, path);
		return false;
	}
	return true;
}

/* Until the end or size bytes; -1 with errno. */
static ssize_t read_all(int descriptor, char *data, size_t size) {
	size_t used = 0;
	while (used < size) {
		ssize_t count = read(descriptor, data + used, size - used);
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -1;
		if (count == 0)
			break;
		used += (size_t)count;
	}
	return (ssize_t)used;
}

ssize_t secret_file_read(const struct secret_file *file, char *data, size_t size) {
	const char *path = secret_file_shown(file);
	struct stat status;
	/* Not blocking, as it may be a FIFO. */
	auto_close int descriptor = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (descriptor < 0 || fstat(descriptor, &status)) {
		fault_add(file->errors, file->node, file->key, "%s cannot be opened: %s; %s", path,
				  strerror(errno), file->help);
		return -1;
	}
	if (!is_guarded(file, &status))
		return -1;
	ssize_t used = read_all(descriptor, data, size);
	if (used < 0)
		fault_add(file->errors, file->node, file->key, "%s cannot be read: %s; %s", path,
				  strerror(errno), file->what);
	return used;
}

static bool is_space(char character) {
	return character == ' ' || character == '\t' || character == '\n' || character == '\r';
}

bool secret_file_read_key(const struct secret_file *file, const char *maker,
						  uint8_t out_key[static TEXT_KEY_SIZE]) {
	struct {
		char content[CONTENT_SIZE];
		uint8_t key[TEXT_KEY_SIZE];
	} s;
	WIPE_ON_EXIT(s);
	ssize_t size = secret_file_read(file, s.content, sizeof s.content);
	if (size < 0)
		return false;
	const char *start = s.content, *end = s.content + size;
	while (start < end && is_space(*start))
		start++;
	while (end > start && is_space(end[-1]))
		end--;
	const char *problem = start == end                                           ? "is empty"
						  : text_key_decode(start, (size_t)(end - start), s.key) ? "holds no key"
						  : wipe_is_zero(s.key, sizeof s.key)                    ? "holds zeros"
																				 : NULL;
	if (problem)
		fault_add(file->errors, file->node, NULL, "%s %s; one line of base64, as \"%s\" prints it",
				  secret_file_shown(file), problem, maker);
	else
		memcpy(out_key, s.key, sizeof s.key);
	return !problem;
}
