#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Sizes and larger bodies of the messages of process.h. */

enum {
	PROCESS_VERSION = 4,
	PROCESS_MESSAGE_MAX = 640,
	PROCESS_DESCRIPTORS_MAX = 64,
	PROCESS_NAME_SIZE = 16,  /* IFNAMSIZ */
	PROCESS_TEXT_SIZE = 512, /* for a person, with its NUL */
	PROCESS_KEY_SIZE = 32,
	PROCESS_TUNNELS_MAX = 64,
	PROCESS_SHARDS_MAX = 16,
	PROCESS_MTU_MIN = 68, /* RFC 791 section 3.2; the least that TUN devices take */
	PROCESS_MTU_MAX = 65535,
	PROCESS_ADDRESSES_MAX = 32,
	PROCESS_SERVERS_MAX = 16,   /* name servers of a tunnel, or of the system */
	PROCESS_LISTENERS_MAX = 32, /* listening sockets of a tunnel of streams */
	PROCESS_SOCKETS_MAX = 32,   /* that are asked for at once */
	PROCESS_HOST_SIZE = 254,    /* a name of the DNS, with its NUL */
	PROCESS_FOUND_MAX = 16,     /* addresses of such a name */
	PROCESS_HASH_SIZE = 32,
	PROCESS_TICKET_MAX = 240,    /* bytes of a sealed ticket */
	PROCESS_FILE_MAX = 64 << 20, /* bytes of a text that travels as a sealed memfd */
};

/* What the TUN queues were opened with. */
enum process_offload {
	PROCESS_OFFLOAD_HEADER = 1, /* IFF_VNET_HDR: every packet has a virtio header */
	PROCESS_OFFLOAD_TCP = 2,    /* TSO4 and TSO6 */
	PROCESS_OFFLOAD_UDP = 4,    /* USO4 and USO6 */
};

struct process_attach {
	char name[PROCESS_NAME_SIZE]; /* of the interface, NUL-terminated */
	uint32_t mtu;                 /* 0 without an interface */
	uint8_t shards;               /* 1..PROCESS_SHARDS_MAX; 0: there is no interface */
	bool up;
	uint8_t offloads;                 /* enum process_offload */
	char protocol[PROCESS_NAME_SIZE]; /* empty: the first of them all */
	uint8_t streams;                  /* listening sockets, 0..PROCESS_LISTENERS_MAX */
};

/* Of SOCKETS; the order is that of enum stream_socket (tunnel/stream_host.h). */
enum process_socket {
	PROCESS_SOCKET_TCP_V4,
	PROCESS_SOCKET_TCP_V6,
	PROCESS_SOCKET_UDP_V4,
	PROCESS_SOCKET_UDP_V6,
	PROCESS_SOCKET_ASSOCIATION,
	PROCESS_SOCKET_KINDS,
};

enum process_found {
	PROCESS_FOUND,            /* at least one address */
	PROCESS_FOUND_NONE,       /* no such name, or it has no address */
	PROCESS_FOUND_UNANSWERED, /* nobody answered */
	PROCESS_FOUND_LIMIT,      /* too many ask */
};

struct process_sockets {
	uint8_t kind;   /* enum process_socket */
	uint8_t count;  /* 1..PROCESS_SOCKETS_MAX; 0 beside an error */
	uint32_t error; /* errno of the answer, 0 = success, and in a request */
};

struct process_resolve {
	uint32_t id; /* comes back */
	char name[PROCESS_HOST_SIZE];
};

struct process_resolved {
	uint32_t id;
	uint8_t result; /* enum process_found */
	uint8_t count;  /* 1..PROCESS_FOUND_MAX; 0 where nothing was found */
	struct {
		uint8_t family;
		uint8_t bytes[16]; /* zeros behind a v4 address */
	} items[PROCESS_FOUND_MAX];
};

/* What a stranger speaks. */
enum process_http {
	PROCESS_HTTP1,
	PROCESS_HTTP2,
	PROCESS_HTTP_PLAIN, /* without TLS, where TLS was expected */
};

struct process_stranger {
	uint8_t http; /* enum process_http */
	uint8_t family;
	uint8_t address[16]; /* zeros behind a v4 address */
	uint16_t port;       /* not 0 */
	uint32_t scope;
};

/* What was decided about a login. */
struct process_verdict {
	uint64_t id;                          /* of the login */
	uint8_t reject;                       /* enum process_reject */
	uint8_t public_key[PROCESS_KEY_SIZE]; /* of the member; zeros where nobody was let in */
	bool loaded;                          /* many wait */
};

/* Those of a login's verdict, in the order of enum device_reject (proto/device.h). */
enum process_reject {
	PROCESS_ACCEPTED,
	PROCESS_REJECT_CREDENTIALS,
	PROCESS_REJECT_BUSY,
	PROCESS_REJECT_EXPIRED,
	PROCESS_REJECT_QUOTA,
	PROCESS_REJECT_DEVICES,
	PROCESS_REJECT_ADDRESS,
	PROCESS_REJECTS,
};

/* The one ticket that a peer has from now on. */
struct process_ticket {
	uint8_t public_key[PROCESS_KEY_SIZE];
	uint8_t hash[PROCESS_HASH_SIZE]; /* of its id */
	uint64_t until;                  /* seconds since the Unix epoch */
	uint8_t size;                    /* 0: it has none; the two above are zero then */
	uint8_t sealed[PROCESS_TICKET_MAX];
};

/* Bytes of both directions that a peer had since it was told last, not 0. */
struct process_used {
	uint8_t public_key[PROCESS_KEY_SIZE];
	uint64_t bytes;
};

/* Of EVENT. */
struct process_happened {
	uint8_t kind; /* enum process_event */
	uint8_t public_key[PROCESS_KEY_SIZE];
	uint8_t family;      /* 0: no endpoint */
	uint8_t address[16]; /* zeros behind a v4 address */
	uint16_t port;
	uint32_t scope;
	uint32_t count;
	char text[PROCESS_TEXT_SIZE]; /* may be empty */
};

/* Where a peer is reached. */
struct process_endpoint {
	uint8_t public_key[PROCESS_KEY_SIZE];
	uint8_t family;
	uint8_t address[16]; /* zeros behind a v4 address */
	uint16_t port;       /* not 0 */
	uint32_t scope;
};

/* A name server. */
struct process_upstream {
	bool system;    /* one of this host's own; the slot is 0 */
	uint8_t server; /* which of them, from 0 */
};

/* Of names whose addresses are led. */
struct process_addresses {
	bool exclude;  /* past the tunnel; otherwise into it */
	uint32_t ttl;  /* seconds */
	uint8_t count; /* 1..PROCESS_ADDRESSES_MAX */
	struct {
		uint8_t family;
		uint8_t bytes[16]; /* zeros behind a v4 address */
	} items[PROCESS_ADDRESSES_MAX];
};

struct process_resolvers {
	uint8_t count; /* 0..PROCESS_SERVERS_MAX */
	struct process_resolver {
		uint8_t family;
		uint8_t address[16]; /* zeros behind a v4 address */
		uint16_t port;       /* not 0 */
	} servers[PROCESS_SERVERS_MAX];
};
