#include "proxy/association.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "wire/socks5.h"

/* The low bits of a number are its place, the others make it new. */
enum { PLACE_BITS = 8, PLACE_MASK = (1 << PLACE_BITS) - 1 };
static_assert(ASSOCIATION_FLOWS_MAX == PLACE_MASK + 1, "a number has room for every place");

struct flow {
	uint32_t number;
	uint64_t used; /* when a datagram passed */
	struct target target;
	uint8_t header[SOCKS5_UDP_HEADER_MAX]; /* of what comes back */
	size_t header_size;
};

struct association {
	struct association_options options;
	struct association_figures figures;
	struct endpoint client; /* port 0: nothing came yet */
	uint32_t next;          /* the upper bits of the next flow's number */
	size_t latest;          /* the place that was used last: most datagrams are for the same */
	struct flow *flows[ASSOCIATION_FLOWS_MAX];
};

enum err association_new(const struct association_options *options,
						 struct association **out_association) {
	struct association *association = calloc(1, sizeof *association);
	if (!association)
		return ERR_NO_MEMORY;
	association->options = *options;
	association->client = (struct endpoint){.address = options->client, .port = options->port};
	*out_association = association;
	return ERR_OK;
}

void association_free(struct association *association) {
	if (!association)
		return;
	for (size_t i = 0; i < ASSOCIATION_FLOWS_MAX; i++)
		free(association->flows[i]);
	free(association);
}

static bool is_same(const struct target *left, const struct target *right) {
	if (left->type != right->type || left->port != right->port)
		return false;
	return left->type == TARGET_NAME ? strcasecmp(left->name, right->name) == 0
									 : address_equal(&left->address, &right->address);
}

static struct flow *find(struct association *association, const struct target *target) {
	struct flow *latest = association->flows[association->latest];
	if (latest && is_same(&latest->target, target))
		return latest;
	for (size_t i = 0; i < ASSOCIATION_FLOWS_MAX; i++) {
		struct flow *flow = association->flows[i];
		if (!flow || !is_same(&flow->target, target))
			continue;
		association->latest = i;
		return flow;
	}
	return NULL;
}

/* NULL: it is over. */
static struct flow *find_number(const struct association *association, uint32_t number) {
	struct flow *flow = association->flows[number & PLACE_MASK];
	return flow && flow->number == number ? flow : NULL;
}

static void close_flow(struct association *association, size_t place) {
	struct flow *flow = association->flows[place];
	association->flows[place] = NULL;
	uint32_t number = flow->number;
	free(flow);
	association->options.ops->close(association->options.context, number);
}

/* One that is free, or becomes so. */
static size_t take_place(struct association *association) {
	size_t oldest = 0;
	for (size_t i = 0; i < ASSOCIATION_FLOWS_MAX; i++) {
		if (!association->flows[i])
			return i;
		if (association->flows[i]->used < association->flows[oldest]->used)
			oldest = i;
	}
	close_flow(association, oldest);
	return oldest;
}

/* The number of a new flow; false: out of memory. */
static bool open_flow(struct association *association, uint64_t now, const struct target *target,
					  uint32_t *out_number) {
	struct flow *flow = calloc(1, sizeof *flow);
	if (!flow)
		return false;
	flow->target = *target;
	flow->used = now;
	if (socks5_udp_encode(target, flow->header, sizeof flow->header, &flow->header_size)) {
		free(flow);
		return false;
	}
	size_t place = take_place(association);
	flow->number = association->next++ << PLACE_BITS | (uint32_t)place;
	association->flows[place] = flow;
	association->latest = place;
	*out_number = flow->number;
	association->options.ops->open(association->options.context, flow->number, target);
	return true;
}

static bool is_client(struct association *association, const struct endpoint *from) {
	const struct endpoint *client = &association->client;
	return address_equal(&from->address, &client->address) &&
		   (client->port == 0 || from->port == client->port);
}

void association_put(struct association *association, uint64_t now, const struct endpoint *from,
					 const uint8_t *data, size_t size) {
	struct target target;
	struct slice payload;
	if (!is_client(association, from) || socks5_udp_decode(data, size, &target, &payload) ||
		target.port == 0) {
		association->figures.strange++;
		return;
	}
	/* Only now, so that a stray datagram does not shut the client out. With its scope. */
	association->client = *from;
	struct flow *flow = find(association, &target);
	uint32_t number;
	if (flow) {
		flow->used = now;
		number = flow->number;
	} else if (!open_flow(association, now, &target, &number)) {
		return;
	}
	/* Opening may have failed at once. */
	if (!find_number(association, number))
		return;
	association->figures.sent++;
	association->options.ops->send(association->options.context, number, payload);
}

void association_answer(struct association *association, uint64_t now, uint32_t flow,
						struct slice payload) {
	struct flow *found = find_number(association, flow);
	if (!found)
		return;
	found->used = now;
	if (payload.size > ASSOCIATION_DATAGRAM_MAX - found->header_size) {
		association->figures.too_large++;
		return;
	}
	association->figures.received++;
	association->options.ops->answer(association->options.context, &association->client,
									 slice_of(found->header, found->header_size), payload);
}

void association_ended(struct association *association, uint32_t flow) {
	struct flow *found = find_number(association, flow);
	if (!found)
		return;
	association->flows[flow & PLACE_MASK] = NULL;
	free(found);
}

uint64_t association_run(struct association *association, uint64_t now) {
	uint64_t next = CLOCK_NEVER;
	for (size_t i = 0; i < ASSOCIATION_FLOWS_MAX; i++) {
		const struct flow *flow = association->flows[i];
		if (!flow)
			continue;
		uint64_t at = flow->used + ASSOCIATION_IDLE_TIMEOUT;
		if (at <= now)
			close_flow(association, i);
		else if (at < next)
			next = at;
	}
	return next;
}

const struct association_figures *association_figures(const struct association *association) {
	return &association->figures;
}
