#include "engine/coalesce_bench.h"

/* Queues that refuse super-packets: every packet arrives all the same, byte for byte, in order. */

enum { PSH = 8, ACK = 16, NEVER = 1 << 20 };

struct refusing {
	struct recut *recut;
	enum err error;          /* of super-packets */
	enum err alone;          /* of packets alone, ERR_OK: they are taken */
	bool tcp_only;           /* super-packets of UDP are taken */
	size_t take_every;       /* NEVER: none, n: every nth super-packet */
	size_t supers, attempts; /* super-packets offered, writes tried */
};

static enum err refusing_write(void *context, const struct iovec *iovecs, int count) {
	struct refusing *refusing = context;
	struct virtio_header header;
	refusing->attempts++;
	assert_int_equal(virtio_decode(iovecs[0].iov_base, &header), ERR_OK);
	if (header.gso_type == VIRTIO_GSO_NONE) {
		if (refusing->alone == ERR_OK)
			(void)recut_write(refusing->recut, iovecs, count);
		return refusing->alone;
	}
	refusing->supers++;
	bool taken = (refusing->tcp_only && header.gso_type == VIRTIO_GSO_UDP) ||
				 refusing->supers % refusing->take_every == 0;
	if (taken)
		(void)recut_write(refusing->recut, iovecs, count);
	return taken ? ERR_OK : refusing->error;
}

static struct bench *begin(struct refusing *refusing) {
	struct bench *bench = bench_new(&both);
	const struct coalesce_sink sink = {.write = refusing_write, .context = refusing};
	refusing->recut = bench->recut;
	if (refusing->take_every == 0)
		refusing->take_every = NEVER;
	coalescer_free(bench->coalescer);
	assert_int_equal(coalescer_new(&both, &sink, &bench->coalescer), ERR_OK);
	return bench;
}

static void add_burst(struct bench *bench, struct packet_spec *spec, size_t count) {
	for (size_t i = 0; i < count; i++) {
		bench_add(bench, spec, 700);
		*spec = next_of(spec, 700);
	}
}

/* As many in a row as end the joining, and once it has ended packets go alone at once. */
static void check_refused(bool v6, uint8_t protocol, bool do_not_fragment, enum err error) {
	struct refusing refusing = {.error = error};
	struct bench *bench = begin(&refusing);
	struct packet_spec spec = spec_of(v6, protocol);
	spec.do_not_fragment = do_not_fragment;
	for (size_t i = 1; i <= COALESCE_REFUSALS; i++) {
		assert_true(protocol == PACKETS_TCP ? coalescer_options(bench->coalescer).tcp
											: coalescer_options(bench->coalescer).udp);
		add_burst(bench, &spec, 5);
		bench_flush(bench);
		assert_int_equal(refusing.supers, i);
		assert_int_equal(bench->recut->writes, 5 * i);
	}
	struct coalesce_options left = coalescer_options(bench->coalescer);
	assert_int_equal(left.tcp, protocol != PACKETS_TCP);
	assert_int_equal(left.udp, protocol != PACKETS_UDP);
	size_t before = bench->recut->writes;
	add_burst(bench, &spec, 5);
	assert_int_equal(bench->recut->writes, before + 5);
	assert_int_equal(refusing.supers, COALESCE_REFUSALS);
	bench_free(bench);
}

static void test_refused(void **state) {
	check_refused(false, PACKETS_TCP, true, ERR_INVALID);
	check_refused(false, PACKETS_TCP, false, ERR_IO);
	check_refused(true, PACKETS_TCP, false, ERR_UNSUPPORTED);
	check_refused(false, PACKETS_UDP, true, ERR_IO);
	check_refused(false, PACKETS_UDP, false, ERR_INVALID);
	check_refused(true, PACKETS_UDP, false, ERR_INVALID);
}

/* The last packet's PSH, which the super-packet had in its one header, is the last's alone again.
 */
static void test_push(void **state) {
	struct refusing refusing = {.error = ERR_INVALID};
	struct bench *bench = begin(&refusing);
	struct packet_spec spec = spec_of(false, PACKETS_TCP);
	add_burst(bench, &spec, 3);
	spec.flags = ACK | PSH;
	bench_add(bench, &spec, 12);
	assert_int_equal(refusing.supers, 1);
	assert_int_equal(bench->recut->writes, 4);
	bench_free(bench);
}

/* A wrong checksum is the receiver's to find, also where a super-packet was tried in between. */
static void test_checksums_are_put_back(void **state) {
	for (int kind = 0; kind < 4; kind++) {
		struct refusing refusing = {.error = ERR_INVALID};
		struct bench *bench = begin(&refusing);
		struct packet_spec spec = spec_of(kind & 1, kind & 2 ? PACKETS_TCP : PACKETS_UDP);
		uint8_t *packet = bench->arena + bench->used;
		size_t size = packets_build(&spec, bench->payload, 700, packet);
		packet[packets_checksum_offset(packet)] ^= 0x55;
		if (!spec.v6)
			packet[10] ^= 0x55;
		bench_add_raw(bench, size);
		spec = next_of(&spec, 700);
		add_burst(bench, &spec, 1);
		bench_flush(bench);
		assert_int_equal(refusing.supers, 1);
		bench_free(bench);
	}
}

/* One that is taken begins the count anew; the other protocol has its own. */
static void test_not_in_a_row(void **state) {
	struct refusing refusing = {.error = ERR_INVALID, .take_every = COALESCE_REFUSALS};
	struct bench *bench = begin(&refusing);
	struct packet_spec spec = spec_of(false, PACKETS_TCP);
	for (int i = 0; i < 5 * COALESCE_REFUSALS; i++) {
		add_burst(bench, &spec, 3);
		bench_flush(bench);
	}
	assert_int_equal(refusing.supers, 5 * COALESCE_REFUSALS);
	assert_true(coalescer_options(bench->coalescer).tcp);
	bench_free(bench);
}

static void test_one_protocol(void **state) {
	struct refusing refusing = {.error = ERR_INVALID, .tcp_only = true};
	struct bench *bench = begin(&refusing);
	struct packet_spec tcp = spec_of(true, PACKETS_TCP), udp = spec_of(true, PACKETS_UDP);
	for (int i = 0; i < 2 * COALESCE_REFUSALS; i++) {
		add_burst(bench, &tcp, 3);
		add_burst(bench, &udp, 3);
		bench_flush(bench);
	}
	assert_false(coalescer_options(bench->coalescer).tcp);
	assert_true(coalescer_options(bench->coalescer).udp);
	assert_int_equal(refusing.supers, COALESCE_REFUSALS + 2 * COALESCE_REFUSALS);
	bench_free(bench);
}

/* Want of memory lets packets go alone, and ends nothing. */
static void test_no_memory(void **state) {
	struct refusing refusing = {.error = ERR_NO_MEMORY};
	struct bench *bench = begin(&refusing);
	struct packet_spec spec = spec_of(false, PACKETS_TCP);
	for (int i = 0; i < 2 * COALESCE_REFUSALS; i++) {
		add_burst(bench, &spec, 3);
		refusing.error = i % 2 ? ERR_NO_MEMORY : ERR_AGAIN;
		bench_flush(bench);
	}
	assert_true(coalescer_options(bench->coalescer).tcp);
	bench_free(bench);
}

/* An interface that is down or gone: one or two writes a super-packet, and nothing is ended. */
static void check_unusable(enum err error, size_t attempts) {
	struct refusing refusing = {.error = error, .alone = error};
	struct bench *bench = begin(&refusing);
	struct packet_spec spec = spec_of(false, PACKETS_TCP);
	for (size_t i = 1; i <= 3 * COALESCE_REFUSALS; i++) {
		add_burst(bench, &spec, 20);
		coalescer_flush(bench->coalescer);
		assert_int_equal(refusing.attempts, i * attempts);
	}
	assert_int_equal(bench->recut->writes, 0);
	bench->recut->out_count = bench->recut->in_count; /* they are lost, as they must be */
	recut_finish(bench->recut);
	/* Up again. */
	refusing.alone = ERR_OK;
	refusing.take_every = 1;
	add_burst(bench, &spec, 20);
	bench_flush(bench);
	assert_int_equal(bench->recut->joined_writes, 1);
	bench_free(bench);
}

static void test_unusable(void **state) {
	check_unusable(ERR_IO, 2);
	check_unusable(ERR_NO_DEVICE, 1);
}

/* Super-packets that are open when joining ends still go before what follows in their flow. */
static void test_open_ones_keep_their_order(void **state) {
	struct refusing refusing = {.error = ERR_INVALID};
	struct bench *bench = begin(&refusing);
	struct packet_spec specs[COALESCE_FLOWS];
	for (uint16_t i = 0; i < COALESCE_FLOWS; i++) {
		specs[i] = spec_of(i % 2, PACKETS_TCP);
		specs[i].source_port = i;
		add_burst(bench, &specs[i], 3);
	}
	for (int i = 0; i < COALESCE_REFUSALS; i++) { /* ends the first four */
		specs[i].flags = ACK | PSH;
		add_burst(bench, &specs[i], 1);
	}
	assert_false(coalescer_options(bench->coalescer).tcp);
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < COALESCE_FLOWS; i++)
			add_burst(bench, &specs[i], 2);
	assert_int_equal(bench->recut->out_count, bench->recut->in_count);
	bench_free(bench);
}

/* Bursts of several flows with a queue that takes every third super-packet. */
static void test_random_streams(void **state) {
	uint64_t random = 88172645463325252U;
	struct refusing refusing = {.error = ERR_INVALID, .take_every = 3};
	struct bench *bench = begin(&refusing);
	struct packet_spec specs[12];
	for (uint16_t i = 0; i < 12; i++) {
		specs[i] = spec_of(i % 2, i % 3 ? PACKETS_TCP : PACKETS_UDP);
		specs[i].source_port = i;
		specs[i].do_not_fragment = i % 5;
	}
	for (int turn = 0; turn < 20; turn++) {
		for (int burst = 0; burst < 30; burst++) {
			struct packet_spec *spec = &specs[packets_random(&random) % 12];
			for (unsigned left = packets_random(&random) % 12; left > 0; left--) {
				static const size_t payloads[] = {1368, 1368, 1368, 1368, 900, 1369, 0};
				size_t size = payloads[packets_random(&random) % 7];
				spec->flags = packets_random(&random) % 9 ? ACK : ACK | PSH;
				bench_add(bench, spec, size);
				*spec = next_of(spec, size);
			}
		}
		bench_flush(bench);
	}
	assert_true(refusing.supers > 200);
	assert_true(coalescer_options(bench->coalescer).tcp);
	bench_free(bench);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_push),
		cmocka_unit_test(test_checksums_are_put_back),
		cmocka_unit_test(test_not_in_a_row),
		cmocka_unit_test(test_one_protocol),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_unusable),
		cmocka_unit_test(test_open_ones_keep_their_order),
		cmocka_unit_test(test_random_streams),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
