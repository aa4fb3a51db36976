#include "daemon/node_instance.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/slice.h"
#include "base/wipe.h"
#include "crypto/csprng.h"
#include "crypto/hash.h"
#include "daemon/node_core.h"

enum { SECRET_SIZE = 32 };

static bool read_secret(const char *path, uint8_t out_secret[static SECRET_SIZE]) {
	uint8_t data[SECRET_SIZE + 1];
	auto_close int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (descriptor < 0 || read(descriptor, data, sizeof data) != SECRET_SIZE)
		return false;
	memcpy(out_secret, data, SECRET_SIZE);
	wipe(data, sizeof data);
	return true;
}

/* All of it or nothing, also over a loss of power. */
static enum err write_secret(const char *path, const uint8_t secret[static SECRET_SIZE]) {
	char temporary[PATH_MAX + 8];
	(void)snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
	auto_close int descriptor = mkostemp(temporary, O_CLOEXEC); /* of mode 0600 */
	if (descriptor < 0)
		return err_from_errno(errno);
	enum err error = ERR_OK;
	if (write(descriptor, secret, SECRET_SIZE) != SECRET_SIZE)
		error = ERR_IO;
	if (!error && (fsync(descriptor) || rename(temporary, path)))
		error = err_from_errno(errno);
	if (error)
		(void)unlink(temporary);
	return error;
}

enum err node_instance_of(const char *state_dir, const uint8_t identity[static TEXT_KEY_SIZE],
						  uint8_t out_instance[static NODE_INSTANCE_SIZE]) {
	struct {
		uint8_t secret[SECRET_SIZE], digest[HASH_SIZE];
	} s;
	WIPE_ON_EXIT(s);
	char path[PATH_MAX];
	const int size = snprintf(path, sizeof path, "%s/instance", state_dir);
	enum err error = size < 0 || size >= (int)sizeof path ? ERR_INVALID : ERR_OK;
	if (error || !read_secret(path, s.secret)) {
		random_fill(&csprng, s.secret, sizeof s.secret);
		error = error ? error : write_secret(path, s.secret);
	}
	const struct slice parts[] = {slice_of_text("instance"), slice_of(s.secret, sizeof s.secret),
								  slice_of(identity, TEXT_KEY_SIZE)};
	enum err failed = hash_digest(HASH_SHA256, parts, sizeof parts / sizeof parts[0], s.digest);
	if (failed)
		random_fill(&csprng, s.digest, sizeof s.digest);
	memcpy(out_instance, s.digest, NODE_INSTANCE_SIZE);
	return error ? error : failed;
}

void node_instance_put(const struct node *node, const struct node_tunnel *tunnel,
					   struct uapi_text *text) {
	const struct config_tunnel *config = tunnel->config;
	uint8_t instance[NODE_INSTANCE_SIZE];
	char word[2 * NODE_INSTANCE_SIZE + 1];
	if (!config->shares_keys || config->role != CONFIG_CLIENT)
		return;
	enum err error = node_instance_of(node->state_dir, config->peers[0].public_key, instance);
	if (error)
		log_warning("%s: its instance could not be kept for the next time: %s", tunnel->name,
					err_text(error));
	text_hex_encode(instance, sizeof instance, word);
	uapi_put_text(text, "instance", word);
}
