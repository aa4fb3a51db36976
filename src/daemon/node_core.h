#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "conf/config.h"
#include "daemon/daemonize.h"
#include "daemon/node_dns.h"
#include "daemon/node_domains.h"
#include "daemon/node_kill_switch.h"
#include "daemon/node_lock.h"
#include "daemon/node_metrics.h"
#include "daemon/node_options.h"
#include "daemon/node_pushed.h"
#include "daemon/node_resolvers.h"
#include "daemon/node_sockets.h"
#include "daemon/node_split.h"
#include "daemon/privileged.h"
#include "daemon/supervisor.h"
#include "host/unix_listener.h"
#include "loop/loop.h"
#include "wire/process.h"

/*
 * The privileged process of umbrad. Everything that changes a tunnel is an order; orders are
 * carried out one after the other, each to its end, so that none meets another's half-done work:
 *
 *   control's requests, SIGHUP ──▶ node_orders ──▶ node_tunnel (up, down, change)
 *                                              └─▶ node_reload
 */

struct network;

enum {
	NODE_ORDERS_MAX = 1024,
	NODE_REASON_SIZE = PROCESS_TEXT_SIZE,
	NODE_NAME_TIMEOUT = 3, /* s: how long an interface of an earlier run may take to go away */
};

enum node_order_kind {
	NODE_ORDER_UP,
	NODE_ORDER_DOWN,
	NODE_ORDER_CHANGE,   /* to the configuration of now */
	NODE_ORDER_REMOVE,   /* down, and forget the tunnel */
	NODE_ORDER_ROUTES,   /* of peers that are not in the configuration */
	NODE_ORDER_SETTINGS, /* what the tunnel's server says of the interface: node_pushed.h */
	NODE_ORDER_RELOAD,   /* read the configuration, and order what follows from it */
	NODE_ORDER_RELOADED, /* all of that is done */
	NODE_ORDER_READY,    /* all that was ordered before is done: the start is over */
};

struct node_order {
	struct list link;
	enum node_order_kind kind;
	char name[PROCESS_NAME_SIZE]; /* of the tunnel */
	uint16_t request;             /* control's, 0: nobody waits */
	struct prefix *prefixes;      /* of ROUTES; owned */
	size_t prefix_count;
	char reason[NODE_REASON_SIZE]; /* of DOWN: why, empty when somebody asked for it */
	uint64_t give_up; /* UP: how long a name may still be taken; CHANGE: how long to try */
	bool release;     /* DOWN: somebody asked for it, who wants nothing blocked any more */
	bool changing;    /* CHANGE: it was tried */
	unsigned deaths;  /* UP, CHANGE: net processes that ended meanwhile */
};

struct network;

struct node_tunnel {
	bool used;
	uint16_t slot;
	char name[PROCESS_NAME_SIZE];
	const struct config_tunnel *config; /* in force; NULL while it is being removed */
	enum process_state state;
	char reason[NODE_REASON_SIZE];
	struct attachment *attachment; /* NULL: down */
	struct network *network;
	bool firewalled;
	bool doubtful; /* a change failed: what net has of it is not known, a reload starts it anew */
	bool deaf; /* its sockets could not be opened: the reason says why, the net process tries on */
	struct prefix *more; /* routes of peers that are not in the configuration */
	size_t more_count;
	uint32_t mtu; /* that it was given last */
	struct node_pushed pushed;
};

struct node {
	struct node_options options;
	struct config *config;
	struct config *config_before;  /* during a reload: tunnels not yet changed still use it */
	char *state_dir, *socket_path; /* as they were at the start, for every configuration */
	char *path;                    /* of the configuration, absolute */
	struct node_lock lock;
	struct privileged privileged;
	struct daemonize daemonize;
	bool announced; /* the start is over, and said so */
	uint64_t started;

	struct node_tunnel tunnels[PROCESS_TUNNELS_MAX];
	uint16_t next_slot; /* slots in turn: what is under way for one of before meets nobody */

	struct list orders;
	size_t order_count;
	struct node_order *current;
	uint64_t retry_at;               /* of the current order; CLOCK_NEVER */
	uint16_t reload_request;         /* of the reload that is going on */
	char problems[NODE_REASON_SIZE]; /* that a reload met */
	char notes[NODE_REASON_SIZE];    /* what it has to say besides */

	struct supervisor control;
	struct unix_listener socket; /* of the control API */
	bool accepting;
	uint64_t accept_again;
	uint64_t socket_again; /* to open the socket that was deleted; CLOCK_NEVER */
	uint64_t peer_again;   /* to join the two others; CLOCK_NEVER */
	bool control_was_ready;
	uint64_t patience,
		patience_at; /* how long messages to it may still wait for room, as of when */
	struct loop_source control_source, socket_source, socket_watch;

	struct node_metrics metrics;
	struct node_split split;
	struct node_sockets sockets;
	struct node_kill_switch kill;
	struct node_dns dns;
	struct node_domains domains;
	struct node_resolvers resolvers;
};

/* node_orders.c */

/* Appends; on ERR_LIMIT or ERR_NO_MEMORY whoever asked is told so. name may be NULL. */
enum err node_order(struct node *node, enum node_order_kind kind, const char *name,
					uint16_t request, struct node_order **out_order);
/* Appends to a list of the caller's, for which no limit holds. ERR_NO_MEMORY. */
enum err node_order_add(struct list *orders, enum node_order_kind kind, const char *name);
/* Puts all of the list before everything that waits; it is empty then. */
void node_orders_first(struct node *node, struct list *orders);
void node_orders_free(struct list *orders);
/* Who asked is gone: nobody waits for an answer any more. */
void node_orders_forget(struct node *node);
/* The current order is done: tells who asked. number is errno's. */
void node_order_done(struct node *node, int number, const char *text);
void node_orders_run(struct node *node, uint64_t now);
void node_orders_done(struct node *node);

/* node_tunnel.c */
struct node_tunnel *node_tunnel_find(struct node *node, const char *name);
/* A tunnel that the configuration has newly. ERR_LIMIT. */
enum err node_tunnel_add(struct node *node, const struct config_tunnel *config);
void node_tunnel_set_state(struct node *node, struct node_tunnel *tunnel, enum process_state state,
						   const char *reason);
/* Its sockets were opened, or could not be (errno). */
void node_tunnel_listened(struct node *node, struct node_tunnel *tunnel, uint16_t port, int number);
void node_tunnel_up(struct node *node, struct node_order *order);
void node_tunnel_down(struct node *node, struct node_order *order);
void node_tunnel_change(struct node *node, struct node_order *order);
void node_tunnel_routes(struct node *node, struct node_order *order);
/* At the end, when nobody waits any more. */
void node_tunnels_clear(struct node *node);

/* node.c */
enum err node_make_state_dir(const char *path);

/* node_reload.c */
enum err node_load(const struct node_options *options, struct config **out_config,
				   struct config_errors *out_errors);
void node_reload(struct node *node, struct node_order *order);
void node_reloaded(struct node *node, struct node_order *order);
/* For the log, and for whoever asked for the reload. name: the tunnel's, NULL: none. */
void node_reload_problem(struct node *node, const char *name, const char *text);

/* node_control.c: the control process and its socket. */
enum err node_control_open(struct node *node);
void node_control_start(struct node *node, uint64_t now);
void node_control_reap(struct node *node, uint64_t now);
/* A channel between the two others, each of which has just started or is running. */
void node_control_peer(struct node *node);
void node_control_send(struct node *node, struct process_message *message);
/* With a descriptor, which stays the caller's; -1: none. */
void node_control_send_with(struct node *node, struct process_message *message, int descriptor);
void node_control_send_all(struct node *node, struct process_message *message,
						   const int *descriptors, size_t count);
void node_control_configure(struct node *node);
void node_control_state(struct node *node, const struct node_tunnel *tunnel);
void node_control_stop(struct node *node);
/* Accepts again after a pause; returns the next deadline. */
uint64_t node_control_run(struct node *node, uint64_t now);
void node_set_log_level(struct node *node, enum log_level level);
