#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"
#include "wire/phaze_auth.h"

static struct phaze_chain chain_of(const char *leaf, const char *issuer) {
	return (struct phaze_chain){2, {slice_of_text(leaf), slice_of_text(issuer)}};
}

static void server_auths_go_there_and_back(void **state) {
	struct phaze_server_auth auth = {.demands = PHAZE_BY_BOTH, .chain = chain_of("leaf", "ca")};
	struct phaze_server_auth again;
	uint8_t data[200];
	size_t size, before, signed_size;
	memset(auth.signature, 0x77, sizeof auth.signature);
	assert_int_equal(phaze_auth_encode_server(&auth, data, sizeof data, &size, &before), ERR_OK);
	assert_memory_equal(data, "\3\2\0\4leaf\0\2ca\x77", 13);
	assert_int_equal(before, 12);
	assert_int_equal(size, 12 + 64);
	assert_int_equal(size, phaze_auth_server_size(&auth.chain));
	assert_int_equal(phaze_auth_decode_server(data, size, &again, &signed_size), ERR_OK);
	assert_int_equal(signed_size, before);
	assert_int_equal(again.demands, PHAZE_BY_BOTH);
	assert_int_equal(again.chain.count, 2);
	assert_memory_equal(again.chain.certificates[1].data, "ca", 2);
	assert_memory_equal(again.signature, auth.signature, sizeof auth.signature);
	for (size_t cut = 0; cut < size; cut++)
		assert_int_not_equal(phaze_auth_decode_server(data, cut, &again, &signed_size), ERR_OK);
	assert_int_equal(phaze_auth_decode_server(data, size + 1, &again, &signed_size), ERR_TRAILING);
	assert_int_equal(phaze_auth_encode_server(&auth, data, size - 1, &size, &before), ERR_LIMIT);
}

static void every_rule_of_a_server_auth_holds(void **state) {
	static const struct {
		size_t at;
		uint8_t value;
	} rows[] = {
		{0, 0}, {0, 4}, {0, 0x83}, /* demands */
		{1, 0}, {1, 9}, {1, 3},    /* certificates */
		{3, 0}, {3, 3}, {2, 1},    /* and their lengths */
	};
	struct phaze_server_auth auth = {.demands = 1, .chain = chain_of("leaf", "ca")}, again;
	uint8_t data[200];
	size_t size, before;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(phaze_auth_encode_server(&auth, data, sizeof data, &size, &before),
						 ERR_OK);
		data[rows[i].at] = rows[i].value;
		assert_int_not_equal(phaze_auth_decode_server(data, size, &again, &before), ERR_OK);
	}
	uint8_t empty[4 + ED25519_SIGNATURE_SIZE] = {1, 1, 0, 0}; /* a certificate of no bytes */
	assert_int_equal(phaze_auth_decode_server(empty, sizeof empty, &again, &before), ERR_MALFORMED);
	auth.demands = 0;
	assert_int_equal(phaze_auth_encode_server(&auth, data, sizeof data, &size, &before),
					 ERR_INVALID);
	auth.demands = 1;
	for (auth.chain.count = 0; auth.chain.count < 12; auth.chain.count++) {
		if (auth.chain.count < PHAZE_CHAIN_MAX)
			auth.chain.certificates[auth.chain.count] = slice_of("x", 1);
		assert_int_equal(phaze_auth_encode_server(&auth, data, sizeof data, &size, &before),
						 auth.chain.count > 0 && auth.chain.count <= PHAZE_CHAIN_MAX ? ERR_OK
																					 : ERR_INVALID);
	}
}

static struct phaze_client_auth make_client(uint8_t kinds) {
	struct phaze_client_auth auth = {.kinds = kinds};
	if (kinds & PHAZE_BY_PASSWORD) {
		auth.name = slice_of_text("alice");
		auth.password = slice_of_text("correct horse");
	}
	if (kinds & PHAZE_BY_CERTIFICATE) {
		auth.chain = chain_of("leaf", "ca");
		memset(auth.signature, 0x77, sizeof auth.signature);
	}
	return auth;
}

static void client_auths_go_there_and_back(void **state) {
	static const size_t before_signature[] = {0, 0, 12, 33};
	for (uint8_t kinds = 1; kinds <= 3; kinds++) {
		const struct phaze_client_auth auth = make_client(kinds);
		struct phaze_client_auth again;
		uint8_t data[600];
		size_t size, before, signed_size;
		assert_int_equal(phaze_auth_encode_client(&auth, data, sizeof data, &size, &before),
						 ERR_OK);
		assert_int_equal(size, PHAZE_CLIENT_AUTH_STEP);
		assert_int_equal(before, before_signature[kinds]);
		assert_int_equal(phaze_auth_decode_client(data, size, &again, &signed_size), ERR_OK);
		assert_int_equal(signed_size, before);
		assert_int_equal(again.kinds, kinds);
		assert_int_equal(again.name.size, auth.name.size);
		assert_int_equal(again.password.size, auth.password.size);
		if (kinds & PHAZE_BY_PASSWORD)
			assert_memory_equal(data + 1,
								"\5alice\0\xd"
								"correct horse",
								21);
		assert_int_equal(again.chain.count, auth.chain.count);
		assert_memory_equal(again.signature, auth.signature, sizeof again.signature);
		for (size_t cut = 0; cut < size; cut++)
			assert_int_not_equal(phaze_auth_decode_client(data, cut, &again, &signed_size), ERR_OK);
		data[size - 1] = 1; /* zeros are zeros */
		assert_int_equal(phaze_auth_decode_client(data, size, &again, &signed_size), ERR_MALFORMED);
		data[size - 1] = 0; /* and no more than are needed */
		memset(data + size, 0, 256);
		assert_int_equal(phaze_auth_decode_client(data, size + 256, &again, &signed_size),
						 ERR_MALFORMED);
	}
}

/* The size says nothing of the password's but its multiple. */
static void sizes_are_of_steps(void **state) {
	static uint8_t data[PHAZE_PASSWORD_MAX + 512];
	static uint8_t password[PHAZE_PASSWORD_MAX + 1];
	memset(password, 'x', sizeof password);
	struct phaze_client_auth auth = make_client(PHAZE_BY_PASSWORD), again;
	for (size_t length = 1; length <= PHAZE_PASSWORD_MAX; length++) {
		size_t size, before;
		auth.password = slice_of(password, length);
		assert_int_equal(phaze_auth_encode_client(&auth, data, sizeof data, &size, &before),
						 ERR_OK);
		assert_int_equal(size, (1 + 1 + 5 + 2 + length + 255) / 256 * 256);
		assert_int_equal(phaze_auth_decode_client(data, size, &again, &before), ERR_OK);
		assert_int_equal(again.password.size, length);
	}
}

static void bad_credentials_are_refused(void **state) {
	static uint8_t data[2048], long_text[PHAZE_PASSWORD_MAX + 1];
	size_t size, before;
	struct phaze_client_auth again;
	memset(long_text, 'x', sizeof long_text);
	const struct {
		uint8_t kinds;
		struct slice name, password;
		enum err error;
	} rows[] = {
		{1, slice_of_text("a"), slice_of_text("p"), ERR_OK},
		{3, slice_of_text(""), slice_of_text("p"), ERR_OK}, /* the certificate has the name */
		{1, slice_of_text(""), slice_of_text("p"), ERR_INVALID},
		{1, slice_of_text("a"), slice_of_text(""), ERR_INVALID},
		{3, slice_of_text("a"), slice_of_text(""), ERR_INVALID},
		{1, slice_of("a\0", 2), slice_of_text("p"), ERR_INVALID},
		{1, slice_of_text("a\nb"), slice_of_text("p"), ERR_INVALID},
		{1, slice_of_text("\x7f"), slice_of_text("p"), ERR_INVALID},
		{1, slice_of_text("J\xc3\xb6rg"), slice_of("\0", 1), ERR_OK},
		{1, slice_of(long_text, 255), slice_of(long_text, PHAZE_PASSWORD_MAX), ERR_OK},
		{1, slice_of(long_text, 256), slice_of_text("p"), ERR_INVALID},
		{1, slice_of_text("a"), slice_of(long_text, sizeof long_text), ERR_INVALID},
		{0, slice_of_text("a"), slice_of_text("p"), ERR_INVALID},
		{4, slice_of_text("a"), slice_of_text("p"), ERR_INVALID},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct phaze_client_auth auth = make_client(rows[i].kinds);
		auth.name = rows[i].name;
		auth.password = rows[i].password;
		assert_int_equal(phaze_auth_encode_client(&auth, data, sizeof data, &size, &before),
						 rows[i].error);
		if (!rows[i].error)
			assert_int_equal(phaze_auth_decode_client(data, size, &again, &before), ERR_OK);
	}
	/* And as they come from the network. */
	static const struct {
		size_t at;
		uint8_t value;
	} changes[] = {{0, 0}, {0, 4}, {0, 3}, {1, 0}, {2, 7}, {7, 0xff}, {7, 4}, {8, 0}};
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		const struct phaze_client_auth auth = make_client(PHAZE_BY_PASSWORD);
		assert_int_equal(phaze_auth_encode_client(&auth, data, sizeof data, &size, &before),
						 ERR_OK);
		data[changes[i].at] = changes[i].value;
		assert_int_not_equal(phaze_auth_decode_client(data, size, &again, &before), ERR_OK);
	}
}

static void rejects_go_there_and_back(void **state) {
	uint8_t data[2] = {0};
	enum phaze_reject reason;
	for (unsigned value = 0; value < 256; value++) {
		data[0] = (uint8_t)value;
		const bool known = value >= 1 && value <= 6;
		assert_int_equal(phaze_auth_decode_reject(data, 1, &reason),
						 known ? ERR_OK : ERR_MALFORMED);
		assert_true(!known || reason == value);
	}
	data[0] = 1;
	assert_int_equal(phaze_auth_decode_reject(data, 0, &reason), ERR_TRUNCATED);
	assert_int_equal(phaze_auth_decode_reject(data, 2, &reason), ERR_TRAILING);
	phaze_auth_encode_reject(PHAZE_REJECT_QUOTA, data);
	assert_int_equal(data[0], 4);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(server_auths_go_there_and_back),
		cmocka_unit_test(every_rule_of_a_server_auth_holds),
		cmocka_unit_test(client_auths_go_there_and_back),
		cmocka_unit_test(sizes_are_of_steps),
		cmocka_unit_test(bad_credentials_are_refused),
		cmocka_unit_test(rejects_go_there_and_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
