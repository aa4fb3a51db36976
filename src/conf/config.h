#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "conf/config_login.h"
#include "conf/config_shared.h"
#include "conf/config_streams.h"
#include "conf/config_values.h"

/*
 * The configuration as the rest of the daemon reads it: plain structures, filled by the rows of
 * schema.c with every default in place, checked as a whole. All memory belongs to struct config.
 */

enum {
	CONFIG_TUNNELS_MAX = 64,
	CONFIG_NAME_SIZE = 16, /* a tunnel's, which is the interface's: IFNAMSIZ */
	CONFIG_HOST_MAX = 253, /* characters of a host's name, RFC 1035 section 2.3.4 */
	CONFIG_LABEL_MAX = 63, /* characters of a node's or peer's name */
};

/* Where something stands, for messages. */
struct config_position {
	const char *file;
	unsigned line; /* from 1 */
};

struct config_peer {
	struct config_position position;
	const char *name; /* never NULL: the first eight characters of the key when absent */
	/* Where ends share keys, the identity of theirs; zeros until the key was read. Of a server that
	 * one logs in to: crypto/member.h. */
	uint8_t public_key[TEXT_KEY_SIZE];
	const char *preshared_key_file;       /* absolute; NULL: absent */
	uint8_t preshared_key[TEXT_KEY_SIZE]; /* read with CONFIG_SECRETS, otherwise zeros */
	struct config_host endpoint;
	struct config_hosts others; /* further endpoints, where ends share keys */
	struct config_prefixes allowed_ips;
	struct config_prefixes told;   /* addresses, with their networks' lengths, for its client */
	uint16_t persistent_keepalive; /* seconds, 0: off */
	bool umbra;                    /* the other end runs Umbra, too */
	struct config_texts rules;     /* of a client's streams, before the tunnel's; or packets */
};

/* What `umbra peer export` and `umbra peer add` write into files for others. */
struct config_clients {
	struct config_host endpoint; /* where they reach this tunnel */
	const struct address *dns;
	size_t dns_count;
	struct config_prefixes allowed_ips; /* what they send here; the tunnel's networks when empty */
	uint16_t persistent_keepalive;
};

enum config_dns_manager {
	CONFIG_DNS_AUTO,
	CONFIG_DNS_RESOLVED,
	CONFIG_DNS_RESOLVCONF,
	CONFIG_DNS_FILE,
	CONFIG_DNS_OFF,
};

/* Name servers of a tunnel, for this host. */
struct config_dns {
	const struct address *servers;
	size_t server_count;
	bool servers_absent;         /* or "push": those that a server gives, where there is one */
	struct config_names domains; /* none: all names */
	struct config_names search;
	bool leak_protection_absent; /* then it follows from the rest, see plan_dns_protects() */
	bool leak_protection;
	enum config_dns_manager manager;
};

struct config_tunnel {
	struct config_position position;
	char name[CONFIG_NAME_SIZE];
	const char *protocol;
	bool carries_streams; /* the protocol does; otherwise packets */
	bool shares_keys;     /* carries packets, and each pair of ends has one key */
	bool logs_in;         /* carries packets, and clients are users who log in */
	bool autostart;
	/* Port 0: any. An unspecified v6 address ("[::]") is both families. */
	struct endpoint listen;
	const char *private_key_file;       /* absolute */
	uint8_t private_key[TEXT_KEY_SIZE]; /* read with CONFIG_SECRETS, otherwise zeros */
	/* Of the interface, with their networks' lengths; host bits stay. */
	struct config_prefixes addresses;
	struct config_choice mtu;    /* automatic, or 576..65475 (1280 and more with v6 addresses) */
	struct config_choice fwmark; /* automatic, off, or the mark */
	bool masquerade; /* forwards, and hides what comes out of the tunnel behind this host */
	bool forward;    /* forwards only; masquerade implies it */
	bool kill_switch, kill_switch_absent; /* see plan_kill_switch() */
	bool allow_lan; /* with the kill switch: the LAN is reached all the same */
	struct {
		bool from_peers; /* include is absent: the peers' allowed IPs */
		struct config_prefixes include;
		/* What a server may have this end route besides; absent: see plan_pushed.h */
		struct config_prefixes accept;
		bool accept_absent;
		struct config_prefixes exclude; /* of what goes into the tunnel: goes past it */
		struct config_choice table;     /* automatic, off (no routes), or the table's number */
		/* Addresses of these names and all below them go into the tunnel; past it. */
		struct config_names include_domains, exclude_domains;
	} routes;
	struct config_dns dns;
	struct config_peer *peers;
	size_t peer_count;
	struct config_clients clients;

	/* Of a tunnel that carries streams, or shares keys, or whose clients log in. */
	enum config_role role;
	bool role_absent;            /* only while it is checked */
	struct config_shared shared; /* see config_has_shared() */
	struct config_login login;   /* where clients log in */

	/* Of a tunnel that carries streams; without addresses it has no interface. */
	struct config_tls tls;
	struct config_decoy decoy;
	struct {
		enum config_padding padding;
		const char *cookie;               /* its name */
		const char *path;                 /* that a client asks for */
		struct config_choice connections; /* a client's */
		struct config_choice limit;       /* streams of one client at once */
		struct config_choice memory;      /* MiB, of all of them */
	} streams;
	struct config_policy policy;
	struct config_proxy proxy;
	const struct config_forward *forwards;
	size_t forward_count;
};

enum config_sandbox { CONFIG_SANDBOX_OFF, CONFIG_SANDBOX_ON };

enum config_log_format { CONFIG_LOG_TEXT, CONFIG_LOG_JSON };

struct config {
	const char *path; /* absolute, of the file read first */
	struct {
		const char *name; /* the host's when absent */
		const char *state_dir;
		const char *user; /* account of the processes net and control */
		enum config_sandbox sandbox;
		/* Asked for endpoints' names; the system's own when absent. */
		const struct address *resolvers;
		size_t resolver_count;
		bool resolvers_absent;
		struct {
			enum log_level level;
			enum config_log_format format;
		} log;
		struct config_choice shards; /* automatic, or 1..16 */
		const char *aead;            /* auto | openssl | ipsec-mb */
		struct {                     /* each can be switched off */
			bool tun, tun_udp, udp_send, udp_receive;
		} offload;
		struct endpoint dns_step; /* port 0: there is none */
	} node;
	struct {
		const char *socket;
		struct endpoint metrics; /* port 0: none; "[::]" is both families */
	} control;
	struct config_tunnel *tunnels; /* in the file's order */
	size_t tunnel_count;
	void *memory; /* the loader's: everything above */
};

/* "tunnels.um0.mtu=1280": a scalar in place of the file's, or where the file has none. */
struct config_override {
	const char *path, *value;
};

enum config_flag {
	CONFIG_SECRETS = 1, /* read the key files: an unreadable or world-readable one is an error */
};

struct config_source {
	const char *path; /* of the file; names the text in messages when there is one */
	const char *text; /* in place of the file's content when not NULL; then without include */
	size_t text_size;
	const struct config_override *overrides;
	size_t override_count;
	unsigned flags; /* enum config_flag */
};

/*
 * Every fault found, up to a limit, one line each without its newline:
 *
 *   umbra.yaml:12: tunnels.um0.mtu: "big" is no number; auto, or 576 to 65475
 */
struct config_errors {
	char **lines;
	size_t count;
	bool more; /* there were more than CONFIG_ERRORS_MAX */
};

enum { CONFIG_ERRORS_MAX = 20 };

/*
 * ERR_INVALID with at least one line in *out_errors for everything that is wrong with the file or
 * what it names; ERR_NO_MEMORY. *out_errors is always to be given to config_errors_done().
 */
enum err config_load(const struct config_source *source, struct config **out_config,
					 struct config_errors *out_errors);
void config_errors_done(struct config_errors *errors);
/* Wipes the keys. NULL-safe. */
void config_free(struct config *config);

/* NULL when there is none of the name. */
const struct config_tunnel *config_find(const struct config *config, const char *name);

/*
 * All values in force, defaults included and paths absolute, as YAML that config_load() reads
 * back to the same values. No secret: keys are in files. *out_text is the caller's (free).
 */
enum err config_dump(const struct config *config, char **out_text, size_t *out_size);

/* The protocol of a tunnel that a new file gets; the first of the build's list. */
const char *config_default_protocol(void);
/* The first that carries streams, whose ends share keys, whose clients log in; NULL: none does. */
const char *config_stream_protocol(void);
const char *config_shared_protocol(void);
const char *config_login_protocol(void);
/* Whether a server may say what this end's interface is to have: a client's that carries packets.
 */
bool config_takes_settings(const struct config_tunnel *tunnel);
/* NULL: false. */
bool config_carries_streams(const char *protocol);
bool config_shares_keys(const char *protocol);
bool config_logs_in(const char *protocol);
/* Whether it carries packets between a server and its clients, so that `shared` is filled in. */
bool config_has_shared(const struct config_tunnel *tunnel);
/* Whether all packets of an address family are to go into it. */
bool config_routes_default(const struct config_tunnel *tunnel);

/*
 * The reference of every key, from the schema's rows. *out_text is the caller's (free).
 *   CONFIG_REFERENCE_TEXT  for a terminal
 *   CONFIG_REFERENCE_YAML  a commented configuration: every default of a tunnel of packets, and
 * what a server and a client of streams have besides CONFIG_REFERENCE_MAN   the KEYS section of
 * umbra.yaml(5) in man(7) macros
 */
enum config_reference { CONFIG_REFERENCE_TEXT, CONFIG_REFERENCE_YAML, CONFIG_REFERENCE_MAN };
enum err config_reference(enum config_reference form, char **out_text, size_t *out_size);
