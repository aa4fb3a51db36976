#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/keepalive.h"

static void keepalives_go_there_and_back(void **state) {
	for (unsigned kind = 0; kind < 256; kind++) {
		uint8_t data[KEEPALIVE_SIZE + 1] = {(uint8_t)kind, 1, 2, 3, 4, 5, 6, 7, 8};
		uint8_t again[KEEPALIVE_SIZE];
		struct keepalive keepalive;
		for (size_t size = 0; size <= sizeof data; size++)
			assert_int_equal(keepalive_decode(data, size, &keepalive), size > 0 && kind > 2
																		   ? ERR_MALFORMED
																	   : size < 9 ? ERR_TRUNCATED
																	   : size > 9 ? ERR_TRAILING
																				  : ERR_OK);
		if (kind > 2)
			continue;
		assert_int_equal(keepalive_decode(data, 9, &keepalive), ERR_OK);
		assert_int_equal(keepalive.kind, kind);
		keepalive_encode(&keepalive, again);
		assert_memory_equal(again, data, sizeof again);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keepalives_go_there_and_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
