/* Endpoints by name: what tunnel/names.h asks for is done here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/control_core.h"
#include "daemon/control_credentials.h"
#include "daemon/control_streams.h"
#include "transport/dns/resolver.h"
#include "wire/interface_settings.h"

struct lookup {
	struct list link;
	struct control *control;
	uint64_t ticket;
};

static void lookup_free(struct lookup *lookup) {
	list_remove(&lookup->link);
	lookup->control->lookup_count--;
	free(lookup);
}

static int open_socket(void *context, int family, int type) {
	struct control *control = context;
	return control_sockets_get(&control->sockets, family, type);
}

static void answered(void *context, const struct resolver_answer *answer) {
	struct lookup *lookup = context;
	struct control *control = lookup->control;
	uint64_t ticket = lookup->ticket;
	lookup_free(lookup);
	size_t count = answer->error ? 0 : answer->count;
	const char *problem = answer->problem[0] ? answer->problem : err_text(answer->error);
	names_answer(control->names, clock_now(), ticket, answer->addresses, count, answer->ttl,
				 count > 0 ? NULL : problem);
	control_run(control);
}

static enum err ask(void *context, const char *name, uint64_t ticket) {
	struct control *control = context;
	if (!control->resolver)
		return ERR_UNSUPPORTED;
	if (control->lookup_count >= CONTROL_LOOKUPS_MAX)
		return ERR_LIMIT;
	struct lookup *lookup = malloc(sizeof *lookup);
	if (!lookup)
		return ERR_NO_MEMORY;
	*lookup = (struct lookup){.control = control, .ticket = ticket};
	list_append(&control->lookups, &lookup->link);
	control->lookup_count++;
	enum err error = resolver_ask(control->resolver, name, answered, lookup);
	if (error)
		lookup_free(lookup);
	return error;
}

/*
 * Each endpoint of a peer that has several is one of a tunnel of its own for names: the slot, and
 * the endpoint's place above it.
 */
enum { PLACE_SHIFT = 8 };
_Static_assert(PROCESS_TUNNELS_MAX <= 1 << PLACE_SHIFT &&
			   CONFIG_ENDPOINTS_MAX <= UINT16_MAX >> PLACE_SHIFT);

static uint16_t place_of(const struct control_tunnel *tunnel, size_t place) {
	return (uint16_t)(tunnel->slot | place << PLACE_SHIFT);
}

static struct control_tunnel *tunnel_of(struct control *control, uint16_t place) {
	return control_tunnel_of_slot(control, place & ((1 << PLACE_SHIFT) - 1));
}

static void use(void *context, uint16_t place, const uint8_t key[static TEXT_KEY_SIZE],
				const struct endpoint *endpoint) {
	struct control_tunnel *tunnel = tunnel_of(context, place);
	if (!tunnel)
		return;
	control_endpoints_use(tunnel, key, place >> PLACE_SHIFT, endpoint);
}

static void tell(void *context, uint16_t place, const uint8_t key[static TEXT_KEY_SIZE],
				 const char *name, const char *problem) {
	struct control_tunnel *tunnel = tunnel_of(context, place);
	const struct directory_peer *peer = tunnel ? directory_find_key(tunnel->directory, key) : NULL;
	if (!peer)
		return;
	if (problem) {
		log_warning("%s: %s: %s: %s", tunnel->name, peer->name, name, problem);
		control_api_publish(context, "peer.unresolved", tunnel->name, peer->name, "%s: %s", name,
							problem);
		control_credentials_stuck(tunnel);
	} else {
		control_api_publish(context, "peer.resolved", tunnel->name, peer->name, "%s has an address",
							name);
	}
}

static const char *system_servers(const struct control *control) {
	return control->resolvers[0] != '\0' ? control->resolvers : NULL;
}

void control_names_open(struct control *control) {
	const struct resolver_options options = {
		.loop = control->loop,
		.open_socket = open_socket,
		.context = control,
		.servers = system_servers(control),
	};
	enum err error = resolver_new(&options, &control->resolver);
	if (error)
		log_error("endpoints by name do not work: %s", err_text(error));
	error = control_streams_open(control);
	if (error)
		log_error("streams do not lead to names: %s", err_text(error));
	const struct names_host host = {.context = control, .ask = ask, .use = use, .tell = tell};
	error = names_new(&host, &control->names);
	if (error) {
		log_error("endpoints by name: %s", err_text(error));
		control_stop(control, EXIT_FAILURE);
	}
}

void control_names_done(struct control *control) {
	resolver_free(control->resolver);
	control->resolver = NULL;
	control_streams_done(control);
	list_for_each (link, &control->lookups)
		lookup_free(list_item(link, struct lookup, link));
	names_free(control->names);
	control->names = NULL;
}

/* NULL: there is none at the place, or it is an address. */
static const char *name_at(const struct directory_peer *peer, size_t place, uint16_t *out_port) {
	struct endpoint literal;
	const char *name;
	if (!peer || peer->shadowed_by || place >= directory_places(peer) ||
		directory_place(peer, place, &literal, &name, out_port))
		return NULL;
	return name;
}

static void put(struct control_tunnel *tunnel, const struct directory_peer *peer, size_t place) {
	struct endpoint literal;
	uint16_t port;
	const char *name;
	if (directory_place(peer, place, &literal, &name, &port)) {
		control_endpoints_seen(tunnel, peer->public_key, &literal);
		return;
	}
	enum err error = names_put(tunnel->control->names, clock_now(), place_of(tunnel, place),
							   peer->public_key, name, port);
	if (error)
		log_error("%s: %s: its endpoint's name: %s", tunnel->name, peer->name, err_text(error));
}

void control_names_put(struct control_tunnel *tunnel, const struct directory_peer *peer) {
	const size_t count = peer->shadowed_by ? 0 : directory_places(peer);
	for (size_t i = 0; i < count && control_tunnel_is_up(tunnel); i++)
		put(tunnel, peer, i);
}

static void remove_place(struct control_tunnel *tunnel, const struct directory_peer *peer,
						 size_t place) {
	uint16_t port;
	if (control_tunnel_is_up(tunnel) && name_at(peer, place, &port))
		names_remove(tunnel->control->names, place_of(tunnel, place), peer->public_key);
}

void control_names_remove(struct control_tunnel *tunnel, const struct directory_peer *peer) {
	for (size_t i = 0; i < directory_places(peer); i++)
		remove_place(tunnel, peer, i);
}

void control_names_put_all(struct control_tunnel *tunnel) {
	memset(tunnel->found, 0, sizeof tunnel->found);
	list_for_each (link, directory_peers(tunnel->directory))
		control_names_put(tunnel, list_item(link, struct directory_peer, link));
}

void control_names_forget(struct control_tunnel *tunnel) {
	for (size_t i = 0; i < CONFIG_ENDPOINTS_MAX; i++)
		names_remove_tunnel(tunnel->control->names, place_of(tunnel, i));
}

void control_names_connected(struct control_tunnel *tunnel, const struct directory_peer *peer) {
	for (size_t i = 0; i < directory_places(peer); i++)
		names_connected(tunnel->control->names, clock_now(), place_of(tunnel, i), peer->public_key);
}

void control_names_unanswered(struct control_tunnel *tunnel, const struct directory_peer *peer,
							  uint32_t count) {
	for (size_t i = 0; i < directory_places(peer); i++)
		names_unanswered(tunnel->control->names, clock_now(), place_of(tunnel, i), peer->public_key,
						 count);
}

void control_names_unreachable(struct control_tunnel *tunnel, const struct directory_peer *peer) {
	for (size_t i = 0; i < directory_places(peer); i++)
		names_unreachable(tunnel->control->names, clock_now(), place_of(tunnel, i),
						  peer->public_key);
}

static bool same_name(const struct directory_peer *left, const struct directory_peer *right,
					  size_t place) {
	uint16_t left_port, right_port;
	const char *one = name_at(left, place, &left_port), *other = name_at(right, place, &right_port);
	return one && other && left_port == right_port && strcmp(one, other) == 0;
}

static bool same_endpoints(const struct directory_peer *left, const struct directory_peer *right) {
	const size_t count = directory_places(left);
	bool same = count == directory_places(right);
	for (size_t i = 0; i < count && same; i++) {
		struct endpoint literal;
		const char *one, *other;
		uint16_t left_port, right_port;
		(void)directory_place(left, i, &literal, &one, &left_port);
		(void)directory_place(right, i, &literal, &other, &right_port);
		same = left_port == right_port && strcmp(one, other) == 0;
	}
	return same;
}

/* The device was given the addresses of the file's new list, and has forgotten those of names. */
static void put_again(struct control_tunnel *tunnel, const struct directory *before) {
	list_for_each (link, directory_peers(tunnel->directory)) {
		const struct directory_peer *peer = list_item(link, struct directory_peer, link);
		const struct directory_peer *was = directory_find_key(before, peer->public_key);
		if (control_tunnel_is_up(tunnel) && peer->of_shared && !peer->shadowed_by && was &&
			!same_endpoints(was, peer))
			control_endpoints_again(tunnel, peer);
	}
}

void control_names_change(struct control_tunnel *tunnel, const struct directory *before) {
	const struct directory *after = tunnel->directory;
	uint16_t port;
	list_for_each (link, directory_peers(before)) {
		const struct directory_peer *peer = list_item(link, struct directory_peer, link);
		const struct directory_peer *now = directory_find_key(after, peer->public_key);
		for (size_t i = 0; i < directory_places(peer); i++)
			if (!name_at(now, i, &port))
				remove_place(tunnel, peer, i);
	}
	list_for_each (link, directory_peers(after)) {
		const struct directory_peer *peer = list_item(link, struct directory_peer, link);
		const struct directory_peer *was = directory_find_key(before, peer->public_key);
		const size_t count = peer->shadowed_by ? 0 : directory_places(peer);
		for (size_t i = 0; i < count && control_tunnel_is_up(tunnel); i++) {
			if (same_name(was, peer, i))
				continue;
			if (i < CONFIG_ENDPOINTS_MAX && peer->of_shared)
				tunnel->found[i] = (struct endpoint){.port = 0};
			put(tunnel, peer, i);
		}
	}
	put_again(tunnel, before);
}

/* "192.0.2.53,2001:db8::53"; NULL: none. */
static enum err format_servers(const struct config *config, char **out_text) {
	char *text = NULL;
	size_t size = 0;
	FILE *stream = config->node.resolver_count > 0 ? open_memstream(&text, &size) : NULL;
	for (size_t i = 0; stream && i < config->node.resolver_count; i++) {
		char address[ADDRESS_TEXT_SIZE];
		address_format(&config->node.resolvers[i], address);
		(void)fprintf(stream, "%s%s", i > 0 ? "," : "", address);
	}
	if (config->node.resolver_count > 0 && (!stream || fclose(stream)))
		return ERR_NO_MEMORY;
	*out_text = text;
	return ERR_OK;
}

void control_names_configure(struct control *control) {
	char *servers = NULL;
	enum err error = format_servers(control->config, &servers);
	if (!error && control->resolver)
		error =
			resolver_set_servers(control->resolver, servers ? servers : system_servers(control));
	free(servers);
	control_streams_forget(control);
	if (error)
		log_error("node.resolvers: %s", err_text(error));
}

void control_names_servers(struct control *control, const struct process_message *message) {
	size_t used = 0;
	control->resolvers[0] = '\0';
	for (size_t i = 0; i < message->resolvers.count; i++) {
		const struct process_resolver *server = &message->resolvers.servers[i];
		const struct endpoint endpoint = {
			.address = address_from_bytes((enum address_family)server->family, server->address),
			.port = server->port,
		};
		char text[ENDPOINT_TEXT_SIZE];
		endpoint_format(&endpoint, text);
		used += (size_t)snprintf(control->resolvers + used, sizeof control->resolvers - used,
								 "%s%s", i > 0 ? "," : "", text);
	}
	if (!control->config)
		return;
	control_names_configure(control);
	names_retry(control->names, clock_now());
}

/* Then resolv.conf may have the tunnel's, which nobody reaches past the tunnel. */
static bool any_sets_servers(const struct control *control) {
	for (size_t i = 0; i < CONFIG_TUNNELS_MAX; i++) {
		const struct control_tunnel *tunnel = &control->tunnels[i];
		if (control_tunnel_is_up(tunnel) && (tunnel->config->dns.server_count > 0 ||
											 (tunnel->pushed && tunnel->pushed->server_count > 0)))
			return true;
	}
	return false;
}

void control_names_refresh(struct control *control) {
	if (control->resolver && !any_sets_servers(control) && resolver_reload(control->resolver))
		log_warning("the resolver's servers could not be read again");
	control_streams_forget(control);
	names_retry(control->names, clock_now());
}
