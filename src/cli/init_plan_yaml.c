#include <string.h>

#include "base/cleanup.h"
#include "cli/init_plan.h"
#include "cli/text_buffer.h"

const char init_plan_head[] =
	"# Umbra. umbra.yaml(5) explains every key, 'umbra check' finds mistakes, and 'umbra reload'\n"
	"# applies changes while everything goes on.\n"
	"\n"
	"# Further files of tunnels, such as 'umbra import' writes.\n"
	"include: [tunnels/*.yaml]\n";

static void add_tunnel(struct text_buffer *text, const struct init_plan *plan) {
	const struct init_networks *networks = &plan->networks;
	text_buffer_add(text, "  # The name of the interface, too.\n  %s:\n    protocol: %s\n",
					plan->name, config_default_protocol());
	text_buffer_add(text,
					"    # The UDP port that clients come to; the firewall has to let them in.\n"
					"    listen: \"[::]:%u\"\n    private_key_file: keys/%s.key\n",
					plan->listen, plan->name);
	text_buffer_add(text, "    addresses: ");
	init_networks_add_prefixes(text, networks->server, networks->families);
	text_buffer_add(text,
					"    # Whether clients reach other networks and the Internet through this "
					"host, behind its address.\n"
					"    masquerade: %s\n",
					networks->masquerade ? "true" : "false");
}

static void add_clients(struct text_buffer *text, const struct init_plan *plan) {
	const struct init_networks *networks = &plan->networks;
	text_buffer_add(text,
					"    # What 'umbra peer add' writes into the files of clients.\n"
					"    clients:\n"
					"      endpoint: \"%s\"\n"
					"      # What they send through the tunnel.\n"
					"      allowed_ips: ",
					plan->endpoint);
	init_networks_add_prefixes(text, networks->allowed_ips, networks->families);
	if (networks->dns_count > 0) {
		text_buffer_add(text, "      dns: ");
		init_networks_add_addresses(text, networks->dns, networks->dns_count);
	} else {
		text_buffer_add(text, "      # Name servers for them; without any they keep their own.\n"
							  "      # dns: [\"192.0.2.53\"]\n");
	}
	text_buffer_add(text,
					"      # Seconds; keeps them reachable behind routers that translate "
					"addresses.\n"
					"      persistent_keepalive: %d\n",
					INIT_PLAN_KEEPALIVE);
}

static void add_peers(struct text_buffer *text, const struct init_plan *plan) {
	const struct init_networks *networks = &plan->networks;
	char key[TEXT_KEY_BASE64_SIZE];
	text_key_encode(plan->client_public, key);
	text_buffer_add(text,
					"    # Clients. More of them: here, or 'umbra peer add %s NAME', which leaves "
					"this file alone.\n"
					"    peers:\n"
					"      - name: \"%s\"\n"
					"        public_key: \"%s\"\n"
					"        allowed_ips: ",
					plan->name, plan->client, key);
	init_networks_add_prefixes(text, networks->of_client, networks->families);
}

char *init_plan_yaml(const struct init_plan *plan) {
	auto_text_buffer struct text_buffer text = {0};
	text_buffer_add(&text, "%s\ntunnels:\n", init_plan_head);
	add_tunnel(&text, plan);
	add_clients(&text, plan);
	add_peers(&text, plan);
	return text.failed ? NULL : cleanup_steal(text.text);
}
