#include "cli/invite.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/wipe.h"
#include "cli/connection.h"
#include "cli/init_shared.h"
#include "cli/line_parts.h"
#include "cli/peer_request.h"
#include "crypto/csprng.h"
#include "crypto/shared_key.h"
#include "ctl/client.h"

enum { ENDPOINT, ALLOWED_IPS, RULE, QR, SOCKET };

const struct command_option invite_options[] = {
	[ENDPOINT] = {"--endpoint", "HOST:PORT", "where it reaches the server; may stand several times",
				  false},
	[ALLOWED_IPS] = {"--allowed-ips", "LIST", "its addresses, with commas; else the next free ones",
					 false},
	[RULE] = {"--rule", "RULE", "where its packets may go; may stand several times", false},
	[QR] = {"--qr", NULL, "show the line as a QR code, too", false},
	[SOCKET] = COMMAND_SOCKET_OPTION,
	{0},
};

const char invite_help[] =
	"Lets a client of a server with shared keys in, now and for good; the configuration stays\n"
	"as it is. It makes the key that the two share, and prints the line that 'umbra init\n"
	"client -' takes, the key inside, which cannot be shown again. Without --endpoint the\n"
	"line leads to clients.endpoint of the configuration; with several, clients take the\n"
	"nearest that answers, so that all of these servers have to know the key.\n"
	"\n"
	"  umbra invite vpn phone --qr\n";

static const char name[] = "invite";

struct many {
	char *endpoints[CONFIG_ENDPOINTS_MAX], *rules[PEER_REQUEST_RULES_MAX];
	size_t endpoint_count, rule_count;
};

struct work {
	const struct streams *streams;
	const struct command_line *options;
	struct { /* wiped */
		struct shared_line line;
		struct view_peer_request request;
	} secrets;
};

static int check_kind(const struct work *work, const struct view_tunnel *tunnel) {
	if (config_shares_keys(tunnel->protocol))
		return STATUS_OK;
	if (config_carries_streams(tunnel->protocol))
		output_message(work->streams, "%s: clients of %s have keys of their own: 'umbra %s allow'",
					   name, tunnel->name, tunnel->protocol);
	else if (config_logs_in(tunnel->protocol))
		output_message(work->streams, "%s: clients of %s are users who log in: 'umbra user add'",
					   name, tunnel->name);
	else
		output_message(work->streams, "%s: clients of %s have keys of their own: 'umbra peer add'",
					   name, tunnel->name);
	return STATUS_FAILED;
}

static bool add_endpoint(struct shared_line *line, const char *text) {
	struct shared_line_endpoint *endpoint = &line->endpoints[line->endpoint_count];
	if (!line_parts_host(slice_of_text(text), endpoint->host, &endpoint->port))
		return false;
	line->endpoint_count++;
	return true;
}

static int take_endpoints(struct work *work, const struct many *many,
						  const struct view_tunnel *tunnel) {
	struct shared_line *line = &work->secrets.line;
	for (size_t i = 0; i < many->endpoint_count; i++)
		if (!add_endpoint(line, many->endpoints[i])) {
			output_message(work->streams,
						   "%s: --endpoint takes a name or an address and a port: "
						   "vpn.example.org:51820, [2001:db8::1]:51820",
						   name);
			return STATUS_USAGE;
		}
	if (line->endpoint_count > 0 ||
		(tunnel->clients_endpoint && add_endpoint(line, tunnel->clients_endpoint)))
		return STATUS_OK;
	output_message(work->streams,
				   "%s: where do clients reach the server? --endpoint HOST:PORT, or "
				   "tunnels.%s.clients.endpoint in the configuration",
				   name, tunnel->name);
	return STATUS_FAILED;
}

/* Everything, or nothing: the rest the server says when the client comes. */
static void take_routes(struct work *work, const struct view_tunnel *tunnel) {
	struct shared_line *line = &work->secrets.line;
	for (size_t i = 0; i < tunnel->clients_allowed_ip_count; i++)
		if (tunnel->clients_allowed_ips[i].length == 0 &&
			line->route_count < SHARED_LINE_ROUTES_MAX)
			line->routes[line->route_count++] = tunnel->clients_allowed_ips[i];
}

static int make_key(struct work *work, const struct view_tunnel *tunnel) {
	struct view_peer_request *request = &work->secrets.request;
	random_fill(&csprng, work->secrets.line.key, sizeof work->secrets.line.key);
	memcpy(request->preshared_key, work->secrets.line.key, sizeof request->preshared_key);
	request->has_preshared_key = true;
	(void)snprintf(work->secrets.line.label, sizeof work->secrets.line.label, "%s",
				   work->options->operands[1]);
	enum err error =
		shared_key_identity(tunnel->protocol, request->preshared_key, request->public_key);
	if (error)
		output_message(work->streams, "%s: %s", name, err_text(error));
	return error ? STATUS_FAILED : STATUS_OK;
}

/* A line that nobody got is of no use. */
static void take_back(const struct work *work, struct ctl_client *client) {
	char key[TEXT_KEY_BASE64_SIZE];
	struct view_error problem = {0};
	text_key_encode(work->secrets.request.public_key, key);
	enum err error = ctl_client_remove_peer(client, work->options->operands[0], key, &problem);
	view_error_done(&problem);
	output_message(work->streams,
				   error ? "%s: the line is lost; 'umbra peer del' takes the client back"
						 : "%s: the client was taken back, as its line could not be written",
				   name);
}

static int add(struct work *work, struct ctl_client *client) {
	struct view_peer peer;
	struct view_error problem = {0};
	(void)signal(SIGPIPE, SIG_IGN);
	enum err error = ctl_client_add_peer(client, work->options->operands[0], &work->secrets.request,
										 &peer, &problem);
	if (error)
		return connection_fail(work->streams, name, error, &problem);
	view_peer_done(&peer);
	int status = init_shared_show(work->streams, name, &work->secrets.line,
								  work->options->values[QR] != NULL);
	if (status == STATUS_OK)
		output_message(work->streams,
					   "%s: %s may come in; on the client, 'umbra init client -' reads the line",
					   name, command_repeatable(work->options->operands[1]));
	else
		take_back(work, client);
	return status;
}

static int invite(struct work *work, const struct many *many, struct ctl_client *client) {
	struct view_tunnel tunnel;
	struct view_error problem = {0};
	enum err error = ctl_client_tunnel(client, work->options->operands[0], &tunnel, &problem);
	if (error)
		return connection_fail(work->streams, name, error, &problem);
	int status = check_kind(work, &tunnel);
	if (status == STATUS_OK)
		status = take_endpoints(work, many, &tunnel);
	if (status == STATUS_OK)
		status = make_key(work, &tunnel);
	take_routes(work, &tunnel);
	view_tunnel_done(&tunnel);
	return status == STATUS_OK ? add(work, client) : status;
}

static int run(struct work *work, const struct many *many) {
	const struct command_line *options = work->options;
	struct view_peer_request *request = &work->secrets.request;
	int status = peer_request_set_name(work->streams, name, options->operands[1], request);
	if (status == STATUS_OK && options->values[ALLOWED_IPS])
		status = peer_request_set_allowed_ips(work->streams, name, options->values[ALLOWED_IPS],
											  request);
	if (status == STATUS_OK)
		status =
			peer_request_set_rules(work->streams, name, many->rules, many->rule_count, request);
	if (status != STATUS_OK)
		return status;
	struct ctl_client *client;
	status = connection_open(work->streams, name, options->values[SOCKET], &client);
	if (status != STATUS_OK)
		return status;
	status = invite(work, many, client);
	ctl_client_free(client);
	return status;
}

int invite_run(const struct streams *streams, int count, char **arguments) {
	struct command_line line;
	struct many many = {.rule_count = 0};
	struct work work = {.streams = streams, .options = &line};
	WIPE_ON_EXIT(work);
	int status = command_take(streams, name, &invite_options[ENDPOINT], &count, arguments,
							  many.endpoints, CONFIG_ENDPOINTS_MAX, &many.endpoint_count);
	if (status == STATUS_OK)
		status = command_take(streams, name, &invite_options[RULE], &count, arguments, many.rules,
							  PEER_REQUEST_RULES_MAX, &many.rule_count);
	if (status == STATUS_OK)
		status = command_parse(streams, name, invite_options, 2, 2, count, arguments, &line);
	if (status == STATUS_OK)
		status = run(&work, &many);
	view_peer_request_done(&work.secrets.request);
	return status;
}
