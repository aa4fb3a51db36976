#include "sim/state.h"

#include <string.h>

#include "engine/index_table.h"
#include "engine/shard.h"
#include "sim/world.h"

void state_take(const struct node *node, const struct wireguard_peer *peer,
				struct state *out_state) {
	/* Padding counts in comparisons. */
	memset(out_state, 0, sizeof *out_state);
	memcpy(&out_state->peer, peer, sizeof *peer);
	const struct wireguard_session *sessions[] = {peer->previous, peer->current, peer->next};
	for (size_t i = 0; i < sizeof sessions / sizeof sessions[0]; i++)
		if (sessions[i])
			memcpy(&out_state->sessions[i], sessions[i], sizeof *sessions[i]);
	out_state->indices = index_table_count(engine_shard(node->engine, peer->peer.owner)->indices);
	out_state->arrivals = node->arrival_count;
	for (size_t i = 0; i < TAP_TYPES; i++)
		out_state->sent += node->world->tap.sent[i];
}

bool state_equal(const struct state *left, const struct state *right) {
	return memcmp(left, right, sizeof *left) == 0;
}

void state_offer(struct node *node, const struct endpoint *from, const uint8_t *data, size_t size) {
	struct endpoint to = node_endpoint(node);
	(void)node_receive(node, from, &to, data, size);
	world_run(node->world, 0);
}
