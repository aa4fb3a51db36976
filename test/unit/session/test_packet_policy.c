#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "session/packet_policy.h"

enum { TCP = 6, UDP = 17, ICMP = 1, ICMP_V6 = 58, SCTP = 132, ESP = 50, AH = 51 };
enum { HOP_BY_HOP = 0, ROUTING = 43, FRAGMENT = 44, OPTIONS = 60, NOTHING = 59 };

static struct packet_policy *make(enum policy_action otherwise, const char *const *texts) {
	struct policy_rule rules[16];
	struct packet_policy *policy = NULL;
	size_t count = 0;
	for (; texts[count]; count++)
		assert_null(policy_rule_read(texts[count], POLICY_OF_PACKETS, &rules[count]));
	assert_int_equal(packet_policy_new(rules, count, otherwise, &policy), ERR_OK);
	return policy;
}

#define MAKE(otherwise, ...) make(otherwise, (const char *const[]){__VA_ARGS__, NULL})

struct packet {
	uint8_t data[400];
	size_t size;
	uint8_t *chain; /* of IPv6: where the number of the next header goes */
};

static void put(struct packet *packet, const void *data, size_t size) {
	assert_true(packet->size + size <= sizeof packet->data);
	memcpy(packet->data + packet->size, data, size);
	packet->size += size;
	if (packet->data[0] >> 4 == 4) {
		packet->data[2] = (uint8_t)(packet->size >> 8);
		packet->data[3] = (uint8_t)packet->size;
	} else {
		packet->data[4] = (uint8_t)((packet->size - 40) >> 8);
		packet->data[5] = (uint8_t)(packet->size - 40);
	}
}

static struct packet v4(const char *to, uint8_t protocol) {
	struct packet packet = {.size = 20};
	struct address address;
	assert_int_equal(address_parse(to, &address), ERR_OK);
	packet.data[0] = 0x45;
	packet.data[9] = protocol;
	memcpy(packet.data + 12, (uint8_t[]){10, 9, 9, 9}, 4);
	memcpy(packet.data + 16, address.bytes, 4);
	put(&packet, "", 0);
	return packet;
}

static struct packet v6(const char *to) {
	struct packet packet = {.size = 40};
	struct address address;
	assert_int_equal(address_parse(to, &address), ERR_OK);
	packet.data[0] = 0x60;
	memset(packet.data + 8, 0xfd, 16);
	memcpy(packet.data + 24, address.bytes, 16);
	put(&packet, "", 0);
	return packet;
}

/* The next one, of 8 × units bytes; the rest of its first bytes as given. */
static void put_header(struct packet *packet, uint8_t number, uint8_t size_field, unsigned units,
					   uint8_t third, uint8_t fourth) {
	uint8_t header[64] = {0, size_field, third, fourth};
	if (!packet->chain)
		packet->chain = &packet->data[6];
	*packet->chain = number;
	packet->chain = packet->data + packet->size;
	put(packet, header, (size_t)units * 8);
}

static void put_upper(struct packet *packet, uint8_t number) {
	if (!packet->chain)
		packet->chain = &packet->data[6];
	*packet->chain = number;
}

static void put_ports(struct packet *packet, uint16_t port) {
	const uint8_t ports[] = {0x12, 0x34, (uint8_t)(port >> 8), (uint8_t)port, 0, 8, 0, 0};
	put(packet, ports, sizeof ports);
}

static bool allows(const struct packet_policy *policy, const struct packet *packet) {
	/* On the heap, so that a sanitizer sees what is read behind its end. */
	uint8_t *data = malloc(packet->size);
	struct ip_packet ip;
	assert_non_null(data);
	memcpy(data, packet->data, packet->size);
	assert_int_equal(ip_parse(data, packet->size, &ip), ERR_OK);
	bool allowed = packet_policy_allows(policy, &ip, data);
	free(data);
	return allowed;
}

static bool allows_v4(const struct packet_policy *policy, const char *to, uint8_t protocol,
					  uint16_t port) {
	struct packet packet = v4(to, protocol);
	put_ports(&packet, port);
	return allows(policy, &packet);
}

static bool allows_v6(const struct packet_policy *policy, const char *to, uint8_t protocol,
					  uint16_t port) {
	struct packet packet = v6(to);
	put_upper(&packet, protocol);
	put_ports(&packet, port);
	return allows(policy, &packet);
}

static void destinations(void **state) {
	struct packet_policy *policy =
		MAKE(POLICY_ALLOW, "allow 10.1.1.0/24", "deny 10.1.0.0/16", "deny 2001:db8:1:2::/63",
			 "deny 192.0.2.1", "deny 2001:db8::9", "deny 224.0.0.0/3");
	static const struct {
		const char *to;
		bool allowed;
	} rows[] = {
		{"10.1.1.255", true},
		{"10.1.0.255", false},
		{"10.1.255.0", false},
		{"10.0.255.255", true},
		{"10.2.0.0", true},
		{"192.0.2.1", false},
		{"192.0.2.0", true},
		{"223.255.255.255", true},
		{"224.0.0.1", false},
		{"255.255.255.255", false},
		{"2001:db8:1:1:ffff::1", true},
		{"2001:db8:1:2::1", false},
		{"2001:db8:1:3::1", false},
		{"2001:db8:1:4::", true},
		{"2001:db8::9", false},
		{"2001:db8::8", true},
		{"a01:100::", true},
		{"e000::1", true},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		bool allowed = strchr(rows[i].to, ':') ? allows_v6(policy, rows[i].to, TCP, 1)
											   : allows_v4(policy, rows[i].to, TCP, 1);
		if (allowed != rows[i].allowed)
			fail_msg("%s", rows[i].to);
	}
	packet_policy_free(policy);
	assert_true(allows_v4(NULL, "10.1.2.3", TCP, 1));
	packet_policy_free(NULL);
	/* Of one family alone; any is both. */
	policy = MAKE(POLICY_ALLOW, "deny 0.0.0.0/0");
	assert_false(allows_v4(policy, "10.1.2.3", TCP, 1));
	assert_true(allows_v6(policy, "fd00::1", TCP, 1));
	packet_policy_free(policy);
	policy = MAKE(POLICY_ALLOW, "deny ::/0");
	assert_true(allows_v4(policy, "10.1.2.3", TCP, 1));
	assert_false(allows_v6(policy, "fd00::1", TCP, 1));
	packet_policy_free(policy);
	policy = MAKE(POLICY_DENY, "allow any");
	assert_true(allows_v4(policy, "10.1.2.3", SCTP, 1));
	assert_true(allows_v6(policy, "fd00::1", SCTP, 1));
	packet_policy_free(policy);
}

static void protocols(void **state) {
	static const uint8_t numbers[2][5] = {{TCP, UDP, ICMP, SCTP, ICMP_V6},
										  {TCP, UDP, ICMP_V6, SCTP, ICMP}};
	static const struct {
		const char *rule;
		bool allowed[5]; /* tcp, udp, icmp, and two that no rule names; to port 53 */
	} rows[] = {
		{"allow any tcp", {true, false, false, false, false}},
		{"allow any udp", {false, true, false, false, false}},
		{"allow any icmp", {false, false, true, false, false}},
		{"allow any", {true, true, true, true, true}},
		{"allow any 53", {true, true, false, false, false}},
		{"allow any 54", {false, false, false, false, false}},
		{"allow any tcp 53", {true, false, false, false, false}},
		{"allow any udp 1-52,53-60", {false, true, false, false, false}},
		{"allow any tcp 1-52,54-65535", {false, false, false, false, false}},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct packet_policy *policy = MAKE(POLICY_DENY, "deny any 1000", rows[i].rule);
		for (size_t j = 0; j < 5; j++) {
			if (allows_v4(policy, "192.0.2.1", numbers[0][j], 53) != rows[i].allowed[j] ||
				allows_v6(policy, "2001:db8::1", numbers[1][j], 53) != rows[i].allowed[j])
				fail_msg("%s: %zu", rows[i].rule, j);
		}
		packet_policy_free(policy);
	}
}

static void ports_and_order(void **state) {
	struct packet_policy *policy = MAKE(POLICY_ALLOW, "deny any tcp 25,100-200", "allow any tcp 26",
										"deny 10.0.0.0/8 26-27,65535");
	static const struct {
		uint16_t port;
		bool tcp, udp;
	} rows[] = {{25, false, true},     {26, true, false},  {27, false, false}, {28, true, true},
				{99, true, true},      {100, false, true}, {200, false, true}, {201, true, true},
				{65535, false, false}, {0, true, true}};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(allows_v4(policy, "10.0.0.1", TCP, rows[i].port), rows[i].tcp);
		assert_int_equal(allows_v4(policy, "10.0.0.1", UDP, rows[i].port), rows[i].udp);
	}
	packet_policy_free(policy);
}

/* What would mean something else where it arrives is denied, whatever the rules say. */
static void truncated(void **state) {
	struct packet_policy *policy = MAKE(POLICY_ALLOW, "allow any");
	static const uint8_t bytes[8] = {0};
	for (size_t size = 0; size <= 8; size++) {
		struct packet packet = v4("192.0.2.1", TCP);
		put(&packet, bytes, size);
		assert_int_equal(allows(policy, &packet), size >= 4);
		packet = v6("2001:db8::1");
		put_upper(&packet, UDP);
		put(&packet, bytes, size);
		assert_int_equal(allows(policy, &packet), size >= 4);
		packet = v4("192.0.2.1", ICMP);
		put(&packet, bytes, size);
		assert_true(allows(policy, &packet));
		/* A header that is cut off. */
		packet = v6("2001:db8::1");
		put_upper(&packet, OPTIONS);
		put(&packet, (uint8_t[8]){SCTP}, size);
		assert_int_equal(allows(policy, &packet), size == 8);
		packet = v6("2001:db8::1");
		put_upper(&packet, OPTIONS);
		put(&packet, (uint8_t[8]){SCTP, 1}, size);
		assert_false(allows(policy, &packet));
	}
	packet_policy_free(policy);
}

static void extension_headers(void **state) {
	struct packet_policy *policy = MAKE(POLICY_ALLOW, "deny any tcp 22");
	static const uint8_t kinds[] = {HOP_BY_HOP, OPTIONS, ROUTING, 135, 139, 140, AH};
	for (size_t i = 0; i < sizeof kinds; i++) {
		for (uint16_t port = 22; port <= 23; port++) {
			/* 24 bytes: AH counts differently. */
			struct packet packet = v6("2001:db8::1");
			put_header(&packet, kinds[i], kinds[i] == AH ? 4 : 2, 3, 0, 0);
			put_header(&packet, OPTIONS, 0, 1, 0, 0);
			put_upper(&packet, TCP);
			put_ports(&packet, port);
			if (allows(policy, &packet) != (port == 23))
				fail_msg("header %u", kinds[i]);
		}
	}
	for (unsigned count = 1; count <= PACKET_POLICY_HEADERS_MAX + 1; count++) {
		struct packet packet = v6("2001:db8::1");
		for (unsigned i = 0; i < count; i++)
			put_header(&packet, OPTIONS, 0, 1, 0, 0);
		put_upper(&packet, TCP);
		put_ports(&packet, 23);
		assert_int_equal(allows(policy, &packet), count <= PACKET_POLICY_HEADERS_MAX);
	}
	/* These end the headers; of IPv4 others are none. */
	struct packet packet = v6("2001:db8::1");
	put_header(&packet, OPTIONS, 0, 1, 0, 0);
	put_upper(&packet, NOTHING);
	assert_true(allows(policy, &packet));
	packet = v6("2001:db8::1");
	put_upper(&packet, ESP);
	assert_true(allows(policy, &packet));
	packet = v4("192.0.2.1", OPTIONS);
	assert_true(allows(policy, &packet));
	packet = v4("192.0.2.1", AH);
	put(&packet, (uint8_t[24]){TCP, 4}, 24);
	put_ports(&packet, 22);
	assert_false(allows(policy, &packet));
	packet_policy_free(policy);
}

/* The destination is only the next stop. */
static void source_routes(void **state) {
	struct packet_policy *policy = MAKE(POLICY_ALLOW, "allow any");
	struct packet packet = v6("2001:db8::1");
	put_header(&packet, ROUTING, 2, 3, 0, 1);
	put_upper(&packet, TCP);
	put_ports(&packet, 80);
	assert_false(allows(policy, &packet));
	static const struct {
		uint8_t options[8];
		bool allowed;
	} rows[] = {
		{{0}, true},
		{{1, 1, 1, 1, 1, 1, 1, 1}, true},
		{{0, 131, 7}, true}, /* behind the end */
		{{131, 7, 4, 10, 0, 0, 1}, false},
		{{137, 7, 4, 10, 0, 0, 1}, false},
		{{1, 1, 137, 6, 4, 10}, false},
		{{68, 4, 5, 0, 131, 3, 4}, false},
		{{68, 4, 131, 3, 1, 1, 1, 1}, true}, /* inside another one */
		{{7, 8}, true},
		{{7, 9}, false},
		{{7, 1}, false},
		{{7, 0}, false},
		{{1, 1, 1, 1, 1, 1, 1, 7}, false},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		packet = v4("192.0.2.1", TCP);
		packet.data[0] = 0x47;
		put(&packet, rows[i].options, sizeof rows[i].options);
		put_ports(&packet, 80);
		if (allows(policy, &packet) != rows[i].allowed)
			fail_msg("options %zu", i);
	}
	packet = v4("192.0.2.1", ICMP);
	packet.data[0] = 0x46;
	put(&packet, (uint8_t[4]){1, 1, 1, 7}, 4);
	assert_false(allows(policy, &packet));
	packet_policy_free(policy);
	/* Ports are behind the options. */
	policy = MAKE(POLICY_DENY, "allow any tcp 80");
	packet = v4("192.0.2.1", TCP);
	packet.data[0] = 0x47;
	put(&packet, rows[1].options, sizeof rows[1].options);
	put_ports(&packet, 80);
	assert_true(allows(policy, &packet));
	packet_policy_free(policy);
}

/* A fragment at 8 × offset, with so many bytes behind what it needs. */
static struct packet fragment(bool is_v6, const char *to, uint8_t protocol, uint16_t offset,
							  bool more, uint16_t port) {
	struct packet packet = is_v6 ? v6(to) : v4(to, protocol);
	if (is_v6) {
		uint16_t field = (uint16_t)(offset << 3 | more);
		put_header(&packet, FRAGMENT, 0, 1, (uint8_t)(field >> 8), (uint8_t)field);
		put_upper(&packet, protocol);
	} else {
		uint16_t field = (uint16_t)((more ? 0x2000 : 0) | offset);
		packet.data[6] = (uint8_t)(field >> 8);
		packet.data[7] = (uint8_t)field;
	}
	put_ports(&packet, port);
	return packet;
}

static bool allows_fragment(const struct packet_policy *policy, const char *to, uint8_t protocol,
							uint16_t offset, bool more, uint16_t port) {
	struct packet packet = fragment(strchr(to, ':'), to, protocol, offset, more, port);
	return allows(policy, &packet);
}

static void fragments(void **state) {
	static const char *const ends[] = {"10.0.0.1", "fd00::1"};
	for (size_t i = 0; i < 2; i++) {
		const char *to = ends[i];
		/* The first has ports, and is judged by them; the others go where it could have. */
		struct packet_policy *policy = MAKE(POLICY_DENY, "deny any udp 53", "allow any udp 1-100");
		assert_true(allows_fragment(policy, to, UDP, 0, true, 54));
		assert_false(allows_fragment(policy, to, UDP, 0, true, 53));
		assert_false(allows_fragment(policy, to, UDP, 0, true, 101));
		assert_true(allows_fragment(policy, to, UDP, 1, true, 53));
		assert_true(allows_fragment(policy, to, UDP, 256, true, 53));
		assert_true(allows_fragment(policy, to, UDP, 8191, false, 101));
		/* IPv4 names the protocol in each; of IPv6 it is the first's alone that counts. */
		assert_int_equal(allows_fragment(policy, to, TCP, 1, false, 54), i == 1);
		packet_policy_free(policy);
		policy = MAKE(POLICY_ALLOW, "deny any tcp");
		assert_false(allows_fragment(policy, to, TCP, 0, true, 54));
		assert_int_equal(allows_fragment(policy, to, TCP, 1, true, 54), i == 1);
		assert_true(allows_fragment(policy, to, UDP, 1, true, 54));
		packet_policy_free(policy);
		/* To where nothing may go, fragments do not either. */
		policy = MAKE(POLICY_ALLOW, "deny any tcp 1", "deny any", "allow any tcp 2");
		assert_false(allows_fragment(policy, to, TCP, 1, true, 2));
		packet_policy_free(policy);
		policy = MAKE(POLICY_DENY, "allow 10.0.0.2 udp", "allow fd00::2 udp");
		assert_false(allows_fragment(policy, to, UDP, 1, true, 2));
		packet_policy_free(policy);
		/* One that is alone is whole. */
		policy = MAKE(POLICY_DENY, "allow any icmp");
		assert_true(allows_fragment(policy, to, i ? ICMP_V6 : ICMP, 0, false, 2));
		assert_false(allows_fragment(policy, to, TCP, 0, false, 2));
		packet_policy_free(policy);
	}
}

/* In a fragment only what is in its first eight bytes cannot be replaced by another one. */
static void fragments_of_headers(void **state) {
	struct packet_policy *policy = MAKE(POLICY_ALLOW, "allow any");
	for (int more = 0; more <= 1; more++) {
		struct packet packet = v6("fd00::1");
		put_header(&packet, OPTIONS, 0, 1, 0, 0);
		put_header(&packet, FRAGMENT, 0, 1, 0, (uint8_t)more);
		put_upper(&packet, UDP);
		put_ports(&packet, 1);
		assert_true(allows(policy, &packet));
		packet = v6("fd00::1");
		put_header(&packet, FRAGMENT, 0, 1, 0, (uint8_t)more);
		put_header(&packet, OPTIONS, 0, 1, 0, 0);
		put_upper(&packet, UDP);
		put_ports(&packet, 1);
		assert_int_equal(allows(policy, &packet), more == 0);
		packet = fragment(false, "10.0.0.1", AH, 0, more, 1);
		packet.size -= 8;
		put(&packet, (uint8_t[24]){UDP, 4}, 24);
		put_ports(&packet, 1);
		assert_int_equal(allows(policy, &packet), more == 0);
	}
	packet_policy_free(policy);
	/* Nobody looks at what is reserved in a fragment's header, so it is no size. */
	policy = MAKE(POLICY_ALLOW, "deny any udp 1");
	struct packet reserved = v6("fd00::1");
	put_header(&reserved, FRAGMENT, 1, 1, 0, 0);
	put_upper(&reserved, UDP);
	put_ports(&reserved, 1);
	put_ports(&reserved, 2);
	assert_false(allows(policy, &reserved));
	packet_policy_free(policy);
	/* Of what AH hides in IPv4, later fragments know nothing. */
	policy = MAKE(POLICY_DENY, "allow any udp 1");
	assert_true(allows_fragment(policy, "10.0.0.1", AH, 1, false, 1));
	assert_false(allows_fragment(policy, "10.0.0.1", ESP, 1, false, 1));
	packet_policy_free(policy);
}

static void limits(void **state) {
	static struct policy_rule rules[PACKET_POLICY_RULES_MAX + 1];
	struct packet_policy *policy = NULL;
	for (size_t i = 0; i <= PACKET_POLICY_RULES_MAX; i++) {
		assert_null(policy_rule_read("deny any udp 1", POLICY_OF_PACKETS, &rules[i]));
		rules[i].ports[0] = (struct policy_ports){(uint16_t)(i + 1), (uint16_t)(i + 1)};
	}
	assert_int_equal(packet_policy_new(rules, PACKET_POLICY_RULES_MAX + 1, POLICY_ALLOW, &policy),
					 ERR_LIMIT);
	assert_int_equal(packet_policy_new(rules, PACKET_POLICY_RULES_MAX, POLICY_ALLOW, &policy),
					 ERR_OK);
	assert_false(allows_v4(policy, "10.0.0.1", UDP, PACKET_POLICY_RULES_MAX));
	assert_true(allows_v6(policy, "fd00::1", UDP, PACKET_POLICY_RULES_MAX + 1));
	packet_policy_free(policy);
	policy = NULL;
	assert_int_equal(policy_rule_parse("allow *.example.com", &rules[3]), ERR_OK);
	assert_int_equal(packet_policy_new(rules, 5, POLICY_ALLOW, &policy), ERR_INVALID);
	assert_null(policy);
	/* Of what is about any nothing else is looked at. */
	assert_null(policy_rule_read("deny any", POLICY_OF_PACKETS, &rules[0]));
	rules[0].prefix = (struct prefix){{{192, 0, 2, 1}, ADDRESS_V4}, 32};
	assert_int_equal(packet_policy_new(rules, 1, POLICY_ALLOW, &policy), ERR_OK);
	assert_false(allows_v4(policy, "10.0.0.1", UDP, 1));
	assert_false(allows_v6(policy, "fd00::1", UDP, 1));
	packet_policy_free(policy);
	assert_int_equal(packet_policy_new(NULL, 0, POLICY_DENY, &policy), ERR_OK);
	assert_false(allows_v4(policy, "10.0.0.1", UDP, 1));
	packet_policy_free(policy);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(destinations),
		cmocka_unit_test(protocols),
		cmocka_unit_test(ports_and_order),
		cmocka_unit_test(truncated),
		cmocka_unit_test(extension_headers),
		cmocka_unit_test(source_routes),
		cmocka_unit_test(fragments),
		cmocka_unit_test(fragments_of_headers),
		cmocka_unit_test(limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
