#include "cli/init.h"

#include <stddef.h>

#include "cli/init_login.h"
#include "cli/init_shared.h"
#include "cli/init_streams.h"

const char init_help[] =
	"Makes a configuration to begin with: keys, umbra.yaml, a client's file.\n";

const struct command init_commands[] = {
	{"server", "make a server and its first client's file", init_server_help, init_server_run, NULL,
	 init_server_options, NULL},
	{"client", "make a client of the file that a server gave", init_client_help, init_client_run,
	 "FILE", init_client_options, NULL},
	/* Named after the build's protocol that carries streams; without one the table ends here. */
	{UMBRA_STREAM_SERVER, "make a server of streams and its first client's line",
	 init_stream_server_help, init_stream_server_run, NULL, init_stream_server_options, NULL},
	/* And after the one whose ends share keys. */
	{UMBRA_SHARED_SERVER, "make a server that shares keys and its first client's line",
	 init_shared_server_help, init_shared_server_run, NULL, init_shared_server_options, NULL},
	/* And after the one whose clients log in. */
	{UMBRA_LOGIN_SERVER, "make a server that users log in to", init_login_server_help,
	 init_login_server_run, NULL, init_login_server_options, NULL},
	{0},
};
