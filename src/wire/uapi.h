#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/slice.h"
#include "crypto/sizes.h"

/*
 * The text protocol that `wg` speaks to userspace implementations: lines `key=value`, operations
 * ended by an empty line (the cross-platform userspace interface of WireGuard).
 */

#define UAPI_SOCKET_DIRECTORY "/var/run/wireguard"

enum uapi_key {
	UAPI_PRIVATE_KEY,
	UAPI_LISTEN_PORT,
	UAPI_FWMARK,
	UAPI_REPLACE_PEERS,
	/* Our own, of tunnels with roles and pre-shared keys alone: */
	UAPI_ROLE,
	UAPI_INSTANCE,
	UAPI_CIPHERS,
	UAPI_REKEY_SECONDS,
	UAPI_REKEY_PACKETS,
	UAPI_KEEPALIVE,
	UAPI_CLIENT_TO_CLIENT,
	UAPI_REPLACE_PUSH,
	UAPI_PUSH_ROUTE,
	UAPI_PUSH_DNS,
	UAPI_PUSH_DOMAIN,
	UAPI_PUSH_MTU,
	/* Of those among them whose clients log in. PEM comes a line at a time: */
	UAPI_REPLACE_AUTHORITIES,
	UAPI_AUTHORITY,
	UAPI_REPLACE_REVOKED,
	UAPI_REVOKED,
	UAPI_REPLACE_CERTIFICATES,
	UAPI_CERTIFICATE, /* own chain */
	UAPI_SIGNING_KEY, /* of its leaf: an Ed25519 seed */
	UAPI_PIN,         /* of the server's leaf; zeros: none */
	UAPI_SERVER_NAME, /* that is in the server's leaf */
	UAPI_DEMANDS,
	UAPI_TICKET_KEY,
	UAPI_TICKET_SECONDS,
	UAPI_TRANSPORT,  /* "udp", "tcp" or both: what clients come by, or go by in that order */
	UAPI_PUBLIC_KEY, /* opens a peer; all keys below belong to it */
	UAPI_REMOVE,
	UAPI_UPDATE_ONLY,
	UAPI_PRESHARED_KEY,
	UAPI_ENDPOINT,
	UAPI_PERSISTENT_KEEPALIVE,
	UAPI_REPLACE_ALLOWED_IPS,
	UAPI_ALLOWED_IP,
	UAPI_PROTOCOL_VERSION,
	UAPI_UMBRA, /* our own: whether the peer takes control frames, 0 or 1 */
	/* Our own, of tunnels of streams alone: */
	UAPI_NAME, /* with logins: a user's */
	UAPI_REPLACE_RULES,
	UAPI_RULE, /* wire/policy_rule.h */
	/* Of tunnels with roles again: */
	UAPI_REPLACE_ENDPOINTS,
	UAPI_ADDRESS,
	/* Of tunnels with logins again: */
	UAPI_END, /* sessions, with this code for the other end */
	/* At a client: name and password behind it are tried, and kept once they are accepted; without
	 * them it is tried at once what is known. */
	UAPI_LOGIN,
	UAPI_PASSWORD,
	UAPI_RATE,   /* bytes a second, each way; 0: any */
	UAPI_QUOTA,  /* bytes that are left */
	UAPI_UNTIL,  /* seconds since 1970; 0: for ever */
	UAPI_TICKET, /* of an earlier run */
};

enum {
	UAPI_NAME_MAX = 255,
	UAPI_TEXT_MAX = 512,
	UAPI_INSTANCE_SIZE = 8,
	UAPI_PASSWORD_MAX = 1024,
	UAPI_SEALED_MAX = 240, /* of a ticket */
};                         /* bytes */

/* One line of a set operation, checked. Secrets inside: wipe it. */
struct uapi_entry {
	enum uapi_key key;
	bool subtract; /* allowed_ip=-…: remove this prefix from the peer */
	union {
		/* Keys, pin; of instance the first UAPI_INSTANCE_SIZE */
		uint8_t bytes[X25519_KEY_SIZE];
		uint32_t number; /* also of client_to_client: 0 or 1 */
		uint64_t large;  /* rate, quota, until */
		struct endpoint endpoint;
		struct prefix prefix; /* of address with its host bits, otherwise without */
		struct address address;
		/* All other texts, lines of PEM among them: bytes from 0x20 on, but 0x7f; never empty */
		char text[UAPI_TEXT_MAX + 1];
		struct uapi_password {
			size_t size; /* never 0 */
			uint8_t bytes[UAPI_PASSWORD_MAX];
		} password;
		struct uapi_ticket {
			uint8_t hash[HASH_SIZE]; /* of its id */
			size_t size;             /* never 0 */
			uint8_t sealed[UAPI_SEALED_MAX];
		} ticket;
	};
};

/* A line without its newline. ERR_INVALID for an unknown key or a value out of range. */
enum err uapi_parse_line(const char *line, size_t size, struct uapi_entry *out_entry);

/* Takes the first line off the text, without its newline, which the last may lack. False: empty. */
bool uapi_next_line(struct slice *text, struct slice *out_line);

/* A growing text; wiped when it grows and when it is freed, as keys pass through it. */
struct uapi_text {
	char *data;
	size_t size, capacity;
	enum err error; /* sticky: ERR_NO_MEMORY; ERR_LIMIT for bytes that no line takes */
};

void uapi_text_done(struct uapi_text *text);
void uapi_put_key(struct uapi_text *text, const char *key,
				  const uint8_t bytes[static X25519_KEY_SIZE]);
/* Bytes of any number in hexadecimal: password. */
void uapi_put_bytes(struct uapi_text *text, const char *key, struct slice bytes);
void uapi_put_ticket(struct uapi_text *text, const char *key, const struct uapi_ticket *ticket);
void uapi_put_number(struct uapi_text *text, const char *key, uint64_t number);
void uapi_put_endpoint(struct uapi_text *text, const char *key, const struct endpoint *endpoint);
void uapi_put_prefix(struct uapi_text *text, const char *key, const struct prefix *prefix);
/* The caller keeps to what the parser takes. */
void uapi_put_text(struct uapi_text *text, const char *key, const char *value);
void uapi_put_line(struct uapi_text *text, const char *line); /* adds the newline */
/* As they are; adds a newline that the last lacks. */
void uapi_put_lines(struct uapi_text *text, struct slice lines);
