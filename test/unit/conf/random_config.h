#pragma once

#include <stdint.h>
#include <stdio.h>

/* Configurations of any shape that are good, from a number. */

struct random_config {
	uint64_t state;
	char text[64 << 10];
	size_t used;
};

static inline uint32_t random_below(struct random_config *config, uint32_t limit) {
	config->state = config->state * 6364136223846793005U + 1442695040888963407U;
	return (uint32_t)(config->state >> 33) % limit;
}

#define random_add(config, ...)                                          \
	((config)->used += (size_t)snprintf((config)->text + (config)->used, \
										sizeof(config)->text - (config)->used, __VA_ARGS__))

#define random_pick(config, ...)                      \
	((const char *const[]){__VA_ARGS__}[random_below( \
		config, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))])

/* Half of all keys are there. */
#define random_key(config, indent, key, ...)                                                      \
	do {                                                                                          \
		if (random_below(config, 2))                                                              \
			random_add(config, "%*s%s: %s\n", indent, "", key, random_pick(config, __VA_ARGS__)); \
	} while (0)

static inline void random_networks(struct random_config *config, int indent, const char *key) {
	if (random_below(config, 3) == 0)
		return;
	random_add(config, "%*s%s: [", indent, "", key);
	uint32_t count = random_below(config, 4), base = random_below(config, 200);
	for (uint32_t i = 0; i < count; i++) {
		if (random_below(config, 2))
			random_add(config, "%s10.%u.%u.%u/%u", i > 0 ? ", " : "", base + i,
					   random_below(config, 256), random_below(config, 256),
					   8 + random_below(config, 25));
		else
			random_add(config, "%s\"fd%02x::%x/%u\"", i > 0 ? ", " : "", base + i,
					   1 + random_below(config, 65535), 16 + random_below(config, 113));
	}
	random_add(config, "]\n");
}

/* Prefixes and keys carry the peer's number, so that none of them stands twice. */
static inline void random_peer(struct random_config *config, uint32_t number) {
	uint8_t key[TEXT_KEY_SIZE];
	char encoded[TEXT_KEY_BASE64_SIZE];
	for (size_t i = 0; i < sizeof key; i++)
		key[i] = (uint8_t)random_below(config, 256);
	key[0] = (uint8_t)number;
	key[1] = 255;
	text_key_encode(key, encoded);
	random_add(config, "      - public_key: %s\n", encoded);
	if (random_below(config, 2))
		random_add(config, "        name: \"peer %u%s\"\n", number,
				   random_pick(config, "", "@home", ".example", "_-"));
	random_key(config, 8, "preshared_key_file", "psk", "../a b", "\"/k\\u00fc\\U0001f511\"");
	random_key(config, 8, "endpoint", "a.example:1", "\"[2001:db8::1]:2\"", "192.0.2.1:65535",
			   "\"[fe80::1%eth0]:3\"");
	if (random_below(config, 2))
		random_add(config, "        allowed_ips: [10.9.%u.0/24, \"fd99:%x::1/128\"]\n", number,
				   number);
	random_key(config, 8, "persistent_keepalive", "off", "0", "25", "65535");
}

static inline void random_tunnel(struct random_config *config, uint32_t number) {
	random_add(config, "  %s%u:\n    private_key_file: %s\n",
			   random_pick(config, "um", "a.b-", "0x_"), number,
			   random_pick(config, "k", "./k", "/k", "\"a'b \\\"c\\\"\\\\\"", "'# no comment'"));
	random_key(config, 4, "autostart", "true", "false");
	if (random_below(config, 2))
		random_add(config, "    listen: \"%s%u\"\n",
				   random_pick(config, "", "192.0.2.1:", "[2001:db8::1]:"), 1000 + number);
	random_key(config, 4, "mtu", "auto", "1280", "65475");
	random_key(config, 4, "fwmark", "auto", "off", "1", "0xffffffff", "4294967295");
	random_key(config, 4, "masquerade", "true", "false");
	random_key(config, 4, "forward", "true", "false");
	random_key(config, 4, "kill_switch", "false");
	random_key(config, 4, "allow_lan", "true", "false");
	random_networks(config, 4, "addresses");
	bool dns = random_below(config, 2);
	if (random_below(config, 2)) {
		random_add(config, "    routes:\n");
		random_key(config, 6, "table", "auto", "off", "254", "4294967295");
		random_networks(config, 6, "include");
		if (!dns)
			random_key(config, 6, "exclude_domains", "[]", "d.example", "[d.example, e.f]");
		random_key(config, 6, "exclude", "[]", "192.168.7.0/24", "[10.7.7.0/24, \"fd77::/64\"]");
	}
	if (dns) {
		random_add(config, "    dns:\n");
		random_add(config, "      servers: %s\n",
				   random_pick(config, "10.0.0.1", "[]", "[10.0.0.1, \"::1\"]"));
		random_key(config, 6, "domains", "[]", "[a.example, B.Example.]", "c");
		random_key(config, 6, "search", "[]", "_x.example");
		random_key(config, 6, "leak_protection", "true", "false");
		random_key(config, 6, "manager", "auto", "resolved", "resolvconf", "file", "off");
	}
	if (random_below(config, 2)) {
		random_add(config, "    clients:\n");
		random_key(config, 6, "endpoint", "a-b.example:1", "\"[::1]:2\"");
		random_key(config, 6, "dns", "10.0.0.1", "[]", "[10.0.0.1, \"::1\"]");
		random_networks(config, 6, "allowed_ips");
		random_key(config, 6, "persistent_keepalive", "off", "25");
	}
	uint32_t peers = random_below(config, 6);
	if (peers > 0)
		random_add(config, "    peers:\n");
	for (uint32_t i = 0; i < peers; i++)
		random_peer(config, i);
}

static inline void random_config_make(struct random_config *config, uint64_t seed) {
	config->state = seed;
	config->used = 0;
	random_add(config, "node:\n");
	random_key(config, 2, "name", "gw1", "a b", "x@y.z", "'1'", "\"true\"");
	random_key(config, 2, "state_dir", "state", "/s", "\"\\xe9\"");
	random_key(config, 2, "user", "umbra", "vpn");
	random_key(config, 2, "sandbox", "on", "off");
	random_key(config, 2, "resolvers", "192.0.2.53", "[]", "[192.0.2.53, \"2001:db8::53\"]");
	random_key(config, 2, "shards", "auto", "1", "16");
	random_key(config, 2, "aead", "auto", "openssl", "ipsec-mb");
	random_key(config, 2, "log", "{ level: silent }", "{ level: debug, format: json }");
	random_key(config, 2, "dns_step", "53", "127.1.2.3:5353", "\"[::1]:53\"");
	random_key(config, 2, "offload", "{ tun: false }", "{ udp_send: false, tun_udp: true }");
	random_add(config, "control:\n");
	random_key(config, 2, "socket", "/run/c.sock", "c.sock");
	random_key(config, 2, "metrics", "9090", "0", "192.0.2.1:80", "\"[::]:65535\"");
	random_add(config, "tunnels:\n");
	uint32_t tunnels = random_below(config, 5);
	for (uint32_t i = 0; i < tunnels; i++)
		random_tunnel(config, i);
}
