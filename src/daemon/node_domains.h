#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "host/dns.h"
#include "host/split.h"
#include "wire/process.h"

/*
 * The privileged process's part of the step between this host's programs and name servers, which
 * runs in control (daemon/control_dns_step.h): it opens the sockets, and takes addresses that names
 * have into the sets of host/split.h, or refuses them.
 */

struct node;
struct node_tunnel;

enum { NODE_DOMAINS_PROBLEM_SIZE = 320 };

struct node_domains {
	bool active[PROCESS_TUNNELS_MAX]; /* tunnels, by slot, that count */
	bool open;                        /* the step runs; its sockets, kept for the next control: */
	int datagrams, connections;
	struct endpoint at;
	struct endpoint system[DNS_OWN_SERVERS_MAX]; /* as control was told */
	size_t system_count;
	unsigned generation;    /* of node_dns */
	uint64_t sent, send_at; /* when control was told; when it will be again, 0: not known yet */
	uint64_t window;        /* begin of the second that is counted */
	unsigned window_count;  /* messages in it */
};

/*
 * For a tunnel that has its addresses and routes, before its name servers are set; the step runs
 * then, if it is needed. On failure nothing of the tunnel counts.
 */
enum err node_domains_up(struct node *node, struct node_tunnel *tunnel,
						 char out_problem[static NODE_DOMAINS_PROBLEM_SIZE]);
/* Behind its name servers; also for a tunnel that is not up. */
void node_domains_down(struct node *node, struct node_tunnel *tunnel);
/* By the configuration of now, which control has. */
enum err node_domains_reload(struct node *node, char out_problem[static NODE_DOMAINS_PROBLEM_SIZE]);
void node_domains_clear(struct node *node);

/* Whether a tunnel, up or not, has names whose addresses go past it. */
bool node_domains_excludes(const struct node *node);

/* What tunnels want of host/split.h: the kinds of addresses, for the row of a slot. */
void node_domains_wish(const struct node *node, uint16_t slot, struct split_tunnel *row);

/* Control is new: tells it all, while the step runs. */
void node_domains_send(struct node *node);
/* The network is another: servers may be reached now, and from another address. */
void node_domains_changed(struct node *node, unsigned changes);
/* Sends again what may be different; returns when to be called again. */
uint64_t node_domains_run(struct node *node, uint64_t now);
/* What control asks for; both answer. */
void node_domains_stream(struct node *node, const struct process_message *message);
void node_domains_addresses(struct node *node, const struct process_message *message);
