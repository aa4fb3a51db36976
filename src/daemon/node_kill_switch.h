#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "daemon/kill_memory.h"
#include "host/kill_switch.h"
#include "loop/loop.h"
#include "wire/process.h"
#include "wire/uapi.h"

/*
 * The kill switch of tunnels (host/kill_switch.h, host/block.h): when it goes up and down, what it
 * lets pass, and that it stays.
 *
 *   engaged   at the start for tunnels that come up with the daemon, and before any other comes up
 *   stays     when the tunnel fails, the interface is deleted, the daemon ends, however it ends
 *   released  by "umbra down", by a reload that takes the key or the tunnel away, and by
 *             umbrad --unblock
 */

struct node;
struct node_options;
struct node_tunnel;
struct nft_watch;

enum { NODE_KILL_SWITCH_PROBLEM_SIZE = 320 };

struct node_kill_switch {
	struct kill_memory memory;
	bool up; /* rules and routes are in place, as far as is known */
	char seal[KILL_SWITCH_SEAL_SIZE];
	uint32_t restored; /* times that rules or routes were put up again */
	uint64_t again;    /* to put them up; CLOCK_NEVER */
	uint64_t burst_end;
	unsigned burst;
	bool disturbed, table_lost; /* what is to be done then */
	uint64_t endpoints_end;     /* of the present burst of new addresses of peers */
	unsigned endpoints;         /* of that burst */
	bool endpoints_late;        /* some are neither in the file nor let pass yet */
	struct nft_watch *watch;
	int routes; /* of block_watch.h; -1: not watched */
	struct loop_source watch_source, routes_source;
};

void node_kill_switch_init(struct node_kill_switch *kill);
void node_kill_switch_done(struct node *node);

/*
 * At the start, when the tunnels are known and before anything of an earlier run is taken away:
 * adopts, changes or removes what that left, and engages. Failures are logged.
 */
void node_kill_switch_start(struct node *node);
/* Watches what others do to it; there must be a loop. */
void node_kill_switch_watch(struct node *node);

/* Before the tunnel comes up. Nothing happens where it has no kill switch. */
enum err node_kill_switch_engage(struct node *node, const struct node_tunnel *tunnel,
								 char out_problem[static NODE_KILL_SWITCH_PROBLEM_SIZE]);
/* The tunnel is down, and nobody wants it blocked. */
void node_kill_switch_release(struct node *node, const struct node_tunnel *tunnel);
/* The configuration is another one: what both want passes; once all is changed, settle. */
enum err node_kill_switch_reload(struct node *node,
								 char out_problem[static NODE_KILL_SWITCH_PROBLEM_SIZE]);
enum err node_kill_switch_settle(struct node *node,
								 char out_problem[static NODE_KILL_SWITCH_PROBLEM_SIZE]);

/* What may pass has changed: applications that go past all tunnels; the network. */
void node_kill_switch_refresh(struct node *node);

/* Whether nothing passes beside the tunnel at present. */
bool node_kill_switch_is_up(const struct node *node, const struct node_tunnel *tunnel);

/* The control process is about to use an address of a peer, or net has seen it there: ENDPOINT. */
void node_kill_switch_endpoint(struct node *node, const struct process_message *message);
/* For peers of the file whose endpoints are names: where they were last. */
void node_kill_switch_put_endpoints(const struct node *node, const struct node_tunnel *tunnel,
									struct uapi_text *text);

/* The name servers that questions for endpoints' names pass to; returns how many. */
size_t node_kill_switch_resolvers(const struct node *node, const struct address **out_servers);
/* This host may have other ones, and the configuration names none. */
void node_kill_switch_renew_resolvers(struct node *node);

/* Does what is due; returns the next deadline. */
uint64_t node_kill_switch_run(struct node *node, uint64_t now);

/* node_block.c: umbrad --block, umbrad --unblock; the exit status. */
int node_block(struct node *node);
/* Of --block, where the configuration cannot be read: blocks all if tunnels were blocked before. */
void node_block_remembered(void);
int node_unblock(const struct node_options *options);
