#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "host/split.h"
#include "wire/process.h"

/*
 * Split tunnelling by application: control groups whose processes go past all tunnels, or into one.
 * A group is made when somebody wants to join it, and is there until the end. While its tunnel is
 * down, and when there is no daemon any more, what is in an inside group reaches nobody.
 */

struct node;
struct node_tunnel;

struct node_split {
	struct split table;               /* in force */
	bool outside;                     /* there is the group of those that go past all tunnels */
	bool inside[PROCESS_TUNNELS_MAX]; /* by slot */
};

/* What an earlier run left; groups that somebody is still in are taken up again. */
void node_split_start(struct node *node);
/* Control's wish: makes a group, and answers. */
void node_split_ask(struct node *node, const struct process_message *message);
/* After a tunnel came up; before it goes down and before it is forgotten. */
void node_split_up(struct node *node, struct node_tunnel *tunnel);
void node_split_down(struct node *node, struct node_tunnel *tunnel);
/* Its kill switch is released, behind that. */
void node_split_released(struct node *node, const struct node_tunnel *tunnel);
/* Another program has removed tables of ours. The sets' addresses are gone with theirs. */
void node_split_restore(struct node *node);
/* A reload is over: tunnels may have other addresses. */
void node_split_reloaded(struct node *node);
void node_split_forget(struct node *node, struct node_tunnel *tunnel);
/* What tunnels want of it for their domains (daemon/node_domains.h) has changed. */
enum err node_split_refresh(struct node *node, char *out_problem, size_t size);
struct split *node_split_table(struct node *node);
/* At the end. */
void node_split_clear(struct node *node);
