#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "crypto/aead.h"
#include "proto/phaze_pass.h"

static const uint8_t key[AEAD_KEY_SIZE] = {1}, other_key[AEAD_KEY_SIZE] = {2};
static const uint8_t identity[HASH_SIZE] = {3}, other_identity[HASH_SIZE] = {4};

static void fill(void *context, void *out_data, size_t size) {
	memset(out_data, 7, size);
}

static const struct random_source random_source = {fill, NULL};

static struct phaze_pass pass_of(bool by_certificate, bool has_next) {
	struct phaze_pass pass;
	memset(&pass, 0, sizeof pass);
	memset(&pass.ticket, 0x11, sizeof pass.ticket);
	pass.login = 1700000000;
	pass.until = 1700000100;
	pass.by_password = !by_certificate;
	pass.by_certificate = by_certificate;
	pass.has_next = has_next;
	if (has_next) {
		memset(&pass.next, 0x55, sizeof pass.next);
		pass.next_until = 1700000200;
	}
	if (!by_certificate)
		return pass;
	memset(pass.mark.anchor, 0x22, sizeof pass.mark.anchor);
	memset(pass.mark.issuer, 0x33, sizeof pass.mark.issuer);
	memset(pass.mark.serial, 0x44, sizeof pass.mark.serial);
	pass.mark.serial_size = sizeof pass.mark.serial;
	memset(pass.mark.pin, 0x55, sizeof pass.mark.pin);
	pass.mark.valid_until = -5;
	return pass;
}

static void test_sealed(void **state) {
	for (unsigned i = 0; i < 4; i++) {
		const struct phaze_pass pass = pass_of(i & 1, i & 2);
		struct phaze_pass opened, before;
		uint8_t sealed[PHAZE_PASS_SEALED_MAX + 1];
		size_t size;
		memset(&opened, 0xee, sizeof opened);
		memcpy(&before, &opened, sizeof opened);
		assert_int_equal(phaze_pass_seal(&pass, key, identity, &random_source, sealed, &size),
						 ERR_OK);
		assert_true(size <= PHAZE_PASS_SEALED_MAX);
		for (size_t cut = 0; cut < size; cut++)
			assert_int_not_equal(phaze_pass_open(slice_of(sealed, cut), key, identity, &opened),
								 ERR_OK);
		sealed[size] = 0;
		assert_int_not_equal(phaze_pass_open(slice_of(sealed, size + 1), key, identity, &opened),
							 ERR_OK);
		for (size_t bit = 0; bit < 8 * size; bit++) {
			sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
			assert_int_equal(phaze_pass_open(slice_of(sealed, size), key, identity, &opened),
							 ERR_AUTHENTICATION);
			sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		assert_int_equal(phaze_pass_open(slice_of(sealed, size), other_key, identity, &opened),
						 ERR_AUTHENTICATION);
		assert_int_equal(phaze_pass_open(slice_of(sealed, size), key, other_identity, &opened),
						 ERR_AUTHENTICATION);
		assert_memory_equal(&opened, &before, sizeof opened);
		memset(&opened, 0, sizeof opened);
		assert_int_equal(phaze_pass_open(slice_of(sealed, size), key, identity, &opened), ERR_OK);
		assert_memory_equal(&opened.ticket, &pass.ticket, sizeof pass.ticket);
		assert_int_equal(opened.login, pass.login);
		assert_int_equal(opened.until, pass.until);
		assert_int_equal(opened.by_password, pass.by_password);
		assert_int_equal(opened.by_certificate, pass.by_certificate);
		assert_memory_equal(&opened.mark, &pass.mark, sizeof pass.mark);
		assert_int_equal(opened.has_next, pass.has_next);
		assert_memory_equal(&opened.next, &pass.next, sizeof pass.next);
		assert_int_equal(opened.next_until, pass.next_until);
		if (!opened.has_next)
			continue;
		phaze_pass_take_next(&opened);
		assert_memory_equal(&opened.ticket, &pass.next, sizeof pass.next);
		assert_int_equal(opened.until, pass.next_until);
		assert_false(opened.has_next);
	}
}

/* As they were sealed before marks had a pin: they are read as well as before. */
static void test_without_pin(void **state) {
	enum { FIXED = 1 + 16 + 32 + 8 + 8, MARK = 32 + 32 + 8 + 1 + 2 };
	static const uint8_t kinds[] = {PHAZE_BY_BOTH, PHAZE_BY_CERTIFICATE, 8 + 1, 8, 16 + 2};
	for (size_t i = 0; i < sizeof kinds; i++) {
		uint8_t plain[FIXED + MARK], sealed[12 + FIXED + MARK + 16] = {9}, associated[12 + 32];
		struct phaze_pass opened;
		memset(plain, 0, sizeof plain);
		plain[0] = kinds[i];
		memset(plain + FIXED + 32, 0x77, 32);
		plain[FIXED + 32 + 32 + 8] = 2;
		plain[FIXED + MARK - 1] = 0x66;
		memcpy(associated, "umbra ticket", 12);
		memcpy(associated + 12, identity, 32);
		assert_int_equal(aead_seal_with(AEAD_CHACHA20_POLY1305, key, sealed,
										slice_of(associated, sizeof associated), plain,
										sizeof plain, sealed + 12),
						 ERR_OK);
		enum err error = phaze_pass_open(slice_of(sealed, sizeof sealed), key, identity, &opened);
		assert_int_equal(error == ERR_OK, i < 2);
		if (error)
			continue;
		assert_true(opened.by_certificate);
		assert_int_equal(opened.mark.serial[1], 0x66);
		assert_int_equal(opened.mark.issuer[15], 0x77);
		assert_int_equal(opened.mark.pin[0], 0);
	}
}

static void test_until(void **state) {
	enum { NOW = 1700000000, WEEK = PHAZE_PASS_AGE_MAX };
	static const struct {
		uint32_t login_ago, seconds, user_in, certificate_in, expected; /* 0: none */
	} rows[] = {
		{0, WEEK, 0, 0, WEEK}, {0, 60, 0, 0, 60},         {100, WEEK, 0, 0, WEEK - 100},
		{WEEK, WEEK, 0, 0, 0}, {WEEK - 1, WEEK, 0, 0, 1}, {0, WEEK, 30, 0, 30},
		{0, WEEK, 30, 20, 20}, {0, WEEK, 0, 40, 40},      {0, 0, 0, 0, 0},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct phaze_pass pass = {.login = NOW - rows[i].login_ago};
		uint64_t until = 1;
		pass.by_certificate = rows[i].certificate_in > 0;
		pass.mark.valid_until = (int64_t)NOW + rows[i].certificate_in;
		enum err error = phaze_pass_until(&pass, NOW, rows[i].seconds,
										  rows[i].user_in ? NOW + rows[i].user_in : 0, &until);
		assert_int_equal(error, rows[i].expected ? ERR_OK : ERR_EXPIRED);
		assert_int_equal(until, rows[i].expected ? NOW + rows[i].expected : 1);
	}
	const struct phaze_pass old = {.login = NOW, .by_certificate = true, .mark.valid_until = -1};
	uint64_t until;
	assert_int_equal(phaze_pass_until(&old, NOW, WEEK, 0, &until), ERR_EXPIRED);
	const struct phaze_pass gone = {.login = NOW};
	assert_int_equal(phaze_pass_until(&gone, NOW, WEEK, NOW, &until), ERR_EXPIRED);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sealed),
		cmocka_unit_test(test_without_pin),
		cmocka_unit_test(test_until),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
