/* How tunnels are, in a word: watched for changes, which are published. */
#include "base/clock.h"
#include "daemon/control_core.h"
#include "daemon/control_view.h"

/* Keys of a tunnel that nothing is sent through grow old without an event. */
#define LOOK_INTERVAL (60 * CLOCK_SECOND)

/* Those of a tunnel with many peers are asked for only when somebody wants to know. */
enum { PEERS_MAX = 8 };

static void publish(const struct control_tunnel *tunnel, const struct condition_result *result) {
	control_api_publish(tunnel->control, "tunnel.condition", tunnel->name, NULL, "%s is %s%s%s",
						tunnel->name, condition_name(result->condition),
						result->reason[0] ? ": " : "", result->reason);
}

void control_condition_look(struct control_tunnel *tunnel) {
	struct control_view view = control_status_view(tunnel);
	const struct condition_result result = control_view_condition(&view);
	tunnel->looked_at = clock_now();
	if (tunnel->condition_since > 0 && result.condition == tunnel->condition)
		return;
	bool first = tunnel->condition_since == 0;
	tunnel->condition = result.condition;
	tunnel->condition_since = clock_wall_now() / CLOCK_SECOND;
	/* That a tunnel which has just been read is down is no news. */
	if (!first || result.condition != CONDITION_DOWN)
		publish(tunnel, &result);
}

/* By fresh figures, which end in control_condition_look(). */
void control_condition_changed(struct control_tunnel *tunnel) {
	if (directory_count(tunnel->directory) > PEERS_MAX || !control_net_refresh(tunnel))
		control_condition_look(tunnel);
}

void control_condition_network(struct control *control) {
	for (size_t i = 0; i < CONFIG_TUNNELS_MAX; i++) {
		struct control_tunnel *tunnel = &control->tunnels[i];
		if (!control_tunnel_is_up(tunnel))
			continue;
		/* Whether there is a way is to be found out anew. */
		list_for_each (link, directory_peers(tunnel->directory))
			list_item(link, struct directory_peer, link)->watched.unreachable_at = 0;
		control_condition_changed(tunnel);
	}
}

uint64_t control_condition_run(struct control *control, uint64_t now) {
	uint64_t next = CLOCK_NEVER;
	for (size_t i = 0; i < CONFIG_TUNNELS_MAX; i++) {
		struct control_tunnel *tunnel = &control->tunnels[i];
		if (!control_tunnel_is_up(tunnel) || directory_count(tunnel->directory) > PEERS_MAX)
			continue;
		if (now >= tunnel->looked_at + LOOK_INTERVAL) {
			tunnel->looked_at = now;
			control_condition_changed(tunnel);
		}
		if (tunnel->looked_at + LOOK_INTERVAL < next)
			next = tunnel->looked_at + LOOK_INTERVAL;
	}
	return next;
}
