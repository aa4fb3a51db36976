#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "host/dns.h"
#include "loop/loop.h"
#include "wire/process.h"

/* Name servers of tunnels in this host's settings, and the guard that keeps questions inside. */

struct node;
struct node_tunnel;

struct node_dns {
	struct dns *dns; /* NULL: could not be made, told at the start */
	struct loop_source source;
	uint64_t check_at;                 /* CLOCK_NEVER */
	bool placed[PROCESS_TUNNELS_MAX];  /* tunnels, by slot, whose servers are set */
	bool guarded[PROCESS_TUNNELS_MAX]; /* that the guard knows */
	bool guard_lost;                   /* somebody deleted its table */
	bool has_step;
	struct address step;
	/* Rises when the host's own servers may be others than before. */
	unsigned generation;
};

enum { NODE_DNS_PROBLEM_SIZE = 320 };

/* At the start, before anything else asks for this host's servers. Problems are logged. */
void node_dns_open(struct node *node);
/* Takes away what an earlier run left. Problems are logged. */
void node_dns_clean(struct node *node);
void node_dns_done(struct node *node);

/*
 * For a tunnel that comes up: the guard before its addresses, the servers last. On failure what is
 * said of it is not set, and the reason is in out_problem.
 */
enum err node_dns_guard_up(struct node *node, struct node_tunnel *tunnel,
						   char out_problem[static NODE_DNS_PROBLEM_SIZE]);
enum err node_dns_up(struct node *node, struct node_tunnel *tunnel,
					 char out_problem[static NODE_DNS_PROBLEM_SIZE]);
/* Of all tunnels that are up, by the configuration of now. */
enum err node_dns_reload(struct node *node, char out_problem[static NODE_DNS_PROBLEM_SIZE]);
/* The other way round; also for a tunnel that is not up. */
void node_dns_down(struct node *node, struct node_tunnel *tunnel);
void node_dns_guard_down(struct node *node, struct node_tunnel *tunnel);
/* Of all tunnels. */
void node_dns_clear(struct node *node);

/* Looks after /etc/resolv.conf; returns when to be called again. */
uint64_t node_dns_run(struct node *node, uint64_t now);

/* Somebody has deleted a table, or may have: whether it is the guard's. */
bool node_dns_guard_is_lost(struct node *node, const char *table);
/* Makes the guard's table anew, if it is wanted and lost. */
void node_dns_guard_restore(struct node *node);

/*
 * The servers that this host asks without tunnels, port 53: those of before while tunnels' are set.
 * Returns how many.
 */
size_t node_dns_system_servers(const struct node *node,
							   struct endpoint servers[static DNS_OWN_SERVERS_MAX]);

/* Of these the addresses that can be asked past a tunnel: not this host's own. */
size_t node_dns_system_addresses(const struct node *node, struct address *out_addresses,
								 size_t room);

/*
 * An address of this host at which each question is sent to the right servers. With it dns.domains
 * work without systemd-resolved, too: it stands in /etc/resolv.conf then, instead of tunnels'
 * servers. NULL: there is none. Takes effect at once, problems are logged.
 */
void node_dns_set_step(struct node *node, const struct address *step);
