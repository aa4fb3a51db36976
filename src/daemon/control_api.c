/* Questions of the control API find who answers them. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/control_core.h"
#include "daemon/control_credentials.h"
#include "daemon/control_users.h"

enum { MESSAGE_SIZE = 1024 };

void control_api_fail(struct ctl_request *request, int number, const char *text) {
	if (!text || !text[0])
		text = strerror(number);
	switch (number) {
	case ENOENT:
		ctl_answer_error(request, 404, "not_found", text);
		return;
	case EINVAL:
		ctl_answer_error(request, 422, "invalid", text);
		return;
	case EBUSY:
	case EAGAIN:
	case EPIPE:
	case ENODEV:
		ctl_answer_error(request, 503, "unavailable", text);
		return;
	case ETIMEDOUT:
		ctl_answer_error(request, 504, "unavailable", text);
		return;
	default:
		ctl_answer_error(request, 500, "failed", text);
		return;
	}
}

void control_api_error(struct ctl_request *request, enum err error, const char *what) {
	char text[MESSAGE_SIZE];
	(void)snprintf(text, sizeof text, "%.200s: %s", what, err_text(error));
	bool later = error == ERR_AGAIN || error == ERR_LIMIT;
	ctl_answer_error(request, later ? 503 : 500, later ? "unavailable" : "failed", text);
}

void control_api_publish(struct control *control, const char *kind, const char *tunnel,
						 const char *peer, const char *format, ...) {
	uint32_t dropped;
	if (!control->server)
		return;
	bool allowed = log_limit_take(&control->events, clock_now(), &dropped);
	if (dropped > 0)
		log_debug("%u events were left out", dropped);
	/* Those of peers only: what tunnels do nobody else can bring about. */
	if (!allowed && peer)
		return;
	char message[MESSAGE_SIZE];
	va_list arguments;
	va_start(arguments, format);
	(void)vsnprintf(message, sizeof message, format, arguments);
	va_end(arguments);
	ctl_server_publish(control->server, kind, tunnel, peer, message);
}

/* Of one tunnel. */
static void ask_tunnel(struct control *control, struct ctl_request *request,
					   const struct ctl_question *question) {
	struct control_tunnel *tunnel = control_tunnel_find(control, question->tunnel);
	if (!tunnel) {
		char text[MESSAGE_SIZE];
		(void)snprintf(text, sizeof text, "there is no tunnel %.64s in %.400s", question->tunnel,
					   control_file(control));
		ctl_answer_error(request, 404, "not_found", text);
		return;
	}
	switch (question->kind) {
	case CTL_UP:
		control_orders_up(tunnel, request);
		return;
	case CTL_DOWN:
		control_orders_down(tunnel, request);
		return;
	case CTL_LOGIN:
		control_credentials_take(tunnel, request, question->login);
		return;
	case CTL_INSIDE:
		control_orders_split(control, request, tunnel->name);
		return;
	case CTL_PEER_ADD:
		control_peers_add(tunnel, request, question->add);
		return;
	case CTL_PEER_REMOVE:
		control_peers_remove(tunnel, request, question->peer);
		return;
	default:
		control_status_ask(control, request, question);
		return;
	}
}

void control_api_ask(void *context, struct ctl_request *request,
					 const struct ctl_question *question) {
	struct control *control = context;
	switch (question->kind) {
	case CTL_STATUS:
	case CTL_METRICS:
		control_status_ask(control, request, question);
		break;
	case CTL_RELOAD:
		control_orders_reload(control, request);
		break;
	case CTL_LOG:
		control_orders_log(control, request, question->level);
		break;
	case CTL_OUTSIDE:
		control_orders_split(control, request, "");
		break;
	case CTL_USERS:
	case CTL_USER:
	case CTL_USER_ADD:
	case CTL_USER_CHANGE:
	case CTL_USER_REMOVE:
		control_users_ask(control, request, question);
		break;
	case CTL_TUNNEL:
	case CTL_INSIDE:
	case CTL_UP:
	case CTL_DOWN:
	case CTL_LOGIN:
	case CTL_PEERS:
	case CTL_PEER:
	case CTL_PEER_ADD:
	case CTL_PEER_REMOVE:
		ask_tunnel(control, request, question);
		break;
	}
	control_run(control);
}
