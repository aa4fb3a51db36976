#include "tunnel/uplink.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/doubling.h"
#include "base/log.h"
#include "loop/control_loop.h"
#include "loop/control_task.h"
#include "stream/mux.h"
#include "tunnel/carrier_dial.h"
#include "tunnel/stream_host.h"
#include "tunnel/ticket_jar.h"

struct connection {
	struct uplink *uplink;
	struct carrier *carrier; /* NULL: the place is free */
	bool is_judged;          /* whether it was too short */
};

/* Servers let nobody in whose time is five minutes off; an answer took a while to come. */
enum { CLOCK_SUSPECT_SECONDS = 4 * 60 };

struct uplink {
	struct uplink_options options;
	struct uplink_peer peer;
	bool has_peer;
	struct connection connections[UPLINK_CONNECTIONS_MAX];
	struct connection *place;  /* of what is dialled */
	struct carrier_dial *dial; /* under way while is_dialling, or declined and kept */
	bool is_dialling;
	bool is_declined; /* the last attempt was */
	bool is_attending;
	bool is_wanted;            /* another connection, though there is one */
	bool is_ending;            /* uplink_drain() was called */
	struct ticket_jar tickets; /* of the server */
	struct list wishes, watches;
	struct control_task *task;
	struct control_timer *timer;
	uint64_t retry_at;
	uint64_t dialled_at;  /* the last attempt began */
	uint32_t failures;    /* attempts in a row */
	uint32_t short_lives; /* connections in a row */
	int64_t clock_offset;
	uint64_t received, sent; /* of connections that are gone */
	uint64_t heard_at;       /* when the last of them went */
	uint64_t made, declined; /* attempts that came to that */
	char why[160];
	struct log_kind log;
};

static const struct stream_host *host_of(const struct uplink *uplink) {
	return uplink->options.host;
}

static uint64_t now_of(const struct uplink *uplink) {
	return stream_host_now(host_of(uplink));
}

static void tell(struct uplink *uplink, enum stream_event_kind kind) {
	struct stream_event event = {
		.kind = kind, .endpoint = uplink->peer.endpoint, .count = uplink->failures};
	memcpy(event.public_key, uplink->peer.public_key, sizeof event.public_key);
	stream_host_event(host_of(uplink), &event);
}

/* Connections */

static bool is_open(const struct connection *connection) {
	return connection->carrier && mux_state(carrier_mux(connection->carrier)) == MUX_OPEN;
}

static size_t count_open(const struct uplink *uplink) {
	size_t count = 0;
	for (size_t i = 0; i < UPLINK_CONNECTIONS_MAX; i++)
		count += is_open(&uplink->connections[i]);
	return count;
}

/* The one with the fewest streams; NULL where none can take another. */
static struct connection *find_best(struct uplink *uplink) {
	struct connection *best = NULL;
	size_t least = MUX_STREAMS_MAX;
	for (size_t i = 0; i < UPLINK_CONNECTIONS_MAX; i++) {
		struct connection *connection = &uplink->connections[i];
		if (!is_open(connection))
			continue;
		size_t count = mux_stream_count(carrier_mux(connection->carrier));
		if (count < least) {
			least = count;
			best = connection;
		}
	}
	return best;
}

static struct connection *find_place(struct uplink *uplink) {
	for (size_t i = 0; i < UPLINK_CONNECTIONS_MAX; i++)
		if (!uplink->connections[i].carrier)
			return &uplink->connections[i];
	return NULL;
}

/* base to twice as long. */
static uint64_t vary(const struct uplink *uplink, uint64_t base) {
	return base + base / 65536 * (random_u32(host_of(uplink)->random) >> 16);
}

/* After so many failures in a row. */
static uint64_t wait_after(const struct uplink *uplink, uint32_t failures) {
	const uint32_t times = failures > 0 ? failures - 1 : 0;
	return vary(uplink, doubling_of(UPLINK_RETRY, UPLINK_RETRY_MAX, times));
}

static void put_off(struct uplink *uplink) {
	uplink->retry_at =
		now_of(uplink) + (uplink->is_declined ? vary(uplink, UPLINK_DECLINED)
											  : wait_after(uplink, uplink->failures));
}

/* One that takes no more streams, once. */
static void judge(struct connection *connection, const char *why) {
	struct uplink *uplink = connection->uplink;
	struct carrier_figures figures;
	if (connection->is_judged)
		return;
	connection->is_judged = true;
	carrier_figures(connection->carrier, &figures);
	uint64_t retry_at = figures.opened_at + wait_after(uplink, uplink->short_lives + 1);
	if (count_open(uplink) > 0)
		return;
	uplink->short_lives = now_of(uplink) < retry_at ? uplink->short_lives + 1 : 0;
	if (uplink->short_lives == 0)
		return;
	uplink->failures = uplink->short_lives;
	uplink->retry_at = retry_at;
	(void)snprintf(uplink->why, sizeof uplink->why, "%s", why);
}

static void close_connection(struct connection *connection) {
	struct uplink *uplink = connection->uplink;
	struct carrier_figures figures;
	carrier_figures(connection->carrier, &figures);
	uplink->received += figures.received;
	uplink->sent += figures.sent;
	uplink->heard_at = now_of(uplink);
	carrier_free(connection->carrier);
	connection->carrier = NULL;
}

static void carrier_is_draining(void *context) {
	struct connection *connection = context;
	judge(connection, "the server ended the connection");
	control_task_set(connection->uplink->task);
}

static void carrier_is_closed(void *context, const char *why) {
	struct connection *connection = context;
	struct uplink *uplink = connection->uplink;
	log_debug("%sa connection to the server has ended: %s", host_of(uplink)->prefix, why);
	judge(connection, why);
	close_connection(connection);
	control_task_set(uplink->task);
}

static const struct carrier_ops carrier_ops = {
	.draining = carrier_is_draining,
	.closed = carrier_is_closed,
};

/* Attempts */

static void drop_dial(struct uplink *uplink) {
	carrier_dial_free(uplink->dial);
	uplink->dial = NULL;
	uplink->is_dialling = false;
}

static void dial_made(void *context, struct carrier *carrier) {
	struct uplink *uplink = context;
	bool is_first = count_open(uplink) == 0;
	if (is_first && uplink->failures > 0)
		log_info("%sthere is a connection to the server now", host_of(uplink)->prefix);
	uplink->place->carrier = carrier;
	uplink->place->is_judged = false;
	uplink->failures = 0;
	uplink->made++;
	uplink->is_declined = false;
	uplink->why[0] = '\0';
	drop_dial(uplink);
	if (is_first)
		tell(uplink, STREAM_EVENT_CONNECTED);
	control_task_set(uplink->task);
}

/* Where the time that the attempt told may be why it was declined, that is said. */
static void believe_clock(struct uplink *uplink, int64_t offset) {
	int64_t off = (offset - uplink->clock_offset) / (int64_t)CLOCK_SECOND;
	uplink->clock_offset = offset;
	if (off > -CLOCK_SUSPECT_SECONDS && off < CLOCK_SUSPECT_SECONDS)
		return;
	(void)snprintf(uplink->why, sizeof uplink->why,
				   "answered as a web site: this host's clock is %" PRIi64
				   " s %s the server's, which the next attempt goes by",
				   off > 0 ? off : -off, off > 0 ? "behind" : "ahead of");
}

static void dial_failed(void *context, const struct carrier_dial_failure *failure) {
	struct uplink *uplink = context;
	uplink->failures++;
	uplink->is_dialling = false;
	uplink->is_declined = failure->kind == CARRIER_DIAL_DECLINED;
	uplink->declined += uplink->is_declined;
	(void)snprintf(uplink->why, sizeof uplink->why, "%s", failure->why);
	if (failure->is_clock_known)
		believe_clock(uplink, failure->clock_offset);
	log_limited(&uplink->log, LOG_WARNING, "%sno connection to the server: %s",
				host_of(uplink)->prefix, uplink->why);
	put_off(uplink);
	if (!uplink->is_declined)
		drop_dial(uplink); /* otherwise the page is read, as a browser would */
	tell(uplink, failure->kind == CARRIER_DIAL_UNREACHABLE ? STREAM_EVENT_UNREACHABLE
														   : STREAM_EVENT_UNANSWERED);
	control_task_set(uplink->task);
}

static const struct carrier_dial_ops dial_ops = {.made = dial_made, .failed = dial_failed};

static void dial(struct uplink *uplink) {
	const struct uplink_options *options = &uplink->options;
	struct carrier_dial_options request = {
		.host = options->host,
		.protocol = options->protocol,
		.identity = options->identity,
		.to = uplink->peer.endpoint,
		.tls = options->tls,
		.name = options->name,
		.path = options->path,
		.cookie = options->cookie,
		.tickets = &uplink->tickets,
		.clock_offset = uplink->clock_offset,
		.shaping = options->shaping,
		.carrier_ops = &carrier_ops,
		.carrier_context = uplink->place,
		.ops = &dial_ops,
		.context = uplink,
	};
	memcpy(request.server, uplink->peer.public_key, sizeof request.server);
	drop_dial(uplink);
	enum err error = carrier_dial_new(&request, &uplink->dial);
	if (error) {
		uplink->failures++;
		(void)snprintf(uplink->why, sizeof uplink->why, "%s", err_text(error));
		put_off(uplink);
	}
	uplink->is_dialling = !error;
	uplink->dialled_at = now_of(uplink);
}

static bool may_dial(struct uplink *uplink) {
	if (uplink->is_ending || uplink->is_dialling || !uplink->has_peer ||
		uplink->peer.endpoint.address.family == ADDRESS_NONE)
		return false;
	uplink->place = find_place(uplink);
	return uplink->place != NULL;
}

/* Wishes */

static void refuse(struct uplink_wish *wish, enum refusal refusal) {
	list_remove(&wish->link);
	wish->refused(wish, refusal);
}

static enum refusal refusal_of(enum err error) {
	switch (error) {
	case ERR_NO_MEMORY:
		return REFUSAL_INTERNAL;
	case ERR_INVALID:
		return REFUSAL_UNREACHABLE; /* no such name can be asked for */
	default:
		return REFUSAL_CARRIER;
	}
}

static void grant(struct uplink *uplink, struct uplink_wish *wish,
				  const struct connection *connection) {
	struct carrier *carrier = connection->carrier;
	struct mux *mux = carrier_mux(carrier);
	struct mux_stream *stream;
	enum err error = mux_stream_open(mux, &wish->target, wish->user, &stream);
	if (error == ERR_EXPIRED || error == ERR_CLOSED) {
		carrier_drain(carrier); /* it is not asked again; the wish is */
		return;
	}
	if (error) {
		refuse(wish, refusal_of(error));
		return;
	}
	uplink->is_wanted = mux_stream_count(mux) >= UPLINK_BUSY_STREAMS &&
						count_open(uplink) < uplink->options.connections;
	list_remove(&wish->link);
	wish->opened(wish, carrier, stream);
	carrier_touch(carrier);
}

static struct uplink_wish *first_wish(const struct uplink *uplink) {
	if (list_is_empty(&uplink->wishes))
		return NULL;
	return list_item(uplink->wishes.next, struct uplink_wish, link);
}

/* Nobody will come in time. */
static bool is_hopeless(const struct uplink *uplink, const struct uplink_wish *wish, uint64_t now) {
	if (uplink->is_ending || now >= wish->until)
		return true;
	return !uplink->is_dialling && count_open(uplink) == 0 && uplink->retry_at >= wish->until;
}

static void set_timer(struct uplink *uplink, uint64_t now) {
	const struct uplink_wish *wish = first_wish(uplink);
	uint64_t next = wish ? wish->until : CLOCK_NEVER;
	bool is_awaited = wish || uplink->is_wanted || !list_is_empty(&uplink->watches);
	if (is_awaited && may_dial(uplink) && uplink->retry_at < next)
		next = uplink->retry_at;
	if (next == CLOCK_NEVER)
		control_timer_stop(uplink->timer);
	else
		control_timer_set(uplink->timer, next > now ? next - now : 0);
}

/* What they wish for is looked at next. */
static void tell_watches(struct uplink *uplink, uint64_t now) {
	struct list *link;
	if (!find_best(uplink) && (now < uplink->retry_at || !may_dial(uplink)))
		return;
	while ((link = list_take_first(&uplink->watches)) != NULL) {
		struct uplink_watch *watch = list_item(link, struct uplink_watch, link);
		watch->again(watch);
	}
}

/* Looks at everything. What wishes' owners do inside only adds to the list, or takes from it. */
static void attend(struct uplink *uplink) {
	if (uplink->is_attending)
		return;
	uplink->is_attending = true;
	uint64_t now = now_of(uplink);
	struct uplink_wish *wish;
	const struct connection *best;
	tell_watches(uplink, now);
	while ((wish = first_wish(uplink)) && (best = find_best(uplink)))
		grant(uplink, wish, best);
	while ((wish = first_wish(uplink)) && is_hopeless(uplink, wish, now))
		refuse(wish, REFUSAL_CARRIER);
	uplink->is_wanted = uplink->is_wanted && count_open(uplink) < uplink->options.connections;
	if ((wish || uplink->is_wanted) && now >= uplink->retry_at && may_dial(uplink)) {
		uplink->is_wanted = false;
		dial(uplink);
	}
	uplink->is_attending = false;
	set_timer(uplink, now);
}

static void on_task(void *context) {
	attend(context);
}

void uplink_open(struct uplink *uplink, struct uplink_wish *wish) {
	wish->until = now_of(uplink) + UPLINK_PATIENCE_SECONDS * CLOCK_SECOND;
	list_append(&uplink->wishes, &wish->link);
	attend(uplink);
}

void uplink_cancel(struct uplink *uplink, struct uplink_wish *wish) {
	list_remove(&wish->link);
}

void uplink_await(struct uplink *uplink, struct uplink_watch *watch) {
	list_append(&uplink->watches, &watch->link);
	control_task_set(uplink->task);
}

void uplink_forget(struct uplink *uplink, struct uplink_watch *watch) {
	list_remove(&watch->link);
}

/* Life */

enum err uplink_new(const struct uplink_options *options, struct uplink **out_uplink) {
	struct uplink *uplink = calloc(1, sizeof *uplink);
	if (!uplink)
		return ERR_NO_MEMORY;
	uplink->options = *options;
	list_init(&uplink->wishes);
	list_init(&uplink->watches);
	for (size_t i = 0; i < UPLINK_CONNECTIONS_MAX; i++)
		uplink->connections[i].uplink = uplink;
	enum err error = control_task_new(options->host->loop, on_task, uplink, &uplink->task)
						 ?: control_timer_new(options->host->loop, on_task, uplink, &uplink->timer);
	if (error) {
		uplink_free(uplink);
		return error;
	}
	*out_uplink = uplink;
	return ERR_OK;
}

void uplink_free(struct uplink *uplink) {
	if (!uplink)
		return;
	while (list_take_first(&uplink->wishes) || list_take_first(&uplink->watches))
		continue;
	drop_dial(uplink);
	for (size_t i = 0; i < UPLINK_CONNECTIONS_MAX; i++)
		carrier_free(uplink->connections[i].carrier);
	ticket_jar_clear(&uplink->tickets);
	control_task_free(uplink->task);
	control_timer_free(uplink->timer);
	free(uplink);
}

/* Streams are told; what their owners wish for inside is looked at later. */
static void forget(struct uplink *uplink) {
	uplink->is_attending = true;
	drop_dial(uplink);
	for (size_t i = 0; i < UPLINK_CONNECTIONS_MAX; i++) {
		struct connection *connection = &uplink->connections[i];
		if (!connection->carrier)
			continue;
		mux_discard(carrier_mux(connection->carrier), STREAM_ERROR_INTERNAL);
		close_connection(connection);
	}
	ticket_jar_clear(&uplink->tickets);
	uplink->is_attending = false;
	uplink->failures = uplink->short_lives = 0;
	uplink->retry_at = 0;
	uplink->is_declined = uplink->is_wanted = false;
	uplink->clock_offset = 0;
	uplink->why[0] = '\0';
	control_task_set(uplink->task);
}

void uplink_configure(struct uplink *uplink, const struct uplink_options *options) {
	uplink->options = *options;
	forget(uplink);
}

void uplink_set_peer(struct uplink *uplink, const struct uplink_peer *peer) {
	bool is_same = peer && uplink->has_peer &&
				   memcmp(peer->public_key, uplink->peer.public_key, X25519_KEY_SIZE) == 0;
	bool is_there = is_same && endpoint_equal(&peer->endpoint, &uplink->peer.endpoint);
	if (is_there)
		return;
	if (!is_same && uplink->has_peer)
		forget(uplink);
	uplink->has_peer = peer != NULL;
	uplink->peer = peer ? *peer : (struct uplink_peer){.endpoint.address.family = ADDRESS_NONE};
	if (uplink->is_dialling)
		drop_dial(uplink); /* to where it was */
	uplink->is_declined = false;
	uplink_hurry(uplink);
}

void uplink_hurry(struct uplink *uplink) {
	if (!uplink->is_declined) {
		uplink->retry_at = 0;
		uplink->failures = uplink->short_lives = 0;
	}
	control_task_set(uplink->task);
}

void uplink_drain(struct uplink *uplink, bool now) {
	uplink->is_ending = true;
	drop_dial(uplink);
	for (size_t i = 0; i < UPLINK_CONNECTIONS_MAX; i++) {
		struct carrier *carrier = uplink->connections[i].carrier;
		if (carrier && now)
			carrier_end(carrier);
		else if (carrier)
			carrier_drain(carrier);
	}
	control_task_set(uplink->task);
}

bool uplink_is_drained(const struct uplink *uplink) {
	for (size_t i = 0; i < UPLINK_CONNECTIONS_MAX; i++)
		if (uplink->connections[i].carrier)
			return false;
	return true;
}

void uplink_figures(const struct uplink *uplink, struct uplink_figures *out_figures) {
	struct uplink_figures figures = {.received = uplink->received,
									 .sent = uplink->sent,
									 .heard_at = uplink->heard_at,
									 .made = uplink->made,
									 .declined = uplink->declined,
									 .attempts = uplink->failures,
									 .why = uplink->why};
	if (uplink->is_dialling)
		figures.dialling = now_of(uplink) - uplink->dialled_at;
	for (size_t i = 0; i < UPLINK_CONNECTIONS_MAX; i++) {
		if (!uplink->connections[i].carrier)
			continue;
		struct carrier_figures *each = &figures.connections[figures.connection_count++];
		carrier_figures(uplink->connections[i].carrier, each);
		figures.received += each->received;
		figures.sent += each->sent;
		figures.heard_at = now_of(uplink);
	}
	list_for_each (link, &uplink->wishes)
		figures.wishes++;
	*out_figures = figures;
}
