#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/mman.h>
#include <sys/resource.h>

#include "logins_desk.h"

#define HOME "192.0.2.1:4711"
#define ELSEWHERE "198.51.100.1:4711"

/* Nothing is made of more than a login can be, however much there is. */
static void test_too_much(void **state) {
	enum { KIBIBYTES = 48 << 10 };
	struct logins_desk *desk = *state;
	struct process_verdict verdict;
	struct rusage before, after;
	const struct process_message message = {.type = PROCESS_LOGIN, .login = {++desk->id}};
	struct channel_message told = {.message = message, .count = 1};
	told.message.tunnel = LOGINS_SLOT;
	told.descriptors[0] = memfd_create("much", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(told.descriptors[0], KIBIBYTES << 10), 0);
	assert_int_equal(shared_text_seal(told.descriptors[0]), ERR_OK);
	assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
	control_logins_hear(&desk->control, &told);
	assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
	channel_message_done(&told);
	assert_true(after.ru_maxrss - before.ru_maxrss < KIBIBYTES / 2);
	assert_true(logins_desk_verdict(desk, 20000, &verdict));
	assert_int_equal(verdict.reject, PROCESS_REJECT_BUSY);
}

static void test_let_in(void **state) {
	struct logins_desk *desk = *state;
	struct store_user user = logins_desk_user("alice");
	struct store_lease lease;
	struct process_verdict verdict;
	uint8_t member[TEXT_KEY_SIZE];
	user.rate = 1000;
	user.expires = 4102444800;
	logins_desk_add(desk, &user);
	(void)logins_desk_ask(desk, "alice", "password", HOME);
	assert_true(logins_desk_verdict(desk, 20000, &verdict));
	assert_int_equal(verdict.reject, PROCESS_ACCEPTED);
	assert_false(verdict.loaded);
	assert_int_equal(member_identity("um0", "alice", 1, member), ERR_OK);
	assert_memory_equal(verdict.public_key, member, sizeof member);
	char expected[1024], hex[TEXT_KEY_HEX_SIZE];
	text_hex_encode(member, sizeof member, hex);
	(void)snprintf(expected, sizeof expected,
				   "public_key=%s\nname=alice\nreplace_allowed_ips=true\nallowed_ip=10.66.0.2/32\n"
				   "address=10.66.0.2/24\nrate=1000\nquota=18446744073709551615\n"
				   "until=4102444800\n",
				   hex);
	assert_string_equal(desk->set, expected);
	assert_int_equal(store_leases_find(desk->bench->store, "um0", member, &lease), ERR_OK);
	assert_int_equal(lease.user, user.id);
	assert_int_equal(lease.number, 1);
	assert_int_equal(desk->tunnel->logins[PROCESS_ACCEPTED], 1);
}

/* How long a guess from home waits after one more that is wrong. */
static uint64_t wait_after_another(struct logins_desk *desk, const char *user) {
	struct guess_delay *delay = desk->control.logins->delay;
	const struct address home = {.bytes = {192, 0, 2, 1}, .family = ADDRESS_V4};
	const uint64_t key = guess_delay_key(delay, slice_of_text(user), &home), now = clock_now();
	guess_delay_wrong(delay, key, now);
	return guess_delay_left(delay, key, now);
}

/* All the same to who is refused. */
static void test_wrong_credentials(void **state) {
	struct logins_desk *desk = *state;
	struct store_user user = logins_desk_user("alice"), disabled = logins_desk_user("bob"),
					  stranger = logins_desk_user("carol"), without = logins_desk_user("dave");
	disabled.disabled = true;
	without.password[0] = '\0';
	(void)snprintf(user.groups[user.group_count++], sizeof user.groups[0], "staff");
	(void)snprintf(stranger.groups[stranger.group_count++], sizeof stranger.groups[0], "guests");
	logins_desk_add(desk, &user);
	logins_desk_add(desk, &disabled);
	logins_desk_add(desk, &stranger);
	logins_desk_add(desk, &without);
	desk->groups[0] = "staff";
	desk->config.login.groups = (struct config_texts){desk->groups, 1};
	assert_int_equal(logins_desk_login(desk, "alice", "passwore", HOME),
					 PROCESS_REJECT_CREDENTIALS);
	assert_int_equal(logins_desk_login(desk, "bob", "password", HOME), PROCESS_REJECT_CREDENTIALS);
	assert_int_equal(logins_desk_login(desk, "carol", "password", HOME),
					 PROCESS_REJECT_CREDENTIALS);
	assert_int_equal(logins_desk_login(desk, "dave", "password", HOME), PROCESS_REJECT_CREDENTIALS);
	char name[200];
	memset(name, 'a', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	assert_int_equal(logins_desk_login(desk, name, "password", HOME), PROCESS_REJECT_CREDENTIALS);
	/* A certificate, where a password is demanded. */
	assert_int_equal(logins_desk_login(desk, "alice", "", ELSEWHERE), PROCESS_REJECT_CREDENTIALS);
	assert_string_equal(desk->set, "");
	assert_int_equal(desk->tunnel->logins[PROCESS_REJECT_CREDENTIALS], 6);
	/* Each of them was a wrong guess, also by who may not log in anyway. */
	const char *const users[] = {"alice", "bob", "carol", "dave", name};
	for (size_t i = 0; i < sizeof users / sizeof users[0]; i++)
		assert_int_equal(wait_after_another(desk, users[i]), 2 * GUESS_DELAY_FIRST);
}

static void test_certificates(void **state) {
	struct logins_desk *desk = *state;
	struct store_user user = logins_desk_user("alice");
	logins_desk_add(desk, &user);
	desk->demands[0] = "certificate";
	assert_int_equal(logins_desk_login(desk, "bob", "", HOME), PROCESS_REJECT_CREDENTIALS);
	assert_int_equal(logins_desk_login(desk, "alice", "", HOME), PROCESS_ACCEPTED);
	/* The password is looked at where there is one, and does not stand for the other. */
	assert_int_equal(logins_desk_login(desk, "alice", "password", HOME),
					 PROCESS_REJECT_CREDENTIALS);
	desk->demands[1] = "password";
	desk->config.login.demands.count = 2;
	assert_int_equal(logins_desk_login(desk, "alice", "", ELSEWHERE), PROCESS_REJECT_CREDENTIALS);
}

static void test_accounts_at_their_end(void **state) {
	struct logins_desk *desk = *state;
	struct store_user expired = logins_desk_user("alice"), empty = logins_desk_user("bob");
	expired.expires = clock_wall_now() / CLOCK_SECOND - 1;
	empty.quota = 1000;
	logins_desk_add(desk, &expired);
	logins_desk_add(desk, &empty);
	assert_int_equal(logins_desk_login(desk, "alice", "password", HOME), PROCESS_REJECT_EXPIRED);
	assert_int_equal(logins_desk_login(desk, "bob", "password", HOME), PROCESS_ACCEPTED);
	assert_non_null(strstr(desk->set, "\nquota=1000\n"));
	assert_int_equal(store_users_use(desk->bench->store, empty.id, 1000, 1), ERR_OK);
	assert_int_equal(logins_desk_login(desk, "bob", "password", HOME), PROCESS_REJECT_QUOTA);
}

static void test_devices(void **state) {
	struct logins_desk *desk = *state;
	struct store_user user = logins_desk_user("alice");
	user.devices = 2;
	logins_desk_add(desk, &user);
	assert_int_equal(logins_desk_login(desk, "alice", "password", "192.0.2.1:1"), PROCESS_ACCEPTED);
	assert_non_null(strstr(desk->set, "name=alice\n"));
	/* Who was let in, and is yet to begin, has his member as well. */
	assert_int_equal(logins_desk_login(desk, "alice", "password", "192.0.2.1:2"), PROCESS_ACCEPTED);
	assert_non_null(strstr(desk->set, "name=alice/2\n"));
	assert_non_null(strstr(desk->set, "allowed_ip=10.66.0.3/32\n"));
	logins_desk_begins(desk, "alice");
	logins_desk_begins(desk, "alice/2");
	assert_int_equal(logins_desk_login(desk, "alice", "password", "192.0.2.1:3"),
					 PROCESS_REJECT_DEVICES);
	/* One may have ended unheard, which is asked after once in a while. */
	assert_true(desk->tunnel->asking);
	desk->tunnel->asking = false;
	assert_int_equal(logins_desk_login(desk, "alice", "password", "192.0.2.1:3"),
					 PROCESS_REJECT_DEVICES);
	assert_false(desk->tunnel->asking);
	desk->control.logins->tunnels[0].figures_at = 0;
	assert_int_equal(logins_desk_login(desk, "alice", "password", "192.0.2.1:3"),
					 PROCESS_REJECT_DEVICES);
	assert_true(desk->tunnel->asking);
	/* One that comes again from where it was is no other. */
	assert_int_equal(logins_desk_login(desk, "alice", "password", "192.0.2.1:1"), PROCESS_ACCEPTED);
	assert_non_null(strstr(desk->set, "name=alice\n"));
	control_logins_ended(desk->tunnel, logins_desk_member(desk, "alice/2"), 0);
	assert_int_equal(logins_desk_login(desk, "alice", "password", "192.0.2.1:3"), PROCESS_ACCEPTED);
	assert_non_null(strstr(desk->set, "name=alice/2\n"));
	assert_non_null(strstr(desk->set, "allowed_ip=10.66.0.3/32\n"));
}

/* And its lease is his tomorrow. */
static void test_leases_stay(void **state) {
	struct logins_desk *desk = *state;
	struct store_user one = logins_desk_user("alice"), two = logins_desk_user("bob");
	logins_desk_add(desk, &one);
	logins_desk_add(desk, &two);
	assert_int_equal(logins_desk_login(desk, "alice", "password", HOME), PROCESS_ACCEPTED);
	assert_int_equal(logins_desk_login(desk, "bob", "password", HOME), PROCESS_ACCEPTED);
	logins_desk_end(desk);
	logins_desk_begin(desk);
	assert_int_equal(logins_desk_login(desk, "bob", "password", HOME), PROCESS_ACCEPTED);
	assert_non_null(strstr(desk->set, "allowed_ip=10.66.0.3/32\n"));
	assert_int_equal(logins_desk_login(desk, "alice", "password", HOME), PROCESS_ACCEPTED);
	assert_non_null(strstr(desk->set, "allowed_ip=10.66.0.2/32\n"));
	/* In another network they get others. */
	assert_int_equal(address_parse("10.67.0.1", &desk->pool[0].address), ERR_OK);
	logins_desk_end(desk);
	logins_desk_begin(desk);
	assert_int_equal(logins_desk_login(desk, "bob", "password", HOME), PROCESS_ACCEPTED);
	assert_non_null(strstr(desk->set, "allowed_ip=10.67.0.2/32\n"));
}

static void test_full_pool(void **state) {
	struct logins_desk *desk = *state;
	struct store_user one = logins_desk_user("alice"), two = logins_desk_user("bob");
	desk->pool[0].length = 30;
	logins_desk_add(desk, &one);
	logins_desk_add(desk, &two);
	assert_int_equal(logins_desk_login(desk, "alice", "password", HOME), PROCESS_ACCEPTED);
	assert_int_equal(logins_desk_login(desk, "bob", "password", HOME), PROCESS_REJECT_ADDRESS);
}

static void set_used(struct logins_desk *desk, const char *name, uint64_t used) {
	uint8_t member[TEXT_KEY_SIZE];
	struct store_lease lease;
	assert_int_equal(member_identity("um0", name, 1, member), ERR_OK);
	assert_int_equal(store_leases_find(desk->bench->store, "um0", member, &lease), ERR_OK);
	lease.used = used;
	assert_int_equal(store_leases_change(desk->bench->store, "um0", &lease), ERR_OK);
}

/* Where no address is free, those go to others of whom nobody will come. */
static void test_addresses_are_taken_back(void **state) {
	static const char *const names[] = {"alice", "bob", "carol", "dave", "erin", "frank"};
	struct logins_desk *desk = *state;
	struct store_user users[6];
	const uint64_t now = clock_wall_now() / CLOCK_SECOND, old = now - CONTROL_LOGINS_IDLE - 60;
	char line[128], hex[TEXT_KEY_HEX_SIZE];
	uint8_t member[TEXT_KEY_SIZE];
	desk->pool[0].length = 29; /* five addresses beside the server's */
	for (size_t i = 0; i < 6; i++) {
		users[i] = logins_desk_user(names[i]);
		logins_desk_add(desk, &users[i]);
		if (i < 5)
			assert_int_equal(logins_desk_login(desk, names[i], "password", HOME), PROCESS_ACCEPTED);
	}
	/* All were here just now, and may be about to begin; then they are not. */
	for (size_t i = 0; i < 5; i++)
		logins_desk_member(desk, names[i])->watched.reserved_until = 0;
	assert_int_equal(logins_desk_login(desk, "frank", "password", HOME), PROCESS_REJECT_ADDRESS);
	/* The least recently used one that has no session; after those of who may not come. */
	logins_desk_begins(desk, "alice");
	control_logins_flush(&desk->control);
	set_used(desk, "alice", 1);
	set_used(desk, "bob", old);
	set_used(desk, "carol", old - 1);
	users[3].disabled = true;
	assert_int_equal(store_users_change(desk->bench->store, &users[3]), ERR_OK);
	static const char *const order[] = {"dave", "carol", "bob"};
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(member_identity("um0", order[i], 1, member), ERR_OK);
		text_hex_encode(member, sizeof member, hex);
		(void)snprintf(line, sizeof line, "public_key=%s\nremove=true\n", hex);
		assert_int_equal(logins_desk_login(desk, "frank", "password", HOME), PROCESS_ACCEPTED);
		const char *removal = strstr(desk->set, line);
		assert_non_null(removal);
		assert_non_null(strstr(removal, "\nname=frank"));
		assert_null(logins_desk_member(desk, order[i]));
		/* From another place it is another device. */
		logins_desk_member(desk, i == 0   ? "frank"
								 : i == 1 ? "frank/2"
										  : "frank/3")
			->watched.from = (struct endpoint){.port = 9};
	}
	/* Those who were here lately keep theirs. */
	assert_non_null(logins_desk_member(desk, "alice"));
	assert_non_null(logins_desk_member(desk, "erin"));
}

/* What is left of a network that was larger may be no address for anybody. */
static void test_smaller_pool(void **state) {
	static const struct {
		const char *own;
		uint8_t length;
		enum process_reject alice, bob;
	} cases[] = {
		{"10.66.0.1", 29, PROCESS_ACCEPTED, PROCESS_ACCEPTED},
		{"10.66.0.1", 30, PROCESS_ACCEPTED, PROCESS_REJECT_ADDRESS}, /* its broadcast address */
		{"10.66.0.3", 31, PROCESS_ACCEPTED, PROCESS_REJECT_ADDRESS}, /* the server's own */
	};
	struct logins_desk *desk = *state;
	struct store_user one = logins_desk_user("alice"), two = logins_desk_user("bob");
	logins_desk_add(desk, &one);
	logins_desk_add(desk, &two);
	assert_int_equal(logins_desk_login(desk, "alice", "password", HOME), PROCESS_ACCEPTED);
	assert_int_equal(logins_desk_login(desk, "bob", "password", HOME), PROCESS_ACCEPTED);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_int_equal(address_parse(cases[i].own, &desk->pool[0].address), ERR_OK);
		desk->pool[0].length = cases[i].length;
		logins_desk_end(desk);
		logins_desk_begin(desk);
		assert_int_equal(logins_desk_login(desk, "alice", "password", HOME), cases[i].alice);
		assert_non_null(strstr(desk->set, "allowed_ip=10.66.0.2/32\n"));
		assert_int_equal(logins_desk_login(desk, "bob", "password", HOME), cases[i].bob);
	}
}

static void test_wrong_guesses_wait(void **state) {
	struct logins_desk *desk = *state;
	struct store_user user = logins_desk_user("alice");
	logins_desk_add(desk, &user);
	for (int i = 0; i < 20; i++) /* longer than this test can take */
		(void)wait_after_another(desk, "alice");
	assert_int_equal(logins_desk_login(desk, "alice", "password", "192.0.2.77:1"),
					 PROCESS_REJECT_BUSY);
	assert_int_equal(logins_desk_login(desk, "alice", "password", ELSEWHERE), PROCESS_ACCEPTED);
}

/* Nobody waits for one who has gone; what he guessed counts. */
static void test_threads(void **state) {
	static const size_t expected[] = {1, 1, 2, 2, 2, 2, 3, 3, 4, 4};
	for (unsigned i = 0; i < sizeof expected / sizeof *expected; i++)
		assert_int_equal(control_logins_threads(i), expected[i]);
	assert_int_equal(control_logins_threads(256), CONTROL_LOGINS_RUNNING_MAX);
}

static void test_abandoned(void **state) {
	struct logins_desk *desk = *state;
	struct store_user user = logins_desk_user("alice");
	struct process_verdict verdict;
	logins_desk_add(desk, &user);
	struct process_message abandon = {.type = PROCESS_ABANDON};
	abandon.login.id = logins_desk_ask(desk, "alice", "wrong", HOME);
	logins_desk_hear(desk, abandon, slice_of(NULL, 0));
	abandon.login.id = logins_desk_ask(desk, "alice", "password", HOME);
	logins_desk_hear(desk, abandon, slice_of(NULL, 0));
	while (desk->control.logins->count > 0)
		assert_false(logins_desk_verdict(desk, 1, &verdict));
	assert_int_equal(wait_after_another(desk, "alice"), 2 * GUESS_DELAY_FIRST);
}

static void wait_for_all(struct logins_desk *desk) {
	for (int turns = 0; desk->control.logins->count > 0; turns++) {
		assert_true(turns < 20000);
		logins_desk_turn(desk);
	}
}

/* What takes longer than a client waits is for who comes again. */
static void test_looked_at_too_late(void **state) {
	struct logins_desk *desk = *state;
	struct control_logins *logins = desk->control.logins;
	struct store_user user = logins_desk_user("alice");
	struct process_message abandon = {.type = PROCESS_ABANDON};
	struct process_verdict verdict = {.id = 0};
	logins_desk_add(desk, &user);
	/* While it is looked at: */
	abandon.login.id = logins_desk_ask(desk, "alice", "password", HOME);
	logins_desk_hear(desk, abandon, slice_of(NULL, 0));
	const uint64_t wrong = logins_desk_ask(desk, "alice", "passwore", HOME),
				   again = logins_desk_ask(desk, "alice", "password", "192.0.2.1:4712");
	assert_int_equal(logins->count, 2);
	/* In either order, as the device has to be told of who is let in. */
	for (int i = 0; i < 2; i++) {
		assert_true(logins_desk_verdict(desk, 20000, &verdict));
		assert_true(verdict.id == again || verdict.id == wrong);
		assert_int_equal(verdict.reject,
						 verdict.id == again ? PROCESS_ACCEPTED : PROCESS_REJECT_CREDENTIALS);
	}
	/* And behind that, once, for the same password alone. */
	guess_delay_right(logins->delay,
					  guess_delay_key(logins->delay, slice_of_text("alice"),
									  &logins_desk_member(desk, "alice")->watched.from.address));
	abandon.login.id = logins_desk_ask(desk, "alice", "password", HOME);
	logins_desk_hear(desk, abandon, slice_of(NULL, 0));
	wait_for_all(desk);
	assert_int_equal(logins->late_count, 1);
	(void)logins_desk_ask(desk, "alice", "passwor", ELSEWHERE);
	assert_int_equal(logins->running, 1);
	const uint64_t last = logins_desk_ask(desk, "alice", "password", HOME);
	assert_int_equal(logins->running, 1);
	assert_int_equal(logins->late_count, 0);
	bool found = false;
	while (!found) {
		assert_true(logins_desk_verdict(desk, 20000, &verdict));
		found = verdict.id == last;
	}
	assert_int_equal(verdict.reject, PROCESS_ACCEPTED);
	wait_for_all(desk);
	/* It is not kept for long. */
	abandon.login.id = logins_desk_ask(desk, "alice", "password", HOME);
	logins_desk_hear(desk, abandon, slice_of(NULL, 0));
	wait_for_all(desk);
	assert_int_equal(logins->late_count, 1);
	(void)control_logins_run(&desk->control, clock_now() + 31 * CLOCK_SECOND);
	assert_int_equal(logins->late_count, 0);
}

/* The only verdict that is there: that login is to come again. */
static void is_sent_away(struct logins_desk *desk, uint64_t id) {
	struct channel_message message;
	assert_int_equal(channel_receive(desk->net, &message), ERR_OK);
	assert_int_equal(message.message.type, PROCESS_VERDICT);
	assert_int_equal(message.message.verdict.id, id);
	assert_int_equal(message.message.verdict.reject, PROCESS_REJECT_BUSY);
	assert_true(message.message.verdict.loaded);
	channel_message_done(&message);
	assert_int_equal(channel_receive(desk->net, &message), ERR_AGAIN);
}

static uint64_t ask_from(struct logins_desk *desk, unsigned network, unsigned host) {
	char from[32];
	(void)snprintf(from, sizeof from, "10.0.%u.%u:7", network, host);
	return logins_desk_ask(desk, "nobody", "password", from);
}

/* One network may have all places, but not keep others out of them. */
static void test_bounds(void **state) {
	struct logins_desk *desk = *state;
	struct control_logins *logins = desk->control.logins;
	uint64_t last = 0;
	for (unsigned i = 0; i < CONTROL_LOGINS_MAX; i++)
		last = ask_from(desk, 1, i);
	assert_int_equal(logins->count, CONTROL_LOGINS_MAX);
	assert_in_range(logins->running, 1, CONTROL_LOGINS_RUNNING_MAX);
	is_sent_away(desk, ask_from(desk, 1, 200));
	/* Half of them for each of two, a third for each of three. */
	const uint64_t first = ask_from(desk, 2, 0);
	is_sent_away(desk, last--);
	for (unsigned i = 1; i < CONTROL_LOGINS_MAX / 2; i++) {
		const uint64_t others = ask_from(desk, 2, i);
		assert_true(others > first);
		is_sent_away(desk, last--);
	}
	is_sent_away(desk, ask_from(desk, 2, 200));
	for (unsigned i = 0; i < CONTROL_LOGINS_MAX / 3; i++) {
		struct channel_message message;
		(void)ask_from(desk, 3, i);
		assert_int_equal(channel_receive(desk->net, &message), ERR_OK);
		assert_int_equal(message.message.verdict.reject, PROCESS_REJECT_BUSY);
		channel_message_done(&message);
	}
	is_sent_away(desk, ask_from(desk, 3, 200));
	unsigned shares[4] = {0};
	list_for_each (link, &logins->items)
		shares[list_item(link, struct control_login, link)->from.address.bytes[2]]++;
	for (unsigned network = 1; network <= 3; network++)
		assert_in_range(shares[network], CONTROL_LOGINS_MAX / 3, CONTROL_LOGINS_MAX / 3 + 1);
}

/* Who comes again for what is looked at already needs no place among those who wait. */
static void test_too_late_where_all_is_full(void **state) {
	struct logins_desk *desk = *state;
	struct store_user user = logins_desk_user("alice");
	struct process_message abandon = {.type = PROCESS_ABANDON};
	struct process_verdict verdict = {.id = 0};
	logins_desk_add(desk, &user);
	abandon.login.id = logins_desk_ask(desk, "alice", "password", "10.0.1.250:7");
	for (unsigned i = 1; i < CONTROL_LOGINS_MAX; i++)
		(void)ask_from(desk, 1, i);
	is_sent_away(desk, ask_from(desk, 1, 200));
	logins_desk_hear(desk, abandon, slice_of(NULL, 0));
	const uint64_t again = logins_desk_ask(desk, "alice", "password", "10.0.1.250:8");
	while (verdict.id != again)
		assert_true(logins_desk_verdict(desk, 20000, &verdict));
	assert_int_equal(verdict.reject, PROCESS_ACCEPTED);
}

/* Networks take turns: who comes alone does not wait for all of another's. */
static void test_turns(void **state) {
	struct logins_desk *desk = *state;
	struct process_verdict verdict;
	unsigned before = 0;
	desk->control.logins->running_max = 1;
	for (unsigned i = 0; i < 100; i++)
		(void)ask_from(desk, 1, i);
	const uint64_t alone = logins_desk_ask(desk, "nobody", "password", ELSEWHERE);
	do {
		assert_true(logins_desk_verdict(desk, 20000, &verdict));
		assert_int_equal(verdict.reject, PROCESS_REJECT_CREDENTIALS);
		before++;
	} while (verdict.id != alone);
	/* The one that was being looked at, and one beside it. */
	assert_in_range(before, 1, 2);
}

/* An office behind one address: all who come at once get in, one after the other. */
static void test_one_address(void **state) {
	enum { PEOPLE = 100 };
	struct logins_desk *desk = *state;
	struct process_verdict verdict;
	char name[16];
	for (unsigned i = 0; i < PEOPLE; i++) {
		(void)snprintf(name, sizeof name, "user%u", i);
		struct store_user user = logins_desk_user(name);
		logins_desk_add(desk, &user);
		(void)logins_desk_ask(desk, name, "password", HOME);
	}
	assert_int_equal(desk->control.logins->running, 1);
	for (unsigned i = 0; i < PEOPLE; i++) {
		/* However slow this machine is. */
		list_for_each (link, &desk->control.logins->items)
			list_item(link, struct control_login, link)->since = clock_now();
		desk->set[0] = '\0';
		assert_true(logins_desk_verdict(desk, 20000, &verdict));
		assert_int_equal(verdict.reject, PROCESS_ACCEPTED);
		assert_int_equal(verdict.id, i + 1);
	}
}

/* Who waited as long as his client does is not looked at any more. */
static void test_patience(void **state) {
	struct logins_desk *desk = *state;
	struct process_verdict verdict;
	const uint64_t first = logins_desk_ask(desk, "alice", "password", HOME),
				   second = logins_desk_ask(desk, "bob", "password", HOME);
	list_for_each (link, &desk->control.logins->items)
		list_item(link, struct control_login, link)->since -= CONTROL_LOGINS_PATIENCE;
	const uint64_t third = logins_desk_ask(desk, "carol", "password", HOME);
	assert_true(logins_desk_verdict(desk, 20000, &verdict));
	assert_int_equal(verdict.id, second);
	assert_int_equal(verdict.reject, PROCESS_REJECT_BUSY);
	for (uint64_t id = first; id <= third; id += third - first) {
		assert_true(logins_desk_verdict(desk, 20000, &verdict));
		assert_int_equal(verdict.id, id);
		assert_int_equal(verdict.reject, PROCESS_REJECT_CREDENTIALS);
	}
}

/* Nobody is let in before it is known who has a session, nor without a store. */
static void test_busy(void **state) {
	struct logins_desk *desk = *state;
	struct store_user user = logins_desk_user("alice");
	logins_desk_add(desk, &user);
	desk->tunnel->synced = false;
	assert_int_equal(logins_desk_login(desk, "alice", "password", HOME), PROCESS_REJECT_BUSY);
	desk->tunnel->synced = true;
	desk->control.store = NULL;
	assert_int_equal(logins_desk_login(desk, "alice", "password", HOME), PROCESS_REJECT_BUSY);
	desk->control.store = desk->bench->store;
	assert_int_equal(logins_desk_login(desk, "alice", "password", HOME), PROCESS_ACCEPTED);
	struct process_message bare = {.type = PROCESS_LOGIN, .login = {99}};
	struct process_verdict verdict;
	logins_desk_hear(desk, bare, slice_of(NULL, 0));
	assert_true(logins_desk_verdict(desk, 1, &verdict));
	assert_int_equal(verdict.id, 99);
	assert_int_equal(verdict.reject, PROCESS_REJECT_BUSY);
}

#define row(test) cmocka_unit_test_setup_teardown(test, logins_desk_set_up, logins_desk_tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
		/* Before others need much. */
		row(test_too_much),
		row(test_let_in),
		row(test_wrong_credentials),
		row(test_certificates),
		row(test_accounts_at_their_end),
		row(test_devices),
		row(test_leases_stay),
		row(test_full_pool),
		row(test_addresses_are_taken_back),
		row(test_smaller_pool),
		row(test_wrong_guesses_wait),
		row(test_threads),
		row(test_abandoned),
		row(test_looked_at_too_late),
		row(test_bounds),
		row(test_too_late_where_all_is_full),
		row(test_turns),
		row(test_one_address),
		row(test_patience),
		row(test_busy),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
