#pragma once

#include "proto/mighty_config.h"
#include "sim/world.h"

/*
 * Nodes of the world that speak Mighty: a device that tests configure by calls in place of texts,
 * so that what runs is the shards' side alone. It survives node_restart() with what it saved.
 */

struct mighty_peer;

/* Which PSK: any number but 0. */
typedef uint8_t mighty_sim_psk;

struct node *mighty_sim_add(struct world *world, enum mighty_role role,
							const struct node_options *options);

/* To be changed, and told to the shards by the second. */
struct mighty_config *mighty_sim_config(struct node *node);
void mighty_sim_commit(struct node *node);

/* A server's client, with the inner addresses of that node's number. */
struct mighty_peer *mighty_sim_add_client(struct node *node, mighty_sim_psk psk, uint8_t number);
/* A client's server, which has all inner addresses. */
struct mighty_peer *mighty_sim_add_server(struct node *node, mighty_sim_psk psk,
										  const struct endpoint *endpoints, size_t count);
void mighty_sim_set_endpoints(struct node *node, struct mighty_peer *peer,
							  const struct endpoint *endpoints, size_t count);
void mighty_sim_set_policy(struct node *node, struct mighty_peer *peer,
						   const struct packet_policy *policy);
void mighty_sim_remove(struct node *node, struct mighty_peer *peer);
/* The records of accepted hellos are lost. */
void mighty_sim_forget_times(struct node *node);
/* NULL when it is not configured. */
struct mighty_peer *mighty_sim_peer(const struct node *node, mighty_sim_psk psk);
/* A session that may send, as the control thread sees it. */
bool mighty_sim_is_connected(const struct mighty_peer *peer);

/* A server and a client that know each other and are up: where most tests begin. */
#define MIGHTY_PAIR_DELAY (10 * CLOCK_MILLISECOND)
enum { MIGHTY_PAIR_PSK = 1 };

struct mighty_pair {
	struct world *world;
	struct node *server, *client;
	struct mighty_peer *server_peer; /* what the server has of the client */
	struct mighty_peer *client_peer;
};

/* Down and unconnected yet with NULL links; options of both may be NULL. */
struct mighty_pair mighty_pair_new(uint64_t seed, const struct node_options *options);
/* The same, up, and the first handshake is over. */
struct mighty_pair mighty_pair_up(uint64_t seed, const struct node_options *options);
void mighty_pair_refresh(struct mighty_pair *pair);
void mighty_pair_free(struct mighty_pair *pair);
