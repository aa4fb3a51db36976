#pragma once

#include "cli/command.h"
#include "cli/output.h"
#include "cli/stream_line.h"

/* Servers and clients of streams: the files of a new configuration. */

extern const char init_stream_server_help[];
extern const struct command_option init_stream_server_options[];
int init_stream_server_run(const struct streams *streams, int count, char **arguments);

struct init_files;

/* keys/NAME.key. */
enum err init_stream_add_key(struct init_files *files, const char *name,
							 const uint8_t key[static TEXT_KEY_SIZE]);

/* What the daemon would say against a configuration is said now, with exit codes. */
[[nodiscard]] int init_stream_check(const struct streams *streams, const char *command,
									const char *yaml);

struct init_stream_target {
	const char *name;      /* of the tunnel; NULL: out */
	const char *directory; /* of umbra.yaml */
	bool force;            /* replaces what is there */
};

/* A client of a line: the tunnel goes into umbra.yaml, or, where there is one, into a file of its
 * own. Returns an exit code, after a message that begins with the command's name. */
[[nodiscard]] int init_stream_client(const struct streams *streams, const char *command,
									 const struct stream_line *line,
									 const struct init_stream_target *target);
