#include "daemon/node_options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum err add_override(struct node_options *options, const char *text,
							 char out_error[static NODE_OPTIONS_ERROR_SIZE]) {
	const char *equals = strchr(text, '=');
	if (!equals || equals == text) {
		(void)snprintf(out_error, NODE_OPTIONS_ERROR_SIZE,
					   "--set takes PATH=VALUE, such as tunnels.um0.mtu=1280");
		return ERR_INVALID;
	}
	if (options->override_count == NODE_OPTIONS_SET_MAX) {
		(void)snprintf(out_error, NODE_OPTIONS_ERROR_SIZE, "--set is given more than %d times",
					   NODE_OPTIONS_SET_MAX);
		return ERR_INVALID;
	}
	char *copy = strdup(text);
	if (!copy) {
		(void)snprintf(out_error, NODE_OPTIONS_ERROR_SIZE, "out of memory");
		return ERR_NO_MEMORY;
	}
	copy[equals - text] = '\0';
	size_t index = options->override_count++;
	options->storage[index] = copy;
	options->overrides[index] =
		(struct config_override){.path = copy, .value = copy + (equals - text) + 1};
	return ERR_OK;
}

enum { OPTION_CHECK = 256, OPTION_BLOCK, OPTION_UNBLOCK, OPTION_SET, OPTION_VERSION };

static const struct option rows[] = {
	{"config", required_argument, NULL, 'c'},       {"check", no_argument, NULL, OPTION_CHECK},
	{"block", no_argument, NULL, OPTION_BLOCK},     {"unblock", no_argument, NULL, OPTION_UNBLOCK},
	{"set", required_argument, NULL, OPTION_SET},   {"background", no_argument, NULL, 'b'},
	{"foreground", no_argument, NULL, 'f'},         {"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, OPTION_VERSION}, {NULL, 0, NULL, 0},
};

static enum err take(struct node_options *options, int option,
					 char out_error[static NODE_OPTIONS_ERROR_SIZE]) {
	switch (option) {
	case 'c':
		options->path = optarg;
		return ERR_OK;
	case 'b':
		options->background = true;
		return ERR_OK;
	case 'f':
		options->background = false;
		return ERR_OK;
	case 'h':
		options->action = NODE_HELP;
		return ERR_OK;
	case OPTION_CHECK:
		options->action = NODE_CHECK;
		return ERR_OK;
	case OPTION_BLOCK:
		options->action = NODE_BLOCK;
		return ERR_OK;
	case OPTION_UNBLOCK:
		options->action = NODE_UNBLOCK;
		return ERR_OK;
	case OPTION_VERSION:
		options->action = NODE_VERSION;
		return ERR_OK;
	case OPTION_SET:
		return add_override(options, optarg, out_error);
	default:
		return ERR_INVALID;
	}
}

enum err node_options_parse(int count, char *const *arguments, struct node_options *out_options,
							char out_error[static NODE_OPTIONS_ERROR_SIZE]) {
	struct node_options options = {.action = NODE_RUN, .path = NODE_OPTIONS_FILE};
	enum err error = ERR_OK;
	int option;
	optind = 0;
	opterr = 0;
	while (!error && (option = getopt_long(count, arguments, "+:c:bfh", rows, NULL)) != -1) {
		int place = optind - 1;
		(void)snprintf(out_error, NODE_OPTIONS_ERROR_SIZE,
					   option == ':' ? "option '%s' takes a value" : "unknown option '%s'",
					   place > 0 && place < count ? arguments[place] : "");
		error = take(&options, option, out_error);
		if (options.action == NODE_HELP || options.action == NODE_VERSION)
			break;
	}
	if (!error && options.action != NODE_HELP && options.action != NODE_VERSION && optind < count) {
		(void)snprintf(out_error, NODE_OPTIONS_ERROR_SIZE,
					   "unexpected argument '%s'; the configuration is named with -c",
					   arguments[optind]);
		error = ERR_INVALID;
	}
	if (error) {
		node_options_done(&options);
		return error;
	}
	*out_options = options;
	return ERR_OK;
}

void node_options_done(struct node_options *options) {
	for (size_t i = 0; i < options->override_count; i++)
		free(options->storage[i]);
	options->override_count = 0;
}
