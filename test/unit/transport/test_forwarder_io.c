#include "wire/dns_messages.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crypto/csprng.h"
#include "loop/control_loop.h"
#include "transport/dns/forwarder_io.h"
#include "transport/dns/frame.h"

/* The forwarder with real sockets of the loopback interface; the test plays clients and servers. */

enum { SOCKETS = 2, LARGE = 60000 };

struct rig {
	struct control_loop *loop;
	struct forwarder_io *io;
	struct sockaddr_in at, server_at;
	int server, listener; /* of the server */
	int accepted;
	uint8_t bytes[LARGE + 1000]; /* that it read from a connection */
	size_t size;
	int client;
	uint8_t answer[LARGE + 1000];
	size_t answer_size, wanted; /* wanted: when the loop is to end */
	unsigned grants, opens;
	bool refuse_grants;
	uint32_t grant_ticket;
	struct control_watch *server_watch, *listener_watch, *accepted_watch, *client_watch;
	struct control_timer *later;
	unsigned large; /* bytes of a record that answers by TCP have */
};

static struct sockaddr_in bind_any(int descriptor) {
	struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof name;
	assert_int_equal(bind(descriptor, (void *)&name, size), 0);
	assert_int_equal(getsockname(descriptor, (void *)&name, &size), 0);
	return name;
}

static int new_socket(int type) {
	int descriptor = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(descriptor >= 0);
	return descriptor;
}

static struct dns_text answer_to(const uint8_t *query, size_t size, uint8_t last) {
	struct dns_text text = {.size = 0};
	put(&text, query, size);
	text.data[2] |= 0x80;
	text.data[7] = 1;
	put_pointer(&text, DNS_HEADER_SIZE);
	put_record(&text, DNS_TYPE_A, 60, (uint8_t[]){192, 0, 2, last}, 4);
	return text;
}

/* The server */

static void server_ready(void *context, uint32_t events) {
	struct rig *rig = context;
	struct sockaddr_in from;
	socklen_t size = sizeof from;
	uint8_t query[512];
	ssize_t got = recvfrom(rig->server, query, sizeof query, 0, (void *)&from, &size);
	if (got < 0)
		return;
	struct dns_text text = answer_to(query, (size_t)got, 1);
	assert_true(sendto(rig->server, text.data, text.size, 0, (void *)&from, size) > 0);
}

static void send_framed(int descriptor, const uint8_t *data, size_t size) {
	uint8_t header[FRAME_HEADER_SIZE];
	frame_header(size, header);
	assert_int_equal(send(descriptor, header, sizeof header, 0), sizeof header);
	assert_int_equal(send(descriptor, data, size, 0), size);
}

static void accepted_ready(void *context, uint32_t events) {
	struct rig *rig = context;
	ssize_t got =
		recv(rig->accepted, rig->bytes + rig->size, sizeof rig->bytes - rig->size, MSG_DONTWAIT);
	if (got <= 0) {
		control_watch_free(rig->accepted_watch);
		rig->accepted_watch = NULL;
		return;
	}
	rig->size += (size_t)got;
	if (rig->size < 2 || rig->size < 2U + ((size_t)rig->bytes[0] << 8 | rig->bytes[1]))
		return;
	struct dns_text text = answer_to(rig->bytes + 2, rig->size - 2, 2);
	uint8_t *whole = calloc(1, text.size + rig->large + 11);
	memcpy(whole, text.data, text.size);
	size_t size = text.size;
	if (rig->large > 0) {
		whole[7] = 2;
		struct dns_text more = {.size = 0};
		put_name(&more, "");
		put_u16(&more, 16);
		put_u16(&more, DNS_CLASS_IN);
		put_u16(&more, 0);
		put_u16(&more, 60);
		put_u16(&more, rig->large);
		memcpy(whole + size, more.data, more.size);
		size += more.size + rig->large;
	}
	rig->size = 0;
	send_framed(rig->accepted, whole, size);
	free(whole);
}

static void listener_ready(void *context, uint32_t events) {
	struct rig *rig = context;
	if (rig->accepted >= 0) {
		control_watch_free(rig->accepted_watch);
		(void)close(rig->accepted);
	}
	rig->accepted = accept(rig->listener, NULL, NULL);
	assert_true(rig->accepted >= 0);
	rig->size = 0;
	assert_int_equal(control_watch_new(rig->loop, rig->accepted, EPOLLIN, accepted_ready, rig,
									   &rig->accepted_watch),
					 ERR_OK);
}

/* The owner */

static bool open_stream(void *context, uint32_t ticket, size_t group, size_t server) {
	struct rig *rig = context;
	rig->opens++;
	rig->grant_ticket = ticket;
	control_timer_set(rig->later, 0);
	return true;
}

static void opened(void *context) {
	struct rig *rig = context;
	int descriptor = new_socket(SOCK_STREAM);
	(void)connect(descriptor, (void *)&rig->server_at, sizeof rig->server_at);
	forwarder_io_opened(rig->io, rig->grant_ticket, descriptor);
}

static bool grant(void *context, uint32_t ticket, const struct forwarder_grant *wanted,
				  const struct address *addresses, size_t count, uint32_t ttl) {
	struct rig *rig = context;
	rig->grants++;
	return !rig->refuse_grants;
}

/* The client */

static void client_ready(void *context, uint32_t events) {
	struct rig *rig = context;
	ssize_t got =
		recv(rig->client, rig->answer + rig->answer_size, sizeof rig->answer - rig->answer_size, 0);
	if (got > 0)
		rig->answer_size += (size_t)got;
	if (got == 0 || rig->answer_size >= rig->wanted)
		control_loop_stop(rig->loop);
}

static void run_client(struct rig *rig, int descriptor, size_t wanted) {
	rig->client = descriptor;
	rig->answer_size = 0;
	rig->wanted = wanted;
	assert_int_equal(
		control_watch_new(rig->loop, descriptor, EPOLLIN, client_ready, rig, &rig->client_watch),
		ERR_OK);
	control_loop_run(rig->loop);
	control_watch_free(rig->client_watch);
	(void)close(descriptor);
}

static int connect_client(struct rig *rig, int type) {
	int descriptor = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(descriptor, (void *)&rig->at, sizeof rig->at), 0);
	return descriptor;
}

/* One port of both kinds; one that is free for datagrams may be somebody's connection's. */
static struct sockaddr_in bind_both(int *out_datagrams, int *out_connections) {
	for (unsigned tries = 0; tries < 100; tries++) {
		*out_datagrams = new_socket(SOCK_DGRAM);
		*out_connections = new_socket(SOCK_STREAM);
		struct sockaddr_in at = bind_any(*out_datagrams);
		if (bind(*out_connections, (void *)&at, sizeof at) == 0 && listen(*out_connections, 4) == 0)
			return at;
		(void)close(*out_datagrams);
		(void)close(*out_connections);
	}
	fail_msg("no port is free");
	return (struct sockaddr_in){.sin_family = AF_INET};
}

static int set_up(void **state) {
	struct rig *rig = calloc(1, sizeof *rig);
	rig->accepted = -1;
	assert_int_equal(control_loop_new(&rig->loop), ERR_OK);
	assert_int_equal(control_timer_new(rig->loop, opened, rig, &rig->later), ERR_OK);
	int datagrams, connections;
	rig->server_at = bind_both(&rig->server, &rig->listener);
	rig->at = bind_both(&datagrams, &connections);
	struct forwarder_io_group group = {.servers = 1, .counts = {SOCKETS}};
	for (size_t i = 0; i < SOCKETS; i++) {
		group.sockets[0][i] = new_socket(SOCK_DGRAM);
		assert_int_equal(
			connect(group.sockets[0][i], (void *)&rig->server_at, sizeof rig->server_at), 0);
	}
	const struct forwarder_route route = {.domain.size = 1};
	struct forwarder_rule rule = {.grant = {1, 0, true}};
	assert_int_equal(dns_name_parse("in.example", &rule.domain), ERR_OK);
	const struct forwarder_io_options options = {
		.loop = rig->loop,
		.random = &csprng,
		.datagrams = datagrams,
		.connections = connections,
		.groups = &group,
		.group_count = 1,
		.routes = &route,
		.route_count = 1,
		.rules = &rule,
		.rule_count = 1,
		.open = open_stream,
		.grant = grant,
		.context = rig,
	};
	assert_int_equal(forwarder_io_new(&options, &rig->io), ERR_OK);
	assert_int_equal(
		control_watch_new(rig->loop, rig->server, EPOLLIN, server_ready, rig, &rig->server_watch),
		ERR_OK);
	assert_int_equal(control_watch_new(rig->loop, rig->listener, EPOLLIN, listener_ready, rig,
									   &rig->listener_watch),
					 ERR_OK);
	*state = rig;
	return 0;
}

static int tear_down(void **state) {
	struct rig *rig = *state;
	forwarder_io_free(rig->io);
	control_watch_free(rig->server_watch);
	control_watch_free(rig->listener_watch);
	control_watch_free(rig->accepted_watch);
	control_timer_free(rig->later);
	(void)close(rig->server);
	(void)close(rig->listener);
	if (rig->accepted >= 0)
		(void)close(rig->accepted);
	control_loop_free(rig->loop);
	free(rig);
	return 0;
}

static void test_datagram(void **state) {
	struct rig *rig = *state;
	int client = connect_client(rig, SOCK_DGRAM);
	struct dns_text query = query_of(77, "a.example", DNS_TYPE_A);
	assert_int_equal(send(client, query.data, query.size, 0), query.size);
	run_client(rig, client, 1);
	struct dns_text expected = answer_to(query.data, query.size, 1);
	assert_int_equal(rig->answer_size, expected.size);
	assert_memory_equal(rig->answer, expected.data, expected.size);
	assert_int_equal(forwarder_io_figures(rig->io)->answers, 1);
}

/* Two questions by one connection, in pieces; answers larger than buffers. */
static void test_stream(void **state) {
	struct rig *rig = *state;
	int client = connect_client(rig, SOCK_STREAM);
	rig->large = LARGE;
	struct dns_text query = query_of(78, "b.example", DNS_TYPE_A);
	uint8_t framed[1024];
	frame_header(query.size, framed);
	memcpy(framed + 2, query.data, query.size);
	assert_int_equal(send(client, framed, 5, 0), 5);
	assert_int_equal(send(client, framed + 5, query.size - 3, 0), query.size - 3);
	size_t whole = 2 + answer_to(query.data, query.size, 2).size + 11 + LARGE;
	run_client(rig, client, whole);
	assert_int_equal(rig->answer_size, whole);
	assert_int_equal(rig->answer[2] << 8 | rig->answer[3], 78);
	assert_int_equal(rig->opens, 1);
}

static void test_withheld(void **state) {
	struct rig *rig = *state;
	rig->refuse_grants = true;
	int client = connect_client(rig, SOCK_DGRAM);
	struct dns_text query = query_of(79, "in.example", DNS_TYPE_A);
	assert_int_equal(send(client, query.data, query.size, 0), query.size);
	run_client(rig, client, 1);
	assert_int_equal(rig->grants, 1);
	assert_int_equal(rig->answer_size, query.size);
	assert_int_equal(rig->answer[3] & 15, DNS_RCODE_FAILED);
}

/* A client that sends nonsense by TCP loses its connection, and nobody else does. */
static void test_bad_stream(void **state) {
	struct rig *rig = *state;
	int client = connect_client(rig, SOCK_STREAM);
	assert_int_equal(send(client, "\xff\xff", 2, 0), 2);
	run_client(rig, client, 1);
	assert_int_equal(rig->answer_size, 0);
	test_datagram(state);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_datagram, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_stream, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_withheld, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bad_stream, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
