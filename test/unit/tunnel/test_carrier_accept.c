#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "accept_desk.h"

static void strangers_meet_the_site(void **state) {
	struct desk *desk = *state;
	connect_one(desk);
	/* Times are the site's from here on. */
	fake_stream_host_advance(&desk->fake, 2 * CARRIER_ACCEPT_HELLO_SECONDS * CLOCK_SECOND);
	visitor_says(&desk->visitor, "GET / HTTP/1.1");
	visitor_site_gets_data(&desk->visitor, "GET / HTTP/1.1");
	visitor_site_says(&desk->visitor, DECOY_LINK_DATA, "HTTP/1.1 200 OK");
	visitor_gets(&desk->visitor, "HTTP/1.1 200 OK");
	/* The site goes on to hear what comes, until it closes its end. */
	visitor_site_says(&desk->visitor, DECOY_LINK_FINISH, "");
	fake_stream_host_until(&desk->fake, visitor_has_finished, &desk->visitor);
	assert_false(desk->visitor.cut);
	visitor_says(&desk->visitor, "more");
	visitor_site_gets_data(&desk->visitor, "more");
	assert_int_equal(desk->ended, 0);
	visitor_close_site(&desk->visitor);
	tls_stream_free(desk->visitor.tls);
	desk->visitor.tls = NULL;
	fake_stream_host_until(&desk->fake, is_over, desk);
	assert_int_equal(desk->ended, 1);
	assert_int_equal(desk->judged, 0);
}

/* As a web server's kernel answers what comes for a connection that was closed. */
static void is_closed_when_the_site_is(void **state) {
	struct desk *desk = *state;
	connect_one(desk);
	visitor_site_says(&desk->visitor, DECOY_LINK_FINISH, "");
	visitor_close_site(&desk->visitor);
	fake_stream_host_until(&desk->fake, visitor_has_finished, &desk->visitor);
	assert_false(desk->visitor.cut);
	assert_int_equal(desk->ended, 0);
	visitor_says(&desk->visitor, "too late");
	fake_stream_host_until(&desk->fake, is_over, desk);
	assert_int_equal(desk->ended, 1);
}

static void cuts_off_where_the_site_says(void **state) {
	struct desk *desk = *state;
	connect_one(desk);
	visitor_site_says(&desk->visitor, DECOY_LINK_DATA, "all of it");
	visitor_site_says(&desk->visitor, DECOY_LINK_CUT, "");
	visitor_close_site(&desk->visitor);
	fake_stream_host_until(&desk->fake, visitor_has_finished, &desk->visitor);
	visitor_gets(&desk->visitor, "all of it");
	assert_true(desk->visitor.cut);
	assert_int_equal(desk->ended, 0);
	tls_stream_free(desk->visitor.tls);
	desk->visitor.tls = NULL;
	fake_stream_host_until(&desk->fake, is_over, desk);
	assert_int_equal(desk->ended, 1);
}

static void waits_for_the_peer_to_close(void **state) {
	struct desk *desk = *state;
	connect_one(desk);
	visitor_site_says(&desk->visitor, DECOY_LINK_FINISH, "");
	visitor_close_site(&desk->visitor);
	fake_stream_host_until(&desk->fake, visitor_has_finished, &desk->visitor);
	fake_stream_host_advance(&desk->fake, (CARRIER_ACCEPT_CLOSING_SECONDS - 1) * CLOCK_SECOND);
	assert_int_equal(desk->ended, 0);
	fake_stream_host_advance(&desk->fake, CLOCK_SECOND);
	assert_int_equal(desk->ended, 1);
}

static void tells_the_site_of_an_end(void **state) {
	struct desk *desk = *state;
	connect_one(desk);
	visitor_says(&desk->visitor, "last words");
	tls_stream_finish(desk->visitor.tls);
	visitor_site_gets_data(&desk->visitor, "last words");
	visitor_site_gets(&desk->visitor, DECOY_LINK_END);
	visitor_site_says(&desk->visitor, DECOY_LINK_DATA, "answer");
	visitor_gets(&desk->visitor, "answer");
	visitor_site_says(&desk->visitor, DECOY_LINK_FINISH, "");
	visitor_close_site(&desk->visitor);
	fake_stream_host_until(&desk->fake, is_over, desk);
	fake_stream_host_until(&desk->fake, visitor_has_finished, &desk->visitor);
	assert_int_equal(desk->ended, 1);
}

static void tells_the_site_of_a_reset(void **state) {
	struct desk *desk = *state;
	connect_one(desk);
	tls_stream_abort(desk->visitor.tls);
	desk->visitor.tls = NULL;
	fake_stream_host_until(&desk->fake, is_over, desk);
	assert_int_equal(desk->ended, 1);
	assert_true(visitor_site_is_left(&desk->visitor));
}

static void refuses(void **state) {
	struct desk *desk = *state;
	connect_one(desk);
	visitor_says(&desk->visitor, "x");
	visitor_site_gets_data(&desk->visitor, "x");
	/* A verdict is dear, and who is to be let in needs one. */
	for (size_t i = 0; i < 3; i++) {
		desk->admits = i > 0;
		visitor_site_says(&desk->visitor, DECOY_LINK_CANDIDATE, i == 0 ? "Y29va2ll" : "x");
		visitor_site_gets(&desk->visitor, DECOY_LINK_VERDICT);
		assert_false(desk->visitor.message.admitted);
		assert_int_equal(desk->judged, 1);
		assert_string_equal(desk->text, "Y29va2ll");
	}
	/* Bound to this very connection. */
	uint8_t exporter[STREAM_EXPORTER_SIZE];
	assert_true(desk->had_exporter);
	assert_int_equal(
		tls_exporter(tls_stream_tls(desk->visitor.tls), LABEL, exporter, sizeof exporter), ERR_OK);
	assert_memory_equal(exporter, desk->exporter, sizeof exporter);
	visitor_site_says(&desk->visitor, DECOY_LINK_DATA, "page");
	visitor_gets(&desk->visitor, "page");
}

static void admit(struct desk *desk) {
	desk->admits = true;
	visitor_says(&desk->visitor, "request");
	visitor_site_gets_data(&desk->visitor, "request");
	visitor_site_says(&desk->visitor, DECOY_LINK_CANDIDATE, "cookie");
	visitor_site_gets(&desk->visitor, DECOY_LINK_VERDICT);
	assert_true(desk->visitor.message.admitted);
}

static void hands_over(void **state) {
	struct desk *desk = *state;
	connect_one(desk);
	admit(desk);
	uint8_t client[X25519_KEY_SIZE], random[SEEN_RANDOM_SIZE];
	memset(client, 0xc1, sizeof client);
	memset(random, 0xab, sizeof random);
	assert_int_equal(carrier_accept_silent_since(desk->accept), CARRIER_ACCEPT_STAYS);
	assert_int_equal(desk->visitor.message.bytes.size, 6);
	assert_memory_equal(desk->visitor.message.bytes.data, "answer", 6);
	assert_memory_equal(desk->visitor.message.entry.client, client, sizeof client);
	assert_memory_equal(desk->visitor.message.entry.random, random, sizeof random);
	assert_int_equal(desk->visitor.message.entry.timestamp, 7);

	visitor_site_says(&desk->visitor, DECOY_LINK_DATA, "headers");
	visitor_gets(&desk->visitor, "headers");
	visitor_says(&desk->visitor, "ack+frames");
	visitor_site_gets_data(&desk->visitor, "ack+frames");
	visitor_site_says(&desk->visitor, DECOY_LINK_RAW, "");
	visitor_site_says(&desk->visitor, DECOY_LINK_BACK, "fra");
	visitor_site_gets(&desk->visitor, DECOY_LINK_STOP);
	/* From here on all waits for the carrier. */
	visitor_says(&desk->visitor, "behind");
	fake_stream_host_turn(&desk->fake);
	assert_false(visitor_site_reads(&desk->visitor));
	visitor_site_says(&desk->visitor, DECOY_LINK_BACK, "mes");
	fake_stream_host_turn(&desk->fake);
	assert_int_equal(desk->taken, 0);
	visitor_close_site(&desk->visitor);
	fake_stream_host_until(&desk->fake, is_over, desk);
	assert_int_equal(desk->taken, 1);
	assert_int_equal(desk->ended, 0);
	assert_memory_equal(desk->taken_client, client, sizeof client);
	assert_int_equal(desk->keys.send[0], 5);
	assert_int_equal(byte_queue_size(&desk->first), 6);
	assert_memory_equal(byte_queue_view(&desk->first).data, "frames", 6);
	/* Whoever owns the stream now gets it. */
	tls_stream_set_owner(desk->taken_tls, &visitor_ops, &desk->visitor);
	tls_stream_resume(desk->taken_tls);
	visitor_gets(&desk->visitor, "behind");
}

static void keeps_what_was_under_way(void **state) {
	struct desk *desk = *state;
	connect_one(desk);
	admit(desk);
	visitor_says(&desk->visitor, "ack");
	visitor_site_gets_data(&desk->visitor, "ack");
	/* On its way to the site when that says RAW. */
	visitor_says(&desk->visitor, "frames");
	visitor_site_says(&desk->visitor, DECOY_LINK_RAW, "");
	visitor_site_gets(&desk->visitor, DECOY_LINK_DATA);
	visitor_site_gets(&desk->visitor, DECOY_LINK_STOP);
	visitor_site_says(&desk->visitor, DECOY_LINK_BACK, "frames");
	visitor_close_site(&desk->visitor);
	fake_stream_host_until(&desk->fake, is_over, desk);
	assert_int_equal(desk->taken, 1);
	assert_int_equal(byte_queue_size(&desk->first), 6);
}

static void is_not_taken_in_vain(void **state) {
	struct desk *desk = *state;
	connect_one(desk);
	admit(desk);
	visitor_site_says(&desk->visitor, DECOY_LINK_RAW, "");
	visitor_site_gets(&desk->visitor, DECOY_LINK_STOP);
	fake_stream_host_advance(&desk->fake, CARRIER_ACCEPT_TAKING_SECONDS * CLOCK_SECOND);
	assert_reset(desk);
	assert_int_equal(desk->taken, 0);
}

static void breaks_off(struct desk *desk, bool admitted, enum decoy_link_type type,
					   const char *text) {
	connect_one(desk);
	if (admitted)
		admit(desk);
	visitor_site_says(&desk->visitor, type, text);
	assert_reset(desk);
	assert_true(visitor_site_is_left(&desk->visitor));
	assert_int_equal(desk->taken, 0);
}

static void breaks_off_by_order(void **state) {
	breaks_off(*state, false, DECOY_LINK_ABORT, "");
}
static void breaks_off_raw_without_admission(void **state) {
	breaks_off(*state, false, DECOY_LINK_RAW, "");
}
static void breaks_off_back_without_raw(void **state) {
	breaks_off(*state, true, DECOY_LINK_BACK, "x");
}
static void breaks_off_a_second_admission(void **state) {
	breaks_off(*state, true, DECOY_LINK_CANDIDATE, "cookie");
}
static void breaks_off_candidates_whose_verdicts_nobody_hears(void **state) {
	struct desk *desk = *state;
	connect_one(desk);
	for (; !is_over(desk) && desk->judged < 10000; fake_stream_host_turn(&desk->fake))
		visitor_site_says(&desk->visitor, DECOY_LINK_CANDIDATE, "cookie");
	assert_reset(desk);
}

static void breaks_off_nonsense(void **state) {
	struct desk *desk = *state;
	connect_one(desk);
	assert_int_equal(send(visitor_site(&desk->visitor), "\x63", 1, 0), 1);
	assert_reset(desk);
}

static void breaks_off_without_a_site(void **state) {
	struct desk *desk = *state;
	connect_one(desk);
	visitor_close_site(&desk->visitor);
	assert_reset(desk);
}

static void is_bounded_towards_the_site(void **state) {
	struct desk *desk = *state;
	size_t got = 0;
	connect_one(desk);
	desk->visitor.left = BULK;
	visitor_send_zeros(&desk->visitor);
	for (int i = 0; i < 100; i++)
		fake_stream_host_turn(&desk->fake);
	/* It waits in the kernel and with the client. */
	assert_true(desk->visitor.left > 0);
	while (got < BULK) {
		visitor_site_gets(&desk->visitor, DECOY_LINK_DATA);
		got += desk->visitor.message.bytes.size;
	}
	assert_int_equal(got, BULK);
	assert_true(has_sent_bulk(desk));
}

static void is_bounded_towards_the_peer(void **state) {
	struct desk *desk = *state;
	connect_one(desk);
	size_t sent = visitor_is_filled(&desk->visitor, 16 * BULK);
	assert_true(sent < 16 * BULK);
	desk->visitor.room = TLS_RECORD_SIZE_MAX;
	tls_stream_resume(desk->visitor.tls);
	while (sent < 16 * BULK) {
		fake_stream_host_until(&desk->fake, visitor_site_can_send, &desk->visitor);
		sent += DECOY_LINK_DATA_MAX;
		byte_queue_drop(&desk->visitor.got, SIZE_MAX);
	}
	visitor_site_says(&desk->visitor, DECOY_LINK_FINISH, "");
	visitor_close_site(&desk->visitor);
	fake_stream_host_until(&desk->fake, visitor_has_finished, &desk->visitor);
	assert_false(desk->visitor.cut);
}

/* Who never reads on does not keep what waits for him. */
static void ends_who_does_not_read(void **state) {
	struct desk *desk = *state;
	connect_one(desk);
	(void)visitor_is_filled(&desk->visitor, 16 * BULK);
	fake_stream_host_advance(&desk->fake, (CARRIER_ACCEPT_STALL_SECONDS - 1) * CLOCK_SECOND);
	assert_int_equal(desk->ended, 0);
	fake_stream_host_advance(&desk->fake, CLOCK_SECOND);
	assert_int_equal(desk->ended, 1);
}

/* Who sends and does not read is made to wait, and heard again when he reads. */
static void hears_little_of_who_does_not_read(void **state) {
	struct desk *desk = *state;
	size_t got = 0;
	connect_one(desk);
	(void)visitor_is_filled(&desk->visitor, 16 * BULK);
	desk->visitor.left = BULK;
	visitor_send_zeros(&desk->visitor);
	for (int silent = 0; silent < 100; silent++) {
		fake_stream_host_turn(&desk->fake);
		while (visitor_site_reads(&desk->visitor)) {
			got += desk->visitor.message.bytes.size;
			silent = 0;
		}
	}
	assert_true(got > 0 && got < 512 * 1024);
	desk->visitor.room = TLS_RECORD_SIZE_MAX;
	tls_stream_resume(desk->visitor.tls);
	while (got < BULK) {
		visitor_site_gets(&desk->visitor, DECOY_LINK_DATA);
		got += desk->visitor.message.bytes.size;
		byte_queue_drop(&desk->visitor.got, SIZE_MAX);
	}
}

static void hears_no_hello(void **state) {
	struct desk *desk = *state;
	int descriptor = fake_stream_host_connect(&desk->at);
	accept_one(desk);
	fake_stream_host_advance(&desk->fake, (CARRIER_ACCEPT_HELLO_SECONDS - 1) * CLOCK_SECOND);
	assert_int_equal(desk->ended, 0);
	fake_stream_host_advance(&desk->fake, CLOCK_SECOND);
	assert_int_equal(desk->ended, 1);
	char byte;
	assert_int_equal(recv(descriptor, &byte, 1, 0), 0);
	(void)close(descriptor);
	assert_int_equal(desk->fake.stranger_count, 0);
}

/* An alert, and the end, as every TLS server has it. */
static void hears_nonsense(void **state) {
	struct desk *desk = *state;
	static const uint8_t nonsense[] = {22, 3, 1, 0, 4, 1, 0, 0, 0};
	uint8_t answer[64];
	int descriptor = fake_stream_host_connect(&desk->at);
	accept_one(desk);
	assert_int_equal(send(descriptor, nonsense, sizeof nonsense, 0), sizeof nonsense);
	fake_stream_host_until(&desk->fake, is_over, desk);
	assert_int_equal(desk->ended, 1);
	assert_int_equal(recv(descriptor, answer, sizeof answer, MSG_WAITALL), 7);
	assert_int_equal(answer[0], 21);
	(void)close(descriptor);
}

/* Some ask for HTTP where TLS is: the site answers them as well, and never lets them in. */
static void serves_who_speaks_without_tls(void **state) {
	struct desk *desk = *state;
	char answer[64] = "";
	desk->admits = true;
	int descriptor = fake_stream_host_connect(&desk->at);
	accept_one(desk);
	assert_int_equal(send(descriptor, "GET / HTTP/1.1", 14, 0), 14);
	desk->visitor.fake = &desk->fake;
	desk->visitor.open = true;
	fake_stream_host_until(&desk->fake, visitor_is_served, &desk->visitor);
	assert_string_equal(desk->fake.strangers[0].protocol, CARRIER_ACCEPT_PLAIN);
	visitor_site_gets_data(&desk->visitor, "GET / HTTP/1.1");
	visitor_site_says(&desk->visitor, DECOY_LINK_CANDIDATE, "cookie");
	visitor_site_gets(&desk->visitor, DECOY_LINK_VERDICT);
	assert_false(desk->had_exporter);
	visitor_site_says(&desk->visitor, DECOY_LINK_DATA, "HTTP/1.1 400 Bad Request");
	visitor_site_says(&desk->visitor, DECOY_LINK_FINISH, "");
	visitor_close_site(&desk->visitor);
	for (int i = 0; i < 3; i++)
		fake_stream_host_turn(&desk->fake);
	assert_int_equal(recv(descriptor, answer, 24, MSG_WAITALL), 24);
	assert_string_equal(answer, "HTTP/1.1 400 Bad Request");
	assert_int_equal(recv(descriptor, answer, 1, 0), 0);
	(void)close(descriptor);
	fake_stream_host_until(&desk->fake, is_over, desk);
	assert_int_equal(desk->ended, 1);
}

/* Whoever says nothing at all, and goes. */
static void hears_nothing(void **state) {
	struct desk *desk = *state;
	int descriptor = fake_stream_host_connect(&desk->at);
	accept_one(desk);
	(void)close(descriptor);
	fake_stream_host_until(&desk->fake, is_over, desk);
	assert_int_equal(desk->ended, 1);
	assert_int_equal(desk->fake.stranger_count, 0);
}

static void has_no_site(void **state) {
	struct desk *desk = *state;
	desk->fake.is_nobody_serving = true;
	visitor_connect(&desk->visitor, &desk->fake, desk->client_side, &desk->at);
	accept_one(desk);
	assert_reset(desk);
}

static void can_be_freed_at_any_time(void **state) {
	struct desk *desk = *state;
	connect_one(desk);
	admit(desk);
	carrier_accept_free(desk->accept);
	desk->accept = NULL;
	fake_stream_host_until(&desk->fake, visitor_has_failed, &desk->visitor);
	assert_int_equal(desk->ended + desk->taken, 0);
	carrier_accept_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(strangers_meet_the_site),
		TEST(is_closed_when_the_site_is),
		TEST(cuts_off_where_the_site_says),
		TEST(waits_for_the_peer_to_close),
		TEST(tells_the_site_of_an_end),
		TEST(tells_the_site_of_a_reset),
		TEST(refuses),
		TEST(hands_over),
		TEST(keeps_what_was_under_way),
		TEST(is_not_taken_in_vain),
		TEST(breaks_off_by_order),
		TEST(breaks_off_raw_without_admission),
		TEST(breaks_off_back_without_raw),
		TEST(breaks_off_a_second_admission),
		TEST(breaks_off_candidates_whose_verdicts_nobody_hears),
		TEST(breaks_off_nonsense),
		TEST(breaks_off_without_a_site),
		TEST(is_bounded_towards_the_site),
		TEST(is_bounded_towards_the_peer),
		TEST(ends_who_does_not_read),
		TEST(hears_little_of_who_does_not_read),
		TEST(hears_no_hello),
		TEST(hears_nonsense),
		TEST(serves_who_speaks_without_tls),
		TEST(hears_nothing),
		TEST(has_no_site),
		TEST(can_be_freed_at_any_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
