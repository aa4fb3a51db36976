#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/resolve_cache.h"

static struct resolve_cache cache;

static int clear(void **state) {
	resolve_cache_init(&cache, &(struct siphash_key){{1, 2}});
	return 0;
}

static struct process_resolved answer_of(uint8_t last) {
	return (struct process_resolved){9, PROCESS_FOUND, 1, {{4, {192, 0, 2, last}}}};
}

static void put(const char *name, uint64_t second, uint32_t ttl, uint8_t last) {
	const struct process_resolved answer = answer_of(last);
	resolve_cache_put(&cache, name, second * CLOCK_SECOND, ttl, &answer);
}

/* The address' last number; -1: it is not there. */
static int find(const char *name, uint64_t second) {
	struct process_resolved answer = {.id = 77};
	if (!resolve_cache_find(&cache, name, second * CLOCK_SECOND, &answer))
		return -1;
	assert_int_equal(answer.id, 77);
	return answer.count > 0 ? answer.items[0].bytes[3] : 0;
}

static void test_for_the_time_it_holds(void **state) {
	put("Example.org", 100, 20, 1);
	assert_int_equal(find("example.ORG", 100), 1);
	assert_int_equal(find("example.org", 119), 1);
	assert_int_equal(find("example.org", 120), -1);
	assert_int_equal(find("example.net", 100), -1);
	put("example.org", 110, 20, 2);
	assert_int_equal(find("example.org", 129), 2);
	resolve_cache_clear(&cache);
	assert_int_equal(find("example.org", 110), -1);
}

static void test_bounds_of_time(void **state) {
	put("long", 0, UINT32_MAX, 1);
	assert_int_equal(find("long", RESOLVE_CACHE_SECONDS_MAX - 1), 1);
	assert_int_equal(find("long", RESOLVE_CACHE_SECONDS_MAX), -1);
	put("file", 0, 0, 1);
	assert_int_equal(find("file", 0), -1);
	struct process_resolved answer = {.result = PROCESS_FOUND_NONE};
	resolve_cache_put(&cache, "nothing", 0, 60, &answer);
	assert_int_equal(find("nothing", RESOLVE_CACHE_SECONDS_NOTHING - 1), 0);
	assert_int_equal(find("nothing", RESOLVE_CACHE_SECONDS_NOTHING), -1);
	answer.result = PROCESS_FOUND_UNANSWERED;
	resolve_cache_put(&cache, "silent", 0, 60, &answer);
	assert_int_equal(find("silent", 0), -1);
}

/* It stays as large as it is, and what came last is there. */
static void test_full(void **state) {
	enum { NAMES = 4 * RESOLVE_CACHE_ROWS * RESOLVE_CACHE_WAYS };
	char name[16];
	unsigned found = 0;
	for (unsigned i = 0; i < NAMES; i++) {
		(void)snprintf(name, sizeof name, "n%u", i);
		put(name, i / 100, 300, 3);
		assert_int_equal(find(name, i / 100), 3);
	}
	for (unsigned i = 0; i < NAMES; i++) {
		(void)snprintf(name, sizeof name, "n%u", i);
		found += find(name, NAMES / 100) == 3;
	}
	assert_in_range(found, RESOLVE_CACHE_ROWS * RESOLVE_CACHE_WAYS * 9 / 10,
					RESOLVE_CACHE_ROWS * RESOLVE_CACHE_WAYS);
}

static void test_no_names(void **state) {
	char name[PROCESS_HOST_SIZE + 8];
	memset(name, 'x', sizeof name);
	name[sizeof name - 1] = '\0';
	put(name, 0, 60, 1);
	assert_int_equal(find(name, 0), -1);
	put("", 0, 60, 1);
	assert_int_equal(find("", 0), -1);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_for_the_time_it_holds, clear),
		cmocka_unit_test_setup(test_bounds_of_time, clear),
		cmocka_unit_test_setup(test_full, clear),
		cmocka_unit_test_setup(test_no_names, clear),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
