#include "cli/init_hub.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/init_plan.h"
#include "cli/line_parts.h"
#include "cli/text_buffer.h"

static int take_names(const struct streams *streams, const struct init_hub_options *options,
					  struct init_hub *hub) {
	uint64_t port = INIT_HUB_PORT;
	const char *listen = options->listen;
	hub->name = options->name ? options->name : "vpn";
	hub->directory = options->directory ? options->directory : INIT_FILES_DIRECTORY;
	if (!init_plan_is_name(hub->name, CONFIG_NAME_SIZE - 1))
		output_message(streams,
					   "%s: --name takes up to %d letters, digits and _-., the first one a letter "
					   "or digit",
					   hub->command, CONFIG_NAME_SIZE - 1);
	else if (listen && (text_unsigned_parse(listen, strlen(listen), UINT16_MAX, &port) || !port))
		output_message(streams, "%s: --listen takes a UDP port, 1 to 65535", hub->command);
	else {
		hub->listen = (uint16_t)port;
		return STATUS_OK;
	}
	return STATUS_USAGE;
}

static int guess_endpoint(const struct streams *streams, struct init_hub *hub) {
	struct address address;
	if (init_endpoint_guess(&address) || init_endpoint_of(&address, hub->listen, hub->endpoint)) {
		output_message(streams,
					   "%s: this host has no address that clients could use; say where they reach "
					   "it: --endpoint HOST[:PORT]",
					   hub->command);
		return STATUS_FAILED;
	}
	output_message(streams,
				   "%s: clients will use the endpoint %s, a guess by this host's routes; "
				   "--endpoint HOST[:PORT] says better%s",
				   hub->command, hub->endpoint,
				   init_endpoint_is_private(&address)
					   ? ": it is a private address, which clients elsewhere cannot reach"
					   : "");
	return STATUS_OK;
}

static int take_endpoint(const struct streams *streams, const char *text, struct init_hub *hub) {
	int status = text ? STATUS_OK : guess_endpoint(streams, hub);
	if (status != STATUS_OK)
		return status;
	if ((!text || !init_endpoint_parse(text, hub->listen, hub->endpoint)) &&
		line_parts_host(slice_of_text(hub->endpoint), hub->host, &hub->port))
		return STATUS_OK;
	output_message(streams,
				   "%s: --endpoint takes a name or an address and perhaps a port: "
				   "vpn.example.org, 192.0.2.1:51820, [2001:db8::1]:51820",
				   hub->command);
	return STATUS_USAGE;
}

static int take_networks(const struct streams *streams, const struct init_hub_options *options,
						 struct init_hub *hub) {
	hub->networks.masquerade = !options->no_masquerade;
	int status = init_networks_take(streams, hub->command, options->network, &hub->networks);
	if (status != STATUS_OK)
		return status;
	return init_networks_take_dns(streams, hub->command, options->dns, &hub->networks);
}

/* Where there is a configuration, which may include it, the tunnel gets a file of its own; what is
 * replaced is that file where it is there. */
static void take_file(const struct init_hub_options *options, struct init_hub *hub) {
	struct init_files files;
	init_files_init(&files, hub->directory);
	(void)snprintf(hub->file, sizeof hub->file, "tunnels/%s.yaml", hub->name);
	const bool beside = init_files_exists(&files, "umbra.yaml") &&
						(!options->force || init_files_exists(&files, hub->file));
	init_files_done(&files);
	if (!beside)
		(void)snprintf(hub->file, sizeof hub->file, "umbra.yaml");
	hub->way = beside ? "../" : "";
}

int init_hub_take(const struct streams *streams, const struct init_hub_options *options,
				  struct init_hub *hub) {
	int status = take_names(streams, options, hub);
	if (status == STATUS_OK)
		status = take_endpoint(streams, options->endpoint, hub);
	if (status == STATUS_OK)
		status = take_networks(streams, options, hub);
	if (status == STATUS_OK)
		take_file(options, hub);
	return status;
}

bool init_hub_is_main(const struct init_hub *hub) {
	return hub->way[0] == '\0';
}

static void add_push(struct text_buffer *yaml, const struct init_networks *networks) {
	text_buffer_add(yaml, "    # What clients are told when they come, besides their addresses.\n"
						  "    push:\n      # What they send through the tunnel.\n      routes: ");
	init_networks_add_prefixes(yaml, networks->allowed_ips, networks->families);
	if (networks->dns_count > 0) {
		text_buffer_add(yaml, "      dns: ");
		init_networks_add_addresses(yaml, networks->dns, networks->dns_count);
	} else {
		text_buffer_add(yaml, "      # Name servers for them; without any they keep their own.\n"
							  "      # dns: [\"192.0.2.53\"]\n");
	}
}

void init_hub_add_yaml(struct text_buffer *yaml, const struct init_hub *hub, const char *protocol) {
	const bool is_main = init_hub_is_main(hub);
	text_buffer_add(yaml,
					"%s%stunnels:\n  # The name of the interface, too.\n  %s:\n    protocol: %s\n"
					"    role: server\n"
					"    # The %s that clients come to; the firewall has to let them in.\n"
					"    listen: \"[::]:%u\"\n    addresses: ",
					is_main ? init_plan_head : "", is_main ? "\n" : "", hub->name, protocol,
					config_logs_in(protocol) ? "port of UDP and TCP" : "UDP port", hub->listen);
	init_networks_add_prefixes(yaml, hub->networks.server, hub->networks.families);
	text_buffer_add(yaml,
					"    # Whether clients reach other networks and the Internet through this "
					"host, behind its address.\n"
					"    masquerade: %s\n",
					hub->networks.masquerade ? "true" : "false");
	add_push(yaml, &hub->networks);
}
