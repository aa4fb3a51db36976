#include <stddef.h>

#include "conf/config.h"
#include "conf/schema.h"

#define AT_DNS(member) .offset = offsetof(struct config_tunnel, dns.member)

/* Counts stand behind their pointers, as in struct config_prefixes. */
_Static_assert(offsetof(struct config_dns, server_count) ==
			   offsetof(struct config_dns, servers) + sizeof(void *));
_Static_assert(sizeof(struct config_names) == sizeof(struct config_prefixes) &&
			   offsetof(struct config_names, count) == offsetof(struct config_prefixes, count));

/* In the order of enum config_dns_manager. */
static const char *const managers[] = {"auto", "resolved", "resolvconf", "file", "off", NULL};
_Static_assert(CONFIG_DNS_AUTO == 0 && CONFIG_DNS_RESOLVED == 1 && CONFIG_DNS_OFF == 4);

enum {
	SERVERS_MAX = 8,
	DOMAINS_MAX = 256,
	SEARCH_MAX = 32,
};

const struct schema_row schema_dns_rows[] = {
	{.key = "servers",
	 .type = SCHEMA_ADDRESSES,
	 .flags = SCHEMA_ABSENCE | SCHEMA_PUSHED,
	 AT_DNS(servers),
	 .absence = offsetof(struct config_tunnel, dns.servers_absent),
	 .maximum = SERVERS_MAX,
	 .standard = "",
	 .absent = "push where a server says what this end's interface is to have; elsewhere this "
			   "host's programs go on asking those they have",
	 .example = "[10.66.0.1]",
	 .help = "Name servers that this host asks while the tunnel is up; what was set before comes "
			 "back afterwards. Programs that go past the tunnel (umbra exec --outside) ask them "
			 "through it, too. push: those that the server gives, and its search domains, where "
			 "search has none; an empty list takes none."},
	{.key = "domains",
	 .type = SCHEMA_NAMES,
	 AT_DNS(domains),
	 .maximum = DOMAINS_MAX,
	 .standard = "",
	 .absent = "all names",
	 .example = "[corp.example.org]",
	 .help = "The servers are asked for these names and all below them only (split DNS). Without "
			 "systemd-resolved the daemon sends questions to the right servers, see "
			 "node.dns_step."},
	{.key = "search",
	 .type = SCHEMA_NAMES,
	 AT_DNS(search),
	 .maximum = SEARCH_MAX,
	 .standard = "",
	 .example = "[corp.example.org]",
	 .help = "Domains in which names without dots are looked up."},
	{.key = "leak_protection",
	 .type = SCHEMA_BOOL,
	 .flags = SCHEMA_ABSENCE,
	 AT_DNS(leak_protection),
	 .absence = offsetof(struct config_tunnel, dns.leak_protection_absent),
	 .absent = "true with servers, or while those that the server gives are awaited, and without "
			   "domains, when a default route goes into the tunnel",
	 .example = "true",
	 .help = "Questions for names leave this host through tunnels only: UDP and TCP to the ports "
			 "53 and 853 are refused elsewhere, also for those whom this host forwards for. "
			 "Questions to the servers leave through this tunnel only."},
	{.key = "manager",
	 .type = SCHEMA_INDEX,
	 AT_DNS(manager),
	 .choices = managers,
	 .standard = "auto",
	 .help = "Who is told of the servers: systemd-resolved over D-Bus, the program resolvconf, or "
			 "the file /etc/resolv.conf. auto: the first of them that takes care of this host's "
			 "names. off: nobody, and leak_protection alone counts."},
	{0},
};
