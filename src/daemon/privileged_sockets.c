#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/privileged_parts.h"
#include "host/steering.h"

/* It waits for its reply, and the channel has room for more than a hundred. */
#define REPLY_TIMEOUT (500 * CLOCK_MILLISECOND)

/*
 * Datagrams that carry the index of their receiver: the low bits of one of its bytes name the
 * shard. A first word of 2 is followed by the sender's index and then the receiver's, 3 and 4 by
 * the receiver's; these numbers are little-endian. First bytes 12 to 16 (hexadecimal) and a 0
 * behind them are followed by the receiver's in two bytes, big-endian; that 17 is steered alike is
 * no harm.
 */
static const struct steering steering = {
	.rules =
		{
			{.first_word = UINT32_C(2) << 24, .offset = 8},
			{.first_word = UINT32_C(3) << 24, .offset = 4},
			{.first_word = UINT32_C(4) << 24, .offset = 4},
			{.first_word = UINT32_C(0x12) << 24, .any = 0x0100ffff, .offset = 3},
			{.first_word = UINT32_C(0x14) << 24, .any = 0x0300ffff, .offset = 3},
		},
	.count = 5,
	.mask = PROCESS_SHARDS_MAX - 1,
};

/*
 * A net process that asks without reading the answers would hold everything up again and again, and
 * one that missed an answer knows less than it has to: the next one starts anew.
 */
void privileged_reply(struct privileged *privileged, const struct process_message *message,
					  const int *descriptors, size_t count) {
	enum err error = channel_send_until(privileged->net.channel, message, descriptors, count,
										clock_now() + REPLY_TIMEOUT);
	if (!error || error == ERR_CLOSED)
		return;
	log_error("reply to the net process: %s",
			  error == ERR_EXPIRED ? "it does not read" : err_text(error));
	privileged_give_up_net(privileged);
}

static void send_sockets(const struct attachment *attachment, uint16_t request) {
	const struct listen *sockets = &attachment->sockets;
	struct process_message message = {
		.type = PROCESS_LISTENING, .request = request, .tunnel = attachment->slot};
	int descriptors[2 * LISTEN_SHARDS_MAX];
	size_t count = 0, size = sockets->shards * sizeof(int);
	if (sockets->has_v4) {
		memcpy(descriptors, sockets->v4, size);
		message.listening.v4 = (uint8_t)sockets->shards;
		count += sockets->shards;
	}
	if (sockets->has_v6) {
		memcpy(descriptors + count, sockets->v6, size);
		message.listening.v6 = (uint8_t)sockets->shards;
		count += sockets->shards;
	}
	message.listening.port = sockets->port;
	privileged_reply(attachment->privileged, &message, descriptors, count);
}

/* The sockets open now, when they are what is asked for; otherwise new ones. */
static int open_sockets(struct attachment *attachment, const struct process_message *message) {
	struct listen *present = &attachment->sockets;
	const struct listen_request request = {
		.address = attachment->request.listen,
		.port = message->listen.port,
		.mark = message->listen.mark,
		.shards = message->listen.shards,
		.steering = &steering,
	};
	if (present->shards == request.shards && present->port == request.port)
		return present->mark == request.mark ? 0 : listen_mark(present, request.mark);
	struct listen opened;
	int number = listen_open(&request, &opened);
	if (number)
		return number;
	listen_done(present);
	*present = opened;
	return 0;
}

/* It changes nothing. Such a process is not itself any more, or has a fault: the log stays short.
 */
int privileged_refuse(const struct attachment *attachment, const char *what, uint32_t value) {
	enum { TOLD_EACH = 8 };
	uint64_t count = ++attachment->privileged->refused;
	if (count <= TOLD_EACH || (count & (count - 1)) == 0)
		log_warning("%srefused: the net process asks for %s %u, which is not the configuration's "
					"(refused so far: %llu)",
					attachment->prefix, what, value, (unsigned long long)count);
	return EPERM;
}

/* 0 or errno. */
static int judge_listen(const struct attachment *attachment,
						const struct process_message *message) {
	const struct privileged *privileged = attachment->privileged;
	if (message->listen.shards != attachment->tun.count)
		return privileged_refuse(attachment, "shards", message->listen.shards);
	if (privileged->ops->may_listen &&
		!privileged->ops->may_listen(attachment->privileged, attachment, message->listen.port,
									 message->listen.mark))
		return privileged_refuse(attachment, "sockets of its own at port", message->listen.port);
	return 0;
}

static int judge_mark(const struct attachment *attachment, uint32_t mark) {
	const struct privileged *privileged = attachment->privileged;
	if (privileged->ops->may_mark &&
		!privileged->ops->may_mark(attachment->privileged, attachment, mark))
		return privileged_refuse(attachment, "the firewall mark", mark);
	return 0;
}

static void answer_failure(struct privileged *privileged, const struct process_message *message,
						   int number) {
	struct process_message failure = {
		.type = PROCESS_LISTENING, .request = message->request, .tunnel = message->tunnel};
	failure.listening.error = (uint32_t)number;
	privileged_reply(privileged, &failure, NULL, 0);
}

void privileged_answer_listen(struct privileged *privileged,
							  const struct process_message *message) {
	struct attachment *attachment = privileged->attachments[message->tunnel];
	int refused = attachment ? judge_listen(attachment, message) : 0;
	if (refused) {
		answer_failure(privileged, message, refused);
		return;
	}
	int number = attachment ? open_sockets(attachment, message) : ENODEV;
	if (attachment && privileged->ops->listened)
		privileged->ops->listened(privileged, attachment, message->listen.port, number);
	if (number == 0) {
		send_sockets(attachment, message->request);
		return;
	}
	if (attachment)
		log_limited(&attachment->not_opened, LOG_ERROR, "%sUDP port %u could not be opened: %s",
					attachment->prefix, message->listen.port, strerror(number));
	answer_failure(privileged, message, number);
}

void privileged_answer_mark(struct privileged *privileged, const struct process_message *message) {
	struct attachment *attachment = privileged->attachments[message->tunnel];
	struct process_message done = {
		.type = PROCESS_MARKED, .request = message->request, .tunnel = message->tunnel};
	int number = attachment ? judge_mark(attachment, message->mark.mark) : ENODEV;
	if (!number)
		number = listen_mark(&attachment->sockets, message->mark.mark);
	done.marked.error = (uint32_t)number;
	privileged_reply(privileged, &done, NULL, 0);
}

void privileged_unlisten(struct privileged *privileged, uint16_t slot) {
	if (privileged->attachments[slot])
		listen_done(&privileged->attachments[slot]->sockets);
}
