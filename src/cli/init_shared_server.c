#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/wipe.h"
#include "cli/init_endpoint.h"
#include "cli/init_files.h"
#include "cli/init_networks.h"
#include "cli/init_plan.h"
#include "cli/init_shared.h"
#include "cli/line_parts.h"
#include "cli/text_buffer.h"
#include "crypto/csprng.h"

enum { NAME, ENDPOINT, LISTEN, NETWORK, CLIENT, DNS, DIRECTORY, NO_MASQUERADE, QR, FORCE };

const struct command_option init_shared_server_options[] = {
	[NAME] = {"--name", "NAME", "the tunnel and its interface; vpn", false},
	[ENDPOINT] = {"--endpoint", "HOST[:PORT]", "where clients reach this host; else a guess",
				  false},
	[LISTEN] = {"--listen", "PORT", "the UDP port; 51820", false},
	[NETWORK] = {"--network", "LIST", "its networks; 10.66.0.0/24 and a random one of IPv6", false},
	[CLIENT] = {"--client", "NAME", "the first client; client1", false},
	[DNS] = {"--dns", "LIST", "name servers for clients; else they keep their own", false},
	[DIRECTORY] = {"--directory", "PATH", "where the files go; " INIT_FILES_DIRECTORY, false},
	[NO_MASQUERADE] = {"--no-masquerade", NULL, "clients reach this host alone", false},
	[QR] = {"--qr", NULL, "show the client's line as a QR code, too", false},
	[FORCE] = {"--force", NULL, "replace files that are there, keys too", false},
	{0},
};

const char init_shared_server_help[] =
	"Makes a server that shares a key with each of its clients: umbra.yaml, or\n"
	"tunnels/NAME.yaml where there is an umbra.yaml, the key of a first client, and its line,\n"
	"which has the key as well. 'umbra init client -' takes it. 'umbra invite' makes more.\n";

enum { PORT = 51820 };

struct plan {
	const char *command, *name, *client, *directory;
	char endpoint[INIT_ENDPOINT_SIZE];
	uint16_t listen;
	struct init_networks networks;
	char file[CONFIG_NAME_SIZE + 16]; /* of the tunnel */
	struct {                          /* wiped */
		struct shared_line line;
	} secrets;
};

static int take_names(const struct streams *streams, const struct command_line *line,
					  struct plan *plan) {
	plan->name = line->values[NAME] ? line->values[NAME] : "vpn";
	plan->client = line->values[CLIENT] ? line->values[CLIENT] : "client1";
	plan->directory = line->values[DIRECTORY] ? line->values[DIRECTORY] : INIT_FILES_DIRECTORY;
	uint64_t port = PORT;
	const char *listen = line->values[LISTEN];
	if (!init_plan_is_name(plan->name, CONFIG_NAME_SIZE - 1))
		output_message(streams,
					   "%s: --name takes up to %d letters, digits and _-., the first one a letter "
					   "or digit",
					   plan->command, CONFIG_NAME_SIZE - 1);
	else if (!init_plan_is_name(plan->client, CONFIG_LABEL_MAX))
		output_message(streams,
					   "%s: --client takes up to %d letters, digits and _-., the first one a "
					   "letter or digit",
					   plan->command, CONFIG_LABEL_MAX);
	else if (listen && (text_unsigned_parse(listen, strlen(listen), UINT16_MAX, &port) || !port))
		output_message(streams, "%s: --listen takes a UDP port, 1 to 65535", plan->command);
	else {
		plan->listen = (uint16_t)port;
		return STATUS_OK;
	}
	return STATUS_USAGE;
}

static int guess_endpoint(const struct streams *streams, struct plan *plan) {
	struct address address;
	if (init_endpoint_guess(&address) || init_endpoint_of(&address, plan->listen, plan->endpoint)) {
		output_message(streams,
					   "%s: this host has no address that clients could use; say where they reach "
					   "it: --endpoint HOST[:PORT]",
					   plan->command);
		return STATUS_FAILED;
	}
	output_message(streams,
				   "%s: clients will use the endpoint %s, a guess by this host's routes; "
				   "--endpoint HOST[:PORT] says better%s",
				   plan->command, plan->endpoint,
				   init_endpoint_is_private(&address)
					   ? ": it is a private address, which clients elsewhere cannot reach"
					   : "");
	return STATUS_OK;
}

static int take_endpoint(const struct streams *streams, const char *text, struct plan *plan) {
	struct shared_line *line = &plan->secrets.line;
	int status = text ? STATUS_OK : guess_endpoint(streams, plan);
	if (status != STATUS_OK)
		return status;
	if ((text && init_endpoint_parse(text, plan->listen, plan->endpoint)) ||
		!line_parts_host(slice_of_text(plan->endpoint), line->endpoints[0].host,
						 &line->endpoints[0].port)) {
		output_message(streams,
					   "%s: --endpoint takes a name or an address and perhaps a port: "
					   "vpn.example.org, 192.0.2.1:51820, [2001:db8::1]:51820",
					   plan->command);
		return STATUS_USAGE;
	}
	line->endpoint_count = 1;
	return STATUS_OK;
}

static int take_networks(const struct streams *streams, const struct command_line *options,
						 struct plan *plan) {
	struct init_networks *networks = &plan->networks;
	struct shared_line *line = &plan->secrets.line;
	networks->masquerade = !options->values[NO_MASQUERADE];
	int status = init_networks_take(streams, plan->command, options->values[NETWORK], networks);
	if (status == STATUS_OK)
		status = init_networks_take_dns(streams, plan->command, options->values[DNS], networks);
	/* What is to go nowhere else has to be known before the server can say so. */
	for (size_t i = 0; networks->masquerade && i < networks->families; i++)
		line->routes[line->route_count++] = networks->allowed_ips[i];
	return status;
}

static void add_clients(struct text_buffer *yaml, const struct plan *plan, const char *way) {
	const struct init_networks *networks = &plan->networks;
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
	text_buffer_add(yaml,
					"    # What 'umbra invite' writes into the lines of clients.\n"
					"    clients: { endpoint: \"%s\" }\n"
					"    # Clients. More of them: here, each with a key of 'umbra genpsk', or\n"
					"    # 'umbra invite %s NAME', which leaves this file alone.\n"
					"    peers:\n      - name: \"%s\"\n        psk_file: %skeys/%s-%s.psk\n"
					"        allowed_ips: ",
					plan->endpoint, plan->name, plan->client, way, plan->name, plan->client);
	init_networks_add_prefixes(yaml, networks->of_client, networks->families);
}

/* way: from the file to the directory. */
static char *make_yaml(const struct plan *plan, const char *way) {
	auto_text_buffer struct text_buffer yaml = {0};
	text_buffer_add(&yaml,
					"%s%stunnels:\n  # The name of the interface, too.\n  %s:\n    protocol: %s\n"
					"    role: server\n"
					"    # The UDP port that clients come to; the firewall has to let them in.\n"
					"    listen: \"[::]:%u\"\n    addresses: ",
					way[0] ? "" : init_plan_head, way[0] ? "" : "\n", plan->name,
					config_shared_protocol(), plan->listen);
	init_networks_add_prefixes(&yaml, plan->networks.server, plan->networks.families);
	text_buffer_add(&yaml,
					"    # Whether clients reach other networks and the Internet through this "
					"host, behind its address.\n"
					"    masquerade: %s\n",
					plan->networks.masquerade ? "true" : "false");
	add_clients(&yaml, plan, way);
	return yaml.failed ? NULL : cleanup_steal(yaml.text);
}

/* Where there is a configuration, which may include it, the tunnel gets a file of its own. */
static enum err collect(struct init_files *files, bool force, struct plan *plan) {
	char path[CONFIG_NAME_SIZE + CONFIG_LABEL_MAX + 16];
	bool beside = !force && init_files_exists(files, "umbra.yaml");
	(void)snprintf(plan->file, sizeof plan->file, beside ? "tunnels/%s.yaml" : "umbra.yaml",
				   plan->name);
	(void)snprintf(path, sizeof path, "keys/%s-%s.psk", plan->name, plan->client);
	auto_free char *yaml = make_yaml(plan, beside ? "../" : "");
	if (!yaml)
		return ERR_NO_MEMORY;
	enum err error = init_shared_add_key(files, path, plan->secrets.line.key);
	return error ? error : init_files_add(files, plan->file, 0600, yaml, strlen(yaml));
}

/* People on the error stream, so that the line alone can be kept. */
static void tell(const struct streams *streams, const struct plan *plan) {
	output_message(streams, "%s: made %s and keys/%s-%s.psk in %s", plan->command, plan->file,
				   plan->name, plan->client, plan->directory);
	if (strcmp(plan->file, "umbra.yaml") != 0)
		output_message(streams,
					   "%s: 'umbra reload' brings it up on UDP port %u, if umbra.yaml has include: "
					   "[tunnels/*.yaml]",
					   plan->command, plan->listen);
	else
		output_message(streams, "%s: 'umbrad -c %s/umbra.yaml' starts the server on UDP port %u",
					   plan->command, plan->directory, plan->listen);
	output_message(streams,
				   "%s: the line of %s, whose key is inside; on the client, 'umbra init client -' "
				   "reads it:",
				   plan->command, plan->client);
}

int init_shared_server_run(const struct streams *streams, int count, char **arguments) {
	char command[64];
	struct command_line line;
	struct plan plan = {.command = command};
	WIPE_ON_EXIT(plan);
	(void)snprintf(command, sizeof command, "init %s-server", config_shared_protocol());
	int status =
		command_parse(streams, command, init_shared_server_options, 0, 0, count, arguments, &line);
	if (status == STATUS_OK)
		status = take_names(streams, &line, &plan);
	if (status == STATUS_OK)
		status = take_endpoint(streams, line.values[ENDPOINT], &plan);
	if (status == STATUS_OK)
		status = take_networks(streams, &line, &plan);
	if (status != STATUS_OK)
		return status;
	random_fill(&csprng, plan.secrets.line.key, sizeof plan.secrets.line.key);
	(void)snprintf(plan.secrets.line.label, sizeof plan.secrets.line.label, "%s", plan.client);
	struct init_files files;
	init_files_init(&files, plan.directory);
	enum err error = collect(&files, line.values[FORCE] != NULL, &plan);
	if (error) {
		output_message(streams, "%s: %s", command, err_text(error));
		status = STATUS_FAILED;
	} else {
		status = init_files_commit(streams, command, &files, line.values[FORCE] != NULL);
	}
	init_files_done(&files);
	if (status != STATUS_OK)
		return status;
	tell(streams, &plan);
	return init_shared_show(streams, command, &plan.secrets.line, line.values[QR] != NULL);
}
