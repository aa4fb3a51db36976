#pragma once

#include "host/dns.h"
#include "host/dns_backend.h"

/*
 * systemd-resolved by D-Bus, org.freedesktop.resolve1(5): servers and domains of each tunnel's
 * link. It forgets them when the link goes, so nothing is left behind by a crash. The bus is the
 * system's, or what DBUS_SYSTEM_BUS_ADDRESS names.
 */

struct dns_resolved;

enum { DNS_RESOLVED_TIMEOUT = 2 }; /* seconds, of all calls of one turn together */

/* file: /etc/resolv.conf, which leads to it where programs are to ask it. */
enum err dns_resolved_new(const char *file, struct dns_resolved **out_context);
void dns_resolved_free(struct dns_resolved *context);

extern const struct dns_backend dns_resolved_backend;
