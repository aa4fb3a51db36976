#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proxy/decoy_message.h"

/* Answers that no site has to bring: one page a status, as nginx makes them. */

enum {
	DECOY_PAGE_FIELDS_TOO_LARGE = 494, /* nginx's own: a 400 with a title of its own */
	DECOY_PAGE_PLAIN_HTTP = 497,       /* the same, for HTTP without TLS on TLS's port */
};

/* Words for a status, such as "Not Found"; never NULL. */
const char *decoy_page_reason(uint16_t status);

/*
 * The whole answer; location (data NULL: none) is where a status of 301 leads. Fields may be added
 * behind it. Requests that cannot be understood, or whose body is not taken, end the connection.
 */
void decoy_page_answer(struct decoy_answer *answer, uint16_t status, struct slice location,
					   uint64_t wall_now);
