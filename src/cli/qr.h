#pragma once

#include <stdbool.h>

#include "cli/output.h"

/* QR codes on a terminal, for files that phones read with their cameras. */

/* Whether the locale of the environment is UTF-8, so that half blocks can be shown. */
bool qr_locale_is_utf8(void);

/*
 * Two rows of the code a line with utf8, otherwise one row a line in twice the width. Returns an
 * exit status; too long a text is told on streams->error, without any of it.
 */
[[nodiscard]] int qr_print(const struct streams *streams, const char *text, bool utf8);

/* umbra qr [FILE]: the code of a file or of standard input. */
extern const char qr_help[];
int qr_run(const struct streams *streams, int count, char **arguments);
