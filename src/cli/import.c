#include "cli/import.h"

#include <stddef.h>

#include "cli/import_tunnel.h"
#include "cli/init_files.h"

enum { NAME, DIRECTORY, STDOUT, FORCE };

const struct command_option import_options[] = {
	[NAME] = {"--name", "NAME", "the tunnel and its interface; else as the file is called", false},
	[DIRECTORY] = {"--directory", "PATH", "of umbra.yaml; " INIT_FILES_DIRECTORY, false},
	[STDOUT] = {"--stdout", NULL, "print the tunnel's YAML, and make no files", false},
	[FORCE] = {"--force", NULL, "replace files that are there, keys too", false},
	{0},
};

const char import_help[] =
	"Turns a file of wg-quick, of a server or a client, into tunnels/NAME.yaml and files\n"
	"for its keys. What is not taken over, such as commands of PostUp, is told line by\n"
	"line. FILE may be -, the standard input.\n"
	"\n"
	"  umbra import /etc/vpn/office.conf\n"
	"  umbra import --stdout - < office.conf\n";

static const char name[] = "import";

int import_run(const struct streams *streams, int count, char **arguments) {
	struct command_line line;
	int status = command_parse(streams, name, import_options, 1, 1, count, arguments, &line);
	if (status != STATUS_OK)
		return status;
	struct import_tunnel tunnel;
	status = import_tunnel_read(streams, name, line.operands[0], line.values[NAME], &tunnel);
	if (status != STATUS_OK)
		return status;
	const struct import_target target = {
		.directory = line.values[DIRECTORY] ? line.values[DIRECTORY] : INIT_FILES_DIRECTORY,
		.force = line.values[FORCE] != NULL,
	};
	if (line.values[STDOUT])
		status = import_tunnel_print(streams, name, &tunnel, &target);
	else
		status = import_tunnel_write(streams, name, &tunnel, &target);
	import_tunnel_done(&tunnel);
	return status;
}
