#include "tunnel/carrier_accept.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/byte_queue.h"
#include "base/clock.h"
#include "base/wipe.h"
#include "crypto/tls_server.h"
#include "loop/control_loop.h"
#include "transport/tcp/tcp_reset.h"
#include "transport/tls/no_tls.h"
#include "transport/tls/tls_stream.h"
#include "tunnel/carrier.h"
#include "tunnel/stream_host.h"
#include "wire/cursor.h"
#include "wire/decoy_link.h"

enum {
	LINK_TURN_MAX = 16, /* messages of the site's in a turn */
	QUEUED_HEADER_SIZE = 2,
	/* Of a peer who does not read what he is sent: the site takes no more than it has to. */
	UNANSWERED_MAX = 64 * 1024,
};

enum {
	/* First bytes of TLS, and of SSL 2 as old servers know it; anything else is HTTP to them. */
	FIRST_OF_TLS = 0x16,
	FIRST_OF_SSL2 = 0x80,
};

enum phase {
	HELLO,
	STRANGER,
	ADMITTED,
	TAKING,  /* RAW came: nothing is read of TLS until the site has given all back */
	CLOSING, /* the site has closed its end behind FINISH or CUT */
};

struct carrier_accept {
	const struct stream_host *host;
	const struct carrier_accept_ops *ops;
	void *context;
	const char *exporter_label;
	struct endpoint from;
	enum phase phase;
	int descriptor; /* until its first byte has come; then it is the stream's, and this -1 */
	struct tls tls_end;
	struct tls_stream *tls;
	struct control_timer *timer;
	struct control_watch *watch; /* of the descriptor, then of the link */
	int link;                    /* to the site; -1: none yet, or no more */
	struct byte_queue messages;  /* for the site, each behind its size */
	struct byte_queue unsent;    /* of the site's DATA; while there is some, the link is not read */
	size_t unanswered;           /* bytes of the peer's since there is some */
	struct byte_queue back;
	uint64_t heard_at;
	bool dismissed;
	bool judged;        /* a candidate was; one of a connection is */
	bool verdict_waits; /* among the messages */
	bool peer_ended;    /* and the site was told */
	bool finishing;     /* the site said FINISH or CUT */
	struct stream_keys keys;
	uint8_t client[X25519_KEY_SIZE];
};

static void drop_link(struct carrier_accept *accept) {
	control_watch_free(accept->watch);
	accept->watch = NULL;
	if (accept->link >= 0)
		(void)close(accept->link);
	accept->link = -1;
}

enum ending { WITH_FIN, WITH_RESET };

static void drop_descriptor(struct carrier_accept *accept, enum ending ending) {
	if (accept->descriptor < 0)
		return;
	if (ending == WITH_RESET)
		tcp_reset(accept->descriptor);
	(void)close(accept->descriptor);
	accept->descriptor = -1;
}

void carrier_accept_free(struct carrier_accept *accept) {
	if (!accept)
		return;
	tls_stream_abort(accept->tls);
	drop_link(accept);
	drop_descriptor(accept, WITH_RESET);
	tls_done(&accept->tls_end);
	control_timer_free(accept->timer);
	/* Of the site's and the peer's words nothing is left in memory. */
	wipe(accept->back.bytes, accept->back.room);
	byte_queue_done(&accept->messages);
	byte_queue_done(&accept->unsent);
	byte_queue_done(&accept->back);
	wipe(&accept->keys, sizeof accept->keys);
	free(accept);
}

/* Here and below: whether it is still there. This says no. */
static bool end(struct carrier_accept *accept, enum ending ending) {
	struct tls_stream *tls = accept->tls;
	accept->tls = NULL;
	if (ending == WITH_RESET)
		tls_stream_abort(tls);
	else
		tls_stream_free(tls);
	drop_link(accept); /* or the descriptor's watch */
	drop_descriptor(accept, ending);
	accept->ops->ended(accept->context, accept);
	return false;
}

static void watch(struct carrier_accept *accept) {
	if (!accept->watch)
		return;
	uint32_t events = 0;
	if (byte_queue_size(&accept->messages) > 0)
		events |= EPOLLOUT;
	if (byte_queue_size(&accept->unsent) == 0)
		events |= EPOLLIN;
	/* What it refuses once it refuses for good: then the peer's side has to end it. */
	(void)control_watch_change(accept->watch, events);
}

/* To the site */

/* Whether the site's end took it, or will never take anything again, which reading shows. */
static bool send_message(const struct carrier_accept *accept, struct slice message) {
	ssize_t sent;
	do
		sent = send(accept->link, message.data, message.size, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent >= 0 || (errno != EAGAIN && errno != ENOBUFS);
}

static void send_messages(struct carrier_accept *accept) {
	for (;;) {
		struct slice view = byte_queue_view(&accept->messages);
		if (view.size == 0)
			return;
		struct reader reader = reader_of(view.data, view.size);
		struct slice message = reader_slice(&reader, reader_u16_be(&reader));
		if (!send_message(accept, message))
			return;
		byte_queue_drop(&accept->messages, QUEUED_HEADER_SIZE + message.size);
	}
}

static enum err put_off(struct carrier_accept *accept, struct slice message) {
	uint8_t header[QUEUED_HEADER_SIZE];
	struct writer writer = writer_of(header, sizeof header);
	writer_u16_be(&writer, (uint16_t)message.size);
	return byte_queue_append(&accept->messages, header, sizeof header)
			   ?: byte_queue_append(&accept->messages, message.data, message.size);
}

/* What waits is bounded: DATA comes only while nothing does, and of the others there are few. */
static bool tell(struct carrier_accept *accept, const struct decoy_link_message *message) {
	uint8_t data[DECOY_LINK_MESSAGE_MAX];
	size_t size;
	if (accept->link < 0)
		return true;
	if (decoy_link_encode(message, data, sizeof data, &size))
		return end(accept, WITH_RESET);
	struct slice bytes = slice_of(data, size);
	if (byte_queue_size(&accept->messages) == 0 && send_message(accept, bytes))
		return true;
	if (put_off(accept, bytes))
		return end(accept, WITH_RESET);
	watch(accept);
	return true;
}

static bool tell_plain(struct carrier_accept *accept, enum decoy_link_type type) {
	return tell(accept, &(struct decoy_link_message){.type = type});
}

/* From the site */

static bool take_data(struct carrier_accept *accept, struct slice bytes) {
	if (accept->finishing || accept->phase == TAKING)
		return end(accept, WITH_RESET);
	size_t taken = tls_stream_send(accept->tls, bytes.data, bytes.size);
	if (taken == bytes.size)
		return true;
	if (byte_queue_append(&accept->unsent, bytes.data + taken, bytes.size - taken))
		return end(accept, WITH_RESET);
	control_timer_set(accept->timer, CARRIER_ACCEPT_STALL_SECONDS * CLOCK_SECOND);
	return true;
}

static void set_verdict(const struct stream_admitted *admitted,
						struct decoy_link_message *out_verdict) {
	const struct seen_entry *entry = &admitted->entry;
	out_verdict->admitted = true;
	out_verdict->bytes = slice_of_text(admitted->answer);
	memcpy(out_verdict->entry.client, entry->client, sizeof entry->client);
	out_verdict->entry.timestamp = entry->timestamp;
	memcpy(out_verdict->entry.random, entry->random, sizeof entry->random);
}

static bool judge(struct carrier_accept *accept, struct slice text) {
	struct {
		uint8_t exporter[STREAM_EXPORTER_SIZE];
		struct stream_admitted admitted;
	} s = {0};
	WIPE_ON_EXIT(s);
	/* A site that asks on without an answer would have them pile up here. */
	if (accept->phase != STRANGER || accept->verdict_waits)
		return end(accept, WITH_RESET);
	const bool is_first = !accept->judged;
	accept->judged = true;
	const bool bound =
		is_first && !tls_exporter(tls_stream_tls(accept->tls), accept->exporter_label, s.exporter,
								  sizeof s.exporter);
	struct decoy_link_message verdict = {.type = DECOY_LINK_VERDICT};
	if (is_first &&
		!accept->ops->judge(accept->context, bound ? s.exporter : NULL, text, &s.admitted)) {
		accept->phase = ADMITTED;
		accept->keys = s.admitted.keys;
		memcpy(accept->client, s.admitted.entry.client, X25519_KEY_SIZE);
		set_verdict(&s.admitted, &verdict);
	}
	if (!tell(accept, &verdict))
		return false;
	accept->verdict_waits = byte_queue_size(&accept->messages) > 0;
	return true;
}

static bool begin_taking(struct carrier_accept *accept) {
	if (accept->phase != ADMITTED || accept->finishing || accept->peer_ended)
		return end(accept, WITH_RESET);
	accept->phase = TAKING;
	control_timer_set(accept->timer, CARRIER_ACCEPT_TAKING_SECONDS * CLOCK_SECOND);
	return tell_plain(accept, DECOY_LINK_STOP);
}

static bool take_back(struct carrier_accept *accept, struct slice bytes) {
	if (accept->phase != TAKING ||
		byte_queue_size(&accept->back) + bytes.size > DECOY_LINK_BACK_TOTAL ||
		byte_queue_append(&accept->back, bytes.data, bytes.size))
		return end(accept, WITH_RESET);
	return true;
}

static bool finish(struct carrier_accept *accept, void (*say)(struct tls_stream *stream)) {
	if (accept->phase == TAKING)
		return end(accept, WITH_RESET);
	accept->finishing = true;
	say(accept->tls);
	return true;
}

static bool take_message(struct carrier_accept *accept, const uint8_t *data, size_t size) {
	struct decoy_link_message message;
	if (decoy_link_decode(DECOY_LINK_NET, data, size, &message))
		return end(accept, WITH_RESET);
	switch (message.type) {
	case DECOY_LINK_DATA:
		return take_data(accept, message.bytes);
	case DECOY_LINK_FINISH:
		return finish(accept, tls_stream_finish);
	case DECOY_LINK_CUT:
		return finish(accept, tls_stream_cut);
	case DECOY_LINK_CANDIDATE:
		return judge(accept, message.bytes);
	case DECOY_LINK_RAW:
		return begin_taking(accept);
	case DECOY_LINK_BACK:
		return take_back(accept, message.bytes);
	default: /* ABORT: all others are not for this end */
		return end(accept, WITH_RESET);
	}
}

/* The site has given back all that was not HTTP's. */
static bool hand_over(struct carrier_accept *accept) {
	struct carrier_accepted accepted = {
		.tls = accept->tls,
		.first = byte_queue_view(&accept->back),
		.from = accept->from,
		.keys = &accept->keys,
	};
	memcpy(accepted.client, accept->client, X25519_KEY_SIZE);
	accept->tls = NULL;
	accept->ops->taken(accept->context, accept, &accepted);
	return false;
}

static bool link_ended(struct carrier_accept *accept) {
	if (accept->phase == TAKING)
		return hand_over(accept);
	if (!accept->finishing)
		return end(accept, WITH_RESET);
	/* What the kernel has not taken yet still goes out, and the peer closes, too. */
	drop_link(accept);
	if (accept->peer_ended)
		return end(accept, WITH_FIN);
	accept->phase = CLOSING;
	control_timer_set(accept->timer, CARRIER_ACCEPT_CLOSING_SECONDS * CLOCK_SECOND);
	tls_stream_resume(accept->tls);
	return true;
}

static bool read_link(struct carrier_accept *accept) {
	/* One byte more, so that what is too long is not taken for a message. */
	uint8_t data[DECOY_LINK_MESSAGE_MAX + 1];
	WIPE_ON_EXIT(data);
	for (int i = 0; i < LINK_TURN_MAX && byte_queue_size(&accept->unsent) == 0; i++) {
		ssize_t size = recv(accept->link, data, sizeof data, MSG_DONTWAIT);
		/* Closed with something of ours unread: what it said before still comes. */
		if (size < 0 && (errno == EINTR || errno == ECONNRESET))
			continue;
		if (size < 0 && errno == EAGAIN)
			return true;
		if (size <= 0)
			return link_ended(accept);
		if (!take_message(accept, data, (size_t)size))
			return false;
	}
	return true;
}

static void link_ready(void *context, uint32_t events) {
	struct carrier_accept *accept = context;
	const size_t waiting = byte_queue_size(&accept->messages);
	send_messages(accept);
	if (waiting > 0 && byte_queue_size(&accept->messages) == 0) {
		accept->verdict_waits = false;
		tls_stream_resume(accept->tls);
	}
	if (read_link(accept))
		watch(accept);
}

/* From the peer */

static void on_open(void *context) {
	struct carrier_accept *accept = context;
	struct tls_facts facts;
	tls_facts(tls_stream_tls(accept->tls), &facts);
	control_timer_stop(accept->timer);
	accept->phase = STRANGER;
	accept->heard_at = stream_host_now(accept->host);
	const char *protocol = facts.protocol[0] ? facts.protocol : "http/1.1";
	accept->link = stream_host_stranger(accept->host, &accept->from, protocol);
	if (accept->link < 0 || control_watch_new(accept->host->loop, accept->link, EPOLLIN, link_ready,
											  accept, &accept->watch))
		(void)end(accept, WITH_RESET);
}

static size_t on_room(void *context) {
	const struct carrier_accept *accept = context;
	if (accept->phase == TAKING || byte_queue_size(&accept->messages) > 0 ||
		accept->unanswered >= UNANSWERED_MAX)
		return 0;
	return TLS_RECORD_SIZE_MAX;
}

static void on_received(void *context, uint8_t *data, size_t size) {
	struct carrier_accept *accept = context;
	accept->heard_at = stream_host_now(accept->host);
	if (byte_queue_size(&accept->unsent) > 0)
		accept->unanswered += size;
	/* To who has closed, the kernel would answer so as well. */
	if (accept->phase == CLOSING)
		(void)end(accept, WITH_RESET);
	else
		(void)tell(accept, &(struct decoy_link_message){.type = DECOY_LINK_DATA,
														.bytes = slice_of(data, size)});
}

static void on_finished(void *context, bool cut) {
	struct carrier_accept *accept = context;
	accept->peer_ended = true;
	/* The handshake's end came together with it, and nobody was told of an open connection. */
	if (accept->phase == CLOSING || accept->phase == HELLO)
		(void)end(accept, WITH_FIN);
	else if (accept->phase == TAKING)
		(void)end(accept, WITH_RESET);
	else
		(void)tell_plain(accept, DECOY_LINK_END);
}

static void on_writable(void *context) {
	struct carrier_accept *accept = context;
	struct slice unsent = byte_queue_view(&accept->unsent);
	if (unsent.size > 0) {
		size_t taken = tls_stream_send(accept->tls, unsent.data, unsent.size);
		byte_queue_drop(&accept->unsent, taken);
		if (taken == unsent.size)
			control_timer_stop(accept->timer);
		else
			control_timer_set(accept->timer, CARRIER_ACCEPT_STALL_SECONDS * CLOCK_SECOND);
	}
	if (accept->unanswered > 0 && byte_queue_size(&accept->unsent) == 0) {
		accept->unanswered = 0;
		tls_stream_resume(accept->tls);
	}
	watch(accept);
}

/* Reset, or no TLS: an alert has been sent. The site learns by its end of the link. */
static void on_failed(void *context, const struct tls_stream_failure *failure) {
	(void)end(context, WITH_FIN);
}

static const struct tls_stream_ops tls_ops = {
	.open = on_open,
	.room = on_room,
	.received = on_received,
	.finished = on_finished,
	.writable = on_writable,
	.failed = on_failed,
};

static void on_time(void *context) {
	struct carrier_accept *accept = context;
	(void)end(accept, accept->phase == TAKING ? WITH_RESET : WITH_FIN);
}

uint64_t carrier_accept_silent_since(const struct carrier_accept *accept) {
	const bool stays = accept->dismissed || accept->phase == ADMITTED || accept->phase == TAKING;
	return stays ? CARRIER_ACCEPT_STAYS : accept->heard_at;
}

void carrier_accept_dismiss(struct carrier_accept *accept) {
	accept->dismissed = true;
	if (accept->phase != STRANGER) {
		(void)end(accept, WITH_FIN);
		return;
	}
	drop_link(accept);
	byte_queue_done(&accept->unsent); /* nothing is sent any more, and nobody waited for */
	accept->phase = CLOSING;
	tls_stream_finish(accept->tls);
	control_timer_set(accept->timer, CARRIER_ACCEPT_DISMISS_MILLISECONDS * CLOCK_MILLISECOND);
}

bool carrier_accept_is_shown(const struct carrier_accept *accept) {
	return accept->phase != HELLO;
}

static enum err begin_stream(struct carrier_accept *accept) {
	struct tls_stream_options options = {
		.loop = accept->host->loop,
		.descriptor = accept->descriptor,
		.unsent_max = CARRIER_UNSENT_MAX,
		.tls = &accept->tls_end,
		.ops = &tls_ops,
		.context = accept,
	};
	accept->descriptor = -1;
	return tls_stream_new(&options, &accept->tls);
}

/* Web servers answer who speaks HTTP to a port of TLS, and take whatever is no TLS for that. */
static void on_first_byte(void *context, uint32_t events) {
	struct carrier_accept *accept = context;
	uint8_t byte;
	ssize_t size = recv(accept->descriptor, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	control_watch_free(accept->watch);
	accept->watch = NULL;
	enum err error = size == 1 ? ERR_OK : ERR_CLOSED;
	if (!error && byte != FIRST_OF_TLS && !(byte & FIRST_OF_SSL2)) {
		tls_done(&accept->tls_end);
		error = no_tls_new(CARRIER_ACCEPT_PLAIN, &accept->tls_end);
	}
	if (!error)
		error = begin_stream(accept);
	if (error)
		(void)end(accept, WITH_FIN);
}

enum err carrier_accept_new(const struct carrier_accept_setup *setup,
							struct carrier_accept **out_accept) {
	struct carrier_accept *accept = calloc(1, sizeof *accept);
	if (!accept) {
		(void)close(setup->descriptor);
		return ERR_NO_MEMORY;
	}
	*accept = (struct carrier_accept){
		.host = setup->host,
		.ops = setup->ops,
		.context = setup->context,
		.exporter_label = setup->exporter_label,
		.from = setup->from,
		.descriptor = setup->descriptor,
		.link = -1,
		.heard_at = stream_host_now(setup->host),
	};
	enum err error = tls_server_accept(setup->server, &accept->tls_end)
						 ?: control_timer_new(setup->host->loop, on_time, accept, &accept->timer)
						 ?: control_watch_new(setup->host->loop, setup->descriptor, EPOLLIN,
											  on_first_byte, accept, &accept->watch);
	if (error) {
		carrier_accept_free(accept);
		return error;
	}
	control_timer_set(accept->timer, CARRIER_ACCEPT_HELLO_SECONDS * CLOCK_SECOND);
	*out_accept = accept;
	return ERR_OK;
}
