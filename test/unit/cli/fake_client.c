#include "cli/fake_client.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/client.h"

struct fake_client fake;

struct ctl_client {
	int nothing;
};

void fake_client_reset(void) {
	fake = (struct fake_client){0};
}

__attribute__((format(printf, 1, 2))) static void note(const char *format, ...) {
	size_t used = strlen(fake.asked);
	va_list arguments;
	va_start(arguments, format);
	(void)vsnprintf(fake.asked + used, sizeof fake.asked - used, format, arguments);
	va_end(arguments);
}

/* The error of this question, if it is to fail. */
static enum err answer(struct view_error *out_error) {
	if (fake.questions++ < fake.fails_from || !fake.error)
		return ERR_OK;
	*out_error = (struct view_error){
		.status = fake.status,
		.code = strdup(fake.code ? fake.code : "code"),
		.message = fake.error_message ? strdup(fake.error_message) : NULL,
	};
	return fake.error;
}

enum err ctl_client_new(const char *socket, struct ctl_client **out_client) {
	(void)snprintf(fake.socket, sizeof fake.socket, "%s", socket);
	if (fake.open_error)
		return fake.open_error;
	*out_client = calloc(1, sizeof **out_client);
	fake.open++;
	return *out_client ? ERR_OK : ERR_NO_MEMORY;
}

void ctl_client_free(struct ctl_client *client) {
	fake.open -= client != NULL;
	free(client);
}

enum err ctl_client_ask(struct ctl_client *client, const char *method, const char *path,
						const char *body, size_t body_size, char **out_text, size_t *out_size,
						struct view_error *out_error) {
	note("%s %s%s%.*s\n", method, path, body ? " " : "", (int)body_size, body ? body : "");
	enum err error = answer(out_error);
	if (!error) {
		*out_text = strdup(fake.answer ? fake.answer : "{}");
		*out_size = strlen(*out_text);
	}
	return error;
}

enum err ctl_client_do(struct ctl_client *client, const char *method, const char *path,
					   const char *body, char **out_message, struct view_error *out_error) {
	note("%s %s%s%s\n", method, path, body ? " " : "", body ? body : "");
	enum err error = answer(out_error);
	if (!error)
		*out_message = strdup(fake.answer ? fake.answer : "done");
	return error;
}

static struct prefix prefix(const char *address, uint8_t length) {
	struct prefix result = {.length = length};
	if (address_parse(address, &result.address))
		abort();
	return result;
}

static struct prefix *copy_prefixes(const struct prefix *prefixes, size_t count) {
	struct prefix *copy = calloc(count + 1, sizeof *copy);
	if (copy && count > 0)
		memcpy(copy, prefixes, count * sizeof *copy);
	return copy;
}

/* um0 with the key of twos. */
static void make_tunnel(struct view_tunnel *tunnel, const char *name) {
	const struct prefix addresses[] = {prefix("10.66.0.1", 24), prefix("fd66::1", 64)};
	*tunnel = (struct view_tunnel){
		.name = strdup(name),
		.protocol = fake.protocol ? strdup(fake.protocol) : NULL,
		.state = VIEW_UP,
		.has_public_key = !fake.no_public_key,
		.addresses = copy_prefixes(addresses, 2),
		.address_count = 2,
		.clients_endpoint = fake.no_endpoint ? NULL : strdup("vpn.example.org:51820"),
		.clients_keepalive = 25,
	};
	memset(tunnel->public_key, 2, sizeof tunnel->public_key);
}

static void make_peer(struct view_peer *peer, const char *tunnel, const char *name) {
	const struct prefix addresses[] = {prefix("10.66.0.7", 32), prefix("10.9.0.0", 16)};
	*peer = (struct view_peer){
		.tunnel = strdup(tunnel),
		.name = strdup(name),
		.origin = strdup("store"),
		.state = VIEW_PEER_QUIET,
		.allowed_ips = copy_prefixes(addresses, 2),
		.allowed_ip_count = 2,
	};
	memset(peer->public_key, 1, sizeof peer->public_key);
}

static void add_server(struct view_tunnel *tunnel) {
	tunnel->peers = calloc(1, sizeof *tunnel->peers);
	make_peer(&tunnel->peers[0], tunnel->name, "server");
	tunnel->peers[0].endpoint_name = strdup(fake.server);
	tunnel->peer_count = tunnel->shown = 1;
	tunnel->username = fake.username ? strdup(fake.username) : NULL;
}

enum err ctl_client_status(struct ctl_client *client, size_t peers, struct view_status *out_status,
						   struct view_error *out_error) {
	note("status %zu\n", peers);
	enum err error = answer(out_error);
	if (error)
		return error;
	*out_status = (struct view_status){.api = VIEW_API_VERSION, .tunnel_count = 2};
	out_status->tunnels = calloc(2, sizeof *out_status->tunnels);
	make_tunnel(&out_status->tunnels[0], "um0");
	make_tunnel(&out_status->tunnels[1], "um1");
	if (fake.server)
		add_server(&out_status->tunnels[1]);
	return ERR_OK;
}

enum err ctl_client_tunnel(struct ctl_client *client, const char *tunnel,
						   struct view_tunnel *out_tunnel, struct view_error *out_error) {
	note("tunnel %s\n", tunnel);
	enum err error = answer(out_error);
	if (!error)
		make_tunnel(out_tunnel, tunnel);
	return error;
}

enum err ctl_client_peers(struct ctl_client *client, const char *tunnel,
						  struct view_peer **out_peers, size_t *out_count,
						  struct view_error *out_error) {
	note("peers %s\n", tunnel);
	enum err error = answer(out_error);
	if (error)
		return error;
	*out_count = strcmp(tunnel, "um0") == 0 ? 2 : 1;
	*out_peers = calloc(*out_count, sizeof **out_peers);
	for (size_t i = 0; i < *out_count; i++)
		make_peer(&(*out_peers)[i], tunnel, i == 0 ? "phone" : "laptop");
	return ERR_OK;
}

enum err ctl_client_peer(struct ctl_client *client, const char *tunnel, const char *peer,
						 struct view_peer *out_peer, struct view_error *out_error) {
	note("peer %s %s\n", tunnel, peer);
	enum err error = answer(out_error);
	if (!error)
		make_peer(out_peer, tunnel, peer);
	return error;
}

enum err ctl_client_add_peer(struct ctl_client *client, const char *tunnel,
							 const struct view_peer_request *request, struct view_peer *out_peer,
							 struct view_error *out_error) {
	note("add %s %s", tunnel, request->name);
	for (size_t i = 0; i < request->allowed_ip_count; i++) {
		char text[ADDRESS_TEXT_SIZE];
		prefix_format(&request->allowed_ips[i], text);
		note(" %s", text);
	}
	if (request->endpoint)
		note(" at %s", request->endpoint);
	if (request->persistent_keepalive > 0)
		note(" every %u", request->persistent_keepalive);
	if (request->rules)
		note(" rules (%s)", request->rules);
	note("%s\n", request->has_preshared_key ? " psk" : "");
	memcpy(fake.public_key, request->public_key, sizeof fake.public_key);
	memcpy(fake.preshared_key, request->preshared_key, sizeof fake.preshared_key);
	enum err error = answer(out_error);
	if (!error) {
		make_peer(out_peer, tunnel, request->name);
		memcpy(out_peer->public_key, request->public_key, sizeof out_peer->public_key);
		out_peer->has_preshared_key = request->has_preshared_key;
	}
	return error;
}

enum err ctl_client_remove_peer(struct ctl_client *client, const char *tunnel, const char *peer,
								struct view_error *out_error) {
	note("remove %s %s\n", tunnel, peer);
	return answer(out_error);
}

enum err ctl_client_events(struct ctl_client *client, uint64_t after,
						   bool (*take)(void *context, const struct view_event *event,
										const char *text, size_t size),
						   void *context, struct view_error *out_error) {
	char kind[] = "tunnel.up", tunnel[] = "um0", message[] = "hello";
	const struct view_event event = {5, UINT64_C(1795266318123), kind, tunnel, NULL, message};
	note("events %llu\n", (unsigned long long)after);
	enum err error = answer(out_error);
	if (error)
		return error;
	for (int i = 0; i < 2; i++)
		if (!take(context, &event, "{\"sequence\":5}", 14))
			break;
	return ERR_OK;
}
