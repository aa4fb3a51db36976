#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "engine/snapshot.h"
#include "proto/device.h"
#include "proto/device_news.h"
#include "proto/device_prefixes.h"
#include "proto/device_sockets.h"
#include "proto/key_table.h"
#include "proto/phaze_command.h"
#include "proto/phaze_config.h"
#include "proto/phaze_pass.h"
#include "proto/phaze_peer.h"
#include "proto/phaze_trust.h"
#include "wire/parameters.h"

/*
 * The device's editable state, and its peers as the control thread has them: a server's members, or
 * a client's one server. Edits change it at once and mark what shards must hear of;
 * phaze_control_commit() tells them. Files: phaze_control (peers, commit), phaze_sessions (what
 * handshakes lead to), phaze_tickets, phaze_gate and phaze_handshakes (a server's), phaze_dial (a
 * client's handshakes), phaze_device (life), phaze_set and phaze_draft (set operations), phaze_uapi
 * (answers).
 */

struct phaze_gate;
struct phaze_dial;

enum {
	PHAZE_ENDPOINTS_MAX = 8,
	PHAZE_MEMBERS_MAX = 20000, /* of a server */
};

/* What is configured of the interface, but for its sockets and the PEM texts. */
struct phaze_settings {
	enum phaze_role role;
	bool client_to_client;
	size_t cipher_count;
	uint8_t ciphers[PHAZE_CIPHERS_KNOWN]; /* enum phaze_cipher: offered, or allowed */
	/* A server tells these; a client has its own, or what it is told where that is less. */
	uint32_t rekey_seconds, rekey_packets; /* never 0 */
	uint16_t keepalive;                    /* s; never 0 */
	struct parameters tells; /* a server's to all of its members: no addresses, no ticket */
	uint8_t transports;      /* of enum phaze_transport: that clients come by, or it goes by */
	uint8_t demands;         /* PHAZE_BY_*: a server's */
	uint32_t ticket_seconds; /* a server's; 0: it gives out none */
	uint8_t ticket_key[AEAD_KEY_SIZE]; /* zeros: none, and no ticket is stored */
	uint8_t signing_key[ED25519_KEY_SIZE];
	uint8_t pin[CERTIFICATE_PIN_SIZE];
	char server_name[PHAZE_SERVER_NAME_MAX + 1];
};

/* Bits. A client tries the first of both first. */
enum phaze_transport { PHAZE_OVER_UDP = 1, PHAZE_OVER_TCP = 2 };

/* PEM. */
enum phaze_text { PHAZE_AUTHORITIES, PHAZE_REVOKED, PHAZE_CERTIFICATES, PHAZE_TEXTS };

/* What is configured of a peer, but for its allowed IPs. */
struct phaze_profile {
	char name[UAPI_NAME_MAX + 1]; /* a member's user; at a client the user that logs in */
	size_t endpoint_count;        /* a client's server */
	struct endpoint endpoints[PHAZE_ENDPOINTS_MAX];
	size_t address_count; /* told to a member */
	struct prefix addresses[INTERFACE_SETTINGS_ADDRESSES_MAX];
	uint64_t rate, until; /* 0: none */
};

struct phaze_member {
	struct phaze_peer shared; /* first */
	struct list link;         /* the device's, in the order of their making */
	struct list changed_link;
	struct list allowed_ips; /* struct device_prefix */
	struct phaze_profile profile;
	unsigned changes; /* enum phaze_change, to be told to the owner */
	uint64_t quota_end;
	enum phaze_close_code end;
	uint64_t told_bytes; /* of all that was sent and received, that the host knows of */
	unsigned told_in;    /* the round of telling all of them */

	/* Its one ticket: see phaze_tickets.h. */
	bool ticket_known;  /* in this run: what others stored is older */
	bool ticket_untold; /* who stores it could not be told */
	bool has_ticket;
	uint8_t ticket_hash[HASH_SIZE];
	struct phaze_pass pass;
	unsigned kills; /* of its ticket, by us: sessions of before bring none */
	bool logs_in;   /* a client's server: who logs in was said after the ticket came */

	/* Its session, as far as the owner has told. */
	uint64_t number;     /* 0: there is none */
	uint64_t resumes_at; /* ns: the next one by a ticket, at the earliest */
	bool by_certificate;
	struct chain_mark mark;
};

struct phaze_snapshot {
	struct snapshot snapshot; /* first */
	struct phaze_config config;
	struct trie *allowed_ips; /* whose view it holds */
};

struct device {
	struct engine *engine;
	struct interface *interface;
	const struct device_host *host;

	struct phaze_settings settings;
	struct uapi_text texts[PHAZE_TEXTS];
	struct phaze_trust *trust; /* made of both */
	struct list members;
	size_t member_count;
	struct key_table by_identity, by_ticket; /* to struct phaze_member */
	struct device_prefixes prefixes;
	struct device_sockets sockets;
	struct phaze_snapshot *snapshot; /* the published one */

	/* Edits since the last commit. */
	struct list changed, removed; /* members */
	bool config_changed;          /* prefixes and sockets have their own */

	struct device_newsbox news; /* of shards */
	struct phaze_newsbox box;   /* likewise */
	struct list offers;         /* sessions that are not known to be current: phaze_sessions.c */
	uint64_t last_number;       /* of sessions */
	uint64_t next_sweep;        /* ns, for whose time is over; CLOCK_NEVER: no need to */
	uint64_t next_tell;         /* likewise, what members used */
	uint64_t next_ticket;       /* likewise, tickets that could not be told */
	unsigned telling;           /* the round of that */
	struct phaze_gate *gate;
	struct phaze_dial *dial;
	struct list connections; /* whose handshakes go on: phaze_connections.c */
};

uint64_t phaze_control_now(const struct device *device);
/* Seconds since 1970. */
uint64_t phaze_control_wall(const struct device *device);

/* NULL when there is none. */
struct phaze_member *phaze_control_find(const struct device *device,
										const uint8_t identity[static HASH_SIZE]);
/* One that is not the device's yet; NULL when memory is short. */
struct phaze_member *phaze_control_make(struct device *device,
										const uint8_t identity[static HASH_SIZE]);
/* One that no shard knows, or knows any more. NULL is fine. */
void phaze_control_free(struct phaze_member *member);
/* It becomes the device's. ERR_NO_MEMORY. */
enum err phaze_control_add(struct device *device, struct phaze_member *member);
void phaze_control_remove(struct device *device, struct phaze_member *member);
/* A client's server, or NULL. */
struct phaze_member *phaze_control_only(const struct device *device);

/* Marks what the owner must hear of; the new values stand in the member. */
void phaze_control_change(struct device *device, struct phaze_member *member, unsigned changes);

/* What a member is told, but for a ticket. ERR_LIMIT where it is too much. */
enum err phaze_control_tell(const struct phaze_settings *settings,
							const struct phaze_profile *profile, struct parameters *out_parameters);

/* Tells the shards. On ERR_NO_MEMORY the edits stay and go out with the next commit. */
enum err phaze_control_commit(struct device *device);
/* The first snapshot, before there are shards. */
enum err phaze_control_first_snapshot(struct device *device);

/* phaze_set.c: a set operation; errno. What a login says is not to be saved: phaze_credentials.h.
 */
int phaze_set(struct device *device, struct slice text, bool *out_is_login);
/* Of settings and texts, as the operation would have them. */
enum err phaze_set_trust(const struct device *device, const struct phaze_settings *settings,
						 const struct uapi_text texts[static PHAZE_TEXTS],
						 struct phaze_trust **out_trust);

/* phaze_uapi.c: what get and status answer has no secrets. */
void phaze_uapi_get(const struct device *device, struct uapi_text *out_text);
void phaze_uapi_status(const struct device *device, struct uapi_text *out_text);
/* All of the configuration as the lines of a set operation. */
void phaze_uapi_dump(const struct device *device, struct uapi_text *out_text);
/* "aes-256-gcm" and the like, "password" and "certificate", "udp" and "tcp"; ERR_INVALID for none,
 * unknown ones or one twice. */
enum err phaze_uapi_parse_ciphers(const char *text, struct phaze_settings *settings);
enum err phaze_uapi_parse_demands(const char *text, struct phaze_settings *settings);
enum err phaze_uapi_parse_transport(const char *text, struct phaze_settings *settings);
