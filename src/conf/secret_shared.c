#include "conf/secret_shared.h"

#include <string.h>

#include "base/wipe.h"
#include "conf/arena.h"
#include "conf/fault.h"
#include "conf/secret_file.h"
#include "conf/set.h"
#include "crypto/shared_key.h"

_Static_assert((int)SHARED_KEY_SIZE == (int)TEXT_KEY_SIZE && (int)HASH_SIZE == (int)TEXT_KEY_SIZE);

struct reading {
	struct config_errors *errors;
	struct set identities; /* values are nodes of paths */
};

/* map: where psk_file and identity are. */
static void read_peer(struct reading *reading, const char *protocol, struct config_peer *peer,
					  const struct tree_node *map) {
	uint8_t identity[TEXT_KEY_SIZE];
	char place[FAULT_PLACE_SIZE];
	const struct tree_node *given = tree_get(map, "identity");
	const struct secret_file file = {
		.node = tree_get(map, "psk_file"),
		.path = peer->preshared_key_file,
		.errors = reading->errors,
		.what = "a file with a key",
		.help = "\"umbra genpsk\" makes a key",
	};
	if (!file.node || !file.path ||
		!secret_file_read_key(&file, "umbra genpsk", peer->preshared_key) ||
		shared_key_identity(protocol, peer->preshared_key, identity))
		return;
	if (given && !wipe_is_zero(peer->public_key, sizeof peer->public_key) &&
		memcmp(identity, peer->public_key, sizeof identity) != 0)
		fault_add(reading->errors, given, NULL,
				  "not that of the key in %s; no such key, and it is found by itself",
				  secret_file_shown(&file));
	memcpy(peer->public_key, identity, sizeof identity);
	const struct tree_node *before =
		set_put(&reading->identities, slice_of(peer->public_key, sizeof identity), file.node);
	if (before)
		fault_add(reading->errors, file.node, NULL,
				  "%s holds the key that the file at %s holds; each client its own, as \"umbra "
				  "genpsk\" makes them",
				  secret_file_shown(&file), fault_place(before, place));
}

static void read_tunnel(struct reading *reading, struct config_tunnel *tunnel,
						const struct tree_node *node) {
	if (tunnel->role == CONFIG_CLIENT) {
		read_peer(reading, tunnel->protocol, &tunnel->peers[0], tree_get(node, "auth"));
		memcpy(tunnel->shared.identity, tunnel->peers[0].public_key,
			   sizeof tunnel->shared.identity);
		return;
	}
	const struct tree_node *peers = tree_get(node, "peers");
	const struct tree_node *item = peers ? peers->first : NULL;
	for (size_t i = 0; item && i < tunnel->peer_count; i++, item = item->next)
		read_peer(reading, tunnel->protocol, &tunnel->peers[i], item);
}

void secret_shared_read(struct config *config, const struct tree_node *root,
						struct config_errors *errors) {
	const struct tree_node *tunnels = tree_get(root, "tunnels");
	const struct tree_node *node = tunnels ? tunnels->first : NULL;
	struct reading reading = {.errors = errors};
	struct arena *memory = config->memory;
	size_t count = 0;
	for (size_t i = 0; i < config->tunnel_count; i++)
		count += config->tunnels[i].shares_keys ? config->tunnels[i].peer_count : 0;
	if (count == 0)
		return;
	if (set_init(&reading.identities, count)) {
		memory->failed = true;
		return;
	}
	for (size_t i = 0; node && i < config->tunnel_count; i++, node = node->next)
		if (config->tunnels[i].shares_keys && !config->tunnels[i].role_absent)
			read_tunnel(&reading, &config->tunnels[i], node);
	set_done(&reading.identities);
}
