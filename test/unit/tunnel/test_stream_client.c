#include "site.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "crypto/aead.h"
#include "loop/control_loop.h"
#include "stream/window.h"
#include "transport/tcp/tcp_connection.h"
#include "tunnel/directory_text.h"
#include "tunnel/stream_tunnel.h"
#include "tunnel/stream_user.h"
#include "wire/socks5.h"
#include "wire/stream_settings.h"
#include "wire/uapi.h"

/* A whole client, from what programs say to its ports to a server whose streams echo. */

enum { PATIENCE_SECONDS = 20, ECHOES = 8, LISTENERS = 2 };

struct echo {
	struct stream_user user;
	struct mux_stream *stream; /* NULL: it is gone */
};

struct scene {
	struct stream_host host;
	struct control_timer *patience;
	struct site site;
	uint8_t private_key[X25519_KEY_SIZE], public_key[X25519_KEY_SIZE];
	struct echo echoes[ECHOES];
	size_t echo_count;
	struct stream_peers *peers;
	struct stream_options options;
	int listeners[LISTENERS];
	int queue, kernel;                /* the interface's two sides; -1: there is none */
	struct endpoint ports[LISTENERS]; /* mixed, and a forward */
	struct stream_tunnel *tunnel;
	/* A program. */
	struct tcp_connection *program;
	uint8_t heard[256];
	size_t heard_size, awaited;
	bool is_over; /* its connection ended */
	unsigned events[3];
	unsigned peers_read;
};

static uint64_t now(void *context) {
	return clock_now();
}
static uint64_t wall_now(void *context) {
	return TLS_PAIR_NOW * CLOCK_SECOND;
}
static void ask_socket(void *context, enum stream_socket kind, struct stream_socket_wish *wish) {
	assert_int_equal(kind, STREAM_SOCKET_TCP_V4);
	wish->given(wish, socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), 0);
}
static void cancel_socket(void *context, struct stream_socket_wish *wish) {
}
static void event(void *context, const struct stream_event *happened) {
	((struct scene *)context)->events[happened->kind]++;
}
static const struct stream_host_ops host_ops = {.now = now,
												.wall_now = wall_now,
												.socket = ask_socket,
												.cancel_socket = cancel_socket,
												.event = event};

/* The far end */

static void echo_go_on(struct stream_user *user) {
	struct mux_stream *stream = ((struct echo *)user)->stream;
	struct slice bytes;
	size_t taken = 1;
	while (taken > 0 && (bytes = mux_stream_peek(stream)).size > 0) {
		taken = mux_stream_write(stream, bytes.data, bytes.size);
		mux_stream_consume(stream, taken);
	}
	if (mux_stream_is_at_end(stream))
		mux_stream_end(stream);
}
static void echo_closed(struct stream_user *user, uint32_t error) {
	((struct echo *)user)->stream = NULL;
}
static const struct stream_user_ops echo_ops = {
	.readable = echo_go_on, .writable = echo_go_on, .closed = echo_closed};

static enum stream_error on_opened(void *context, struct mux_stream *stream,
								   const struct target *target) {
	struct scene *scene = context;
	if (target->type != TARGET_PACKETS)
		assert_string_equal(target->name, "example.com");
	assert_true(scene->echo_count < ECHOES);
	struct echo *echo = &scene->echoes[scene->echo_count++];
	*echo = (struct echo){.user.ops = &echo_ops, .stream = stream};
	mux_stream_set_owner(stream, &echo->user);
	mux_stream_connected(stream);
	return STREAM_ERROR_NONE;
}

/* The program */

static size_t program_room(void *context) {
	struct scene *scene = context;
	return sizeof scene->heard - scene->heard_size;
}
static void program_received(void *context, const uint8_t *data, size_t size) {
	struct scene *scene = context;
	memcpy(scene->heard + scene->heard_size, data, size);
	scene->heard_size += size;
	if (scene->heard_size >= scene->awaited)
		control_loop_stop(scene->host.loop);
}
static void program_finished(void *context) {
	struct scene *scene = context;
	scene->is_over = true;
	control_loop_stop(scene->host.loop);
}
static void program_failed(void *context, int number) {
	program_finished(context);
}
static const struct tcp_connection_ops program_ops = {.room = program_room,
													  .received = program_received,
													  .finished = program_finished,
													  .failed = program_failed};

static void start_program(struct scene *scene, size_t port) {
	int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_in at = {.sin_family = AF_INET,
							 .sin_port = htons(scene->ports[port].port),
							 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int result = connect(descriptor, (struct sockaddr *)&at, sizeof at);
	assert_true(result == 0 || errno == EINPROGRESS);
	while (result) { /* the kernel's doing alone */
		socklen_t size = sizeof at;
		result = getpeername(descriptor, (struct sockaddr *)&at, &size);
	}
	tcp_connection_free(scene->program);
	const struct tcp_connection_options options = {
		.loop = scene->host.loop, .descriptor = descriptor, .ops = &program_ops, .context = scene};
	assert_int_equal(tcp_connection_new(&options, &scene->program), ERR_OK);
	scene->is_over = false;
}

/* Says something, and waits for an answer of that size. */
static void talk(struct scene *scene, const void *data, size_t size, size_t answer) {
	struct iovec piece = {(void *)(uintptr_t)data, size};
	scene->heard_size = 0;
	scene->awaited = answer;
	assert_int_equal(tcp_connection_send(scene->program, &piece, 1), size);
	while (scene->heard_size < answer) {
		assert_false(scene->is_over);
		control_loop_run(scene->host.loop);
	}
	assert_int_equal(scene->heard_size, answer);
}

static const char connect_request[] = "\x05\x01\x00\x03\x0b"
									  "example.com\x00\x50";

static void by_socks5(struct scene *scene) {
	start_program(scene, 0);
	talk(scene, "\x05\x01\x00", 3, 2);
	assert_memory_equal(scene->heard, "\x05\x00", 2);
	talk(scene, connect_request, sizeof connect_request - 1, 10);
	assert_int_equal(scene->heard[1], 0);
	talk(scene, "hello", 5, 5);
	assert_memory_equal(scene->heard, "hello", 5);
}

static void wait_for_its_end(struct scene *scene) {
	scene->awaited = SIZE_MAX;
	while (!scene->is_over)
		control_loop_run(scene->host.loop);
}

static void stop(void *context) {
	control_loop_stop(context);
}

static void run_for(struct scene *scene, uint64_t milliseconds) {
	struct control_timer *timer;
	assert_int_equal(control_timer_new(scene->host.loop, stop, scene->host.loop, &timer), ERR_OK);
	control_timer_set(timer, milliseconds * CLOCK_MILLISECOND);
	control_loop_run(scene->host.loop);
	control_timer_free(timer);
}

/* The client */

static void out_of_patience(void *context) {
	fail_msg("nothing happened for %d seconds", PATIENCE_SECONDS);
}

static void fill_options(struct scene *scene) {
	struct stream_options *options = &scene->options;
	*options = (struct stream_options){.role = STREAM_CLIENT,
									   .shaping = STREAM_SHAPING_BALANCED,
									   .cookie = "session",
									   .path = "/",
									   .server_name = "vpn.example.org",
									   .listener_count = LISTENERS,
									   .connections = 1};
	memcpy(options->private_key, scene->private_key, X25519_KEY_SIZE);
	options->roots = strdup(scene->site.certificate.certificate);
	options->listeners[0] = (struct stream_listener){STREAM_LISTENER_MIXED, scene->ports[0], {0}};
	options->listeners[1].kind = STREAM_LISTENER_TCP;
	options->listeners[1].at = scene->ports[1];
	assert_int_equal(target_parse("example.com", 80, false, &options->listeners[1].target), ERR_OK);
}

static void set_peer(struct scene *scene, bool is_removed) {
	struct uapi_text text = {.data = NULL};
	uapi_put_key(&text, "public_key", scene->site.public_key);
	if (is_removed)
		uapi_put_line(&text, "remove=true");
	if (!is_removed) {
		uapi_put_endpoint(&text, "endpoint", &scene->site.at);
		uapi_put_line(&text, "allowed_ip=10.80.0.0/24");
	}
	assert_int_equal(stream_peers_set(scene->peers, slice_of(text.data, text.size), NULL, NULL), 0);
	uapi_text_done(&text);
	if (scene->tunnel)
		stream_client_ops.peers(scene->tunnel);
}

static enum err make(struct scene *scene) {
	const struct stream_tunnel_start start = {.host = &scene->host,
											  .protocol = stream_protocol_find("phantom"),
											  .peers = scene->peers,
											  .listeners = scene->listeners,
											  .listener_count = LISTENERS,
											  .queue = scene->queue};
	return stream_client_ops.new(&start, &scene->options, &scene->tunnel);
}

static int set_up(void **state) {
	struct scene *scene = calloc(1, sizeof *scene);
	assert_non_null(scene);
	scene->host = (struct stream_host){.ops = &host_ops,
									   .context = scene,
									   .random = &csprng,
									   .backend = aead_backend_find("auto"),
									   .prefix = ""};
	assert_int_equal(control_loop_new(&scene->host.loop), ERR_OK);
	assert_int_equal(aead_worker_new(scene->host.backend, &scene->host.worker), ERR_OK);
	assert_int_equal(control_timer_new(scene->host.loop, out_of_patience, scene, &scene->patience),
					 ERR_OK);
	control_timer_set(scene->patience, PATIENCE_SECONDS * CLOCK_SECOND);
	x25519_generate(&csprng, scene->private_key);
	assert_int_equal(x25519_public(scene->private_key, scene->public_key), ERR_OK);
	site_init(&scene->site, &scene->host, scene->public_key);
	scene->site.opened = on_opened;
	scene->site.context = scene;
	assert_int_equal(stream_peers_new(&scene->peers), ERR_OK);
	for (size_t i = 0; i < LISTENERS; i++)
		scene->listeners[i] = site_listen(&scene->ports[i]);
	scene->queue = scene->kernel = -1;
	fill_options(scene);
	set_peer(scene, false);
	*state = scene;
	return 0;
}

static int tear_down(void **state) {
	struct scene *scene = *state;
	tcp_connection_free(scene->program);
	stream_client_ops.free(scene->tunnel);
	if (!scene->tunnel)
		for (size_t i = 0; i < LISTENERS; i++)
			assert_int_equal(close(scene->listeners[i]), 0);
	if (scene->kernel >= 0)
		(void)close(scene->kernel);
	stream_options_done(&scene->options);
	stream_peers_free(scene->peers);
	site_done(&scene->site);
	control_timer_free(scene->patience);
	control_loop_free(scene->host.loop);
	aead_worker_free(scene->host.worker);
	free(scene);
	return 0;
}

static void through_its_ports(void **state) {
	struct scene *scene = *state;
	assert_int_equal(make(scene), ERR_OK);
	assert_null(scene->options.roots);
	by_socks5(scene);
	start_program(scene, 1);
	talk(scene, "more", 4, 4);
	assert_memory_equal(scene->heard, "more", 4);
	assert_int_equal(scene->site.visit_count, 1);
	assert_int_equal(scene->events[STREAM_EVENT_CONNECTED], 1);
}

/* The connection to the server ends, and there is another one. */
static const struct site_visit *connect_again(struct scene *scene) {
	struct site *site = &scene->site;
	struct site_visit *last = &site->visits[site->visit_count - 1];
	carrier_free(last->carrier);
	last->carrier = NULL;
	wait_for_its_end(scene);
	stream_client_ops.network(scene->tunnel); /* no wait for one that ended early */
	by_socks5(scene);
	return &site->visits[site->visit_count - 1];
}

/* Tickets are used, each once, and only for the server and the checks that they were got by. */
static void with_tickets(void **state) {
	struct scene *scene = *state;
	assert_int_equal(make(scene), ERR_OK);
	by_socks5(scene);
	assert_false(scene->site.visits[0].is_resumed);
	assert_true(connect_again(scene)->is_resumed);
	assert_true(connect_again(scene)->is_resumed);
	/* A server that does not know them: of a handshake there is the certificate, and new tickets.
	 */
	struct tls_server *before = scene->site.server;
	scene->site.server = tls_pair_server(&scene->site.certificate);
	tls_server_free(before);
	assert_false(connect_again(scene)->is_resumed);
	assert_true(connect_again(scene)->is_resumed);
	/* Other roots, though the certificate is among them. */
	size_t size = 2 * strlen(scene->site.certificate.certificate) + 1;
	fill_options(scene);
	char *twice = malloc(size);
	assert_non_null(twice);
	(void)snprintf(twice, size, "%s%s", scene->site.certificate.certificate,
				   scene->site.certificate.certificate);
	free(scene->options.roots);
	scene->options.roots = twice;
	assert_int_equal(stream_client_ops.set(scene->tunnel, &scene->options), ERR_OK);
	wait_for_its_end(scene);
	by_socks5(scene);
	assert_false(scene->site.visits[scene->site.visit_count - 1].is_resumed);
	assert_true(connect_again(scene)->is_resumed);
	/* The server is no more, and then is. */
	set_peer(scene, true);
	wait_for_its_end(scene);
	set_peer(scene, false);
	by_socks5(scene);
	assert_false(scene->site.visits[scene->site.visit_count - 1].is_resumed);
}

static void run_until_drained(struct scene *scene) {
	while (!stream_client_ops.is_drained(scene->tunnel))
		run_for(scene, 5);
}

/* What programs have goes on; what they ask for now they do not get. */
static void ends_in_peace(void **state) {
	struct scene *scene = *state;
	assert_int_equal(make(scene), ERR_OK);
	by_socks5(scene);
	struct tcp_connection *first = scene->program;
	scene->program = NULL;
	stream_client_ops.drain(scene->tunnel, false);
	start_program(scene, 0);
	talk(scene, "\x05\x01\x00", 3, 2);
	talk(scene, connect_request, sizeof connect_request - 1, 10);
	assert_int_equal(scene->heard[1], SOCKS5_NETWORK_UNREACHABLE);
	tcp_connection_free(scene->program);
	scene->program = first;
	scene->is_over = false;
	talk(scene, "still", 5, 5);
	run_for(scene, 50);
	assert_false(stream_client_ops.is_drained(scene->tunnel));
	tcp_connection_finish(scene->program);
	run_until_drained(scene);
	assert_int_equal(scene->site.visit_count, 1);
	assert_int_equal(scene->site.visits[0].closed, 1);
	assert_string_equal(scene->site.visits[0].why, "drained");
}

static void ends_at_once(void **state) {
	struct scene *scene = *state;
	assert_int_equal(make(scene), ERR_OK);
	by_socks5(scene);
	stream_client_ops.drain(scene->tunnel, false);
	run_for(scene, 20);
	stream_client_ops.drain(scene->tunnel, true);
	run_until_drained(scene);
	assert_true(scene->is_over);
	assert_string_equal(scene->site.visits[0].why, "closed by the other end");
}

static char *status_of(struct scene *scene) {
	static char copy[4096];
	struct uapi_text text = {.data = NULL};
	stream_client_ops.status(scene->tunnel, &text);
	assert_true(text.error == ERR_OK && text.size < sizeof copy);
	memcpy(copy, text.data, text.size);
	copy[text.size] = '\0';
	uapi_text_done(&text);
	return copy;
}

static enum err read_peer(void *context, const struct directory_text_peer *peer) {
	struct scene *scene = context;
	scene->peers_read++;
	assert_int_equal(peer->figures.streams.of[STREAM_PEER_FIGURE_CONNECTIONS], 1);
	assert_in_range(peer->figures.streams.of[STREAM_PEER_FIGURE_WINDOW_SEND], 1,
					WINDOW_CONNECTION_INITIAL);
	assert_int_equal(peer->figures.streams.of[STREAM_PEER_FIGURE_WINDOW_RECEIVE],
					 WINDOW_CONNECTION_INITIAL);
	assert_int_equal(peer->allowed_ip_count, 1);
	return ERR_OK;
}

static void status(void **state) {
	struct scene *scene = *state;
	assert_int_equal(make(scene), ERR_OK);
	assert_non_null(strstr(status_of(scene), "\nlast_handshake_time_sec=0\n"));
	assert_non_null(strstr(status_of(scene), "\ntx_bytes=0\n"));
	by_socks5(scene);
	const char *text = status_of(scene);
	char endpoint[64];
	(void)snprintf(endpoint, sizeof endpoint, "\nendpoint=127.0.0.1:%u\n",
				   (unsigned)scene->site.at.port);
	assert_memory_equal(text, "own_public_key=", 15);
	assert_non_null(strstr(text, "\npublic_key="));
	assert_non_null(strstr(text, endpoint));
	const char *handshake = strstr(text, "\nlast_handshake_time_sec=");
	assert_non_null(handshake);
	unsigned long at = strtoul(handshake + 25, NULL, 10);
	assert_true(at >= TLS_PAIR_NOW - 1 && at <= TLS_PAIR_NOW);
	assert_null(strstr(text, "\ntx_bytes=0\n"));
	assert_null(strstr(text, "private"));
	assert_non_null(strstr(text, "\nstream_admitted=1\n"));
	assert_non_null(strstr(text, "\nstream_relays=1\n"));
	struct directory_device device;
	assert_int_equal(directory_text_parse(slice_of_text(text), read_peer, scene, &device), ERR_OK);
	assert_int_equal(scene->peers_read, 1);
	assert_int_equal(device.streams.of[STREAM_FIGURE_STREAMS], 1);
	/* Without its server it has none. */
	set_peer(scene, true);
	assert_null(strstr(status_of(scene), "\npublic_key="));
	wait_for_its_end(scene);
	const struct site_visit *visit = &scene->site.visits[0];
	for (unsigned i = 0; i < 100 && visit->finished + visit->closed == 0; i++)
		run_for(scene, 10);
	assert_int_equal(visit->finished + visit->closed, 1);
}

/* Users are for who connects next; what the connections were made with ends them. */
static void other_options(void **state) {
	struct scene *scene = *state;
	assert_int_equal(make(scene), ERR_OK);
	by_socks5(scene);
	fill_options(scene);
	scene->options.users = calloc(1, sizeof *scene->options.users);
	assert_non_null(scene->options.users);
	scene->options.users[0] = (struct credential){strdup("alice"), strdup("secret")};
	scene->options.user_count = 1;
	assert_int_equal(stream_client_ops.set(scene->tunnel, &scene->options), ERR_OK);
	assert_null(scene->options.roots);
	talk(scene, "still", 5, 5);
	start_program(scene, 0);
	talk(scene, "\x05\x01\x00", 3, 2);
	assert_memory_equal(scene->heard, "\x05\xff", 2);
	start_program(scene, 1);
	talk(scene, "x", 1, 1);
	assert_int_equal(scene->site.visit_count, 1);

	fill_options(scene);
	(void)strcpy(scene->options.path, "/login");
	assert_int_equal(stream_client_ops.set(scene->tunnel, &scene->options), ERR_OK);
	wait_for_its_end(scene);
	by_socks5(scene);
	assert_int_equal(scene->site.visit_count, 2);
}

/* What the host sends to its interface comes back from a far end that echoes. */
static void packets(void **state) {
	struct scene *scene = *state;
	int pair[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
					 0);
	scene->queue = pair[0];
	scene->kernel = pair[1];
	scene->options.listeners[1].kind = STREAM_LISTENER_CARRIER;
	assert_int_equal(make(scene), ERR_INVALID);
	assert_true(fcntl(scene->queue, F_GETFD) >= 0); /* the caller's still */
	scene->options.listeners[1].kind = STREAM_LISTENER_TCP;
	assert_int_equal(make(scene), ERR_OK);
	assert_true(fcntl(scene->queue, F_GETFD) < 0);
	/* 10.80.0.2 to 10.80.0.1, UDP, 8 bytes of it */
	static const uint8_t packet[28] = {0x45, 0, 0,  28, 0, 0, 0,    0, 64,   17, 0, 0, 10, 80,
									   0,    2, 10, 80, 0, 1, 0x10, 0, 0x20, 0,  0, 8, 0,  0};
	uint8_t heard[64];
	ssize_t size = -1;
	/* It comes before there is a connection. */
	assert_int_equal(write(scene->kernel, packet, sizeof packet), sizeof packet);
	for (unsigned i = 0; i < 200 && size < 0; i++) {
		run_for(scene, 5);
		size = read(scene->kernel, heard, sizeof heard);
	}
	assert_int_equal(size, sizeof packet);
	assert_memory_equal(heard, packet, sizeof packet);
	assert_int_equal(scene->site.visit_count, 1);
	/* Beside the ports, on the same connection; and another server's is another stream. */
	by_socks5(scene);
	assert_int_equal(scene->echo_count, 2);
	set_peer(scene, true);
	set_peer(scene, false);
	for (unsigned i = 0; i < 200 && scene->echo_count < 3; i++)
		run_for(scene, 5);
	assert_int_equal(scene->echo_count, 3);
	assert_int_equal(scene->site.visit_count, 2);
}

/* What cannot be is refused, and what was there stays. */
static void refused_options(void **state) {
	struct scene *scene = *state;
	scene->options.role = STREAM_SERVER;
	assert_int_equal(make(scene), ERR_INVALID);
	scene->options.role = STREAM_CLIENT;
	scene->options.listeners[1].kind = STREAM_LISTENER_CARRIER;
	assert_int_equal(make(scene), ERR_INVALID);
	scene->options.listeners[1].kind = STREAM_LISTENER_TCP;
	char *roots = scene->options.roots;
	scene->options.roots = NULL; /* and no pins */
	assert_int_equal(make(scene), ERR_INVALID);
	scene->options.roots = roots;
	for (size_t i = 0; i < LISTENERS; i++)
		assert_true(fcntl(scene->listeners[i], F_GETFD) >= 0);
	assert_int_equal(make(scene), ERR_OK);
	by_socks5(scene);
	fill_options(scene);
	scene->options.listeners[1].at.port ^= 1;
	assert_int_equal(stream_client_ops.set(scene->tunnel, &scene->options), ERR_INVALID);
	scene->options.listeners[1].at.port ^= 1;
	scene->options.listeners[1].target.port ^= 1;
	assert_int_equal(stream_client_ops.set(scene->tunnel, &scene->options), ERR_INVALID);
	scene->options.listeners[1].target.port ^= 1;
	memset(scene->options.private_key, 0, X25519_KEY_SIZE);
	assert_int_equal(stream_client_ops.set(scene->tunnel, &scene->options), ERR_INVALID);
	assert_non_null(scene->options.roots);
	talk(scene, "still", 5, 5);
	assert_int_equal(scene->site.visit_count, 1);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(through_its_ports, set_up, tear_down),
		cmocka_unit_test_setup_teardown(with_tickets, set_up, tear_down),
		cmocka_unit_test_setup_teardown(ends_in_peace, set_up, tear_down),
		cmocka_unit_test_setup_teardown(ends_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(status, set_up, tear_down),
		cmocka_unit_test_setup_teardown(other_options, set_up, tear_down),
		cmocka_unit_test_setup_teardown(packets, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refused_options, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
