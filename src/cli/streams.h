#pragma once

#include "cli/command.h"
#include "cli/output.h"

/*
 * umbra PROTOCOL keygen|allow|deny, of the protocol that carries streams: who may come to a server.
 */

extern const char streams_help[];
extern const struct command streams_commands[];

/* streams_allow.c */
extern const char streams_allow_help[];
extern const struct command_option streams_allow_options[];
int streams_allow_run(const struct streams *streams, int count, char **arguments);
