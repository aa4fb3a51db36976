#include "sim/network.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

struct flight {
	uint64_t time, number; /* number: those of the same time arrive as they were sent */
	struct endpoint from, to;
	size_t size;
	uint8_t data[];
};

struct direction {
	struct endpoint from, to;
	struct sim_link link;
};

struct cut {
	struct endpoint left, right; /* right: ADDRESS_NONE for all */
};

/* The generator is splitmix64: any seed will do, two of them may differ by one. */
struct generator {
	uint64_t state;
};

struct sim_network {
	uint64_t now, next_number;
	struct generator network_random, protocol_random;
	struct random_source source;
	struct sim_counters counters;

	struct sim_link default_link;
	struct direction *directions;
	size_t direction_count;
	struct cut *cuts;
	size_t cut_count;

	struct flight **flights; /* a binary heap, the earliest first */
	size_t flight_count, flight_capacity;
};

static uint64_t draw(struct generator *generator) {
	uint64_t value = generator->state += UINT64_C(0x9e3779b97f4a7c15);
	value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
	return value ^ value >> 31;
}

static bool draw_percent(struct generator *generator, unsigned percent) {
	return draw(generator) % 100 < percent;
}

static void fill_random(void *context, void *out_data, size_t size) {
	uint8_t *next = out_data;
	while (size > 0) {
		uint64_t value = draw(context);
		size_t some = size < sizeof value ? size : sizeof value;
		memcpy(next, &value, some);
		next += some;
		size -= some;
	}
}

enum err sim_network_new(uint64_t seed, uint64_t start, struct sim_network **out_network) {
	struct sim_network *network = calloc(1, sizeof *network);
	if (!network)
		return ERR_NO_MEMORY;
	network->now = start;
	network->network_random.state = seed;
	network->protocol_random.state = ~seed;
	network->source.fill = fill_random;
	network->source.context = &network->protocol_random;
	*out_network = network;
	return ERR_OK;
}

void sim_network_free(struct sim_network *network) {
	if (!network)
		return;
	for (size_t i = 0; i < network->flight_count; i++)
		free(network->flights[i]);
	free(network->flights);
	free(network->directions);
	free(network->cuts);
	free(network);
}

static void check_link(const struct sim_link *link) {
	assert(link->loss_percent <= 100 && link->duplicate_percent <= 100);
	assert(link->reorder_percent <= 100 && link->reorder_delay <= SIM_DELAY_MAX);
	assert(link->delay <= SIM_DELAY_MAX && link->jitter <= SIM_DELAY_MAX);
}

void sim_set_default_link(struct sim_network *network, const struct sim_link *link) {
	check_link(link);
	network->default_link = *link;
}

static struct direction *find_direction(const struct sim_network *network,
										const struct endpoint *from, const struct endpoint *to) {
	for (size_t i = 0; i < network->direction_count; i++)
		if (endpoint_equal(&network->directions[i].from, from) &&
			endpoint_equal(&network->directions[i].to, to))
			return &network->directions[i];
	return NULL;
}

enum err sim_set_link(struct sim_network *network, const struct endpoint *from,
					  const struct endpoint *to, const struct sim_link *link) {
	check_link(link);
	struct direction *direction = find_direction(network, from, to);
	if (!direction) {
		struct direction *directions =
			reallocarray(network->directions, network->direction_count + 1, sizeof *directions);
		if (!directions)
			return ERR_NO_MEMORY;
		network->directions = directions;
		direction = &directions[network->direction_count++];
		*direction = (struct direction){.from = *from, .to = *to};
	}
	direction->link = *link;
	return ERR_OK;
}

static bool cut_parts(const struct cut *cut, const struct endpoint *one,
					  const struct endpoint *other) {
	return endpoint_equal(&cut->left, one) &&
		   (cut->right.address.family == ADDRESS_NONE || endpoint_equal(&cut->right, other));
}

static bool is_cut(const struct sim_network *network, const struct endpoint *from,
				   const struct endpoint *to) {
	for (size_t i = 0; i < network->cut_count; i++)
		if (cut_parts(&network->cuts[i], from, to) || cut_parts(&network->cuts[i], to, from))
			return true;
	return false;
}

static bool cut_equal(const struct cut *cut, const struct endpoint *left,
					  const struct endpoint *right) {
	return endpoint_equal(&cut->left, left) && endpoint_equal(&cut->right, right);
}

enum err sim_set_cut(struct sim_network *network, const struct endpoint *left,
					 const struct endpoint *right, bool cut) {
	static const struct endpoint all = {0};
	right = right ? right : &all;
	for (size_t i = network->cut_count; i-- > 0;)
		if (cut_equal(&network->cuts[i], left, right) || cut_equal(&network->cuts[i], right, left))
			network->cuts[i] = network->cuts[--network->cut_count];
	if (!cut)
		return ERR_OK;
	struct cut *cuts = reallocarray(network->cuts, network->cut_count + 1, sizeof *cuts);
	if (!cuts)
		return ERR_NO_MEMORY;
	network->cuts = cuts;
	cuts[network->cut_count++] = (struct cut){.left = *left, .right = *right};
	return ERR_OK;
}

uint64_t sim_now(const struct sim_network *network) {
	return network->now;
}

static bool is_earlier(const struct flight *left, const struct flight *right) {
	return left->time != right->time ? left->time < right->time : left->number < right->number;
}

static void put_flight(struct sim_network *network, struct flight *flight) {
	size_t place = network->flight_count++;
	for (; place > 0; place = (place - 1) / 2) {
		struct flight *parent = network->flights[(place - 1) / 2];
		if (!is_earlier(flight, parent))
			break;
		network->flights[place] = parent;
	}
	network->flights[place] = flight;
}

static struct flight *take_flight(struct sim_network *network) {
	struct flight *first = network->flights[0];
	struct flight *last = network->flights[--network->flight_count];
	size_t place = 0;
	for (size_t child = 1; child < network->flight_count; child = 2 * place + 1) {
		if (child + 1 < network->flight_count &&
			is_earlier(network->flights[child + 1], network->flights[child]))
			child++;
		if (!is_earlier(network->flights[child], last))
			break;
		network->flights[place] = network->flights[child];
		place = child;
	}
	network->flights[place] = last;
	return first;
}

static uint64_t draw_arrival(struct sim_network *network, const struct sim_link *link) {
	struct generator *random = &network->network_random;
	uint64_t delay = link->delay > 0 ? link->delay : 1;
	delay += draw(random) % (link->jitter + 1);
	if (draw_percent(random, link->reorder_percent))
		delay += link->reorder_delay;
	return network->now + delay;
}

static enum err launch(struct sim_network *network, const struct endpoint *from,
					   const struct endpoint *to, struct slice datagram, uint64_t arrival) {
	if (network->flight_count == network->flight_capacity) {
		size_t capacity = network->flight_capacity * 2 + 16;
		struct flight **flights = reallocarray(network->flights, capacity, sizeof(struct flight *));
		if (!flights)
			return ERR_NO_MEMORY;
		network->flights = flights;
		network->flight_capacity = capacity;
	}
	struct flight *flight = malloc(sizeof *flight + datagram.size);
	if (!flight)
		return ERR_NO_MEMORY;
	flight->time = arrival;
	flight->number = network->next_number++;
	flight->from = *from;
	flight->to = *to;
	flight->size = datagram.size;
	if (datagram.size > 0)
		memcpy(flight->data, datagram.data, datagram.size);
	put_flight(network, flight);
	return ERR_OK;
}

enum err sim_send(struct sim_network *network, const struct endpoint *from,
				  const struct endpoint *to, struct slice datagram) {
	const struct direction *direction = find_direction(network, from, to);
	const struct sim_link *link = direction ? &direction->link : &network->default_link;
	struct generator *random = &network->network_random;
	/* All is drawn each time, so that one setting does not shift the draws of the others. */
	bool lost = draw_percent(random, link->loss_percent);
	lost |= link->largest > 0 && datagram.size > link->largest;
	bool duplicated = draw_percent(random, link->duplicate_percent);
	uint64_t arrivals[2];
	for (size_t i = 0; i < 2; i++)
		arrivals[i] = draw_arrival(network, link);

	network->counters.sent++;
	if (is_cut(network, from, to)) {
		network->counters.cut++;
		return ERR_OK;
	}
	if (lost) {
		network->counters.lost++;
		return ERR_OK;
	}
	network->counters.duplicated += duplicated;
	for (size_t i = 0; i < 1U + duplicated; i++) {
		enum err error = launch(network, from, to, datagram, arrivals[i]);
		if (error)
			return error;
	}
	return ERR_OK;
}

uint64_t sim_next(const struct sim_network *network) {
	return network->flight_count > 0 ? network->flights[0]->time : CLOCK_NEVER;
}

void sim_deliver(struct sim_network *network, uint64_t now, const struct sim_receiver *receiver) {
	while (sim_next(network) <= now && network->flight_count > 0) {
		struct flight *flight = take_flight(network);
		network->now = flight->time;
		if (is_cut(network, &flight->from, &flight->to)) {
			network->counters.cut++;
		} else {
			/* A block of its own, so that a sanitizer sees the first byte beyond either end. */
			uint8_t *data = malloc(flight->size > 0 ? flight->size : 1);
			if (!data)
				abort();
			memcpy(data, flight->data, flight->size);
			network->counters.delivered++;
			receiver->receive(receiver->context, &flight->from, &flight->to, data, flight->size);
			free(data);
		}
		free(flight);
	}
	if (now > network->now && now != CLOCK_NEVER)
		network->now = now;
}

const struct sim_counters *sim_counters(const struct sim_network *network) {
	return &network->counters;
}

const struct random_source *sim_random(const struct sim_network *network) {
	return &network->source;
}
