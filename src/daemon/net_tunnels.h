#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "daemon/net.h"
#include "daemon/net_channel.h"
#include "daemon/net_peering.h"

/* The tunnels of the net process, by slot: each with a device and the connections of its socket. */

struct net_tunnel;

struct net_tunnels {
	net_find *find;
	struct net_start defaults; /* what is the same for all: AEAD, offloads, loop */
	bool shared_log;           /* lines of several tunnels come together */
	struct net_channel *channel;
	struct net_peering *peering;
	struct net_tunnel *items[PROCESS_TUNNELS_MAX]; /* NULL: free slot */
};

/* All devices end in peace; the deadlines are of net_tunnels_run(). */
void net_tunnels_drain(struct net_tunnels *tunnels);
bool net_tunnels_are_drained(const struct net_tunnels *tunnels);
/* Frees all devices. */
void net_tunnels_done(struct net_tunnels *tunnels);

/*
 * Messages of the privileged process, answered here where they want an answer; DETACH once the
 * device has ended.
 */
void net_tunnels_attach(struct net_tunnels *tunnels, struct channel_message *message);
void net_tunnels_detach(struct net_tunnels *tunnels, const struct process_message *message);
void net_tunnels_link(struct net_tunnels *tunnels, const struct process_message *message);
/* The host's network changed, or it slept. */
void net_tunnels_network(struct net_tunnels *tunnels);
/* Takes the descriptors that are a tunnel's. */
void net_tunnels_sockets(struct net_tunnels *tunnels, struct channel_message *message);
void net_tunnels_resolved(struct net_tunnels *tunnels, const struct process_message *message);
void net_tunnels_verdict(struct net_tunnels *tunnels, const struct process_message *message);
void net_tunnels_connection(struct net_tunnels *tunnels, struct channel_message *message);

/*
 * A set operation whose lines the message brings; returns errno: EPERM where it is to be about
 * peers alone and is not.
 */
int net_tunnels_set(struct net_tunnels *tunnels, const struct channel_message *message,
					bool peers_alone);
/* The lines of a get operation as a memfd, to be closed; returns errno. */
int net_tunnels_get(struct net_tunnels *tunnels, uint16_t slot, int *out_descriptor);

/* After every turn: does what is due of all devices and returns the next deadline. */
uint64_t net_tunnels_run(struct net_tunnels *tunnels, uint64_t now);
