#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "session/endpoint_choice.h"

#define SECOND CLOCK_SECOND
#define MILLISECOND CLOCK_MILLISECOND

enum { MANY = ENDPOINT_CHOICE_MAX + 1, WAITING = 256 };

/* Servers' endpoints, each so far away; those that are deaf answer nothing. */
struct world {
	struct endpoint_choice choice;
	struct random_source random;
	uint64_t seed, now;
	struct endpoint all[MANY];
	uint64_t delay[MANY];
	bool deaf[MANY], dead;
	unsigned pings[MANY], switches;
	struct {
		size_t from;
		uint64_t at; /* 0: free */
		uint8_t token[ENDPOINT_CHOICE_TOKEN_SIZE];
	} waiting[WAITING];
};

static void fill(void *context, void *out_data, size_t size) {
	uint64_t *seed = context;
	uint8_t *data = out_data;
	for (size_t i = 0; i < size; i++) {
		*seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
		data[i] = (uint8_t)(*seed >> 56);
	}
}

static size_t place_of(const struct world *world, const struct endpoint *endpoint) {
	for (size_t i = 0; i < MANY; i++)
		if (endpoint_equal(endpoint, &world->all[i]))
			return i;
	fail_msg("no such endpoint");
	return 0;
}

static size_t current(const struct world *world) {
	return place_of(world, endpoint_choice_current(&world->choice));
}

static void transmit(struct world *world) {
	struct endpoint_choice_ping ping;
	while (endpoint_choice_ping(&world->choice, world->now, &ping)) {
		size_t to = place_of(world, &ping.to), i = 0;
		world->pings[to]++;
		if (world->deaf[to])
			continue;
		while (i < WAITING && world->waiting[i].at != 0)
			i++;
		assert_true(i < WAITING);
		world->waiting[i].from = to;
		world->waiting[i].at = world->now + world->delay[to];
		memcpy(world->waiting[i].token, ping.token, sizeof ping.token);
	}
}

static void make(struct world *world, size_t count) {
	*world = (struct world){.now = 100 * SECOND, .seed = 1};
	world->random = (struct random_source){fill, &world->seed};
	for (size_t i = 0; i < MANY; i++) {
		world->all[i] = (struct endpoint){{{10, 0, 0, (uint8_t)i}, ADDRESS_V4}, 500, 0};
		world->delay[i] = (20 + i) * MILLISECOND;
	}
	assert_int_equal(endpoint_choice_init(&world->choice, world->all, count, &world->random),
					 ERR_OK);
}

static void connect_to(struct world *world, size_t place) {
	assert_int_equal(endpoint_choice_connected(&world->choice, &world->all[place], world->now),
					 ERR_OK);
	transmit(world);
}

static void answer(struct world *world, size_t i) {
	const struct endpoint *from = &world->all[world->waiting[i].from];
	world->waiting[i].at = 0;
	endpoint_choice_received(&world->choice, from);
	endpoint_choice_pong(&world->choice, from, world->waiting[i].token, world->now);
}

static void run(struct world *world, uint64_t until) {
	for (;;) {
		size_t first = WAITING;
		for (size_t i = 0; i < WAITING; i++)
			if (world->waiting[i].at != 0 &&
				(first == WAITING || world->waiting[i].at < world->waiting[first].at))
				first = i;
		uint64_t next = endpoint_choice_deadline(&world->choice);
		bool answers = first < WAITING && world->waiting[first].at < next;
		if (answers)
			next = world->waiting[first].at;
		if (next > until)
			break;
		if (next > world->now)
			world->now = next;
		if (answers) {
			answer(world, first);
		} else {
			enum endpoint_choice_news news = endpoint_choice_expired(&world->choice, world->now);
			world->switches += news == ENDPOINT_CHOICE_SWITCHED;
			world->dead = world->dead || news == ENDPOINT_CHOICE_DEAD;
			/* No deadline is left in the past. */
			assert_true(endpoint_choice_deadline(&world->choice) > world->now ||
						news == ENDPOINT_CHOICE_SWITCHED);
		}
		transmit(world);
	}
	world->now = until;
}

static void run_for(struct world *world, uint64_t time) {
	run(world, world->now + time);
}

static void send_now(struct world *world) {
	endpoint_choice_sent(&world->choice, world->now);
}

static void lists(void **state) {
	struct world world;
	make(&world, ENDPOINT_CHOICE_MAX);
	struct endpoint_choice before = world.choice;
	assert_int_equal(endpoint_choice_init(&world.choice, world.all, 0, NULL), ERR_INVALID);
	assert_int_equal(endpoint_choice_init(&world.choice, world.all, MANY, NULL), ERR_LIMIT);
	world.all[4] = world.all[1];
	assert_int_equal(endpoint_choice_init(&world.choice, world.all, 5, NULL), ERR_EXISTS);
	assert_memory_equal(&before, &world.choice, sizeof before);
	assert_int_equal(endpoint_choice_init(&world.choice, world.all, 4, &world.random), ERR_OK);
	assert_int_equal(endpoint_choice_connected(&world.choice, &world.all[5], world.now),
					 ERR_NOT_FOUND);
	assert_int_equal(endpoint_choice_deadline(&world.choice), CLOCK_NEVER);
}

/* Attempts go round; nothing is pinged before there is a session. */
static void attempts(void **state) {
	struct world world;
	make(&world, 3);
	send_now(&world);
	assert_int_equal(endpoint_choice_deadline(&world.choice), CLOCK_NEVER);
	for (size_t i = 0; i < 7; i++)
		assert_int_equal(place_of(&world, endpoint_choice_attempt(&world.choice)), i % 3);
	connect_to(&world, 1);
	assert_int_equal(current(&world), 1);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(world.pings[i], 1);
	run_for(&world, SECOND);
	struct endpoint_choice_ping ping;
	world.choice.due = 7;
	assert_true(endpoint_choice_ping(&world.choice, world.now, &ping));
	struct endpoint_choice before = world.choice;
	endpoint_choice_lost(&world.choice);
	assert_int_equal(endpoint_choice_deadline(&world.choice), CLOCK_NEVER);
	/* What was asked in that session is neither asked nor answered any more. */
	endpoint_choice_pong(&world.choice, &ping.to, ping.token, world.now + MILLISECOND);
	assert_memory_equal(before.entries, world.choice.entries, sizeof before.entries);
	assert_false(endpoint_choice_ping(&world.choice, world.now, &ping));
	assert_int_equal(place_of(&world, endpoint_choice_attempt(&world.choice)), 1);
	endpoint_choice_lost(&world.choice);
	assert_int_equal(place_of(&world, endpoint_choice_attempt(&world.choice)), 2);
	connect_to(&world, 0);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(world.choice.entries[i].round_trip, 0);
}

/* One alone has nothing to be compared with. */
static void alone(void **state) {
	struct world world;
	make(&world, 1);
	connect_to(&world, 0);
	run_for(&world, 100 * SECOND);
	assert_int_equal(world.pings[0], 1);
	assert_int_equal(world.choice.entries[0].round_trip, 20 * MILLISECOND);
	send_now(&world);
	run_for(&world, 10 * SECOND);
	assert_int_equal(world.pings[0], 2);
	assert_int_equal(endpoint_choice_deadline(&world.choice), CLOCK_NEVER);
}

/* While everything is answered, nobody is asked; candidates are, every 10 s ± 20 %. */
static void measures(void **state) {
	struct world world;
	make(&world, 2);
	connect_to(&world, 0);
	uint64_t least = UINT64_MAX, most = 0;
	for (unsigned i = 0; i < 200; i++) {
		unsigned before = world.pings[1];
		uint64_t since = world.now;
		while (world.pings[1] == before) {
			send_now(&world);
			run_for(&world, 100 * MILLISECOND);
			endpoint_choice_received(&world.choice, &world.all[0]);
		}
		uint64_t took = world.now - since;
		least = i > 0 && took < least ? took : least;
		most = took > most ? took : most;
	}
	assert_in_range(least, 8000 * MILLISECOND, 8200 * MILLISECOND);
	assert_in_range(most, 11900 * MILLISECOND, 12100 * MILLISECOND);
	assert_in_range(world.pings[0], 160, 250);
	assert_int_equal(world.switches, 0);
	assert_int_equal(world.choice.entries[0].round_trip, 20 * MILLISECOND);
	assert_int_equal(world.choice.entries[1].round_trip, 21 * MILLISECOND);
}

static void smooths(void **state) {
	struct world world;
	make(&world, 2);
	world.delay[0] = 100 * MILLISECOND;
	connect_to(&world, 0);
	run_for(&world, SECOND);
	assert_int_equal(world.choice.entries[0].round_trip, 100 * MILLISECOND);
	world.delay[0] = 200 * MILLISECOND;
	run_for(&world, 12 * SECOND);
	assert_int_equal(world.choice.entries[0].round_trip, 125 * MILLISECOND);
	/* From elsewhere, made up, or twice: nothing is learnt. */
	struct endpoint_choice_ping ping;
	world.choice.due = 1;
	assert_true(endpoint_choice_ping(&world.choice, world.now, &ping));
	world.now += 900 * MILLISECOND;
	endpoint_choice_pong(&world.choice, &world.all[1], ping.token, world.now);
	endpoint_choice_pong(&world.choice, &world.all[5], ping.token, world.now);
	ping.token[0] ^= 1;
	endpoint_choice_pong(&world.choice, &world.all[0], ping.token, world.now);
	assert_int_equal(world.choice.entries[0].round_trip, 125 * MILLISECOND);
	assert_int_equal(world.choice.entries[1].round_trip, 21 * MILLISECOND);
	ping.token[0] ^= 1;
	world.now = world.choice.entries[0].questions[world.choice.entries[0].last].sent_at;
	world.now += 525 * MILLISECOND;
	endpoint_choice_pong(&world.choice, &world.all[0], ping.token, world.now);
	assert_int_equal(world.choice.entries[0].round_trip, 225 * MILLISECOND);
	endpoint_choice_pong(&world.choice, &world.all[0], ping.token, world.now + SECOND);
	assert_int_equal(world.choice.entries[0].round_trip, 225 * MILLISECOND);
}

/* Three seconds after what was sent first, the fastest of those that answer. */
static void fails_over(void **state) {
	struct world world;
	make(&world, 4);
	world.delay[3] = 19 * MILLISECOND;
	connect_to(&world, 0);
	run_for(&world, 20 * SECOND);
	world.deaf[0] = world.deaf[1] = true;
	memset(world.pings, 0, sizeof world.pings);
	uint64_t start = world.now;
	send_now(&world);
	run(&world, start + ENDPOINT_CHOICE_QUESTION - 1);
	assert_int_equal(world.pings[0], 0);
	run(&world, start + 2900 * MILLISECOND);
	assert_in_range(world.pings[0], ENDPOINT_CHOICE_PINGS, ENDPOINT_CHOICE_PINGS + 1);
	/* What is sent later does not begin anew; what others answer is no answer. */
	send_now(&world);
	endpoint_choice_received(&world.choice, &world.all[2]);
	run(&world, start + ENDPOINT_CHOICE_PATIENCE - 1);
	assert_int_equal(current(&world), 0);
	run(&world, start + ENDPOINT_CHOICE_PATIENCE);
	assert_int_equal(current(&world), 3);
	assert_int_equal(world.switches, 1);
	/* It answers: nothing more happens. */
	run_for(&world, 5 * SECOND);
	assert_int_equal(world.switches, 1);
	assert_false(world.dead);
	/* Falls silent, too: only one is left. */
	world.deaf[3] = true;
	send_now(&world);
	run_for(&world, ENDPOINT_CHOICE_PATIENCE);
	assert_int_equal(current(&world), 2);
}

/* Who was silent for a while comes back into question. */
static void answers_late(void **state) {
	struct world world;
	make(&world, 2);
	connect_to(&world, 0);
	run_for(&world, SECOND);
	for (unsigned i = 0; i < 20; i++) {
		send_now(&world);
		run_for(&world, 2900 * MILLISECOND - i * 100 * MILLISECOND);
		endpoint_choice_received(&world.choice, &world.all[0]);
	}
	assert_int_equal(world.switches, 0);
	/* Round trips that are longer than the time between two pings. */
	world.delay[0] = world.delay[1] = 2400 * MILLISECOND;
	for (unsigned i = 0; i < 20; i++) {
		send_now(&world);
		run_for(&world, 5 * SECOND);
	}
	assert_int_equal(world.switches, 0);
	assert_false(world.dead);
	assert_in_range(world.choice.entries[0].round_trip, 2000 * MILLISECOND, 2400 * MILLISECOND);
}

/* Asked late, as this host stood still, they have time to answer all the same. */
static void stands_still(void **state) {
	struct world world;
	make(&world, 2);
	connect_to(&world, 0);
	run_for(&world, SECOND);
	send_now(&world);
	world.now += 3600 * SECOND;
	run_for(&world, 3 * SECOND);
	assert_int_equal(world.switches, 0);
	assert_false(world.dead);
}

static void all_dead(void **state) {
	for (size_t count = 1; count <= ENDPOINT_CHOICE_MAX; count++) {
		struct world world;
		make(&world, count);
		for (size_t i = 0; i < count; i++)
			world.delay[i] = 20 * MILLISECOND;
		connect_to(&world, count - 1);
		run_for(&world, 30 * SECOND);
		memset(world.deaf, true, sizeof world.deaf);
		memset(world.waiting, 0, sizeof world.waiting);
		send_now(&world);
		run_for(&world, ENDPOINT_CHOICE_PATIENCE - 1);
		assert_false(world.dead);
		run_for(&world, 1);
		assert_true(world.dead);
		assert_int_equal(world.switches, 0);
		assert_int_equal(endpoint_choice_deadline(&world.choice), CLOCK_NEVER);
		/* Behind the one that fell silent. */
		assert_int_equal(place_of(&world, endpoint_choice_attempt(&world.choice)), 0);
		send_now(&world);
		assert_int_equal(endpoint_choice_deadline(&world.choice), CLOCK_NEVER);
		memset(world.deaf, false, sizeof world.deaf);
		connect_to(&world, 0);
		assert_int_equal(current(&world), 0);
		send_now(&world);
		run_for(&world, 10 * SECOND);
		assert_int_equal(world.switches, 0);
	}
}

/* The time until it is taken, 0: it is not; unanswered: a ping of the candidate got lost. */
static uint64_t gained(uint64_t before, uint64_t other, bool unanswered) {
	struct world world;
	make(&world, 2);
	world.delay[0] = before;
	world.delay[1] = 2 * before;
	connect_to(&world, 0);
	run_for(&world, 100 * SECOND);
	for (unsigned i = 0; i < 30; i++) { /* until nothing is left of what was */
		world.delay[1] = other;
		run_for(&world, i == 0 ? 0 : SECOND);
		if (world.choice.entries[1].better_since != CLOCK_NEVER)
			break;
	}
	world.choice.entries[1].round_trip = other;
	uint64_t start = world.now;
	if (unanswered) {
		run_for(&world, 5 * SECOND);
		unsigned pings = world.pings[1];
		world.deaf[1] = true;
		while (world.pings[1] < pings + 1)
			run_for(&world, MILLISECOND);
		run_for(&world, SECOND);
		world.deaf[1] = false;
	}
	while (current(&world) == 0 && world.now < start + 300 * SECOND)
		run_for(&world, 100 * MILLISECOND);
	return current(&world) == 0 ? 0 : world.now - start;
}

static void gains(void **state) {
	assert_int_equal(gained(100 * MILLISECOND, 100 * MILLISECOND, false), 0);
	assert_int_equal(gained(100 * MILLISECOND, 80 * MILLISECOND, false), 0);
	assert_in_range(gained(100 * MILLISECOND, 50 * MILLISECOND, false), 30 * SECOND, 52 * SECOND);
	/* A lost one puts it off: it is to be faster all the time. */
	assert_in_range(gained(100 * MILLISECOND, 50 * MILLISECOND, true), 38 * SECOND, 80 * SECOND);
}

/* A gain that does not last. */
static void does_not_flap(void **state) {
	struct world world;
	make(&world, 2);
	world.delay[0] = world.delay[1] = 100 * MILLISECOND;
	connect_to(&world, 0);
	for (unsigned i = 0; i < 40; i++) {
		world.delay[1] = i % 2 ? 20 * MILLISECOND : 500 * MILLISECOND;
		run_for(&world, 20 * SECOND);
	}
	assert_int_equal(world.switches, 0);
	world.delay[1] = 20 * MILLISECOND;
	run_for(&world, 90 * SECOND);
	assert_int_equal(world.switches, 1);
	run_for(&world, 200 * SECOND);
	assert_int_equal(world.switches, 1);
}

/* Held against the one that is used now, not against one of before. */
static void holds_anew(void **state) {
	struct world world;
	make(&world, 3);
	world.delay[0] = 400 * MILLISECOND;
	world.delay[1] = 100 * MILLISECOND;
	world.delay[2] = 70 * MILLISECOND;
	world.deaf[2] = true;
	connect_to(&world, 0);
	run_for(&world, 15 * SECOND);
	world.deaf[2] = false;
	run_for(&world, 30 * SECOND);
	assert_int_equal(current(&world), 1);
	run_for(&world, 14 * SECOND);
	assert_int_equal(current(&world), 1);
	run_for(&world, 40 * SECOND);
	assert_int_equal(current(&world), 2);
}

/* One that answers no more is not taken, however fast it was. */
static void not_to_the_dead(void **state) {
	unsigned asked = 0;
	for (unsigned seed = 0; seed < 40; seed++) {
		struct world world;
		make(&world, 2);
		world.seed = seed;
		world.delay[0] = 100 * MILLISECOND;
		connect_to(&world, 0);
		run_for(&world, 22 * SECOND);
		assert_true(world.choice.entries[1].better_since != CLOCK_NEVER);
		unsigned pings = world.pings[1];
		world.deaf[1] = true;
		run_for(&world, 8 * SECOND);
		if (world.pings[1] == pings)
			continue;
		asked++;
		run_for(&world, 300 * SECOND);
		assert_int_equal(world.switches, 0);
	}
	assert_true(asked > 10);
}

static void changes(void **state) {
	struct world world;
	enum endpoint_choice_news news;
	make(&world, 3);
	connect_to(&world, 1);
	run_for(&world, 20 * SECOND);
	struct endpoint_choice before = world.choice;
	assert_int_equal(endpoint_choice_change(&world.choice, world.all, 0, world.now, &news),
					 ERR_INVALID);
	assert_int_equal(endpoint_choice_change(&world.choice, world.all, MANY, world.now, &news),
					 ERR_LIMIT);
	assert_memory_equal(&before, &world.choice, sizeof before);
	/* The current one stays, elsewhere in the list. */
	const struct endpoint list[] = {world.all[5], world.all[2], world.all[1]};
	assert_int_equal(endpoint_choice_change(&world.choice, list, 3, world.now, &news), ERR_OK);
	assert_int_equal(news, ENDPOINT_CHOICE_NOTHING);
	assert_int_equal(current(&world), 1);
	assert_int_equal(world.choice.entries[1].round_trip, 22 * MILLISECOND);
	assert_int_equal(world.choice.entries[0].round_trip, 0);
	transmit(&world);
	assert_int_equal(world.pings[5], 1);
	/* It is gone: to the fastest that answers, not to the first. */
	run_for(&world, SECOND);
	assert_int_equal(endpoint_choice_change(&world.choice, list, 2, world.now, &news), ERR_OK);
	assert_int_equal(news, ENDPOINT_CHOICE_SWITCHED);
	assert_int_equal(current(&world), 2);
	unsigned pings = world.pings[2];
	transmit(&world);
	run_for(&world, MILLISECOND);
	assert_int_equal(world.pings[2], pings + 1);
	/* None of them is known: the first, and it is asked. */
	assert_int_equal(endpoint_choice_change(&world.choice, world.all, 2, world.now, &news), ERR_OK);
	assert_int_equal(news, ENDPOINT_CHOICE_SWITCHED);
	assert_int_equal(current(&world), 0);
	world.deaf[0] = true;
	run_for(&world, ENDPOINT_CHOICE_PATIENCE);
	assert_int_equal(current(&world), 1);
	assert_false(world.dead);
	/* Without a session. */
	endpoint_choice_lost(&world.choice);
	assert_int_equal(endpoint_choice_change(&world.choice, list, 3, world.now, &news), ERR_OK);
	assert_int_equal(news, ENDPOINT_CHOICE_NOTHING);
	assert_int_equal(endpoint_choice_deadline(&world.choice), CLOCK_NEVER);
	assert_int_equal(place_of(&world, endpoint_choice_attempt(&world.choice)), 5);
	connect_to(&world, 1);
	endpoint_choice_lost(&world.choice);
	assert_int_equal(endpoint_choice_change(&world.choice, list, 1, world.now, &news), ERR_OK);
	assert_int_equal(current(&world), 5);
}

/* The fastest is one that answered, also where the clock has just begun. */
static void changes_early(void **state) {
	struct world world;
	enum endpoint_choice_news news;
	make(&world, 2);
	world.now = SECOND;
	connect_to(&world, 0);
	run_for(&world, SECOND);
	const struct endpoint list[] = {world.all[2], world.all[1]};
	assert_int_equal(endpoint_choice_change(&world.choice, list, 2, world.now, &news), ERR_OK);
	assert_int_equal(news, ENDPOINT_CHOICE_SWITCHED);
	assert_int_equal(current(&world), 1);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists),           cmocka_unit_test(attempts),
		cmocka_unit_test(measures),        cmocka_unit_test(smooths),
		cmocka_unit_test(fails_over),      cmocka_unit_test(answers_late),
		cmocka_unit_test(stands_still),    cmocka_unit_test(all_dead),
		cmocka_unit_test(gains),           cmocka_unit_test(does_not_flap),
		cmocka_unit_test(not_to_the_dead), cmocka_unit_test(changes),
		cmocka_unit_test(alone),           cmocka_unit_test(holds_anew),
		cmocka_unit_test(changes_early),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
