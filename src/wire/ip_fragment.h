#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/*
 * Cuts an IP packet into fragments that its destination joins again: IPv4 where its sender allows
 * it (RFC 791 section 3.2), and IPv6 with the header that only senders are to add (RFC 8200 section
 * 4.5), for packets so small that no sender is to make smaller ones.
 */

enum { IP_FRAGMENT_LIMIT_MIN = 128 };

struct ip_fragment_plan {
	const uint8_t *header, *payload;
	uint32_t header_size, payload_size;
	uint32_t step;   /* payload of every fragment but the last, a multiple of 8 */
	uint32_t offset; /* of the packet, where it is a fragment itself */
	uint32_t id;     /* of IPv6 */
	uint16_t count;
	uint8_t next_header; /* of IPv6: what the payload is */
	bool v6;
	bool more; /* the packet is a fragment, and not the last */
};

/*
 * For fragments of at most limit ≥ IP_FRAGMENT_LIMIT_MIN bytes; id is for IPv6, different for each
 * packet. ERR_UNSUPPORTED for what must not be cut (IPv4 with "do not fragment") or is not worth
 * it: options, and extension headers but for a fragment's own. Errors of ip_parse(),
 * ERR_MALFORMED for a fragment that ends where no packet does.
 */
enum err ip_fragment_plan(const uint8_t *packet, size_t size, uint32_t limit, uint32_t id,
						  struct ip_fragment_plan *out_plan);

uint32_t ip_fragment_size(const struct ip_fragment_plan *plan, uint16_t index);
/* Writes fragment index, of ip_fragment_size() bytes. */
void ip_fragment_make(const struct ip_fragment_plan *plan, uint16_t index, uint8_t *out_fragment);
