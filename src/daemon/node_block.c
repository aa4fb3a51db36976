/* umbrad --block and --unblock: the kill switch without a daemon. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "daemon/node_core.h"
#include "host/block.h"
#include "host/valid_mark.h"
#include "tunnel/plan.h"

/* Of a configuration that cannot be read. */
static const char standard_dir[] = "/var/lib/umbra";

static int block(struct node *node) {
	const struct config *config = node->config;
	enum err error = node_make_state_dir(config->node.state_dir);
	/* A daemon that runs has it up as it should be. */
	if (!error)
		error = node_lock_take(config->node.state_dir, &node->lock);
	for (size_t i = 0; i < config->tunnel_count && !error; i++)
		error = node_tunnel_add(node, &config->tunnels[i]);
	if (error)
		return EXIT_FAILURE;
	node_kill_switch_start(node);
	bool failed = node->kill.disturbed;
	if (!failed && !node->kill.up)
		log_info("no tunnel with a kill switch is to be up; nothing is blocked");
	node_tunnels_clear(node);
	node_lock_done(&node->lock);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

int node_block(struct node *node) {
	log_init(LOG_INFO, "umbrad");
	return block(node);
}

static enum err remember(struct kill_memory *out_memory, bool *out_wanted) {
	enum err error = kill_memory_load(standard_dir, out_memory);
	bool wanted = false;
	for (size_t i = 0; !error && i < out_memory->tunnel_count; i++)
		wanted |= out_memory->tunnels[i].state == KILL_MEMORY_ENGAGED;
	if (!error)
		*out_wanted = wanted;
	return error;
}

/* No daemon sends anything that would have to pass, and there is nobody to say what else may. */
static enum err block_all(char out_problem[static FIREWALL_PROBLEM_SIZE]) {
	static const struct block_tunnel tunnel = {.table = PLAN_MARK_BASE + 1,
											   .mark = PLAN_MARK_BASE + 1};
	const uint32_t mark = PLAN_MARK_RESOLVER;
	const struct block_request routes = {
		.tunnels = &tunnel, .tunnel_count = 1, .marks = &mark, .mark_count = 1};
	struct kill_switch_request rules = {.neighbour_mark = mark};
	char problem[BLOCK_PROBLEM_SIZE], setting[SYSCTL_PROBLEM_SIZE], seal[KILL_SWITCH_SEAL_SIZE];
	enum err error = block_apply(&routes, problem);
	if (error) {
		(void)snprintf(out_problem, FIREWALL_PROBLEM_SIZE, "%s", problem);
		return error;
	}
	(void)valid_mark_hold(standard_dir, setting);
	if (!kill_switch_apply(&rules, seal, out_problem))
		return ERR_OK;
	rules.neighbour_mark = 0;
	return kill_switch_apply(&rules, seal, out_problem);
}

void node_block_remembered(void) {
	struct node_lock lock = NODE_LOCK_NONE;
	char problem[FIREWALL_PROBLEM_SIZE] = "";
	bool wanted = false;
	struct kill_memory *memory = calloc(1, sizeof *memory);
	log_init(LOG_INFO, "umbrad");
	enum err error = memory ? remember(memory, &wanted) : ERR_NO_MEMORY;
	free(memory);
	if (!error && !wanted) {
		(void)fprintf(stderr, "umbrad: %s knows of no kill switch; nothing is blocked\n",
					  standard_dir);
		return;
	}
	/* A daemon that runs has it up as it should be. */
	if (!error)
		error = node_lock_take(standard_dir, &lock);
	if (!error)
		error = block_all(problem);
	node_lock_done(&lock);
	if (error)
		(void)fprintf(stderr, "umbrad: the kill switch of before could not be put up: %s\n",
					  problem[0] ? problem : err_text(error));
	else
		(void)fputs("umbrad: the kill switch of before is up, and nothing leaves this host, until "
					"umbrad starts with a good configuration, or umbrad --unblock\n",
					stderr);
}

/* The next start engages what comes up with it. */
static void forget(const char *state_dir) {
	struct kill_memory *memory = calloc(1, sizeof *memory);
	if (!memory || kill_memory_load(state_dir, memory)) {
		free(memory);
		return;
	}
	for (size_t i = 0; i < memory->tunnel_count; i++)
		if (memory->tunnels[i].state == KILL_MEMORY_ENGAGED)
			memory->tunnels[i].state = KILL_MEMORY_IDLE;
	if (memory->tunnel_count > 0 && kill_memory_save(memory, state_dir))
		log_warning("%s: the kill switch's state could not be written", state_dir);
	free(memory);
}

static int unblock(const char *state_dir) {
	struct node_lock lock = NODE_LOCK_NONE;
	char problem[FIREWALL_PROBLEM_SIZE] = "";
	bool routes = false, rules = false;
	enum err error = node_make_state_dir(state_dir);
	if (!error)
		error = node_lock_take(state_dir, &lock);
	if (error == ERR_EXISTS)
		(void)fputs("umbrad: a daemon runs: \"umbra down TUNNEL\" releases the kill switch\n",
					stderr);
	if (error)
		return EXIT_FAILURE;
	error = block_exists(&routes);
	if (!error)
		error = kill_switch_remove(&rules, problem);
	if (!error)
		error = block_remove();
	if (!error)
		error = valid_mark_release(state_dir);
	if (!error)
		forget(state_dir);
	node_lock_done(&lock);
	if (error) {
		(void)fprintf(stderr, "umbrad: the kill switch could not be taken away: %s\n",
					  problem[0] ? problem : err_text(error));
		return EXIT_FAILURE;
	}
	const char *what = routes && rules ? "firewall rules and blocking routes"
					   : rules         ? "firewall rules"
									   : "blocking routes";
	if (routes || rules)
		(void)printf("removed the kill switch: %s\n", what);
	else
		(void)puts("there is no kill switch");
	return EXIT_SUCCESS;
}

/* A configuration that is wrong by now is no reason to leave somebody without a network. */
int node_unblock(const struct node_options *options) {
	struct config *config = NULL;
	struct config_errors errors;
	log_init(LOG_WARNING, "umbrad");
	if (node_load(options, &config, &errors))
		(void)fprintf(stderr, "umbrad: %s is not good; the state folder is taken for %s\n",
					  options->path, standard_dir);
	config_errors_done(&errors);
	int status = unblock(config ? config->node.state_dir : standard_dir);
	config_free(config);
	return status;
}
