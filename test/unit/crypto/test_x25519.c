#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/cleanup.h"
#include "crypto/csprng.h"
#include "crypto/x25519.h"
#include "hex.h"

static void check_shared(const char *private_text, const char *public_text, const char *expected) {
	auto_free uint8_t *private_key = hex_new(private_text), *public_key = hex_new(public_text);
	uint8_t shared[X25519_KEY_SIZE];
	assert_int_equal(x25519_shared(private_key, public_key, shared), ERR_OK);
	hex_assert_equal(shared, sizeof shared, expected);
}

/* RFC 7748 section 5.2; the second point has its unused top bit set. */
static void test_scalar_multiplication(void **state) {
	check_shared("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
				 "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
				 "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
	check_shared("4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
				 "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
				 "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957");
}

/* The same section's iteration, 1 and 1,000 times. */
static void test_iteration(void **state) {
	uint8_t scalar[X25519_KEY_SIZE] = {9}, point[X25519_KEY_SIZE] = {9}, result[X25519_KEY_SIZE];
	for (int i = 1; i <= 1000; i++) {
		assert_int_equal(x25519_shared(scalar, point, result), ERR_OK);
		memcpy(point, scalar, sizeof point);
		memcpy(scalar, result, sizeof scalar);
		if (i == 1)
			hex_assert_equal(scalar, sizeof scalar,
							 "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
	}
	hex_assert_equal(scalar, sizeof scalar,
					 "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
}

/* Section 6.1. */
static void test_diffie_hellman(void **state) {
	static const char *const private_texts[2] = {
		"77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
		"5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
	};
	static const char *const public_texts[2] = {
		"8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
		"de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
	};
	for (size_t i = 0; i < 2; i++) {
		auto_free uint8_t *private_key = hex_new(private_texts[i]);
		uint8_t public_key[X25519_KEY_SIZE];
		assert_int_equal(x25519_public(private_key, public_key), ERR_OK);
		hex_assert_equal(public_key, sizeof public_key, public_texts[i]);
		check_shared(private_texts[i], public_texts[1 - i],
					 "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
	}
}

/* The points of small order, whose product with every clamped scalar is zero. */
static void test_low_order(void **state) {
	static const char *const points[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"0000000000000000000000000000000000000000000000000000000000000080",
	};
	uint8_t private_key[X25519_KEY_SIZE] = {1, 2, 3}, shared[X25519_KEY_SIZE], before[32];
	memset(shared, 0x77, sizeof shared);
	memcpy(before, shared, sizeof before);
	for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
		auto_free uint8_t *point = hex_new(points[i]);
		assert_int_equal(x25519_shared(private_key, point, shared), ERR_CRYPTO);
		assert_memory_equal(shared, before, sizeof shared);
	}
}

static void fill_ones(void *context, void *out_data, size_t size) {
	memset(out_data, *(const int *)context, size);
}

static void test_generate(void **state) {
	int byte = 0xff;
	const struct random_source ones = {.fill = fill_ones, .context = &byte};
	uint8_t key[X25519_KEY_SIZE];
	x25519_generate(&ones, key);
	hex_assert_equal(key, sizeof key,
					 "f8ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f");
	byte = 0;
	x25519_generate(&ones, key);
	hex_assert_equal(key, sizeof key,
					 "0000000000000000000000000000000000000000000000000000000000000040");
}

/* Clamping is done inside, too: it changes no result. */
static void test_clamp(void **state) {
	uint8_t raw[X25519_KEY_SIZE], clamped[X25519_KEY_SIZE], publics[2][X25519_KEY_SIZE];
	for (int round = 0; round < 8; round++) {
		random_fill(&csprng, raw, sizeof raw);
		memcpy(clamped, raw, sizeof clamped);
		x25519_clamp(clamped);
		assert_int_equal(x25519_public(raw, publics[0]), ERR_OK);
		assert_int_equal(x25519_public(clamped, publics[1]), ERR_OK);
		assert_memory_equal(publics[0], publics[1], X25519_KEY_SIZE);
	}
}

static void test_csprng(void **state) {
	uint8_t draws[2][64] = {0};
	random_fill(&csprng, draws[0], sizeof draws[0]);
	random_fill(&csprng, draws[1], sizeof draws[1]);
	assert_memory_not_equal(draws[0], draws[1], sizeof draws[0]);
	random_fill(&csprng, draws[0], 0);
	/* All 64 bytes are filled: the chance that one stays zero through 40 draws is nil. */
	uint8_t seen[64] = {0};
	for (int i = 0; i < 40; i++) {
		random_fill(&csprng, draws[0], sizeof draws[0]);
		for (size_t k = 0; k < sizeof seen; k++)
			seen[k] |= draws[0][k];
	}
	for (size_t k = 0; k < sizeof seen; k++)
		assert_int_not_equal(seen[k], 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scalar_multiplication),
		cmocka_unit_test(test_iteration),
		cmocka_unit_test(test_diffie_hellman),
		cmocka_unit_test(test_low_order),
		cmocka_unit_test(test_generate),
		cmocka_unit_test(test_clamp),
		cmocka_unit_test(test_csprng),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
