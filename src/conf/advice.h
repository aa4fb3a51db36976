#pragma once

#include <stddef.h>
#include <stdint.h>

#include "conf/config.h"

/* What is good but perhaps not meant. */

enum { ADVICE_SIZE = 192, ADVICE_MAX = 4 };

/*
 * About a tunnel, lines for a person behind its name; how many. Of a tunnel that takes everything
 * of one family alone, that the other one goes past it, or nowhere; of a server that asks for
 * certificates, that it would take revoked ones; and what advice_of_time() says. now: seconds since
 * 1970.
 */
size_t advice_of(const struct config_tunnel *tunnel, int64_t now,
				 char out_texts[static ADVICE_MAX][ADVICE_SIZE]);
/* Of certificates that were read, that they expire; of lists of revoked ones, that they are out of
 * date. */
size_t advice_of_time(const struct config_tunnel *tunnel, int64_t now,
					  char out_texts[static ADVICE_MAX][ADVICE_SIZE]);
