/* Free addresses for new peers. Addresses are numbers of 128 bits here, v4 ones small. */
#include <stdlib.h>
#include <string.h>

#include "conf/config.h"
#include "tunnel/directory_core.h"

typedef unsigned __int128 number;

/* Both ends included. */
struct range {
	number first, last;
};

struct ranges {
	struct range *items;
	size_t count;
};

static number number_of(const struct address *address) {
	number value = 0;
	for (size_t i = 0; i < address_size(address); i++)
		value = value << 8 | address->bytes[i];
	return value;
}

static struct address address_of(number value, uint8_t family) {
	struct address address = {.family = family};
	for (size_t i = address_size(&address); i-- > 0; value >>= 8)
		address.bytes[i] = (uint8_t)value;
	return address;
}

static unsigned bits_of(const struct prefix *prefix) {
	return 8 * (unsigned)address_size(&prefix->address);
}

static struct range range_of(const struct prefix *prefix) {
	unsigned host = bits_of(prefix) - prefix->length;
	number mask = host >= 128 ? ~(number)0 : ((number)1 << host) - 1;
	number value = number_of(&prefix->address);
	return (struct range){value & ~mask, value | mask};
}

static bool inside(const struct range *outer, const struct range *inner) {
	return inner->first >= outer->first && inner->last <= outer->last;
}

static int compare(const void *left_item, const void *right_item) {
	const struct range *left = left_item, *right = right_item;
	if (left->first != right->first)
		return left->first < right->first ? -1 : 1;
	return 0;
}

static size_t count_prefixes(const struct directory *directory) {
	size_t count = 0;
	list_for_each (link, &directory->peers)
		count += list_item(link, struct directory_peer, link)->allowed_ip_count;
	return count;
}

/*
 * A peer with the whole network or more, a way out for instance, takes no address in it: the more
 * specific prefix wins.
 */
static void add_if_inside(struct ranges *ranges, const struct prefix *network,
						  const struct prefix *prefix) {
	struct range outer = range_of(network), inner = range_of(prefix);
	if (prefix->address.family == network->address.family && prefix->length > network->length &&
		inside(&outer, &inner))
		ranges->items[ranges->count++] = inner;
}

/* Peers that are not used keep theirs: they may be used again tomorrow. */
static void collect(struct ranges *ranges, const struct directory *directory,
					const struct config_prefixes *networks, const struct prefix *network) {
	for (size_t i = 0; i < networks->count; i++) {
		struct prefix own = networks->items[i];
		own.length = (uint8_t)bits_of(&own);
		add_if_inside(ranges, network, &own);
	}
	list_for_each (link, &directory->peers) {
		const struct directory_peer *peer = list_item(link, struct directory_peer, link);
		for (size_t i = 0; i < peer->allowed_ip_count; i++)
			add_if_inside(ranges, network, &peer->allowed_ips[i]);
	}
}

/*
 * The first number of the network outside all ranges. Networks of two addresses have no address of
 * their own (RFC 3021, RFC 6164); the first of any other is the network's or all routers', the last
 * of a v4 one is the broadcast's.
 */
static bool first_free(struct ranges *ranges, const struct prefix *network, number *out_value) {
	struct range all = range_of(network);
	if (bits_of(network) - network->length > 1) {
		all.first++;
		all.last -= network->address.family == ADDRESS_V4;
	}
	qsort(ranges->items, ranges->count, sizeof *ranges->items, compare);
	number candidate = all.first;
	for (size_t i = 0; i < ranges->count && ranges->items[i].first <= candidate; i++) {
		if (ranges->items[i].last < candidate)
			continue;
		if (ranges->items[i].last >= all.last)
			return false;
		candidate = ranges->items[i].last + 1;
	}
	if (candidate > all.last)
		return false;
	*out_value = candidate;
	return true;
}

/* In the first network of the family that has one left. */
static enum err next_of(const struct directory *directory, const struct config_prefixes *networks,
						uint8_t family, struct ranges *ranges, struct prefix *out_prefix) {
	enum err error = ERR_NOT_FOUND;
	for (size_t i = 0; i < networks->count; i++) {
		const struct prefix *network = &networks->items[i];
		if (network->address.family != family || network->length >= bits_of(network))
			continue;
		ranges->count = 0;
		collect(ranges, directory, networks, network);
		number value;
		if (first_free(ranges, network, &value)) {
			*out_prefix = (struct prefix){.address = address_of(value, family),
										  .length = (uint8_t)bits_of(network)};
			return ERR_OK;
		}
		error = ERR_LIMIT;
	}
	return error;
}

enum err directory_next_addresses(const struct directory *directory,
								  const struct config_prefixes *networks,
								  struct prefix out_prefixes[static DIRECTORY_ADDRESSES_MAX],
								  size_t *out_count) {
	static const uint8_t families[DIRECTORY_ADDRESSES_MAX] = {ADDRESS_V4, ADDRESS_V6};
	struct ranges ranges = {.count = 0};
	/* With room for one, as malloc(0) may be NULL. */
	size_t room = count_prefixes(directory) + networks->count + 1;
	ranges.items = malloc(room * sizeof *ranges.items);
	if (!ranges.items)
		return ERR_NO_MEMORY;
	struct prefix found[DIRECTORY_ADDRESSES_MAX];
	size_t count = 0;
	enum err error = ERR_OK;
	for (size_t i = 0; i < DIRECTORY_ADDRESSES_MAX && !error; i++) {
		error = next_of(directory, networks, families[i], &ranges, &found[count]);
		if (!error)
			count++;
		else if (error == ERR_NOT_FOUND)
			error = ERR_OK;
	}
	free(ranges.items);
	if (!error && count == 0)
		error = ERR_NOT_FOUND;
	if (error)
		return error;
	memcpy(out_prefixes, found, count * sizeof *found);
	*out_count = count;
	return ERR_OK;
}
