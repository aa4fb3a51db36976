#include "daemon/node_pushed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/node_core.h"
#include "daemon/node_network.h"
#include "daemon/node_pushed_host.h"
#include "daemon/shared_text.h"
#include "tunnel/plan.h"
#include "tunnel/plan_pushed.h"
#include "wire/process_settings.h"

/* So many words in a burst are carried out at once, others after a pause, the last one alone. */
enum { WORDS_MAX = 5 };
#define BURST (10 * CLOCK_SECOND)
#define PAUSE (2 * CLOCK_SECOND)

/* For the net process, which may be starting again. */
#define RETRY_INTERVAL (50 * CLOCK_MILLISECOND)
#define APPLY_TIMEOUT (10 * CLOCK_SECOND)

/* Lookups */

static const struct plan_pushed *find(const struct node_tunnel *tunnel,
									  const struct config_tunnel *file) {
	const struct plan_pushed *const plans[] = {tunnel->pushed.next, tunnel->pushed.plan};
	for (size_t i = 0; i < 2; i++)
		if (plans[i] && plans[i]->base == file)
			return plans[i];
	return NULL;
}

const struct config_tunnel *node_pushed_config(const struct node_tunnel *tunnel,
											   const struct config_tunnel *file) {
	const struct plan_pushed *plan = find(tunnel, file);
	return plan ? &plan->tunnel : file;
}

const struct config_tunnel *node_pushed_config_of(const struct node *node,
												  const struct node_tunnel *tunnel) {
	const struct config_tunnel *now = config_find(node->config, tunnel->name);
	return node_pushed_config(tunnel, now ? now : tunnel->config);
}

uint32_t node_pushed_mtu(const struct node_tunnel *tunnel, uint32_t own, bool v6) {
	const struct plan_pushed *plan = find(tunnel, tunnel->config);
	return plan ? plan_pushed_mtu(&plan->taken, own, v6) : own;
}

/* Words */

static enum err make(const struct node *node, const struct node_tunnel *tunnel,
					 const struct config_tunnel *file, bool without_routes,
					 struct plan_pushed **out_plan) {
	const struct node_pushed *pushed = &tunnel->pushed;
	struct node_pushed_host host;
	enum err error = node_pushed_host_new(node, tunnel, &host);
	if (error)
		return error;
	struct interface_settings settings = *pushed->word.settings;
	if (without_routes)
		settings.route_count = 0;
	error = plan_pushed_new(file, pushed->word.public_key, &settings, &host.host, out_plan);
	node_pushed_host_done(&host);
	return error;
}

static void schedule(struct node_tunnel *tunnel) {
	struct node_pushed *pushed = &tunnel->pushed;
	uint64_t now = clock_now();
	if (pushed->waiting)
		return;
	if (now >= pushed->burst_end) {
		pushed->burst_end = now + BURST;
		pushed->burst = 0;
	}
	pushed->waiting = true;
	pushed->due = pushed->burst++ < WORDS_MAX ? now : now + PAUSE;
}

void node_pushed_judge(struct node *node) {
	for (size_t i = 0; i < PROCESS_TUNNELS_MAX; i++)
		if (node->tunnels[i].used && node->tunnels[i].pushed.word.settings)
			schedule(&node->tunnels[i]);
}

static bool is_peer(const struct config_tunnel *config,
					const uint8_t public_key[static PROCESS_KEY_SIZE]) {
	bool found = false;
	for (size_t i = 0; config && config_takes_settings(config) && i < config->peer_count; i++)
		found |= memcmp(config->peers[i].public_key, public_key, PROCESS_KEY_SIZE) == 0;
	return found;
}

bool node_pushed_say(struct privileged *privileged, const struct attachment *attachment,
					 const uint8_t public_key[static PROCESS_KEY_SIZE],
					 const struct interface_settings *settings) {
	struct node *node = privileged->program;
	struct node_tunnel *tunnel = node_tunnel_find(node, attachment->name);
	if (!tunnel)
		return true;
	if (!is_peer(tunnel->config, public_key) &&
		!is_peer(config_find(node->config, tunnel->name), public_key))
		return false;
	struct node_pushed_word *word = &tunnel->pushed.word;
	bool same = word->settings && tunnel->pushed.plan && !tunnel->pushed.failed &&
				memcmp(word->public_key, public_key, sizeof word->public_key) == 0 &&
				interface_settings_equal(word->settings, settings);
	if (same || tunnel->attachment != attachment)
		return true;
	if (!word->settings)
		word->settings = calloc(1, sizeof *word->settings);
	if (!word->settings) {
		log_error("%s: what its server says: %s", tunnel->name, err_text(ERR_NO_MEMORY));
		return true;
	}
	memcpy(word->public_key, public_key, sizeof word->public_key);
	*word->settings = *settings;
	schedule(tunnel);
	return true;
}

static bool leads(const struct plan_pushed *plan, const struct address *address) {
	const struct prefix one = {.address = *address, .length = (uint8_t)(8 * address_size(address))};
	for (size_t i = 0; plan && i < plan->taken.route_count; i++)
		if (prefix_covers(&plan->taken.routes[i], &one))
			return true;
	for (size_t i = 0; plan && i < plan->taken.address_count; i++)
		if (prefix_covers(&plan->taken.addresses[i], &one))
			return true;
	return false;
}

static bool is_host(const struct config_host *host, const struct address *address) {
	struct endpoint endpoint;
	return plan_endpoint(host, &endpoint) && address_equal(&endpoint.address, address);
}

/* Then it counts as long as the file says so, and no longer. */
static bool is_in_file(const struct config_tunnel *config,
					   const uint8_t public_key[static PROCESS_KEY_SIZE],
					   const struct address *address) {
	bool found = false;
	for (size_t i = 0; config && i < config->peer_count; i++) {
		const struct config_peer *peer = &config->peers[i];
		if (memcmp(peer->public_key, public_key, PROCESS_KEY_SIZE) != 0)
			continue;
		found |= is_host(&peer->endpoint, address);
		for (size_t j = 0; j < peer->others.count; j++)
			found |= is_host(&peer->others.items[j], address);
	}
	return found;
}

void node_pushed_endpoint(struct node *node, const struct process_message *message) {
	struct node_tunnel *tunnel = &node->tunnels[message->tunnel];
	struct node_pushed *pushed = &tunnel->pushed;
	const struct address address = address_from_bytes((enum address_family)message->endpoint.family,
													  message->endpoint.address);
	if (!tunnel->used || !tunnel->config ||
		is_in_file(config_find(node->config, tunnel->name), message->endpoint.public_key, &address))
		return;
	for (size_t i = 0; i < pushed->endpoint_count; i++)
		if (address_equal(&pushed->endpoints[i], &address))
			return;
	/* The oldest one goes. */
	if (pushed->endpoint_count == NODE_PUSHED_ENDPOINTS_MAX)
		memmove(pushed->endpoints, pushed->endpoints + 1,
				--pushed->endpoint_count * sizeof *pushed->endpoints);
	pushed->endpoints[pushed->endpoint_count++] = address;
	for (size_t i = 0; i < PROCESS_TUNNELS_MAX; i++)
		if (node->tunnels[i].used && leads(node->tunnels[i].pushed.plan, &address))
			schedule(&node->tunnels[i]);
}

uint64_t node_pushed_run(struct node *node, uint64_t now) {
	uint64_t next = CLOCK_NEVER;
	for (size_t i = 0; i < PROCESS_TUNNELS_MAX; i++) {
		struct node_pushed *pushed = &node->tunnels[i].pushed;
		if (!node->tunnels[i].used || !pushed->waiting)
			continue;
		if (now >= pushed->due) {
			if (!node_order(node, NODE_ORDER_SETTINGS, node->tunnels[i].name, 0, NULL))
				pushed->waiting = false;
			else
				pushed->due = now + PAUSE;
		}
		if (pushed->waiting && pushed->due < next)
			next = pushed->due;
	}
	return next;
}

/* The order */

static void announce(struct node *node, const struct node_tunnel *tunnel) {
	static struct log_kind refused;
	const struct plan_pushed *plan = tunnel->pushed.plan;
	char text[PLAN_PUSHED_TEXT_SIZE];
	plan_pushed_format(&plan->taken, text);
	log_info("%s: its server gives it %s", tunnel->name, text);
	if (plan->refused > 0)
		log_limited(&refused, LOG_WARNING,
					"%s: what its server gives is not all taken: %s (refused in all: %zu)",
					tunnel->name, plan->problem, plan->refused);
	node_pushed_tell(node, tunnel);
}

static void replace(struct node_tunnel *tunnel, struct plan_pushed *plan) {
	plan_pushed_free(tunnel->pushed.plan);
	tunnel->pushed.plan = plan;
}

/* Routes that others have already must not keep the rest away. */
static void change_network(const struct node *node, struct node_tunnel *tunnel) {
	static struct log_kind failed;
	char problem[NODE_NETWORK_PROBLEM_SIZE];
	struct plan_pushed *without;
	if (!node_network_change(node, tunnel, problem))
		return;
	log_limited(&failed, LOG_ERROR, "%s: what its server gives: %s", tunnel->name, problem);
	if (tunnel->pushed.plan->taken.route_count == 0 ||
		make(node, tunnel, tunnel->config, true, &without))
		return;
	replace(tunnel, without);
	if (node_network_change(node, tunnel, problem))
		log_error("%s: without routes: %s", tunnel->name, problem);
}

/* Rules come before the addresses that they guard. */
static void apply(struct node *node, struct node_tunnel *tunnel, const struct plan_pushed *before) {
	char problem[NODE_DOMAINS_PROBLEM_SIZE];
	node_kill_switch_refresh(node);
	if (node_network_reload(node, problem))
		log_error("%s: %s", tunnel->name, problem);
	change_network(node, tunnel);
	if (node_dns_reload(node, problem) || node_domains_reload(node, problem))
		log_error("%s: %s", tunnel->name, problem);
	/* Tried again in vain is nothing to tell. */
	if (!before || !interface_settings_equal(&before->taken, &tunnel->pushed.plan->taken))
		announce(node, tunnel);
}

static void finish(struct node *node, struct node_tunnel *tunnel, int number, const char *text) {
	struct plan_pushed *coming = tunnel->pushed.coming, *before = tunnel->pushed.plan;
	tunnel->pushed.coming = NULL;
	tunnel->pushed.failed = number != 0;
	if (number) {
		plan_pushed_free(coming);
		log_error("%s: what its server gives: %s", tunnel->name, text[0] ? text : strerror(number));
	} else {
		tunnel->pushed.plan = coming;
		apply(node, tunnel, before);
		plan_pushed_free(before);
	}
	node_order_done(node, 0, "");
}

static bool repeat(struct node *node) {
	uint64_t now = clock_now();
	if (now >= node->current->give_up)
		return false;
	node->retry_at = now + RETRY_INTERVAL;
	return true;
}

static void told(void *context, int number, const char *text) {
	struct node *node = context;
	struct node_tunnel *tunnel = node->current ? node_tunnel_find(node, node->current->name) : NULL;
	if (tunnel && !(number == EPIPE && repeat(node)))
		finish(node, tunnel, number, text);
}

static int number_of(enum err error) {
	return error == ERR_CLOSED ? EPIPE : error == ERR_NO_MEMORY ? ENOMEM : EIO;
}

/* More words than are carried out end in the same one. */
static bool is_same(const struct node_pushed *pushed) {
	return pushed->plan && pushed->plan->base == pushed->coming->base &&
		   interface_settings_equal(&pushed->plan->taken, &pushed->coming->taken);
}

void node_pushed_apply(struct node *node, struct node_order *order) {
	struct node_tunnel *tunnel = node_tunnel_find(node, order->name);
	if (!tunnel || tunnel->state != PROCESS_STATE_UP || !tunnel->pushed.word.settings) {
		node_order_done(node, 0, "");
		return;
	}
	if (!order->changing)
		order->give_up = clock_now() + APPLY_TIMEOUT;
	order->changing = true;
	struct uapi_text lines = {.data = NULL};
	struct node_pushed *pushed = &tunnel->pushed;
	plan_pushed_free(pushed->coming);
	pushed->coming = NULL;
	enum err error = make(node, tunnel, tunnel->config, false, &pushed->coming);
	if (!error && is_same(pushed)) {
		node_order_done(node, 0, "");
		return;
	}
	if (!error)
		error = plan_device_changes(node_pushed_config(tunnel, tunnel->config),
									&pushed->coming->tunnel, tunnel->slot, &lines);
	bool nothing = !error && lines.size == 0;
	if (!error && !nothing)
		error = privileged_set(&node->privileged, tunnel->attachment,
							   slice_of(lines.data, lines.size), told, node);
	uapi_text_done(&lines);
	bool later = error == ERR_CLOSED || error == ERR_AGAIN || error == ERR_LIMIT;
	if (later && repeat(node))
		return;
	if (error || nothing)
		finish(node, tunnel, error ? number_of(error) : 0, error ? err_text(error) : "");
}

/* Control */

void node_pushed_tell(struct node *node, const struct node_tunnel *tunnel) {
	struct process_message message = {.type = PROCESS_SETTINGS, .tunnel = tunnel->slot};
	const struct plan_pushed *plan = tunnel->pushed.plan;
	uint8_t data[PROCESS_SETTINGS_SIZE_MAX];
	size_t size;
	auto_close int descriptor = -1;
	memcpy(message.settings.public_key, tunnel->pushed.word.public_key,
		   sizeof message.settings.public_key);
	if (!plan) {
		node_control_send(node, &message);
		return;
	}
	enum err error = process_settings_encode(&plan->taken, data, &size);
	if (!error)
		error = shared_text_new(slice_of(data, size), &descriptor);
	if (error)
		log_error("%s: the control process does not learn what its server gives: %s", tunnel->name,
				  err_text(error));
	else
		node_control_send_with(node, &message, descriptor);
}

/* Life */

void node_pushed_reload(struct node *node) {
	for (size_t i = 0; i < PROCESS_TUNNELS_MAX; i++) {
		struct node_tunnel *tunnel = &node->tunnels[i];
		const struct config_tunnel *now =
			tunnel->used ? config_find(node->config, tunnel->name) : NULL;
		if (!now || !tunnel->pushed.plan)
			continue;
		enum err error = make(node, tunnel, now, false, &tunnel->pushed.next);
		if (error && error != ERR_NOT_FOUND)
			log_error("%s: what its server gives: %s", tunnel->name, err_text(error));
	}
}

void node_pushed_settle(struct node *node) {
	for (size_t i = 0; i < PROCESS_TUNNELS_MAX; i++) {
		struct node_tunnel *tunnel = &node->tunnels[i];
		if (!tunnel->used)
			continue;
		/* Also what comes of it only now, by another configuration of this tunnel or of others. */
		if (tunnel->pushed.word.settings && is_peer(tunnel->config, tunnel->pushed.word.public_key))
			schedule(tunnel);
		if (!tunnel->pushed.plan)
			continue;
		const struct plan_pushed *next = tunnel->pushed.next;
		bool same = next && interface_settings_equal(&next->taken, &tunnel->pushed.plan->taken);
		replace(tunnel, tunnel->pushed.next);
		tunnel->pushed.next = NULL;
		if (next && !same)
			announce(node, tunnel);
		else if (!next)
			node_pushed_tell(node, tunnel);
	}
}

void node_pushed_forget(struct node_tunnel *tunnel) {
	struct node_pushed *pushed = &tunnel->pushed;
	plan_pushed_free(pushed->plan);
	plan_pushed_free(pushed->next);
	plan_pushed_free(pushed->coming);
	free(pushed->word.settings);
	*pushed = (struct node_pushed){.waiting = false};
}
