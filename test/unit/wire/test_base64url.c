#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "wire/base64url.h"

/* RFC 4648 section 10, without the padding, and the two characters that differ from base64. */
static const struct {
	const char *data, *text;
} known[] = {
	{"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
	{"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xbf", "-_-_"},
};

static void known_answers(void **state) {
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		char text[16];
		uint8_t data[16];
		size_t size = 99;
		assert_int_equal(base64url_encode(slice_of_text(known[i].data), text, sizeof text, &size),
						 ERR_OK);
		assert_int_equal(size, strlen(known[i].text));
		assert_string_equal(text, known[i].text);
		assert_int_equal(base64url_decode(slice_of_text(known[i].text), data, sizeof data, &size),
						 ERR_OK);
		assert_int_equal(size, strlen(known[i].data));
		assert_memory_equal(data, known[i].data, size);
	}
}

/* Every byte value at every place of a group, for sizes around those of groups. */
static void every_byte_returns(void **state) {
	for (size_t size = 1; size <= 7; size++) {
		for (unsigned value = 0; value < 256; value++) {
			for (size_t place = 0; place < size; place++) {
				uint8_t data[7] = {0}, back[7];
				char text[BASE64URL_TEXT_SIZE(7) + 1];
				size_t text_size, back_size;
				data[place] = (uint8_t)value;
				assert_int_equal(
					base64url_encode(slice_of(data, size), text, sizeof text, &text_size), ERR_OK);
				assert_int_equal(text_size, BASE64URL_TEXT_SIZE(size));
				assert_int_equal(BASE64URL_DATA_SIZE(text_size), size);
				assert_int_equal(
					base64url_decode(slice_of(text, text_size), back, sizeof back, &back_size),
					ERR_OK);
				assert_int_equal(back_size, size);
				assert_memory_equal(back, data, size);
			}
		}
	}
}

static void refused(const char *text, size_t text_size) {
	uint8_t data[16], before[16];
	size_t size = 99;
	memset(data, 0xa5, sizeof data);
	memcpy(before, data, sizeof data);
	assert_int_equal(base64url_decode(slice_of(text, text_size), data, sizeof data, &size),
					 ERR_MALFORMED);
	assert_int_equal(size, 99);
	assert_memory_equal(data, before, sizeof data);
}

static void other_characters(void **state) {
	const char *allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	for (unsigned character = 0; character < 256; character++) {
		if (character != 0 && strchr(allowed, (int)character))
			continue;
		for (size_t place = 0; place < 4; place++) {
			char text[4] = {'A', 'A', 'A', 'A'};
			text[place] = (char)character;
			refused(text, sizeof text);
		}
	}
	refused("Zg==", 4);
	refused("Zm8=", 4);
	refused("Zm9v\n", 5);
	refused(" Zm9v", 5);
}

static void one_text_for_each_bytes(void **state) {
	/* one character more than a group says nothing; bits behind the last byte are zeros */
	refused("A", 1);
	refused("Zm9vA", 5);
	refused("Zh", 2);
	refused("Z_", 2);
	refused("Zm9", 3);
	refused("Zm-", 3);
}

static void rooms(void **state) {
	char text[5] = {'x', 'x', 'x', 'x', 'x'};
	uint8_t data[3] = {1, 2, 3};
	size_t size = 99;
	assert_int_equal(base64url_encode(slice_of_text("foo"), text, 4, &size), ERR_LIMIT);
	assert_int_equal(base64url_encode(slice_of_text(""), text, 0, &size), ERR_LIMIT);
	assert_memory_equal(text, "xxxxx", 5);
	assert_int_equal(base64url_decode(slice_of_text("Zm9v"), data, 2, &size), ERR_LIMIT);
	assert_int_equal(size, 99);
	assert_memory_equal(data, ((uint8_t[]){1, 2, 3}), 3);
	assert_int_equal(base64url_encode(slice_of_text("foo"), text, 5, &size), ERR_OK);
	assert_int_equal(base64url_decode(slice_of_text("Zm9v"), data, 3, &size), ERR_OK);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answers),
		cmocka_unit_test(every_byte_returns),
		cmocka_unit_test(other_characters),
		cmocka_unit_test(one_text_for_each_bytes),
		cmocka_unit_test(rooms),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
