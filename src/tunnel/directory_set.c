#include <stdio.h>
#include <string.h>

#include "conf/config.h"
#include "tunnel/directory_core.h"
#include "wire/uapi.h"

static bool is_literal(const char *name, uint16_t port, struct endpoint *out_endpoint) {
	char text[ENDPOINT_TEXT_SIZE];
	int size = snprintf(text, sizeof text, strchr(name, ':') ? "[%s]:%u" : "%s:%u", name, port);
	/* A longer one is a name. */
	return size > 0 && (size_t)size < sizeof text && endpoint_parse(text, out_endpoint) == ERR_OK;
}

bool directory_literal(const struct directory_peer *peer, struct endpoint *out_endpoint) {
	return peer->endpoint_name &&
		   is_literal(peer->endpoint_name, peer->endpoint_port, out_endpoint);
}

size_t directory_places(const struct directory_peer *peer) {
	return (peer->endpoint_name != NULL) + (peer->others ? peer->others->count : 0);
}

bool directory_place(const struct directory_peer *peer, size_t place, struct endpoint *out_endpoint,
					 const char **out_name, uint16_t *out_port) {
	const bool first = place == 0;
	*out_name = first ? peer->endpoint_name : peer->others->items[place - 1].name;
	*out_port = first ? peer->endpoint_port : peer->others->items[place - 1].port;
	return is_literal(*out_name, *out_port, out_endpoint);
}

void directory_put_endpoints(struct uapi_text *text, const struct directory_peer *peer,
							 const struct endpoint *found) {
	const size_t count = directory_places(peer);
	uapi_put_key(text, "public_key", peer->public_key);
	uapi_put_line(text, "update_only=true");
	uapi_put_line(text, "replace_endpoints=true");
	for (size_t i = 0; i < count; i++) {
		const char *name;
		uint16_t port;
		struct endpoint endpoint = {.port = 0};
		if (!directory_place(peer, i, &endpoint, &name, &port))
			endpoint = found[i];
		if (endpoint.address.family != ADDRESS_NONE)
			uapi_put_endpoint(text, "endpoint", &endpoint);
	}
}

/* In place of what the peer had: none takes away what an earlier one of the key has left. */
static void put_rules(struct uapi_text *text, const struct directory_peer *peer) {
	uapi_put_line(text, "replace_rules=true");
	for (const char *rule = peer->rules; rule && *rule;) {
		char word[UAPI_TEXT_MAX + 1];
		size_t size = strcspn(rule, "\n");
		(void)snprintf(word, sizeof word, "%.*s", (int)size, rule);
		uapi_put_text(text, "rule", word);
		rule += size + (rule[size] != '\0');
	}
}

/* What the client is told follows the list of its allowed IPs, see tunnel/plan_shared.c. */
static void put_shared(struct uapi_text *text, const struct directory_peer *peer) {
	uapi_put_key(text, "preshared_key", peer->preshared_key);
	uapi_put_line(text, "replace_allowed_ips=true");
	for (size_t i = 0; i < peer->allowed_ip_count; i++)
		uapi_put_prefix(text, "allowed_ip", &peer->allowed_ips[i]);
	if (peer->rules)
		put_rules(text, peer);
}

void directory_put_peer(struct uapi_text *text, const struct directory_peer *peer,
						bool with_endpoint) {
	struct endpoint endpoint;
	uapi_put_key(text, "public_key", peer->public_key);
	if (peer->of_shared) {
		put_shared(text, peer);
		return;
	}
	/* Zeros take away what an earlier peer of the key may have left. */
	if (peer->of_streams) {
		uapi_put_text(text, "name", peer->name);
		put_rules(text, peer);
	} else {
		uapi_put_key(text, "preshared_key", peer->preshared_key);
	}
	if (with_endpoint && directory_literal(peer, &endpoint))
		uapi_put_endpoint(text, "endpoint", &endpoint);
	if (!peer->of_streams)
		uapi_put_number(text, "persistent_keepalive_interval", peer->persistent_keepalive);
	uapi_put_line(text, "replace_allowed_ips=true");
	for (size_t i = 0; i < peer->allowed_ip_count; i++)
		uapi_put_prefix(text, "allowed_ip", &peer->allowed_ips[i]);
}

void directory_put_removal(struct uapi_text *text, const uint8_t key[static TEXT_KEY_SIZE]) {
	uapi_put_key(text, "public_key", key);
	uapi_put_line(text, "remove=true");
}

void directory_put_endpoint(struct uapi_text *text, const uint8_t key[static TEXT_KEY_SIZE],
							const struct endpoint *endpoint) {
	uapi_put_key(text, "public_key", key);
	uapi_put_line(text, "update_only=true");
	uapi_put_endpoint(text, "endpoint", endpoint);
}

static bool is_ours(const struct directory_peer *peer) {
	return peer->origin == DIRECTORY_STORE && !peer->shadowed_by;
}

void directory_put_all(struct uapi_text *text, const struct directory *directory) {
	list_for_each (link, &directory->peers) {
		const struct directory_peer *peer = list_item(link, struct directory_peer, link);
		if (is_ours(peer))
			directory_put_peer(text, peer, !peer->known);
	}
}

/* The file has the key now, and whoever set its peer up did not know what the store's had. */
static void put_handover(struct uapi_text *text, const struct directory_peer *before,
						 const struct directory_peer *after) {
	static const uint8_t none[TEXT_KEY_SIZE];
	bool preshared = before->has_preshared_key && !after->has_preshared_key;
	bool keepalive = before->persistent_keepalive != after->persistent_keepalive;
	const bool has_rules = before->of_streams || before->of_shared;
	bool rules = has_rules && before->rules;
	if (has_rules ? !rules : !preshared && !keepalive)
		return;
	uapi_put_key(text, "public_key", after->public_key);
	uapi_put_line(text, "update_only=true");
	if (rules)
		put_rules(text, after);
	if (has_rules)
		return;
	if (preshared)
		uapi_put_key(text, "preshared_key", none);
	if (keepalive)
		uapi_put_number(text, "persistent_keepalive_interval", after->persistent_keepalive);
}

void directory_put_changes(struct uapi_text *text, const struct directory *before,
						   const struct directory *after) {
	/* First those that go: their prefixes may be others' from now on. */
	list_for_each (link, &before->peers) {
		const struct directory_peer *peer = list_item(link, struct directory_peer, link);
		if (!is_ours(peer))
			continue;
		const struct directory_peer *now = directory_find_key(after, peer->public_key);
		if (!now)
			directory_put_removal(text, peer->public_key);
		else if (now->origin == DIRECTORY_FILE)
			put_handover(text, peer, now);
	}
	list_for_each (link, &after->peers) {
		const struct directory_peer *peer = list_item(link, struct directory_peer, link);
		if (!is_ours(peer))
			continue;
		const struct directory_peer *was = directory_find_key(before, peer->public_key);
		if (!was || was->origin != DIRECTORY_STORE)
			directory_put_peer(text, peer, true);
	}
}
