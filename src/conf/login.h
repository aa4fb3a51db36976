#pragma once

#include "conf/config.h"
#include "conf/value_parse.h"

struct arena;

/*
 * What follows from the keys of a tunnel whose clients log in: what is demanded where nothing is
 * said, the name that a client's server must have, and by it the identity that the server is called
 * by. ERR_NO_MEMORY.
 */
enum err login_complete(struct arena *memory, struct config_tunnel *tunnel);

/* That of the first endpoint in its usual form; NULL, or why it is none that a certificate has. */
const char *login_server_name(const struct config_tunnel *tunnel,
							  char out_name[static VALUE_NAME_SIZE]);
