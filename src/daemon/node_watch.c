#include "daemon/node_watch.h"

#include "daemon/node_mtu.h"
#include "daemon/node_resolvers.h"

static void tell_control(struct node *node, unsigned changes) {
	struct process_message message = {.type = PROCESS_NETWORK};
	message.network.changes = (uint8_t)changes;
	node_control_send(node, &message);
}

static void refresh_mtu(struct node *node, unsigned changes) {
	if (changes & PROCESS_CHANGE_ROUTES)
		node_mtu_refresh(node);
}

static void judge_pushed(struct node *node, unsigned changes) {
	if (changes & PROCESS_CHANGE_ROUTES)
		node_pushed_judge(node);
}

static void (*const hooks[])(struct node *node, unsigned changes) = {
	tell_control, refresh_mtu, judge_pushed, node_domains_changed, node_resolvers_changed,
};

void node_watch_changed(struct node *node, unsigned changes) {
	for (size_t i = 0; i < sizeof hooks / sizeof *hooks; i++)
		hooks[i](node, changes);
}
