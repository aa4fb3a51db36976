#include "session/path_probe.h"

#include <string.h>

enum { TARGET_MAX = 65475, LARGE = 1 /* of sizes, behind the hello */ };

static bool is_sane(uint32_t floor, uint32_t target) {
	return floor < target && target <= TARGET_MAX;
}

static void send_again(struct path_probe *probe, uint64_t now) {
	uint64_t wait = 2 * probe->round_trip;
	wait = wait < PATH_PROBE_WAIT ? PATH_PROBE_WAIT : wait;
	wait = wait > PATH_PROBE_WAIT_MAX ? PATH_PROBE_WAIT_MAX : wait;
	probe->tries++;
	probe->next = 0;
	probe->sent_at = now;
	probe->deadline = now + wait;
}

static void start_round(struct path_probe *probe, enum path_probe_phase phase, uint64_t now) {
	probe->phase = (uint8_t)phase;
	probe->tries = 0;
	probe->answered = 0;
	probe->nonce++;
	send_again(probe, now);
}

static void start_single(struct path_probe *probe, enum path_probe_phase phase, uint32_t size,
						 uint64_t now) {
	probe->sizes[0] = (uint16_t)size;
	probe->count = 1;
	start_round(probe, phase, now);
}

/* Repeated, a hello goes along: it tells silence of the path from silence of the other end. */
static void start_large(struct path_probe *probe, enum path_probe_phase phase, uint32_t size,
						uint64_t now) {
	probe->sizes[LARGE] = (uint16_t)size;
	start_single(probe, phase, PATH_PROBE_HELLO_SIZE, now);
	probe->count = LARGE + 1;
}

static void start_search(struct path_probe *probe, uint32_t floor, uint32_t target, uint64_t now) {
	probe->floor = floor;
	probe->target = target;
	if (probe->limit >= target)
		probe->limit = 0;
	/* Should nobody answer now, the search is still to be made. */
	probe->raise_at = probe->searched_at = now;
	start_large(probe, PATH_PROBE_WHOLE, target, now);
	probe->first_nonce = probe->nonce;
}

/* The first probe is for the same as in start_large(). */
static void start_ladder(struct path_probe *probe, uint64_t now) {
	uint32_t steps = PATH_PROBE_SIZES - 1, width = probe->high - probe->low;
	probe->sizes[0] = PATH_PROBE_HELLO_SIZE;
	probe->count = 1;
	for (uint32_t i = 1; i <= steps; i++) {
		uint16_t size = (uint16_t)(probe->low + width * i / steps);
		if (size > probe->low && size != probe->sizes[probe->count - 1])
			probe->sizes[probe->count++] = size;
	}
	start_round(probe, PATH_PROBE_LADDER, now);
}

static void finish(struct path_probe *probe, uint64_t now) {
	probe->phase = PATH_PROBE_DONE;
	probe->deadline = CLOCK_NEVER;
	probe->count = probe->next = 0;
	probe->confirm_at = now + PATH_PROBE_CONFIRM;
}

static void settle(struct path_probe *probe, uint32_t limit, uint64_t now) {
	probe->limit = limit >= probe->target ? 0 : limit;
	probe->raise_at = probe->limit ? now + PATH_PROBE_RAISE : CLOCK_NEVER;
	finish(probe, now);
}

void path_probe_begin(struct path_probe *probe, uint32_t floor, uint32_t target, uint64_t now) {
	if (!is_sane(floor, target) || probe->phase != PATH_PROBE_OFF)
		return;
	probe->floor = floor;
	probe->target = target;
	start_single(probe, PATH_PROBE_HELLO, PATH_PROBE_HELLO_SIZE, now);
	probe->first_nonce = probe->nonce;
}

void path_probe_meet(struct path_probe *probe, uint32_t floor, uint32_t target, uint64_t now) {
	if (probe->known || !is_sane(floor, target))
		return;
	probe->known = true;
	start_search(probe, floor, target, now);
}

/* Nothing to find out: everything that is wanted passes anyway. */
static void rest(struct path_probe *probe, uint32_t target) {
	probe->target = target;
	probe->limit = 0;
	finish(probe, 0);
	probe->confirm_at = probe->raise_at = CLOCK_NEVER;
}

/* Answers to what was asked before are of another path. */
static void wait(struct path_probe *probe) {
	probe->phase = PATH_PROBE_WAITING;
	probe->first_nonce = ++probe->nonce;
	probe->count = probe->next = 0;
	probe->tries = PATH_PROBE_TRIES;
	probe->deadline = probe->searched_at + PATH_PROBE_PAUSE;
	if (probe->limit >= probe->target)
		probe->limit = 0;
}

void path_probe_moved(struct path_probe *probe, uint32_t floor, uint32_t target, uint64_t now) {
	if (!probe->known)
		return;
	if (!is_sane(floor, target)) {
		rest(probe, target);
		return;
	}
	probe->floor = floor;
	probe->target = target;
	if (probe->searched_at != 0 && now < probe->searched_at + PATH_PROBE_PAUSE)
		wait(probe);
	else
		start_search(probe, floor, target, now);
}

/* The largest that was answered, or what is known to pass. */
static uint32_t largest_answered(const struct path_probe *probe) {
	uint32_t largest = probe->low;
	for (unsigned i = 0; i < probe->count; i++)
		if ((probe->answered >> i & 1) && probe->sizes[i] > largest)
			largest = probe->sizes[i];
	return largest;
}

static bool is_large(const struct path_probe *probe) {
	return probe->phase == PATH_PROBE_WHOLE || probe->phase == PATH_PROBE_CONFIRMING;
}

bool path_probe_next(struct path_probe *probe, uint16_t *out_size) {
	while (probe->next < probe->count) {
		unsigned i = probe->next++;
		/* Smaller ones would tell nothing new, but for the first, which every round has. */
		bool needless = probe->phase == PATH_PROBE_LADDER && i > 0 &&
						probe->sizes[i] <= largest_answered(probe);
		bool early = is_large(probe) && i < LARGE && probe->tries == 1;
		if ((probe->answered >> i & 1) || needless || early)
			continue;
		*out_size = probe->sizes[i];
		return true;
	}
	return false;
}

static void end_ladder(struct path_probe *probe, uint64_t now) {
	if (!probe->answered) {
		/* The other end is away: that says nothing of sizes. */
		finish(probe, now);
		return;
	}
	probe->low = largest_answered(probe);
	for (unsigned i = probe->count; i-- > 1;)
		if (probe->sizes[i] > probe->low)
			probe->high = probe->sizes[i];
	if (probe->high <= probe->low || probe->high - probe->low <= PATH_PROBE_CLOSE)
		settle(probe, probe->low, now);
	else
		start_ladder(probe, now);
}

static void end_round(struct path_probe *probe, uint64_t now) {
	switch ((enum path_probe_phase)probe->phase) {
	case PATH_PROBE_HELLO:
		probe->phase = PATH_PROBE_OFF;
		probe->deadline = CLOCK_NEVER;
		probe->count = probe->next = 0;
		break;
	case PATH_PROBE_WHOLE:
	case PATH_PROBE_CONFIRMING:
		if (!probe->answered) {
			finish(probe, now);
			break;
		}
		probe->low = probe->floor;
		probe->high = probe->sizes[LARGE];
		start_ladder(probe, now);
		break;
	case PATH_PROBE_WAITING:
		start_search(probe, probe->floor, probe->target, now);
		break;
	case PATH_PROBE_LADDER:
		end_ladder(probe, now);
		break;
	case PATH_PROBE_OFF:
	case PATH_PROBE_DONE:
		break;
	}
}

/* Something of this round was answered: it may be over before its time. */
static void take_answer(struct path_probe *probe, uint64_t now) {
	switch ((enum path_probe_phase)probe->phase) {
	case PATH_PROBE_HELLO:
		path_probe_meet(probe, probe->floor, probe->target, now);
		break;
	case PATH_PROBE_WHOLE:
		if (probe->answered >> LARGE & 1)
			settle(probe, probe->target, now);
		break;
	case PATH_PROBE_CONFIRMING:
		if (probe->answered >> LARGE & 1)
			finish(probe, now);
		break;
	case PATH_PROBE_LADDER:
		if (largest_answered(probe) == probe->high)
			settle(probe, probe->high, now);
		break;
	case PATH_PROBE_OFF:
	case PATH_PROBE_DONE:
	case PATH_PROBE_WAITING:
		break;
	}
}

void path_probe_answered(struct path_probe *probe, uint64_t nonce, uint16_t size, uint64_t now) {
	if (probe->phase == PATH_PROBE_OFF || probe->phase == PATH_PROBE_DONE ||
		nonce < probe->first_nonce || nonce > probe->nonce)
		return;
	/* Late, but it came: so large packets do pass. */
	if (nonce < probe->nonce && size == probe->target) {
		settle(probe, size, now);
		return;
	}
	for (unsigned i = 0; i < probe->count && nonce == probe->nonce; i++) {
		if (probe->sizes[i] != size)
			continue;
		if (probe->tries == 1)
			probe->round_trip = now - probe->sent_at;
		probe->answered |= UINT32_C(1) << i;
		take_answer(probe, now);
		return;
	}
}

void path_probe_expired(struct path_probe *probe, uint64_t now) {
	if (path_probe_deadline(probe) > now)
		return;
	if (probe->tries < PATH_PROBE_TRIES)
		send_again(probe, now);
	else
		end_round(probe, now);
}

uint64_t path_probe_deadline(const struct path_probe *probe) {
	bool waits = probe->phase != PATH_PROBE_OFF && probe->phase != PATH_PROBE_DONE;
	return waits ? probe->deadline : CLOCK_NEVER;
}

void path_probe_used(struct path_probe *probe, uint64_t now) {
	if (!path_probe_is_due(probe, now))
		return;
	if (now >= probe->raise_at) {
		start_search(probe, probe->floor, probe->target, now);
		return;
	}
	start_large(probe, PATH_PROBE_CONFIRMING, probe->limit ? probe->limit : probe->target, now);
	probe->first_nonce = probe->nonce;
}
