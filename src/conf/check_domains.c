#include "conf/check_domains.h"

#include <string.h>

#include "conf/fault.h"

static bool is_loopback(const struct address *address) {
	static const uint8_t v6[ADDRESS_V6_SIZE] = {[15] = 1};
	return address->family == ADDRESS_V4 ? address->bytes[0] == 127
										 : memcmp(address->bytes, v6, sizeof v6) == 0;
}

static bool has(const struct config_names *names, const char *name) {
	for (size_t i = 0; i < names->count; i++)
		if (strcmp(names->items[i], name) == 0)
			return true;
	return false;
}

static void check_tunnel(const struct config *config, const struct config_tunnel *tunnel,
						 const struct tree_node *node, struct config_errors *errors) {
	const struct config_names *include = &tunnel->routes.include_domains,
							  *exclude = &tunnel->routes.exclude_domains;
	const struct tree_node *routes = tree_get(node, "routes");
	const struct tree_node *at =
		tree_get(routes, include->count > 0 ? "include_domains" : "exclude_domains");
	if (!at || (include->count == 0 && exclude->count == 0))
		return;
	if (config->node.dns_step.port == 0)
		fault_add(errors, at, NULL, "node.dns_step is off, which would see the addresses");
	if (tunnel->dns.manager == CONFIG_DNS_RESOLVED)
		fault_add(errors, at, NULL,
				  "systemd-resolved cannot ask the daemon; dns.manager: file, resolvconf or off");
	if (tunnel->fwmark.off && include->count > 0)
		fault_add(errors, at, NULL,
				  "with fwmark off the tunnel's own packets could go into the tunnel; auto or a "
				  "number");
	for (size_t i = 0; i < exclude->count; i++)
		if (has(include, exclude->items[i]))
			fault_add(errors, at, NULL,
					  "%s is in routes.include_domains and routes.exclude_domains; one of them",
					  exclude->items[i]);
}

void check_domains(const struct config *config, const struct tree_node *root,
				   struct config_errors *errors) {
	const struct tree_node *step = tree_get(tree_get(root, "node"), "dns_step");
	if (step && config->node.dns_step.port != 0 && !is_loopback(&config->node.dns_step.address))
		fault_add(errors, step, NULL,
				  "others could ask there; an address of this host alone like 127.0.0.153:53");
	const struct tree_node *tunnels = tree_get(root, "tunnels");
	const struct tree_node *node = tunnels ? tunnels->first : NULL;
	for (size_t i = 0; node && i < config->tunnel_count; i++, node = node->next)
		check_tunnel(config, &config->tunnels[i], node, errors);
}
