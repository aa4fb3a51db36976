#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/counter.h"
#include "transport/udp/udp_internal.h"

enum { STRIDE = UDP_RECEIVE_HEADROOM + UDP_DATA_MAX };

/* Where the kernel puts one message. */
struct place {
	union udp_name name;
	struct iovec data;
	struct udp_control_buffer control;
};

struct udp_buffers {
	uint8_t *memory; /* UDP_RECEIVE_MESSAGES × STRIDE */
	struct mmsghdr headers[UDP_RECEIVE_MESSAGES];
	struct place places[UDP_RECEIVE_MESSAGES];
	struct udp_received received[UDP_RECEIVE_MESSAGES];
	unsigned wanted; /* messages of the next call */
	unsigned used;   /* of the headers, by the last one */
};

enum err udp_buffers_new(struct udp_buffers **out_buffers) {
	struct udp_buffers *buffers = calloc(1, sizeof *buffers);
	if (!buffers)
		return ERR_NO_MEMORY;
	/* Aligned to cache lines, and zero pages that cost nothing until a message fills them. */
	void *memory = NULL;
	if (posix_memalign(&memory, 64, (size_t)UDP_RECEIVE_MESSAGES * STRIDE)) {
		free(buffers);
		return ERR_NO_MEMORY;
	}
	buffers->memory = memory;
	buffers->wanted = buffers->used = UDP_RECEIVE_MESSAGES;
	for (size_t i = 0; i < UDP_RECEIVE_MESSAGES; i++) {
		buffers->places[i].data = (struct iovec){
			.iov_base = buffers->memory + i * STRIDE + UDP_RECEIVE_HEADROOM,
			.iov_len = UDP_DATA_MAX,
		};
	}
	*out_buffers = buffers;
	return ERR_OK;
}

void udp_buffers_free(struct udp_buffers *buffers) {
	if (!buffers)
		return;
	free(buffers->memory);
	free(buffers);
}

/* The kernel has changed the lengths and flags of the headers that it used. */
static void reset_headers(struct udp_buffers *buffers) {
	for (size_t i = 0; i < buffers->used; i++) {
		struct place *place = &buffers->places[i];
		buffers->headers[i].msg_hdr = (struct msghdr){
			.msg_name = &place->name,
			.msg_namelen = sizeof place->name,
			.msg_iov = &place->data,
			.msg_iovlen = 1,
			.msg_control = &place->control,
			.msg_controllen = sizeof place->control,
		};
	}
}

static bool read_name(const union udp_name *name, socklen_t size, struct endpoint *out_from) {
	if (size >= sizeof name->v4 && name->any.sa_family == AF_INET) {
		*out_from = (struct endpoint){
			.address = address_from_bytes(ADDRESS_V4, (const uint8_t *)&name->v4.sin_addr),
			.port = ntohs(name->v4.sin_port)};
		return true;
	}
	if (size >= sizeof name->v6 && name->any.sa_family == AF_INET6) {
		*out_from = (struct endpoint){
			.address = address_from_bytes(ADDRESS_V6, name->v6.sin6_addr.s6_addr),
			.port = ntohs(name->v6.sin6_port),
			.scope_id = name->v6.sin6_scope_id}; /* 0 but for link-local addresses */
		return true;
	}
	return false;
}

/* The counter in the message only grows, but with several CPUs not strictly in order. */
static void count_drops(struct udp_socket *socket, uint32_t drops) {
	uint32_t more = drops - socket->last_drops;
	if (more > INT32_MAX)
		return;
	counter_add(&socket->counters->kernel_drops, more);
	socket->last_drops = drops;
}

/* False when the message is to be left out. */
static bool read_message(struct udp_socket *socket, const struct mmsghdr *message,
						 const struct place *place, struct udp_received *out) {
	const struct msghdr *header = &message->msg_hdr;
	struct udp_control control;
	udp_control_parse(place->control.bytes, header->msg_controllen, &control);
	if (control.has_drops)
		count_drops(socket, control.drops);
	/* Without all control messages nobody knows where the segments end. */
	if (header->msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		counter_add(&socket->counters->truncated, 1);
		return false;
	}
	if (!read_name(&place->name, header->msg_namelen, &out->from))
		return false;
	out->data = place->data.iov_base;
	out->size = message->msg_len;
	out->segment_size = control.segment_size;
	if (out->segment_size == 0 || out->segment_size > out->size)
		out->segment_size = out->size;
	out->to = control.to;
	return true;
}

/*
 * As many as the size of the last ones makes a batch of: a few of 64 KiB are one already, and more
 * of them would keep everything else waiting.
 */
static unsigned choose_wanted(uint64_t bytes, unsigned messages) {
	uint64_t wanted = UDP_RECEIVE_BYTES * (uint64_t)messages / (bytes + 1);
	if (wanted < UDP_RECEIVE_MESSAGES_LEAST)
		return UDP_RECEIVE_MESSAGES_LEAST;
	return wanted < UDP_RECEIVE_MESSAGES ? (unsigned)wanted : UDP_RECEIVE_MESSAGES;
}

enum err udp_receive(struct udp_socket *socket, struct udp_buffers *buffers,
					 const struct udp_received **out_received, size_t *out_count) {
	reset_headers(buffers);
	int taken;
	do {
		taken = socket->calls->recvmmsg(socket->descriptor, buffers->headers, buffers->wanted,
										MSG_DONTWAIT, NULL);
	} while (taken < 0 && errno == EINTR);
	buffers->used = taken > 0 ? (unsigned)taken : 1;
	if (taken < 0)
		return err_from_errno(errno);

	size_t count = 0;
	uint64_t datagrams = 0, bytes = 0;
	for (int i = 0; i < taken; i++) {
		struct udp_received *received = &buffers->received[count];
		if (!read_message(socket, &buffers->headers[i], &buffers->places[i], received))
			continue;
		datagrams += received->size <= received->segment_size
						 ? 1
						 : (received->size + received->segment_size - 1) / received->segment_size;
		bytes += received->size;
		count++;
	}
	buffers->wanted = choose_wanted(bytes, (unsigned)taken);
	counter_add(&socket->counters->receive_calls, 1);
	counter_add(&socket->counters->received_messages, count);
	counter_add(&socket->counters->received_datagrams, datagrams);
	counter_add(&socket->counters->received_bytes, bytes);
	*out_received = buffers->received;
	*out_count = count;
	return ERR_OK;
}
