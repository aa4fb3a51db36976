#include "tunnel/dial.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "host/socket_name.h"
#include "loop/control_loop.h"
#include "tunnel/stream_host.h"

struct attempt {
	struct dial *dial;
	struct endpoint endpoint;
	struct stream_socket_wish wish;
	struct control_watch *watch;
	int descriptor; /* -1: none */
};

struct dial {
	struct dial_options options;
	struct control_timer *timer;
	uint64_t until;   /* ns: the end of patience */
	uint64_t next_at; /* the next attempt begins at the latest */
	int number;       /* errno of the attempt that got furthest */
	bool inside;      /* a function of ours is at work, which settles afterwards */
	bool told;
	size_t count, begun, under_way;
	struct attempt attempts[DIAL_ENDPOINTS_MAX];
};

static void settle(struct dial *dial);

bool dial_is_unreachable(int number) {
	return number == ENETUNREACH || number == EHOSTUNREACH || number == EAFNOSUPPORT ||
		   number == EADDRNOTAVAIL;
}

bool dial_is_shortage(int number) {
	return number == EMFILE || number == ENFILE || number == ENOBUFS || number == ENOMEM;
}

/* How far an attempt got that failed so; the further, the more it tells. */
static unsigned reach(int number) {
	if (number == 0)
		return 0;
	if (dial_is_shortage(number))
		return 1;
	return dial_is_unreachable(number) ? 2 : 3;
}

static void drop(struct attempt *attempt) {
	stream_host_cancel_socket(attempt->dial->options.host, &attempt->wish);
	control_watch_free(attempt->watch);
	attempt->watch = NULL;
	cleanup_close(&attempt->descriptor);
	attempt->descriptor = -1;
}

static void attempt_failed(struct attempt *attempt, int number) {
	struct dial *dial = attempt->dial;
	drop(attempt);
	dial->under_way--;
	if (reach(number) > reach(dial->number))
		dial->number = number;
}

static void tell_failure(struct dial *dial, int number) {
	dial->told = true;
	for (size_t i = 0; i < dial->begun; i++)
		drop(&dial->attempts[i]);
	control_timer_stop(dial->timer);
	dial->options.failed(dial->options.context, number);
}

static void attempt_made(struct attempt *attempt) {
	struct dial *dial = attempt->dial;
	dial->told = true;
	/* The watch goes first: the owner will have one of his own on the descriptor. */
	control_watch_free(attempt->watch);
	attempt->watch = NULL;
	int descriptor = cleanup_steal_descriptor(&attempt->descriptor);
	for (size_t i = 0; i < dial->begun; i++)
		drop(&dial->attempts[i]);
	control_timer_stop(dial->timer);
	struct endpoint peer = attempt->endpoint; /* for an owner who frees the dial first */
	dial->options.made(dial->options.context, descriptor, &peer);
}

static void ready(void *context, uint32_t events) {
	(void)events;
	struct attempt *attempt = context;
	int number = 0;
	socklen_t size = sizeof number;
	if (getsockopt(attempt->descriptor, SOL_SOCKET, SO_ERROR, &number, &size))
		number = errno;
	union socket_name peer;
	size = sizeof peer;
	if (number) {
		attempt_failed(attempt, number);
		settle(attempt->dial);
	} else if (getpeername(attempt->descriptor, &peer.any, &size) == 0) {
		attempt_made(attempt);
	}
	/* Otherwise it was woken for nothing. */
}

/* 0, or the errno of what fails at once. */
static int start(struct attempt *attempt) {
	union socket_name name;
	socklen_t size = socket_name_fill(&attempt->endpoint, &name);
	/* Also one that is made at once is told by the loop, so that there is one way only. */
	if (connect(attempt->descriptor, &name.any, size) && errno != EINPROGRESS && errno != EINTR)
		return errno;
	enum err error = control_watch_new(attempt->dial->options.host->loop, attempt->descriptor,
									   EPOLLOUT, ready, attempt, &attempt->watch);
	return error ? ENOMEM : 0;
}

static void given(struct stream_socket_wish *wish, int descriptor, int number) {
	struct attempt *attempt = list_item(wish, struct attempt, wish);
	struct dial *dial = attempt->dial;
	attempt->descriptor = descriptor;
	if (descriptor >= 0)
		number = start(attempt);
	else if (number == 0)
		number = EMFILE;
	if (number)
		attempt_failed(attempt, number);
	if (!dial->inside)
		settle(dial);
}

static void begin(struct dial *dial, uint64_t now) {
	struct attempt *attempt = &dial->attempts[dial->begun++];
	dial->under_way++;
	dial->next_at = now + DIAL_STAGGER;
	stream_host_socket(dial->options.host,
					   attempt->endpoint.address.family == ADDRESS_V4 ? STREAM_SOCKET_TCP_V4
																	  : STREAM_SOCKET_TCP_V6,
					   &attempt->wish);
}

/* Begins what is to begin now; whether anything is under way. */
static bool go_on(struct dial *dial) {
	uint64_t now = stream_host_now(dial->options.host);
	dial->inside = true;
	while (dial->begun < dial->count && (dial->under_way == 0 || now >= dial->next_at))
		begin(dial, now);
	dial->inside = false;
	if (dial->under_way == 0)
		return false;
	uint64_t at =
		dial->begun < dial->count && dial->next_at < dial->until ? dial->next_at : dial->until;
	control_timer_set(dial->timer, at > now ? at - now : 0);
	return true;
}

/* The dial may be gone afterwards. */
static void settle(struct dial *dial) {
	if (!dial->told && !go_on(dial))
		tell_failure(dial, dial->number);
}

static void due(void *context) {
	struct dial *dial = context;
	if (stream_host_now(dial->options.host) < dial->until)
		settle(dial);
	else
		tell_failure(dial, reach(dial->number) > reach(ENETUNREACH) ? dial->number : ETIMEDOUT);
}

enum err dial_new(const struct dial_options *options, struct dial **out_dial) {
	if (options->count == 0)
		return ERR_INVALID;
	struct dial *dial = calloc(1, sizeof *dial);
	if (!dial)
		return ERR_NO_MEMORY;
	dial->options = *options;
	dial->options.endpoints = NULL;
	dial->count = options->count < DIAL_ENDPOINTS_MAX ? options->count : DIAL_ENDPOINTS_MAX;
	for (size_t i = 0; i < dial->count; i++) {
		struct attempt *attempt = &dial->attempts[i];
		*attempt =
			(struct attempt){.dial = dial, .endpoint = options->endpoints[i], .descriptor = -1};
		attempt->wish.given = given;
		list_init(&attempt->wish.link);
	}
	enum err error = control_timer_new(options->host->loop, due, dial, &dial->timer);
	if (error) {
		free(dial);
		return error;
	}
	dial->until = stream_host_now(options->host) + DIAL_PATIENCE;
	if (!go_on(dial))
		control_timer_set(dial->timer, 0);
	*out_dial = dial;
	return ERR_OK;
}

void dial_free(struct dial *dial) {
	if (!dial)
		return;
	for (size_t i = 0; i < dial->begun; i++)
		drop(&dial->attempts[i]);
	control_timer_free(dial->timer);
	free(dial);
}
