/* What people ask for and the privileged process does. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/control_core.h"

enum { MESSAGE_SIZE = PROCESS_TEXT_SIZE + STORE_PROBLEM_SIZE + 64 };

struct order {
	struct control *control;
	struct ctl_request *request; /* NULL: nobody waits */
	char name[PROCESS_NAME_SIZE];
	enum log_level level;
};

static struct order *order_new(struct control *control, struct ctl_request *request,
							   const char *name) {
	struct order *order = calloc(1, sizeof *order);
	if (!order)
		return NULL;
	order->control = control;
	order->request = request;
	(void)snprintf(order->name, sizeof order->name, "%s", name);
	return order;
}

static void fail(struct order *order, int number, const char *text) {
	if (order->request)
		control_api_fail(order->request, number, text);
	free(order);
}

static void send(struct order *order, struct process_message *message,
				 void (*done)(void *context, const struct control_reply *reply)) {
	enum err error =
		control_channel_ask(&order->control->privileged, message, -1, PROCESS_RESULT, done, order);
	if (error)
		fail(order, error == ERR_LIMIT ? EBUSY : EIO,
			 error == ERR_LIMIT ? "too much is waiting to be done" : err_text(error));
}

static void answer(struct order *order, const char *message) {
	if (order->request)
		ctl_answer_done(order->request, message);
	free(order);
}

/* Whether it stays so over a restart; otherwise why not, behind the message. */
static void remember(struct order *order, bool down, const char *message) {
	struct control *control = order->control;
	struct control_tunnel *tunnel = control_tunnel_find(control, order->name);
	if (tunnel)
		tunnel->held = down;
	const char *problem = control->store_problem;
	enum err error = ERR_OK;
	if (control->store) {
		error = store_set_down(control->store, order->name, down);
		problem = err_text(error);
	}
	char text[MESSAGE_SIZE];
	bool kept = control->store ? !error : !down;
	(void)snprintf(
		text, sizeof text, "%s%s%s", message,
		kept ? "" : ", but this will be forgotten at the next start: ", kept ? "" : problem);
	if (!kept)
		log_warning("%s", text);
	answer(order, text);
}

static void is_up(void *context, const struct control_reply *reply) {
	struct order *order = context;
	char text[PROCESS_TEXT_SIZE];
	if (reply->number) {
		fail(order, reply->number, reply->text);
		return;
	}
	(void)snprintf(text, sizeof text, "%s is up", order->name);
	remember(order, false, reply->text[0] ? reply->text : text);
}

static void is_down(void *context, const struct control_reply *reply) {
	struct order *order = context;
	char text[PROCESS_TEXT_SIZE];
	if (reply->number) {
		fail(order, reply->number, reply->text);
		return;
	}
	(void)snprintf(text, sizeof text, "%s is down", order->name);
	remember(order, true, reply->text[0] ? reply->text : text);
}

static void start(struct control_tunnel *tunnel, struct ctl_request *request,
				  enum process_type type,
				  void (*done)(void *context, const struct control_reply *reply)) {
	struct order *order = order_new(tunnel->control, request, tunnel->name);
	if (!order) {
		if (request)
			control_api_error(request, ERR_NO_MEMORY, tunnel->name);
		return;
	}
	struct process_message message = {.type = type};
	memcpy(message.order.name, tunnel->name, sizeof message.order.name);
	send(order, &message, done);
}

void control_orders_up(struct control_tunnel *tunnel, struct ctl_request *request) {
	start(tunnel, request, PROCESS_UP, is_up);
}

void control_orders_down(struct control_tunnel *tunnel, struct ctl_request *request) {
	start(tunnel, request, PROCESS_DOWN, is_down);
}

void control_orders_refused(struct control *control, const char *faults) {
	control_api_publish(control, "configuration.refused", NULL, NULL, "%s", faults);
}

static void is_reloaded(void *context, const struct control_reply *reply) {
	struct order *order = context;
	if (reply->number) {
		/* Other errors are of what it led to. */
		if (reply->number == EINVAL)
			control_orders_refused(order->control, reply->text);
		fail(order, reply->number, reply->text);
		return;
	}
	answer(order, reply->text[0] ? reply->text : "the configuration was read again");
}

void control_orders_reload(struct control *control, struct ctl_request *request) {
	struct order *order = order_new(control, request, "");
	struct process_message message = {.type = PROCESS_RELOAD};
	if (order)
		send(order, &message, is_reloaded);
	else
		control_api_error(request, ERR_NO_MEMORY, "reload");
}

static void is_logged(void *context, const struct control_reply *reply) {
	struct order *order = context;
	if (reply->number) {
		fail(order, reply->number, reply->text);
		return;
	}
	char text[64];
	(void)snprintf(text, sizeof text, "the log's level is %s", log_level_name(order->level));
	answer(order, text);
}

void control_orders_log(struct control *control, struct ctl_request *request, const char *level) {
	enum log_level parsed;
	if (!level || !log_level_parse(level, &parsed)) {
		ctl_answer_error(request, 400, "invalid",
						 "level: one of silent, error, warning, info, debug");
		return;
	}
	struct order *order = order_new(control, request, "");
	if (!order) {
		control_api_error(request, ERR_NO_MEMORY, "log");
		return;
	}
	order->level = parsed;
	struct process_message message = {.type = PROCESS_LOG};
	message.log.level = (uint8_t)parsed;
	send(order, &message, is_logged);
}

static void is_split(void *context, const struct control_reply *reply) {
	struct order *order = context;
	if (reply->number)
		fail(order, reply->number, reply->text);
	else
		answer(order, reply->text);
}

void control_orders_split(struct control *control, struct ctl_request *request, const char *name) {
	struct order *order = order_new(control, request, name);
	if (!order) {
		control_api_error(request, ERR_NO_MEMORY, "split");
		return;
	}
	struct process_message message = {.type = PROCESS_SPLIT};
	memcpy(message.order.name, order->name, sizeof message.order.name);
	send(order, &message, is_split);
}
