#include "ctl/house.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "ctl/client.h"

struct desk {
	struct house *house;
	struct ctl_client *client;
	struct view_error error;
};

static int set_up(void **state) {
	struct desk *desk = calloc(1, sizeof *desk);
	assert_non_null(desk);
	desk->house = house_new(0, 1);
	assert_int_equal(ctl_client_new(desk->house->socket, &desk->client), ERR_OK);
	*state = desk;
	return 0;
}

static int tear_down(void **state) {
	struct desk *desk = *state;
	ctl_client_free(desk->client);
	view_error_done(&desk->error);
	house_free(desk->house);
	free(desk);
	return 0;
}

static void every_answer_is_understood(void **state) {
	struct desk *desk = *state;
	struct view_status status;
	assert_int_equal(ctl_client_status(desk->client, 7, &status, &desk->error), ERR_OK);
	assert_int_equal(status.tunnel_count, 2);
	view_status_done(&status);
	assert_string_equal(desk->house->question, "0 tunnel=- peer=- peers=7 add=-/0/0 level=-");
	struct view_tunnel tunnel;
	assert_int_equal(ctl_client_tunnel(desk->client, "um0", &tunnel, &desk->error), ERR_OK);
	assert_string_equal(tunnel.name, "um0");
	view_tunnel_done(&tunnel);
	struct view_peer *peers;
	size_t count;
	assert_int_equal(ctl_client_peers(desk->client, "um0", &peers, &count, &desk->error), ERR_OK);
	assert_int_equal(count, 1);
	view_peer_done(&peers[0]);
	free(peers);
	struct view_peer peer;
	assert_int_equal(ctl_client_peer(desk->client, "um0", "//a+b=%", &peer, &desk->error), ERR_OK);
	assert_string_equal(peer.name, "peer-1");
	view_peer_done(&peer);
	assert_string_equal(desk->house->question,
						"5 tunnel=um0 peer=//a+b=% peers=50 add=-/0/0 level=-");
	assert_int_equal(ctl_client_remove_peer(desk->client, "um0", "..", &desk->error), ERR_OK);
	assert_string_equal(desk->house->question, "7 tunnel=um0 peer=.. peers=50 add=-/0/0 level=-");
	char *message = NULL;
	assert_int_equal(ctl_client_do(desk->client, "PUT", "/v1/log", "{\"level\":\"debug\"}",
								   &message, &desk->error),
					 ERR_OK);
	assert_string_equal(message, "done");
	free(message);
	assert_string_equal(desk->house->question, "9 tunnel=- peer=- peers=50 add=-/0/0 level=debug");
}

static void peers_are_added(void **state) {
	struct desk *desk = *state;
	struct view_peer_request request = {
		.name = example_text("phone"),
		.has_preshared_key = true,
		.preshared_key = {9},
		.allowed_ips = example_prefixes("10.0.0.2/32", "10.0.0.3/32"),
		.allowed_ip_count = 2,
	};
	struct view_peer peer;
	assert_int_equal(ctl_client_add_peer(desk->client, "um0", &request, &peer, &desk->error),
					 ERR_OK);
	view_peer_done(&peer);
	view_peer_request_done(&request);
	assert_string_equal(desk->house->question,
						"6 tunnel=um0 peer=- peers=50 add=phone/9/2 level=-");
}

static void refusals_are_handed_on(void **state) {
	struct desk *desk = *state;
	struct view_tunnel tunnel;
	assert_int_equal(ctl_client_tunnel(desk->client, "none", &tunnel, &desk->error), ERR_NOT_FOUND);
	assert_int_equal(desk->error.status, 404);
	assert_string_equal(desk->error.code, "not_found");
	assert_string_equal(desk->error.message, "there is no tunnel none");
	view_error_done(&desk->error);
	char *text = NULL;
	size_t size;
	assert_int_equal(
		ctl_client_ask(desk->client, "PUT", "/v1/log", "{}", 2, &text, &size, &desk->error),
		ERR_INVALID);
	assert_int_equal(desk->error.status, 400);
	view_error_done(&desk->error);
	/* The late tunnel answers with something else than a tunnel. */
	assert_int_equal(ctl_client_tunnel(desk->client, "late", &tunnel, &desk->error), ERR_MALFORMED);
	assert_int_equal(desk->error.status, 0);
	assert_non_null(strstr(desk->error.message, "another version"));
	view_error_done(&desk->error);
	assert_int_equal(ctl_client_tunnel(desk->client, "", &tunnel, &desk->error), ERR_INVALID);
	view_error_done(&desk->error);
	char long_name[400];
	memset(long_name, '/', sizeof long_name - 1);
	long_name[sizeof long_name - 1] = '\0';
	assert_int_equal(ctl_client_tunnel(desk->client, long_name, &tunnel, &desk->error), ERR_LIMIT);
	/* A refusal before the whole body was sent is heard as well. */
	view_error_done(&desk->error);
	char *body = calloc(1, 3 * CTL_BODY_MAX);
	assert_non_null(body);
	assert_int_equal(ctl_client_ask(desk->client, "PUT", "/v1/log", body, 3 * CTL_BODY_MAX, &text,
									&size, &desk->error),
					 ERR_LIMIT);
	assert_int_equal(desk->error.status, 413);
	free(body);
}

static uint64_t milliseconds_since(uint64_t start) {
	return (clock_now() - start) / CLOCK_MILLISECOND;
}

static void twenty_thousand_peers_are_read(void **state) {
	struct desk *desk = *state;
	uint64_t start = clock_now();
	char *text = NULL;
	size_t size = 0;
	assert_int_equal(ctl_client_ask(desk->client, "GET", "/v1/tunnels/big/peers", NULL, 0, &text,
									&size, &desk->error),
					 ERR_OK);
	uint64_t asked = milliseconds_since(start);
	start = clock_now();
	struct view_peer *peers;
	size_t count;
	assert_int_equal(view_peers_decode(text, size, &peers, &count), ERR_OK);
	print_message("%zu bytes: asked in %u ms, read in %u ms\n", size, (unsigned)asked,
				  (unsigned)milliseconds_since(start));
	assert_int_equal(count, HOUSE_BIG);
	for (size_t i = 0; i < count; i++)
		view_peer_done(&peers[i]);
	free(peers);
	free(text);
}

static void expect_no_daemon(const char *socket, enum err error, const char *format) {
	struct ctl_client *client;
	struct view_status status;
	struct view_error problem = {0};
	char message[256];
	(void)snprintf(message, sizeof message, "%s%s", format, socket);
	assert_int_equal(ctl_client_new(socket, &client), ERR_OK);
	assert_int_equal(ctl_client_status(client, 0, &status, &problem), error);
	assert_int_equal(problem.status, 0);
	assert_string_equal(problem.code, "unavailable");
	if (strncmp(problem.message, message, strlen(message)) != 0)
		fail_msg("%s instead of %s", problem.message, message);
	view_error_done(&problem);
	ctl_client_free(client);
}

static int silent_listener(const char *path) {
	int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	(void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	assert_int_equal(bind(descriptor, (const struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(descriptor, 10), 0);
	return descriptor;
}

static void its_absence_is_explained(void **state) {
	char folder[] = "/tmp/umbra-ctl-XXXXXX", path[64], missing[300];
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof path, "%s/control.sock", folder);
	expect_no_daemon(path, ERR_NOT_FOUND, "umbrad is not running: there is no ");
	int descriptor = silent_listener(path);
	(void)close(descriptor);
	expect_no_daemon(path, ERR_CLOSED, "umbrad is not running: nobody answers at ");
	if (geteuid() == 0) {
		/* Root may do anything, so be somebody else for a moment. */
		assert_int_equal(chmod(path, 0600), 0);
		assert_int_equal(chmod(folder, 0755), 0);
		assert_int_equal(seteuid(65534), 0);
		expect_no_daemon(path, ERR_PERMISSION, "not permitted to open ");
		assert_int_equal(seteuid(0), 0);
	}
	memset(missing, 'a', sizeof missing - 1);
	missing[sizeof missing - 1] = '\0';
	expect_no_daemon(missing, ERR_INVALID,
					 "the socket's path is too long, at most 107 characters: ");
	(void)unlink(path);
	(void)rmdir(folder);
}

struct fake {
	int listener;
	const char *answer;
};

/* Says the same whatever it is asked, and hangs up. */
static void *fake_run(void *context) {
	const struct fake *fake = context;
	char buffer[4096];
	int descriptor = accept(fake->listener, NULL, NULL);
	(void)!recv(descriptor, buffer, sizeof buffer, 0);
	(void)send(descriptor, fake->answer, strlen(fake->answer), MSG_NOSIGNAL);
	(void)close(descriptor);
	return NULL;
}

static void strange_daemons_are_survived(void **state) {
	static const struct {
		const char *answer, *message;
		enum err error;
	} rows[] = {
		{"", "umbrad closed the connection at ", ERR_CLOSED},
		{"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{", "umbrad closed the connection at ",
		 ERR_CLOSED},
		{"220 mail.example ESMTP\r\n\r\n", "what answers at ", ERR_MALFORMED},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{",
		 "umbrad closed the connection at ", ERR_CLOSED},
		{"HTTP/1.1 200 OK\r\n\r\n{}", "umbrad's answer is not understood", ERR_MALFORMED},
		{"HTTP/1.1 204 Nothing\r\n\r\n", "umbrad's answer is not understood", ERR_MALFORMED},
		{"HTTP/1.1 200 OK\r\nContent-Length: 100000000000\r\n\r\n{}",
		 "umbrad's answer is too large", ERR_LIMIT},
		{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "umbrad's answer is not understood",
		 ERR_MALFORMED},
		{"HTTP/1.1 502 Bad\r\nContent-Length: 2\r\n\r\n{}", "umbrad answers with status 502",
		 ERR_IO},
	};
	char folder[] = "/tmp/umbra-ctl-XXXXXX", path[64];
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof path, "%s/s", folder);
	int listener = silent_listener(path);
	struct ctl_client *client;
	assert_int_equal(ctl_client_new(path, &client), ERR_OK);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct fake fake = {listener, rows[i].answer};
		pthread_t thread;
		assert_int_equal(pthread_create(&thread, NULL, fake_run, &fake), 0);
		struct view_status status;
		struct view_error problem = {0};
		assert_int_equal(ctl_client_status(client, 0, &status, &problem), rows[i].error);
		if (strncmp(problem.message, rows[i].message, strlen(rows[i].message)) != 0)
			fail_msg("%s instead of %s", problem.message, rows[i].message);
		view_error_done(&problem);
		assert_int_equal(pthread_join(thread, NULL), 0);
	}
	ctl_client_free(client);
	(void)close(listener);
	(void)unlink(path);
	(void)rmdir(folder);
}

struct seen {
	struct desk *desk;
	unsigned count, wanted;
	uint64_t last;
};

static bool take(void *context, const struct view_event *event, const char *text, size_t size) {
	struct seen *seen = context;
	assert_string_equal(event->kind, "configuration.reloaded");
	assert_true(size > 2 && text[0] == '{' && text[size - 1] == '}');
	seen->last = event->sequence;
	return ++seen->count < seen->wanted;
}

static void publish(struct desk *desk, unsigned count) {
	for (unsigned i = 0; i < count; i++) {
		char *message = NULL;
		assert_int_equal(
			ctl_client_do(desk->client, "POST", "/v1/reload", NULL, &message, &desk->error),
			ERR_OK);
		free(message);
	}
}

static void *publish_late(void *context) {
	struct desk *desk = context;
	(void)usleep(1500000); /* a comment comes first */
	int descriptor = house_connect(desk->house);
	house_send(descriptor, "POST /v1/reload HTTP/1.0\r\n\r\n");
	char buffer[1024];
	(void)!recv(descriptor, buffer, sizeof buffer, 0);
	(void)close(descriptor);
	return NULL;
}

static void events_are_read(void **state) {
	struct desk *desk = *state;
	publish(desk, 5);
	struct seen seen = {.desk = desk, .wanted = 3};
	assert_int_equal(ctl_client_events(desk->client, 2, take, &seen, &desk->error), ERR_OK);
	assert_int_equal(seen.count, 3);
	assert_int_equal(seen.last, 5);
	/* The client can be asked again. */
	publish(desk, 1);
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, publish_late, desk), 0);
	seen = (struct seen){.desk = desk, .wanted = 1};
	assert_int_equal(ctl_client_events(desk->client, UINT64_MAX, take, &seen, &desk->error),
					 ERR_OK);
	assert_int_equal(seen.last, 7);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

static void do_nothing(int number) {
}

static void a_signal_ends_listening(void **state) {
	struct desk *desk = *state;
	struct sigaction action = {.sa_handler = do_nothing}, before;
	assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
	struct seen seen = {.desk = desk, .wanted = 100};
	/* Again and again, as the first ones may come before there is anything to end. */
	const struct itimerval timer = {.it_value = {.tv_usec = 100000},
									.it_interval = {.tv_usec = 100000}};
	assert_int_equal(setitimer(ITIMER_REAL, &timer, NULL), 0);
	assert_int_equal(ctl_client_events(desk->client, UINT64_MAX, take, &seen, &desk->error),
					 ERR_OK);
	const struct itimerval none = {0};
	assert_int_equal(setitimer(ITIMER_REAL, &none, NULL), 0);
	assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
	assert_int_equal(seen.count, 0);
}

static void the_end_of_events_is_told(void **state) {
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
								 ": hello\n\nid: 3\ndata: {\"sequence\":3,\"time\":1,"
								 "\"kind\":\"configuration.reloaded\",\"message\":\"m\"}\n\n";
	char folder[] = "/tmp/umbra-ctl-XXXXXX", path[64];
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof path, "%s/s", folder);
	struct fake fake = {silent_listener(path), answer};
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, fake_run, &fake), 0);
	struct ctl_client *client;
	assert_int_equal(ctl_client_new(path, &client), ERR_OK);
	struct seen seen = {.wanted = 100};
	struct view_error problem = {0};
	assert_int_equal(ctl_client_events(client, 0, take, &seen, &problem), ERR_CLOSED);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.last, 3);
	assert_non_null(problem.message);
	view_error_done(&problem);
	ctl_client_free(client);
	ctl_client_free(NULL);
	assert_int_equal(pthread_join(thread, NULL), 0);
	(void)close(fake.listener);
	(void)unlink(path);
	(void)rmdir(folder);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(every_answer_is_understood),
		TEST(peers_are_added),
		TEST(refusals_are_handed_on),
		TEST(twenty_thousand_peers_are_read),
		cmocka_unit_test(its_absence_is_explained),
		cmocka_unit_test(strange_daemons_are_survived),
		TEST(events_are_read),
		TEST(a_signal_ends_listening),
		cmocka_unit_test(the_end_of_events_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
