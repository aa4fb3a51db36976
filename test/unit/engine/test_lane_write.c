#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/rig.h"

/* What a lane does with super-packets that its queue does not take. */

enum { PACKETS = 6, PAYLOAD = 500 };

static const struct coalesce_options both = {.tcp = true, .udp = true};

struct burst {
	uint8_t packets[PACKETS][PAYLOAD + 100], before[PACKETS][PAYLOAD + 100];
	size_t size;
};

static void write_burst(struct rig *rig, struct burst *burst, uint8_t protocol) {
	static const uint8_t payload[PAYLOAD] = {1, 2, 3};
	struct packet_spec spec = {.protocol = protocol, .ttl = 64, .flags = 16, .destination = 1};
	for (size_t i = 0; i < PACKETS; i++) {
		burst->size = packets_build(&spec, payload, PAYLOAD, burst->packets[i]);
		memcpy(burst->before[i], burst->packets[i], burst->size);
		spec.id++;
		spec.sequence += PAYLOAD;
		coalescer_add(rig_lane(rig, 0)->coalescer, burst->packets[i], burst->size);
	}
	coalescer_flush(rig_lane(rig, 0)->coalescer);
}

static void assert_written_apart(const struct rig *rig, size_t at, const struct burst *burst) {
	static const uint8_t zeros[VIRTIO_HEADER_SIZE];
	for (size_t i = 0; i < PACKETS; i++) {
		const struct fake_packet *written = &rig->tuns[0]->written[at + i];
		assert_int_equal(written->size, VIRTIO_HEADER_SIZE + burst->size);
		assert_memory_equal(written->data, zeros, VIRTIO_HEADER_SIZE);
		assert_memory_equal(written->data + VIRTIO_HEADER_SIZE, burst->before[i], burst->size);
	}
}

static void test_refused(void **state) {
	struct rig *rig = rig_new_joining(1, 1, both);
	struct lane *lane = rig_lane(rig, 0);
	struct burst burst;
	rig->tuns[0]->super_error = ERR_INVALID;
	for (size_t i = 0; i < 2 * COALESCE_REFUSALS; i++) {
		write_burst(rig, &burst, PACKETS_TCP);
		assert_int_equal(rig->tuns[0]->written_count, (i + 1) * PACKETS);
		assert_written_apart(rig, i * PACKETS, &burst);
		/* Once it is switched off nothing is tried in vain; and nothing was lost. */
		assert_int_equal(rig->tuns[0]->writes - (i + 1) * PACKETS,
						 i < COALESCE_REFUSALS ? i + 1 : COALESCE_REFUSALS);
		assert_int_equal(lane->counters.tun_errors, 0);
	}
	assert_false(coalescer_options(lane->coalescer).tcp);
	/* UDP has its own say. */
	rig->tuns[0]->super_error = ERR_OK;
	write_burst(rig, &burst, PACKETS_UDP);
	assert_int_equal(rig->tuns[0]->written_count, 2 * COALESCE_REFUSALS * PACKETS + 1);
	assert_true(coalescer_options(lane->coalescer).udp);
	rig_free(rig);
}

/* Down: two writes for a super-packet, nothing is switched off, and up again it goes on. */
static void test_down_and_up(void **state) {
	struct rig *rig = rig_new_joining(1, 1, both);
	struct lane *lane = rig_lane(rig, 0);
	struct burst burst;
	rig->tuns[0]->write_error = ERR_IO;
	for (size_t i = 1; i <= 2 * COALESCE_REFUSALS; i++) {
		write_burst(rig, &burst, PACKETS_TCP);
		assert_int_equal(rig->tuns[0]->writes, 2 * i);
		assert_int_equal(lane->counters.tun_errors, PACKETS * i);
	}
	rig->tuns[0]->write_error = ERR_OK;
	write_burst(rig, &burst, PACKETS_TCP);
	assert_int_equal(rig->tuns[0]->written_count, 1);
	assert_true(coalescer_options(lane->coalescer).tcp);
	rig_free(rig);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_down_and_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
