#include "proto/steering_rules.h"

#include "wire/mighty.h"
#include "wire/phaze_packet.h"
#include "wire/wireguard.h"

/*
 * WireGuard: the type is a little-endian number, and so is the receiver's index behind it, or
 * behind the sender's in a response. An initiation has none.
 */
#define WIREGUARD_RULE(type, place) \
	{ .word = (uint32_t)(type) << 24, .mask = UINT32_MAX, .offset = (place) }

/* Mighty: version and type, a byte of zeros, the receiver's session id. A ClientHello has none. */
#define MIGHTY_RULE(type)                                                                     \
	{                                                                                         \
		.word = (uint32_t)(MIGHTY_VERSION << 4 | (type)) << 24, .mask = UINT32_C(0xffff0000), \
		.offset = 3                                                                           \
	}

/* Phaze: "PHAZ", version, type, sequence, and the receiver's session id, zeros in a ClientHello. */
enum { PHAZE_ID_OFFSET = 10 };
#define PHAZE_RULE                                                                       \
	{                                                                                    \
		.word = UINT32_C(0x5048415a), .mask = UINT32_MAX, .offset = PHAZE_ID_OFFSET + 3, \
		.id_offset = PHAZE_ID_OFFSET                                                     \
	}

_Static_assert(PHAZE_HEADER_SIZE == PHAZE_ID_OFFSET + 4 + 2, "only the length is behind the id");

/* What is frequent comes first. */
const struct steering_rule steering_rules[STEERING_RULES] = {
	WIREGUARD_RULE(WIREGUARD_DATA, 4),
	MIGHTY_RULE(MIGHTY_DATA),
	PHAZE_RULE,
	WIREGUARD_RULE(WIREGUARD_RESPONSE, 8),
	WIREGUARD_RULE(WIREGUARD_COOKIE_REPLY, 4),
	MIGHTY_RULE(MIGHTY_RESPONSE),
	MIGHTY_RULE(MIGHTY_COMPLETE),
	MIGHTY_RULE(MIGHTY_KEEPALIVE),
	MIGHTY_RULE(MIGHTY_DISCONNECT),
};
