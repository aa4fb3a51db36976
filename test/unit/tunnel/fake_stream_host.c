#include "tunnel/fake_stream_host.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "back_end.h"
#include "base/clock.h"
#include "crypto/aead.h"
#include "loop/control_loop.h"

enum { IDLE_TURNS = 6 }; /* of the loop, until it is taken for quiet */

/* Timers, of the one host that there is. */

static struct fake_stream_host *the_host;
static struct list the_timers = {&the_timers, &the_timers};

struct control_timer {
	struct list link;
	uint64_t at; /* CLOCK_NEVER: not set */
	void (*due)(void *context);
	void *context;
};

enum err __wrap_control_timer_new(struct control_loop *loop, void (*due)(void *context),
								  void *context, struct control_timer **out_timer);
void __wrap_control_timer_set(struct control_timer *timer, uint64_t in);
void __wrap_control_timer_stop(struct control_timer *timer);
void __wrap_control_timer_free(struct control_timer *timer);

enum err __wrap_control_timer_new(struct control_loop *loop, void (*due)(void *context),
								  void *context, struct control_timer **out_timer) {
	assert_non_null(the_host);
	assert_ptr_equal(loop, the_host->host.loop);
	struct control_timer *timer = calloc(1, sizeof *timer);
	assert_non_null(timer);
	*timer = (struct control_timer){.at = CLOCK_NEVER, .due = due, .context = context};
	list_append(&the_timers, &timer->link);
	*out_timer = timer;
	return ERR_OK;
}

void __wrap_control_timer_set(struct control_timer *timer, uint64_t in) {
	uint64_t now = the_host->now;
	timer->at = in < CLOCK_NEVER - now ? now + in : CLOCK_NEVER;
}

void __wrap_control_timer_stop(struct control_timer *timer) {
	timer->at = CLOCK_NEVER;
}

void __wrap_control_timer_free(struct control_timer *timer) {
	if (!timer)
		return;
	list_remove(&timer->link);
	free(timer);
}

/* NULL: none is due by then. */
static struct control_timer *first_due(uint64_t by) {
	struct control_timer *first = NULL;
	list_for_each (link, &the_timers) {
		struct control_timer *timer = list_item(link, struct control_timer, link);
		if (timer->at <= by && timer->at != CLOCK_NEVER && (!first || timer->at < first->at))
			first = timer;
	}
	return first;
}

static bool fire(uint64_t by) {
	struct control_timer *timer = first_due(by);
	if (!timer)
		return false;
	if (timer->at > the_host->now) {
		the_host->wall_now += timer->at - the_host->now;
		the_host->now = timer->at;
	}
	timer->at = CLOCK_NEVER;
	timer->due(timer->context);
	return true;
}

/* What it asks of its surroundings */

static uint64_t host_now(void *context) {
	return ((struct fake_stream_host *)context)->now;
}

static uint64_t host_wall_now(void *context) {
	return ((struct fake_stream_host *)context)->wall_now;
}

static int open_socket(enum stream_socket kind) {
	bool is_v6 = kind == STREAM_SOCKET_TCP_V6 || kind == STREAM_SOCKET_UDP_V6;
	bool is_tcp = kind == STREAM_SOCKET_TCP_V4 || kind == STREAM_SOCKET_TCP_V6;
	struct endpoint at;
	if (kind == STREAM_SOCKET_ASSOCIATION)
		return fake_stream_host_datagrams(&at);
	return socket(is_v6 ? AF_INET6 : AF_INET,
				  (is_tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* A wish that waits remembers its kind by the list that it is in; so there is a list of these. */
struct waiting {
	struct list link;
	struct stream_socket_wish *wish;
	enum stream_socket kind;
};

static void give(struct fake_stream_host *fake, enum stream_socket kind,
				 struct stream_socket_wish *wish) {
	int number = fake->socket_error[kind];
	int descriptor = number ? -1 : open_socket(kind);
	if (descriptor < 0 && !number)
		number = errno;
	wish->given(wish, descriptor, number);
}

static void host_socket(void *context, enum stream_socket kind, struct stream_socket_wish *wish) {
	struct fake_stream_host *fake = context;
	assert_in_range(kind, 0, STREAM_SOCKETS - 1);
	fake->sockets[kind]++;
	list_init(&wish->link);
	if (!fake->is_socket_kept) {
		give(fake, kind, wish);
		return;
	}
	struct waiting *waiting = calloc(1, sizeof *waiting);
	assert_non_null(waiting);
	*waiting = (struct waiting){.wish = wish, .kind = kind};
	list_append(&fake->wishes, &waiting->link);
}

static void host_cancel_socket(void *context, struct stream_socket_wish *wish) {
	struct fake_stream_host *fake = context;
	list_for_each (link, &fake->wishes) {
		struct waiting *waiting = list_item(link, struct waiting, link);
		if (waiting->wish != wish)
			continue;
		list_remove(&waiting->link);
		free(waiting);
	}
}

void fake_stream_host_give(struct fake_stream_host *fake) {
	struct list *link;
	while ((link = list_take_first(&fake->wishes)) != NULL) {
		struct waiting waiting = *list_item(link, struct waiting, link);
		free(list_item(link, struct waiting, link));
		give(fake, waiting.kind, waiting.wish);
	}
}

/* Of a question that waits. */
struct asked {
	struct list link;
	struct stream_question *question;
	char name[256];
};

static void host_resolve(void *context, const char *name, struct stream_question *question) {
	struct fake_stream_host *fake = context;
	struct asked *asked = calloc(1, sizeof *asked);
	assert_non_null(asked);
	asked->question = question;
	(void)snprintf(asked->name, sizeof asked->name, "%s", name);
	(void)snprintf(fake->asked, sizeof fake->asked, "%s", name);
	fake->questions++;
	list_init(&question->link);
	list_append(&fake->waiting, &asked->link);
}

static void host_cancel_question(void *context, struct stream_question *question) {
	struct fake_stream_host *fake = context;
	list_for_each (link, &fake->waiting) {
		struct asked *asked = list_item(link, struct asked, link);
		if (asked->question != question)
			continue;
		list_remove(&asked->link);
		free(asked);
	}
}

static bool answer(struct fake_stream_host *fake) {
	if (fake->is_resolver_silent)
		return false;
	struct list *link = list_take_first(&fake->waiting);
	if (!link)
		return false;
	struct asked asked = *list_item(link, struct asked, link);
	free(list_item(link, struct asked, link));
	for (size_t i = 0; i < fake->name_count; i++) {
		const struct fake_stream_host_name *name = &fake->names[i];
		if (strcmp(name->name, asked.name) != 0)
			continue;
		asked.question->answered(asked.question, name->error, name->addresses, name->count);
		return true;
	}
	asked.question->answered(asked.question, ERR_NOT_FOUND, NULL, 0);
	return true;
}

static int host_stranger(void *context, const struct endpoint *from, const char *protocol) {
	struct fake_stream_host *fake = context;
	if (fake->is_nobody_serving)
		return -1;
	assert_true(fake->stranger_count < FAKE_STREAM_HOST_STRANGERS);
	int pair[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
					 0);
	size_t place = fake->stranger_count++;
	fake->strangers[place].descriptor = pair[0];
	fake->strangers[place].from = *from;
	(void)snprintf(fake->strangers[place].protocol, sizeof fake->strangers[place].protocol, "%s",
				   protocol);
	return pair[1];
}

static void host_event(void *context, const struct stream_event *event) {
	struct fake_stream_host *fake = context;
	assert_true(fake->event_count < FAKE_STREAM_HOST_EVENTS);
	fake->events[fake->event_count++] = *event;
}

static const struct stream_host_ops host_ops = {
	.now = host_now,
	.wall_now = host_wall_now,
	.socket = host_socket,
	.cancel_socket = host_cancel_socket,
	.resolve = host_resolve,
	.cancel_question = host_cancel_question,
	.stranger = host_stranger,
	.event = host_event,
};

static void fill(void *context, void *out_data, size_t size) {
	struct fake_stream_host *fake = context;
	uint8_t *bytes = out_data;
	for (size_t i = 0; i < size; i++) {
		fake->seed = fake->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		bytes[i] = (uint8_t)(fake->seed >> 56);
	}
}

/* Its life */

static void rung(void *context, uint32_t events) {
	(void)events;
	struct fake_stream_host *fake = context;
	uint64_t count;
	assert_int_equal(read(fake->bell, &count, sizeof count), sizeof count);
	control_loop_stop(fake->host.loop);
}

void fake_stream_host_init(struct fake_stream_host *fake) {
	*fake = (struct fake_stream_host){
		.now = FAKE_STREAM_HOST_BORN,
		.wall_now = 1800000000 * CLOCK_SECOND,
		.seed = 11,
		.bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
	};
	list_init(&the_timers); /* a test that failed may have left some */
	assert_true(fake->bell >= 0);
	the_host = fake;
	list_init(&fake->hooks);
	list_init(&fake->wishes);
	list_init(&fake->waiting);
	fake->random = (struct random_source){.fill = fill, .context = fake};
	fake->host = (struct stream_host){
		.ops = &host_ops,
		.context = fake,
		.random = &fake->random,
		.backend = back_end_of_test(),
		.prefix = "test: ",
	};
	assert_int_equal(aead_worker_new(fake->host.backend, &fake->host.worker), ERR_OK);
	assert_int_equal(control_loop_new(&fake->host.loop), ERR_OK);
	assert_int_equal(
		control_watch_new(fake->host.loop, fake->bell, EPOLLIN, rung, fake, &fake->bell_watch),
		ERR_OK);
}

void fake_stream_host_done(struct fake_stream_host *fake) {
	assert_true(list_is_empty(&fake->wishes));
	assert_true(list_is_empty(&fake->waiting));
	assert_true(list_is_empty(&the_timers));
	for (size_t i = 0; i < fake->stranger_count; i++) {
		if (fake->strangers[i].descriptor >= 0)
			(void)close(fake->strangers[i].descriptor);
	}
	control_watch_free(fake->bell_watch);
	(void)close(fake->bell);
	control_loop_free(fake->host.loop);
	aead_worker_free(fake->host.worker);
	the_host = NULL;
}

void fake_stream_host_add(struct fake_stream_host *fake, struct fake_stream_host_hook *hook) {
	list_append(&fake->hooks, &hook->link);
}

void fake_stream_host_name(struct fake_stream_host *fake, const char *name, const char *addresses,
						   enum err error) {
	assert_true(fake->name_count < FAKE_STREAM_HOST_NAMES);
	struct fake_stream_host_name *made = &fake->names[fake->name_count++];
	*made = (struct fake_stream_host_name){.error = error};
	(void)snprintf(made->name, sizeof made->name, "%s", name);
	char words[1024], *rest = words, *word;
	(void)snprintf(words, sizeof words, "%s", addresses);
	while ((word = strtok_r(rest, " ", &rest)) != NULL) {
		assert_true(made->count < FAKE_STREAM_HOST_ADDRESSES);
		assert_int_equal(address_parse(word, &made->addresses[made->count++]), ERR_OK);
	}
}

/* What is ready once; whether something but the loop's had to be done. */
static bool turn_once(struct fake_stream_host *fake) {
	uint64_t one = 1;
	assert_int_equal(write(fake->bell, &one, sizeof one), sizeof one);
	control_loop_run(fake->host.loop);
	bool was_busy = answer(fake);
	while (fire(fake->now))
		was_busy = true;
	list_for_each (link, &fake->hooks) {
		struct fake_stream_host_hook *hook = list_item(link, struct fake_stream_host_hook, link);
		was_busy = hook->turn(hook) || was_busy;
	}
	return was_busy;
}

void fake_stream_host_turn(struct fake_stream_host *fake) {
	for (unsigned quiet = 0; quiet < IDLE_TURNS; quiet++) {
		if (turn_once(fake))
			quiet = 0;
	}
}

void fake_stream_host_until(struct fake_stream_host *fake, bool (*is_so)(void *context),
							void *context) {
	uint64_t end = clock_awake_now() + FAKE_STREAM_HOST_PATIENCE * CLOCK_SECOND;
	while (!is_so(context)) {
		assert_true(clock_awake_now() < end);
		(void)turn_once(fake);
	}
}

void fake_stream_host_advance(struct fake_stream_host *fake, uint64_t by) {
	uint64_t end = fake->now + by;
	fake_stream_host_turn(fake);
	while (fire(end))
		fake_stream_host_turn(fake);
	fake->wall_now += end - fake->now;
	fake->now = end;
	fake_stream_host_turn(fake);
}

/* Sockets of the test's own */

static struct sockaddr_in name_of(const struct endpoint *endpoint) {
	struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(endpoint->port)};
	memcpy(&name.sin_addr, endpoint->address.bytes, sizeof name.sin_addr);
	return name;
}

static int bound(int type, struct endpoint *out_at) {
	int descriptor = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct endpoint at = {.address = {.bytes = {127, 0, 0, 1}, .family = ADDRESS_V4}};
	struct sockaddr_in name = name_of(&at);
	socklen_t size = sizeof name;
	assert_true(descriptor >= 0);
	assert_int_equal(bind(descriptor, (struct sockaddr *)&name, size), 0);
	assert_int_equal(getsockname(descriptor, (struct sockaddr *)&name, &size), 0);
	at.port = ntohs(name.sin_port);
	*out_at = at;
	return descriptor;
}

int fake_stream_host_listen(struct endpoint *out_at) {
	int descriptor = bound(SOCK_STREAM, out_at);
	assert_int_equal(listen(descriptor, 128), 0);
	return descriptor;
}

int fake_stream_host_connect(const struct endpoint *to) {
	int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct timeval patience = {.tv_sec = FAKE_STREAM_HOST_PATIENCE};
	struct sockaddr_in name = name_of(to);
	assert_true(descriptor >= 0);
	assert_int_equal(setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience),
					 0);
	assert_int_equal(connect(descriptor, (struct sockaddr *)&name, sizeof name), 0);
	return descriptor;
}

int fake_stream_host_datagrams(struct endpoint *out_at) {
	return bound(SOCK_DGRAM, out_at);
}
