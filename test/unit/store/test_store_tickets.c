#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/store_bench.h"
#include "store/store_leases.h"
#include "store/store_tickets.h"
#include "store/store_users.h"

/* A user with one device, at um0 and um1. */
static int64_t user(struct store *store, const char *name, uint8_t member) {
	struct store_user user = {.devices = 1};
	int64_t id;
	(void)snprintf(user.name, sizeof user.name, "%s", name);
	assert_int_equal(store_users_add(store, &user, &id), ERR_OK);
	struct store_lease lease = {.user = id, .number = 1};
	memset(lease.member, member, sizeof lease.member);
	assert_int_equal(store_leases_add(store, "um0", &lease), ERR_OK);
	assert_int_equal(store_leases_add(store, "um1", &lease), ERR_OK);
	return id;
}

static struct store_ticket ticket_of(uint8_t member, uint8_t hash, size_t size) {
	struct store_ticket ticket = {.size = size, .until = 1000 + hash};
	memset(ticket.member, member, sizeof ticket.member);
	memset(ticket.hash, hash, sizeof ticket.hash);
	memset(ticket.sealed, hash + 1, size < STORE_TICKET_MAX ? size : STORE_TICKET_MAX);
	return ticket;
}

/* The hash of the one that the member has, 0 without. */
static unsigned has(struct store *store, const char *tunnel, uint8_t member) {
	struct store_ticket key = ticket_of(member, 0, 1), ticket;
	enum err error = store_tickets_find(store, tunnel, key.member, &ticket);
	assert_true(error == ERR_OK || error == ERR_NOT_FOUND);
	return error ? 0 : ticket.hash[0];
}

static void keeps_every_value(void **state) {
	struct store_bench *bench = *state;
	const struct store_ticket ticket = ticket_of(1, 7, STORE_TICKET_MAX);
	struct store_ticket read;
	user(bench->store, "alice", 1);
	assert_int_equal(store_tickets_put_member(bench->store, "um0", &ticket), ERR_OK);
	store_bench_reopen(bench);
	assert_int_equal(store_tickets_find(bench->store, "um0", ticket.member, &read), ERR_OK);
	assert_memory_equal(&read, &ticket, sizeof ticket);
	assert_int_equal(has(bench->store, "um1", 1), 0);
}

static void a_member_has_one(void **state) {
	struct store_bench *bench = *state;
	const struct store_ticket first = ticket_of(1, 7, 10), second = ticket_of(1, 8, 20);
	user(bench->store, "alice", 1);
	assert_int_equal(store_tickets_put_member(bench->store, "um0", &first), ERR_OK);
	assert_int_equal(store_tickets_put_member(bench->store, "um0", &second), ERR_OK);
	assert_int_equal(has(bench->store, "um0", 1), 8);
	assert_int_equal(store_tickets_remove(bench->store, "um0", first.member), ERR_OK);
	assert_int_equal(has(bench->store, "um0", 1), 0);
	assert_int_equal(store_tickets_remove(bench->store, "um0", first.member), ERR_OK);
}

static void refuses_what_is_none(void **state) {
	struct store_bench *bench = *state;
	const struct store_ticket empty = ticket_of(1, 7, 0),
							  large = ticket_of(1, 7, STORE_TICKET_MAX + 1),
							  good = ticket_of(1, 7, 1);
	struct store_ticket late = good;
	late.until = UINT64_MAX;
	user(bench->store, "alice", 1);
	assert_int_equal(store_tickets_put_member(bench->store, "um0", &empty), ERR_INVALID);
	assert_int_equal(store_tickets_put_member(bench->store, "um0", &large), ERR_LIMIT);
	assert_int_equal(store_tickets_put_member(bench->store, "um0", &late), ERR_LIMIT);
	/* A session that was still there when its user went leaves nothing behind. */
	assert_int_equal(store_tickets_put_member(bench->store, "um7", &good), ERR_NOT_FOUND);
	assert_int_equal(has(bench->store, "um7", 1), 0);
	assert_int_equal(store_tickets_put_server(bench->store, "um7", &good), ERR_OK);
	assert_int_equal(has(bench->store, "um7", 1), 7);
}

/* Whose a ticket is, not what it is called, decides what goes. */
static void go_with_user_and_lease(void **state) {
	struct store_bench *bench = *state;
	const struct store_ticket hers = ticket_of(1, 7, 1), more = ticket_of(1, 8, 1),
							  his = ticket_of(2, 9, 1), servers = ticket_of(3, 10, 1);
	int64_t alice = user(bench->store, "alice", 1), bob = user(bench->store, "bob", 2);
	assert_int_equal(store_tickets_put_member(bench->store, "um0", &hers), ERR_OK);
	assert_int_equal(store_tickets_put_member(bench->store, "um1", &more), ERR_OK);
	assert_int_equal(store_tickets_put_member(bench->store, "um0", &his), ERR_OK);
	assert_int_equal(store_tickets_put_server(bench->store, "um0", &servers), ERR_OK);
	assert_int_equal(store_leases_remove(bench->store, "um1", hers.member), ERR_OK);
	assert_int_equal(has(bench->store, "um1", 1), 0);
	assert_int_equal(has(bench->store, "um0", 1), 7);
	assert_int_equal(store_users_remove(bench->store, alice), ERR_OK);
	assert_int_equal(has(bench->store, "um0", 1), 0);
	assert_int_equal(has(bench->store, "um0", 2), 9);
	assert_int_equal(store_tickets_remove_user(bench->store, bob, "um1"), ERR_OK);
	assert_int_equal(has(bench->store, "um0", 2), 9);
	assert_int_equal(store_tickets_remove_user(bench->store, bob, "um0"), ERR_OK);
	assert_int_equal(has(bench->store, "um0", 2), 0);
	assert_int_equal(store_tickets_put_member(bench->store, "um0", &his), ERR_OK);
	assert_int_equal(store_tickets_remove_user(bench->store, bob, NULL), ERR_OK);
	assert_int_equal(has(bench->store, "um0", 2), 0);
	assert_int_equal(has(bench->store, "um0", 3), 10);
}

/* Passwords, tickets and what is owed to devices change together. */
static void go_when_the_user_is_locked(void **state) {
	struct store_bench *bench = *state;
	struct store_lease lease;
	struct store_user read;
	const struct store_ticket hers = ticket_of(1, 7, 1), his = ticket_of(2, 9, 1);
	int64_t alice = user(bench->store, "alice", 1);
	(void)user(bench->store, "bob", 2);
	assert_int_equal(store_tickets_put_member(bench->store, "um0", &hers), ERR_OK);
	assert_int_equal(store_tickets_put_member(bench->store, "um0", &his), ERR_OK);
	assert_int_equal(store_users_lock(bench->store, alice + 1000), ERR_NOT_FOUND);
	/* As a part of what did not come about. */
	assert_int_equal(store_begin(bench->store), ERR_OK);
	assert_int_equal(store_users_lock(bench->store, alice), ERR_OK);
	store_rollback(bench->store);
	assert_int_equal(has(bench->store, "um0", 1), 7);
	assert_int_equal(store_users_lock(bench->store, alice), ERR_OK);
	store_bench_reopen(bench);
	assert_int_equal(has(bench->store, "um0", 1), 0);
	assert_int_equal(has(bench->store, "um0", 2), 9);
	assert_int_equal(store_users_get(bench->store, alice, &read), ERR_OK);
	assert_int_equal(read.epoch, 1);
	/* A device that was not heard of has no ticket. */
	assert_int_equal(store_tickets_put_member(bench->store, "um0", &hers), ERR_NOT_FOUND);
	assert_int_equal(store_leases_ended(bench->store, "um0", hers.member, 1), ERR_OK);
	assert_int_equal(store_leases_find(bench->store, "um0", hers.member, &lease), ERR_OK);
	assert_int_equal(lease.epoch, 1);
	assert_int_equal(store_tickets_put_member(bench->store, "um0", &hers), ERR_OK);
	assert_int_equal(store_leases_ended(bench->store, "um0", hers.member, 1), ERR_NOT_FOUND);
}

/* Until it is killed: a new password, and the ticket that it brings. */
static void lock_for_ever(const char *path, int64_t id, int descriptor) {
	char problem[STORE_PROBLEM_SIZE];
	struct store *store;
	struct store_ticket ticket = ticket_of(1, 0, 1);
	struct store_user user;
	if (store_open(path, &store, problem) || store_users_get(store, id, &user))
		_exit(1);
	for (uint8_t number = 1;; number++) {
		(void)snprintf(user.password, sizeof user.password, "%u", number);
		ticket.hash[0] = number;
		if (store_begin(store) || store_users_change(store, &user) || store_users_lock(store, id) ||
			store_commit(store) || store_leases_ended(store, "um0", ticket.member, ++user.epoch) ||
			store_tickets_put_member(store, "um0", &ticket) ||
			write(descriptor, &number, sizeof number) != sizeof number)
			_exit(1);
	}
}

/* Whenever that is: no ticket outlives its password. */
static void a_killed_process_leaves_no_ticket(void **state) {
	enum { ROUNDS = 8, FEW = 5 };
	struct store_bench *bench = *state;
	struct store_user found;
	int64_t alice = user(bench->store, "alice", 1);
	for (int round = 0; round < ROUNDS; round++) {
		int ends[2], status;
		uint8_t number;
		assert_int_equal(pipe(ends), 0);
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0)
			lock_for_ever(bench->path, alice, ends[1]);
		(void)close(ends[1]);
		for (int i = 0; i < FEW; i++)
			assert_int_equal(read(ends[0], &number, sizeof number), sizeof number);
		(void)usleep((useconds_t)(round * 97));
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		(void)close(ends[0]);
		store_bench_reopen(bench);
		assert_int_equal(store_users_get(bench->store, alice, &found), ERR_OK);
		const unsigned ticket = has(bench->store, "um0", 1);
		if (ticket != 0)
			assert_int_equal(ticket, strtoul(found.password, NULL, 10));
	}
}

static enum err count(void *context, const struct store_ticket *ticket) {
	unsigned *sum = context;
	*sum += ticket->hash[0];
	return *sum > 100 ? ERR_CLOSED : ERR_OK;
}

static void lists_and_trims(void **state) {
	struct store_bench *bench = *state;
	const struct store_ticket first = ticket_of(1, 10, 1), second = ticket_of(2, 50, 1),
							  other = ticket_of(1, 70, 1);
	unsigned sum = 0;
	assert_int_equal(store_tickets_put_server(bench->store, "um0", &first), ERR_OK);
	assert_int_equal(store_tickets_put_server(bench->store, "um0", &second), ERR_OK);
	assert_int_equal(store_tickets_put_server(bench->store, "um1", &other), ERR_OK);
	assert_int_equal(store_tickets_each(bench->store, "um0", count, &sum), ERR_OK);
	assert_int_equal(sum, 60);
	assert_int_equal(store_tickets_each(bench->store, "um0", count, &sum), ERR_CLOSED);
	/* Good until then, not at it. */
	assert_int_equal(store_tickets_trim(bench->store, 1049), ERR_OK);
	assert_int_equal(has(bench->store, "um0", 1), 0);
	assert_int_equal(has(bench->store, "um0", 2), 50);
	assert_int_equal(store_tickets_trim(bench->store, 1050), ERR_OK);
	assert_int_equal(has(bench->store, "um0", 2), 0);
	assert_int_equal(has(bench->store, "um1", 1), 70);
	assert_int_equal(store_tickets_trim(bench->store, UINT64_MAX), ERR_OK);
	assert_int_equal(has(bench->store, "um1", 1), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_bench_set_up, store_bench_tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(keeps_every_value),
		TEST(a_member_has_one),
		TEST(refuses_what_is_none),
		TEST(go_with_user_and_lease),
		TEST(go_when_the_user_is_locked),
		TEST(a_killed_process_leaves_no_ticket),
		TEST(lists_and_trims),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
