#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cli/init_endpoint.h"
#include "cli/init_files.h"
#include "cli/init_networks.h"
#include "cli/output.h"
#include "conf/config.h"

/* A new server that tells its clients what to have: what its kinds have alike. */

struct text_buffer;

enum { INIT_HUB_PORT = 51820, INIT_HUB_FILE_SIZE = CONFIG_NAME_SIZE + 16 };

/* Options of the command line; NULL where there is none. */
struct init_hub_options {
	const char *name, *endpoint, *listen, *network, *dns, *directory;
	bool no_masquerade, force;
};

struct init_hub {
	const char *command; /* set before, for messages */
	const char *name, *directory;
	char endpoint[INIT_ENDPOINT_SIZE];
	char host[CONFIG_HOST_MAX + 1]; /* of the endpoint, without brackets */
	uint16_t port;                  /* of the endpoint */
	uint16_t listen;
	struct init_networks networks;
	/* umbra.yaml, or a file of its own where there is one that may include it. */
	char file[INIT_HUB_FILE_SIZE];
	const char *way; /* from that file to the directory: "" or "../" */
};

/* An exit code, after a message. */
[[nodiscard]] int init_hub_take(const struct streams *streams,
								const struct init_hub_options *options, struct init_hub *hub);

/* The beginning of its file: the tunnel down to what clients are told. */
void init_hub_add_yaml(struct text_buffer *yaml, const struct init_hub *hub, const char *protocol);

/* Whether the file is umbra.yaml itself. */
bool init_hub_is_main(const struct init_hub *hub);
