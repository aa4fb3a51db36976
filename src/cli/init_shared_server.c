#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/wipe.h"
#include "cli/init_files.h"
#include "cli/init_hub.h"
#include "cli/init_plan.h"
#include "cli/init_shared.h"
#include "cli/init_whole.h"
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

struct plan {
	const char *client;
	struct init_hub hub;
	struct { /* wiped */
		struct shared_line line;
	} secrets;
};

static int take(const struct streams *streams, const struct command_line *line, struct plan *plan) {
	const struct init_hub_options options = {
		.name = line->values[NAME],
		.endpoint = line->values[ENDPOINT],
		.listen = line->values[LISTEN],
		.network = line->values[NETWORK],
		.dns = line->values[DNS],
		.directory = line->values[DIRECTORY],
		.no_masquerade = line->values[NO_MASQUERADE] != NULL,
		.force = line->values[FORCE] != NULL,
	};
	plan->client = line->values[CLIENT] ? line->values[CLIENT] : "client1";
	if (!init_plan_is_name(plan->client, CONFIG_LABEL_MAX)) {
		output_message(streams,
					   "%s: --client takes up to %d letters, digits and _-., the first one a "
					   "letter or digit",
					   plan->hub.command, CONFIG_LABEL_MAX);
		return STATUS_USAGE;
	}
	return init_hub_take(streams, &options, &plan->hub);
}

static void fill_line(struct plan *plan) {
	const struct init_networks *networks = &plan->hub.networks;
	struct shared_line *line = &plan->secrets.line;
	random_fill(&csprng, line->key, sizeof line->key);
	(void)snprintf(line->label, sizeof line->label, "%s", plan->client);
	(void)snprintf(line->endpoints[0].host, sizeof line->endpoints[0].host, "%s", plan->hub.host);
	line->endpoints[0].port = plan->hub.port;
	line->endpoint_count = 1;
	/* What is to go nowhere else has to be known before the server can say so. */
	for (size_t i = 0; networks->masquerade && i < networks->families; i++)
		line->routes[line->route_count++] = networks->allowed_ips[i];
}

static char *make_yaml(const struct plan *plan) {
	auto_text_buffer struct text_buffer yaml = {0};
	const struct init_hub *hub = &plan->hub;
	init_hub_add_yaml(&yaml, hub, config_shared_protocol());
	text_buffer_add(&yaml,
					"    # What 'umbra invite' writes into the lines of clients.\n"
					"    clients: { endpoint: \"%s\" }\n"
					"    # Clients. More of them: here, each with a key of 'umbra genpsk', or\n"
					"    # 'umbra invite %s NAME', which leaves this file alone.\n"
					"    peers:\n      - name: \"%s\"\n        psk_file: %skeys/%s-%s.psk\n"
					"        allowed_ips: ",
					hub->endpoint, hub->name, plan->client, hub->way, hub->name, plan->client);
	init_networks_add_prefixes(&yaml, hub->networks.of_client, hub->networks.families);
	return yaml.failed ? NULL : cleanup_steal(yaml.text);
}

static enum err collect(struct init_files *files, const struct plan *plan) {
	char path[CONFIG_NAME_SIZE + CONFIG_LABEL_MAX + 16];
	auto_free char *yaml = make_yaml(plan);
	if (!yaml)
		return ERR_NO_MEMORY;
	(void)snprintf(path, sizeof path, "keys/%s-%s.psk", plan->hub.name, plan->client);
	enum err error = init_shared_add_key(files, path, plan->secrets.line.key);
	return error ? error : init_files_add(files, plan->hub.file, 0600, yaml, strlen(yaml));
}

/* People on the error stream, so that the line alone can be kept. */
static void tell(const struct streams *streams, const struct plan *plan) {
	output_message(streams, "%s: made %s and keys/%s-%s.psk in %s", plan->hub.command,
				   plan->hub.file, plan->hub.name, plan->client, plan->hub.directory);
	if (!init_hub_is_main(&plan->hub))
		output_message(streams,
					   "%s: 'umbra reload' brings it up on UDP port %u, if umbra.yaml has include: "
					   "[tunnels/*.yaml]",
					   plan->hub.command, plan->hub.listen);
	else
		output_message(streams, "%s: 'umbrad -c %s/umbra.yaml' starts the server on UDP port %u",
					   plan->hub.command, plan->hub.directory, plan->hub.listen);
	output_message(streams,
				   "%s: the line of %s, whose key is inside; on the client, 'umbra init client -' "
				   "reads it:",
				   plan->hub.command, plan->client);
}

int init_shared_server_run(const struct streams *streams, int count, char **arguments) {
	char command[64];
	struct command_line line;
	struct plan plan = {.hub.command = command};
	WIPE_ON_EXIT(plan);
	(void)snprintf(command, sizeof command, "init %s-server", config_shared_protocol());
	int status =
		command_parse(streams, command, init_shared_server_options, 0, 0, count, arguments, &line);
	if (status == STATUS_OK)
		status = take(streams, &line, &plan);
	if (status != STATUS_OK)
		return status;
	fill_line(&plan);
	struct init_files files;
	init_files_init(&files, plan.hub.directory);
	enum err error = collect(&files, &plan);
	if (error) {
		output_message(streams, "%s: %s", command, err_text(error));
		status = STATUS_FAILED;
	} else {
		status = init_whole_commit(streams, command, &files, line.values[FORCE] != NULL);
	}
	init_files_done(&files);
	if (status != STATUS_OK)
		return status;
	tell(streams, &plan);
	return init_shared_show(streams, command, &plan.secrets.line, line.values[QR] != NULL);
}
