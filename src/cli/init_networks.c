#include "cli/init_networks.h"

#include <string.h>

#include "cli/text_buffer.h"
#include "crypto/csprng.h"

#define DEFAULT_V4 "10.66.0.0/24"

enum { ULA_LENGTH = 64 };

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
static bool add_network(struct init_networks *networks, const struct prefix *network) {
	if (!is_for_hosts(network) || network->length + 2U > 8 * address_size(&network->address) ||
		networks->families == INIT_NETWORKS_FAMILIES ||
		(networks->families > 0 && networks->server[0].address.family == network->address.family))
		return false;
	size_t i = networks->families++;
	networks->server[i] = address_of(network, 1, false);
	networks->of_client[i] = address_of(network, 2, true);
	networks->allowed_ips[i] = *network;
	if (networks->masquerade)
		networks->allowed_ips[i] = (struct prefix){.address.family = network->address.family};
	return true;
}

/* RFC 4193 section 3.2: fd, 40 random bits, and the first of its 65536 networks. */
static struct prefix random_ula(void) {
	struct prefix prefix = {.address.family = ADDRESS_V6, .length = ULA_LENGTH};
	prefix.address.bytes[0] = 0xfd;
	random_fill(&csprng, prefix.address.bytes + 1, 5);
	return prefix;
}

static bool take_network_list(struct init_networks *networks, const char *text) {
	char item[ADDRESS_TEXT_SIZE];
	struct prefix network;
	for (;;) {
		size_t size = strcspn(text, ",");
		if (size >= sizeof item)
			return false;
		memcpy(item, text, size);
		item[size] = '\0';
		if (!strchr(item, '/') || prefix_parse(item, &network) || !add_network(networks, &network))
			return false;
		if (text[size] == '\0')
			return true;
		text += size + 1;
	}
}

int init_networks_take(const struct streams *streams, const char *command, const char *text,
					   struct init_networks *networks) {
	if (!text) {
		struct prefix v4, ula = random_ula();
		if (!prefix_parse(DEFAULT_V4, &v4) && add_network(networks, &v4) &&
			add_network(networks, &ula))
			return STATUS_OK;
	} else if (take_network_list(networks, text)) {
		return STATUS_OK;
	}
	output_message(streams,
				   "%s: --network takes an IPv4 network, an IPv6 network, or both with a comma: "
				   "10.66.0.0/24,fd00:66::/64; of addresses that hosts can have, /8 to /30 and /16 "
				   "to /126",
				   command);
	return STATUS_USAGE;
}

int init_networks_take_dns(const struct streams *streams, const char *command, const char *text,
						   struct init_networks *networks) {
	char item[ADDRESS_TEXT_SIZE];
	while (text) {
		size_t size = strcspn(text, ",");
		if (size < sizeof item && networks->dns_count < INIT_NETWORKS_DNS_MAX) {
			memcpy(item, text, size);
			item[size] = '\0';
			if (!address_parse(item, &networks->dns[networks->dns_count])) {
				networks->dns_count++;
				text = text[size] ? text + size + 1 : NULL;
				continue;
			}
		}
		output_message(streams, "%s: --dns takes up to %d addresses of name servers, with commas",
					   command, INIT_NETWORKS_DNS_MAX);
		return STATUS_USAGE;
	}
	return STATUS_OK;
}

void init_networks_add_prefixes(struct text_buffer *text, const struct prefix *items,
								size_t count) {
	char word[ADDRESS_TEXT_SIZE];
	for (size_t i = 0; i < count; i++) {
		prefix_format(&items[i], word);
		text_buffer_add(text, "%s\"%s\"", i == 0 ? "[" : ", ", word);
	}
	text_buffer_add(text, "]\n");
}

void init_networks_add_addresses(struct text_buffer *text, const struct address *items,
								 size_t count) {
	char word[ADDRESS_TEXT_SIZE];
	for (size_t i = 0; i < count; i++) {
		address_format(&items[i], word);
		text_buffer_add(text, "%s\"%s\"", i == 0 ? "[" : ", ", word);
	}
	text_buffer_add(text, "]\n");
}
