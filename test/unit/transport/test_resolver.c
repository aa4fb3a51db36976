/* The resolver against a name server of the test's own, on loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>

#include "base/clock.h"
#include "loop/control_loop.h"
#include "transport/dns/resolver.h"

#include "transport/dns_server.h"

/* Short where silence is awaited; else no busy machine shall take a late answer for a lost one. */
enum { TIMEOUT_MS = 50, PATIENT_TIMEOUT_MS = 5000 };

static struct {
	struct dns_server server;
	struct control_loop *loop;
	struct control_timer *limit;
	struct resolver *resolver;
	unsigned sockets, tcp_sockets;
	bool no_sockets;
	unsigned awaited;
	bool too_late, asking;
	struct resolver_answer last;
} host;

static int open_socket(void *context, int family, int type) {
	assert_ptr_equal(context, &host);
	if (host.no_sockets) {
		errno = EPERM;
		return -1;
	}
	host.sockets++;
	host.tcp_sockets += type == SOCK_STREAM;
	return socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static void on_limit(void *context) {
	host.too_late = true;
	control_loop_stop(host.loop);
}

static void start_server(struct dns_server *server) {
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t size = sizeof address;
	/* The same port for both: another try where somebody else has the second one. */
	for (int tries = 0; tries < 20; tries++) {
		address.sin_port = 0;
		server->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		server->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		dns_must(bind(server->udp, (struct sockaddr *)&address, size) == 0);
		dns_must(getsockname(server->udp, (struct sockaddr *)&address, &size) == 0);
		if (bind(server->tcp, (struct sockaddr *)&address, size) == 0 &&
			listen(server->tcp, 16) == 0)
			break;
		(void)close(server->udp);
		(void)close(server->tcp);
	}
	server->port = ntohs(address.sin_port);
	dns_must(pipe2(server->wake, O_CLOEXEC) == 0);
	dns_must(pthread_create(&server->thread, NULL, dns_thread, server) == 0);
}

static void stop_server(struct dns_server *server) {
	dns_must(write(server->wake[1], "", 1) == 1);
	(void)pthread_join(server->thread, NULL);
	(void)close(server->udp);
	(void)close(server->tcp);
	(void)close(server->wake[0]);
	(void)close(server->wake[1]);
}

static int setup_with(unsigned timeout) {
	memset(&host, 0, sizeof host);
	start_server(&host.server);
	char servers[64];
	(void)snprintf(servers, sizeof servers, "127.0.0.1:%u", host.server.port);
	if (control_loop_new(&host.loop) != ERR_OK ||
		control_timer_new(host.loop, on_limit, NULL, &host.limit) != ERR_OK)
		return -1;
	const struct resolver_options options = {
		.loop = host.loop,
		.open_socket = open_socket,
		.context = &host,
		.servers = servers,
		.timeout = timeout,
	};
	return resolver_new(&options, &host.resolver) == ERR_OK ? 0 : -1;
}

static int setup(void **state) {
	return setup_with(PATIENT_TIMEOUT_MS);
}

static int setup_hasty(void **state) {
	return setup_with(TIMEOUT_MS);
}

static int teardown(void **state) {
	resolver_free(host.resolver);
	control_timer_free(host.limit);
	control_loop_free(host.loop);
	stop_server(&host.server);
	return 0;
}

static void on_done(void *context, const struct resolver_answer *answer) {
	assert_false(host.asking);
	if (context)
		*(struct resolver_answer *)context = *answer;
	host.last = *answer;
	if (--host.awaited == 0)
		control_loop_stop(host.loop);
}

static void ask(const char *name, struct resolver_answer *out_answer) {
	host.asking = true;
	assert_int_equal(resolver_ask(host.resolver, name, on_done, out_answer), ERR_OK);
	host.asking = false;
	host.awaited++;
}

static void wait_for_answers(void) {
	control_timer_set(host.limit, 20 * CLOCK_SECOND);
	control_loop_run(host.loop);
	assert_false(host.too_late);
	assert_int_equal(host.awaited, 0);
}

static const struct resolver_answer *resolve(const char *name) {
	ask(name, NULL);
	wait_for_answers();
	return &host.last;
}

static void assert_answer(const struct resolver_answer *answer, const char *addresses) {
	char text[1024] = "";
	size_t used = 0;
	for (size_t i = 0; i < answer->count; i++) {
		char address[ADDRESS_TEXT_SIZE];
		address_format(&answer->addresses[i], address);
		used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i ? " " : "", address);
	}
	assert_string_equal(text, addresses);
	assert_int_equal(answer->error, ERR_OK);
	assert_string_equal(answer->problem, "");
}

static void assert_failure(const struct resolver_answer *answer, enum err error) {
	assert_int_equal(answer->error, error);
	assert_int_equal(answer->count, 0);
	assert_string_not_equal(answer->problem, "");
}

static void test_addresses(void **state) {
	/* Each once, the families in turn, the shortest time to live. */
	const struct resolver_answer *answer = resolve("both.test");
	assert_answer(answer, "2001:db8::1 192.0.2.1 192.0.2.2");
	assert_int_equal(answer->ttl, 100);
	assert_answer(resolve("v4.test"), "192.0.2.4");
	assert_answer(resolve("V6.Test."), "2001:db8::6");
	assert_true(host.sockets > 0);
	assert_int_equal(host.tcp_sockets, 0);
}

static void test_alias(void **state) {
	const struct resolver_answer *answer = resolve("alias.test");
	assert_answer(answer, "192.0.2.9");
	assert_int_equal(answer->ttl, 7);
}

static void test_bounds(void **state) {
	const struct resolver_answer *answer = resolve("many.test");
	assert_int_equal(answer->error, ERR_OK);
	assert_int_equal(answer->count, RESOLVER_ADDRESSES_MAX);
	for (size_t i = 0; i < answer->count; i++)
		assert_int_equal(answer->addresses[i].family, i % 2 ? ADDRESS_V4 : ADDRESS_V6);
	assert_failure(resolve("useless.test"), ERR_NOT_FOUND);
}

static void test_no_such_name(void **state) {
	assert_failure(resolve("nothing.test"), ERR_NOT_FOUND);
	assert_failure(resolve("empty.test"), ERR_NOT_FOUND);
	assert_failure(resolve("loop.test"), ERR_NOT_FOUND);
}

static void test_silence(void **state) {
	uint64_t start = clock_now();
	assert_failure(resolve("silent.test"), ERR_AGAIN);
	assert_true(clock_now() - start >= TIMEOUT_MS * CLOCK_MILLISECOND);
	assert_true(atomic_load(&host.server.udp_questions) >= 2 * RESOLVER_TRIES);
	assert_failure(resolve("broken.test"), ERR_AGAIN);
}

static void test_half_an_answer(void **state) {
	/* What one family's question brought is worth having. */
	assert_answer(resolve("half.test"), "192.0.2.11");
}

static void test_garbage(void **state) {
	for (unsigned kind = 1; kind <= 6; kind++) {
		char name[32];
		(void)snprintf(name, sizeof name, "garbage%u.test", kind);
		const struct resolver_answer *answer = resolve(name);
		assert_int_not_equal(answer->error, ERR_OK);
		assert_int_equal(answer->count, 0);
	}
	assert_answer(resolve("v4.test"), "192.0.2.4");
}

static void test_truncated(void **state) {
	assert_answer(resolve("large.test"), "192.0.2.10");
	assert_true(host.tcp_sockets > 0);
	assert_true(atomic_load(&host.server.tcp_questions) > 0);
}

static void test_hosts_file(void **state) {
	const struct resolver_answer *answer = resolve("localhost");
	assert_int_equal(answer->error, ERR_OK);
	assert_int_equal(atomic_load(&host.server.udp_questions), 0);
}

static void test_names(void **state) {
	static const char *const bad[] = {
		"",     ".",   "..",           "a..b",   ".a",  "a b", "a/b", "2001:db8::1",
		"a\nb", "a%b", "b\xc3\xbc.de", "a.-*.b", "[a]", "a@b", "a..",
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(resolver_ask(host.resolver, bad[i], on_done, NULL), ERR_INVALID);
	char label[80];
	memset(label, 'a', sizeof label);
	(void)snprintf(label + 64, sizeof label - 64, ".test");
	assert_int_equal(resolver_ask(host.resolver, label, on_done, NULL), ERR_INVALID);
	assert_failure(resolve(label + 1), ERR_NOT_FOUND);
	char name[RESOLVER_NAME_MAX + 3];
	for (size_t i = 0; i < sizeof name; i++)
		name[i] = i % 2 ? '.' : 'a';
	name[RESOLVER_NAME_MAX + 1] = 'a';
	name[RESOLVER_NAME_MAX + 2] = '\0';
	assert_int_equal(resolver_ask(host.resolver, name, on_done, NULL), ERR_INVALID);
	name[RESOLVER_NAME_MAX] = '\0';
	ask(name, NULL);
	wait_for_answers();
	/* Numbers are their own answer. */
	assert_answer(resolve("192.0.2.200"), "192.0.2.200");
}

static void test_many_questions(void **state) {
	enum { MANY = 3000 };
	struct resolver_answer *answers = calloc(MANY, sizeof *answers);
	for (size_t i = 0; i < MANY; i++)
		ask(i % 3 == 0 ? "both.test" : i % 3 == 1 ? "alias.test" : "nothing.test", &answers[i]);
	wait_for_answers();
	/* Each has its own answer. */
	for (size_t i = 0; i < MANY; i++) {
		if (i % 3 == 2)
			assert_int_equal(answers[i].error, ERR_NOT_FOUND);
		else
			assert_answer(&answers[i],
						  i % 3 == 0 ? "2001:db8::1 192.0.2.1 192.0.2.2" : "192.0.2.9");
	}
	free(answers);
	size_t waiting = 0;
	while (resolver_ask(host.resolver, "silent.test", on_done, NULL) == ERR_OK)
		waiting++;
	assert_int_equal(waiting, RESOLVER_WAITING_MAX);
	assert_int_equal(resolver_ask(host.resolver, "v4.test", on_done, NULL), ERR_LIMIT);
}

static void test_no_sockets(void **state) {
	host.no_sockets = true;
	assert_int_not_equal(resolve("both.test")->error, ERR_OK);
	host.no_sockets = false;
	assert_answer(resolve("v4.test"), "192.0.2.4");
}

static void on_soon(void *context) {
	control_loop_stop(host.loop);
}

static void run_shortly(void) {
	struct control_timer *soon;
	assert_int_equal(control_timer_new(host.loop, on_soon, NULL, &soon), ERR_OK);
	control_timer_set(soon, 20 * CLOCK_MILLISECOND);
	control_loop_run(host.loop);
	control_timer_free(soon);
}

static void test_reload(void **state) {
	/* Under way, waiting, and the servers speak again afterwards. */
	struct resolver_answer answers[2];
	atomic_store(&host.server.silent, true);
	ask("v4.test", &answers[0]);
	run_shortly();
	assert_int_equal(host.awaited, 1);
	ask("both.test", &answers[1]);
	atomic_store(&host.server.silent, false);
	assert_int_equal(resolver_reload(host.resolver), ERR_OK);
	wait_for_answers();
	assert_answer(&answers[0], "192.0.2.4");
	assert_answer(&answers[1], "2001:db8::1 192.0.2.1 192.0.2.2");
}

/* Under way, and just asked: nobody is told. */
static void test_end_with_questions(void **state) {
	ask("silent.test", NULL);
	ask("large.test", NULL);
	run_shortly();
	ask("v4.test", NULL);
	resolver_free(host.resolver);
	host.resolver = NULL;
	unsigned awaited = host.awaited;
	run_shortly();
	assert_int_equal(host.awaited, awaited);
}

static void on_first(void *context, const struct resolver_answer *answer) {
	assert_answer(answer, "192.0.2.4");
	ask("v6.test", NULL);
	host.awaited--;
}

static void test_ask_when_told(void **state) {
	assert_int_equal(resolver_ask(host.resolver, "v4.test", on_first, NULL), ERR_OK);
	host.awaited++;
	wait_for_answers();
	assert_answer(&host.last, "2001:db8::6");
}

static void test_bad_servers(void **state) {
	struct resolver *other;
	struct resolver_options options = {
		.loop = host.loop,
		.open_socket = open_socket,
		.context = &host,
		.servers = "no address",
	};
	assert_int_equal(resolver_new(&options, &other), ERR_INVALID);
	/* Those of the system; none of them is asked here. */
	options.servers = NULL;
	assert_int_equal(resolver_new(&options, &other), ERR_OK);
	assert_int_equal(resolver_reload(other), ERR_OK);
	resolver_free(other);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define HASTY(name) cmocka_unit_test_setup_teardown(name, setup_hasty, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_addresses),      TEST(test_alias),
		TEST(test_bounds),         TEST(test_no_such_name),
		HASTY(test_silence),       HASTY(test_half_an_answer),
		HASTY(test_garbage),       TEST(test_truncated),
		TEST(test_hosts_file),     TEST(test_names),
		TEST(test_many_questions), TEST(test_no_sockets),
		TEST(test_reload),         TEST(test_end_with_questions),
		TEST(test_ask_when_told),  TEST(test_bad_servers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
