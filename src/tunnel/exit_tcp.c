#include "tunnel/exit_tcp.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/list.h"
#include "stream/mux.h"
#include "tunnel/carrier.h"
#include "tunnel/dial.h"
#include "tunnel/exit_options.h"
#include "tunnel/relay.h"
#include "tunnel/stream_host.h"
#include "tunnel/stream_user.h"

struct exit_tcp {
	struct stream_user user; /* until the relay is */
	struct exit_options options;
	struct dial *dial;   /* NULL: made or given up */
	struct relay *relay; /* NULL: not yet, or over; then it is the one that has the stream */
};

/* It may be gone afterwards. */
static void end(struct exit_tcp *exit) {
	exit->options.stream = NULL;
	exit->options.ended(exit->options.context);
}

static void refuse(struct exit_tcp *exit, enum stream_error error) {
	mux_stream_reset(exit->options.stream, error);
	carrier_touch(exit->options.carrier);
	end(exit);
}

static void relay_ended(void *context, bool in_peace) {
	(void)in_peace;
	end(context);
}

static void made(void *context, int descriptor, const struct endpoint *peer) {
	struct exit_tcp *exit = context;
	dial_free(exit->dial);
	exit->dial = NULL;
	if (!exit->options.reached(exit->options.context, peer)) {
		(void)close(descriptor);
		refuse(exit, STREAM_ERROR_REFUSED_STREAM);
		return;
	}
	struct relay_options options = {
		.host = exit->options.host,
		.carrier = exit->options.carrier,
		.stream = exit->options.stream,
		.descriptor = descriptor,
		.ended = relay_ended,
		.context = exit,
	};
	if (relay_new(&options, &exit->relay)) {
		refuse(exit, STREAM_ERROR_INTERNAL);
		return;
	}
	mux_stream_connected(exit->options.stream);
	carrier_touch(exit->options.carrier);
}

static void failed(void *context, int number) {
	struct exit_tcp *exit = context;
	refuse(exit, dial_is_shortage(number) ? STREAM_ERROR_INTERNAL : STREAM_ERROR_CONNECT);
}

static void on_news(struct stream_user *user) {
	(void)user; /* the relay will look by itself */
}

static void on_closed(struct stream_user *user, uint32_t error) {
	(void)error;
	struct exit_tcp *exit = list_item(user, struct exit_tcp, user);
	dial_free(exit->dial);
	exit->dial = NULL;
	end(exit);
}

static const struct stream_user_ops user_ops = {
	.readable = on_news, .writable = on_news, .closed = on_closed};

enum err exit_tcp_new(const struct exit_options *options, struct exit_tcp **out_exit) {
	struct exit_tcp *exit = calloc(1, sizeof *exit);
	if (!exit)
		return ERR_NO_MEMORY;
	exit->user.ops = &user_ops;
	exit->options = *options;
	exit->options.endpoints = NULL;
	struct dial_options dial = {
		.host = options->host,
		.endpoints = options->endpoints,
		.count = options->count,
		.made = made,
		.failed = failed,
		.context = exit,
	};
	enum err error = dial_new(&dial, &exit->dial);
	if (error) {
		free(exit);
		return error;
	}
	mux_stream_set_owner(options->stream, &exit->user);
	*out_exit = exit;
	return ERR_OK;
}

const struct mux_stream *exit_tcp_stream(const struct exit_tcp *exit) {
	return exit->relay ? relay_stream(exit->relay) : exit->options.stream;
}

void exit_tcp_free(struct exit_tcp *exit) {
	if (!exit)
		return;
	dial_free(exit->dial);
	if (exit->relay) {
		relay_free(exit->relay);
	} else if (exit->options.stream) {
		mux_stream_reset(exit->options.stream, STREAM_ERROR_CANCEL);
		carrier_touch(exit->options.carrier);
	}
	free(exit);
}
