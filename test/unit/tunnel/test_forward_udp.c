#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "tunnel/datagram_flow.h"
#include "tunnel/forward_udp.h"
#include "tunnel/front_desk.h"

static struct front_desk *forward(void) {
	return front_desk_new(STREAM_LISTENER_UDP, "target.example", NULL);
}

/* A socket that talks to the forward. */
static int sender(struct front_desk *desk) {
	struct endpoint mine;
	int descriptor = fake_stream_host_datagrams(&mine);
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(desk->at.port)};
	memcpy(&to.sin_addr, desk->at.address.bytes, 4);
	assert_int_equal(connect(descriptor, (struct sockaddr *)&to, sizeof to), 0);
	return descriptor;
}

/* Each sender has a stream, and gets what comes back by it. */
static void passes_on(void **state) {
	(void)state;
	struct front_desk *desk = forward();
	int senders[2] = {sender(desk), sender(desk)};
	front_desk_say(desk, senders[0], "one", 3);
	front_desk_say(desk, senders[1], "two", 3);
	front_desk_say(desk, senders[0], "more", 4);
	front_desk_say(desk, senders[1], "", 0);
	assert_int_equal(desk->far.count, 2);
	assert_true(desk->far.streams[0]->target.udp);
	assert_string_equal(desk->far.streams[0]->target.name, "target.example");
	fake_far_expect(desk->far.streams[0], BYTES(0, 3, 'o', 'n', 'e', 0, 4, 'm', 'o', 'r', 'e'));
	fake_far_expect(desk->far.streams[1], BYTES(0, 3, 't', 'w', 'o', 0, 0));
	/* In pieces. */
	fake_far_say(desk->far.streams[1], BYTES(0, 5, 'a'));
	front_desk_expect_nothing(desk, senders[1]);
	fake_far_say(desk->far.streams[1], "nswer", 5);
	front_desk_expect(desk, senders[1], "answe", 5);
	front_desk_expect_nothing(desk, senders[0]);
	assert_int_equal(front_desk_figures(desk)->sessions, 2);
	assert_int_equal(front_desk_figures(desk)->open_sessions, 2);
	assert_int_equal(front_desk_figures(desk)->datagrams_received, 4);
	assert_int_equal(front_desk_figures(desk)->datagrams_sent, 1);
	(void)close(senders[0]);
	(void)close(senders[1]);
	front_desk_free(desk);
}

/* The first datagrams wait for the uplink, no more than there is room for. */
static void keeps_the_first(void **state) {
	(void)state;
	static const uint8_t bytes[1000];
	struct front_desk *desk = forward();
	int mine = sender(desk);
	desk->uplink.is_waiting = true;
	for (int i = 0; i < 20; i++)
		front_desk_say(desk, mine, bytes, sizeof bytes);
	assert_int_equal(desk->far.count, 0);
	fake_uplink_go_on(&desk->uplink);
	front_desk_turn(desk);
	uint64_t kept = DATAGRAM_FLOW_EARLY_MAX / 1002;
	assert_int_equal(desk->far.streams[0]->heard_size, kept * 1002);
	assert_int_equal(front_desk_figures(desk)->datagrams_dropped, 20 - kept);
	(void)close(mine);
	front_desk_free(desk);
}

/* A target that does not read: what has no room is dropped, whole datagrams only. */
static void drops_what_has_no_room(void **state) {
	(void)state;
	static const uint8_t bytes[9000];
	struct front_desk *desk = forward();
	int mine = sender(desk);
	front_desk_say(desk, mine, bytes, 1);
	struct fake_far_stream *far = desk->far.streams[0];
	far->is_reading_stopped = true;
	for (int i = 0; i < 100; i++)
		front_desk_say(desk, mine, bytes, sizeof bytes);
	uint64_t went = front_desk_figures(desk)->datagrams_received;
	assert_in_range(went, 20, 60);
	assert_int_equal(front_desk_figures(desk)->datagrams_dropped, 101 - went);
	far->is_reading_stopped = false;
	far->user.ops->readable(&far->user);
	front_desk_turn(desk);
	assert_int_equal(far->heard_size, 3 + (went - 1) * (sizeof bytes + 2));
	(void)close(mine);
	front_desk_free(desk);
}

static void expires(void **state) {
	(void)state;
	struct front_desk *desk = forward();
	int first = sender(desk), second = sender(desk);
	front_desk_say(desk, first, "a", 1);
	front_desk_say(desk, second, "b", 1);
	fake_stream_host_advance(&desk->fake, FORWARD_UDP_IDLE - CLOCK_SECOND);
	/* An answer counts as well. */
	fake_far_say(desk->far.streams[1], BYTES(0, 1, 'c'));
	front_desk_expect(desk, second, "c", 1);
	assert_int_equal(front_desk_figures(desk)->open_sessions, 2);
	fake_stream_host_advance(&desk->fake, 2 * CLOCK_SECOND);
	assert_int_equal(front_desk_figures(desk)->open_sessions, 1);
	assert_true(desk->far.streams[0]->is_at_end);
	assert_false(desk->far.streams[1]->is_at_end);
	front_desk_say(desk, first, "d", 1);
	assert_int_equal(desk->far.count, 3);
	fake_stream_host_advance(&desk->fake, 2 * FORWARD_UDP_IDLE);
	assert_int_equal(front_desk_figures(desk)->open_sessions, 0);
	(void)close(first);
	(void)close(second);
	front_desk_free(desk);
}

/* Refused, ended, reset, or nonsense: the session is over, and the next datagram begins another. */
static void begins_anew(void **state) {
	(void)state;
	struct front_desk *desk = forward();
	int mine = sender(desk);
	desk->uplink.refusal = REFUSAL_CARRIER;
	front_desk_say(desk, mine, "a", 1);
	assert_int_equal(front_desk_figures(desk)->open_sessions, 0);
	assert_int_equal(front_desk_figures(desk)->datagrams_dropped, 1);
	desk->uplink.refusal = REFUSAL_COUNT;
	for (size_t i = 0; i < 3; i++) {
		front_desk_say(desk, mine, "a", 1);
		assert_int_equal(desk->far.count, i + 1);
		assert_int_equal(front_desk_figures(desk)->open_sessions, 1);
		if (i == 0) {
			front_desk_far_ends(desk, i);
		} else if (i == 1) {
			front_desk_far_resets(desk, i, STREAM_ERROR_CONNECT);
		} else {
			fake_far_say(desk->far.streams[i], BYTES(0xff, 0xff, 0)); /* larger than can be */
			front_desk_turn(desk);
		}
		assert_int_equal(front_desk_figures(desk)->open_sessions, 0);
		assert_int_equal(front_desk_streams(desk), 0);
	}
	(void)close(mine);
	front_desk_free(desk);
}

/* One sender too many, and the one who was silent for longest goes. */
static void bounds_sessions(void **state) {
	(void)state;
	struct front_desk *desk = forward();
	desk->uplink.is_waiting = true;
	int descriptors[FORWARD_UDP_SESSIONS_MAX + 1];
	for (size_t i = 0; i <= FORWARD_UDP_SESSIONS_MAX; i++) {
		descriptors[i] = sender(desk);
		assert_int_equal(send(descriptors[i], &i, sizeof i, 0), sizeof i);
		fake_stream_host_advance(&desk->fake, CLOCK_MILLISECOND);
		if (i > 0) {
			assert_int_equal(send(descriptors[0], "a", 1, 0), 1);
			front_desk_turn(desk);
		}
	}
	assert_int_equal(front_desk_figures(desk)->open_sessions, FORWARD_UDP_SESSIONS_MAX);
	assert_int_equal(front_desk_figures(desk)->sessions, FORWARD_UDP_SESSIONS_MAX + 1);
	/* The first one is still there, the second is not. */
	assert_int_equal(send(descriptors[0], "a", 1, 0), 1);
	front_desk_turn(desk);
	assert_int_equal(front_desk_figures(desk)->sessions, FORWARD_UDP_SESSIONS_MAX + 1);
	assert_int_equal(send(descriptors[1], "a", 1, 0), 1);
	front_desk_turn(desk);
	assert_int_equal(front_desk_figures(desk)->sessions, FORWARD_UDP_SESSIONS_MAX + 2);
	for (size_t i = 0; i <= FORWARD_UDP_SESSIONS_MAX; i++)
		(void)close(descriptors[i]);
	front_desk_free(desk);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passes_on),
		cmocka_unit_test(keeps_the_first),
		cmocka_unit_test(drops_what_has_no_room),
		cmocka_unit_test(expires),
		cmocka_unit_test(begins_anew),
		cmocka_unit_test(bounds_sessions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
