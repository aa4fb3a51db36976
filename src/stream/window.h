#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/*
 * The flow-control windows of a stream or of a connection. Only DATA payload counts.
 *
 * The receiving end grants bytes; what it holds unread is taken off the grants to come, so never
 * more than `size` bytes are unread or under way. The size doubles while the peer uses it up so
 * fast that it is what limits him: while less than twice rate x round trip is granted.
 */

enum {
	WINDOW_INITIAL = 262144,
	WINDOW_CONNECTION_INITIAL = 16 * WINDOW_INITIAL,
	WINDOW_MAX = 16777215,
};

/* What the peer still lets us send. */
struct window_out {
	uint32_t left;
};

/* ERR_LIMIT, with nothing changed, when the peer grants more than WINDOW_MAX. */
enum err window_out_grant(struct window_out *window, uint32_t increment);

struct window_in {
	uint32_t size;
	uint32_t left;     /* bytes that the peer may still send */
	uint32_t held;     /* came and were not released */
	uint32_t released; /* since measured_at */
	uint64_t measured_at;
};

void window_in_init(struct window_in *window, uint32_t size, uint64_t now);

/* Bytes have come. ERR_LIMIT, with nothing changed, when the peer was not allowed to send them. */
enum err window_in_take(struct window_in *window, uint32_t bytes);

/* Of what came, this many bytes are no longer held. */
void window_in_release(struct window_in *window, uint32_t bytes);

/*
 * Whether a grant is due: a quarter can be granted. Were it half, the bytes between two updates
 * that a burst just misses would leave half of the window unused in every round trip.
 */
bool window_in_is_due(const struct window_in *window);

/*
 * The increment to be sent now, which is above 0 when a grant is due. round_trip in ns, 0 while it
 * is unknown: then the size stays.
 */
uint32_t window_in_grant(struct window_in *window, uint64_t now, uint64_t round_trip);
