#pragma once

#include "bench/arrivals/arrival.h"

/*
 * Clients of Phaze, all of one user's. The folder has ca.pem, whose authority issued the server's
 * certificate for PHAZE_SERVER; `user`, a line with the name and one with the password; and for
 * servers that demand certificates client.pem and client.key.
 *
 * Ways: "login", by whatever the server demands, and "ticket", with the one of the last arrival.
 */

#define PHAZE_SERVER "server.bench"

extern const struct arrival_ops arrival_phaze;
