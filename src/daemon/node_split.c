#include "daemon/node_split.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "daemon/node_core.h"
#include "host/split_group.h"
#include "host/split_rules.h"
#include "tunnel/plan.h"
#include "tunnel/plan_dns.h"

enum {
	NAME_SIZE = PROCESS_NAME_SIZE + 8,
	PROBLEM_SIZE = PROCESS_TEXT_SIZE,
};

static const char outside_name[] = "outside";

_Static_assert((int)PROCESS_TUNNELS_MAX <= (int)SPLIT_RULES_TUNNELS_MAX, "all may have a rule");

static uint32_t inside_mark(const struct node_tunnel *tunnel) {
	return PLAN_MARK_INSIDE + tunnel->slot;
}

static void name_inside(const char *tunnel, char out_name[static NAME_SIZE]) {
	(void)snprintf(out_name, NAME_SIZE, "inside-%s", tunnel);
}

static bool lacks(const struct node_tunnel *tunnel, enum address_family family) {
	const struct config_prefixes *addresses =
		&node_pushed_config(tunnel, tunnel->config)->addresses;
	for (size_t i = 0; i < addresses->count; i++)
		if (addresses->items[i].address.family == family)
			return false;
	return true;
}

/* A row of what is up. */
static struct split_tunnel row_of(const struct node *node, uint16_t slot) {
	const struct node_tunnel *tunnel = &node->tunnels[slot];
	const struct config_tunnel *config = node_pushed_config(tunnel, tunnel->config);
	struct split_tunnel row = {
		.name = tunnel->name,
		.slot = slot,
		.addresses = config->addresses.items,
		.address_count = config->addresses.count,
		.inside = inside_mark(tunnel),
		.servers = config->dns.servers,
		.server_count = config->dns.server_count,
	};
	node_domains_wish(node, slot, &row);
	return row;
}

static bool is_up(const struct node_tunnel *tunnel) {
	return tunnel->used && tunnel->config && tunnel->network;
}

/* The mark that leads past all tunnels, 0: nobody has it. */
static uint32_t outside_mark(const struct node *node) {
	bool wanted = node->split.outside;
	for (uint16_t i = 0; i < PROCESS_TUNNELS_MAX; i++)
		wanted |= is_up(&node->tunnels[i]) && row_of(node, i).exclude;
	return wanted ? PLAN_MARK_OUTSIDE : 0;
}

/* A table of a kill switch has routes, if only such that refuse, also without the interface. */
static bool may_lead(const struct node *node, const struct node_tunnel *tunnel, bool up) {
	if (up)
		return is_up(tunnel);
	return tunnel->used && tunnel->config && !is_up(tunnel) && node_kill_switch_is_up(node, tunnel);
}

/* A server that several tunnels name is asked through the first of them that is up. */
static void add_server(struct split_rules_server *servers, size_t *count, uint32_t table,
					   const struct address *address) {
	for (size_t i = 0; i < *count; i++)
		if (address_equal(&servers[i].address, address))
			return;
	if (table != 0)
		servers[(*count)++] = (struct split_rules_server){*address, table};
}

static enum err find_servers(const struct node *node, struct split_rules_server **out_servers,
							 size_t *out_count) {
	size_t room = 0, count = 0;
	for (uint16_t i = 0; i < PROCESS_TUNNELS_MAX; i++) {
		const struct node_tunnel *tunnel = &node->tunnels[i];
		if (tunnel->used && tunnel->config)
			room += node_pushed_config(tunnel, tunnel->config)->dns.server_count;
	}
	struct split_rules_server *servers = calloc(room + 1, sizeof *servers);
	if (!servers)
		return ERR_NO_MEMORY;
	for (int up = 1; up >= 0; up--)
		for (uint16_t i = 0; i < PROCESS_TUNNELS_MAX; i++) {
			if (!may_lead(node, &node->tunnels[i], up))
				continue;
			const struct config_tunnel *config =
				node_pushed_config(&node->tunnels[i], node->tunnels[i].config);
			for (size_t j = 0; j < config->dns.server_count; j++) {
				const struct address *server = &config->dns.servers[j];
				add_server(servers, &count, plan_dns_table(config, i, server), server);
			}
		}
	*out_servers = servers;
	*out_count = count;
	return ERR_OK;
}

/* Rules first: what is marked already has somewhere to go, or is refused. */
static enum err apply_rules(const struct node *node, char out_problem[static PROBLEM_SIZE]) {
	struct split_rules_request request = {.outside = outside_mark(node)};
	for (uint16_t i = 0; i < PROCESS_TUNNELS_MAX; i++) {
		const struct node_tunnel *tunnel = &node->tunnels[i];
		bool includes = is_up(tunnel) && row_of(node, i).include;
		if (tunnel->used && tunnel->config && (node->split.inside[i] || includes))
			request.inside[request.inside_count++] = (struct split_rules_inside){
				.name = tunnel->network ? tunnel->name : NULL,
				.mark = inside_mark(tunnel),
				.no_v4 = lacks(tunnel, ADDRESS_V4),
				.no_v6 = lacks(tunnel, ADDRESS_V6),
				/* The mark's number, so that nobody else has the table. */
				.table = inside_mark(tunnel),
			};
	}
	auto_free struct split_rules_server *servers = NULL;
	char problem[NETWORK_PROBLEM_SIZE] = "";
	/* Of others nothing is marked from the beginning. */
	enum err error =
		node->split.outside ? find_servers(node, &servers, &request.server_count) : ERR_OK;
	request.servers = servers;
	if (!error)
		error = split_rules_apply(&request, problem);
	if (error)
		(void)snprintf(out_problem, PROBLEM_SIZE, "%s", problem[0] ? problem : err_text(error));
	return error;
}

/* Replies to what goes outside get the mark back, which strict rp_filter wants. */
static enum err apply_table(struct node *node, char out_problem[static PROBLEM_SIZE]) {
	struct split_tunnel rows[PROCESS_TUNNELS_MAX];
	struct split_request request = {
		.tunnels = rows, .outside = outside_mark(node), .applications = node->split.outside};
	for (uint16_t i = 0; i < PROCESS_TUNNELS_MAX; i++)
		if (is_up(&node->tunnels[i]))
			rows[request.count++] = row_of(node, i);
	char problem[SPLIT_PROBLEM_SIZE] = "";
	enum err error = split_apply(&node->split.table, &request, problem);
	if (error)
		(void)snprintf(out_problem, PROBLEM_SIZE, "%s", problem[0] ? problem : err_text(error));
	return error;
}

static enum err apply(struct node *node, char out_problem[static PROBLEM_SIZE]) {
	enum err error = apply_rules(node, out_problem);
	if (error)
		return error;
	error = apply_table(node, out_problem);
	if (error != ERR_NOT_FOUND)
		return error;
	log_warning("%s; strict rp_filter may drop what comes back to applications outside",
				out_problem);
	return ERR_OK;
}

static bool has_domains(const struct node *node) {
	bool any = false;
	for (uint16_t i = 0; i < PROCESS_TUNNELS_MAX; i++) {
		any |= node->split.table.kinds[i] != 0;
		if (is_up(&node->tunnels[i]))
			any |= row_of(node, i).include || row_of(node, i).exclude;
	}
	return any;
}

enum err node_split_refresh(struct node *node, char *out_problem, size_t size) {
	char problem[PROBLEM_SIZE] = "";
	if (!has_domains(node))
		return ERR_OK;
	enum err error = apply_rules(node, problem);
	if (!error)
		error = apply_table(node, problem);
	if (error)
		(void)snprintf(out_problem, size, "split tunnelling: %s", problem);
	return error;
}

void node_split_restore(struct node *node) {
	char problem[PROBLEM_SIZE] = "";
	if (!node->split.table.table)
		return;
	if (apply_table(node, problem))
		log_error("rules of split tunnelling that another program removed could not be made again: "
				  "%s",
				  problem);
	else
		log_info("the rules of split tunnelling are in place again");
}

struct split *node_split_table(struct node *node) {
	return &node->split.table;
}

static enum err make_outside(struct node *node, char out_path[static SPLIT_GROUP_PATH_SIZE],
							 char out_problem[static PROBLEM_SIZE]) {
	const struct split_group group = {.name = outside_name, .mark = PLAN_MARK_OUTSIDE};
	bool before = node->split.outside;
	node->split.outside = true;
	enum err error = before ? ERR_OK : apply(node, out_problem);
	char problem[SPLIT_GROUP_PROBLEM_SIZE] = "";
	if (!error) {
		error = split_group_make(&group, out_path, problem);
		if (error)
			(void)snprintf(out_problem, PROBLEM_SIZE, "%s", problem);
	}
	if (error) {
		node->split.outside = before;
	} else if (!before) {
		node_kill_switch_refresh(node);
		log_info("applications of %s go past all tunnels; their sockets are marked by BPF",
				 out_path);
	}
	return error;
}

static enum err make_inside(struct node *node, const struct node_tunnel *tunnel,
							char out_path[static SPLIT_GROUP_PATH_SIZE],
							char out_problem[static PROBLEM_SIZE]) {
	char name[NAME_SIZE];
	name_inside(tunnel->name, name);
	const struct split_group group = {
		.name = name,
		.mark = inside_mark(tunnel),
		.kept = true,
		.interface = tunnel->network ? if_nametoindex(tunnel->name) : 0,
	};
	bool before = node->split.inside[tunnel->slot];
	node->split.inside[tunnel->slot] = true;
	enum err error = apply(node, out_problem);
	char problem[SPLIT_GROUP_PROBLEM_SIZE] = "";
	if (!error) {
		error = split_group_make(&group, out_path, problem);
		if (error)
			(void)snprintf(out_problem, PROBLEM_SIZE, "%s", problem);
	}
	if (error)
		node->split.inside[tunnel->slot] = before;
	else if (!before)
		log_info("%s: applications of %s go into it; their sockets are marked by BPF", tunnel->name,
				 out_path);
	return error;
}

static void answer(struct node *node, uint16_t request, int number, const char *text) {
	struct process_message message = {.type = PROCESS_RESULT, .request = request};
	message.result.error = (uint32_t)number;
	(void)snprintf(message.result.text, sizeof message.result.text, "%s", text);
	node_control_send(node, &message);
}

static int number_of(enum err error) {
	return error == ERR_UNSUPPORTED || error == ERR_NOT_FOUND ? EOPNOTSUPP : EIO;
}

void node_split_ask(struct node *node, const struct process_message *message) {
	char path[SPLIT_GROUP_PATH_SIZE] = "", problem[PROBLEM_SIZE] = "";
	const char *name = message->order.name;
	if (!name[0]) {
		enum err error = make_outside(node, path, problem);
		answer(node, message->request, error ? number_of(error) : 0, error ? problem : path);
		return;
	}
	const struct node_tunnel *tunnel = node_tunnel_find(node, name);
	if (!tunnel || tunnel->state != PROCESS_STATE_UP || !tunnel->network) {
		(void)snprintf(problem, sizeof problem, tunnel ? "%s is not up" : "there is no tunnel %s",
					   name);
		answer(node, message->request, tunnel ? EAGAIN : ENOENT, problem);
		return;
	}
	enum err error = make_inside(node, tunnel, path, problem);
	answer(node, message->request, error ? number_of(error) : 0, error ? problem : path);
}

void node_split_start(struct node *node) {
	char path[SPLIT_GROUP_PATH_SIZE], problem[PROBLEM_SIZE] = "";
	split_groups_remove();
	/* Who is in it asks on: rules that are wanted still are taken over, all others go. */
	bool joined = split_group_exists(outside_name);
	if ((!joined && split_rules_clean()) || split_clean())
		log_error("rules of split tunnelling of an earlier run could not be removed");
	if (joined && make_outside(node, path, problem))
		log_error("applications outside: %s", problem);
}

void node_split_up(struct node *node, struct node_tunnel *tunnel) {
	char path[SPLIT_GROUP_PATH_SIZE], problem[PROBLEM_SIZE] = "", name[NAME_SIZE];
	name_inside(tunnel->name, name);
	bool wanted = node->split.inside[tunnel->slot] || split_group_exists(name);
	enum err error = wanted ? make_inside(node, tunnel, path, problem) : ERR_OK;
	if (!wanted && node->split.outside)
		error = apply(node, problem);
	if (error)
		log_error("%s: split tunnelling: %s", tunnel->name, problem);
}

void node_split_reloaded(struct node *node) {
	bool any = node->split.outside;
	for (size_t i = 0; i < PROCESS_TUNNELS_MAX; i++)
		any |= node->split.inside[i];
	char problem[PROBLEM_SIZE] = "";
	if (any && apply(node, problem))
		node_reload_problem(node, NULL, problem);
}

void node_split_down(struct node *node, struct node_tunnel *tunnel) {
	char problem[PROBLEM_SIZE] = "";
	if ((node->split.inside[tunnel->slot] || node->split.outside) && apply(node, problem))
		log_error("%s: split tunnelling: %s", tunnel->name, problem);
}

void node_split_released(struct node *node, const struct node_tunnel *tunnel) {
	char problem[PROBLEM_SIZE] = "";
	if (node->split.outside && apply_rules(node, problem))
		log_error("%s: split tunnelling: %s", tunnel->name, problem);
}

void node_split_forget(struct node *node, struct node_tunnel *tunnel) {
	char name[NAME_SIZE];
	if (!node->split.inside[tunnel->slot])
		return;
	name_inside(tunnel->name, name);
	split_group_remove(name);
	node->split.inside[tunnel->slot] = false;
	char problem[PROBLEM_SIZE] = "";
	if (apply(node, problem))
		log_error("%s: split tunnelling: %s", tunnel->name, problem);
}

void node_split_clear(struct node *node) {
	node->split = (struct node_split){.table = node->split.table};
	if (split_rules_clean() || split_clean())
		log_error("rules of split tunnelling could not be removed");
	split_done(&node->split.table);
	split_groups_remove();
}
