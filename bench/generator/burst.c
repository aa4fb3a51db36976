#include "bench/generator/burst.h"

#include <stdlib.h>
#include <string.h>

struct burst_sealer {
	struct burst_shape shape;
	struct aead_worker *worker;
	size_t padded, datagram;
	struct aead_job jobs[BURST_BATCH];
	/* A packet for each burst of a call: they differ in the source. */
	uint8_t packets[BURST_BATCH][PACKET_SIZE_MAX];
	uint8_t data[BURST_BATCH * BURST_DATAGRAM_MAX];
};

enum err burst_sealer_new(const struct burst_shape *shape, struct aead_worker *worker,
						  struct burst_sealer **out_sealer) {
	if (shape->packets < 1 || shape->packets > BURST_MAX || shape->packet_size < PACKET_SIZE_MIN ||
		shape->packet_size > PACKET_SIZE_MAX)
		return ERR_INVALID;
	struct burst_sealer *sealer = calloc(1, sizeof *sealer);
	if (!sealer)
		return ERR_NO_MEMORY;
	sealer->shape = *shape;
	sealer->worker = worker;
	sealer->padded = packet_padded(shape->packet_size);
	sealer->datagram = burst_datagram_size(shape);
	const struct address nobody = {.family = ADDRESS_V4};
	for (size_t i = 0; i < BURST_BATCH; i++)
		packet_udp(sealer->packets[i], shape->packet_size, &nobody, &shape->to, shape->port);
	*out_sealer = sealer;
	return ERR_OK;
}

void burst_sealer_free(struct burst_sealer *sealer) {
	free(sealer);
}

size_t burst_datagram_size(const struct burst_shape *shape) {
	return packet_padded(shape->packet_size) + WIREGUARD_DATA_OVERHEAD;
}

size_t burst_most(const struct burst_shape *shape) {
	return BURST_BATCH / shape->packets;
}

/* Writes the header and fills in the job of the session's next message. */
static void prepare(struct client *client, const uint8_t *packet, size_t size, uint8_t *out_data,
					struct aead_job *out_job) {
	const struct wireguard_data head = {
		.receiver = client->session.remote_index,
		.counter = client->session.send_counter++,
	};
	wireguard_encode_data(&head, out_data);
	*out_job = (struct aead_job){
		.key = &client->session.send,
		.source = packet,
		.destination = out_data + WIREGUARD_DATA_HEADER_SIZE,
		.size = (uint32_t)size,
	};
	wireguard_data_nonce(head.counter, out_job->nonce);
}

enum err burst_seal(struct burst_sealer *sealer, struct client *const *clients, size_t count,
					struct burst *out_bursts) {
	if (count > burst_most(&sealer->shape))
		return ERR_LIMIT;
	uint8_t *at = sealer->data;
	struct aead_job *job = sealer->jobs;
	for (size_t i = 0; i < count; i++) {
		uint8_t *packet = sealer->packets[i];
		packet_set_source(packet, &clients[i]->address);
		out_bursts[i] = (struct burst){at, sealer->shape.packets * sealer->datagram};
		for (size_t k = 0; k < sealer->shape.packets; k++, job++, at += sealer->datagram)
			prepare(clients[i], packet, sealer->padded, at, job);
	}
	return aead_seal_many(sealer->worker, sealer->jobs, count * sealer->shape.packets);
}

enum err burst_seal_one(struct client *client, struct aead_worker *worker, const uint8_t *packet,
						size_t size, uint8_t out_data[static BURST_DATAGRAM_MAX],
						size_t *out_size) {
	if (size > PACKET_SIZE_MAX)
		return ERR_LIMIT;
	uint8_t padded[PACKET_SIZE_MAX] = {0};
	if (size > 0)
		memcpy(padded, packet, size);
	struct aead_job job;
	prepare(client, padded, packet_padded(size), out_data, &job);
	enum err error = aead_seal_many(worker, &job, 1);
	if (!error)
		*out_size = packet_padded(size) + WIREGUARD_DATA_OVERHEAD;
	return error;
}
