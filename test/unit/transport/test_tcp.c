#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "loop/control_loop.h"
#include "transport/tcp/tcp_acceptor.h"
#include "transport/tcp/tcp_connection.h"

/* Connections over the loopback interface. A timer of some seconds ends what would never end. */

enum { PATIENCE_SECONDS = 20, BULK = 8 << 20 };

/* One end of a connection, which tells what happened to it. */
struct end {
	struct desk *desk;
	struct tcp_connection *connection;
	size_t room, received, sent, largest;
	unsigned connected, finished, writable;
	unsigned asked; /* for room */
	int number;
	uint32_t sum;         /* of all bytes received, with their places */
	bool free_at_data;    /* frees itself when the first bytes come */
	bool free_at_failure; /* and when it fails */
	bool stop_at_end;     /* stops the loop when the other one has finished */
	size_t stop_at;       /* or so many bytes have come */
	const uint8_t *bulk;  /* what is left to be sent */
	size_t left;
};

struct desk {
	struct control_loop *loop;
	struct control_timer *patience;
	struct tcp_acceptor *acceptor;
	struct sockaddr_in at;
	struct end near, far; /* far: the accepted one */
	unsigned accepted;
	unsigned accepted_wanted; /* stops the loop */
	int others[128];          /* accepted beyond the first, closed at the end */
	struct endpoint from;
	bool free_acceptor;
};

static uint32_t mixed(uint32_t sum, const uint8_t *data, size_t size, size_t at) {
	for (size_t i = 0; i < size; i++)
		sum += (uint32_t)(data[i] + 1) * (uint32_t)(2654435761u * (at + i + 1));
	return sum;
}

static void on_connected(void *context) {
	struct end *end = context;
	end->connected++;
}

static size_t on_room(void *context) {
	struct end *end = context;
	end->asked++;
	return end->room;
}

static void on_received(void *context, const uint8_t *data, size_t size) {
	struct end *end = context;
	assert_true(size > 0 && size <= end->room);
	end->sum = mixed(end->sum, data, size, end->received);
	end->received += size;
	end->room -= size;
	if (size > end->largest)
		end->largest = size;
	if (end->free_at_data) {
		tcp_connection_free(end->connection);
		end->connection = NULL;
		control_loop_stop(end->desk->loop);
	} else if (end->stop_at > 0 && end->received >= end->stop_at) {
		control_loop_stop(end->desk->loop);
	}
}

static void on_finished(void *context) {
	struct end *end = context;
	end->finished++;
	if (end->stop_at_end)
		control_loop_stop(end->desk->loop);
}

/* Sends what is left of the bulk. */
static void go_on(struct end *end) {
	while (end->left > 0) {
		size_t half = end->left / 2;
		struct iovec pieces[] = {
			{.iov_base = (void *)(uintptr_t)end->bulk, .iov_len = half},
			{.iov_base = (void *)(uintptr_t)(end->bulk + half), .iov_len = end->left - half},
		};
		size_t sent = tcp_connection_send(end->connection, pieces, 2);
		end->bulk += sent;
		end->left -= sent;
		end->sent += sent;
		if (sent == 0)
			return;
	}
	tcp_connection_finish(end->connection);
}

static void on_writable(void *context) {
	struct end *end = context;
	end->writable++;
	go_on(end);
}

static void on_failed(void *context, int number) {
	struct end *end = context;
	assert_int_equal(end->number, 0);
	end->number = number;
	if (end->free_at_failure) {
		tcp_connection_free(end->connection);
		end->connection = NULL;
	}
	control_loop_stop(end->desk->loop);
}

static const struct tcp_connection_ops ops = {
	.connected = on_connected,
	.room = on_room,
	.received = on_received,
	.finished = on_finished,
	.writable = on_writable,
	.failed = on_failed,
};

static void begin(struct desk *desk, struct end *end, int descriptor, bool connecting) {
	end->desk = desk;
	struct tcp_connection_options options = {.loop = desk->loop,
											 .descriptor = descriptor,
											 .connecting = connecting,
											 .unsent_max = 128 * 1024,
											 .ops = &ops,
											 .context = end};
	assert_int_equal(tcp_connection_new(&options, &end->connection), ERR_OK);
}

static void on_accepted(void *context, int descriptor, const struct endpoint *from) {
	struct desk *desk = context;
	assert_true(fcntl(descriptor, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(descriptor, F_GETFD) & FD_CLOEXEC);
	if (desk->accepted > 0) {
		assert_true(desk->accepted < sizeof desk->others / sizeof *desk->others);
		desk->others[desk->accepted] = descriptor;
	} else {
		desk->from = *from;
		begin(desk, &desk->far, descriptor, false);
	}
	desk->accepted++;
	if (desk->free_acceptor) {
		tcp_acceptor_free(desk->acceptor);
		desk->acceptor = NULL;
	}
	if (desk->accepted == desk->accepted_wanted)
		control_loop_stop(desk->loop);
}

static void out_of_patience(void *context) {
	fail_msg("nothing happened for %d seconds", PATIENCE_SECONDS);
}

static int listening(struct sockaddr_in *out_at) {
	int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(descriptor >= 0);
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof at;
	assert_int_equal(bind(descriptor, (struct sockaddr *)&at, size), 0);
	assert_int_equal(listen(descriptor, 128), 0);
	assert_int_equal(getsockname(descriptor, (struct sockaddr *)&at, &size), 0);
	*out_at = at;
	return descriptor;
}

/* Tells whether the connection is not made yet. */
static bool connecting(const struct sockaddr_in *at, int *out_descriptor) {
	int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(descriptor >= 0);
	int result = connect(descriptor, (const struct sockaddr *)at, sizeof *at);
	assert_true(result == 0 || errno == EINPROGRESS);
	*out_descriptor = descriptor;
	return result != 0;
}

static int set_up(void **state) {
	struct desk *desk = calloc(1, sizeof *desk);
	assert_non_null(desk);
	assert_int_equal(control_loop_new(&desk->loop), ERR_OK);
	assert_int_equal(control_timer_new(desk->loop, out_of_patience, desk, &desk->patience), ERR_OK);
	control_timer_set(desk->patience, PATIENCE_SECONDS * CLOCK_SECOND);
	memset(desk->others, -1, sizeof desk->others);
	struct tcp_acceptor_options options = {.loop = desk->loop,
										   .descriptor = listening(&desk->at),
										   .accepted = on_accepted,
										   .context = desk};
	assert_int_equal(tcp_acceptor_new(&options, &desk->acceptor), ERR_OK);
	desk->near.room = desk->far.room = SIZE_MAX;
	*state = desk;
	return 0;
}

static int tear_down(void **state) {
	struct desk *desk = *state;
	tcp_connection_free(desk->near.connection);
	tcp_connection_free(desk->far.connection);
	tcp_acceptor_free(desk->acceptor);
	control_timer_free(desk->patience);
	for (size_t i = 0; i < sizeof desk->others / sizeof *desk->others; i++) {
		if (desk->others[i] >= 0)
			(void)close(desk->others[i]);
	}
	control_loop_free(desk->loop);
	free(desk);
	return 0;
}

/* Both ends are there. */
static void join(struct desk *desk) {
	int descriptor;
	bool pending = connecting(&desk->at, &descriptor);
	begin(desk, &desk->near, descriptor, pending);
	desk->accepted_wanted = 1;
	control_loop_run(desk->loop);
}

static void send_text(struct end *end, const char *text) {
	struct iovec piece = {.iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text)};
	assert_int_equal(tcp_connection_send(end->connection, &piece, 1), strlen(text));
}

/* A loop that has nothing to do ends after so long. */
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

static void tells_who_connects(void **state) {
	struct desk *desk = *state;
	join(desk);
	assert_int_equal(desk->from.address.family, ADDRESS_V4);
	assert_int_equal(desk->from.address.bytes[0], 127);
	assert_true(desk->from.port > 0);
	send_text(&desk->far, "hello");
	desk->near.stop_at = 5;
	control_loop_run(desk->loop);
	assert_true(desk->near.connected <= 1);
	assert_int_equal(desk->near.received, 5);
}

/* A slow reader stops the sender, and every byte arrives in its place. */
static void carries_bulk(void **state) {
	struct desk *desk = *state;
	uint8_t *bulk = malloc(BULK);
	assert_non_null(bulk);
	for (size_t i = 0; i < BULK; i++)
		bulk[i] = (uint8_t)(i * 31 + (i >> 8));
	join(desk);
	desk->far.room = 0;
	run_for(desk, 1); /* asks for the room once */
	desk->near.bulk = bulk;
	desk->near.left = BULK;
	go_on(&desk->near);
	run_for(desk, 50);
	assert_true(desk->near.left > 0);
	assert_int_equal(desk->far.received, 0);

	desk->far.room = 1000;
	desk->far.stop_at = 1000;
	tcp_connection_resume(desk->far.connection);
	control_loop_run(desk->loop);
	assert_int_equal(desk->far.received, 1000);

	desk->far.stop_at = 0;
	desk->far.room = SIZE_MAX;
	desk->far.stop_at_end = true;
	tcp_connection_resume(desk->far.connection);
	control_loop_run(desk->loop);
	assert_int_equal(desk->far.received, BULK);
	assert_int_equal(desk->far.sum, mixed(0, bulk, BULK, 0));
	assert_int_equal(desk->far.finished, 1);
	assert_true(desk->near.writable > 0);
	assert_true(desk->far.largest > 4096);
	free(bulk);
}

/* One direction is at its end, the other goes on. */
static void half_closes(void **state) {
	struct desk *desk = *state;
	join(desk);
	tcp_connection_finish(desk->near.connection);
	desk->far.stop_at_end = true;
	control_loop_run(desk->loop);
	assert_int_equal(desk->far.finished, 1);
	struct iovec piece = {.iov_base = (void *)(uintptr_t) "x", .iov_len = 1};
	assert_int_equal(tcp_connection_send(desk->near.connection, &piece, 1), 0);
	send_text(&desk->far, "still here");
	desk->near.stop_at = 10;
	control_loop_run(desk->loop);
	assert_int_equal(desk->near.received, 10);
	assert_int_equal(desk->near.number, 0);
}

/* An end that was told before the connection was made comes behind it. */
static void finishes_while_connecting(void **state) {
	struct desk *desk = *state;
	int descriptor;
	bool pending = connecting(&desk->at, &descriptor);
	begin(desk, &desk->near, descriptor, pending);
	tcp_connection_finish(desk->near.connection);
	desk->far.stop_at_end = true;
	control_loop_run(desk->loop);
	assert_int_equal(desk->far.finished, 1);
	assert_int_equal(desk->near.number, 0);
}

static void tells_a_reset(void **state) {
	struct desk *desk = *state;
	join(desk);
	tcp_connection_abort(desk->near.connection);
	desk->near.connection = NULL;
	control_loop_run(desk->loop);
	assert_int_equal(desk->far.number, ECONNRESET);
	assert_int_equal(desk->far.finished, 0);
	struct iovec piece = {.iov_base = (void *)(uintptr_t) "x", .iov_len = 1};
	assert_int_equal(tcp_connection_send(desk->far.connection, &piece, 1), 0);
	/* Told once, and the loop does not spin on it. */
	run_for(desk, 5);
}

/* Also to who only sends: not from inside the call. */
static void tells_a_sender_of_a_reset(void **state) {
	struct desk *desk = *state;
	join(desk);
	desk->far.room = 0;
	run_for(desk, 1);
	tcp_connection_abort(desk->near.connection);
	desk->near.connection = NULL;
	desk->far.free_at_failure = true;
	struct iovec piece = {.iov_base = (void *)(uintptr_t) "x", .iov_len = 1};
	for (int i = 0; i < 1000 && desk->far.connection && !desk->far.number; i++) {
		(void)tcp_connection_send(desk->far.connection, &piece, 1);
		assert_non_null(desk->far.connection);
		run_for(desk, 1);
	}
	assert_true(desk->far.number == ECONNRESET || desk->far.number == EPIPE);
	assert_null(desk->far.connection);
}

static void tells_a_refusal(void **state) {
	struct desk *desk = *state;
	tcp_acceptor_free(desk->acceptor);
	desk->acceptor = NULL;
	int descriptor;
	bool pending = false;
	/* Nobody listens there any more. */
	descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(descriptor >= 0);
	int result = connect(descriptor, (struct sockaddr *)&desk->at, sizeof desk->at);
	if (result != 0 && errno == EINPROGRESS)
		pending = true;
	else if (result != 0)
		assert_int_equal(errno, ECONNREFUSED);
	if (!pending) {
		(void)close(descriptor);
		skip();
	}
	begin(desk, &desk->near, descriptor, true);
	control_loop_run(desk->loop);
	assert_int_equal(desk->near.number, ECONNREFUSED);
	assert_int_equal(desk->near.connected, 0);
}

static void may_be_freed_at_data(void **state) {
	struct desk *desk = *state;
	join(desk);
	desk->far.free_at_data = true;
	send_text(&desk->near, "hello");
	control_loop_run(desk->loop);
	assert_null(desk->far.connection);
	assert_int_equal(desk->far.received, 5);
}

static void may_be_freed_at_a_failure(void **state) {
	struct desk *desk = *state;
	join(desk);
	desk->far.free_at_failure = true;
	tcp_connection_abort(desk->near.connection);
	desk->near.connection = NULL;
	control_loop_run(desk->loop);
	assert_null(desk->far.connection);
}

/* Bytes that there is no room for wake the loop once, not again and again. */
static void waits_for_room(void **state) {
	struct desk *desk = *state;
	join(desk);
	desk->far.room = desk->far.stop_at = 5;
	send_text(&desk->near, "hello, you");
	control_loop_run(desk->loop);
	run_for(desk, 20);
	assert_in_range(desk->far.asked, 2, 3);
	desk->far.room = desk->far.stop_at = 10;
	tcp_connection_resume(desk->far.connection);
	control_loop_run(desk->loop);
	assert_int_equal(desk->far.received, 10);
	run_for(desk, 20);
	assert_in_range(desk->far.asked, 3, 5);
}

/* What one owner has seen, the next one is not told again. */
/* What has come is read at once; a flow is not waited for again, as its owner asks by himself. */
static void reads_at_once(void **state) {
	struct desk *desk = *state;
	join(desk);
	desk->far.room = 0;
	send_text(&desk->near, "one, two, three");
	run_for(desk, 20);
	assert_int_equal(desk->far.received, 0);
	unsigned asked = desk->far.asked;
	for (size_t i = 1; i <= 3; i++) {
		desk->far.room = 5;
		tcp_connection_read(desk->far.connection);
		assert_int_equal(desk->far.received, 5 * i);
		run_for(desk, 20);
		assert_int_equal(desk->far.asked, asked + 2 * i);
	}
	/* Where nothing more had come, it is waited for. */
	desk->far.room = SIZE_MAX;
	tcp_connection_read(desk->far.connection);
	send_text(&desk->near, "four");
	desk->far.stop_at = 19;
	control_loop_run(desk->loop);
	assert_int_equal(desk->far.received, 19);
}

static void may_be_freed_while_it_reads(void **state) {
	struct desk *desk = *state;
	join(desk);
	desk->far.room = 0;
	run_for(desk, 1);
	send_text(&desk->near, "last");
	run_for(desk, 20);
	desk->far.room = SIZE_MAX;
	desk->far.free_at_data = true;
	tcp_connection_read(desk->far.connection);
	assert_int_equal(desk->far.received, 4);
	assert_null(desk->far.connection);
	control_loop_run(desk->loop); /* which was stopped before */
}

static void may_be_handed_over(void **state) {
	struct desk *desk = *state;
	struct end other = {.desk = desk, .room = 100, .stop_at_end = true};
	join(desk);
	desk->far.room = desk->far.stop_at = 5;
	send_text(&desk->near, "hello, you");
	control_loop_run(desk->loop);
	assert_int_equal(desk->far.received, 5);
	tcp_connection_hand_over(desk->far.connection, &ops, &other);
	tcp_connection_finish(desk->near.connection);
	control_loop_run(desk->loop);
	assert_int_equal(other.received, 5);
	assert_int_equal(other.finished, 1);
	assert_int_equal(desk->far.received, 5);
	assert_int_equal(desk->far.finished, 0);
}

static void sends_without_delay(void **state) {
	struct desk *desk = *state;
	int descriptor, value = 0;
	bool pending = connecting(&desk->at, &descriptor);
	begin(desk, &desk->near, descriptor, pending);
	socklen_t size = sizeof value;
	assert_int_equal(getsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &value, &size), 0);
	assert_int_equal(value, 1);
	assert_int_equal(getsockopt(descriptor, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &value, &size), 0);
	assert_int_equal(value, 128 * 1024);
}

static void accepts_many(void **state) {
	struct desk *desk = *state;
	enum { MANY = TCP_ACCEPTOR_TURN_MAX + 20 };
	int descriptors[MANY];
	for (size_t i = 0; i < MANY; i++)
		(void)connecting(&desk->at, &descriptors[i]);
	desk->accepted_wanted = MANY;
	control_loop_run(desk->loop);
	assert_int_equal(desk->accepted, MANY);
	for (size_t i = 0; i < MANY; i++)
		(void)close(descriptors[i]);
}

/* Where no descriptor is left it waits without spinning, and then goes on. */
static void waits_for_descriptors(void **state) {
	struct desk *desk = *state;
	int descriptor;
	(void)connecting(&desk->at, &descriptor);
	struct rlimit before;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	struct rlimit none = {.rlim_cur = 3, .rlim_max = before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	run_for(desk, 20);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(desk->accepted, 0);
	desk->accepted_wanted = 1;
	control_loop_run(desk->loop);
	assert_int_equal(desk->accepted, 1);
	(void)close(descriptor);
}

static void acceptor_may_be_freed_inside(void **state) {
	struct desk *desk = *state;
	int first, second;
	(void)connecting(&desk->at, &first);
	(void)connecting(&desk->at, &second);
	desk->free_acceptor = true;
	desk->accepted_wanted = 1;
	control_loop_run(desk->loop);
	run_for(desk, 5);
	assert_int_equal(desk->accepted, 1);
	(void)close(first);
	(void)close(second);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(tells_who_connects, set_up, tear_down),
		cmocka_unit_test_setup_teardown(carries_bulk, set_up, tear_down),
		cmocka_unit_test_setup_teardown(half_closes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(finishes_while_connecting, set_up, tear_down),
		cmocka_unit_test_setup_teardown(tells_a_reset, set_up, tear_down),
		cmocka_unit_test_setup_teardown(tells_a_sender_of_a_reset, set_up, tear_down),
		cmocka_unit_test_setup_teardown(tells_a_refusal, set_up, tear_down),
		cmocka_unit_test_setup_teardown(may_be_freed_at_data, set_up, tear_down),
		cmocka_unit_test_setup_teardown(may_be_freed_at_a_failure, set_up, tear_down),
		cmocka_unit_test_setup_teardown(waits_for_room, set_up, tear_down),
		cmocka_unit_test_setup_teardown(reads_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(may_be_freed_while_it_reads, set_up, tear_down),
		cmocka_unit_test_setup_teardown(may_be_handed_over, set_up, tear_down),
		cmocka_unit_test_setup_teardown(sends_without_delay, set_up, tear_down),
		cmocka_unit_test_setup_teardown(accepts_many, set_up, tear_down),
		cmocka_unit_test_setup_teardown(waits_for_descriptors, set_up, tear_down),
		cmocka_unit_test_setup_teardown(acceptor_may_be_freed_inside, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
