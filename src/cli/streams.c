#include "cli/streams.h"

#include <stddef.h>

#include "cli/commands.h"

const char streams_help[] = "Keys, and clients of servers of streams.\n";

const struct command streams_commands[] = {
	{"keygen", "print a new private key", genkey_help, genkey_run, NULL, NULL, NULL},
	{"allow", "let a client in, and print its line", streams_allow_help, streams_allow_run,
	 "TUNNEL NAME", streams_allow_options, NULL},
	{"deny", "let a client in no longer", peer_del_help, peer_del_run, "TUNNEL [PEER]",
	 peer_del_options, NULL},
	{0},
};
