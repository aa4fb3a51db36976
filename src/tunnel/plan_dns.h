#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "conf/config.h"
#include "host/dns.h"
#include "host/dns_guard.h"

/* What a tunnel's configuration means for this host's names. */

/* Whether questions for names are to leave through tunnels only. */
bool plan_dns_protects(const struct config_tunnel *tunnel);

/*
 * Both point into the tunnel, or to the step: with addresses that are led by name it is asked
 * (host/dns.h) instead of the servers, which it asks itself. NULL: there is none.
 */
struct dns_tunnel plan_dns(const struct config_tunnel *tunnel, const struct address *step);
struct dns_guard_tunnel plan_dns_guard(const struct config_tunnel *tunnel, uint16_t slot);

/*
 * Where some tunnels' domains need a step that sends each question to the right servers, and there
 * is one, all who cannot split by themselves ask the step. splits[i]: tunnels[i] can; step: NULL
 * without one. Nothing changes where nobody needs it.
 */
void plan_dns_step(struct dns_tunnel *tunnels, size_t count, const bool *splits,
				   const struct address *step);

/*
 * The table that has the tunnel's route to one of its servers, for questions of programs whose
 * other packets go past it. 0: there is no route to it, or it is in the main table, which such
 * programs' packets are led by anyway.
 */
uint32_t plan_dns_table(const struct config_tunnel *tunnel, uint16_t slot,
						const struct address *server);
