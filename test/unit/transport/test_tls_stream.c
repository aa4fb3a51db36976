#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../crypto/tls_pair.h"
#include "base/clock.h"
#include "loop/control_loop.h"
#include "transport/tcp/tcp_acceptor.h"
#include "transport/tls/tls_stream.h"

/* Two ends over the loopback interface. A timer of some seconds ends what would never end. */

enum { PATIENCE_SECONDS = 20, BULK = 4 << 20 };

enum moment { NEVER, AT_OPEN, AT_DATA, AT_END, AT_FAILURE, AT_WRITABLE };

struct end {
	struct desk *desk;
	struct tls_stream *stream;
	size_t room, received, largest;
	unsigned opened, finished, cut, writable, failures;
	struct tls_stream_failure failure;
	enum moment stop_at, free_at;
	size_t stop_at_size;
	const uint8_t *bulk; /* what is left to be sent, and then the end */
	size_t left;
	const uint8_t *expected; /* what has to come */
};

struct desk {
	struct control_loop *loop;
	struct control_timer *patience;
	struct tcp_acceptor *acceptor;
	struct sockaddr_in at;
	struct certificate_pair pair;
	struct tls_server *server;
	struct tls_client *client;
	struct end near, far; /* far: the accepted one */
	uint8_t *bulk;
};

static void reach(struct end *end, enum moment moment) {
	if (end->free_at == moment) {
		tls_stream_free(end->stream);
		end->stream = NULL;
	}
	if (end->stop_at == moment || end->free_at == moment)
		control_loop_stop(end->desk->loop);
}

static void on_open(void *context) {
	struct end *end = context;
	end->opened++;
	reach(end, AT_OPEN);
}

static size_t on_room(void *context) {
	return ((struct end *)context)->room;
}

static void on_received(void *context, uint8_t *data, size_t size) {
	struct end *end = context;
	assert_true(size > 0 && size <= end->room);
	assert_int_equal(end->finished + end->failures, 0);
	if (end->expected)
		assert_memory_equal(data, end->expected + end->received, size);
	end->received += size;
	end->room -= size;
	if (size > end->largest)
		end->largest = size;
	if (end->stop_at_size > 0 && end->received >= end->stop_at_size)
		control_loop_stop(end->desk->loop);
	reach(end, AT_DATA);
}

static void on_finished(void *context, bool cut) {
	struct end *end = context;
	end->finished++;
	end->cut += cut;
	reach(end, AT_END);
}

static void go_on(struct end *end) {
	size_t taken;
	while (end->left > 0 && (taken = tls_stream_send(end->stream, end->bulk, end->left)) > 0) {
		end->bulk += taken;
		end->left -= taken;
	}
	if (end->left == 0)
		tls_stream_finish(end->stream);
}

static void on_writable(void *context) {
	struct end *end = context;
	end->writable++;
	if (end->free_at == AT_WRITABLE)
		reach(end, AT_WRITABLE);
	else
		go_on(end);
}

static void on_failed(void *context, const struct tls_stream_failure *failure) {
	struct end *end = context;
	end->failures++;
	end->failure = *failure;
	reach(end, AT_FAILURE);
}

static const struct tls_stream_ops ops = {
	.open = on_open,
	.room = on_room,
	.received = on_received,
	.finished = on_finished,
	.writable = on_writable,
	.failed = on_failed,
};

static void begin(struct desk *desk, struct end *end, int descriptor, bool connecting,
				  struct tls tls) {
	const struct tls_stream_options options = {.loop = desk->loop,
											   .descriptor = descriptor,
											   .connecting = connecting,
											   .unsent_max = 128 * 1024,
											   .tls = &tls,
											   .ops = &ops,
											   .context = end};
	assert_int_equal(tls_stream_new(&options, &end->stream), ERR_OK);
	assert_null(tls.ops);
}

static void on_accepted(void *context, int descriptor, const struct endpoint *from) {
	struct desk *desk = context;
	struct tls tls;
	assert_null(desk->far.stream);
	assert_int_equal(tls_server_accept(desk->server, &tls), ERR_OK);
	begin(desk, &desk->far, descriptor, false, tls);
}

static void out_of_patience(void *context) {
	fail_msg("nothing happened for %d seconds", PATIENCE_SECONDS);
}

static int listening(struct sockaddr_in *out_at) {
	int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof at;
	assert_int_equal(bind(descriptor, (struct sockaddr *)&at, size), 0);
	assert_int_equal(listen(descriptor, 16), 0);
	assert_int_equal(getsockname(descriptor, (struct sockaddr *)&at, &size), 0);
	*out_at = at;
	return descriptor;
}

static int set_up(void **state) {
	struct desk *desk = calloc(1, sizeof *desk);
	assert_non_null(desk);
	assert_int_equal(control_loop_new(&desk->loop), ERR_OK);
	assert_int_equal(control_timer_new(desk->loop, out_of_patience, desk, &desk->patience), ERR_OK);
	control_timer_set(desk->patience, PATIENCE_SECONDS * CLOCK_SECOND);
	tls_pair_certificate(&desk->pair);
	desk->server = tls_pair_server(&desk->pair);
	desk->client = tls_pair_client(&desk->pair);
	const struct tcp_acceptor_options options = {.loop = desk->loop,
												 .descriptor = listening(&desk->at),
												 .accepted = on_accepted,
												 .context = desk};
	assert_int_equal(tcp_acceptor_new(&options, &desk->acceptor), ERR_OK);
	desk->near.desk = desk->far.desk = desk;
	desk->near.room = desk->far.room = SIZE_MAX;
	desk->bulk = malloc(BULK);
	assert_non_null(desk->bulk);
	for (size_t i = 0; i < BULK; i++)
		desk->bulk[i] = (uint8_t)(i * 31 + (i >> 8) + (i >> 16));
	*state = desk;
	return 0;
}

static int tear_down(void **state) {
	struct desk *desk = *state;
	tls_stream_free(desk->near.stream);
	tls_stream_free(desk->far.stream);
	tcp_acceptor_free(desk->acceptor);
	control_timer_free(desk->patience);
	control_loop_free(desk->loop);
	tls_server_free(desk->server);
	tls_client_free(desk->client);
	free(desk->bulk);
	free(desk);
	return 0;
}

static int connecting(struct desk *desk) {
	int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int result = connect(descriptor, (const struct sockaddr *)&desk->at, sizeof desk->at);
	assert_true(result == 0 || errno == EINPROGRESS);
	return descriptor;
}

static void call(struct desk *desk, const char *name) {
	struct tls tls = tls_pair_connect(desk->client, name, slice_of(NULL, 0));
	begin(desk, &desk->near, connecting(desk), true, tls);
}

/* Both ends are open. */
static void join(struct desk *desk) {
	call(desk, "vpn.example.org");
	desk->far.stop_at = AT_OPEN;
	control_loop_run(desk->loop);
	desk->far.stop_at = NEVER;
	assert_int_equal(desk->near.opened, 1);
}

static void stop(void *context) {
	control_loop_stop(context);
}

static void run_for(struct desk *desk, uint64_t milliseconds) {
	struct control_timer *timer;
	assert_int_equal(control_timer_new(desk->loop, stop, desk->loop, &timer), ERR_OK);
	control_timer_set(timer, milliseconds * CLOCK_MILLISECOND);
	control_loop_run(desk->loop);
	control_timer_free(timer);
}

static void send_text(struct end *end, const char *text) {
	assert_int_equal(tls_stream_send(end->stream, (const uint8_t *)text, strlen(text)),
					 strlen(text));
}

static void test_both_ways(void **state) {
	struct desk *desk = *state;
	join(desk);
	struct tls_facts facts;
	tls_facts(tls_stream_tls(desk->near.stream), &facts);
	assert_int_equal(facts.version, TLS_VERSION_1_3);
	assert_string_equal(facts.protocol, "h2");
	send_text(&desk->near, "question");
	desk->far.stop_at_size = 8;
	control_loop_run(desk->loop);
	send_text(&desk->far, "answers");
	desk->near.stop_at_size = 7;
	control_loop_run(desk->loop);
	assert_int_equal(desk->near.received, 7);
	assert_int_equal(desk->far.received, 8);
}

/* Before it is open nothing is taken. */
static void test_too_early(void **state) {
	struct desk *desk = *state;
	call(desk, "vpn.example.org");
	assert_int_equal(tls_stream_send(desk->near.stream, (const uint8_t *)"x", 1), 0);
}

/* A slow reader stops the sender; every byte arrives, and then the end. */
static void test_bulk(void **state) {
	struct desk *desk = *state;
	join(desk);
	desk->far.room = 0;
	desk->far.expected = desk->bulk;
	desk->near.bulk = desk->bulk;
	desk->near.left = BULK;
	go_on(&desk->near);
	run_for(desk, 50);
	assert_int_equal(desk->far.received, 0);
	assert_true(desk->near.left > 0);
	/* In steps that are smaller than a record, and one that is larger. */
	const size_t steps[] = {1, 1000, 20000};
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		desk->far.room = steps[i];
		desk->far.stop_at_size = desk->far.received + steps[i];
		tls_stream_resume(desk->far.stream);
		control_loop_run(desk->loop);
		run_for(desk, 1);
		assert_int_equal(desk->far.received, desk->far.stop_at_size);
	}
	desk->far.stop_at_size = 0;
	desk->far.room = SIZE_MAX;
	desk->far.stop_at = AT_END;
	tls_stream_resume(desk->far.stream);
	control_loop_run(desk->loop);
	assert_int_equal(desk->far.received, BULK);
	assert_int_equal(desk->far.finished, 1);
	assert_int_equal(desk->far.cut, 0);
	assert_true(desk->near.writable > 0);
	assert_in_range(desk->far.largest, TLS_RECORD_SIZE_MAX + 1, TLS_STREAM_RECEIVE_MAX);
}

/* Who has room for one record gets one at a time, however many there are. */
static void test_one_by_one(void **state) {
	struct desk *desk = *state;
	join(desk);
	desk->far.room = TLS_RECORD_SIZE_MAX;
	desk->far.stop_at = AT_DATA;
	for (size_t i = 0; i < 3; i++)
		send_text(&desk->near, "record");
	control_loop_run(desk->loop);
	run_for(desk, 20);
	assert_int_equal(desk->far.received, 18);
	assert_int_equal(desk->far.largest, 6);
}

/* The end of one direction leaves the other one. */
static void test_half_close(void **state) {
	struct desk *desk = *state;
	join(desk);
	tls_stream_finish(desk->near.stream);
	assert_int_equal(tls_stream_send(desk->near.stream, (const uint8_t *)"x", 1), 0);
	desk->far.stop_at = AT_END;
	control_loop_run(desk->loop);
	assert_int_equal(desk->far.cut, 0);
	send_text(&desk->far, "still here");
	desk->near.stop_at_size = 10;
	control_loop_run(desk->loop);
	assert_int_equal(desk->near.failures + desk->far.failures, 0);
}

/* An end that TLS did not say may be somebody else's doing. */
static void test_cut_off(void **state) {
	struct desk *desk = *state;
	join(desk);
	run_for(desk, 20); /* what the server sends by itself has been read */
	send_text(&desk->far, "half a");
	tls_stream_free(desk->far.stream);
	desk->far.stream = NULL;
	desk->near.stop_at = AT_END;
	control_loop_run(desk->loop);
	assert_int_equal(desk->near.received, 6);
	assert_int_equal(desk->near.cut, 1);
}

static void test_reset(void **state) {
	struct desk *desk = *state;
	join(desk);
	tls_stream_abort(desk->far.stream);
	desk->far.stream = NULL;
	desk->near.stop_at = AT_FAILURE;
	control_loop_run(desk->loop);
	assert_int_equal(desk->near.failure.number, ECONNRESET);
	assert_int_equal(desk->near.failure.tls.fault, TLS_FAULT_NONE);
	run_for(desk, 5);
	assert_int_equal(desk->near.failures, 1);
}

/* The client does not go on with a stranger, and tells him by an alert. */
static void test_wrong_name(void **state) {
	struct desk *desk = *state;
	call(desk, "other.example.org");
	desk->far.stop_at = AT_FAILURE;
	control_loop_run(desk->loop);
	assert_int_equal(desk->near.failures, 1);
	assert_int_equal(desk->near.failure.number, 0);
	assert_int_equal(desk->near.failure.tls.fault, TLS_FAULT_CERTIFICATE);
	assert_int_equal(desk->near.opened, 0);
	assert_int_equal(desk->far.failure.tls.fault, TLS_FAULT_ALERT);
	assert_int_equal(desk->far.failure.tls.alert, desk->near.failure.tls.alert);
}

/* Bytes of somebody without TLS; nothing answers. */
static void test_stranger(void **state) {
	struct desk *desk = *state;
	static const struct {
		const char *text;
		enum tls_fault fault;
	} cases[] = {{"GET / HTTP/1.1\r\n\r\n", TLS_FAULT_PLAIN_HTTP},
				 {"\x16\x03\x01\xff\xff", TLS_FAULT_PROTOCOL}};
	for (size_t i = 0; i < 2; i++) {
		int descriptor = connecting(desk);
		desk->far = (struct end){.desk = desk, .room = SIZE_MAX, .stop_at = AT_FAILURE};
		run_for(desk, 5);
		assert_int_equal(send(descriptor, cases[i].text, strlen(cases[i].text), 0),
						 strlen(cases[i].text));
		control_loop_run(desk->loop);
		assert_int_equal(desk->far.failure.number, 0);
		assert_int_equal(desk->far.failure.tls.fault, cases[i].fault);
		tls_stream_free(desk->far.stream);
		desk->far.stream = NULL;
		(void)close(descriptor);
	}
}

static void test_handshake_breaks_off(void **state) {
	struct desk *desk = *state;
	int descriptor = connecting(desk);
	desk->far.stop_at = AT_FAILURE;
	run_for(desk, 5);
	assert_int_equal(send(descriptor, "\x16\x03", 2, 0), 2);
	(void)close(descriptor);
	control_loop_run(desk->loop);
	assert_int_equal(desk->far.failure.number, ECONNRESET);
	assert_int_equal(desk->far.finished, 0);
}

static void test_nobody_there(void **state) {
	struct desk *desk = *state;
	tcp_acceptor_free(desk->acceptor);
	desk->acceptor = NULL;
	int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int result = connect(descriptor, (const struct sockaddr *)&desk->at, sizeof desk->at);
	assert_int_equal(result, -1);
	struct tls tls = tls_pair_connect(desk->client, "vpn.example.org", slice_of(NULL, 0));
	begin(desk, &desk->near, descriptor, errno == EINPROGRESS, tls);
	desk->near.stop_at = AT_FAILURE;
	control_loop_run(desk->loop);
	assert_true(desk->near.failure.number != 0);
}

/* Each callback may be the stream's last. */
static void test_freed_inside(void **state) {
	struct desk *desk = *state;
	join(desk);
	desk->far.free_at = AT_DATA;
	send_text(&desk->near, "hello");
	control_loop_run(desk->loop);
	assert_null(desk->far.stream);

	desk->near.free_at = AT_END;
	control_loop_run(desk->loop);
	assert_null(desk->near.stream);

	desk->near = (struct end){.desk = desk, .room = SIZE_MAX, .free_at = AT_OPEN};
	desk->far = (struct end){.desk = desk, .room = SIZE_MAX};
	call(desk, "vpn.example.org");
	control_loop_run(desk->loop);
	assert_null(desk->near.stream);
	run_for(desk, 5);
	tls_stream_free(desk->far.stream);

	desk->near = (struct end){.desk = desk, .room = SIZE_MAX, .free_at = AT_FAILURE};
	desk->far = (struct end){.desk = desk, .room = SIZE_MAX};
	call(desk, "other.example.org");
	control_loop_run(desk->loop);
	assert_null(desk->near.stream);
	run_for(desk, 5);
	tls_stream_free(desk->far.stream);

	desk->near = (struct end){.desk = desk, .room = SIZE_MAX, .free_at = AT_WRITABLE};
	desk->far = (struct end){.desk = desk, .room = SIZE_MAX};
	join(desk);
	desk->near.bulk = desk->bulk;
	desk->near.left = BULK;
	go_on(&desk->near);
	assert_true(desk->near.left > 0);
	control_loop_run(desk->loop);
	assert_null(desk->near.stream);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_both_ways, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_too_early, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bulk, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_one_by_one, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_half_close, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cut_off, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_reset, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_wrong_name, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_stranger, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_handshake_breaks_off, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nobody_there, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_freed_inside, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
