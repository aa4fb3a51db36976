#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/slice.h"
#include "crypto/sizes.h"
#include "crypto/tls.h"
#include "proxy/credentials.h"
#include "wire/policy_rule.h"
#include "wire/target.h"
#include "wire/uapi.h"

/*
 * What a tunnel of streams is told about itself, peers excepted, as lines `key=value`: written by
 * the privileged process from the configuration (tunnel/plan_streams.h), read by net. The lines of
 * one set operation replace all of them at once. Peers follow as in wire/uapi.h.
 */

enum stream_role { STREAM_SERVER, STREAM_CLIENT };

enum stream_listener_kind {
	STREAM_LISTENER_CARRIER, /* a server's: TLS */
	STREAM_LISTENER_MIXED,   /* a client's: SOCKS5 and HTTP */
	STREAM_LISTENER_TCP,     /* a client's: every connection goes to one target */
	STREAM_LISTENER_UDP,     /* the same of datagrams, by sender */
};

/* In the order of the sockets that come with ATTACH. */
struct stream_listener {
	enum stream_listener_kind kind;
	struct endpoint at;
	struct target target; /* of the last two */
};

/* Datagrams come there, not connections. */
static inline bool stream_listener_is_udp(const struct stream_listener *listener) {
	return listener->kind == STREAM_LISTENER_UDP;
}

/* Whether they are the same in the same order, and lead to the same targets. */
bool stream_listeners_equal(const struct stream_listener *left, size_t left_count,
							const struct stream_listener *right, size_t right_count);

enum {
	STREAM_LISTENERS_MAX = 32,
	STREAM_CONNECTIONS_MAX = 6,
	STREAM_COOKIE_SIZE = 64, /* with its NUL */
	STREAM_PATH_SIZE = 256,
	STREAM_STREAMS_MAX = 1024,   /* of a client at once; no more than MUX_STREAMS_MAX */
	STREAM_MEMORY_DEFAULT = 512, /* MiB, where nobody knows the machine's */
	STREAM_MEMORY_MAX = 1 << 20,
	STREAM_PEM_MAX = 1024 * 1024, /* bytes of each of the texts */
	STREAM_RULES_MAX = 512,
};

struct stream_options {
	enum stream_role role;
	uint8_t private_key[X25519_KEY_SIZE];
	uint8_t shaping; /* enum stream_shaping */
	char cookie[STREAM_COOKIE_SIZE];
	char path[STREAM_PATH_SIZE]; /* that a client asks for */
	struct stream_listener listeners[STREAM_LISTENERS_MAX];
	size_t listener_count;
	bool interface; /* IP packets, too */

	/* A server's. */
	char *certificates, *certificate_key; /* PEM */
	struct policy_rule *rules;            /* behind those of the peer */
	size_t rule_count;
	enum policy_action otherwise;
	uint32_t streams_max; /* of a client at once */
	uint32_t memory;      /* MiB for what streams of all clients hold; 0: STREAM_MEMORY_DEFAULT */

	/* A client's. */
	char server_name[254];
	uint8_t pins[TLS_PINS_MAX][TLS_PIN_SIZE];
	size_t pin_count;
	char *roots; /* PEM */
	uint8_t connections;
	struct credential *users; /* of STREAM_LISTENER_MIXED; none: everybody */
	size_t user_count;
};

/* Wipes and frees what it has. */
void stream_options_done(struct stream_options *options);

/*
 * The lines, streams=1 before all others; base64 is that of wire/base64url.h:
 *
 *   role=server|client           private_key=HEX              shaping=0…3
 *   cookie=NAME                  path=/…                      interface=true
 *   listener=carrier ADDRESS:PORT   listener=mixed ADDRESS:PORT
 *   listener=tcp ADDRESS:PORT TARGET:PORT   listener=udp ADDRESS:PORT TARGET:PORT
 *   certificates=BASE64          certificate_key=BASE64       streams_max=1…1024
 *   rule=…                       otherwise=allow|deny         memory=MIB (may be missing)
 *   server_name=NAME             pin=HEX                      roots=BASE64
 *   connections=1…6              user=BASE64:BASE64
 */

/* Whether the lines are of a set operation that begins with options; otherwise of peers alone. */
bool stream_options_are_there(struct slice text);

/*
 * Takes the lines up to the first of a peer; *out_taken bytes. ERR_INVALID: an unknown key, or a
 * value that is none. ERR_NO_MEMORY, ERR_LIMIT. On failure there is nothing to be freed.
 */
enum err stream_options_decode(struct slice text, struct stream_options *out_options,
							   size_t *out_taken);
/* Errors stick in the text. */
void stream_options_encode(const struct stream_options *options, struct uapi_text *text);
