#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "crypto/certificate.h"
#include "crypto/hash.h"

static const char *const names[] = {"vpn.example.org", "*.web.example.org", "192.0.2.1",
									"2001:db8::1"};
static const struct certificate_request request = {names, 4, 1700000000, 2000000000};

/* Made by another program: openssl req -x509 -newkey ed25519, a common name and no other. */
static const char foreign[] = "junk before it\n"
							  "-----BEGIN CERTIFICATE-----\n"
							  "MIIBSjCB/aADAgECAhROPxnpQlFjztfPSPfz4otXqC86BDAFBgMrZXAwHjEcMBoG\n"
							  "A1UEAwwTZm9yZWlnbi5leGFtcGxlLm9yZzAeFw0yNjExMjEyMzE1NDZaFw0zNjEx\n"
							  "MTgyMzE1NDZaMB4xHDAaBgNVBAMME2ZvcmVpZ24uZXhhbXBsZS5vcmcwKjAFBgMr\n"
							  "ZXADIQAHNIlOPyg0SJPNbcE2Mwn/xd4qINpY0kh7O/apvxmEdaNNMEswHQYDVR0O\n"
							  "BBYEFPovRhbp2L7f/xl2XHjNJjj6+JjFMB8GA1UdIwQYMBaAFPovRhbp2L7f/xl2\n"
							  "XHjNJjj6+JjFMAkGA1UdEwQCMAAwBQYDK2VwA0EAtsyQRz0rmryIFTSJXMreKVhw\n"
							  "YsHbKADDeBcIzY/nHx2j+k9GZKDqGGblsNc4J3VR5mOzbIRy/+M946oqbabBAw==\n"
							  "-----END CERTIFICATE-----\n";

static void test_made(void **state) {
	struct certificate_pair pair, second;
	assert_int_equal(certificate_make(&request, &pair), ERR_OK);
	assert_int_equal(strncmp(pair.key, "-----BEGIN PRIVATE KEY-----\n", 28), 0);
	struct certificate_facts facts, other;
	assert_int_equal(certificate_read(slice_of_text(pair.certificate), &facts), ERR_OK);
	assert_int_equal(facts.valid_from, 1700000000);
	assert_int_equal(facts.valid_until, 2000000000);
	assert_true(facts.self_signed);
	assert_int_equal(certificate_make(&request, &second), ERR_OK);
	assert_int_equal(certificate_read(slice_of_text(second.certificate), &other), ERR_OK);
	assert_memory_not_equal(facts.pin, other.pin, sizeof facts.pin);
}

static void test_beyond_32_bits(void **state) {
	const struct certificate_request late = {names, 1, INT64_C(4102444800), INT64_C(7258118400)};
	struct certificate_pair pair;
	struct certificate_facts facts;
	assert_int_equal(certificate_make(&late, &pair), ERR_OK);
	assert_int_equal(certificate_read(slice_of_text(pair.certificate), &facts), ERR_OK);
	assert_true(facts.valid_from == INT64_C(4102444800) &&
				facts.valid_until == INT64_C(7258118400));
}

static void test_names(void **state) {
	static const struct {
		const char *name;
		bool covered;
	} rows[] = {
		{"vpn.example.org", true},
		{"VPN.Example.ORG", true},
		{"a.web.example.org", true},
		{"a.b.web.example.org", false},
		{"web.example.org", false},
		{"example.org", false},
		{"192.0.2.1", true},
		{"192.0.2.2", false},
		{"2001:db8:0:0::1", true},
		{"2001:db8::2", false},
		{"vpn.example.org.evil.net", false},
		{"", false},
	};
	struct certificate_pair pair;
	assert_int_equal(certificate_make(&request, &pair), ERR_OK);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (certificate_covers(slice_of_text(pair.certificate), rows[i].name) != rows[i].covered)
			fail_msg("%s", rows[i].name);
}

/* A label's 63 and a name's 253 bytes, beyond the 64 of a common name. */
static void test_long_name(void **state) {
	char name[256] = "";
	for (int i = 0; i < 4; i++) {
		memset(name + 64 * i, 'a' + i, 63);
		name[64 * i + 63] = '.';
	}
	name[253] = '\0';
	const char *list[] = {name};
	const struct certificate_request longest = {list, 1, 1700000000, 2000000000};
	struct certificate_pair pair;
	assert_int_equal(certificate_make(&longest, &pair), ERR_OK);
	assert_true(certificate_covers(slice_of_text(pair.certificate), name));
	name[253] = 'd';
	name[254] = '\0';
	assert_int_equal(certificate_make(&longest, &pair), ERR_INVALID);
}

static void test_refused_requests(void **state) {
	static const char *const bad[] = {
		"",      ".",     "a..b", ".a", "a.",   "a b",         "a,DNS:evil.example",
		"a*b.c", "*.*.a", "*",    "*.", "a\nb", "\xc3\xa4.de",
	};
	struct certificate_pair pair;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		const struct certificate_request wrong = {&bad[i], 1, 1, 2};
		if (certificate_make(&wrong, &pair) != ERR_INVALID)
			fail_msg("'%s'", bad[i]);
	}
	const struct certificate_request times = {names, 1, 2, 2}, none = {names, 0, 1, 2},
									 many = {names, CERTIFICATE_NAMES_MAX + 1, 1, 2};
	assert_int_equal(certificate_make(&times, &pair), ERR_INVALID);
	assert_int_equal(certificate_make(&none, &pair), ERR_INVALID);
	assert_int_equal(certificate_make(&many, &pair), ERR_INVALID);
}

static void test_foreign(void **state) {
	struct certificate_facts facts;
	assert_int_equal(certificate_read(slice_of_text(foreign), &facts), ERR_OK);
	char text[CERTIFICATE_PIN_TEXT_SIZE];
	certificate_pin_format(facts.pin, text);
	assert_string_equal(text, "sha256/3h0PLeAVZET3HH7vqoVQ/6O+nIGsoZu50n728cjhKJM=");
	assert_int_equal(facts.valid_from, 1795302946);
	assert_int_equal(facts.valid_until, 2110662946);
	/* As in browsers, a common name says nothing. */
	assert_false(certificate_covers(slice_of_text(foreign), "foreign.example.org"));
}

static void test_damaged(void **state) {
	struct certificate_facts facts = {.valid_from = 7};
	assert_int_equal(certificate_read(slice_of(NULL, 0), &facts), ERR_MALFORMED);
	assert_int_equal(certificate_read(slice_of_text("no certificate"), &facts), ERR_MALFORMED);
	for (size_t size = 0; size < sizeof foreign - 2; size += 7)
		assert_int_equal(certificate_read(slice_of(foreign, size), &facts), ERR_MALFORMED);
	assert_int_equal(facts.valid_from, 7);
	assert_false(certificate_covers(slice_of_text(""), "vpn.example.org"));
}

static void test_pin_text(void **state) {
	static const char text[] = "sha256/AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
	uint8_t pin[CERTIFICATE_PIN_SIZE];
	char again[CERTIFICATE_PIN_TEXT_SIZE];
	assert_int_equal(certificate_pin_parse(text, pin), ERR_OK);
	for (size_t i = 0; i < sizeof pin; i++)
		assert_int_equal(pin[i], i);
	certificate_pin_format(pin, again);
	assert_string_equal(again, text);
	assert_int_equal(certificate_pin_parse(text + 7, pin), ERR_INVALID);
	assert_int_equal(certificate_pin_parse("sha256/AAEC", pin), ERR_INVALID);
	assert_int_equal(certificate_pin_parse("sha1/AAEC", pin), ERR_INVALID);
	assert_int_equal(certificate_pin_parse("", pin), ERR_INVALID);
}

static enum err check_key(const char *pem, const char *key) {
	return certificate_check_key(slice_of_text(pem), slice_of_text(key));
}

static void test_key(void **state) {
	struct certificate_pair pair, second;
	char both[2 * CERTIFICATE_PEM_SIZE_MAX];
	assert_int_equal(certificate_make(&request, &pair), ERR_OK);
	assert_int_equal(certificate_make(&request, &second), ERR_OK);
	assert_int_equal(check_key(pair.certificate, pair.key), ERR_OK);
	assert_int_equal(check_key(pair.certificate, second.key), ERR_AUTHENTICATION);
	assert_int_equal(check_key(foreign, pair.key), ERR_AUTHENTICATION);
	/* The first certificate counts. */
	strcpy(both, pair.certificate);
	strcat(both, second.certificate);
	assert_int_equal(check_key(both, pair.key), ERR_OK);
	assert_int_equal(check_key(both, second.key), ERR_AUTHENTICATION);
	assert_int_equal(check_key(pair.certificate, pair.certificate), ERR_MALFORMED);
	assert_int_equal(check_key(pair.key, pair.key), ERR_MALFORMED);
	assert_int_equal(check_key("", ""), ERR_MALFORMED);
	pair.key[64] = pair.key[64] == 'A' ? 'B' : 'A';
	assert_int_not_equal(check_key(pair.certificate, pair.key), ERR_OK);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_made),
		cmocka_unit_test(test_beyond_32_bits),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_long_name),
		cmocka_unit_test(test_refused_requests),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_key),
		cmocka_unit_test(test_pin_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
