#include "daemon/control_sockets.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/channel.h"

/* The privileged process may be waiting for nft meanwhile; the resolver tries again. */
#define ANSWER_TIMEOUT (500 * CLOCK_MILLISECOND)

/* The answer to this request; older ones came too late. */
static enum err receive(struct control_sockets *sockets, uint64_t deadline,
						struct channel_message *out_message) {
	for (;;) {
		enum err error = channel_receive(sockets->channel, out_message);
		if (!error && out_message->message.type == PROCESS_RESULT &&
			out_message->message.request == sockets->request)
			return ERR_OK;
		if (!error)
			channel_message_done(out_message);
		else if (error != ERR_AGAIN)
			return error;
		else if ((error = channel_wait(sockets->channel, POLLIN, deadline)) != ERR_OK)
			return error;
	}
}

int control_sockets_get(struct control_sockets *sockets, int family, int type) {
	struct process_message message = {.type = PROCESS_SOCKET};
	message.socket.family = family == AF_INET ? 4 : 6;
	message.socket.stream = type == SOCK_STREAM;
	if (++sockets->request == 0)
		sockets->request = 1;
	message.request = sockets->request;
	struct channel_message answer;
	enum err error =
		sockets->channel < 0 ? ERR_CLOSED : channel_send(sockets->channel, &message, NULL, 0);
	if (!error)
		error = receive(sockets, clock_now() + ANSWER_TIMEOUT, &answer);
	if (error) {
		errno = error == ERR_AGAIN || error == ERR_EXPIRED ? EAGAIN : EIO;
		return -1;
	}
	int number = (int)answer.message.result.error;
	bool good = number == 0 && answer.count == 1;
	int descriptor = good ? channel_message_take(&answer, 0) : -1;
	channel_message_done(&answer);
	if (!good)
		errno = number ? number : EIO;
	return descriptor;
}

void control_sockets_done(struct control_sockets *sockets) {
	if (sockets->channel >= 0)
		(void)close(sockets->channel);
	sockets->channel = -1;
}
