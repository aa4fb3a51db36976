#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/logins.h"

/*
 * What comes of logins: tickets and what ends them, restarts, users and certificates that are not
 * let in any more, what members use.
 */

#define MINUTE (60 * CLOCK_SECOND)
/* Three keepalives that are missed, and what a login takes. */
#define FOUND_DEAD (50 * CLOCK_SECOND)

static const struct node_options shards[] = {{.shards = 1}, {.shards = 3}};

static const struct logins_options by_password = {.password = "secret"};

/* A ticket lets its owner in without a judge, and once. */
static void test_ticket(void **state) {
	for (size_t i = 0; i < 2; i++) {
		const struct logins_options options = {.node = &shards[i], .password = "secret"};
		struct logins *logins = logins_up(60 + i, &options);
		struct uapi_ticket before;
		logins_assert_talking(logins, 1);
		for (uint32_t round = 0; round < 5; round++) {
			before = logins->client_host.ticket;
			logins_end_session(logins);
			logins_come_back(logins, 3 + 2 * round);
			assert_int_equal(logins->judged, 1);
			assert_memory_not_equal(logins->server_host.ticket.hash, before.hash, HASH_SIZE);
			assert_memory_equal(logins->server_host.ticket.hash, logins->client_host.ticket.hash,
								HASH_SIZE);
		}
		/* What was used up is worth nothing: a password, or nothing. */
		logins_end_session(logins);
		logins_give_ticket(logins, &before, "secret");
		logins_come_back(logins, 20);
		assert_int_equal(logins->judged, 2);
		logins_end_session(logins);
		logins_give_ticket(logins, &before, NULL);
		node_link(logins->client, true);
		logins_run(logins, CLOCK_SECOND);
		logins_assert_apart(logins, 22);
		const long event = logins_last_event(&logins->client_host, DEVICE_EVENT_REFUSED);
		assert_true(event >= 0);
		assert_non_null(strstr(logins->client_host.events[event].text, "password"));
		logins_free(logins);
	}
}

/* Who keeps tickets could not be told of one for a while. */
static void test_untold(void **state) {
	struct logins *logins = logins_up(94, &by_password);
	struct logins_host *host = &logins->server_host;
	logins_assert_talking(logins, 1);
	const struct uapi_ticket before = host->ticket;
	host->deaf = ERR_LIMIT;
	logins_end_session(logins);
	logins_come_back(logins, 3);
	assert_memory_equal(host->ticket.hash, before.hash, HASH_SIZE);
	host->deaf = ERR_CLOSED;
	logins_run(logins, 10 * CLOCK_SECOND);
	assert_memory_equal(host->ticket.hash, before.hash, HASH_SIZE);
	host->deaf = ERR_OK;
	logins_run(logins, 2 * CLOCK_SECOND);
	assert_memory_equal(host->ticket.hash, logins->client_host.ticket.hash, HASH_SIZE);
	const size_t tickets = host->tickets;
	logins_run(logins, 10 * CLOCK_SECOND);
	assert_int_equal(host->tickets, tickets);
	logins_free(logins);
}

/* Who comes and goes all the time is let in once a second, and never judged for it. */
static void test_restless(void **state) {
	struct logins *logins = logins_up(93, &by_password);
	logins_assert_talking(logins, 1);
	const size_t before = logins->server_host.tickets;
	for (int i = 0; i < 25; i++) {
		node_link(logins->client, false);
		logins_run(logins, 100 * CLOCK_MILLISECOND);
		node_link(logins->client, true);
		logins_run(logins, 100 * CLOCK_MILLISECOND);
	}
	assert_in_range(logins->server_host.tickets - before, 3, 6);
	logins_run(logins, 3 * CLOCK_SECOND);
	logins_assert_talking(logins, 3);
	assert_int_equal(logins->judged, 1);
	logins_free(logins);
}

/* A ticket that was not used up is as good as before; whoever takes it, takes it alone. */
static void test_ticket_without_password(void **state) {
	struct logins *logins = logins_up(62, &by_password);
	const struct uapi_ticket ticket = logins->client_host.ticket;
	logins_end_session(logins);
	logins_give_ticket(logins, &ticket, NULL);
	logins_come_back(logins, 1);
	assert_int_equal(logins->judged, 1);
	logins_free(logins);
}

/* A hello with a ticket, played again by somebody else: nobody loses anything. */
static void test_replayed(void **state) {
	struct logins *logins = logins_up(63, &by_password);
	struct endpoint from, to = node_endpoint(logins->server);
	assert_int_equal(endpoint_parse("203.0.113.9:7", &from), ERR_OK);
	logins_end_session(logins);
	logins_come_back(logins, 1);
	struct slice hello = logins_last_hello(logins);
	for (unsigned i = 0; i < 3; i++) {
		world_send(logins->world, &from, &to, hello);
		logins_run(logins, CLOCK_SECOND);
		logins_assert_talking(logins, 3 + 2 * i);
	}
	assert_int_equal(logins->judged, 1);
	free((void *)(uintptr_t)hello.data);
	logins_free(logins);
}

static void compact(struct node *node) {
	for (size_t i = 0; i < node->record_count; i++)
		free(node->records[i].data);
	node->record_count = 0;
	node->ops->save_all(node->device);
}

/* From its journal a server knows its members and their tickets, and who used his up. */
static void test_server_restarts(void **state) {
	for (size_t i = 0; i < 4; i++) {
		const struct logins_options options = {.node = &shards[i / 2], .password = "secret"};
		struct logins *logins = logins_up(70 + i, &options);
		const struct uapi_ticket first = logins->client_host.ticket;
		logins_end_session(logins);
		logins_come_back(logins, 1);
		if (i % 2)
			compact(logins->server);
		node_restart(logins->server);
		logins_run(logins, FOUND_DEAD);
		logins_assert_talking(logins, 3);
		assert_int_equal(logins->judged, 1);
		logins_end_session(logins);
		node_restart(logins->server);
		logins_run(logins, CLOCK_SECOND);
		logins_give_ticket(logins, &first, "secret");
		logins_come_back(logins, 5);
		assert_int_equal(logins->judged, 2);
		logins_free(logins);
	}
}

static bool pass_nothing(void *context, const struct endpoint *from, const struct endpoint *to,
						 struct slice datagram) {
	return false;
}

static void test_client_restarts(void **state) {
	for (size_t i = 0; i < 2; i++) {
		struct logins *logins = logins_up(74 + i, &by_password);
		logins_assert_talking(logins, 1);
		if (i % 2)
			compact(logins->client);
		logins->world->tap.pass = pass_nothing; /* a process that dies says no farewell */
		node_restart(logins->client);
		logins->world->tap.pass = NULL;
		logins_run(logins, CLOCK_SECOND);
		logins_assert_talking(logins, 3);
		assert_int_equal(logins->judged, 1);
		logins_free(logins);
	}
}

/* With the host's keeping alone, as after the daemon's restart; where it is old, it is not taken.
 */
static void test_kept_tickets(void **state) {
	for (size_t i = 0; i < 2; i++) {
		struct logins *logins = logins_up(76 + i, &by_password);
		const struct uapi_ticket old = logins->server_host.ticket;
		struct uapi_text text = {.data = NULL};
		char *copy;
		logins_end_session(logins);
		if (i == 1) {
			logins_come_back(logins, 1);
			logins_end_session(logins);
		}
		/* What is there knows better: the host is told what it has to keep. */
		const size_t told = logins->server_host.tickets;
		uapi_put_key(&text, "public_key", logins->member_identity);
		uapi_put_ticket(&text, "ticket", &old);
		copy = calloc(1, text.size + 1);
		assert_non_null(copy);
		memcpy(copy, text.data, text.size);
		assert_int_equal(logins_set(logins->server, copy), 0);
		assert_int_equal(logins->server_host.tickets - told, i);
		/* Anew. */
		assert_int_equal(node_set(logins->server, "public_key=%s\nremove=true\n",
								  node_hex(logins->member_identity)),
						 0);
		logins_run(logins, CLOCK_SECOND);
		logins->member_lines = copy + strcspn(copy, "\n") + 1;
		assert_int_equal(node_set(logins->server,
								  "public_key=%s\nname=alice\naddress=10.0.0.2/24\n"
								  "allowed_ip=10.0.0.2/32\nallowed_ip=fd00::2/128\n%s",
								  node_hex(logins->member_identity), logins->member_lines),
						 0);
		logins->member_lines = NULL;
		node_link(logins->client, true);
		logins_run(logins, CLOCK_SECOND);
		logins_assert_talking(logins, 3);
		assert_int_equal(logins->judged, 1 + i);
		free(copy);
		uapi_text_done(&text);
		logins_free(logins);
	}
}

/* A ticket lasts as long as was said; and seven days after the login, whatever comes between. */
static void test_ticket_ends(void **state) {
	const struct logins_options brief = {.password = "secret",
										 .server_lines = "ticket_seconds=60\n"};
	const struct logins_options none = {.password = "secret", .server_lines = "ticket_seconds=0\n"};
	struct logins *logins = logins_up(80, &brief);
	assert_int_equal(logins->server_host.ticket_until, logins->client_host.ticket_until);
	logins_end_session(logins);
	logins_run(logins, 50 * CLOCK_SECOND);
	logins_come_back(logins, 1);
	assert_int_equal(logins->judged, 1);
	logins_end_session(logins);
	logins_run(logins, 70 * CLOCK_SECOND);
	logins_come_back(logins, 3);
	assert_int_equal(logins->judged, 2);
	logins_free(logins);

	logins = logins_up(81, &by_password);
	const uint64_t end = logins->server_host.ticket_until;
	logins_end_session(logins);
	world_run(logins->world, 3 * 24 * 60 * MINUTE);
	logins_come_back(logins, 1);
	assert_int_equal(logins->server_host.ticket_until, end);
	logins_end_session(logins);
	world_run(logins->world, 4 * 24 * 60 * MINUTE);
	logins_come_back(logins, 3);
	assert_int_equal(logins->judged, 2);
	logins_free(logins);

	logins = logins_up(82, &none);
	assert_false(logins->server_host.has_ticket || logins->client_host.has_ticket);
	logins_end_session(logins);
	logins_come_back(logins, 1);
	assert_int_equal(logins->judged, 2);
	logins_free(logins);
}

/* A ticket of a login by less than what is demanded by now is not taken. */
static void test_more_is_demanded(void **state) {
	const struct logins_options options = {.password = "secret", .certificate = true};
	struct logins *logins = logins_up(89, &options);
	logins_end_session(logins);
	assert_int_equal(node_set(logins->server, "demands=password,certificate\n"), 0);
	logins_come_back(logins, 1);
	assert_int_equal(logins->judged, 2);
	logins_end_session(logins);
	assert_int_equal(node_set(logins->server, "demands=certificate\n"), 0);
	logins_come_back(logins, 3);
	assert_int_equal(logins->judged, 2);
	logins_free(logins);
}

/* Under another key nothing of before can be opened; who stored it is told. */
static void test_other_key(void **state) {
	struct logins *logins = logins_up(92, &by_password);
	logins_assert_talking(logins, 1);
	assert_true(logins->server_host.has_ticket);
	assert_int_equal(node_set(logins->server, "ticket_key=%s\n", node_hex(logins->server_identity)),
					 0);
	assert_false(logins->server_host.has_ticket);
	logins_assert_talking(logins, 3);
	logins_end_session(logins);
	logins_come_back(logins, 5);
	assert_int_equal(logins->judged, 2);
	logins_free(logins);
}

static bool pass_handshakes(void *context, const struct endpoint *from, const struct endpoint *to,
							struct slice datagram) {
	return datagram.data[5] == PHAZE_HANDSHAKE;
}

/* A resumption is over with its first packet, and with its member. */
static void test_handshakes_end(void **state) {
	struct logins *logins = logins_up(93, &by_password);
	size_t half_open;
	logins_end_session(logins);
	logins_run(logins, 20 * CLOCK_SECOND);
	logins_come_back(logins, 1);
	assert_int_equal(phaze_gate_count(logins->server->device, &half_open), 0);
	logins_end_session(logins);
	logins->world->tap.pass = pass_handshakes;
	node_link(logins->client, true);
	logins_run(logins, CLOCK_SECOND);
	assert_int_equal(phaze_gate_count(logins->server->device, &half_open), 1);
	assert_int_equal(half_open, 1);
	assert_int_equal(
		node_set(logins->server, "public_key=%s\nremove=true\n", node_hex(logins->member_identity)),
		0);
	assert_int_equal(phaze_gate_count(logins->server->device, &half_open), 0);
	logins_free(logins);
}

/* An end that comes between the verdict and the session's beginning holds for its ticket, too. */
static void test_ended_at_once(void **state) {
	struct logins *logins = logins_new(91, &by_password);
	logins->silent = true;
	node_link(logins->server, true);
	node_link(logins->client, true);
	logins_run(logins, CLOCK_SECOND);
	assert_int_equal(logins->waiting_count, 1);
	logins_judge(logins);
	assert_int_equal(
		node_set(logins->server, "public_key=%s\nend=2\n", node_hex(logins->member_identity)), 0);
	/* The client, whose CLOSE may have come before the keys that open it, finds it out. */
	logins_run(logins, FOUND_DEAD);
	assert_false(logins->server_host.has_ticket);
	assert_false(logins_member(logins)->has_ticket);
	assert_int_equal(logins->waiting_count, 1);
	logins_free(logins);
}

/* Who keeps users ends a session: at once, and the ticket is none any more. */
static void test_ended(void **state) {
	struct logins *logins = logins_up(83, &by_password);
	logins_assert_talking(logins, 1);
	logins->silent = true;
	assert_int_equal(
		node_set(logins->server, "public_key=%s\nend=2\n", node_hex(logins->member_identity)), 0);
	assert_false(logins->server_host.has_ticket);
	logins_run(logins, CLOCK_SECOND);
	logins_assert_ended(logins, PHAZE_CLOSE_REVOKED);
	logins_run(logins, 3 * CLOCK_SECOND);
	logins_assert_apart(logins, 3);
	assert_int_equal(logins->waiting_count, 1);
	logins->silent = false;
	logins_run(logins, CLOCK_SECOND);
	logins_assert_talking(logins, 5);
	assert_int_equal(logins->judged, 2);
	assert_int_equal(
		node_set(logins->server, "public_key=%s\nremove=true\n", node_hex(logins->member_identity)),
		0);
	logins->silent = true;
	logins_run(logins, 10 * CLOCK_SECOND);
	assert_int_equal(logins->waiting_count, 1);
	assert_null(logins_member(logins));
	logins_free(logins);
}

/* A certificate that is revoked ends its user's session and ticket within a second. */
static void test_revoked(void **state) {
	const struct logins_options options = {.demands = "certificate", .certificate = true};
	for (size_t i = 0; i < 2; i++) {
		struct logins *logins = logins_up(84 + i, &options);
		logins_assert_talking(logins, 1);
		/* By a full login, and by a ticket of it. */
		if (i == 1) {
			logins_end_session(logins);
			logins_come_back(logins, 3);
			assert_int_equal(logins->judged, 1);
		}
		char *list, *lines, text[8192];
		assert_int_equal(authority_list(logins->desk.authority, DESK_BORN - 1, &list), ERR_OK);
		lines = logins_pem_lines("revoked", list);
		(void)snprintf(text, sizeof text, "replace_revoked=true\n%s", lines);
		assert_int_equal(logins_set(logins->server, text), 0);
		free(lines);
		logins_run(logins, CLOCK_SECOND);
		logins_assert_talking(logins, 5);
		char *longer;
		assert_int_equal(authority_revoke(logins->desk.authority, slice_of_text(list),
										  slice_of_text(logins->client_pair.certificate),
										  DESK_BORN - 1, &longer),
						 ERR_OK);
		lines = logins_pem_lines("revoked", longer);
		(void)snprintf(text, sizeof text, "replace_revoked=true\n%s", lines);
		assert_int_equal(logins_set(logins->server, text), 0);
		free(lines);
		free(longer);
		free(list);
		assert_false(logins->server_host.has_ticket);
		logins_run(logins, CLOCK_SECOND);
		logins_assert_ended(logins, PHAZE_CLOSE_REVOKED);
		logins_run(logins, 5 * CLOCK_SECOND);
		logins_assert_apart(logins, 7);
		assert_int_equal(logins->judged, 1);
		const long event = logins_last_event(&logins->client_host, DEVICE_EVENT_REFUSED);
		assert_true(event >= 0);
		assert_non_null(strstr(logins->client_host.events[event].text, "not accepted"));
		logins_free(logins);
	}
}

/* A list that comes while the judge thinks counts. */
static void test_revoked_meanwhile(void **state) {
	const struct logins_options options = {.demands = "certificate", .certificate = true};
	struct logins *logins = logins_new(86, &options);
	logins->silent = true;
	node_link(logins->server, true);
	node_link(logins->client, true);
	logins_run(logins, CLOCK_SECOND);
	assert_int_equal(logins->waiting_count, 1);
	char *list, text[8192];
	assert_int_equal(authority_revoke(logins->desk.authority, slice_of(NULL, 0),
									  slice_of_text(logins->client_pair.certificate), DESK_BORN - 1,
									  &list),
					 ERR_OK);
	char *lines = logins_pem_lines("revoked", list);
	(void)snprintf(text, sizeof text, "replace_revoked=true\n%s", lines);
	assert_int_equal(logins_set(logins->server, text), 0);
	free(lines);
	free(list);
	logins->silent = false;
	logins_run(logins, 5 * CLOCK_SECOND);
	assert_int_equal(logins->judged, 1);
	logins_assert_apart(logins, 1);
	logins_free(logins);
}

/* A user's time is over to the second; the certificate's too. */
static void test_until(void **state) {
	char lines[64];
	struct logins *logins = logins_new(87, &by_password);
	(void)snprintf(lines, sizeof lines, "until=%llu\n",
				   (unsigned long long)(WORLD_WALL_START / CLOCK_SECOND + 105));
	logins->member_lines = lines;
	node_link(logins->server, true);
	node_link(logins->client, true);
	logins_run(logins, 104 * CLOCK_SECOND);
	logins_assert_talking(logins, 1);
	logins->reject = DEVICE_REJECT_EXPIRED;
	logins_run(logins, 3 * CLOCK_SECOND);
	logins_assert_ended(logins, PHAZE_CLOSE_EXPIRED);
	logins_run(logins, 3 * CLOCK_SECOND);
	logins_assert_apart(logins, 3);
	assert_int_equal(logins->judged, 2); /* no ticket let it in */
	logins_free(logins);
}

/* What a member uses is told every ten seconds, and when his quota is used up. */
static void test_used(void **state) {
	struct logins *logins = logins_up(88, &by_password);
	logins_assert_talking(logins, 1);
	logins_run(logins, 11 * CLOCK_SECOND);
	const uint64_t used = logins->server_host.used;
	assert_true(used > 0);
	assert_int_equal(
		node_set(logins->server, "public_key=%s\nquota=20000\n", node_hex(logins->member_identity)),
		0);
	logins->reject = DEVICE_REJECT_QUOTA;
	for (uint32_t i = 0; i < 100 && logins_last_event(&logins->server_host, DEVICE_EVENT_ENDED) < 0;
		 i++) {
		world_packet(logins->client, logins->server, 10 + i);
		world_packet(logins->server, logins->client, 1000 + i);
		world_run(logins->world, 2 * LOGINS_DELAY);
	}
	assert_true(logins->server_host.used - used >= 20000);
	logins_run(logins, CLOCK_SECOND);
	logins_assert_ended(logins, PHAZE_CLOSE_QUOTA);
	assert_true(logins->server_host.used - used < 40000);
	logins_free(logins);
}

static uint64_t bytes_of(const struct phaze_member *member) {
	const struct peer_published *published = &member->shared.peer.published;
	return published->sent_bytes + published->received_bytes;
}

static struct phaze_member *add_member(const struct logins *logins, uint8_t number) {
	const uint8_t identity[HASH_SIZE] = {number};
	assert_int_equal(node_set(logins->server, "public_key=%s\nname=bob\n", node_hex(identity)), 0);
	struct phaze_member *member = phaze_control_find(logins->server->device, identity);
	assert_non_null(member);
	member->shared.peer.published.sent_bytes += 1000;
	return member;
}

/* Time alone has it told: not what is set of a member, nor that another one comes. */
static void test_used_in_time(void **state) {
	struct logins *logins = logins_up(91, &by_password);
	const unsigned long long wall = WORLD_WALL_START / CLOCK_SECOND;
	const struct phaze_member *bob = add_member(logins, 1);
	assert_int_equal(node_set(logins->client, "public_key=%s\npassword=736563726574\n",
							  node_hex(logins->server_identity)),
					 0);
	logins_run(logins, CLOCK_SECOND);
	assert_int_equal(logins->judged, 2);
	assert_int_equal(bob->told_bytes, 0);
	for (uint32_t i = 0; i < 200; i++) {
		world_packet(logins->client, logins->server, 10 + i);
		world_packet(logins->server, logins->client, 10 + i);
		assert_int_equal(node_set(logins->server, "public_key=%s\nquota=100000000\nuntil=%llu\n",
								  node_hex(logins->member_identity), wall + 1000 + i),
						 0);
		logins_run(logins, 100 * CLOCK_MILLISECOND);
	}
	assert_int_equal(bob->told_bytes, 1000);
	/* At the end of alice's first session, and twice in time. */
	assert_in_range(logins->server_host.tellings, 3, 4);
	logins_assert_talking(logins, 1000);
	logins_free(logins);
}

/* What could not be told counts as not told, and those of whom nothing was come first. */
static void test_used_untold(void **state) {
	enum { OTHERS = 3 };
	struct logins *logins = logins_up(92, &by_password);
	struct logins_host *host = &logins->server_host;
	struct phaze_member *alice = logins_member(logins), *others[OTHERS];
	uint64_t sum = 0;
	host->no_room = ERR_LIMIT;
	for (uint8_t i = 0; i < OTHERS; i++)
		others[i] = add_member(logins, 1 + i);
	logins_assert_talking(logins, 1);
	logins_run(logins, 11 * CLOCK_SECOND);
	assert_int_equal(host->used, 0);
	/* Ten a second, which end with the first. */
	assert_in_range(host->tellings, 5, 22);
	assert_int_equal(
		node_set(logins->server, "public_key=%s\nquota=20000\n", node_hex(logins->member_identity)),
		0);
	assert_int_equal(alice->quota_end, 20000);
	for (size_t i = 0; i < 2; i++) {
		host->room = 2;
		logins_run(logins, 200 * CLOCK_MILLISECOND);
		assert_int_equal(others[0]->told_bytes, 1000);
		for (size_t k = 1; k < OTHERS; k++)
			assert_int_equal(others[k]->told_bytes, i ? 1000 : 0);
		assert_in_range(alice->told_bytes, 1, bytes_of(alice));
		others[0]->shared.peer.published.sent_bytes += 1000;
	}
	host->no_room = ERR_OK;
	logins_run(logins, 21 * CLOCK_SECOND);
	for (size_t i = 0; i < OTHERS; i++)
		sum += others[i]->told_bytes;
	assert_int_equal(sum, (OTHERS + 2) * 1000);
	assert_int_equal(host->used, sum + alice->told_bytes);
	/* Who hears nothing at all is asked no more often than when he does. */
	host->tellings = 0;
	host->no_room = ERR_CLOSED;
	host->room = 0;
	others[0]->shared.peer.published.sent_bytes += 1000;
	logins_run(logins, 30 * CLOCK_SECOND);
	assert_in_range(host->tellings, 2, 4);
	logins_free(logins);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ticket),          cmocka_unit_test(test_ticket_without_password),
		cmocka_unit_test(test_untold),          cmocka_unit_test(test_restless),
		cmocka_unit_test(test_replayed),        cmocka_unit_test(test_server_restarts),
		cmocka_unit_test(test_client_restarts), cmocka_unit_test(test_kept_tickets),
		cmocka_unit_test(test_ticket_ends),     cmocka_unit_test(test_more_is_demanded),
		cmocka_unit_test(test_ended_at_once),   cmocka_unit_test(test_other_key),
		cmocka_unit_test(test_handshakes_end),  cmocka_unit_test(test_ended),
		cmocka_unit_test(test_revoked),         cmocka_unit_test(test_revoked_meanwhile),
		cmocka_unit_test(test_until),           cmocka_unit_test(test_used),
		cmocka_unit_test(test_used_in_time),    cmocka_unit_test(test_used_untold),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
