#include "engine/coalesce_bench.h"

enum { PSH = 8, ACK = 16 };

static void check_joined(bool v6, uint8_t protocol) {
	struct bench *bench = bench_new(&both);
	struct packet_spec spec = spec_of(v6, protocol);
	for (int i = 0; i < 10; i++) {
		bench_add(bench, &spec, 1000);
		spec = next_of(&spec, 1000);
	}
	bench_add(bench, &spec, 17); /* a short one closes */
	assert_int_equal(bench->recut->writes, 1);
	assert_int_equal(bench->recut->largest_count, 11);
	spec = next_of(&spec, 17);
	bench_add(bench, &spec, 1000);
	assert_int_equal(bench->recut->writes, 1);
	bench_flush(bench);
	assert_int_equal(bench->recut->writes, 2);
	assert_int_equal(bench->recut->joined_writes, 1);
	bench_free(bench);
}

static void test_joined(void **state) {
	check_joined(false, PACKETS_TCP);
	check_joined(true, PACKETS_TCP);
	check_joined(false, PACKETS_UDP);
	check_joined(true, PACKETS_UDP);
}

/* Payloads are gathered where they are. */
static const uint8_t *gathered[3];

static enum err gather(void *context, const struct iovec *iovecs, int count) {
	assert_int_equal(count, 4);
	for (int i = 1; i < count; i++)
		gathered[i - 1] = iovecs[i].iov_base;
	return ERR_OK;
}

static void test_nothing_is_copied(void **state) {
	uint8_t packets[3][200], payload[100] = {1};
	struct coalesce_sink sink = {.write = gather};
	struct coalescer *coalescer = NULL;
	assert_int_equal(coalescer_new(&both, &sink, &coalescer), ERR_OK);
	struct packet_spec spec = spec_of(false, PACKETS_TCP);
	for (int i = 0; i < 3; i++) {
		size_t size = packets_build(&spec, payload, 100, packets[i]);
		coalescer_add(coalescer, packets[i], size);
		spec = next_of(&spec, 100);
	}
	coalescer_flush(coalescer);
	assert_ptr_equal(gathered[0], packets[0]);
	assert_ptr_equal(gathered[1], packets[1] + 52);
	assert_ptr_equal(gathered[2], packets[2] + 52);
	coalescer_free(coalescer);
	coalescer_free(NULL);
}

static void test_push_closes(void **state) {
	struct bench *bench = bench_new(&both);
	struct packet_spec spec = spec_of(false, PACKETS_TCP);
	bench_add(bench, &spec, 500);
	spec = next_of(&spec, 500);
	spec.flags = ACK | PSH;
	bench_add(bench, &spec, 500);
	assert_int_equal(bench->recut->joined_writes, 1);
	spec = next_of(&spec, 500);
	bench_add(bench, &spec, 500); /* PSH on the first: at once and alone */
	assert_int_equal(bench->recut->writes, 2);
	assert_int_equal(bench->recut->joined_writes, 1);
	bench_free(bench);
}

static void test_bounds(void **state) {
	struct bench *bench = bench_new(&both);
	struct packet_spec spec = spec_of(false, PACKETS_TCP);
	for (int i = 0; i < 300; i++) {
		bench_add(bench, &spec, 1);
		spec = next_of(&spec, 1);
	}
	bench_flush(bench);
	assert_int_equal(bench->recut->writes, 3);
	assert_int_equal(bench->recut->largest_count, COALESCE_SEGMENTS);
	for (int i = 0; i < 100; i++) {
		bench_add(bench, &spec, 1368);
		spec = next_of(&spec, 1368);
	}
	bench_flush(bench);
	assert_int_equal(bench->recut->writes, 3 + 3);
	assert_int_equal(bench->recut->largest_write, 52 + 47 * 1368);
	/* Exactly full: 52 + 65483 = 65535. */
	spec.sequence = 0;
	bench_add(bench, &spec, 60000);
	spec = next_of(&spec, 60000);
	bench_add(bench, &spec, 5483);
	assert_int_equal(bench->recut->largest_write, COALESCE_SIZE_MAX);
	spec = next_of(&spec, 5483);
	bench_add(bench, &spec, 60000);
	spec = next_of(&spec, 60000);
	bench_add(bench, &spec, 5484); /* one byte too much */
	bench_flush(bench);
	assert_int_equal(bench->recut->writes, 3 + 3 + 3);
	bench_free(bench);
}

/* Where DF is set the id has no meaning, and senders leave it zero or random. */
static void test_ids_with_df(void **state) {
	struct bench *bench = bench_new(&both);
	struct packet_spec spec = spec_of(false, PACKETS_TCP);
	spec.do_not_fragment = true;
	bench_add(bench, &spec, 100);
	spec = next_of(&spec, 100);
	spec.id = 0;
	bench_add(bench, &spec, 100);
	bench_flush(bench);
	assert_int_equal(bench->recut->writes, 1);
	bench_free(bench);
}

static void test_larger_payload(void **state) {
	struct bench *bench = bench_new(&both);
	struct packet_spec spec = spec_of(false, PACKETS_TCP);
	bench_add(bench, &spec, 100);
	spec = next_of(&spec, 100);
	bench_add(bench, &spec, 101); /* starts anew ... */
	spec = next_of(&spec, 101);
	bench_add(bench, &spec, 101); /* ... and is joined */
	bench_flush(bench);
	assert_int_equal(bench->recut->writes, 2);
	assert_int_equal(bench->recut->joined_writes, 1);
	bench_free(bench);
}

/* Pure acknowledgments and empty datagrams go at once, behind what their flow had open. */
static void test_no_payload(void **state) {
	for (int kind = 0; kind < 4; kind++) {
		struct bench *bench = bench_new(&both);
		struct packet_spec spec = spec_of(kind & 1, kind & 2 ? PACKETS_TCP : PACKETS_UDP);
		bench_add(bench, &spec, 100);
		spec = next_of(&spec, 100);
		bench_add(bench, &spec, 100);
		spec = next_of(&spec, 100);
		assert_int_equal(bench->recut->writes, 0);
		bench_add(bench, &spec, 0);
		assert_int_equal(bench->recut->writes, 2);
		spec = next_of(&spec, 0);
		bench_add(bench, &spec, 0);
		assert_int_equal(bench->recut->writes, 3);
		bench_free(bench);
	}
}

static void test_udp_without_checksum(void **state) {
	struct bench *bench = bench_new(&both);
	struct packet_spec spec = spec_of(false, PACKETS_UDP);
	for (int i = 0; i < 3; i++) {
		uint8_t *packet = bench->arena + bench->used;
		size_t size = packets_build(&spec, bench->payload, 300, packet);
		packets_put_u16(packet + 26, 0);
		bench_add_raw(bench, size);
		spec = next_of(&spec, 300);
	}
	assert_int_equal(bench->recut->writes, 3);
	bench_free(bench);
}

/* IPv4 options: its ports are known, so it goes behind its own flow and leaves others open. */
static void test_ip_options(void **state) {
	struct bench *bench = bench_new(&both);
	struct packet_spec spec = spec_of(false, PACKETS_TCP), other = spec;
	other.source_port++;
	bench_add(bench, &spec, 100);
	bench_add(bench, &other, 100);
	spec = next_of(&spec, 100);
	uint8_t *packet = bench->arena + bench->used, plain[500];
	size_t size = packets_build(&spec, bench->payload, 100, plain);
	memcpy(packet, plain, 20);
	memset(packet + 20, 1, 4); /* no operation */
	memcpy(packet + 24, plain + 20, size - 20);
	size += 4;
	packet[0] = 0x46;
	packets_put_u16(packet + 2, size);
	packets_complete(packet, size);
	bench_add_raw(bench, size);
	assert_int_equal(bench->recut->writes, 2);
	bench_free(bench);
}

/* Fragments and extension headers hide the ports: all flows of their addresses go first. */
static void check_hidden_ports(bool v6) {
	struct bench *bench = bench_new(&both);
	struct packet_spec spec = spec_of(v6, PACKETS_TCP);
	struct packet_spec udp = spec_of(v6, PACKETS_UDP), elsewhere = spec;
	elsewhere.destination++;
	bench_add(bench, &spec, 100);
	bench_add(bench, &elsewhere, 100);
	bench_add(bench, &udp, 100);
	uint8_t *packet = bench->arena + bench->used;
	size_t size = packets_build(&udp, bench->payload, 100, packet);
	if (v6)
		packet[6] = 44; /* a fragment header */
	else
		packet[7] = 1;
	bench_add_raw(bench, size);
	assert_int_equal(bench->recut->writes, 3);
	coalescer_flush(bench->coalescer);
	assert_int_equal(bench->recut->writes, 4);
	bench_free(bench);
}

static void test_hidden_ports(void **state) {
	check_hidden_ports(false);
	check_hidden_ports(true);
}

/* Other protocols and stumps of TCP and UDP pass; nothing beyond a packet's end is read. */
static void test_other_packets(void **state) {
	for (unsigned v6 = 0; v6 < 2; v6++) {
		for (size_t cut = 0; cut < 36; cut++) {
			struct bench *bench = bench_new(&both);
			struct packet_spec spec = spec_of(v6, cut % 2 ? PACKETS_TCP : PACKETS_UDP);
			bench_add(bench, &spec, 100);
			uint8_t built[300];
			(void)packets_build(&spec, bench->payload, 0, built);
			size_t size = packets_ip_size(built) + cut;
			packets_put_u16(built + (v6 ? 4 : 2), v6 ? cut : size);
			uint8_t *exact = malloc(size);
			assert_non_null(exact);
			memcpy(exact, built, size);
			assert_true(recut_expect(bench->recut, exact, size));
			coalescer_add(bench->coalescer, exact, size);
			coalescer_flush(bench->coalescer);
			assert_int_equal(bench->recut->writes, 2);
			/* ICMP disturbs no flow. */
			bench_add(bench, &spec, 100);
			memset(exact, 0, size);
			exact[0] = v6 ? 0x60 : 0x45;
			exact[v6 ? 6 : 9] = v6 ? 58 : 1;
			assert_true(recut_expect(bench->recut, exact, size));
			coalescer_add(bench->coalescer, exact, size);
			assert_int_equal(bench->recut->writes, 3);
			bench_free(bench);
			free(exact);
		}
	}
}

static void test_switches(void **state) {
	for (int kind = 0; kind < 4; kind++) {
		struct coalesce_options options = {.tcp = kind & 1, .udp = kind & 2};
		struct bench *bench = bench_new(&options);
		struct packet_spec tcp = spec_of(false, PACKETS_TCP), udp = spec_of(false, PACKETS_UDP);
		for (int i = 0; i < 2; i++) {
			bench_add(bench, &tcp, 100);
			bench_add(bench, &udp, 100);
			tcp = next_of(&tcp, 100);
			udp = next_of(&udp, 100);
		}
		bench_flush(bench);
		assert_int_equal(bench->recut->joined_writes, (kind & 1) + (kind >> 1));
		assert_int_equal(bench->recut->writes, 4 - (kind & 1) - (kind >> 1));
		bench_free(bench);
	}
}

/* Eight flows at a time; the oldest makes room for the ninth. */
static void test_many_flows(void **state) {
	struct bench *bench = bench_new(&both);
	struct packet_spec specs[COALESCE_FLOWS + 1];
	for (uint16_t i = 0; i <= COALESCE_FLOWS; i++) {
		specs[i] = spec_of(i % 2, i % 3 ? PACKETS_TCP : PACKETS_UDP);
		specs[i].source_port = i;
	}
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < COALESCE_FLOWS; i++) {
			bench_add(bench, &specs[i], 100);
			specs[i] = next_of(&specs[i], 100);
		}
	}
	assert_int_equal(bench->recut->writes, 0);
	bench_add(bench, &specs[COALESCE_FLOWS], 100);
	assert_int_equal(bench->recut->writes, 1);
	assert_int_equal(bench->recut->out_count, 5);
	assert_true(bench->recut->in[0].out); /* the first flow's */
	bench_add(bench, &specs[1], 100);     /* the others are open still */
	assert_int_equal(bench->recut->writes, 1);
	bench_flush(bench);
	assert_int_equal(bench->recut->writes, COALESCE_FLOWS + 1);
	bench_free(bench);
}

/* One step of a random stream. */
static void random_step(struct bench *bench, struct packet_spec *spec, uint64_t *random) {
	static const size_t payloads[] = {1368, 1368, 1368, 1368, 1368, 1368, 900, 1, 1369, 0};
	size_t size = payloads[packets_random(random) % 10];
	struct packet_spec sent = *spec;
	switch (packets_random(random) % 24) {
	case 0:
		sent.flags = (uint8_t)packets_random(random);
		break;
	case 1:
		sent.flags = ACK | PSH;
		break;
	case 2:
		sent.sequence += 5;
		break;
	case 3:
		spec->ttl++;
		break;
	case 4:
		spec->traffic_class ^= 3;
		break;
	case 5:
		spec->options_size ^= 12;
		break;
	case 6:
		spec->option_byte++;
		break;
	case 7:
		spec->acknowledgment += 3;
		break;
	case 8:
		spec->window--;
		break;
	case 9:
		sent.id = (uint16_t)packets_random(random);
		break;
	case 10:
		spec->do_not_fragment = !spec->do_not_fragment;
		break;
	default:
		break;
	}
	bench_add(bench, &sent, size);
	*spec = next_of(spec, size);
}

static void test_random_streams(void **state) {
	uint64_t random = 88172645463325252U;
	struct bench *bench = bench_new(&both);
	for (int round = 0; round < 8; round++) {
		struct packet_spec specs[12];
		size_t flows = 1 + packets_random(&random) % 12;
		for (size_t i = 0; i < flows; i++) {
			specs[i] = spec_of(i % 2, i % 4 < 3 ? PACKETS_TCP : PACKETS_UDP);
			specs[i].source = (uint8_t)(i / 4);
			specs[i].source_port = (uint16_t)i;
			specs[i].do_not_fragment = packets_random(&random) & 1;
		}
		for (int turn = 0; turn < 3; turn++) {
			for (int step = 0; step < 600;) {
				/* Bursts, as the network has them. */
				struct packet_spec *spec = &specs[packets_random(&random) % flows];
				for (unsigned burst = packets_random(&random) % 60; burst > 0; burst--, step++)
					random_step(bench, spec, &random);
			}
			bench_flush(bench);
		}
	}
	assert_true(bench->recut->joined_writes > 500); /* it is not all refusals */
	assert_true(bench->recut->largest_count > 10);
	bench_free(bench);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_joined),        cmocka_unit_test(test_nothing_is_copied),
		cmocka_unit_test(test_push_closes),   cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_ids_with_df),   cmocka_unit_test(test_larger_payload),
		cmocka_unit_test(test_no_payload),    cmocka_unit_test(test_udp_without_checksum),
		cmocka_unit_test(test_ip_options),    cmocka_unit_test(test_hidden_ports),
		cmocka_unit_test(test_other_packets), cmocka_unit_test(test_switches),
		cmocka_unit_test(test_many_flows),    cmocka_unit_test(test_random_streams),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
