#include "daemon/control_dns_step.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "crypto/csprng.h"
#include "daemon/control_core.h"
#include "transport/dns/forwarder_io.h"
#include "tunnel/plan_step.h"

enum { GROUPS_MAX = FORWARDER_GROUPS_MAX };

_Static_assert((int)GROUPS_MAX > (int)PROCESS_TUNNELS_MAX, "the system's servers as well");

/* Servers of a tunnel, or the system's. */
struct group {
	bool system;
	uint16_t slot;
	uint8_t numbers[FORWARDER_SERVERS_MAX]; /* of servers, as the privileged process counts them */
};

struct control_dns_step {
	struct control *control;
	uint64_t run;  /* counts steps: answers to one of before mean nothing */
	size_t asking; /* questions to the privileged process */
	struct group groups[GROUPS_MAX];
	struct forwarder_io_group sockets[GROUPS_MAX]; /* of the next step, until it begins */
	size_t group_count;
	struct forwarder_io *io; /* NULL: it does not run */
	struct group running[GROUPS_MAX];
	size_t running_count;
	struct view_dns_step before; /* figures of those that have ended */
};

/* A question to the privileged process. */
struct request {
	struct control_dns_step *step;
	uint64_t run;
	uint32_t ticket;
};

static struct control_dns_step *find_step(struct control *control) {
	if (!control->dns_step) {
		control->dns_step = calloc(1, sizeof *control->dns_step);
		if (control->dns_step)
			control->dns_step->control = control;
	}
	return control->dns_step;
}

static struct request *request_new(struct control_dns_step *step, uint32_t ticket) {
	/* Others have questions, too. */
	struct request *request =
		step->asking < CONTROL_PENDING_MAX / 2 ? malloc(sizeof *request) : NULL;
	if (!request)
		return NULL;
	*request = (struct request){step, step->run, ticket};
	step->asking++;
	return request;
}

static void request_free(struct request *request) {
	request->step->asking--;
	free(request);
}

/* What the forwarder wants */

static void stream_opened(void *context, const struct control_reply *reply) {
	struct request *request = context;
	struct control_dns_step *step = request->step;
	if (step->io && step->run == request->run) {
		int descriptor = reply->number == 0 && reply->descriptor >= 0
							 ? fcntl(reply->descriptor, F_DUPFD_CLOEXEC, 0)
							 : -1;
		forwarder_io_opened(step->io, request->ticket, descriptor);
	}
	request_free(request);
}

static bool open_stream(void *context, uint32_t ticket, size_t group, size_t server) {
	struct control_dns_step *step = context;
	struct process_message message = {.type = PROCESS_STREAM};
	message.tunnel = step->running[group].slot;
	message.upstream.system = step->running[group].system;
	message.upstream.server = step->running[group].numbers[server];
	struct request *request = request_new(step, ticket);
	if (request && control_channel_ask(&step->control->privileged, &message, -1, PROCESS_RESULT,
									   stream_opened, request)) {
		request_free(request);
		return false;
	}
	return request != NULL;
}

static void granted(void *context, const struct control_reply *reply) {
	struct request *request = context;
	struct control_dns_step *step = request->step;
	if (step->io && step->run == request->run)
		forwarder_io_granted(step->io, request->ticket, reply->number == 0);
	request_free(request);
}

static bool grant(void *context, uint32_t ticket, const struct forwarder_grant *wanted,
				  const struct address *addresses, size_t count, uint32_t ttl) {
	struct control_dns_step *step = context;
	struct process_message message = {.type = PROCESS_ADDRESSES, .tunnel = wanted->slot};
	if (count > PROCESS_ADDRESSES_MAX)
		return false;
	message.addresses.exclude = wanted->kind == PLAN_STEP_EXCLUDE;
	message.addresses.ttl = ttl;
	message.addresses.count = (uint8_t)count;
	for (size_t i = 0; i < count; i++) {
		message.addresses.items[i].family = addresses[i].family;
		memcpy(message.addresses.items[i].bytes, addresses[i].bytes, ADDRESS_V6_SIZE);
	}
	struct request *request = request_new(step, ticket);
	if (request && control_channel_ask(&step->control->privileged, &message, -1, PROCESS_RESULT,
									   granted, request)) {
		request_free(request);
		return false;
	}
	return request != NULL;
}

/* Sockets for the next one */

static void forget_sockets(struct control_dns_step *step) {
	for (size_t i = 0; i < step->group_count; i++)
		for (size_t j = 0; j < step->sockets[i].servers; j++)
			for (size_t k = 0; k < step->sockets[i].counts[j]; k++)
				(void)close(step->sockets[i].sockets[j][k]);
	step->group_count = 0;
}

static size_t find_group(struct control_dns_step *step, bool system, uint16_t slot) {
	for (size_t i = 0; i < step->group_count; i++)
		if (step->groups[i].system == system && step->groups[i].slot == slot)
			return i;
	if (step->group_count == GROUPS_MAX)
		return GROUPS_MAX;
	step->groups[step->group_count] = (struct group){.system = system, .slot = slot};
	step->sockets[step->group_count] = (struct forwarder_io_group){.servers = 0};
	return step->group_count++;
}

void control_dns_step_upstream(struct control *control, struct channel_message *message) {
	struct control_dns_step *step = find_step(control);
	const struct process_message *body = &message->message;
	if (!step || message->count == 0 || message->count > FORWARDER_IO_SOCKETS_MAX)
		return;
	size_t at = find_group(step, body->upstream.system, body->tunnel);
	if (at == GROUPS_MAX || step->sockets[at].servers == FORWARDER_SERVERS_MAX)
		return;
	struct forwarder_io_group *group = &step->sockets[at];
	size_t server = group->servers++;
	step->groups[at].numbers[server] = body->upstream.server;
	group->counts[server] = message->count;
	for (unsigned i = 0; i < message->count; i++)
		group->sockets[server][i] = channel_message_take(message, i);
}

/* The step */

static int group_of(const struct control_dns_step *step, bool system, uint16_t slot) {
	for (size_t i = 0; i < step->group_count; i++)
		if (step->groups[i].system == system && step->groups[i].slot == slot)
			return (int)i;
	return PLAN_STEP_NO_GROUP;
}

/* Tunnels in the order of the file, as far as they are coming up or up. */
static size_t list_tunnels(struct control_dns_step *step,
						   struct plan_step_tunnel tunnels[static CONFIG_TUNNELS_MAX]) {
	struct control *control = step->control;
	size_t count = 0;
	for (size_t i = 0; control->config && i < control->config->tunnel_count; i++) {
		const struct config_tunnel *config = &control->config->tunnels[i];
		const struct control_tunnel *tunnel = control_tunnel_find(control, config->name);
		if (!tunnel ||
			(tunnel->state != PROCESS_STATE_STARTING && tunnel->state != PROCESS_STATE_UP))
			continue;
		tunnels[count++] = (struct plan_step_tunnel){
			.config = config,
			.slot = tunnel->slot,
			.group = group_of(step, false, tunnel->slot),
		};
	}
	return count;
}

static enum err start(struct control_dns_step *step, int datagrams, int connections) {
	struct plan_step_tunnel tunnels[CONFIG_TUNNELS_MAX];
	struct plan_step plan;
	size_t count = list_tunnels(step, tunnels);
	enum err error = plan_step_new(tunnels, count, group_of(step, true, 0), &plan);
	if (error) {
		forget_sockets(step);
		(void)close(datagrams);
		(void)close(connections);
		return error;
	}
	const struct forwarder_io_options options = {
		.loop = step->control->loop,
		.random = &csprng,
		.datagrams = datagrams,
		.connections = connections,
		.groups = step->sockets,
		.group_count = step->group_count,
		.routes = plan.routes,
		.route_count = plan.route_count,
		.rules = plan.rules,
		.rule_count = plan.rule_count,
		.open = open_stream,
		.grant = grant,
		.context = step,
	};
	memcpy(step->running, step->groups, sizeof step->running);
	step->running_count = step->group_count;
	error = forwarder_io_new(&options, &step->io);
	step->group_count = 0;
	plan_step_done(&plan);
	return error;
}

static struct view_dns_step sum(const struct control_dns_step *step) {
	struct view_dns_step all = step->before;
	if (!step->io)
		return all;
	for (size_t i = 0; i < step->running_count; i++) {
		const struct forwarder_group_figures *of = forwarder_io_group_figures(step->io, i);
		enum view_upstream upstream =
			step->running[i].system ? VIEW_UPSTREAM_SYSTEM : VIEW_UPSTREAM_TUNNEL;
		all.of[upstream].questions += of->questions;
		all.of[upstream].answers += of->answers;
		all.of[upstream].failed += of->failed;
	}
	all.refused += forwarder_io_figures(step->io)->refused;
	all.strange += forwarder_io_figures(step->io)->strange;
	return all;
}

struct view_dns_step control_dns_step_figures(const struct control *control) {
	return control->dns_step ? sum(control->dns_step) : (struct view_dns_step){.refused = 0};
}

void control_dns_step_start(struct control *control, struct channel_message *message) {
	struct control_dns_step *step = find_step(control);
	if (!step)
		return;
	step->before = sum(step);
	forwarder_io_free(step->io);
	step->io = NULL;
	step->run++;
	if (message->count != 2) {
		forget_sockets(step);
		return;
	}
	int datagrams = channel_message_take(message, 0),
		connections = channel_message_take(message, 1);
	enum err error = start(step, datagrams, connections);
	if (error)
		log_error("names are not answered at node.dns_step: %s", err_text(error));
}

/* Who still owes an answer has none to give it to any more: the channel is closed before. */
void control_dns_step_done(struct control *control) {
	struct control_dns_step *step = control->dns_step;
	if (!step)
		return;
	forwarder_io_free(step->io);
	forget_sockets(step);
	free(step);
	control->dns_step = NULL;
}
