#pragma once

#include "cli/command.h"
#include "cli/init_streams.h"
#include "cli/output.h"
#include "cli/shared_line.h"

/* Servers and clients that share keys: the files of a new configuration. */

extern const char init_shared_server_help[];
extern const struct command_option init_shared_server_options[];
int init_shared_server_run(const struct streams *streams, int count, char **arguments);

/* A client of a line, as init_stream_client() makes one; without a name it is um0. */
[[nodiscard]] int init_shared_client(const struct streams *streams, const char *command,
									 const struct shared_line *line,
									 const struct init_stream_target *target);

/* A file with a key in base64, for its owner alone. */
enum err init_shared_add_key(struct init_files *files, const char *path,
							 const uint8_t key[static TEXT_KEY_SIZE]);

/* The line on standard output, alone; with qr its code behind it. */
[[nodiscard]] int init_shared_show(const struct streams *streams, const char *command,
								   const struct shared_line *line, bool qr);
