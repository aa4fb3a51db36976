#include "daemon/node_site.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "daemon/node_core.h"
#include "daemon/site_folder.h"
#include "host/socket_name.h"

static const struct config_decoy *decoy_of(const struct node_tunnel *tunnel) {
	const struct config_tunnel *config = tunnel->used ? tunnel->config : NULL;
	return config && config->carries_streams && config->role == CONFIG_SERVER ? &config->decoy
																			  : NULL;
}

enum err node_site_up(struct node *node, const struct node_tunnel *tunnel,
					  char out_problem[static NODE_REASON_SIZE]) {
	const struct config_decoy *decoy = decoy_of(tunnel);
	struct process_message message = {.type = PROCESS_SITE, .tunnel = tunnel->slot};
	auto_close int descriptor = -1;
	char problem[SITE_FOLDER_PROBLEM_SIZE];
	if (!decoy)
		return ERR_OK;
	enum err error =
		decoy->folder ? site_folder_image(decoy->folder, &descriptor, problem) : ERR_OK;
	if (error)
		(void)snprintf(out_problem, NODE_REASON_SIZE, "decoy.folder: %s", problem);
	else if (node->control.channel >= 0)
		node_control_send_with(node, &message, descriptor);
	return error;
}

void node_site_tell_all(struct node *node) {
	char problem[NODE_REASON_SIZE];
	for (size_t i = 0; i < PROCESS_TUNNELS_MAX; i++) {
		const struct node_tunnel *tunnel = &node->tunnels[i];
		if (tunnel->used && tunnel->state == PROCESS_STATE_UP &&
			node_site_up(node, tunnel, problem))
			log_error("%s: %s", tunnel->name, problem);
	}
}

/* One that cannot be read leaves what was shown before: a reload must not take a site away. */
void node_site_reload(struct node *node) {
	char problem[NODE_REASON_SIZE];
	for (size_t i = 0; i < PROCESS_TUNNELS_MAX; i++) {
		const struct node_tunnel *tunnel = &node->tunnels[i];
		if (tunnel->used && tunnel->state == PROCESS_STATE_UP &&
			node_site_up(node, tunnel, problem))
			node_reload_problem(node, tunnel->name, problem);
	}
}

/* Returns errno. */
static int connect_backend(const struct node *node, uint16_t slot, int *out_descriptor) {
	const struct node_tunnel *tunnel = slot < PROCESS_TUNNELS_MAX ? &node->tunnels[slot] : NULL;
	const struct config_decoy *decoy = tunnel ? decoy_of(tunnel) : NULL;
	union socket_name name;
	if (!decoy || decoy->proxy.port == 0)
		return EPERM;
	socklen_t size = socket_name_fill(&decoy->proxy, &name);
	auto_close int descriptor =
		socket(name.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (descriptor < 0)
		return errno;
	if (connect(descriptor, &name.any, size) && errno != EINPROGRESS)
		return errno;
	*out_descriptor = cleanup_steal_descriptor(&descriptor);
	return 0;
}

void node_site_backend(struct node *node, const struct process_message *message) {
	auto_close int descriptor = -1;
	struct process_message reply = {.type = PROCESS_RESULT, .request = message->request};
	reply.result.error = (uint32_t)connect_backend(node, message->tunnel, &descriptor);
	node_control_send_with(node, &reply, descriptor);
}
