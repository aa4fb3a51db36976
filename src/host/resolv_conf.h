#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/address.h"
#include "base/error.h"

/* The text of /etc/resolv.conf, see resolv.conf(5): read as far as it concerns us, and written. */

enum {
	RESOLV_CONF_SIZE_MAX = 1 << 20, /* bytes of a file that is kept */
	RESOLV_CONF_SERVERS_MAX = 16,   /* more are passed over */
	RESOLV_CONF_OPTIONS_SIZE = 256,
	RESOLV_CONF_PORT = 53,
};

struct resolv_conf {
	struct endpoint servers[RESOLV_CONF_SERVERS_MAX]; /* port 53; scopes of interfaces there are */
	size_t server_count;
	/* Words of all "options" lines; not trust-ad, which is a promise about these very servers. */
	char options[RESOLV_CONF_OPTIONS_SIZE];
};

/* Any bytes; what cannot be understood is passed over, as resolvers do. */
void resolv_conf_parse(const char *text, size_t size, struct resolv_conf *out_file);

/* What is to stand in ours. */
struct resolv_conf_wish {
	const struct address *servers;
	size_t server_count;
	const char *const *search;
	size_t search_count;
	const char *options; /* may be empty */
};

/* *out_text is the caller's (free). ERR_NO_MEMORY. */
enum err resolv_conf_format(const struct resolv_conf_wish *wish, char **out_text, size_t *out_size);

/* Whether a text begins as ours do. */
bool resolv_conf_is_ours(const char *text, size_t size);
