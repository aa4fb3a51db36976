#include "daemon/node_metrics.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/node_core.h"
#include "host/tcp_listener.h"

#define RETRY_PAUSE (5 * CLOCK_SECOND)

void node_metrics_init(struct node_metrics *metrics) {
	*metrics = (struct node_metrics){.descriptor = -1, .again = CLOCK_NEVER};
}

void node_metrics_done(struct node_metrics *metrics) {
	if (metrics->descriptor >= 0)
		(void)close(metrics->descriptor);
	node_metrics_init(metrics);
}

/* Returns errno, 0 also where there is nothing to open. */
static int try_open(struct node *node, uint64_t now) {
	struct node_metrics *metrics = &node->metrics;
	metrics->again = CLOCK_NEVER;
	if (metrics->at.port == 0)
		return 0;
	int number = tcp_listener_open(&metrics->at, &metrics->descriptor);
	if (number) {
		metrics->again = now + RETRY_PAUSE;
		return number;
	}
	char at[ENDPOINT_TEXT_SIZE];
	endpoint_format(&metrics->at, at);
	log_info("metrics are at http://%s/metrics", at);
	return 0;
}

static void describe(const struct node *node, int number,
					 char out_problem[static NODE_METRICS_PROBLEM_SIZE]) {
	char at[ENDPOINT_TEXT_SIZE];
	endpoint_format(&node->metrics.at, at);
	(void)snprintf(out_problem, NODE_METRICS_PROBLEM_SIZE,
				   "control.metrics: %s: %s; it is tried again", at, strerror(number));
}

void node_metrics_open(struct node *node, uint64_t now) {
	char problem[NODE_METRICS_PROBLEM_SIZE];
	node->metrics.at = node->config->control.metrics;
	int number = try_open(node, now);
	if (!number)
		return;
	describe(node, number, problem);
	log_error("%s", problem);
}

enum err node_metrics_reload(struct node *node,
							 char out_problem[static NODE_METRICS_PROBLEM_SIZE]) {
	const struct endpoint *at = &node->config->control.metrics;
	if (endpoint_equal(at, &node->metrics.at))
		return ERR_OK;
	/* First, as the new address may need the old one's place; control has it open still. */
	if (node->metrics.descriptor >= 0)
		(void)shutdown(node->metrics.descriptor, SHUT_RDWR);
	node_metrics_done(&node->metrics);
	node->metrics.at = *at;
	int number = try_open(node, clock_now());
	node_metrics_send(node);
	if (number)
		describe(node, number, out_problem);
	return err_from_errno(number);
}

void node_metrics_send(struct node *node) {
	struct process_message message = {.type = PROCESS_METRICS};
	node_control_send_with(node, &message, node->metrics.descriptor);
}

void node_metrics_run(struct node *node, uint64_t now) {
	if (now < node->metrics.again)
		return;
	if (try_open(node, now) == 0)
		node_metrics_send(node);
}
