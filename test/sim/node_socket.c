/* The UDP sockets of a node. */
#include <stdlib.h>
#include <string.h>

#include "proto/steering_rules.h"
#include "sim/network.h"
#include "sim/node.h"
#include "sim/world.h"
#include "wire/cursor.h"

enum {
	PORT_CHOSEN = 40000,     /* port 0 becomes this and the node's number */
	JOINED_SIZE_MAX = 65535, /* of one GRO buffer */
	WAITING_MAX = 8192,      /* datagrams in a socket's buffer; more are lost */
};

struct waiting {
	struct list link;
	struct endpoint from;
	struct udp_source to;
	size_t size;
	uint8_t data[];
};

struct node_socket {
	struct list link;
	struct node *node;
	enum address_family family;
	uint16_t port;
	uint8_t shard;
	struct list waiting;
	size_t waiting_count;
	/* What receive() gave out last. */
	struct udp_received received[UDP_RECEIVE_MESSAGES];
	uint8_t *buffers[UDP_RECEIVE_MESSAGES];
};

static const struct address *address_of(const struct node *node, enum address_family family) {
	return family == ADDRESS_V6 ? &node->v6 : &node->v4;
}

static void send_segments(const struct node_socket *socket, struct udp_message *message) {
	struct world *world = socket->node->world;
	struct endpoint from = {.address = *address_of(socket->node, socket->family),
							.port = socket->port};
	message->error = ERR_OK;
	if (from.address.family == ADDRESS_NONE || message->to->address.family != socket->family) {
		message->error = ERR_IO;
		return;
	}
	if (message->from && message->from->address.family != ADDRESS_NONE &&
		!address_equal(&message->from->address, &from.address))
		message->error = ERR_AGAIN; /* sent, but from another address */
	for (uint32_t at = 0; at < message->size; at += message->segment_size) {
		uint32_t left = message->size - at;
		size_t size = left < message->segment_size ? left : message->segment_size;
		world_send(world, &from, message->to, slice_of(message->data + at, size));
	}
}

static void socket_send_many(void *context, struct udp_message *messages, size_t count) {
	for (size_t i = 0; i < count; i++)
		send_segments(context, &messages[i]);
}

static void forget_buffers(struct node_socket *socket) {
	for (size_t i = 0; i < UDP_RECEIVE_MESSAGES; i++) {
		free(socket->buffers[i]);
		socket->buffers[i] = NULL;
	}
}

/* Whether GRO would put it behind what is in the buffer. */
static bool joins(const struct node_socket *socket, const struct udp_received *received,
				  const struct waiting *next) {
	return socket->node->options.join_datagrams && next->size > 0 &&
		   next->size <= received->segment_size && received->size % received->segment_size == 0 &&
		   received->size + next->size <= JOINED_SIZE_MAX &&
		   endpoint_equal(&received->from, &next->from) &&
		   address_equal(&received->to.address, &next->to.address);
}

static void append(struct udp_received *received, struct waiting *waiting) {
	memcpy(received->data + received->size, waiting->data, waiting->size);
	received->size += (uint32_t)waiting->size;
	free(waiting);
}

static struct waiting *take_waiting(struct node_socket *socket) {
	struct list *link = list_take_first(&socket->waiting);
	if (!link)
		return NULL;
	socket->waiting_count--;
	return list_item(link, struct waiting, link);
}

static enum err socket_receive(void *context, struct udp_buffers *buffers,
							   const struct udp_received **out_received, size_t *out_count) {
	(void)buffers;
	struct node_socket *socket = context;
	forget_buffers(socket);
	size_t count = 0;
	while (count < UDP_RECEIVE_MESSAGES) {
		struct waiting *waiting = take_waiting(socket);
		if (!waiting)
			break;
		size_t room = socket->node->options.join_datagrams ? JOINED_SIZE_MAX : waiting->size;
		socket->buffers[count] = malloc(UDP_RECEIVE_HEADROOM + room);
		if (!socket->buffers[count])
			abort();
		struct udp_received *received = &socket->received[count];
		*received = (struct udp_received){
			.data = socket->buffers[count] + UDP_RECEIVE_HEADROOM,
			.segment_size = (uint32_t)waiting->size,
			.from = waiting->from,
			.to = waiting->to,
		};
		append(received, waiting);
		while (received->size > 0 && !list_is_empty(&socket->waiting) &&
			   joins(socket, received, list_item(socket->waiting.next, struct waiting, link)))
			append(received, take_waiting(socket));
		count++;
	}
	if (count == 0)
		return ERR_AGAIN;
	*out_received = socket->received;
	*out_count = count;
	return ERR_OK;
}

static int socket_descriptor(const void *context) {
	(void)context;
	return -1;
}

static void socket_free(void *context) {
	struct node_socket *socket = context;
	for (struct waiting *waiting = take_waiting(socket); waiting; waiting = take_waiting(socket))
		free(waiting);
	forget_buffers(socket);
	list_remove(&socket->link);
	free(socket);
}

static const struct transport_ops ops = {
	.send_many = socket_send_many,
	.receive = socket_receive,
	.descriptor = socket_descriptor,
	.free = socket_free,
};

static struct transport open_socket(struct node *node, enum address_family family, uint16_t port,
									uint8_t shard) {
	struct node_socket *socket = calloc(1, sizeof *socket);
	if (!socket)
		abort();
	socket->node = node;
	socket->family = family;
	socket->port = port;
	socket->shard = shard;
	list_init(&socket->waiting);
	list_append(&node->sockets, &socket->link);
	return (struct transport){.ops = &ops, .context = socket};
}

int node_listen(void *context, struct interface *interface, uint16_t port, uint32_t mark,
				uint16_t *out_port) {
	(void)mark;
	struct transport v4[INTERFACE_SHARDS_MAX], v6[INTERFACE_SHARDS_MAX];
	struct node *node = context;
	if (node->listen_error)
		return node->listen_error;
	port = port ? port : (uint16_t)(PORT_CHOSEN + node->number);
	for (uint8_t i = 0; i < INTERFACE_SHARDS_MAX; i++) {
		bool used = i < engine_shards(node->engine);
		v4[i] = v6[i] = (struct transport){.ops = NULL};
		if (used && node->v4.family != ADDRESS_NONE)
			v4[i] = open_socket(node, ADDRESS_V4, port, i);
		if (used && node->v6.family != ADDRESS_NONE)
			v6[i] = open_socket(node, ADDRESS_V6, port, i);
	}
	if (interface_set_transports(interface, v4, v6) != ERR_OK)
		abort();
	*out_port = node->port = port;
	return 0;
}

static bool follows(const struct steering_rule *rule, const uint8_t *data, size_t size) {
	struct reader word = reader_of(data, size), id = reader_of(data, size);
	reader_skip(&id, rule->id_offset);
	return (reader_u32_be(&word) & rule->mask) == rule->word && !word.error &&
		   rule->offset < size && (rule->id_offset == 0 || reader_u32_be(&id) != 0);
}

/* As the kernel's filter does: by the low bits of who receives, otherwise by a hash. */
static uint8_t steer(const struct node *node, const struct endpoint *from, const uint8_t *data,
					 size_t size) {
	uint8_t shards = (uint8_t)engine_shards(node->engine);
	if (node->options.missteer)
		return (uint8_t)(random_u32(sim_random(node->world->network)) % shards);
	for (size_t i = 0; i < STEERING_RULES; i++)
		if (follows(&steering_rules[i], data, size))
			return (uint8_t)((data[steering_rules[i].offset] & 15) % shards);
	return (uint8_t)((from->port + from->address.bytes[3]) % shards);
}

bool node_receive(struct node *node, const struct endpoint *from, const struct endpoint *to,
				  const uint8_t *data, size_t size) {
	struct node_socket *found = NULL;
	uint8_t shard = steer(node, from, data, size);
	list_for_each (link, &node->sockets) {
		struct node_socket *socket = list_item(link, struct node_socket, link);
		if (socket->family == to->address.family && socket->port == to->port &&
			socket->shard == shard)
			found = socket;
	}
	if (!found || found->waiting_count == WAITING_MAX)
		return false;
	struct waiting *waiting = malloc(sizeof *waiting + size);
	if (!waiting)
		abort();
	waiting->from = *from;
	waiting->to = (struct udp_source){.address = to->address, .interface = 1};
	waiting->size = size;
	if (size > 0)
		memcpy(waiting->data, data, size);
	list_append(&found->waiting, &waiting->link);
	found->waiting_count++;
	node->dirty = true;
	return true;
}
