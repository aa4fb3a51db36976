#include "cli/commands.h"

#include <stddef.h>

#include "cli/ca.h"
#include "cli/config.h"
#include "cli/export.h"
#include "cli/import.h"
#include "cli/init.h"
#include "cli/invite.h"
#include "cli/login.h"
#include "cli/qr.h"
#include "cli/streams.h"
#include "cli/user.h"

static const char peer_help[] =
	"Peers beside those of the configuration: the daemon keeps them in its state folder.\n";

static const struct command peer_commands[] = {
	{"add", "add a peer, and make its keys and its file", peer_add_help, peer_add_run,
	 "TUNNEL [NAME]", peer_add_options, NULL},
	{"del", "take a peer away", peer_del_help, peer_del_run, "TUNNEL [PEER]", peer_del_options,
	 NULL},
	{"list", "list peers", peer_list_help, peer_list_run, "[TUNNEL]", peer_list_options, NULL},
	{"show", "show all of one peer", peer_show_help, peer_show_run, "TUNNEL PEER",
	 peer_list_options, NULL},
	{"export", "print a client's file again, without its private key", peer_export_help,
	 peer_export_run, "TUNNEL PEER", peer_export_options, NULL},
	{0},
};

const struct command commands_all[] = {
	{"init", "make a configuration to begin with", init_help, NULL, NULL, NULL, init_commands},
	{"up", "bring tunnels up", up_help, up_run, "TUNNEL...", order_options, NULL},
	{"down", "take tunnels down", down_help, down_run, "TUNNEL...", order_options, NULL},
	{"status", "show tunnels and peers", status_help, status_run, "[TUNNEL]", status_options, NULL},
	{"peer", "add, remove and show peers", peer_help, NULL, NULL, NULL, peer_commands},
	{"user", "add, remove and show users, who log in", user_help, NULL, NULL, NULL, user_commands},
	{"events", "print what happens as it happens", events_help, events_run, NULL, events_options,
	 NULL},
	{"reload", "read the configuration again", reload_help, reload_run, NULL, order_options, NULL},
	{"log", "set how much the daemon logs", log_help, log_run, "silent|error|warning|info|debug",
	 order_options, NULL},
	{"exec", "run a command past all tunnels or into one", exec_help, exec_run, COMMAND_TAIL,
	 exec_options, NULL},
	{"check", "tell what is wrong with a configuration", check_help, check_run, NULL, check_options,
	 NULL},
	{"config", "show a configuration and what it can have", config_help, NULL, NULL, NULL,
	 config_commands},
	{"import", "make a tunnel of a wg-quick file", import_help, import_run, "FILE", import_options,
	 NULL},
	{"export", "print a tunnel as a wg-quick file", export_help, export_run, "TUNNEL",
	 export_options, NULL},
	{"ca", "issue and revoke certificates", ca_help, NULL, NULL, NULL, ca_commands},
	{"qr", "show a file as a QR code", qr_help, qr_run, "[FILE]", NULL, NULL},
	{"genkey", "print a new private key", genkey_help, genkey_run, NULL, NULL, NULL},
	{"genpsk", "print a new pre-shared key", genpsk_help, genpsk_run, NULL, NULL, NULL},
	{"pubkey", "print the public key of a private key", pubkey_help, pubkey_run, NULL, NULL, NULL},
	{"completion", "print a shell's completion script", completion_help, completion_run,
	 "bash|zsh|fish", NULL, NULL},
	{"version", "print the version", version_help, version_run, NULL, NULL, NULL},
	/* The build's protocol that carries streams; without one the table ends here. */
	{UMBRA_STREAM_PROTOCOL, "keys, and clients of servers of streams", streams_help, NULL, NULL,
	 NULL, streams_commands},
	/* In a build that has a protocol whose ends share keys. */
	{UMBRA_INVITE, "let a client in that shares a key with its server, and print its line",
	 invite_help, invite_run, "TUNNEL NAME", invite_options, NULL},
	/* In one that has a protocol whose clients log in. */
	{UMBRA_LOGIN, "log in to a server", login_help, login_run, "HOST", login_options, NULL},
	{0},
};
