#pragma once

#include "cli/command.h"
#include "cli/output.h"

/* umbra user: who may log in to this node's tunnels. */

extern const char user_help[];
extern const struct command user_commands[];

extern const char user_add_help[];
extern const struct command_option user_add_options[];
int user_add_run(const struct streams *streams, int count, char **arguments);

/* user_list.c; both, and user del, have the same options but for --json. */
extern const char user_list_help[], user_show_help[];
extern const struct command_option user_list_options[];
int user_list_run(const struct streams *streams, int count, char **arguments);
int user_show_run(const struct streams *streams, int count, char **arguments);

/* user_set.c: a setting each. */
extern const char user_passwd_help[], user_disable_help[], user_enable_help[], user_expire_help[],
	user_quota_help[], user_rate_help[], user_devices_help[], user_group_help[], user_del_help[];
extern const struct command_option user_passwd_options[], user_set_options[], user_quota_options[],
	user_del_options[];
int user_passwd_run(const struct streams *streams, int count, char **arguments);
int user_disable_run(const struct streams *streams, int count, char **arguments);
int user_enable_run(const struct streams *streams, int count, char **arguments);
int user_expire_run(const struct streams *streams, int count, char **arguments);
int user_quota_run(const struct streams *streams, int count, char **arguments);
int user_rate_run(const struct streams *streams, int count, char **arguments);
int user_devices_run(const struct streams *streams, int count, char **arguments);
int user_group_run(const struct streams *streams, int count, char **arguments);
int user_del_run(const struct streams *streams, int count, char **arguments);
