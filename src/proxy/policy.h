#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "wire/policy_rule.h"
#include "wire/target.h"

/*
 * Where the streams of a client may lead. The first rule that matches decides; where none does,
 * special addresses (proxy/special.h) are refused, and others as the policy says.
 *
 * A special address is only let through by a rule about a prefix that lies wholly inside one of the
 * special blocks: "allow 10.1.0.0/16" does so, "allow any", "allow 0.0.0.0/0" and "allow
 * *.example.com" do not. So nobody gets to this host's networks by a name that he owns.
 *
 * A mapped address is judged as the one that it leads to. One that holds another by translation or
 * tunnel is let through if both are.
 *
 * Immutable, so that threads may share it.
 */

enum { POLICY_RULES_MAX = 1024 };

enum policy_verdict {
	POLICY_REFUSED,
	POLICY_ALLOWED,
	/* A name that may be asked for; whatever it leads to, policy_allows_address() judges. */
	POLICY_BY_ADDRESS,
};

struct policy;

/* The rules are copied. ERR_LIMIT, ERR_INVALID for a rule that policy_rule_is_valid() is not. */
enum err policy_new(const struct policy_rule *rules, size_t count, enum policy_action otherwise,
					struct policy **out_policy);
void policy_free(struct policy *policy); /* NULL-safe */

/*
 * Before anything is done for the target. NULL: a policy without rules that allows ordinary
 * addresses. TARGET_PACKETS is refused: it is not for here to say. So is port 0.
 */
enum policy_verdict policy_judge(const struct policy *policy, const struct target *target);

/* Before a connection to, or a datagram for, an address that the target (a name) led to. */
bool policy_allows_address(const struct policy *policy, const struct target *target,
						   const struct address *address);

/*
 * The same of an address of this host's own, which is a special one wherever it is from: a rule
 * about a prefix inside a special block lets it through, or one about this very address.
 */
bool policy_allows_own_address(const struct policy *policy, const struct target *target,
							   const struct address *address);
