#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "host/firewall.h"

/*
 * Questions for names leave this host through tunnels only: one table ("inet umbra_dns") that is
 * replaced as a whole, see host/firewall.h. UDP and TCP to the ports 53 (DNS) and 853 (DNS over TLS
 * and QUIC) are refused where they would leave by an interface that is neither the loopback one nor
 * a tunnel, for this host's programs, and dropped for those whom it forwards for. Those to a
 * protected tunnel's own servers are so by any other interface, tunnels included. Sockets with one
 * of the marks pass: tunnels' own datagrams, and what asks for the names of endpoints.
 *
 * Names that are asked for over HTTPS cannot be told from web pages.
 */

#define DNS_GUARD_TABLE "umbra_dns"

struct dns_guard_tunnel {
	const char *name;
	uint32_t mark; /* of its own datagrams; 0: none */
	bool protect;  /* whether it asks for all this */
	const struct address *servers;
	size_t server_count;
};

struct dns_guard {
	const struct dns_guard_tunnel *tunnels; /* all that are up */
	size_t count;
	const uint32_t *marks; /* that pass besides those of tunnels */
	size_t mark_count;
};

/* As nft's JSON. *out_text is the caller's (free). Errors of firewall_format(). */
enum err dns_guard_format(const struct dns_guard *guard, char **out_text, size_t *out_size);

/* Replaces the table; it is removed when no tunnel asks for it. Errors of firewall_apply(). */
enum err dns_guard_apply(const struct dns_guard *guard,
						 char out_problem[static FIREWALL_PROBLEM_SIZE]);
/* Also one of an earlier process. */
enum err dns_guard_remove(char out_problem[static FIREWALL_PROBLEM_SIZE]);
