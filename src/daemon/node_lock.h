#pragma once

#include "base/error.h"

/*
 * What only one daemon may have: a state folder, and the rules and the firewall table of a network
 * namespace. Both locks end with the process, however it ends.
 */

enum { NODE_LOCK_PATH_SIZE = 64 };

struct node_lock {
	int folder, namespace;          /* -1: not held */
	char path[NODE_LOCK_PATH_SIZE]; /* of the latter, in /run/umbra */
};

#define NODE_LOCK_NONE \
	{ -1, -1, "" }

/* Logs who has it when somebody does: ERR_EXISTS. The folder must exist. */
enum err node_lock_take(const char *state_dir, struct node_lock *out_lock);
void node_lock_done(struct node_lock *lock);
