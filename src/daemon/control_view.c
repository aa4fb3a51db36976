#include "daemon/control_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "conf/config.h"
#include "conf/shared.h"
#include "tunnel/plan.h"
#include "wire/interface_settings.h"

enum {
	REASON_SIZE = CONDITION_REASON_SIZE,
	ENDPOINT_NAME_SIZE = 253 + sizeof "[]:65535",
};

/* That there is no way to a peer is told again while something is sent to it. */
#define UNREACHABLE_TIME (10 * CLOCK_SECOND)

/* NULL for NULL. */
static enum err copy(const char *text, char **out_text) {
	if (!text)
		return ERR_OK;
	*out_text = strdup(text);
	return *out_text ? ERR_OK : ERR_NO_MEMORY;
}

static enum err copy_prefixes(const struct prefix *prefixes, size_t count,
							  struct prefix **out_prefixes, size_t *out_count) {
	if (count == 0)
		return ERR_OK;
	struct prefix *new = calloc(count, sizeof *new);
	if (!new)
		return ERR_NO_MEMORY;
	memcpy(new, prefixes, count * sizeof *new);
	*out_prefixes = new;
	*out_count = count;
	return ERR_OK;
}

static enum err copy_addresses(const struct address *addresses, size_t count,
							   struct address **out_addresses, size_t *out_count) {
	if (count == 0)
		return ERR_OK;
	*out_addresses = calloc(count, sizeof **out_addresses);
	if (!*out_addresses)
		return ERR_NO_MEMORY;
	memcpy(*out_addresses, addresses, count * sizeof **out_addresses);
	*out_count = count;
	return ERR_OK;
}

static enum err copy_host(const char *name, uint16_t port, char **out_text) {
	if (!name)
		return ERR_OK;
	int size = asprintf(out_text, strchr(name, ':') ? "[%s]:%u" : "%s:%u", name, port);
	if (size >= 0)
		return ERR_OK;
	*out_text = NULL;
	return ERR_NO_MEMORY;
}

static void explain_shadow(const struct control_view *view, const struct directory_peer *peer,
						   char out_reason[static REASON_SIZE]) {
	static const char *const what[] = {
		[DIRECTORY_KEY] = "key", [DIRECTORY_NAME] = "name", [DIRECTORY_PREFIX] = "allowed IP"};
	/* Whoever stood in its way may be gone meanwhile. */
	if (peer->shadowed_by == peer)
		(void)snprintf(out_reason, REASON_SIZE, "not used before the next umbra reload");
	else
		(void)snprintf(out_reason, REASON_SIZE, "not used: %.63s in %.200s has the same %s",
					   peer->shadowed_by->name, view->file, what[peer->shadowed]);
}

/* What is known of a peer that is in use, of a tunnel that is up. */
static struct condition_peer inputs_of(const struct control_view *view,
									   const struct directory_peer *peer,
									   char out_name[static ENDPOINT_NAME_SIZE]) {
	struct condition_peer inputs = {
		.endpoint = peer->figures.endpoint,
		.connected = directory_connected(peer, view->now),
		.was_connected = peer->figures.latest_handshake > 0 || peer->watched.connected_at > 0,
		.unreachable = peer->watched.unreachable_at > 0 &&
					   view->clock < peer->watched.unreachable_at + UNREACHABLE_TIME,
		.unanswered = peer->watched.unanswered,
	};
	const struct directory_figures *figures = &peer->figures;
	inputs.lost = inputs.was_connected && peer->endpoint_name && figures->tells_session &&
				  !figures->has_session;
	if (peer->endpoint_name) {
		(void)snprintf(out_name, ENDPOINT_NAME_SIZE,
					   strchr(peer->endpoint_name, ':') ? "[%.253s]:%u" : "%.253s:%u",
					   peer->endpoint_name, peer->endpoint_port);
		inputs.endpoint_name = out_name;
	}
	/* A client's device knows what its one peer has come to. */
	const char *why = directory_device(view->directory)->problem;
	inputs.why = why[0] ? why : NULL;
	/* Another connection may fail beside one that there is. */
	if (peer->figures.streams.are_known && inputs.connected)
		inputs.unanswered = 0;
	if (inputs.unanswered > 0 && view->clock > peer->watched.silent_since)
		inputs.silent = (view->clock - peer->watched.silent_since) / CLOCK_SECOND;
	enum names_state state;
	const char *problem = NULL;
	if (view->names &&
		names_state_of(view->names, view->slot, peer->public_key, &state, &problem) == ERR_OK) {
		/* One that is asked for again goes on with the addresses that it has. */
		inputs.resolving =
			state == NAMES_RESOLVING && (problem || inputs.endpoint.address.family == ADDRESS_NONE);
		inputs.name_problem = problem;
	}
	return inputs;
}

/* State and why. */
static enum view_peer_state state_of(const struct control_view *view,
									 const struct directory_peer *peer,
									 char out_reason[static REASON_SIZE]) {
	out_reason[0] = '\0';
	if (peer->shadowed_by) {
		explain_shadow(view, peer, out_reason);
		return VIEW_PEER_IDLE;
	}
	if (view->state != PROCESS_STATE_UP)
		return VIEW_PEER_IDLE;
	char name[ENDPOINT_NAME_SIZE];
	const struct condition_peer inputs = inputs_of(view, peer, name);
	const struct condition_result result = condition_of_peer(&inputs);
	if (result.condition == CONDITION_CONNECTED)
		return VIEW_PEER_CONNECTED;
	if (result.condition == CONDITION_IDLE)
		return inputs.was_connected ? VIEW_PEER_QUIET : VIEW_PEER_IDLE;
	(void)snprintf(out_reason, REASON_SIZE, "%s", result.reason);
	return inputs.resolving && !inputs.unreachable ? VIEW_PEER_RESOLVING : VIEW_PEER_CONNECTING;
}

_Static_assert((int)VIEW_PATHS_MAX == (int)DIRECTORY_PATHS_MAX);

/* Of a client, whose one peer it is. */
static void fill_paths(const struct control_view *view, struct view_peer *out) {
	const struct directory_device *device = directory_device(view->directory);
	if (view->state != PROCESS_STATE_UP)
		return;
	for (; out->path_count < device->path_count; out->path_count++)
		out->paths[out->path_count] = (struct view_path){
			.endpoint = device->paths[out->path_count].endpoint,
			.round_trip = device->paths[out->path_count].round_trip,
		};
}

static enum err fill_peer(const struct control_view *view, const struct directory_peer *peer,
						  struct view_peer *out) {
	static const char *const origins[] = {
		[DIRECTORY_FILE] = "file", [DIRECTORY_STORE] = "store", [DIRECTORY_DEVICE] = "wg"};
	char reason[REASON_SIZE];
	memcpy(out->public_key, peer->public_key, TEXT_KEY_SIZE);
	out->has_preshared_key = peer->known && !peer->shadowed_by ? peer->figures.has_preshared_key
															   : peer->has_preshared_key;
	out->is_identity = peer->of_shared;
	out->state = state_of(view, peer, reason);
	out->persistent_keepalive = peer->persistent_keepalive;
	/* Of one that is not used they would be another's. */
	if (!peer->shadowed_by) {
		out->endpoint = peer->figures.endpoint;
		out->path_mtu = peer->figures.path_mtu;
		fill_paths(view, out);
		out->latest_handshake = peer->figures.latest_handshake;
		out->received = peer->figures.received;
		out->sent = peer->figures.sent;
		out->streams = peer->figures.streams;
	}
	enum err error = copy(view->config->name, &out->tunnel);
	if (!error)
		error = copy(peer->name, &out->name);
	if (!error)
		error = copy(origins[peer->origin], &out->origin);
	if (!error)
		error = copy(reason[0] ? reason : NULL, &out->reason);
	if (!error)
		error = copy_host(peer->endpoint_name, peer->endpoint_port, &out->endpoint_name);
	if (!error)
		error = copy_prefixes(peer->allowed_ips, peer->allowed_ip_count, &out->allowed_ips,
							  &out->allowed_ip_count);
	if (!error)
		error = copy(peer->rules, &out->rules);
	return error;
}

enum err control_view_peer(const struct control_view *view, const struct directory_peer *peer,
						   struct view_peer *out_peer) {
	struct view_peer new = {.tunnel = NULL};
	enum err error = fill_peer(view, peer, &new);
	if (error)
		view_peer_done(&new);
	else
		*out_peer = new;
	return error;
}

static void free_peers(struct view_peer *peers, size_t count) {
	for (size_t i = 0; i < count; i++)
		view_peer_done(&peers[i]);
	free(peers);
}

enum err control_view_peers(const struct control_view *view, struct view_peer **out_peers,
							size_t *out_count) {
	/* With room for one, as calloc(0) may be NULL. */
	struct view_peer *peers = calloc(directory_count(view->directory) + 1, sizeof *peers);
	size_t count = 0;
	enum err error = peers ? ERR_OK : ERR_NO_MEMORY;
	list_for_each (link, directory_peers(view->directory)) {
		if (error)
			break;
		const struct directory_peer *peer = list_item(link, struct directory_peer, link);
		error = control_view_peer(view, peer, &peers[count]);
		count += !error;
	}
	if (error) {
		if (peers)
			free_peers(peers, count);
		return error;
	}
	*out_peers = peers;
	*out_count = count;
	return ERR_OK;
}

static enum err fill_recent(const struct control_view *view, size_t limit,
							struct view_tunnel *out) {
	const struct directory_peer **recent;
	size_t count;
	enum err error = directory_recent(view->directory, limit, &recent, &count);
	if (error)
		return error;
	out->peers = calloc(count + 1, sizeof *out->peers);
	if (!out->peers)
		error = ERR_NO_MEMORY;
	for (size_t i = 0; i < count && !error; i++) {
		error = control_view_peer(view, recent[i], &out->peers[i]);
		out->shown += !error;
	}
	free(recent);
	return error;
}

static enum err fill_clients(const struct config_tunnel *config, struct view_tunnel *out) {
	const struct config_clients *clients = &config->clients;
	struct prefix routes[INTERFACE_SETTINGS_ROUTES_MAX];
	struct config_prefixes sent = clients->allowed_ips;
	const struct address *dns = clients->dns;
	size_t dns_count = clients->dns_count;
	if (config_has_shared(config) && config->role == CONFIG_SERVER) {
		sent = (struct config_prefixes){.items = routes, .count = shared_routes(config, routes)};
		dns = config->shared.push.dns;
		dns_count = config->shared.push.dns_count;
	}
	enum err error =
		copy_host(clients->endpoint.name, clients->endpoint.port, &out->clients_endpoint);
	if (!error)
		error = copy_prefixes(sent.items, sent.count, &out->clients_allowed_ips,
							  &out->clients_allowed_ip_count);
	out->clients_keepalive = clients->persistent_keepalive;
	if (error)
		return error;
	return copy_addresses(dns, dns_count, &out->clients_dns, &out->clients_dns_count);
}

static const char *reason_of(const struct control_view *view) {
	if (view->reason[0])
		return view->reason;
	if (view->state != PROCESS_STATE_DOWN)
		return NULL;
	return view->held                ? "somebody took it down"
		   : view->config->autostart ? NULL
									 : "autostart is off";
}

/* The one that a tunnel is for; NULL: there are others, or it is not known where it is. */
static const struct directory_peer *only_peer(const struct control_view *view) {
	const struct directory_peer *only = NULL;
	list_for_each (link, directory_peers(view->directory)) {
		const struct directory_peer *peer = list_item(link, struct directory_peer, link);
		if (peer->shadowed_by)
			continue;
		if (only || !peer->endpoint_name)
			return NULL;
		only = peer;
	}
	return only;
}

struct condition_result control_view_condition(const struct control_view *view) {
	static const enum condition_state states[] = {
		[PROCESS_STATE_DOWN] = CONDITION_IS_DOWN,
		[PROCESS_STATE_STARTING] = CONDITION_IS_STARTING,
		[PROCESS_STATE_UP] = CONDITION_IS_UP,
		[PROCESS_STATE_FAILED] = CONDITION_HAS_FAILED,
	};
	struct condition_tunnel tunnel = {
		.state = states[view->state], .reason = reason_of(view), .kill_switch = view->blocks};
	struct condition_peer inputs;
	char name[ENDPOINT_NAME_SIZE];
	const struct directory_peer *only = view->state == PROCESS_STATE_UP ? only_peer(view) : NULL;
	if (only) {
		inputs = inputs_of(view, only, name);
		tunnel.only = &inputs;
	} else if (view->state == PROCESS_STATE_UP) {
		tunnel.connected = directory_totals(view->directory, view->now).connected;
	}
	struct condition_result result = condition_of_tunnel(&tunnel);
	/* It knows no password and has no ticket. */
	if (result.condition == CONDITION_IDLE && view->config->logs_in &&
		view->config->role == CONFIG_CLIENT)
		(void)snprintf(result.reason, sizeof result.reason, "'umbra login %s' is due",
					   view->config->name);
	/* A server of logins that goes on while nobody can come. */
	if (view->state == PROCESS_STATE_UP && result.reason[0] == '\0' && view->config->logs_in &&
		view->config->role == CONFIG_SERVER)
		(void)snprintf(result.reason, sizeof result.reason, "%s",
					   directory_device(view->directory)->problem);
	return result;
}

static void fill_device(const struct control_view *view, struct view_tunnel *out) {
	const struct config_tunnel *config = view->config;
	const struct directory_device *device = directory_device(view->directory);
	bool up = view->state == PROCESS_STATE_UP;
	out->has_public_key = device->has_public_key;
	memcpy(out->public_key, device->public_key, TEXT_KEY_SIZE);
	out->listen_port = up && device->listen_port ? device->listen_port : config->listen.port;
	out->fwmark = up ? device->fwmark : 0;
	/* Of a tunnel that is down it is not known before its way is. */
	out->mtu = view->mtu ? view->mtu : config->mtu.automatic ? 0 : config->mtu.value;
	out->kill_switch = !view->blocks                     ? VIEW_KILL_SWITCH_OFF
					   : view->state == PROCESS_STATE_UP ? VIEW_KILL_SWITCH_ON
														 : VIEW_KILL_SWITCH_BLOCKING;
	out->kill_switch_restored = view->restored;
	if (view->logins)
		out->logins = *view->logins;
	out->mtu_from_route = config->mtu.automatic && !config->carries_streams;
	const struct directory_totals totals = directory_totals(view->directory, view->now);
	out->peer_count = totals.peers;
	out->connected_count = up ? totals.connected : 0;
	out->received = totals.received;
	out->sent = totals.sent;
	if (up)
		out->streams = device->streams;
}

static enum err fill_data_path(const struct control_view *view, struct view_tunnel *out) {
	const struct directory_data_path *from = &directory_device(view->directory)->data_path;
	if (view->state != PROCESS_STATE_UP || from->shard_count == 0)
		return ERR_OK;
	struct view_data_path *path = calloc(1, sizeof *path);
	if (!path)
		return ERR_NO_MEMORY;
	out->data_path = path;
	if (view->tun_queue_drops) {
		path->has_tun_queue_drops = true;
		path->tun_queue_drops = *view->tun_queue_drops;
	}
	path->shard_count = from->shard_count;
	memcpy(path->shards, from->shards, from->shard_count * sizeof *path->shards);
	return copy(from->aead, &path->aead);
}

static enum err join_names(const struct interface_settings *from, char **out_text) {
	size_t size = 0;
	char *text = NULL;
	FILE *stream = from->domain_count > 0 ? open_memstream(&text, &size) : NULL;
	if (!stream)
		return from->domain_count > 0 ? ERR_NO_MEMORY : ERR_OK;
	for (size_t i = 0; i < from->domain_count; i++)
		(void)fprintf(stream, "%s%s", i > 0 ? "\n" : "", from->domains[i]);
	if (fclose(stream)) {
		free(text);
		return ERR_NO_MEMORY;
	}
	*out_text = text;
	return ERR_OK;
}

static enum err fill_pushed(const struct control_view *view, struct view_tunnel *out) {
	const struct interface_settings *from = view->pushed;
	static const struct interface_settings nothing;
	if (!from || view->state != PROCESS_STATE_UP || interface_settings_equal(from, &nothing))
		return ERR_OK;
	struct view_pushed *pushed = out->pushed = calloc(1, sizeof *pushed);
	if (!pushed)
		return ERR_NO_MEMORY;
	pushed->mtu = from->mtu;
	enum err error = copy_prefixes(from->addresses, from->address_count, &pushed->addresses,
								   &pushed->address_count);
	if (!error)
		error =
			copy_prefixes(from->routes, from->route_count, &pushed->routes, &pushed->route_count);
	if (!error)
		error = copy_addresses(from->servers, from->server_count, &pushed->dns, &pushed->dns_count);
	return error ? error : join_names(from, &pushed->search);
}

enum err control_view_tunnel(const struct control_view *view, size_t peers,
							 struct view_tunnel *out_tunnel) {
	static const enum view_tunnel_state states[] = {
		[PROCESS_STATE_DOWN] = VIEW_DOWN,
		[PROCESS_STATE_STARTING] = VIEW_STARTING,
		[PROCESS_STATE_UP] = VIEW_UP,
		[PROCESS_STATE_FAILED] = VIEW_FAILED,
	};
	const struct config_tunnel *config = view->config;
	struct view_tunnel new = {.state = states[view->state], .autostart = config->autostart};
	fill_device(view, &new);
	const struct condition_result condition = control_view_condition(view);
	new.condition_since = view->condition_since;
	enum err error = copy(config->name, &new.name);
	if (!error)
		error = copy(condition_name(condition.condition), &new.condition);
	if (!error)
		error = copy(config->protocol, &new.protocol);
	if (!error)
		error = copy(config->login.username, &new.username);
	if (!error)
		error = copy(condition.reason[0] ? condition.reason : NULL, &new.reason);
	if (!error)
		error = copy_prefixes(config->addresses.items, config->addresses.count, &new.addresses,
							  &new.address_count);
	if (!error)
		error = fill_pushed(view, &new);
	if (!error)
		error = fill_clients(config, &new);
	if (!error)
		error = fill_data_path(view, &new);
	if (!error)
		error = fill_recent(view, peers, &new);
	if (error)
		view_tunnel_done(&new);
	else
		*out_tunnel = new;
	return error;
}
