#include "engine/tun_queue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wire/virtio.h"

struct tun_descriptor {
	int descriptor;
	bool has_header;
};

/* EBADFD: the interface is gone; EIO: it is down; ENOBUFS: no memory for so large a packet. */
static enum err error_of(int number) {
	switch (number) {
	case EBADFD:
		return ERR_NO_DEVICE;
	case ENOBUFS:
		return ERR_NO_MEMORY;
	default:
		return err_from_errno(number);
	}
}

static enum err queue_read(void *context, uint8_t *data, size_t size, size_t *out_size) {
	const struct tun_descriptor *tun = context;
	size_t skip = tun->has_header ? 0 : VIRTIO_HEADER_SIZE;
	ssize_t got;
	do {
		got = read(tun->descriptor, data + skip, size - skip);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return error_of(errno);
	memset(data, 0, skip);
	*out_size = (size_t)got + skip;
	return ERR_OK;
}

static enum err queue_write(void *context, const struct iovec *iovecs, int count) {
	const struct tun_descriptor *tun = context;
	int skip = tun->has_header ? 0 : 1;
	ssize_t written;
	do {
		written = writev(tun->descriptor, iovecs + skip, count - skip);
	} while (written < 0 && errno == EINTR);
	return written < 0 ? error_of(errno) : ERR_OK;
}

static int queue_descriptor(const void *context) {
	const struct tun_descriptor *tun = context;
	return tun->descriptor;
}

static void queue_free(void *context) {
	struct tun_descriptor *tun = context;
	(void)close(tun->descriptor);
	free(tun);
}

static const struct tun_queue_ops descriptor_ops = {
	.read = queue_read,
	.write = queue_write,
	.descriptor = queue_descriptor,
	.free = queue_free,
};

enum err tun_queue_open(int descriptor, bool has_header, struct tun_queue *out_queue) {
	int flags = fcntl(descriptor, F_GETFL);
	if (flags < 0 || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0)
		return err_from_errno(errno);
	struct tun_descriptor *tun = malloc(sizeof *tun);
	if (!tun)
		return ERR_NO_MEMORY;
	*tun = (struct tun_descriptor){.descriptor = descriptor, .has_header = has_header};
	*out_queue =
		(struct tun_queue){.ops = &descriptor_ops, .context = tun, .has_header = has_header};
	return ERR_OK;
}
