#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "store/store_bench.h"
#include "store/store_leases.h"
#include "store/store_users.h"

static int64_t user(struct store *store, const char *name) {
	struct store_user user = {.devices = 1};
	int64_t id;
	(void)snprintf(user.name, sizeof user.name, "%s", name);
	assert_int_equal(store_users_add(store, &user, &id), ERR_OK);
	return id;
}

static struct store_lease lease_of(int64_t owner, uint32_t number, const char *v4, const char *v6) {
	struct store_lease lease = {.user = owner, .number = number, .used = 1000 + number};
	memset(lease.member, (int)(owner * 16 + number), sizeof lease.member);
	if (v4)
		assert_int_equal(address_parse(v4, &lease.v4), ERR_OK);
	if (v6)
		assert_int_equal(address_parse(v6, &lease.v6), ERR_OK);
	return lease;
}

static void expect_same(const struct store_lease *one, const struct store_lease *other) {
	assert_int_equal(one->user, other->user);
	assert_int_equal(one->number, other->number);
	assert_memory_equal(one->member, other->member, sizeof one->member);
	assert_true(address_equal(&one->v4, &other->v4));
	assert_true(address_equal(&one->v6, &other->v6));
	assert_int_equal(one->used, other->used);
}

struct taken {
	char text[128]; /* tunnel and number of each */
	size_t most;
};

static enum err take_of(void *context, const char *tunnel, const struct store_lease *lease) {
	struct taken *taken = context;
	size_t size = strlen(taken->text);
	if (taken->most-- == 0)
		return ERR_CLOSED;
	(void)snprintf(taken->text + size, sizeof taken->text - size, "%s:%u ", tunnel, lease->number);
	return ERR_OK;
}

static enum err take(void *context, const struct store_lease *lease) {
	return take_of(context, "", lease);
}

static void keeps_every_value(void **state) {
	struct store_bench *bench = *state;
	int64_t alice = user(bench->store, "alice");
	const struct store_lease both = lease_of(alice, 1, "10.7.0.2", "fd00::2"),
							 four = lease_of(alice, 2, "10.7.0.3", NULL),
							 six = lease_of(alice, UINT32_MAX, NULL, "fd00::3"),
							 *all[] = {&both, &four, &six};
	struct store_lease read;
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(store_leases_add(bench->store, "um0", all[i]), ERR_OK);
	store_bench_reopen(bench);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(store_leases_find(bench->store, "um0", all[i]->member, &read), ERR_OK);
		expect_same(&read, all[i]);
	}
	assert_int_equal(store_leases_find(bench->store, "um1", both.member, &read), ERR_NOT_FOUND);
	expect_same(&read, &six);
}

/* Nobody has another's address, whatever the judge thinks. */
static void an_address_is_given_once(void **state) {
	struct store_bench *bench = *state;
	int64_t alice = user(bench->store, "alice"), bob = user(bench->store, "bob");
	const struct store_lease first = lease_of(alice, 1, "10.7.0.2", "fd00::2");
	assert_int_equal(store_leases_add(bench->store, "um0", &first), ERR_OK);
	const struct store_lease refused[] = {
		lease_of(bob, 1, "10.7.0.2", "fd00::3"),
		lease_of(bob, 1, "10.7.0.3", "fd00::2"),
		lease_of(alice, 1, "10.7.0.3", NULL),
	};
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
		assert_int_equal(store_leases_add(bench->store, "um0", &refused[i]), ERR_EXISTS);
	assert_int_equal(store_leases_add(bench->store, "um1", &refused[0]), ERR_OK);
	struct store_lease second = lease_of(bob, 1, "10.7.0.3", NULL);
	assert_int_equal(store_leases_add(bench->store, "um0", &second), ERR_OK);
	second.v4 = first.v4;
	assert_int_equal(store_leases_change(bench->store, "um0", &second), ERR_EXISTS);
	const struct store_lease bad[] = {
		lease_of(bob, 0, NULL, NULL),
		lease_of(bob, 2, "fd00::9", NULL),
		lease_of(bob, 2, NULL, "10.7.0.9"),
		lease_of(4711, 2, NULL, NULL),
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(store_leases_add(bench->store, "um0", &bad[i]), ERR_INVALID);
}

static void changes_and_removes(void **state) {
	struct store_bench *bench = *state;
	int64_t alice = user(bench->store, "alice");
	struct store_lease lease = lease_of(alice, 1, "10.7.0.2", NULL), read;
	assert_int_equal(store_leases_change(bench->store, "um0", &lease), ERR_NOT_FOUND);
	assert_int_equal(store_leases_add(bench->store, "um0", &lease), ERR_OK);
	lease.v4 = (struct address){0};
	assert_int_equal(address_parse("fd00::9", &lease.v6), ERR_OK);
	lease.used = 9999;
	assert_int_equal(store_leases_change(bench->store, "um0", &lease), ERR_OK);
	assert_int_equal(store_leases_find(bench->store, "um0", lease.member, &read), ERR_OK);
	expect_same(&read, &lease);
	assert_int_equal(store_leases_remove(bench->store, "um1", lease.member), ERR_NOT_FOUND);
	assert_int_equal(store_leases_remove(bench->store, "um0", lease.member), ERR_OK);
	assert_int_equal(store_leases_find(bench->store, "um0", lease.member, &read), ERR_NOT_FOUND);
}

static void lists_in_order(void **state) {
	struct store_bench *bench = *state;
	int64_t alice = user(bench->store, "alice"), bob = user(bench->store, "bob");
	const struct store_lease leases[] = {
		lease_of(bob, 4, NULL, NULL),
		lease_of(alice, 2, NULL, NULL),
		lease_of(alice, 1, NULL, NULL),
		lease_of(alice, 3, NULL, NULL),
	};
	for (size_t i = 0; i < sizeof leases / sizeof leases[0]; i++)
		assert_int_equal(store_leases_add(bench->store, i == 3 ? "um1" : "um0", &leases[i]),
						 ERR_OK);
	struct taken all = {.most = 9}, latest = {.most = 9}, every = {.most = 9}, one = {.most = 1};
	assert_int_equal(store_leases_each(bench->store, "um0", take, &all), ERR_OK);
	assert_string_equal(all.text, ":1 :2 :4 ");
	assert_int_equal(store_leases_of(bench->store, "um0", alice, take_of, &latest), ERR_OK);
	assert_string_equal(latest.text, "um0:2 um0:1 ");
	assert_int_equal(store_leases_of(bench->store, NULL, alice, take_of, &every), ERR_OK);
	assert_string_equal(every.text, "um0:1 um0:2 um1:3 ");
	assert_int_equal(store_leases_of(bench->store, NULL, alice, take_of, &one), ERR_CLOSED);
}

static void go_with_their_user(void **state) {
	struct store_bench *bench = *state;
	int64_t alice = user(bench->store, "alice"), bob = user(bench->store, "bob");
	const struct store_lease hers = lease_of(alice, 1, "10.7.0.2", NULL),
							 his = lease_of(bob, 2, "10.7.0.3", NULL),
							 next = lease_of(bob, 3, "10.7.0.2", NULL);
	assert_int_equal(store_leases_add(bench->store, "um0", &hers), ERR_OK);
	assert_int_equal(store_leases_add(bench->store, "um0", &his), ERR_OK);
	assert_int_equal(store_users_remove(bench->store, alice), ERR_OK);
	struct taken left = {.most = 9};
	assert_int_equal(store_leases_each(bench->store, "um0", take, &left), ERR_OK);
	assert_string_equal(left.text, ":2 ");
	assert_int_equal(store_leases_add(bench->store, "um0", &next), ERR_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_bench_set_up, store_bench_tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(keeps_every_value), TEST(an_address_is_given_once), TEST(changes_and_removes),
		TEST(lists_in_order),    TEST(go_with_their_user),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
