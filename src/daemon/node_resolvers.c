#include "daemon/node_resolvers.h"

#include <string.h>

#include "base/clock.h"
#include "daemon/node_core.h"

#define FIRST_LOOK (250 * CLOCK_MILLISECOND)

enum {
	DNS_PORT = 53,
	LOOKS = 6, /* after a change of the network, each twice as long after the one before: 16 s */
};

_Static_assert((int)PROCESS_SERVERS_MAX >= (int)DNS_OWN_SERVERS_MAX, "all of them are told");
_Static_assert((int)DNS_OWN_SERVERS_MAX >= (int)KILL_MEMORY_RESOLVERS_MAX, "all of them fit");

/*
 * None where resolv.conf can be asked: the configuration has others, or no tunnel sets servers.
 * Those lead into the tunnel that is to be found, and systemd-resolved would ask them, too.
 */
static size_t collect(const struct node *node, struct endpoint servers[DNS_OWN_SERVERS_MAX]) {
	const struct address *passing;
	struct endpoint own[DNS_OWN_SERVERS_MAX];
	size_t count = 0;
	bool any = false;
	if (!node->config->node.resolvers_absent)
		return 0;
	size_t passing_count = node_kill_switch_resolvers(node, &passing);
	for (size_t i = 0; i < passing_count; i++)
		servers[count++] = (struct endpoint){.address = passing[i], .port = DNS_PORT};
	if (count > 0)
		return count;
	for (size_t i = 0; i < node->config->tunnel_count; i++)
		any |= node->config->tunnels[i].dns.server_count > 0;
	for (size_t i = 0; i < PROCESS_TUNNELS_MAX; i++)
		any |= node->tunnels[i].used && node->tunnels[i].config &&
			   node_pushed_config_of(node, &node->tunnels[i])->dns.server_count > 0;
	size_t own_count = any ? node_dns_system_servers(node, own) : 0;
	/* An interface's number means nothing to others. */
	for (size_t i = 0; i < own_count; i++)
		if (own[i].scope_id == 0)
			servers[count++] = own[i];
	return count;
}

static void tell(struct node *node, const struct endpoint *servers, size_t count) {
	struct node_resolvers *state = &node->resolvers;
	struct process_message message = {.type = PROCESS_RESOLVERS};
	message.resolvers.count = (uint8_t)count;
	for (size_t i = 0; i < count; i++) {
		struct process_resolver *server = &message.resolvers.servers[i];
		const struct address *address = &servers[i].address;
		server->family = (uint8_t)address->family;
		memcpy(server->address, address->bytes, address_size(address));
		server->port = servers[i].port;
		state->told[i] = servers[i];
	}
	state->told_count = count;
	node_control_send(node, &message);
}

void node_resolvers_tell(struct node *node) {
	struct endpoint servers[DNS_OWN_SERVERS_MAX];
	tell(node, servers, collect(node, servers));
}

static void look(struct node *node) {
	const struct node_resolvers *state = &node->resolvers;
	struct endpoint servers[DNS_OWN_SERVERS_MAX];
	node_kill_switch_renew_resolvers(node);
	size_t count = collect(node, servers);
	bool same = count == state->told_count;
	for (size_t i = 0; i < count && same; i++)
		same = address_equal(&servers[i].address, &state->told[i].address) &&
			   servers[i].port == state->told[i].port;
	if (!same && node->control.channel >= 0)
		tell(node, servers, count);
}

void node_resolvers_changed(struct node *node, unsigned changes) {
	if (!(changes & (PROCESS_CHANGE_ROUTES | PROCESS_CHANGE_RESUMED)))
		return;
	node->resolvers.looks = 0;
	node->resolvers.look_at = clock_now() + FIRST_LOOK;
}

uint64_t node_resolvers_run(struct node *node, uint64_t now) {
	struct node_resolvers *state = &node->resolvers;
	if (state->generation == node->dns.generation && now < state->look_at)
		return state->look_at;
	if (now >= state->look_at)
		state->look_at = ++state->looks < LOOKS ? now + (FIRST_LOOK << state->looks) : CLOCK_NEVER;
	state->generation = node->dns.generation;
	look(node);
	return state->look_at;
}
