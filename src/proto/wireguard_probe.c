#include "proto/wireguard_probe.h"

#include "engine/shard_out.h"
#include "proto/wireguard_timers.h"
#include "wire/control_frame.h"

static uint64_t now_of(const struct wireguard_peer *peer) {
	return peer->peer.lane->shard->now;
}

static uint32_t floor_of(const struct wireguard_peer *peer) {
	return peer->peer.paths[0].to.address.family == ADDRESS_V6 ? PATH_PROBE_FLOOR_V6
															   : PATH_PROBE_FLOOR_V4;
}

/* Probes that are due, the next deadline, and what has come of them. */
static void run(struct wireguard_peer *peer) {
	struct path_probe *probe = &peer->probe;
	/* Nobody who is not where the probes of a search go to can answer them. */
	if (peer->probe_search != probe->first_nonce) {
		peer->probe_search = probe->first_nonce;
		random_fill(peer->peer.lane->shard->random, &peer->probe_mask, sizeof peer->probe_mask);
	}
	uint16_t size;
	while (path_probe_next(probe, &size)) {
		const struct control_frame frame = {
			.type = CONTROL_FRAME_PROBE, .nonce = probe->nonce ^ peer->probe_mask, .size = size};
		shard_out_send_control(peer->peer.lane, &peer->peer, &frame);
	}
	peer_set_limit(&peer->peer, probe->limit);
	wireguard_timers_probe_at(peer, path_probe_deadline(probe));
}

void wireguard_probe_session(struct wireguard_peer *peer) {
	uint64_t now = now_of(peer);
	uint32_t target = peer->peer.lane->mtu;
	/* Where it was stopped in the midst of a round, there is no timer any more. */
	bool resting = peer->probe.phase == PATH_PROBE_DONE && peer->probe.target == target;
	if (peer->probe.known && !resting)
		path_probe_moved(&peer->probe, floor_of(peer), target, now);
	else if (peer->is_umbra && !peer->probe.known)
		path_probe_begin(&peer->probe, floor_of(peer), target, now);
	else
		return;
	run(peer);
}

void wireguard_probe_moved(struct wireguard_peer *peer) {
	if (!peer->probe.known || !peer->current)
		return;
	path_probe_moved(&peer->probe, floor_of(peer), peer->peer.lane->mtu, now_of(peer));
	run(peer);
}

void wireguard_probe_expired(struct wireguard_peer *peer) {
	path_probe_expired(&peer->probe, now_of(peer));
	run(peer);
}

void wireguard_probe_used(struct wireguard_peer *peer) {
	uint64_t now = now_of(peer);
	if (!path_probe_is_due(&peer->probe, now))
		return;
	if (peer->probe.target != peer->peer.lane->mtu)
		path_probe_moved(&peer->probe, floor_of(peer), peer->peer.lane->mtu, now);
	else
		path_probe_used(&peer->probe, now);
	/* From a timer of its own: we may be inside of sending. */
	wireguard_timers_probe_at(peer, now);
}

void wireguard_probe_take(struct wireguard_peer *peer, const uint8_t *data, size_t size) {
	struct lane *lane = peer->peer.lane;
	struct control_frame frame;
	if (control_frame_decode(data, size, &frame) != ERR_OK) {
		lane_count(&lane->counters.control_dropped, 1);
		return;
	}
	if (frame.type == CONTROL_FRAME_REPLY) {
		path_probe_answered(&peer->probe, frame.nonce ^ peer->probe_mask, frame.size, now_of(peer));
	} else {
		frame.type = CONTROL_FRAME_REPLY;
		shard_out_send_control(lane, &peer->peer, &frame);
		path_probe_meet(&peer->probe, floor_of(peer), lane->mtu, now_of(peer));
	}
	run(peer);
}
