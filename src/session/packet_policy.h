#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "wire/ip.h"
#include "wire/policy_rule.h"

/*
 * Which IP packets somebody may send through a tunnel: the first rule that matches destination,
 * protocol and destination port decides, where none does, what was said for that. Immutable, so
 * that threads may share it; nothing is allocated for a packet.
 *
 * Whoever writes the packets is hostile to the rules, so what would mean something else where it
 * arrives than here is denied whatever they say: TCP and UDP cut off before their ports, headers
 * that are cut off or more than PACKET_POLICY_HEADERS_MAX, a source route on the way of which this
 * destination is only the next stop, and fragments that begin with an extension header.
 *
 * Fragments but the first have no ports, those of IPv6 not even a protocol. They pass where a first
 * one to the same destination could: nobody can make a packet of them without one, and that is
 * judged by its ports. So denying ports never takes fragments, and allowing them never loses any.
 *
 * Packets of other tunnels inside, such as GRE or IP in IP, are judged from outside alone.
 */

enum {
	PACKET_POLICY_RULES_MAX = 512,
	PACKET_POLICY_HEADERS_MAX = 8, /* extension headers of a packet */
};

struct packet_policy;

/*
 * The rules are copied. ERR_LIMIT; ERR_INVALID for one that is none of packets
 * (policy_rule_is_valid()); ERR_NO_MEMORY.
 */
enum err packet_policy_new(const struct policy_rule *rules, size_t count,
						   enum policy_action otherwise, struct packet_policy **out_policy);
void packet_policy_free(struct packet_policy *policy); /* NULL-safe */

/* A packet at data, as ip_parse() described it. NULL lets everything pass. */
bool packet_policy_allows(const struct packet_policy *policy, const struct ip_packet *packet,
						  const uint8_t *data);
