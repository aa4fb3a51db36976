#include <stddef.h>

#include "base/wipe.h"
#include "cli/import_source.h"
#include "cli/import_tunnel.h"
#include "cli/init.h"
#include "cli/init_files.h"
#include "cli/init_shared.h"
#include "cli/init_streams.h"

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

/* Whoever lists this host's processes would read the private key in it. */
static int refuse_operand(const struct streams *streams) {
	output_message(streams,
				   "%s: the line holds a secret key, which others could see on a command line; "
				   "give 'umbra init client -' the line as its input, or a file with it",
				   name);
	return STATUS_USAGE;
}

static bool is_line(const char *text) {
	return stream_line_is_one(text) || shared_line_is_one(text);
}

static int take_line(const struct streams *streams, const struct command_line *options,
					 const struct import_source *source) {
	struct stream_line line;
	struct shared_line shared;
	WIPE_ON_EXIT(line);
	WIPE_ON_EXIT(shared);
	const char *problem;
	const bool is_shared = shared_line_is_one(source->text);
	if (is_shared ? shared_line_parse(source->text, &shared, &problem)
				  : stream_line_parse(source->text, &line, &problem)) {
		output_message(streams, "%s: %s: the line %s", name, source->name, problem);
		return STATUS_FAILED;
	}
	const struct init_stream_target target = {
		.name = options->values[NAME],
		.directory = options->values[DIRECTORY] ? options->values[DIRECTORY] : INIT_FILES_DIRECTORY,
		.force = options->values[FORCE] != NULL,
	};
	return is_shared ? init_shared_client(streams, name, &shared, &target)
					 : init_stream_client(streams, name, &line, &target);
}

int init_client_run(const struct streams *streams, int count, char **arguments) {
	struct command_line line;
	int status = command_parse(streams, name, init_client_options, 1, 1, count, arguments, &line);
	if (status != STATUS_OK)
		return status;
	if (is_line(line.operands[0]))
		return refuse_operand(streams);
	struct import_source source;
	status = import_source_read(streams, name, line.operands[0], &source);
	if (status != STATUS_OK)
		return status;
	struct import_tunnel tunnel;
	const bool has_line = is_line(source.text);
	if (has_line)
		status = take_line(streams, &line, &source);
	else
		status = import_tunnel_take(streams, name, &source,
									line.values[NAME] ? line.values[NAME] : "um0", &tunnel);
	import_source_done(&source);
	if (has_line || status != STATUS_OK)
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
