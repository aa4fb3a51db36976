#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/node_core.h"
#include "daemon/node_instance.h"
#include "daemon/node_mtu.h"
#include "daemon/node_network.h"
#include "daemon/node_site.h"
#include "daemon/node_streams.h"
#include "tunnel/plan.h"

/*
 * A tunnel comes up in steps, each begun by the result of the one before:
 *
 *   interface and sockets ─▶ known to net ─▶ keys and peers in net ─▶ firewall, addresses, routes
 *
 * and goes down in the other direction. The address comes last, so that no packet finds half of it.
 */

#define RETRY_INTERVAL (50 * CLOCK_MILLISECOND)
/* How long a change waits for the net process to come back. */
#define CHANGE_TIMEOUT (10 * CLOCK_SECOND)

/* Net processes that may end during one order; more are likely to be brought down by it. */
enum { DEATHS_MAX = 3 };

struct node_tunnel *node_tunnel_find(struct node *node, const char *name) {
	for (size_t i = 0; i < PROCESS_TUNNELS_MAX; i++)
		if (node->tunnels[i].used && strcmp(node->tunnels[i].name, name) == 0)
			return &node->tunnels[i];
	return NULL;
}

enum err node_tunnel_add(struct node *node, const struct config_tunnel *config) {
	for (uint16_t i = 0; i < PROCESS_TUNNELS_MAX; i++) {
		uint16_t slot = (node->next_slot + i) % PROCESS_TUNNELS_MAX;
		struct node_tunnel *tunnel = &node->tunnels[slot];
		if (tunnel->used)
			continue;
		node->next_slot = (slot + 1U) % PROCESS_TUNNELS_MAX;
		*tunnel = (struct node_tunnel){.used = true, .slot = slot, .config = config};
		memcpy(tunnel->name, config->name, sizeof tunnel->name);
		node_control_state(node, tunnel);
		return ERR_OK;
	}
	return ERR_LIMIT;
}

void node_tunnel_set_state(struct node *node, struct node_tunnel *tunnel, enum process_state state,
						   const char *reason) {
	tunnel->state = state;
	(void)snprintf(tunnel->reason, sizeof tunnel->reason, "%s", reason);
	node_control_state(node, tunnel);
}

static struct node_tunnel *current_tunnel(struct node *node) {
	return node->current ? node_tunnel_find(node, node->current->name) : NULL;
}

static void let_go(struct node *node, struct node_tunnel *tunnel,
				   void (*done)(void *context, int number, const char *text)) {
	node_network_down(node, tunnel);
	node_pushed_forget(tunnel);
	struct attachment *attachment = tunnel->attachment;
	tunnel->attachment = NULL;
	if (attachment)
		privileged_detach(&node->privileged, attachment, done, node);
	else
		done(node, 0, "");
}

void node_tunnel_listened(struct node *node, struct node_tunnel *tunnel, uint16_t port,
						  int number) {
	if (number == 0 && !tunnel->deaf)
		return;
	tunnel->deaf = number != 0;
	if (number)
		(void)snprintf(tunnel->reason, sizeof tunnel->reason,
					   "UDP port %u could not be opened: %s; it is tried again every 5 seconds",
					   port, number == EADDRINUSE ? "it is in use" : strerror(number));
	else
		tunnel->reason[0] = '\0';
	node_control_state(node, tunnel);
}

/* Up has failed: */

static void fallen(void *context, int number, const char *text) {
	struct node *node = context;
	struct node_tunnel *tunnel = current_tunnel(node);
	if (!tunnel)
		return;
	node_control_state(node, tunnel);
	char line[NODE_REASON_SIZE];
	(void)snprintf(line, sizeof line, "%s: %.480s", tunnel->name, tunnel->reason);
	node_order_done(node, EIO, line);
}

static void fail(struct node *node, struct node_tunnel *tunnel, const char *reason) {
	log_error("%s: %s", tunnel->name, reason);
	tunnel->state = PROCESS_STATE_FAILED;
	(void)snprintf(tunnel->reason, sizeof tunnel->reason, "%s", reason);
	let_go(node, tunnel, fallen);
}

/* The net process ended. Once it is back all can be done from the beginning. */
static void begin_again(void *context, int number, const char *text) {
	struct node *node = context;
	uint64_t now = clock_now();
	node->current->give_up = now + NODE_NAME_TIMEOUT * CLOCK_SECOND;
	node->retry_at = now + RETRY_INTERVAL;
}

/* number is errno's, text what was said of it. */
static void fail_or_repeat(struct node *node, struct node_tunnel *tunnel, int number,
						   const char *text) {
	if (number == EPIPE && node->current->deaths++ < DEATHS_MAX) {
		let_go(node, tunnel, begin_again);
		return;
	}
	char reason[NODE_REASON_SIZE];
	(void)snprintf(reason, sizeof reason, "%s", text[0] ? text : strerror(number));
	fail(node, tunnel, reason);
}

static int number_of(enum err error) {
	return error == ERR_CLOSED ? EPIPE : error == ERR_NO_MEMORY ? ENOMEM : EIO;
}

/* Up: */

static void listening(void *context, int number, const char *text) {
	struct node *node = context;
	struct node_tunnel *tunnel = current_tunnel(node);
	if (!tunnel)
		return;
	if (number) {
		fail_or_repeat(node, tunnel, number, text);
		return;
	}
	/* A reason given so far is that of sockets, which are tried again. */
	char line[NODE_REASON_SIZE];
	(void)snprintf(line, sizeof line, "%s is up%s%.400s", tunnel->name,
				   tunnel->deaf ? ", but " : "", tunnel->deaf ? tunnel->reason : "");
	log_info("%s", line);
	tunnel->state = PROCESS_STATE_UP;
	node_control_state(node, tunnel);
	node_pushed_judge(node);
	node_order_done(node, 0, line);
}

static void configured(void *context, int number, const char *text) {
	struct node *node = context;
	struct node_tunnel *tunnel = current_tunnel(node);
	if (!tunnel)
		return;
	char problem[NODE_REASON_SIZE];
	_Static_assert((int)NODE_REASON_SIZE >= (int)NODE_NETWORK_PROBLEM_SIZE, "both fit");
	if (number) {
		(void)snprintf(problem, sizeof problem, "its configuration was not taken: %.200s",
					   text[0] ? text : strerror(number));
		fail_or_repeat(node, tunnel, number, problem);
		return;
	}
	if (node_site_up(node, tunnel, problem) || node_network_up(node, tunnel, problem)) {
		fail(node, tunnel, problem);
		return;
	}
	/* Tells the net process that the interface is up; its next answer comes when it listens. */
	privileged_refresh_link(tunnel->attachment);
	enum err error =
		privileged_set(&node->privileged, tunnel->attachment, slice_of_text(""), listening, node);
	if (error)
		fail_or_repeat(node, tunnel, number_of(error), err_text(error));
}

static void attached(void *context, int number, const char *text) {
	struct node *node = context;
	struct node_tunnel *tunnel = current_tunnel(node);
	if (!tunnel)
		return;
	if (number) {
		fail_or_repeat(node, tunnel, number, text);
		return;
	}
	struct uapi_text lines = {.data = NULL};
	node_instance_put(node, tunnel, &lines);
	plan_device_text(tunnel->config, tunnel->slot, &lines);
	node_kill_switch_put_endpoints(node, tunnel, &lines);
	enum err error = lines.error;
	if (!error)
		error = privileged_set(&node->privileged, tunnel->attachment,
							   slice_of(lines.data, lines.size), configured, node);
	uapi_text_done(&lines);
	if (error)
		fail_or_repeat(node, tunnel, number_of(error), err_text(error));
}

static unsigned count_shards(const struct config *config) {
	if (!config->node.shards.automatic)
		return config->node.shards.value;
	cpu_set_t processors;
	if (sched_getaffinity(0, sizeof processors, &processors))
		return 1;
	return options_automatic_shards((unsigned)CPU_COUNT(&processors));
}

void node_tunnel_up(struct node *node, struct node_order *order) {
	struct node_tunnel *tunnel = node_tunnel_find(node, order->name);
	char line[NODE_REASON_SIZE];
	if (!tunnel || !tunnel->config) {
		(void)snprintf(line, sizeof line, "there is no tunnel %s in %s", order->name,
					   node->config->path);
		node_order_done(node, ENOENT, line);
		return;
	}
	if (tunnel->state == PROCESS_STATE_UP) {
		(void)snprintf(line, sizeof line, "%s is up already", order->name);
		node_order_done(node, 0, line);
		return;
	}
	const struct config_tunnel *config = tunnel->config;
	struct stream_socket_request sockets[STREAM_LISTENERS_MAX];
	struct attachment_request request = {
		.name = tunnel->name,
		.protocol = config->protocol,
		.shards = count_shards(node->config),
		.no_header = !node->config->node.offload.tun,
		.no_udp = !node->config->node.offload.tun_udp,
		.mtu = node_mtu(tunnel),
		.more = plan_mtu_more(config),
		.listen = config->listen.address,
	};
	node_streams_request(tunnel, sockets, &request);
	char problem[NODE_REASON_SIZE];
	if (node_kill_switch_engage(node, tunnel, problem)) {
		fail(node, tunnel, problem);
		return;
	}
	enum err error =
		attachment_new(&node->privileged, tunnel->slot, &request, &tunnel->attachment, problem);
	uint64_t now = clock_now();
	if ((error == ERR_EXISTS || error == ERR_ADDRESS_IN_USE) && now < order->give_up) {
		/* What a run had that was killed goes with its last process, any moment now. */
		node->retry_at = now + RETRY_INTERVAL;
		return;
	}
	if (!error) {
		tunnel->deaf = tunnel->doubtful = false;
		node_tunnel_set_state(node, tunnel, PROCESS_STATE_STARTING, "");
		error = privileged_attach(&node->privileged, tunnel->attachment, attached, node);
		if (error) {
			attachment_free(tunnel->attachment);
			tunnel->attachment = NULL;
			(void)snprintf(problem, sizeof problem, "%s", err_text(error));
		}
	}
	if (error)
		fail(node, tunnel, problem);
}

/* Down: */

static void forget(struct node *node, struct node_tunnel *tunnel) {
	node_split_forget(node, tunnel);
	node_pushed_forget(tunnel);
	free(tunnel->more);
	*tunnel = (struct node_tunnel){.used = false};
}

static void release(struct node *node, struct node_tunnel *tunnel, const struct node_order *order) {
	if (order->kind == NODE_ORDER_REMOVE)
		tunnel->config = NULL;
	if (order->kind != NODE_ORDER_REMOVE && !order->release)
		return;
	node_kill_switch_release(node, tunnel);
	node_split_released(node, tunnel);
}

static void gone_down(void *context, int number, const char *text) {
	struct node *node = context;
	struct node_tunnel *tunnel = current_tunnel(node);
	if (!tunnel)
		return;
	char line[NODE_REASON_SIZE];
	(void)snprintf(line, sizeof line, "%s is down", tunnel->name);
	const char *reason = node->current->reason;
	log_info("%s is down%s%s", tunnel->name, reason[0] ? ": " : "", reason);
	release(node, tunnel, node->current);
	node_tunnel_set_state(node, tunnel, reason[0] ? PROCESS_STATE_FAILED : PROCESS_STATE_DOWN,
						  reason);
	if (node->current->kind == NODE_ORDER_REMOVE)
		forget(node, tunnel);
	node_pushed_judge(node);
	node_order_done(node, 0, line);
}

void node_tunnel_down(struct node *node, struct node_order *order) {
	struct node_tunnel *tunnel = node_tunnel_find(node, order->name);
	char line[NODE_REASON_SIZE];
	if (!tunnel) {
		(void)snprintf(line, sizeof line, "there is no tunnel %s in %s", order->name,
					   node->config->path);
		node_order_done(node, ENOENT, line);
		return;
	}
	/* An interface that was deleted may have been replaced by orders that came before this one. */
	if (order->reason[0] && !(tunnel->attachment && tunnel->attachment->gone)) {
		node_order_done(node, 0, "");
		return;
	}
	if (tunnel->attachment) {
		let_go(node, tunnel, gone_down);
		return;
	}
	release(node, tunnel, order);
	if (order->kind == NODE_ORDER_REMOVE)
		forget(node, tunnel);
	else
		node_tunnel_set_state(node, tunnel, PROCESS_STATE_DOWN, "");
	(void)snprintf(line, sizeof line, "%s is down", order->name);
	node_order_done(node, 0, line);
}

/* Change: */

/* Change: */

/* tunnel->config is the one in force until here: the change may be repeated. */
static void finish_change(struct node *node, struct node_tunnel *tunnel, int number,
						  const char *text) {
	char problem[NODE_NETWORK_PROBLEM_SIZE];
	tunnel->config = config_find(node->config, tunnel->name);
	tunnel->doubtful |= number != 0;
	if (number)
		node_reload_problem(node, tunnel->name, text[0] ? text : strerror(number));
	if (node_network_change(node, tunnel, problem))
		node_reload_problem(node, tunnel->name, problem);
	node_order_done(node, 0, "");
}

/* Set operations can be repeated, and a net process that was started again has what was before. */
static bool repeat_change(struct node *node) {
	uint64_t now = clock_now();
	if (now >= node->current->give_up)
		return false;
	node->retry_at = now + RETRY_INTERVAL;
	return true;
}

static void changed(void *context, int number, const char *text) {
	struct node *node = context;
	struct node_tunnel *tunnel = current_tunnel(node);
	if (!tunnel)
		return;
	if (number == EPIPE && node->current->deaths++ < DEATHS_MAX && repeat_change(node))
		return;
	finish_change(node, tunnel, number, text);
}

void node_tunnel_change(struct node *node, struct node_order *order) {
	struct node_tunnel *tunnel = node_tunnel_find(node, order->name);
	const struct config_tunnel *after = config_find(node->config, order->name);
	if (!tunnel || !after) {
		node_order_done(node, 0, "");
		return;
	}
	if (tunnel->state != PROCESS_STATE_UP) {
		tunnel->config = after;
		node_order_done(node, 0, "");
		return;
	}
	if (!order->changing)
		order->give_up = clock_now() + CHANGE_TIMEOUT;
	order->changing = true;
	struct uapi_text lines = {.data = NULL};
	enum err error = plan_device_changes(node_pushed_config(tunnel, tunnel->config),
										 node_pushed_config(tunnel, after), tunnel->slot, &lines);
	bool nothing = !error && lines.size == 0;
	if (!error && !nothing)
		error = privileged_set(&node->privileged, tunnel->attachment,
							   slice_of(lines.data, lines.size), changed, node);
	uapi_text_done(&lines);
	bool later = error == ERR_CLOSED || error == ERR_AGAIN || error == ERR_LIMIT;
	if (later && repeat_change(node))
		return;
	if (error || nothing)
		finish_change(node, tunnel, error ? number_of(error) : 0, error ? err_text(error) : "");
}

void node_tunnel_routes(struct node *node, struct node_order *order) {
	struct node_tunnel *tunnel = node_tunnel_find(node, order->name);
	if (!tunnel) {
		node_order_done(node, ENOENT, "there is no such tunnel");
		return;
	}
	free(tunnel->more);
	tunnel->more = order->prefixes;
	tunnel->more_count = order->prefix_count;
	order->prefixes = NULL;
	node_pushed_judge(node);
	char problem[NODE_NETWORK_PROBLEM_SIZE];
	if (tunnel->state == PROCESS_STATE_UP && tunnel->config->routes.from_peers &&
		node_network_change(node, tunnel, problem)) {
		log_error("%s: %s", tunnel->name, problem);
		node_order_done(node, EIO, problem);
		return;
	}
	node_order_done(node, 0, "");
}

void node_tunnels_clear(struct node *node) {
	node_network_clear(node);
	for (size_t i = 0; i < PROCESS_TUNNELS_MAX; i++) {
		if (!node->tunnels[i].used)
			continue;
		free(node->tunnels[i].more);
		node_pushed_forget(&node->tunnels[i]);
		node->tunnels[i] = (struct node_tunnel){.used = false};
	}
}
