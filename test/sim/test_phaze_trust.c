#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "sim/logins.h"

/* Whom a client goes on trusting: its session and ticket when what it trusts changes, or time. */

#define DAY (24 * 60 * 60 * CLOCK_SECOND)

static const struct logins_options by_password = {.password = "secret"};

static void set_texts(struct node *node, const char *replace, const char *key, const char *pem) {
	char text[16384], *lines = logins_pem_lines(key, pem);
	(void)snprintf(text, sizeof text, "%s=true\n%s", replace, lines);
	free(lines);
	assert_int_equal(logins_set(node, text), 0);
}

static void set_list(struct logins *logins, const struct certificate_pair *revoked) {
	char *list;
	enum err error =
		revoked ? authority_revoke(logins->desk.authority, slice_of(NULL, 0),
								   slice_of_text(revoked->certificate), DESK_BORN - 1, &list)
				: authority_list(logins->desk.authority, DESK_BORN - 1, &list);
	assert_int_equal(error, ERR_OK);
	set_texts(logins->client, "replace_revoked", "revoked", list);
	free(list);
}

static void set_pin(const struct logins *logins, bool right) {
	struct certificate_facts facts;
	assert_int_equal(certificate_read(slice_of_text(logins->server_pair.certificate), &facts),
					 ERR_OK);
	facts.pin[0] ^= right ? 0 : 1;
	assert_int_equal(node_set(logins->client, "pin=%s\n", node_hex(facts.pin)), 0);
}

/* The user is told what is wrong; the client has nothing left of that server. */
static void assert_distrusts(const struct logins *logins, const char *why) {
	const long event = logins_last_event(&logins->client_host, DEVICE_EVENT_REFUSED);
	struct uapi_text status = {.data = NULL};
	assert_true(event >= 0);
	assert_non_null(strstr(logins->client_host.events[event].text, why));
	assert_false(logins->client_host.has_ticket);
	assert_false(logins_of_client(logins)->has_ticket);
	assert_int_equal(logins_of_client(logins)->number, 0);
	phaze_uapi_status(logins->client->device, &status);
	uapi_put_text(&status, "end", ""); /* ends with a NUL or not: it is searched as bytes */
	assert_non_null(memmem(status.data, status.size, why, strlen(why)));
	uapi_text_done(&status);
}

/* Without a password nothing follows but the reason. */
static void forget_password(struct logins *logins) {
	const struct uapi_ticket ticket = logins->client_host.ticket;
	logins_end_session(logins);
	logins_give_ticket(logins, &ticket, NULL);
	logins_come_back(logins, 1);
	assert_int_equal(logins->judged, 1);
}

/* Its certificate is on a list that comes while the session goes on: by a login, by a ticket. */
static void test_revoked(void **state) {
	for (size_t i = 0; i < 3; i++) {
		struct logins *logins = logins_up(120 + i, &by_password);
		uint32_t number = 3;
		if (i == 1) {
			logins_end_session(logins);
			logins_come_back(logins, 1);
		} else if (i == 2) {
			forget_password(logins);
		}
		logins_run(logins, 20 * CLOCK_SECOND);
		set_list(logins, NULL);
		logins_run(logins, CLOCK_SECOND);
		logins_assert_talking(logins, number);
		assert_int_equal(logins->judged, 1);
		set_list(logins, &logins->server_pair);
		logins_run(logins, CLOCK_SECOND);
		logins_assert_ended(logins, PHAZE_CLOSE_DONE);
		assert_distrusts(logins, "the server's certificate was revoked");
		logins_run(logins, 70 * CLOCK_SECOND);
		logins_assert_apart(logins, number + 2);
		assert_int_equal(logins->judged, 1);
		/* It was an error: a full login by the password, or none. */
		set_list(logins, NULL);
		logins_run(logins, CLOCK_SECOND);
		if (i == 2)
			logins_assert_apart(logins, number + 4);
		else
			logins_assert_talking(logins, number + 4);
		assert_int_equal(logins->judged, i == 2 ? 1 : 2);
		logins_free(logins);
	}
}

/* Authorities and pins that still vouch for it change nothing. */
static void test_other_trust(void **state) {
	struct logins *logins = logins_up(125, &by_password);
	struct certificate_pair other;
	char both[2 * CERTIFICATE_PEM_SIZE_MAX];
	logins_run(logins, 20 * CLOCK_SECOND);
	assert_int_equal(authority_make("Other", DESK_BORN - 1000, DESK_END, &other), ERR_OK);
	strcpy(stpcpy(both, other.certificate), logins->desk.own.certificate);
	set_texts(logins->client, "replace_authorities", "authority", both);
	set_pin(logins, true);
	logins_run(logins, CLOCK_SECOND);
	logins_assert_talking(logins, 1);
	set_texts(logins->client, "replace_authorities", "authority", other.certificate);
	logins_run(logins, CLOCK_SECOND);
	assert_distrusts(logins, "the server's certificate was issued by nobody that is trusted here: "
							 "auth.ca_file");
	logins_assert_apart(logins, 3);
	/* By the pin alone. */
	assert_int_equal(logins_set(logins->client, "replace_authorities=true\n"), 0);
	logins_run(logins, 20 * CLOCK_SECOND);
	logins_assert_talking(logins, 5);
	assert_int_equal(logins->judged, 2);
	logins_end_session(logins);
	logins_come_back(logins, 7);
	assert_int_equal(logins->judged, 2);
	logins_run(logins, 20 * CLOCK_SECOND);
	set_pin(logins, false);
	logins_run(logins, CLOCK_SECOND);
	logins_assert_ended(logins, PHAZE_CLOSE_DONE);
	assert_distrusts(logins, "has another key than the one that is pinned: auth.pin");
	logins_free(logins);
}

/* The last that it showed; it may have another one by then. */
static void test_expires(void **state) {
	for (size_t i = 0; i < 2; i++) {
		struct logins *logins = logins_up(130 + i, &by_password);
		struct certificate_facts facts;
		assert_int_equal(certificate_read(slice_of_text(logins->server_pair.certificate), &facts),
						 ERR_OK);
		if (i == 1)
			set_pin(logins, true);
		if (i == 1)
			assert_int_equal(logins_set(logins->client, "replace_authorities=true\n"), 0);
		logins_run(logins, 20 * CLOCK_SECOND);
		logins_assert_talking(logins, 1);
		const size_t judged = logins->judged;
		/* Thirty days in a moment. */
		const uint64_t wall = node_wall_now(logins->client) / CLOCK_SECOND;
		logins->client->wall_offset = ((uint64_t)facts.valid_until - wall - 30) * CLOCK_SECOND;
		logins_run(logins, 29 * CLOCK_SECOND);
		logins_assert_talking(logins, 3);
		logins_run(logins, 3 * CLOCK_SECOND);
		logins_assert_ended(logins, PHAZE_CLOSE_DONE);
		assert_distrusts(logins, "the server's certificate has expired");
		assert_int_equal(logins->judged, judged);
		logins_free(logins);
	}
}

static bool has_problem(const struct node *node) {
	static const char line[] = "problem=its list of revoked certificates is out of date";
	struct uapi_text status = {.data = NULL};
	phaze_uapi_status(node->device, &status);
	const bool found = memmem(status.data, status.size, line, sizeof line - 1) != NULL;
	uapi_text_done(&status);
	return found;
}

/* A list that was good when it came: the log has it once, the status for as long as it is so. */
static void test_outdated(void **state) {
	const struct logins_options options = {.demands = "certificate", .certificate = true};
	struct logins *logins = logins_up(140, &options);
	struct node *server = logins->server;
	char *list;
	assert_int_equal(authority_list(logins->desk.authority, DESK_BORN - 1, &list), ERR_OK);
	set_texts(server, "replace_revoked", "revoked", list);
	free(list);
	logins_run(logins, CLOCK_SECOND);
	logins_assert_talking(logins, 1);
	assert_false(has_problem(server));
	const size_t before = server->warnings;
	logins_end_session(logins);
	const uint64_t wall = node_wall_now(server) / CLOCK_SECOND;
	server->wall_offset = ((uint64_t)DESK_END - wall) * CLOCK_SECOND;
	node_link(logins->client, true);
	logins_run(logins, 5 * CLOCK_SECOND);
	assert_true(has_problem(server));
	assert_int_equal(server->warnings, before + 1);
	logins_assert_apart(logins, 3);
	server->wall_offset = 0;
	assert_false(has_problem(server));
	logins_free(logins);
}

/* What was kept over a restart is held against what is trusted by then. */
static void test_kept(void **state) {
	struct logins *logins = logins_up(135, &by_password);
	const struct uapi_ticket ticket = logins->client_host.ticket;
	logins_end_session(logins);
	assert_int_equal(logins_set(logins->client, "replace_peers=true\n"), 0);
	set_list(logins, &logins->server_pair);
	logins_give_ticket(logins, &ticket, NULL);
	node_link(logins->client, true);
	const size_t hellos = logins_hellos(logins);
	logins_run(logins, 5 * CLOCK_SECOND);
	assert_int_equal(logins_hellos(logins), hellos);
	logins_assert_apart(logins, 1);
	assert_distrusts(logins, "the server's certificate was revoked");
	logins_free(logins);
}

/* Reseals the client's ticket as another. */
static struct uapi_ticket resealed(const struct logins *logins, const struct phaze_pass *pass) {
	struct uapi_ticket ticket = logins->client_host.ticket;
	size_t size;
	assert_int_equal(phaze_pass_seal(pass, logins->client->device->settings.ticket_key,
									 logins->server_identity,
									 engine_get_options(logins->client->device->engine)->random,
									 ticket.sealed, &size),
					 ERR_OK);
	ticket.size = (uint16_t)size;
	return ticket;
}

/* One of before tickets had a certificate: nobody could say whose it is. */
static void test_kept_of_old(void **state) {
	struct logins *logins = logins_up(136, &by_password);
	struct phaze_pass pass = logins_of_client(logins)->pass;
	pass.by_certificate = false;
	const struct uapi_ticket ticket = resealed(logins, &pass);
	logins_end_session(logins);
	logins_give_ticket(logins, &ticket, "secret");
	logins_come_back(logins, 1);
	assert_int_equal(logins->judged, 2);
	logins_free(logins);
}

/* However often it is renewed, and whatever the server says: seven days after the full login. */
static void test_week(void **state) {
	struct logins *logins = logins_up(137, &by_password);
	const uint64_t end = logins->client_host.ticket_until;
	for (uint32_t i = 1; i < 7; i++) {
		logins_end_session(logins);
		world_run(logins->world, DAY);
		struct phaze_member *member = logins_member(logins);
		member->pass.login += DAY / CLOCK_SECOND;
		member->pass.until += DAY / CLOCK_SECOND;
		logins_come_back(logins, 2 * i + 1);
		assert_true(logins->server_host.ticket_until > end);
		assert_int_equal(logins->client_host.ticket_until, end);
	}
	assert_int_equal(logins->judged, 1);
	logins_end_session(logins);
	world_run(logins->world, DAY);
	logins_come_back(logins, 21);
	assert_int_equal(logins->judged, 2);
	logins_free(logins);
}

/* Kept tickets come behind the configuration: in place of what was said so far, or too late. */
static void test_ticket_comes_late(void **state) {
	for (uint64_t i = 0; i < 2; i++) {
		const struct logins_options options = {.demands = "certificate", .certificate = true};
		struct logins *logins = logins_up(62, &options);
		const struct uapi_ticket ticket = logins->client_host.ticket;
		struct uapi_text text = {.data = NULL};
		logins_end_session(logins);
		logins_give_ticket(logins, NULL, NULL);
		node_link(logins->client, true);
		logins_run(logins, i ? 4 * LOGINS_DELAY : LOGINS_DELAY);
		const size_t ended = logins->client_host.event_count;
		uapi_put_key(&text, "public_key", logins->server_identity);
		uapi_put_ticket(&text, "ticket", &ticket);
		assert_int_equal(node_set(logins->client, "%.*s", (int)text.size, text.data), 0);
		uapi_text_done(&text);
		logins_run(logins, CLOCK_SECOND);
		/* The one session, and nobody took its place. */
		logins_assert_talking(logins, 1);
		assert_int_equal(logins->judged, 1 + i);
		for (size_t at = ended; at < logins->client_host.event_count; at++)
			assert_int_not_equal(logins->client_host.events[at].kind, DEVICE_EVENT_ENDED);
		logins_free(logins);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ticket_comes_late),
		cmocka_unit_test(test_revoked),
		cmocka_unit_test(test_other_trust),
		cmocka_unit_test(test_expires),
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_kept_of_old),
		cmocka_unit_test(test_week),
		cmocka_unit_test(test_outdated),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
