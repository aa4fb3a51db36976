#pragma once

#include "cli/output.h"

/* The subcommands: the text of their help and what they do. Each has a file of its own. */

extern const char genkey_help[];
int genkey_run(const struct streams *streams, int count, char **arguments);

extern const char genpsk_help[];
int genpsk_run(const struct streams *streams, int count, char **arguments);

extern const char pubkey_help[];
int pubkey_run(const struct streams *streams, int count, char **arguments);

extern const char version_help[];
int version_run(const struct streams *streams, int count, char **arguments);
