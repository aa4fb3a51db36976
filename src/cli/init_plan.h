#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "cli/init_endpoint.h"
#include "cli/init_networks.h"
#include "cli/output.h"
#include "conf/config.h"

/* What a new server and its first client will be. */

struct init_plan {
	const char *name;   /* of the tunnel */
	const char *client; /* of the first client */
	char endpoint[INIT_ENDPOINT_SIZE];
	uint16_t listen;
	struct init_networks networks;
	struct { /* wiped by whoever made the plan */
		uint8_t server_private[TEXT_KEY_SIZE], client_private[TEXT_KEY_SIZE];
	} secrets;
	uint8_t server_public[TEXT_KEY_SIZE], client_public[TEXT_KEY_SIZE];
};

enum { INIT_PLAN_KEEPALIVE = 25 }; /* seconds: shorter than what routers remember */

/* Options of the command line; NULL where there is none. */
struct init_plan_options {
	const char *name, *endpoint, *listen, *network, *client, *dns;
	bool no_masquerade;
};

/* Chooses everything, keys included. Returns an exit code, after a message. */
[[nodiscard]] int init_plan_make(const struct streams *streams,
								 const struct init_plan_options *options,
								 struct init_plan *out_plan);

/* Letters, digits, '_', '-' and '.', the first one a letter or digit: also the name of a file. */
bool init_plan_is_name(const char *text, size_t maximum);

/* What every umbra.yaml made by us begins with: a comment, and further files of tunnels. */
extern const char init_plan_head[];

/* umbra.yaml, with comments. *out_text is the caller's (free); NULL when memory has run out. */
char *init_plan_yaml(const struct init_plan *plan);
