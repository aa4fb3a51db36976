#pragma once

#include <stdint.h>

#include "base/address.h"

/*
 * The TCP socket of control.metrics: opened here, served by the control process. Where it cannot be
 * opened (its port is another's, its address is that of an interface yet to come) tunnels start all
 * the same, and it is tried again.
 */

struct node;

struct node_metrics {
	int descriptor;     /* -1: not open */
	struct endpoint at; /* of the configuration; port 0: none */
	uint64_t again;     /* to try; CLOCK_NEVER */
};

enum { NODE_METRICS_PROBLEM_SIZE = 160 };

void node_metrics_init(struct node_metrics *metrics);
void node_metrics_done(struct node_metrics *metrics);
/* At the start; a failure is logged. */
void node_metrics_open(struct node *node, uint64_t now);
/* To the configuration of now; nothing happens where it is the same. */
enum err node_metrics_reload(struct node *node, char out_problem[static NODE_METRICS_PROBLEM_SIZE]);
/* Tells the control process, which may be a new one. */
void node_metrics_send(struct node *node);
/* Tries again what is due. */
void node_metrics_run(struct node *node, uint64_t now);
