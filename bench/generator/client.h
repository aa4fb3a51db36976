#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "crypto/aead.h"
#include "handshake/wireguard.h"
#include "session/cookie.h"
#include "session/session.h"
#include "wire/wireguard.h"

/*
 * One client's end of the protocol: its keys, its handshake, its session. No I/O and no clock; who
 * sends and receives is the crowd. What a daemon does besides (timers, rekeying, roaming) is left
 * out: no run is as long as a session may live.
 */

enum client_news {
	CLIENT_NOTHING,   /* not for this client, forged, or old */
	CLIENT_CONNECTED, /* a response: there is a session now */
	CLIENT_COOKIE,    /* the next initiation will prove its address */
	CLIENT_PACKET,    /* a data message */
};

struct client {
	struct wireguard_identity identity;
	struct wireguard_remote remote; /* the server */
	struct wireguard_pending pending;
	struct cookie_jar jar;
	struct session session;
	struct address address; /* inside */
	uint32_t index;         /* how the server's messages name it; never 0 */
	uint64_t last_wall;     /* ns, of the last timestamp: each must be newer */
	bool connected;
};

struct client_server {
	uint8_t public_key[X25519_KEY_SIZE];
	struct cookie_keys cookie_keys;
	struct sockaddr_in at;
};

enum err client_server_init(struct client_server *server,
							const uint8_t public_key[static X25519_KEY_SIZE],
							const struct sockaddr_in *at);

/* The client of a number of the seed's; computes its keys. client_done() takes a zeroed one too. */
enum err client_init(struct client *client, const struct client_server *server, uint64_t seed,
					 uint32_t number, uint32_t index);
void client_done(struct client *client);

/* An initiation with both MACs. wall: ns since the Unix epoch; now: ns of any steady clock. */
enum err client_initiate(struct client *client, uint64_t wall, uint64_t now,
						 uint8_t out_data[static WIREGUARD_INITIATION_SIZE]);

/* What a datagram means to the client whose index it names. */
enum client_news client_take(struct client *client, const struct aead_backend *backend,
							 const uint8_t *data, size_t size, uint64_t now);

/*
 * Opens a data message; out_packet has size - WIREGUARD_DATA_OVERHEAD bytes. No replay check: this
 * end is not what is attacked.
 */
enum err client_open(struct client *client, struct aead_worker *worker, const uint8_t *data,
					 size_t size, uint8_t *out_packet, size_t *out_size);
