#include "host/netlink.h"

#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>

uint8_t netlink_family(enum address_family family) {
	return family == ADDRESS_V4 ? AF_INET : AF_INET6;
}

uint8_t netlink_family_of(uint8_t number) {
	return number == AF_INET ? ADDRESS_V4 : ADDRESS_V6;
}

bool netlink_is_whole(const struct nlmsghdr *message, int left) {
	return mnl_nlmsg_ok(message, left) && message->nlmsg_len <= (uint32_t)left;
}

/* mnl_nlmsg_get_payload_tail() is the aligned end, which a message need not reach. */
static const struct nlattr *checked(const struct nlmsghdr *message,
									const struct nlattr *attribute) {
	const char *end = (const char *)message + message->nlmsg_len;
	return mnl_attr_ok(attribute, (int)(end - (const char *)attribute)) ? attribute : NULL;
}

const struct nlattr *netlink_first(const struct nlmsghdr *message, size_t header_size) {
	return checked(message, mnl_nlmsg_get_payload_offset(message, header_size));
}

const struct nlattr *netlink_next(const struct nlmsghdr *message, const struct nlattr *attribute) {
	return checked(message, mnl_attr_next(attribute));
}

static bool has_size(const struct nlattr *attribute, size_t size) {
	return mnl_attr_get_payload_len(attribute) == size;
}

uint8_t netlink_u8(const struct nlattr *attribute) {
	return has_size(attribute, sizeof(uint8_t)) ? mnl_attr_get_u8(attribute) : 0;
}

uint32_t netlink_u32(const struct nlattr *attribute) {
	return has_size(attribute, sizeof(uint32_t)) ? mnl_attr_get_u32(attribute) : 0;
}

uint16_t netlink_port(const struct nlattr *attribute) {
	struct fib_rule_port_range range;
	if (!has_size(attribute, sizeof range))
		return 0;
	memcpy(&range, mnl_attr_get_payload(attribute), sizeof range);
	return range.start == range.end ? range.start : 0;
}

bool netlink_address(const struct nlattr *attribute, uint8_t family, struct address *out_address) {
	const struct address shape = {.family = netlink_family_of(family)};
	if (!has_size(attribute, address_size(&shape)))
		return false;
	*out_address = address_from_bytes(shape.family, mnl_attr_get_payload(attribute));
	return true;
}

void netlink_put_address(struct nlmsghdr *request, uint16_t type, const struct address *address) {
	mnl_attr_put(request, type, address_size(address), address->bytes);
}

void netlink_put_port(struct nlmsghdr *request, uint16_t type, uint16_t port) {
	const struct fib_rule_port_range range = {.start = port, .end = port};
	mnl_attr_put(request, type, sizeof range, &range);
}
