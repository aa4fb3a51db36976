#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "crypto/hash.h"
#include "hex.h"

enum { COUNTING_SIZE = 256 };

/* Bytes 0, 1, 2, ... */
static const uint8_t *counting(void) {
	static uint8_t bytes[COUNTING_SIZE];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)i;
	return bytes;
}

static void check_digest(enum hash_algorithm algorithm, const void *data, size_t size,
						 const char *expected) {
	struct slice whole = slice_of(data, size);
	uint8_t digest[HASH_SIZE], split_digest[HASH_SIZE];
	assert_int_equal(hash_digest(algorithm, &whole, 1, digest), ERR_OK);
	hex_assert_equal(digest, sizeof digest, expected);
	/* The same bytes in other parts, with empty ones among them. */
	for (size_t first = 0; first <= size; first += 13) {
		struct slice parts[] = {slice_of(NULL, 0), slice_of(data, first), slice_of(NULL, 0),
								slice_of((const uint8_t *)data + first, size - first)};
		assert_int_equal(hash_digest(algorithm, parts, 4, split_digest), ERR_OK);
		assert_memory_equal(digest, split_digest, sizeof digest);
	}
}

/* RFC 7693 appendix B; FIPS 180-4's examples; the others by another implementation. */
static void test_digest(void **state) {
	check_digest(HASH_BLAKE2S, "abc", 3,
				 "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982");
	check_digest(HASH_BLAKE2S, "", 0,
				 "69217a3079908094e11121d042354a7c1f55b6482ca1a51e1b250dfd1ed0eef9");
	check_digest(HASH_BLAKE2S, counting(), 200,
				 "6d244e1a06ce4ef578dd0f63aff0936706735119ca9c8d22d86c801414ab9741");
	check_digest(HASH_SHA256, "abc", 3,
				 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	check_digest(HASH_SHA256, "", 0,
				 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	check_digest(HASH_SHA256, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
				 "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	uint8_t digest[HASH_SIZE];
	assert_int_equal(hash_digest(HASH_SHA256, NULL, 0, digest), ERR_OK);
	hex_assert_equal(digest, sizeof digest,
					 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

/* Figures of another implementation of RFC 7693. */
static void test_blake2s_mac(void **state) {
	static const struct {
		size_t key_size, size;
		const char *mac;
	} figures[] = {
		{32, 0, "9536f9b267655743dee97b8a670f9f53"},
		{32, 100, "0b67d33f8b859c3157fbabd9e6e47ed0"},
		{16, 64, "dd55c51c98f8ab96ed272882941f0b6a"},
	};
	uint8_t mac[BLAKE2S_MAC_SIZE + 1] = {0};
	for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
		size_t half = figures[i].size / 3;
		struct slice parts[] = {slice_of(counting(), half), slice_of(NULL, 0),
								slice_of(counting() + half, figures[i].size - half)};
		assert_int_equal(hash_blake2s_mac(counting(), figures[i].key_size, parts, 3, mac), ERR_OK);
		hex_assert_equal(mac, BLAKE2S_MAC_SIZE, figures[i].mac);
		assert_int_equal(mac[BLAKE2S_MAC_SIZE], 0);
	}
	struct slice abc = slice_of_text("abc");
	assert_int_equal(hash_blake2s_mac((const uint8_t *)"Z", 1, &abc, 1, mac), ERR_OK);
	hex_assert_equal(mac, BLAKE2S_MAC_SIZE, "746d0899bc6f3147d5a5b65c8302237c");
	assert_int_equal(hash_blake2s_mac(counting(), 0, &abc, 1, mac), ERR_INVALID);
	assert_int_equal(hash_blake2s_mac(counting(), 33, &abc, 1, mac), ERR_INVALID);
	hex_assert_equal(mac, BLAKE2S_MAC_SIZE, "746d0899bc6f3147d5a5b65c8302237c");
}

static void check_hmac(enum hash_algorithm algorithm, struct slice key, struct slice data,
					   const char *expected, size_t size) {
	size_t half = data.size / 2;
	struct slice parts[] = {slice_of(data.data, half),
							slice_of(data.data + half, data.size - half)};
	uint8_t mac[HASH_SIZE];
	assert_int_equal(hash_hmac(algorithm, key, parts, 2, mac), ERR_OK);
	hex_assert_equal(mac, size, expected);
}

static struct slice repeated(uint8_t *buffer, uint8_t byte, size_t size) {
	memset(buffer, byte, size);
	return slice_of(buffer, size);
}

/* RFC 4231 sections 4.2 to 4.8. */
static void test_hmac_sha256(void **state) {
	uint8_t key[131], data[50];
	check_hmac(HASH_SHA256, repeated(key, 0x0b, 20), slice_of_text("Hi There"),
			   "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7", 32);
	check_hmac(HASH_SHA256, slice_of_text("Jefe"), slice_of_text("what do ya want for nothing?"),
			   "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", 32);
	check_hmac(HASH_SHA256, repeated(key, 0xaa, 20), repeated(data, 0xdd, 50),
			   "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe", 32);
	check_hmac(HASH_SHA256, slice_of(counting() + 1, 25), repeated(data, 0xcd, 50),
			   "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b", 32);
	check_hmac(HASH_SHA256, repeated(key, 0x0c, 20), slice_of_text("Test With Truncation"),
			   "a3b6167473100ee06e0c796c2955552b", 16);
	check_hmac(HASH_SHA256, repeated(key, 0xaa, 131),
			   slice_of_text("Test Using Larger Than Block-Size Key - Hash Key First"),
			   "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54", 32);
	check_hmac(HASH_SHA256, repeated(key, 0xaa, 131),
			   slice_of_text("This is a test using a larger than block-size key and a larger than "
							 "block-size data. The key needs to be hashed before being used by the "
							 "HMAC algorithm."),
			   "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2", 32);
}

/* Figures of another implementation; keys below, at and above the block size. */
static void test_hmac_blake2s(void **state) {
	const uint8_t *bytes = counting();
	check_hmac(HASH_BLAKE2S, slice_of(NULL, 0), slice_of(bytes, 0),
			   "eaf4bb25938f4d20e72656bbbc7a9bf63c0c18537333c35bdb67db1402661acd", 32);
	check_hmac(HASH_BLAKE2S, slice_of(bytes, 32), slice_of_text("abc"),
			   "82623be5bc0a391b24dce53e67d028eff92d586de0485ac37822e597d049c74f", 32);
	check_hmac(HASH_BLAKE2S, slice_of(bytes, 64), slice_of(bytes, 116),
			   "9ec7213d768a6f1c7578fceaddb502bfe31dbbb02eeebfac25980cb5721b1713", 32);
	check_hmac(HASH_BLAKE2S, slice_of(bytes, 65), slice_of(bytes, 116),
			   "8538b2770c80dc9fcca64ce87225b9c94d27b2ab79bc85ea2fac8b7bc7cc66bf", 32);
	check_hmac(HASH_BLAKE2S, slice_of(bytes, 131), slice_of_text("x"),
			   "80f92295c30dd880a14376fccc91dd1bb810d3e07bb25af9a7b29b7411faa4f1", 32);
}

struct hkdf_figure {
	const char *ikm, *salt, *info, *prk, *okm;
};

/* RFC 5869 appendices A.1 to A.3. */
static const struct hkdf_figure hkdf_figures[] = {
	{
		"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
		"000102030405060708090a0b0c",
		"f0f1f2f3f4f5f6f7f8f9",
		"077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
		"3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
	},
	{
		"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c"
		"2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f",
		"606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c"
		"8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
		"b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdc"
		"dddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
		"06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
		"b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e"
		"590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
	},
	{
		"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
		"",
		"",
		"19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
		"8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
	},
};

static void test_hkdf(void **state) {
	for (size_t i = 0; i < sizeof hkdf_figures / sizeof hkdf_figures[0]; i++) {
		const struct hkdf_figure *figure = &hkdf_figures[i];
		auto_free uint8_t *ikm = hex_new(figure->ikm), *salt = hex_new(figure->salt);
		auto_free uint8_t *info = hex_new(figure->info);
		struct slice ikm_slice = slice_of(ikm, strlen(figure->ikm) / 2);
		struct slice salt_slice = slice_of(salt, strlen(figure->salt) / 2);
		struct slice info_slice = slice_of(info, strlen(figure->info) / 2);
		uint8_t prk[HASH_SIZE], okm[128] = {0};
		size_t size = strlen(figure->okm) / 2;
		assert_int_equal(hash_hkdf_extract(HASH_SHA256, salt_slice, ikm_slice, prk), ERR_OK);
		hex_assert_equal(prk, sizeof prk, figure->prk);
		assert_int_equal(hash_hkdf_expand(HASH_SHA256, prk, info_slice, okm, size), ERR_OK);
		hex_assert_equal(okm, size, figure->okm);
		assert_int_equal(okm[size], 0);
		memset(okm, 0, sizeof okm);
		assert_int_equal(hash_hkdf(HASH_SHA256, salt_slice, ikm_slice, info_slice, okm, size),
						 ERR_OK);
		hex_assert_equal(okm, size, figure->okm);
	}
}

static void test_hkdf_limits(void **state) {
	enum { LONGEST = 255 * HASH_SIZE };
	static uint8_t okm[LONGEST + 1], shorter[LONGEST];
	struct slice none = slice_of(NULL, 0);
	const uint8_t *prk = counting();
	assert_int_equal(hash_hkdf_expand(HASH_BLAKE2S, prk, none, okm, LONGEST + 1), ERR_INVALID);
	assert_int_equal(okm[0], 0);
	assert_int_equal(hash_hkdf_expand(HASH_BLAKE2S, prk, none, okm, LONGEST), ERR_OK);
	assert_int_equal(hash_hkdf_expand(HASH_BLAKE2S, prk, none, shorter, 33), ERR_OK);
	assert_memory_equal(okm, shorter, 33);
	assert_int_equal(hash_hkdf_expand(HASH_BLAKE2S, prk, none, NULL, 0), ERR_OK);
	/* T(255) = HMAC(PRK, T(254) || 255). */
	uint8_t number = 255, last[HASH_SIZE];
	struct slice parts[] = {slice_of(okm + LONGEST - 2 * HASH_SIZE, HASH_SIZE),
							slice_of(&number, 1)};
	assert_int_equal(hash_hmac(HASH_BLAKE2S, slice_of(prk, HASH_SIZE), parts, 2, last), ERR_OK);
	assert_memory_equal(okm + LONGEST - HASH_SIZE, last, HASH_SIZE);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_digest),      cmocka_unit_test(test_blake2s_mac),
		cmocka_unit_test(test_hmac_sha256), cmocka_unit_test(test_hmac_blake2s),
		cmocka_unit_test(test_hkdf),        cmocka_unit_test(test_hkdf_limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
