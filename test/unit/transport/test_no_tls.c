#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "transport/tls/no_tls.h"

static void passes_bytes(void **state) {
	struct tls tls;
	struct tls_facts facts;
	uint8_t plain[4], secret[32];
	size_t size = 0;
	assert_int_equal(no_tls_new("plain", &tls), ERR_OK);
	tls_facts(&tls, &facts);
	assert_string_equal(facts.protocol, "plain");
	assert_int_equal(facts.version, 0);
	assert_int_equal(tls_state(&tls), TLS_OPEN);
	struct slice cipher = slice_of_text("hello");
	assert_int_equal(tls_open(&tls, &cipher, plain, sizeof plain, &size), ERR_OK);
	assert_int_equal(size, 4);
	assert_memory_equal(plain, "hell", 4);
	assert_int_equal(cipher.size, 1);
	assert_int_equal(tls_open(&tls, &cipher, plain, sizeof plain, &size), ERR_OK);
	assert_int_equal(size, 1);
	assert_int_equal(tls_open(&tls, &cipher, plain, sizeof plain, &size), ERR_AGAIN);
	assert_int_equal(tls_seal(&tls, "answer", 6, &size), ERR_OK);
	assert_int_equal(size, 6);
	assert_memory_equal(tls_outgoing(&tls).data, "answer", 6);
	tls_sent(&tls, 4);
	assert_int_equal(tls_outgoing(&tls).size, 2);
	assert_int_equal(tls_exporter(&tls, "label", secret, sizeof secret), ERR_UNSUPPORTED);
	assert_int_equal(tls_ticket(&tls, secret, sizeof secret, &size), ERR_NOT_FOUND);
	tls_close(&tls);
	assert_int_equal(tls_seal(&tls, "more", 4, &size), ERR_AGAIN);
	assert_int_equal(tls_outgoing(&tls).size, 2);
	tls_done(&tls);
}

static void is_bounded(void **state) {
	static const uint8_t bytes[TLS_OUTGOING_MAX];
	struct tls tls;
	size_t taken = 0;
	assert_int_equal(no_tls_new("plain", &tls), ERR_OK);
	assert_int_equal(tls_seal(&tls, bytes, 100, &taken), ERR_OK);
	assert_int_equal(tls_seal(&tls, bytes, sizeof bytes, &taken), ERR_OK);
	assert_int_equal(taken, sizeof bytes - 100);
	assert_int_equal(tls_seal(&tls, bytes, 1, &taken), ERR_AGAIN);
	tls_sent(&tls, 1);
	assert_int_equal(tls_seal(&tls, bytes, 2, &taken), ERR_OK);
	assert_int_equal(taken, 1);
	tls_done(&tls);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passes_bytes),
		cmocka_unit_test(is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
