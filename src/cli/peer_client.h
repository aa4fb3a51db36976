#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cli/output.h"

/*
 * The file that a peer of one of our tunnels gets, put together from what the daemon says of both,
 * and where it goes: standard output, a file that only its owner may read, a QR code.
 */

struct view_peer;
struct view_tunnel;

struct peer_client {
	const struct view_tunnel *tunnel;
	const struct view_peer *peer;
	const uint8_t *private_key, *preshared_key; /* TEXT_KEY_SIZE bytes; NULL: not known */
};

struct peer_client_place {
	const char *path; /* NULL: standard output */
	int descriptor;   /* of the path, -1: none */
	bool qr;          /* as a code on standard output */
};

/*
 * Whether a file can be made for peers of the tunnel: one that never came up has no key that they
 * could know it by. Returns an exit code, after a message.
 */
[[nodiscard]] int peer_client_check(const struct streams *streams, const char *command,
									const struct view_tunnel *tunnel);

/*
 * Makes the file, which must not exist yet, before anything else is done; nothing without a path.
 * Returns an exit code, after a message.
 */
[[nodiscard]] int peer_client_open(const struct streams *streams, const char *command,
								   struct peer_client_place *place);
/* Closes it, and removes it when it was not needed after all. */
void peer_client_close(struct peer_client_place *place, bool keep);

/*
 * Writes the file to its place; warns of what is missing in it. From then on a pipe that nobody
 * reads is an error like any other and does not end the program, which may have to tidy up.
 */
[[nodiscard]] int peer_client_write(const struct streams *streams, const char *command,
									const struct peer_client *client,
									const struct peer_client_place *place);
