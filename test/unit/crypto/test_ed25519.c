#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/cleanup.h"
#include "crypto/ed25519.h"
#include "hex.h"

/* RFC 8032 section 7.1, tests 1, 2, 3 and 1024's neighbour: SHA(abc). */
static const struct {
	const char *private_key, *public_key, *message, *signature;
} rows[] = {
	{"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
	 "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
	 "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b"
	 "4"
	 "6bd25bf5f0595bbe24655141438e7a100b"},
	{"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
	 "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
	 "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11"
	 "d"
	 "8c387b2eaeb4302aeeb00d291612bb0c00"},
	{"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
	 "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
	 "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc"
	 "6"
	 "594a7c15e9716ed28dc027beceea1ec40a"},
};

static void known_answers(void **state) {
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		auto_free uint8_t *private_key = hex_new(rows[i].private_key);
		auto_free uint8_t *message = hex_new(rows[i].message);
		const struct slice said = slice_of(message, strlen(rows[i].message) / 2);
		uint8_t public_key[ED25519_KEY_SIZE], signature[ED25519_SIGNATURE_SIZE];
		assert_int_equal(ed25519_public(private_key, public_key), ERR_OK);
		hex_assert_equal(public_key, sizeof public_key, rows[i].public_key);
		assert_int_equal(ed25519_sign(private_key, said, signature), ERR_OK);
		hex_assert_equal(signature, sizeof signature, rows[i].signature);
		assert_int_equal(ed25519_verify(public_key, said, signature), ERR_OK);
	}
}

static void every_byte_counts(void **state) {
	auto_free uint8_t *public_key = hex_new(rows[2].public_key);
	auto_free uint8_t *message = hex_new(rows[2].message);
	auto_free uint8_t *signature = hex_new(rows[2].signature);
	const struct slice said = slice_of(message, 2);
	for (size_t i = 0; i < ED25519_SIGNATURE_SIZE; i++) {
		signature[i] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(ed25519_verify(public_key, said, signature), ERR_AUTHENTICATION);
		signature[i] ^= (uint8_t)(1 << i % 8);
	}
	message[1] ^= 1;
	assert_int_equal(ed25519_verify(public_key, said, signature), ERR_AUTHENTICATION);
	message[1] ^= 1;
	assert_int_equal(ed25519_verify(public_key, slice_of(message, 1), signature),
					 ERR_AUTHENTICATION);
	public_key[0] ^= 1;
	assert_int_equal(ed25519_verify(public_key, said, signature), ERR_AUTHENTICATION);
	public_key[0] ^= 1;
	assert_int_equal(ed25519_verify(public_key, said, signature), ERR_OK);
}

/* The key of RFC 8410 section 10.3; and of other kinds. */
static void keys_in_pem(void **state) {
	static const char pem[] = "-----BEGIN PRIVATE KEY-----\n"
							  "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
							  "-----END PRIVATE KEY-----\n";
	static const char seed[] = "d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842";
	static const char *const others[] = {
		/* X25519, the same bytes */
		"-----BEGIN PRIVATE KEY-----\n"
		"MC4CAQAwBQYDK2VuBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
		"-----END PRIVATE KEY-----\n",
		"-----BEGIN PRIVATE KEY-----\nQQ==\n-----END PRIVATE KEY-----\n",
		"no key",
		"",
	};
	uint8_t key[ED25519_KEY_SIZE] = {0}, before[ED25519_KEY_SIZE] = {0};
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		assert_int_equal(ed25519_read(slice_of_text(others[i]), key), ERR_MALFORMED);
		assert_memory_equal(key, before, sizeof key);
	}
	assert_int_equal(ed25519_read(slice_of_text(pem), key), ERR_OK);
	hex_assert_equal(key, sizeof key, seed);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answers),
		cmocka_unit_test(every_byte_counts),
		cmocka_unit_test(keys_in_pem),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
