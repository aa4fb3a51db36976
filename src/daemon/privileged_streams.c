#include <errno.h>
#include <unistd.h>

#include "daemon/privileged_parts.h"

/*
 * Sockets for a tunnel that carries streams: net has them connected to whoever it likes, and no
 * others. It gets as many as there are, and does not wait for them.
 */

/* Returns errno where there is none at all. */
static int open_sockets(const struct stream_socket_request *request, unsigned count,
						int out_descriptors[static PROCESS_SOCKETS_MAX], size_t *out_count) {
	size_t opened = 0;
	int number = 0;
	while (opened < count && !number) {
		number = stream_socket_open(request, &out_descriptors[opened]);
		opened += number == 0;
	}
	*out_count = opened;
	return opened > 0 ? 0 : number;
}

/* 0 or errno. */
static int judge(struct privileged *privileged, const struct attachment *attachment, uint8_t kind,
				 struct stream_socket_request *out_request) {
	if (!attachment)
		return ENODEV;
	if (privileged->ops->may_open &&
		privileged->ops->may_open(privileged, attachment, kind, out_request))
		return 0;
	return privileged_refuse(attachment, "sockets of the kind", kind);
}

void privileged_answer_streams(struct privileged *privileged,
							   const struct process_message *message) {
	const struct attachment *attachment = privileged->attachments[message->tunnel];
	struct process_message answer = {.type = PROCESS_SOCKETS, .tunnel = message->tunnel};
	int descriptors[PROCESS_SOCKETS_MAX];
	struct stream_socket_request request = {.datagrams = false};
	size_t count = 0;
	int number = message->sockets.error
					 ? EINVAL
					 : judge(privileged, attachment, message->sockets.kind, &request);
	if (!number)
		number = open_sockets(&request, message->sockets.count, descriptors, &count);
	answer.sockets.kind = message->sockets.kind;
	answer.sockets.count = (uint8_t)count;
	answer.sockets.error = (uint32_t)number;
	privileged_reply(privileged, &answer, descriptors, count);
	for (size_t i = 0; i < count; i++)
		(void)close(descriptors[i]);
}
