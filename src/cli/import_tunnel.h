#pragma once

#include <stdbool.h>

#include "cli/output.h"
#include "conf/wg_quick.h"

/* A file of wg-quick on its way into a configuration: a tunnel's YAML, and files for its keys. */

struct import_tunnel {
	char name[CONFIG_NAME_SIZE];
	struct wg_quick file; /* its tunnel names key files once those are chosen */
	char *key_files;      /* their names */
};

struct import_target {
	const char *directory; /* of umbra.yaml */
	bool force;            /* replaces what is there */
	bool begin;            /* the tunnel goes into umbra.yaml itself when there is none yet */
};

/*
 * Reads it, "-" from standard input, and tells what is not taken over. name may be NULL: that of
 * the file. All return an exit code, after a message that begins with the command's name.
 */
[[nodiscard]] int import_tunnel_read(const struct streams *streams, const char *command,
									 const char *path, const char *name,
									 struct import_tunnel *out_tunnel);
/* The same of what was read already. */
struct import_source;
[[nodiscard]] int import_tunnel_take(const struct streams *streams, const char *command,
									 const struct import_source *source, const char *name,
									 struct import_tunnel *out_tunnel);
/* Wipes it. */
void import_tunnel_done(struct import_tunnel *tunnel);

/* The YAML on standard output, as it would stand in tunnels/NAME.yaml. */
[[nodiscard]] int import_tunnel_print(const struct streams *streams, const char *command,
									  struct import_tunnel *tunnel,
									  const struct import_target *target);

/* Makes the files, and says what they are. */
[[nodiscard]] int import_tunnel_write(const struct streams *streams, const char *command,
									  struct import_tunnel *tunnel,
									  const struct import_target *target);
