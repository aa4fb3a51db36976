#pragma once

#include "cli/output.h"

/*
 * Many peers over one connection, from a file of lines (peer_lines.h), "-" for standard input. A
 * file with a wrong line changes nothing; what the daemon refuses is told with its line (the
 * first of many), and the others are done. Return exit codes.
 */

/* NAME PUBLIC-KEY [ALLOWED-IPS] */
[[nodiscard]] int peer_bulk_add(const struct streams *streams, const char *tunnel, const char *path,
								const char *socket);
/* NAME or PUBLIC-KEY, and anything behind it, so that the file of peer_bulk_add() will do. */
[[nodiscard]] int peer_bulk_remove(const struct streams *streams, const char *tunnel,
								   const char *path, const char *socket);
