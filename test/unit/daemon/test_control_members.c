#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "logins_desk.h"

#define HOME "192.0.2.1:4711"

/* A user who is logged in; what it was told is taken already. */
static struct store_user logged_in(struct logins_desk *desk, const char *name) {
	struct store_user user = logins_desk_user(name);
	logins_desk_add(desk, &user);
	assert_int_equal(logins_desk_login(desk, name, "password", HOME), PROCESS_ACCEPTED);
	logins_desk_begins(desk, name);
	return user;
}

static void take_ticket(struct logins_desk *desk, const char *name, uint64_t until) {
	struct process_message message = {.type = PROCESS_TICKET};
	message.ticket =
		(struct process_ticket){.hash = {7, (uint8_t)name[0]}, .until = until, .size = 3};
	memcpy(message.ticket.sealed, "abc", 3);
	memcpy(message.ticket.public_key, logins_desk_member(desk, name)->public_key, TEXT_KEY_SIZE);
	logins_desk_hear(desk, message, slice_of(NULL, 0));
}

static bool has_ticket(const struct logins_desk *desk, const char *name) {
	uint8_t member[TEXT_KEY_SIZE];
	struct store_ticket ticket;
	assert_int_equal(member_identity("um0", name, 1, member), ERR_OK);
	return store_tickets_find(desk->bench->store, "um0", member, &ticket) == ERR_OK;
}

/* As the store has it: nobody was told of that yet. */
static void lock(struct logins_desk *desk, struct store_user *user) {
	assert_int_equal(store_users_change(desk->bench->store, user), ERR_OK);
	assert_int_equal(store_users_lock(desk->bench->store, user->id), ERR_OK);
	user->epoch++;
}

static uint64_t epoch_of(const struct logins_desk *desk, const char *name) {
	uint8_t member[TEXT_KEY_SIZE];
	struct store_lease lease;
	assert_int_equal(member_identity("um0", name, 1, member), ERR_OK);
	assert_int_equal(store_leases_find(desk->bench->store, "um0", member, &lease), ERR_OK);
	return lease.epoch;
}

/* A crowd's are one write to the disk; what ends a session comes behind them. */
static void test_tickets_are_kept_together(void **state) {
	struct logins_desk *desk = *state;
	struct store_user user = logged_in(desk, "alice");
	(void)logged_in(desk, "bob");
	take_ticket(desk, "alice", 4102444800);
	take_ticket(desk, "bob", 4102444800);
	assert_false(has_ticket(desk, "alice"));
	assert_false(has_ticket(desk, "bob"));
	(void)control_logins_run(&desk->control, clock_now());
	assert_true(has_ticket(desk, "alice"));
	assert_true(has_ticket(desk, "bob"));
	take_ticket(desk, "alice", 4102444801);
	lock(desk, &user);
	control_logins_changed(&desk->control, &user, CONTROL_USERS_LOCKED);
	(void)control_logins_run(&desk->control, clock_now());
	assert_false(has_ticket(desk, "alice"));
	assert_true(has_ticket(desk, "bob"));
}

static void test_locked(void **state) {
	struct logins_desk *desk = *state;
	struct store_user user = logged_in(desk, "alice");
	take_ticket(desk, "alice", 4102444800);
	(void)control_logins_run(&desk->control, clock_now());
	assert_true(has_ticket(desk, "alice"));
	lock(desk, &user);
	control_logins_changed(&desk->control, &user, CONTROL_USERS_LOCKED);
	assert_false(has_ticket(desk, "alice"));
	/* Nor does one count that a session of before brought, until the device has done it. */
	take_ticket(desk, "alice", 4102444800);
	(void)control_logins_run(&desk->control, clock_now());
	assert_false(has_ticket(desk, "alice"));
	assert_int_equal(epoch_of(desk, "alice"), 0);
	take_ticket(desk, "alice", 4102444800);
	(void)logins_desk_set(desk);
	(void)control_logins_run(&desk->control, clock_now());
	assert_false(has_ticket(desk, "alice"));
	assert_non_null(strstr(desk->set, "\nupdate_only=true\nend=2\n"));
	/* The lease is his, still. */
	assert_non_null(logins_desk_member(desk, "alice"));
	(void)logins_desk_set(desk);
	assert_int_equal(epoch_of(desk, "alice"), 1);
	take_ticket(desk, "alice", 4102444800);
	(void)control_logins_run(&desk->control, clock_now());
	assert_true(has_ticket(desk, "alice"));
}

static void is_told_to_end(struct logins_desk *desk, const char *name, bool ends) {
	char line[128], hex[TEXT_KEY_HEX_SIZE];
	text_hex_encode(logins_desk_member(desk, name)->public_key, TEXT_KEY_SIZE, hex);
	(void)snprintf(line, sizeof line, "public_key=%s\nupdate_only=true\nend=2\n", hex);
	assert_int_equal(strstr(logins_desk_set(desk), line) != NULL, ends);
}

/* This process ends between the store and the device, which goes on: what was to be told is told by
 * the next one, once. */
static void test_locked_and_killed(void **state) {
	struct logins_desk *desk = *state;
	struct store_user user = logged_in(desk, "alice");
	lock(desk, &user);
	for (int round = 0; round < 2; round++) {
		char status[256], hex[TEXT_KEY_HEX_SIZE];
		logins_desk_end(desk);
		logins_desk_begin(desk);
		text_hex_encode(logins_desk_member(desk, "alice")->public_key, TEXT_KEY_SIZE, hex);
		(void)snprintf(status, sizeof status, "public_key=%s\nsession=1\n", hex);
		assert_int_equal(directory_update(desk->tunnel->directory, slice_of_text(status)), ERR_OK);
		control_peers_push(desk->tunnel);
		is_told_to_end(desk, "alice", round == 0);
	}
}

/* An order that the device did not take comes again, with all that it has to know. */
static void test_lost_order(void **state) {
	struct logins_desk *desk = *state;
	struct control_logins *logins = desk->control.logins;
	struct store_user user = logged_in(desk, "alice");
	struct channel_message message;
	lock(desk, &user);
	control_logins_changed(&desk->control, &user, CONTROL_USERS_LOCKED);
	assert_int_equal(channel_receive(desk->net, &message), ERR_OK);
	const struct process_message failed = {.type = PROCESS_RESULT,
										   .request = message.message.request,
										   .tunnel = LOGINS_SLOT,
										   .result.error = EBUSY};
	channel_message_done(&message);
	assert_int_equal(channel_send(desk->net, &failed, NULL, 0), ERR_OK);
	(void)logins_desk_set(desk);
	assert_int_equal(epoch_of(desk, "alice"), 0);
	assert_true(logins->repeat_at <= clock_now() + 2 * CLOCK_SECOND);
	(void)control_logins_run(&desk->control, logins->repeat_at);
	/* Nobody is judged before it is known what the device knows; then: */
	assert_true(desk->tunnel->asking);
	assert_false(desk->tunnel->synced);
	desk->tunnel->synced = true;
	control_peers_push(desk->tunnel);
	is_told_to_end(desk, "alice", true);
	(void)logins_desk_set(desk);
	assert_int_equal(epoch_of(desk, "alice"), 1);
	assert_int_equal(logins->repeat_at, CLOCK_NEVER);
}

/* Who logs in with the new password is not ended by what was to be told before. */
static void test_login_after_a_lock(void **state) {
	struct logins_desk *desk = *state;
	struct store_user user = logged_in(desk, "alice");
	lock(desk, &user);
	control_logins_ended(desk->tunnel, logins_desk_member(desk, "alice"), 0);
	assert_int_equal(logins_desk_login(desk, "alice", "password", HOME), PROCESS_ACCEPTED);
	const char *end = strstr(desk->set, "\nend=2\n");
	assert_non_null(end);
	assert_non_null(strstr(end, "\nname=alice\n"));
	assert_int_equal(epoch_of(desk, "alice"), 1);
	control_peers_push(desk->tunnel);
	is_told_to_end(desk, "alice", false);
}

static void test_limits(void **state) {
	struct logins_desk *desk = *state;
	struct store_user user = logged_in(desk, "alice");
	take_ticket(desk, "alice", 4102444800);
	user.rate = 5000;
	user.quota = 100;
	control_logins_changed(&desk->control, &user, CONTROL_USERS_LIMITS);
	(void)logins_desk_set(desk);
	assert_non_null(strstr(desk->set, "\nupdate_only=true\nrate=5000\nquota=100\nuntil=0\n"));
	assert_true(has_ticket(desk, "alice"));
	/* One that goes beyond them ends. */
	user.used = 100;
	control_logins_changed(&desk->control, &user, CONTROL_USERS_LIMITS);
	assert_non_null(strstr(logins_desk_set(desk), "\nend=4\n"));
	assert_false(has_ticket(desk, "alice"));
	user.used = 0;
	user.expires = 1;
	control_logins_changed(&desk->control, &user, CONTROL_USERS_LIMITS);
	assert_non_null(strstr(logins_desk_set(desk), "\nend=3\n"));
	user.expires = 0;
	desk->groups[0] = "staff";
	desk->config.login.groups = (struct config_texts){desk->groups, 1};
	control_logins_changed(&desk->control, &user, CONTROL_USERS_LIMITS);
	assert_non_null(strstr(logins_desk_set(desk), "\nend=2\n"));
}

static void test_fewer_devices(void **state) {
	struct logins_desk *desk = *state;
	struct store_user user = logged_in(desk, "alice");
	assert_int_equal(logins_desk_login(desk, "alice", "password", "192.0.2.1:2"), PROCESS_ACCEPTED);
	struct directory_peer *second = logins_desk_member(desk, "alice/2");
	char line[128], hex[TEXT_KEY_HEX_SIZE];
	uint8_t key[TEXT_KEY_SIZE];
	struct store_lease lease;
	memcpy(key, second->public_key, sizeof key);
	text_hex_encode(key, sizeof key, hex);
	(void)snprintf(line, sizeof line, "public_key=%s\nremove=true\n", hex);
	user.devices = 1;
	control_logins_changed(&desk->control, &user, CONTROL_USERS_LIMITS);
	assert_non_null(strstr(logins_desk_set(desk), line));
	assert_null(logins_desk_member(desk, "alice/2"));
	assert_non_null(logins_desk_member(desk, "alice"));
	assert_int_equal(store_leases_find(desk->bench->store, "um0", key, &lease), ERR_NOT_FOUND);
}

/* This process ends between the store and the device: whose place went loses it all the same. */
static void test_fewer_devices_and_killed(void **state) {
	struct logins_desk *desk = *state;
	struct store_user user = logged_in(desk, "alice");
	struct store_lease lease;
	uint8_t key[TEXT_KEY_SIZE];
	char line[128], hex[TEXT_KEY_HEX_SIZE];
	assert_int_equal(logins_desk_login(desk, "alice", "password", "192.0.2.1:2"), PROCESS_ACCEPTED);
	memcpy(key, logins_desk_member(desk, "alice/2")->public_key, sizeof key);
	text_hex_encode(key, sizeof key, hex);
	take_ticket(desk, "alice", 4102444800);
	user.devices = 1;
	assert_int_equal(store_users_change(desk->bench->store, &user), ERR_OK);
	logins_desk_end(desk);
	logins_desk_begin(desk);
	control_peers_push(desk->tunnel);
	(void)snprintf(line, sizeof line, "public_key=%s\nremove=true\n", hex);
	assert_non_null(strstr(logins_desk_set(desk), line));
	assert_non_null(strstr(desk->set, "name=alice\n"));
	assert_null(logins_desk_member(desk, "alice/2"));
	assert_int_equal(store_leases_find(desk->bench->store, "um0", key, &lease), ERR_NOT_FOUND);
}

static void test_removed(void **state) {
	struct logins_desk *desk = *state;
	struct store_user user = logged_in(desk, "alice"), other = logins_desk_user("bob");
	logins_desk_add(desk, &other);
	control_logins_changed(&desk->control, &user, CONTROL_USERS_REMOVING);
	assert_int_equal(store_users_remove(desk->bench->store, user.id), ERR_OK);
	assert_non_null(strstr(logins_desk_set(desk), "\nremove=true\n"));
	assert_null(logins_desk_member(desk, "alice"));
	/* A ticket that comes too late has no place, and the address is free. */
	struct process_message late = {.type = PROCESS_TICKET};
	late.ticket = (struct process_ticket){.until = 4102444800, .size = 1};
	logins_desk_hear(desk, late, slice_of(NULL, 0));
	assert_int_equal(logins_desk_login(desk, "bob", "password", HOME), PROCESS_ACCEPTED);
	assert_non_null(strstr(desk->set, "allowed_ip=10.66.0.2/32\n"));
}

/* While the device makes him a member, and nobody knows what it knows: he is not let in. */
static void test_removed_while_let_in(void **state) {
	struct logins_desk *desk = *state;
	struct store_user user = logins_desk_user("alice");
	struct process_verdict verdict;
	desk->demands[0] = "certificate";
	logins_desk_add(desk, &user);
	(void)logins_desk_ask(desk, "alice", "", HOME);
	assert_non_null(logins_desk_member(desk, "alice"));
	desk->tunnel->synced = false;
	control_logins_changed(&desk->control, &user, CONTROL_USERS_REMOVING);
	assert_int_equal(store_users_remove(desk->bench->store, user.id), ERR_OK);
	assert_true(logins_desk_verdict(desk, 20000, &verdict));
	assert_non_null(strstr(desk->set, "name=alice\n"));
	assert_null(strstr(desk->set, "remove"));
	assert_int_equal(verdict.reject, PROCESS_REJECT_BUSY);
}

static void test_expiry(void **state) {
	struct logins_desk *desk = *state;
	struct store_user user = logged_in(desk, "alice"), other = logged_in(desk, "bob");
	struct control_logins *logins = desk->control.logins;
	take_ticket(desk, "alice", 4102444800);
	uint64_t now = clock_wall_now() / CLOCK_SECOND;
	user.expires = now + 3600;
	assert_int_equal(store_users_change(desk->bench->store, &user), ERR_OK);
	control_logins_changed(&desk->control, &user, CONTROL_USERS_LIMITS);
	(void)logins_desk_set(desk);
	/* It looks again each minute, as clocks are set. */
	assert_true(logins->expire_at <= clock_now() + 60 * CLOCK_SECOND);
	assert_int_not_equal(control_logins_run(&desk->control, clock_now()), CLOCK_NEVER);
	/* An hour later: */
	user.expires = now - 1;
	assert_int_equal(store_users_change(desk->bench->store, &user), ERR_OK);
	logins->expired = now - 3600;
	(void)control_logins_run(&desk->control, logins->expire_at);
	(void)logins_desk_set(desk);
	char line[128], hex[TEXT_KEY_HEX_SIZE];
	text_hex_encode(logins_desk_member(desk, "alice")->public_key, TEXT_KEY_SIZE, hex);
	(void)snprintf(line, sizeof line, "public_key=%s\nupdate_only=true\nend=3\n", hex);
	assert_string_equal(desk->set, line);
	assert_false(has_ticket(desk, "alice"));
	/* Once. */
	control_logins_expires(&desk->control, user.expires);
	(void)control_logins_run(&desk->control, clock_now());
	assert_string_equal(logins_desk_set(desk), "");
	assert_int_equal(other.expires, 0);
}

static void use(struct logins_desk *desk, const char *name, uint64_t bytes) {
	struct process_message message = {.type = PROCESS_USED, .used = {.bytes = bytes}};
	memcpy(message.used.public_key, logins_desk_member(desk, name)->public_key, TEXT_KEY_SIZE);
	logins_desk_hear(desk, message, slice_of(NULL, 0));
}

static void test_usage(void **state) {
	struct logins_desk *desk = *state;
	struct store_user user = logged_in(desk, "alice"), read;
	use(desk, "alice", 1000);
	use(desk, "alice", 500);
	assert_string_equal(logins_desk_set(desk), "");
	assert_int_equal(store_users_get(desk->bench->store, user.id, &read), ERR_OK);
	assert_int_equal(read.used, 0);
	(void)control_logins_run(&desk->control, desk->control.logins->flush_at);
	assert_int_equal(store_users_get(desk->bench->store, user.id, &read), ERR_OK);
	assert_int_equal(read.used, 1500);
	assert_int_equal(desk->control.logins->flush_at, CLOCK_NEVER);
	/* Once; and what is left at the end is kept. */
	use(desk, "alice", 1);
	logins_desk_end(desk);
	logins_desk_begin(desk);
	assert_int_equal(store_users_get(desk->bench->store, user.id, &read), ERR_OK);
	assert_int_equal(read.used, 1501);
}

static void give_quota(struct logins_desk *desk, struct store_user *user, uint64_t quota) {
	user->quota = quota;
	assert_int_equal(store_users_change(desk->bench->store, user), ERR_OK);
	control_logins_changed(&desk->control, user, CONTROL_USERS_LIMITS);
	(void)logins_desk_set(desk);
}

/* What is left of quotas is looked at. */
static void weigh(struct logins_desk *desk) {
	struct control_logins *logins = desk->control.logins;
	assert_true(logins->weigh_at <= clock_now() + CLOCK_SECOND);
	(void)control_logins_run(&desk->control, logins->weigh_at);
	assert_int_equal(logins->weigh_at, CLOCK_NEVER);
	(void)logins_desk_set(desk);
}

/* Reports of use bring no order each: a device alone has counted already, and those of several are
 * told of all together. */
static void test_usage_brings_few_orders(void **state) {
	struct logins_desk *desk = *state;
	struct store_user user = logged_in(desk, "alice");
	give_quota(desk, &user, 1000);
	for (int i = 0; i < 9; i++)
		use(desk, "alice", 10);
	assert_string_equal(logins_desk_set(desk), "");
	weigh(desk);
	assert_string_equal(desk->set, "");
	assert_int_equal(logins_desk_login(desk, "alice", "password", "192.0.2.1:2"), PROCESS_ACCEPTED);
	const uint64_t sets = desk->control.sets_ever;
	for (int i = 0; i < 9; i++) {
		use(desk, "alice", 10);
		use(desk, "alice/2", 10);
	}
	weigh(desk);
	assert_non_null(strstr(desk->set, "\nquota=730\n"));
	assert_int_equal(desk->control.sets_ever, sets + 1);
	/* Without a quota there is nothing to weigh. */
	give_quota(desk, &user, 0);
	use(desk, "alice", 10);
	assert_int_equal(desk->control.logins->weigh_at, CLOCK_NEVER);
	(void)control_logins_run(&desk->control, desk->control.logins->flush_at);
	give_quota(desk, &user, 500);
	use(desk, "alice", 300);
	weigh(desk);
	assert_non_null(strstr(desk->set, "\nend=4\n"));
}

/* What one device uses, the other has not any more. */
static void test_quota(void **state) {
	struct logins_desk *desk = *state;
	struct store_user user = logged_in(desk, "alice");
	assert_int_equal(logins_desk_login(desk, "alice", "password", "192.0.2.1:2"), PROCESS_ACCEPTED);
	give_quota(desk, &user, 1000);
	use(desk, "alice", 400);
	weigh(desk);
	const char *first = strstr(desk->set, "\nquota=600\n");
	assert_non_null(first);
	assert_non_null(strstr(first + 1, "\nquota=600\n"));
	use(desk, "alice/2", 600);
	weigh(desk);
	first = strstr(desk->set, "\nend=4\n");
	assert_non_null(first);
	assert_non_null(strstr(first + 1, "\nend=4\n"));
	assert_int_equal(logins_desk_login(desk, "alice", "password", "198.51.100.1:1"),
					 PROCESS_REJECT_QUOTA);
}

/* A device that begins hears of those who may come with a ticket. */
static void test_push(void **state) {
	struct logins_desk *desk = *state;
	struct store_user locked = logged_in(desk, "bob"), user;
	(void)logged_in(desk, "alice");
	(void)logged_in(desk, "carol");
	(void)logged_in(desk, "dave");
	take_ticket(desk, "alice", 4102444800);
	take_ticket(desk, "bob", 4102444800);
	take_ticket(desk, "carol", 1);
	locked.disabled = true;
	assert_int_equal(store_users_change(desk->bench->store, &locked), ERR_OK);
	logins_desk_end(desk);
	logins_desk_begin(desk);
	control_peers_push(desk->tunnel);
	(void)logins_desk_set(desk);
	assert_int_equal(strncmp(desk->set, "public_key=", 11), 0);
	assert_non_null(strstr(desk->set, "name=alice\n"));
	assert_non_null(strstr(desk->set, "\nticket=07610000000000000000000000000000000000000000000000"
									  "00000000000000,616263\n"));
	assert_null(strstr(desk->set, "name=bob"));
	assert_null(strstr(desk->set, "name=carol"));
	assert_null(strstr(desk->set, "name=dave"));
	assert_null(strstr(desk->set, "remove"));
	assert_false(has_ticket(desk, "bob"));
	assert_false(has_ticket(desk, "carol"));
	assert_int_equal(store_users_find(desk->bench->store, "bob", &user), ERR_OK);
}

/* This process is new, the device is not: it may have whom nobody has any more. */
static void test_push_to_one_that_goes_on(void **state) {
	struct logins_desk *desk = *state;
	(void)logged_in(desk, "alice");
	struct store_user locked = logged_in(desk, "bob");
	take_ticket(desk, "alice", 4102444800);
	char status[512], alice[TEXT_KEY_HEX_SIZE], bob[TEXT_KEY_HEX_SIZE];
	static const char gone[] = "0202020202020202020202020202020202020202020202020202020202020202";
	text_hex_encode(logins_desk_member(desk, "alice")->public_key, TEXT_KEY_SIZE, alice);
	text_hex_encode(logins_desk_member(desk, "bob")->public_key, TEXT_KEY_SIZE, bob);
	locked.disabled = true;
	assert_int_equal(store_users_change(desk->bench->store, &locked), ERR_OK);
	logins_desk_end(desk);
	logins_desk_begin(desk);
	(void)snprintf(status, sizeof status,
				   "public_key=%s\nsession=1\npublic_key=%s\nsession=1\n"
				   "public_key=%s\nsession=0\n",
				   alice, bob, gone);
	assert_int_equal(directory_update(desk->tunnel->directory, slice_of_text(status)), ERR_OK);
	assert_true(logins_desk_member(desk, "alice")->watched.session);
	control_peers_push(desk->tunnel);
	(void)logins_desk_set(desk);
	char line[256];
	(void)snprintf(line, sizeof line, "public_key=%s\nremove=true\n", gone);
	assert_non_null(strstr(desk->set, line));
	(void)snprintf(line, sizeof line, "public_key=%s\nupdate_only=true\nend=2\n", bob);
	assert_non_null(strstr(desk->set, line));
	assert_non_null(strstr(desk->set, "name=alice\n"));
	/* It knows her ticket, or a newer one. */
	assert_null(strstr(desk->set, "ticket="));
	assert_true(has_ticket(desk, "alice"));
}

/* Whose address is in no network any more needs another one: his ticket would bring the old one. */
static void test_reload_of_addresses(void **state) {
	struct logins_desk *desk = *state;
	char name[2] = "a", line[128], hex[TEXT_KEY_HEX_SIZE];
	for (; name[0] <= 'd'; name[0]++) {
		struct store_user user = logins_desk_user(name);
		logins_desk_add(desk, &user);
		assert_int_equal(logins_desk_login(desk, name, "password", HOME), PROCESS_ACCEPTED);
		logins_desk_begins(desk, name);
		take_ticket(desk, name, 4102444800);
	}
	(void)logins_desk_set(desk);
	/* Another network ends nobody. */
	assert_int_equal(address_parse("fd66::1", &desk->pool[1].address), ERR_OK);
	desk->pool[1].length = 64;
	desk->config.addresses.count = 2;
	control_logins_recheck(desk->tunnel);
	assert_null(strstr(logins_desk_set(desk), "end="));
	desk->pool[0].length = 30; /* one address beside the server's */
	control_logins_recheck(desk->tunnel);
	(void)logins_desk_set(desk);
	for (name[0] = 'a'; name[0] <= 'd'; name[0]++) {
		const bool stays = name[0] == 'a';
		text_hex_encode(logins_desk_member(desk, name)->public_key, TEXT_KEY_SIZE, hex);
		(void)snprintf(line, sizeof line, "public_key=%s\nupdate_only=true\nend=2\n", hex);
		assert_int_equal(strstr(desk->set, line) == NULL, stays);
		assert_int_equal(has_ticket(desk, name), stays);
	}
}

/* The file has other groups: whoever is in and should not be ends, without being asked after. */
static void test_reload_of_groups(void **state) {
	enum { MEMBERS = 12 };
	struct logins_desk *desk = *state;
	struct channel_message message;
	char name[2], line[128], hex[TEXT_KEY_HEX_SIZE];
	for (int i = 0; i < MEMBERS; i++) {
		struct store_user user = logins_desk_user("");
		(void)snprintf(user.name, sizeof user.name, "%c", 'a' + i);
		(void)snprintf(user.groups[user.group_count++], sizeof user.groups[0], "%s",
					   i % 2 ? "staff" : "guests");
		logins_desk_add(desk, &user);
		assert_int_equal(logins_desk_login(desk, user.name, "password", HOME), PROCESS_ACCEPTED);
		/* The last one is yet to begin. */
		if (i < MEMBERS - 1)
			logins_desk_begins(desk, user.name);
		take_ticket(desk, user.name, 4102444800);
	}
	(void)logins_desk_set(desk);
	desk->groups[0] = "staff";
	desk->config.login.groups = (struct config_texts){desk->groups, 1};
	control_logins_recheck(desk->tunnel);
	/* Those orders come before all others. */
	assert_int_equal(channel_receive(desk->net, &message), ERR_OK);
	desk->set[0] = '\0';
	logins_desk_take_set(desk, &message);
	channel_message_done(&message);
	for (int i = 0; i < MEMBERS; i++) {
		(void)snprintf(name, sizeof name, "%c", 'a' + i);
		text_hex_encode(logins_desk_member(desk, name)->public_key, TEXT_KEY_SIZE, hex);
		(void)snprintf(line, sizeof line, "public_key=%s\nupdate_only=true\nend=2\n", hex);
		assert_int_equal(strstr(desk->set, line) != NULL, i % 2 == 0);
		assert_int_equal(has_ticket(desk, name), i % 2);
	}
	(void)logins_desk_set(desk);
	assert_null(strstr(desk->set, "end="));
	assert_null(strstr(desk->set, "ticket="));
	assert_non_null(strstr(desk->set, "name=l\n"));
}

/* A client has the one ticket of its server. */
static void test_client(void **state) {
	struct logins_desk *desk = *state;
	struct config_peer server = {.name = "server", .public_key = {9, [31] = 9}};
	struct store_ticket ticket;
	logins_desk_end(desk);
	desk->config.role = CONFIG_CLIENT;
	desk->config.peers = &server;
	desk->config.peer_count = 1;
	logins_desk_begin(desk);
	take_ticket(desk, "server", 4102444800);
	(void)control_logins_run(&desk->control, clock_now());
	assert_int_equal(store_tickets_find(desk->bench->store, "um0", server.public_key, &ticket),
					 ERR_OK);
	control_peers_push(desk->tunnel);
	(void)logins_desk_set(desk);
	assert_non_null(strstr(desk->set, "\nupdate_only=true\nticket=07"));
	/* It is used up, or the server does not take it. */
	struct process_message none = {.type = PROCESS_TICKET};
	memcpy(none.ticket.public_key, server.public_key, TEXT_KEY_SIZE);
	logins_desk_hear(desk, none, slice_of(NULL, 0));
	control_peers_push(desk->tunnel);
	assert_string_equal(logins_desk_set(desk), "");
}

#define row(test) cmocka_unit_test_setup_teardown(test, logins_desk_set_up, logins_desk_tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
		row(test_tickets_are_kept_together),
		row(test_locked),
		row(test_limits),
		row(test_fewer_devices),
		row(test_fewer_devices_and_killed),
		row(test_removed),
		row(test_removed_while_let_in),
		row(test_expiry),
		row(test_usage),
		row(test_quota),
		row(test_push),
		row(test_push_to_one_that_goes_on),
		row(test_client),
		row(test_reload_of_groups),
		row(test_reload_of_addresses),
		row(test_locked_and_killed),
		row(test_lost_order),
		row(test_login_after_a_lock),
		row(test_usage_brings_few_orders),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
