#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "host/steering.h"

static const struct steering_rule list[] = {
	{0x02000000, UINT32_MAX, 8, 0},   {0x03000000, UINT32_MAX, 4, 0},
	{0x14000000, 0xffff0000, 3, 0},   {0x04000000, UINT32_MAX, 4, 0},
	{0x5048415a, UINT32_MAX, 13, 10},
};
static const struct steering rules = {.rules = list, .count = 5, .mask = 15};

/* The instructions that the compiler emits, with the kernel's rule for loads beyond the end. */
static uint32_t run(const struct sock_filter *program, size_t size, const uint8_t *data,
					size_t data_size) {
	uint32_t a = 0, x = 0;
	for (size_t at = 0; at < size; at++) {
		const struct sock_filter *i = &program[at];
		switch (i->code) {
		case BPF_LD | BPF_W | BPF_LEN:
			a = (uint32_t)data_size;
			break;
		case BPF_LD | BPF_W | BPF_ABS:
			if (i->k + 4 > data_size)
				return 0;
			a = (uint32_t)data[i->k] << 24 | (uint32_t)data[i->k + 1] << 16 |
				(uint32_t)data[i->k + 2] << 8 | data[i->k + 3];
			break;
		case BPF_LD | BPF_B | BPF_ABS:
			if (i->k >= data_size)
				return 0;
			a = data[i->k];
			break;
		case BPF_MISC | BPF_TAX:
			x = a;
			break;
		case BPF_MISC | BPF_TXA:
			a = x;
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= i->k;
			break;
		case BPF_ALU | BPF_MOD | BPF_K:
			a %= i->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			at += a == i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			at += a >= i->k ? i->jt : i->jf;
			break;
		case BPF_RET | BPF_K:
			return i->k;
		case BPF_RET | BPF_A:
			return a;
		default:
			fail_msg("instruction %#x", i->code);
		}
	}
	fail_msg("ran off the end");
	return 0;
}

static uint32_t steer(unsigned sockets, const uint8_t *data, size_t size) {
	struct sock_filter program[STEERING_PROGRAM_MAX];
	size_t length = steering_compile(&rules, sockets, program);
	assert_true(length > 0 && length <= STEERING_PROGRAM_MAX);
	return run(program, length, data, size);
}

static void test_low_bits_name_the_socket(void **state) {
	for (unsigned sockets = 1; sockets <= 16; sockets++) {
		for (unsigned byte = 0; byte < 256; byte++) {
			uint8_t second[16] = {2, 0, 0, 0, 0xaa, 0xaa, 0xaa, 0xaa, (uint8_t)byte};
			uint8_t third[16] = {3, 0, 0, 0, (uint8_t)byte, 0xaa, 0xaa, 0xaa, 0xaa};
			uint8_t fourth[16] = {4, 0, 0, 0, (uint8_t)byte, 0xaa, 0xaa, 0xaa, 0xaa};
			assert_int_equal(steer(sockets, second, sizeof second), (byte & 15) % sockets);
			assert_int_equal(steer(sockets, third, sizeof third), (byte & 15) % sockets);
			assert_int_equal(steer(sockets, fourth, sizeof fourth), (byte & 15) % sockets);
		}
	}
}

static void test_others_fall_back(void **state) {
	const uint8_t first[16] = {1}, fifth[16] = {5}, reserved[16] = {4, 0, 0, 1, 3};
	assert_int_equal(steer(4, first, sizeof first), UINT32_MAX);
	assert_int_equal(steer(4, fifth, sizeof fifth), UINT32_MAX);
	assert_int_equal(steer(4, reserved, sizeof reserved), UINT32_MAX);
}

static void test_short_ones_fall_back(void **state) {
	const uint8_t second[9] = {2, 0, 0, 0, 0, 0, 0, 0, 7}, fourth[5] = {4, 0, 0, 0, 7};
	for (size_t size = 0; size < sizeof second; size++)
		assert_int_equal(steer(16, second, size), UINT32_MAX);
	assert_int_equal(steer(16, second, sizeof second), 7);
	for (size_t size = 0; size < sizeof fourth; size++)
		assert_int_equal(steer(16, fourth, size), UINT32_MAX);
	assert_int_equal(steer(16, fourth, sizeof fourth), 7);
}

/* Some of the first bytes say whose it is, the others belong to the id. */
static void test_masked(void **state) {
	for (unsigned byte = 0; byte < 256; byte++) {
		const uint8_t data[12] = {0x14, 0, 0xaa, (uint8_t)byte}, reserved[12] = {0x14, 1, 0xaa, 3};
		assert_int_equal(steer(5, data, sizeof data), (byte & 15) % 5);
		assert_int_equal(steer(5, reserved, sizeof reserved), UINT32_MAX);
	}
	/* All that is asked for is there as soon as the word is. */
	const uint8_t shortest[4] = {0x14, 0, 0, 9};
	assert_int_equal(steer(16, shortest, 3), UINT32_MAX);
	assert_int_equal(steer(16, shortest, 4), 9);
}

/* Zeros are no id, not that of socket 0: whoever sends such datagrams is spread by the hash. */
static void test_no_id(void **state) {
	uint8_t data[16] = {'P', 'H', 'A', 'Z'};
	assert_int_equal(steer(16, data, sizeof data), UINT32_MAX);
	data[10] = 1;
	assert_int_equal(steer(16, data, sizeof data), 0);
	data[13] = 0xf7;
	assert_int_equal(steer(16, data, 14), 7);
	assert_int_equal(steer(16, data, 13), UINT32_MAX);
}

static void test_longest_program_fits(void **state) {
	struct steering_rule many[STEERING_RULES_MAX];
	for (size_t i = 0; i < STEERING_RULES_MAX; i++)
		many[i] = (struct steering_rule){.id_offset = 1};
	const struct steering longest = {.rules = many, .count = STEERING_RULES_MAX, .mask = 1};
	struct sock_filter program[STEERING_PROGRAM_MAX + 1];
	memset(program, 0x5a, sizeof program);
	size_t size = steering_compile(&longest, 2, program);
	assert_int_equal(size, STEERING_PROGRAM_MAX);
	assert_int_equal(program[size].code, 0x5a5a);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_low_bits_name_the_socket),
		cmocka_unit_test(test_others_fall_back),
		cmocka_unit_test(test_short_ones_fall_back),
		cmocka_unit_test(test_masked),
		cmocka_unit_test(test_no_id),
		cmocka_unit_test(test_longest_program_fits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
