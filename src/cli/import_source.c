#include "cli/import_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/wipe.h"
#include "conf/wg_quick.h"

enum { CAPACITY_MIN = 1 << 14 };

void import_source_done(struct import_source *source) {
	if (source->text)
		wipe(source->text, source->size);
	free(source->text);
	source->text = NULL;
}

/* Twice the room; the old one is wiped. */
static bool grow(struct import_source *source, size_t *capacity) {
	size_t wanted = *capacity ? 2 * *capacity : CAPACITY_MIN;
	char *text = malloc(wanted);
	if (!text)
		return false;
	if (source->size > 0)
		memcpy(text, source->text, source->size);
	import_source_done(source);
	source->text = text;
	*capacity = wanted;
	return true;
}

/* 0, or an errno value. One byte more than is allowed is read, which tells that there is more. */
static int read_all(int descriptor, struct import_source *source) {
	size_t capacity = 0;
	while (source->size <= WG_QUICK_SIZE_MAX) {
		if (source->size + 1 >= capacity && !grow(source, &capacity))
			return ENOMEM;
		ssize_t size = read(descriptor, source->text + source->size, capacity - source->size - 1);
		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			return errno;
		if (size == 0) {
			source->text[source->size] = '\0';
			return 0;
		}
		source->size += (size_t)size;
	}
	return EFBIG;
}

static void warn_if_public(const struct streams *streams, const char *command, const char *name,
						   int descriptor) {
	struct stat status;
	if (!fstat(descriptor, &status) && S_ISREG(status.st_mode) && (status.st_mode & S_IROTH))
		output_message(streams, "%s: warning: other users may read %s, and the keys in it", command,
					   name);
}

static int read_source(const struct streams *streams, const char *command, const char *path,
					   bool is_public, struct import_source *out_source) {
	bool is_input = strcmp(path, "-") == 0;
	struct import_source source = {.name = is_input ? "standard input" : path};
	auto_close int opened = -1;
	int descriptor = streams->input;
	if (!is_input) {
		opened = open(path, O_RDONLY | O_CLOEXEC);
		descriptor = opened;
	}
	int error = descriptor < 0 ? errno : read_all(descriptor, &source);
	if (error) {
		output_message(streams, "%s: cannot read %s: %s", command, source.name, strerror(error));
		import_source_done(&source);
		return STATUS_FAILED;
	}
	if (!is_input && !is_public)
		warn_if_public(streams, command, source.name, descriptor);
	*out_source = source;
	return STATUS_OK;
}

int import_source_read(const struct streams *streams, const char *command, const char *path,
					   struct import_source *out_source) {
	return read_source(streams, command, path, false, out_source);
}

int import_source_read_public(const struct streams *streams, const char *command, const char *path,
							  struct import_source *out_source) {
	return read_source(streams, command, path, true, out_source);
}
