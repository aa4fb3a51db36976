#pragma once

#include <stdint.h>

#include "proxy/decoy_message.h"
#include "proxy/site.h"

/*
 * A request that a site of files answers, as nginx does: index.html of folders, 301 to them,
 * types, conditions, ranges, HEAD; 403, 404, 405. A page /404.html of the site is what stands
 * under 404.
 */

struct decoy_file_place {
	const struct site *site;
	uint16_t port; /* that the site is served at */
	uint64_t wall_now;
};

/* The answer's body is the site's, its own, or the one of out_more, to be freed (NULL: none). */
void decoy_file_answer(const struct decoy_file_place *place, const struct decoy_request *request,
					   struct decoy_answer *answer, uint8_t **out_more);
