#pragma once

/* A TUN queue in memory: hands out packets that a test puts and keeps those that are written. */

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/tun_queue.h"
#include "wire/virtio.h"

enum { FAKE_TUN_MAX = 2048 };

struct fake_packet {
	uint8_t *data; /* with its virtio header */
	size_t size;
};

struct fake_tun {
	struct fake_packet waiting[FAKE_TUN_MAX], written[FAKE_TUN_MAX];
	size_t waiting_count, waiting_at, written_count;
	size_t writes;                     /* tried */
	enum err write_error, super_error; /* of all packets; of those to be cut */
	int descriptor;
	bool freed;
};

static inline void fake_tun_forget(struct fake_tun *fake) {
	for (size_t i = 0; i < fake->written_count; i++)
		free(fake->written[i].data);
	fake->written_count = 0;
}

/* An IP packet arrives, as the system would send it: with this header, or zeros for NULL. */
static inline void fake_tun_put(struct fake_tun *fake, const struct virtio_header *header,
								const uint8_t *packet, size_t size) {
	if (fake->waiting_count == FAKE_TUN_MAX)
		abort();
	struct fake_packet *put = &fake->waiting[fake->waiting_count++];
	put->size = VIRTIO_HEADER_SIZE + size;
	put->data = calloc(1, put->size);
	if (header)
		virtio_encode(header, put->data);
	if (size > 0)
		memcpy(put->data + VIRTIO_HEADER_SIZE, packet, size);
}

static inline enum err fake_tun_read(void *context, uint8_t *data, size_t size, size_t *out_size) {
	struct fake_tun *fake = context;
	if (fake->waiting_at == fake->waiting_count) {
		fake->waiting_at = fake->waiting_count = 0;
		return ERR_AGAIN;
	}
	struct fake_packet *packet = &fake->waiting[fake->waiting_at++];
	if (packet->size > size)
		abort();
	memcpy(data, packet->data, packet->size);
	*out_size = packet->size;
	free(packet->data);
	return ERR_OK;
}

static inline enum err fake_tun_write(void *context, const struct iovec *iovecs, int count) {
	struct fake_tun *fake = context;
	fake->writes++;
	if (fake->write_error != ERR_OK)
		return fake->write_error;
	struct virtio_header header;
	if (fake->super_error != ERR_OK && virtio_decode(iovecs[0].iov_base, &header) == ERR_OK &&
		header.gso_type != VIRTIO_GSO_NONE)
		return fake->super_error;
	if (fake->written_count == FAKE_TUN_MAX)
		abort();
	struct fake_packet *packet = &fake->written[fake->written_count++];
	packet->size = 0;
	for (int i = 0; i < count; i++)
		packet->size += iovecs[i].iov_len;
	packet->data = malloc(packet->size);
	size_t at = 0;
	for (int i = 0; i < count; at += iovecs[i++].iov_len)
		memcpy(packet->data + at, iovecs[i].iov_base, iovecs[i].iov_len);
	return ERR_OK;
}

static inline int fake_tun_descriptor(const void *context) {
	const struct fake_tun *fake = context;
	return fake->descriptor;
}

/* The context is the test's. */
static inline void fake_tun_free(void *context) {
	struct fake_tun *fake = context;
	fake->freed = true;
}

static const struct tun_queue_ops fake_tun_ops = {
	.read = fake_tun_read,
	.write = fake_tun_write,
	.descriptor = fake_tun_descriptor,
	.free = fake_tun_free,
};

static inline struct fake_tun *fake_tun_new(void) {
	struct fake_tun *fake = calloc(1, sizeof *fake);
	fake->descriptor = -1;
	return fake;
}

static inline void fake_tun_delete(struct fake_tun *fake) {
	fake_tun_forget(fake);
	for (; fake->waiting_at < fake->waiting_count; fake->waiting_at++)
		free(fake->waiting[fake->waiting_at].data);
	free(fake);
}

static inline struct tun_queue fake_tun_of(struct fake_tun *fake) {
	return (struct tun_queue){.ops = &fake_tun_ops, .context = fake};
}
