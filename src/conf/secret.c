#include "conf/secret.h"

#include <string.h>

#include "base/wipe.h"
#include "conf/fault.h"
#include "conf/secret_file.h"
#include "conf/secret_streams.h"

enum { CONTENT_SIZE = 256 }; /* a key, and more white space than anybody needs */

static bool is_space(char character) {
	return character == ' ' || character == '\t' || character == '\n' || character == '\r';
}

static void read_key(const struct secret_file *file, const char *maker,
					 uint8_t out_key[static TEXT_KEY_SIZE]) {
	struct {
		char content[CONTENT_SIZE];
		uint8_t key[TEXT_KEY_SIZE];
	} s;
	WIPE_ON_EXIT(s);
	ssize_t size = secret_file_read(file, s.content, sizeof s.content);
	if (size < 0)
		return;
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
}

void secret_read_all(struct config *config, const struct tree_node *root,
					 struct config_errors *errors) {
	const struct tree_node *tunnels = tree_get(root, "tunnels");
	const struct tree_node *node = tunnels ? tunnels->first : NULL;
	for (size_t i = 0; node && i < config->tunnel_count; i++, node = node->next) {
		struct config_tunnel *tunnel = &config->tunnels[i];
		struct secret_file file = {
			.errors = errors, .what = "a file with a key", .help = "\"umbra genkey\" makes a key"};
		file.node = tree_get(node, "private_key_file");
		file.path = tunnel->private_key_file;
		if (file.node && file.path)
			read_key(&file, "umbra genkey", tunnel->private_key);
		const struct tree_node *peers = tree_get(node, "peers");
		const struct tree_node *peer_node = peers ? peers->first : NULL;
		file.help = "\"umbra genpsk\" makes a key";
		for (size_t j = 0; peer_node && j < tunnel->peer_count; j++, peer_node = peer_node->next) {
			struct config_peer *peer = &tunnel->peers[j];
			file.node = tree_get(peer_node, "preshared_key_file");
			file.path = peer->preshared_key_file;
			if (file.node && file.path)
				read_key(&file, "umbra genpsk", peer->preshared_key);
		}
		secret_streams_read(config, tunnel, node, errors);
	}
}
