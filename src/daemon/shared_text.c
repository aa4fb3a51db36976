#include "daemon/shared_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/wipe.h"
#include "wire/process.h"

static const int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;

enum err shared_text_write(int descriptor, struct slice bytes) {
	while (bytes.size > 0) {
		ssize_t written = write(descriptor, bytes.data, bytes.size);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return err_from_errno(errno);
		bytes.data += written;
		bytes.size -= (size_t)written;
	}
	return ERR_OK;
}

enum err shared_text_seal(int descriptor) {
	return fcntl(descriptor, F_ADD_SEALS, seals) ? err_from_errno(errno) : ERR_OK;
}

enum err shared_text_new(struct slice text, int *out_descriptor) {
	auto_close int descriptor = memfd_create("text", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (descriptor < 0)
		return err_from_errno(errno);
	enum err error = shared_text_write(descriptor, text);
	if (!error)
		error = shared_text_seal(descriptor);
	if (error)
		return error;
	*out_descriptor = cleanup_steal_descriptor(&descriptor);
	return ERR_OK;
}

enum err shared_text_size(int descriptor, size_t maximum, size_t *out_size) {
	struct stat status;
	/* Without the seals the sender could change or cut it while it is read. */
	int present = fcntl(descriptor, F_GET_SEALS);
	if (present < 0 || (present & seals) != seals || fstat(descriptor, &status))
		return ERR_INVALID;
	if (status.st_size < 0 || (uintmax_t)status.st_size > maximum)
		return ERR_LIMIT;
	*out_size = (size_t)status.st_size;
	return ERR_OK;
}

enum err shared_text_read(int descriptor, char **out_text, size_t *out_size) {
	size_t size, used = 0;
	enum err error = shared_text_size(descriptor, PROCESS_FILE_MAX, &size);
	if (error)
		return error;
	char *text = malloc(size + 1);
	if (!text)
		return ERR_NO_MEMORY;
	while (used < size) {
		ssize_t got = pread(descriptor, text + used, size - used, (off_t)used);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			wipe(text, used);
			free(text);
			return ERR_IO;
		}
		used += (size_t)got;
	}
	text[size] = '\0';
	*out_text = text;
	*out_size = size;
	return ERR_OK;
}
