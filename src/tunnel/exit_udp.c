#include "tunnel/exit_udp.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "host/socket_name.h"
#include "loop/control_loop.h"
#include "stream/mux.h"
#include "tunnel/carrier.h"
#include "tunnel/dial.h"
#include "tunnel/exit_options.h"
#include "tunnel/stream_host.h"
#include "tunnel/stream_user.h"
#include "wire/stream_datagram.h"

struct exit_udp {
	struct stream_user user;
	struct exit_udp_set *set;
	struct exit_options options;
	struct list order; /* in its set */
	uint64_t active_at;
	struct endpoint endpoints[DIAL_ENDPOINTS_MAX];
	size_t count, tried;
	struct stream_socket_wish wish;
	bool is_waiting;             /* for a socket */
	bool is_looking;             /* and will see itself what it is given */
	int descriptor;              /* -1: none */
	int number;                  /* errno of the last endpoint that could not be reached */
	struct control_watch *watch; /* from when the target is reached on */
	struct stream_datagram_reader *reader;
};

/* Ends the socket's side; the stream is the caller's. */
static void put_away(struct exit_udp *exit) {
	struct exit_udp_set *set = exit->set;
	if (!list_is_empty(&exit->order))
		set->count--;
	list_remove(&exit->order);
	stream_host_cancel_socket(exit->options.host, &exit->wish);
	control_watch_free(exit->watch);
	exit->watch = NULL;
	cleanup_close(&exit->descriptor);
	exit->descriptor = -1;
}

static void reset(struct exit_udp *exit, enum stream_error error) {
	if (!exit->options.stream)
		return;
	mux_stream_reset(exit->options.stream, error);
	carrier_touch(exit->options.carrier);
	exit->options.stream = NULL;
}

/* It may be gone afterwards. */
static void end(struct exit_udp *exit, enum stream_error error) {
	put_away(exit);
	reset(exit, error);
	exit->options.ended(exit->options.context);
}

static void arm(struct exit_udp_set *set) {
	if (list_is_empty(&set->order)) {
		control_timer_stop(set->timer);
		return;
	}
	const struct exit_udp *first = list_item(set->order.next, struct exit_udp, order);
	uint64_t now = stream_host_now(set->host), at = first->active_at + EXIT_UDP_IDLE;
	control_timer_set(set->timer, at > now ? at - now : 0);
}

static void due(void *context) {
	struct exit_udp_set *set = context;
	while (!list_is_empty(&set->order)) {
		struct exit_udp *first = list_item(set->order.next, struct exit_udp, order);
		if (first->active_at + EXIT_UDP_IDLE > stream_host_now(set->host))
			break;
		end(first, STREAM_ERROR_CANCEL);
	}
	arm(set);
}

/* The timer is only looked at when it is due: what was active since then is seen there. */
static void active(struct exit_udp *exit) {
	struct exit_udp_set *set = exit->set;
	exit->active_at = stream_host_now(set->host);
	list_remove(&exit->order);
	list_append(&set->order, &exit->order);
}

enum err exit_udp_set_init(struct exit_udp_set *set, const struct stream_host *host) {
	*set = (struct exit_udp_set){.host = host};
	list_init(&set->order);
	return control_timer_new(host->loop, due, set, &set->timer);
}

void exit_udp_set_done(struct exit_udp_set *set) {
	control_timer_free(set->timer);
	set->timer = NULL;
}

/* From the target. Whether there may be more. */
static bool answer(struct exit_udp *exit) {
	enum { HEADER = STREAM_DATAGRAM_HEADER_SIZE };
	uint8_t bytes[HEADER + STREAM_DATAGRAM_MAX];
	ssize_t size = recv(exit->descriptor, bytes + HEADER, STREAM_DATAGRAM_MAX, 0);
	/* Other errors are what routers and the target said of a datagram; there may be others. */
	if (size < 0)
		return errno != EAGAIN;
	active(exit);
	struct mux_stream *stream = exit->options.stream;
	size_t whole = HEADER + (size_t)size;
	if (mux_stream_room(stream) < whole) {
		exit->set->dropped++;
		return true;
	}
	stream_datagram_header((size_t)size, bytes);
	(void)mux_stream_write(stream, bytes, whole);
	return true;
}

static void ready(void *context, uint32_t events) {
	(void)events;
	struct exit_udp *exit = context;
	for (unsigned i = 0; i < EXIT_UDP_TURN_MAX && answer(exit); i++)
		;
	carrier_touch(exit->options.carrier);
}

/* To the target: everything that has come. It may be gone afterwards. */
static void pass_on(struct exit_udp *exit) {
	struct mux_stream *stream = exit->options.stream;
	struct slice unread;
	while ((unread = mux_stream_peek(stream)).size > 0) {
		struct slice rest = unread, datagram;
		enum err error;
		while ((error = stream_datagram_next(exit->reader, &rest, &datagram)) == ERR_OK) {
			/* What fails is lost, as datagrams are. */
			(void)send(exit->descriptor, datagram.data, datagram.size, MSG_NOSIGNAL);
			active(exit);
		}
		if (error != ERR_AGAIN) {
			end(exit, error == ERR_LIMIT ? STREAM_ERROR_PROTOCOL : STREAM_ERROR_INTERNAL);
			return;
		}
		mux_stream_consume(stream, unread.size);
	}
	/* Who says no more wants no answers either. Both ends make `closed`. */
	if (mux_stream_is_at_end(stream)) {
		put_away(exit);
		mux_stream_end(stream);
	}
}

static void on_readable(struct stream_user *user) {
	struct exit_udp *exit = list_item(user, struct exit_udp, user);
	if (exit->watch)
		pass_on(exit);
}

static void on_writable(struct stream_user *user) {
	(void)user;
}

static void on_closed(struct stream_user *user, uint32_t error) {
	(void)error;
	struct exit_udp *exit = list_item(user, struct exit_udp, user);
	exit->options.stream = NULL;
	put_away(exit);
	exit->options.ended(exit->options.context);
}

static const struct stream_user_ops user_ops = {
	.readable = on_readable, .writable = on_writable, .closed = on_closed};

/* 0, or errno. */
static int start(struct exit_udp *exit) {
	union socket_name name;
	socklen_t size = socket_name_fill(&exit->endpoints[exit->tried - 1], &name);
	if (connect(exit->descriptor, &name.any, size))
		return errno;
	enum err error = control_watch_new(exit->options.host->loop, exit->descriptor, EPOLLIN, ready,
									   exit, &exit->watch);
	return error ? ENOMEM : 0;
}

/* The one that was idle for longest makes room. */
static void join(struct exit_udp *exit) {
	struct exit_udp_set *set = exit->set;
	if (set->count >= EXIT_UDP_SESSIONS_MAX)
		end(list_item(set->order.next, struct exit_udp, order), STREAM_ERROR_CANCEL);
	set->count++;
	active(exit);
	if (set->count == 1)
		arm(set);
}

static void reach(struct exit_udp *exit) {
	if (!exit->options.reached(exit->options.context, &exit->endpoints[exit->tried - 1])) {
		end(exit, STREAM_ERROR_REFUSED_STREAM);
		return;
	}
	join(exit);
	mux_stream_connected(exit->options.stream);
	carrier_touch(exit->options.carrier);
	pass_on(exit);
}

/* Tries one endpoint after the other, as far as there are sockets. */
static void look(struct exit_udp *exit) {
	exit->is_looking = true;
	while (!exit->watch && !exit->is_waiting && exit->tried < exit->count) {
		bool is_v4 = exit->endpoints[exit->tried++].address.family == ADDRESS_V4;
		exit->is_waiting = true;
		stream_host_socket(exit->options.host, is_v4 ? STREAM_SOCKET_UDP_V4 : STREAM_SOCKET_UDP_V6,
						   &exit->wish);
	}
	exit->is_looking = false;
	if (exit->watch)
		reach(exit);
	else if (!exit->is_waiting)
		end(exit, dial_is_shortage(exit->number) ? STREAM_ERROR_INTERNAL : STREAM_ERROR_CONNECT);
}

static void given(struct stream_socket_wish *wish, int descriptor, int number) {
	struct exit_udp *exit = list_item(wish, struct exit_udp, wish);
	exit->is_waiting = false;
	exit->descriptor = descriptor;
	exit->number = descriptor >= 0 ? start(exit) : number;
	if (!exit->watch) {
		cleanup_close(&exit->descriptor);
		exit->descriptor = -1;
	}
	if (!exit->is_looking)
		look(exit);
}

enum err exit_udp_new(struct exit_udp_set *set, const struct exit_options *options,
					  struct exit_udp **out_exit) {
	struct exit_udp *exit = calloc(1, sizeof *exit);
	if (!exit)
		return ERR_NO_MEMORY;
	enum err error = stream_datagram_reader_new(STREAM_DATAGRAM_MAX, &exit->reader);
	if (error) {
		free(exit);
		return error;
	}
	exit->user.ops = &user_ops;
	exit->set = set;
	exit->options = *options;
	exit->options.endpoints = NULL;
	exit->count = options->count < DIAL_ENDPOINTS_MAX ? options->count : DIAL_ENDPOINTS_MAX;
	for (size_t i = 0; i < exit->count; i++)
		exit->endpoints[i] = options->endpoints[i];
	exit->descriptor = -1;
	exit->wish.given = given;
	list_init(&exit->wish.link);
	list_init(&exit->order);
	mux_stream_set_owner(options->stream, &exit->user);
	*out_exit = exit;
	return ERR_OK;
}

void exit_udp_begin(struct exit_udp *exit) {
	look(exit);
}

const struct mux_stream *exit_udp_stream(const struct exit_udp *exit) {
	return exit->options.stream;
}

void exit_udp_free(struct exit_udp *exit) {
	if (!exit)
		return;
	put_away(exit);
	reset(exit, STREAM_ERROR_CANCEL);
	stream_datagram_reader_free(exit->reader);
	free(exit);
}
