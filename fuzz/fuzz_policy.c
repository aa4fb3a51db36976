/*
 * Lines of rules, an empty line, then targets: "host port". Whatever the rules are, disguises do
 * not help, and special addresses need a rule of their own.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "proxy/policy.h"
#include "proxy/special.h"

enum { RULES = 32 };

struct world {
	struct policy_rule rules[RULES];
	size_t count;
	bool has_special; /* a rule that lets through special ones */
	struct policy *policy;
};

static void add_rule(struct world *world, const char *line) {
	struct policy_rule rule;
	if (world->count == RULES || policy_rule_parse(line, &rule))
		return;
	expect(policy_rule_is_valid(&rule, POLICY_OF_STREAMS));
	struct policy_rule again;
	char text[POLICY_RULE_TEXT_MAX + 1], text_again[POLICY_RULE_TEXT_MAX + 1];
	policy_rule_format(&rule, text);
	expect(!policy_rule_parse(text, &again));
	policy_rule_format(&again, text_again);
	expect(strcmp(text, text_again) == 0 && again.port_count == rule.port_count);
	if (rule.subject == POLICY_PREFIX && rule.action == POLICY_ALLOW)
		world->has_special = true;
	world->rules[world->count++] = rule;
}

static void check_address(const struct world *world, struct target target) {
	struct address embedded[SPECIAL_EMBEDDED_MAX];
	bool allowed = policy_judge(world->policy, &target) == POLICY_ALLOWED;
	expect(allowed == policy_allows_address(world->policy, &target, &target.address));
	if (allowed && special_of(&target.address) && target.address.family == ADDRESS_V4)
		expect(world->has_special);
	size_t count = special_embedded(&target.address, embedded);
	for (size_t i = 0; i < count; i++) {
		struct target inner = target;
		inner.type = TARGET_V4;
		inner.address = embedded[i];
		expect(!allowed || policy_judge(world->policy, &inner) == POLICY_ALLOWED);
	}
	if (target.type != TARGET_V4)
		return;
	struct target mapped = target;
	mapped.type = TARGET_V6;
	mapped.address = (struct address){{[10] = 0xff, 0xff}, ADDRESS_V6};
	memcpy(mapped.address.bytes + 12, target.address.bytes, ADDRESS_V4_SIZE);
	expect(allowed == (policy_judge(world->policy, &mapped) == POLICY_ALLOWED));
}

static void check_name(const struct world *world, const struct target *target) {
	static const struct address addresses[] = {
		{{1, 1, 1, 1}, ADDRESS_V4}, {{127, 0, 0, 1}, ADDRESS_V4}, {{0x26, 6}, ADDRESS_V6}};
	enum policy_verdict verdict = policy_judge(world->policy, target);
	expect(verdict != POLICY_ALLOWED);
	for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
		bool allowed = policy_allows_address(world->policy, target, &addresses[i]);
		/* What was refused by its name leads nowhere. */
		expect(!allowed || verdict == POLICY_BY_ADDRESS);
		expect(!allowed || i != 1 || world->has_special);
	}
}

static void judge(const struct world *world, const char *line) {
	char host[TARGET_TEXT_SIZE];
	unsigned port;
	struct target target;
	if (sscanf(line, "%268s %u", host, &port) != 2 || port > UINT16_MAX ||
		target_parse(host, (uint16_t)port, port % 2, &target))
		return;
	if (target.type == TARGET_NAME)
		check_name(world, &target);
	else
		check_address(world, target);
}

static void run(struct world *world, char *text) {
	bool in_rules = true;
	char *rest = text;
	for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
		if (!in_rules) {
			judge(world, line);
		} else if (line[0] == '\0') {
			in_rules = false;
			expect(!policy_new(world->rules, world->count,
							   world->count % 2 ? POLICY_ALLOW : POLICY_DENY, &world->policy));
		} else {
			add_rule(world, line);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct world world = {.count = 0};
	char *text = malloc(size + 1);
	expect(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	run(&world, text);
	policy_free(world.policy);
	free(text);
	return 0;
}
