#include "session/packet_policy.h"

#include <stdlib.h>
#include <string.h>

#include "wire/packet.h"

/* A rule for one family: 4 or 16 bytes of address in memory order, zeros behind them. */
struct row {
	uint64_t address[2], mask[2];
	const struct policy_ports *ports;
	uint8_t port_count; /* 0: whatever the ports are */
	uint8_t protocol;   /* enum policy_protocol */
	uint8_t action;     /* enum policy_action */
};

struct packet_policy {
	struct policy_ports *ports; /* of all rows */
	size_t v4_count, v6_count;
	const struct row *v4, *v6; /* in rows */
	uint8_t otherwise;         /* enum policy_action */
	struct row rows[];
};

/* What is known of a packet. */
struct question {
	uint64_t destination[2];
	uint8_t protocol; /* enum policy_protocol; POLICY_EVERY: one that no rule names */
	bool has_protocol, has_port;
	uint16_t port;
};

/* The making of it. */

static void row_fill(struct row *row, const struct policy_rule *rule,
					 const struct policy_ports *ports) {
	uint8_t mask[ADDRESS_V6_SIZE] = {0};
	const unsigned length = rule->subject == POLICY_PREFIX ? rule->prefix.length : 0;
	for (unsigned i = 0; i < length; i++)
		mask[i / 8] |= (uint8_t)(0x80U >> i % 8);
	*row = (struct row){
		.ports = ports,
		.port_count = (uint8_t)rule->port_count,
		.protocol = (uint8_t)rule->protocol,
		.action = (uint8_t)rule->action,
	};
	memcpy(row->mask, mask, sizeof mask);
	if (rule->subject == POLICY_PREFIX)
		memcpy(row->address, rule->prefix.address.bytes, sizeof row->address);
}

/* The rules that are about a family, one after the other; how many. */
static size_t fill(struct row *rows, const struct policy_rule *rules, size_t count,
				   enum address_family family, const struct policy_ports *ports) {
	size_t filled = 0;
	for (size_t i = 0; i < count; i++) {
		if (rules[i].subject == POLICY_ANY || rules[i].prefix.address.family == family)
			row_fill(&rows[filled++], &rules[i], ports);
		ports += rules[i].port_count;
	}
	return filled;
}

static enum err count_ports(const struct policy_rule *rules, size_t count, size_t *out_ports) {
	size_t ports = 0;
	for (size_t i = 0; i < count; i++) {
		if (!policy_rule_is_valid(&rules[i], POLICY_OF_PACKETS))
			return ERR_INVALID;
		ports += rules[i].port_count;
	}
	*out_ports = ports;
	return ERR_OK;
}

enum err packet_policy_new(const struct policy_rule *rules, size_t count,
						   enum policy_action otherwise, struct packet_policy **out_policy) {
	size_t port_count;
	if (count > PACKET_POLICY_RULES_MAX)
		return ERR_LIMIT;
	enum err error = count_ports(rules, count, &port_count);
	if (error)
		return error;
	struct packet_policy *policy = calloc(1, sizeof *policy + 2 * count * sizeof policy->rows[0]);
	struct policy_ports *ports = calloc(port_count + 1, sizeof *ports);
	if (!policy || !ports) {
		free(policy);
		free(ports);
		return ERR_NO_MEMORY;
	}
	policy->ports = ports;
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < rules[i].port_count; j++)
			*ports++ = rules[i].ports[j];
	policy->otherwise = (uint8_t)otherwise;
	policy->v4 = policy->rows;
	policy->v4_count = fill(policy->rows, rules, count, ADDRESS_V4, policy->ports);
	struct row *v6 = policy->rows + policy->v4_count;
	policy->v6 = v6;
	policy->v6_count = fill(v6, rules, count, ADDRESS_V6, policy->ports);
	*out_policy = policy;
	return ERR_OK;
}

void packet_policy_free(struct packet_policy *policy) {
	if (!policy)
		return;
	free(policy->ports);
	free(policy);
}

/* What is asked. */

enum {
	AUTHENTICATION = 51, /* next headers: RFC 4302, and of IPv6 RFC 8200, 6275, 7401, 5533 */
	ROUTING = 43,
	FRAGMENT = 44,
	MOBILITY = 135,
	HOST_IDENTITY = 139,
	SHIM6 = 140,
	ICMP = 1,

	HEADER_UNIT = 8, /* the least size of a header, too */
	ROUTING_SEGMENTS_LEFT = 3,
	FRAGMENT_OFFSET = 2,
	FRAGMENT_OFFSET_MASK = 0xfff8,
	FRAGMENT_MORE = 1,

	OPTION_END = 0, /* RFC 791 section 3.1 */
	OPTION_NOTHING = 1,
	OPTION_LOOSE_ROUTE = 131,
	OPTION_STRICT_ROUTE = 137,
};

static uint8_t protocol_of(uint8_t number, bool v6) {
	switch (number) {
	case IP_PROTOCOL_TCP:
		return POLICY_TCP;
	case IP_PROTOCOL_UDP:
		return POLICY_UDP;
	default:
		return number == (v6 ? PACKET_V6_ICMP : ICMP) ? POLICY_ICMP : POLICY_EVERY;
	}
}

static bool is_extension(uint8_t next, bool v6) {
	switch (next) {
	case AUTHENTICATION:
		return true;
	case PACKET_V6_HOP_BY_HOP:
	case PACKET_V6_DESTINATION_OPTIONS:
	case ROUTING:
	case FRAGMENT:
	case MOBILITY:
	case HOST_IDENTITY:
	case SHIM6:
		return v6;
	default:
		return false;
	}
}

/* Where the headers of a packet end. */
struct walk {
	uint32_t at;
	uint8_t next;
	bool is_first, is_later; /* fragment */
};

/* One header; false: this is no packet to be let through. */
static bool step(struct walk *walk, const uint8_t *data, uint32_t size) {
	const uint8_t *header = data + walk->at;
	if (size - walk->at < HEADER_UNIT || walk->is_first)
		return false;
	uint32_t header_size = (header[1] + 1U) * HEADER_UNIT;
	if (walk->next == AUTHENTICATION)
		header_size = (header[1] + 2U) * 4;
	if (walk->next == ROUTING && header[ROUTING_SEGMENTS_LEFT] != 0)
		return false;
	if (walk->next == FRAGMENT) {
		const uint16_t field = packet_u16(header + FRAGMENT_OFFSET);
		header_size = HEADER_UNIT;
		walk->is_later = (field & FRAGMENT_OFFSET_MASK) != 0;
		walk->is_first = !walk->is_later && (field & FRAGMENT_MORE);
	}
	if (size - walk->at < header_size)
		return false;
	walk->at += header_size;
	walk->next = header[0];
	return true;
}

/* To the upper protocol, or to the end of what a later fragment has. */
static bool walk_headers(struct walk *walk, const uint8_t *data, uint32_t size, bool v6) {
	for (unsigned i = 0; !walk->is_later && is_extension(walk->next, v6); i++)
		if (i == PACKET_POLICY_HEADERS_MAX || !step(walk, data, size))
			return false;
	return true;
}

/* Whether the options of an IPv4 header name no way: the destination is the last one then. */
static bool has_no_route(const uint8_t *data, uint32_t header_size) {
	for (uint32_t at = IP_V4_HEADER_SIZE; at < header_size;) {
		const uint8_t option = data[at];
		if (option == OPTION_END)
			return true;
		if (option == OPTION_LOOSE_ROUTE || option == OPTION_STRICT_ROUTE)
			return false;
		const uint32_t left = header_size - at;
		const uint32_t size = option == OPTION_NOTHING ? 1 : left > 1 ? data[at + 1] : 0;
		if (size > left || size < (option == OPTION_NOTHING ? 1 : 2))
			return false;
		at += size;
	}
	return true;
}

/* false: it is denied, whatever the rules say. */
static bool ask(const struct ip_packet *packet, const uint8_t *data, struct question *question) {
	const bool v6 = packet->family == ADDRESS_V6;
	struct walk walk = {.at = packet->header_size, .next = packet->protocol};
	if (!v6 && packet->fragment) {
		const uint16_t field = packet_u16(data + PACKET_V4_FRAGMENT);
		walk.is_later = (field & PACKET_V4_FRAGMENT_OFFSET) != 0;
		walk.is_first = !walk.is_later;
	}
	if ((!v6 && packet->options && !has_no_route(data, packet->header_size)) ||
		!walk_headers(&walk, data, packet->size, v6))
		return false;
	memcpy(question->destination, packet->destination, v6 ? ADDRESS_V6_SIZE : ADDRESS_V4_SIZE);
	question->protocol = protocol_of(walk.next, v6);
	/* All fragments of IPv4 name it, but not what is behind a header in the first. */
	question->has_protocol = !walk.is_later || (!v6 && walk.next != AUTHENTICATION);
	if (walk.is_later || (question->protocol != POLICY_TCP && question->protocol != POLICY_UDP))
		return true;
	if (packet->size - walk.at < PACKET_PORTS_SIZE)
		return false;
	question->has_port = true;
	question->port = packet_u16(data + walk.at + PACKET_PORTS + sizeof(uint16_t));
	return true;
}

/* And answered. */

enum match { MATCH_NO, MATCH_MAYBE, MATCH_YES };

static bool covers_port(const struct row *row, uint16_t port) {
	for (size_t i = 0; i < row->port_count; i++)
		if (port >= row->ports[i].first && port <= row->ports[i].last)
			return true;
	return false;
}

static enum match match(const struct row *row, const struct question *question) {
	if (((question->destination[0] ^ row->address[0]) & row->mask[0]) |
		((question->destination[1] ^ row->address[1]) & row->mask[1]))
		return MATCH_NO;
	if (row->protocol == POLICY_EVERY && row->port_count == 0)
		return MATCH_YES;
	if (!question->has_protocol)
		return MATCH_MAYBE;
	const bool has_ports = question->protocol == POLICY_TCP || question->protocol == POLICY_UDP;
	if (row->protocol == POLICY_EVERY ? !has_ports : row->protocol != question->protocol)
		return MATCH_NO;
	if (row->port_count == 0)
		return MATCH_YES;
	if (!question->has_port)
		return MATCH_MAYBE;
	return covers_port(row, question->port) ? MATCH_YES : MATCH_NO;
}

bool packet_policy_allows(const struct packet_policy *policy, const struct ip_packet *packet,
						  const uint8_t *data) {
	struct question question = {.protocol = POLICY_EVERY};
	if (!policy)
		return true;
	if (!ask(packet, data, &question))
		return false;
	const bool v6 = packet->family == ADDRESS_V6;
	const struct row *rows = v6 ? policy->v6 : policy->v4;
	const size_t count = v6 ? policy->v6_count : policy->v4_count;
	for (size_t i = 0; i < count; i++) {
		const enum match matches = match(&rows[i], &question);
		/* What a rule may be about is only let through by it, never denied. */
		if (matches == MATCH_YES || (matches == MATCH_MAYBE && rows[i].action == POLICY_ALLOW))
			return rows[i].action == POLICY_ALLOW;
	}
	return policy->otherwise == POLICY_ALLOW;
}
