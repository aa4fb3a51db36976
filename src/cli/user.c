#include "cli/user.h"

#include <stddef.h>

const char user_help[] =
	"Users, who log in to this node's tunnels by name: the daemon keeps them in its state\n"
	"folder, their passwords as hashes alone.\n";

const struct command user_commands[] = {
	{"add", "let a user log in", user_add_help, user_add_run, "NAME", user_add_options, NULL},
	{"del", "forget a user", user_del_help, user_del_run, "USER", user_del_options, NULL},
	{"list", "list users", user_list_help, user_list_run, NULL, user_list_options, NULL},
	{"show", "show all of one user", user_show_help, user_show_run, "USER", user_list_options,
	 NULL},
	{"passwd", "set a user's password", user_passwd_help, user_passwd_run, "USER",
	 user_passwd_options, NULL},
	{"disable", "let a user log in no longer", user_disable_help, user_disable_run, "USER",
	 user_set_options, NULL},
	{"enable", "let a user log in again", user_enable_help, user_enable_run, "USER",
	 user_set_options, NULL},
	{"expire", "set until when a user may log in", user_expire_help, user_expire_run,
	 "USER DATE|never", user_set_options, NULL},
	{"quota", "set how much a user may move", user_quota_help, user_quota_run, "USER [BYTES|none]",
	 user_quota_options, NULL},
	{"rate", "set how fast a user may be", user_rate_help, user_rate_run, "USER BYTES|none",
	 user_set_options, NULL},
	{"devices", "set how many devices a user may have", user_devices_help, user_devices_run,
	 "USER COUNT", user_set_options, NULL},
	{"group", "set the groups that a user is in", user_group_help, user_group_run, "USER LIST|none",
	 user_set_options, NULL},
	{0},
};
