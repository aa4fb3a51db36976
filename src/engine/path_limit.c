#include "engine/path_limit.h"

#include "base/clock.h"
#include "engine/shard.h"
#include "engine/shard_out.h"
#include "engine/staging.h"
#include "wire/icmp.h"
#include "wire/ip_fragment.h"
#include "wire/packet.h"
#include "wire/tcp_mss.h"
#include "wire/virtio.h"

enum { V6_MINIMUM = 1280 }; /* every link carries it, RFC 8200 section 5: nobody sends less */

/* The leaky bucket of a second's answers, as the time when it is empty. */
static bool may_answer(struct peer *peer, uint64_t now) {
	const uint64_t cost = CLOCK_SECOND / PATH_LIMIT_ANSWERS;
	uint64_t at = peer->answers_until > now ? peer->answers_until : now;
	if (at + cost > now + CLOCK_SECOND)
		return false;
	peer->answers_until = at + cost;
	return true;
}

static bool tell_sender(struct lane *lane, struct peer *peer, const struct segment_plan *plan,
						uint32_t mtu) {
	uint8_t answer[ICMP_ANSWER_MAX], header[VIRTIO_HEADER_SIZE];
	size_t size;
	if (!may_answer(peer, lane->shard->now) ||
		icmp_too_big(plan->data, plan->size, (uint16_t)mtu, answer, &size) != ERR_OK)
		return false;
	virtio_encode(&(struct virtio_header){.gso_type = VIRTIO_GSO_NONE}, header);
	const struct iovec parts[] = {{header, sizeof header}, {answer, size}};
	return lane->tun.ops->write(lane->tun.context, parts, 2) == ERR_OK;
}

static void send_fragments(struct lane *lane, struct peer *peer, const uint8_t *packet,
						   uint32_t size) {
	uint8_t fragment[UINT16_MAX];
	struct ip_fragment_plan plan;
	uint32_t id = random_u32(lane->shard->random);
	bool cut =
		size > peer->limit && ip_fragment_plan(packet, size, peer->limit, id, &plan) == ERR_OK;
	for (uint16_t i = 0; cut && i < plan.count; i++) {
		ip_fragment_make(&plan, i, fragment);
		if (staging_add(peer, fragment, ip_fragment_size(&plan, i)) != ERR_OK)
			lane_count(&lane->counters.staged_dropped, 1);
	}
	if (!cut && staging_add(peer, packet, size) != ERR_OK)
		lane_count(&lane->counters.staged_dropped, 1);
	shard_out_send_staged(lane, peer);
}

bool path_limit_take(struct lane *lane, struct peer *peer, struct segment_plan *plan) {
	uint32_t mtu = peer->limit;
	if (plan->headers == 0)
		(void)tcp_mss_clamp(plan->data, plan->size, mtu);
	if (segment_size(plan, 0) <= mtu)
		return false;
	bool may_cut;
	if (plan->v6) {
		may_cut = mtu < V6_MINIMUM && segment_size(plan, 0) <= V6_MINIMUM;
		mtu = mtu < V6_MINIMUM ? V6_MINIMUM : mtu;
	} else {
		may_cut = !(packet_u16(plan->data + PACKET_V4_FRAGMENT) & PACKET_V4_DO_NOT_FRAGMENT);
	}
	if (!may_cut)
		return tell_sender(lane, peer, plan, mtu);
	/* One after the other: each lies where the end of the one before it was. */
	for (uint16_t i = 0; i < plan->count; i++) {
		const uint8_t *packet = segment_take(plan, i, 0);
		send_fragments(lane, peer, packet, segment_size(plan, i));
		segment_restore(plan, i);
	}
	return true;
}
