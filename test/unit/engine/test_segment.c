#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "engine/packets.h"
#include "engine/segment.h"

enum { BUFFER_SIZE = PACKETS_SIZE_MAX + 64, FIN = 1, PSH = 8, ACK = 16, CWR = 128 };

static struct segment_plan plan; /* 18 KB */

static const struct packet_spec tcp_v4 = {.protocol = PACKETS_TCP,
										  .ttl = 64,
										  .id = 0xfffe,
										  .source = 1,
										  .destination = 2,
										  .source_port = 4000,
										  .destination_port = 443,
										  .sequence = 0xffffff00,
										  .acknowledgment = 99,
										  .flags = ACK,
										  .window = 500,
										  .option_byte = 1};

static struct packet_spec spec_of(bool v6, uint8_t protocol, uint8_t options_size) {
	struct packet_spec spec = tcp_v4;
	spec.v6 = v6;
	spec.protocol = protocol;
	spec.options_size = options_size;
	return spec;
}

/* A super-packet as the kernel gives it: the checksum field holds the pseudo header's sum. */
struct super {
	struct packet_spec spec;
	size_t size, headers, payload_size;
	struct virtio_header header;
	uint8_t payload[PACKETS_SIZE_MAX];
	uint8_t data[BUFFER_SIZE];     /* exactly what segment_plan() gets, and bytes behind */
	uint8_t original[BUFFER_SIZE]; /* a copy */
};

static void super_build(struct super *super, struct packet_spec spec, size_t payload_size,
						uint16_t gso_size) {
	for (size_t i = 0; i < payload_size; i++)
		super->payload[i] = (uint8_t)(i * 13 + i / 253 + 1);
	memset(super->data, 0xc3, sizeof super->data);
	super->spec = spec;
	super->payload_size = payload_size;
	super->size = packets_build(&spec, super->payload, payload_size, super->data);
	super->headers = super->size - payload_size;
	size_t ip = packets_ip_size(super->data), field = packets_checksum_offset(super->data);
	packets_put_u16(super->data + field, packets_pseudo(super->data, super->size));
	super->header = (struct virtio_header){
		.flags = VIRTIO_NEEDS_CHECKSUM,
		.gso_type = spec.protocol == PACKETS_UDP ? VIRTIO_GSO_UDP
					: spec.v6                    ? VIRTIO_GSO_TCP_V6
												 : VIRTIO_GSO_TCP_V4,
		.header_size = (uint16_t)super->headers,
		.gso_size = gso_size,
		.checksum_start = (uint16_t)ip,
		.checksum_offset = (uint16_t)(field - ip),
	};
	memcpy(super->original, super->data, sizeof super->original);
}

static struct super *super_new(struct packet_spec spec, size_t payload_size, uint16_t gso_size) {
	struct super *super = malloc(sizeof *super);
	assert_non_null(super);
	super_build(super, spec, payload_size, gso_size);
	return super;
}

/* Checks one taken packet against what it must be. */
static void check_packet(const struct super *super, uint16_t index, const uint8_t *packet,
						 uint8_t padding) {
	size_t gso_size = super->header.gso_size, offset = index * gso_size;
	size_t left = super->payload_size - offset;
	size_t payload_size = left < gso_size ? left : gso_size, size = super->headers + payload_size;
	bool last = left <= gso_size;
	assert_int_equal(segment_size(&plan, index), size);
	assert_true(packets_are_right(packet, size));

	/* The whole packet, built anew. */
	struct packet_spec spec = super->spec;
	spec.id = (uint16_t)(spec.id + index);
	spec.sequence += (uint32_t)offset;
	if (!last)
		spec.flags &= (uint8_t) ~(FIN | PSH);
	if (index > 0)
		spec.flags &= (uint8_t)~CWR;
	static uint8_t expected[PACKETS_SIZE_MAX];
	assert_int_equal(packets_build(&spec, super->payload + offset, payload_size, expected), size);
	assert_memory_equal(packet, expected, size);
	for (size_t i = 0; i < padding; i++)
		assert_int_equal(packet[size + i], 0);
}

/* Takes and restores all packets as a sealing loop does. */
static void check_all(struct super *super, uint8_t padding) {
	uint8_t *places[SEGMENT_COUNT_MAX];
	assert_int_equal(segment_plan(&super->header, super->data, super->size, &plan), ERR_OK);
	assert_int_equal(plan.count,
					 (super->payload_size + super->header.gso_size - 1U) / super->header.gso_size);
	assert_memory_equal(super->data, super->original, BUFFER_SIZE);
	for (uint16_t phase = 0; phase < plan.phases; phase++) {
		for (uint16_t i = phase; i < plan.count; i = (uint16_t)(i + plan.phases))
			places[i] = segment_take(&plan, i, padding);
		/* All of a phase are complete at the same time. */
		for (uint16_t i = phase; i < plan.count; i = (uint16_t)(i + plan.phases))
			check_packet(super, i, places[i], padding);
		for (uint16_t i = phase; i < plan.count; i = (uint16_t)(i + plan.phases))
			segment_restore(&plan, i);
		assert_memory_equal(super->data, super->original, BUFFER_SIZE);
	}
}

static void check_kind(bool v6, uint8_t protocol, uint8_t options_size) {
	static const struct {
		size_t payload;
		uint16_t gso;
	} shapes[] = {
		{1, 1},         {1, 1400},          {1400, 1400},  {1401, 1400},  {2800, 1400},
		{4200, 1400},   {4201, 1400},       {60000, 1368}, {61000, 1372}, {128, 1},
		{1280, 10},     {127 * 52 + 1, 52}, {3000, 115},   {3000, 116},   {128 * 200, 200},
		{65000, 40000}, {64000, 512},
	};
	struct super *super = super_new(spec_of(v6, protocol, options_size), 1, 1);
	for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
		for (uint8_t padding = 0; padding <= SEGMENT_PADDING_MAX; padding += 8) {
			super_build(super, spec_of(v6, protocol, options_size), shapes[i].payload,
						shapes[i].gso);
			check_all(super, padding);
			/* The kernel's figure for the headers may be any for forwarded packets. */
			super->header.header_size = 9999;
			super->header.ecn = true;
			check_all(super, padding);
		}
	}
	free(super);
}

static void test_tcp_v4(void **state) {
	check_kind(false, PACKETS_TCP, 0);
	check_kind(false, PACKETS_TCP, 12);
	check_kind(false, PACKETS_TCP, 40);
}

static void test_tcp_v6(void **state) {
	check_kind(true, PACKETS_TCP, 0);
	check_kind(true, PACKETS_TCP, 12);
	check_kind(true, PACKETS_TCP, 40);
}

static void test_udp(void **state) {
	check_kind(false, PACKETS_UDP, 0);
	check_kind(true, PACKETS_UDP, 0);
}

static void test_phases(void **state) {
	static const struct {
		size_t payload;
		uint16_t gso, phases;
	} cases[] = {
		{100, 100, 1},   /* one packet */
		{150, 100, 2},   /* two: one at a time is the same */
		{5600, 56, 2},   /* 20 + 20 + 16: just enough for parity */
		{5500, 55, 100}, /* one byte too short: one at a time */
		{64, 1, 64},
	};
	struct super *super = super_new(tcp_v4, 1, 1);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		super_build(super, tcp_v4, cases[i].payload, cases[i].gso);
		assert_int_equal(segment_plan(&super->header, super->data, super->size, &plan), ERR_OK);
		assert_int_equal(plan.phases, cases[i].phases);
	}
	free(super);
}

static void test_tcp_flags(void **state) {
	for (unsigned flags = 0; flags < 256; flags++) {
		struct packet_spec spec = tcp_v4;
		spec.flags = (uint8_t)flags;
		struct super *super = super_new(spec, 1000, 300);
		check_all(super, 16);
		free(super);
	}
}

/* Options for hosts between IPv6 and TCP are repeated in every packet. */
static void test_v6_options(void **state) {
	struct super *super = super_new(spec_of(true, PACKETS_TCP, 12), 3000, 1000);
	uint8_t *data = super->data;
	memmove(data + 40 + 24, data + 40, super->size - 40);
	memset(data + 40, 0, 24);
	data[6] = 0;   /* hop-by-hop of 8 bytes ... */
	data[40] = 60; /* ... destination options of 16 ... */
	data[48] = PACKETS_TCP;
	data[49] = 1;
	super->size += 24;
	packets_put_u16(data + 4, super->size - 40);
	super->header.checksum_start = 64;
	memcpy(super->original, data, BUFFER_SIZE);

	assert_int_equal(segment_plan(&super->header, data, super->size, &plan), ERR_OK);
	assert_int_equal(plan.count, 3);
	assert_int_equal(plan.headers, 64 + 32);
	for (uint16_t i = 0; i < 3; i++) {
		const uint8_t *packet = segment_take(&plan, i, 0);
		uint8_t plain[1200];
		size_t size = segment_size(&plan, i);
		assert_int_equal(size, 64 + 32 + 1000);
		assert_int_equal(packets_u16(packet + 4), size - 40);
		assert_memory_equal(packet + 40, super->original + 40, 24);
		/* Without the options it is an ordinary packet. */
		memcpy(plain, packet, 40);
		memcpy(plain + 40, packet + 64, size - 64);
		plain[6] = PACKETS_TCP;
		packets_put_u16(plain + 4, size - 24 - 40);
		assert_true(packets_are_right(plain, size - 24));
		segment_restore(&plan, i);
		assert_memory_equal(super->original, data, BUFFER_SIZE);
	}
	free(super);
}

static void check_single(const struct packet_spec *spec, size_t payload_size, bool needs_checksum) {
	struct super *super = super_new(*spec, payload_size, 1);
	uint8_t complete[2000];
	super->header.gso_type = VIRTIO_GSO_NONE;
	super->header.gso_size = 0;
	packets_build(spec, super->payload, payload_size, complete);
	if (!needs_checksum) {
		super->header = (struct virtio_header){.gso_type = VIRTIO_GSO_NONE};
		memcpy(super->data, complete, super->size);
	}
	assert_int_equal(segment_plan(&super->header, super->data, super->size, &plan), ERR_OK);
	assert_int_equal(plan.count, 1);
	assert_int_equal(plan.phases, 1);
	assert_int_equal(segment_size(&plan, 0), super->size);
	assert_memory_equal(super->data, complete, super->size);
	for (uint8_t padding = 0; padding <= SEGMENT_PADDING_MAX; padding++) {
		uint8_t *packet = segment_take(&plan, 0, padding);
		assert_ptr_equal(packet, super->data);
		assert_memory_equal(packet, complete, super->size);
		for (size_t i = 0; i < 2 * SEGMENT_PADDING_MAX; i++)
			assert_int_equal(packet[super->size + i], i < padding ? 0 : 0xc3);
		segment_restore(&plan, 0);
		assert_memory_equal(super->data, complete, super->size);
		assert_memory_equal(super->data + super->size, super->original + super->size, 64);
	}
	free(super);
}

static void test_single(void **state) {
	for (size_t payload_size = 0; payload_size < 1500; payload_size += 211) {
		for (int kind = 0; kind < 8; kind++) {
			struct packet_spec spec =
				spec_of(kind & 1, kind & 2 ? PACKETS_TCP : PACKETS_UDP, kind & 2 ? 12 : 0);
			check_single(&spec, payload_size, kind & 4);
		}
	}
}

/* A UDP checksum that comes out as zero is sent as 0xffff (RFC 768). */
static void test_checksum_of_zero(void **state) {
	struct packet_spec spec = spec_of(false, PACKETS_UDP, 0);
	struct super *super = super_new(spec, 4, 2);
	uint32_t found = 0;
	for (uint32_t value = 0; value < 0x10000; value++) {
		packets_put_u16(super->data + 28, value);
		packets_put_u16(super->data + 30, value);
		packets_put_u16(super->payload, value);
		packets_put_u16(super->payload + 2, value);
		memcpy(super->original, super->data, BUFFER_SIZE);
		uint8_t one[64];
		size_t size = packets_build(&spec, super->payload, 2, one);
		if (packets_u16(one + 26) != 0xffff)
			continue;
		found++;
		check_all(super, 0);
		/* The same datagram alone. */
		packets_put_u16(one + 26, packets_pseudo(one, size));
		struct virtio_header header = {
			.flags = VIRTIO_NEEDS_CHECKSUM, .checksum_start = 20, .checksum_offset = 6};
		assert_int_equal(segment_plan(&header, one, size, &plan), ERR_OK);
		assert_int_equal(packets_u16(one + 26), 0xffff);
	}
	assert_int_equal(found, 1);
	free(super);
}

/* A refusal, with neither the packet nor the plan written to. */
static void check_refused(struct super *super, size_t size, enum err expected) {
	struct segment_plan before;
	memset(&plan, 0x77, sizeof plan);
	before = plan;
	memcpy(super->original, super->data, BUFFER_SIZE);
	assert_int_equal(segment_plan(&super->header, super->data, size, &plan), expected);
	assert_memory_equal(&plan, &before, sizeof plan);
	assert_memory_equal(super->data, super->original, BUFFER_SIZE);
}

static void test_lying_virtio_header(void **state) {
	struct super *super = super_new(tcp_v4, 3000, 1000);
	const struct virtio_header good = super->header;
	super->header.gso_size = 0;
	check_refused(super, super->size, ERR_MALFORMED);
	super->header = good;
	super->header.gso_size = 1; /* 3000 packets */
	check_refused(super, super->size, ERR_LIMIT);
	super->header.gso_size = 23; /* 131 */
	check_refused(super, super->size, ERR_LIMIT);
	check_refused(super, super->headers + SEGMENT_COUNT_MAX * 23 + 1, ERR_LIMIT);
	assert_int_equal(
		segment_plan(&super->header, super->data, super->headers + SEGMENT_COUNT_MAX * 23, &plan),
		ERR_OK);
	super->header.gso_size = 65500; /* one packet, never mind */
	assert_int_equal(segment_plan(&super->header, super->data, super->size, &plan), ERR_OK);
	assert_int_equal(plan.count, 1);
	super->header = good;
	super->header.gso_type = VIRTIO_GSO_TCP_V6;
	check_refused(super, super->size, ERR_MALFORMED);
	super->header.gso_type = VIRTIO_GSO_UDP;
	check_refused(super, super->size, ERR_MALFORMED);
	super->header = good;
	super->header.checksum_start = 24;
	check_refused(super, super->size, ERR_MALFORMED);
	super->header = good;
	super->header.checksum_offset = 6;
	check_refused(super, super->size, ERR_MALFORMED);
	super->header = good;
	super->header.flags = 0; /* complete or not, checksums are made anew */
	check_all(super, 16);
	free(super);
}

static void test_lying_single(void **state) {
	struct super *super = super_new(tcp_v4, 100, 1);
	super->header.gso_type = VIRTIO_GSO_NONE;
	super->header.checksum_start = (uint16_t)super->size;
	check_refused(super, super->size, ERR_TRUNCATED);
	super->header.checksum_start = 65535;
	super->header.checksum_offset = 65535;
	check_refused(super, super->size, ERR_TRUNCATED);
	super->header.checksum_start = (uint16_t)(super->size - 17); /* one byte of the field */
	super->header.checksum_offset = 16;
	check_refused(super, super->size, ERR_TRUNCATED);
	super->header.checksum_start = 20;
	super->header.checksum_offset = (uint16_t)(super->size - 20 - 1);
	check_refused(super, super->size, ERR_TRUNCATED);
	super->header.checksum_offset--;
	assert_int_equal(segment_plan(&super->header, super->data, super->size, &plan), ERR_OK);
	check_refused(super, 0, ERR_TRUNCATED);
	check_refused(super, PACKETS_SIZE_MAX + 1, ERR_LIMIT);
	free(super);
}

static void test_lying_packet(void **state) {
	struct super *super = super_new(tcp_v4, 3000, 1000);
	uint8_t *data = super->data;
	static const struct {
		size_t offset;
		uint8_t value;
		enum err expected;
	} v4[] = {
		{0, 0x55, ERR_MALFORMED},                            /* version */
		{0, 0x65, ERR_MALFORMED},  {0, 0x44, ERR_MALFORMED}, /* header of 16 bytes */
		{0, 0x4f, ERR_MALFORMED},                            /* of 60: not where the kernel said */
		{6, 0x20, ERR_MALFORMED},                            /* more fragments */
		{7, 0x01, ERR_MALFORMED},                            /* fragment offset */
		{9, 17, ERR_MALFORMED},    {9, 1, ERR_MALFORMED},    /* protocol */
		{32, 0x40, ERR_MALFORMED},                           /* TCP header of 16 bytes */
	};
	for (size_t i = 0; i < sizeof v4 / sizeof v4[0]; i++) {
		uint8_t kept = data[v4[i].offset];
		data[v4[i].offset] = v4[i].value;
		check_refused(super, super->size, v4[i].expected);
		data[v4[i].offset] = kept;
	}
	data[32] = 0xf0; /* TCP header of 60 bytes in a packet of 79 */
	check_refused(super, 79, ERR_TRUNCATED);
	check_refused(super, 80, ERR_MALFORMED); /* no payload left */
	data[32] = 0x50;
	for (size_t size = 1; size < 40; size++)
		check_refused(super, size, ERR_TRUNCATED);
	check_refused(super, 40, ERR_MALFORMED);
	/* The IPv4 length is not believed: what was read counts. */
	data[2] = data[3] = 0;
	assert_int_equal(segment_plan(&super->header, data, super->size, &plan), ERR_OK);

	super_build(super, spec_of(true, PACKETS_TCP, 0), 3000, 1000);
	for (size_t size = 1; size < 60; size++)
		check_refused(super, size, ERR_TRUNCATED);
	data[6] = 44; /* a fragment */
	check_refused(super, super->size, ERR_MALFORMED);
	data[6] = 43; /* a routing header: another destination in the pseudo header */
	check_refused(super, super->size, ERR_MALFORMED);
	data[6] = 0; /* hop-by-hop ... */
	data[40] = PACKETS_TCP;
	data[41] = 255; /* ... of 2 KiB */
	check_refused(super, super->size, ERR_LIMIT);
	data[41] = 10; /* of 88: with IPv6 128, and TCP beyond */
	data[40 + 88 + 12] = 0x50;
	super->header.checksum_start = 128;
	check_refused(super, super->size, ERR_LIMIT);
	data[6] = 60;
	data[40] = 60; /* options after options */
	data[41] = 0;
	memset(data + 48, 60, 200);
	check_refused(super, super->size, ERR_LIMIT);
	check_refused(super, 41, ERR_TRUNCATED);
	check_refused(super, 48, ERR_TRUNCATED);
	free(super);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tcp_v4),
		cmocka_unit_test(test_tcp_v6),
		cmocka_unit_test(test_udp),
		cmocka_unit_test(test_phases),
		cmocka_unit_test(test_tcp_flags),
		cmocka_unit_test(test_v6_options),
		cmocka_unit_test(test_single),
		cmocka_unit_test(test_checksum_of_zero),
		cmocka_unit_test(test_lying_virtio_header),
		cmocka_unit_test(test_lying_single),
		cmocka_unit_test(test_lying_packet),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
