#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "conf/config_streams.h"
#include "conf/config_values.h"

/* What a tunnel has besides whose clients log in, as conf/config.h has the rest. */

enum {
	CONFIG_DEMANDS_MAX = 2,
	CONFIG_GROUPS_MAX = 64,
	CONFIG_TRANSPORTS_MAX = 2,
	CONFIG_PASSWORD_MAX = 1024, /* bytes of a user's password */
};

/* By what a client reaches its server. */
enum config_carriage {
	CONFIG_OVER_UDP,
	CONFIG_OVER_TCP,
	CONFIG_OVER_EITHER, /* TCP where UDP stays without an answer */
};

/* Paths are absolute. What is read of them, with CONFIG_SECRETS, is NULL or zeros otherwise. */
struct config_login {
	/* A client's. */
	enum config_carriage transport;
	const char *username; /* NULL: who logs in says it */
	const char *password_file, *password;
	struct config_pins pin;  /* one, or none */
	const char *server_name; /* never NULL in a client's that was checked */

	/* Either's; texts are PEM. */
	const char *ca_file, *authorities;
	const char *crl_file, *revoked;
	const char *certificate_file, *certificates;
	const char *key_file;
	uint8_t signing_key[TEXT_KEY_SIZE]; /* the seed of Ed25519 that key_file has */
	const char *ticket_key_file;        /* NULL: node.state_dir has one */
	uint8_t ticket_key[TEXT_KEY_SIZE];

	/* A server's. */
	struct config_texts transports; /* "udp" and "tcp"; never empty in one that was checked */
	struct config_texts demands;    /* never empty in one that was checked */
	struct config_texts groups;     /* none: everybody */
	struct config_choice tickets;   /* off, or seconds */
};

struct config_tunnel;
/* Whether a tunnel whose clients log in may be carried so. */
bool config_goes_over(const struct config_tunnel *tunnel, enum config_transport transport);
