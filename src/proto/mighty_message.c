#include "proto/mighty_message.h"

#include <string.h>

#include "proto/mighty_exchange.h"
#include "proto/mighty_paths.h"
#include "proto/mighty_timers.h"
#include "wire/keepalive.h"

enum { MESSAGE_SIZE_MAX = MIGHTY_DATA_OVERHEAD + KEEPALIVE_SIZE };

void mighty_message_frame(struct lane *lane, const struct session *session, enum mighty_type type,
						  uint64_t counter, uint8_t *slot, struct aead_job *job) {
	const struct mighty_header header = {
		.type = type,
		.session_id = (uint16_t)session->remote_index,
		.sequence = (uint32_t)counter,
		.length = (uint16_t)(job->size + MIGHTY_SEALED_OVERHEAD),
	};
	nonce_pool_take(&mighty_lane_of(lane)->nonces, job->nonce);
	mighty_encode_sealed(&header, job->nonce, slot);
	job->associated_data = slot;
	job->associated_data_size = MIGHTY_HEADER_SIZE;
}

/* Seals a message now; 0 where the session cannot. */
static size_t seal(struct mighty_peer *peer, enum mighty_type type, const uint8_t *plain,
				   size_t size, uint8_t out_datagram[static MESSAGE_SIZE_MAX]) {
	struct lane *lane = peer->peer.lane;
	struct mighty_session *current = peer->current;
	if (!current || !mighty_session_may_seal(current, lane->shard->now, 1))
		return 0;
	struct aead_job job = {.key = &current->session.send,
						   .source = plain,
						   .destination = out_datagram + MIGHTY_DATA_FRONT,
						   .size = (uint32_t)size};
	mighty_message_frame(lane, &current->session, type, current->session.send_counter++,
						 out_datagram, &job);
	if (aead_seal_many(lane->shard->worker, &job, 1) != ERR_OK)
		return 0;
	outbox_count_sealed(&lane->listener->outbox, 1);
	return size + MIGHTY_DATA_OVERHEAD;
}

static void send_here(struct mighty_peer *peer, enum mighty_type type, const uint8_t *plain,
					  size_t size) {
	uint8_t datagram[MESSAGE_SIZE_MAX];
	const uint32_t sealed = (uint32_t)seal(peer, type, plain, size, datagram);
	if (sealed == 0)
		return;
	uint8_t *slot = outbox_reserve(&peer->peer.lane->listener->outbox, sealed);
	memcpy(slot, datagram, sealed);
	const struct path *path = &peer->peer.paths[0];
	if (path->ops->send(&peer->peer, 0, slot, sealed, (uint16_t)sealed, UDP_WAY_ANY) == ERR_OK)
		mighty_timers_sent(peer);
}

void mighty_message_keepalive(struct mighty_peer *peer) {
	const struct keepalive keepalive = {.kind = KEEPALIVE_PLAIN};
	uint8_t plain[KEEPALIVE_SIZE];
	keepalive_encode(&keepalive, plain);
	send_here(peer, MIGHTY_KEEPALIVE, plain, sizeof plain);
}

void mighty_message_disconnect(struct mighty_peer *peer) {
	send_here(peer, MIGHTY_DISCONNECT, (const uint8_t[1]){0}, MIGHTY_DISCONNECT_SIZE);
}

void mighty_message_send(struct mighty_peer *peer, const struct keepalive *keepalive,
						 const struct endpoint *to, const struct udp_source *from) {
	uint8_t plain[KEEPALIVE_SIZE], datagram[MESSAGE_SIZE_MAX];
	keepalive_encode(keepalive, plain);
	const size_t size = seal(peer, MIGHTY_KEEPALIVE, plain, sizeof plain, datagram);
	if (size == 0)
		return;
	outbox_answer(&peer->peer.lane->listener->outbox, to, from, datagram, (uint32_t)size);
	peer_count_sent(&peer->peer, size);
}

static void take_keepalive(struct mighty_peer *peer, const struct incoming *incoming,
						   const struct udp_received *origin, const struct keepalive *keepalive) {
	const struct mighty_session *session = (const struct mighty_session *)incoming->session;
	if (session->stage == MIGHTY_CURRENT && incoming->counter + 1 == session->session.replay.next)
		mighty_paths_told(peer, origin, keepalive->kind, incoming->counter, incoming->wire_size);
	mighty_paths_take(peer, origin, keepalive);
}

void mighty_message_take(struct lane *lane, const struct incoming *incoming,
						 const struct udp_received *origin, const uint8_t *data, size_t size) {
	struct mighty_peer *peer = mighty_peer_of(incoming->peer);
	struct mighty_session *session = (struct mighty_session *)incoming->session;
	struct keepalive keepalive;
	if (!mighty_peer_heard(peer, session))
		return;
	mighty_paths_received(peer, &origin->from);
	if (incoming->message == MIGHTY_DISCONNECT) {
		/* Under an older key it may be late, and the other end be back. */
		if (session->stage != MIGHTY_CURRENT)
			return;
		mighty_peer_lose(peer);
		mighty_exchange_begin_later(peer);
		return;
	}
	if (keepalive_decode(data, size, &keepalive) == ERR_OK)
		take_keepalive(peer, incoming, origin, &keepalive);
	else
		lane_count(&lane->counters.malformed, 1);
}
