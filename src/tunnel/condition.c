#include "tunnel/condition.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *condition_name(enum condition condition) {
	static const char *const names[CONDITION_COUNT] = {
		[CONDITION_DOWN] = "down",
		[CONDITION_STARTING] = "starting",
		[CONDITION_FAILED] = "failed",
		[CONDITION_BLOCKED] = "blocked",
		[CONDITION_IDLE] = "idle",
		[CONDITION_CONNECTING] = "connecting",
		[CONDITION_RECONNECTING] = "reconnecting",
		[CONDITION_CONNECTED] = "connected",
	};
	return condition < CONDITION_COUNT ? names[condition] : "unknown";
}

/* "vpn.example.org:51820 (192.0.2.1:51820)", or what is known of that. */
static void describe(const struct condition_peer *peer, char *out_text, size_t size) {
	char where[ENDPOINT_TEXT_SIZE] = "";
	if (peer->endpoint.address.family != ADDRESS_NONE)
		endpoint_format(&peer->endpoint, where);
	if (!peer->endpoint_name)
		(void)snprintf(out_text, size, "%s", where[0] ? where : "the peer");
	else if (!where[0] || strcmp(where, peer->endpoint_name) == 0)
		(void)snprintf(out_text, size, "%.150s", peer->endpoint_name);
	else
		(void)snprintf(out_text, size, "%.150s (%s)", peer->endpoint_name, where);
}

enum { WHERE_SIZE = 150 + ENDPOINT_TEXT_SIZE + 4 };

static void explain_unreachable(const struct condition_peer *peer, char *out_reason) {
	char where[WHERE_SIZE];
	describe(peer, where, sizeof where);
	(void)snprintf(out_reason, CONDITION_REASON_SIZE, "no route to %s", where);
}

static void explain_unanswered(const struct condition_peer *peer, char *out_reason) {
	char where[WHERE_SIZE], since[48] = "";
	describe(peer, where, sizeof where);
	if (peer->silent > 0)
		(void)snprintf(since, sizeof since, " for %" PRIu64 " second%s", peer->silent,
					   peer->silent == 1 ? "" : "s");
	if (peer->why)
		(void)snprintf(out_reason, CONDITION_REASON_SIZE, "no connection to %s%s: %.200s", where,
					   since, peer->why);
	else
		(void)snprintf(out_reason, CONDITION_REASON_SIZE, "no answer from %s%s", where, since);
}

static void explain_name(const struct condition_peer *peer, char *out_reason) {
	const char *problem = peer->name_problem;
	(void)snprintf(out_reason, CONDITION_REASON_SIZE, "%.120s has no address yet%s%.120s",
				   peer->endpoint_name ? peer->endpoint_name : "its name", problem ? ": " : "",
				   problem ? problem : "");
}

struct condition_result condition_of_peer(const struct condition_peer *peer) {
	struct condition_result result = {.condition = peer->was_connected ? CONDITION_RECONNECTING
																	   : CONDITION_CONNECTING};
	if (peer->unreachable)
		explain_unreachable(peer, result.reason);
	else if (peer->connected && peer->unanswered < CONDITION_UNANSWERED_MIN)
		result.condition = CONDITION_CONNECTED;
	else if (peer->resolving)
		explain_name(peer, result.reason);
	else if (peer->unanswered > 0 || peer->why)
		explain_unanswered(peer, result.reason);
	else if (!peer->lost)
		result.condition = CONDITION_IDLE;
	return result;
}

static void copy_reason(struct condition_result *result, const char *reason) {
	(void)snprintf(result->reason, sizeof result->reason, "%s", reason ? reason : "");
}

static struct condition_result of_tunnel_up(const struct condition_tunnel *tunnel) {
	if (tunnel->reason && tunnel->reason[0]) {
		/* Without sockets nobody can be reached, whatever else is the matter. */
		struct condition_result deaf = {.condition = CONDITION_RECONNECTING};
		copy_reason(&deaf, tunnel->reason);
		return deaf;
	}
	if (tunnel->only)
		return condition_of_peer(tunnel->only);
	return (struct condition_result){.condition = tunnel->connected > 0 ? CONDITION_CONNECTED
																		: CONDITION_IDLE};
}

/* The kill switch is what a user notices first; why the tunnel does not carry comes behind it. */
static struct condition_result block(const struct condition_result *cause) {
	struct condition_result result = {.condition = CONDITION_BLOCKED};
	(void)snprintf(result.reason, sizeof result.reason,
				   "the kill switch is up and the tunnel is %s%s%.400s",
				   condition_name(cause->condition), cause->reason[0] ? ": " : "", cause->reason);
	return result;
}

struct condition_result condition_of_tunnel(const struct condition_tunnel *tunnel) {
	struct condition_result result = {.condition = CONDITION_DOWN};
	switch (tunnel->state) {
	case CONDITION_IS_UP:
		result = of_tunnel_up(tunnel);
		break;
	case CONDITION_IS_STARTING:
		result.condition = CONDITION_STARTING;
		copy_reason(&result, tunnel->reason);
		break;
	case CONDITION_HAS_FAILED:
		result.condition = CONDITION_FAILED;
		copy_reason(&result, tunnel->reason);
		break;
	case CONDITION_IS_DOWN:
		copy_reason(&result, tunnel->reason);
		break;
	}
	bool carries = result.condition == CONDITION_CONNECTED || result.condition == CONDITION_IDLE;
	return tunnel->kill_switch && !carries ? block(&result) : result;
}
