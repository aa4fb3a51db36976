#include "cli/init_plan.h"

#include <string.h>

#include "base/wipe.h"
#include "crypto/csprng.h"
#include "crypto/x25519.h"

#define DEFAULT_V4 "10.66.0.0/24"

enum { DEFAULT_PORT = 51820, ULA_LENGTH = 64 };

static const char name[] = "init server";

bool init_plan_is_name(const char *text, size_t maximum) {
	size_t size = strlen(text);
	if (size == 0 || size > maximum || strchr("_-.", text[0]))
		return false;
	for (size_t i = 0; i < size; i++) {
		char character = text[i];
		if ((character < 'a' || character > 'z') && (character < 'A' || character > 'Z') &&
			(character < '0' || character > '9') && !strchr("_-.", character))
			return false;
	}
	return true;
}

static int take_names(const struct streams *streams, const struct init_plan_options *options,
					  struct init_plan *plan) {
	plan->name = options->name ? options->name : "um0";
	plan->client = options->client ? options->client : "client1";
	if (!init_plan_is_name(plan->name, CONFIG_NAME_SIZE - 1))
		output_message(streams,
					   "%s: --name is what the interface is called: up to %d letters, digits and "
					   "_-., the first one a letter or digit",
					   name, CONFIG_NAME_SIZE - 1);
	else if (!init_plan_is_name(plan->client, CONFIG_LABEL_MAX))
		output_message(
			streams,
			"%s: --client takes up to %d letters, digits and _-., the first one a letter "
			"or digit",
			name, CONFIG_LABEL_MAX);
	else
		return STATUS_OK;
	return STATUS_USAGE;
}

static int take_port(const struct streams *streams, const char *text, struct init_plan *plan) {
	uint64_t port = DEFAULT_PORT;
	if (text && (text_unsigned_parse(text, strlen(text), UINT16_MAX, &port) || port == 0)) {
		output_message(streams, "%s: --listen takes a UDP port, 1 to 65535", name);
		return STATUS_USAGE;
	}
	plan->listen = (uint16_t)port;
	return STATUS_OK;
}

static int guess_endpoint(const struct streams *streams, struct init_plan *plan) {
	struct address address;
	char text[ADDRESS_TEXT_SIZE];
	if (init_endpoint_guess(&address) || init_endpoint_of(&address, plan->listen, plan->endpoint)) {
		output_message(streams,
					   "%s: this host has no address that clients could use; say where they reach "
					   "it: --endpoint HOST[:PORT]",
					   name);
		return STATUS_FAILED;
	}
	address_format(&address, text);
	output_message(streams,
				   "%s: clients will use the endpoint %s, a guess by this host's routes; "
				   "--endpoint HOST[:PORT] says better",
				   name, plan->endpoint);
	if (init_endpoint_is_private(&address))
		output_message(streams,
					   "%s: warning: %s is a private address, which clients elsewhere cannot "
					   "reach; behind a router, let it forward UDP port %u to this host and give "
					   "its address or name as --endpoint",
					   name, text, plan->listen);
	return STATUS_OK;
}

static int take_endpoint(const struct streams *streams, const char *text, struct init_plan *plan) {
	if (!text)
		return guess_endpoint(streams, plan);
	if (!init_endpoint_parse(text, plan->listen, plan->endpoint))
		return STATUS_OK;
	output_message(streams,
				   "%s: --endpoint takes a name or an address and perhaps a port: vpn.example.org, "
				   "192.0.2.1:51820, [2001:db8::1]:51820",
				   name);
	return STATUS_USAGE;
}

/* Address number of a network, which has at least two bits for it. */
static struct prefix address_of(const struct prefix *network, uint8_t number, bool whole) {
	struct prefix prefix = *network;
	size_t size = address_size(&prefix.address);
	prefix.address.bytes[size - 1] |= number;
	if (whole)
		prefix.length = (uint8_t)(8 * size);
	return prefix;
}

/*
 * Whether hosts can have addresses of it: a part of the Internet's or of private addresses, not
 * all of them, loopback, link-local or multicast.
 */
static bool is_for_hosts(const struct prefix *network) {
	enum { V4_SHORTEST = 8, V6_SHORTEST = 16 };
	const uint8_t *bytes = network->address.bytes;
	if (network->address.family == ADDRESS_V4)
		return network->length >= V4_SHORTEST && bytes[0] != 0 && bytes[0] != 127 &&
			   bytes[0] < 224 && !(bytes[0] == 169 && bytes[1] == 254);
	return network->length >= V6_SHORTEST && bytes[0] != 0 && bytes[0] != 0xff &&
		   !(bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80);
}

/* False when the network is none for hosts or too small, or there is one of its family already. */
static bool add_network(struct init_plan *plan, const struct prefix *network) {
	if (!is_for_hosts(network) || network->length + 2U > 8 * address_size(&network->address) ||
		plan->families == INIT_PLAN_FAMILIES ||
		(plan->families > 0 && plan->server[0].address.family == network->address.family))
		return false;
	size_t i = plan->families++;
	plan->server[i] = address_of(network, 1, false);
	plan->of_client[i] = address_of(network, 2, true);
	plan->allowed_ips[i] = *network;
	if (plan->masquerade)
		plan->allowed_ips[i] = (struct prefix){.address.family = network->address.family};
	return true;
}

/* RFC 4193 section 3.2: fd, 40 random bits, and the first of its 65536 networks. */
static struct prefix random_ula(void) {
	struct prefix prefix = {.address.family = ADDRESS_V6, .length = ULA_LENGTH};
	prefix.address.bytes[0] = 0xfd;
	random_fill(&csprng, prefix.address.bytes + 1, 5);
	return prefix;
}

static bool take_network_list(struct init_plan *plan, const char *text) {
	char item[ADDRESS_TEXT_SIZE];
	struct prefix network;
	for (;;) {
		size_t size = strcspn(text, ",");
		if (size >= sizeof item)
			return false;
		memcpy(item, text, size);
		item[size] = '\0';
		if (!strchr(item, '/') || prefix_parse(item, &network) || !add_network(plan, &network))
			return false;
		if (text[size] == '\0')
			return true;
		text += size + 1;
	}
}

static int take_networks(const struct streams *streams, const char *text, struct init_plan *plan) {
	if (!text) {
		struct prefix v4, ula = random_ula();
		if (!prefix_parse(DEFAULT_V4, &v4) && add_network(plan, &v4) && add_network(plan, &ula))
			return STATUS_OK;
	} else if (take_network_list(plan, text)) {
		return STATUS_OK;
	}
	output_message(streams,
				   "%s: --network takes an IPv4 network, an IPv6 network, or both with a comma: "
				   "10.66.0.0/24,fd00:66::/64; of addresses that hosts can have, /8 to /30 and /16 "
				   "to /126",
				   name);
	return STATUS_USAGE;
}

static int take_dns(const struct streams *streams, const char *text, struct init_plan *plan) {
	char item[ADDRESS_TEXT_SIZE];
	while (text) {
		size_t size = strcspn(text, ",");
		if (size < sizeof item && plan->dns_count < INIT_PLAN_DNS_MAX) {
			memcpy(item, text, size);
			item[size] = '\0';
			if (!address_parse(item, &plan->dns[plan->dns_count])) {
				plan->dns_count++;
				text = text[size] ? text + size + 1 : NULL;
				continue;
			}
		}
		output_message(streams, "%s: --dns takes up to %d addresses of name servers, with commas",
					   name, INIT_PLAN_DNS_MAX);
		return STATUS_USAGE;
	}
	return STATUS_OK;
}

static int make_keys(const struct streams *streams, struct init_plan *plan) {
	x25519_generate(&csprng, plan->secrets.server_private);
	x25519_generate(&csprng, plan->secrets.client_private);
	enum err error = x25519_public(plan->secrets.server_private, plan->server_public);
	if (!error)
		error = x25519_public(plan->secrets.client_private, plan->client_public);
	if (error)
		output_message(streams, "%s: cannot make keys: %s", name, err_text(error));
	return error ? STATUS_FAILED : STATUS_OK;
}

int init_plan_make(const struct streams *streams, const struct init_plan_options *options,
				   struct init_plan *out_plan) {
	struct init_plan plan = {.masquerade = !options->no_masquerade};
	WIPE_ON_EXIT(plan);
	int status = take_names(streams, options, &plan);
	if (status == STATUS_OK)
		status = take_port(streams, options->listen, &plan);
	if (status == STATUS_OK)
		status = take_networks(streams, options->network, &plan);
	if (status == STATUS_OK)
		status = take_dns(streams, options->dns, &plan);
	if (status == STATUS_OK)
		status = take_endpoint(streams, options->endpoint, &plan);
	if (status == STATUS_OK)
		status = make_keys(streams, &plan);
	if (status == STATUS_OK)
		*out_plan = plan;
	return status;
}
