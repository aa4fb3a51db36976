#include "daemon/shared_text.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
/* cmocka.h needs those above. */
#include <cmocka.h>

#include "wire/process.h"

static void comes_back_as_it_was(void **state) {
	const char *texts[] = {"", "one\n", "two\nlines\n"};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		int descriptor;
		char *text;
		size_t size;
		assert_int_equal(shared_text_new(slice_of_text(texts[i]), &descriptor), ERR_OK);
		assert_int_equal(shared_text_read(descriptor, &text, &size), ERR_OK);
		assert_int_equal(size, strlen(texts[i]));
		assert_string_equal(text, texts[i]);
		assert_int_equal(write(descriptor, "x", 1), -1);
		free(text);
		(void)close(descriptor);
	}
}

static void what_could_change_is_refused(void **state) {
	char *text;
	size_t size;
	int open_memory = memfd_create("open", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(shared_text_read(open_memory, &text, &size), ERR_INVALID);
	assert_int_equal(fcntl(open_memory, F_ADD_SEALS, F_SEAL_WRITE), 0);
	assert_int_equal(shared_text_read(open_memory, &text, &size), ERR_INVALID);
	(void)close(open_memory);
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(shared_text_read(null, &text, &size), ERR_INVALID);
	(void)close(null);
	assert_int_equal(shared_text_read(-1, &text, &size), ERR_INVALID);
}

static void too_much_is_refused(void **state) {
	char *text;
	size_t size;
	int descriptor = memfd_create("much", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(descriptor, PROCESS_FILE_MAX + 1), 0);
	assert_int_equal(
		fcntl(descriptor, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL),
		0);
	assert_int_equal(shared_text_read(descriptor, &text, &size), ERR_LIMIT);
	(void)close(descriptor);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back_as_it_was),
		cmocka_unit_test(what_could_change_is_refused),
		cmocka_unit_test(too_much_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
