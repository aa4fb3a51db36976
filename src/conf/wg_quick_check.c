#include <stdlib.h>
#include <string.h>

#include "conf/wg_quick_reader.h"

static int compare_numbers(uint64_t left, uint64_t right) {
	return (left > right) - (left < right);
}

/* Whether two peers have the same key, which a device would take for one peer. */
static int compare_keys(const void *left, const void *right) {
	const struct config_peer *l = *(struct config_peer *const *)left;
	const struct config_peer *r = *(struct config_peer *const *)right;
	int order = memcmp(l->public_key, r->public_key, sizeof l->public_key);
	return order ? order : compare_numbers(l->position.line, r->position.line);
}

static enum err check_keys(struct wg_quick_reader *reader, struct config_peer **sorted) {
	size_t count = reader->file->tunnel.peer_count;
	qsort(sorted, count, sizeof sorted[0], compare_keys);
	for (size_t i = 1; i < count; i++) {
		const struct config_peer *first = sorted[i - 1], *second = sorted[i];
		if (memcmp(first->public_key, second->public_key, sizeof first->public_key) == 0)
			return wg_quick_reader_fail(reader, second->position.line,
										"a [Peer] with the PublicKey of the one in line %u",
										first->position.line);
	}
	return ERR_OK;
}

/* Peers by what they are called; those without a name by their keys. */
struct named {
	const char *name;
	uint32_t peer;
	bool of_key;
};

/* Names of keys first, so that no other peer takes one of them. */
static int compare_names(const void *left, const void *right) {
	const struct named *l = left, *r = right;
	int order = strcmp(l->name, r->name);
	if (order)
		return order;
	order = compare_numbers(r->of_key, l->of_key);
	return order ? order : compare_numbers(l->peer, r->peer);
}

/*
 * Every peer gets a name of its own. Whether a comment is taken depends on the keys and on earlier
 * comments alone, so that the names survive being written and read again.
 */
static enum err settle_names(struct wg_quick_reader *reader) {
	struct config_tunnel *tunnel = &reader->file->tunnel;
	struct config_peer *peers = reader->memory->peers;
	struct named *names = calloc(2 * tunnel->peer_count + 1, sizeof names[0]);
	if (!names)
		return ERR_NO_MEMORY;
	size_t count = 0;
	for (uint32_t i = 0; i < tunnel->peer_count; i++) {
		char text[WG_QUICK_KEY_NAME + 1];
		wg_quick_name_of_key(peers[i].public_key, text);
		struct wg_quick_span span = {text, WG_QUICK_KEY_NAME};
		names[count++] = (struct named){wg_quick_reader_text(reader, span), i, true};
		if (peers[i].name)
			names[count++] = (struct named){peers[i].name, i, false};
		peers[i].name = NULL;
	}
	qsort(names, count, sizeof names[0], compare_names);
	for (size_t i = 0; i < count; i++) {
		bool taken = i > 0 && strcmp(names[i].name, names[i - 1].name) == 0;
		struct config_peer *peer = &peers[names[i].peer];
		if (names[i].of_key ? !peer->name : !taken)
			peer->name = names[i].name;
		else if (!names[i].of_key && names[i].peer != names[i - 1].peer)
			wg_quick_reader_note(reader, peer->position.line,
								 "this peer's name is another's, too; it is called by its key");
	}
	free(names);
	return ERR_OK;
}

static int compare_prefixes(const void *left, const void *right) {
	const struct wg_quick_claim *l = left, *r = right;
	int order = memcmp(&l->prefix, &r->prefix, sizeof l->prefix);
	return order ? order : compare_numbers(l->order, r->order);
}

static int compare_orders(const void *left, const void *right) {
	const struct wg_quick_claim *l = left, *r = right;
	return compare_numbers(l->order, r->order);
}

/* A prefix belongs to one peer, and as with wg(8) that is the last one that names it. */
static void settle_claims(struct wg_quick_claim *claims, size_t count) {
	qsort(claims, count, sizeof claims[0], compare_prefixes);
	for (size_t start = 0, end; start < count; start = end) {
		for (end = start + 1; end < count; end++)
			if (!prefix_equal(&claims[start].prefix, &claims[end].prefix))
				break;
		size_t winner = end - 1;
		while (winner > start && claims[winner - 1].peer == claims[winner].peer)
			winner--;
		for (size_t i = start; i < end; i++)
			if (i != winner) {
				claims[i].dropped = true;
				claims[i].winner = claims[i].peer == claims[winner].peer ? 0 : claims[winner].line;
			}
	}
	qsort(claims, count, sizeof claims[0], compare_orders);
}

static enum err place_allowed_ips(struct wg_quick_reader *reader) {
	struct config_peer *peers = reader->memory->peers;
	if (reader->claim_count == 0)
		return ERR_OK;
	struct prefix *items = calloc(reader->claim_count, sizeof items[0]);
	if (!items)
		return ERR_NO_MEMORY;
	reader->memory->allowed_ips = items;
	settle_claims(reader->claims, reader->claim_count);
	size_t used = 0;
	for (size_t i = 0; i < reader->claim_count; i++) {
		const struct wg_quick_claim *claim = &reader->claims[i];
		struct config_prefixes *own = &peers[claim->peer].allowed_ips;
		if (!claim->dropped) {
			if (own->count++ == 0)
				own->items = items + used;
			items[used++] = claim->prefix;
			continue;
		}
		if (!claim->winner)
			continue;
		char text[ADDRESS_TEXT_SIZE];
		prefix_format(&claim->prefix, text);
		wg_quick_reader_note(reader, claim->line,
							 "AllowedIPs %s goes to the peer that names it last, in line %u", text,
							 claim->winner);
	}
	return ERR_OK;
}

static bool has_default_route(const struct config_tunnel *tunnel) {
	for (size_t i = 0; i < tunnel->peer_count; i++)
		for (size_t j = 0; j < tunnel->peers[i].allowed_ips.count; j++)
			if (tunnel->peers[i].allowed_ips.items[j].length == 0)
				return true;
	return false;
}

/* For wg-quick "off" means that nobody chose a mark: a default route then gets one all the same. */
static void settle_mark(struct config_tunnel *tunnel) {
	if (tunnel->fwmark.off && tunnel->routes.table.automatic && has_default_route(tunnel))
		tunnel->fwmark = (struct config_choice){.automatic = true};
}

static void place_addresses(struct wg_quick_reader *reader) {
	struct prefix *items = reader->memory->addresses;
	size_t used = 0;
	for (size_t i = 0; i < reader->address_count; i++) {
		bool twice = false;
		for (size_t j = 0; j < used && !twice; j++)
			twice = prefix_equal(&items[j], &items[i]);
		if (!twice)
			items[used++] = items[i];
	}
	reader->file->tunnel.addresses = (struct config_prefixes){items, used};
}

enum err wg_quick_check(struct wg_quick_reader *reader) {
	struct config_tunnel *tunnel = &reader->file->tunnel;
	tunnel->peers = reader->memory->peers;
	place_addresses(reader);
	struct config_peer **sorted = calloc(tunnel->peer_count + 1, sizeof sorted[0]);
	if (!sorted)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < tunnel->peer_count; i++)
		sorted[i] = &tunnel->peers[i];
	enum err error = check_keys(reader, sorted);
	free(sorted);
	if (!error)
		error = settle_names(reader);
	if (!error)
		error = place_allowed_ips(reader);
	if (!error)
		settle_mark(tunnel);
	return error;
}
