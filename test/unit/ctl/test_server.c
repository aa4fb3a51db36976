#include "ctl/house.h"

#include <errno.h>

#include "ctl/web.h"

#define HOST "Host: umbra\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"
/* Of HTTP/1.0, whose answers have no chunks. */
#define EVENTS(query) "GET /v1/events" query " HTTP/1.0\r\n\r\n"
#define LAST(method, path) method " " path " HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"
#define KEY "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

enum { ANSWER_SIZE = 64 << 10 };

static int set_up(void **state) {
	*state = house_new(0, 0);
	return 0;
}

static int set_up_impatient(void **state) {
	*state = house_new(1, 1);
	return 0;
}

static int tear_down(void **state) {
	house_free(*state);
	return 0;
}

/* All that comes until the end, as text in a buffer that the next call uses again. */
static const char *read_all(int descriptor) {
	static char text[ANSWER_SIZE];
	size_t size = 0;
	for (;;) {
		ssize_t count =
			TEMP_FAILURE_RETRY(recv(descriptor, text + size, sizeof text - 1 - size, 0));
		/* Input that the server did not read makes its end an error. */
		if (count == 0 || (count < 0 && errno == ECONNRESET))
			break;
		assert_true(count > 0); /* it ends in time */
		size += (size_t)count;
	}
	text[size] = '\0';
	return text;
}

static const char *read_until(int descriptor, const char *mark) {
	static char text[ANSWER_SIZE];
	size_t size = 0;
	text[0] = '\0';
	while (!strstr(text, mark)) {
		ssize_t count = TEMP_FAILURE_RETRY(recv(descriptor, text + size, 1, 0));
		assert_int_equal(count, 1);
		size++;
		text[size] = '\0';
	}
	return text;
}

static const char *exchange(const struct house *house, const char *request) {
	int descriptor = house_connect(house);
	house_send(descriptor, request);
	const char *answer = read_all(descriptor);
	(void)close(descriptor);
	return answer;
}

/* The answer's status and a piece of its text. */
static void expect(const struct house *house, const char *request, unsigned status,
				   const char *piece) {
	const char *answer = exchange(house, request);
	unsigned found = 0;
	assert_int_equal(sscanf(answer, "HTTP/1.1 %u ", &found), 1);
	assert_int_equal(found, status);
	if (!strstr(answer, piece))
		fail_msg("no %s in %s", piece, answer);
}

/* The library's own answer, or the end without one. */
static void expect_refused(const struct house *house, const char *request) {
	const char *answer = exchange(house, request);
	unsigned status = 400;
	if (answer[0] != '\0')
		assert_int_equal(sscanf(answer, "HTTP/1.1 %u ", &status), 1);
	assert_in_range(status, 400, 505);
}

static void every_question_arrives(void **state) {
	struct house *house = *state;
	static const struct {
		const char *request;
		unsigned status;
		const char *piece, *question;
	} rows[] = {
		{LAST("GET", "/v1/status?peers=3"), 200, "\"api\":1",
		 "0 tunnel=- peer=- peers=3 add=-/0/0 level=-"},
		{LAST("GET", "/v1/tunnels/um0"), 200, "\"name\":\"um0\"",
		 "1 tunnel=um0 peer=- peers=50 add=-/0/0 level=-"},
		{LAST("POST", "/v1/tunnels/um0/up"), 200, "{\"message\":\"done\"}",
		 "2 tunnel=um0 peer=- peers=50 add=-/0/0 level=-"},
		{LAST("POST", "/v1/tunnels/um0/down"), 200, "{\"message\":\"done\"}",
		 "3 tunnel=um0 peer=- peers=50 add=-/0/0 level=-"},
		{LAST("GET", "/v1/tunnels/um0/peers"), 200, "{\"peers\":[{",
		 "4 tunnel=um0 peer=- peers=50 add=-/0/0 level=-"},
		{LAST("GET", "/v1/tunnels/um0/peers/a%2F%2Fb%2b"), 200, "\"name\":\"peer-1\"",
		 "5 tunnel=um0 peer=a//b+ peers=50 add=-/0/0 level=-"},
		{"POST /v1/tunnels/um0/peers HTTP/1.0\r\nContent-Length: 166\r\n\r\n"
		 "{\"name\":\"phone\",\"public_key\":\"" KEY "\",\"preshared_key\":"
		 "\"BQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\",\"allowed_ips\":[\"10.0.0.2\"]}",
		 201, "\"name\":\"peer-1\"", "6 tunnel=um0 peer=- peers=50 add=phone/5/1 level=-"},
		{LAST("DELETE", "/v1/tunnels/um0/peers/x"), 200, "{\"message\":\"done\"}",
		 "7 tunnel=um0 peer=x peers=50 add=-/0/0 level=-"},
		{LAST("POST", "/v1/reload"), 200, "{\"message\":\"reloaded\"}",
		 "8 tunnel=- peer=- peers=50 add=-/0/0 level=-"},
		{"PUT /v1/log HTTP/1.0\r\nContent-Length: 17\r\n\r\n{\"level\":\"debug\"}", 200, "done",
		 "9 tunnel=- peer=- peers=50 add=-/0/0 level=debug"},
		{LAST("GET", "/v1/users"), 200, "{\"users\":[{\"name\":\"alice\"",
		 "12 tunnel=- peer=- peers=50 add=-/0/0 level=-"},
		{LAST("GET", "/v1/users/b%20c"), 200, "{\"name\":\"alice\"",
		 "13 user=b c name=- password=-"},
		{"POST /v1/users HTTP/1.0\r\nContent-Length: 36\r\n\r\n"
		 "{\"name\":\"alice\",\"password\":\"\\u00e9\"}",
		 201, "{\"name\":\"alice\"", "14 user=- name=alice password=\u00e9"},
		{"PATCH /v1/users/alice HTTP/1.0\r\nContent-Length: 15\r\n\r\n{\"password\":\"\"}", 200,
		 "{\"name\":\"alice\"", "15 user=alice name=- password="},
		{LAST("DELETE", "/v1/users/alice"), 200, "{\"message\":\"done\"}",
		 "16 user=alice name=- password=-"},
		{LAST("GET", "/v1/tunnels/none"), 404,
		 "{\"status\":404,\"code\":\"not_found\",\"message\":\"there is no tunnel none\"}",
		 "1 tunnel=none peer=- peers=50 add=-/0/0 level=-"},
		{LAST("GET", "/v1/tunnels/late"), 200, "{\"message\":\"late\"}",
		 "1 tunnel=late peer=- peers=50 add=-/0/0 level=-"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		expect(house, rows[i].request, rows[i].status, rows[i].piece);
		assert_string_equal(house->question, rows[i].question);
		assert_int_equal(atomic_load(&house->asked), i + 1);
	}
}

static void what_is_wrong_is_said(void **state) {
	struct house *house = *state;
	expect(house, LAST("GET", "/v1/nothing"), 404,
		   "{\"status\":404,\"code\":\"not_found\",\"message\":\"there is no /v1/nothing\"}\n");
	expect(house, LAST("PATCH", "/v1/status"), 405, "Allow: GET, HEAD\r\n");
	expect(house, LAST("GET", "/v1/status?peers=x"), 400, "\"code\":\"malformed\"");
	expect(house, LAST("GET", "/v1/tunnels/%"), 400, "\"code\":\"malformed\"");
	expect(house, LAST("POST", "/v1/tunnels/um0/peers"), 411, "\"code\":\"length_required\"");
	expect(house, "PUT /v1/log HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}", 400,
		   "\"message\":\"level: must be a text\"");
	expect(house, "POST /v1/tunnels/um0/peers HTTP/1.0\r\nContent-Length: 2\r\n\r\n[]", 400,
		   "\"message\":\"the body is not an object in JSON\"");
	expect(house, "POST /v1/users HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}", 400,
		   "\"message\":\"name: must be a text\"");
	expect(house, "PATCH /v1/users/a HTTP/1.0\r\nContent-Length: 12\r\n\r\n{\"name\":\"b\"}", 400,
		   "\"message\":\"name: there is no such member\"");
	/* Who asks first, or has far too much, is told before the body. */
	expect(house,
		   "PUT /v1/log HTTP/1.1\r\n" HOST
		   "Expect: 100-continue\r\nContent-Length: 1048577\r\n\r\n",
		   413, "\"code\":\"too_large\"");
	expect(house, "PUT /v1/log HTTP/1.1\r\n" HOST "Content-Length: 100000000\r\n\r\n", 413,
		   "\"code\":\"too_large\"");
	/* After these nobody knows where the next request would begin. */
	expect_refused(house, "garbage\r\n\r\n");
	expect_refused(house, "GET / HTTP/1.1\r\n\r\n");
	expect_refused(house, "GET / HTTP/3.0\r\n\r\n");
	expect_refused(house, "PUT /v1/log HTTP/1.1\r\n" HOST "Content-Length: x\r\n\r\n");
	static char large[WEB_CONNECTION_MEMORY + 100] = "GET /v1/status HTTP/1.1\r\n" HOST "X: ";
	size_t size = strlen(large);
	memset(large + size, 'a', sizeof large - 1 - size);
	expect_refused(house, large);
	assert_int_equal(atomic_load(&house->asked), 0);
}

/* The answer reaches somebody who has not read it before the whole body was sent. */
static void a_body_too_large_is_read_to_its_end(void **state) {
	struct house *house = *state;
	int descriptor = house_connect(house);
	house_send(descriptor, "PUT /v1/log HTTP/1.1\r\n" HOST
						   "Connection: close\r\nContent-Length: 3000000\r\n\r\n");
	static char piece[10001];
	memset(piece, 'a', sizeof piece - 1);
	for (int i = 0; i < 300; i++)
		house_send(descriptor, piece);
	assert_non_null(strstr(read_all(descriptor), "HTTP/1.1 413 "));
	(void)close(descriptor);
}

static void the_largest_body_is_taken(void **state) {
	struct house *house = *state;
	int descriptor = house_connect(house);
	char head[128];
	(void)snprintf(head, sizeof head,
				   "PUT /v1/log HTTP/1.1\r\n" HOST
				   "Expect: 100-continue\r\nContent-Length: %d\r\nConnection: close\r\n\r\n",
				   CTL_BODY_MAX);
	house_send(descriptor, head);
	assert_string_equal(read_until(descriptor, "\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
	char *body = malloc(CTL_BODY_MAX + 1);
	assert_non_null(body);
	memset(body, ' ', CTL_BODY_MAX);
	memcpy(body, "{\"level\":\"info\"}", 16);
	body[CTL_BODY_MAX] = '\0';
	house_send(descriptor, body);
	free(body);
	assert_non_null(strstr(read_all(descriptor), "HTTP/1.1 200 OK"));
	assert_string_equal(house->question, "9 tunnel=- peer=- peers=50 add=-/0/0 level=info");
	(void)close(descriptor);
}

static void bodies_may_come_in_chunks(void **state) {
	struct house *house = *state;
	expect(house,
		   "PUT /v1/log HTTP/1.1\r\n" HOST "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
		   "9\r\n{\"level\":\r\n7\r\n\"info\"}\r\n0\r\n\r\n",
		   200, "done");
	assert_string_equal(house->question, "9 tunnel=- peer=- peers=50 add=-/0/0 level=info");
	/* As much as is thrown away, and then the connection. */
	int descriptor = house_connect(house);
	house_send(descriptor, "PUT /v1/log HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
	static char chunk[65536 + 16] = "10000\r\n";
	memset(chunk + 7, 'a', 65536);
	memcpy(chunk + 7 + 65536, "\r\n", 3);
	ssize_t sent = 1;
	for (int i = 0; i < 1000 && sent > 0; i++)
		sent = send(descriptor, chunk, strlen(chunk), MSG_NOSIGNAL);
	assert_true(sent < 0);
	(void)close(descriptor);
	assert_int_equal(atomic_load(&house->asked), 1);
}

static unsigned count(const char *text, const char *piece) {
	unsigned found = 0;
	for (const char *at = strstr(text, piece); at; at = strstr(at + 1, piece))
		found++;
	return found;
}

/* Answers come in order, also when the first one takes its time and the requests come in shreds. */
static void requests_may_follow_each_other(void **state) {
	struct house *house = *state;
	int descriptor = house_connect(house);
	const char *requests = GET("/v1/tunnels/late") "\r\n" GET(
		"/v1/nothing") "PUT /v1/log HTTP/1.1\r\n" HOST
					   "Content-Length: 16\r\n\r\n{\"level\":\"info\"}" GET("/v1/tunnels/late")
						   LAST("GET", "/v1/status");
	for (const char *c = requests; *c; c++)
		assert_int_equal(send(descriptor, c, 1, MSG_NOSIGNAL), 1);
	const char *text = read_all(descriptor);
	assert_int_equal(count(text, "HTTP/1.1 "), 5);
	const char *late = strstr(text, "\"late\""), *nothing = strstr(text, "/v1/nothing");
	const char *done = strstr(text, "\"done\""), *status = strstr(text, "\"api\":1");
	assert_true(late && nothing && done && status);
	assert_true(late < nothing && nothing < done && done < status);
	(void)close(descriptor);
	/* Very many at once, more than a turn takes. */
	descriptor = house_connect(house);
	for (int i = 0; i < 200; i++)
		house_send(descriptor, GET("/v1/nothing"));
	house_send(descriptor, LAST("GET", "/v1/nothing"));
	assert_int_equal(count(read_all(descriptor), "HTTP/1.1 404 "), 201);
	(void)close(descriptor);
}

static void metrics_are_text(void **state) {
	struct house *house = *state;
	const char *answer = exchange(house, LAST("GET", "/metrics"));
	assert_non_null(strstr(answer, "HTTP/1.1 200 OK\r\n"));
	assert_non_null(strstr(answer, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
	assert_non_null(strstr(answer, "\numbra_net_restarts_total 2\n"));
}

static void head_is_get_without_a_body(void **state) {
	struct house *house = *state;
	const char *answer = exchange(house, LAST("HEAD", "/v1/status"));
	assert_non_null(strstr(answer, "HTTP/1.1 200 OK\r\n"));
	assert_non_null(strstr(answer, "Content-Length: "));
	assert_string_equal(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
}

/* It has said all it has to say, and still wants to hear; what takes its time it does not hear. */
static void a_half_closed_connection_is_answered(void **state) {
	struct house *house = *state;
	int descriptor = house_connect(house);
	house_send(descriptor, GET("/v1/status"));
	assert_int_equal(shutdown(descriptor, SHUT_WR), 0);
	assert_non_null(strstr(read_all(descriptor), "\"api\":1"));
	(void)close(descriptor);
}

static void wait_for_questions(const struct house *house, unsigned number) {
	for (int i = 0; i < 2000 && atomic_load(&house->asked) < number; i++)
		(void)usleep(1000);
	assert_int_equal(atomic_load(&house->asked), number);
}

static void nobody_need_wait_for_an_answer(void **state) {
	struct house *house = *state;
	int descriptor = house_connect(house);
	house_send(descriptor, GET("/v1/tunnels/late"));
	wait_for_questions(house, 1);
	(void)close(descriptor);
	/* Unread bytes make the close an error at the other end. */
	descriptor = house_connect(house);
	house_send(descriptor, GET("/v1/tunnels/um0") GET("/v1/tunnels/late"));
	wait_for_questions(house, 3);
	(void)close(descriptor);
	/* And one that is never answered goes with the server. */
	descriptor = house_connect(house);
	house_send(descriptor, GET("/v1/tunnels/never"));
	wait_for_questions(house, 4);
	expect(house, LAST("GET", "/v1/tunnels/late"), 200, "\"late\"");
	(void)close(descriptor);
}

/* Places are free again once the server has seen somebody go. */
static void wait_for_place(const struct house *house) {
	char byte;
	for (int i = 0; i < 4000; i++) {
		int descriptor = house_connect(house);
		(void)send(descriptor, LAST("GET", "/v1/nothing"), sizeof LAST("GET", "/v1/nothing") - 1,
				   MSG_NOSIGNAL);
		ssize_t size = recv(descriptor, &byte, 1, 0);
		(void)close(descriptor);
		if (size == 1)
			return;
		(void)usleep(1000);
	}
	fail();
}

static void connections_are_limited(void **state) {
	struct house *house = *state;
	int descriptors[CTL_CONNECTIONS_MAX];
	for (size_t i = 0; i < CTL_CONNECTIONS_MAX; i++) {
		descriptors[i] = house_connect(house);
		house_send(descriptors[i], GET("/v1/nothing"));
		(void)read_until(descriptors[i], "\r\n\r\n");
	}
	int more = house_connect(house);
	char byte;
	assert_true(recv(more, &byte, 1, 0) <= 0);
	for (int i = 0; i < 2000 && atomic_load(&house->refused) == 0; i++)
		(void)usleep(1000);
	assert_int_equal(atomic_load(&house->refused), 1);
	(void)close(more);
	for (size_t i = 0; i < CTL_CONNECTIONS_MAX; i++)
		(void)close(descriptors[i]);
	wait_for_place(house);
}

/* Also while there is nothing to send to them, and comments come much later. */
static void listeners_that_go_leave_their_places(void **state) {
	struct house *house = *state;
	int descriptors[CTL_CONNECTIONS_MAX];
	for (size_t i = 0; i < CTL_CONNECTIONS_MAX; i++) {
		descriptors[i] = house_connect(house);
		house_send(descriptors[i], GET("/v1/events"));
		(void)read_until(descriptors[i], "\r\n\r\n");
	}
	for (size_t i = 0; i < CTL_CONNECTIONS_MAX; i++)
		(void)close(descriptors[i]);
	wait_for_place(house);
}

static void a_large_answer_comes_whole(void **state) {
	struct house *house = *state;
	int descriptor = house_connect(house);
	house_send(descriptor, LAST("GET", "/v1/tunnels/big/peers"));
	const char *head = strstr(read_until(descriptor, "\r\n\r\n"), "Content-Length: ");
	assert_non_null(head);
	size_t expected = strtoul(head + 16, NULL, 10), size = 0;
	assert_true(expected > 5 << 20);
	static char buffer[1 << 16];
	(void)usleep(50000); /* a slow reader holds up nobody */
	expect(house, LAST("GET", "/v1/nothing"), 404, "not_found");
	for (;;) {
		ssize_t count_read = recv(descriptor, buffer, sizeof buffer, 0);
		assert_true(count_read >= 0);
		if (count_read == 0)
			break;
		size += (size_t)count_read;
	}
	assert_int_equal(size, expected);
	(void)close(descriptor);
}

static void events_are_streamed_and_replayed(void **state) {
	struct house *house = *state;
	int fresh = house_connect(house);
	house_send(fresh, EVENTS(""));
	const char *head = read_until(fresh, "\r\n\r\n");
	assert_non_null(strstr(head, "Content-Type: text/event-stream\r\n"));
	assert_null(strstr(head, "Content-Length"));
	for (int i = 0; i < 3; i++)
		expect(house, LAST("POST", "/v1/reload"), 200, "reloaded");
	(void)read_until(fresh, "id: 1\ndata: {\"sequence\":1,");
	const char *rest = read_until(fresh, "\n\n");
	assert_non_null(strstr(rest, "\"kind\":\"configuration.reloaded\",\"tunnel\":null,"
								 "\"peer\":null,\"message\":\"by request\"}\n\n"));
	(void)read_until(fresh, "id: 3\n");
	/* Only what came after the second; and all for a number of another run. */
	int later = house_connect(house);
	house_send(later, EVENTS("?after=2"));
	(void)read_until(later, "\r\n\r\n");
	assert_string_equal(read_until(later, "id:"), "id:");
	(void)read_until(later, " 3\ndata:");
	int restarted = house_connect(house);
	house_send(restarted, EVENTS("?after=900"));
	(void)read_until(restarted, "\r\n\r\nid: 1\n");
	expect(house, LAST("POST", "/v1/reload"), 200, "reloaded");
	(void)read_until(later, "\n\nid: 4\n");
	(void)read_until(restarted, "\n\nid: 4\n");
	(void)close(later);
	(void)close(restarted);
	/* Others get them in chunks. */
	int chunked = house_connect(house);
	house_send(chunked, GET("/v1/events?after=3"));
	assert_non_null(strstr(read_until(chunked, "\r\n\r\n"), "Transfer-Encoding: chunked\r\n"));
	(void)read_until(chunked, "\r\nid: 4\ndata: ");
	(void)close(chunked);
	/* A reader that is gone is no hindrance. */
	expect(house, LAST("POST", "/v1/reload"), 200, "reloaded");
	(void)read_until(fresh, "id: 5\n");
	(void)close(fresh);
}

static void the_oldest_events_are_forgotten(void **state) {
	struct house *house = *state;
	int descriptor = house_connect(house);
	for (int i = 0; i < CTL_EVENTS_KEPT + 10; i++) {
		house_send(descriptor, "POST /v1/reload HTTP/1.1\r\n" HOST "\r\n");
		(void)read_until(descriptor, "reloaded\"}\n");
	}
	(void)close(descriptor);
	descriptor = house_connect(house);
	house_send(descriptor, EVENTS("?after=0"));
	(void)read_until(descriptor, "\r\n\r\n");
	assert_string_equal(read_until(descriptor, "\n"), "id: 11\n");
	(void)read_until(descriptor, "id: 266\n");
	(void)close(descriptor);
}

/* Whether the other side has closed within that time, without reading what it sent. */
static bool has_ended(int descriptor, int milliseconds) {
	struct epoll_event event = {.events = EPOLLRDHUP};
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event), 0);
	bool ended = epoll_wait(epoll, &event, 1, milliseconds) == 1;
	(void)close(epoll);
	return ended;
}

/* Who listens and does not read is dropped; the others do not notice. */
static void slow_readers_are_dropped(void **state) {
	struct house *house = *state;
	int slow = house_connect(house), busy = house_connect(house);
	house_send(slow, EVENTS(""));
	(void)read_until(slow, "\r\n\r\n");
	bool dropped = false;
	for (int i = 0; i < 20000 && !dropped; i++) {
		house_send(busy, "POST /v1/reload HTTP/1.1\r\n" HOST "\r\n");
		(void)read_until(busy, "reloaded\"}\n");
		if (i % 100 == 0)
			dropped = has_ended(slow, 0);
	}
	assert_true(dropped);
	(void)close(slow);
	(void)close(busy);
}

static void idle_connections_are_closed(void **state) {
	struct house *house = *state;
	int idle = house_connect(house), half = house_connect(house), waiting = house_connect(house);
	house_send(half, "GET /v1/sta");
	house_send(waiting, GET("/v1/tunnels/never"));
	assert_string_equal(read_all(idle), "");
	assert_string_equal(read_all(half), "");
	/* That one waits for us. */
	char byte;
	assert_int_equal(recv(waiting, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
	(void)close(idle);
	(void)close(half);
	(void)close(waiting);
	/* A large answer that nobody reads does not wait for ever. */
	int slow = house_connect(house);
	house_send(slow, LAST("GET", "/v1/tunnels/big/peers"));
	assert_true(has_ended(slow, 10000));
	static char buffer[1 << 16];
	size_t size = 0;
	ssize_t count_read;
	while ((count_read = recv(slow, buffer, sizeof buffer, 0)) > 0)
		size += (size_t)count_read;
	assert_true(size < 4 << 20);
	(void)close(slow);
}

static void streams_say_that_they_live(void **state) {
	struct house *house = *state;
	int descriptor = house_connect(house);
	house_send(descriptor, EVENTS(""));
	(void)read_until(descriptor, "\r\n\r\n");
	assert_string_equal(read_until(descriptor, "\n\n"), ":\n\n");
	assert_string_equal(read_until(descriptor, "\n\n"), ":\n\n");
	(void)close(descriptor);
}

static void nothing_is_freed_as_well(void **state) {
	ctl_server_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define IMPATIENT(name) cmocka_unit_test_setup_teardown(name, set_up_impatient, tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(every_question_arrives),
		TEST(what_is_wrong_is_said),
		TEST(a_body_too_large_is_read_to_its_end),
		TEST(the_largest_body_is_taken),
		TEST(bodies_may_come_in_chunks),
		TEST(requests_may_follow_each_other),
		TEST(metrics_are_text),
		TEST(head_is_get_without_a_body),
		TEST(a_half_closed_connection_is_answered),
		TEST(nobody_need_wait_for_an_answer),
		TEST(connections_are_limited),
		TEST(listeners_that_go_leave_their_places),
		TEST(a_large_answer_comes_whole),
		TEST(events_are_streamed_and_replayed),
		TEST(the_oldest_events_are_forgotten),
		TEST(slow_readers_are_dropped),
		IMPATIENT(idle_connections_are_closed),
		IMPATIENT(streams_say_that_they_live),
		cmocka_unit_test(nothing_is_freed_as_well),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
