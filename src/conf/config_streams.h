#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/text.h"
#include "conf/config_values.h"

/* What a tunnel of streams has besides, as conf/config.h has the rest. */

enum config_role { CONFIG_SERVER, CONFIG_CLIENT };

/* SHA-256 of a SubjectPublicKeyInfo. */
struct config_pin {
	uint8_t bytes[TEXT_KEY_SIZE];
};

struct config_pins {
	const struct config_pin *items;
	size_t count;
};

/* Texts are PEM, read with CONFIG_SECRETS and otherwise NULL. Paths are absolute. */
struct config_tls {
	const char *certificate_file, *certificates; /* a server's */
	const char *key_file, *key;                  /* a server's */
	const char *server_name;                     /* a client's; NULL: the endpoint's */
	struct config_pins pins;                     /* a client's */
	const char *ca_file; /* a client's; NULL: CONFIG_SYSTEM_ROOTS, where there are no pins */
	const char *roots;   /* NULL with pins and without ca_file */
};

#define CONFIG_SYSTEM_ROOTS "/etc/ssl/certs/ca-certificates.crt"

/* What a server shows to strangers; neither: a page of its own. */
struct config_decoy {
	const char *folder;    /* absolute; NULL: none */
	struct endpoint proxy; /* speaks HTTP/1.1; port 0: none */
};

/* As enum stream_shaping counts. */
enum config_padding {
	CONFIG_PADDING_NONE,
	CONFIG_PADDING_PERFORMANCE,
	CONFIG_PADDING_BALANCED,
	CONFIG_PADDING_STEALTH,
};

enum { CONFIG_COOKIE_MAX = 63, CONFIG_URL_PATH_MAX = 255 }; /* characters */

enum config_action { CONFIG_ALLOW, CONFIG_DENY };

/* Where a server's streams may lead: proxy/policy.h. */
struct config_policy {
	enum config_action otherwise;
	struct config_texts rules; /* wire/policy_rule.h */
};

struct config_user {
	const char *name;
	const char *password_file; /* absolute */
	const char *password;      /* read with CONFIG_SECRETS, otherwise NULL */
};

/* A client's port for SOCKS5 and HTTP. */
struct config_proxy {
	struct endpoint listen; /* port 0: none */
	const struct config_user *users;
	size_t user_count;
};

enum config_transport { CONFIG_TCP, CONFIG_UDP };

/* A client's port that leads to one target. */
struct config_forward {
	enum config_transport protocol;
	struct endpoint listen;
	struct config_host target;
};

enum {
	CONFIG_FORWARDS_MAX = 31,
	CONFIG_USERS_MAX = 256,
	CONFIG_RULES_MAX = 512,
	CONFIG_PINS_MAX = 8,
	CONFIG_CONNECTIONS_MAX = 6,
	CONFIG_STREAMS_MAX = 1024,    /* of a client at once */
	CONFIG_MEMORY_MAX = 1 << 20,  /* MiB */
	CONFIG_PEM_MAX = 1024 * 1024, /* bytes of each file */
};
