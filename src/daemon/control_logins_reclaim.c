/* Addresses of leases: whether they are still the tunnel's, and whose are taken back. */
#include <string.h>

#include "base/clock.h"
#include "daemon/control_logins_core.h"

/* Those that directory_next_addresses() would give: not the first of a network, nor the last of a
 * v4 one. */
static bool is_in(const struct prefix *network, const struct address *address) {
	const size_t size = address_size(address), bits = 8 * size;
	const struct prefix whole = {*address, (uint8_t)bits};
	struct prefix first = {*address, network->length}, last = first;
	if (!prefix_covers(network, &whole) || address_equal(&network->address, address))
		return false;
	prefix_mask(&first);
	for (size_t i = network->length; i < bits; i++)
		last.address.bytes[i / 8] |= (uint8_t)(0x80 >> i % 8);
	return network->length + 1U >= bits ||
		   (!address_equal(&first.address, address) &&
			!(address->family == ADDRESS_V4 && address_equal(&last.address, address)));
}

static bool is_in_pool(const struct config_prefixes *pool, const struct address *address) {
	for (size_t i = 0; i < pool->count; i++)
		if (is_in(&pool->items[i], address))
			return true;
	return false;
}

/* The networks may be others than when it was made. */
bool control_logins_has_place(const struct config_prefixes *pool, const struct store_lease *lease) {
	bool v4 = false, v6 = false;
	for (size_t i = 0; i < pool->count; i++) {
		const struct prefix *network = &pool->items[i];
		bool has_room = network->length < 8 * address_size(&network->address);
		v4 |= has_room && network->address.family == ADDRESS_V4;
		v6 |= has_room && network->address.family == ADDRESS_V6;
	}
	return (lease->v4.family ? is_in_pool(pool, &lease->v4) : !v4) &&
		   (lease->v6.family ? is_in_pool(pool, &lease->v6) : !v6);
}

bool control_logins_is_outside(const struct config_prefixes *pool,
							   const struct store_lease *lease) {
	return (lease->v4.family && !is_in_pool(pool, &lease->v4)) ||
		   (lease->v6.family && !is_in_pool(pool, &lease->v6));
}

struct reclaiming {
	const struct control_tunnel *tunnel;
	bool found;
	struct store_lease lease;
};

/* One that has a session, or is about to have one, stays; one out of other networks frees nothing.
 */
static enum err look(void *context, const struct store_lease *lease) {
	struct reclaiming *reclaiming = context;
	const struct control_tunnel *tunnel = reclaiming->tunnel;
	const struct directory_peer *member = directory_find_key(tunnel->directory, lease->member);
	const bool is_there = !member || member->origin != DIRECTORY_STORE || member->watched.session ||
						  clock_now() < member->watched.reserved_until;
	if (!reclaiming->found && !is_there &&
		control_logins_has_place(&tunnel->config->addresses, lease)) {
		reclaiming->found = true;
		reclaiming->lease = *lease;
	}
	return ERR_OK;
}

bool control_logins_reclaim(struct control_tunnel *tunnel, struct uapi_text *text) {
	struct store *store = tunnel->control->store;
	struct reclaiming reclaiming = {.tunnel = tunnel};
	const uint64_t now = clock_wall_now() / CLOCK_SECOND,
				   since = now > CONTROL_LOGINS_IDLE ? now - CONTROL_LOGINS_IDLE : 0;
	control_logins_flush(tunnel->control); /* who was seen just now */
	enum err error = store_leases_idle(store, tunnel->name, now, since, look, &reclaiming);
	if (!error && !reclaiming.found)
		return false;
	const uint8_t *key = reclaiming.lease.member;
	if (!error)
		error = store_leases_remove(store, tunnel->name, key);
	if (error) {
		log_limited(&tunnel->control->logins->unkept, LOG_ERROR, "%s: no lease was taken back: %s",
					tunnel->name, err_text(error));
		return false;
	}
	struct directory_peer *member = directory_find_key(tunnel->directory, key);
	log_info("%s: the address of %s is free for others, as none was left", tunnel->name,
			 member->name);
	directory_put_removal(text, key);
	directory_remove(tunnel->directory, member);
	return true;
}
