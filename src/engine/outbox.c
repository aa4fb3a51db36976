#include "engine/outbox.h"

#include <stdlib.h>
#include <string.h>

#include "engine/path_stream.h"
#include "engine/peer.h"
#include "engine/protocol.h"
#include "engine/staging.h"
#include "engine/tun_buffer.h"

enum { QUEUE_V4, QUEUE_V6 };

enum err outbox_init(struct outbox *outbox, struct aead_worker *worker, struct transport *v4,
					 struct transport *v6) {
	memset(outbox, 0, sizeof *outbox);
	list_init(&outbox->spent);
	list_init(&outbox->streams);
	outbox->worker = worker;
	outbox->v4 = v4;
	outbox->v6 = v6;
	outbox->arena = malloc(OUTBOX_ARENA_SIZE);
	return outbox->arena ? ERR_OK : ERR_NO_MEMORY;
}

static void release_sources(struct outbox *outbox) {
	for (struct list *link = list_take_first(&outbox->spent); link;
		 link = list_take_first(&outbox->spent))
		free(list_item(link, struct staging_packet, link));
	for (size_t i = 0; i < outbox->buffer_count; i++)
		tun_buffer_release(outbox->buffers[i]);
	outbox->buffer_count = 0;
}

void outbox_done(struct outbox *outbox) {
	if (!outbox->spent.next)
		return; /* never initialised */
	release_sources(outbox);
	free(outbox->arena);
	outbox->arena = NULL;
}

uint8_t *outbox_reserve(struct outbox *outbox, size_t size) {
	if (outbox->used + size > OUTBOX_ARENA_SIZE)
		outbox_flush(outbox);
	uint8_t *slot = outbox->arena + outbox->used;
	outbox->used += size;
	return slot;
}

struct aead_job *outbox_add_job(struct outbox *outbox) {
	if (outbox->job_count == OUTBOX_JOBS)
		outbox_seal(outbox);
	return &outbox->jobs[outbox->job_count++];
}

static void each_stream(struct outbox *outbox, void (*run)(struct path_stream *stream)) {
	list_for_each (link, &outbox->streams)
		run(list_item(link, struct path_stream, outbox_link));
}

void outbox_seal(struct outbox *outbox) {
	if (outbox->job_count > 0 &&
		aead_seal_many(outbox->worker, outbox->jobs, outbox->job_count) != ERR_OK) {
		/* Nothing unsealed may leave: all that is queued is dropped. */
		counter_add(&outbox->dropped,
					outbox->queues[QUEUE_V4].count + outbox->queues[QUEUE_V6].count);
		outbox->queues[QUEUE_V4].count = outbox->queues[QUEUE_V6].count = 0;
		each_stream(outbox, path_stream_forget);
	}
	if (outbox->job_count > 0)
		outbox_count_sealed(outbox, outbox->job_count);
	outbox->job_count = 0;
	release_sources(outbox);
}

/* The last message can grow: same peer, no gap, whole segments so far, and nothing too large. */
static bool joins(const struct outbox_queue *queue, const struct peer *peer, const uint8_t *data,
				  uint32_t size, uint16_t segment_size, enum udp_way way) {
	if (queue->count == 0 || queue->peers[queue->count - 1] != peer || way == UDP_WAY_WHOLE)
		return false;
	const struct udp_message *last = &queue->messages[queue->count - 1];
	return last->way == way && last->data + last->size == data && size <= last->segment_size &&
		   (size == segment_size || segment_size == last->segment_size) &&
		   last->size % last->segment_size == 0 &&
		   last->size + size <= (uint32_t)last->segment_size * UDP_SEGMENTS_MAX &&
		   last->size + size <= UDP_PAYLOAD_MAX_V4;
}

enum err outbox_send(struct outbox *outbox, struct peer *peer, const uint8_t *data, uint32_t size,
					 uint16_t segment_size, enum udp_way way) {
	const struct path *path = &peer->paths[0];
	if (path->to.address.family == ADDRESS_NONE)
		return ERR_NOT_FOUND;
	bool v6 = path->to.address.family == ADDRESS_V6;
	if (!(v6 ? outbox->v6 : outbox->v4)->ops)
		return ERR_UNSUPPORTED;
	struct outbox_queue *queue = &outbox->queues[v6 ? QUEUE_V6 : QUEUE_V4];
	if (joins(queue, peer, data, size, segment_size, way)) {
		queue->messages[queue->count - 1].size += size;
		return ERR_OK;
	}
	queue->peers[queue->count] = peer;
	queue->messages[queue->count++] = (struct udp_message){
		.to = &path->to,
		.from = &path->from,
		.data = data,
		.size = size,
		.segment_size = segment_size,
		.way = (uint8_t)way,
	};
	if (queue->count == OUTBOX_MESSAGES)
		outbox_flush(outbox);
	return ERR_OK;
}

void outbox_keep_buffer(struct outbox *outbox, struct tun_buffer *buffer) {
	if (outbox->buffer_count == OUTBOX_BUFFERS)
		outbox_seal(outbox);
	outbox->buffers[outbox->buffer_count++] = buffer;
}

void outbox_keep_packet(struct outbox *outbox, struct list *staged_link) {
	list_append(&outbox->spent, staged_link);
}

static void send_queue(struct outbox *outbox, struct outbox_queue *queue,
					   const struct transport *transport) {
	if (queue->count == 0)
		return;
	size_t count = queue->count;
	queue->count = 0;
	if (!transport->ops) {
		counter_add(&outbox->dropped, count);
		return;
	}
	transport->ops->send_many(transport->context, queue->messages, count);
	for (size_t i = 0; i < count; i++) {
		struct peer *peer = queue->peers[i];
		enum err error = queue->messages[i].error;
		if (error == ERR_OK || error == ERR_AGAIN)
			peer_count_sent(peer, queue->messages[i].size);
		if (error == ERR_OK)
			continue;
		if (error == ERR_AGAIN) {
			/* It left, but not from where the peer spoke to: that address is gone. */
			peer->paths[0].from = (struct udp_source){.interface = 0};
			continue;
		}
		/* A probe that does not fit is no loss. */
		if (queue->messages[i].way != UDP_WAY_WHOLE)
			counter_add(&outbox->dropped, 1);
		/* A farewell may be the last thing of a peer that is no lane's any more. */
		if (error == ERR_UNREACHABLE && peer->protocol->no_route && peer->lane)
			peer->protocol->no_route(peer->lane, peer);
	}
}

static struct udp_message message_of(const struct endpoint *to, const struct udp_source *from,
									 const uint8_t *data, uint32_t size) {
	return (struct udp_message){
		.to = to,
		.from = from,
		.data = data,
		.size = size,
		.segment_size = (uint16_t)size,
	};
}

/* Nobody waits for an answer, and whoever wants one asks again: errors are not looked at. */
static void send_answers(struct outbox *outbox, const struct transport *transport,
						 enum address_family family) {
	struct udp_message messages[OUTBOX_ANSWERS];
	size_t count = 0;
	for (size_t i = 0; i < outbox->answer_count; i++) {
		const struct outbox_answer *answer = &outbox->answers[i];
		if (answer->to.address.family == family)
			messages[count++] = message_of(&answer->to, &answer->from, answer->data, answer->size);
	}
	if (count > 0 && transport->ops)
		transport->ops->send_many(transport->context, messages, count);
}

static void flush_answers(struct outbox *outbox) {
	if (outbox->answer_count == 0)
		return;
	send_answers(outbox, outbox->v4, ADDRESS_V4);
	send_answers(outbox, outbox->v6, ADDRESS_V6);
	outbox->answer_count = 0;
}

void outbox_flush(struct outbox *outbox) {
	outbox_seal(outbox);
	send_queue(outbox, &outbox->queues[QUEUE_V4], outbox->v4);
	send_queue(outbox, &outbox->queues[QUEUE_V6], outbox->v6);
	each_stream(outbox, path_stream_flush);
	flush_answers(outbox);
	outbox->used = 0;
}

void outbox_answer(struct outbox *outbox, const struct endpoint *to, const struct udp_source *from,
				   const uint8_t *data, uint32_t size) {
	if (size > OUTBOX_ANSWER_MAX) {
		const struct transport *transport =
			to->address.family == ADDRESS_V6 ? outbox->v6 : outbox->v4;
		struct udp_message message = message_of(to, from, data, size);
		flush_answers(outbox); /* they leave in the order in which they came */
		if (transport->ops)
			transport->ops->send_many(transport->context, &message, 1);
		return;
	}
	struct outbox_answer *answer = &outbox->answers[outbox->answer_count++];
	answer->to = *to;
	answer->from = from ? *from : (struct udp_source){.interface = 0};
	answer->size = (uint16_t)size;
	memcpy(answer->data, data, size);
	if (outbox->answer_count == OUTBOX_ANSWERS)
		flush_answers(outbox);
}
