#include "bench/generator/exchange.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "bench/generator/burst.h"
#include "bench/generator/fail.h"

/* How often it looks for handshakes without an answer. */
#define LOOK (2 * CLOCK_MILLISECOND)

enum state { WAITING, UNDER_WAY, ANSWERED };

struct entry {
	enum state state;
	uint64_t first, due; /* ns: of the first attempt; of the next one */
	uint8_t initiation[WIREGUARD_INITIATION_SIZE];
	uint8_t response[WIREGUARD_RESPONSE_SIZE];
};

struct exchange {
	struct crowd *crowd;
	const struct exchange_plan *plan;
	struct exchange_result *result;
	struct entry *entries;
	uint32_t started, under_way;
	uint64_t begin, last; /* ns, of all; when the last one completed */
};

static void make(struct exchange *exchange, uint32_t i) {
	must(client_initiate(&exchange->crowd->clients[i], clock_wall_now(), clock_now(),
						 exchange->entries[i].initiation) == ERR_OK,
		 "an initiation");
}

static void attempt(struct exchange *exchange, uint32_t i) {
	struct entry *entry = &exchange->entries[i];
	(void)crowd_send(exchange->crowd, &exchange->crowd->clients[i], entry->initiation,
					 sizeof entry->initiation);
	entry->due = clock_now() + exchange->plan->again;
	exchange->result->attempts++;
}

static void confirm(struct crowd *crowd, struct client *client) {
	uint8_t data[BURST_DATAGRAM_MAX];
	size_t size;
	must(burst_seal_one(client, crowd->worker, NULL, 0, data, &size) == ERR_OK, "a keepalive");
	(void)crowd_send(crowd, client, data, size);
}

static void complete(struct exchange *exchange, uint32_t i, uint64_t now) {
	exchange->entries[i].state = ANSWERED;
	exchange->result->times[i] = now - exchange->entries[i].first;
	exchange->result->completed++;
	exchange->under_way--;
	exchange->last = now;
}

static void take(void *context, struct client *client, const uint8_t *data, size_t size,
				 uint64_t now) {
	struct exchange *exchange = context;
	uint32_t i = client->index - 1;
	struct entry *entry = &exchange->entries[i];
	if (entry->state != UNDER_WAY)
		return;
	if (exchange->plan->prepared && size == sizeof entry->response) {
		memcpy(entry->response, data, size);
		complete(exchange, i, now);
		return;
	}
	switch (client_take(client, exchange->crowd->backend, data, size, now)) {
	case CLIENT_CONNECTED:
		/* With what its end of the work took. */
		complete(exchange, i, clock_now());
		confirm(exchange->crowd, client);
		break;
	case CLIENT_COOKIE:
		exchange->result->cookies++;
		if (entry->due > now && exchange->plan->cookie_wait < entry->due - now)
			entry->due = now + exchange->plan->cookie_wait;
		break;
	case CLIENT_PACKET:
	case CLIENT_NOTHING:
		break;
	}
}

static bool may_start(const struct exchange *exchange) {
	return exchange->under_way < exchange->plan->window &&
		   exchange->started < exchange->crowd->count &&
		   clock_now() >= exchange->begin + exchange->started * exchange->plan->every;
}

static void start_some(struct exchange *exchange) {
	while (may_start(exchange)) {
		uint32_t i = exchange->started++;
		struct entry *entry = &exchange->entries[i];
		entry->first = clock_now();
		if (!exchange->plan->prepared)
			make(exchange, i);
		entry->state = UNDER_WAY;
		exchange->under_way++;
		attempt(exchange, i);
	}
}

static void try_again(struct exchange *exchange, uint64_t now) {
	for (uint32_t i = 0; i < exchange->started; i++) {
		if (exchange->entries[i].state != UNDER_WAY || exchange->entries[i].due > now)
			continue;
		make(exchange, i);
		attempt(exchange, i);
	}
}

/* Responses that were only counted must have been good ones. */
static void finish(struct exchange *exchange) {
	const struct crowd *crowd = exchange->crowd;
	for (uint32_t i = 0; i < crowd->count; i++) {
		const struct entry *entry = &exchange->entries[i];
		if (entry->state == ANSWERED &&
			client_take(&crowd->clients[i], crowd->backend, entry->response, sizeof entry->response,
						clock_now()) != CLIENT_CONNECTED)
			exchange->result->completed--;
	}
}

void exchange_run(struct crowd *crowd, const struct exchange_plan *plan,
				  struct exchange_result *out_result) {
	*out_result = (struct exchange_result){.times = calloc(crowd->count, sizeof(uint64_t))};
	struct exchange exchange = {
		.crowd = crowd,
		.plan = plan,
		.result = out_result,
		.entries = calloc(crowd->count, sizeof *exchange.entries),
	};
	must(exchange.entries && out_result->times, "memory");
	if (plan->prepared)
		for (uint32_t i = 0; i < crowd->count; i++)
			make(&exchange, i);
	const struct crowd_taker taker = {.take = take, .context = &exchange};
	uint64_t begin = clock_now(), looked = begin;
	exchange.begin = exchange.last = begin;
	for (uint64_t now = begin;
		 now - begin < plan->limit && exchange.result->completed < crowd->count;
		 now = clock_now()) {
		start_some(&exchange);
		crowd_receive(crowd, LOOK, &taker);
		if (now - looked >= LOOK) {
			looked = now;
			try_again(&exchange, now);
		}
	}
	out_result->seconds = (double)(exchange.last - begin) / 1e9;
	if (plan->prepared)
		finish(&exchange);
	free(exchange.entries);
}
