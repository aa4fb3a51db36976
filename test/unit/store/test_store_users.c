#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/store_bench.h"
#include "store/store_users.h"

static struct store_user user_of(const char *name) {
	struct store_user user = {.devices = STORE_DEVICES_DEFAULT, .created = 1000};
	(void)snprintf(user.name, sizeof user.name, "%s", name);
	return user;
}

static void put_group(struct store_user *user, const char *name) {
	(void)snprintf(user->groups[user->group_count], sizeof user->groups[0], "%s", name);
	user->group_count++;
}

static int64_t add(struct store *store, const struct store_user *user) {
	int64_t id = 0;
	assert_int_equal(store_users_add(store, user, &id), ERR_OK);
	return id;
}

static void expect_same(const struct store_user *one, const struct store_user *other) {
	assert_string_equal(one->name, other->name);
	assert_string_equal(one->password, other->password);
	assert_int_equal(one->group_count, other->group_count);
	for (size_t i = 0; i < one->group_count; i++)
		assert_string_equal(one->groups[i], other->groups[i]);
	assert_int_equal(one->disabled, other->disabled);
	assert_int_equal(one->expires, other->expires);
	assert_int_equal(one->quota, other->quota);
	assert_int_equal(one->used, other->used);
	assert_int_equal(one->rate, other->rate);
	assert_int_equal(one->devices, other->devices);
	assert_int_equal(one->created, other->created);
}

static struct store_user full_user(void) {
	struct store_user user = user_of("alice");
	memset(user.password, 'p', STORE_PASSWORD_MAX);
	put_group(&user, "admins");
	put_group(&user, "staff");
	user.disabled = true;
	user.expires = INT64_MAX;
	user.quota = 10000000000;
	user.used = 7;
	user.rate = 5000000;
	user.devices = STORE_DEVICES_MAX;
	return user;
}

static void keeps_every_value(void **state) {
	struct store_bench *bench = *state;
	struct store_user plain = user_of("bob"), full = full_user(), read;
	int64_t id = add(bench->store, &full);
	add(bench->store, &plain);
	store_bench_reopen(bench);
	assert_int_equal(store_users_find(bench->store, "alice", &read), ERR_OK);
	assert_int_equal(read.id, id);
	assert_int_equal(read.seen, 0);
	expect_same(&read, &full);
	assert_int_equal(store_users_find(bench->store, "bob", &read), ERR_OK);
	expect_same(&read, &plain);
	assert_int_equal(store_users_get(bench->store, id, &read), ERR_OK);
	expect_same(&read, &full);
	assert_int_equal(store_users_find(bench->store, "Alice", &read), ERR_NOT_FOUND);
	assert_int_equal(store_users_get(bench->store, id + 100, &read), ERR_NOT_FOUND);
	expect_same(&read, &full);
}

static void refuses_what_is_none(void **state) {
	struct store_bench *bench = *state;
	struct store_user user = full_user(), twice = user_of("alice"), bad;
	uint64_t count = 9;
	add(bench->store, &user);
	assert_int_equal(store_users_add(bench->store, &twice, NULL), ERR_EXISTS);
	const struct store_user good = user_of("x");
	bad = user_of("");
	assert_int_equal(store_users_add(bench->store, &bad, NULL), ERR_INVALID);
	bad = user_of("two\nlines");
	assert_int_equal(store_users_add(bench->store, &bad, NULL), ERR_INVALID);
	bad = good;
	put_group(&bad, "");
	assert_int_equal(store_users_add(bench->store, &bad, NULL), ERR_INVALID);
	bad = good;
	bad.group_count = STORE_USER_GROUPS_MAX + 1;
	assert_int_equal(store_users_add(bench->store, &bad, NULL), ERR_INVALID);
	bad = good;
	bad.devices = 0;
	assert_int_equal(store_users_add(bench->store, &bad, NULL), ERR_INVALID);
	bad.devices = STORE_DEVICES_MAX + 1;
	assert_int_equal(store_users_add(bench->store, &bad, NULL), ERR_INVALID);
	bad = good;
	bad.quota = (uint64_t)INT64_MAX + 1;
	assert_int_equal(store_users_add(bench->store, &bad, NULL), ERR_LIMIT);
	assert_int_equal(store_users_count(bench->store, &count), ERR_OK);
	assert_int_equal(count, 1);
}

static void changes(void **state) {
	struct store_bench *bench = *state;
	struct store_user user = full_user(), bob = user_of("bob"), read;
	user.id = add(bench->store, &user);
	put_group(&bob, "staff");
	bob.id = add(bench->store, &bob);
	struct store_user changed = user;
	changed.group_count = 0;
	put_group(&changed, "staff");
	put_group(&changed, "guests");
	put_group(&changed, "staff");
	changed.disabled = false;
	changed.expires = changed.quota = changed.rate = 0;
	changed.devices = 1;
	(void)snprintf(changed.password, sizeof changed.password, "other");
	/* These are not a setting. */
	changed.used = changed.created = changed.seen = 99;
	(void)snprintf(changed.name, sizeof changed.name, "eve");
	assert_int_equal(store_users_change(bench->store, &changed), ERR_OK);
	store_bench_reopen(bench);
	assert_int_equal(store_users_find(bench->store, "alice", &read), ERR_OK);
	assert_int_equal(read.group_count, 2);
	assert_string_equal(read.groups[0], "guests");
	assert_string_equal(read.groups[1], "staff");
	assert_string_equal(read.password, "other");
	assert_false(read.disabled);
	assert_int_equal(read.devices, 1);
	assert_int_equal(read.expires, 0);
	assert_int_equal(read.quota, 0);
	assert_int_equal(read.rate, 0);
	assert_int_equal(read.used, 7);
	assert_int_equal(read.created, 1000);
	assert_int_equal(read.seen, 0);
	assert_int_equal(store_users_get(bench->store, bob.id, &read), ERR_OK);
	expect_same(&read, &bob);
	/* Nothing of a change that is refused takes place. */
	changed.devices = 0;
	assert_int_equal(store_users_change(bench->store, &changed), ERR_INVALID);
	changed.devices = 2;
	changed.id = 4711;
	assert_int_equal(store_users_change(bench->store, &changed), ERR_NOT_FOUND);
	assert_int_equal(store_users_get(bench->store, user.id, &read), ERR_OK);
	assert_int_equal(read.devices, 1);
	assert_int_equal(read.group_count, 2);
}

/* Who comes later is not taken for who was removed. */
static void ids_are_not_given_again(void **state) {
	struct store_bench *bench = *state;
	const struct store_user user = user_of("alice");
	int64_t first = add(bench->store, &user);
	assert_int_equal(store_users_remove(bench->store, first), ERR_OK);
	assert_int_equal(store_users_remove(bench->store, first), ERR_NOT_FOUND);
	store_bench_reopen(bench);
	assert_true(add(bench->store, &user) > first);
}

static void counts_what_is_used(void **state) {
	struct store_bench *bench = *state;
	const struct store_user user = user_of("alice");
	struct store_user read;
	int64_t id = add(bench->store, &user);
	assert_int_equal(store_users_use(bench->store, id, 1000, 50), ERR_OK);
	assert_int_equal(store_users_use(bench->store, id, 234, 40), ERR_OK);
	assert_int_equal(store_users_use(bench->store, id + 1, 234, 40), ERR_OK);
	assert_int_equal(store_users_get(bench->store, id, &read), ERR_OK);
	assert_int_equal(read.used, 1234);
	assert_int_equal(read.seen, 50);
	assert_int_equal(store_users_use(bench->store, id, UINT64_MAX, 60), ERR_OK);
	assert_int_equal(store_users_get(bench->store, id, &read), ERR_OK);
	assert_true(read.used == INT64_MAX);
	assert_int_equal(read.seen, 60);
	assert_int_equal(store_users_reset(bench->store, id), ERR_OK);
	assert_int_equal(store_users_reset(bench->store, id + 1), ERR_NOT_FOUND);
	assert_int_equal(store_users_get(bench->store, id, &read), ERR_OK);
	assert_int_equal(read.used, 0);
}

struct names {
	char text[64];
	size_t most;
};

static enum err take(void *context, const struct store_user *user) {
	struct names *names = context;
	if (names->most-- == 0)
		return ERR_CLOSED;
	strcat(strcat(names->text, user->name), " ");
	return ERR_OK;
}

static void lists_by_name(void **state) {
	struct store_bench *bench = *state;
	const char *const all[] = {"carol", "alice", "bob"};
	for (size_t i = 0; i < 3; i++) {
		const struct store_user user = user_of(all[i]);
		add(bench->store, &user);
	}
	struct names names = {.most = 9}, two = {.most = 2};
	assert_int_equal(store_users_each(bench->store, take, &names), ERR_OK);
	assert_string_equal(names.text, "alice bob carol ");
	assert_int_equal(store_users_each(bench->store, take, &two), ERR_CLOSED);
	assert_string_equal(two.text, "alice bob ");
}

/* Adds user after user and says each number once it is kept. */
static void add_for_ever(const char *path, int descriptor) {
	char problem[STORE_PROBLEM_SIZE];
	struct store *store;
	if (store_open(path, &store, problem))
		_exit(1);
	for (uint32_t number = 0;; number++) {
		char name[16];
		(void)snprintf(name, sizeof name, "user%u", number);
		struct store_user user = user_of(name);
		put_group(&user, "all");
		if (store_users_add(store, &user, NULL) ||
			write(descriptor, &number, sizeof number) != sizeof number)
			_exit(1);
	}
}

static void a_killed_process_loses_nothing(void **state) {
	struct store_bench *bench = *state;
	int ends[2];
	uint32_t number = 0, kept = 0;
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		add_for_ever(bench->path, ends[1]);
	(void)close(ends[1]);
	while (kept < 100 && read(ends[0], &number, sizeof number) == sizeof number)
		kept = number + 1;
	assert_int_equal(kill(child, SIGKILL), 0);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	while (read(ends[0], &number, sizeof number) == sizeof number)
		kept = number + 1;
	(void)close(ends[0]);
	assert_true(kept >= 100);
	store_bench_reopen(bench);
	uint64_t count;
	assert_int_equal(store_users_count(bench->store, &count), ERR_OK);
	/* One may have been kept without being said. */
	assert_true(count == kept || count == kept + 1);
	for (uint32_t i = 0; i < count; i++) {
		char name[16];
		struct store_user user;
		(void)snprintf(name, sizeof name, "user%u", i);
		assert_int_equal(store_users_find(bench->store, name, &user), ERR_OK);
		assert_int_equal(user.group_count, 1);
	}
}

static void files_of_before_get_the_tables(void **state) {
	struct store_bench *bench = *state;
	const struct store_user user = full_user();
	sqlite3 *database;
	store_close(bench->store);
	assert_int_equal(sqlite3_open(bench->path, &database), SQLITE_OK);
	assert_int_equal(sqlite3_exec(database,
								  "DROP TABLE ticket; DROP TABLE lease; DROP TABLE user_group;"
								  "DROP TABLE user; PRAGMA user_version = 3",
								  NULL, NULL, NULL),
					 SQLITE_OK);
	(void)sqlite3_close(database);
	store_bench_open(bench);
	add(bench->store, &user);
}

/* One of before users could be locked keeps them. */
static void files_of_before_keep_users(void **state) {
	struct store_bench *bench = *state;
	const struct store_user user = full_user();
	struct store_user read;
	sqlite3 *database;
	const int64_t id = add(bench->store, &user);
	store_close(bench->store);
	assert_int_equal(sqlite3_open(bench->path, &database), SQLITE_OK);
	assert_int_equal(sqlite3_exec(database,
								  "ALTER TABLE user DROP COLUMN epoch;"
								  "ALTER TABLE lease DROP COLUMN epoch; PRAGMA user_version = 4",
								  NULL, NULL, NULL),
					 SQLITE_OK);
	(void)sqlite3_close(database);
	store_bench_open(bench);
	assert_int_equal(store_users_lock(bench->store, id), ERR_OK);
	assert_int_equal(store_users_get(bench->store, id, &read), ERR_OK);
	expect_same(&read, &user);
	assert_int_equal(read.epoch, 1);
}

/* A file that another program wrote into does not run over anything. */
static void values_that_nobody_wrote(void **state) {
	struct store_bench *bench = *state;
	struct store_user user = user_of("alice"), read = user_of("untouched");
	add(bench->store, &user);
	sqlite3 *database;
	assert_int_equal(sqlite3_open(bench->path, &database), SQLITE_OK);
	static const char too_many_groups[] =
		"DELETE FROM user_group; WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
		" WHERE i < 17) INSERT INTO user_group SELECT 1, i FROM n";
	static const char *const faults[] = {
		"UPDATE user SET password = hex(zeroblob(96))",
		"UPDATE user SET password = ''; INSERT INTO user_group VALUES (1, hex(zeroblob(32)))",
		too_many_groups,
	};
	for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
		assert_int_equal(sqlite3_exec(database, faults[i], NULL, NULL, NULL), SQLITE_OK);
		assert_int_equal(store_users_find(bench->store, "alice", &read), ERR_MALFORMED);
		assert_string_equal(read.name, "untouched");
	}
	(void)sqlite3_close(database);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_bench_set_up, store_bench_tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(keeps_every_value),
		TEST(refuses_what_is_none),
		TEST(changes),
		TEST(ids_are_not_given_again),
		TEST(counts_what_is_used),
		TEST(lists_by_name),
		TEST(a_killed_process_loses_nothing),
		TEST(files_of_before_get_the_tables),
		TEST(files_of_before_keep_users),
		TEST(values_that_nobody_wrote),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
