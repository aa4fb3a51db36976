#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/wipe.h"
#include "store/store.h"

enum { PATH_SIZE = 128 };

struct bench {
	char folder[PATH_SIZE], path[PATH_SIZE];
	char problem[STORE_PROBLEM_SIZE];
};

static int set_up(void **state) {
	struct bench *bench = calloc(1, sizeof *bench);
	assert_non_null(bench);
	(void)snprintf(bench->folder, sizeof bench->folder, "/tmp/umbra-store-XXXXXX");
	assert_non_null(mkdtemp(bench->folder));
	(void)snprintf(bench->path, sizeof bench->path, "%.100s/state/umbra.db", bench->folder);
	*state = bench;
	return 0;
}

static void remove_file(const char *folder, const char *name) {
	char path[PATH_SIZE + 32];
	(void)snprintf(path, sizeof path, "%s/%s", folder, name);
	(void)remove(path);
}

static int tear_down(void **state) {
	struct bench *bench = *state;
	const char *const names[] = {
		"state/umbra.db", "state/umbra.db-wal", "state/umbra.db-shm", "state/aside", "state", ""};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		remove_file(bench->folder, names[i]);
	free(bench);
	return 0;
}

static struct store *open_store(struct bench *bench) {
	struct store *store = NULL;
	enum err error = store_open(bench->path, &store, bench->problem);
	if (error)
		print_message("%s\n", bench->problem);
	assert_int_equal(error, ERR_OK);
	return store;
}

static struct prefix prefix_of(const char *text) {
	struct prefix prefix;
	assert_int_equal(prefix_parse(text, &prefix), ERR_OK);
	return prefix;
}

static struct store_peer peer_of(const char *tunnel, const char *name, uint8_t seed) {
	struct store_peer peer = {.tunnel = tunnel, .name = name, .created = 1000U + seed};
	memset(peer.public_key, seed, sizeof peer.public_key);
	return peer;
}

/* What store_each_peer() gave. */
struct taken {
	size_t count;
	struct store_peer last;
	char names[256];
	struct prefix prefixes[8];
	char host[64], rules[64];
	enum err answer;
};

static enum err take(void *context, const struct store_peer *peer) {
	struct taken *taken = context;
	taken->count++;
	taken->last = *peer;
	size_t used = strlen(taken->names);
	(void)snprintf(taken->names + used, sizeof taken->names - used, "%s ", peer->name);
	for (size_t i = 0; i < peer->allowed_ip_count && i < 8; i++)
		taken->prefixes[i] = peer->allowed_ips[i];
	(void)snprintf(taken->host, sizeof taken->host, "%s",
				   peer->endpoint_name ? peer->endpoint_name : "");
	(void)snprintf(taken->rules, sizeof taken->rules, "%s", peer->rules ? peer->rules : "none");
	return taken->answer;
}

static struct taken all_of(struct store *store, const char *tunnel) {
	struct taken taken = {.count = 0};
	assert_int_equal(store_each_peer(store, tunnel, take, &taken), ERR_OK);
	return taken;
}

static void test_survives_a_reopen_with_every_value(void **state) {
	struct bench *bench = *state;
	struct store *store = open_store(bench);
	const struct prefix prefixes[] = {prefix_of("fd66::2/128"), prefix_of("10.66.0.2/32"),
									  prefix_of("0.0.0.0/0")};
	struct store_peer peer = peer_of("um0", "phone", 7);
	peer.has_preshared_key = true;
	memset(peer.preshared_key, 0xa5, sizeof peer.preshared_key);
	peer.allowed_ips = prefixes;
	peer.allowed_ip_count = 3;
	peer.endpoint_name = "vpn.example.org";
	peer.endpoint_port = 51820;
	peer.persistent_keepalive = 25;
	peer.rules = "allow 10.9.0.0/16 tcp 22\ndeny any";
	assert_int_equal(store_add_peer(store, &peer), ERR_OK);
	store_close(store);

	store = open_store(bench);
	struct taken taken = all_of(store, "um0");
	assert_int_equal(taken.count, 1);
	assert_string_equal(taken.names, "phone ");
	assert_memory_equal(taken.last.public_key, peer.public_key, TEXT_KEY_SIZE);
	assert_true(taken.last.has_preshared_key);
	assert_memory_equal(taken.last.preshared_key, peer.preshared_key, TEXT_KEY_SIZE);
	assert_string_equal(taken.host, "vpn.example.org");
	assert_string_equal(taken.rules, "allow 10.9.0.0/16 tcp 22\ndeny any");
	assert_int_equal(taken.last.endpoint_port, 51820);
	assert_int_equal(taken.last.persistent_keepalive, 25);
	assert_int_equal(taken.last.created, 1007);
	assert_int_equal(taken.last.allowed_ip_count, 3);
	for (size_t i = 0; i < 3; i++)
		assert_true(prefix_equal(&taken.prefixes[i], &prefixes[i]));
	assert_int_equal(all_of(store, "um1").count, 0);
	store_close(store);
}

static void test_absent_values_stay_absent(void **state) {
	struct store *store = open_store(*state);
	struct store_peer peer = peer_of("um0", "bare", 1);
	assert_int_equal(store_add_peer(store, &peer), ERR_OK);
	struct taken taken = all_of(store, "um0");
	assert_int_equal(taken.last.allowed_ip_count, 0);
	assert_false(taken.last.has_preshared_key);
	assert_true(wipe_is_zero(taken.last.preshared_key, TEXT_KEY_SIZE));
	assert_null(taken.last.endpoint_name);
	assert_null(taken.last.rules);
	store_close(store);
}

static void test_file_and_folder_are_private(void **state) {
	struct bench *bench = *state;
	mode_t before = umask(0);
	struct store *store = open_store(bench);
	struct store_peer peer = peer_of("um0", "phone", 1);
	assert_int_equal(store_add_peer(store, &peer), ERR_OK);
	(void)umask(before);
	const char *const names[] = {"state/umbra.db", "state/umbra.db-wal", "state/umbra.db-shm"};
	struct stat status;
	for (size_t i = 0; i < 3; i++) {
		char path[PATH_SIZE + 32];
		(void)snprintf(path, sizeof path, "%s/%s", bench->folder, names[i]);
		assert_int_equal(stat(path, &status), 0);
		assert_int_equal(status.st_mode & 0777, 0600);
	}
	char folder[PATH_SIZE + 32];
	(void)snprintf(folder, sizeof folder, "%s/state", bench->folder);
	assert_int_equal(stat(folder, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0700);
	store_close(store);
	/* Somebody opened it up: it is closed again. */
	assert_int_equal(chmod(bench->path, 0644), 0);
	store_close(open_store(bench));
	assert_int_equal(stat(bench->path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
}

static void test_refuses_names_and_keys_twice(void **state) {
	struct store *store = open_store(*state);
	const struct prefix prefix = prefix_of("10.66.0.2/32");
	struct store_peer peer = peer_of("um0", "phone", 1);
	peer.allowed_ips = &prefix;
	peer.allowed_ip_count = 1;
	assert_int_equal(store_add_peer(store, &peer), ERR_OK);
	struct store_peer same_name = peer_of("um0", "phone", 2);
	assert_int_equal(store_add_peer(store, &same_name), ERR_EXISTS);
	struct store_peer same_key = peer_of("um0", "tablet", 1);
	assert_int_equal(store_add_peer(store, &same_key), ERR_EXISTS);
	struct store_peer elsewhere = peer_of("um1", "phone", 1);
	assert_int_equal(store_add_peer(store, &elsewhere), ERR_OK);
	assert_string_equal(all_of(store, "um0").names, "phone ");
	/* Nothing of the refused ones is in the way. */
	struct store_peer tablet = peer_of("um0", "tablet", 2);
	assert_int_equal(store_add_peer(store, &tablet), ERR_OK);
	assert_string_equal(all_of(store, "um0").names, "phone tablet ");
	store_close(store);
}

static void test_limits(void **state) {
	struct store *store = open_store(*state);
	static struct prefix many[STORE_ALLOWED_IPS_MAX + 1];
	for (size_t i = 0; i <= STORE_ALLOWED_IPS_MAX; i++) {
		many[i] = prefix_of("10.0.0.0/32");
		many[i].address.bytes[2] = (uint8_t)(i >> 8);
		many[i].address.bytes[3] = (uint8_t)i;
	}
	struct store_peer peer = peer_of("um0", "wide", 1);
	peer.allowed_ips = many;
	peer.allowed_ip_count = STORE_ALLOWED_IPS_MAX + 1;
	assert_int_equal(store_add_peer(store, &peer), ERR_LIMIT);
	peer.allowed_ip_count = STORE_ALLOWED_IPS_MAX;
	assert_int_equal(store_add_peer(store, &peer), ERR_OK);
	assert_int_equal(all_of(store, "um0").last.allowed_ip_count, STORE_ALLOWED_IPS_MAX);
	char name[STORE_TEXT_MAX + 2];
	memset(name, 'x', sizeof name);
	name[sizeof name - 1] = '\0';
	struct store_peer named = peer_of("um0", name, 2);
	assert_int_equal(store_add_peer(store, &named), ERR_LIMIT);
	store_close(store);
}

static void test_removes(void **state) {
	struct store *store = open_store(*state);
	const struct prefix prefix = prefix_of("10.66.0.2/32");
	struct store_peer peer = peer_of("um0", "phone", 1);
	peer.allowed_ips = &prefix;
	peer.allowed_ip_count = 1;
	assert_int_equal(store_remove_peer(store, "um0", peer.public_key), ERR_NOT_FOUND);
	assert_int_equal(store_add_peer(store, &peer), ERR_OK);
	assert_int_equal(store_remove_peer(store, "um1", peer.public_key), ERR_NOT_FOUND);
	assert_int_equal(store_remove_peer(store, "um0", peer.public_key), ERR_OK);
	assert_int_equal(all_of(store, "um0").count, 0);
	/* Its allowed IPs went with it: a new row of the same number has none. */
	struct store_peer bare = peer_of("um0", "bare", 2);
	assert_int_equal(store_add_peer(store, &bare), ERR_OK);
	assert_int_equal(all_of(store, "um0").last.allowed_ip_count, 0);
	store_close(store);
}

static void test_an_error_of_the_reader_ends_the_reading(void **state) {
	struct store *store = open_store(*state);
	for (uint8_t i = 1; i <= 3; i++) {
		char name[8];
		(void)snprintf(name, sizeof name, "p%u", i);
		struct store_peer peer = peer_of("um0", name, i);
		assert_int_equal(store_add_peer(store, &peer), ERR_OK);
	}
	struct taken taken = {.answer = ERR_LIMIT};
	assert_int_equal(store_each_peer(store, "um0", take, &taken), ERR_LIMIT);
	assert_int_equal(taken.count, 1);
	/* And the store is as usable as before. */
	assert_string_equal(all_of(store, "um0").names, "p1 p2 p3 ");
	store_close(store);
}

static void test_remembers_who_is_down(void **state) {
	struct bench *bench = *state;
	struct store *store = open_store(bench);
	bool down = true;
	assert_int_equal(store_get_down(store, "um0", &down), ERR_OK);
	assert_false(down);
	assert_int_equal(store_set_down(store, "um0", true), ERR_OK);
	assert_int_equal(store_set_down(store, "um0", true), ERR_OK);
	store_close(store);
	store = open_store(bench);
	assert_int_equal(store_get_down(store, "um0", &down), ERR_OK);
	assert_true(down);
	assert_int_equal(store_get_down(store, "um1", &down), ERR_OK);
	assert_false(down);
	assert_int_equal(store_set_down(store, "um0", false), ERR_OK);
	assert_int_equal(store_set_down(store, "um0", false), ERR_OK);
	assert_int_equal(store_get_down(store, "um0", &down), ERR_OK);
	assert_false(down);
	store_close(store);
}

static void test_a_bulk_lands_whole_or_not_at_all(void **state) {
	struct store *store = open_store(*state);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(store_begin(store), ERR_OK);
		for (unsigned i = 0; i < 2000; i++) {
			char name[8];
			(void)snprintf(name, sizeof name, "p%u", i);
			struct store_peer peer = peer_of("um0", name, 0);
			memcpy(peer.public_key, &i, sizeof i);
			assert_int_equal(store_add_peer(store, &peer), ERR_OK);
		}
		/* One refused in the middle takes nothing else with it. */
		struct store_peer again = peer_of("um0", "p7", 200);
		assert_int_equal(store_add_peer(store, &again), ERR_EXISTS);
		if (round == 0)
			store_rollback(store);
		else
			assert_int_equal(store_commit(store), ERR_OK);
		assert_int_equal(all_of(store, "um0").count, round == 0 ? 0 : 2000);
	}
	store_close(store);
}

static void test_two_handles(void **state) {
	struct bench *bench = *state;
	struct store *one = open_store(bench), *two = open_store(bench);
	struct store_peer peer = peer_of("um0", "phone", 1);
	assert_int_equal(store_add_peer(one, &peer), ERR_OK);
	assert_int_equal(all_of(two, "um0").count, 1);
	assert_int_equal(store_add_peer(two, &peer), ERR_EXISTS);
	/* A writer that does not end: the other waits a while and says so; readers go on. */
	assert_int_equal(store_begin(one), ERR_OK);
	struct store_peer tablet = peer_of("um0", "tablet", 2), laptop = peer_of("um0", "laptop", 3);
	assert_int_equal(store_add_peer(one, &tablet), ERR_OK);
	assert_int_equal(store_add_peer(two, &laptop), ERR_AGAIN);
	assert_int_equal(all_of(two, "um0").count, 1);
	assert_int_equal(store_commit(one), ERR_OK);
	assert_int_equal(store_add_peer(two, &laptop), ERR_OK);
	assert_string_equal(all_of(one, "um0").names, "phone tablet laptop ");
	store_close(one);
	store_close(two);
}

/* A process that ends at once, with a transaction open or just committed. */
static void die_while_writing(struct bench *bench, bool commit) {
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct store *store;
		struct store_peer peer = peer_of("um0", commit ? "kept" : "lost", commit ? 10 : 11);
		if (store_open(bench->path, &store, bench->problem) || store_begin(store) ||
			store_add_peer(store, &peer) || (commit && store_commit(store)))
			_exit(1);
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void test_a_process_that_dies_in_the_middle(void **state) {
	struct bench *bench = *state;
	die_while_writing(bench, false);
	struct store *store = open_store(bench);
	assert_int_equal(all_of(store, "um0").count, 0);
	store_close(store);
	die_while_writing(bench, true);
	die_while_writing(bench, false);
	store = open_store(bench);
	assert_string_equal(all_of(store, "um0").names, "kept ");
	store_close(store);
}

static void write_over(const char *path, off_t offset, const void *data, size_t size) {
	int descriptor = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(descriptor >= 0);
	assert_int_equal(pwrite(descriptor, data, size, offset), size);
	(void)close(descriptor);
}

static void expect_refusal(struct bench *bench, enum err expected, const char *words) {
	struct store *store = NULL;
	assert_int_equal(store_open(bench->path, &store, bench->problem), expected);
	assert_null(store);
	assert_non_null(strstr(bench->problem, bench->path));
	assert_non_null(strstr(bench->problem, words));
}

static void test_damaged_files(void **state) {
	struct bench *bench = *state;
	struct store *store = open_store(bench);
	struct store_peer peer = peer_of("um0", "phone", 1);
	assert_int_equal(store_add_peer(store, &peer), ERR_OK);
	store_close(store);
	/* A page of a table is overwritten. */
	char junk[4096];
	memset(junk, 0x5a, sizeof junk);
	write_over(bench->path, 4096, junk, sizeof junk);
	expect_refusal(bench, ERR_MALFORMED, "damaged");
	/* No database at all. */
	write_over(bench->path, 0, junk, sizeof junk);
	expect_refusal(bench, ERR_MALFORMED, "damaged");
	/* A folder in its place. */
	assert_int_equal(unlink(bench->path), 0);
	assert_int_equal(mkdir(bench->path, 0700), 0);
	expect_refusal(bench, ERR_WRONG_KIND, "not a store");
	assert_int_equal(rmdir(bench->path), 0);
	store_close(open_store(bench));
}

static void run_sql(struct bench *bench, const char *sql) {
	sqlite3 *database;
	assert_int_equal(sqlite3_open(bench->path, &database), SQLITE_OK);
	assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
	(void)sqlite3_close(database);
}

/* A file of the version before, which knew no rules, keeps its peers. */
static void test_files_of_before(void **state) {
	struct bench *bench = *state;
	struct store *store = open_store(bench);
	const struct prefix prefix = prefix_of("10.66.0.2/32");
	struct store_peer peer = peer_of("web", "old", 1), more = peer_of("web", "new", 2);
	peer.allowed_ips = &prefix;
	peer.allowed_ip_count = 1;
	assert_int_equal(store_add_peer(store, &peer), ERR_OK);
	store_close(store);
	run_sql(bench, "DROP TABLE ticket; DROP TABLE lease; DROP TABLE user_group; DROP TABLE user;"
				   "ALTER TABLE peer DROP COLUMN rules; PRAGMA user_version = 2");
	store = open_store(bench);
	struct taken taken = all_of(store, "web");
	assert_string_equal(taken.names, "old ");
	assert_string_equal(taken.rules, "none");
	assert_true(prefix_equal(&taken.prefixes[0], &prefix));
	more.rules = "deny any";
	assert_int_equal(store_add_peer(store, &more), ERR_OK);
	assert_string_equal(all_of(store, "web").rules, "deny any");
	store_close(store);
}

static void test_files_of_others(void **state) {
	struct bench *bench = *state;
	store_close(open_store(bench));
	run_sql(bench, "PRAGMA user_version = 1000");
	expect_refusal(bench, ERR_UNSUPPORTED, "newer");
	assert_int_equal(unlink(bench->path), 0);
	run_sql(bench, "CREATE TABLE recipes (name TEXT); PRAGMA user_version = 1");
	expect_refusal(bench, ERR_WRONG_KIND, "not a store");
	assert_int_equal(unlink(bench->path), 0);
	/* An empty file is a new one: what is left when the first start was cut off. */
	int descriptor = open(bench->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(descriptor >= 0);
	(void)close(descriptor);
	store_close(open_store(bench));
}

static void test_values_that_nobody_wrote(void **state) {
	struct bench *bench = *state;
	struct store *store = open_store(bench);
	struct store_peer peer = peer_of("um0", "phone", 1);
	assert_int_equal(store_add_peer(store, &peer), ERR_OK);
	store_close(store);
	run_sql(bench, "PRAGMA ignore_check_constraints = ON;"
				   "UPDATE peer SET public_key = zeroblob(31)");
	store = NULL;
	enum err error = store_open(bench->path, &store, bench->problem);
	if (!error) {
		struct taken taken = {.count = 0};
		error = store_each_peer(store, "um0", take, &taken);
		assert_int_equal(taken.count, 0);
		store_close(store);
	}
	assert_int_equal(error, ERR_MALFORMED);
}

static void test_closing_nothing(void **state) {
	store_close(NULL);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_survives_a_reopen_with_every_value, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_absent_values_stay_absent, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_file_and_folder_are_private, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refuses_names_and_keys_twice, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_limits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_removes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_an_error_of_the_reader_ends_the_reading, set_up,
										tear_down),
		cmocka_unit_test_setup_teardown(test_remembers_who_is_down, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_bulk_lands_whole_or_not_at_all, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_two_handles, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_process_that_dies_in_the_middle, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_damaged_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_files_of_before, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_files_of_others, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_values_that_nobody_wrote, set_up, tear_down),
		cmocka_unit_test(test_closing_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
