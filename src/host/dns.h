#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"

/*
 * The name servers of tunnels, put where this host's programs find them. Three back ends, in the
 * order in which "auto" looks for them:
 *
 *   resolved    systemd-resolved, where it runs and /etc/resolv.conf leads to it: by D-Bus, each
 *               tunnel's link for itself, split domains as well
 *   resolvconf  the program resolvconf, where it takes care of /etc/resolv.conf
 *   file        /etc/resolv.conf itself, all tunnels in one file
 *
 * What was there before is in the state folder and comes back when the last tunnel is gone, also
 * when that is the next process to do. Everything waits: two seconds for D-Bus, ten for a program.
 */

enum { DNS_PROBLEM_SIZE = 256, DNS_TUNNELS_MAX = 64, DNS_OWN_SERVERS_MAX = 16 };

enum dns_manager { DNS_AUTO, DNS_RESOLVED, DNS_RESOLVCONF, DNS_FILE, DNS_OFF };

/* "systemd-resolved", "resolvconf", "/etc/resolv.conf". */
const char *dns_manager_name(enum dns_manager manager);

/* Of a tunnel that is up, in the order in which servers are to be asked. */
struct dns_tunnel {
	const char *name; /* of the interface, which is there */
	enum dns_manager manager;
	const struct address *servers;
	size_t server_count;
	const char *const *domains; /* these names and what is below them; none: all names */
	size_t domain_count;
	const char *const *search;
	size_t search_count;
};

struct dns;

/* NULL: the usual. */
struct dns_places {
	const char *state_dir;
	const char *file;    /* /etc/resolv.conf */
	const char *uplinks; /* file of resolved with the servers of links */
	const char *program; /* resolvconf, wherever it is in the system's folders */
};

enum err dns_new(const struct dns_places *places, struct dns **out_dns);
/* Changes nothing of the host. */
void dns_free(struct dns *dns);

/* Which back end it will be; "auto" stays what it was while a tunnel holds it. */
enum dns_manager dns_choose(struct dns *dns, enum dns_manager wanted);

/* Whether it can ask some servers for some names, and others for the rest. */
bool dns_splits(enum dns_manager manager);

/*
 * Exactly these from now on; none: everything is as before, also what an earlier process left.
 * ERR_UNSUPPORTED: domains with a back end that cannot split; ERR_NOT_FOUND: what was wanted is not
 * here. Others' part is done when one fails.
 */
enum err dns_apply(struct dns *dns, const struct dns_tunnel *tunnels, size_t count,
				   char out_problem[static DNS_PROBLEM_SIZE]);

/*
 * Becomes readable when /etc/resolv.conf may have been changed; -1: nothing to watch. Then, and
 * once in a while, dns_check(): ours comes back after others' changes, and the newest of those is
 * what was before. *out_changed: the host's own servers may be others than before.
 */
int dns_descriptor(const struct dns *dns);
enum err dns_check(struct dns *dns, uint64_t now, bool *out_changed,
				   char out_problem[static DNS_PROBLEM_SIZE]);
bool dns_is_held(const struct dns *dns);

/*
 * The servers that this host had without tunnels, port 53; none of our tunnels', and in the place
 * of systemd-resolved's own address those that it asks. Returns how many.
 */
size_t dns_own_servers(const struct dns *dns, struct endpoint servers[static DNS_OWN_SERVERS_MAX]);
