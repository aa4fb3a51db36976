#include "daemon/node_instance.h"

#include <string.h>

#include "base/log.h"
#include "base/slice.h"
#include "base/wipe.h"
#include "crypto/csprng.h"
#include "crypto/hash.h"
#include "daemon/node_core.h"
#include "daemon/node_secret.h"

enum err node_instance_of(const char *state_dir, const uint8_t identity[static TEXT_KEY_SIZE],
						  uint8_t out_instance[static NODE_INSTANCE_SIZE]) {
	struct {
		uint8_t secret[NODE_SECRET_SIZE], digest[HASH_SIZE];
	} s;
	WIPE_ON_EXIT(s);
	enum err error = node_secret_of(state_dir, "instance", s.secret);
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
