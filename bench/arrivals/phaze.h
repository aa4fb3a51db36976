#pragma once

#include "bench/arrivals/arrival.h"

/*
 * Clients of Phaze: devices of the users in the folder (phaze_users.h), who take turns. The
 * server's certificate is for PHAZE_SERVER.
 *
 * Ways: "login", by whatever the server demands, and "ticket", with the one of the last arrival and
 * by nothing else. Who is told that the server is busy, or hears nothing, comes again as a tunnel
 * does: after a second, then twice as long each time.
 */

#define PHAZE_SERVER "server.bench"

extern const struct arrival_ops arrival_phaze;
