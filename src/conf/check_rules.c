#include "conf/check_rules.h"

#include "conf/fault.h"

static void check_peer(const struct config_peer *peer, enum policy_use use,
					   const struct tree_node *node, struct config_errors *errors) {
	const struct tree_node *list = tree_get(node, "rules");
	const struct tree_node *item = list && list->kind == TREE_LIST ? list->first : NULL;
	for (size_t i = 0; i < peer->rules.count; i++, item = item ? item->next : NULL) {
		const char *text = peer->rules.items[i];
		struct policy_rule rule;
		char shown[FAULT_SHOWN_SIZE];
		/* What is none of either use has been said. */
		const char *problem = policy_rule_read(text, use, &rule);
		if (problem && !policy_rule_read(text, POLICY_OF_EITHER, &rule))
			fault_add(errors, item ? item : node, NULL, "%s %s", fault_shown(text, shown), problem);
	}
}

void check_rules(const struct config_tunnel *tunnel, enum policy_use use,
				 const struct tree_node *node, struct config_errors *errors) {
	const struct tree_node *list = tree_get(node, "peers");
	const struct tree_node *item = list && list->kind == TREE_LIST ? list->first : NULL;
	for (size_t i = 0; item && i < tunnel->peer_count; i++, item = item->next)
		if (item->kind == TREE_MAP)
			check_peer(&tunnel->peers[i], use, item, errors);
}
