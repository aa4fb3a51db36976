#include <stddef.h>

#include "conf/config.h"
#include "conf/schema.h"

/* What tunnels that carry streams have besides: groups and lists of a tunnel's rows. */

#define AT_TUNNEL(member) .offset = offsetof(struct config_tunnel, member)
#define AT_USER(member) .offset = offsetof(struct config_user, member)
#define AT_FORWARD(member) .offset = offsetof(struct config_forward, member)

/* Counts stand behind their pointers, as in struct config_prefixes. */
_Static_assert(offsetof(struct config_tunnel, forward_count) ==
			   offsetof(struct config_tunnel, forwards) + sizeof(void *));
_Static_assert(offsetof(struct config_proxy, user_count) ==
			   offsetof(struct config_proxy, users) + sizeof(void *));
_Static_assert(sizeof(struct config_texts) == sizeof(struct config_prefixes) &&
			   offsetof(struct config_texts, count) == offsetof(struct config_prefixes, count));
_Static_assert(sizeof(struct config_pins) == sizeof(struct config_prefixes) &&
			   offsetof(struct config_pins, count) == offsetof(struct config_prefixes, count));

/* In the order of the enums that they stand for. */
const char *const schema_roles[] = {"server", "client", NULL};
static const char *const paddings[] = {"none", "performance", "balanced", "stealth", NULL};
static const char *const actions[] = {"allow", "deny", NULL};
static const char *const transports[] = {"tcp", "udp", NULL};
_Static_assert(CONFIG_SERVER == 0 && CONFIG_CLIENT == 1);
_Static_assert(CONFIG_PADDING_NONE == 0 && CONFIG_PADDING_STEALTH == 3);
_Static_assert(CONFIG_ALLOW == 0 && CONFIG_DENY == 1 && CONFIG_TCP == 0 && CONFIG_UDP == 1);

enum {
	PATH_CHARACTERS_MAX = 4095,
	MEMORY_MIN = 16,
};

const struct schema_row schema_tls_rows[] = {
	{.key = "certificate_file",
	 .type = SCHEMA_PATH,
	 .flags = SCHEMA_OF_STREAMS | SCHEMA_OF_SERVER | SCHEMA_NEEDED,
	 AT_TUNNEL(tls.certificate_file),
	 .maximum = PATH_CHARACTERS_MAX,
	 .absent = "none; a server needs it",
	 .example = "tls/web.pem",
	 .help = "File with the server's certificate and those between it and a root, in PEM. "
			 "\"umbra reload\" takes up what changed in it."},
	{.key = "key_file",
	 .type = SCHEMA_PATH,
	 .flags = SCHEMA_OF_STREAMS | SCHEMA_OF_SERVER | SCHEMA_NEEDED,
	 AT_TUNNEL(tls.key_file),
	 .maximum = PATH_CHARACTERS_MAX,
	 .absent = "none; a server needs it",
	 .example = "tls/web.key",
	 .help = "File with the certificate's private key, in PEM without a passphrase; readable by "
			 "its owner alone."},
	{.key = "server_name",
	 .type = SCHEMA_NAME,
	 .flags = SCHEMA_OF_STREAMS | SCHEMA_OF_CLIENT,
	 AT_TUNNEL(tls.server_name),
	 .absent = "that of the peer's endpoint",
	 .example = "vpn.example.org",
	 .help = "The name that connections ask for, and that the server's certificate must be for."},
	{.key = "pins",
	 .type = SCHEMA_PINS,
	 .flags = SCHEMA_OF_STREAMS | SCHEMA_OF_CLIENT,
	 AT_TUNNEL(tls.pins),
	 .maximum = CONFIG_PINS_MAX,
	 .standard = "",
	 .absent = "none; the certificate must lead to a root and be for the name",
	 .example = "[sha256/hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=]",
	 .help = "Hashes of the public keys that the server may have, whatever its certificate says "
			 "(RFC 7469 section 2.4); what \"umbra init\" prints has that of the server it made."},
	{.key = "ca_file",
	 .type = SCHEMA_PATH,
	 .flags = SCHEMA_OF_STREAMS | SCHEMA_OF_CLIENT,
	 AT_TUNNEL(tls.ca_file),
	 .maximum = PATH_CHARACTERS_MAX,
	 .absent = "those of the system, " CONFIG_SYSTEM_ROOTS,
	 .example = "tls/ca.pem",
	 .help = "File with the roots that the server's certificate may lead to, in PEM."},
	{0},
};

const struct schema_row schema_decoy_rows[] = {
	{.key = "folder",
	 .type = SCHEMA_PATH,
	 .flags = SCHEMA_OF_STREAMS | SCHEMA_OF_SERVER,
	 AT_TUNNEL(decoy.folder),
	 .maximum = PATH_CHARACTERS_MAX,
	 .absent = "none",
	 .example = "site",
	 .help = "Folder with a web site of files that strangers see; read when the tunnel comes up "
			 "and by \"umbra reload\". All in it must be readable for everybody (chmod o+r, of "
			 "folders o+rx): what is not is refused."},
	{.key = "proxy",
	 .type = SCHEMA_ORIGIN,
	 .flags = SCHEMA_OF_STREAMS | SCHEMA_OF_SERVER,
	 AT_TUNNEL(decoy.proxy),
	 .absent = "none; with neither, a page of the server's own",
	 .example = "http://127.0.0.1:8080",
	 .help = "Web server that strangers are led to, by HTTP/1.1."},
	{0},
};

const struct schema_row schema_stream_rows[] = {
	{.key = "padding",
	 .type = SCHEMA_INDEX,
	 AT_TUNNEL(streams.padding),
	 .choices = paddings,
	 .standard = "balanced",
	 .help = "How sizes and times are hidden from those who watch. none and performance cost "
			 "little and hide little, balanced hides small messages and the beginnings of streams, "
			 "stealth all sizes at a price in bandwidth and delay. A client's choice is for both "
			 "directions; of a server's and a client's, the server sends by the one that hides "
			 "more."},
	{.key = "cookie",
	 .type = SCHEMA_TOKEN,
	 AT_TUNNEL(streams.cookie),
	 .maximum = CONFIG_COOKIE_MAX,
	 .standard = "session",
	 .help = "Name of the cookie that a client shows itself by; the same at both ends."},
	{.key = "path",
	 .type = SCHEMA_URL_PATH,
	 AT_TUNNEL(streams.path),
	 .maximum = CONFIG_URL_PATH_MAX,
	 .standard = "/",
	 .help = "Path that a client's first request is for; one that strangers ask for as well."},
	{.key = "connections",
	 .type = SCHEMA_NUMBER,
	 .flags = SCHEMA_OF_STREAMS | SCHEMA_OF_CLIENT,
	 AT_TUNNEL(streams.connections),
	 .minimum = 1,
	 .maximum = CONFIG_CONNECTIONS_MAX,
	 .standard = "2",
	 .help = "Connections to the server that streams are spread over."},
	{.key = "limit",
	 .type = SCHEMA_NUMBER,
	 .flags = SCHEMA_OF_STREAMS | SCHEMA_OF_SERVER,
	 AT_TUNNEL(streams.limit),
	 .minimum = 1,
	 .maximum = CONFIG_STREAMS_MAX,
	 .standard = "1024",
	 .help = "Streams of one client at once; more are refused."},
	{.key = "memory",
	 .type = SCHEMA_NUMBER,
	 .flags = SCHEMA_OF_STREAMS | SCHEMA_OF_SERVER | SCHEMA_AUTOMATIC,
	 AT_TUNNEL(streams.memory),
	 .minimum = MEMORY_MIN,
	 .maximum = CONFIG_MEMORY_MAX,
	 .standard = "auto",
	 .help = "MiB that the streams of all clients together may hold: two thirds of what targets "
			 "have not taken yet, one third of what clients have not. Beyond it the client who "
			 "holds the most loses the stream that was not read for longest. auto: a quarter of "
			 "the machine's memory, at least 64 and at most 4096. One client holds 96 at most."},
	{0},
};

const struct schema_row schema_policy_rows[] = {
	{.key = "otherwise",
	 .type = SCHEMA_INDEX,
	 .flags = SCHEMA_OF_STREAMS | SCHEMA_OF_SERVER,
	 AT_TUNNEL(policy.otherwise),
	 .choices = actions,
	 .standard = "allow",
	 .help = "What becomes of a stream that no rule is about. Private, loopback and link-local "
			 "addresses, and others of no use outside, are refused all the same."},
	{.key = "rules",
	 .type = SCHEMA_RULES,
	 .flags = SCHEMA_OF_STREAMS | SCHEMA_OF_SERVER,
	 AT_TUNNEL(policy.rules),
	 .maximum = CONFIG_RULES_MAX,
	 .standard = "",
	 .example = "[\"allow 10.1.0.0/16 tcp 22\", \"deny any tcp 25\"]",
	 .help = "Where streams may lead; the first rule that fits decides, those of the peer before "
			 "these. allow or deny; any, an address, a prefix, a name, or *. and a name for all "
			 "below it; tcp or udp, or nothing for both; ports like 80,8000-8099, or nothing for "
			 "all. A private address takes a rule about a private prefix."},
	{0},
};

static const struct schema_row user_rows[] = {
	{.key = "name",
	 .type = SCHEMA_LABEL,
	 .flags = SCHEMA_REQUIRED,
	 AT_USER(name),
	 .example = "alice",
	 .help = "The name that is asked for."},
	{.key = "password_file",
	 .type = SCHEMA_PATH,
	 .flags = SCHEMA_REQUIRED,
	 AT_USER(password_file),
	 .maximum = PATH_CHARACTERS_MAX,
	 .example = "keys/alice.password",
	 .help = "File with the password, one line; readable by its owner alone."},
	{0},
};

const struct schema_row schema_proxy_rows[] = {
	{.key = "listen",
	 .type = SCHEMA_LISTEN,
	 .flags = SCHEMA_LOOPBACK | SCHEMA_OF_STREAMS | SCHEMA_OF_CLIENT | SCHEMA_SHOWN,
	 AT_TUNNEL(proxy.listen),
	 .standard = "0",
	 .absent = "none",
	 .example = "127.0.0.1:1080",
	 .help = "Address and port of a proxy for this host's programs, SOCKS5 and HTTP on the same "
			 "port; names are resolved at the server. A port alone is one of 127.0.0.1, 0 is "
			 "none. Where others reach it, it takes users."},
	{.key = "users",
	 .type = SCHEMA_ITEMS,
	 .flags = SCHEMA_OF_STREAMS | SCHEMA_OF_CLIENT,
	 AT_TUNNEL(proxy.users),
	 .maximum = CONFIG_USERS_MAX,
	 .size = sizeof(struct config_user),
	 .rows = user_rows,
	 .help = "Who may use the proxy; without any, nobody is asked for a name."},
	{0},
};

const struct schema_row schema_forward_rows[] = {
	{.key = "protocol",
	 .type = SCHEMA_INDEX,
	 AT_FORWARD(protocol),
	 .choices = transports,
	 .standard = "tcp",
	 .help = "Whether connections or datagrams are carried."},
	{.key = "listen",
	 .type = SCHEMA_LISTEN,
	 .flags = SCHEMA_LOOPBACK | SCHEMA_REQUIRED,
	 AT_FORWARD(listen),
	 .example = "127.0.0.1:5201",
	 .help = "Address and port where they come; a port alone is one of 127.0.0.1."},
	{.key = "target",
	 .type = SCHEMA_HOST,
	 .flags = SCHEMA_REQUIRED,
	 AT_FORWARD(target),
	 .example = "10.1.1.1:5201",
	 .help = "Where they are to go, seen from the server: a name or an address, and the port."},
	{0},
};
