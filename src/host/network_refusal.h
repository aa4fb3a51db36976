#pragma once

#include <stddef.h>

#include "base/address.h"
#include "base/error.h"
#include "host/network.h"

/* What the kernel refused, as a line for a person: "route 10.0.0.0/8: exists already". */

/* number is the errno value; returns the nearest error. */
enum err network_refusal_explain(const char *what, int number,
								 char out_problem[static NETWORK_PROBLEM_SIZE]);
enum err network_refusal_of_prefix(const char *kind, const struct prefix *prefix, int number,
								   char out_problem[static NETWORK_PROBLEM_SIZE]);
/* An error of the conversation itself; the problem is left alone if there is one already. */
enum err network_refusal_talk(enum err error, char out_problem[static NETWORK_PROBLEM_SIZE]);

/* A route_failed of removals: what it names is gone already, or its interface is. */
void network_refusal_ignore(void *context, size_t item, int number);
