#include "daemon/node_secret.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/wipe.h"
#include "crypto/csprng.h"

static bool read_secret(const char *path, uint8_t out_secret[static NODE_SECRET_SIZE]) {
	uint8_t data[NODE_SECRET_SIZE + 1];
	auto_close int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (descriptor < 0 || read(descriptor, data, sizeof data) != NODE_SECRET_SIZE)
		return false;
	memcpy(out_secret, data, NODE_SECRET_SIZE);
	wipe(data, sizeof data);
	return true;
}

/* All of it or nothing, also over a loss of power. */
static enum err write_secret(const char *path, const uint8_t secret[static NODE_SECRET_SIZE]) {
	char temporary[PATH_MAX + 8];
	(void)snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
	auto_close int descriptor = mkostemp(temporary, O_CLOEXEC); /* of mode 0600 */
	if (descriptor < 0)
		return err_from_errno(errno);
	enum err error = ERR_OK;
	if (write(descriptor, secret, NODE_SECRET_SIZE) != NODE_SECRET_SIZE)
		error = ERR_IO;
	if (!error && (fsync(descriptor) || rename(temporary, path)))
		error = err_from_errno(errno);
	if (error)
		(void)unlink(temporary);
	return error;
}

enum err node_secret_of(const char *state_dir, const char *name,
						uint8_t out_secret[static NODE_SECRET_SIZE]) {
	char path[PATH_MAX];
	const int size = snprintf(path, sizeof path, "%s/%s", state_dir, name);
	enum err error = size < 0 || size >= (int)sizeof path ? ERR_INVALID : ERR_OK;
	if (!error && read_secret(path, out_secret))
		return ERR_OK;
	random_fill(&csprng, out_secret, NODE_SECRET_SIZE);
	return error ? error : write_secret(path, out_secret);
}
