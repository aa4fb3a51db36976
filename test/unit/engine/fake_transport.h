#pragma once

/* A transport in memory: keeps what is sent, datagram by datagram, and hands out what a test puts.
 */

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "transport/transport.h"

enum { FAKE_BATCH = 32, FAKE_SENT_MAX = 8192 };

struct fake_datagram {
	struct endpoint to;
	struct udp_source from;
	uint8_t *data;
	uint32_t size;
};

struct fake_transport {
	struct fake_datagram sent[FAKE_SENT_MAX];
	size_t sent_count;
	size_t messages, calls; /* as the outbox handed them over */
	enum err next_error;    /* for the next message */
	struct udp_received waiting[FAKE_SENT_MAX];
	size_t waiting_count, waiting_at;
	size_t handed;                 /* those before it may be freed at the next receive */
	struct udp_counters *counters; /* that the engine gave; NULL: none yet */
	bool freed;
};

static inline void fake_transport_forget(struct fake_transport *fake) {
	for (size_t i = 0; i < fake->sent_count; i++)
		free(fake->sent[i].data);
	fake->sent_count = fake->messages = fake->calls = 0;
}

static inline void fake_transport_send(void *context, struct udp_message *messages, size_t count) {
	struct fake_transport *fake = context;
	fake->calls++;
	for (size_t i = 0; i < count; i++) {
		struct udp_message *message = &messages[i];
		fake->messages++;
		message->error = (uint8_t)fake->next_error;
		fake->next_error = ERR_OK;
		if (message->error != ERR_OK && message->error != ERR_AGAIN)
			continue;
		for (uint32_t at = 0; at < message->size; at += message->segment_size) {
			uint32_t left = message->size - at;
			uint32_t size = left < message->segment_size ? left : message->segment_size;
			if (fake->sent_count == FAKE_SENT_MAX)
				abort();
			struct fake_datagram *datagram = &fake->sent[fake->sent_count++];
			*datagram = (struct fake_datagram){.to = *message->to, .size = size};
			if (message->from)
				datagram->from = *message->from;
			datagram->data = malloc(size);
			memcpy(datagram->data, message->data + at, size);
		}
	}
}

/* A copy of size bytes, in segments, arrives from the endpoint. */
static inline void fake_transport_put(struct fake_transport *fake, const struct endpoint *from,
									  const uint8_t *data, uint32_t size, uint32_t segment_size) {
	if (fake->waiting_count == FAKE_SENT_MAX)
		abort();
	struct udp_received *received = &fake->waiting[fake->waiting_count++];
	*received = (struct udp_received){
		.data = malloc(size + 1U), .size = size, .segment_size = segment_size, .from = *from};
	memcpy(received->data, data, size);
}

static inline void fake_transport_release_handed(struct fake_transport *fake) {
	for (; fake->handed < fake->waiting_at; fake->handed++)
		free(fake->waiting[fake->handed].data);
	if (fake->handed == fake->waiting_count)
		fake->handed = fake->waiting_at = fake->waiting_count = 0;
}

static inline enum err fake_transport_receive(void *context, struct udp_buffers *buffers,
											  const struct udp_received **out_received,
											  size_t *out_count) {
	(void)buffers;
	struct fake_transport *fake = context;
	/* As with the kernel's buffers: what was handed out before is gone. */
	fake_transport_release_handed(fake);
	size_t left = fake->waiting_count - fake->waiting_at;
	if (left == 0)
		return ERR_AGAIN;
	*out_received = &fake->waiting[fake->waiting_at];
	*out_count = left < FAKE_BATCH ? left : FAKE_BATCH;
	fake->waiting_at += *out_count;
	return ERR_OK;
}

static inline int fake_transport_descriptor(const void *context) {
	(void)context;
	return -1;
}

static inline void fake_transport_count_in(void *context, struct udp_counters *counters) {
	struct fake_transport *fake = context;
	fake->counters = counters;
	counters->open = true;
}

/* The context is the test's. */
static inline void fake_transport_free(void *context) {
	struct fake_transport *fake = context;
	fake->freed = true;
	if (fake->counters)
		fake->counters->open = false;
}

static const struct transport_ops fake_transport_ops = {
	.send_many = fake_transport_send,
	.receive = fake_transport_receive,
	.descriptor = fake_transport_descriptor,
	.count_in = fake_transport_count_in,
	.free = fake_transport_free,
};

static inline struct fake_transport *fake_transport_new(void) {
	return calloc(1, sizeof(struct fake_transport));
}

static inline void fake_transport_delete(struct fake_transport *fake) {
	fake_transport_forget(fake);
	fake->waiting_at = fake->waiting_count;
	fake_transport_release_handed(fake);
	free(fake);
}

static inline struct transport fake_transport_of(struct fake_transport *fake) {
	return (struct transport){.ops = &fake_transport_ops, .context = fake};
}
