#pragma once

#include <stddef.h>

#include "base/error.h"
#include "cli/output.h"

/* The way to the daemon: which socket, and what to say when it did not go well. */

struct ctl_client;
struct view_error;

#define CONNECTION_SOCKET "/run/umbra/control.sock"

/* The option's value, UMBRA_SOCKET, or CONNECTION_SOCKET. option may be NULL. */
const char *connection_socket(const char *option);

/* The caller frees it with ctl_client_free(). Returns an exit code; says what is wrong. */
[[nodiscard]] int connection_open(const struct streams *streams, const char *command,
								  const char *socket_option, struct ctl_client **out_client);

/*
 * Says what ended in error, which is not ERR_OK, and releases what error_view holds. Returns the
 * exit code: STATUS_NO_DAEMON when nobody answered, otherwise STATUS_FAILED.
 */
int connection_fail(const struct streams *streams, const char *command, enum err error,
					struct view_error *error_view);

/* GET of a path; what it answers is the caller's (free). */
[[nodiscard]] int connection_get(const struct streams *streams, const char *command,
								 struct ctl_client *client, const char *path, char **out_text,
								 size_t *out_size);

/* Writes an answer as it is, on a line of its own. */
[[nodiscard]] int connection_print(const struct streams *streams, const char *text, size_t size);

/* From now on SIGINT and SIGTERM end the program at once and in order: nothing is unwritten. */
void connection_end_on_signals(void);
