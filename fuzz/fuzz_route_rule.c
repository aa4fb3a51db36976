/* What the kernel tells of rules: reading stays inside, and what is taken for ours is whole. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include "host/netlink.h"
#include "host/route.h"
#include "host/route_rule.h"

enum { PROTOCOL = 119 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Written again it says the same. */
static void check(const struct route_rule *rule) {
	_Alignas(NLMSG_ALIGNTO) char buffer[ROUTE_MESSAGE_SIZE] = {0};
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	(void)mnl_nlmsg_put_extra_header(request, sizeof(struct fib_rule_hdr));
	request->nlmsg_type = RTM_NEWRULE;
	route_rule_write(request, rule, PROTOCOL);
	struct route_rule again;
	if (request->nlmsg_len > sizeof buffer || !route_rule_is_of(request, PROTOCOL) ||
		!route_rule_read(request, rule->family, PROTOCOL, &again))
		abort();
	if (rule->kind != ROUTE_RULE_MAIN && !route_rule_equal(rule, &again))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	/* As many bytes as were received, and the length that they say. */
	struct nlmsghdr *message = malloc(size + 1);
	if (!message)
		return 0;
	memcpy(message, data, size);
	if (size <= INT32_MAX && netlink_is_whole(message, (int)size)) {
		static const uint8_t families[] = {ADDRESS_V4, ADDRESS_V6};
		struct route_rule rule;
		for (size_t i = 0; i < sizeof families; i++)
			if (route_rule_read(message, families[i], PROTOCOL, &rule))
				check(&rule);
		(void)route_rule_is_of(message, PROTOCOL);
	}
	free(message);
	return 0;
}
