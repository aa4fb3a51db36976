/* The TUN queues of a node. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sim/network.h"
#include "sim/node.h"
#include "sim/world.h"

struct waiting {
	struct list link;
	size_t size;
	uint8_t data[];
};

struct node_tun {
	struct node *node;
	uint8_t shard;
	struct list waiting;
};

static enum err tun_read(void *context, uint8_t *data, size_t size, size_t *out_size) {
	struct node_tun *tun = context;
	struct list *link = list_take_first(&tun->waiting);
	if (!link)
		return ERR_AGAIN;
	struct waiting *waiting = list_item(link, struct waiting, link);
	assert(waiting->size <= size);
	memcpy(data, waiting->data, waiting->size);
	*out_size = waiting->size;
	free(waiting);
	return ERR_OK;
}

static struct arrival *add_arrival(struct node *node) {
	if (node->arrival_count == node->arrival_capacity) {
		node->arrival_capacity = node->arrival_capacity * 2 + 64;
		node->arrivals =
			reallocarray(node->arrivals, node->arrival_capacity, sizeof *node->arrivals);
		if (!node->arrivals)
			abort();
	}
	return &node->arrivals[node->arrival_count++];
}

static enum err tun_write(void *context, const struct iovec *iovecs, int count) {
	struct node_tun *tun = context;
	assert(count >= 2 && iovecs[0].iov_len == VIRTIO_HEADER_SIZE);
	struct arrival arrival = {.time = sim_now(tun->node->world->network)};
	enum err error = virtio_decode(iovecs[0].iov_base, &arrival.header);
	assert(error == ERR_OK);
	(void)error;
	for (int i = 1; i < count; i++)
		arrival.size += iovecs[i].iov_len;
	arrival.data = malloc(arrival.size);
	if (!arrival.data)
		abort();
	size_t at = 0;
	for (int i = 1; i < count; i++) {
		memcpy(arrival.data + at, iovecs[i].iov_base, iovecs[i].iov_len);
		at += iovecs[i].iov_len;
	}
	arrival.is_known = arrival.header.gso_type == VIRTIO_GSO_NONE &&
					   inner_read(arrival.data, arrival.size, &arrival.inner);
	*add_arrival(tun->node) = arrival;
	return ERR_OK;
}

static int tun_descriptor(const void *context) {
	(void)context;
	return -1;
}

static void tun_free(void *context) {
	struct node_tun *tun = context;
	for (struct list *link = list_take_first(&tun->waiting); link;
		 link = list_take_first(&tun->waiting))
		free(list_item(link, struct waiting, link));
	tun->node->tuns[tun->shard] = NULL;
	free(tun);
}

static const struct tun_queue_ops ops = {
	.read = tun_read,
	.write = tun_write,
	.descriptor = tun_descriptor,
	.free = tun_free,
};

struct tun_queue node_tun_open(struct node *node, uint8_t shard) {
	struct node_tun *tun = calloc(1, sizeof *tun);
	if (!tun)
		abort();
	tun->node = node;
	tun->shard = shard;
	list_init(&tun->waiting);
	node->tuns[shard] = tun;
	return (struct tun_queue){.ops = &ops, .context = tun};
}

void node_inject_raw(struct node *node, uint8_t queue, const uint8_t *data, size_t size) {
	struct waiting *waiting = malloc(sizeof *waiting + size);
	if (!waiting)
		abort();
	waiting->size = size;
	memcpy(waiting->data, data, size);
	list_append(&node->tuns[queue]->waiting, &waiting->link);
	node->dirty = true;
}

void node_inject(struct node *node, const struct inner *inner) {
	uint8_t data[VIRTIO_HEADER_SIZE + 2048] = {0};
	assert(inner->size <= sizeof data - VIRTIO_HEADER_SIZE);
	inner_build(inner, data + VIRTIO_HEADER_SIZE);
	uint8_t queue = node->next_tun++ % (uint8_t)engine_shards(node->engine);
	node_inject_raw(node, queue, data, VIRTIO_HEADER_SIZE + inner->size);
}

void node_forget_arrivals(struct node *node) {
	for (size_t i = 0; i < node->arrival_count; i++)
		free(node->arrivals[i].data);
	node->arrival_count = 0;
}

size_t node_arrived(const struct node *node, const struct node *from, uint32_t number) {
	size_t count = 0;
	for (size_t i = 0; i < node->arrival_count; i++) {
		const struct arrival *arrival = &node->arrivals[i];
		count += arrival->is_known && arrival->inner.from == from->number &&
				 arrival->inner.number == number;
	}
	return count;
}

size_t node_arrived_from(const struct node *node, const struct node *from) {
	size_t count = 0;
	for (size_t i = 0; i < node->arrival_count; i++)
		count += node->arrivals[i].is_known && node->arrivals[i].inner.from == from->number;
	return count;
}
