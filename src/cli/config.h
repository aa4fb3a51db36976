#pragma once

#include "cli/command.h"
#include "cli/output.h"

/* What looks at configurations without the daemon: `umbra config` and `umbra check`. */

extern const char config_help[];
extern const struct command config_commands[];

extern const char check_help[];
extern const struct command_option check_options[];
int check_run(const struct streams *streams, int count, char **arguments);
