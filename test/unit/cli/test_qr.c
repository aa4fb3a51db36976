#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <qrencode.h>
#include <stdlib.h>

#include "cli/init_folder.h"
#include "cli/qr.h"

enum { QUIET = 4, PRINTED_SIZE = 1 << 17 };

static char *print(const char *text, bool utf8, int *out_status) {
	struct capture capture;
	capture_init(&capture, "");
	*out_status = qr_print(&capture.streams, text, utf8);
	char *printed = calloc(1, PRINTED_SIZE);
	assert_non_null(printed);
	assert_true(pread(capture.streams.output, printed, PRINTED_SIZE - 1, 0) >= 0);
	capture_done(&capture);
	return printed;
}

/* Whether a module is dark; those of the quiet zone are light. */
static bool is_dark(const QRcode *code, int row, int column) {
	return row >= 0 && column >= 0 && row < code->width && column < code->width &&
		   (code->data[row * code->width + column] & 1);
}

/* Takes a half block: which of its halves are light. */
static void take_block(const char **next, bool *out_upper, bool *out_lower) {
	static const struct {
		const char *text;
		bool upper, lower;
	} blocks[] = {{"█", true, true}, {"▀", true, false}, {"▄", false, true}, {" ", false, false}};
	for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
		size_t size = strlen(blocks[i].text);
		if (strncmp(*next, blocks[i].text, size) != 0)
			continue;
		*next += size;
		*out_upper = blocks[i].upper;
		*out_lower = blocks[i].lower;
		return;
	}
	fail_msg("neither a block nor a blank");
}

static QRcode *encode(const char *text) {
	QRcode *code =
		QRcode_encodeData((int)strlen(text), (const unsigned char *)text, 0, QR_ECLEVEL_L);
	assert_non_null(code);
	return code;
}

static void test_half_blocks(void **state) {
	static const char text[] = "[Interface]\nPrivateKey = nobody's\n";
	int status;
	char *printed = print(text, true, &status);
	QRcode *code = encode(text);
	const char *next = printed;
	assert_int_equal(status, STATUS_OK);
	for (int row = -QUIET; row < code->width + QUIET; row += 2) {
		for (int column = -QUIET; column < code->width + QUIET; column++) {
			bool upper, lower;
			take_block(&next, &upper, &lower);
			assert_int_equal(upper, !is_dark(code, row, column));
			if (row + 1 < code->width + QUIET)
				assert_int_equal(lower, !is_dark(code, row + 1, column));
		}
		assert_int_equal(*next++, '\n');
	}
	assert_int_equal(*next, '\0');
	QRcode_free(code);
	free(printed);
}

static void test_ascii(void **state) {
	static const char text[] = "a";
	int status;
	char *printed = print(text, false, &status);
	QRcode *code = encode(text);
	const char *next = printed;
	assert_int_equal(status, STATUS_OK);
	for (int row = -QUIET; row < code->width + QUIET; row++) {
		for (int column = -QUIET; column < code->width + QUIET; column++, next += 2)
			assert_int_equal(strncmp(next, is_dark(code, row, column) ? "  " : "##", 2), 0);
		assert_int_equal(*next++, '\n');
	}
	assert_int_equal(*next, '\0');
	QRcode_free(code);
	free(printed);
}

static void test_sizes(void **state) {
	char text[2955];
	int status;
	memset(text, 'x', sizeof text);
	text[2953] = '\0';
	free(print(text, true, &status));
	assert_int_equal(status, STATUS_OK);
	text[2953] = 'x';
	text[2954] = '\0';
	free(print(text, true, &status));
	assert_int_equal(status, STATUS_FAILED);
	free(print("", true, &status));
	assert_int_equal(status, STATUS_FAILED);
}

static void test_command(void **state) {
	struct folder folder;
	struct capture capture;
	folder_init(&folder);
	folder_write(&folder, "phone.conf", "a", 0600);
	assert_int_equal(FOLDER_RUN(&folder, qr_run, "", &capture, "%/phone.conf"), STATUS_OK);
	assert_string_equal(capture.error, "");
	assert_true(strlen(capture.output) > 29 * 15);
	assert_int_equal(FOLDER_RUN(&folder, qr_run, "", &capture, "%/missing"), STATUS_FAILED);
	assert_int_equal(FOLDER_RUN(&folder, qr_run, "", &capture, "a", "b"), STATUS_USAGE);
	assert_int_equal(FOLDER_RUN(&folder, qr_run, "", &capture, "--x"), STATUS_USAGE);
	assert_int_equal(FOLDER_RUN(&folder, qr_run, "", &capture, "-"), STATUS_FAILED);
	folder_done(&folder);
}

static void test_locale(void **state) {
	assert_int_equal(setenv("LC_ALL", "C.UTF-8", 1), 0);
	assert_true(qr_locale_is_utf8());
	assert_int_equal(setenv("LC_ALL", "C", 1), 0);
	assert_false(qr_locale_is_utf8());
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_half_blocks), cmocka_unit_test(test_ascii),
		cmocka_unit_test(test_sizes),       cmocka_unit_test(test_command),
		cmocka_unit_test(test_locale),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
