#include "site.h"

#include <errno.h>
#include <unistd.h>

#include "crypto/aead.h"
#include "loop/control_loop.h"
#include "tunnel/carrier_dial.h"
#include "tunnel/stream_user.h"
#include "wire/stream_settings.h"

enum { PATIENCE_SECONDS = 20, BULK = 1 << 20 };

struct scene {
	struct stream_host host;
	struct control_timer *patience;
	struct site site;
	struct stream_identity *identity;
	uint8_t public_key[X25519_KEY_SIZE];
	struct tls_client *tls;
	struct carrier_dial_options options;
	struct carrier_dial *dial;
	struct carrier *carrier;
	unsigned failures, closed;
	struct carrier_dial_failure failure;
	char why[160];
	bool frees; /* the dial, inside of what it says */
	int socket_error;
	bool is_dialling; /* carrier_dial_new() is at work */
	uint64_t skipped;
	/* A stream that counts what it gets back. */
	struct stream_user user;
	struct mux_stream *stream;
	size_t sent, received;
	/* The far end of it. */
	struct stream_user echo;
	struct mux_stream *echo_stream;
};

static uint64_t now(void *context) {
	return clock_now() + ((struct scene *)context)->skipped;
}
static uint64_t wall_now(void *context) {
	return TLS_PAIR_NOW * CLOCK_SECOND;
}
static void ask_socket(void *context, enum stream_socket kind, struct stream_socket_wish *wish) {
	struct scene *scene = context;
	assert_int_equal(kind, STREAM_SOCKET_TCP_V4);
	if (scene->socket_error)
		wish->given(wish, -1, scene->socket_error);
	else
		wish->given(wish, socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), 0);
}
static void cancel_socket(void *context, struct stream_socket_wish *wish) {
}
static const struct stream_host_ops host_ops = {
	.now = now, .wall_now = wall_now, .socket = ask_socket, .cancel_socket = cancel_socket};

static void out_of_patience(void *context) {
	fail_msg("nothing happened for %d seconds", PATIENCE_SECONDS);
}

static void on_closed(void *context, const char *why) {
	struct scene *scene = context;
	scene->closed++;
	control_loop_stop(scene->host.loop);
}
static const struct carrier_ops carrier_ops = {.closed = on_closed};

static void settle(struct scene *scene) {
	assert_false(scene->is_dialling);
	if (scene->frees) {
		carrier_dial_free(scene->dial);
		scene->dial = NULL;
	}
	control_loop_stop(scene->host.loop);
}
static void on_made(void *context, struct carrier *carrier) {
	struct scene *scene = context;
	assert_null(scene->carrier);
	scene->carrier = carrier;
	settle(scene);
}
static void on_failed(void *context, const struct carrier_dial_failure *failure) {
	struct scene *scene = context;
	scene->failures++;
	scene->failure = *failure;
	(void)strncpy(scene->why, failure->why, sizeof scene->why - 1);
	settle(scene);
}
static const struct carrier_dial_ops dial_ops = {.made = on_made, .failed = on_failed};

static struct tls_client *client_of(struct scene *scene, const char *const *protocols,
									size_t count) {
	const struct tls_client_options options = {
		.roots = slice_of_text(scene->site.certificate.certificate),
		.protocols = protocols,
		.protocol_count = count,
	};
	struct tls_client *client;
	const char *fault;
	assert_int_equal(tls_client_new(&options, &client, &fault), ERR_OK);
	return client;
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
	const struct stream_protocol *protocol = stream_protocol_find("phantom");
	uint8_t key[X25519_KEY_SIZE];
	x25519_generate(&csprng, key);
	assert_int_equal(protocol->identity_new(key, &scene->identity), ERR_OK);
	assert_int_equal(x25519_public(key, scene->public_key), ERR_OK);
	site_init(&scene->site, &scene->host, scene->public_key);
	scene->tls = client_of(scene, tls_pair_protocols, 2);
	scene->frees = true;
	scene->options = (struct carrier_dial_options){.host = &scene->host,
												   .protocol = protocol,
												   .identity = scene->identity,
												   .to = scene->site.at,
												   .tls = scene->tls,
												   .name = "vpn.example.org",
												   .path = "/",
												   .cookie = "session",
												   .shaping = STREAM_SHAPING_BALANCED,
												   .carrier_ops = &carrier_ops,
												   .carrier_context = scene,
												   .ops = &dial_ops,
												   .context = scene};
	memcpy(scene->options.server, scene->site.public_key, X25519_KEY_SIZE);
	*state = scene;
	return 0;
}

static int tear_down(void **state) {
	struct scene *scene = *state;
	carrier_dial_free(scene->dial);
	carrier_free(scene->carrier);
	site_done(&scene->site);
	tls_client_free(scene->tls);
	scene->options.protocol->identity_free(scene->identity);
	control_timer_free(scene->patience);
	control_loop_free(scene->host.loop);
	aead_worker_free(scene->host.worker);
	free(scene);
	return 0;
}

static void dial_once(struct scene *scene) {
	scene->is_dialling = true;
	assert_int_equal(carrier_dial_new(&scene->options, &scene->dial), ERR_OK);
	scene->is_dialling = false;
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

static void assert_failed(struct scene *scene, enum carrier_dial_kind kind, const char *why) {
	assert_null(scene->carrier);
	assert_int_equal(scene->failures, 1);
	assert_int_equal(scene->failure.kind, kind);
	if (!strstr(scene->why, why))
		fail_msg("\"%s\" is not in \"%s\"", why, scene->why);
}

/* A stream there and back. */

#define SCENE_OF(pointer, member) \
	((struct scene *)(void *)((char *)(pointer)-offsetof(struct scene, member)))

static void user_write(struct stream_user *user) {
	static const uint8_t zeros[65536];
	struct scene *scene = SCENE_OF(user, user);
	size_t taken = 1;
	while (scene->sent < BULK && taken > 0) {
		size_t left = BULK - scene->sent;
		taken = mux_stream_write(scene->stream, zeros, left < sizeof zeros ? left : sizeof zeros);
		scene->sent += taken;
	}
	if (scene->sent == BULK)
		mux_stream_end(scene->stream);
}
static void user_read(struct stream_user *user) {
	struct scene *scene = SCENE_OF(user, user);
	struct slice bytes;
	while ((bytes = mux_stream_peek(scene->stream)).size > 0) {
		scene->received += bytes.size;
		mux_stream_consume(scene->stream, bytes.size);
	}
}
static void user_closed(struct stream_user *user, uint32_t error) {
	struct scene *scene = SCENE_OF(user, user);
	assert_int_equal(error, STREAM_ERROR_NONE);
	control_loop_stop(scene->host.loop);
}
static const struct stream_user_ops user_ops = {
	.readable = user_read, .writable = user_write, .closed = user_closed};

static void echo_go_on(struct stream_user *user) {
	struct mux_stream *stream = SCENE_OF(user, echo)->echo_stream;
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
}
static const struct stream_user_ops echo_ops = {
	.readable = echo_go_on, .writable = echo_go_on, .closed = echo_closed};

static enum stream_error on_opened(void *context, struct mux_stream *stream,
								   const struct target *target) {
	struct scene *scene = context;
	scene->echo = (struct stream_user){&echo_ops};
	scene->echo_stream = stream;
	mux_stream_set_owner(stream, &scene->echo);
	return STREAM_ERROR_NONE;
}

static void pass_bulk(struct scene *scene) {
	struct target target;
	scene->site.opened = on_opened;
	scene->site.context = scene;
	scene->user = (struct stream_user){&user_ops};
	assert_int_equal(target_parse("example.com", 80, false, &target), ERR_OK);
	assert_int_equal(
		mux_stream_open(carrier_mux(scene->carrier), &target, &scene->user, &scene->stream),
		ERR_OK);
	user_write(&scene->user);
	carrier_touch(scene->carrier);
	control_loop_run(scene->host.loop);
	assert_int_equal(scene->received, BULK);
}

/* What it is to look like: the first words, the request, nothing else. */
static void over_http2(void **state) {
	struct scene *scene = *state;
	dial_once(scene);
	assert_non_null(scene->carrier);
	assert_int_equal(scene->failures, 0);
	const struct site_visit *visit = &scene->site.visits[0];
	assert_string_equal(visit->admitted.client->name, "alice");
	assert_int_equal(visit->record_sizes[0], 70); /* 87 with TLS around it */
	assert_true(visit->record_sizes[1] > 163 + 300 && visit->record_sizes[1] < 333 + 800);
	pass_bulk(scene);
}

static void over_http1(void **state) {
	static const char *const protocols[] = {"http/1.1"};
	struct scene *scene = *state;
	tls_client_free(scene->tls);
	scene->tls = scene->options.tls = client_of(scene, protocols, 1);
	dial_once(scene);
	assert_non_null(scene->carrier);
	const struct site_visit *visit = &scene->site.visits[0];
	char host[64];
	(void)snprintf(host, sizeof host, "GET / HTTP/1.1\r\nHost: vpn.example.org:%u\r\nConnection: ",
				   (unsigned)scene->site.at.port);
	assert_memory_equal(visit->head, host, strlen(host));
	assert_non_null(strstr(visit->head, "\r\nSec-Fetch-Mode: navigate\r\n"));
	assert_null(strstr(visit->head, "priority"));
	pass_bulk(scene);
}

/* Who is not known gets the page, keeps the connection, and learns the time. */
static void declined(void **state) {
	struct scene *scene = *state;
	scene->site.date = "Fri, 15 Jan 2027 08:10:00 GMT"; /* 600 s behind TLS_PAIR_NOW */
	scene->options.server[3] ^= 1;
	scene->frees = false;
	dial_once(scene);
	assert_failed(scene, CARRIER_DIAL_DECLINED, "web site");
	assert_true(scene->failure.is_clock_known);
	assert_true(scene->failure.clock_offset == 600 * (int64_t)CLOCK_SECOND);
	run_for(scene, 50);
	assert_int_equal(scene->site.visits[0].finished, 0);
	carrier_dial_free(scene->dial);
	scene->dial = NULL;
	run_for(scene, 50);
	assert_int_equal(scene->site.visits[0].finished, 1);
	assert_int_equal(scene->failures, 1);
}

static void declined_over_http1(void **state) {
	static const char *const protocols[] = {"http/1.1"};
	struct scene *scene = *state;
	scene->site.date = "yesterday";
	scene->options.server[3] ^= 1;
	tls_client_free(scene->tls);
	scene->tls = scene->options.tls = client_of(scene, protocols, 1);
	scene->frees = false;
	dial_once(scene);
	assert_failed(scene, CARRIER_DIAL_DECLINED, "web site");
	assert_false(scene->failure.is_clock_known);
	tls_stream_free(scene->site.visits[0].tls); /* it closes; nobody minds */
	scene->site.visits[0].tls = NULL;
	run_for(scene, 50);
	assert_int_equal(scene->failures, 1);
}

/* A client whose clock is wrong is declined, and with the site's time let in. */
static void wrong_clock(void **state) {
	struct scene *scene = *state;
	scene->site.clock_off = 600 * (int64_t)CLOCK_SECOND;
	scene->site.date = "Fri, 15 Jan 2027 08:10:00 GMT";
	dial_once(scene);
	assert_failed(scene, CARRIER_DIAL_DECLINED, "web site");
	scene->options.clock_offset = scene->failure.clock_offset;
	dial_once(scene);
	assert_non_null(scene->carrier);
}

static void nobody_listens(void **state) {
	struct scene *scene = *state;
	tcp_acceptor_free(scene->site.acceptor);
	scene->site.acceptor = NULL;
	run_for(scene, 10); /* until it is closed */
	dial_once(scene);
	assert_failed(scene, CARRIER_DIAL_FAILED, "refused");
}

static void no_way_there(void **state) {
	struct scene *scene = *state;
	scene->socket_error = EAFNOSUPPORT;
	dial_once(scene);
	assert_failed(scene, CARRIER_DIAL_UNREACHABLE, "");
}

/* Nothing of the protocol leaves before the server has shown who it is. */
static void another_server(void **state) {
	struct scene *scene = *state;
	scene->options.name = "other.example.org";
	dial_once(scene);
	assert_failed(scene, CARRIER_DIAL_FAILED, "TLS: ");
	run_for(scene, 50);
	assert_int_equal(scene->site.visits[0].record_count, 0);
}

static void closed_without_an_answer(void **state) {
	struct scene *scene = *state;
	scene->site.is_half = true;
	dial_once(scene);
	assert_failed(scene, CARRIER_DIAL_FAILED, "closed");
}

/* Given up in every state. */
static void freed_on_the_way(void **state) {
	struct scene *scene = *state;
	scene->site.is_silent = true;
	for (uint64_t i = 0; i < 8; i++) {
		assert_int_equal(carrier_dial_new(&scene->options, &scene->dial), ERR_OK);
		run_for(scene, i);
		carrier_dial_free(scene->dial);
		scene->dial = NULL;
	}
	run_for(scene, 20);
	assert_int_equal(scene->failures, 0);
	carrier_dial_free(NULL);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(over_http2, set_up, tear_down),
		cmocka_unit_test_setup_teardown(over_http1, set_up, tear_down),
		cmocka_unit_test_setup_teardown(declined, set_up, tear_down),
		cmocka_unit_test_setup_teardown(declined_over_http1, set_up, tear_down),
		cmocka_unit_test_setup_teardown(wrong_clock, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nobody_listens, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_way_there, set_up, tear_down),
		cmocka_unit_test_setup_teardown(another_server, set_up, tear_down),
		cmocka_unit_test_setup_teardown(closed_without_an_answer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(freed_on_the_way, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
