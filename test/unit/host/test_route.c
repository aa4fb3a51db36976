#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/route.h"
#include "host/route_message.h"
#include "host/route_rule.h"

/* What anybody may ask and nobody can change; the rest is in test/net/test_host_network.py. */

enum { NOWHERE = 0x7ffffff0, COUNT = 1234 };

static int open_it(void **state) {
	struct route *route = NULL;
	assert_int_equal(route_open(&route), ERR_OK);
	*state = route;
	return 0;
}

static int close_it(void **state) {
	route_close(*state);
	route_close(NULL);
	return 0;
}

static void test_link(void **state) {
	struct route_link link = {0}, by_index = {0};
	int number = -1;
	assert_int_equal(route_link_get(*state, "lo", 0, &link, &number), ERR_OK);
	assert_int_equal(number, 0);
	assert_string_equal(link.name, "lo");
	assert_true(link.index > 0 && link.mtu > 0);
	assert_int_equal(link.dropped, 0);
	assert_int_equal(route_link_get(*state, NULL, link.index, &by_index, &number), ERR_OK);
	assert_int_equal(number, 0);
	assert_string_equal(by_index.name, "lo");
	assert_int_equal(route_link_get(*state, "no-such-thing", 0, &link, &number), ERR_OK);
	assert_int_equal(number, ENODEV);
	assert_string_equal(link.name, "lo");
}

static void test_addresses(void **state) {
	struct route_link link = {0};
	int number = -1;
	assert_int_equal(route_link_get(*state, "lo", 0, &link, &number), ERR_OK);
	struct prefix *addresses = NULL;
	size_t count = 0;
	assert_int_equal(route_list_addresses(*state, ADDRESS_V4, link.index, &addresses, &count),
					 ERR_OK);
	bool found = !link.up;
	for (size_t i = 0; i < count; i++)
		found |= addresses[i].length == 8 && addresses[i].address.bytes[0] == 127;
	assert_true(found);
	free(addresses);
	assert_int_equal(route_list_addresses(*state, ADDRESS_V6, NOWHERE, &addresses, &count), ERR_OK);
	assert_int_equal(count, 0);
	free(addresses);
}

static void test_empty_lists(void **state) {
	struct route_entry *entries = NULL;
	struct route_rule *rules = NULL;
	size_t count = 1;
	static const enum address_family families[] = {ADDRESS_V4, ADDRESS_V6};
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(route_list_routes(*state, families[i], NOWHERE, 251, &entries, &count),
						 ERR_OK);
		assert_int_equal(count, 0);
		assert_non_null(entries);
		free(entries);
		assert_int_equal(route_list_rules(*state, families[i], 251, &rules, &count), ERR_OK);
		assert_int_equal(count, 0);
		free(rules);
	}
}

struct refusals {
	size_t count, at;
	bool in_order;
};

static void refused(void *context, size_t item, int number) {
	struct refusals *refusals = context;
	assert_true(number == EPERM || number == ENODEV);
	refusals->in_order &= item == refusals->at;
	refusals->at = item + 1;
	refusals->count++;
}

/* Many more than one send takes, all refused, and each is told of once. */
static void test_every_refusal_is_heard(void **state) {
	struct refusals refusals = {.in_order = true};
	struct prefix address;
	assert_int_equal(prefix_parse("192.0.2.1/24", &address), ERR_OK);
	route_begin(*state, refused, &refusals);
	for (size_t i = 0; i < COUNT; i++)
		route_put_address(*state, ROUTE_CREATE, NOWHERE, &address, i);
	assert_int_equal(route_end(*state), ERR_OK);
	assert_int_equal(refusals.count, COUNT);
	assert_true(refusals.in_order);
	route_begin(*state, refused, &refusals);
	assert_int_equal(route_end(*state), ERR_OK);
	/* And the conversation goes on. */
	test_link(state);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_link, open_it, close_it),
		cmocka_unit_test_setup_teardown(test_addresses, open_it, close_it),
		cmocka_unit_test_setup_teardown(test_empty_lists, open_it, close_it),
		cmocka_unit_test_setup_teardown(test_every_refusal_is_heard, open_it, close_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
