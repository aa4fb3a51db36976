#include "cli/commands.h"
#include "cli/connection.h"
#include "cli/peer_client.h"
#include "ctl/client.h"

enum { OUTPUT, QR, SOCKET };

const struct command_option peer_export_options[] = {
	[OUTPUT] = {"--output", "FILE", "write it there instead", false},
	[QR] = {"--qr", NULL, "show it as a QR code", false},
	[SOCKET] = COMMAND_SOCKET_OPTION,
	{0},
};

const char peer_export_help[] =
	"Prints the file of a client again, but for its private key, which only the client has.\n";

static const char name[] = "peer export";

static int export(const struct streams *streams, const struct command_line *line,
				  struct ctl_client *client) {
	struct view_tunnel tunnel;
	struct view_peer peer;
	struct view_error problem = {0};
	enum err error = ctl_client_tunnel(client, line->operands[0], &tunnel, &problem);
	if (error)
		return connection_fail(streams, name, error, &problem);
	error = ctl_client_peer(client, line->operands[0], line->operands[1], &peer, &problem);
	if (error) {
		view_tunnel_done(&tunnel);
		return connection_fail(streams, name, error, &problem);
	}
	const struct peer_client file = {.tunnel = &tunnel, .peer = &peer};
	struct peer_client_place place = {.path = line->values[OUTPUT], .qr = line->values[QR] != NULL};
	int status = peer_client_open(streams, name, &place);
	if (status == STATUS_OK) {
		status = peer_client_write(streams, name, &file, &place);
		peer_client_close(&place, status == STATUS_OK);
	}
	view_peer_done(&peer);
	view_tunnel_done(&tunnel);
	return status;
}

int peer_export_run(const struct streams *streams, int count, char **arguments) {
	struct command_line line;
	int status = command_parse(streams, name, peer_export_options, 2, 2, count, arguments, &line);
	if (status != STATUS_OK)
		return status;
	struct ctl_client *client;
	status = connection_open(streams, name, line.values[SOCKET], &client);
	if (status != STATUS_OK)
		return status;
	status = export(streams, &line, client);
	ctl_client_free(client);
	return status;
}
