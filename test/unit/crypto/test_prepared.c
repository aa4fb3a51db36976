#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "crypto/aead.h"
#include "crypto/hash.h"
#include "crypto/prepared.h"

/* The plain calls have their known answers: the prepared ones must give the same bytes. */

static void fill(uint8_t *data, size_t size, unsigned seed) {
	for (size_t i = 0; i < size; i++)
		data[i] = (uint8_t)(seed * 31 + i * 7 + (i >> 3));
}

static void test_mac(void **state) {
	struct prepared_mac *mac;
	assert_int_equal(prepared_mac_new(&mac), ERR_OK);
	uint8_t key[HASH_SIZE], data[300], plain[BLAKE2S_MAC_SIZE], prepared[BLAKE2S_MAC_SIZE];
	for (unsigned round = 0; round < 200; round++) {
		size_t key_size = 1 + round % HASH_SIZE, size = round * 13 % sizeof data;
		fill(data, sizeof data, round);
		/* Every third time with the key of the time before. */
		bool again = round % 3 == 2;
		if (again)
			key_size = 1 + (round - 1) % HASH_SIZE;
		else
			fill(key, sizeof key, round + 1000);
		const struct slice parts[] = {slice_of(data, size / 2), slice_of(NULL, 0),
									  slice_of(data + size / 2, size - size / 2)};
		assert_int_equal(hash_blake2s_mac(key, key_size, parts, 3, plain), ERR_OK);
		assert_int_equal(
			prepared_mac_run(mac, again ? NULL : key, again ? 0 : key_size, parts, 3, prepared),
			ERR_OK);
		assert_memory_equal(plain, prepared, sizeof plain);
	}
	assert_int_equal(prepared_mac_run(mac, key, 0, NULL, 0, prepared), ERR_INVALID);
	assert_int_equal(prepared_mac_run(mac, key, HASH_SIZE + 1, NULL, 0, prepared), ERR_INVALID);
	prepared_mac_free(mac);
	prepared_mac_free(NULL);
}

static void test_mac_without_key(void **state) {
	struct prepared_mac *mac;
	uint8_t out[BLAKE2S_MAC_SIZE];
	assert_int_equal(prepared_mac_new(&mac), ERR_OK);
	assert_int_equal(prepared_mac_run(mac, NULL, 0, NULL, 0, out), ERR_CRYPTO);
	prepared_mac_free(mac);
}

static void test_xseal(void **state) {
	struct prepared_xseal *xseal;
	assert_int_equal(prepared_xseal_new(&xseal), ERR_OK);
	uint8_t key[AEAD_KEY_SIZE], nonce[XAEAD_NONCE_SIZE], data[200], ad[40];
	uint8_t plain[sizeof data + AEAD_TAG_SIZE], prepared[sizeof plain];
	for (unsigned round = 0; round < 200; round++) {
		fill(key, sizeof key, round / 3);
		fill(nonce, sizeof nonce, round);
		fill(data, sizeof data, round + 1);
		fill(ad, sizeof ad, round + 2);
		size_t size = round * 7 % sizeof data, ad_size = round % sizeof ad;
		assert_int_equal(aead_xseal(key, nonce, ad, ad_size, data, size, plain), ERR_OK);
		assert_int_equal(
			prepared_xseal_run(xseal, key, nonce, slice_of(ad, ad_size), data, size, prepared),
			ERR_OK);
		assert_memory_equal(plain, prepared, size + AEAD_TAG_SIZE);
	}
	prepared_xseal_free(xseal);
	prepared_xseal_free(NULL);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mac),
		cmocka_unit_test(test_mac_without_key),
		cmocka_unit_test(test_xseal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
