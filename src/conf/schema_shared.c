#include "conf/schema_shared.h"

#define AT(member) SCHEMA_SHARED_AT(member)

/* Counts stand behind their pointers, as in struct config_prefixes. */
_Static_assert(sizeof(struct config_hosts) == sizeof(struct config_prefixes) &&
			   offsetof(struct config_hosts, count) == offsetof(struct config_prefixes, count));
_Static_assert(offsetof(struct config_tunnel, shared.push.dns_count) ==
			   offsetof(struct config_tunnel, shared.push.dns) + sizeof(void *));

/* In the order that stands for an absent key. */
const char *const schema_ciphers[] = {"aes-256-gcm", "chacha20-poly1305", NULL};
_Static_assert(sizeof schema_ciphers / sizeof schema_ciphers[0] == CONFIG_CIPHERS_MAX + 1);

enum {
	DAY = 24 * 60 * 60, /* seconds */
	PACKETS_MIN = 1000,
	PACKETS_MAX = 1 << 30, /* wire/parameters.h */
	MTU_MAX = 65475,
};

const struct schema_row schema_rekey_rows[] = {
	{.key = "seconds",
	 .type = SCHEMA_NUMBER,
	 .flags = SCHEMA_OF_EITHER,
	 AT(rekey.seconds),
	 .minimum = 1,
	 .maximum = DAY,
	 .absent = "600; 120 where clients log in",
	 .example = "600",
	 .help = "Age of the keys in seconds."},
	{.key = "packets",
	 .type = SCHEMA_NUMBER,
	 .flags = SCHEMA_OF_EITHER,
	 AT(rekey.packets),
	 .minimum = PACKETS_MIN,
	 .maximum = PACKETS_MAX,
	 .absent = "16777216; 1073741824 where clients log in",
	 .example = "16777216",
	 .help = "Packets that went in either direction under them."},
	{0},
};

const struct schema_row schema_push_rows[] = {
	{.key = "routes",
	 .type = SCHEMA_PREFIXES,
	 .flags = SCHEMA_OF_EITHER | SCHEMA_OF_SERVER | SCHEMA_ABSENCE,
	 AT(push.routes),
	 .absence = offsetof(struct config_tunnel, shared.push.routes_absent),
	 .maximum = INTERFACE_SETTINGS_ROUTES_MAX,
	 .absent = "the tunnel's networks",
	 .example = "[10.66.0.0/24, \"fd66::/64\", 192.168.7.0/24]",
	 .help = "What clients are to send through the tunnel; those whose own routes.include says "
			 "something else keep to that."},
	{.key = "dns",
	 .type = SCHEMA_ADDRESSES,
	 .flags = SCHEMA_OF_EITHER | SCHEMA_OF_SERVER,
	 AT(push.dns),
	 .maximum = INTERFACE_SETTINGS_SERVERS_MAX,
	 .standard = "",
	 .example = "[10.66.0.1]",
	 .help = "Name servers that clients are to ask."},
	{.key = "domains",
	 .type = SCHEMA_NAMES,
	 .flags = SCHEMA_OF_EITHER | SCHEMA_OF_SERVER,
	 AT(push.domains),
	 .maximum = INTERFACE_SETTINGS_DOMAINS_MAX,
	 .standard = "",
	 .example = "[corp.example.org]",
	 .help = "Domains in which names without dots are looked up."},
	{.key = "mtu",
	 .type = SCHEMA_NUMBER,
	 .flags = SCHEMA_OF_EITHER | SCHEMA_OF_SERVER | SCHEMA_OFF,
	 AT(push.mtu),
	 .minimum = INTERFACE_SETTINGS_MTU_MIN,
	 .maximum = MTU_MAX,
	 .standard = "off",
	 .help = "Largest packet of their interfaces, in bytes; 1280 and more with IPv6 addresses. "
			 "off: each finds its own."},
	{0},
};
