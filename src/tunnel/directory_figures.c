#include <stdlib.h>
#include <string.h>

#include "tunnel/directory_core.h"

static struct directory_peer *last_peer(const struct directory *directory) {
	return list_item(directory->peers.previous, struct directory_peer, link);
}

static enum err take(void *context, const struct directory_text_peer *seen) {
	struct directory *directory = context;
	struct directory_peer *peer = directory_find_key(directory, seen->public_key);
	if (!peer) {
		enum err error = directory_add_device_peer(directory, seen);
		if (error)
			return error;
		peer = last_peer(directory);
	}
	peer->known = true;
	peer->update = directory->updates;
	peer->figures = seen->figures;
	if (seen->figures.tells_session)
		peer->watched.session = seen->figures.has_session;
	return ERR_OK;
}

static void forget(struct directory_peer *peer) {
	peer->known = false;
	peer->watched.session = false;
	peer->figures = (struct directory_figures){.sent = 0};
}

enum err directory_update(struct directory *directory, struct slice text) {
	directory_drop_device_peers(directory);
	directory->updates++;
	enum err error = directory_text_parse(text, take, directory, &directory->device);
	if (error)
		return error;
	list_for_each (link, &directory->peers) {
		struct directory_peer *peer = list_item(link, struct directory_peer, link);
		if (peer->update != directory->updates)
			forget(peer);
	}
	return ERR_OK;
}

void directory_forget(struct directory *directory) {
	directory_drop_device_peers(directory);
	list_for_each (link, &directory->peers) {
		struct directory_peer *peer = list_item(link, struct directory_peer, link);
		forget(peer);
		peer->watched.unanswered = 0;
		peer->watched.connected_at = 0;
		peer->watched.unreachable_at = 0;
		peer->watched.reserved_until = 0;
	}
	/* The key stays: it is the same when the tunnel comes up again. */
	directory->device.listen_port = 0;
	directory->device.fwmark = 0;
	directory->device.data_path.shard_count = 0;
	directory->device.streams = (struct stream_figure_set){.are_known = false};
}

void directory_inherit(struct directory *directory, const struct directory *before) {
	directory->device = before->device;
	list_for_each (link, &directory->peers) {
		struct directory_peer *peer = list_item(link, struct directory_peer, link);
		const struct directory_peer *same = directory_find_key(before, peer->public_key);
		if (!same || peer->shadowed_by)
			continue;
		peer->known = same->known;
		peer->figures = same->figures;
		peer->watched = same->watched;
	}
}

const struct directory_device *directory_device(const struct directory *directory) {
	return &directory->device;
}

bool directory_connected(const struct directory_peer *peer, uint64_t now) {
	const struct stream_peer_figure_set *streams = &peer->figures.streams;
	uint64_t last = peer->figures.latest_handshake;
	/* Keys tell of no end; connections and sessions do. */
	if (streams->are_known)
		return streams->of[STREAM_PEER_FIGURE_CONNECTIONS] > 0;
	if (peer->figures.tells_session)
		return peer->watched.session;
	return last > 0 && last + peer->lifetime > now;
}

struct directory_totals directory_totals(const struct directory *directory, uint64_t now) {
	struct directory_totals totals = {.peers = directory->count};
	list_for_each (link, &directory->peers) {
		const struct directory_peer *peer = list_item(link, struct directory_peer, link);
		totals.connected += directory_connected(peer, now);
		totals.received += peer->figures.received;
		totals.sent += peer->figures.sent;
	}
	return totals;
}

struct candidate {
	uint64_t handshake;
	size_t order;
	const struct directory_peer *peer;
};

static int compare(const void *left_item, const void *right_item) {
	const struct candidate *left = left_item, *right = right_item;
	if (left->handshake != right->handshake)
		return left->handshake > right->handshake ? -1 : 1;
	return left->order < right->order ? -1 : 1;
}

enum err directory_recent(const struct directory *directory, size_t limit,
						  const struct directory_peer ***out_peers, size_t *out_count) {
	size_t count = 0;
	/* With room for one, as malloc(0) may be NULL. */
	struct candidate *candidates = malloc((directory->count + 1) * sizeof *candidates);
	if (limit > directory->count)
		limit = directory->count;
	const struct directory_peer **peers = malloc((limit + 1) * sizeof(*peers));
	if (!candidates || !peers) {
		free(candidates);
		free(peers);
		return ERR_NO_MEMORY;
	}
	list_for_each (link, &directory->peers) {
		const struct directory_peer *peer = list_item(link, struct directory_peer, link);
		candidates[count] = (struct candidate){peer->figures.latest_handshake, count, peer};
		count++;
	}
	if (limit > 0)
		qsort(candidates, count, sizeof *candidates, compare);
	for (size_t i = 0; i < limit; i++)
		peers[i] = candidates[i].peer;
	free(candidates);
	*out_peers = peers;
	*out_count = limit;
	return ERR_OK;
}
