#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cli/init_files.h"
#include "cli/output.h"
#include "conf/config.h"

/*
 * The configuration as a whole: umbra.yaml of a directory, with all that it includes. What comes
 * into it is nothing that the daemon would refuse the whole for.
 */

/* Whether there is such a tunnel, and whether there is not; neither for what cannot be read. */
bool init_whole_has(const char *directory, const char *tunnel);
bool init_whole_lacks(const char *directory, const char *tunnel);

/* Another tunnel that everything goes into, of those that come up by themselves; false: there is
 * none, or it cannot be read. */
bool init_whole_takes_all(const char *directory, const char *but,
						  char out_tunnel[static CONFIG_NAME_SIZE]);

/* The first port from there on that no proxy or forwarded port of another tunnel has; what cannot
 * be read has none. */
uint16_t init_whole_port(const char *directory, const char *but, uint16_t first);

/*
 * init_files_place(), and that the whole can be read afterwards, if it could before; otherwise
 * everything is as it was. An exit code, after a message.
 */
[[nodiscard]] int init_whole_place(const struct streams *streams, const char *command,
								   struct init_files *files, bool force);
/* And keeps it. */
[[nodiscard]] int init_whole_commit(const struct streams *streams, const char *command,
									struct init_files *files, bool force);
