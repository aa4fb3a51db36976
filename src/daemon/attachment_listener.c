#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/attachment.h"
#include "daemon/privileged.h"

#define ACCEPT_PAUSE (100 * CLOCK_MILLISECOND)

enum { ACCEPTS_PER_TURN = 16 };

/* Connections wait in the socket's queue while no net process is ready. */
static void listener_readable(void *context, uint32_t events) {
	struct attachment *attachment = context;
	int channel = attachment->privileged->net.channel;
	const struct process_message message = {.type = PROCESS_CONNECTION, .tunnel = attachment->slot};
	for (unsigned i = 0; i < ACCEPTS_PER_TURN; i++) {
		int connection;
		enum err error = unix_listener_accept(&attachment->listener, &connection);
		if (error == ERR_AGAIN)
			return;
		if (!error) {
			error = channel_send(channel, &message, &connection, 1);
			(void)close(connection);
		}
		if (error) {
			/* Out of descriptors or the net process does not read: not in a busy loop. */
			log_warning("%sa configuration connection was not served: %s", attachment->prefix,
						err_text(error));
			attachment_listen_stop(attachment);
			attachment->listen_again = clock_now() + ACCEPT_PAUSE;
			return;
		}
	}
}

static enum err add(struct attachment *attachment) {
	attachment->listener_source =
		(struct loop_source){.ready = listener_readable, .context = attachment};
	enum err error = loop_add(attachment->privileged->loop, attachment->listener.descriptor,
							  EPOLLIN, &attachment->listener_source);
	attachment->listening = !error;
	return error;
}

void attachment_listen(struct attachment *attachment) {
	if (attachment->listener.descriptor < 0 || attachment->listening)
		return;
	attachment->listen_again = CLOCK_NEVER;
	enum err error = add(attachment);
	if (error)
		log_error("%sthe configuration socket cannot be served: %s", attachment->prefix,
				  err_text(error));
}

void attachment_listen_stop(struct attachment *attachment) {
	if (attachment->listening)
		loop_remove(attachment->privileged->loop, attachment->listener.descriptor);
	attachment->listening = false;
	attachment->listen_again = CLOCK_NEVER;
}

void attachment_listen_again(struct attachment *attachment, uint64_t now) {
	attachment->listen_again = add(attachment) ? now + ACCEPT_PAUSE : CLOCK_NEVER;
}
