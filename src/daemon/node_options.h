#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "conf/config.h"

/* The command line of umbrad. */

#define NODE_OPTIONS_FILE "/etc/umbra/umbra.yaml"

enum node_action { NODE_RUN, NODE_CHECK, NODE_BLOCK, NODE_UNBLOCK, NODE_HELP, NODE_VERSION };

enum { NODE_OPTIONS_SET_MAX = 64, NODE_OPTIONS_ERROR_SIZE = 160 };

struct node_options {
	enum node_action action;
	const char *path;
	bool background;
	struct config_override overrides[NODE_OPTIONS_SET_MAX]; /* texts point into storage */
	size_t override_count;
	char *storage[NODE_OPTIONS_SET_MAX];
};

/* arguments[0] is not looked at. ERR_INVALID with a line in out_error; ERR_NO_MEMORY. */
enum err node_options_parse(int count, char *const *arguments, struct node_options *out_options,
							char out_error[static NODE_OPTIONS_ERROR_SIZE]);
void node_options_done(struct node_options *options);
