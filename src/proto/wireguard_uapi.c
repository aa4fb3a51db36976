/* The texts that `wg` sets and gets: the part of wireguard_control.h that speaks wire/uapi.h. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/wipe.h"
#include "engine/figures.h"
#include "proto/wireguard_control.h"

static int errno_of(enum err error) {
	switch (error) {
	case ERR_OK:
		return 0;
	case ERR_NO_MEMORY:
		return ENOMEM;
	case ERR_LIMIT:
		return ENOSPC;
	default:
		return EINVAL;
	}
}

/* Nothing is applied unless every line is right in itself and in its place. */
static enum err check_lines(struct slice text) {
	struct uapi_entry entry;
	WIPE_ON_EXIT(entry);
	struct slice line;
	bool in_peer = false;
	while (uapi_next_line(&text, &line)) {
		enum err error = uapi_parse_line((const char *)line.data, line.size, &entry);
		if (error != ERR_OK)
			return error;
		/* Of other tunnels. */
		if (entry.key > UAPI_UMBRA ||
			(entry.key > UAPI_REPLACE_PEERS && entry.key < UAPI_PUBLIC_KEY))
			return ERR_INVALID;
		if (entry.key == UAPI_PUBLIC_KEY)
			in_peer = true;
		else if (in_peer != (entry.key > UAPI_PUBLIC_KEY))
			return ERR_INVALID;
	}
	return ERR_OK;
}

bool wireguard_uapi_of_peers(struct slice text) {
	struct uapi_entry entry;
	WIPE_ON_EXIT(entry);
	struct slice line;
	while (uapi_next_line(&text, &line))
		if (uapi_parse_line((const char *)line.data, line.size, &entry) == ERR_OK &&
			entry.key < UAPI_PUBLIC_KEY)
			return false;
	return true;
}

/* The peer that the present lines are about; lines about NULL (our own key, gone) do nothing. */
struct subject {
	struct wireguard_peer *peer;
	bool created;
};

static enum err open_peer(struct device *device, const struct uapi_entry *entry,
						  struct subject *subject) {
	*subject = (struct subject){.peer = NULL};
	if (device->identity->present &&
		wipe_equal(entry->bytes, device->identity->public_key, X25519_KEY_SIZE))
		return ERR_OK;
	subject->peer = wireguard_control_find(device, entry->bytes);
	if (subject->peer)
		return ERR_OK;
	subject->created = true;
	subject->peer = wireguard_control_add(device, entry->bytes);
	return subject->peer ? ERR_OK : ERR_NO_MEMORY;
}

static void remove_all(struct device *device) {
	list_for_each (link, &device->peers)
		wireguard_control_remove(device, list_item(link, struct wireguard_peer, control.link));
}

static enum err apply_to_peer(struct device *device, const struct uapi_entry *entry,
							  struct subject *subject) {
	struct wireguard_peer *peer = subject->peer;
	if (!peer)
		return ERR_OK;
	switch (entry->key) {
	case UAPI_UPDATE_ONLY:
		if (!subject->created)
			return ERR_OK;
		[[fallthrough]];
	case UAPI_REMOVE:
		wireguard_control_remove(device, peer);
		subject->peer = NULL;
		return ERR_OK;
	case UAPI_PRESHARED_KEY:
		memcpy(peer->control.preshared_key, entry->bytes, AEAD_KEY_SIZE);
		wireguard_control_change(device, peer, WIREGUARD_CHANGE_PRESHARED_KEY);
		return ERR_OK;
	case UAPI_ENDPOINT:
		peer->control.endpoint = entry->endpoint;
		wireguard_control_change(device, peer, WIREGUARD_CHANGE_ENDPOINT);
		return ERR_OK;
	case UAPI_PERSISTENT_KEEPALIVE:
		peer->control.persistent_interval = (uint16_t)entry->number;
		wireguard_control_change(device, peer, WIREGUARD_CHANGE_PERSISTENT);
		return ERR_OK;
	case UAPI_UMBRA:
		peer->control.umbra = entry->number != 0;
		wireguard_control_change(device, peer, WIREGUARD_CHANGE_UMBRA);
		return ERR_OK;
	case UAPI_REPLACE_ALLOWED_IPS:
		device_prefixes_disallow_all(&device->prefixes, &peer->control.allowed_ips);
		return ERR_OK;
	case UAPI_ALLOWED_IP:
		if (!entry->subtract)
			return device_prefixes_allow(&device->prefixes, &peer->peer, &peer->control.allowed_ips,
										 &entry->prefix);
		device_prefixes_disallow(&device->prefixes, &peer->peer, &entry->prefix);
		return ERR_OK;
	case UAPI_PROTOCOL_VERSION:
		return ERR_OK;
	default:
		return ERR_INVALID;
	}
}

static int apply(struct device *device, const struct uapi_entry *entry, struct subject *subject) {
	switch (entry->key) {
	case UAPI_PRIVATE_KEY:
		return errno_of(wireguard_control_set_private_key(device, entry->bytes));
	case UAPI_LISTEN_PORT:
		return device_sockets_set_port(&device->sockets, (uint16_t)entry->number);
	case UAPI_FWMARK:
		return device_sockets_set_mark(&device->sockets, entry->number);
	case UAPI_REPLACE_PEERS:
		remove_all(device);
		return 0;
	case UAPI_PUBLIC_KEY:
		return errno_of(open_peer(device, entry, subject));
	default:
		return errno_of(apply_to_peer(device, entry, subject));
	}
}

int wireguard_uapi_set(struct device *device, struct slice text) {
	enum err error = check_lines(text);
	if (error != ERR_OK)
		return errno_of(error);
	/* What the system may refuse, a port in use, comes before the first edit in what `wg` sends. */
	struct uapi_entry entry;
	WIPE_ON_EXIT(entry);
	struct subject subject = {.peer = NULL};
	struct slice left = text, line;
	int failed = 0;
	for (int pass = 0; pass < 2 && !failed; pass++) {
		left = text;
		while (!failed && uapi_next_line(&left, &line)) {
			if (uapi_parse_line((const char *)line.data, line.size, &entry) != ERR_OK)
				return EINVAL;
			bool sockets = entry.key == UAPI_LISTEN_PORT || entry.key == UAPI_FWMARK;
			if (sockets == (pass == 0))
				failed = apply(device, &entry, &subject);
		}
	}
	error = wireguard_control_commit(device);
	return failed ? failed : errno_of(error);
}

static void put_peer(const struct wireguard_peer *peer, struct uapi_text *out_text) {
	uapi_put_key(out_text, "public_key", peer->control.public_key);
	uapi_put_key(out_text, "preshared_key", peer->control.preshared_key);
}

static void put_prefixes(const struct wireguard_peer *peer, struct uapi_text *out_text) {
	list_for_each (link, &peer->control.allowed_ips) {
		const struct device_prefix *allowed = list_item(link, struct device_prefix, link);
		uapi_put_prefix(out_text, "allowed_ip", &allowed->prefix);
	}
}

static void put_interface(const struct device *device, struct uapi_text *out_text) {
	if (device->identity->present)
		uapi_put_key(out_text, "private_key", device->identity->private_key);
	device_sockets_put(&device->sockets, out_text);
}

/* What a peer has come to, behind its key. */
static void put_figures(const struct wireguard_peer *peer, struct uapi_text *out_text) {
	const struct peer_published *published = &peer->peer.published;
	struct endpoint endpoint;
	uint32_t sequence;
	if (peer->control.changes & WIREGUARD_CHANGE_ENDPOINT)
		uapi_put_endpoint(out_text, "endpoint", &peer->control.endpoint);
	else if (peer_read_endpoint(&peer->peer, &endpoint, &sequence))
		uapi_put_endpoint(out_text, "endpoint", &endpoint);
	uint64_t handshake = atomic_load_explicit(&published->last_handshake, memory_order_relaxed);
	uapi_put_number(out_text, "last_handshake_time_sec", handshake / CLOCK_SECOND);
	uapi_put_number(out_text, "last_handshake_time_nsec", handshake % CLOCK_SECOND);
	uapi_put_number(out_text, "tx_bytes",
					atomic_load_explicit(&published->sent_bytes, memory_order_relaxed));
	uapi_put_number(out_text, "rx_bytes",
					atomic_load_explicit(&published->received_bytes, memory_order_relaxed));
	uapi_put_number(out_text, "persistent_keepalive_interval", peer->control.persistent_interval);
	put_prefixes(peer, out_text);
}

void wireguard_uapi_get(const struct device *device, struct uapi_text *out_text) {
	put_interface(device, out_text);
	list_for_each (link, &device->peers) {
		const struct wireguard_peer *peer = list_item(link, struct wireguard_peer, control.link);
		put_peer(peer, out_text);
		uapi_put_number(out_text, "protocol_version", 1);
		put_figures(peer, out_text);
	}
}

void wireguard_uapi_status(const struct device *device, struct uapi_text *out_text) {
	if (device->identity->present)
		uapi_put_key(out_text, "own_public_key", device->identity->public_key);
	device_sockets_put(&device->sockets, out_text);
	figures_put(device->interface, out_text);
	list_for_each (link, &device->peers) {
		const struct wireguard_peer *peer = list_item(link, struct wireguard_peer, control.link);
		uapi_put_key(out_text, "public_key", peer->control.public_key);
		if (!wipe_is_zero(peer->control.preshared_key, sizeof peer->control.preshared_key))
			uapi_put_line(out_text, "preshared=true");
		uint32_t limit = atomic_load_explicit(&peer->peer.published.limit, memory_order_relaxed);
		if (limit)
			uapi_put_number(out_text, "path_mtu", limit);
		put_figures(peer, out_text);
	}
}

void wireguard_uapi_dump(const struct device *device, struct uapi_text *out_text) {
	put_interface(device, out_text);
	uapi_put_line(out_text, "replace_peers=true");
	list_for_each (link, &device->peers) {
		const struct wireguard_peer *peer = list_item(link, struct wireguard_peer, control.link);
		put_peer(peer, out_text);
		uapi_put_number(out_text, "persistent_keepalive_interval",
						peer->control.persistent_interval);
		if (peer->control.umbra)
			uapi_put_number(out_text, "umbra", 1);
		put_prefixes(peer, out_text);
	}
}
