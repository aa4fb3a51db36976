#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/counter.h"
#include "base/error.h"
#include "base/list.h"
#include "crypto/aead.h"
#include "transport/transport.h"

/*
 * What one shard is about to send through one listener: slots for sealed packets, the jobs that
 * fill them, and the messages that carry them. Everything leaves in one flush, as one batch of
 * sealing and one or two batches of system calls.
 */

struct lane;
struct peer;
struct tun_buffer;

enum {
	OUTBOX_ARENA_SIZE = 256 * 1024,
	OUTBOX_RESERVE_MAX = 80 * 1024, /* the most that one reservation may ask for */
	OUTBOX_JOBS = 128,
	OUTBOX_MESSAGES = UDP_SEND_MESSAGES,
	OUTBOX_BUFFERS = 64,
	OUTBOX_ANSWERS = 32,
	OUTBOX_ANSWER_MAX = 128, /* bytes of an answer that may wait for others */
};

struct outbox_queue {
	struct udp_message messages[OUTBOX_MESSAGES];
	struct peer *peers[OUTBOX_MESSAGES];
	size_t count;
};

/* A datagram to somebody who is no peer. */
struct outbox_answer {
	struct endpoint to;
	struct udp_source from;
	uint16_t size;
	uint8_t data[OUTBOX_ANSWER_MAX];
};

struct outbox {
	struct aead_worker *worker; /* the shard's */
	struct transport *v4, *v6;  /* the listener's */
	uint8_t *arena;
	size_t used;
	struct aead_job jobs[OUTBOX_JOBS]; /* waiting to be sealed */
	size_t job_count;
	struct outbox_queue queues[2];              /* v4, v6 */
	struct list streams;                        /* connections that have something to send */
	struct list spent;                          /* staged packets that jobs still read */
	struct tun_buffer *buffers[OUTBOX_BUFFERS]; /* TUN buffers that jobs still read */
	size_t buffer_count;
	struct outbox_answer answers[OUTBOX_ANSWERS];
	size_t answer_count;
	_Atomic uint64_t sealed_batches, sealed_packets;
	_Atomic uint64_t dropped; /* messages that could not be sent */
};

enum err outbox_init(struct outbox *outbox, struct aead_worker *worker, struct transport *v4,
					 struct transport *v6);
void outbox_done(struct outbox *outbox);

/*
 * size bytes of the arena, ≤ OUTBOX_RESERVE_MAX, that nobody else gets; flushes when the arena is
 * full. They are contiguous with the reservation before where no flush came between.
 */
uint8_t *outbox_reserve(struct outbox *outbox, size_t size);

/* Room for one more job to be sealed at the flush; flushes when there is none. */
struct aead_job *outbox_add_job(struct outbox *outbox);

/* To be called for batches that are sealed into the arena elsewhere. */
static inline void outbox_count_sealed(struct outbox *outbox, uint64_t packets) {
	counter_add(&outbox->sealed_batches, 1);
	counter_add(&outbox->sealed_packets, packets);
}

/* Seals the waiting jobs now. */
void outbox_seal(struct outbox *outbox);

/*
 * Queues datagrams to the peer's first path. Joins them to the last message where they are
 * contiguous, equally sized, to the same peer and by the same way, but for what goes whole.
 * ERR_NOT_FOUND without endpoint, ERR_UNSUPPORTED when its address family is not there.
 */
enum err outbox_send(struct outbox *outbox, struct peer *peer, const uint8_t *data, uint32_t size,
					 uint16_t segment_size, enum udp_way way);

/*
 * Keeps a buffer or a staged packet until its jobs are sealed. To be called once they are added: a
 * reservation or another job may seal, and gives back what was kept until then.
 */
void outbox_keep_buffer(struct outbox *outbox, struct tun_buffer *buffer);
void outbox_keep_packet(struct outbox *outbox, struct list *staged_link);

/*
 * Seals, sends and forgets everything. What left is counted as the peers'; their stale source
 * addresses are cleared.
 */
void outbox_flush(struct outbox *outbox);

/*
 * One datagram to an address that is no peer's (a cookie): at the flush, with others, as floods
 * provoke many; at once when it is larger than OUTBOX_ANSWER_MAX.
 */
void outbox_answer(struct outbox *outbox, const struct endpoint *to, const struct udp_source *from,
				   const uint8_t *data, uint32_t size);
