#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "wire/dns_name.h"

struct reader;
struct writer;

/*
 * What one end of a tunnel tells the other of its interface: values that several messages have
 * alike, each in an item of its own with a type and a length in front. How those look is the
 * message's business (wire/parameters.h, wire/stream_settings.h).
 */

enum interface_setting {
	INTERFACE_SETTING_ADDRESS = 1, /* of the receiver's interface */
	INTERFACE_SETTING_ROUTE = 2,   /* what the sender leads to */
	INTERFACE_SETTING_SERVER = 3,  /* that names are asked of */
	INTERFACE_SETTING_DOMAIN = 4,  /* that names are completed with */
	INTERFACE_SETTING_MTU = 5,
};

enum {
	INTERFACE_SETTINGS_ADDRESSES_MAX = 8,
	INTERFACE_SETTINGS_ROUTES_MAX = 256,
	INTERFACE_SETTINGS_SERVERS_MAX = 8,
	INTERFACE_SETTINGS_DOMAINS_MAX = 16,
	INTERFACE_SETTINGS_MTU_MIN = 576,
};

/* Bytes of as much as there may be, where each item begins with so many bytes. */
#define INTERFACE_SETTINGS_SIZE_MAX(head)                            \
	((head) + 2 + INTERFACE_SETTINGS_ADDRESSES_MAX * ((head) + 18) + \
	 INTERFACE_SETTINGS_ROUTES_MAX * ((head) + 18) +                 \
	 INTERFACE_SETTINGS_SERVERS_MAX * ((head) + 17) +                \
	 INTERFACE_SETTINGS_DOMAINS_MAX * ((head) + DNS_NAME_TEXT_MAX))

struct interface_settings {
	uint16_t mtu; /* 0: not said */
	size_t address_count, route_count, server_count, domain_count;
	struct prefix addresses[INTERFACE_SETTINGS_ADDRESSES_MAX]; /* with their host bits */
	struct prefix routes[INTERFACE_SETTINGS_ROUTES_MAX];
	struct address servers[INTERFACE_SETTINGS_SERVERS_MAX];
	char domains[INTERFACE_SETTINGS_DOMAINS_MAX][DNS_NAME_TEXT_MAX + 1];
};

/*
 * Adds the value of one item, which is all that the reader has left; whoever calls checks the
 * reader at the end. ERR_MALFORMED in it, among others for an MTU that was said before and for a
 * route with host bits; ERR_LIMIT for more of a kind than there is room for.
 */
void interface_settings_read(struct reader *value, enum interface_setting kind,
							 struct interface_settings *settings);

/* Whether the reader would take them. */
bool interface_settings_are_valid(const struct interface_settings *settings);

/* Whether both say the same in the same order. */
bool interface_settings_equal(const struct interface_settings *left,
							  const struct interface_settings *right);

/* What comes before a value of so many bytes. */
typedef void interface_settings_head(struct writer *writer, enum interface_setting kind,
									 size_t length);

/* Settings that are valid, in the order of their kinds. */
void interface_settings_write(struct writer *writer, const struct interface_settings *settings,
							  interface_settings_head *head);
