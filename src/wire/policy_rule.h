#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "wire/target.h"

/* One rule of a policy, about streams or packets: what it is about, and what becomes of that. */

enum {
	POLICY_PORTS_MAX = 16, /* ranges of a rule */
	POLICY_RULE_TEXT_MAX = 512,
};

enum policy_action { POLICY_ALLOW, POLICY_DENY };

enum policy_subject {
	POLICY_ANY,
	POLICY_PREFIX, /* of addresses, those that a name leads to among them */
	POLICY_NAME,   /* of targets that came as names */
	POLICY_BELOW,  /* names below that one */
};

enum policy_protocol {
	POLICY_EVERY, /* that has ports, where the rule names some; all streams are of those */
	POLICY_TCP,
	POLICY_UDP,
	POLICY_ICMP, /* of packets alone: of both families */
};

enum policy_use {
	POLICY_OF_STREAMS,
	POLICY_OF_PACKETS, /* which have no names */
	POLICY_OF_EITHER,  /* for who does not know yet, and asks again */
};

struct policy_ports {
	uint16_t first, last;
};

struct policy_rule {
	enum policy_action action;
	enum policy_subject subject;
	enum policy_protocol protocol;
	struct prefix prefix;
	char name[TARGET_NAME_MAX + 1];
	struct policy_ports ports[POLICY_PORTS_MAX];
	size_t port_count; /* 0: all ports */
};

/*
 * "allow 10.1.0.0/16", "deny any udp 53,5000-5999", "allow *.example.com tcp 443": words with
 * blanks between them, an action, a subject ("any", an address, a prefix, a name, or a name behind
 * "*."), then, where it is to be narrower, "tcp", "udp" or "icmp", and ports. NULL, or what is
 * wrong with the text, to be put behind it: "is no rule: ...".
 */
const char *policy_rule_read(const char *text, enum policy_use use, struct policy_rule *out_rule);

/* Of streams: ERR_INVALID. */
enum err policy_rule_parse(const char *text, struct policy_rule *out_rule);

/* As policy_rule_read() reads it, of a rule that is valid. */
void policy_rule_format(const struct policy_rule *rule, char text[static POLICY_RULE_TEXT_MAX + 1]);

bool policy_rule_is_valid(const struct policy_rule *rule, enum policy_use use);

/* Of streams. */
bool policy_rule_covers_port(const struct policy_rule *rule, bool udp, uint16_t port);
bool policy_rule_covers_address(const struct policy_rule *rule, const struct address *address);
/* Letters in either case. */
bool policy_rule_covers_name(const struct policy_rule *rule, const char *name);
