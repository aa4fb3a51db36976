#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"

/*
 * The host's firewall as far as tunnels need it, all of it in one table of our own ("inet umbra")
 * that is replaced as a whole, atomically, by the `nft` program with JSON on its standard input.
 *
 *   guard    Packets to a tunnel's address that come neither from the tunnel nor from this host are
 *            dropped: neighbours could find out the address, and who is connected (CVE-2019-14899).
 *            That is true for containers and other networks of this host, too.
 *   restore, save
 *            The mark of a tunnel's own UDP datagrams is kept with their flow, and given to the
 *            replies, for rp_filter's sake.
 *   forward  Packets from and to tunnels pass, TCP with a segment size that fits. What another
 * table drops stays dropped: where a firewall with the policy "drop" is, it needs rules of its own
 * for tunnels' interfaces. hide     Masquerading, v4 and v6.
 */

struct firewall_tunnel {
	const char *name;
	const struct prefix *addresses; /* of the interface */
	size_t address_count;
	bool forward;      /* packets from and to the tunnel pass on; sets the forwarding sysctls */
	bool masquerade;   /* sources inside addresses' networks are hidden when they leave elsewhere */
	bool default_mark; /* what is sent has the mark: replies keep it, for rp_filter */
	bool streams;      /* it is TCP, otherwise UDP */
	uint32_t mark;
};

enum { FIREWALL_PROBLEM_SIZE = 256 };

/*
 * The rules for all tunnels that are up, as nft's JSON. *out_text is the caller's (free).
 * ERR_INVALID for names of other characters than letters, digits, '_', '.' and '-', or none or
 * more than 15 of them; ERR_LIMIT, ERR_NO_MEMORY.
 */
enum err firewall_format(const struct firewall_tunnel *tunnels, size_t count, char **out_text,
						 size_t *out_size);

/*
 * Replaces the table; with no tunnels, or none that needs rules, it is removed, which does without
 * nft. Forwarding sysctls of a family are set while a tunnel with forward has addresses of it (or
 * none at all); their values of before are kept in state_dir, which must exist then, and restored.
 * ERR_NOT_FOUND: there is no nft program (out_problem says which package has it) and nothing was
 * changed; otherwise out_problem is what nft said. Waits for nft, seconds at most.
 *
 * v6 forwarding makes interfaces deaf to router advertisements unless their accept_ra is 2: those
 * that have 1 get 2 meanwhile. An interface that appears later has what net.ipv6.conf.default says,
 * until the next call.
 */
enum err firewall_apply(const struct firewall_tunnel *tunnels, size_t count, const char *state_dir,
						char out_problem[static FIREWALL_PROBLEM_SIZE]);

/* Takes away what an earlier process left, table and sysctls; quick when there is nothing. */
enum err firewall_clean(const char *state_dir, char out_problem[static FIREWALL_PROBLEM_SIZE]);
