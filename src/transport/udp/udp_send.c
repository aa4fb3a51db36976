#include <errno.h>
#include <string.h>

#include "base/counter.h"
#include "transport/udp/udp_internal.h"

/*
 * Messages become slots, one for each message of sendmmsg(2). It reports how many slots went out;
 * the reason why the next one did not comes with the following call, when that slot is the first.
 * So slots are always made anew from where sending stands, with what was learnt about the message.
 */

#define NO_MESSAGE SIZE_MAX

struct batch {
	struct udp_socket *socket;
	struct udp_message *messages;
	size_t count;
	size_t at;     /* message to go on with */
	uint32_t sent; /* bytes of it that are sent */
	int waits;     /* left until something is sent */
	bool gave_up;  /* on waiting, for the rest of the call */
	size_t plain;  /* message that goes without UDP_SEGMENT, or NO_MESSAGE */
	uint8_t way;   /* enum udp_way of what is being sent */
	bool refused;  /* it does because of EINVAL, and nothing of it was sent since */
};

static socklen_t fill_name(union udp_name *name, const struct endpoint *to) {
	memset(name, 0, sizeof *name);
	if (to->address.family == ADDRESS_V4) {
		name->v4.sin_family = AF_INET;
		name->v4.sin_port = htons(to->port);
		memcpy(&name->v4.sin_addr, to->address.bytes, ADDRESS_V4_SIZE);
		return sizeof name->v4;
	}
	name->v6.sin6_family = AF_INET6;
	name->v6.sin6_port = htons(to->port);
	name->v6.sin6_scope_id = to->scope_id;
	memcpy(&name->v6.sin6_addr, to->address.bytes, ADDRESS_V6_SIZE);
	return sizeof name->v6;
}

/* How much of the message goes into one slot: whole segments within the kernel's limits. */
static uint32_t piece_size(const struct udp_socket *socket, const struct udp_message *message,
						   uint32_t left, bool plain) {
	if (left <= message->segment_size)
		return left;
	uint32_t segments = 1;
	if (socket->segments && !plain) {
		uint32_t limit = socket->family == ADDRESS_V4 ? UDP_PAYLOAD_MAX_V4 : UDP_PAYLOAD_MAX_V6;
		segments = limit / message->segment_size;
		if (segments > UDP_SEGMENTS_MAX)
			segments = UDP_SEGMENTS_MAX;
		if (segments == 0) /* sendmmsg() answers EMSGSIZE */
			segments = 1;
	}
	uint32_t size = segments * message->segment_size;
	return size < left ? size : left;
}

static void fill_slot(const struct batch *batch, size_t index, size_t at, uint32_t sent) {
	struct udp_socket *socket = batch->socket;
	struct udp_slot *slot = &socket->slots[index];
	const struct udp_message *message = &batch->messages[at];
	uint32_t size = piece_size(socket, message, message->size - sent, at == batch->plain);
	const struct udp_source *from = message->from;
	if (from && (from->address.family != socket->family || message->error == ERR_AGAIN))
		from = NULL;

	slot->message = at;
	slot->end = sent + size;
	slot->datagrams = size <= message->segment_size
						  ? 1
						  : (size + message->segment_size - 1) / message->segment_size;
	slot->has_source = from != NULL;
	slot->data = (struct iovec){.iov_base = (void *)(message->data + sent), .iov_len = size};
	size_t control =
		udp_control_build(from, slot->datagrams > 1 ? message->segment_size : 0, &slot->control);
	socket->headers[index].msg_hdr = (struct msghdr){
		.msg_name = &slot->name,
		.msg_namelen = fill_name(&slot->name, message->to),
		.msg_iov = &slot->data,
		.msg_iovlen = 1,
		.msg_control = control > 0 ? &slot->control : NULL,
		.msg_controllen = control,
	};
}

/* Fills slots from where sending stands, all of one way; 0 when nothing is left. */
static unsigned fill_slots(struct batch *batch) {
	unsigned filled = 0;
	uint32_t sent = batch->sent;
	for (size_t at = batch->at; at < batch->count && filled < UDP_SEND_MESSAGES;) {
		bool last = true;
		if (filled == 0)
			batch->way = batch->messages[at].way;
		else if (batch->messages[at].way != batch->way)
			break;
		if (batch->messages[at].error != ERR_INVALID) {
			fill_slot(batch, filled, at, sent);
			sent = batch->socket->slots[filled++].end;
			last = sent >= batch->messages[at].size;
		}
		if (last) {
			at++;
			sent = 0;
		}
	}
	return filled;
}

static void count_sent(struct batch *batch, unsigned slots) {
	struct udp_socket *socket = batch->socket;
	uint64_t datagrams = 0, bytes = 0;
	for (unsigned i = 0; i < slots; i++) {
		const struct udp_slot *slot = &socket->slots[i];
		datagrams += slot->datagrams;
		bytes += slot->data.iov_len;
		if (slot->datagrams > 1)
			socket->refusals = 0;
	}
	counter_add(&socket->counters->sent_messages, slots);
	counter_add(&socket->counters->sent_datagrams, datagrams);
	counter_add(&socket->counters->sent_bytes, bytes);
	/* Without UDP_SEGMENT it worked, so that was the cause of EINVAL. */
	if (batch->refused && ++socket->refusals == UDP_SEGMENT_REFUSALS)
		udp_socket_stop_segments(socket);
	batch->refused = false;
	if (!batch->gave_up)
		batch->waits = UDP_SEND_WAITS;

	const struct udp_slot *last = &socket->slots[slots - 1];
	batch->at = last->message;
	batch->sent = last->end;
	if (last->end >= batch->messages[last->message].size) {
		batch->at++;
		batch->sent = 0;
	}
}

static void drop(struct batch *batch, size_t message, enum err error) {
	batch->messages[message].error = (uint8_t)error;
	counter_add(&batch->socket->counters->send_errors, 1);
	batch->refused = false;
	batch->at = message + 1;
	batch->sent = 0;
}

/* Whether it is worth trying again. */
static bool wait_for_room(struct batch *batch, int number) {
	if (batch->waits == 0) {
		batch->gave_up = true;
		return false;
	}
	batch->waits--;
	struct pollfd item = {.fd = batch->socket->descriptor, .events = POLLOUT};
	/* ENOBUFS is a device's full queue, of which poll() knows nothing: only time passes. */
	(void)batch->socket->calls->poll(&item, number == ENOBUFS ? 0 : 1, 1);
	return true;
}

static bool is_stale_source(int number) {
	switch (number) {
	case EINVAL: /* the address is not ours any more */
	case EADDRNOTAVAIL:
	case ENODEV: /* the interface is gone */
	case ENETUNREACH:
	case EHOSTUNREACH: /* no way to there through it */
		return true;
	default:
		return false;
	}
}

/* The first slot could not be sent: finds out what to leave out next, or drops its message. */
static void handle_failure(struct batch *batch, int number) {
	struct udp_socket *socket = batch->socket;
	const struct udp_slot *slot = &socket->slots[0];
	bool segmented = slot->datagrams > 1;
	if (number == EINTR)
		return;
	if (number == EAGAIN || number == ENOBUFS) {
		if (!wait_for_room(batch, number))
			drop(batch, slot->message, ERR_LIMIT);
	} else if (segmented && number == EIO) {
		udp_socket_stop_segments(socket); /* the device below cannot add checksums */
	} else if (segmented && number == EMSGSIZE) {
		batch->plain = slot->message; /* segments above the path's MTU; alone they are fragmented */
	} else if (segmented && number == EINVAL) {
		batch->plain = slot->message; /* the same on older kernels, or no segmentation at all */
		batch->refused = true;
	} else if (slot->has_source && is_stale_source(number)) {
		batch->messages[slot->message].error = ERR_AGAIN;
		batch->plain = NO_MESSAGE;
		batch->refused = false;
	} else {
		drop(batch, slot->message, err_from_errno(number));
	}
}

static void check_messages(struct udp_socket *socket, struct udp_message *messages, size_t count) {
	for (size_t i = 0; i < count; i++) {
		bool fits = messages[i].to->address.family == socket->family &&
					(messages[i].segment_size > 0 || messages[i].size == 0);
		messages[i].error = fits ? ERR_OK : ERR_INVALID;
		if (!fits)
			counter_add(&socket->counters->send_errors, 1);
	}
}

/* An option of the whole socket: there is none of a single message in IPv4. */
static int send_slots(const struct batch *batch, unsigned filled) {
	struct udp_socket *socket = batch->socket;
	udp_socket_set_way(socket, batch->way);
	int sent = socket->calls->sendmmsg(socket->descriptor, socket->headers, filled,
									   MSG_DONTWAIT | MSG_NOSIGNAL);
	int number = errno;
	udp_socket_end_way(socket, batch->way);
	errno = number;
	return sent;
}

void udp_send_many(struct udp_socket *socket, struct udp_message *messages, size_t count) {
	struct batch batch = {.socket = socket,
						  .messages = messages,
						  .count = count,
						  .waits = UDP_SEND_WAITS,
						  .plain = NO_MESSAGE};
	check_messages(socket, messages, count);
	for (;;) {
		unsigned filled = fill_slots(&batch);
		if (filled == 0)
			break;
		counter_add(&socket->counters->send_calls, 1);
		int sent = batch.way == UDP_WAY_ANY
					   ? socket->calls->sendmmsg(socket->descriptor, socket->headers, filled,
												 MSG_DONTWAIT | MSG_NOSIGNAL)
					   : send_slots(&batch, filled);
		if (sent > 0)
			count_sent(&batch, (unsigned)sent);
		else
			handle_failure(&batch, sent < 0 ? errno : EIO);
	}
}
