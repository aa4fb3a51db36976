#pragma once

/* A second protocol for tests of ports that are shared: the toy with other first bytes. */

#include "engine/toy.h"

enum { SECOND_DATA = 'd', SECOND_HANDSHAKE = 'h' };

static inline enum incoming_kind second_toy_parse(struct lane *lane, uint8_t *data, size_t size,
												  struct incoming *out_incoming,
												  struct aead_job *job) {
	const uint8_t first = size > 0 ? data[0] : 0;
	if (first != SECOND_DATA && first != SECOND_HANDSHAKE)
		return INCOMING_FOREIGN;
	data[0] = first == SECOND_DATA ? 'D' : 'H';
	enum incoming_kind kind = toy_parse(lane, data, size, out_incoming, job);
	data[0] = first;
	return kind;
}

static inline void second_toy_frame(struct lane *lane, const struct session *session,
									uint64_t counter, uint8_t *slot, struct aead_job *job) {
	toy_frame(lane, session, counter, slot, job);
	slot[0] = SECOND_DATA;
}

static const struct protocol_ops second_toy_protocol = {
	.name = "second toy",
	.front = TOY_FRONT,
	.tail = TOY_TAG,
	.padding_unit = TOY_PADDING,
	.parse = second_toy_parse,
	.handshake = toy_handshake,
	.received = toy_received,
	.outgoing = toy_outgoing,
	.wanted = toy_wanted,
	.frame = second_toy_frame,
	.sent = toy_sent,
	.expired = toy_expired,
	.reconfigured = toy_reconfigured,
	.lane_init = toy_lane_init,
	.lane_done = toy_lane_done,
};
