#include "conf/schema.h"

#include <stddef.h>

#include "conf/config.h"
#include "conf/schema_shared.h"

/* See schema.h for what the columns are. Each path has one row, in the order of the reference. */

#define AT_NODE(member) .offset = offsetof(struct config, node.member)
#define AT_TUNNEL(member) .offset = offsetof(struct config_tunnel, member)
/* The key is the member's name. */
#define TUNNEL_KEY(member, kind) .key = #member, .type = (kind), AT_TUNNEL(member)
#define AT_PEER(member) .offset = offsetof(struct config_peer, member)

/* Counts stand behind their pointers, as in struct config_prefixes. */
_Static_assert(offsetof(struct config_tunnel, clients.dns_count) ==
			   offsetof(struct config_tunnel, clients.dns) + sizeof(void *));
_Static_assert(offsetof(struct config, node.resolver_count) ==
			   offsetof(struct config, node.resolvers) + sizeof(void *));

/* In the order of the enums that they stand for. */
static const char *const log_levels[] = {"silent", "error", "warning", "info", "debug", NULL};
static const char *const log_formats[] = {"text", "json", NULL};
_Static_assert(LOG_SILENT == 0 && LOG_ERROR == 1 && LOG_DEBUG == 4 && CONFIG_LOG_JSON == 1);

static const char *const switches[] = {"off", "on", NULL};
_Static_assert(CONFIG_SANDBOX_OFF == 0 && CONFIG_SANDBOX_ON == 1);

static const char *const aeads[] = {"auto", "openssl", "ipsec-mb", NULL};

/* The kernel's "default" and "local" tables. */
static const uint32_t kernel_tables[] = {253, 255, 0};

enum {
	SOCKET_PATH_MAX = 107, /* sun_path with its NUL */
	PATH_CHARACTERS_MAX = 4095,
	ADDRESSES_MAX = 64, /* of an interface */
	RESOLVERS_MAX = 8,
	ROUTES_MAX = 65536,
	ACCEPTED_MAX = 1024,
	DOMAINS_MAX = 256,
	ALLOWED_IPS_MAX = 65536, /* of one peer */
};

static const struct schema_row log_rows[] = {
	{.key = "level",
	 .type = SCHEMA_INDEX,
	 AT_NODE(log.level),
	 .choices = log_levels,
	 .standard = "info",
	 .help = "The least important lines that are written."},
	{.key = "format",
	 .type = SCHEMA_INDEX,
	 AT_NODE(log.format),
	 .choices = log_formats,
	 .standard = "text",
	 .help = "Lines for people, or one JSON object a line for programs."},
	{0},
};

static const struct schema_row offload_rows[] = {
	{.key = "tun",
	 .type = SCHEMA_BOOL,
	 AT_NODE(offload.tun),
	 .standard = "true",
	 .help = "Large packets and checksums over the TUN device (TSO)."},
	{.key = "tun_udp",
	 .type = SCHEMA_BOOL,
	 AT_NODE(offload.tun_udp),
	 .standard = "true",
	 .help = "The same for UDP (USO), where the kernel has it."},
	{.key = "udp_send",
	 .type = SCHEMA_BOOL,
	 AT_NODE(offload.udp_send),
	 .standard = "true",
	 .help = "Many datagrams in one send call (UDP GSO)."},
	{.key = "udp_receive",
	 .type = SCHEMA_BOOL,
	 AT_NODE(offload.udp_receive),
	 .standard = "true",
	 .help = "Many datagrams in one receive call (UDP GRO)."},
	{0},
};

static const struct schema_row node_rows[] = {
	{.key = "name",
	 .type = SCHEMA_LABEL,
	 AT_NODE(name),
	 .absent = "the host's name",
	 .example = "gw1",
	 .help = "What this machine is called in logs and status."},
	{.key = "state_dir",
	 .type = SCHEMA_PATH,
	 AT_NODE(state_dir),
	 .maximum = PATH_CHARACTERS_MAX,
	 .standard = "/var/lib/umbra",
	 .help = "Folder of what the daemon remembers: peers added with the tool, tunnels taken down, "
			 "network settings to restore."},
	{.key = "user",
	 .type = SCHEMA_LABEL,
	 AT_NODE(user),
	 .standard = "umbra",
	 .help =
		 "Account of the processes that strangers reach. Where there is none of this name, they "
		 "run under a number that nobody has."},
	{.key = "sandbox",
	 .type = SCHEMA_INDEX,
	 AT_NODE(sandbox),
	 .choices = switches,
	 .standard = "on",
	 .help = "Whether each process gives up what it does not need: account, capabilities, system "
			 "calls, files. off is for finding faults: then all run with every right."},
	{.key = "resolvers",
	 .type = SCHEMA_ADDRESSES,
	 .flags = SCHEMA_ABSENCE,
	 AT_NODE(resolvers),
	 .absence = offsetof(struct config, node.resolvers_absent),
	 .maximum = RESOLVERS_MAX,
	 .absent = "those of /etc/resolv.conf, or of systemd-resolved where that names none but itself",
	 .example = "[192.0.2.53, \"2001:db8::53\"]",
	 .help = "Name servers that are asked for the addresses of endpoints, past all tunnels; "
			 "with a kill switch nobody else is."},
	{.key = "log", .type = SCHEMA_GROUP, .rows = log_rows, .help = "The daemon's log."},
	{.key = "shards",
	 .type = SCHEMA_NUMBER,
	 .flags = SCHEMA_AUTOMATIC,
	 AT_NODE(shards),
	 .minimum = 1,
	 .maximum = 16,
	 .standard = "auto",
	 .help = "Threads that carry packets, for each tunnel a queue of its interface. auto: by the "
			 "number of processors."},
	{.key = "aead",
	 .type = SCHEMA_WORD,
	 AT_NODE(aead),
	 .choices = aeads,
	 .standard = "auto",
	 .help = "Library that encrypts packets. auto: the fastest on this machine."},
	{.key = "offload",
	 .type = SCHEMA_GROUP,
	 .rows = offload_rows,
	 .help = "Help of the kernel and network cards that can be switched off when it is faulty."},
	{.key = "dns_step",
	 .type = SCHEMA_LISTEN,
	 .flags = SCHEMA_LOOPBACK,
	 AT_NODE(dns_step),
	 .standard = "127.0.0.153:53",
	 .help = "Loopback address and port where the daemon answers this host's questions for names "
			 "while a tunnel needs that: for routes.include_domains and exclude_domains, and for "
			 "dns.domains without systemd-resolved. 0 is none."},
	{0},
};

static const struct schema_row control_rows[] = {
	{.key = "socket",
	 .type = SCHEMA_PATH,
	 .offset = offsetof(struct config, control.socket),
	 .maximum = SOCKET_PATH_MAX,
	 .standard = "/run/umbra/control.sock",
	 .help = "Socket that the tool speaks to the daemon by; only root may open it."},
	{.key = "metrics",
	 .type = SCHEMA_LISTEN,
	 .flags = SCHEMA_LOOPBACK,
	 .offset = offsetof(struct config, control.metrics),
	 .standard = "0",
	 .absent = "none; the socket has them all the same",
	 .example = "127.0.0.1:9090",
	 .help = "Address and port where Prometheus gets GET /metrics. Whoever reaches it reads names, "
			 "public keys and traffic of all peers; there is no password. A port alone is one of "
			 "127.0.0.1, 0 is none."},
	{0},
};

static const struct schema_row route_rows[] = {
	{.key = "include",
	 .type = SCHEMA_PREFIXES,
	 .flags = SCHEMA_ABSENCE,
	 AT_TUNNEL(routes.include),
	 .absence = offsetof(struct config_tunnel, routes.from_peers),
	 .maximum = ROUTES_MAX,
	 .absent = "the allowed_ips of the peers",
	 .example = "[192.0.2.0/24, \"2001:db8::/32\"]",
	 .help = "What this host sends into the tunnel."},
	{.key = "accept",
	 .type = SCHEMA_PREFIXES,
	 .flags = SCHEMA_ABSENCE | SCHEMA_OF_EITHER | SCHEMA_OF_CLIENT,
	 AT_TUNNEL(routes.accept),
	 .absence = offsetof(struct config_tunnel, routes.accept_absent),
	 .maximum = ACCEPTED_MAX,
	 .absent = "none where there is an include; otherwise any, but of public addresses none that "
			   "is wider than /16, or /32 of IPv6",
	 .example = "[10.0.0.0/8, \"fd00::/8\"]",
	 .help = "Networks that may be routed into the tunnel because the server says so, besides "
			 "include; an empty list is none. Never are default routes, what is wider than /8, or "
			 "/7 of IPv6, what is in networks of this host or of its other tunnels, and what a "
			 "server of a tunnel is in."},
	{.key = "exclude",
	 .type = SCHEMA_PREFIXES,
	 AT_TUNNEL(routes.exclude),
	 .maximum = ROUTES_MAX,
	 .standard = "",
	 .example = "[192.168.0.0/16, \"fd00::/8\"]",
	 .help = "What goes past the tunnel although include, or the peers' allowed_ips, would send it "
			 "in: the way that this host has without the tunnel. The tunnel's own networks "
			 "(addresses) stay inside."},
	{.key = "table",
	 .type = SCHEMA_NUMBER,
	 .flags = SCHEMA_AUTOMATIC | SCHEMA_OFF,
	 AT_TUNNEL(routes.table),
	 .minimum = 1,
	 .maximum = UINT32_MAX,
	 .excluded = kernel_tables,
	 .standard = "auto",
	 .help = "Routing table of the routes. auto: the main table, but default routes (0.0.0.0/0, "
			 "::/0) go to a table of their own with rules, such that the tunnel's own packets do "
			 "not run in a circle. off: no routes are made. A number: that table, default routes "
			 "as well and without rules; 254 is the main table."},
	{.key = "include_domains",
	 .type = SCHEMA_NAMES,
	 AT_TUNNEL(routes.include_domains),
	 .maximum = DOMAINS_MAX,
	 .standard = "",
	 .example = "[corp.example.org]",
	 .help = "Addresses of these names and of all below them go into the tunnel as well, from the "
			 "moment that somebody on this host asks for the name; see node.dns_step. A name that "
			 "cannot be led there is not answered. dns.manager must not be resolved."},
	{.key = "exclude_domains",
	 .type = SCHEMA_NAMES,
	 AT_TUNNEL(routes.exclude_domains),
	 .maximum = DOMAINS_MAX,
	 .standard = "",
	 .example = "[printer.example.org]",
	 .help = "Addresses of these names and of all below them go past all tunnels, in the same "
			 "manner."},
	{0},
};

static const struct schema_row peer_rows[] = {
	{.key = "name",
	 .type = SCHEMA_LABEL,
	 .flags = SCHEMA_SHARED_NEEDED,
	 AT_PEER(name),
	 .absent = "the first eight characters of public_key",
	 .example = "phone",
	 .help = "What the peer is called; no other peer of the tunnel is. Where ends share keys, "
			 "each peer has a name."},
	{.key = "public_key",
	 .type = SCHEMA_KEY,
	 .flags = SCHEMA_OF_PACKETS | SCHEMA_OF_STREAMS | SCHEMA_NEEDED,
	 AT_PEER(public_key),
	 .example = "\"hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=\"",
	 .help = "The peer's public key. \"umbra pubkey\" prints that of a private key."},
	{.key = "preshared_key_file",
	 .type = SCHEMA_PATH,
	 .flags = SCHEMA_OF_PACKETS,
	 AT_PEER(preshared_key_file),
	 .maximum = PATH_CHARACTERS_MAX,
	 .absent = "none",
	 .example = "keys/phone.psk",
	 .help = "File with a key that both sides know besides (\"umbra genpsk\" makes one); readable "
			 "by its owner alone."},
	SCHEMA_SHARED_PEER,
	{.key = "endpoint",
	 .type = SCHEMA_HOST,
	 .flags = SCHEMA_OF_PACKETS | SCHEMA_OF_STREAMS | SCHEMA_OF_CLIENT | SCHEMA_SHOWN,
	 AT_PEER(endpoint),
	 .absent = "the peer comes here first",
	 .example = "vpn.example.org:51820",
	 .stream_example = "vpn.example.org:443",
	 .help = "Where the peer is reached at first: a name or an address, and the port. A name is "
			 "resolved again when the peer does not answer."},
	{.key = "allowed_ips",
	 .type = SCHEMA_PREFIXES,
	 .flags = SCHEMA_SHARED_NEEDED,
	 AT_PEER(allowed_ips),
	 .maximum = ALLOWED_IPS_MAX,
	 .standard = "",
	 .example = "[10.66.0.2/32, \"fd66::2/128\"]",
	 .help = "What goes to this peer, and the only source addresses taken from it."},
	SCHEMA_SHARED_TOLD,
	{.key = "persistent_keepalive",
	 .type = SCHEMA_SECONDS,
	 .flags = SCHEMA_OF_PACKETS,
	 AT_PEER(persistent_keepalive),
	 .maximum = UINT16_MAX,
	 .standard = "off",
	 .help = "After so many seconds without a packet an empty one is sent, to stay reachable "
			 "behind address translation; 25 does for most."},
	{.key = "umbra",
	 .type = SCHEMA_BOOL,
	 .flags = SCHEMA_OF_PACKETS,
	 AT_PEER(umbra),
	 .standard = "false",
	 .help = "The other end runs Umbra, too: it is asked which packets its way carries whole. One "
			 "end's word is enough, and the files that umbra makes for clients have it. Other "
			 "implementations throw away what they are asked."},
	{.key = "rules",
	 .type = SCHEMA_RULES,
	 .flags = SCHEMA_OF_STREAMS | SCHEMA_OF_SHARED | SCHEMA_OF_SERVER,
	 AT_PEER(rules),
	 .maximum = CONFIG_RULES_MAX,
	 .standard = "",
	 .example = "[\"allow 10.9.0.0/16\"]",
	 .help = "Where this client's streams may lead, before the rules of policy and in their form. "
			 "Where ends share keys: where its packets may go, by addresses, and icmp is a word "
			 "like tcp and udp; what no rule fits may pass."},
	{0},
};

static const struct schema_row client_rows[] = {
	{.key = "endpoint",
	 .type = SCHEMA_HOST,
	 .flags = SCHEMA_SHOWN,
	 AT_TUNNEL(clients.endpoint),
	 .absent = "none",
	 .example = "vpn.example.org:51820",
	 .stream_example = "vpn.example.org:443",
	 .help = "Where clients reach this tunnel: a name or an address, and the port."},
	{.key = "dns",
	 .type = SCHEMA_ADDRESSES,
	 .flags = SCHEMA_OF_PACKETS | SCHEMA_OF_STREAMS,
	 AT_TUNNEL(clients.dns),
	 .maximum = RESOLVERS_MAX,
	 .standard = "",
	 .example = "[10.66.0.1]",
	 .help = "Name servers that clients ask."},
	{.key = "allowed_ips",
	 .type = SCHEMA_PREFIXES,
	 .flags = SCHEMA_OF_PACKETS | SCHEMA_OF_STREAMS,
	 AT_TUNNEL(clients.allowed_ips),
	 .maximum = ALLOWED_IPS_MAX,
	 .standard = "",
	 .absent = "the tunnel's networks",
	 .example = "[0.0.0.0/0, \"::/0\"]",
	 .help = "What clients send through the tunnel."},
	{.key = "persistent_keepalive",
	 .type = SCHEMA_SECONDS,
	 .flags = SCHEMA_OF_PACKETS,
	 AT_TUNNEL(clients.persistent_keepalive),
	 .maximum = UINT16_MAX,
	 .standard = "off",
	 .help = "After so many seconds without a packet clients send an empty one."},
	{0},
};

static const struct schema_row tunnel_rows[] = {
	{TUNNEL_KEY(protocol, SCHEMA_WORD), .choices = schema_protocols,
	 .help = "What is spoken with the peers."},
	SCHEMA_ROLE,
	{TUNNEL_KEY(autostart, SCHEMA_BOOL), .standard = "true",
	 .help = "Whether the tunnel comes up with the daemon. false: \"umbra up\" brings it up."},
	{TUNNEL_KEY(listen, SCHEMA_LISTEN), .flags = SCHEMA_OF_SERVER | SCHEMA_SHOWN,
	 .maximum = UINT16_MAX, .standard = "0", .absent = "any free port", .example = "\"[::]:51820\"",
	 .stream_example = "\"[::]:443\"",
	 .help =
		 "Port, or address and port, where peers come: of UDP sockets, or of a TCP socket where "
		 "the protocol carries streams. A port alone and [::] are IPv4 and IPv6. Tunnels of "
		 "different protocols may have one UDP port, at the same address and with the same "
		 "fwmark."},
	{TUNNEL_KEY(private_key_file, SCHEMA_PATH),
	 .flags = SCHEMA_OF_PACKETS | SCHEMA_OF_STREAMS | SCHEMA_NEEDED, .maximum = PATH_CHARACTERS_MAX,
	 .example = "keys/um0.key", .stream_example = "keys/streams.key",
	 .help = "File with this side's private key (\"umbra genkey\" makes one); readable by its "
			 "owner alone."},
	{TUNNEL_KEY(addresses, SCHEMA_NETWORKS), .flags = SCHEMA_LOGIN_SERVER_NEEDED,
	 .maximum = ADDRESSES_MAX, .standard = "", .example = "[10.66.0.1/24, \"fd66::1/64\"]",
	 .help = "The interface's addresses, with the lengths of their networks. Clients who log in to "
			 "this server get theirs of these networks."},
	{TUNNEL_KEY(mtu, SCHEMA_NUMBER), .flags = SCHEMA_AUTOMATIC, .minimum = 576, .maximum = 65475,
	 .standard = "auto",
	 .help = "Largest packet of the interface, in bytes; 1280 and more with IPv6 addresses. auto: "
			 "what fits through the routes to the peers' endpoints, 60 bytes less than they carry "
			 "over IPv4 and 80 less over IPv6; by the default route, and 80 less, where none is "
			 "given as an address: names count as none. 1500 where packets travel in streams."},
	{TUNNEL_KEY(fwmark, SCHEMA_NUMBER), .flags = SCHEMA_AUTOMATIC | SCHEMA_OFF | SCHEMA_HEXADECIMAL,
	 .minimum = 1, .maximum = UINT32_MAX, .standard = "auto",
	 .help = "Mark of the tunnel's own packets for firewall and policy rules. auto: one is chosen "
			 "when default routes need it."},
	{TUNNEL_KEY(masquerade, SCHEMA_BOOL), .standard = "false",
	 .help = "Packets that come out of the tunnel are forwarded, and leave this host with its own "
			 "address: what a server does that leads clients into the Internet."},
	{TUNNEL_KEY(forward, SCHEMA_BOOL), .standard = "false",
	 .help = "Packets between the tunnel and other networks are forwarded; masquerade implies it."},
	{TUNNEL_KEY(kill_switch, SCHEMA_BOOL), .flags = SCHEMA_ABSENCE,
	 .absence = offsetof(struct config_tunnel, kill_switch_absent),
	 .absent = "true for a tunnel that takes a default route, 0.0.0.0/0 or ::/0",
	 .example = "false",
	 .help = "Nothing leaves this host past the tunnel, of either family, whether the tunnel works "
			 "or not, from the start of umbrad until \"umbra down\"; umbrad(8) has what passes."},
	{TUNNEL_KEY(allow_lan, SCHEMA_BOOL), .standard = "false",
	 .help = "With kill_switch: private and link-local networks are reached by the main table's "
			 "routes, and multicast and broadcast on the link, except for what the tunnel routes "
			 "more specifically."},
	{.key = "routes",
	 .type = SCHEMA_GROUP,
	 .rows = route_rows,
	 .help = "What this host sends into the tunnel."},
	SCHEMA_DNS,
	{.key = "peers",
	 .type = SCHEMA_PEERS,
	 .flags = SCHEMA_OF_PACKETS | SCHEMA_OF_STREAMS | SCHEMA_OF_SHARED | SCHEMA_SHARED_SERVER,
	 .rows = peer_rows,
	 .help = "The other sides; more can be added with \"umbra peer add\"."},
	{.key = "clients",
	 .type = SCHEMA_GROUP,
	 .flags = SCHEMA_OF_PACKETS | SCHEMA_OF_STREAMS | SCHEMA_OF_SHARED | SCHEMA_OF_SERVER,
	 .rows = client_rows,
	 .help = "What \"umbra peer add\" and \"umbra peer export\" write into the files of clients, "
			 "and what stands in their lines where streams are carried."},
	SCHEMA_STREAMS,
	SCHEMA_SHARED,
	{0},
};

static const struct schema_row root_rows[] = {
	{.key = "include",
	 .type = SCHEMA_INCLUDE,
	 .absent = "none",
	 .example = "[tunnels/*.yaml]",
	 .help = "Further files, or patterns of files, relative to this one. Their tunnels join those "
			 "of this file; no key may stand in two files."},
	{.key = "node", .type = SCHEMA_GROUP, .rows = node_rows, .help = "This machine."},
	{.key = "control",
	 .type = SCHEMA_GROUP,
	 .rows = control_rows,
	 .help = "How the daemon is controlled."},
	{.key = "tunnels",
	 .type = SCHEMA_TUNNELS,
	 .maximum = CONFIG_TUNNELS_MAX,
	 .example = "um0",
	 .rows = tunnel_rows,
	 .help = "The tunnels, by the names of their interfaces: up to 15 letters, digits and _.-, "
			 "beginning with a letter or digit."},
	{0},
};

const struct schema_row schema_root = {.key = "", .type = SCHEMA_GROUP, .rows = root_rows};
