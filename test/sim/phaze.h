#pragma once

#include "proto/phaze_command.h"
#include "proto/phaze_config.h"
#include "proto/phaze_news.h"
#include "proto/phaze_peer.h"
#include "sim/world.h"

/*
 * Nodes of the world that speak Phaze without handshakes: a test makes the keys that one would
 * lead to, and hands them to both ends, so that what runs is the shards' side alone.
 */

struct node *phaze_sim_add(struct world *world, enum phaze_role role,
						   const struct node_options *options);

/* To be changed, and told to the shards by the second. */
struct phaze_config *phaze_sim_config(struct node *node);
void phaze_sim_commit(struct node *node);

/* A member with the inner addresses of that node's number; 0: a client's server, which has all. */
struct phaze_peer *phaze_sim_add_peer(struct node *node, uint8_t number, uint16_t owner);
/* interface and peer are filled in. */
void phaze_sim_change(struct node *node, struct phaze_peer *peer, struct phaze_peer_change change);
void phaze_sim_session(struct node *node, struct phaze_peer *peer, struct phaze_new_session offer);
void phaze_sim_remove(struct node *node, struct phaze_peer *peer);
/* A packet of a handshake. */
void phaze_sim_send(struct node *node, const struct phaze_way *way, struct slice data);

/* What shards told of sessions, the latest last; NULL: there are not so many. */
size_t phaze_sim_news_count(const struct node *node);
const struct phaze_news_session *phaze_sim_news(const struct node *node, size_t index);
/* That of a kind about a session; NULL: there is none. */
const struct phaze_news_session *phaze_sim_told(const struct node *node, enum phaze_news_kind kind,
												uint64_t number);
/* How many datagrams they passed up, and the last one; NULL: none. */
size_t phaze_sim_datagrams(const struct node *node);
const struct phaze_news_datagram *phaze_sim_datagram(const struct node *node);

/* Packets of the type that the tap has seen from there. */
size_t phaze_sim_sent(const struct world *world, const struct node *from, enum phaze_type type);
/* What a tap or a network has: 0 for anything else. */
enum phaze_type phaze_sim_type(struct slice datagram);

/* A server and a client that know each other and are up: where most tests begin. */
#define PHAZE_PAIR_DELAY (10 * CLOCK_MILLISECOND)

struct phaze_pair {
	struct world *world;
	struct node *server, *client;
	struct phaze_peer *server_peer; /* what the server has of the client */
	struct phaze_peer *client_peer;
	uint64_t number; /* of the last session */
};

struct phaze_login {
	bool resumed;
	uint8_t used, fresh; /* tickets: any numbers, 0 for none */
	uint32_t rekey_seconds, rekey_packets;
	uint16_t keepalive;
	uint16_t id_shard; /* that the server's id names */
	bool server_alone; /* the client hears nothing of it */
};

/* 120 s, 2^30 packets, 10 s. */
extern const struct phaze_login phaze_login;

/* No session yet; options of both may be NULL. The member's owner is the last shard. */
struct phaze_pair phaze_pair_new(uint64_t seed, const struct node_options *options);
/* As if a handshake had just ended; returns the session's number at both ends. */
uint64_t phaze_pair_login(struct phaze_pair *pair, const struct phaze_login *login);
/* The same, with a session of the usual kind. */
struct phaze_pair phaze_pair_up(uint64_t seed, const struct node_options *options);
void phaze_pair_free(struct phaze_pair *pair);
