#include <string.h>

#include "base/log.h"
#include "daemon/privileged_parts.h"

/* A tunnel that the net process could not take up again. */
#define ATTACH_RETRY (2 * CLOCK_SECOND)
/* A net process that does not read. */
#define SEND_RETRY (50 * CLOCK_MILLISECOND)

/* Watches over attachments that the net process is taking up, and tells when it is done. */
static void settle(struct privileged *privileged) {
	if (!privileged->net.ready)
		return;
	for (uint16_t slot = 0; slot < PROCESS_TUNNELS_MAX; slot++) {
		const struct attachment *attachment = privileged->attachments[slot];
		if (attachment && attachment->phase == ATTACHMENT_ATTACHING) {
			privileged->ready_by = clock_now() + PRIVILEGED_READY_TIMEOUT;
			return;
		}
	}
	privileged->ready_by = CLOCK_NEVER;
	if (privileged->restarted)
		log_warning("the net process is ready again");
	privileged->restarted = false;
}

static void attach_done(void *context, int number, const char *text) {
	struct attachment *attachment = context;
	struct privileged *privileged = attachment->privileged;
	if (attachment->phase != ATTACHMENT_ATTACHING)
		return; /* it is being detached */
	void (*done)(void *, int, const char *) = attachment->done;
	attachment->done = NULL;
	attachment->phase = number ? ATTACHMENT_WAITING : ATTACHMENT_ATTACHED;
	if (!number) {
		attachment_listen(attachment);
		privileged_send_link(attachment);
	} else if (!done && privileged->net.ready) {
		log_error("%sthe net process could not take the tunnel up: %s", attachment->prefix, text);
		attachment->retry_at = clock_now() + ATTACH_RETRY;
	}
	settle(privileged);
	if (done)
		done(attachment->done_context, number, text);
}

static enum err send_attach(struct attachment *attachment) {
	const struct tun *tun = &attachment->tun;
	struct process_message message = {.type = PROCESS_ATTACH, .tunnel = attachment->slot};
	memcpy(message.attach.name, attachment->name, sizeof message.attach.name);
	message.attach.mtu = attachment->state.mtu;
	message.attach.shards = (uint8_t)tun->count;
	message.attach.up = attachment->state.up;
	message.attach.offloads =
		(uint8_t)((tun->header ? PROCESS_OFFLOAD_HEADER : 0) |
				  (tun->tcp ? PROCESS_OFFLOAD_TCP : 0) | (tun->udp ? PROCESS_OFFLOAD_UDP : 0));
	memcpy(message.attach.protocol, attachment->protocol, sizeof message.attach.protocol);
	message.attach.streams = (uint8_t)attachment->stream_count;
	int descriptors[1 + TUN_QUEUES_MAX + PROCESS_LISTENERS_MAX] = {attachment->journal};
	memcpy(descriptors + 1, tun->queues, tun->count * sizeof(int));
	memcpy(descriptors + 1 + tun->count, attachment->streams,
		   attachment->stream_count * sizeof(int));
	return privileged_ask_net(attachment->privileged, &message, descriptors,
							  1U + tun->count + attachment->stream_count, attach_done, attachment);
}

static void try_attach(struct attachment *attachment) {
	attachment->retry_at = CLOCK_NEVER;
	enum err error = send_attach(attachment);
	if (!error) {
		attachment->phase = ATTACHMENT_ATTACHING;
		attachment->state_unsent = false;
		settle(attachment->privileged);
	} else if (error != ERR_CLOSED) {
		attachment->retry_at = clock_now() + SEND_RETRY;
	}
}

enum err privileged_attach(struct privileged *privileged, struct attachment *attachment,
						   void (*done)(void *context, int number, const char *text),
						   void *context) {
	struct attachment **place = &privileged->attachments[attachment->slot];
	if (*place)
		return ERR_EXISTS;
	*place = attachment;
	attachment->done = done;
	attachment->done_context = context;
	try_attach(attachment);
	return ERR_OK;
}

void privileged_attach_all(struct privileged *privileged) {
	for (uint16_t slot = 0; slot < PROCESS_TUNNELS_MAX; slot++) {
		struct attachment *attachment = privileged->attachments[slot];
		if (attachment && attachment->phase == ATTACHMENT_WAITING)
			try_attach(attachment);
	}
	settle(privileged);
}

static void finish_detach(struct attachment *attachment) {
	/* A net process that is not itself may answer DETACH before an ATTACH that came earlier. */
	privileged_abandon_asked(attachment->privileged, attachment);
	attachment_close(attachment);
	attachment->privileged->attachments[attachment->slot] = NULL;
	if (attachment->done)
		attachment->done(attachment->done_context, 0, "");
	attachment_free(attachment);
}

/* Whatever the net process answers, it has nothing of the tunnel any more. */
static void detach_done(void *context, int number, const char *text) {
	finish_detach(context);
}

static void try_detach(struct attachment *attachment) {
	struct process_message message = {.type = PROCESS_DETACH, .tunnel = attachment->slot};
	attachment->retry_at = CLOCK_NEVER;
	enum err error =
		privileged_ask_net(attachment->privileged, &message, NULL, 0, detach_done, attachment);
	if (error && error != ERR_CLOSED)
		attachment->retry_at = clock_now() + SEND_RETRY;
}

void privileged_detach(struct privileged *privileged, struct attachment *attachment,
					   void (*done)(void *context, int number, const char *text), void *context) {
	attachment->done = done;
	attachment->done_context = context;
	attachment_listen_stop(attachment);
	switch (attachment->phase) {
	case ATTACHMENT_WAITING:
		attachment->phase = ATTACHMENT_DETACHED;
		attachment->retry_at = 0;
		break;
	case ATTACHMENT_ATTACHING:
	case ATTACHMENT_ATTACHED:
		attachment->phase = ATTACHMENT_DETACHING;
		try_detach(attachment);
		break;
	case ATTACHMENT_DETACHING:
	case ATTACHMENT_DETACHED:
		break;
	}
}

/* After privileged_fail_asked(), which has finished those whose DETACH was sent. */
void privileged_net_ended(struct privileged *privileged) {
	for (uint16_t slot = 0; slot < PROCESS_TUNNELS_MAX; slot++) {
		struct attachment *attachment = privileged->attachments[slot];
		if (!attachment)
			continue;
		/* The next one asks for sockets of its own. */
		listen_done(&attachment->sockets);
		attachment_listen_stop(attachment);
		if (attachment->phase == ATTACHMENT_DETACHING) {
			attachment->phase = ATTACHMENT_DETACHED;
			attachment->retry_at = 0;
		} else if (attachment->phase != ATTACHMENT_DETACHED) {
			attachment->phase = ATTACHMENT_WAITING;
			attachment->retry_at = CLOCK_NEVER;
		}
	}
}

static void retry(struct attachment *attachment) {
	switch (attachment->phase) {
	case ATTACHMENT_WAITING:
		try_attach(attachment);
		break;
	case ATTACHMENT_DETACHING:
		try_detach(attachment);
		break;
	case ATTACHMENT_DETACHED:
		finish_detach(attachment);
		break;
	case ATTACHMENT_ATTACHING:
	case ATTACHMENT_ATTACHED:
		attachment->retry_at = CLOCK_NEVER;
		break;
	}
}

void privileged_run_attachment(struct attachment *attachment, uint64_t now) {
	if (now >= attachment->link_at) {
		privileged_refresh_link(attachment);
		privileged_send_link(attachment);
	}
	if (now >= attachment->listen_again)
		attachment_listen_again(attachment, now);
	if (now >= attachment->retry_at)
		retry(attachment);
}

uint64_t privileged_attachment_deadline(const struct attachment *attachment) {
	uint64_t next = attachment->link_at;
	if (attachment->listen_again < next)
		next = attachment->listen_again;
	return attachment->retry_at < next ? attachment->retry_at : next;
}
