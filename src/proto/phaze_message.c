#include "proto/phaze_message.h"

#include <string.h>

#include "proto/phaze_paths.h"
#include "proto/phaze_renewal.h"
#include "proto/phaze_session.h"
#include "proto/phaze_timers.h"
#include "wire/keepalive.h"

enum { MESSAGE_SIZE_MAX = PHAZE_OVERHEAD + PHAZE_REKEY_SIZE };

_Static_assert(PHAZE_REKEY_SIZE >= (int)KEEPALIVE_SIZE, "the largest message");

void phaze_message_frame(struct lane *lane, const struct session *session, enum phaze_type type,
						 uint64_t counter, uint8_t *slot, struct aead_job *job) {
	const struct phaze_header header = {
		.type = type,
		.sequence = (uint32_t)counter,
		.session_id = session->remote_index,
		.length = (uint16_t)(job->size + AEAD_NONCE_SIZE + AEAD_TAG_SIZE),
	};
	nonce_pool_take(&phaze_lane_of(lane)->nonces, job->nonce);
	phaze_packet_encode_front(&header, job->nonce, slot);
	job->associated_data = slot;
	job->associated_data_size = PHAZE_HEADER_SIZE;
}

/* Seals a message now; 0 where the session, which may be NULL, cannot. */
static size_t seal(const struct phaze_session *session, enum phaze_type type, const uint8_t *plain,
				   size_t size, uint8_t out_datagram[static MESSAGE_SIZE_MAX]) {
	struct lane *lane = session ? session->peer->peer.lane : NULL;
	struct phaze_key *key = lane ? phaze_session_sealing(session, lane->shard->now, 1) : NULL;
	if (!key)
		return 0;
	struct aead_job job = {.key = &key->session.send,
						   .source = plain,
						   .destination = out_datagram + PHAZE_FRONT,
						   .size = (uint32_t)size};
	phaze_message_frame(lane, &key->session, type, key->session.send_counter++, out_datagram, &job);
	if (aead_seal_many(lane->shard->worker, &job, 1) != ERR_OK)
		return 0;
	outbox_count_sealed(&lane->listener->outbox, 1);
	return size + PHAZE_OVERHEAD;
}

static void send_here(struct phaze_peer *peer, enum phaze_type type, const uint8_t *plain,
					  size_t size) {
	uint8_t datagram[MESSAGE_SIZE_MAX];
	const uint32_t sealed = (uint32_t)seal(peer->current, type, plain, size, datagram);
	if (sealed == 0)
		return;
	uint8_t *slot = outbox_reserve(&peer->peer.lane->listener->outbox, sealed);
	memcpy(slot, datagram, sealed);
	const struct path *path = &peer->peer.paths[0];
	if (path->ops->send(&peer->peer, 0, slot, sealed, (uint16_t)sealed, UDP_WAY_ANY) == ERR_OK)
		phaze_timers_sent(peer);
}

static void send_keepalive(struct phaze_peer *peer, const struct keepalive *keepalive) {
	uint8_t plain[KEEPALIVE_SIZE];
	keepalive_encode(keepalive, plain);
	send_here(peer, PHAZE_KEEPALIVE, plain, sizeof plain);
}

void phaze_message_keepalive(struct phaze_peer *peer) {
	const struct keepalive keepalive = {.kind = KEEPALIVE_PLAIN};
	send_keepalive(peer, &keepalive);
}

void phaze_message_greet(struct phaze_peer *peer) {
	struct keepalive keepalive = {.kind = KEEPALIVE_PING};
	random_fill(peer->peer.lane->shard->random, keepalive.bytes, sizeof keepalive.bytes);
	send_keepalive(peer, &keepalive);
}

void phaze_message_rekey(struct phaze_peer *peer, const uint8_t *content, size_t size) {
	send_here(peer, PHAZE_REKEY, content, size);
}

static void answer(struct phaze_peer *peer, const struct endpoint *to,
				   const struct udp_source *from, const uint8_t *datagram, size_t size) {
	if (size == 0)
		return;
	outbox_answer(&peer->peer.lane->listener->outbox, to, from, datagram, (uint32_t)size);
	peer_count_sent(&peer->peer, size);
}

void phaze_message_close(struct phaze_peer *peer, enum phaze_close_code code) {
	uint8_t plain[PHAZE_CLOSE_SIZE], datagram[MESSAGE_SIZE_MAX];
	const struct path *path = &peer->peer.paths[0];
	phaze_packet_encode_close(code, plain);
	if (peer->current && peer->current->link) {
		send_here(peer, PHAZE_CLOSE, plain, sizeof plain);
		return;
	}
	/* Where the peer is now: the session that takes its place may be with another address. */
	answer(peer, &path->to, &path->from, datagram,
		   seal(peer->current, PHAZE_CLOSE, plain, sizeof plain, datagram));
}

void phaze_message_send(struct phaze_peer *peer, const struct keepalive *keepalive,
						const struct endpoint *to, const struct udp_source *from) {
	uint8_t plain[KEEPALIVE_SIZE], datagram[MESSAGE_SIZE_MAX];
	if (peer->current && peer->current->link) {
		send_keepalive(peer, keepalive);
		return;
	}
	keepalive_encode(keepalive, plain);
	answer(peer, to, from, datagram,
		   seal(peer->current, PHAZE_KEEPALIVE, plain, sizeof plain, datagram));
}

void phaze_message_part(const struct phaze_session *session) {
	uint8_t plain[PHAZE_CLOSE_SIZE], datagram[MESSAGE_SIZE_MAX];
	phaze_packet_encode_close(session->code, plain);
	answer(session->peer, &session->to, &session->from, datagram,
		   seal(session, PHAZE_CLOSE, plain, sizeof plain, datagram));
}

/* Of the newest key, and newer than all that came under it. */
static bool is_newest(const struct phaze_peer *peer, const struct phaze_key *key,
					  const struct incoming *incoming) {
	return key == peer->current->newest && incoming->counter + 1 == key->session.replay.next;
}

static void take_keepalive(struct phaze_peer *peer, const struct phaze_key *key,
						   const struct incoming *incoming, const struct udp_received *origin,
						   const struct keepalive *keepalive) {
	if (is_newest(peer, key, incoming))
		phaze_paths_told(peer, origin, keepalive->kind, incoming->counter, incoming->wire_size);
	phaze_paths_take(peer, origin, keepalive);
}

void phaze_message_take(struct lane *lane, const struct incoming *incoming,
						const struct udp_received *origin, const uint8_t *data, size_t size) {
	struct phaze_peer *peer = phaze_peer_of(incoming->peer);
	struct phaze_key *key = (struct phaze_key *)incoming->session;
	struct keepalive keepalive;
	enum phaze_close_code code;
	if (!phaze_peer_heard(peer, key)) {
		if (key->owner->stage == PHAZE_PARTING && incoming->message != PHAZE_CLOSE)
			phaze_message_part(key->owner);
		return;
	}
	switch ((enum phaze_type)incoming->message) {
	case PHAZE_KEEPALIVE:
		if (keepalive_decode(data, size, &keepalive) == ERR_OK)
			take_keepalive(peer, key, incoming, origin, &keepalive);
		else
			lane_count(&lane->counters.malformed, 1);
		break;
	case PHAZE_REKEY:
		/* The answer goes where the client was; it asks again, from where it is known to be. */
		if (is_newest(peer, key, incoming))
			phaze_paths_seen(peer, origin, incoming->counter, incoming->wire_size);
		phaze_renewal_take(peer, key, data, size);
		break;
	case PHAZE_CLOSE:
		if (phaze_packet_decode_close(data, size, &code) == ERR_OK)
			phaze_peer_closed(peer, code);
		else
			lane_count(&lane->counters.malformed, 1);
		break;
	case PHAZE_DATA:
	case PHAZE_HANDSHAKE:
		break;
	}
}
