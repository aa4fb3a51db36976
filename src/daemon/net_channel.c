#include "daemon/net_channel.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/shared_text.h"
#include "wire/process_settings.h"

#define REPLY_TIMEOUT (5 * CLOCK_SECOND)

struct kept {
	struct list link;
	struct channel_message message;
};

void net_channel_init(struct net_channel *channel, int descriptor) {
	*channel = (struct net_channel){.descriptor = descriptor};
	list_init(&channel->kept);
}

static bool take_kept(struct net_channel *channel, struct channel_message *out_message) {
	struct list *first = list_take_first(&channel->kept);
	if (!first)
		return false;
	struct kept *kept = list_item(first, struct kept, link);
	*out_message = kept->message;
	free(kept);
	channel->kept_count--;
	return true;
}

void net_channel_done(struct net_channel *channel) {
	struct channel_message message;
	while (take_kept(channel, &message))
		channel_message_done(&message);
}

enum err net_channel_next(struct net_channel *channel, struct channel_message *out_message) {
	if (take_kept(channel, out_message))
		return ERR_OK;
	return channel_receive(channel->descriptor, out_message);
}

/*
 * Only the latest state of a link matters, unless its slot changes hands in between: a state from
 * behind that point must not move before it.
 */
static bool replace_link(struct net_channel *channel, const struct channel_message *message) {
	for (struct list *link = channel->kept.previous; link != &channel->kept;
		 link = link->previous) {
		struct process_message *kept = &list_item(link, struct kept, link)->message.message;
		if (kept->tunnel != message->message.tunnel)
			continue;
		if (kept->type == PROCESS_ATTACH || kept->type == PROCESS_DETACH)
			return false;
		if (kept->type == PROCESS_LINK) {
			*kept = message->message;
			return true;
		}
	}
	return false;
}

static enum err append(struct net_channel *channel, const struct channel_message *message) {
	struct kept *kept = malloc(sizeof *kept);
	if (!kept)
		return ERR_NO_MEMORY;
	kept->message = *message;
	list_append(&channel->kept, &kept->link);
	channel->kept_count++;
	return ERR_OK;
}

/* What came while a reply was waited for; takes the message over. */
static void keep(struct net_channel *channel, struct channel_message *message) {
	enum err error = ERR_LIMIT;
	bool is_full = channel->kept_count >= NET_CHANNEL_KEPT_MAX;
	switch (message->message.type) {
	case PROCESS_LINK:
		error = replace_link(channel, message) ? ERR_OK : append(channel, message);
		channel->lost = channel->lost || error;
		break;
	case PROCESS_STOP:
	case PROCESS_LOG:
	case PROCESS_PEERING:
		/* Few, and without them this process would not be what it is thought to be. */
		error = append(channel, message);
		channel->lost = channel->lost || error;
		break;
	case PROCESS_ATTACH:
	case PROCESS_DETACH:
	case PROCESS_SET:
		if (!is_full)
			error = append(channel, message);
		if (error)
			net_channel_answer(channel, &message->message, ENOBUFS, "too many requests wait");
		break;
	case PROCESS_CONNECTION:
	case PROCESS_SOCKETS:
		if (!is_full)
			error = append(channel, message);
		break;
	default:
		break; /* a reply that came too late */
	}
	if (error)
		channel_message_done(message);
}

static int errno_of(enum err error) {
	switch (error) {
	case ERR_OK:
		return 0;
	case ERR_CLOSED:
		return EPIPE;
	case ERR_EXPIRED:
		return ETIMEDOUT;
	case ERR_NO_MEMORY:
		return ENOMEM;
	case ERR_INVALID:
		return EINVAL;
	default:
		return EIO;
	}
}

/* Sends the message with a number of its own and waits for the reply of that number. */
static int ask(struct net_channel *channel, struct process_message *message,
			   enum process_type expected, struct channel_message *out_reply) {
	uint64_t deadline = clock_now() + REPLY_TIMEOUT;
	if (++channel->request == 0)
		channel->request = 1;
	message->request = channel->request;
	enum err error = channel_send_until(channel->descriptor, message, NULL, 0, deadline);
	while (!error) {
		error = channel_wait(channel->descriptor, POLLIN, deadline);
		if (!error)
			error = channel_receive(channel->descriptor, out_reply);
		if (error == ERR_AGAIN)
			error = ERR_OK;
		else if (!error && out_reply->message.type == expected &&
				 out_reply->message.request == message->request)
			return 0;
		else if (!error)
			keep(channel, out_reply);
	}
	/* The request may still be carried out: only a new start knows again what is open. */
	channel->lost = channel->lost || error == ERR_EXPIRED;
	return errno_of(error);
}

static int listen_by_request(void *context, uint16_t port, uint32_t mark, uint8_t shards,
							 int out_v4[static PROCESS_SHARDS_MAX],
							 int out_v6[static PROCESS_SHARDS_MAX], bool *out_has_v4,
							 bool *out_has_v6, uint16_t *out_port) {
	const struct net_channel_tunnel *tunnel = context;
	struct process_message message = {.type = PROCESS_LISTEN, .tunnel = tunnel->slot};
	message.listen.port = port;
	message.listen.mark = mark;
	message.listen.shards = shards;
	struct channel_message reply;
	int number = ask(tunnel->channel, &message, PROCESS_LISTENING, &reply);
	if (number)
		return number;
	uint8_t v4 = reply.message.listening.v4, v6 = reply.message.listening.v6;
	number = (int)reply.message.listening.error;
	if (!number && (reply.count != (size_t)v4 + v6 || (v4 && v4 != shards) || (v6 && v6 != shards)))
		number = EPROTO;
	if (!number) {
		for (size_t i = 0; i < v4; i++)
			out_v4[i] = channel_message_take(&reply, i);
		for (size_t i = 0; i < v6; i++)
			out_v6[i] = channel_message_take(&reply, v4 + i);
		*out_has_v4 = v4 > 0;
		*out_has_v6 = v6 > 0;
		*out_port = reply.message.listening.port;
	}
	channel_message_done(&reply);
	return number;
}

static int mark_by_request(void *context, uint32_t mark) {
	const struct net_channel_tunnel *tunnel = context;
	struct process_message message = {.type = PROCESS_MARK, .tunnel = tunnel->slot};
	message.mark.mark = mark;
	struct channel_message reply;
	int number = ask(tunnel->channel, &message, PROCESS_MARKED, &reply);
	if (number)
		return number;
	number = (int)reply.message.marked.error;
	channel_message_done(&reply);
	return number;
}

static enum err tell(struct net_channel *channel, const struct process_message *message,
					 const int *descriptor) {
	return channel_send_until(channel->descriptor, message, descriptor, descriptor ? 1 : 0,
							  clock_now() + REPLY_TIMEOUT);
}

static void close_by_message(void *context) {
	const struct net_channel_tunnel *tunnel = context;
	const struct process_message message = {.type = PROCESS_UNLISTEN, .tunnel = tunnel->slot};
	enum err error = tell(tunnel->channel, &message, NULL);
	if (error)
		log_error("sockets could not be given back: %s", err_text(error));
}

static int hand_journal_over(void *context, int descriptor) {
	const struct net_channel_tunnel *tunnel = context;
	const struct process_message message = {.type = PROCESS_JOURNAL, .tunnel = tunnel->slot};
	return errno_of(tell(tunnel->channel, &message, &descriptor));
}

static int hand_settings_over(void *context, const uint8_t public_key[static PROCESS_KEY_SIZE],
							  const struct interface_settings *settings) {
	const struct net_channel_tunnel *tunnel = context;
	struct process_message message = {.type = PROCESS_SETTINGS, .tunnel = tunnel->slot};
	memcpy(message.settings.public_key, public_key, sizeof message.settings.public_key);
	uint8_t data[PROCESS_SETTINGS_SIZE_MAX];
	size_t size;
	auto_close int descriptor = -1;
	enum err error = process_settings_encode(settings, data, &size);
	if (!error)
		error = shared_text_new(slice_of(data, size), &descriptor);
	if (!error)
		error = tell(tunnel->channel, &message, &descriptor);
	return errno_of(error);
}

static enum err ask_for_sockets(void *context, uint8_t kind, uint8_t count) {
	const struct net_channel_tunnel *tunnel = context;
	const struct process_message message = {
		.type = PROCESS_SOCKETS, .tunnel = tunnel->slot, .sockets = {.kind = kind, .count = count}};
	return channel_send(tunnel->channel->descriptor, &message, NULL, 0);
}

enum err net_channel_ready(struct net_channel *channel) {
	return tell(channel, &(struct process_message){.type = PROCESS_READY}, NULL);
}

void net_channel_answer(struct net_channel *channel, const struct process_message *request,
						int number, const char *text) {
	struct process_message result = {
		.type = PROCESS_RESULT, .request = request->request, .tunnel = request->tunnel};
	result.result.error = (uint32_t)number;
	(void)snprintf(result.result.text, sizeof result.result.text, "%s", text);
	enum err error = tell(channel, &result, NULL);
	if (error && error != ERR_CLOSED)
		log_error("answer to the privileged process: %s", err_text(error));
	/* Whoever waits for it would wait for ever. */
	channel->lost = channel->lost || error;
}

struct net_callbacks net_channel_callbacks(struct net_channel_tunnel *tunnel) {
	return (struct net_callbacks){.context = tunnel,
								  .listen = listen_by_request,
								  .mark = mark_by_request,
								  .close_sockets = close_by_message,
								  .journal = hand_journal_over,
								  .settings = hand_settings_over,
								  .sockets = ask_for_sockets};
}
