#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/*
 * The answer to a packet that is too large for what comes next: "fragmentation needed" of ICMP (RFC
 * 792, RFC 1191 section 4) and "packet too big" of ICMPv6 (RFC 4443 section 3.2), as whole packets.
 */

enum {
	ICMP_QUOTE_V4 = 548,  /* such that the answer has at most 576 bytes: RFC 1812 section 4.3.2.3 */
	ICMP_QUOTE_V6 = 1232, /* at most 1280: RFC 4443 section 2.4 */
	ICMP_ANSWER_MAX = 1280,
};

/*
 * To the sender of the IP packet of size bytes at packet, as if from its destination, saying that
 * mtu bytes pass. ERR_TRUNCATED or ERR_MALFORMED when it is no IP packet. ERR_UNSUPPORTED for what
 * nobody may answer (RFC 1122 section 3.2.2, RFC 4443 section 2.4): an error of ICMP itself, a
 * later fragment, an address of several or of nobody.
 */
enum err icmp_too_big(const uint8_t *packet, size_t size, uint16_t mtu,
					  uint8_t out_answer[static ICMP_ANSWER_MAX], size_t *out_size);
