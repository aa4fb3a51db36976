#pragma once

#include <stddef.h>
#include <stdint.h>

#include "conf/config.h"

/* What is good but perhaps not meant. */

enum { ADVICE_SIZE = 192, ADVICE_MAX = 4 };

/*
 * About a tunnel, lines for a person behind its name; how many. Of a tunnel that takes everything
 * of one family alone, that the other one goes past it, or nowhere; of a server that asks for
 * certificates, that it would take revoked ones; of certificates that were read, that they expire.
 * now: seconds since 1970.
 */
size_t advice_of(const struct config_tunnel *tunnel, int64_t now,
				 char out_texts[static ADVICE_MAX][ADVICE_SIZE]);
