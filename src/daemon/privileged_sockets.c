#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/privileged_parts.h"
#include "host/steering.h"
#include "proto/steering_rules.h"

/* It waits for its reply, and the channel has room for more than a hundred. */
#define REPLY_TIMEOUT (500 * CLOCK_MILLISECOND)

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

static struct listen_request request_of(const struct attachment *attachment, uint16_t port,
										uint32_t mark) {
	static const struct steering steering = {
		.rules = steering_rules, .count = STEERING_RULES, .mask = PROCESS_SHARDS_MAX - 1};
	return (struct listen_request){
		.address = attachment->request.listen,
		.port = port,
		.mark = mark,
		.shards = attachment->tun.count,
		.steering = &steering,
	};
}

/* Those of another tunnel, which has another protocol, at the same place; NULL: there are none. */
static const struct listen *find_shared(const struct attachment *attachment,
										const struct listen_request *request) {
	const struct listen *found = NULL;
	for (uint16_t slot = 0; slot < PROCESS_TUNNELS_MAX; slot++) {
		const struct attachment *other = attachment->privileged->attachments[slot];
		if (!other || other == attachment || !listen_is_at(&other->sockets, request))
			continue;
		if (strcmp(other->protocol, attachment->protocol) == 0 ||
			other->sockets.mark != request->mark)
			return NULL;
		found = &other->sockets;
	}
	return found;
}

/* Of the sockets, and so in the books of all who have them. */
static int set_mark(struct attachment *attachment, uint32_t mark) {
	const struct listen_request place = request_of(attachment, attachment->sockets.port, mark);
	int number = listen_mark(&attachment->sockets, mark);
	for (uint16_t slot = 0; !number && slot < PROCESS_TUNNELS_MAX; slot++) {
		struct attachment *other = attachment->privileged->attachments[slot];
		if (other && listen_is_at(&other->sockets, &place))
			other->sockets.mark = mark;
	}
	return number;
}

/* The sockets open now, when they are what is asked for; another tunnel's there; or new ones. */
static int open_sockets(struct attachment *attachment, const struct process_message *message) {
	struct listen *present = &attachment->sockets;
	const struct listen_request request =
		request_of(attachment, message->listen.port, message->listen.mark);
	if (present->shards == request.shards && present->port == request.port)
		return present->mark == request.mark ? 0 : set_mark(attachment, request.mark);
	struct listen opened;
	const struct listen *shared = request.port ? find_shared(attachment, &request) : NULL;
	int number = shared ? listen_copy(shared, &opened) : listen_open(&request, &opened);
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
		number = set_mark(attachment, message->mark.mark);
	done.marked.error = (uint32_t)number;
	privileged_reply(privileged, &done, NULL, 0);
}

void privileged_unlisten(struct privileged *privileged, uint16_t slot) {
	if (privileged->attachments[slot])
		listen_done(&privileged->attachments[slot]->sockets);
}
