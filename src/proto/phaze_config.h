#pragma once

#include <stdbool.h>

/*
 * What shards see of a device's configuration: the protocol's part of a snapshot, immutable. All
 * that handshakes need is the control thread's alone; what a session needs comes with it
 * (phaze_command.h).
 */

struct phaze_newsbox;

enum phaze_role { PHAZE_SERVER, PHAZE_CLIENT };

struct phaze_config {
	struct phaze_newsbox *box; /* where datagrams of handshakes go; never another one */
	enum phaze_role role;
	bool client_to_client; /* a server's members may send to each other */
};
