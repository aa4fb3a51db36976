/* What is never joined: each rule with two packets that would join without it. */
#include "engine/coalesce_bench.h"

enum { FIN = 1, SYN = 2, RST = 4, URG = 32, ECE = 64, CWR = 128 };

/* A change of the second of two packets that would join otherwise. */
struct rule {
	const char *name;
	uint8_t protocol;
	enum { V4 = 1, V6 = 2, ANY = 3 } versions;
	void (*change)(uint8_t *packet, size_t ip);
	bool both; /* the first packet is changed alike */
};

static void change_class(uint8_t *packet, size_t ip) {
	packet[1] ^= ip == 20 ? 0x20 : 0x80; /* DSCP */
}
static void change_ecn(uint8_t *packet, size_t ip) {
	packet[1] ^= ip == 20 ? 1 : 0x10;
}
static void change_flow_label(uint8_t *packet, size_t ip) {
	packet[3] ^= 1;
}
static void change_ttl(uint8_t *packet, size_t ip) {
	packet[ip == 20 ? 8 : 7]--;
}
static void change_df(uint8_t *packet, size_t ip) {
	packet[6] ^= 0x40;
}
static void change_reserved_ip_bit(uint8_t *packet, size_t ip) {
	packet[6] ^= 0x80;
}
static void change_id(uint8_t *packet, size_t ip) {
	packet[5]++;
}
static void change_more_fragments(uint8_t *packet, size_t ip) {
	packet[6] ^= 0x20;
}
static void change_fragment_offset(uint8_t *packet, size_t ip) {
	packet[7] = 9;
}
static void change_sequence(uint8_t *packet, size_t ip) {
	packet[ip + 7]++;
}
static void change_acknowledgment(uint8_t *packet, size_t ip) {
	packet[ip + 11]++;
}
static void change_window(uint8_t *packet, size_t ip) {
	packet[ip + 15]++;
}
static void change_urgent(uint8_t *packet, size_t ip) {
	packet[ip + 19]++;
}
static void change_option(uint8_t *packet, size_t ip) {
	packet[ip + 31]++;
}
static void change_options_size(uint8_t *packet, size_t ip) {
	packet[ip + 12] = 0x70;
}
static void change_reserved_tcp_bit(uint8_t *packet, size_t ip) {
	packet[ip + 12] |= 1;
}
static void set_fin(uint8_t *packet, size_t ip) {
	packet[ip + 13] |= FIN;
}
static void set_syn(uint8_t *packet, size_t ip) {
	packet[ip + 13] |= SYN;
}
static void set_rst(uint8_t *packet, size_t ip) {
	packet[ip + 13] |= RST;
}
static void set_urg(uint8_t *packet, size_t ip) {
	packet[ip + 13] |= URG;
}
static void set_ece(uint8_t *packet, size_t ip) {
	packet[ip + 13] |= ECE;
}
static void set_cwr(uint8_t *packet, size_t ip) {
	packet[ip + 13] |= CWR;
}
static void clear_ack(uint8_t *packet, size_t ip) {
	packet[ip + 13] = 0;
}
static void change_udp_length(uint8_t *packet, size_t ip) {
	packet[ip + 5]--;
}
static void change_ports(uint8_t *packet, size_t ip) {
	packet[ip + 3]++;
}
static void change_address(uint8_t *packet, size_t ip) {
	packet[ip - 1]++;
}

static const struct rule rules[] = {
	{"DSCP", PACKETS_TCP, ANY, change_class, false},
	{"DSCP", PACKETS_UDP, ANY, change_class, false},
	{"ECN", PACKETS_TCP, ANY, change_ecn, false},
	{"ECN", PACKETS_UDP, ANY, change_ecn, false},
	{"flow label", PACKETS_UDP, V6, change_flow_label, false},
	{"TTL", PACKETS_TCP, ANY, change_ttl, false},
	{"TTL", PACKETS_UDP, ANY, change_ttl, false},
	{"DF", PACKETS_TCP, V4, change_df, false},
	{"DF", PACKETS_UDP, V4, change_df, false},
	{"reserved bit", PACKETS_TCP, V4, change_reserved_ip_bit, true},
	{"id", PACKETS_TCP, V4, change_id, false},
	{"id", PACKETS_UDP, V4, change_id, false},
	{"more fragments", PACKETS_TCP, V4, change_more_fragments, false},
	{"more fragments", PACKETS_UDP, V4, change_more_fragments, true},
	{"fragment offset", PACKETS_TCP, V4, change_fragment_offset, false},
	{"fragment offset", PACKETS_UDP, V4, change_fragment_offset, true},
	{"sequence", PACKETS_TCP, ANY, change_sequence, false},
	{"acknowledgment", PACKETS_TCP, ANY, change_acknowledgment, false},
	{"window", PACKETS_TCP, ANY, change_window, false},
	{"urgent pointer", PACKETS_TCP, ANY, change_urgent, false},
	{"option", PACKETS_TCP, ANY, change_option, false},
	{"options' size", PACKETS_TCP, ANY, change_options_size, false},
	{"reserved TCP bit", PACKETS_TCP, ANY, change_reserved_tcp_bit, true},
	{"FIN", PACKETS_TCP, ANY, set_fin, false},
	{"FIN of both", PACKETS_TCP, ANY, set_fin, true},
	{"SYN of both", PACKETS_TCP, ANY, set_syn, true},
	{"RST of both", PACKETS_TCP, ANY, set_rst, true},
	{"URG of both", PACKETS_TCP, ANY, set_urg, true},
	{"ECE of both", PACKETS_TCP, ANY, set_ece, true},
	{"CWR of both", PACKETS_TCP, ANY, set_cwr, true},
	{"ACK", PACKETS_TCP, ANY, clear_ack, false},
	{"no ACK in both", PACKETS_TCP, ANY, clear_ack, true},
	{"UDP length", PACKETS_UDP, ANY, change_udp_length, false},
	{"ports", PACKETS_TCP, ANY, change_ports, false},
	{"ports", PACKETS_UDP, ANY, change_ports, false},
	{"address", PACKETS_TCP, ANY, change_address, false},
};

static size_t apply_rule(const struct rule *rule, bool v6, bool change) {
	struct bench *bench = bench_new(&both);
	struct packet_spec spec = spec_of(v6, rule->protocol);
	for (int i = 0; i < 2; i++) {
		uint8_t *packet = bench->arena + bench->used;
		size_t size = packets_build(&spec, bench->payload, 600, packet);
		if (change && (i == 1 || rule->both)) {
			rule->change(packet, packets_ip_size(packet));
			if (rule->change != change_udp_length)
				packets_complete(packet, size);
		}
		bench_add_raw(bench, size);
		spec = next_of(&spec, 600);
	}
	bench_flush(bench); /* order and bytes are checked */
	size_t writes = bench->recut->writes;
	bench_free(bench);
	return writes;
}

static void test_never_joined(void **state) {
	for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
		for (unsigned v6 = 0; v6 < 2; v6++) {
			if (!(rules[i].versions & (v6 ? V6 : V4)))
				continue;
			assert_int_equal(apply_rule(&rules[i], v6, false), 1);
			if (apply_rule(&rules[i], v6, true) != 2)
				fail_msg("joined in spite of: %s", rules[i].name);
		}
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_never_joined),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
