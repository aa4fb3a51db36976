#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/log.h"
#include "host/tun.h"

/* The command line and environment of the program started for one interface. */

enum options_action { OPTIONS_RUN, OPTIONS_HELP, OPTIONS_VERSION };

/* Offloads that are switched off. */
enum options_offload {
	OPTIONS_TUN = 1,         /* no virtio header, so no segmentation of any kind on the TUN */
	OPTIONS_TUN_UDP = 2,     /* no UDP segmentation on the TUN */
	OPTIONS_UDP_SEND = 4,    /* no UDP_SEGMENT */
	OPTIONS_UDP_RECEIVE = 8, /* no UDP_GRO */
};

enum {
	OPTIONS_ERROR_SIZE = 160,
	OPTIONS_LIST_SIZE = 64, /* longest text of switched-off offloads, with its NUL */
	OPTIONS_SHARDS_AUTO_MAX = 8,
};

struct options {
	enum options_action action;
	char name[TUN_NAME_SIZE];
	bool foreground;
	unsigned shards;     /* 0: automatic */
	const char *aead;    /* "auto" or the name of a back end; static text */
	unsigned no_offload; /* enum options_offload */
	bool no_sandbox;
	enum log_level log_level;
};

/* Values of environment variables, NULL where there is none. Options on the command line win. */
struct options_environment {
	const char *foreground; /* WG_PROCESS_FOREGROUND */
	const char *log_level;  /* LOG_LEVEL */
	const char *shards;     /* UMBRA_SHARDS */
	const char *aead;       /* UMBRA_AEAD */
	const char *no_offload; /* UMBRA_NO_OFFLOAD */
	const char *no_sandbox; /* UMBRA_NO_SANDBOX */
};

/* arguments[0] is not looked at. On ERR_INVALID, out_error is one line that tells what is wrong. */
enum err options_parse(int count, char *const *arguments,
					   const struct options_environment *environment, struct options *out_options,
					   char out_error[static OPTIONS_ERROR_SIZE]);

/* "tun-udp,udp-send" and the like; ERR_INVALID for an unknown word. */
enum err options_parse_offloads(const char *text, unsigned *out_offloads);
void options_format_offloads(unsigned offloads, char out_text[static OPTIONS_LIST_SIZE]);

/* The static text equal to the name of a choice of AEAD, NULL when it is none. */
const char *options_find_aead(const char *name);

/* What "auto" means on a machine with so many processors. */
unsigned options_automatic_shards(unsigned processors);
