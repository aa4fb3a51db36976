#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "accept_desk.h"

/* Who has to go for others goes as from a web server that is short of connections. */
static void is_dismissed(void **state) {
	struct desk *desk = *state;
	connect_one(desk);
	const uint64_t since = carrier_accept_silent_since(desk->accept);
	fake_stream_host_advance(&desk->fake, CLOCK_SECOND);
	assert_int_equal(carrier_accept_silent_since(desk->accept), since);
	visitor_says(&desk->visitor, "x");
	visitor_site_gets_data(&desk->visitor, "x");
	assert_true(carrier_accept_silent_since(desk->accept) >= since + CLOCK_SECOND);
	carrier_accept_dismiss(desk->accept);
	assert_int_equal(carrier_accept_silent_since(desk->accept), CARRIER_ACCEPT_STAYS);
	assert_true(visitor_site_is_left(&desk->visitor));
	fake_stream_host_until(&desk->fake, visitor_has_finished, &desk->visitor);
	assert_false(desk->visitor.cut);
	fake_stream_host_advance(&desk->fake, CARRIER_ACCEPT_DISMISS_MILLISECONDS * CLOCK_MILLISECOND);
	assert_int_equal(desk->ended, 1);
}

static void is_dismissed_before_tls(void **state) {
	struct desk *desk = *state;
	visitor_connect(&desk->visitor, &desk->fake, desk->client_side, &desk->at);
	accept_one(desk);
	carrier_accept_dismiss(desk->accept);
	assert_int_equal(desk->ended, 1);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(is_dismissed, setup, teardown),
		cmocka_unit_test_setup_teardown(is_dismissed_before_tls, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
