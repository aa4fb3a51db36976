#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/stream_figure.h"
#include "tunnel/front_desk.h"

/* A listener of each kind serves in its way. */
static void serves_all_kinds(void **state) {
	(void)state;
	struct front_desk *desk = front_desk_new(STREAM_LISTENER_MIXED, NULL, NULL);
	front_ends_free(desk->ends);
	struct endpoint at[3];
	int listeners[3] = {fake_stream_host_datagrams(&at[0]), fake_stream_host_listen(&at[1]),
						fake_stream_host_listen(&at[2])};
	static const enum stream_listener_kind kinds[] = {STREAM_LISTENER_UDP, STREAM_LISTENER_TCP,
													  STREAM_LISTENER_MIXED};
	desk->options.listener_count = 3;
	for (size_t i = 0; i < 3; i++) {
		desk->options.listeners[i].kind = kinds[i];
		assert_int_equal(target_parse("a.de", 80, i == 0, &desk->options.listeners[i].target),
						 ERR_OK);
	}
	assert_int_equal(
		front_ends_new(&desk->fake.host, &desk->uplink, &desk->options, listeners, &desk->ends),
		ERR_OK);
	int forwarded = fake_stream_host_connect(&at[1]), mixed = fake_stream_host_connect(&at[2]);
	front_desk_turn(desk);
	assert_int_equal(desk->far.count, 1);
	front_desk_say(desk, mixed, BYTES(5, 1, 0));
	front_desk_expect(desk, mixed, BYTES(5, 0));
	assert_int_equal(front_desk_figures(desk)->open_connections, 2);
	struct stream_figure_set figures = {.of = {[STREAM_FIGURE_RELAYS] = 5}};
	front_ends_count(desk->ends, &figures);
	assert_int_equal(figures.of[STREAM_FIGURE_RELAYS], 7);
	assert_int_equal(figures.of[STREAM_FIGURE_ACCEPTED], 2);
	assert_int_equal(figures.of[STREAM_FIGURE_SESSIONS], 0);
	front_desk_close(desk, forwarded);
	front_desk_close(desk, mixed);
	front_desk_free(desk);
}

/* Where one of them cannot be, all sockets are still the caller's. */
static void leaves_sockets_alone(void **state) {
	(void)state;
	struct front_desk *desk = front_desk_new(STREAM_LISTENER_MIXED, NULL, NULL);
	struct credential users[] = {{.name = "with:colon", .password = "p"}};
	struct endpoint at[2];
	int listeners[2] = {fake_stream_host_listen(&at[0]), fake_stream_host_listen(&at[1])};
	struct stream_options options = desk->options;
	options.listener_count = 2;
	options.listeners[1].kind = STREAM_LISTENER_CARRIER;
	struct front_ends *ends = NULL;
	assert_int_equal(front_ends_new(&desk->fake.host, &desk->uplink, &options, listeners, &ends),
					 ERR_INVALID);
	options.listeners[1].kind = STREAM_LISTENER_MIXED;
	options.users = users;
	options.user_count = 1;
	assert_int_equal(front_ends_new(&desk->fake.host, &desk->uplink, &options, listeners, &ends),
					 ERR_INVALID);
	assert_null(ends);
	/* Nobody has taken who connects. */
	int client = fake_stream_host_connect(&at[0]);
	front_desk_turn(desk);
	int taken = accept4(listeners[0], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(taken >= 0);
	assert_int_equal(front_ends_set(desk->ends, &options), ERR_INVALID);
	(void)close(taken);
	(void)close(client);
	(void)close(listeners[0]);
	(void)close(listeners[1]);
	front_desk_free(desk);
}

/* The same users at every mixed port, and after a refusal those of before at every one. */
static void changes_users_everywhere(void **state) {
	(void)state;
	struct front_desk *desk = front_desk_new(STREAM_LISTENER_MIXED, NULL, NULL);
	front_ends_free(desk->ends);
	struct credential good[] = {{.name = "a", .password = "p"}};
	struct credential bad[] = {{.name = "with:colon", .password = "p"}};
	struct endpoint at[2];
	int listeners[2] = {fake_stream_host_listen(&at[0]), fake_stream_host_listen(&at[1])};
	desk->options.listener_count = 2;
	desk->options.listeners[1].kind = STREAM_LISTENER_MIXED;
	assert_int_equal(
		front_ends_new(&desk->fake.host, &desk->uplink, &desk->options, listeners, &desk->ends),
		ERR_OK);
	struct stream_options options = desk->options;
	options.user_count = 1;
	for (unsigned round = 0; round < 3; round++) {
		options.users = round == 1 ? good : bad;
		assert_int_equal(front_ends_set(desk->ends, &options), round == 1 ? ERR_OK : ERR_INVALID);
		for (size_t i = 0; i < 2; i++) {
			int client = fake_stream_host_connect(&at[i]);
			front_desk_turn(desk);
			front_desk_say(desk, client, BYTES(5, 2, 0, 2));
			front_desk_expect(desk, client, BYTES(5, round == 0 ? 0 : 2));
			front_desk_close(desk, client);
		}
	}
	front_desk_free(desk);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(serves_all_kinds),
		cmocka_unit_test(leaves_sockets_alone),
		cmocka_unit_test(changes_users_everywhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
