#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "crypto/aead.h"
#include "hex.h"

/* The published figures, through every back end, and the single messages. */

struct figure {
	enum aead_algorithm algorithm;
	const char *key, *nonce, *associated_data, *plain, *sealed;
};

#define SUNSCREEN                                                                                \
	"4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a20496620" \
	"4920636f756c64206f6666657220796f75206f6e6c79206f6e652074697020666f722074686520667574757265" \
	"2c2073756e73637265656e20776f756c642062652069742e"

static const struct figure rfc8439_2_8_2 = {
	AEAD_CHACHA20_POLY1305,
	"808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
	"070000004041424344454647",
	"50515253c0c1c2c3c4c5c6c7",
	SUNSCREEN,
	"d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da9272"
	"8b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831"
	"d7bc3ff4def08e4b7a9de576d26586cec64b6116"
	"1ae10b594f09e26a7e902ecbd0600691",
};

/* Its nonce begins with four zero bytes, so that the single messages can take it, too. */
static const struct figure rfc8439_a_5 = {
	AEAD_CHACHA20_POLY1305,
	"1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0",
	"000000000102030405060708",
	"f33388860000000000004e91",
	"496e7465726e65742d4472616674732061726520647261667420646f63756d656e74732076616c696420666f722061"
	"206d6178696d756d206f6620736978206d6f6e74687320616e64206d617920626520757064617465642c207265706c"
	"616365642c206f72206f62736f6c65746564206279206f7468657220646f63756d656e747320617420616e79207469"
	"6d652e20497420697320696e617070726f70726961746520746f2075736520496e7465726e65742d44726166747320"
	"6173207265666572656e6365206d6174657269616c206f7220746f2063697465207468656d206f7468657220746861"
	"6e206173202fe2809c776f726b20696e2070726f67726573732e2fe2809d",
	"64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb24c6cfc18755d43eea09ee94e382d26"
	"b0bdb7b73c321b0100d4f03b7f355894cf332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37"
	"c8559797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4b9166c767b804d46a59b5216cd"
	"e7a4e99040c5a40433225ee282a1b0a06c523eaf4534d7f83fa1155b0047718cbc546a0d072b04b3564eea1b422273"
	"f548271a0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a1049e617d91d361094fa68f0"
	"ff77987130305beaba2eda04df997b714d6c6f2c29a6ad5cb4022b02709b"
	"eead9d67890cbb22392336fea1851f38",
};

/* Test cases 13, 14 and 16 of the GCM specification that NIST took over. */
static const struct figure gcm_13 = {
	AEAD_AES_256_GCM,
	"0000000000000000000000000000000000000000000000000000000000000000",
	"000000000000000000000000",
	"",
	"",
	"530f8afbc74536b9a963b4f1c4cb738b",
};

static const struct figure gcm_14 = {
	AEAD_AES_256_GCM,
	"0000000000000000000000000000000000000000000000000000000000000000",
	"000000000000000000000000",
	"",
	"00000000000000000000000000000000",
	"cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919",
};

static const struct figure gcm_16 = {
	AEAD_AES_256_GCM,
	"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
	"cafebabefacedbaddecaf888",
	"feedfacedeadbeeffeedfacedeadbeefabaddad2",
	"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b5"
	"25b16aedf5aa0de657ba637b39",
	"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b10568288"
	"38c5f61e6393ba7a0abcc9f662"
	"76fc6ece0f4e1768cddf8853bb2d551b",
};

static void check_figure(const char *backend_name, const struct figure *figure) {
	const struct aead_backend *backend = aead_backend_find(backend_name);
	if (backend == NULL) {
		print_message("this machine or build has no %s\n", backend_name);
		skip();
	}
	assert_string_equal(aead_backend_name(backend), backend_name);
	auto_free uint8_t *key_bytes = hex_new(figure->key), *nonce = hex_new(figure->nonce);
	auto_free uint8_t *associated_data = hex_new(figure->associated_data);
	auto_free uint8_t *plain = hex_new(figure->plain), *sealed = hex_new(figure->sealed);
	size_t size = strlen(figure->plain) / 2;
	auto_free uint8_t *out = malloc(size + AEAD_TAG_SIZE);

	struct aead_worker *worker;
	struct aead_key key;
	assert_int_equal(aead_worker_new(backend, &worker), ERR_OK);
	assert_int_equal(aead_key_init(&key, backend, figure->algorithm, key_bytes), ERR_OK);
	struct aead_job job = {
		.key = &key,
		.source = plain,
		.destination = out,
		.associated_data = associated_data,
		.associated_data_size = (uint32_t)strlen(figure->associated_data) / 2,
		.size = (uint32_t)size,
	};
	memcpy(job.nonce, nonce, sizeof job.nonce);
	assert_int_equal(aead_seal_many(worker, &job, 1), ERR_OK);
	assert_memory_equal(out, sealed, size + AEAD_TAG_SIZE);

	job.source = sealed;
	aead_open_many(worker, &job, 1);
	assert_true(job.ok);
	assert_memory_equal(out, plain, size);
	sealed[size] ^= 1;
	aead_open_many(worker, &job, 1);
	assert_false(job.ok);
	aead_key_done(&key);
	aead_worker_free(worker);
}

static void test_chacha_openssl(void **state) {
	check_figure("openssl", &rfc8439_2_8_2);
	check_figure("openssl", &rfc8439_a_5);
}

static void test_chacha_ipsec_mb(void **state) {
	check_figure("ipsec-mb", &rfc8439_2_8_2);
	check_figure("ipsec-mb", &rfc8439_a_5);
}

static void test_gcm_openssl(void **state) {
	check_figure("openssl", &gcm_13);
	check_figure("openssl", &gcm_14);
	check_figure("openssl", &gcm_16);
}

static void test_gcm_ipsec_mb(void **state) {
	check_figure("ipsec-mb", &gcm_13);
	check_figure("ipsec-mb", &gcm_14);
	check_figure("ipsec-mb", &gcm_16);
}

static void test_single_figure(void **state) {
	const struct figure *figure = &rfc8439_a_5;
	auto_free uint8_t *key = hex_new(figure->key), *plain = hex_new(figure->plain);
	auto_free uint8_t *associated_data = hex_new(figure->associated_data);
	size_t size = strlen(figure->plain) / 2;
	uint8_t out[512];
	uint64_t counter = 0x0807060504030201; /* little-endian in the nonce */
	assert_int_equal(aead_seal(key, counter, associated_data, 12, plain, size, out), ERR_OK);
	hex_assert_equal(out, size + AEAD_TAG_SIZE, figure->sealed);
	assert_int_equal(aead_open(key, counter, associated_data, 12, out, size, out), ERR_OK);
	assert_memory_equal(out, plain, size);
}

/* Sizes around the chunks that opening works in, and messages without anything in them. */
static void test_single_round_trip(void **state) {
	static const size_t sizes[] = {0, 1, 16, 63, 511, 512, 513, 1024, 1025, 5000};
	uint8_t key[AEAD_KEY_SIZE] = {42};
	uint8_t plain[5000], sealed[5000 + AEAD_TAG_SIZE], opened[5000], before[5000];
	for (size_t i = 0; i < sizeof plain; i++)
		plain[i] = (uint8_t)(i * 7);
	memset(before, 0xa5, sizeof before);
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		size_t size = sizes[i];
		const void *text = size > 0 ? plain : NULL;
		assert_int_equal(aead_seal(key, i, NULL, 0, text, size, sealed), ERR_OK);
		assert_int_equal(aead_open(key, i, NULL, 0, sealed, size, size > 0 ? opened : NULL),
						 ERR_OK);
		assert_memory_equal(opened, plain, size);

		/* Forged: in the text's last byte, in the tag, in counter and data; nothing comes out. */
		memcpy(opened, before, sizeof opened);
		for (size_t at = size > 0 ? size - 1 : size; at <= size; at++) {
			sealed[at] ^= 0x80;
			assert_int_equal(aead_open(key, i, NULL, 0, sealed, size, opened), ERR_AUTHENTICATION);
			sealed[at] ^= 0x80;
		}
		assert_int_equal(aead_open(key, i + 1, NULL, 0, sealed, size, opened), ERR_AUTHENTICATION);
		assert_int_equal(aead_open(key, i, "x", 1, sealed, size, opened), ERR_AUTHENTICATION);
		assert_memory_equal(opened, before, sizeof opened);

		assert_int_equal(aead_open(key, i, NULL, 0, sealed, size, sealed), ERR_OK);
		assert_memory_equal(sealed, plain, size);
	}
}

/* draft-irtf-cfrg-xchacha-03, the AEAD example of appendix A. */
static void test_xchacha_figure(void **state) {
	static const char *const sealed =
		"bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4e"
		"da7e39ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2"
		"383565d3fff921f9664c97637da9768812f615c68b13b52e"
		"c0875924c1c7987947deafd8780acf49";
	auto_free uint8_t *key = hex_new(rfc8439_2_8_2.key), *plain = hex_new(SUNSCREEN);
	auto_free uint8_t *nonce = hex_new("404142434445464748494a4b4c4d4e4f5051525354555657");
	auto_free uint8_t *associated_data = hex_new(rfc8439_2_8_2.associated_data);
	size_t size = strlen(SUNSCREEN) / 2;
	uint8_t out[256], opened[256];
	assert_int_equal(aead_xseal(key, nonce, associated_data, 12, plain, size, out), ERR_OK);
	hex_assert_equal(out, size + AEAD_TAG_SIZE, sealed);
	assert_int_equal(aead_xopen(key, nonce, associated_data, 12, out, size, opened), ERR_OK);
	assert_memory_equal(opened, plain, size);

	memset(opened, 1, sizeof opened);
	nonce[0] ^= 1;
	assert_int_equal(aead_xopen(key, nonce, associated_data, 12, out, size, opened),
					 ERR_AUTHENTICATION);
	nonce[0] ^= 1;
	nonce[23] ^= 1;
	assert_int_equal(aead_xopen(key, nonce, associated_data, 12, out, size, opened),
					 ERR_AUTHENTICATION);
	for (size_t i = 0; i < sizeof opened; i++)
		assert_int_equal(opened[i], 1);
}

/* Section 2.2.1 gives HChaCha20's result; sealing under it must be what aead_xseal() does. */
static void test_hchacha20_figure(void **state) {
	auto_free uint8_t *key =
		hex_new("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
	auto_free uint8_t *nonce = hex_new("000000090000004a00000000314159271122334455667788");
	auto_free uint8_t *subkey =
		hex_new("82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc");
	uint8_t extended[4 + AEAD_TAG_SIZE], plain[4 + AEAD_TAG_SIZE];
	assert_int_equal(aead_xseal(key, nonce, "data", 4, "text", 4, extended), ERR_OK);
	assert_int_equal(aead_seal(subkey, 0x8877665544332211, "data", 4, "text", 4, plain), ERR_OK);
	assert_memory_equal(extended, plain, sizeof plain);
}

/* Either algorithm with any nonce, against the published figures. */
static void test_single_with(void **state) {
	const struct figure *const figures[] = {&rfc8439_2_8_2, &rfc8439_a_5, &gcm_16};
	for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
		const struct figure *figure = figures[i];
		auto_free uint8_t *key = hex_new(figure->key), *nonce = hex_new(figure->nonce);
		auto_free uint8_t *covered = hex_new(figure->associated_data);
		auto_free uint8_t *plain = hex_new(figure->plain);
		const struct slice data = slice_of(covered, strlen(figure->associated_data) / 2);
		const size_t size = strlen(figure->plain) / 2;
		uint8_t sealed[512], opened[512];
		assert_int_equal(aead_seal_with(figure->algorithm, key, nonce, data, plain, size, sealed),
						 ERR_OK);
		hex_assert_equal(sealed, size + AEAD_TAG_SIZE, figure->sealed);
		assert_int_equal(aead_open_with(figure->algorithm, key, nonce, data, sealed, size, opened),
						 ERR_OK);
		assert_memory_equal(opened, plain, size);
		memset(opened, 1, sizeof opened);
		for (size_t at = 0; at < size + AEAD_TAG_SIZE; at++) {
			sealed[at] ^= 1;
			assert_int_equal(
				aead_open_with(figure->algorithm, key, nonce, data, sealed, size, opened),
				ERR_AUTHENTICATION);
			sealed[at] ^= 1;
		}
		nonce[0] ^= 1;
		assert_int_equal(aead_open_with(figure->algorithm, key, nonce, data, sealed, size, opened),
						 ERR_AUTHENTICATION);
		for (size_t at = 0; at < sizeof opened; at++)
			assert_int_equal(opened[at], 1);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chacha_openssl), cmocka_unit_test(test_chacha_ipsec_mb),
		cmocka_unit_test(test_gcm_openssl),    cmocka_unit_test(test_gcm_ipsec_mb),
		cmocka_unit_test(test_single_figure),  cmocka_unit_test(test_single_round_trip),
		cmocka_unit_test(test_xchacha_figure), cmocka_unit_test(test_hchacha20_figure),
		cmocka_unit_test(test_single_with),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
