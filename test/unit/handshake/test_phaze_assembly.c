#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "handshake/phaze_assembly.h"

static uint8_t body[PHAZE_BODY_SIZE_MAX];

static enum err take(struct phaze_assembly *assembly, size_t length, size_t number) {
	const struct phaze_piece piece =
		phaze_piece_of(PHAZE_SERVER_AUTH, slice_of(body, length), number);
	return phaze_assembly_take(assembly, &piece);
}

static void fill(void) {
	for (size_t i = 0; i < sizeof body; i++)
		body[i] = (uint8_t)(i * 13 + i / 251);
}

/* Every order of four pieces, some of them twice. */
static void order_and_copies_do_not_matter(void **state) {
	enum { LENGTH = 3 * PHAZE_PIECE_SIZE + 7 };
	fill();
	for (size_t code = 0; code < 4 * 4 * 4 * 4 * 4 * 4; code++) {
		struct phaze_assembly assembly = {0};
		unsigned present = 0;
		size_t rest = code;
		enum err error = ERR_AGAIN;
		for (size_t i = 0; i < 6 && error == ERR_AGAIN; i++, rest /= 4) {
			present |= 1U << rest % 4;
			error = take(&assembly, LENGTH, rest % 4);
			assert_int_equal(error, present == 0xf ? ERR_OK : ERR_AGAIN);
		}
		if (!error) {
			assert_int_equal(phaze_assembly_body(&assembly).size, LENGTH);
			assert_memory_equal(phaze_assembly_body(&assembly).data, body, LENGTH);
		}
		phaze_assembly_done(&assembly);
		assert_null(assembly.body);
	}
}

static void all_lengths_come_together(void **state) {
	static const size_t lengths[] = {0, 1, 1100, 1101, 7701, PHAZE_BODY_SIZE_MAX};
	fill();
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		struct phaze_assembly assembly = {0};
		const size_t count = phaze_piece_count(lengths[i]);
		for (size_t n = 0; n < count; n++)
			assert_int_equal(take(&assembly, lengths[i], n), n + 1 < count ? ERR_AGAIN : ERR_OK);
		assert_int_equal(phaze_assembly_body(&assembly).size, lengths[i]);
		if (lengths[i] > 0)
			assert_memory_equal(phaze_assembly_body(&assembly).data, body, lengths[i]);
		phaze_assembly_done(&assembly);
	}
}

static void contradictions_change_nothing(void **state) {
	struct phaze_assembly assembly = {0};
	fill();
	assert_int_equal(take(&assembly, 3000, 0), ERR_AGAIN);
	assert_int_equal(take(&assembly, 3001, 1), ERR_MALFORMED);
	struct phaze_piece piece = phaze_piece_of(PHAZE_CLIENT_AUTH, slice_of(body, 3000), 1);
	assert_int_equal(phaze_assembly_take(&assembly, &piece), ERR_MALFORMED);
	body[5] ^= 1; /* other bytes at the same place */
	assert_int_equal(take(&assembly, 3000, 0), ERR_MALFORMED);
	body[5] ^= 1;
	assert_int_equal(take(&assembly, 3000, 0), ERR_AGAIN);
	assert_int_equal(take(&assembly, 3000, 2), ERR_AGAIN);
	assert_int_equal(take(&assembly, 3000, 1), ERR_OK);
	assert_memory_equal(phaze_assembly_body(&assembly).data, body, 3000);
	phaze_assembly_done(&assembly);
	phaze_assembly_done(&assembly);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_and_copies_do_not_matter),
		cmocka_unit_test(all_lengths_come_together),
		cmocka_unit_test(contradictions_change_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
