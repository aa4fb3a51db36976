/* Endpoints by name, over a virtual clock and a host that only remembers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tunnel/names.h"

#include "tunnel/names_model.h"

enum { PORT = 51820, ASKED_MAX = 32768 };

static struct {
	struct names *names;
	uint64_t now;
	struct {
		uint64_t ticket, time;
		char name[32];
	} asked[ASKED_MAX];
	size_t asked_count;
	enum err ask_error;
	struct endpoint used;
	uint8_t used_key;
	uint16_t used_tunnel;
	size_t use_count;
	char problem[64];
	size_t tell_count;
} host;

static const uint8_t *key_of(uint32_t number) {
	static uint8_t key[TEXT_KEY_SIZE];
	memset(key, 0, sizeof key);
	memcpy(key, &number, sizeof number);
	return key;
}

static enum err on_ask(void *context, const char *name, uint64_t ticket) {
	if (host.ask_error != ERR_OK)
		return host.ask_error;
	assert_true(host.asked_count < ASKED_MAX);
	host.asked[host.asked_count].ticket = ticket;
	host.asked[host.asked_count].time = host.now;
	(void)snprintf(host.asked[host.asked_count].name, sizeof host.asked[0].name, "%s", name);
	host.asked_count++;
	return ERR_OK;
}

static void on_use(void *context, uint16_t tunnel, const uint8_t key[static TEXT_KEY_SIZE],
				   const struct endpoint *endpoint) {
	host.used = *endpoint;
	host.used_key = key[0];
	host.used_tunnel = tunnel;
	host.use_count++;
}

static void on_tell(void *context, uint16_t tunnel, const uint8_t key[static TEXT_KEY_SIZE],
					const char *name, const char *problem) {
	(void)snprintf(host.problem, sizeof host.problem, "%s", problem ? problem : "");
	host.tell_count++;
}

static int setup(void **state) {
	const struct names_host names_host = {.ask = on_ask, .use = on_use, .tell = on_tell};
	memset(&host, 0, sizeof host);
	host.now = 1000 * CLOCK_SECOND;
	return names_new(&names_host, &host.names) == ERR_OK ? 0 : -1;
}

static int teardown(void **state) {
	names_free(host.names);
	return 0;
}

/* Lets time pass, deadline by deadline. */
static void run_for(uint64_t duration) {
	uint64_t end = host.now + duration, next;
	while ((next = names_run(host.names, host.now)) <= end)
		host.now = next > host.now ? next : host.now;
	host.now = end;
}

/* Until the next question. */
static void run_until_asked(void) {
	size_t before = host.asked_count;
	while (host.asked_count == before) {
		uint64_t next = names_run(host.names, host.now);
		assert_true(next != CLOCK_NEVER || host.asked_count > before);
		if (host.asked_count == before && next > host.now)
			host.now = next;
	}
}

static void put(uint32_t number, const char *name) {
	assert_int_equal(names_put(host.names, host.now, 1, key_of(number), name, PORT), ERR_OK);
	run_for(0);
}

/* Answers the question that was asked last with addresses in one text. */
static void answer(const char *addresses, uint32_t ttl) {
	char copy[256], *rest = NULL;
	struct address list[32];
	size_t count = 0;
	(void)snprintf(copy, sizeof copy, "%s", addresses);
	for (char *text = strtok_r(copy, " ", &rest); text; text = strtok_r(NULL, " ", &rest))
		assert_int_equal(address_parse(text, &list[count++]), ERR_OK);
	assert_true(host.asked_count > 0);
	names_answer(host.names, host.now, host.asked[host.asked_count - 1].ticket, list, count, ttl,
				 count ? NULL : "no such name");
	run_for(0);
}

static void unanswered(uint32_t count) {
	names_unanswered(host.names, host.now, 1, key_of(1), count);
	run_for(0);
}

static void connected(void) {
	names_connected(host.names, host.now, 1, key_of(1));
	run_for(0);
}

static enum names_state state_of(uint32_t number, const char **out_problem) {
	enum names_state state;
	const char *problem;
	assert_int_equal(names_state_of(host.names, 1, key_of(number), &state, &problem), ERR_OK);
	if (out_problem)
		*out_problem = problem;
	return state;
}

static void assert_state(enum names_state state) {
	assert_int_equal(state_of(1, NULL), state);
}

static void assert_used(const char *text) {
	char used[ADDRESS_TEXT_SIZE];
	address_format(&host.used.address, used);
	assert_string_equal(used, text);
	assert_int_equal(host.used.port, PORT);
}

static void test_answer_and_connection(void **state) {
	put(1, "a.example");
	assert_int_equal(host.asked_count, 1);
	assert_string_equal(host.asked[0].name, "a.example");
	assert_state(NAMES_RESOLVING);
	answer("2001:db8::1 192.0.2.1", 300);
	assert_state(NAMES_TRYING);
	assert_used("2001:db8::1");
	assert_int_equal(host.used_key, 1);
	assert_int_equal(host.used_tunnel, 1);
	connected();
	assert_state(NAMES_CONNECTED);
	/* Left alone for good. */
	run_for(100000 * CLOCK_SECOND);
	assert_int_equal(host.asked_count, 1);
	assert_int_equal(host.use_count, 1);
	assert_int_equal(host.tell_count, 0);
	assert_int_equal(names_run(host.names, host.now), CLOCK_NEVER);
}

static void test_next_address(void **state) {
	put(1, "a.example");
	answer("2001:db8::1 192.0.2.1 192.0.2.2", 300);
	/* News of the time before the address was set. */
	run_for(1 * CLOCK_SECOND);
	unanswered(7);
	assert_used("2001:db8::1");
	run_for(4 * CLOCK_SECOND);
	unanswered(1);
	assert_used("192.0.2.1");
	assert_state(NAMES_TRYING);
	run_for(6 * CLOCK_SECOND);
	unanswered(1);
	assert_used("192.0.2.2");
	assert_int_equal(host.asked_count, 1);
	/* After the last one it is asked again, and goes on meanwhile. */
	run_for(6 * CLOCK_SECOND);
	unanswered(1);
	assert_int_equal(host.asked_count, 2);
	assert_state(NAMES_RESOLVING);
	assert_used("2001:db8::1");
	/* What is being tried stays when the answer still has it. */
	answer("192.0.2.9 2001:db8::1", 300);
	assert_state(NAMES_TRYING);
	assert_used("2001:db8::1");
	run_for(6 * CLOCK_SECOND);
	unanswered(1);
	assert_used("192.0.2.9");
	/* Both get their turn before it is asked again. */
	assert_state(NAMES_TRYING);
	run_for(5 * CLOCK_SECOND);
	assert_int_equal(host.asked_count, 2);
	connected();
	assert_state(NAMES_CONNECTED);
}

/* The first unanswered attempt is enough to leave a dead v6 address for the v4 one. */
static void test_dead_v6(void **state) {
	put(1, "a.example");
	answer("2001:db8::1 192.0.2.1", 300);
	run_for(5200 * CLOCK_MILLISECOND);
	unanswered(1);
	assert_used("192.0.2.1");
	connected();
	run_for(1000 * CLOCK_SECOND);
	assert_used("192.0.2.1");
	assert_int_equal(host.asked_count, 1);
}

/* One address that never answers: questions at a pace that slows down, but does not stop. */
static void test_single_address(void **state) {
	put(1, "a.example");
	answer("192.0.2.1", 3600);
	size_t answered = 1;
	for (int step = 0; step < 600; step++) {
		run_for(CLOCK_SECOND);
		if (host.asked_count > answered) {
			answer("192.0.2.1", 3600);
			answered++;
		}
		if (step % 6 == 5)
			unanswered(1);
	}
	assert_int_equal(host.use_count, 1);
	for (size_t i = 1; i < host.asked_count; i++)
		assert_in_range(host.asked[i].time - host.asked[i - 1].time, NAMES_ROUND_MIN,
						NAMES_ROUND_MAX + 6 * CLOCK_SECOND);
	assert_in_range(host.asked[1].time - host.asked[0].time, NAMES_ROUND_MIN,
					NAMES_ROUND_MIN + CLOCK_SECOND);
	assert_in_range(host.asked_count, 600 / 36, 600 / 30 + 4);
	/* The name moves. */
	unanswered(1);
	run_until_asked();
	answer("192.0.2.2", 60);
	assert_used("192.0.2.2");
}

static void test_failing_name(void **state) {
	const char *problem;
	put(1, "a.example");
	for (int i = 0; i < 12; i++) {
		answer("", 0);
		assert_state(NAMES_RESOLVING);
		assert_string_equal(host.problem, "no such name");
		(void)state_of(1, &problem);
		assert_string_equal(problem, "no such name");
		size_t before = host.asked_count;
		uint64_t start = host.now;
		run_until_asked();
		uint64_t whole = i < 6 ? CLOCK_SECOND << i : 60 * CLOCK_SECOND;
		uint64_t least = whole * 3 / 4 > CLOCK_SECOND ? whole * 3 / 4 : CLOCK_SECOND;
		assert_in_range(host.asked[before].time - start, least, whole);
	}
	/* Said once, until it is over. */
	assert_int_equal(host.tell_count, 1);
	answer("192.0.2.1", 60);
	assert_int_equal(host.tell_count, 2);
	assert_string_equal(host.problem, "");
	(void)state_of(1, &problem);
	assert_null(problem);
	assert_used("192.0.2.1");
}

/* The servers for names fail too: the addresses of before are tried on. */
static void test_failing_later(void **state) {
	put(1, "a.example");
	answer("2001:db8::1 192.0.2.1", 60);
	run_for(90 * CLOCK_SECOND);
	assert_int_equal(host.asked_count, 2);
	answer("", 0);
	assert_state(NAMES_RESOLVING);
	unanswered(1);
	assert_used("192.0.2.1");
	run_for(6 * CLOCK_SECOND);
	unanswered(1);
	assert_used("2001:db8::1");
	/* What goes unanswered meanwhile does not make a failing name be asked for more often. */
	for (int i = 0; i < 6; i++) {
		if (host.asked_count == (size_t)i + 2)
			run_until_asked();
		answer("", 0);
	}
	size_t asked = host.asked_count;
	for (int i = 0; i < 7; i++) {
		run_for(6 * CLOCK_SECOND);
		unanswered(1);
	}
	assert_int_equal(host.asked_count, asked);
	connected();
	assert_string_equal(host.problem, "");
	size_t before = host.asked_count;
	run_for(1000 * CLOCK_SECOND);
	assert_int_equal(host.asked_count, before);
}

static void test_time_to_live(void **state) {
	const uint32_t ttls[] = {0, 60, 300, 1000000};
	for (size_t i = 0; i < 4; i++) {
		uint64_t seconds = ttls[i] < 60 ? 60 : ttls[i] > 3600 ? 3600 : ttls[i];
		char name[32];
		(void)snprintf(name, sizeof name, "%zu.example", i);
		put(1, name);
		answer("192.0.2.1", ttls[i]);
		size_t before = host.asked_count;
		run_for(seconds * CLOCK_SECOND - 1);
		assert_int_equal(host.asked_count, before);
		assert_state(NAMES_TRYING);
		uint64_t start = host.now;
		run_until_asked();
		assert_in_range(host.now - start, 1, seconds * CLOCK_SECOND / 8 + 1);
		assert_state(NAMES_RESOLVING);
		size_t uses = host.use_count;
		answer("192.0.2.1", ttls[i]);
		assert_int_equal(host.use_count, uses);
		run_until_asked();
		answer("192.0.2.77 192.0.2.78", ttls[i]);
		assert_used("192.0.2.77");
	}
}

/* While it is connected, the name moves; then the connection is lost. */
static void test_moved_while_connected(void **state) {
	put(1, "a.example");
	answer("192.0.2.1", 60);
	connected();
	run_for(5000 * CLOCK_SECOND);
	assert_int_equal(host.asked_count, 1);
	/* One attempt may be a lost datagram: asked for, but left where it is. */
	unanswered(1);
	assert_state(NAMES_CONNECTED);
	assert_int_equal(host.asked_count, 2);
	answer("192.0.2.2", 60);
	assert_state(NAMES_CONNECTED);
	assert_used("192.0.2.1");
	run_for(5300 * CLOCK_MILLISECOND);
	unanswered(2);
	assert_used("192.0.2.2");
	connected();
	assert_state(NAMES_CONNECTED);

	/* Answered after all: nothing has changed. */
	run_for(1000 * CLOCK_SECOND);
	unanswered(1);
	answer("192.0.2.3", 60);
	connected();
	run_for(1000 * CLOCK_SECOND);
	assert_used("192.0.2.2");
	/* Nor is a name that fails asked for on and on. */
	unanswered(1);
	answer("", 0);
	size_t before = host.asked_count;
	run_for(1000 * CLOCK_SECOND);
	assert_int_equal(host.asked_count, before);
	assert_state(NAMES_CONNECTED);
	/* The answer comes after the loss. */
	unanswered(1);
	run_for(6 * CLOCK_SECOND);
	unanswered(2);
	assert_state(NAMES_RESOLVING);
	answer("192.0.2.4", 60);
	assert_used("192.0.2.4");
	assert_state(NAMES_TRYING);
}

/* It had roamed from the address that its name has: back there, once it is lost. */
static void test_back_from_roaming(void **state) {
	put(1, "a.example");
	answer("192.0.2.1", 60);
	connected();
	run_for(100 * CLOCK_SECOND);
	unanswered(2);
	assert_int_equal(host.use_count, 2);
	assert_used("192.0.2.1");
	run_for(6 * CLOCK_SECOND);
	unanswered(1);
	assert_int_equal(host.use_count, 2);
}

/* A session of before a restart of ours, or one that the peer began. */
static void test_connected_first(void **state) {
	assert_int_equal(names_put(host.names, host.now, 1, key_of(1), "a.example", PORT), ERR_OK);
	connected();
	run_for(1000 * CLOCK_SECOND);
	assert_int_equal(host.asked_count, 0);
	unanswered(1);
	assert_int_equal(host.asked_count, 1);
	assert_state(NAMES_CONNECTED);
	run_for(5 * CLOCK_SECOND);
	unanswered(2);
	assert_state(NAMES_RESOLVING);
	answer("192.0.2.1", 60);
	assert_used("192.0.2.1");
	/* Connected while the question was open. */
	put(2, "b.example");
	names_connected(host.names, host.now, 1, key_of(2));
	size_t uses = host.use_count;
	answer("192.0.2.5", 60);
	assert_int_equal(host.use_count, uses);
	assert_int_equal(state_of(2, NULL), NAMES_CONNECTED);
}

static void test_other_name(void **state) {
	put(1, "a.example");
	uint64_t stale = host.asked[0].ticket;
	put(1, "a.example");
	assert_int_equal(host.asked_count, 1);
	put(1, "b.example");
	assert_int_equal(host.asked_count, 2);
	struct address address;
	assert_int_equal(address_parse("192.0.2.66", &address), ERR_OK);
	names_answer(host.names, host.now, stale, &address, 1, 60, NULL);
	assert_int_equal(host.use_count, 0);
	answer("192.0.2.1", 60);
	assert_used("192.0.2.1");
	/* Twice, unknown, and none at all. */
	names_answer(host.names, host.now, host.asked[1].ticket, &address, 1, 60, NULL);
	names_answer(host.names, host.now, 0, &address, 1, 60, NULL);
	names_answer(host.names, host.now, UINT64_MAX, &address, 1, 60, NULL);
	assert_used("192.0.2.1");
	/* A session does not keep what the operator changed. */
	connected();
	assert_int_equal(names_put(host.names, host.now, 1, key_of(1), "b.example", 7), ERR_OK);
	run_for(0);
	answer("192.0.2.1", 60);
	assert_int_equal(host.used.port, 7);
}

static void test_removal(void **state) {
	put(1, "a.example");
	names_remove(host.names, 1, key_of(1));
	names_remove(host.names, 1, key_of(1));
	answer("192.0.2.1", 60);
	assert_int_equal(host.use_count, 0);
	unanswered(3);
	connected();
	enum names_state got;
	const char *problem;
	assert_int_equal(names_state_of(host.names, 1, key_of(1), &got, &problem), ERR_NOT_FOUND);
	assert_int_equal(names_run(host.names, host.now), CLOCK_NEVER);
	/* One tunnel's peers of two, the same keys. */
	for (uint32_t i = 0; i < 100; i++)
		for (uint16_t tunnel = 1; tunnel <= 2; tunnel++)
			assert_int_equal(names_put(host.names, host.now, tunnel, key_of(i), "c.example", PORT),
							 ERR_OK);
	names_remove_tunnel(host.names, 1);
	for (uint32_t i = 0; i < 100; i++) {
		assert_int_equal(names_state_of(host.names, 1, key_of(i), &got, &problem), ERR_NOT_FOUND);
		assert_int_equal(names_state_of(host.names, 2, key_of(i), &got, &problem), ERR_OK);
	}
}

static void test_retry(void **state) {
	put(1, "a.example");
	for (int i = 0; i < 8; i++) {
		answer("", 0);
		run_for(61 * CLOCK_SECOND);
	}
	answer("", 0);
	size_t before = host.asked_count;
	names_retry(host.names, host.now);
	run_for(0);
	assert_int_equal(host.asked_count, before + 1);
	/* The open question may have gone to servers of the network before. */
	names_retry(host.names, host.now);
	run_for(0);
	assert_int_equal(host.asked_count, before + 1);
	answer("192.0.2.1", 60);
	assert_int_equal(host.asked_count, before + 2);
	answer("192.0.2.1", 60);
	connected();
	names_retry(host.names, host.now);
	run_for(1000 * CLOCK_SECOND);
	assert_int_equal(host.asked_count, before + 2);
}

/* No way to an address: the next one at once, until all are like that and the network changes. */
static void test_unreachable(void **state) {
	put(1, "a.example");
	names_unreachable(host.names, host.now, 1, key_of(1));
	assert_int_equal(host.use_count, 0);
	answer("2001:db8::1 192.0.2.1", 300);
	for (int i = 0; i < 100; i++)
		names_unreachable(host.names, host.now, 1, key_of(1));
	assert_used("192.0.2.1");
	assert_int_equal(host.use_count, 2);
	names_retry(host.names, host.now);
	names_unreachable(host.names, host.now, 1, key_of(1));
	assert_used("2001:db8::1");
	/* A live session goes on at another address, and needs no new question. */
	connected();
	names_unreachable(host.names, host.now, 1, key_of(1));
	assert_used("192.0.2.1");
	assert_state(NAMES_CONNECTED);
}

static void test_no_answer_at_all(void **state) {
	put(1, "a.example");
	run_for(59 * CLOCK_SECOND);
	assert_int_equal(host.asked_count, 1);
	run_for(3 * CLOCK_SECOND);
	assert_int_equal(host.asked_count, 2);
	assert_string_equal(host.problem, "no answer came");
	/* It cannot even be asked. */
	put(2, "b.example");
	host.ask_error = ERR_LIMIT;
	put(3, "c.example");
	assert_string_equal(host.problem, err_text(ERR_LIMIT));
	for (uint32_t i = 100; i < 1000; i++)
		put(i, "d.example");
	host.ask_error = ERR_OK;
	run_for(61 * CLOCK_SECOND);
	assert_true(host.asked_count > 3);
}

/* As many as a file may name: 64 questions at a time, and all get their turn. */
static void test_many(void **state) {
	enum { MANY = 20000 };
	for (uint32_t i = 0; i < MANY; i++) {
		char name[32];
		(void)snprintf(name, sizeof name, "%u.example", i);
		assert_int_equal(names_put(host.names, host.now, 1, key_of(i), name, PORT), ERR_OK);
	}
	size_t answered = 0;
	while (answered < MANY) {
		run_for(0);
		assert_true(host.asked_count - answered <= NAMES_OPEN_MAX);
		assert_true(host.asked_count > answered);
		struct address address = {.bytes = {192, 0, 2, 1}, .family = ADDRESS_V4};
		names_answer(host.names, host.now, host.asked[answered].ticket, &address, 1, 3600, NULL);
		answered++;
	}
	assert_int_equal(host.use_count, MANY);
	/* Removed while open, a question takes its room until its answer is there. */
	names_remove_tunnel(host.names, 1);
	host.asked_count = 0;
	for (uint32_t i = 0; i < NAMES_OPEN_MAX + 1; i++)
		put(i, "a.example");
	assert_int_equal(host.asked_count, NAMES_OPEN_MAX);
	names_remove(host.names, 1, key_of(0));
	run_for(0);
	assert_int_equal(host.asked_count, NAMES_OPEN_MAX);
	names_answer(host.names, host.now, host.asked[0].ticket, NULL, 0, 0, "x");
	run_for(0);
	assert_int_equal(host.asked_count, NAMES_OPEN_MAX + 1);
	assert_int_equal(names_run(host.names, host.now), host.now + NAMES_QUESTION_TIME);
}

static void test_too_many_addresses(void **state) {
	struct address list[NAMES_ADDRESSES_MAX + 5];
	for (size_t i = 0; i < NAMES_ADDRESSES_MAX + 5; i++)
		list[i] = (struct address){.bytes = {192, 0, 2, (uint8_t)(i + 1)}, .family = ADDRESS_V4};
	put(1, "a.example");
	names_answer(host.names, host.now, host.asked[0].ticket, list, NAMES_ADDRESSES_MAX + 5, 60,
				 NULL);
	for (size_t i = 0; i < 40; i++) {
		assert_in_range(host.used.address.bytes[3], 1, NAMES_ADDRESSES_MAX);
		run_for(6 * CLOCK_SECOND);
		unanswered(1);
	}
}

static void test_model(void **state) {
	model_run();
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_answer_and_connection),
		TEST(test_next_address),
		TEST(test_dead_v6),
		TEST(test_single_address),
		TEST(test_failing_name),
		TEST(test_failing_later),
		TEST(test_time_to_live),
		TEST(test_moved_while_connected),
		TEST(test_back_from_roaming),
		TEST(test_connected_first),
		TEST(test_other_name),
		TEST(test_removal),
		TEST(test_retry),
		TEST(test_unreachable),
		TEST(test_no_answer_at_all),
		TEST(test_many),
		TEST(test_too_many_addresses),
		cmocka_unit_test(test_model),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
