#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"
#include "cli/connection.h"
#include "cli/peer_request.h"
#include "cli/qr.h"
#include "cli/stream_line.h"
#include "cli/streams.h"
#include "crypto/certificate.h"
#include "crypto/csprng.h"
#include "crypto/x25519.h"
#include "ctl/client.h"

#define DEFAULT_FILE "/etc/umbra/umbra.yaml"

enum { PUBLIC_KEY, ALLOWED_IPS, RULE, CONFIG, QR, SOCKET };

const struct command_option streams_allow_options[] = {
	[PUBLIC_KEY] = {"--public-key", "KEY",
					"the client made its own keys, and this is its public "
					"one",
					false},
	[ALLOWED_IPS] = {"--allowed-ips", "LIST", "its addresses, with commas; else the next free ones",
					 false},
	[RULE] = PEER_REQUEST_RULE_OPTION,
	[CONFIG] = {"--config", "FILE", "of the server, for the line; " DEFAULT_FILE, false},
	[QR] = {"--qr", NULL, "show the line as a QR code, too", false},
	[SOCKET] = COMMAND_SOCKET_OPTION,
	{0},
};

const char streams_allow_help[] =
	"Lets a client in, now and for good; the configuration stays as it is.\n"
	"\n"
	"Without --public-key it makes the client's keys, tells the daemon the public one, and\n"
	"prints the line that 'umbra init client -' takes, the private key inside. Nobody else\n"
	"has that key, and it cannot be shown again.\n";

struct work {
	const struct streams *streams;
	const char *command;
	const struct command_line *line;
	bool has_interface; /* the tunnel, and so its clients */
	struct {
		struct stream_line line;
		struct view_peer_request request;
	} secrets;
};

static int fail(const struct work *work, enum err error) {
	output_message(work->streams, "%s: %s", work->command, err_text(error));
	return STATUS_FAILED;
}

static int load(const struct work *work, struct config **out_config) {
	const char *path = work->line->values[CONFIG];
	const struct config_source source = {.path = path ? path : DEFAULT_FILE,
										 .flags = CONFIG_SECRETS};
	struct config_errors errors;
	enum err error = config_load(&source, out_config, &errors);
	for (size_t i = 0; i < errors.count; i++)
		output_message(work->streams, "%s: %s", work->command, errors.lines[i]);
	config_errors_done(&errors);
	return error ? STATUS_FAILED : STATUS_OK;
}

/* What is not the default. */
static void take_text(const char *text, const char *standard, char *out_text, size_t size) {
	if (strcmp(text, standard) != 0)
		(void)snprintf(out_text, size, "%s", text);
}

/* Of clients with an interface: what they send, as configured or the tunnel's networks. */
static int take_network(struct work *work, const struct config_tunnel *tunnel) {
	struct stream_line *line = &work->secrets.line;
	const struct config_clients *clients = &tunnel->clients;
	const struct config_prefixes *routes =
		clients->allowed_ips.count > 0 ? &clients->allowed_ips : &tunnel->addresses;
	work->has_interface = tunnel->addresses.count > 0;
	if (!work->has_interface)
		return STATUS_OK;
	if (routes->count > STREAM_LINE_ROUTES_MAX) {
		output_message(work->streams,
					   "%s: tunnels.%s.clients.allowed_ips has more networks than a line: %d",
					   work->command, tunnel->name, STREAM_LINE_ROUTES_MAX);
		return STATUS_FAILED;
	}
	for (; line->route_count < routes->count; line->route_count++) {
		line->routes[line->route_count] = routes->items[line->route_count];
		prefix_mask(&line->routes[line->route_count]);
	}
	for (; line->dns_count < clients->dns_count && line->dns_count < STREAM_LINE_DNS_MAX;
		 line->dns_count++)
		line->dns[line->dns_count] = clients->dns[line->dns_count];
	return STATUS_OK;
}

/* Those of its allowed IPs that are one address are its own; networks are behind it. */
static int take_addresses(struct work *work, const struct prefix *allowed_ips, size_t count) {
	struct stream_line *line = &work->secrets.line;
	line->address_count = 0;
	for (size_t i = 0; i < count; i++) {
		if (allowed_ips[i].length < 8 * address_size(&allowed_ips[i].address))
			continue;
		if (line->address_count == STREAM_LINE_ADDRESSES_MAX) {
			output_message(work->streams, "%s: a line has room for %d addresses", work->command,
						   STREAM_LINE_ADDRESSES_MAX);
			return STATUS_FAILED;
		}
		line->addresses[line->address_count++] = allowed_ips[i].address;
	}
	if (line->address_count == 0 && count > 0) {
		output_message(work->streams,
					   "%s: the client's interface needs an address of its own among its allowed "
					   "IPs, such as 10.66.0.9",
					   work->command);
		return STATUS_FAILED;
	}
	return STATUS_OK;
}

static int take_server(struct work *work, const struct config_tunnel *tunnel) {
	struct stream_line *line = &work->secrets.line;
	struct certificate_facts facts;
	if (!tunnel->clients.endpoint.name) {
		output_message(work->streams,
					   "%s: tunnels.%s.clients.endpoint is missing, where clients reach the server",
					   work->command, tunnel->name);
		return STATUS_FAILED;
	}
	(void)snprintf(line->host, sizeof line->host, "%s", tunnel->clients.endpoint.name);
	line->port = tunnel->clients.endpoint.port;
	take_text(tunnel->streams.cookie, "session", line->cookie, sizeof line->cookie);
	take_text(tunnel->streams.path, "/", line->path, sizeof line->path);
	enum err error = x25519_public(tunnel->private_key, line->server_key);
	if (!error)
		error = certificate_read(slice_of_text(tunnel->tls.certificates), &facts);
	if (error) {
		output_message(work->streams, "%s: %s: %s", work->command, tunnel->tls.certificate_file,
					   err_text(error));
		return STATUS_FAILED;
	}
	memcpy(line->pins[0], facts.pin, sizeof facts.pin);
	/* Others know a certificate of a public authority by its name, also when it was renewed. */
	line->pin_count = facts.self_signed;
	return take_network(work, tunnel);
}

static int prepare(struct work *work) {
	struct config *config;
	const char *name = work->line->operands[0];
	int status = load(work, &config);
	if (status != STATUS_OK)
		return status;
	const struct config_tunnel *tunnel = config_find(config, name);
	if (tunnel && tunnel->carries_streams && tunnel->role == CONFIG_SERVER) {
		status = take_server(work, tunnel);
	} else {
		output_message(work->streams, "%s: %s is no server of streams in the configuration",
					   work->command, command_repeatable(name));
		status = STATUS_FAILED;
	}
	config_free(config);
	const struct view_peer_request *request = &work->secrets.request;
	if (status == STATUS_OK && work->has_interface)
		status = take_addresses(work, request->allowed_ips, request->allowed_ip_count);
	if (status != STATUS_OK)
		return status;
	struct stream_line *line = &work->secrets.line;
	x25519_generate(&csprng, line->private_key);
	(void)snprintf(line->label, sizeof line->label, "%s", work->line->operands[1]);
	enum err error = x25519_public(line->private_key, work->secrets.request.public_key);
	return error ? fail(work, error) : STATUS_OK;
}

static int make_request(struct work *work) {
	const struct command_line *line = work->line;
	struct view_peer_request *request = &work->secrets.request;
	int status = peer_request_set_name(work->streams, work->command, line->operands[1], request);
	if (status == STATUS_OK && line->values[ALLOWED_IPS])
		status = peer_request_set_allowed_ips(work->streams, work->command,
											  line->values[ALLOWED_IPS], request);
	if (status != STATUS_OK)
		return status;
	if (line->values[PUBLIC_KEY])
		return peer_request_set_key(work->streams, work->command, line->values[PUBLIC_KEY],
									request);
	return prepare(work);
}

static int add(struct work *work) {
	struct ctl_client *client;
	struct view_peer peer;
	struct view_error problem = {0};
	int status = connection_open(work->streams, work->command, work->line->values[SOCKET], &client);
	if (status != STATUS_OK)
		return status;
	enum err error = ctl_client_add_peer(client, work->line->operands[0], &work->secrets.request,
										 &peer, &problem);
	ctl_client_free(client);
	if (error)
		return connection_fail(work->streams, work->command, error, &problem);
	if (work->has_interface)
		status = take_addresses(work, peer.allowed_ips, peer.allowed_ip_count);
	view_peer_done(&peer);
	output_message(work->streams, "%s: %s may come in", work->command,
				   command_repeatable(work->line->operands[1]));
	return status;
}

static int show(const struct work *work) {
	char *text;
	enum err error = stream_line_format(&work->secrets.line, &text);
	if (error)
		return fail(work, error);
	output_warn_if_public(work->streams);
	int status = output_text(work->streams, text);
	if (status == STATUS_OK)
		status = output_text(work->streams, "\n");
	if (status != STATUS_OK)
		output_message(work->streams, "%s: the line is lost; 'umbra %s deny' takes the client back",
					   work->command, config_stream_protocol());
	else if (work->line->values[QR])
		status = qr_print(work->streams, text, qr_locale_is_utf8());
	wipe(text, strlen(text));
	free(text);
	return status;
}

int streams_allow_run(const struct streams *streams, int count, char **arguments) {
	char command[64];
	struct command_line line;
	struct work work = {.streams = streams, .command = command, .line = &line};
	WIPE_ON_EXIT(work);
	(void)snprintf(command, sizeof command, "%s allow", config_stream_protocol());
	char *rules[PEER_REQUEST_RULES_MAX];
	size_t rule_count;
	int status = command_take(streams, command, &streams_allow_options[RULE], &count, arguments,
							  rules, PEER_REQUEST_RULES_MAX, &rule_count);
	if (status == STATUS_OK)
		status =
			command_parse(streams, command, streams_allow_options, 2, 2, count, arguments, &line);
	if (status == STATUS_OK)
		status = peer_request_set_rules(streams, command, rules, rule_count, &work.secrets.request);
	if (status == STATUS_OK)
		status = make_request(&work);
	if (status == STATUS_OK)
		status = add(&work);
	if (status == STATUS_OK && !line.values[PUBLIC_KEY])
		status = show(&work);
	view_peer_request_done(&work.secrets.request);
	return status;
}
