/* Peers of the store: made and removed by the tool, handed to the net process. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/wipe.h"
#include "conf/value.h"
#include "crypto/shared_key.h"
#include "daemon/control_core.h"
#include "daemon/control_logins.h"
#include "wire/policy_rule.h"

#define NAME_EXPECTED "name: 1 to 63 letters, digits and \" _.@-\", the first a letter or digit"

enum { MESSAGE_SIZE = 1024 };

_Static_assert((int)VIEW_RULES_MAX <= (int)STORE_RULES_MAX);

/* A peer whose change is on its way to the net process. */
struct change {
	struct control_tunnel *tunnel;
	struct ctl_request *request;
	uint8_t key[TEXT_KEY_SIZE];
	char name[CONFIG_LABEL_MAX + 1];
};

static enum err take(void *context, const struct store_peer *peer) {
	struct directory_peer *added;
	enum err error = directory_add(context, peer, &added);
	if (!error && added->shadowed_by)
		log_warning("%s: %s of the store is not used: the configuration has the same %s",
					peer->tunnel, added->name,
					added->shadowed == DIRECTORY_KEY    ? "key"
					: added->shadowed == DIRECTORY_NAME ? "name"
														: "allowed IP");
	return error;
}

enum err control_peers_load(struct control *control, const struct config_tunnel *tunnel,
							struct directory **out_directory) {
	struct directory *directory;
	enum err error = directory_new(tunnel, &directory);
	if (error)
		return error;
	if (control->store)
		error = store_each_peer(control->store, tunnel->name, take, directory);
	if (!error)
		error = control_logins_load(control, tunnel, directory);
	/* A store that cannot be read costs its own peers only, and those that are known stay. */
	if (error) {
		log_error("%s: peers of the store: %s", tunnel->name, err_text(error));
		const struct control_tunnel *before = control_tunnel_find(control, tunnel->name);
		if (error != ERR_NO_MEMORY && before)
			error = directory_adopt(directory, before->directory);
	}
	if (error == ERR_NO_MEMORY) {
		directory_free(directory);
		return error;
	}
	*out_directory = directory;
	return ERR_OK;
}

void control_peers_push(struct control_tunnel *tunnel) {
	struct uapi_text text = {.data = NULL};
	if (tunnel->config->logs_in)
		control_logins_push(tunnel);
	else
		directory_put_all(&text, tunnel->directory);
	if (text.size > 0 || text.error)
		control_net_set(tunnel, &text, NULL, NULL);
	uapi_text_done(&text);
	control_routes_send(tunnel);
}

void control_peers_change(struct control_tunnel *tunnel, const struct directory *before) {
	struct uapi_text text = {.data = NULL};
	if (tunnel->config->logs_in) {
		control_logins_recheck(tunnel);
		return;
	}
	directory_put_changes(&text, before, tunnel->directory);
	if (text.size > 0 || text.error)
		control_net_set(tunnel, &text, NULL, NULL);
	uapi_text_done(&text);
}

/* Adding: */

/* "host:port", "[v6]:port": taken apart inside text, which out_peer points into. */
static enum err parse_endpoint(char *text, struct store_peer *out_peer) {
	char *colon = strrchr(text, ':');
	uint64_t port;
	if (!colon || colon == text ||
		text_unsigned_parse(colon + 1, strlen(colon + 1), UINT16_MAX, &port) || port == 0)
		return ERR_INVALID;
	*colon = '\0';
	char *host = text;
	struct address address;
	if (host[0] == '[') {
		if (colon[-1] != ']')
			return ERR_INVALID;
		colon[-1] = '\0';
		host++;
		if (address_parse(host, &address) || address.family != ADDRESS_V6)
			return ERR_INVALID;
	} else if (strpbrk(host, ":[]/ ") || strlen(host) > CONFIG_HOST_MAX) {
		return ERR_INVALID;
	}
	out_peer->endpoint_name = host;
	out_peer->endpoint_port = (uint16_t)port;
	return ERR_OK;
}

static void refuse(struct control_tunnel *tunnel, struct ctl_request *request,
				   const struct store_peer *peer, enum directory_conflict conflict,
				   const struct directory_peer *with, const struct prefix *prefix) {
	char text[MESSAGE_SIZE], taken[ADDRESS_TEXT_SIZE];
	const char *file = control_file(tunnel->control);
	const char *where = with && with->origin == DIRECTORY_FILE ? file : tunnel->name;
	switch (conflict) {
	case DIRECTORY_OWN_KEY:
		(void)snprintf(text, sizeof text, "the key is that of %s itself", tunnel->name);
		break;
	case DIRECTORY_KEY:
		(void)snprintf(text, sizeof text, "the key is that of %s in %.400s already", with->name,
					   where);
		break;
	case DIRECTORY_NAME:
		(void)snprintf(text, sizeof text, "there is a peer %s in %.400s already", peer->name,
					   where);
		break;
	default:
		prefix_format(prefix, taken);
		(void)snprintf(text, sizeof text, "%s belongs to %s in %.400s already", taken, with->name,
					   where);
		break;
	}
	ctl_answer_error(request, 409, "exists", text);
}

/* True: no peer that the tunnel has stands in its way. */
static bool check(struct control_tunnel *tunnel, struct ctl_request *request,
				  const struct store_peer *peer) {
	const struct directory_peer *with;
	const struct prefix *prefix;
	enum directory_conflict conflict =
		directory_check(tunnel->directory, peer->public_key, peer->name, peer->allowed_ips,
						peer->allowed_ip_count, &with, &prefix);
	if (conflict != DIRECTORY_FREE) {
		refuse(tunnel, request, peer, conflict, with, prefix);
		return false;
	}
	return true;
}

/* What the request itself must be like; there is nobody else who would notice. */
static bool prefixes_are_good(struct ctl_request *request, const struct view_peer_request *wanted) {
	const struct prefix *prefixes = wanted->allowed_ips;
	if (wanted->allowed_ip_count > STORE_ALLOWED_IPS_MAX) {
		ctl_answer_error(request, 400, "invalid", "allowed_ips: too many");
		return false;
	}
	for (size_t i = 0; i < wanted->allowed_ip_count; i++)
		for (size_t j = 0; j < i; j++)
			if (prefix_equal(&prefixes[i], &prefixes[j])) {
				ctl_answer_error(request, 400, "invalid", "allowed_ips: one is given twice");
				return false;
			}
	return true;
}

/* Whether each line is a rule, and somebody looks at them. */
static bool rules_are_good(const struct control_tunnel *tunnel, struct ctl_request *request,
						   const char *rules) {
	char message[MESSAGE_SIZE], line[POLICY_RULE_TEXT_MAX + 1];
	struct policy_rule rule;
	size_t count = 0;
	const enum policy_use use =
		tunnel->config->carries_streams ? POLICY_OF_STREAMS : POLICY_OF_PACKETS;
	if (rules && !tunnel->config->carries_streams && !tunnel->config->shares_keys) {
		ctl_answer_error(request, 400, "invalid",
						 "rules: they are about streams, and the tunnel carries packets");
		return false;
	}
	for (const char *next = rules; next && *next; count++) {
		size_t size = strcspn(next, "\n");
		(void)snprintf(line, sizeof line, "%.*s", (int)size, next);
		const char *problem =
			size < sizeof line ? policy_rule_read(line, use, &rule) : "is no rule: it is too long";
		if (problem) {
			(void)snprintf(message, sizeof message, "rules: \"%.100s\" %s", line, problem);
			ctl_answer_error(request, 400, "invalid", message);
			return false;
		}
		next += size + (next[size] != '\0');
	}
	if (count > CONFIG_RULES_MAX)
		ctl_answer_error(request, 400, "invalid", "rules: too many");
	return count <= CONFIG_RULES_MAX;
}

/* Where ends share keys there is one, and the public key is what it is called. */
static bool key_is_good(const struct control_tunnel *tunnel, struct ctl_request *request,
						const struct view_peer_request *wanted) {
	uint8_t identity[TEXT_KEY_SIZE];
	if (!tunnel->config->shares_keys)
		return true;
	if (wanted->has_preshared_key && !wanted->endpoint &&
		!shared_key_identity(tunnel->config->protocol, wanted->preshared_key, identity) &&
		memcmp(identity, wanted->public_key, sizeof identity) == 0)
		return true;
	ctl_answer_error(request, 400, "invalid",
					 wanted->endpoint
						 ? "endpoint: clients come to the server, which does not call them"
						 : "preshared_key: the one that the client and the server share, and in "
						   "public_key its identity; 'umbra invite' makes both");
	return false;
}

static bool take_addresses(struct control_tunnel *tunnel, struct ctl_request *request,
						   struct prefix out_prefixes[static DIRECTORY_ADDRESSES_MAX],
						   size_t *out_count) {
	enum err error = directory_next_addresses(tunnel->directory, &tunnel->config->addresses,
											  out_prefixes, out_count);
	char text[MESSAGE_SIZE];
	if (!error)
		return true;
	if (error == ERR_LIMIT)
		(void)snprintf(text, sizeof text,
					   "the networks of %s have no address left: name the peer's allowed IPs",
					   tunnel->name);
	else if (error == ERR_NOT_FOUND)
		(void)snprintf(text, sizeof text,
					   "%s has no network to take an address from: name the peer's allowed IPs",
					   tunnel->name);
	else
		(void)snprintf(text, sizeof text, "%s", err_text(error));
	ctl_answer_error(request, error == ERR_NO_MEMORY ? 500 : 409,
					 error == ERR_NO_MEMORY ? "failed" : "no_address", text);
	return false;
}

static bool has_store(const struct control_tunnel *tunnel, struct ctl_request *request) {
	const struct control *control = tunnel->control;
	char text[MESSAGE_SIZE];
	if (control->store)
		return true;
	(void)snprintf(text, sizeof text, "peers cannot be changed, as the store does not work: %s",
				   control->store_problem);
	ctl_answer_error(request, 503, "unavailable", text);
	return false;
}

static struct change *change_new(struct control_tunnel *tunnel, struct ctl_request *request,
								 const uint8_t key[static TEXT_KEY_SIZE], const char *name) {
	struct change *change = calloc(1, sizeof *change);
	if (!change)
		return NULL;
	change->tunnel = tunnel;
	change->request = request;
	memcpy(change->key, key, sizeof change->key);
	(void)snprintf(change->name, sizeof change->name, "%s", name);
	return change;
}

static void added(void *context, int number, const char *text) {
	struct change *change = context;
	char message[MESSAGE_SIZE];
	const struct directory_peer *peer =
		change->tunnel->config ? directory_find_key(change->tunnel->directory, change->key) : NULL;
	/* A tunnel that went down meanwhile gets it when it comes up. */
	if (number == 0 || number == ENODEV) {
		if (peer)
			control_status_answer_peer(change->tunnel, change->request, 201, peer);
		else
			ctl_answer_error(change->request, 404, "not_found", "it was removed meanwhile");
	} else {
		(void)snprintf(message, sizeof message, "%s is kept, but %s does not have it yet: %s",
					   change->name, change->tunnel->name, text[0] ? text : strerror(number));
		control_api_fail(change->request, number, message);
	}
	free(change);
}

/* It is in the store: everybody else learns of it. */
static void announce(struct control_tunnel *tunnel, const struct directory_peer *peer,
					 struct change *change) {
	control_api_publish(tunnel->control, "peer.added", tunnel->name, peer->name, "%s was added",
						peer->name);
	if (!control_tunnel_is_up(tunnel) || !tunnel->synced) {
		added(change, 0, "");
		return;
	}
	control_names_put(tunnel, peer);
	control_routes_send(tunnel);
	struct uapi_text text = {.data = NULL};
	directory_put_peer(&text, peer, true);
	control_net_set(tunnel, &text, added, change);
	uapi_text_done(&text);
}

static void keep(struct control_tunnel *tunnel, struct ctl_request *request,
				 const struct store_peer *peer) {
	struct store *store = tunnel->control->store;
	struct change *change = change_new(tunnel, request, peer->public_key, peer->name);
	struct directory_peer *new = NULL;
	enum err error = change ? store_add_peer(store, peer) : ERR_NO_MEMORY;
	if (!error) {
		error = directory_add(tunnel->directory, peer, &new);
		if (error && store_remove_peer(store, peer->tunnel, peer->public_key))
			log_error("%s: %s stays in the store", tunnel->name, peer->name);
	}
	if (!error) {
		announce(tunnel, new, change);
		return;
	}
	free(change);
	if (error == ERR_EXISTS)
		ctl_answer_error(request, 409, "exists",
						 "the store has a peer of that name or key, which is not used because of "
						 "one in the configuration");
	else
		control_api_error(request, error, peer->name);
}

/* name and host are heap texts that live as long as this call. */
static void add(struct control_tunnel *tunnel, struct ctl_request *request,
				const struct view_peer_request *wanted, char *host) {
	struct {
		struct store_peer peer;
	} s = {.peer = {.tunnel = tunnel->name,
					.has_preshared_key = wanted->has_preshared_key,
					.allowed_ips = wanted->allowed_ips,
					.allowed_ip_count = wanted->allowed_ip_count,
					.persistent_keepalive = wanted->persistent_keepalive,
					.rules = wanted->rules,
					.created = clock_wall_now() / CLOCK_SECOND}};
	WIPE_ON_EXIT(s);
	struct prefix addresses[DIRECTORY_ADDRESSES_MAX];
	char name[TEXT_KEY_BASE64_SIZE];
	memcpy(s.peer.public_key, wanted->public_key, TEXT_KEY_SIZE);
	if (wanted->has_preshared_key)
		memcpy(s.peer.preshared_key, wanted->preshared_key, TEXT_KEY_SIZE);
	text_key_encode(wanted->public_key, name);
	name[DIRECTORY_NAME_PREFIX] = '\0';
	s.peer.name = wanted->name ? wanted->name : name;
	if (wanted->name && !value_is_label(wanted->name)) {
		ctl_answer_error(request, 400, "invalid", NAME_EXPECTED);
		return;
	}
	if (host && parse_endpoint(host, &s.peer)) {
		ctl_answer_error(
			request, 400, "invalid",
			"endpoint: host:port, such as vpn.example.org:51820 or [2001:db8::1]:51820");
		return;
	}
	if (!prefixes_are_good(request, wanted) || !rules_are_good(tunnel, request, wanted->rules) ||
		!key_is_good(tunnel, request, wanted))
		return;
	/* Without an interface there is nothing that addresses could be for. */
	bool without = tunnel->config->carries_streams && tunnel->config->addresses.count == 0;
	if (s.peer.allowed_ip_count > 0 && without) {
		ctl_answer_error(request, 400, "invalid",
						 "allowed_ips: the tunnel has no interface whose packets these could be; "
						 "it gets one by addresses in the configuration");
		return;
	}
	if (s.peer.allowed_ip_count == 0 && !without) {
		s.peer.allowed_ips = addresses;
		/* Who it meets anyway gets no address. */
		if (!check(tunnel, request, &s.peer) ||
			!take_addresses(tunnel, request, addresses, &s.peer.allowed_ip_count))
			return;
	}
	if (check(tunnel, request, &s.peer))
		keep(tunnel, request, &s.peer);
}

void control_peers_add(struct control_tunnel *tunnel, struct ctl_request *request,
					   const struct view_peer_request *wanted) {
	char *host = NULL;
	if (!has_store(tunnel, request))
		return;
	if (tunnel->config->logs_in && tunnel->config->role == CONFIG_SERVER) {
		ctl_answer_error(request, 409, "exists",
						 "its clients are users who log in; 'umbra user add' makes one");
		return;
	}
	if ((tunnel->config->carries_streams || config_has_shared(tunnel->config)) &&
		tunnel->config->role == CONFIG_CLIENT) {
		ctl_answer_error(request, 409, "exists",
						 "it is a client, whose one peer is the server of the configuration");
		return;
	}
	if (wanted->endpoint) {
		host = strdup(wanted->endpoint);
		if (!host) {
			control_api_error(request, ERR_NO_MEMORY, tunnel->name);
			return;
		}
	}
	add(tunnel, request, wanted, host);
	free(host);
}

/* Removing: */

static void removed(void *context, int number, const char *text) {
	struct change *change = context;
	char message[MESSAGE_SIZE];
	if (number == 0 || number == ENODEV) {
		(void)snprintf(message, sizeof message, "%s was removed", change->name);
		ctl_answer_done(change->request, message);
	} else {
		(void)snprintf(message, sizeof message, "%s is forgotten, but %s still has it: %s",
					   change->name, change->tunnel->name, text[0] ? text : strerror(number));
		control_api_fail(change->request, number, message);
	}
	free(change);
}

static struct directory_peer *find_removable(struct control_tunnel *tunnel,
											 struct ctl_request *request, const char *name_or_key) {
	char text[MESSAGE_SIZE];
	struct directory_peer *peer = directory_find(tunnel->directory, name_or_key);
	if (peer && peer->origin == DIRECTORY_STORE)
		return peer;
	/* The same in the store, behind one of the file: that one can go. */
	struct directory_peer *shadowed = directory_find_shadowed(tunnel->directory, name_or_key);
	if (shadowed)
		return shadowed;
	if (!peer) {
		(void)snprintf(text, sizeof text, "%s has no peer %.100s", tunnel->name, name_or_key);
		ctl_answer_error(request, 404, "not_found", text);
	} else if (peer->origin == DIRECTORY_FILE) {
		(void)snprintf(text, sizeof text, "%s is in %.400s: remove it there and run umbra reload",
					   peer->name, control_file(tunnel->control));
		ctl_answer_error(request, 409, "in_file", text);
	} else {
		(void)snprintf(text, sizeof text,
					   "%s was set up through the tunnel's own socket: remove it there",
					   peer->name);
		ctl_answer_error(request, 409, "not_ours", text);
	}
	return NULL;
}

void control_peers_remove(struct control_tunnel *tunnel, struct ctl_request *request,
						  const char *name_or_key) {
	struct directory_peer *peer =
		has_store(tunnel, request) ? find_removable(tunnel, request, name_or_key) : NULL;
	if (!peer)
		return;
	struct change *change = change_new(tunnel, request, peer->public_key, peer->name);
	enum err error = change ? ERR_OK : ERR_NO_MEMORY;
	if (!error)
		error = store_remove_peer(tunnel->control->store, tunnel->name, peer->public_key);
	if (error && error != ERR_NOT_FOUND) {
		free(change);
		control_api_error(request, error, peer->name);
		return;
	}
	bool used = !peer->shadowed_by && control_tunnel_is_up(tunnel);
	control_names_remove(tunnel, peer);
	directory_remove(tunnel->directory, peer);
	control_api_publish(tunnel->control, "peer.removed", tunnel->name, change->name,
						"%s was removed", change->name);
	control_routes_send(tunnel);
	if (!used) {
		removed(change, 0, "");
		return;
	}
	struct uapi_text text = {.data = NULL};
	directory_put_removal(&text, change->key);
	control_net_set(tunnel, &text, removed, change);
	uapi_text_done(&text);
}
