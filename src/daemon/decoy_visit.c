#include "daemon/decoy_visit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/byte_queue.h"
#include "base/clock.h"
#include "base/list.h"
#include "loop/control_loop.h"
#include "proxy/decoy.h"
#include "proxy/decoy_backend.h"
#include "transport/tcp/tcp_connection.h"
#include "wire/decoy_link.h"

enum {
	/* Bytes of the client that wait here: while a verdict is due, what was under way by then. */
	INPUT_MAX = 1 << 20,
	MESSAGES_PER_TURN = 32,
};

enum ending {
	HTTP,   /* goes on */
	GIVING, /* RAW was said: what comes goes back until STOP */
	ENDED,
};

struct decoy_visit {
	struct decoy_visit_options options;
	struct decoy *decoy;
	struct control_watch *watch;
	struct control_timer *timer;
	enum ending ending;
	struct byte_queue input; /* that the decoy did not take yet */
	bool input_ended;        /* behind all of it */
	bool stopped;            /* nothing comes any more */
	bool blocked;            /* the link has no room */
	bool asks, waits;        /* a candidate is to be handed over; was, and has no verdict */
	size_t candidate_size;
	uint8_t candidate[DECOY_LINK_TEXT_MAX];
	struct list backends;
	bool running, again; /* inside run(), and once more */
};

struct decoy_visit_backend {
	struct list link; /* of the visit's */
	struct decoy_visit *visit;
	struct decoy_backend *backend;
	struct tcp_connection *connection; /* NULL: not yet, or not any more */
	bool failed;                       /* to be told to the decoy */
	bool ready;                        /* there may be something to be sent */
};

static void run(struct decoy_visit *visit);

/* The backend's connection */

static size_t backend_room(void *context) {
	return decoy_backend_room(((struct decoy_visit_backend *)context)->backend);
}

static void backend_received(void *context, const uint8_t *data, size_t size) {
	struct decoy_visit_backend *backend = context;
	struct decoy_visit *visit = backend->visit;
	decoy_backend_put(backend->backend, clock_now(), data, size);
	run(visit);
}

static void backend_finished(void *context) {
	struct decoy_visit_backend *backend = context;
	struct decoy_visit *visit = backend->visit;
	decoy_backend_ended(backend->backend, clock_now());
	run(visit);
}

static void backend_failed(void *context, int number) {
	struct decoy_visit_backend *backend = context;
	struct decoy_visit *visit = backend->visit;
	decoy_backend_failed(backend->backend, clock_now());
	run(visit);
}

static void backend_send(struct decoy_visit_backend *backend) {
	struct slice waiting = decoy_backend_waiting(backend->backend);
	if (!backend->connection || waiting.size == 0)
		return;
	const struct iovec piece = {(void *)(uintptr_t)waiting.data, waiting.size};
	size_t sent = tcp_connection_send(backend->connection, &piece, 1);
	/* The backend may be gone behind it. */
	if (sent > 0)
		decoy_backend_sent(backend->backend, clock_now(), sent);
}

static void backend_writable(void *context) {
	struct decoy_visit_backend *backend = context;
	struct decoy_visit *visit = backend->visit;
	backend_send(backend);
	run(visit);
}

static const struct tcp_connection_ops backend_ops = {
	.connected = backend_writable,
	.room = backend_room,
	.received = backend_received,
	.finished = backend_finished,
	.writable = backend_writable,
	.failed = backend_failed,
};

void decoy_visit_connected(struct decoy_visit_backend *backend, int descriptor) {
	struct decoy_visit *visit = backend->visit;
	const struct tcp_connection_options options = {
		.loop = visit->options.loop,
		.descriptor = descriptor,
		.connecting = true,
		.ops = &backend_ops,
		.context = backend,
	};
	if (descriptor < 0 || tcp_connection_new(&options, &backend->connection))
		backend->failed = true;
	run(visit);
}

/* News of the decoy */

static void on_candidate(void *context, struct slice text) {
	struct decoy_visit *visit = context;
	visit->candidate_size = text.size <= sizeof visit->candidate ? text.size : 0;
	if (visit->candidate_size > 0)
		memcpy(visit->candidate, text.data, visit->candidate_size);
	visit->asks = true;
}

static void on_open(void *context, struct decoy_backend *wanted) {
	struct decoy_visit *visit = context;
	struct decoy_visit_backend *backend = calloc(1, sizeof *backend);
	decoy_backend_set_owner(wanted, backend);
	/* Without memory it ends by its deadline. */
	if (!backend)
		return;
	*backend = (struct decoy_visit_backend){.visit = visit, .backend = wanted};
	list_append(&visit->backends, &backend->link);
	if (!visit->options.ops->connect(visit->options.context, backend)) {
		backend->failed = true;
	}
}

static void on_resume(void *context, struct decoy_backend *wanted) {
	struct decoy_visit_backend *backend = decoy_backend_owner(wanted);
	((struct decoy_visit *)context)->again = true;
	if (!backend || !backend->connection)
		return;
	backend->ready = true;
	tcp_connection_resume(backend->connection);
}

static void on_close(void *context, struct decoy_backend *wanted) {
	struct decoy_visit *visit = context;
	struct decoy_visit_backend *backend = decoy_backend_owner(wanted);
	if (!backend)
		return;
	visit->options.ops->forget(visit->options.context, backend);
	tcp_connection_free(backend->connection);
	list_remove(&backend->link);
	free(backend);
}

static uint64_t on_wall_now(void *context) {
	return clock_wall_now() / CLOCK_SECOND;
}

static const struct decoy_ops decoy_ops = {
	.candidate = on_candidate,
	.open = on_open,
	.resume = on_resume,
	.close = on_close,
	.wall_now = on_wall_now,
};

/* The link */

static void end(struct decoy_visit *visit) {
	visit->ending = ENDED;
}

/* False: not now, or never. */
static bool say(struct decoy_visit *visit, enum decoy_link_type type, struct slice bytes) {
	uint8_t data[DECOY_LINK_MESSAGE_MAX];
	size_t size;
	const struct decoy_link_message message = {.type = type, .bytes = bytes};
	if (visit->ending == ENDED || visit->blocked)
		return false;
	if (decoy_link_encode(&message, data, sizeof data, &size)) {
		end(visit);
		return false;
	}
	ssize_t sent = send(visit->options.descriptor, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent == (ssize_t)size)
		return true;
	if (sent < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOBUFS))
		visit->blocked = true;
	else
		end(visit);
	return false;
}

static struct slice first_of(struct slice bytes) {
	return slice_of(bytes.data,
					bytes.size < DECOY_LINK_DATA_MAX ? bytes.size : DECOY_LINK_DATA_MAX);
}

static void say_waiting(struct decoy_visit *visit) {
	for (struct slice waiting; (waiting = decoy_waiting(visit->decoy)).size > 0;) {
		struct slice first = first_of(waiting);
		if (!say(visit, DECOY_LINK_DATA, first))
			return;
		decoy_sent(visit->decoy, clock_now(), first.size);
		visit->again = true;
	}
	/* Behind the answers to the requests before it. */
	if (visit->asks &&
		say(visit, DECOY_LINK_CANDIDATE, slice_of(visit->candidate, visit->candidate_size))) {
		visit->asks = false;
		visit->waits = true;
	}
}

static void give_back(struct decoy_visit *visit) {
	for (struct slice input; (input = byte_queue_view(&visit->input)).size > 0;) {
		struct slice first = first_of(input);
		if (!say(visit, DECOY_LINK_BACK, first))
			return;
		byte_queue_drop(&visit->input, first.size);
	}
	if (visit->stopped)
		end(visit);
}

static void put_input(struct decoy_visit *visit) {
	struct slice input = byte_queue_view(&visit->input);
	if (input.size > 0) {
		size_t taken = decoy_put(visit->decoy, clock_now(), input.data, input.size);
		byte_queue_drop(&visit->input, taken);
		visit->again |= taken > 0;
	}
	if (visit->input_ended && byte_queue_size(&visit->input) == 0)
		decoy_end(visit->decoy, clock_now());
}

static struct decoy_visit_backend *next_backend(const struct decoy_visit *visit) {
	for (struct list *link = visit->backends.next; link != &visit->backends; link = link->next) {
		struct decoy_visit_backend *backend = list_item(link, struct decoy_visit_backend, link);
		if (backend->failed || backend->ready)
			return backend;
	}
	return NULL;
}

/* Any of them may be gone after each step. */
static void run_backends(struct decoy_visit *visit) {
	for (struct decoy_visit_backend *backend; (backend = next_backend(visit)) != NULL;) {
		backend->ready = false;
		if (backend->failed)
			decoy_backend_failed(backend->backend, clock_now());
		else
			backend_send(backend);
	}
}

static void look_at_end(struct decoy_visit *visit) {
	if (visit->ending != HTTP || decoy_waiting(visit->decoy).size > 0)
		return;
	const enum decoy_state state = decoy_state(visit->decoy);
	switch (state) {
	case DECOY_OPEN:
		return;
	case DECOY_RAW:
		if (say(visit, DECOY_LINK_RAW, slice_of(NULL, 0)))
			visit->ending = GIVING;
		return;
	case DECOY_FINISHED:
	case DECOY_CUT:
		if (say(visit, state == DECOY_CUT ? DECOY_LINK_CUT : DECOY_LINK_FINISH, slice_of(NULL, 0)))
			end(visit);
		return;
	}
}

static uint32_t wanted_events(const struct decoy_visit *visit) {
	/* A verdict stands behind what was under way. */
	bool reads = visit->ending == GIVING ? !visit->stopped
										 : visit->waits || byte_queue_size(&visit->input) == 0;
	return (reads ? EPOLLIN : 0U) | (visit->blocked ? EPOLLOUT : 0U);
}

static void step(struct decoy_visit *visit, uint64_t *out_deadline) {
	*out_deadline = CLOCK_NEVER;
	if (visit->ending == HTTP) {
		*out_deadline = decoy_run(visit->decoy, clock_now());
		put_input(visit);
		run_backends(visit);
		say_waiting(visit);
		look_at_end(visit);
	}
	if (visit->ending == GIVING)
		give_back(visit);
}

/* To be the last of whoever calls it: the visit may be gone. */
static void run(struct decoy_visit *visit) {
	uint64_t deadline = CLOCK_NEVER;
	visit->again = true;
	if (visit->running)
		return;
	visit->running = true;
	while (visit->again && visit->ending != ENDED) {
		visit->again = false;
		step(visit, &deadline);
	}
	visit->running = false;
	const size_t held = decoy_held(visit->decoy) + visit->input.room;
	if (visit->ending != ENDED && !visit->options.ops->holds(visit->options.context, held))
		end(visit);
	if (visit->ending != ENDED && control_watch_change(visit->watch, wanted_events(visit)))
		end(visit);
	if (visit->ending == ENDED) {
		visit->options.ops->ended(visit->options.context, visit);
		return;
	}
	uint64_t now = clock_now();
	if (deadline == CLOCK_NEVER)
		control_timer_stop(visit->timer);
	else
		control_timer_set(visit->timer, deadline > now ? deadline - now : 0);
}

static void take_verdict(struct decoy_visit *visit, const struct decoy_link_message *message) {
	if (!visit->waits) {
		end(visit);
		return;
	}
	visit->waits = false;
	/* What could not be kept might be let in twice. */
	bool admitted =
		message->admitted && !visit->options.ops->keep(visit->options.context, &message->entry);
	decoy_judged(visit->decoy, clock_now(), admitted, message->bytes);
}

static void take(struct decoy_visit *visit, const struct decoy_link_message *message) {
	switch (message->type) {
	case DECOY_LINK_DATA:
		if (message->bytes.size > INPUT_MAX - byte_queue_size(&visit->input) ||
			byte_queue_append(&visit->input, message->bytes.data, message->bytes.size))
			end(visit);
		return;
	case DECOY_LINK_END:
		visit->input_ended = true;
		return;
	case DECOY_LINK_VERDICT:
		take_verdict(visit, message);
		return;
	default:
		/* STOP, as the decoder lets nothing else through. */
		visit->stopped = true;
		if (visit->ending != GIVING)
			end(visit);
		return;
	}
}

static void receive_some(struct decoy_visit *visit) {
	uint8_t data[DECOY_LINK_MESSAGE_MAX];
	for (int i = 0; i < MESSAGES_PER_TURN && visit->ending != ENDED; i++) {
		struct decoy_link_message message;
		ssize_t size = recv(visit->options.descriptor, data, sizeof data, MSG_DONTWAIT | MSG_TRUNC);
		if (size < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (size <= 0 || (size_t)size > sizeof data ||
			decoy_link_decode(DECOY_LINK_SITE, data, (size_t)size, &message)) {
			end(visit);
			return;
		}
		take(visit, &message);
		/* The decoy may have enough for now. */
		if (!(wanted_events(visit) & EPOLLIN))
			return;
	}
}

static void link_ready(void *context, uint32_t events) {
	struct decoy_visit *visit = context;
	if (events & EPOLLOUT)
		visit->blocked = false;
	if (events & (EPOLLIN | EPOLLERR | EPOLLHUP))
		receive_some(visit);
	run(visit);
}

/* What has come by then is answered together with what HTTP/2 says first. */
static void due(void *context) {
	struct decoy_visit *visit = context;
	if (wanted_events(visit) & EPOLLIN)
		receive_some(visit);
	run(visit);
}

static enum err open_all(struct decoy_visit *visit) {
	const struct decoy_visit_options *own = &visit->options;
	char peer[ADDRESS_TEXT_SIZE];
	address_format(&own->peer->address, peer);
	const struct decoy_options options = {
		.ops = &decoy_ops,
		.context = visit,
		.http2 = own->http2,
		.plain = own->plain,
		.site = own->site,
		.cookie = own->cookie,
		.peer = peer,
		.port = own->port,
	};
	enum err error = decoy_new(&options, clock_now(), &visit->decoy);
	if (!error)
		error = control_timer_new(own->loop, due, visit, &visit->timer);
	if (!error)
		error = control_watch_new(own->loop, own->descriptor, EPOLLIN, link_ready, visit,
								  &visit->watch);
	return error;
}

enum err decoy_visit_new(const struct decoy_visit_options *options,
						 struct decoy_visit **out_visit) {
	struct decoy_visit *visit = calloc(1, sizeof *visit);
	if (!visit) {
		(void)close(options->descriptor);
		return ERR_NO_MEMORY;
	}
	visit->options = *options;
	list_init(&visit->backends);
	enum err error = open_all(visit);
	if (error) {
		decoy_visit_free(visit);
		return error;
	}
	/* HTTP/2 speaks first. */
	control_timer_set(visit->timer, 0);
	*out_visit = visit;
	return ERR_OK;
}

void decoy_visit_free(struct decoy_visit *visit) {
	if (!visit)
		return;
	decoy_free(visit->decoy);
	control_watch_free(visit->watch);
	control_timer_free(visit->timer);
	(void)close(visit->options.descriptor);
	byte_queue_done(&visit->input);
	free(visit);
}
