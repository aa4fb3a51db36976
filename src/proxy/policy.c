#include "proxy/policy.h"

#include <stdlib.h>

#include "proxy/special.h"

struct policy {
	enum policy_action otherwise;
	size_t count;
	struct policy_rule rules[];
};

static const struct policy nothing_said = {.otherwise = POLICY_ALLOW};

/* Addresses are judged unmapped, so that a rule about mapped ones would never match. */
static void unmap(struct prefix *prefix) {
	enum { MAPPED_BITS = 96 };
	struct address address = special_unmapped(&prefix->address);
	if (address.family == prefix->address.family || prefix->length < MAPPED_BITS)
		return;
	*prefix = (struct prefix){address, (uint8_t)(prefix->length - MAPPED_BITS)};
}

enum err policy_new(const struct policy_rule *rules, size_t count, enum policy_action otherwise,
					struct policy **out_policy) {
	if (count > POLICY_RULES_MAX)
		return ERR_LIMIT;
	for (size_t i = 0; i < count; i++)
		if (!policy_rule_is_valid(&rules[i], POLICY_OF_STREAMS))
			return ERR_INVALID;
	struct policy *policy = calloc(1, sizeof *policy + count * sizeof policy->rules[0]);
	if (!policy)
		return ERR_NO_MEMORY;
	policy->otherwise = otherwise;
	policy->count = count;
	for (size_t i = 0; i < count; i++) {
		policy->rules[i] = rules[i];
		unmap(&policy->rules[i].prefix);
	}
	*out_policy = policy;
	return ERR_OK;
}

void policy_free(struct policy *policy) {
	free(policy);
}

/* What is asked: may the target lead there? */
struct question {
	const struct target *target;
	const char *name; /* NULL where the target is an address */
	bool is_own;      /* the address is this host's */
};

/* A rule about a prefix that lies wholly in a special block; or, of this host's, about it alone. */
static bool means_special(const struct policy_rule *rule, const struct question *question) {
	if (rule->subject != POLICY_PREFIX)
		return false;
	bool is_whole = rule->prefix.length == 8 * address_size(&rule->prefix.address);
	return special_of_prefix(&rule->prefix) || (question->is_own && is_whole);
}

static bool allows_one(const struct policy *policy, const struct question *question,
					   const struct address *address) {
	const struct target *target = question->target;
	const char *name = question->name;
	bool is_special = question->is_own || special_of(address);
	for (size_t i = 0; i < policy->count; i++) {
		const struct policy_rule *rule = &policy->rules[i];
		if (!policy_rule_covers_port(rule, target->udp, target->port) ||
			!(policy_rule_covers_address(rule, address) ||
			  (name && policy_rule_covers_name(rule, name))))
			continue;
		if (rule->action == POLICY_DENY)
			return false;
		if (!is_special || means_special(rule, question))
			return true;
	}
	return !is_special && policy->otherwise == POLICY_ALLOW;
}

static bool allows(const struct policy *policy, const struct question *question,
				   const struct address *address) {
	struct address embedded[SPECIAL_EMBEDDED_MAX];
	struct address unmapped = special_unmapped(address);
	if (address_size(address) == 0 || question->target->port == 0 ||
		!allows_one(policy, question, &unmapped))
		return false;
	size_t count = special_embedded(&unmapped, embedded);
	for (size_t i = 0; i < count; i++)
		if (!allows_one(policy, question, &embedded[i]))
			return false;
	return true;
}

/* Whether an address may be found that the rules let through. */
static bool may_be_allowed(const struct policy *policy, const struct target *target) {
	bool by_prefix = false;
	for (size_t i = 0; i < policy->count; i++) {
		const struct policy_rule *rule = &policy->rules[i];
		if (!policy_rule_covers_port(rule, target->udp, target->port))
			continue;
		if (rule->subject == POLICY_PREFIX)
			by_prefix = by_prefix || rule->action == POLICY_ALLOW;
		else if (policy_rule_covers_name(rule, target->name))
			return by_prefix || rule->action == POLICY_ALLOW;
	}
	return by_prefix || policy->otherwise == POLICY_ALLOW;
}

enum policy_verdict policy_judge(const struct policy *policy, const struct target *target) {
	policy = policy ? policy : &nothing_said;
	struct question question = {.target = target};
	switch (target->type) {
	case TARGET_V4:
	case TARGET_V6:
		return allows(policy, &question, &target->address) ? POLICY_ALLOWED : POLICY_REFUSED;
	case TARGET_NAME:
		return target->port != 0 && may_be_allowed(policy, target) ? POLICY_BY_ADDRESS
																   : POLICY_REFUSED;
	default:
		return POLICY_REFUSED;
	}
}

static bool allows_address(const struct policy *policy, const struct target *target, bool is_own,
						   const struct address *address) {
	struct question question = {
		.target = target,
		.name = target->type == TARGET_NAME ? target->name : NULL,
		.is_own = is_own,
	};
	return allows(policy ? policy : &nothing_said, &question, address);
}

bool policy_allows_address(const struct policy *policy, const struct target *target,
						   const struct address *address) {
	return allows_address(policy, target, false, address);
}

bool policy_allows_own_address(const struct policy *policy, const struct target *target,
							   const struct address *address) {
	return allows_address(policy, target, true, address);
}
