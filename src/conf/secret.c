#include "conf/secret.h"

#include "conf/secret_file.h"
#include "conf/secret_login.h"
#include "conf/secret_shared.h"
#include "conf/secret_streams.h"

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
			(void)secret_file_read_key(&file, "umbra genkey", tunnel->private_key);
		const struct tree_node *peers = tree_get(node, "peers");
		const struct tree_node *peer_node = peers ? peers->first : NULL;
		file.help = "\"umbra genpsk\" makes a key";
		for (size_t j = 0; peer_node && j < tunnel->peer_count; j++, peer_node = peer_node->next) {
			struct config_peer *peer = &tunnel->peers[j];
			file.node = tree_get(peer_node, "preshared_key_file");
			file.path = peer->preshared_key_file;
			if (file.node && file.path)
				(void)secret_file_read_key(&file, "umbra genpsk", peer->preshared_key);
		}
		secret_streams_read(config, tunnel, node, errors);
		secret_login_read(config, tunnel, node, errors);
	}
	secret_shared_read(config, root, errors);
}
