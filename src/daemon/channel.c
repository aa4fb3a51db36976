#include "daemon/channel.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

/* Aligned room for the descriptors of a message. */
union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(PROCESS_DESCRIPTORS_MAX * sizeof(int))];
};

enum err channel_pair(int out_ends[static 2]) {
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, out_ends))
		return err_from_errno(errno);
	return ERR_OK;
}

enum err channel_send(int channel, const struct process_message *message, const int *descriptors,
					  size_t count) {
	uint8_t data[PROCESS_MESSAGE_MAX];
	size_t size;
	if (count > PROCESS_DESCRIPTORS_MAX)
		return ERR_INVALID;
	enum err error = process_encode(message, data, &size);
	if (error)
		return error;
	struct iovec part = {.iov_base = data, .iov_len = size};
	struct msghdr record = {.msg_iov = &part, .msg_iovlen = 1};
	union control control = {0};
	if (count > 0) {
		record.msg_control = control.bytes;
		record.msg_controllen = CMSG_SPACE(count * sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(&control.header), descriptors, count * sizeof(int));
	}
	ssize_t sent;
	do
		sent = sendmsg(channel, &record, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	if (sent >= 0)
		return ERR_OK;
	/* ETOOMANYREFS: more descriptors under way than this user may have open. */
	return errno == ENOBUFS || errno == ETOOMANYREFS ? ERR_AGAIN : err_from_errno(errno);
}

static void take_descriptors(struct msghdr *record, struct channel_message *message) {
	for (struct cmsghdr *header = CMSG_FIRSTHDR(record); header;
		 header = CMSG_NXTHDR(record, header)) {
		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
			continue;
		size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count && message->count < PROCESS_DESCRIPTORS_MAX; i++)
			memcpy(&message->descriptors[message->count++], CMSG_DATA(header) + i * sizeof(int),
				   sizeof(int));
	}
}

/*
 * That there is no place for one more is no fault of the other process. Who gets one of these sees
 * that its descriptors are missing, and it is that one thing that fails; without them, the others
 * would say something else.
 */
static bool may_come_bare(const struct process_message *message) {
	switch (message->type) {
	case PROCESS_ATTACH:
	case PROCESS_CONNECTION:
	case PROCESS_LISTENING:
	case PROCESS_LOGIN:
	case PROCESS_RESULT:
	case PROCESS_SET:
	case PROCESS_SOCKETS:
	case PROCESS_STRANGER:
	case PROCESS_TEXT:
		return true;
	default:
		return false;
	}
}

enum err channel_receive(int channel, struct channel_message *out_message) {
	uint8_t data[PROCESS_MESSAGE_MAX];
	struct iovec part = {.iov_base = data, .iov_len = sizeof data};
	union control control = {0};
	struct msghdr record = {.msg_iov = &part,
							.msg_iovlen = 1,
							.msg_control = control.bytes,
							.msg_controllen = sizeof control.bytes};
	ssize_t size;
	do
		size = recvmsg(channel, &record, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (size < 0 && errno == EINTR);
	if (size < 0)
		return err_from_errno(errno);
	struct channel_message message = {.count = 0};
	take_descriptors(&record, &message);
	if (size == 0) {
		/* Its end; or an empty record, which no message is and which may carry descriptors. */
		channel_message_done(&message);
		return ERR_CLOSED;
	}
	enum err error = ERR_OK;
	if (record.msg_flags & MSG_TRUNC)
		error = ERR_TRUNCATED;
	if (!error)
		error = process_decode(data, (size_t)size, &message.message);
	if (!error && record.msg_flags & MSG_CTRUNC) {
		channel_message_done(&message);
		error = may_come_bare(&message.message) ? ERR_OK : ERR_TRUNCATED;
	}
	if (error) {
		channel_message_done(&message);
		return error;
	}
	*out_message = message;
	return ERR_OK;
}

enum err channel_wait(int channel, short events, uint64_t deadline) {
	for (;;) {
		uint64_t now = clock_now();
		if (now >= deadline)
			return ERR_EXPIRED;
		uint64_t milliseconds = (deadline - now) / CLOCK_MILLISECOND + 1;
		struct pollfd item = {.fd = channel, .events = events};
		int ready = poll(&item, 1, milliseconds > 60000 ? 60000 : (int)milliseconds);
		if (ready > 0)
			return ERR_OK;
		if (ready < 0 && errno != EINTR)
			return err_from_errno(errno);
	}
}

enum err channel_send_until(int channel, const struct process_message *message,
							const int *descriptors, size_t count, uint64_t deadline) {
	for (;;) {
		enum err error = channel_send(channel, message, descriptors, count);
		if (error != ERR_AGAIN)
			return error;
		error = channel_wait(channel, POLLOUT, deadline);
		if (error)
			return error;
	}
}

void channel_message_done(struct channel_message *message) {
	for (size_t i = 0; i < message->count; i++)
		if (message->descriptors[i] >= 0)
			(void)close(message->descriptors[i]);
	message->count = 0;
}

int channel_message_take(struct channel_message *message, size_t index) {
	int descriptor = message->descriptors[index];
	message->descriptors[index] = -1;
	return descriptor;
}
