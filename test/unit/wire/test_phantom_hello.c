#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "wire/phantom_hello.h"

static const struct phantom_hello example = {
	.padding_enabled = true,
	.timestamp = 0x0102030405060708,
	.random = {0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd,
			   0xfe, 0xff},
};

/* The example as the specification has it. */
static const uint8_t wire[PHANTOM_HELLO_SIZE_MIN] = {
	0x01, 0x01, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0xf0, 0xf1, 0xf2,
	0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff};

static void sizes_of_the_specification(void **state) {
	assert_int_equal(PHANTOM_FIRST_SIZE_MIN, 122);
	assert_int_equal(PHANTOM_SECOND_SIZE_MIN, 74);
}

static void encodes(void **state) {
	uint8_t data[PHANTOM_HELLO_SIZE_MAX], *padding = NULL;
	size_t size = 0;
	memset(data, 0xa5, sizeof data);
	assert_int_equal(phantom_hello_encode(&example, 0, data, sizeof data, &size, &padding), ERR_OK);
	assert_int_equal(size, sizeof wire);
	assert_memory_equal(data, wire, size);

	struct phantom_hello plain = example;
	plain.padding_enabled = false;
	assert_int_equal(
		phantom_hello_encode(&plain, PHANTOM_HELLO_PADDING_MAX, data, sizeof data, &size, &padding),
		ERR_OK);
	assert_int_equal(size, PHANTOM_HELLO_SIZE_MAX);
	assert_int_equal(data[1], 0);
	assert_ptr_equal(padding, data + sizeof wire);
}

static void encodes_within_limits(void **state) {
	uint8_t data[PHANTOM_HELLO_SIZE_MAX + 1], *padding = NULL;
	size_t size = 99;
	assert_int_equal(phantom_hello_encode(&example, PHANTOM_HELLO_PADDING_MAX + 1, data,
										  sizeof data, &size, &padding),
					 ERR_INVALID);
	assert_int_equal(phantom_hello_encode(&example, 1, data, sizeof wire, &size, &padding),
					 ERR_LIMIT);
	assert_int_equal(size, 99);
	assert_null(padding);
}

static enum err decode(const uint8_t *data, size_t size, struct phantom_hello *out_hello) {
	return phantom_hello_decode(slice_of(data, size), out_hello);
}

static void decodes(void **state) {
	uint8_t data[PHANTOM_HELLO_SIZE_MAX + 1] = {0};
	memcpy(data, wire, sizeof wire);
	const size_t paddings[] = {0, 1, 255, 256, PHANTOM_HELLO_PADDING_MAX};
	for (size_t i = 0; i < sizeof paddings / sizeof *paddings; i++) {
		struct phantom_hello hello = {0};
		assert_int_equal(decode(data, sizeof wire + paddings[i], &hello), ERR_OK);
		assert_true(hello.padding_enabled);
		assert_int_equal(hello.timestamp, example.timestamp);
		assert_memory_equal(hello.random, example.random, sizeof hello.random);
	}
	struct phantom_hello hello;
	assert_int_equal(decode(data, sizeof data, &hello), ERR_LIMIT);
}

static void refuses(void **state) {
	struct phantom_hello hello, before;
	memset(&hello, 0xa5, sizeof hello);
	memcpy(&before, &hello, sizeof hello);
	uint8_t data[sizeof wire];
	memcpy(data, wire, sizeof data);
	for (size_t size = 0; size < sizeof wire; size++)
		assert_int_equal(decode(data, size, &hello), ERR_TRUNCATED);
	for (unsigned version = 0; version < 256; version++) {
		data[0] = (uint8_t)version;
		if (version != PHANTOM_VERSION)
			assert_int_equal(decode(data, sizeof data, &hello), ERR_UNSUPPORTED);
	}
	data[0] = PHANTOM_VERSION;
	for (unsigned flags = 2; flags < 256; flags++) {
		data[1] = (uint8_t)flags;
		assert_int_equal(decode(data, sizeof data, &hello), ERR_MALFORMED);
	}
	assert_memory_equal(&hello, &before, sizeof hello);
	data[1] = 0;
	assert_int_equal(decode(data, sizeof data, &hello), ERR_OK);
	assert_false(hello.padding_enabled);
}

static void prologues(void **state) {
	uint8_t exporter[PHANTOM_EXPORTER_SIZE], prologue[PHANTOM_PROLOGUE_SIZE];
	const uint8_t zeros[PHANTOM_EXPORTER_SIZE] = {0};
	for (size_t i = 0; i < sizeof exporter; i++)
		exporter[i] = (uint8_t)(i + 1);
	for (unsigned carrier = 0; carrier < 4; carrier++) {
		bool bound = carrier < 2;
		assert_int_equal(phantom_prologue(carrier, exporter, prologue), ERR_OK);
		assert_memory_equal(prologue, "PHTN\x01", 5);
		assert_int_equal(prologue[5], carrier);
		assert_memory_equal(prologue + 6, bound ? exporter : zeros, sizeof exporter);
		assert_int_equal(phantom_prologue(carrier, zeros, prologue), bound ? ERR_INVALID : ERR_OK);
	}
	assert_int_equal(phantom_prologue((enum phantom_carrier)4, exporter, prologue), ERR_INVALID);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_of_the_specification),
		cmocka_unit_test(encodes),
		cmocka_unit_test(encodes_within_limits),
		cmocka_unit_test(decodes),
		cmocka_unit_test(refuses),
		cmocka_unit_test(prologues),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
