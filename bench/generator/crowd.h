#pragma once

#include <stddef.h>
#include <stdint.h>

#include "bench/generator/client.h"
#include "crypto/aead.h"

/*
 * Many clients in one process, and their sockets. A client's datagrams always leave from the same
 * port. With a socket for each, its bursts are a flow of their own, as the receiving kernel sees
 * it; with fewer, several clients share one, as sessions are told apart by their indices.
 *
 * What cannot be opened or sent for good ends the program (fail.h).
 */

struct crowd_options {
	struct client_server server;
	uint64_t seed;
	uint32_t first, count; /* numbers of the seed's clients */
	uint32_t sockets;      /* 1 … count */
	const char *aead;      /* back end, as aead_backend_find() knows it */
};

struct crowd {
	struct client_server server;
	const struct aead_backend *backend;
	struct aead_worker *worker;
	struct client *clients;
	uint32_t count;
	int *sockets;
	uint32_t socket_count;
	int poll;
	uint8_t *buffers;
};

void crowd_init(struct crowd *crowd, const struct crowd_options *options);
void crowd_done(struct crowd *crowd);

/*
 * From now on each message is cut into datagrams of so many bytes by the kernel; shorter ones stay
 * whole.
 */
void crowd_segment(struct crowd *crowd, size_t datagram_size);

/* Datagrams of one client; false when the kernel did not take them, which counts as lost. */
bool crowd_send(struct crowd *crowd, const struct client *client, const uint8_t *data, size_t size);

/* client: the one whose index the datagram names. */
struct crowd_taker {
	void (*take)(void *context, struct client *client, const uint8_t *data, size_t size,
				 uint64_t now);
	void *context;
};

/* Waits for at most so many ns and then hands on all that is there. */
void crowd_receive(struct crowd *crowd, uint64_t wait, const struct crowd_taker *taker);
