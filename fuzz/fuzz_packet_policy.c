/*
 * Lines of rules for packets, an empty line, then packets, each behind its length (2). However they
 * are made: no rule can be read that is not written again, and nothing gets round a rule.
 */
#include <stdio.h>
#include <string.h>

#include "expect.h"
#include "session/packet_policy.h"
#include "wire/packet.h"

enum { RULES = 16, TEXT = POLICY_RULE_TEXT_MAX + 2 };

struct world {
	struct policy_rule rules[RULES + 1];
	size_t count;
	struct packet_policy *policy, *denies, *nothing, *everything;
};

static void add_rule(struct world *world, const uint8_t *line, size_t size) {
	char text[TEXT] = {0}, again[TEXT], third[TEXT];
	struct policy_rule rule, second;
	memcpy(text, line, size < TEXT - 1 ? size : TEXT - 1);
	const char *problem = policy_rule_read(text, POLICY_OF_PACKETS, &rule);
	const char *either = policy_rule_read(text, POLICY_OF_EITHER, &second);
	const char *of_streams = policy_rule_read(text, POLICY_OF_STREAMS, &second);
	expect(!either == (!problem || !of_streams));
	if (problem || world->count == RULES)
		return;
	expect(policy_rule_is_valid(&rule, POLICY_OF_PACKETS));
	policy_rule_format(&rule, again);
	expect(!policy_rule_read(again, POLICY_OF_PACKETS, &second));
	policy_rule_format(&second, third);
	expect(strcmp(again, third) == 0);
	world->rules[world->count++] = rule;
}

static struct packet_policy *make(const struct policy_rule *rules, size_t count,
								  enum policy_action otherwise) {
	struct packet_policy *policy;
	expect(!packet_policy_new(rules, count, otherwise, &policy));
	return policy;
}

/* As the rules read, of TCP and UDP that have nothing between IP and their ports. */
static bool is_allowed(const struct world *world, const struct ip_packet *packet,
					   const uint8_t *data) {
	struct address to =
		address_from_bytes((enum address_family)packet->family, packet->destination);
	const uint16_t port = packet_u16(data + packet->header_size + sizeof(uint16_t));
	for (size_t i = 0; i < world->count; i++)
		if (policy_rule_covers_address(&world->rules[i], &to) &&
			policy_rule_covers_port(&world->rules[i], packet->protocol == IP_PROTOCOL_UDP, port))
			return world->rules[i].action == POLICY_ALLOW;
	return true;
}

/* What may pass with these ports as a whole packet may pass as a later fragment. */
static void check_later(const struct world *world, const uint8_t *data, size_t size) {
	struct ip_packet packet;
	uint8_t copy[UINT16_MAX];
	memcpy(copy, data, size);
	packet_set_u16(copy + PACKET_V4_FRAGMENT, 1);
	expect(!ip_parse(copy, size, &packet));
	expect(packet_policy_allows(world->policy, &packet, copy));
}

static void judge(const struct world *world, const uint8_t *data, size_t size) {
	struct ip_packet packet;
	if (ip_parse(data, size, &packet))
		return;
	const bool allowed = packet_policy_allows(world->policy, &packet, data);
	/* The last word of the policy is that of a last rule about everything. */
	expect(!packet_policy_allows(world->nothing, &packet, data));
	expect(!allowed || packet_policy_allows(world->everything, &packet, data));
	if (packet_policy_allows(world->denies, &packet, data))
		expect(allowed);
	const bool is_plain =
		!packet.fragment && !packet.options &&
		(packet.protocol == IP_PROTOCOL_TCP || packet.protocol == IP_PROTOCOL_UDP);
	if (!is_plain)
		return;
	if (packet.size - packet.header_size < PACKET_PORTS_SIZE) {
		expect(!allowed);
		return;
	}
	expect(allowed == is_allowed(world, &packet, data));
	if (allowed && packet.family == ADDRESS_V4)
		check_later(world, data, packet.size);
}

/* On the heap, so that a sanitizer sees what is read behind a packet's end. */
static void judge_copy(const struct world *world, const uint8_t *data, size_t size) {
	uint8_t *copy = malloc(size + 1);
	expect(copy != NULL);
	memcpy(copy, data, size);
	judge(world, copy, size);
	free(copy);
}

static void run(struct world *world, const uint8_t *data, size_t size) {
	while (size > 0) {
		const uint8_t *end = memchr(data, '\n', size);
		const size_t line = end ? (size_t)(end - data) : size;
		const bool is_last = line == 0 || !end;
		if (line > 0)
			add_rule(world, data, line);
		data += line + (end != NULL);
		size -= line + (end != NULL);
		if (is_last)
			break;
	}
	struct policy_rule any;
	world->policy = make(world->rules, world->count, POLICY_ALLOW);
	expect(!policy_rule_read("deny any", POLICY_OF_PACKETS, &any));
	world->nothing = make(&any, 1, POLICY_ALLOW);
	world->rules[world->count] = any;
	world->denies = make(world->rules, world->count + 1, POLICY_ALLOW);
	world->everything = make(NULL, 0, POLICY_ALLOW);
	while (size >= 2) {
		const size_t wanted = packet_u16(data), left = size - 2;
		const size_t length = wanted < left ? wanted : left;
		judge_copy(world, data + 2, length);
		data += 2 + length;
		size -= 2 + length;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct world world = {.count = 0};
	run(&world, data, size);
	packet_policy_free(world.policy);
	packet_policy_free(world.denies);
	packet_policy_free(world.nothing);
	packet_policy_free(world.everything);
	return 0;
}
