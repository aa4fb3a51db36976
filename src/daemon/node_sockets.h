#pragma once

#include "loop/loop.h"

/*
 * Sockets for the control process's resolver, on a channel of their own: control waits for each
 * answer, as the resolver must have it at once. It may only ask for UDP and TCP; the mark, by which
 * questions go past the tunnels, is decided here.
 */
struct node;

struct node_sockets {
	int channel; /* -1: no control process */
	struct loop_source source;
};

void node_sockets_init(struct node_sockets *sockets);
/* For a new control process, which gets *out_end: the caller closes it. */
enum err node_sockets_open(struct node *node, int *out_end);
void node_sockets_close(struct node *node);
