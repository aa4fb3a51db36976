#include "daemon/control_credentials.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/wipe.h"
#include "conf/value.h"
#include "ctl/view_login.h"
#include "daemon/control_core.h"
#include "daemon/control_view.h"

enum { MESSAGE_SIZE = 512, USER_SIZE = CONFIG_LABEL_MAX + 1 };

/* Less than the tool waits for an answer, and more than a login takes at the most. */
#define PATIENCE (25 * CLOCK_SECOND)

/* What a name server that there is takes to say that a name has no address. */
#define NAMELESS (4 * CLOCK_SECOND)

/* Far more than this host takes to give the interface what the server says. */
#define SETTLING (2 * CLOCK_SECOND)

struct control_credentials {
	struct control_tunnel *tunnel; /* NULL: nobody waits any more */
	struct ctl_request *request;
	char user[USER_SIZE]; /* "": the certificate's */
	uint64_t deadline;
	uint64_t nameless; /* when the server's name is to have an address; CLOCK_NEVER: it is told */
	bool says;         /* who it is; otherwise the net process knows */
	bool asked;        /* the net process, which has not answered yet */
	bool taken;        /* by it: what comes from now on is about this */
	bool busy;         /* is what the server said so far: the net process asks it again */
	bool connected;
	uint32_t unanswered;      /* attempts since it was taken */
	struct endpoint endpoint; /* where to */
};

/* Off its tunnel, so that the answer is the only one. */
static struct ctl_request *release(struct control_tunnel *tunnel) {
	struct control_credentials *credentials = tunnel->credentials;
	struct ctl_request *request = credentials->request;
	tunnel->credentials = NULL;
	credentials->tunnel = NULL;
	/* Otherwise set_was_done() has the rest. */
	if (!credentials->asked)
		free(credentials);
	return request;
}

static void refuse(struct control_tunnel *tunnel, unsigned status, const char *code,
				   const char *text) {
	ctl_answer_error(release(tunnel), status, code, text);
}

static bool is_nameless(const struct control_tunnel *tunnel) {
	const struct control *control = tunnel->control;
	const char *problem = NULL;
	enum names_state state;
	return control->names &&
		   !names_state_of(control->names, tunnel->slot, tunnel->config->peers[0].public_key,
						   &state, &problem) &&
		   state == NAMES_RESOLVING && problem;
}

/* A name that had no address before is asked for again, as that may have changed. */
static void take(struct control_credentials *credentials) {
	credentials->taken = true;
	if (!credentials->tunnel || !is_nameless(credentials->tunnel))
		return;
	credentials->nameless = clock_now() + NAMELESS;
	names_retry(credentials->tunnel->control->names, clock_now());
}

static void set_was_done(void *context, int number, const char *text) {
	struct control_credentials *credentials = context;
	struct control_tunnel *tunnel = credentials->tunnel;
	credentials->asked = false;
	if (!credentials->taken)
		take(credentials);
	if (!tunnel)
		free(credentials);
	else if (number == ENOKEY)
		refuse(tunnel, 403, "refused", "no password is known; say one");
	else if (number)
		control_api_fail(release(tunnel), number, text);
}

/* What was known before is kept for when this is refused; its ticket is not what was asked for. */
static void put(const struct config_tunnel *config, const char *user, const char *password,
				struct uapi_text *text) {
	uapi_put_key(text, "public_key", config->peers[0].public_key);
	uapi_put_line(text, "update_only=true");
	uapi_put_line(text, "login=true");
	if (user[0])
		uapi_put_text(text, "name", user);
	if (password)
		uapi_put_bytes(text, "password", slice_of_text(password));
}

/* Where nothing is said, what the net process knows is tried, or waited for where it is already. */
static void begin(struct control_tunnel *tunnel, struct ctl_request *request, const char *user,
				  const struct view_login_request *wanted) {
	const bool says = wanted->user || wanted->password;
	struct uapi_text text = {.data = NULL};
	struct control_credentials *credentials = calloc(1, sizeof *credentials);
	if (!credentials) {
		control_api_error(request, ERR_NO_MEMORY, tunnel->name);
		return;
	}
	*credentials = (struct control_credentials){
		.tunnel = tunnel,
		.request = request,
		.deadline = clock_now() + PATIENCE,
		.nameless = CLOCK_NEVER,
		.says = says,
		.asked = true,
	};
	(void)snprintf(credentials->user, sizeof credentials->user, "%s", user);
	if (tunnel->credentials)
		refuse(tunnel, 409, "exists", "another login took the place of this one");
	tunnel->credentials = credentials;
	if (!says)
		take(credentials);
	put(tunnel->config, says ? user : "", wanted->password, &text);
	control_net_set(tunnel, &text, set_was_done, credentials);
	uapi_text_done(&text);
}

void control_credentials_take(struct control_tunnel *tunnel, struct ctl_request *request,
							  const struct view_login_request *wanted) {
	const struct config_tunnel *config = tunnel->config;
	const char *user = wanted->user ? wanted->user : config->login.username;
	char text[MESSAGE_SIZE];
	if (!config->logs_in || config->role != CONFIG_CLIENT)
		ctl_answer_error(request, 409, "exists", "it is no tunnel that one logs in by");
	else if (!user && wanted->password)
		ctl_answer_error(request, 400, "invalid",
						 "user: must be there, as the configuration has "
						 "no auth.username");
	else if (user && !value_is_label(user))
		ctl_answer_error(request, 400, "invalid",
						 "user: must be 1 to 63 letters, digits, spaces and _.@-, the first one a "
						 "letter or digit");
	else if (!control_tunnel_is_up(tunnel)) {
		(void)snprintf(text, sizeof text, "%s is not up", tunnel->name);
		ctl_answer_error(request, 503, "unavailable", text);
	} else if (!wanted->user && !wanted->password && tunnel->condition == CONDITION_CONNECTED) {
		(void)snprintf(text, sizeof text, "%s is connected", tunnel->name);
		ctl_answer_done(request, text);
	} else {
		begin(tunnel, request, user ? user : "", wanted);
	}
}

static void let_in(struct control_tunnel *tunnel) {
	const struct control_credentials *credentials = tunnel->credentials;
	char text[MESSAGE_SIZE], where[ENDPOINT_TEXT_SIZE] = "its server";
	if (credentials->endpoint.address.family)
		endpoint_format(&credentials->endpoint, where);
	(void)snprintf(text, sizeof text, "%s is connected to %s%s%s", tunnel->name, where,
				   credentials->user[0] ? " as " : "", credentials->user);
	ctl_answer_done(release(tunnel), text);
}

/* Whoever is told so sends at once, and without addresses that leads nowhere. */
void control_credentials_settle(struct control_tunnel *tunnel) {
	if (tunnel->credentials && tunnel->credentials->connected && tunnel->pushed)
		let_in(tunnel);
}

static void connected(struct control_tunnel *tunnel, const struct process_message *message) {
	struct control_credentials *credentials = tunnel->credentials;
	credentials->connected = true;
	credentials->deadline = clock_now() + SETTLING;
	credentials->endpoint =
		(struct endpoint){.port = message->event.port, .scope_id = message->event.scope};
	if (message->event.family)
		credentials->endpoint.address =
			address_from_bytes((enum address_family)message->event.family, message->event.address);
	control_credentials_settle(tunnel);
}

/* Whose word it is, and whether another password may mend it. */
static const char *code_of(uint32_t reject) {
	if (reject == PROCESS_ACCEPTED)
		return "declined";
	return reject == PROCESS_REJECT_CREDENTIALS ? "credentials" : "refused";
}

/* So far; why is what status says, but for the kill switch, which is no reason. */
static void put_off(struct control_tunnel *tunnel) {
	static const char *const hints[] = {
		[CONFIG_OVER_UDP] = "; it is asked over UDP alone, and with transport: auto over TCP, too",
		[CONFIG_OVER_TCP] = "; it is asked over TCP alone, and with transport: auto over UDP, too",
		[CONFIG_OVER_EITHER] = "",
	};
	char text[MESSAGE_SIZE];
	struct control_view view = control_status_view(tunnel);
	view.blocks = false;
	const struct condition_result result = control_view_condition(&view);
	const bool is_silent = tunnel->credentials->unanswered > 0;
	if (tunnel->credentials->busy)
		(void)snprintf(text, sizeof text,
					   "the server is busy, as it is after wrong passwords; the daemon goes on "
					   "trying");
	else
		(void)snprintf(text, sizeof text, "%.300s%s; the daemon goes on trying",
					   result.reason[0] ? result.reason : "the server has not answered yet",
					   is_silent ? hints[tunnel->config->login.transport] : "");
	refuse(tunnel, 504, "unavailable", text);
}

/* Who has several endpoints has others to try. */
void control_credentials_stuck(struct control_tunnel *tunnel) {
	const struct control_credentials *credentials = tunnel->credentials;
	if (credentials && credentials->taken && !credentials->connected && !credentials->busy &&
		tunnel->config->shared.endpoints.count == 1)
		put_off(tunnel);
}

void control_credentials_unanswered(struct control_tunnel *tunnel) {
	struct control_credentials *credentials = tunnel->credentials;
	if (!credentials || !credentials->taken || credentials->connected)
		return;
	const struct config_tunnel *config = tunnel->config;
	const size_t ways = config->login.transport == CONFIG_OVER_EITHER ? 2 : 1;
	credentials->unanswered++;
	if (credentials->unanswered >= ways * config->shared.endpoints.count && !credentials->busy)
		put_off(tunnel);
}

void control_credentials_event(struct control_tunnel *tunnel,
							   const struct process_message *message) {
	if (!tunnel->credentials || !tunnel->credentials->taken)
		return;
	if (message->event.kind == PROCESS_EVENT_CONNECTED)
		connected(tunnel, message);
	else if (message->event.count == PROCESS_REJECT_BUSY)
		tunnel->credentials->busy = true;
	else
		refuse(tunnel, 403, code_of(message->event.count), message->event.text);
}

uint64_t control_credentials_run(struct control *control, uint64_t now) {
	uint64_t next = CLOCK_NEVER;
	for (size_t i = 0; i < CONFIG_TUNNELS_MAX; i++) {
		struct control_tunnel *tunnel = &control->tunnels[i];
		if (tunnel->credentials && now >= tunnel->credentials->nameless) {
			tunnel->credentials->nameless = CLOCK_NEVER;
			if (is_nameless(tunnel))
				control_credentials_stuck(tunnel);
		}
		if (!tunnel->credentials)
			continue;
		if (tunnel->credentials->nameless < next)
			next = tunnel->credentials->nameless;
		if (now >= tunnel->credentials->deadline && tunnel->credentials->connected)
			let_in(tunnel);
		else if (now >= tunnel->credentials->deadline)
			put_off(tunnel);
		else if (tunnel->credentials->deadline < next)
			next = tunnel->credentials->deadline;
	}
	return next;
}

void control_credentials_forgotten(struct control *control) {
	for (size_t i = 0; i < CONFIG_TUNNELS_MAX; i++) {
		struct control_tunnel *tunnel = &control->tunnels[i];
		const struct control_credentials *credentials = tunnel->credentials;
		if (credentials && credentials->says && credentials->taken && !credentials->connected)
			refuse(tunnel, 503, "unavailable",
				   "umbrad's net process ended while the server was asked: log in again");
	}
}

void control_credentials_drop(struct control_tunnel *tunnel) {
	if (tunnel->credentials)
		refuse(tunnel, 503, "unavailable", "the tunnel went down");
}
