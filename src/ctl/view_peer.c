#include "ctl/view_peer.h"

#include <stdlib.h>
#include <string.h>

#include "ctl/view_json.h"
#include "ctl/view_paths.h"
#include "ctl/view_streams.h"

enum { RULES_SHOWN_MAX = 512 << 10 }; /* bytes: a file may have more than a request */

static const char *const STATE_NAMES[VIEW_PEER_STATE_COUNT] = {
	[VIEW_PEER_IDLE] = "idle",
	[VIEW_PEER_RESOLVING] = "resolving",
	[VIEW_PEER_CONNECTING] = "connecting",
	[VIEW_PEER_CONNECTED] = "connected",
	[VIEW_PEER_QUIET] = "quiet",
};

const char *view_peer_state_name(enum view_peer_state state) {
	return state < VIEW_PEER_STATE_COUNT ? STATE_NAMES[state] : "unknown";
}

static const char *state_name(unsigned index) {
	return view_peer_state_name((enum view_peer_state)index);
}

void view_peer_done(struct view_peer *peer) {
	if (!peer)
		return;
	free(peer->tunnel);
	free(peer->name);
	free(peer->origin);
	free(peer->reason);
	free(peer->endpoint_name);
	free(peer->allowed_ips);
	free(peer->rules);
	*peer = (struct view_peer){0};
}

void view_peer_put(const struct view_peer *peer, struct view_text *text) {
	char endpoint[ENDPOINT_TEXT_SIZE];
	if (peer->endpoint.address.family != ADDRESS_NONE)
		endpoint_format(&peer->endpoint, endpoint);
	struct view_writer w = view_writer_new();
	view_put_text(&w, "tunnel", peer->tunnel);
	view_put_text(&w, "name", peer->name);
	view_put_text(&w, "origin", peer->origin);
	view_put_key(&w, "public_key", peer->public_key);
	view_put_bool(&w, "has_preshared_key", peer->has_preshared_key);
	view_put_bool(&w, "is_identity", peer->is_identity);
	view_put_text(&w, "state", view_peer_state_name(peer->state));
	view_put_text(&w, "reason", peer->reason);
	view_put_text(&w, "endpoint_name", peer->endpoint_name);
	view_put_text(&w, "endpoint", peer->endpoint.address.family != ADDRESS_NONE ? endpoint : NULL);
	view_put_prefixes(&w, "allowed_ips", peer->allowed_ips, peer->allowed_ip_count);
	view_put_number(&w, "persistent_keepalive", peer->persistent_keepalive);
	view_put_number_or_null(&w, "path_mtu", peer->path_mtu);
	view_paths_put(&w, peer);
	view_put_number_or_null(&w, "latest_handshake", peer->latest_handshake);
	view_put_number(&w, "received", peer->received);
	view_put_number(&w, "sent", peer->sent);
	view_put_lines(&w, "rules", peer->rules);
	view_streams_put_peer(&w, &peer->streams);
	view_writer_end(&w, text, false);
}

static void get_endpoint(struct view_reader *r, struct endpoint *out_endpoint) {
	char *text = view_get_text(r, "endpoint", ENDPOINT_TEXT_SIZE, false);
	if (text && endpoint_parse(text, out_endpoint))
		view_fail(r, "endpoint", "an address and port such as \"192.0.2.1:51820\"");
	free(text);
}

enum err view_peer_get(const json_t *object, struct view_peer *out_peer) {
	struct view_reader r = view_reader_of(object);
	struct view_peer peer = {0};
	peer.tunnel = view_get_text(&r, "tunnel", VIEW_TEXT_MAX, true);
	peer.name = view_get_text(&r, "name", VIEW_TEXT_MAX, true);
	peer.origin = view_get_text(&r, "origin", VIEW_TEXT_MAX, true);
	(void)view_get_key(&r, "public_key", peer.public_key, true);
	peer.has_preshared_key = view_get_bool(&r, "has_preshared_key");
	peer.is_identity = view_get_bool(&r, "is_identity");
	peer.state =
		(enum view_peer_state)view_get_word(&r, "state", state_name, VIEW_PEER_STATE_COUNT);
	peer.reason = view_get_text(&r, "reason", VIEW_TEXT_MAX, false);
	peer.endpoint_name = view_get_text(&r, "endpoint_name", VIEW_TEXT_MAX, false);
	get_endpoint(&r, &peer.endpoint);
	peer.allowed_ips = view_get_prefixes(&r, "allowed_ips", true, &peer.allowed_ip_count);
	peer.persistent_keepalive = (uint16_t)view_get_number(&r, "persistent_keepalive", UINT16_MAX);
	peer.path_mtu = (uint16_t)view_get_number(&r, "path_mtu", UINT16_MAX);
	view_paths_get(&r, &peer);
	peer.latest_handshake = view_get_number(&r, "latest_handshake", UINT64_MAX);
	peer.received = view_get_number(&r, "received", UINT64_MAX);
	peer.sent = view_get_number(&r, "sent", UINT64_MAX);
	peer.rules = view_get_lines(&r, "rules", RULES_SHOWN_MAX, "a list of rules");
	peer.streams = view_streams_get_peer(&r);
	if (r.error) {
		view_peer_done(&peer);
		return r.error;
	}
	*out_peer = peer;
	return ERR_OK;
}

enum err view_peer_encode(const struct view_peer *peer, char **out_text, size_t *out_size) {
	struct view_text text = {0};
	view_peer_put(peer, &text);
	return view_text_take(&text, out_text, out_size);
}

enum err view_peer_decode(const char *text, size_t size, struct view_peer *out_peer) {
	json_t *object;
	enum err error = view_json_parse(text, size, &object);
	if (error)
		return error;
	error = view_peer_get(object, out_peer);
	json_decref(object);
	return error;
}

void view_peers_put(const struct view_peer *peers, size_t count, struct view_text *text) {
	view_text_add(text, "[", 1);
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			view_text_add(text, ",", 1);
		view_peer_put(&peers[i], text);
	}
	view_text_add(text, "]", 1);
}

static void free_peers(struct view_peer *peers, size_t count) {
	for (size_t i = 0; i < count; i++)
		view_peer_done(&peers[i]);
	free(peers);
}

enum err view_peers_get(struct view_reader *reader, const char *member,
						struct view_peer **out_peers, size_t *out_count) {
	const json_t *array = view_get_array(reader, member, VIEW_JSON_MAX);
	size_t count = json_array_size(array);
	if (reader->error || count == 0) {
		if (!reader->error) {
			*out_peers = NULL;
			*out_count = 0;
		}
		return reader->error;
	}
	struct view_peer *peers = calloc(count, sizeof *peers);
	if (!peers)
		return reader->error = ERR_NO_MEMORY;
	for (size_t i = 0; i < count; i++) {
		enum err error = view_peer_get(json_array_get(array, i), &peers[i]);
		if (error) {
			free_peers(peers, i);
			return reader->error = error;
		}
	}
	*out_peers = peers;
	*out_count = count;
	return ERR_OK;
}

static const char OPENING[] = "{\"peers\":[";
enum { OPENING_SIZE = sizeof OPENING - 1 };

enum err view_peers_encode(const struct view_peer *peers, size_t count, char **out_text,
						   size_t *out_size) {
	struct view_text text = {0};
	view_text_add(&text, OPENING, OPENING_SIZE - 1);
	view_peers_put(peers, count, &text);
	view_text_add(&text, "}", 1);
	return view_text_take(&text, out_text, out_size);
}

/* A list that grows by one peer. */
struct peers {
	struct view_peer *items;
	size_t count, capacity;
};

static enum err append(struct peers *peers, const json_t *object) {
	if (peers->count == peers->capacity) {
		size_t capacity = peers->capacity ? 2 * peers->capacity : 64;
		struct view_peer *items = reallocarray(peers->items, capacity, sizeof *items);
		if (!items)
			return ERR_NO_MEMORY;
		peers->items = items;
		peers->capacity = capacity;
	}
	enum err error = view_peer_get(object, &peers->items[peers->count]);
	if (!error)
		peers->count++;
	return error;
}

/*
 * The list as view_peers_encode() writes it, a peer at a time: a tree of twenty thousand costs
 * twice the time and sixty times the memory. ERR_UNSUPPORTED: written otherwise, so read the tree.
 */
static enum err decode_each(const char *text, size_t size, struct peers *peers) {
	if (size <= OPENING_SIZE || size > VIEW_JSON_MAX || memcmp(text, OPENING, OPENING_SIZE) != 0)
		return ERR_UNSUPPORTED;
	const char *end = text + size;
	if (end[-1] == '\n') /* the server ends its answers with one */
		end--;
	do {
		text += peers->count == 0 ? OPENING_SIZE : 1;
		json_error_t position;
		json_t *object = json_loadb(text, (size_t)(end - text),
									JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, &position);
		enum err error = object ? append(peers, object) : ERR_UNSUPPORTED;
		json_decref(object);
		if (error)
			return error;
		text += position.position;
	} while (text < end && *text == ',');
	return end - text == 2 && memcmp(text, "]}", 2) == 0 ? ERR_OK : ERR_UNSUPPORTED;
}

static enum err decode_tree(const char *text, size_t size, struct view_peer **out_peers,
							size_t *out_count) {
	json_t *object;
	enum err error = view_json_parse(text, size, &object);
	if (error)
		return error;
	struct view_reader reader = view_reader_of(object);
	if (!view_get_array(&reader, "peers", VIEW_JSON_MAX))
		view_fail(&reader, "peers", "a list");
	error = view_peers_get(&reader, "peers", out_peers, out_count);
	json_decref(object);
	return error;
}

enum err view_peers_decode(const char *text, size_t size, struct view_peer **out_peers,
						   size_t *out_count) {
	struct peers peers = {0};
	enum err error = decode_each(text, size, &peers);
	if (!error) {
		*out_peers = peers.items;
		*out_count = peers.count;
		return ERR_OK;
	}
	free_peers(peers.items, peers.count);
	return error == ERR_UNSUPPORTED ? decode_tree(text, size, out_peers, out_count) : error;
}
