#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include "host/netlink.h"
#include "host/route.h"
#include "host/route_rule.h"

/* That the kernel takes and tells them so is in test/net/test_split_exec.py and others. */

enum { PROTOCOL = 119, MARK = 0x756dff00 };

struct message {
	_Alignas(NLMSG_ALIGNTO) char bytes[2 * ROUTE_MESSAGE_SIZE];
	struct nlmsghdr *header;
};

static void begin(struct message *message) {
	memset(message->bytes, 0, sizeof message->bytes);
	message->header = mnl_nlmsg_put_header(message->bytes);
	(void)mnl_nlmsg_put_extra_header(message->header, sizeof(struct fib_rule_hdr));
	message->header->nlmsg_type = RTM_NEWRULE;
}

static struct fib_rule_hdr *body_of(struct message *message) {
	return mnl_nlmsg_get_payload(message->header);
}

static void write_rule(struct message *message, const struct route_rule *rule) {
	begin(message);
	route_rule_write(message->header, rule, PROTOCOL);
	assert_true(message->header->nlmsg_len <= ROUTE_MESSAGE_SIZE);
}

static bool is_read(const struct message *message, uint8_t family, struct route_rule *out_rule) {
	return route_rule_read(message->header, family, PROTOCOL, out_rule);
}

static struct route_rule service(const char *server) {
	struct route_rule rule = {.kind = ROUTE_RULE_SERVICE,
							  .priority = 32689,
							  .mark = MARK,
							  .table = 77,
							  .ip_protocol = IPPROTO_UDP,
							  .port = 53};
	assert_int_equal(address_parse(server, &rule.to), ERR_OK);
	rule.family = rule.to.family;
	return rule;
}

/* All shapes come back as they went, in both families, and as nothing in the other. */
static void test_round_trip(void **state) {
	const struct route_rule shapes[] = {
		{.kind = ROUTE_RULE_PASS, .priority = 1, .mark = MARK, .table = 32766},
		{.kind = ROUTE_RULE_MAIN, .priority = 2},
		{.kind = ROUTE_RULE_DEFAULT, .priority = 3, .mark = MARK, .table = 70000},
		{.kind = ROUTE_RULE_MARKED, .priority = 4, .mark = MARK, .table = 70000},
		{.kind = ROUTE_RULE_REFUSE, .priority = 5, .mark = MARK},
		service("1.1.1.1"),
		service("2606:4700::1111"),
	};
	struct message message;
	for (size_t i = 0; i < 2 * sizeof shapes / sizeof *shapes; i++) {
		struct route_rule rule = shapes[i / 2], seen;
		uint8_t other = i % 2 ? ADDRESS_V4 : ADDRESS_V6;
		if (rule.kind != ROUTE_RULE_SERVICE)
			rule.family = i % 2 ? ADDRESS_V6 : ADDRESS_V4;
		else
			other = rule.family == ADDRESS_V4 ? ADDRESS_V6 : ADDRESS_V4;
		write_rule(&message, &rule);
		assert_true(is_read(&message, rule.family, &seen));
		assert_true(route_rule_equal(&rule, &seen));
		assert_false(is_read(&message, other, &seen));
		assert_true(route_rule_is_of(message.header, PROTOCOL));
		assert_false(route_rule_is_of(message.header, PROTOCOL + 1));
		assert_false(route_rule_read(message.header, rule.family, PROTOCOL + 1, &seen));
		message.header->nlmsg_type = RTM_NEWROUTE;
		assert_false(is_read(&message, rule.family, &seen));
	}
}

static void test_equality(void **state) {
	const struct route_rule one = service("9.9.9.9");
	struct route_rule other = one;
	assert_true(route_rule_equal(&one, &other));
	other.port = 853;
	assert_false(route_rule_equal(&one, &other));
	other = one;
	other.ip_protocol = IPPROTO_TCP;
	assert_false(route_rule_equal(&one, &other));
	other = service("9.9.9.10");
	assert_false(route_rule_equal(&one, &other));
	other = one;
	other.table++;
	assert_false(route_rule_equal(&one, &other));
}

/* The bytes, as linux/fib_rules.h has them. */
static void test_bytes(void **state) {
	struct message message;
	const struct route_rule rule = service("9.9.9.9");
	write_rule(&message, &rule);
	const struct fib_rule_hdr *body = body_of(&message);
	assert_int_equal(body->family, AF_INET);
	assert_int_equal(body->dst_len, 32);
	assert_int_equal(body->action, FR_ACT_TO_TBL);
	const struct nlattr *attribute;
	size_t found = 0;
	for (attribute = netlink_first(message.header, sizeof *body); attribute;
		 attribute = netlink_next(message.header, attribute)) {
		const uint8_t *value = mnl_attr_get_payload(attribute);
		const struct fib_rule_port_range range = {.start = 53, .end = 53};
		switch (mnl_attr_get_type(attribute)) {
		case FRA_DST:
			assert_int_equal(mnl_attr_get_payload_len(attribute), 4);
			assert_memory_equal(value, "\x09\x09\x09\x09", 4);
			found++;
			break;
		case FRA_IP_PROTO:
			assert_int_equal(mnl_attr_get_payload_len(attribute), 1);
			assert_int_equal(value[0], IPPROTO_UDP);
			found++;
			break;
		case FRA_DPORT_RANGE:
			assert_int_equal(mnl_attr_get_payload_len(attribute), sizeof range);
			assert_memory_equal(value, &range, sizeof range);
			found++;
			break;
		default:
			break;
		}
	}
	assert_int_equal(found, 3);
}

/* With a condition more than ours have it is not ours: it must not be kept, nor taken for another.
 */
static void test_other_conditions(void **state) {
	static const uint8_t zeros[16];
	const struct fib_rule_port_range some = {.start = 53, .end = 54}, one = {.start = 9, .end = 9};
	const struct {
		uint16_t type;
		uint16_t size;
		const void *value;
	} rows[] = {
		{FRA_SRC, 4, "\x0a\0\0\1"},
		{FRA_IIFNAME, 3, "lo"},
		{FRA_OIFNAME, 3, "lo"},
		{FRA_SPORT_RANGE, sizeof one, &one},
		{FRA_DPORT_RANGE, 4, &some},
		{FRA_DPORT_RANGE, 3, &one},
		{FRA_DPORT_RANGE, 0, NULL},
		{FRA_IP_PROTO, 4, zeros},
		{FRA_IP_PROTO, 1, zeros},
		{FRA_DST, 16, zeros},
		{FRA_DST, 0, NULL},
		{FRA_FWMASK, 4, "\xff\0\0\0"},
		{FRA_FWMASK, 2, "\xff\xff"},
		{FRA_SUPPRESS_PREFIXLEN, 4, zeros},
		{FRA_PROTOCOL, 4, "\x77\0\0"},
		{FRA_PROTOCOL, 0, NULL},
	};
	const struct route_rule rule = service("9.9.9.9");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct message message;
		struct route_rule seen = {.kind = 99};
		write_rule(&message, &rule);
		mnl_attr_put(message.header, rows[i].type, rows[i].size, rows[i].value);
		assert_false(is_read(&message, ADDRESS_V4, &seen));
		assert_int_equal(seen.kind, 99);
	}
	/* A part of the three that belong together. */
	static const uint16_t parts[] = {FRA_DST, FRA_IP_PROTO, FRA_DPORT_RANGE};
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		struct message message;
		struct route_rule seen;
		const struct route_rule plain = {.family = ADDRESS_V4,
										 .kind = ROUTE_RULE_MARKED,
										 .priority = 7,
										 .mark = MARK,
										 .table = 8};
		write_rule(&message, &plain);
		assert_true(is_read(&message, ADDRESS_V4, &seen));
		if (parts[i] == FRA_DST) {
			body_of(&message)->dst_len = 32;
			mnl_attr_put(message.header, FRA_DST, 4, "\x09\x09\x09\x09");
		} else if (parts[i] == FRA_IP_PROTO) {
			mnl_attr_put_u8(message.header, FRA_IP_PROTO, IPPROTO_UDP);
		} else {
			mnl_attr_put(message.header, FRA_DPORT_RANGE, sizeof one, &one);
		}
		assert_false(is_read(&message, ADDRESS_V4, &seen));
	}
}

/* A network is not an address, and what is inverted is the contrary. */
static void test_other_headers(void **state) {
	const struct route_rule rule = service("9.9.9.9");
	struct message message;
	struct route_rule seen;
	write_rule(&message, &rule);
	body_of(&message)->dst_len = 24;
	assert_false(is_read(&message, ADDRESS_V4, &seen));
	write_rule(&message, &rule);
	body_of(&message)->flags = FIB_RULE_INVERT;
	assert_false(is_read(&message, ADDRESS_V4, &seen));
	write_rule(&message, &rule);
	body_of(&message)->action = FR_ACT_UNREACHABLE;
	assert_false(is_read(&message, ADDRESS_V4, &seen));
}

/* Cut anywhere it is read to its end at most, and is the rule only when it is whole. */
static void test_cut(void **state) {
	const struct route_rule rule = service("2606:4700::1111");
	struct message whole;
	write_rule(&whole, &rule);
	uint32_t size = whole.header->nlmsg_len;
	for (uint32_t length = NLMSG_HDRLEN; length <= size; length++) {
		/* As long as it says, so that a sanitizer sees what is read behind it. */
		struct nlmsghdr *cut = test_malloc(length);
		struct route_rule seen;
		memcpy(cut, whole.header, length);
		cut->nlmsg_len = length;
		bool taken = route_rule_read(cut, ADDRESS_V6, PROTOCOL, &seen);
		assert_int_equal(taken, length == size);
		(void)route_rule_is_of(cut, PROTOCOL);
		test_free(cut);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),    cmocka_unit_test(test_equality),
		cmocka_unit_test(test_bytes),         cmocka_unit_test(test_other_conditions),
		cmocka_unit_test(test_other_headers), cmocka_unit_test(test_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
