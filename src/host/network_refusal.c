#include "host/network_refusal.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "host/route_message.h"
#include "host/route_rule.h"

enum err network_refusal_explain(const char *what, int number,
								 char out_problem[static NETWORK_PROBLEM_SIZE]) {
	enum err error = err_from_errno(number);
	const char *why = err_text(error);
	/* The system's own words where ours have no nearer ones. */
	bool vague = error == ERR_IO || error == ERR_UNREACHABLE;
	const char *system = vague ? strerrordesc_np(number) : NULL;
	if (system)
		(void)snprintf(out_problem, NETWORK_PROBLEM_SIZE, "%.80s: %c%.60s", what,
					   tolower((unsigned char)system[0]), system + 1);
	else
		(void)snprintf(out_problem, NETWORK_PROBLEM_SIZE, "%.80s: %s", what, why);
	return error;
}

enum err network_refusal_of_prefix(const char *kind, const struct prefix *prefix, int number,
								   char out_problem[static NETWORK_PROBLEM_SIZE]) {
	char text[ADDRESS_TEXT_SIZE], what[ADDRESS_TEXT_SIZE + 16];
	prefix_format(prefix, text);
	(void)snprintf(what, sizeof what, "%.14s %s", kind, text);
	return network_refusal_explain(what, number, out_problem);
}

enum err network_refusal_talk(enum err error, char out_problem[static NETWORK_PROBLEM_SIZE]) {
	if (error && out_problem[0] == '\0')
		(void)snprintf(out_problem, NETWORK_PROBLEM_SIZE, "routing: %s", err_text(error));
	return error;
}

static enum err explain(const struct network_refusal *refusal, size_t item, int number) {
	char rule[32];
	if (refusal->addresses)
		return network_refusal_of_prefix("address", &refusal->addresses[item], number,
										 refusal->problem);
	if (refusal->routes)
		return network_refusal_of_prefix("route", &refusal->routes[item].prefix, number,
										 refusal->problem);
	if (refusal->exceptions)
		return network_refusal_of_prefix("exception", &refusal->exceptions[item].prefix, number,
										 refusal->problem);
	(void)snprintf(rule, sizeof rule, "rule %u", (unsigned)refusal->rules[item].priority);
	return network_refusal_explain(rule, number, refusal->problem);
}

void network_refusal_keep(void *context, size_t item, int number) {
	struct network_refusal *refusal = context;
	if (!refusal->error && !(refusal->may_exist && number == EEXIST))
		refusal->error = explain(refusal, item, number);
}

enum err network_refusal_end(const struct network_refusal *refusal, enum err error) {
	return refusal->error ? refusal->error : network_refusal_talk(error, refusal->problem);
}

void network_refusal_ignore(void *context, size_t item, int number) {
}
