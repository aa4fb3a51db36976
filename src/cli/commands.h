#pragma once

#include "cli/command.h"
#include "cli/output.h"

/* The subcommands: the text of their help, what they do, their options. Each has a file. */

extern const struct command commands_all[];

extern const char completion_help[];
int completion_run(const struct streams *streams, int count, char **arguments);

extern const char events_help[];
extern const struct command_option events_options[];
int events_run(const struct streams *streams, int count, char **arguments);

extern const char exec_help[];
extern const struct command_option exec_options[];
int exec_run(const struct streams *streams, int count, char **arguments);

extern const char genkey_help[];
int genkey_run(const struct streams *streams, int count, char **arguments);

extern const char genpsk_help[];
int genpsk_run(const struct streams *streams, int count, char **arguments);

/* order.c */
extern const struct command_option order_options[];
extern const char up_help[], down_help[], reload_help[], log_help[];
int up_run(const struct streams *streams, int count, char **arguments);
int down_run(const struct streams *streams, int count, char **arguments);
int reload_run(const struct streams *streams, int count, char **arguments);
int log_run(const struct streams *streams, int count, char **arguments);

extern const char peer_add_help[];
extern const struct command_option peer_add_options[];
int peer_add_run(const struct streams *streams, int count, char **arguments);

extern const char peer_del_help[];
extern const struct command_option peer_del_options[];
int peer_del_run(const struct streams *streams, int count, char **arguments);

extern const char peer_export_help[];
extern const struct command_option peer_export_options[];
int peer_export_run(const struct streams *streams, int count, char **arguments);

/* peer_list.c; both have the same options. */
extern const char peer_list_help[], peer_show_help[];
extern const struct command_option peer_list_options[];
int peer_list_run(const struct streams *streams, int count, char **arguments);
int peer_show_run(const struct streams *streams, int count, char **arguments);

extern const char pubkey_help[];
int pubkey_run(const struct streams *streams, int count, char **arguments);

extern const char status_help[];
extern const struct command_option status_options[];
int status_run(const struct streams *streams, int count, char **arguments);

extern const char version_help[];
int version_run(const struct streams *streams, int count, char **arguments);
