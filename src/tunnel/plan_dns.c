#include "tunnel/plan_dns.h"

#include "tunnel/plan.h"
#include "tunnel/plan_step.h"

_Static_assert((int)CONFIG_DNS_AUTO == (int)DNS_AUTO &&
				   (int)CONFIG_DNS_RESOLVED == (int)DNS_RESOLVED &&
				   (int)CONFIG_DNS_RESOLVCONF == (int)DNS_RESOLVCONF &&
				   (int)CONFIG_DNS_FILE == (int)DNS_FILE && (int)CONFIG_DNS_OFF == (int)DNS_OFF,
			   "one is the other");

/* Of those that its server may give, nothing is known yet. */
static bool awaits_servers(const struct config_tunnel *tunnel) {
	return tunnel->dns.servers_absent && tunnel->dns.manager != CONFIG_DNS_OFF &&
		   config_takes_settings(tunnel);
}

bool plan_dns_protects(const struct config_tunnel *tunnel) {
	const struct config_dns *dns = &tunnel->dns;
	if (!dns->leak_protection_absent)
		return dns->leak_protection;
	return (dns->server_count > 0 || awaits_servers(tunnel)) && dns->domains.count == 0 &&
		   plan_takes_default(tunnel);
}

struct dns_tunnel plan_dns(const struct config_tunnel *tunnel, const struct address *step) {
	const struct config_dns *dns = &tunnel->dns;
	if (step && plan_step_routes(tunnel))
		return (struct dns_tunnel){
			.name = tunnel->name,
			.manager = (enum dns_manager)dns->manager,
			.servers = step,
			.server_count = 1,
			.search = dns->search.items,
			.search_count = dns->search.count,
		};
	return (struct dns_tunnel){
		.name = tunnel->name,
		.manager = (enum dns_manager)dns->manager,
		.servers = dns->servers,
		.server_count = dns->server_count,
		.domains = dns->domains.items,
		.domain_count = dns->domains.count,
		.search = dns->search.items,
		.search_count = dns->search.count,
	};
}

struct dns_guard_tunnel plan_dns_guard(const struct config_tunnel *tunnel, uint16_t slot) {
	return (struct dns_guard_tunnel){
		.name = tunnel->name,
		.mark = plan_mark(tunnel, slot),
		.protect = plan_dns_protects(tunnel),
		.servers = tunnel->dns.servers,
		.server_count = tunnel->dns.server_count,
	};
}

void plan_dns_step(struct dns_tunnel *tunnels, size_t count, const bool *splits,
				   const struct address *step) {
	bool needed = false;
	for (size_t i = 0; i < count && step; i++)
		needed |= !splits[i] && (tunnels[i].domain_count > 0 || tunnels[i].servers == step);
	for (size_t i = 0; i < count && needed && step; i++) {
		if (splits[i])
			continue;
		tunnels[i].servers = step;
		tunnels[i].server_count = 1;
		tunnels[i].domain_count = 0;
	}
}

static bool any_covers(const struct config_prefixes *prefixes, const struct prefix *one) {
	for (size_t i = 0; i < prefixes->count; i++)
		if (prefix_covers(&prefixes->items[i], one))
			return true;
	return false;
}

static bool is_routed(const struct config_tunnel *tunnel, const struct prefix *one) {
	if (any_covers(&tunnel->routes.exclude, one))
		return false;
	if (!tunnel->routes.from_peers)
		return any_covers(&tunnel->routes.include, one);
	for (size_t i = 0; i < tunnel->peer_count; i++)
		if (any_covers(&tunnel->peers[i].allowed_ips, one))
			return true;
	return false;
}

uint32_t plan_dns_table(const struct config_tunnel *tunnel, uint16_t slot,
						const struct address *server) {
	const struct config_choice *table = &tunnel->routes.table;
	const struct prefix one = {.address = *server, .length = (uint8_t)(8 * address_size(server))};
	if (table->off || !is_routed(tunnel, &one))
		return 0;
	if (table->automatic)
		return plan_takes_default(tunnel) ? PLAN_MARK_BASE + slot + 1U : 0;
	return table->value == PLAN_TABLE_MAIN ? 0 : table->value;
}
