#include "daemon/node_domains.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/node_core.h"
#include "daemon/node_split.h"
#include "host/dns_socket.h"
#include "tunnel/plan.h"
#include "tunnel/plan_step.h"

enum {
	SOCKETS = 8,      /* for UDP, of each server: so many random ports */
	SERVERS_MAX = 4,  /* of a tunnel, or of the system */
	PER_SECOND = 500, /* requests of control */
	DNS_PORT = 53,
};

#define SEND_PAUSE CLOCK_SECOND

_Static_assert((int)SERVERS_MAX <= (int)PROCESS_SERVERS_MAX, "each has a number");

/* During a reload tunnels are changed one after the other, and some are removed. */
static const struct config_tunnel *config_of(const struct node *node, uint16_t slot) {
	return node_pushed_config_of(node, &node->tunnels[slot]);
}

/* NULL for a slot that does not count. */
static const struct config_tunnel *active(const struct node *node, size_t slot) {
	return slot < PROCESS_TUNNELS_MAX && node->domains.active[slot] && node->tunnels[slot].used
			   ? config_of(node, (uint16_t)slot)
			   : NULL;
}

static bool cannot_split(const struct node *node, const struct config_tunnel *config) {
	return config->dns.manager != CONFIG_DNS_OFF && node->dns.dns &&
		   !dns_splits(dns_choose(node->dns.dns, (enum dns_manager)config->dns.manager));
}

static bool is_needed(const struct node *node) {
	if (node->config->node.dns_step.port == 0)
		return false;
	for (size_t slot = 0; slot < PROCESS_TUNNELS_MAX; slot++) {
		const struct config_tunnel *config = active(node, slot);
		if (config &&
			(plan_step_routes(config) || (plan_step_splits(config) && cannot_split(node, config))))
			return true;
	}
	return false;
}

bool node_domains_excludes(const struct node *node) {
	for (uint16_t slot = 0; slot < PROCESS_TUNNELS_MAX; slot++)
		if (node->tunnels[slot].used && node->tunnels[slot].config &&
			config_of(node, slot)->routes.exclude_domains.count > 0)
			return true;
	return false;
}

void node_domains_wish(const struct node *node, uint16_t slot, struct split_tunnel *row) {
	const struct config_tunnel *config = active(node, slot);
	if (!config)
		return;
	row->include = config->routes.include_domains.count > 0;
	row->exclude = config->routes.exclude_domains.count > 0;
}

/* What control is told */

static void close_all(const int *descriptors, size_t count) {
	for (size_t i = 0; i < count; i++)
		(void)close(descriptors[i]);
}

static void send_upstream(struct node *node, uint16_t slot, bool system, uint8_t index,
						  const struct endpoint *server) {
	int descriptors[SOCKETS];
	size_t count = 0;
	for (int number = 0; count < SOCKETS && number == 0; count += number == 0)
		number = dns_socket_connect(server, system ? NULL : node->tunnels[slot].name, false,
									&descriptors[count]);
	struct process_message message = {.type = PROCESS_UPSTREAM, .tunnel = slot};
	message.upstream.system = system;
	message.upstream.server = index;
	if (count > 0)
		node_control_send_all(node, &message, descriptors, count);
	else
		log_warning("%s%sa name server cannot be asked: no way to it, or no sockets",
					system ? "" : node->tunnels[slot].name, system ? "" : ": ");
	close_all(descriptors, count);
}

static struct endpoint server_of(const struct config_tunnel *config, size_t index) {
	return (struct endpoint){.address = config->dns.servers[index], .port = DNS_PORT};
}

static size_t least(size_t left, size_t right) {
	return left < right ? left : right;
}

/* The system's own servers get no mark: routes and guards hold for them as for anybody. */
void node_domains_send(struct node *node) {
	struct node_domains *domains = &node->domains;
	struct process_message message = {.type = PROCESS_STEP};
	if (!domains->open)
		return;
	struct endpoint system[DNS_OWN_SERVERS_MAX];
	domains->generation = node->dns.generation;
	domains->sent = clock_now();
	domains->send_at = 0;
	domains->system_count = least(node_dns_system_servers(node, system), SERVERS_MAX);
	memcpy(domains->system, system, sizeof domains->system);
	for (size_t i = 0; i < domains->system_count; i++)
		send_upstream(node, 0, true, (uint8_t)i, &domains->system[i]);
	for (uint16_t slot = 0; slot < PROCESS_TUNNELS_MAX; slot++) {
		const struct config_tunnel *config = active(node, slot);
		for (size_t i = 0; config && i < least(config->dns.server_count, SERVERS_MAX); i++) {
			struct endpoint server = server_of(config, i);
			send_upstream(node, slot, false, (uint8_t)i, &server);
		}
	}
	const int listeners[] = {domains->datagrams, domains->connections};
	node_control_send_all(node, &message, listeners, 2);
}

static void stop(struct node *node) {
	struct node_domains *domains = &node->domains;
	if (!domains->open)
		return;
	node_dns_set_step(node, NULL);
	domains->open = false;
	(void)close(domains->datagrams);
	(void)close(domains->connections);
	struct process_message message = {.type = PROCESS_STEP};
	node_control_send(node, &message);
}

static enum err start(struct node *node, char out_problem[static NODE_DOMAINS_PROBLEM_SIZE]) {
	struct node_domains *domains = &node->domains;
	const struct endpoint *at = &node->config->node.dns_step;
	if (domains->open && !endpoint_equal(at, &domains->at))
		stop(node);
	if (!domains->open) {
		int number = dns_socket_listen(at, &domains->datagrams, &domains->connections);
		if (number) {
			char text[ENDPOINT_TEXT_SIZE];
			endpoint_format(at, text);
			(void)snprintf(out_problem, NODE_DOMAINS_PROBLEM_SIZE, "node.dns_step: %s: %s", text,
						   strerror(number));
			return err_from_errno(number);
		}
		domains->at = *at;
		domains->open = true;
	}
	node_domains_send(node);
	if (at->port == DNS_PORT)
		node_dns_set_step(node, &at->address);
	return ERR_OK;
}

static enum err refresh(struct node *node, char out_problem[static NODE_DOMAINS_PROBLEM_SIZE]) {
	if (is_needed(node))
		return start(node, out_problem);
	stop(node);
	return ERR_OK;
}

/* Tunnels */

static enum err check_manager(const struct node *node, const struct config_tunnel *config,
							  char out_problem[static NODE_DOMAINS_PROBLEM_SIZE]) {
	if (!plan_step_routes(config) || config->dns.manager == CONFIG_DNS_OFF ||
		cannot_split(node, config))
		return ERR_OK;
	(void)snprintf(
		out_problem, NODE_DOMAINS_PROBLEM_SIZE,
		"systemd-resolved takes care of this host's names, and it cannot ask the daemon, "
		"as routes.include_domains and exclude_domains take; dns.manager: file or off");
	return ERR_UNSUPPORTED;
}

enum err node_domains_up(struct node *node, struct node_tunnel *tunnel,
						 char out_problem[static NODE_DOMAINS_PROBLEM_SIZE]) {
	const struct config_tunnel *config = config_of(node, tunnel->slot);
	enum err error = check_manager(node, config, out_problem);
	if (error)
		return error;
	node->domains.active[tunnel->slot] = true;
	error = node_split_refresh(node, out_problem, NODE_DOMAINS_PROBLEM_SIZE);
	if (!error)
		error = refresh(node, out_problem);
	if (error)
		node_domains_down(node, tunnel);
	return error;
}

void node_domains_down(struct node *node, struct node_tunnel *tunnel) {
	char problem[NODE_DOMAINS_PROBLEM_SIZE] = "";
	if (!node->domains.active[tunnel->slot])
		return;
	node->domains.active[tunnel->slot] = false;
	if (refresh(node, problem) || node_split_refresh(node, problem, sizeof problem))
		log_error("%s: %s", tunnel->name, problem);
}

enum err node_domains_reload(struct node *node,
							 char out_problem[static NODE_DOMAINS_PROBLEM_SIZE]) {
	enum err error = node_split_refresh(node, out_problem, NODE_DOMAINS_PROBLEM_SIZE);
	return error ? error : refresh(node, out_problem);
}

void node_domains_clear(struct node *node) {
	memset(node->domains.active, 0, sizeof node->domains.active);
	stop(node);
}

void node_domains_changed(struct node *node, unsigned changes) {
	struct node_domains *domains = &node->domains;
	/* Changes come in numbers, and questions that are on their way are lost by each. */
	if (domains->open && domains->send_at == 0)
		domains->send_at = domains->sent + SEND_PAUSE;
}

uint64_t node_domains_run(struct node *node, uint64_t now) {
	struct node_domains *domains = &node->domains;
	if (!domains->open)
		return CLOCK_NEVER;
	if (domains->generation != node->dns.generation)
		node_domains_changed(node, 0);
	if (domains->send_at != 0 && now >= domains->send_at)
		node_domains_send(node);
	return domains->send_at != 0 ? domains->send_at : CLOCK_NEVER;
}

/* Control's requests */

static void answer(struct node *node, uint16_t request, int number, int descriptor) {
	struct process_message message = {.type = PROCESS_RESULT, .request = request};
	message.result.error = (uint32_t)number;
	node_control_send_with(node, &message, descriptor);
}

static bool is_within_rate(struct node_domains *domains) {
	uint64_t now = clock_now();
	if (now - domains->window >= CLOCK_SECOND) {
		domains->window = now;
		domains->window_count = 0;
	}
	return domains->window_count++ < PER_SECOND;
}

static int open_stream(const struct node *node, const struct process_message *message,
					   int *out_descriptor) {
	size_t index = message->upstream.server;
	if (message->upstream.system)
		return index < node->domains.system_count
				   ? dns_socket_connect(&node->domains.system[index], NULL, true, out_descriptor)
				   : ENOENT;
	const struct config_tunnel *config = active(node, message->tunnel);
	if (!config || index >= config->dns.server_count)
		return ENOENT;
	struct endpoint server = server_of(config, index);
	return dns_socket_connect(&server, node->tunnels[message->tunnel].name, true, out_descriptor);
}

void node_domains_stream(struct node *node, const struct process_message *message) {
	int descriptor = -1;
	int number = !node->domains.open               ? ENOENT
				 : !is_within_rate(&node->domains) ? EBUSY
												   : open_stream(node, message, &descriptor);
	answer(node, message->request, number, descriptor);
	if (descriptor >= 0)
		(void)close(descriptor);
}

/* Whom packets can be sent to, in another network than this host's own. */
static bool is_usable(const struct address *address) {
	const uint8_t *bytes = address->bytes;
	if (address->family == ADDRESS_V4)
		return bytes[0] != 0 && bytes[0] != 127 && bytes[0] < 224 &&
			   !(bytes[0] == 169 && bytes[1] == 254);
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	static const uint8_t low[15] = {0}; /* :: and ::1 */
	return bytes[0] != 0xff && !(bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80) &&
		   memcmp(bytes, mapped, sizeof mapped) != 0 && memcmp(bytes, low, sizeof low) != 0;
}

/* Those that nobody can be reached at lead nowhere, and so need no leading. */
static int take_addresses(struct node *node, const struct process_message *message) {
	const struct config_tunnel *config = active(node, message->tunnel);
	bool exclude = message->addresses.exclude;
	const struct config_names *names = !config   ? NULL
									   : exclude ? &config->routes.exclude_domains
												 : &config->routes.include_domains;
	if (!names || names->count == 0)
		return ENOENT;
	if (!is_within_rate(&node->domains))
		return EBUSY;
	struct address addresses[PROCESS_ADDRESSES_MAX];
	size_t count = 0;
	for (size_t i = 0; i < message->addresses.count; i++) {
		addresses[count] = address_from_bytes(message->addresses.items[i].family,
											  message->addresses.items[i].bytes);
		count += is_usable(&addresses[count]);
	}
	enum err error =
		split_add(node_split_table(node), message->tunnel, exclude ? SPLIT_EXCLUDE : SPLIT_INCLUDE,
				  addresses, count, message->addresses.ttl);
	return error ? EIO : 0;
}

void node_domains_addresses(struct node *node, const struct process_message *message) {
	answer(node, message->request, take_addresses(node, message), -1);
}
