#include "tunnel/plan_streams.h"

#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "base/wipe.h"
#include "wire/stream_settings.h"

_Static_assert((int)CONFIG_PADDING_NONE == STREAM_SHAPING_NONE &&
			   (int)CONFIG_PADDING_PERFORMANCE == STREAM_SHAPING_PERFORMANCE &&
			   (int)CONFIG_PADDING_BALANCED == STREAM_SHAPING_BALANCED &&
			   (int)CONFIG_PADDING_STEALTH == STREAM_SHAPING_STEALTH);
_Static_assert((int)CONFIG_SERVER == STREAM_SERVER && (int)CONFIG_CLIENT == STREAM_CLIENT);
_Static_assert((int)CONFIG_ALLOW == POLICY_ALLOW && (int)CONFIG_DENY == POLICY_DENY);
_Static_assert((int)CONFIG_FORWARDS_MAX + 1 == (int)STREAM_LISTENERS_MAX &&
			   (int)CONFIG_COOKIE_MAX + 1 == (int)STREAM_COOKIE_SIZE &&
			   (int)CONFIG_URL_PATH_MAX + 1 == (int)STREAM_PATH_SIZE &&
			   (int)CONFIG_USERS_MAX == CREDENTIALS_MAX &&
			   (int)CONFIG_RULES_MAX == STREAM_RULES_MAX && (int)CONFIG_PINS_MAX == TLS_PINS_MAX &&
			   (int)CONFIG_CONNECTIONS_MAX == STREAM_CONNECTIONS_MAX &&
			   (int)CONFIG_STREAMS_MAX == STREAM_STREAMS_MAX &&
			   (int)CONFIG_MEMORY_MAX == STREAM_MEMORY_MAX &&
			   (int)CONFIG_PEM_MAX == STREAM_PEM_MAX);

bool plan_streams_has_interface(const struct config_tunnel *tunnel) {
	return tunnel->addresses.count > 0;
}

size_t plan_streams_listeners(const struct config_tunnel *tunnel,
							  struct stream_listener out_listeners[static STREAM_LISTENERS_MAX]) {
	size_t count = 0;
	if (tunnel->role == CONFIG_SERVER) {
		out_listeners[0] =
			(struct stream_listener){.kind = STREAM_LISTENER_CARRIER, .at = tunnel->listen};
		return 1;
	}
	if (tunnel->proxy.listen.port != 0)
		out_listeners[count++] =
			(struct stream_listener){.kind = STREAM_LISTENER_MIXED, .at = tunnel->proxy.listen};
	for (size_t i = 0; i < tunnel->forward_count && count < STREAM_LISTENERS_MAX; i++) {
		const struct config_forward *forward = &tunnel->forwards[i];
		bool udp = forward->protocol == CONFIG_UDP;
		struct stream_listener *listener = &out_listeners[count++];
		*listener = (struct stream_listener){
			.kind = udp ? STREAM_LISTENER_UDP : STREAM_LISTENER_TCP, .at = forward->listen};
		/* The check of the configuration lets no other through. */
		if (target_parse(forward->target.name, forward->target.port, udp, &listener->target))
			count--;
	}
	return count;
}

static enum err copy_text(const char *text, char **out_copy) {
	char *copy = text ? strdup(text) : NULL;
	if (text && !copy)
		return ERR_NO_MEMORY;
	*out_copy = copy;
	return ERR_OK;
}

static enum err copy_rules(const struct config_texts *texts, struct stream_options *options) {
	options->rules = calloc(texts->count + 1, sizeof *options->rules);
	if (!options->rules)
		return ERR_NO_MEMORY;
	for (; options->rule_count < texts->count; options->rule_count++)
		if (policy_rule_parse(texts->items[options->rule_count],
							  &options->rules[options->rule_count]))
			return ERR_INVALID;
	return ERR_OK;
}

enum {
	SHARE_MIN = 64, /* MiB */
	SHARE_MAX = 4096,
};

/* A quarter of this machine's memory, in MiB; 0: nobody knows. */
static uint32_t machine_share(void) {
	struct sysinfo machine;
	if (sysinfo(&machine))
		return 0;
	const uint64_t share = (uint64_t)machine.totalram * machine.mem_unit >> 22;
	return share < SHARE_MIN ? SHARE_MIN : share > SHARE_MAX ? SHARE_MAX : (uint32_t)share;
}

static enum err copy_server(const struct config_tunnel *tunnel, struct stream_options *options) {
	options->otherwise = (enum policy_action)tunnel->policy.otherwise;
	options->streams_max = tunnel->streams.limit.value;
	options->memory =
		tunnel->streams.memory.automatic ? machine_share() : tunnel->streams.memory.value;
	if (!tunnel->tls.certificates || !tunnel->tls.key)
		return ERR_INVALID;
	enum err error = copy_text(tunnel->tls.certificates, &options->certificates);
	if (!error)
		error = copy_text(tunnel->tls.key, &options->certificate_key);
	return error ? error : copy_rules(&tunnel->policy.rules, options);
}

static enum err copy_users(const struct config_proxy *proxy, struct stream_options *options) {
	options->users = calloc(proxy->user_count + 1, sizeof *options->users);
	if (!options->users)
		return ERR_NO_MEMORY;
	for (; options->user_count < proxy->user_count; options->user_count++) {
		const struct config_user *user = &proxy->users[options->user_count];
		if (!user->name || !user->password)
			return ERR_INVALID;
		char *name = strdup(user->name), *password = strdup(user->password);
		if (!name || !password) {
			free(name);
			free(password);
			return ERR_NO_MEMORY;
		}
		options->users[options->user_count] =
			(struct credential){.name = name, .password = password};
	}
	return ERR_OK;
}

/* The name that the server's certificate is for, and that connections ask for. */
static const char *server_name_of(const struct config_tunnel *tunnel) {
	if (tunnel->tls.server_name)
		return tunnel->tls.server_name;
	return tunnel->peer_count > 0 ? tunnel->peers[0].endpoint.name : NULL;
}

static enum err copy_client(const struct config_tunnel *tunnel, struct stream_options *options) {
	const char *name = server_name_of(tunnel);
	options->connections = (uint8_t)tunnel->streams.connections.value;
	if (name && strlen(name) >= sizeof options->server_name)
		return ERR_INVALID;
	if (name)
		memcpy(options->server_name, name, strlen(name) + 1);
	for (; options->pin_count < tunnel->tls.pins.count && options->pin_count < TLS_PINS_MAX;
		 options->pin_count++)
		memcpy(options->pins[options->pin_count], tunnel->tls.pins.items[options->pin_count].bytes,
			   TLS_PIN_SIZE);
	enum err error = copy_text(tunnel->tls.roots, &options->roots);
	return error ? error : copy_users(&tunnel->proxy, options);
}

enum err plan_streams_options(const struct config_tunnel *tunnel,
							  struct stream_options *out_options) {
	struct stream_options options = {
		.role = (enum stream_role)tunnel->role,
		.shaping = (uint8_t)tunnel->streams.padding,
		.interface = plan_streams_has_interface(tunnel),
	};
	size_t cookie = strlen(tunnel->streams.cookie), path = strlen(tunnel->streams.path);
	if (cookie >= sizeof options.cookie || path >= sizeof options.path)
		return ERR_INVALID;
	memcpy(options.cookie, tunnel->streams.cookie, cookie + 1);
	memcpy(options.path, tunnel->streams.path, path + 1);
	memcpy(options.private_key, tunnel->private_key, sizeof options.private_key);
	options.listener_count = plan_streams_listeners(tunnel, options.listeners);
	enum err error = tunnel->role == CONFIG_SERVER ? copy_server(tunnel, &options)
												   : copy_client(tunnel, &options);
	if (error) {
		stream_options_done(&options);
		return error;
	}
	*out_options = options;
	wipe(&options, sizeof options);
	return ERR_OK;
}

void plan_streams_put_options(const struct config_tunnel *tunnel, struct uapi_text *text) {
	struct stream_options options;
	enum err error = plan_streams_options(tunnel, &options);
	if (error) {
		text->error = text->error ? text->error : error;
		return;
	}
	stream_options_encode(&options, text);
	stream_options_done(&options);
}

void plan_streams_put_changes(const struct config_tunnel *before, const struct config_tunnel *after,
							  struct uapi_text *text) {
	struct uapi_text old = {0}, new = {0};
	plan_streams_put_options(before, &old);
	plan_streams_put_options(after, &new);
	enum err error = old.error ? old.error : new.error;
	if (error)
		text->error = text->error ? text->error : error;
	else if (old.size != new.size || memcmp(old.data, new.data, old.size) != 0)
		plan_streams_put_options(after, text);
	uapi_text_done(&old);
	uapi_text_done(&new);
}

static bool rules_equal(const struct config_texts *left, const struct config_texts *right) {
	bool equal = left->count == right->count;
	for (size_t i = 0; equal && i < left->count; i++)
		equal = strcmp(left->items[i], right->items[i]) == 0;
	return equal;
}

void plan_streams_put_peer(const struct config_peer *before, const struct config_peer *peer,
						   struct uapi_text *text) {
	if (!before || strcmp(before->name, peer->name) != 0)
		uapi_put_text(text, "name", peer->name);
	if (before ? rules_equal(&before->rules, &peer->rules) : peer->rules.count == 0)
		return;
	uapi_put_line(text, "replace_rules=true");
	for (size_t i = 0; i < peer->rules.count; i++)
		uapi_put_text(text, "rule", peer->rules.items[i]);
}

bool plan_streams_peers_equal(const struct config_peer *left, const struct config_peer *right) {
	return strcmp(left->name, right->name) == 0 && rules_equal(&left->rules, &right->rules);
}

static bool listeners_equal(const struct config_tunnel *before, const struct config_tunnel *after) {
	struct stream_listener old[STREAM_LISTENERS_MAX], new[STREAM_LISTENERS_MAX];
	size_t old_count = plan_streams_listeners(before, old);
	size_t new_count = plan_streams_listeners(after, new);
	return stream_listeners_equal(old, old_count, new, new_count);
}

bool plan_streams_needs_restart(const struct config_tunnel *before,
								const struct config_tunnel *after) {
	return before->role != after->role || !listeners_equal(before, after) ||
		   plan_streams_has_interface(before) != plan_streams_has_interface(after);
}
