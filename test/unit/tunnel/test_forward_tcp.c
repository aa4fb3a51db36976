#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tunnel/front_desk.h"

static struct front_desk *forward(void) {
	return front_desk_new(STREAM_LISTENER_TCP, "target.example", NULL);
}

/* Without waiting for the target: what is said at once goes along with the request for it. */
static void relays(void **state) {
	(void)state;
	struct front_desk *desk = forward();
	desk->far.is_connecting_at_once = false;
	int client = front_desk_connect(desk);
	front_desk_say(desk, client, "hello", 5);
	struct fake_far_stream *far = desk->far.streams[0];
	assert_string_equal(far->target.name, "target.example");
	assert_int_equal(far->target.port, 5201);
	assert_false(far->target.udp);
	fake_far_expect(far, "hello", 5);
	fake_far_say(far, "good day", 8);
	front_desk_expect(desk, client, "good day", 8);
	front_desk_far_ends(desk, 0);
	front_desk_expect_end(desk, client);
	front_desk_close(desk, client);
	assert_int_equal(far->error, STREAM_ERROR_NONE);
	assert_true(far->is_closed);
	assert_int_equal(front_desk_figures(desk)->connections, 1);
	assert_int_equal(front_desk_figures(desk)->open_connections, 0);
	assert_int_equal(front_desk_figures(desk)->received, 5);
	assert_int_equal(front_desk_figures(desk)->sent, 8);
	front_desk_free(desk);
}

/* He knows no protocol in which he could be told, so his connection is reset. */
static void passes_refusals_on(void **state) {
	(void)state;
	struct front_desk *desk = forward();
	desk->uplink.refusal = REFUSAL_CARRIER;
	int client = front_desk_connect(desk);
	front_desk_expect_reset(desk, client);
	assert_int_equal(front_desk_figures(desk)->refused, 1);
	front_desk_close(desk, client);
	desk->uplink.refusal = REFUSAL_COUNT;
	desk->far.refusal = STREAM_ERROR_REFUSED_STREAM;
	client = front_desk_connect(desk);
	front_desk_expect_reset(desk, client);
	front_desk_close(desk, client);
	assert_int_equal(front_desk_figures(desk)->open_connections, 0);
	front_desk_free(desk);
}

/* What he says meanwhile stays where it is. */
static void waits_for_the_uplink(void **state) {
	(void)state;
	struct front_desk *desk = forward();
	desk->uplink.is_waiting = true;
	int client = front_desk_connect(desk), other = front_desk_connect(desk);
	front_desk_say(desk, client, "early", 5);
	assert_int_equal(desk->far.count, 0);
	front_ends_free(desk->ends);
	desk->ends = NULL;
	front_desk_expect_reset(desk, other);
	assert_true(list_is_empty(&desk->uplink.wishes));
	(void)close(client);
	(void)close(other);
	front_desk_free(desk);

	desk = forward();
	desk->uplink.is_waiting = true;
	client = front_desk_connect(desk);
	front_desk_say(desk, client, "early", 5);
	assert_int_equal(shutdown(client, SHUT_WR), 0);
	fake_uplink_go_on(&desk->uplink);
	front_desk_turn(desk);
	fake_far_expect(desk->far.streams[0], "early", 5);
	assert_true(desk->far.streams[0]->is_at_end);
	front_desk_close(desk, client);
	front_desk_free(desk);
}

/*
 * Many who break off, one after the other: a server would take it for an attack if each of them
 * were a reset soon after the stream was opened, and end the connection of all.
 */
static void bears_many_who_break_off(void **state) {
	(void)state;
	struct front_desk *desk = forward();
	struct mux *server = desk->carriers.server.end.mux;
	int stays = front_desk_connect(desk);
	for (int i = 0; i < MUX_RESETS_MAX + 50; i++) {
		int client = front_desk_connect(desk);
		struct linger at_once = {.l_onoff = 1};
		assert_int_equal(setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
		front_desk_close(desk, client);
	}
	assert_int_equal(mux_state(server), MUX_OPEN);
	assert_int_equal(front_desk_figures(desk)->open_connections, 1);
	front_desk_say(desk, stays, "still here", 10);
	fake_far_expect(desk->far.streams[0], "still here", 10);
	/* They are gone a little later. */
	assert_true(front_desk_streams(desk) > 1);
	fake_stream_host_advance(&desk->fake, 12 * CLOCK_SECOND);
	assert_int_equal(front_desk_streams(desk), 1);
	assert_int_equal(mux_state(server), MUX_OPEN);
	front_desk_close(desk, stays);
	front_desk_free(desk);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(relays),
		cmocka_unit_test(passes_refusals_on),
		cmocka_unit_test(waits_for_the_uplink),
		cmocka_unit_test(bears_many_who_break_off),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
