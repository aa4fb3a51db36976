#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "host/network.h"
#include "host/network_news.h"

enum { OWN = 7, OTHER = 3, SIZE = 4096 };

static bool is_own(void *context, uint32_t interface) {
	return interface == OWN;
}

static const struct network_news_filter filter = {.is_own = is_own};
static _Alignas(NLMSG_ALIGNTO) char buffer[SIZE];

static void *begin(struct nlmsghdr **out_message, uint16_t type, size_t size) {
	memset(buffer, 0, sizeof buffer);
	*out_message = mnl_nlmsg_put_header(buffer);
	(*out_message)->nlmsg_type = type;
	return mnl_nlmsg_put_extra_header(*out_message, size);
}

static bool read_message(struct network_news *news, const struct nlmsghdr *message) {
	return network_news_read(news, &filter, buffer, message->nlmsg_len);
}

static bool link_matters(int index, uint8_t family, bool wireless) {
	struct network_news news = {.count = 0};
	struct nlmsghdr *message;
	struct ifinfomsg *info = begin(&message, RTM_NEWLINK, sizeof *info);
	info->ifi_index = index;
	info->ifi_family = family;
	mnl_attr_put_u32(message, IFLA_MTU, 1500);
	if (wireless)
		mnl_attr_put_u32(message, IFLA_WIRELESS, 0);
	return read_message(&news, message);
}

static void test_links(void **state) {
	assert_true(link_matters(OTHER, AF_UNSPEC, false));
	assert_false(link_matters(OWN, AF_UNSPEC, false));
	/* A scan of the radio, a port of a bridge. */
	assert_false(link_matters(OTHER, AF_UNSPEC, true));
	assert_false(link_matters(OTHER, AF_BRIDGE, false));
}

static bool address_matters(struct network_news *news, uint16_t type, uint32_t index,
							uint32_t address, uint32_t flags) {
	struct nlmsghdr *message;
	struct ifaddrmsg *info = begin(&message, type, sizeof *info);
	info->ifa_family = AF_INET;
	info->ifa_prefixlen = 24;
	info->ifa_index = index;
	mnl_attr_put_u32(message, IFA_LOCAL, address);
	mnl_attr_put_u32(message, IFA_FLAGS, flags);
	return read_message(news, message);
}

static void test_addresses(void **state) {
	struct network_news news = {.count = 0};
	const uint16_t new = RTM_NEWADDR, gone = RTM_DELADDR;
	assert_false(address_matters(&news, new, OWN, 1, 0));
	assert_true(address_matters(&news, new, OTHER, 1, 0));
	/* Renewed, and with a flag that means nothing for sending. */
	assert_false(address_matters(&news, new, OTHER, 1, 0));
	assert_false(address_matters(&news, new, OTHER, 1, IFA_F_NOPREFIXROUTE));
	/* On another interface, another one, no longer good and good again. */
	assert_true(address_matters(&news, new, OTHER + 1, 1, 0));
	assert_true(address_matters(&news, new, OTHER, 2, IFA_F_TENTATIVE));
	assert_true(address_matters(&news, new, OTHER, 2, 0));
	assert_true(address_matters(&news, new, OTHER, 1, IFA_F_DEPRECATED));
	/* Gone, whatever its flags were, and back. */
	assert_true(address_matters(&news, gone, OTHER, 1, 0));
	assert_true(address_matters(&news, new, OTHER, 1, IFA_F_DEPRECATED));
	assert_int_equal(news.count, 3);
	network_news_forget(&news);
	assert_true(address_matters(&news, new, OTHER, 1, 0));
}

static void test_many_addresses(void **state) {
	struct network_news news = {.count = 0};
	for (uint32_t i = 0; i < 3 * NETWORK_NEWS_ADDRESSES_MAX; i++)
		assert_true(address_matters(&news, RTM_NEWADDR, OTHER, i, 0));
	assert_int_equal(news.count, NETWORK_NEWS_ADDRESSES_MAX);
	assert_false(address_matters(&news, RTM_NEWADDR, OTHER, 0, 0));
	assert_true(address_matters(&news, RTM_NEWADDR, OTHER, 2 * NETWORK_NEWS_ADDRESSES_MAX, 0));
	assert_true(address_matters(&news, RTM_DELADDR, OTHER, 2 * NETWORK_NEWS_ADDRESSES_MAX, 0));
}

struct route {
	uint8_t protocol, table, type;
	unsigned flags;
	uint32_t interface;
};

static bool route_matters(const struct route *route) {
	struct network_news news = {.count = 0};
	struct nlmsghdr *message;
	struct rtmsg *info = begin(&message, RTM_DELROUTE, sizeof *info);
	info->rtm_family = AF_INET;
	info->rtm_protocol = route->protocol;
	info->rtm_table = route->table;
	info->rtm_type = route->type;
	info->rtm_flags = route->flags;
	if (route->interface)
		mnl_attr_put_u32(message, RTA_OIF, route->interface);
	return read_message(&news, message);
}

static void test_routes(void **state) {
	const struct {
		struct route route;
		bool matters;
	} rows[] = {
		{{RTPROT_DHCP, RT_TABLE_MAIN, RTN_UNICAST, 0, OTHER}, true},
		{{RTPROT_BOOT, RT_TABLE_MAIN, RTN_UNREACHABLE, 0, 0}, true},
		{{RTPROT_BOOT, 100, RTN_UNICAST, 0, OTHER}, true},
		{{RTPROT_BOOT, RT_TABLE_MAIN, RTN_UNICAST, 0, OWN}, false},
		{{NETWORK_PROTOCOL, RT_TABLE_MAIN, RTN_UNICAST, 0, OTHER}, false},
		{{NETWORK_NEWS_KEPT_PROTOCOL, 100, RTN_UNREACHABLE, 0, 0}, false},
		{{RTPROT_KERNEL, RT_TABLE_LOCAL, RTN_LOCAL, 0, OTHER}, false},
		{{RTPROT_KERNEL, RT_TABLE_MAIN, RTN_MULTICAST, 0, OTHER}, false},
		{{RTPROT_KERNEL, RT_TABLE_MAIN, RTN_UNICAST, RTM_F_CLONED, OTHER}, false},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(route_matters(&rows[i].route), rows[i].matters);
}

static bool rule_matters(int protocol) {
	struct network_news news = {.count = 0};
	struct nlmsghdr *message;
	struct fib_rule_hdr *info = begin(&message, RTM_NEWRULE, sizeof *info);
	info->family = AF_INET6;
	if (protocol >= 0)
		mnl_attr_put_u8(message, FRA_PROTOCOL, (uint8_t)protocol);
	return read_message(&news, message);
}

static void test_rules(void **state) {
	assert_true(rule_matters(-1));
	assert_true(rule_matters(RTPROT_BOOT));
	assert_false(rule_matters(NETWORK_PROTOCOL));
	assert_false(rule_matters(NETWORK_NEWS_KEPT_PROTOCOL));
}

/* Cut anywhere, from a buffer of exactly that size. */
static void test_cut(void **state) {
	struct network_news news = {.count = 0};
	(void)address_matters(&news, RTM_NEWADDR, OTHER, 1, 0);
	size_t whole = ((const struct nlmsghdr *)(const void *)buffer)->nlmsg_len;
	for (size_t size = 0; size < whole; size++) {
		char *copy = malloc(size + 1);
		assert_non_null(copy);
		memcpy(copy, buffer, size);
		network_news_forget(&news);
		assert_false(network_news_read(&news, &filter, copy, size));
		free(copy);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_links),          cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_many_addresses), cmocka_unit_test(test_routes),
		cmocka_unit_test(test_rules),          cmocka_unit_test(test_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
