#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/hardening.h"
#include "daemon/node_core.h"

static void answer(struct node *node, uint16_t request, int number, const char *text) {
	if (request == 0)
		return;
	struct process_message message = {.type = PROCESS_RESULT, .request = request};
	message.result.error = (uint32_t)number;
	strncpy(message.result.text, text, sizeof message.result.text - 1);
	node_control_send(node, &message);
}

static void order_free(struct node_order *order) {
	if (order)
		free(order->prefixes);
	free(order);
}

static struct node_order *order_new(enum node_order_kind kind, const char *name) {
	struct node_order *order = calloc(1, sizeof *order);
	if (!order)
		return NULL;
	order->kind = kind;
	order->give_up = clock_now() + NODE_NAME_TIMEOUT * CLOCK_SECOND;
	if (name)
		strncpy(order->name, name, sizeof order->name - 1);
	return order;
}

enum err node_order(struct node *node, enum node_order_kind kind, const char *name,
					uint16_t request, struct node_order **out_order) {
	if (node->order_count >= NODE_ORDERS_MAX) {
		answer(node, request, EBUSY, "too much is waiting to be done");
		return ERR_LIMIT;
	}
	struct node_order *order = order_new(kind, name);
	if (!order) {
		answer(node, request, ENOMEM, err_text(ERR_NO_MEMORY));
		return ERR_NO_MEMORY;
	}
	order->request = request;
	list_append(&node->orders, &order->link);
	node->order_count++;
	if (out_order)
		*out_order = order;
	return ERR_OK;
}

enum err node_order_add(struct list *orders, enum node_order_kind kind, const char *name) {
	struct node_order *order = order_new(kind, name);
	if (!order)
		return ERR_NO_MEMORY;
	list_append(orders, &order->link);
	return ERR_OK;
}

void node_orders_first(struct node *node, struct list *orders) {
	struct list *behind = node->orders.next;
	for (struct list *link; (link = list_take_first(orders)) != NULL; node->order_count++)
		list_append(behind, link); /* right before that one */
}

void node_orders_free(struct list *orders) {
	for (struct list *first; (first = list_take_first(orders)) != NULL;)
		order_free(list_item(first, struct node_order, link));
}

void node_orders_forget(struct node *node) {
	node->reload_request = 0;
	if (node->current)
		node->current->request = 0;
	list_for_each (link, &node->orders)
		list_item(link, struct node_order, link)->request = 0;
}

void node_order_done(struct node *node, int number, const char *text) {
	struct node_order *order = node->current;
	if (!order)
		return;
	node->current = NULL;
	node->retry_at = CLOCK_NEVER;
	answer(node, order->request, number, text);
	order_free(order);
}

static void announce(struct node *node) {
	node_order_done(node, 0, "");
	if (node->announced)
		return;
	node->announced = true;
	if (daemonize_ready(&node->daemonize)) {
		log_error("the start was interrupted");
		node->privileged.ending = true;
		node->privileged.status = EXIT_FAILURE;
		return;
	}
	if (node->options.background) {
		log_to_syslog();
		hardening_detach_terminal();
		node->privileged.detached = true;
	}
	log_info("ready, tunnels: %zu", node->config->tunnel_count);
}

static void carry_out(struct node *node, struct node_order *order) {
	switch (order->kind) {
	case NODE_ORDER_UP:
		node_tunnel_up(node, order);
		return;
	case NODE_ORDER_DOWN:
	case NODE_ORDER_REMOVE:
		node_tunnel_down(node, order);
		return;
	case NODE_ORDER_CHANGE:
		node_tunnel_change(node, order);
		return;
	case NODE_ORDER_ROUTES:
		node_tunnel_routes(node, order);
		return;
	case NODE_ORDER_SETTINGS:
		node_pushed_apply(node, order);
		return;
	case NODE_ORDER_RELOAD:
		node_reload(node, order);
		return;
	case NODE_ORDER_RELOADED:
		node_reloaded(node, order);
		return;
	case NODE_ORDER_READY:
		announce(node);
		return;
	}
}

void node_orders_run(struct node *node, uint64_t now) {
	if (node->current && now >= node->retry_at) {
		node->retry_at = CLOCK_NEVER;
		carry_out(node, node->current);
	}
	while (!node->current && !node->privileged.ending) {
		struct list *first = list_take_first(&node->orders);
		if (!first)
			return;
		node->order_count--;
		node->current = list_item(first, struct node_order, link);
		carry_out(node, node->current);
	}
}

void node_orders_done(struct node *node) {
	order_free(node->current);
	node->current = NULL;
	node_orders_free(&node->orders);
}
