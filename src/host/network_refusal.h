#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/address.h"
#include "base/error.h"
#include "host/network.h"

struct route_entry;
struct route_rule;

/* What the kernel refused, as a line for a person: "route 10.0.0.0/8: exists already". */

/* number is the errno value; returns the nearest error. */
enum err network_refusal_explain(const char *what, int number,
								 char out_problem[static NETWORK_PROBLEM_SIZE]);
enum err network_refusal_of_prefix(const char *kind, const struct prefix *prefix, int number,
								   char out_problem[static NETWORK_PROBLEM_SIZE]);
/* An error of the conversation itself; the problem is left alone if there is one already. */
enum err network_refusal_talk(enum err error, char out_problem[static NETWORK_PROBLEM_SIZE]);

/*
 * The first refusal of a list of requests, whose items are numbered as those of one of these; the
 * others are NULL.
 */
struct network_refusal {
	const struct prefix *addresses;
	const struct route_entry *routes, *exceptions;
	const struct route_rule *rules;
	bool may_exist; /* what is there already, whoever made it, serves as well */
	char *problem;  /* of NETWORK_PROBLEM_SIZE */
	enum err error;
};
/* A route_failed; context is the struct. */
void network_refusal_keep(void *context, size_t item, int number);
/* error is that of the conversation; returns what counts. */
enum err network_refusal_end(const struct network_refusal *refusal, enum err error);

/* A route_failed of removals: what it names is gone already, or its interface is. */
void network_refusal_ignore(void *context, size_t item, int number);
