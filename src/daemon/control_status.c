/* Questions about how things are: figures are gathered from the net process first. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/control_core.h"
#include "daemon/control_dns_step.h"
#include "daemon/control_gather.h"
#include "daemon/control_logins.h"
#include "daemon/control_view.h"
#include "host/route_message.h"

/* After which answers have the figures that are there. */
#define GATHER_TIMEOUT (2 * CLOCK_SECOND)

_Static_assert((int)CONTROL_GATHER_TUNNELS >= (int)CONFIG_TUNNELS_MAX, "a bit a tunnel");

/* A question that waits. */
struct waiting {
	struct list link;
	struct ctl_request *request;
	enum ctl_kind kind;
	char tunnel[PROCESS_NAME_SIZE]; /* empty: all */
	char *peer;                     /* NULL: none */
	size_t peers;
	struct control_gather gather;
};

static void waiting_free(struct control *control, struct waiting *waiting) {
	list_remove(&waiting->link);
	control->gather_count--;
	free(waiting->peer);
	free(waiting);
}

struct control_view control_status_view(const struct control_tunnel *tunnel) {
	return (struct control_view){
		.config = tunnel->config,
		.directory = tunnel->directory,
		.file = control_file(tunnel->control),
		.state = tunnel->state,
		.reason = tunnel->reason,
		.held = tunnel->held,
		.blocks = tunnel->blocks,
		.restored = tunnel->restored,
		.slot = tunnel->slot,
		.now = clock_wall_now() / CLOCK_SECOND,
		.clock = clock_now(),
		.condition_since = tunnel->condition_since,
		.names = tunnel->control->names,
		.pushed = tunnel->pushed,
	};
}

/*
 * Asks the kernel, in the network namespace of this process; an interface that was moved to another
 * one is not found.
 */
static bool ask_link(const struct control_tunnel *tunnel, struct route_link *out_link) {
	int failed;
	return tunnel->control->route && control_tunnel_is_up(tunnel) &&
		   !route_link_get(tunnel->control->route, tunnel->name, 0, out_link, &failed) && !failed;
}

static enum err fill_tunnel(const struct control_tunnel *tunnel, size_t peers,
							struct view_tunnel *out_tunnel) {
	struct control_view view = control_status_view(tunnel);
	struct route_link link;
	const struct view_logins logins = control_logins_figures(tunnel);
	view.logins = &logins;
	if (ask_link(tunnel, &link)) {
		view.tun_queue_drops = &link.dropped;
		view.mtu = link.mtu;
	}
	return control_view_tunnel(&view, peers, out_tunnel);
}

/* Answers: */

static enum err fill_status(struct control *control, size_t peers, struct view_status *status) {
	const struct config *config = control->config;
	status->version = strdup(UMBRA_VERSION);
	status->node = strdup(config->node.name);
	status->configuration = strdup(control_file(control));
	status->log_level = strdup(log_level_name(log_current_level()));
	status->tunnels = calloc(config->tunnel_count + 1, sizeof *status->tunnels);
	if (!status->version || !status->node || !status->configuration || !status->log_level ||
		!status->tunnels)
		return ERR_NO_MEMORY;
	/* In the configuration's order. */
	for (size_t i = 0; i < config->tunnel_count; i++) {
		const struct control_tunnel *tunnel = control_tunnel_find(control, config->tunnels[i].name);
		if (!tunnel)
			continue;
		enum err error = fill_tunnel(tunnel, peers, &status->tunnels[status->tunnel_count]);
		if (error)
			return error;
		status->tunnel_count++;
	}
	return ERR_OK;
}

static void answer_status(struct control *control, const struct waiting *waiting) {
	struct view_status status = {
		.api = VIEW_API_VERSION,
		/* The daemon is the process that started this one. */
		.pid = (uint64_t)getppid(),
		.started = control->started,
		.net_restarts = control->net_starts > 0 ? control->net_starts - 1 : 0,
		.dns_step = control_dns_step_figures(control),
	};
	enum err error = fill_status(control, waiting->peers, &status);
	if (error)
		control_api_error(waiting->request, error, "status");
	else if (waiting->kind == CTL_METRICS)
		ctl_answer_metrics(waiting->request, &status);
	else
		ctl_answer_status(waiting->request, &status);
	view_status_done(&status);
}

static void answer_tunnel(const struct control_tunnel *tunnel, const struct waiting *waiting) {
	struct view_tunnel shown;
	enum err error = fill_tunnel(tunnel, waiting->peers, &shown);
	if (error) {
		control_api_error(waiting->request, error, tunnel->name);
		return;
	}
	ctl_answer_tunnel(waiting->request, &shown);
	view_tunnel_done(&shown);
}

static void answer_peers(const struct control_tunnel *tunnel, const struct waiting *waiting) {
	const struct control_view view = control_status_view(tunnel);
	struct view_peer *peers;
	size_t count;
	enum err error = control_view_peers(&view, &peers, &count);
	if (error) {
		control_api_error(waiting->request, error, tunnel->name);
		return;
	}
	ctl_answer_peers(waiting->request, peers, count);
	for (size_t i = 0; i < count; i++)
		view_peer_done(&peers[i]);
	free(peers);
}

void control_status_answer_peer(struct control_tunnel *tunnel, struct ctl_request *request,
								unsigned http_status, const struct directory_peer *peer) {
	const struct control_view view = control_status_view(tunnel);
	struct view_peer shown;
	enum err error = control_view_peer(&view, peer, &shown);
	if (error) {
		control_api_error(request, error, peer->name);
		return;
	}
	ctl_answer_peer(request, http_status, &shown);
	view_peer_done(&shown);
}

static void answer_peer(struct control_tunnel *tunnel, const struct waiting *waiting) {
	const struct directory_peer *peer = directory_find(tunnel->directory, waiting->peer);
	if (!peer)
		peer = directory_find_shadowed(tunnel->directory, waiting->peer);
	if (peer) {
		control_status_answer_peer(tunnel, waiting->request, 200, peer);
		return;
	}
	char text[PROCESS_TEXT_SIZE];
	(void)snprintf(text, sizeof text, "%s has no peer %.100s", tunnel->name, waiting->peer);
	ctl_answer_error(waiting->request, 404, "not_found", text);
}

static void answer(struct control *control, struct waiting *waiting) {
	struct control_tunnel *tunnel = control_tunnel_find(control, waiting->tunnel);
	if (waiting->kind == CTL_STATUS || waiting->kind == CTL_METRICS)
		answer_status(control, waiting);
	else if (!tunnel)
		ctl_answer_error(waiting->request, 404, "not_found", "the tunnel is gone");
	else if (waiting->kind == CTL_TUNNEL)
		answer_tunnel(tunnel, waiting);
	else if (waiting->kind == CTL_PEERS)
		answer_peers(tunnel, waiting);
	else
		answer_peer(tunnel, waiting);
	waiting_free(control, waiting);
}

/* Gathering: */

static struct waiting *waiting_new(struct control *control, struct ctl_request *request,
								   const struct ctl_question *question) {
	struct waiting *waiting = calloc(1, sizeof *waiting);
	if (!waiting)
		return NULL;
	waiting->request = request;
	waiting->kind = question->kind;
	waiting->peers = question->peers;
	waiting->gather = control_gather_until(clock_now() + GATHER_TIMEOUT);
	if (question->tunnel)
		(void)snprintf(waiting->tunnel, sizeof waiting->tunnel, "%s", question->tunnel);
	if (question->peer && !(waiting->peer = strdup(question->peer))) {
		free(waiting);
		return NULL;
	}
	list_append(&control->gathers, &waiting->link);
	control->gather_count++;
	return waiting;
}

void control_status_ask(struct control *control, struct ctl_request *request,
						const struct ctl_question *question) {
	if (!control->config || control->gather_count >= CONTROL_GATHERS_MAX) {
		ctl_answer_error(request, 503, "unavailable",
						 control->config ? "too many questions at a time" : "umbrad is starting");
		return;
	}
	struct waiting *waiting = waiting_new(control, request, question);
	if (!waiting) {
		control_api_error(request, ERR_NO_MEMORY, "status");
		return;
	}
	for (unsigned i = 0; i < CONFIG_TUNNELS_MAX; i++) {
		struct control_tunnel *tunnel = &control->tunnels[i];
		bool wanted =
			tunnel->config && (!waiting->tunnel[0] || strcmp(waiting->tunnel, tunnel->name) == 0);
		if (wanted && control_net_refresh(tunnel))
			control_gather_expect(&waiting->gather, i);
	}
	if (control_gather_ready(&waiting->gather, 0))
		answer(control, waiting);
}

void control_status_refreshed(struct control_tunnel *tunnel) {
	struct control *control = tunnel->control;
	if (tunnel->config)
		control_condition_look(tunnel);
	unsigned place = (unsigned)(tunnel - control->tunnels);
	list_for_each (link, &control->gathers) {
		struct waiting *waiting = list_item(link, struct waiting, link);
		control_gather_came(&waiting->gather, place);
		if (control_gather_ready(&waiting->gather, 0))
			answer(control, waiting);
	}
}

uint64_t control_status_run(struct control *control, uint64_t now) {
	uint64_t next = CLOCK_NEVER;
	list_for_each (link, &control->gathers) {
		struct waiting *waiting = list_item(link, struct waiting, link);
		if (control_gather_ready(&waiting->gather, now))
			answer(control, waiting);
		else if (waiting->gather.deadline < next)
			next = waiting->gather.deadline;
	}
	return next;
}

void control_status_done(struct control *control) {
	/* The server forgets the requests. */
	list_for_each (link, &control->gathers)
		waiting_free(control, list_item(link, struct waiting, link));
}
