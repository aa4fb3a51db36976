#include "proto/wireguard_peer.h"

#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"
#include "engine/shard_out.h"
#include "engine/staging.h"
#include "proto/wireguard_exchange.h"
#include "proto/wireguard_limits.h"
#include "proto/wireguard_network.h"
#include "proto/wireguard_probe.h"
#include "proto/wireguard_protocol.h"
#include "proto/wireguard_timers.h"

struct wireguard_peer *wireguard_peer_new(const uint8_t public_key[static X25519_KEY_SIZE],
										  uint16_t owner) {
	struct wireguard_peer *peer = calloc(1, sizeof *peer);
	if (!peer)
		return NULL;
	struct cookie_keys keys;
	if (cookie_keys_init(&keys, WIREGUARD_MAC1_LABEL, WIREGUARD_COOKIE_LABEL, public_key) !=
		ERR_OK) {
		free(peer);
		return NULL;
	}
	peer_init(&peer->peer, &wireguard_protocol, owner);
	list_init(&peer->control.link);
	list_init(&peer->control.changed_link);
	list_init(&peer->control.allowed_ips);
	memcpy(peer->control.public_key, public_key, X25519_KEY_SIZE);
	device_news_init(&peer->news, &peer->peer, peer->control.public_key);
	memcpy(peer->remote.public_key, public_key, X25519_KEY_SIZE);
	cookie_jar_init(&peer->cookies, &keys);
	wireguard_timers_init(peer);
	return peer;
}

void wireguard_peer_free(struct wireguard_peer *peer) {
	if (!peer)
		return;
	wipe(peer, sizeof *peer);
	free(peer);
}

static void release_session(struct shard_deferred *deferred) {
	struct wireguard_session *session = list_item(deferred, struct wireguard_session, deferred);
	session_done(&session->session);
	wipe(session, sizeof *session);
	free(session);
}

enum err wireguard_session_new(struct wireguard_peer *peer, const struct wireguard_keys *keys,
							   struct wireguard_session **out_session) {
	struct shard *shard = peer->peer.lane->shard;
	struct wireguard_session *session = calloc(1, sizeof *session);
	if (!session)
		return ERR_NO_MEMORY;
	session->binding = (struct wireguard_binding){.peer = peer, .session = session};
	session->deferred.release = release_session;
	enum err error = session_init(&session->session, shard->backend, AEAD_CHACHA20_POLY1305,
								  keys->send, keys->receive, keys->local_index, keys->remote_index,
								  keys->initiator, shard->now);
	if (error == ERR_OK)
		error = index_table_set(shard->indices, keys->local_index, &session->binding);
	if (error != ERR_OK) {
		release_session(&session->deferred);
		return error;
	}
	*out_session = session;
	return ERR_OK;
}

void wireguard_session_end(struct wireguard_session *session) {
	if (!session)
		return;
	struct shard *shard = session->binding.peer->peer.lane->shard;
	index_table_remove(shard->indices, session->session.local_index);
	shard_defer(shard, &session->deferred);
}

void wireguard_peer_adopt(struct wireguard_peer *peer, struct wireguard_session *session) {
	peer->crossed = session->session.initiator && peer->next;
	if (!session->session.initiator) {
		wireguard_session_end(peer->next);
		wireguard_session_end(peer->previous);
		peer->previous = NULL;
		peer->next = session;
		return;
	}
	wireguard_session_end(peer->previous);
	if (peer->next) {
		/* Both ends started at once: the one we answered stays readable. */
		wireguard_session_end(peer->current);
		peer->previous = peer->next;
		peer->next = NULL;
	} else {
		peer->previous = peer->current;
	}
	peer->current = session;
}

void wireguard_peer_confirm(struct wireguard_peer *peer) {
	wireguard_session_end(peer->previous);
	peer->previous = peer->current;
	peer->current = peer->next;
	peer->next = NULL;
	peer->crossed = false;
}

void wireguard_peer_yield(struct wireguard_peer *peer, const struct session *session) {
	if (!peer->crossed || session != &peer->previous->session)
		return;
	peer->crossed = false;
	const uint8_t *own = wireguard_lane_config(peer->peer.lane)->identity->public_key;
	if (memcmp(own, peer->remote.public_key, X25519_KEY_SIZE) > 0)
		return;
	struct wireguard_session *theirs = peer->previous;
	peer->previous = peer->current;
	peer->current = theirs;
}

void wireguard_peer_roam(struct wireguard_peer *peer, const struct endpoint *from,
						 const struct udp_source *to) {
	const struct endpoint *before = &peer->peer.paths[0].to;
	unsigned news = 0;
	if (!endpoint_equal(before, from))
		news = before->address.family == ADDRESS_NONE ? DEVICE_NEWS_ENDPOINT : DEVICE_NEWS_MOVED;
	peer_set_endpoint(&peer->peer, from, to);
	if (news)
		device_news_tell(&peer->news, news);
	if (news == DEVICE_NEWS_MOVED)
		wireguard_probe_moved(peer);
}

void wireguard_peer_unreachable(struct wireguard_peer *peer) {
	uint64_t now = peer->peer.lane->shard->now;
	/* That address is of no use any more either. */
	wireguard_peer_clear_source(peer);
	peer->unsent = peer->pending.present;
	if (!peer->running || (peer->last_unreachable != 0 &&
						   now - peer->last_unreachable < WIREGUARD_UNREACHABLE_INTERVAL))
		return;
	peer->last_unreachable = now;
	device_news_tell(&peer->news, DEVICE_NEWS_UNREACHABLE);
}

void wireguard_peer_forget_pending(struct wireguard_peer *peer) {
	if (!peer->pending.present)
		return;
	index_table_remove(peer->peer.lane->shard->indices, peer->pending.sender);
	wipe(&peer->pending, sizeof peer->pending);
	peer->redirected = peer->challenged = peer->moved = peer->unsent = false;
}

void wireguard_peer_wipe_sessions(struct wireguard_peer *peer) {
	wireguard_session_end(peer->previous);
	wireguard_session_end(peer->current);
	wireguard_session_end(peer->next);
	peer->previous = peer->current = peer->next = NULL;
	peer->crossed = false;
}

void wireguard_peer_wipe(struct wireguard_peer *peer) {
	wireguard_peer_wipe_sessions(peer);
	wireguard_peer_forget_pending(peer);
	staging_drop(&peer->peer);
}

void wireguard_peer_expire(struct wireguard_peer *peer) {
	wireguard_peer_forget_pending(peer);
	wireguard_session_end(peer->next);
	peer->next = NULL;
	peer->crossed = false;
	/* What is under way from the other end is still read, nothing more is sent. */
	if (peer->current)
		peer->current->session.send_counter = WIREGUARD_REJECT_AFTER_MESSAGES;
	peer->last_sent = 0;
}

void wireguard_peer_start(struct wireguard_peer *peer) {
	if (peer->running)
		return;
	peer->running = true;
	peer->attempts = 0;
	peer->last_minute_sent = false;
	peer->another_keepalive = false;
	peer->last_sent = 0;
	if (peer->resume && peer->peer.paths[0].to.address.family != ADDRESS_NONE)
		wireguard_network_resume(peer);
	peer->resume = false;
	if (peer->persistent_interval > 0)
		shard_out_send_keepalive(peer->peer.lane, &peer->peer);
}

void wireguard_peer_stop(struct wireguard_peer *peer) {
	if (!peer->running)
		return;
	peer->running = false;
	/* The other end still sends under keys that are wiped here: start anew once we are back. */
	const struct wireguard_session *current = peer->current;
	peer->resume = current && session_age(&current->session, peer->peer.lane->shard->now) <
								  WIREGUARD_REJECT_AFTER_TIME;
	wireguard_timers_stop(peer);
	wireguard_peer_wipe(peer);
}

void wireguard_peer_clear_source(struct wireguard_peer *peer) {
	peer->peer.paths[0].from = (struct udp_source){.interface = 0};
}
