#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/wipe.h"
#include "conf/config.h"
#include "daemon/node_tickets.h"

static char folder[64], path[96];

static int set_up(void **state) {
	strcpy(folder, "/tmp/umbra-tickets-XXXXXX");
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof path, "%s/ticket.key", folder);
	return 0;
}

static int tear_down(void **state) {
	(void)unlink(path);
	assert_int_equal(rmdir(folder), 0); /* nothing else was left there */
	return 0;
}

/* One file of the installation, for those that name none. */
static void test_who_gets_the_key(void **state) {
	static const uint8_t given[TEXT_KEY_SIZE] = {7};
	struct config_tunnel tunnels[] = {
		{.name = "packets"},
		{.name = "own", .logs_in = true, .login = {.ticket_key_file = "/k", .ticket_key = {7}}},
		{.name = "one", .logs_in = true},
		{.name = "two", .logs_in = true},
	};
	struct config config = {.tunnels = tunnels, .tunnel_count = 4};
	struct stat status;
	node_tickets_take(&config, folder);
	assert_true(wipe_is_zero(tunnels[0].login.ticket_key, TEXT_KEY_SIZE));
	assert_memory_equal(tunnels[1].login.ticket_key, given, sizeof given);
	assert_false(wipe_is_zero(tunnels[2].login.ticket_key, TEXT_KEY_SIZE));
	assert_memory_equal(tunnels[2].login.ticket_key, tunnels[3].login.ticket_key, TEXT_KEY_SIZE);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	/* The same after a start. */
	struct config_tunnel again = {.logs_in = true};
	config = (struct config){.tunnels = &again, .tunnel_count = 1};
	node_tickets_take(&config, folder);
	assert_memory_equal(again.login.ticket_key, tunnels[2].login.ticket_key, TEXT_KEY_SIZE);
}

static void test_nobody_needs_it(void **state) {
	struct config_tunnel tunnel = {.shares_keys = true};
	struct config config = {.tunnels = &tunnel, .tunnel_count = 1};
	node_tickets_take(&config, folder);
	assert_int_not_equal(access(path, F_OK), 0);
}

/* Then for this time. */
static void test_without_a_folder(void **state) {
	struct config_tunnel tunnel = {.logs_in = true};
	struct config config = {.tunnels = &tunnel, .tunnel_count = 1};
	node_tickets_take(&config, "/nonexistent");
	assert_false(wipe_is_zero(tunnel.login.ticket_key, TEXT_KEY_SIZE));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nobody_needs_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_who_gets_the_key, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_without_a_folder, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
