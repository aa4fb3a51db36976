/*
 * Endpoints of tunnels with a kill switch, and of all that have one given where a server gives
 * routes: the privileged process lets an address pass, and leads it past the tunnels, before net is
 * told to use it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/control_core.h"
#include "tunnel/plan.h"

struct use {
	struct control_tunnel *tunnel;
	uint64_t run; /* of the tunnel */
	uint8_t key[TEXT_KEY_SIZE];
	size_t place; /* of a peer that has several */
	struct endpoint endpoint;
	bool seen; /* net uses it already */
};

static void set(struct control_tunnel *tunnel, const uint8_t key[static TEXT_KEY_SIZE],
				size_t place, const struct endpoint *endpoint) {
	struct uapi_text text = {.data = NULL};
	const struct directory_peer *peer = directory_find_key(tunnel->directory, key);
	if (peer && peer->of_shared) {
		tunnel->found[place] = *endpoint;
		directory_put_endpoints(&text, peer, tunnel->found);
	} else {
		directory_put_endpoint(&text, key, endpoint);
	}
	control_net_set(tunnel, &text, NULL, NULL);
	uapi_text_done(&text);
}

static void answered(void *context, const struct control_reply *reply) {
	struct use *use = context;
	char where[ENDPOINT_TEXT_SIZE];
	endpoint_format(&use->endpoint, where);
	bool current = control_tunnel_is_up(use->tunnel) && use->tunnel->run == use->run;
	if (reply->number)
		log_warning("%s: the endpoint %s is not let pass: %s", use->tunnel->name, where,
					reply->text);
	else if (current && !use->seen)
		set(use->tunnel, use->key, use->place, &use->endpoint);
	free(use);
}

static void announce(struct control_tunnel *tunnel, const uint8_t key[static TEXT_KEY_SIZE],
					 size_t place, const struct endpoint *endpoint, bool seen) {
	struct use *use = calloc(1, sizeof *use);
	enum err error = use ? ERR_OK : ERR_NO_MEMORY;
	if (use) {
		*use = (struct use){.tunnel = tunnel,
							.run = tunnel->run,
							.place = place,
							.endpoint = *endpoint,
							.seen = seen};
		memcpy(use->key, key, sizeof use->key);
		struct process_message message = {.type = PROCESS_ENDPOINT, .tunnel = tunnel->slot};
		memcpy(message.endpoint.public_key, key, sizeof message.endpoint.public_key);
		memcpy(message.endpoint.address, endpoint->address.bytes, address_size(&endpoint->address));
		message.endpoint.family = endpoint->address.family;
		message.endpoint.port = endpoint->port;
		message.endpoint.scope = endpoint->scope_id;
		error = control_channel_ask(&tunnel->control->privileged, &message, -1, PROCESS_RESULT,
									answered, use);
	}
	if (!error)
		return;
	free(use);
	log_warning("%s: an endpoint was not made known to the privileged process: %s", tunnel->name,
				err_text(error));
}

static bool any_takes_settings(const struct config *config) {
	for (size_t i = 0; i < config->tunnel_count; i++)
		if (config_takes_settings(&config->tunnels[i]))
			return true;
	return false;
}

/*
 * Kill switches let it pass, and no route that a server gives leads it into a tunnel. Where peers
 * without an endpoint of their own are seen is theirs to say, so no other tunnel goes by it.
 */
static bool is_of_use(const struct control_tunnel *tunnel,
					  const uint8_t key[static TEXT_KEY_SIZE]) {
	const struct directory_peer *peer = directory_find_key(tunnel->directory, key);
	return plan_kill_switch(tunnel->config) || config_takes_settings(tunnel->config) ||
		   (peer && peer->endpoint_name && any_takes_settings(tunnel->control->config));
}

/* An empty list would take away what a session goes on with until the new names are found. */
static bool any_is_known(const struct control_tunnel *tunnel, const struct directory_peer *peer) {
	bool known = false;
	for (size_t i = 0; i < directory_places(peer); i++) {
		struct endpoint literal;
		const char *name;
		uint16_t port;
		known |= directory_place(peer, i, &literal, &name, &port) ||
				 tunnel->found[i].address.family != ADDRESS_NONE;
	}
	return known;
}

void control_endpoints_again(struct control_tunnel *tunnel, const struct directory_peer *peer) {
	struct uapi_text text = {.data = NULL};
	if (!any_is_known(tunnel, peer))
		return;
	directory_put_endpoints(&text, peer, tunnel->found);
	control_net_set(tunnel, &text, NULL, NULL);
	uapi_text_done(&text);
}

void control_endpoints_use(struct control_tunnel *tunnel, const uint8_t key[static TEXT_KEY_SIZE],
						   size_t place, const struct endpoint *endpoint) {
	if (is_of_use(tunnel, key))
		announce(tunnel, key, place, endpoint, false);
	else
		set(tunnel, key, place, endpoint);
}

void control_endpoints_seen(struct control_tunnel *tunnel, const uint8_t key[static TEXT_KEY_SIZE],
							const struct endpoint *endpoint) {
	if (endpoint->address.family && endpoint->port && is_of_use(tunnel, key))
		announce(tunnel, key, 0, endpoint, true);
}
