#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/clock.h"
#include "sim/network.h"

enum { ARRIVALS_MAX = 4096 };

/* What arrived: a number in each datagram, and when. */
struct journal {
	struct sim_network *network;
	size_t count;
	uint32_t numbers[ARRIVALS_MAX];
	uint64_t times[ARRIVALS_MAX];
	struct endpoint from, to; /* of the last one */
	unsigned answers;         /* how many more datagrams to send back */
};

static struct endpoint endpoint_of(const char *text) {
	struct endpoint endpoint;
	assert_int_equal(endpoint_parse(text, &endpoint), ERR_OK);
	return endpoint;
}

static void send_number(struct sim_network *network, const struct endpoint *from,
						const struct endpoint *to, uint32_t number) {
	assert_int_equal(sim_send(network, from, to, slice_of(&number, sizeof number)), ERR_OK);
}

static void record(void *context, const struct endpoint *from, const struct endpoint *to,
				   uint8_t *data, size_t size) {
	struct journal *journal = context;
	assert_true(journal->count < ARRIVALS_MAX);
	assert_int_equal(size, sizeof journal->numbers[0]);
	memcpy(&journal->numbers[journal->count], data, size);
	memset(data, 0xff, size); /* it is the receiver's to change */
	journal->times[journal->count++] = sim_now(journal->network);
	journal->from = *from;
	journal->to = *to;
	if (journal->answers > 0) {
		journal->answers--;
		send_number(journal->network, to, from, 1000);
	}
}

static struct sim_network *new_network(uint64_t seed, struct journal *journal) {
	struct sim_network *network = NULL;
	assert_int_equal(sim_network_new(seed, 5000, &network), ERR_OK);
	memset(journal, 0, sizeof *journal);
	journal->network = network;
	return network;
}

static void deliver(struct sim_network *network, uint64_t now, struct journal *journal) {
	const struct sim_receiver receiver = {.receive = record, .context = journal};
	sim_deliver(network, now, &receiver);
}

static void test_clock_and_delay(void **state) {
	static struct journal journal;
	struct sim_network *network = new_network(1, &journal);
	struct endpoint left = endpoint_of("192.0.2.1:1"), right = endpoint_of("[2001:db8::2]:2");
	assert_int_equal(sim_now(network), 5000);
	assert_int_equal(sim_next(network), CLOCK_NEVER);
	deliver(network, 6000, &journal);
	assert_int_equal(sim_now(network), 6000);
	deliver(network, 5500, &journal); /* never back */
	assert_int_equal(sim_now(network), 6000);

	send_number(network, &left, &right, 1); /* a perfect link: 1 ns */
	assert_int_equal(sim_next(network), 6001);
	const struct sim_link slow = {.delay = 700};
	assert_int_equal(sim_set_link(network, &left, &right, &slow), ERR_OK);
	send_number(network, &left, &right, 2);
	send_number(network, &right, &left, 3); /* the other direction stays fast */
	deliver(network, 6000, &journal);
	assert_int_equal(journal.count, 0);
	deliver(network, 6699, &journal);
	assert_int_equal(journal.count, 2);
	assert_int_equal(journal.numbers[0], 1);
	assert_int_equal(journal.numbers[1], 3);
	assert_int_equal(journal.times[1], 6001);
	assert_true(endpoint_equal(&journal.from, &right));
	assert_true(endpoint_equal(&journal.to, &left));
	assert_int_equal(sim_next(network), 6700);
	deliver(network, 6700, &journal);
	assert_int_equal(journal.numbers[2], 2);
	assert_int_equal(sim_next(network), CLOCK_NEVER);
	sim_network_free(network);
	sim_network_free(NULL);
}

static void test_order_and_answers(void **state) {
	static struct journal journal;
	struct sim_network *network = new_network(2, &journal);
	struct endpoint left = endpoint_of("192.0.2.1:1"), right = endpoint_of("192.0.2.2:2");
	const struct sim_link link = {.delay = 100};
	sim_set_default_link(network, &link);
	for (uint32_t i = 0; i < 200; i++)
		send_number(network, &left, &right, i);
	journal.answers = 3;
	deliver(network, CLOCK_NEVER, &journal);
	/* 200 at once, answers to the first three of them 100 ns later. */
	assert_int_equal(journal.count, 203);
	for (uint32_t i = 0; i < 200; i++)
		assert_int_equal(journal.numbers[i], i);
	assert_int_equal(journal.times[199], 5100);
	assert_int_equal(journal.times[200], 5200);
	assert_int_equal(sim_now(network), 5200);
	assert_int_equal(sim_counters(network)->sent, 203);
	assert_int_equal(sim_counters(network)->delivered, 203);

	/* Answers to answers, each at its own time, within one call. */
	journal.answers = 9;
	send_number(network, &left, &right, 7);
	deliver(network, 100000, &journal);
	assert_int_equal(journal.count, 213);
	assert_int_equal(journal.times[212], 5200 + 10 * 100);
	assert_int_equal(sim_now(network), 100000);
	sim_network_free(network);
}

static void test_empty_datagrams_and_flights_left_behind(void **state) {
	struct sim_network *network = NULL;
	assert_int_equal(sim_network_new(3, 0, &network), ERR_OK);
	struct endpoint left = endpoint_of("192.0.2.1:1");
	assert_int_equal(sim_send(network, &left, &left, (struct slice){0}), ERR_OK);
	assert_int_equal(sim_next(network), 1);
	sim_network_free(network);
}

static void test_loss_and_duplicates(void **state) {
	static struct journal journal;
	struct sim_network *network = new_network(4, &journal);
	struct endpoint left = endpoint_of("192.0.2.1:1"), right = endpoint_of("192.0.2.2:2");
	const struct sim_link link = {.loss_percent = 30, .duplicate_percent = 10};
	assert_int_equal(sim_set_link(network, &left, &right, &link), ERR_OK);
	enum { COUNT = 3000 };
	for (uint32_t i = 0; i < COUNT; i++)
		send_number(network, &left, &right, i);
	deliver(network, CLOCK_NEVER, &journal);
	const struct sim_counters *counters = sim_counters(network);
	assert_int_equal(counters->sent, COUNT);
	assert_int_equal(counters->delivered, journal.count);
	assert_int_equal(counters->sent - counters->lost + counters->duplicated, journal.count);
	/* Five standard deviations: 25 of 900 lost, 14 of 210 doubled. */
	assert_in_range(counters->lost, 900 - 125, 900 + 125);
	assert_in_range(counters->duplicated, 210 - 70, 210 + 70);
	static unsigned seen[COUNT];
	memset(seen, 0, sizeof seen);
	for (size_t i = 0; i < journal.count; i++)
		assert_true(++seen[journal.numbers[i]] <= 2);

	const struct sim_link dead = {.loss_percent = 100}, sound = {.duplicate_percent = 100};
	journal.count = 0;
	assert_int_equal(sim_set_link(network, &left, &right, &dead), ERR_OK);
	assert_int_equal(sim_set_link(network, &right, &left, &sound), ERR_OK);
	for (uint32_t i = 0; i < 100; i++) {
		send_number(network, &left, &right, i);
		send_number(network, &right, &left, i);
	}
	deliver(network, CLOCK_NEVER, &journal);
	assert_int_equal(journal.count, 200);
	assert_true(endpoint_equal(&journal.to, &left));
	sim_network_free(network);
}

static void test_jitter_and_reordering(void **state) {
	static struct journal journal;
	struct sim_network *network = new_network(5, &journal);
	struct endpoint left = endpoint_of("192.0.2.1:1"), right = endpoint_of("192.0.2.2:2");
	struct sim_link link = {.delay = 1000, .jitter = 50};
	sim_set_default_link(network, &link);
	enum { COUNT = 1000 };
	for (uint32_t i = 0; i < COUNT; i++)
		send_number(network, &left, &right, i);
	deliver(network, CLOCK_NEVER, &journal);
	assert_int_equal(journal.times[0], 6000);
	assert_int_equal(journal.times[COUNT - 1], 6050);
	unsigned overtaken = 0;
	for (size_t i = 1; i < COUNT; i++) {
		assert_true(journal.times[i - 1] <= journal.times[i]);
		overtaken += journal.numbers[i] < journal.numbers[i - 1];
	}
	assert_true(overtaken > 0);

	/* Without jitter only the chosen ones are late, and by so much. */
	uint64_t begin = sim_now(network);
	link = (struct sim_link){.delay = 10, .reorder_percent = 20, .reorder_delay = 500};
	sim_set_default_link(network, &link);
	journal.count = 0;
	for (uint32_t i = 0; i < COUNT; i++)
		send_number(network, &left, &right, i);
	deliver(network, CLOCK_NEVER, &journal);
	size_t late = 0;
	for (size_t i = 0; i < COUNT; i++) {
		late += journal.times[i] == begin + 510;
		assert_true(journal.times[i] == begin + 10 || journal.times[i] == begin + 510);
		if (i > 0 && journal.times[i] == journal.times[i - 1])
			assert_true(journal.numbers[i] > journal.numbers[i - 1]);
	}
	assert_in_range(late, 200 - 64, 200 + 64);
	sim_network_free(network);
}

static void test_cuts(void **state) {
	static struct journal journal;
	struct sim_network *network = new_network(6, &journal);
	struct endpoint hub = endpoint_of("192.0.2.1:1"), one = endpoint_of("192.0.2.2:2");
	struct endpoint two = endpoint_of("192.0.2.3:3");
	const struct sim_link link = {.delay = 100};
	sim_set_default_link(network, &link);

	send_number(network, &hub, &one, 1); /* lost on its way */
	assert_int_equal(sim_set_cut(network, &one, &hub, true), ERR_OK);
	send_number(network, &hub, &one, 2);
	send_number(network, &one, &hub, 3);
	send_number(network, &hub, &two, 4);
	send_number(network, &one, &two, 5);
	deliver(network, CLOCK_NEVER, &journal);
	assert_int_equal(journal.count, 2);
	assert_int_equal(journal.numbers[0], 4);
	assert_int_equal(journal.numbers[1], 5);
	assert_int_equal(sim_counters(network)->cut, 3);

	/* The same cut twice, its ends the other way round, is one cut. */
	assert_int_equal(sim_set_cut(network, &hub, &one, true), ERR_OK);
	assert_int_equal(sim_set_cut(network, &hub, &one, false), ERR_OK);
	send_number(network, &hub, &one, 6);
	deliver(network, CLOCK_NEVER, &journal);
	assert_int_equal(journal.numbers[2], 6);

	assert_int_equal(sim_set_cut(network, &two, NULL, true), ERR_OK);
	send_number(network, &hub, &two, 7);
	send_number(network, &two, &one, 8);
	send_number(network, &hub, &one, 9);
	deliver(network, CLOCK_NEVER, &journal);
	assert_int_equal(journal.count, 4);
	assert_int_equal(journal.numbers[3], 9);
	assert_int_equal(sim_set_cut(network, &two, NULL, false), ERR_OK);
	send_number(network, &hub, &two, 10);
	deliver(network, CLOCK_NEVER, &journal);
	assert_int_equal(journal.numbers[4], 10);
	sim_network_free(network);
}

/* A number that stands for the whole of a run. */
static uint64_t run_storm(uint64_t seed, bool draws) {
	static struct journal journal;
	struct sim_network *network = new_network(seed, &journal);
	struct endpoint ends[3] = {endpoint_of("192.0.2.1:1"), endpoint_of("192.0.2.2:2"),
							   endpoint_of("192.0.2.3:3")};
	const struct sim_link link = {.loss_percent = 20,
								  .duplicate_percent = 20,
								  .delay = 50,
								  .jitter = 400,
								  .reorder_percent = 10,
								  .reorder_delay = 2000};
	sim_set_default_link(network, &link);
	for (uint32_t i = 0; i < 500; i++) {
		if (draws)
			(void)random_u32(sim_random(network));
		send_number(network, &ends[i % 3], &ends[(i + 1) % 3], i);
		deliver(network, sim_now(network) + 30, &journal);
	}
	deliver(network, CLOCK_NEVER, &journal);
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < journal.count; i++)
		hash = (hash ^ journal.numbers[i] ^ journal.times[i] << 20) * UINT64_C(0x100000001b3);
	sim_network_free(network);
	return hash;
}

static void test_the_seed_decides_everything(void **state) {
	assert_true(run_storm(77, false) == run_storm(77, false));
	assert_true(run_storm(77, false) == run_storm(77, true));
	assert_true(run_storm(77, false) != run_storm(78, false));

	uint8_t first[37], second[37];
	for (unsigned i = 0; i < 2; i++) {
		struct sim_network *network = NULL;
		assert_int_equal(sim_network_new(9, 0, &network), ERR_OK);
		random_fill(sim_random(network), i == 0 ? first : second, sizeof first);
		sim_network_free(network);
	}
	assert_memory_equal(first, second, sizeof first);
	static const uint8_t zeros[8];
	for (size_t i = 0; i + sizeof zeros < sizeof first; i++)
		assert_memory_not_equal(first + i, zeros, sizeof zeros);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clock_and_delay),
		cmocka_unit_test(test_order_and_answers),
		cmocka_unit_test(test_empty_datagrams_and_flights_left_behind),
		cmocka_unit_test(test_loss_and_duplicates),
		cmocka_unit_test(test_jitter_and_reordering),
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_the_seed_decides_everything),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
