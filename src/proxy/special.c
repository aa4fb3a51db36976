#include "proxy/special.h"

#include <string.h>

#define V4(a, b, c, d, bits) \
	{ {{a, b, c, d}, ADDRESS_V4}, bits }
/* The first eight bytes. */
#define V6(a, b, c, d, e, f, g, h, bits) \
	{ {{a, b, c, d, e, f, g, h}, ADDRESS_V6}, bits }

static const struct prefix blocks[] = {
	V4(0, 0, 0, 0, 8),       /* this network; 0.0.0.0 connects to this host */
	V4(10, 0, 0, 0, 8),      /* private */
	V4(100, 64, 0, 0, 10),   /* shared by a provider's customers, RFC 6598 */
	V4(127, 0, 0, 0, 8),     /* loopback */
	V4(169, 254, 0, 0, 16),  /* link-local; clouds tell their secrets there */
	V4(172, 16, 0, 0, 12),   /* private */
	V4(192, 0, 0, 0, 24),    /* protocol assignments */
	V4(192, 0, 2, 0, 24),    /* documentation */
	V4(192, 88, 99, 0, 24),  /* relays of 6to4, RFC 7526 */
	V4(192, 168, 0, 0, 16),  /* private */
	V4(198, 18, 0, 0, 15),   /* benchmarks */
	V4(198, 51, 100, 0, 24), /* documentation */
	V4(203, 0, 113, 0, 24),  /* documentation */
	V4(224, 0, 0, 0, 4),     /* multicast */
	V4(240, 0, 0, 0, 4),     /* reserved, and broadcast */

	{{{0}, ADDRESS_V6}, 96}, /* ::, ::1, and ::192.0.2.1, which was given up */
	{{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, ADDRESS_V6}, 96}, /* mapped */
	V6(0, 0x64, 0xff, 0x9b, 0, 1, 0, 0, 48),    /* local translators, RFC 8215 */
	V6(1, 0, 0, 0, 0, 0, 0, 0, 64),             /* discard, RFC 6666 */
	V6(0x20, 0x01, 0, 0, 0, 0, 0, 0, 23),       /* protocol assignments, Teredo */
	V6(0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 32), /* documentation */
	V6(0x3f, 0xff, 0, 0, 0, 0, 0, 0, 20),       /* documentation, RFC 9637 */
	V6(0x5f, 0, 0, 0, 0, 0, 0, 0, 16),          /* segment identifiers, RFC 9602 */
	V6(0xfc, 0, 0, 0, 0, 0, 0, 0, 7),           /* private */
	V6(0xfe, 0x80, 0, 0, 0, 0, 0, 0, 10),       /* link-local */
	V6(0xfe, 0xc0, 0, 0, 0, 0, 0, 0, 10),       /* site-local, as it was */
	V6(0xff, 0, 0, 0, 0, 0, 0, 0, 8),           /* multicast */
};

const struct prefix *special_of_prefix(const struct prefix *prefix) {
	for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
		if (prefix_covers(&blocks[i], prefix))
			return &blocks[i];
	return NULL;
}

const struct prefix *special_of(const struct address *address) {
	const struct prefix prefix = {*address, (uint8_t)(8 * address_size(address))};
	return special_of_prefix(&prefix);
}

struct address special_unmapped(const struct address *address) {
	static const uint8_t mapped[12] = {[10] = 0xff, 0xff};
	if (address->family == ADDRESS_V6 && memcmp(address->bytes, mapped, sizeof mapped) == 0)
		return address_from_bytes(ADDRESS_V4, address->bytes + sizeof mapped);
	return *address;
}

size_t special_embedded(const struct address *address,
						struct address out_addresses[static SPECIAL_EMBEDDED_MAX]) {
	static const struct {
		uint8_t size; /* bytes that are compared, and where the embedded address is */
		uint8_t at;
		uint8_t bytes[12];
	} forms[] = {
		{12, 12, {0}},                   /* compatible, ::a.b.c.d */
		{12, 12, {[10] = 0xff, 0xff}},   /* mapped */
		{12, 12, {[8] = 0xff, 0xff}},    /* translated, RFC 7915 */
		{12, 12, {0, 0x64, 0xff, 0x9b}}, /* 64:ff9b::a.b.c.d */
		{2, 2, {0x20, 0x02}},            /* 6to4 */
	};
	/* The last half of ISATAP's, of which the first byte's bit 1 may be set. */
	static const uint8_t isatap[4] = {0, 0, 0x5e, 0xfe};
	/* :: and ::1 are in the block of compatible ones, and none of them (RFC 4291 section 2.5). */
	static const uint8_t nobody[ADDRESS_V6_SIZE - 1] = {0};
	size_t count = 0;
	const uint8_t *bytes = address->bytes;
	if (address->family != ADDRESS_V6 ||
		(memcmp(bytes, nobody, sizeof nobody) == 0 && bytes[sizeof nobody] <= 1))
		return 0;
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
		if (memcmp(bytes, forms[i].bytes, forms[i].size) == 0)
			out_addresses[count++] = address_from_bytes(ADDRESS_V4, bytes + forms[i].at);
	if ((bytes[8] & ~2) == 0 && memcmp(bytes + 9, isatap + 1, sizeof isatap - 1) == 0)
		out_addresses[count++] = address_from_bytes(ADDRESS_V4, bytes + 12);
	return count;
}
