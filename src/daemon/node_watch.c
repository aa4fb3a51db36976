#include "daemon/node_watch.h"

static void tell_control(struct node *node, unsigned changes) {
	struct process_message message = {.type = PROCESS_NETWORK};
	message.network.changes = (uint8_t)changes;
	node_control_send(node, &message);
}

static void (*const hooks[])(struct node *node, unsigned changes) = {
	tell_control,
};

void node_watch_changed(struct node *node, unsigned changes) {
	for (size_t i = 0; i < sizeof hooks / sizeof *hooks; i++)
		hooks[i](node, changes);
}
