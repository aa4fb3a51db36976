#include "conf/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/wipe.h"
#include "conf/fault.h"

enum { CONTENT_SIZE = 256 }; /* a key, and more white space than anybody needs */

struct secret {
	const struct tree_node *node;
	const char *path;
	struct config_errors *errors;
	const char *maker; /* of such keys */
};

/* The file is somebody else's, or others may open it. */
static bool is_guarded(const struct secret *secret, const struct stat *status) {
	const char *path = fault_path(secret->node->text, secret->path);
	unsigned mode = status->st_mode & 07777;
	if (!S_ISREG(status->st_mode)) {
		fault_add(secret->errors, secret->node, NULL, "%s is no regular file; a file with a key",
				  path);
		return false;
	}
	if (mode & 077) {
		fault_add(secret->errors, secret->node, NULL,
				  "%s can be opened by other users (mode %04o); chmod 600 %s", path, mode, path);
		return false;
	}
	if (status->st_uid != 0 && status->st_uid != geteuid()) {
		fault_add(secret->errors, secret->node, NULL, "%s belongs to user %u; chown root %s", path,
				  status->st_uid, path);
		return false;
	}
	return true;
}

static bool is_space(char character) {
	return character == ' ' || character == '\t' || character == '\n' || character == '\r';
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

static void read_key(const struct secret *secret, uint8_t out_key[static TEXT_KEY_SIZE]) {
	struct {
		char content[CONTENT_SIZE];
		uint8_t key[TEXT_KEY_SIZE];
	} s;
	WIPE_ON_EXIT(s);
	const char *path = fault_path(secret->node->text, secret->path);
	struct stat status;
	/* Not blocking, as it may be a FIFO. */
	auto_close int descriptor = open(secret->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (descriptor < 0 || fstat(descriptor, &status)) {
		fault_add(secret->errors, secret->node, NULL, "%s cannot be opened: %s; \"%s\" makes a key",
				  path, strerror(errno), secret->maker);
		return;
	}
	if (!is_guarded(secret, &status))
		return;
	ssize_t size = read_all(descriptor, s.content, sizeof s.content);
	if (size < 0) {
		fault_add(secret->errors, secret->node, NULL, "%s cannot be read: %s; a file with a key",
				  path, strerror(errno));
		return;
	}
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
		fault_add(secret->errors, secret->node, NULL,
				  "%s %s; one line of base64, as \"%s\" prints it", path, problem, secret->maker);
	else
		memcpy(out_key, s.key, sizeof s.key);
}

void secret_read_all(struct config *config, const struct tree_node *root,
					 struct config_errors *errors) {
	const struct tree_node *tunnels = tree_get(root, "tunnels");
	const struct tree_node *node = tunnels ? tunnels->first : NULL;
	for (size_t i = 0; node && i < config->tunnel_count; i++, node = node->next) {
		struct config_tunnel *tunnel = &config->tunnels[i];
		struct secret secret = {.errors = errors, .maker = "umbra genkey"};
		secret.node = tree_get(node, "private_key_file");
		secret.path = tunnel->private_key_file;
		if (secret.node && secret.path)
			read_key(&secret, tunnel->private_key);
		const struct tree_node *peers = tree_get(node, "peers");
		const struct tree_node *peer_node = peers ? peers->first : NULL;
		secret.maker = "umbra genpsk";
		for (size_t j = 0; peer_node && j < tunnel->peer_count; j++, peer_node = peer_node->next) {
			struct config_peer *peer = &tunnel->peers[j];
			secret.node = tree_get(peer_node, "preshared_key_file");
			secret.path = peer->preshared_key_file;
			if (secret.node && secret.path)
				read_key(&secret, peer->preshared_key);
		}
	}
}
