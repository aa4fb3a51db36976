#pragma once

#include <stddef.h>

#include "base/address.h"

/* The name servers of the system, as its administrator or its network gave them. */

/*
 * Those of a resolv.conf(5) text that can be asked past a tunnel: not the host's own, which would
 * ask on by themselves. Returns how many.
 */
size_t node_resolvers_parse(const char *text, struct address *out_addresses, size_t room);

/* Of /etc/resolv.conf, or where that has none, of what systemd-resolved keeps. */
size_t node_resolvers_read(struct address *out_addresses, size_t room);
