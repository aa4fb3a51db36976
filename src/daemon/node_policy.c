#include "daemon/node_policy.h"

#include "conf/config.h"
#include "daemon/node_core.h"
#include "tunnel/plan.h"

/* 10.0.0.0/8 and fc00::/7 are the widest that people use inside. */
enum { V4_LENGTH_MIN = 8, V6_LENGTH_MIN = 7, FIRST_FREE_PORT = 1024 };

/* The configurations that hold: while one is being changed, the next one, too. */
struct held {
	const struct config_tunnel *configs[2]; /* NULL: none */
	uint16_t slot;
};

static struct held find(struct privileged *privileged, const struct attachment *attachment) {
	struct node *node = privileged->program;
	const struct node_tunnel *tunnel = node_tunnel_find(node, attachment->name);
	struct held held = {
		.configs = {tunnel ? tunnel->config : NULL, config_find(node->config, attachment->name)},
		.slot = attachment->slot};
	return held;
}

static bool mark_fits(const struct held *held, uint32_t mark) {
	for (unsigned i = 0; i < 2; i++)
		if (held->configs[i] && plan_mark(held->configs[i], held->slot) == mark)
			return true;
	return false;
}

/* A port that the system chose is asked for by its number after a restart. Streams have none. */
bool node_policy_port_fits(const struct config_tunnel *tunnel, uint16_t port) {
	if (tunnel->carries_streams)
		return false;
	return port == tunnel->listen.port || (tunnel->listen.port == 0 && port >= FIRST_FREE_PORT);
}

bool node_policy_listen(struct privileged *privileged, const struct attachment *attachment,
						uint16_t port, uint32_t mark) {
	struct held held = find(privileged, attachment);
	bool fits = false;
	for (unsigned i = 0; i < 2; i++)
		fits |= held.configs[i] && node_policy_port_fits(held.configs[i], port);
	return fits && mark_fits(&held, mark);
}

bool node_policy_mark(struct privileged *privileged, const struct attachment *attachment,
					  uint32_t mark) {
	struct held held = find(privileged, attachment);
	return mark_fits(&held, mark);
}

size_t node_policy_routes(struct prefix *prefixes, size_t count) {
	size_t kept = 0;
	for (size_t i = 0; i < count; i++) {
		bool is_v4 = prefixes[i].address.family == ADDRESS_V4;
		if (prefixes[i].length >= (is_v4 ? V4_LENGTH_MIN : V6_LENGTH_MIN))
			prefixes[kept++] = prefixes[i];
	}
	return kept;
}
