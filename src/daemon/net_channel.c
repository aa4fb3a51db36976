#include "daemon/net_channel.h"

#include <errno.h>
#include <poll.h>

#include "base/clock.h"
#include "base/log.h"

#define REPLY_TIMEOUT (5 * CLOCK_SECOND)

void net_channel_init(struct net_channel *channel, int descriptor) {
	*channel = (struct net_channel){.descriptor = descriptor};
}

static bool take_kept(struct net_channel *channel, struct channel_message *out_message) {
	if (channel->count == 0)
		return false;
	*out_message = channel->kept[channel->first];
	channel->first = (channel->first + 1) % NET_CHANNEL_KEPT_MAX;
	channel->count--;
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

/* Replaces an older message of the type: only the latest state of the link matters. */
static bool replace_kept(struct net_channel *channel, const struct channel_message *message) {
	for (size_t i = 0; i < channel->count; i++) {
		struct channel_message *kept = &channel->kept[(channel->first + i) % NET_CHANNEL_KEPT_MAX];
		if (kept->message.type == message->message.type) {
			*kept = *message;
			return true;
		}
	}
	return false;
}

static void keep(struct net_channel *channel, struct channel_message *message) {
	enum process_type type = message->message.type;
	bool is_state = type == PROCESS_LINK || type == PROCESS_STOP;
	if (is_state && replace_kept(channel, message))
		return;
	/* Two places stay free for the two that must not be lost. */
	size_t limit = is_state ? NET_CHANNEL_KEPT_MAX : NET_CHANNEL_KEPT_MAX - 2;
	if ((type != PROCESS_CONNECTION && !is_state) || channel->count >= limit) {
		channel_message_done(message);
		return;
	}
	channel->kept[(channel->first + channel->count++) % NET_CHANNEL_KEPT_MAX] = *message;
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
	struct process_message message = {.type = PROCESS_LISTEN};
	message.listen.port = port;
	message.listen.mark = mark;
	message.listen.shards = shards;
	struct channel_message reply;
	int number = ask(context, &message, PROCESS_LISTENING, &reply);
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
	struct process_message message = {.type = PROCESS_MARK};
	message.mark.mark = mark;
	struct channel_message reply;
	int number = ask(context, &message, PROCESS_MARKED, &reply);
	if (number)
		return number;
	number = (int)reply.message.marked.error;
	channel_message_done(&reply);
	return number;
}

static enum err tell(struct net_channel *channel, enum process_type type, const int *descriptor) {
	struct process_message message = {.type = type};
	return channel_send_until(channel->descriptor, &message, descriptor, descriptor ? 1 : 0,
							  clock_now() + REPLY_TIMEOUT);
}

static void close_by_message(void *context) {
	enum err error = tell(context, PROCESS_UNLISTEN, NULL);
	if (error)
		log_error("sockets could not be given back: %s", err_text(error));
}

static int hand_journal_over(void *context, int descriptor) {
	return errno_of(tell(context, PROCESS_JOURNAL, &descriptor));
}

enum err net_channel_ready(struct net_channel *channel) {
	return tell(channel, PROCESS_READY, NULL);
}

struct net_callbacks net_channel_callbacks(struct net_channel *channel) {
	return (struct net_callbacks){.context = channel,
								  .listen = listen_by_request,
								  .mark = mark_by_request,
								  .close_sockets = close_by_message,
								  .journal = hand_journal_over};
}
