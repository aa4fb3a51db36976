#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "proxy/front.h"
#include "tunnel/front_connection.h"
#include "tunnel/front_desk.h"

static const uint8_t greeting[] = {5, 1, 0};
static const uint8_t request[] = {5, 1, 0, 3, 4, 'a', '.', 'd', 'e', 1, 187};
static const uint8_t granted[] = {5, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0, 0};

static struct front_desk *mixed(void) {
	return front_desk_new(STREAM_LISTENER_MIXED, NULL, NULL);
}

static void say_text(struct front_desk *desk, int descriptor, const char *text) {
	front_desk_say(desk, descriptor, text, strlen(text));
}

/* All at once, data behind the request; then as a relay. */
static void serves_socks5(void **state) {
	(void)state;
	struct front_desk *desk = mixed();
	uint8_t all[sizeof greeting + sizeof request + 5];
	memcpy(all, greeting, sizeof greeting);
	memcpy(all + sizeof greeting, request, sizeof request);
	memcpy(all + sizeof greeting + sizeof request, "early", 5);
	int client = front_desk_connect(desk);
	front_desk_say(desk, client, all, sizeof all);
	front_desk_expect(desk, client, granted, sizeof granted);
	struct fake_far_stream *far = desk->far.streams[0];
	assert_string_equal(far->target.name, "a.de");
	assert_int_equal(far->target.port, 443);
	fake_far_expect(far, "early", 5);
	fake_far_say(far, "good day", 8);
	front_desk_expect(desk, client, "good day", 8);
	assert_int_equal(shutdown(client, SHUT_WR), 0);
	front_desk_turn(desk);
	assert_true(far->is_at_end);
	front_desk_far_ends(desk, 0);
	front_desk_expect_end(desk, client);
	assert_int_equal(front_desk_streams(desk), 0);
	assert_int_equal(front_desk_figures(desk)->open_connections, 0);
	assert_int_equal(front_desk_figures(desk)->connections, 1);
	assert_int_equal(front_desk_figures(desk)->received, 5);
	assert_int_equal(front_desk_figures(desk)->sent, 8);
	front_desk_close(desk, client);
	front_desk_free(desk);
}

/* He has said all that he will before the target is there. */
static void serves_who_ends_early(void **state) {
	(void)state;
	struct front_desk *desk = mixed();
	desk->far.is_connecting_at_once = false;
	int client = front_desk_connect(desk);
	say_text(desk, client, "CONNECT a.de:80 HTTP/1.1\r\n\r\nGET / HTTP/1.0\r\n\r\n");
	assert_int_equal(shutdown(client, SHUT_WR), 0);
	front_desk_expect_nothing(desk, client);
	struct fake_far_stream *far = desk->far.streams[0];
	mux_stream_connected(far->stream);
	front_desk_expect_text(desk, client, "HTTP/1.1 200 ");
	fake_far_expect(far, "GET / HTTP/1.0\r\n\r\n", 18);
	assert_true(far->is_at_end);
	fake_far_say(far, "answer", 6);
	front_desk_expect(desk, client, "answer", 6);
	front_desk_far_ends(desk, 0);
	front_desk_expect_end(desk, client);
	front_desk_close(desk, client);
	front_desk_free(desk);
}

/* Two requests of one connection, each by its own stream, which end in peace. */
static void passes_requests_on(void **state) {
	(void)state;
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
	struct front_desk *desk = mixed();
	int client = front_desk_connect(desk);
	for (size_t i = 0; i < 2; i++) {
		say_text(desk, client, "GET http://a.de/x HTTP/1.1\r\n\r\n");
		struct fake_far_stream *far = desk->far.streams[i];
		fake_far_expect(far, "GET /x HTTP/1.1\r\nHost: a.de\r\nConnection: close\r\n\r\n", 50);
		fake_far_say(far, answer, sizeof answer - 1);
		front_desk_expect(desk, client, answer, sizeof answer - 1);
		/* He need not say more than that he asked for; no reset, which servers count. */
		assert_true(far->is_at_end);
		assert_false(far->is_closed);
		front_desk_far_ends(desk, i);
		assert_true(far->is_closed);
		assert_int_equal(far->error, STREAM_ERROR_NONE);
		assert_int_equal(front_desk_streams(desk), 0);
	}
	front_desk_close(desk, client);
	assert_int_equal(front_desk_figures(desk)->open_connections, 0);
	front_desk_free(desk);
}

/* A body of an answer that is larger than every buffer, to a client who is slow. */
static void passes_bodies_on(void **state) {
	(void)state;
	enum { SIZE = 3 << 20 };
	static const uint8_t bytes[60000];
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 3145728\r\n\r\n";
	struct front_desk *desk = mixed();
	int client = front_desk_connect(desk);
	int small = 65536;
	assert_int_equal(setsockopt(client, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
	say_text(desk, client, "GET http://a.de/ HTTP/1.1\r\n\r\n");
	struct fake_far_stream *far = desk->far.streams[0];
	fake_far_say(far, head, sizeof head - 1);
	size_t said = 0, got = 0;
	for (unsigned i = 0; got < SIZE + sizeof head - 1; i++) {
		static char some[60000];
		if (said < SIZE)
			said += mux_stream_write(far->stream, bytes,
									 SIZE - said < sizeof bytes ? SIZE - said : sizeof bytes);
		ssize_t size = recv(client, some, sizeof some, 0);
		got += size > 0 ? (size_t)size : 0;
		front_desk_turn(desk);
		assert_true(i < 100000);
	}
	assert_int_equal(got, SIZE + sizeof head - 1);
	front_desk_close(desk, client);
	front_desk_free(desk);
}

static void tells_refusals(void **state) {
	(void)state;
	static const struct {
		enum stream_error error;
		uint8_t reply;
		const char *status;
	} rows[] = {
		{STREAM_ERROR_REFUSED_STREAM, 2, "HTTP/1.1 403 "},
		{STREAM_ERROR_CONNECT, 4, "HTTP/1.1 502 "},
		{STREAM_ERROR_ENHANCE_YOUR_CALM, 1, "HTTP/1.1 503 "},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct front_desk *desk = mixed();
		desk->far.refusal = rows[i].error;
		int client = front_desk_connect(desk);
		front_desk_say(desk, client, greeting, sizeof greeting);
		front_desk_say(desk, client, request, sizeof request);
		front_desk_expect(desk, client, BYTES(5, 0, 5, rows[i].reply, 0, 1, 0, 0, 0, 0, 0, 0));
		front_desk_expect_end(desk, client);
		int other = front_desk_connect(desk);
		say_text(desk, other, "GET http://a.de/ HTTP/1.1\r\n\r\n");
		front_desk_expect_text(desk, other, rows[i].status);
		front_desk_expect_end(desk, other);
		assert_int_equal(front_desk_figures(desk)->refused, 2);
		front_desk_close(desk, client);
		front_desk_close(desk, other);
		assert_int_equal(front_desk_figures(desk)->open_connections, 0);
		assert_int_equal(front_desk_streams(desk), 0);
		front_desk_free(desk);
	}
	/* There is no connection to the server: at once, and after a while. */
	for (int i = 0; i < 2; i++) {
		struct front_desk *desk = mixed();
		desk->uplink.refusal = REFUSAL_CARRIER;
		desk->uplink.is_waiting = i == 1;
		int client = front_desk_connect(desk);
		say_text(desk, client, "CONNECT a.de:443 HTTP/1.1\r\n\r\n");
		if (i == 1) {
			front_desk_expect_nothing(desk, client);
			fake_uplink_go_on(&desk->uplink);
		}
		front_desk_expect_text(desk, client, "HTTP/1.1 503 ");
		front_desk_expect_end(desk, client);
		front_desk_close(desk, client);
		front_desk_free(desk);
	}
}

/* The carrier breaks while an answer is on its way, and before it has begun. */
static void survives_the_carrier(void **state) {
	(void)state;
	struct front_desk *desk = mixed();
	int first = front_desk_connect(desk), second = front_desk_connect(desk);
	say_text(desk, first, "GET http://a.de/ HTTP/1.1\r\n\r\n");
	say_text(desk, second, "GET http://a.de/ HTTP/1.1\r\n\r\n");
	fake_far_say(desk->far.streams[0], "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", 42);
	front_desk_expect_text(desk, first, "HTTP/1.1 200 OK");
	fake_carriers_break(&desk->carriers, STREAM_ERROR_PROTOCOL);
	front_desk_expect_end(desk, first);
	front_desk_expect_text(desk, second, "HTTP/1.1 503 ");
	front_desk_expect_end(desk, second);
	front_desk_close(desk, first);
	front_desk_close(desk, second);
	assert_int_equal(front_desk_figures(desk)->open_connections, 0);
	front_desk_free(desk);
}

static void asks_for_passwords(void **state) {
	(void)state;
	struct credential user = {.name = "u", .password = "p"};
	struct front_desk *desk = front_desk_new(STREAM_LISTENER_MIXED, NULL, &user);
	int client = front_desk_connect(desk);
	say_text(desk, client, "CONNECT a.de:443 HTTP/1.1\r\n\r\n");
	front_desk_expect_text(desk, client, "HTTP/1.1 407 ");
	front_desk_close(desk, client);
	client = front_desk_connect(desk);
	front_desk_say(desk, client, BYTES(5, 1, 2, 1, 1, 'u', 1, 'p'));
	front_desk_expect(desk, client, BYTES(5, 2, 1, 0));
	front_desk_say(desk, client, request, sizeof request);
	front_desk_expect(desk, client, BYTES(5, 0, 0, 1, 0, 0, 0, 0, 0, 0));
	/* Other users hold for whoever comes then; the one who is in the middle is not cut off. */
	int between = front_desk_connect(desk);
	front_desk_say(desk, between, BYTES(5, 1, 2));
	struct credential other = {.name = "u", .password = "q"};
	desk->options.users = &other;
	assert_int_equal(front_ends_set(desk->ends, &desk->options), ERR_OK);
	front_desk_say(desk, between, BYTES(1, 1, 'u', 1, 'p'));
	front_desk_expect(desk, between, BYTES(5, 2, 1, 0));
	int late = front_desk_connect(desk);
	front_desk_say(desk, late, BYTES(5, 1, 2, 1, 1, 'u', 1, 'p'));
	front_desk_expect(desk, late, BYTES(5, 2, 1, 1));
	front_desk_expect_end(desk, late);
	front_desk_close(desk, client);
	front_desk_close(desk, between);
	front_desk_close(desk, late);
	front_desk_free(desk);
}

static void gives_up(void **state) {
	(void)state;
	struct front_desk *desk = mixed();
	/* Half a request. */
	int client = front_desk_connect(desk);
	say_text(desk, client, "GET http://a.de/ HT");
	fake_stream_host_advance(&desk->fake, FRONT_HEAD_TIMEOUT - CLOCK_SECOND);
	front_desk_expect_nothing(desk, client);
	fake_stream_host_advance(&desk->fake, 2 * CLOCK_SECOND);
	front_desk_expect_text(desk, client, "HTTP/1.1 408 ");
	front_desk_expect_end(desk, client);
	/* He does not close, and is closed. */
	assert_int_equal(front_desk_figures(desk)->open_connections, 1);
	fake_stream_host_advance(&desk->fake, FRONT_CONNECTION_LINGER + CLOCK_SECOND);
	assert_int_equal(front_desk_figures(desk)->open_connections, 0);
	front_desk_close(desk, client);
	/* A target that never is there. */
	desk->far.is_connecting_at_once = false;
	client = front_desk_connect(desk);
	say_text(desk, client, "CONNECT a.de:80 HTTP/1.1\r\n\r\n");
	fake_stream_host_advance(&desk->fake, FRONT_OPEN_TIMEOUT + CLOCK_SECOND);
	front_desk_expect_text(desk, client, "HTTP/1.1 504 ");
	front_desk_close(desk, client);
	assert_int_equal(front_desk_figures(desk)->open_connections, 0);
	front_desk_free(desk);
}

/* Clients who break off: while waiting for the uplink, for the target, in an answer, in a relay. */
static void forgets_who_breaks_off(void **state) {
	(void)state;
	struct front_desk *desk = mixed();
	desk->far.is_connecting_at_once = false;
	for (int i = 0; i < 4; i++) {
		desk->uplink.is_waiting = i == 0;
		int client = front_desk_connect(desk);
		say_text(desk, client,
				 i == 3 ? "CONNECT a.de:80 HTTP/1.1\r\n\r\n" : "GET http://a.de/ HTTP/1.1\r\n\r\n");
		struct fake_far_stream *far = i > 0 ? desk->far.streams[i - 1] : NULL;
		if (i > 1) {
			mux_stream_connected(far->stream);
			front_desk_turn(desk);
		}
		struct linger at_once = {.l_onoff = 1};
		assert_int_equal(setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
		front_desk_close(desk, client);
		assert_int_equal(front_desk_figures(desk)->open_connections, 0);
		assert_true(list_is_empty(&desk->uplink.wishes));
		assert_true(!far || far->is_closed);
		assert_int_equal(front_desk_streams(desk), 0);
	}
	front_desk_free(desk);
}

/* Ends while all kinds of connections are there. */
static void may_be_freed_amid(void **state) {
	(void)state;
	struct front_desk *desk = mixed();
	int clients[5];
	for (size_t i = 0; i < 5; i++) {
		clients[i] = front_desk_connect(desk);
		if (i == 1)
			front_desk_say(desk, clients[i], greeting, sizeof greeting);
		if (i == 2)
			say_text(desk, clients[i], "CONNECT a.de:80 HTTP/1.1\r\n\r\n");
		if (i == 3)
			say_text(desk, clients[i], "GET http://a.de/ HTTP/1.1\r\n\r\n");
		desk->uplink.is_waiting = i == 3;
		if (i == 4)
			say_text(desk, clients[i], "GET http://a.de/ HTTP/1.1\r\n\r\n");
	}
	assert_int_equal(front_desk_figures(desk)->open_connections, 5);
	front_ends_free(desk->ends);
	desk->ends = NULL;
	front_desk_turn(desk);
	assert_int_equal(front_desk_streams(desk), 0);
	for (size_t i = 0; i < 5; i++)
		(void)close(clients[i]);
	front_desk_free(desk);
}

/* SOCKS5 UDP: a name and an address, answers, and the end of it all with the connection. */
static void associates(void **state) {
	(void)state;
	static const uint8_t to_name[] = {0, 0, 0, 3, 4, 'a', '.', 'd', 'e', 0, 53, 'h', 'i'};
	static const uint8_t to_address[] = {0, 0, 0, 1, 192, 0, 2, 1, 1, 187, 'y', 'o'};
	struct front_desk *desk = mixed();
	int client = front_desk_connect(desk);
	front_desk_say(desk, client, greeting, sizeof greeting);
	front_desk_say(desk, client, BYTES(5, 3, 0, 1, 0, 0, 0, 0, 0, 0));
	uint8_t answer[12];
	assert_int_equal(recv(client, answer, sizeof answer, 0), sizeof answer);
	assert_memory_equal(answer, ((uint8_t[]){5, 0, 5, 0, 0, 1, 127, 0, 0, 1}), 10);
	struct endpoint mine, bound = {.address = address_from_bytes(ADDRESS_V4, answer + 6),
								   .port = (uint16_t)(answer[10] << 8 | answer[11])};
	int socket = fake_stream_host_datagrams(&mine);
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(bound.port)};
	memcpy(&to.sin_addr, bound.address.bytes, 4);
	assert_int_equal(connect(socket, (struct sockaddr *)&to, sizeof to), 0);
	front_desk_say(desk, socket, to_name, sizeof to_name);
	front_desk_say(desk, socket, to_address, sizeof to_address);
	front_desk_say(desk, socket, to_name, sizeof to_name);
	assert_int_equal(desk->far.count, 2);
	assert_true(desk->far.streams[0]->target.udp);
	assert_string_equal(desk->far.streams[0]->target.name, "a.de");
	fake_far_expect(desk->far.streams[0], BYTES(0, 2, 'h', 'i', 0, 2, 'h', 'i'));
	fake_far_expect(desk->far.streams[1], BYTES(0, 2, 'y', 'o'));
	fake_far_say(desk->far.streams[1], BYTES(0, 2, 'o', 'k', 0, 0));
	front_desk_expect(desk, socket, BYTES(0, 0, 0, 1, 192, 0, 2, 1, 1, 187, 'o', 'k'));
	front_desk_expect(desk, socket, BYTES(0, 0, 0, 1, 192, 0, 2, 1, 1, 187));
	/* A flow whose stream ends: the next datagram opens another one. */
	front_desk_far_ends(desk, 1);
	front_desk_say(desk, socket, to_address, sizeof to_address);
	assert_int_equal(desk->far.count, 3);
	front_desk_close(desk, client);
	assert_int_equal(front_desk_figures(desk)->open_connections, 0);
	assert_true(desk->far.streams[0]->is_at_end);
	assert_true(desk->far.streams[2]->is_at_end);
	assert_int_equal(front_desk_figures(desk)->datagrams_received, 4);
	assert_int_equal(front_desk_figures(desk)->datagrams_sent, 2);
	(void)close(socket);
	front_desk_free(desk);
}

/* There is no socket, or it comes late, or the client is gone by then. */
static void associates_late(void **state) {
	(void)state;
	struct front_desk *desk = mixed();
	desk->fake.socket_error[STREAM_SOCKET_ASSOCIATION] = EMFILE;
	for (int i = 0; i < 3; i++) {
		desk->fake.is_socket_kept = i > 0;
		int client = front_desk_connect(desk);
		front_desk_say(desk, client, greeting, sizeof greeting);
		front_desk_say(desk, client, BYTES(5, 3, 0, 1, 0, 0, 0, 0, 0, 0));
		if (i == 1) {
			front_desk_expect(desk, client, BYTES(5, 0));
			desk->fake.socket_error[STREAM_SOCKET_ASSOCIATION] = 0;
			fake_stream_host_give(&desk->fake);
			front_desk_expect_text(desk, client, "\5");
		} else if (i == 0) {
			front_desk_expect(desk, client, BYTES(5, 0, 5, 1, 0, 1, 0, 0, 0, 0, 0, 0));
		}
		front_desk_close(desk, client);
		assert_int_equal(front_desk_figures(desk)->open_connections, 0);
	}
	front_desk_free(desk);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(serves_socks5),
		cmocka_unit_test(serves_who_ends_early),
		cmocka_unit_test(passes_requests_on),
		cmocka_unit_test(passes_bodies_on),
		cmocka_unit_test(tells_refusals),
		cmocka_unit_test(survives_the_carrier),
		cmocka_unit_test(asks_for_passwords),
		cmocka_unit_test(gives_up),
		cmocka_unit_test(forgets_who_breaks_off),
		cmocka_unit_test(may_be_freed_amid),
		cmocka_unit_test(associates),
		cmocka_unit_test(associates_late),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
