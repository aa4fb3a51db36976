#pragma once

#include <stddef.h>
#include <stdint.h>

#include "bench/generator/client.h"
#include "bench/generator/packet.h"
#include "crypto/aead.h"

/*
 * Bursts of equal packets, sealed. All bursts of one call are one batch for the cipher, so that
 * clients with a packet each cost this end hardly more a packet than one client with many.
 */

enum {
	BURST_MAX = 32,   /* packets of one burst: one message, cut by the kernel */
	BURST_BATCH = 64, /* packets of one call, of all its bursts together */
	BURST_DATAGRAM_MAX = PACKET_SIZE_MAX + WIREGUARD_DATA_OVERHEAD,
};

/* What every packet of a run looks like. */
struct burst_shape {
	struct address to;
	uint16_t port;
	uint16_t packet_size; /* PACKET_SIZE_MIN … PACKET_SIZE_MAX */
	uint16_t packets;     /* of a burst, 1 … BURST_MAX */
};

/* A burst ready to send: datagrams of one size, one after another. */
struct burst {
	const uint8_t *data;
	size_t size;
};

struct burst_sealer;

enum err burst_sealer_new(const struct burst_shape *shape, struct aead_worker *worker,
						  struct burst_sealer **out_sealer);
void burst_sealer_free(struct burst_sealer *sealer);

/* The size of each datagram. */
size_t burst_datagram_size(const struct burst_shape *shape);
/* Bursts that one call may seal. */
size_t burst_most(const struct burst_shape *shape);

/* One burst for each of count connected clients, valid until the next call. */
enum err burst_seal(struct burst_sealer *sealer, struct client *const *clients, size_t count,
					struct burst *out_bursts);

/* One packet of any kind, 0 … PACKET_SIZE_MAX bytes (0: a keepalive). */
enum err burst_seal_one(struct client *client, struct aead_worker *worker, const uint8_t *packet,
						size_t size, uint8_t out_data[static BURST_DATAGRAM_MAX], size_t *out_size);
