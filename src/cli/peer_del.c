#include "cli/commands.h"
#include "cli/connection.h"
#include "cli/peer_bulk.h"
#include "ctl/client.h"

enum { FROM, SOCKET };

const struct command_option peer_del_options[] = {
	[FROM] = {"--from", "FILE", "many: lines that begin with a name or a key, of a file or -",
			  false},
	[SOCKET] = COMMAND_SOCKET_OPTION,
	{0},
};

const char peer_del_help[] =
	"Takes a peer that 'umbra peer add' made, named by its name or public key, from a\n"
	"tunnel. Those of the configuration are taken out there, followed by 'umbra reload'.\n";

static const char name[] = "peer del";

int peer_del_run(const struct streams *streams, int count, char **arguments) {
	struct command_line line;
	int status = command_parse(streams, name, peer_del_options, 1, 2, count, arguments, &line);
	if (status != STATUS_OK)
		return status;
	if ((line.count == 2) == (line.values[FROM] != NULL)) {
		output_message(streams,
					   line.count == 2 ? "%s: the peers are in the file of --from"
									   : "%s: the peer is missing: its name or public key",
					   name);
		return STATUS_USAGE;
	}
	if (line.values[FROM])
		return peer_bulk_remove(streams, line.operands[0], line.values[FROM], line.values[SOCKET]);
	struct ctl_client *client;
	status = connection_open(streams, name, line.values[SOCKET], &client);
	if (status != STATUS_OK)
		return status;
	struct view_error problem = {0};
	enum err error = ctl_client_remove_peer(client, line.operands[0], line.operands[1], &problem);
	ctl_client_free(client);
	if (error)
		return connection_fail(streams, name, error, &problem);
	output_message(streams, "%s: the peer is gone from %s", name,
				   command_repeatable(line.operands[0]));
	return STATUS_OK;
}
