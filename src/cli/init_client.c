#include <stddef.h>

#include "cli/import_tunnel.h"
#include "cli/init.h"
#include "cli/init_files.h"

enum { NAME, DIRECTORY, FORCE };

const struct command_option init_client_options[] = {
	[NAME] = {"--name", "NAME", "the tunnel and its interface; um0", false},
	[DIRECTORY] = {"--directory", "PATH", "where the files go; " INIT_FILES_DIRECTORY, false},
	[FORCE] = {"--force", NULL, "replace files that are there, keys too", false},
	{0},
};

const char init_client_help[] =
	"Makes a client of the file that 'umbra init server', 'umbra peer add' or a provider\n"
	"gave: umbra.yaml, or tunnels/NAME.yaml where there is an umbra.yaml, and files for the\n"
	"keys. FILE may be -, the standard input.\n"
	"\n"
	"  umbra init client laptop.conf\n";

static const char name[] = "init client";

int init_client_run(const struct streams *streams, int count, char **arguments) {
	struct command_line line;
	int status = command_parse(streams, name, init_client_options, 1, 1, count, arguments, &line);
	if (status != STATUS_OK)
		return status;
	struct import_tunnel tunnel;
	status = import_tunnel_read(streams, name, line.operands[0],
								line.values[NAME] ? line.values[NAME] : "um0", &tunnel);
	if (status != STATUS_OK)
		return status;
	const struct import_target target = {
		.directory = line.values[DIRECTORY] ? line.values[DIRECTORY] : INIT_FILES_DIRECTORY,
		.force = line.values[FORCE] != NULL,
		.begin = true,
	};
	status = import_tunnel_write(streams, name, &tunnel, &target);
	import_tunnel_done(&tunnel);
	return status;
}
