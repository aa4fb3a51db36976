#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "wire/process.h"

/*
 * What servers say of tunnels' interfaces (SETTINGS): what the configuration allows of it is done
 * to this host (tunnel/plan_pushed.h), as if it stood there, and kept until the tunnel goes down or
 * the server says something else, also while no net process runs.
 */

struct attachment;
struct config_tunnel;
struct interface_settings;
struct node;
struct node_order;
struct node_tunnel;
struct plan_pushed;
struct privileged;

enum { NODE_PUSHED_ENDPOINTS_MAX = 16 };

struct node_pushed_word {
	uint8_t public_key[PROCESS_KEY_SIZE]; /* whose */
	struct interface_settings *settings;
};

/* Of one tunnel. */
struct node_pushed {
	struct node_pushed_word word; /* the last; settings NULL: none */
	bool failed;                  /* it was not carried out: the same again is no repetition */
	struct plan_pushed *plan;     /* in force, of tunnel->config; NULL: nothing */
	struct plan_pushed *next;     /* during a reload: of the configuration to come */
	struct plan_pushed *coming;   /* while the device is told of it */
	bool waiting;                 /* for due */
	uint64_t due;
	uint64_t burst_end; /* words within it are limited */
	unsigned burst;
	struct address endpoints[NODE_PUSHED_ENDPOINTS_MAX]; /* of names, the last ones */
	size_t endpoint_count;
};

/*
 * The configuration that holds for the tunnel, by the file's: with what its server said. The file's
 * is in force, or the one to come.
 */
const struct config_tunnel *node_pushed_config(const struct node_tunnel *tunnel,
											   const struct config_tunnel *file);
/* The same by name: the one to come, where there is one. */
const struct config_tunnel *node_pushed_config_of(const struct node *node,
												  const struct node_tunnel *tunnel);
/* The MTU that is left of the tunnel's own. */
uint32_t node_pushed_mtu(const struct node_tunnel *tunnel, uint32_t own, bool v6);

/* See privileged_ops.settings. */
bool node_pushed_say(struct privileged *privileged, const struct attachment *attachment,
					 const uint8_t public_key[static PROCESS_KEY_SIZE],
					 const struct interface_settings *settings);
/* Where a peer is reached from now on, or is seen: no route may lead it into the tunnel. */
void node_pushed_endpoint(struct node *node, const struct process_message *message);
/* Networks of this host or of another tunnel have changed: all that servers gave is judged again.
 */
void node_pushed_judge(struct node *node);
/* NODE_ORDER_SETTINGS */
void node_pushed_apply(struct node *node, struct node_order *order);
/* Orders what is due; returns the next deadline. */
uint64_t node_pushed_run(struct node *node, uint64_t now);

/* What was taken, for the control process; or that nothing is any more. */
void node_pushed_tell(struct node *node, const struct node_tunnel *tunnel);

/* The configuration is another one; then it is in force for all, and the one of before goes. */
void node_pushed_reload(struct node *node);
void node_pushed_settle(struct node *node);
/* The tunnel is down. */
void node_pushed_forget(struct node_tunnel *tunnel);
