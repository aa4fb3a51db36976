#pragma once

#include "conf/config.h"

/* What is good but perhaps not meant. */

enum { ADVICE_SIZE = 192 };

/*
 * About a tunnel, as a line for a person behind its name; false: nothing. Of a tunnel that takes
 * everything of one family alone, that the other one goes past it, or nowhere.
 */
bool advice_of(const struct config_tunnel *tunnel, char out_text[static ADVICE_SIZE]);
