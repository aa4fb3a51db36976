#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Every key of a configuration: one row says its type, range, default, help and the member that it
 * fills. The loader, --set, the dump and the reference follow the rows and know no key by name.
 */

/*                      member                    text in the file                          */
enum schema_type {
	SCHEMA_GROUP,     /* of the same structure    map of its rows                           */
	SCHEMA_TUNNELS,   /* tunnels, tunnel_count    map of maps of its rows                   */
	SCHEMA_PEERS,     /* peers, peer_count        list of maps of its rows                  */
	SCHEMA_INCLUDE,   /* none                     files or patterns of files                */
	SCHEMA_BOOL,      /* bool                     true, false                               */
	SCHEMA_WORD,      /* const char *             one of the choices                        */
	SCHEMA_INDEX,     /* enum                     one of the choices, its index counts      */
	SCHEMA_NUMBER,    /* struct config_choice     auto, off or a number, as flags say       */
	SCHEMA_SECONDS,   /* uint16_t                 off (0), or a number                      */
	SCHEMA_LABEL,     /* const char *             name of a node or peer                    */
	SCHEMA_PATH,      /* const char *             file, relative to the one it stands in    */
	SCHEMA_LISTEN,    /* struct endpoint          port, or address and port                 */
	SCHEMA_HOST,      /* struct config_host       name or address, and port                 */
	SCHEMA_ADDRESSES, /* pointer and size_t       list of struct address                    */
	SCHEMA_NAMES,     /* struct config_names      list of domain names, in lower case       */
	SCHEMA_NETWORKS,  /* struct config_prefixes   list; host bits stay                      */
	SCHEMA_PREFIXES,  /* struct config_prefixes   list; host bits are cleared               */
	SCHEMA_KEY,       /* TEXT_KEY_SIZE bytes      base64                                    */
	SCHEMA_ITEMS,     /* pointer and size_t       list of maps of its rows                  */
	SCHEMA_NAME,      /* const char *             name in lower case, or address            */
	SCHEMA_TOKEN,     /* const char *             name of a cookie                          */
	SCHEMA_URL_PATH,  /* const char *             path of a URL                             */
	SCHEMA_ORIGIN,    /* struct endpoint          http:// and an address with its port      */
	SCHEMA_RULES,     /* struct config_texts      list of wire/policy_rule.h               */
	SCHEMA_PINS,      /* struct config_pins       list of sha256/ and base64                */
	SCHEMA_HOSTS,     /* struct config_hosts      list of names or addresses, and ports     */
	SCHEMA_WORDS,     /* struct config_texts      list of choices, each once                */
	SCHEMA_LABELS,    /* struct config_texts      list of names as of nodes, each once      */
};

enum schema_flag {
	SCHEMA_REQUIRED = 1,
	SCHEMA_AUTOMATIC = 2,   /* a number may be "auto" */
	SCHEMA_OFF = 4,         /* or "off" */
	SCHEMA_HEXADECIMAL = 8, /* or 0x..., and is dumped so */
	SCHEMA_LOOPBACK = 32,   /* a port alone is one of 127.0.0.1 */
	SCHEMA_ABSENCE = 16,    /* the bool at `absence` tells that the key is absent */
	/* Of what tunnels the key is, see schema_suits(); without one of these four: of all. */
	SCHEMA_OF_PACKETS = 64, /* that carry packets, and whose ends have pairs of keys */
	SCHEMA_OF_STREAMS = 128,
	SCHEMA_OF_SHARED = 4096, /* that carry packets, and whose ends share keys */
	SCHEMA_OF_LOGIN = 65536, /* that carry packets, and whose clients log in */
	SCHEMA_OF_EITHER = SCHEMA_OF_SHARED | SCHEMA_OF_LOGIN,
	/* Among those that have roles, all but the first; without one of them: of both. */
	SCHEMA_OF_SERVER = 256,
	SCHEMA_OF_CLIENT = 512,
	SCHEMA_SHARED_SERVER = 8192,   /* among those whose ends share keys alone: of a server */
	SCHEMA_SHARED_CLIENT = 131072, /* and there: of a client */
	SCHEMA_SHARED_NEEDED = 16384,  /* and: required */
	/* Required of servers whose clients log in. */
	SCHEMA_LOGIN_SERVER_NEEDED = 262144,
	SCHEMA_PUSHED = 32768, /* a list may be "push", which is as if it were absent */
	SCHEMA_NEEDED = 1024,  /* required by the tunnels that it is of */
	SCHEMA_SHOWN = 2048,   /* stands in the reference's tunnels with roles, default or not */
};

struct schema_row {
	const char *key; /* NULL ends a table */
	enum schema_type type;
	unsigned flags;
	size_t offset; /* in struct config, config_tunnel or config_peer, whichever is innermost */
	size_t absence;
	uint32_t minimum, maximum;  /* of a number; maximum of a text's characters, list's items */
	const uint32_t *excluded;   /* numbers within the range that are refused; 0 ends */
	const char *const *choices; /* NULL ends */
	const char *standard; /* text that stands for an absent key; NULL: see schema_standard() */
	const char *absent;   /* in words: what an absent key means */
	const char *example;  /* for the reference's configuration */
	const char *stream_example;    /* there, of tunnels that carry streams; NULL: the same */
	const char *help;              /* sentences */
	const struct schema_row *rows; /* of groups, tunnels, peers, items */
	size_t size;                   /* of an item */
};

/* Groups of a tunnel that have files of their own, as rows of the tunnel's. */
extern const struct schema_row schema_dns_rows[];
#define SCHEMA_DNS                                                   \
	{                                                                \
		.key = "dns", .type = SCHEMA_GROUP, .rows = schema_dns_rows, \
		.help = "Name servers that come with the tunnel."            \
	}

extern const struct schema_row schema_tls_rows[], schema_decoy_rows[], schema_stream_rows[],
	schema_policy_rows[], schema_proxy_rows[], schema_forward_rows[];
extern const char *const schema_roles[];
#define SCHEMA_ROLE                                                                      \
	{                                                                                    \
		.key = "role", .type = SCHEMA_INDEX,                                             \
		.flags = SCHEMA_OF_STREAMS | SCHEMA_OF_EITHER | SCHEMA_ABSENCE | SCHEMA_NEEDED,  \
		.offset = offsetof(struct config_tunnel, role),                                  \
		.absence = offsetof(struct config_tunnel, role_absent), .choices = schema_roles, \
		.absent = "none; tunnels that have roles need it", .example = "server",          \
		.help = "Which end this is: a server is where clients come to."                  \
	}
#define SCHEMA_STREAM_GROUP(name, more, group_rows, text)                         \
	{                                                                             \
		.key = (name), .type = SCHEMA_GROUP, .flags = SCHEMA_OF_STREAMS | (more), \
		.rows = (group_rows), .help = (text)                                      \
	}
#define SCHEMA_STREAMS                                                                          \
	SCHEMA_STREAM_GROUP("tls", 0, schema_tls_rows, "TLS, which carries the streams."),          \
		SCHEMA_STREAM_GROUP("decoy", SCHEMA_OF_SERVER, schema_decoy_rows,                       \
							"The web site that everybody sees who is no client."),              \
		SCHEMA_STREAM_GROUP("streams", 0, schema_stream_rows,                                   \
							"Streams, and the connections that they are in."),                  \
		SCHEMA_STREAM_GROUP("policy", SCHEMA_OF_SERVER, schema_policy_rows,                     \
							"Where the streams of clients may lead."),                          \
		SCHEMA_STREAM_GROUP("proxy", SCHEMA_OF_CLIENT, schema_proxy_rows,                       \
							"A port of this host by which programs get to the server."),        \
	{                                                                                           \
		.key = "forwards", .type = SCHEMA_ITEMS, .flags = SCHEMA_OF_STREAMS | SCHEMA_OF_CLIENT, \
		.offset = offsetof(struct config_tunnel, forwards), .maximum = CONFIG_FORWARDS_MAX,     \
		.size = sizeof(struct config_forward), .rows = schema_forward_rows,                     \
		.help = "Ports of this host that lead to one target each."                              \
	}

/* The group of everything; its key is "". */
extern const struct schema_row schema_root;

/* The protocols of the build, the default first; NULL ends. */
extern const char *const schema_protocols[];
/* Those of them that carry streams, not packets; conf/protocols.c has both. */
extern const char *const schema_stream_protocols[];
bool schema_carries_streams(const char *protocol);
/* Those that carry packets, and whose ends share keys. */
extern const char *const schema_shared_protocols[];
bool schema_shares_keys(const char *protocol);
/* Those that carry packets, and whose clients log in. */
extern const char *const schema_login_protocols[];
bool schema_logs_in(const char *protocol);

struct config_tunnel;
/* Of SCHEMA_OF_PACKETS, STREAMS, SHARED and LOGIN: those that the key is of, and the tunnel's own.
 */
unsigned schema_kinds(const struct schema_row *row);
unsigned schema_kind(const struct config_tunnel *tunnel);
/* Whether the key is of such a tunnel; by its kind alone where its role is not known. */
bool schema_suits(const struct schema_row *row, const struct config_tunnel *tunnel);

/* Whether a tunnel that the key is of cannot do without. */
bool schema_needs(const struct schema_row *row, const struct config_tunnel *tunnel);

/* Whether a protocol of the build may have the key; otherwise it is as if it had no row. */
bool schema_is_there(const struct schema_row *row);

/* Whether its value is a list of texts. */
bool schema_is_list(const struct schema_row *row);

/* What stands for the key when it is absent: `standard`, or the first of a word's choices. */
const char *schema_standard(const struct schema_row *row);

/* NULL without one. Keys that no protocol of the build has are not there, here and below. */
const struct schema_row *schema_find(const struct schema_row *group, const char *key,
									 size_t key_size);

/*
 * What to say to somebody who wrote a key that the group has not: "did you mean mtu?" or the keys
 * there are.
 */
enum { SCHEMA_HINT_SIZE = 400 };
void schema_hint(const struct schema_row *group, const char *key,
				 char hint[static SCHEMA_HINT_SIZE]);

/* Calls visit() for each row below the group, a group before its rows. path: "tunnels.*.mtu". */
enum { SCHEMA_PATH_SIZE = 96 };
void schema_walk(const struct schema_row *group,
				 void (*visit)(void *context, const struct schema_row *row, const char *path,
							   unsigned depth),
				 void *context);
