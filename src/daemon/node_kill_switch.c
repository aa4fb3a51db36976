#include "daemon/node_kill_switch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/node_core.h"
#include "daemon/node_kill_request.h"
#include "daemon/node_network.h"
#include "host/block_watch.h"
#include "host/dns_guard.h"
#include "host/nft_watch.h"
#include "host/valid_mark.h"
#include "tunnel/plan.h"

/* So often in a burst is put up again at once what others took away; after that, once a second. */
enum { RESTORES_MAX = 20, ENDPOINTS_MAX = 32, RESOLVERS_BEFORE_MAX = 2 };
#define RESTORE_BURST (10 * CLOCK_SECOND)
#define RESTORE_PAUSE CLOCK_SECOND

static const char *state_dir(const struct node *node) {
	return node->config->node.state_dir;
}

void node_kill_switch_init(struct node_kill_switch *kill) {
	kill->routes = -1;
	kill->again = CLOCK_NEVER;
}

void node_kill_switch_done(struct node *node) {
	struct node_kill_switch *kill = &node->kill;
	if (kill->watch && node->privileged.loop)
		loop_remove(node->privileged.loop, nft_watch_descriptor(kill->watch));
	nft_watch_free(kill->watch);
	kill->watch = NULL;
	if (kill->routes >= 0) {
		if (node->privileged.loop)
			loop_remove(node->privileged.loop, kill->routes);
		(void)close(kill->routes);
	}
	kill->routes = -1;
	if (kill->up)
		log_info("the kill switch stays; umbrad --unblock releases it");
}

static void save(struct node *node) {
	enum err error = kill_memory_save(&node->kill.memory, state_dir(node));
	if (error)
		log_error("the kill switch's state could not be written to %s: %s", state_dir(node),
				  err_text(error));
}

/* Applying */

/* Routes go up first and come down last: they hold without the rules. */
static enum err put_up(struct node *node, const struct node_kill_request *request,
					   char out_problem[static NODE_KILL_SWITCH_PROBLEM_SIZE]) {
	char blocking[BLOCK_PROBLEM_SIZE], rules[FIREWALL_PROBLEM_SIZE] = "";
	char setting[SYSCTL_PROBLEM_SIZE];
	enum err error = block_apply(&request->routes, blocking);
	if (error) {
		(void)snprintf(out_problem, NODE_KILL_SWITCH_PROBLEM_SIZE, "kill switch: %s", blocking);
		return error;
	}
	if (valid_mark_hold(state_dir(node), setting))
		log_warning("%s; strict rp_filter may cut this host off from its gateway", setting);
	error = kill_switch_apply(&request->rules, node->kill.seal, rules);
	if (error && error != ERR_NOT_FOUND && request->rules.neighbour_mark) {
		struct kill_switch_request without = request->rules;
		without.neighbour_mark = 0;
		error = kill_switch_apply(&without, node->kill.seal, rules);
		if (!error && !node->kill.up)
			log_warning("no rules of family arp: strict rp_filter may cut this host off from its "
						"gateway");
	}
	if (error)
		(void)snprintf(out_problem, NODE_KILL_SWITCH_PROBLEM_SIZE, "kill switch: %s", rules);
	return error;
}

static enum err take_down(struct node *node,
						  char out_problem[static NODE_KILL_SWITCH_PROBLEM_SIZE]) {
	char rules[FIREWALL_PROBLEM_SIZE] = "";
	node->kill.seal[0] = '\0';
	bool existed;
	enum err error = kill_switch_remove(&existed, rules), routes = block_remove();
	(void)valid_mark_release(state_dir(node));
	if (error || routes)
		(void)snprintf(out_problem, NODE_KILL_SWITCH_PROBLEM_SIZE,
					   "the kill switch could not be taken away: %s",
					   error ? rules : err_text(routes));
	return error ? error : routes;
}

static enum err apply(struct node *node, char out_problem[static NODE_KILL_SWITCH_PROBLEM_SIZE]) {
	struct node_kill_request request;
	out_problem[0] = '\0';
	enum err error = node_kill_request_make(node, &request);
	if (error)
		(void)snprintf(out_problem, NODE_KILL_SWITCH_PROBLEM_SIZE, "kill switch: %s",
					   err_text(error));
	bool wanted = request.routes.tunnel_count > 0;
	if (!error)
		error = wanted ? put_up(node, &request, out_problem) : take_down(node, out_problem);
	node_kill_request_done(&request);
	if (!error)
		node->kill.up = wanted;
	return error;
}

/* Failures that nobody waits to hear of; tried again. */
static void apply_or_retry(struct node *node) {
	char problem[NODE_KILL_SWITCH_PROBLEM_SIZE];
	if (!apply(node, problem))
		return;
	log_error("%s; it is tried again", problem);
	node->kill.disturbed = true;
	node->kill.again = clock_now() + RESTORE_PAUSE;
}

/* Life */

static bool is_configured(const struct node *node) {
	for (size_t i = 0; i < node->config->tunnel_count; i++)
		if (plan_kill_switch(&node->config->tunnels[i]))
			return true;
	return false;
}

/*
 * While a tunnel is up, what is in the file may be servers inside of it that another program put
 * there: those of before are asked behind them.
 */
static size_t keep_before(const struct node *node, struct address *servers, size_t count) {
	const struct kill_memory *memory = &node->kill.memory;
	size_t maximum = count + RESOLVERS_BEFORE_MAX;
	bool any_up = false;
	for (size_t i = 0; i < PROCESS_TUNNELS_MAX; i++)
		any_up |= node->tunnels[i].used && node->tunnels[i].state == PROCESS_STATE_UP;
	for (size_t i = 0; any_up && i < memory->resolver_count && count < maximum; i++) {
		bool known = count >= KILL_MEMORY_RESOLVERS_MAX;
		for (size_t j = 0; j < count && !known; j++)
			known = address_equal(&servers[j], &memory->resolvers[i]);
		if (!known)
			servers[count++] = memory->resolvers[i];
	}
	return count;
}

static bool take_resolvers(struct node *node) {
	struct kill_memory *memory = &node->kill.memory;
	struct address found[KILL_MEMORY_RESOLVERS_MAX];
	if (!node->config->node.resolvers_absent || !is_configured(node))
		return false;
	size_t count = node_dns_system_addresses(node, found, KILL_MEMORY_RESOLVERS_MAX);
	if (count == 0)
		return false;
	count = keep_before(node, found, count);
	bool same = count == memory->resolver_count;
	for (size_t i = 0; i < count && same; i++)
		same = address_equal(&found[i], &memory->resolvers[i]);
	memcpy(memory->resolvers, found, count * sizeof *found);
	memory->resolver_count = count;
	return !same;
}

void node_kill_switch_renew_resolvers(struct node *node) {
	if (!take_resolvers(node))
		return;
	log_info("this host has other name servers: the kill switch lets questions for endpoints' "
			 "names pass to them");
	save(node);
	node_kill_switch_refresh(node);
}

size_t node_kill_switch_resolvers(const struct node *node, const struct address **out_servers) {
	const struct kill_memory *memory = &node->kill.memory;
	bool absent = node->config->node.resolvers_absent;
	*out_servers = absent ? memory->resolvers : node->config->node.resolvers;
	if (absent && !is_configured(node))
		return 0;
	return absent ? memory->resolver_count : node->config->node.resolver_count;
}

/*
 * What stands although nobody is remembered for it: what was to be remembered could not be written,
 * or read. Whose it was is not known, so it is everybody's.
 */
static bool is_forgotten(const struct kill_memory *memory) {
	bool standing = false;
	for (size_t i = 0; i < memory->tunnel_count; i++)
		if (memory->tunnels[i].state == KILL_MEMORY_ENGAGED)
			return false;
	return block_exists(&standing) == ERR_OK && standing;
}

void node_kill_switch_start(struct node *node) {
	struct kill_memory *memory = &node->kill.memory;
	enum err error = kill_memory_load(state_dir(node), memory);
	if (error)
		log_error("the kill switch's state could not be read: %s", err_text(error));
	bool forgotten = is_forgotten(memory);
	for (size_t i = memory->tunnel_count; i-- > 0;)
		if (!config_find(node->config, memory->tunnels[i].name))
			kill_memory_forget(memory, memory->tunnels[i].name);
	for (size_t i = 0; i < node->config->tunnel_count; i++) {
		const struct config_tunnel *config = &node->config->tunnels[i];
		struct kill_memory_tunnel *tunnel = kill_memory_tunnel(memory, config->name);
		bool idle = tunnel && tunnel->state == KILL_MEMORY_IDLE;
		if (tunnel && plan_kill_switch(config) && (forgotten || (idle && config->autostart)))
			tunnel->state = KILL_MEMORY_ENGAGED;
	}
	(void)take_resolvers(node);
	if (is_configured(node))
		save(node);
	apply_or_retry(node);
	if (node->kill.up)
		log_info("the kill switch is up: nothing leaves past the tunnels");
}

enum err node_kill_switch_engage(struct node *node, const struct node_tunnel *tunnel,
								 char out_problem[static NODE_KILL_SWITCH_PROBLEM_SIZE]) {
	if (!plan_kill_switch(tunnel->config))
		return ERR_OK;
	struct kill_memory_tunnel *memory = kill_memory_tunnel(&node->kill.memory, tunnel->name);
	if (!memory) {
		(void)snprintf(out_problem, NODE_KILL_SWITCH_PROBLEM_SIZE, "kill switch: %s",
					   err_text(ERR_LIMIT));
		return ERR_LIMIT;
	}
	bool engaged = memory->state == KILL_MEMORY_ENGAGED;
	if (engaged && node->kill.up && !node->kill.disturbed)
		return ERR_OK;
	memory->state = KILL_MEMORY_ENGAGED;
	enum err error = apply(node, out_problem);
	if (!engaged && !error)
		save(node);
	else if (!engaged)
		memory->state = KILL_MEMORY_IDLE;
	return error;
}

void node_kill_switch_release(struct node *node, const struct node_tunnel *tunnel) {
	struct kill_memory *memory = &node->kill.memory;
	struct kill_memory_tunnel *item = kill_memory_tunnel(memory, tunnel->name);
	bool was_up = node_kill_switch_is_up(node, tunnel);
	if (!item)
		return;
	bool known = tunnel->config && config_find(node->config, tunnel->name);
	if (!was_up && item->state != KILL_MEMORY_ENGAGED && known)
		return;
	item->state = KILL_MEMORY_RELEASED;
	if (!known)
		kill_memory_forget(memory, tunnel->name);
	save(node);
	if (was_up) {
		apply_or_retry(node);
		log_info("%s: the kill switch is released", tunnel->name);
	}
}

enum err node_kill_switch_reload(struct node *node,
								 char out_problem[static NODE_KILL_SWITCH_PROBLEM_SIZE]) {
	(void)take_resolvers(node);
	for (size_t i = 0; i < PROCESS_TUNNELS_MAX; i++) {
		const struct node_tunnel *tunnel = &node->tunnels[i];
		const struct config_tunnel *now =
			tunnel->used ? config_find(node->config, tunnel->name) : NULL;
		struct kill_memory_tunnel *memory =
			now ? kill_memory_tunnel(&node->kill.memory, tunnel->name) : NULL;
		bool runs = tunnel->state == PROCESS_STATE_UP || tunnel->state == PROCESS_STATE_STARTING;
		if (memory && plan_kill_switch(now) && (runs || memory->state == KILL_MEMORY_ENGAGED))
			memory->state = KILL_MEMORY_ENGAGED;
	}
	return apply(node, out_problem);
}

enum err node_kill_switch_settle(struct node *node,
								 char out_problem[static NODE_KILL_SWITCH_PROBLEM_SIZE]) {
	enum err error = apply(node, out_problem);
	if (is_configured(node))
		save(node);
	for (size_t i = 0; i < PROCESS_TUNNELS_MAX; i++)
		if (node->tunnels[i].used)
			node_control_state(node, &node->tunnels[i]);
	return error;
}

void node_kill_switch_refresh(struct node *node) {
	if (node->kill.up)
		apply_or_retry(node);
}

bool node_kill_switch_is_up(const struct node *node, const struct node_tunnel *tunnel) {
	return node->kill.up && node_kill_request_wants(node, tunnel);
}

/* Endpoints */

static bool is_unicast(const struct address *address) {
	static const uint8_t none[ADDRESS_V6_SIZE];
	const uint8_t *bytes = address->bytes;
	if (memcmp(bytes, none, sizeof none) == 0)
		return false;
	if (address->family == ADDRESS_V4)
		return bytes[0] != 0 && bytes[0] != 127 && bytes[0] < 0xe0;
	return address->family == ADDRESS_V6 && bytes[0] != 0xff;
}

static void put_endpoints(struct node *node) {
	node->kill.endpoints_late = false;
	save(node);
	if (node->kill.up)
		apply_or_retry(node);
}

/*
 * A few at once, more of them together after a while: whoever can change the source addresses of a
 * peer's datagrams makes the peer move with each of them.
 */
static void put_endpoint(struct node *node, uint64_t now) {
	struct node_kill_switch *kill = &node->kill;
	if (now >= kill->endpoints_end) {
		kill->endpoints_end = now + RESTORE_BURST;
		kill->endpoints = 0;
	}
	if (kill->endpoints < ENDPOINTS_MAX) {
		kill->endpoints++;
		put_endpoints(node);
		return;
	}
	kill->endpoints_late = true;
	if (now + RESTORE_PAUSE < kill->again)
		kill->again = now + RESTORE_PAUSE;
}

static enum err take_endpoint(struct node *node, const struct process_message *message) {
	const struct node_tunnel *tunnel = &node->tunnels[message->tunnel];
	struct endpoint endpoint = {.port = message->endpoint.port,
								.scope_id = message->endpoint.scope};
	endpoint.address = address_from_bytes((enum address_family)message->endpoint.family,
										  message->endpoint.address);
	if (!tunnel->used || !tunnel->config || tunnel->state == PROCESS_STATE_DOWN)
		return ERR_NOT_FOUND;
	if (!plan_kill_switch(tunnel->config))
		return ERR_OK; /* what servers give is held against it */
	if (!is_unicast(&endpoint.address) || endpoint.port == 0)
		return ERR_INVALID;
	struct kill_memory_tunnel *memory = kill_memory_tunnel(&node->kill.memory, tunnel->name);
	if (!memory)
		return ERR_LIMIT;
	if (!kill_memory_put(memory, message->endpoint.public_key, &endpoint))
		return ERR_OK;
	put_endpoint(node, clock_now());
	return ERR_OK;
}

void node_kill_switch_endpoint(struct node *node, const struct process_message *message) {
	node_pushed_endpoint(node, message);
	enum err error = take_endpoint(node, message);
	struct process_message answer = {.type = PROCESS_RESULT, .request = message->request};
	answer.result.error = error ? EINVAL : 0;
	if (error)
		(void)snprintf(answer.result.text, sizeof answer.result.text, "%s", err_text(error));
	node_control_send(node, &answer);
}

void node_kill_switch_put_endpoints(const struct node *node, const struct node_tunnel *tunnel,
									struct uapi_text *text) {
	const struct config_tunnel *config = tunnel->config;
	const struct kill_memory_tunnel *memory = NULL;
	for (size_t i = 0; i < node->kill.memory.tunnel_count; i++)
		if (strcmp(node->kill.memory.tunnels[i].name, tunnel->name) == 0)
			memory = &node->kill.memory.tunnels[i];
	if (!memory || !plan_kill_switch(config))
		return;
	for (size_t i = 0; i < config->peer_count; i++) {
		const struct config_peer *peer = &config->peers[i];
		struct endpoint literal;
		const struct endpoint *last = kill_memory_last(memory, peer->public_key);
		if (!peer->endpoint.name || plan_endpoint(&peer->endpoint, &literal) || !last)
			continue;
		uapi_put_key(text, "public_key", peer->public_key);
		uapi_put_line(text, "update_only=true");
		uapi_put_endpoint(text, "endpoint", last);
	}
}

/* Watching */

static uint64_t restore_time(struct node_kill_switch *kill, uint64_t now) {
	if (now >= kill->burst_end) {
		kill->burst_end = now + RESTORE_BURST;
		kill->burst = 0;
	}
	return kill->burst++ < RESTORES_MAX ? now : now + RESTORE_PAUSE;
}

static void restore_later(struct node *node) {
	uint64_t at = restore_time(&node->kill, clock_now());
	if (at < node->kill.again)
		node->kill.again = at;
}

static void table_changed(void *context, const struct nft_watch_news *news) {
	struct node *node = context;
	struct node_kill_switch *kill = &node->kill;
	if (strcmp(news->table, KILL_SWITCH_TABLE) != 0) {
		kill->table_lost |= news->deleted && !node_dns_guard_is_lost(node, news->table);
	} else if (kill->up && (news->deleted || strcmp(news->set, kill->seal) != 0)) {
		kill->disturbed = true;
	}
}

static void watch_readable(void *context, uint32_t events) {
	struct node *node = context;
	bool lost = false;
	(void)events;
	nft_watch_read(node->kill.watch, table_changed, node, &lost);
	if (lost) {
		node->kill.disturbed = node->kill.up;
		node->kill.table_lost = true;
		(void)node_dns_guard_is_lost(node, DNS_GUARD_TABLE);
	}
	if (node->kill.disturbed || node->kill.table_lost || node->dns.guard_lost) {
		restore_later(node);
		if (node->kill.again <= clock_now())
			(void)node_kill_switch_run(node, clock_now());
	}
}

static void routes_readable(void *context, uint32_t events) {
	struct node *node = context;
	(void)events;
	if (!block_watch_read(node->kill.routes) || !node->kill.up)
		return;
	struct node_kill_request request;
	char problem[BLOCK_PROBLEM_SIZE];
	enum err error = node_kill_request_make(node, &request);
	/* Ours to remove as well: then nothing is missing. */
	if (!error && request.routes.tunnel_count > 0)
		error = block_apply(&request.routes, problem);
	node_kill_request_done(&request);
	if (error) {
		node->kill.disturbed = true;
		restore_later(node);
	}
}

void node_kill_switch_watch(struct node *node) {
	struct node_kill_switch *kill = &node->kill;
	kill->watch_source = (struct loop_source){.ready = watch_readable, .context = node};
	kill->routes_source = (struct loop_source){.ready = routes_readable, .context = node};
	enum err error = nft_watch_new("umbra", &kill->watch);
	if (!error)
		error = loop_add(node->privileged.loop, nft_watch_descriptor(kill->watch), EPOLLIN,
						 &kill->watch_source);
	if (error)
		log_warning("firewall rules are not watched: %s", err_text(error));
	error = block_watch_open(&kill->routes);
	if (!error)
		error = loop_add(node->privileged.loop, kill->routes, EPOLLIN, &kill->routes_source);
	if (error)
		log_warning("blocking routes are not watched: %s", err_text(error));
}

static void restore(struct node *node) {
	struct node_kill_switch *kill = &node->kill;
	if (kill->endpoints_late)
		put_endpoints(node);
	if (kill->table_lost) {
		kill->table_lost = false;
		node_network_restore(node);
		node_split_restore(node);
	}
	node_dns_guard_restore(node);
	if (!kill->disturbed)
		return;
	kill->disturbed = false;
	bool was_up = kill->up;
	apply_or_retry(node);
	if (!kill->up || kill->disturbed)
		return;
	if (was_up) {
		kill->restored++;
		log_warning("another program changed the kill switch's firewall rules; they are back");
	} else {
		log_info("the kill switch is up: nothing leaves past the tunnels");
	}
	for (size_t i = 0; i < PROCESS_TUNNELS_MAX; i++)
		if (node->tunnels[i].used)
			node_control_state(node, &node->tunnels[i]);
}

uint64_t node_kill_switch_run(struct node *node, uint64_t now) {
	if (now >= node->kill.again) {
		node->kill.again = CLOCK_NEVER;
		restore(node);
	}
	return node->kill.again;
}
