#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/counter.h"
#include "base/figure.h"

static void names_are_found(void **state) {
	for (enum figure i = 0; i < FIGURE_COUNT; i++) {
		const char *name = figure_name(i);
		assert_int_equal(figure_find(name, strlen(name)), i);
		assert_int_equal(figure_find(name, strlen(name) - 1), FIGURE_COUNT);
	}
	assert_string_equal(figure_name(FIGURE_TUN_READS), "tun_reads");
	assert_int_equal(figure_find("", 0), FIGURE_COUNT);
	assert_int_equal(figure_find("tun_readsx", 10), FIGURE_COUNT);
	assert_int_equal(figure_kind(FIGURE_TUN_READS), FIGURE_COUNTER);
	assert_int_equal(figure_kind(FIGURE_PEERS), FIGURE_GAUGE);
	assert_int_equal(figure_kind(FIGURE_TUN_UDP), FIGURE_FLAG);
}

static void sums_are_by_figure(void **state) {
	struct figure_set sum = {.of = {0}}, one = {.of = {0}};
	for (size_t i = 0; i < FIGURE_COUNT; i++)
		one.of[i] = i + 1;
	figure_add(&sum, &one);
	figure_add(&sum, &one);
	for (size_t i = 0; i < FIGURE_COUNT; i++)
		assert_int_equal(sum.of[i], 2 * (i + 1));
}

/* Every flag but the load is an offload, and drops are counters. */
static void groups_are_of_their_kind(void **state) {
	size_t offloads = 0, flags = 0;
	for (const struct figure_drop *drop = figure_drops; drop->name; drop++)
		assert_int_equal(figure_kind(drop->figure), FIGURE_COUNTER);
	for (const struct figure_batch *batch = figure_batches; batch->name; batch++) {
		assert_int_equal(figure_kind(batch->calls), FIGURE_COUNTER);
		assert_int_equal(figure_kind(batch->packets), FIGURE_COUNTER);
	}
	for (const struct figure_offload *offload = figure_offloads; offload->name; offload++) {
		assert_int_equal(figure_kind(offload->figure), FIGURE_FLAG);
		assert_string_equal(offload->name, figure_name(offload->figure));
		offloads++;
	}
	for (enum figure i = 0; i < FIGURE_COUNT; i++)
		flags += figure_kind(i) == FIGURE_FLAG;
	assert_int_equal(flags, offloads + 1);
}

static void counters_add(void **state) {
	_Atomic uint64_t counter = 3;
	counter_add(&counter, 4);
	counter_add(&counter, UINT64_C(1) << 40);
	assert_int_equal(counter_read(&counter), (UINT64_C(1) << 40) + 7);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_found),
		cmocka_unit_test(sums_are_by_figure),
		cmocka_unit_test(groups_are_of_their_kind),
		cmocka_unit_test(counters_add),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
