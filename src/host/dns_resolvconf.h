#pragma once

#include "host/dns.h"
#include "host/dns_backend.h"
#include "host/resolv_conf.h"

/*
 * The program resolvconf (openresolv, Debian's resolvconf, systemd's stand-in): a record a tunnel,
 * named after its interface. Which records are ours stands in the state folder before they are
 * made, with the servers that /etc/resolv.conf had then.
 */

struct dns_resolvconf;

enum { DNS_RESOLVCONF_TIMEOUT = 10 }; /* seconds, of one run */

/* program: NULL is looked for in the system's folders at each use. */
enum err dns_resolvconf_new(const char *program, const char *file, const char *state_dir,
							struct dns_resolvconf **out_context);
void dns_resolvconf_free(struct dns_resolvconf *context);

extern const struct dns_backend dns_resolvconf_backend;

/* What /etc/resolv.conf said before; false while no record is ours. */
bool dns_resolvconf_own(const struct dns_resolvconf *context, struct resolv_conf *out_content);
