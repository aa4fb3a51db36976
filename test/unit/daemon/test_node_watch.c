#include "daemon/node_watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka.h needs those above. */
#include <cmocka.h>

#include "base/clock.h"
#include "daemon/node_mtu.h"

/*
 * node_watch.c and node_resolvers.c alone: everything else that they call is here, the clock too.
 * The linker takes these in place of the libraries'.
 */

#define MILLISECONDS(count) ((count)*CLOCK_MILLISECOND)

static struct {
	uint64_t now;
	struct endpoint servers[DNS_OWN_SERVERS_MAX]; /* of the host */
	size_t server_count;
	struct address passing[DNS_OWN_SERVERS_MAX]; /* that the kill switch lets pass */
	size_t passing_count;
	bool kill_switch;
	/* What was done. */
	unsigned networks, resolvers, renewals, mtu_refreshes, judged, domains;
	unsigned network_changes, domains_changes;
	struct process_resolvers told;
} world;

static struct config_tunnel tunnel = {.dns = {.server_count = 1}};
static struct config config = {
	.node = {.resolvers_absent = true},
	.tunnels = &tunnel,
	.tunnel_count = 1,
};
static struct node node;

uint64_t clock_now(void) {
	return world.now;
}

void node_control_send(struct node *to, struct process_message *message) {
	assert_ptr_equal(to, &node);
	if (message->type == PROCESS_NETWORK) {
		world.networks++;
		world.network_changes = message->network.changes;
		return;
	}
	assert_int_equal(message->type, PROCESS_RESOLVERS);
	world.resolvers++;
	world.told = message->resolvers;
}

const struct config_tunnel *node_pushed_config_of(const struct node *of,
												  const struct node_tunnel *which) {
	return &tunnel;
}

void node_mtu_refresh(struct node *of) {
	world.mtu_refreshes++;
}

void node_pushed_judge(struct node *of) {
	world.judged++;
}

void node_domains_changed(struct node *of, unsigned changes) {
	world.domains++;
	world.domains_changes = changes;
}

size_t node_dns_system_servers(const struct node *of,
							   struct endpoint servers[static DNS_OWN_SERVERS_MAX]) {
	memcpy(servers, world.servers, sizeof world.servers);
	return world.server_count;
}

void node_kill_switch_renew_resolvers(struct node *of) {
	world.renewals++;
	if (!world.kill_switch)
		return;
	world.passing_count = world.server_count;
	for (size_t i = 0; i < world.server_count; i++)
		world.passing[i] = world.servers[i].address;
}

size_t node_kill_switch_resolvers(const struct node *of, const struct address **out_servers) {
	*out_servers = world.passing;
	return world.passing_count;
}

/* The host's one server from now on; umbrad is not told. */
static void host_has(const char *server) {
	assert_int_equal(endpoint_parse(server, &world.servers[0]), ERR_OK);
	world.server_count = 1;
}

static void assert_told(unsigned times, const char *server) {
	struct endpoint expected;
	assert_int_equal(endpoint_parse(server, &expected), ERR_OK);
	assert_int_equal(world.resolvers, times);
	assert_int_equal(world.told.count, 1);
	assert_int_equal(world.told.servers[0].port, expected.port);
	assert_int_equal(world.told.servers[0].family, expected.address.family);
	assert_memory_equal(world.told.servers[0].address, expected.address.bytes,
						address_size(&expected.address));
}

/* As its loop does: nothing before it is due. Returns how often it was. */
static unsigned pass(uint64_t time) {
	uint64_t end = world.now + time;
	unsigned looks = 0;
	for (;;) {
		unsigned before = world.renewals;
		uint64_t next = node_resolvers_run(&node, world.now);
		looks += world.renewals - before;
		assert_true(next > world.now);
		if (next > end)
			break;
		world.now = next;
	}
	world.now = end;
	return looks;
}

/* A host with a server that control was told of, and for a minute nothing has happened. */
static int settle(void **state) {
	memset(&world, 0, sizeof world);
	memset(&node, 0, sizeof node);
	world.now = 1000 * CLOCK_SECOND;
	node.config = &config;
	host_has("192.0.2.1:53");
	node_resolvers_tell(&node);
	(void)pass(60 * CLOCK_SECOND);
	assert_told(1, "192.0.2.1:53");
	assert_int_equal(node.resolvers.look_at, CLOCK_NEVER);
	return 0;
}

/* Each kind of change alone, and all at once, reaches everybody whom it concerns. */
static void everybody_is_told(void **state) {
	const unsigned all = PROCESS_CHANGE_ROUTES | PROCESS_CHANGE_RESUMED | PROCESS_CHANGE_CLOCK;
	const unsigned changes[] = {PROCESS_CHANGE_ROUTES, PROCESS_CHANGE_RESUMED, PROCESS_CHANGE_CLOCK,
								all};
	unsigned routes = 0;
	for (unsigned i = 0; i < sizeof changes / sizeof *changes; i++) {
		node_watch_changed(&node, changes[i]);
		assert_int_equal(world.networks, i + 1);
		assert_int_equal(world.network_changes, changes[i]);
		assert_int_equal(world.domains, i + 1);
		assert_int_equal(world.domains_changes, changes[i]);
		routes += (changes[i] & PROCESS_CHANGE_ROUTES) != 0;
		assert_int_equal(world.mtu_refreshes, routes);
		assert_int_equal(world.judged, routes);
	}
}

/* The start's looks are over: what is found now is found because of the change. */
static void servers_are_looked_for_again(void **state) {
	host_has("192.0.2.2:53");
	assert_int_equal(pass(60 * CLOCK_SECOND), 0);
	assert_told(1, "192.0.2.1:53");
	node_watch_changed(&node, PROCESS_CHANGE_ROUTES);
	assert_int_equal(pass(MILLISECONDS(249)), 0);
	assert_int_equal(pass(MILLISECONDS(1)), 1);
	assert_told(2, "192.0.2.2:53");
	/* The same once more is nothing to tell. */
	node_watch_changed(&node, PROCESS_CHANGE_ROUTES);
	assert_int_equal(pass(MILLISECONDS(250)), 1);
	assert_told(2, "192.0.2.2:53");
}

/* The network's servers follow it by some time: looks at 0.25, 0.75, 1.75 … 15.75 s. */
static void late_servers_are_found(void **state) {
	node_watch_changed(&node, PROCESS_CHANGE_RESUMED);
	assert_int_equal(pass(MILLISECONDS(7800)), 5);
	host_has("[2001:db8::5]:53");
	assert_int_equal(pass(MILLISECONDS(7949)), 0);
	assert_told(1, "192.0.2.1:53");
	assert_int_equal(pass(MILLISECONDS(1)), 1);
	assert_told(2, "[2001:db8::5]:53");
	assert_int_equal(pass(600 * CLOCK_SECOND), 0);
}

/* Each change begins the looks anew, also amid those of the one before. */
static void changes_in_a_row(void **state) {
	node_watch_changed(&node, PROCESS_CHANGE_ROUTES);
	assert_int_equal(pass(MILLISECONDS(3000)), 3);
	node_watch_changed(&node, PROCESS_CHANGE_ROUTES);
	assert_int_equal(pass(MILLISECONDS(250)), 1);
	assert_int_equal(pass(60 * CLOCK_SECOND), 5);
}

static void clock_that_is_set_changes_no_servers(void **state) {
	host_has("192.0.2.2:53");
	node_watch_changed(&node, PROCESS_CHANGE_CLOCK);
	assert_int_equal(pass(60 * CLOCK_SECOND), 0);
	assert_told(1, "192.0.2.1:53");
}

/* It lets the new servers pass first, and they are those that are told. */
static void kill_switch_follows(void **state) {
	world.kill_switch = true;
	host_has("192.0.2.3:53");
	node_watch_changed(&node, PROCESS_CHANGE_ROUTES);
	assert_int_equal(pass(MILLISECONDS(250)), 1);
	assert_int_equal(world.passing_count, 1);
	assert_told(2, "192.0.2.3:53");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(everybody_is_told, settle),
		cmocka_unit_test_setup(servers_are_looked_for_again, settle),
		cmocka_unit_test_setup(late_servers_are_found, settle),
		cmocka_unit_test_setup(changes_in_a_row, settle),
		cmocka_unit_test_setup(clock_that_is_set_changes_no_servers, settle),
		cmocka_unit_test_setup(kill_switch_follows, settle),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
