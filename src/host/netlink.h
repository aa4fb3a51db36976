#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"

/*
 * Messages of netlink and their attributes, beside libmnl. Nothing outside a message is read,
 * whatever its lengths say; a value of another size than it should have counts as absent.
 */

struct nlattr;
struct nlmsghdr;

/* The family as the kernel numbers it, and back: all but AF_INET is ADDRESS_V6. */
uint8_t netlink_family(enum address_family family);
uint8_t netlink_family_of(uint8_t number);

/* Whether a message lies in the bytes that are left; mnl_nlmsg_ok() takes 2 GiB for less than 0. */
bool netlink_is_whole(const struct nlmsghdr *message, int left);

/* Attributes behind a header of the size; NULL at the end. */
const struct nlattr *netlink_first(const struct nlmsghdr *message, size_t header_size);
const struct nlattr *netlink_next(const struct nlmsghdr *message, const struct nlattr *attribute);

/* 0: absent. */
uint8_t netlink_u8(const struct nlattr *attribute);
uint32_t netlink_u32(const struct nlattr *attribute);
/* Of a range of ports that has one. */
uint16_t netlink_port(const struct nlattr *attribute);
/* Of a family as the kernel numbers it; false: absent. */
bool netlink_address(const struct nlattr *attribute, uint8_t family, struct address *out_address);

void netlink_put_address(struct nlmsghdr *request, uint16_t type, const struct address *address);
void netlink_put_port(struct nlmsghdr *request, uint16_t type, uint16_t port);
