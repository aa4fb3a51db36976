#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/wipe.h"
#include "cli/init_endpoint.h"
#include "cli/init_files.h"
#include "cli/init_networks.h"
#include "cli/init_plan.h"
#include "cli/init_streams.h"
#include "cli/init_whole.h"
#include "cli/qr.h"
#include "cli/text_buffer.h"
#include "crypto/certificate.h"
#include "crypto/csprng.h"
#include "crypto/x25519.h"

enum {
	NAME,
	ENDPOINT,
	LISTEN,
	SERVER_NAME,
	NETWORK,
	CLIENT,
	DNS,
	DIRECTORY,
	NO_MASQUERADE,
	QR,
	FORCE,
};

const struct command_option init_stream_server_options[] = {
	[NAME] = {"--name", "NAME", "the tunnel; web", false},
	[ENDPOINT] = {"--endpoint", "HOST[:PORT]", "where clients reach this host; else a guess",
				  false},
	[LISTEN] = {"--listen", "PORT", "the TCP port; 443", false},
	[SERVER_NAME] = {"--server-name", "NAME", "of the certificate; else the endpoint's host",
					 false},
	[NETWORK] = {"--network", "LIST",
				 "networks of interfaces, whose packets pass; else streams alone", false},
	[CLIENT] = {"--client", "NAME", "the first client; client1", false},
	[DNS] = {"--dns", "LIST", "with --network: name servers for clients", false},
	[DIRECTORY] = {"--directory", "PATH", "where the files go; " INIT_FILES_DIRECTORY, false},
	[NO_MASQUERADE] = {"--no-masquerade", NULL, "with --network: they reach this host alone",
					   false},
	[QR] = {"--qr", NULL, "show the client's line as a QR code, too", false},
	[FORCE] = {"--force", NULL, "replace files that are there, keys too", false},
	{0},
};

const char init_stream_server_help[] =
	"Makes a server of streams: its keys, a certificate of its own, umbra.yaml, or\n"
	"tunnels/NAME.yaml where there is an umbra.yaml, and a line for a first client, which is\n"
	"printed once and kept nowhere: the client's private key is inside. 'umbra init client -'\n"
	"takes it. Clients have a proxy for their programs; with --network an interface as well,\n"
	"for packets of all programs.\n";

enum {
	PORT = 443,
	DAY = 24 * 60 * 60,    /* seconds */
	VALID_DAYS = 10 * 365, /* clients know the key by its pin, whatever the date */
};

struct plan {
	const char *command, *name, *client, *directory;
	char endpoint[INIT_ENDPOINT_SIZE];
	uint16_t listen;
	char server_name[CONFIG_HOST_MAX + 1];
	struct init_networks networks; /* no families: no interface */
	struct {                       /* wiped */
		uint8_t server_private[TEXT_KEY_SIZE];
		struct certificate_pair pair;
		struct stream_line line;
	} secrets;
	uint8_t client_public[TEXT_KEY_SIZE];
	char file[CONFIG_NAME_SIZE + 16]; /* of the tunnel */
};

static int take_names(const struct streams *streams, const struct command_line *line,
					  struct plan *plan) {
	plan->name = line->values[NAME] ? line->values[NAME] : "web";
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
		output_message(streams, "%s: --listen takes a TCP port, 1 to 65535", plan->command);
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

/* "host:port" in two, without brackets. */
static void take_host(struct plan *plan) {
	struct stream_line *line = &plan->secrets.line;
	const char *colon = strrchr(plan->endpoint, ':'), *host = plan->endpoint;
	size_t size = (size_t)(colon - host);
	uint64_t port = 0;
	if (host[0] == '[') {
		host++;
		size -= 2;
	}
	memcpy(line->host, host, size);
	line->host[size] = '\0';
	if (!text_unsigned_parse(colon + 1, strlen(colon + 1), UINT16_MAX, &port))
		line->port = (uint16_t)port;
}

static int take_endpoint(const struct streams *streams, const struct command_line *options,
						 struct plan *plan) {
	struct stream_line *line = &plan->secrets.line;
	const char *text = options->values[ENDPOINT], *name = options->values[SERVER_NAME];
	int status = STATUS_OK;
	if (!text)
		status = guess_endpoint(streams, plan);
	else if (init_endpoint_parse(text, plan->listen, plan->endpoint)) {
		output_message(streams,
					   "%s: --endpoint takes a name or an address and perhaps a port: "
					   "vpn.example.org, 192.0.2.1:443, [2001:db8::1]:443",
					   plan->command);
		status = STATUS_USAGE;
	}
	if (status != STATUS_OK)
		return status;
	take_host(plan);
	if (!name)
		name = line->host;
	if (strlen(name) > CONFIG_HOST_MAX || strlen(name) == 0 || strpbrk(name, " \"\\")) {
		output_message(streams, "%s: --server-name takes a domain name or an address",
					   plan->command);
		return STATUS_USAGE;
	}
	memcpy(plan->server_name, name, strlen(name) + 1);
	if (strcmp(name, line->host) != 0)
		memcpy(line->server_name, name, strlen(name) + 1);
	return STATUS_OK;
}

static int take_networks(const struct streams *streams, const struct command_line *options,
						 struct plan *plan) {
	static const int others[] = {DNS, NO_MASQUERADE};
	struct init_networks *networks = &plan->networks;
	struct stream_line *line = &plan->secrets.line;
	for (size_t i = 0; i < sizeof others / sizeof others[0] && !options->values[NETWORK]; i++) {
		if (!options->values[others[i]])
			continue;
		output_message(streams, "%s: %s is of clients with an interface: --network LIST as well",
					   plan->command, init_stream_server_options[others[i]].name);
		return STATUS_USAGE;
	}
	if (!options->values[NETWORK])
		return STATUS_OK;
	networks->masquerade = !options->values[NO_MASQUERADE];
	int status = init_networks_take(streams, plan->command, options->values[NETWORK], networks);
	if (status == STATUS_OK)
		status = init_networks_take_dns(streams, plan->command, options->values[DNS], networks);
	for (; line->address_count < networks->families; line->address_count++) {
		line->addresses[line->address_count] = networks->of_client[line->address_count].address;
		line->routes[line->route_count++] = networks->allowed_ips[line->address_count];
	}
	memcpy(line->dns, networks->dns, sizeof networks->dns);
	line->dns_count = networks->dns_count;
	return status;
}

static enum err make_certificate(struct plan *plan) {
	const char *const names[] = {plan->server_name};
	int64_t now = (int64_t)(clock_wall_now() / CLOCK_SECOND);
	const struct certificate_request request = {
		.names = names,
		.name_count = 1,
		.valid_from = now - DAY,
		.valid_until = now + (int64_t)VALID_DAYS * DAY,
	};
	struct certificate_facts facts;
	enum err error = certificate_make(&request, &plan->secrets.pair);
	if (!error)
		error = certificate_read(slice_of_text(plan->secrets.pair.certificate), &facts);
	if (error)
		return error;
	memcpy(plan->secrets.line.pins[0], facts.pin, sizeof facts.pin);
	plan->secrets.line.pin_count = 1;
	return ERR_OK;
}

static int make_keys(const struct streams *streams, struct plan *plan) {
	struct stream_line *line = &plan->secrets.line;
	x25519_generate(&csprng, plan->secrets.server_private);
	x25519_generate(&csprng, line->private_key);
	(void)snprintf(line->label, sizeof line->label, "%.*s", CONFIG_LABEL_MAX, plan->client);
	enum err error = x25519_public(plan->secrets.server_private, line->server_key);
	if (!error)
		error = x25519_public(line->private_key, plan->client_public);
	if (!error)
		error = make_certificate(plan);
	if (!error)
		return STATUS_OK;
	if (error == ERR_INVALID)
		output_message(streams, "%s: no certificate can be for %s: --server-name NAME",
					   plan->command, plan->server_name);
	else
		output_message(streams, "%s: cannot make keys: %s", plan->command, err_text(error));
	return STATUS_FAILED;
}

static void add_interface(struct text_buffer *yaml, const struct plan *plan) {
	const struct init_networks *networks = &plan->networks;
	if (networks->families == 0)
		return;
	text_buffer_add(yaml, "    # Of the interface, which clients that have one send packets to.\n"
						  "    addresses: ");
	init_networks_add_prefixes(yaml, networks->server, networks->families);
	text_buffer_add(yaml,
					"    # Whether they reach other networks and the Internet through this host, "
					"behind its address.\n"
					"    masquerade: %s\n",
					networks->masquerade ? "true" : "false");
}

/* What their lines say. */
static void add_clients(struct text_buffer *yaml, const struct plan *plan) {
	const struct init_networks *networks = &plan->networks;
	text_buffer_add(yaml,
					"    # What 'umbra %s allow' writes into the lines of clients.\n"
					"    clients:\n      endpoint: \"%s\"\n",
					config_stream_protocol(), plan->endpoint);
	if (networks->families == 0)
		return;
	text_buffer_add(yaml, "      # What they send through the tunnel.\n      allowed_ips: ");
	init_networks_add_prefixes(yaml, networks->allowed_ips, networks->families);
	if (networks->dns_count > 0)
		text_buffer_add(yaml, "      dns: ");
	if (networks->dns_count > 0)
		init_networks_add_addresses(yaml, networks->dns, networks->dns_count);
}

static void add_peers(struct text_buffer *yaml, const struct plan *plan) {
	char key[TEXT_KEY_BASE64_SIZE];
	text_key_encode(plan->client_public, key);
	text_buffer_add(yaml, "    peers:\n      - name: \"%s\"\n        public_key: \"%s\"\n",
					plan->client, key);
	if (plan->networks.families == 0)
		return;
	text_buffer_add(yaml, "        allowed_ips: ");
	init_networks_add_prefixes(yaml, plan->networks.of_client, plan->networks.families);
}

/* way: from the file to the directory. */
static char *make_yaml(const struct plan *plan, const char *way) {
	auto_text_buffer struct text_buffer yaml = {0};
	text_buffer_add(&yaml,
					"%s%stunnels:\n  %s:\n    protocol: %s\n    role: server\n"
					"    # The TCP port that clients come to; the firewall has to let them in.\n"
					"    listen: \"[::]:%u\"\n    private_key_file: %skeys/%s.key\n",
					way[0] ? "" : init_plan_head, way[0] ? "" : "\n", plan->name,
					config_stream_protocol(), plan->listen, way, plan->name);
	text_buffer_add(&yaml,
					"    # Made for %s, by nobody whom browsers trust: a certificate of a public "
					"authority\n"
					"    # draws less attention. Clients know the key by its pin: with another key "
					"they need\n"
					"    # another line.\n"
					"    tls: { certificate_file: %stls/%s.pem, key_file: %stls/%s.key }\n",
					plan->server_name, way, plan->name, way, plan->name);
	text_buffer_add(&yaml,
					"    # What everybody else sees: a folder of a web site, or a web server.\n"
					"    # decoy: { folder: site }\n"
					"    # decoy: { proxy: \"http://127.0.0.1:8080\" }\n");
	add_interface(&yaml, plan);
	add_clients(&yaml, plan);
	add_peers(&yaml, plan);
	return yaml.failed ? NULL : cleanup_steal(yaml.text);
}

/* Where there is a configuration, which may include it, the tunnel gets a file of its own; what is
 * replaced is that file where it is there. */
static enum err collect(struct init_files *files, const struct command_line *line,
						struct plan *plan) {
	char path[CONFIG_NAME_SIZE + 16];
	const struct certificate_pair *pair = &plan->secrets.pair;
	(void)snprintf(plan->file, sizeof plan->file, "tunnels/%s.yaml", plan->name);
	bool beside = init_files_exists(files, "umbra.yaml") &&
				  (!line->values[FORCE] || init_files_exists(files, plan->file));
	if (!beside)
		(void)snprintf(plan->file, sizeof plan->file, "umbra.yaml");
	auto_free char *yaml = make_yaml(plan, beside ? "../" : "");
	if (!yaml)
		return ERR_NO_MEMORY;
	enum err error = init_stream_add_key(files, plan->name, plan->secrets.server_private);
	(void)snprintf(path, sizeof path, "tls/%s.pem", plan->name);
	if (!error)
		error = init_files_add(files, path, 0644, pair->certificate, strlen(pair->certificate));
	(void)snprintf(path, sizeof path, "tls/%s.key", plan->name);
	if (!error)
		error = init_files_add(files, path, 0600, pair->key, strlen(pair->key));
	if (!error)
		error = init_files_add(files, plan->file, 0600, yaml, strlen(yaml));
	return error;
}

/* People on the error stream, so that the line alone can be kept. */
static void tell(const struct streams *streams, const struct plan *plan) {
	bool beside = strcmp(plan->file, "umbra.yaml") != 0;
	output_message(streams, "%s: made %s, keys/%s.key, tls/%s.pem and tls/%s.key in %s",
				   plan->command, plan->file, plan->name, plan->name, plan->name, plan->directory);
	if (beside)
		output_message(streams,
					   "%s: 'umbra reload' brings it up on TCP port %u, if umbra.yaml has include: "
					   "[tunnels/*.yaml]",
					   plan->command, plan->listen);
	else
		output_message(streams, "%s: 'umbrad -c %s/umbra.yaml' starts the server on TCP port %u",
					   plan->command, plan->directory, plan->listen);
	output_message(streams,
				   "%s: the line of %s, whose private key is inside and kept nowhere else; on the "
				   "client, 'umbra init client -' reads it:",
				   plan->command, plan->client);
}

static int show(const struct streams *streams, const struct plan *plan, bool qr) {
	char *text;
	enum err error = stream_line_format(&plan->secrets.line, &text);
	if (error) {
		output_message(streams, "%s: %s", plan->command, err_text(error));
		return STATUS_FAILED;
	}
	tell(streams, plan);
	output_warn_if_public(streams);
	int status = output_text(streams, text);
	if (status == STATUS_OK)
		status = output_text(streams, "\n");
	if (status == STATUS_OK && qr)
		status = qr_print(streams, text, qr_locale_is_utf8());
	wipe(text, strlen(text));
	free(text);
	return status;
}

int init_stream_server_run(const struct streams *streams, int count, char **arguments) {
	char command[64];
	struct command_line line;
	struct plan plan = {.command = command};
	WIPE_ON_EXIT(plan);
	(void)snprintf(command, sizeof command, "init %s-server", config_stream_protocol());
	int status =
		command_parse(streams, command, init_stream_server_options, 0, 0, count, arguments, &line);
	if (status == STATUS_OK)
		status = take_names(streams, &line, &plan);
	if (status == STATUS_OK)
		status = take_endpoint(streams, &line, &plan);
	if (status == STATUS_OK)
		status = take_networks(streams, &line, &plan);
	if (status == STATUS_OK)
		status = make_keys(streams, &plan);
	if (status != STATUS_OK)
		return status;
	struct init_files files;
	init_files_init(&files, plan.directory);
	enum err error = collect(&files, &line, &plan);
	if (error) {
		output_message(streams, "%s: %s", command, err_text(error));
		status = STATUS_FAILED;
	} else {
		status = init_whole_commit(streams, command, &files, line.values[FORCE] != NULL);
	}
	init_files_done(&files);
	return status == STATUS_OK ? show(streams, &plan, line.values[QR] != NULL) : status;
}
