#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crypto/authority_desk.h"

static void test_made(void **state) {
	struct desk desk;
	desk_open(&desk, "Example VPN");
	struct certificate_facts facts;
	assert_int_equal(certificate_read(slice_of_text(desk.own.certificate), &facts), ERR_OK);
	assert_true(facts.self_signed && facts.valid_from == DESK_BORN &&
				facts.valid_until == DESK_END);
	const struct certificate_pair server = desk_server(&desk, "vpn.example.org");
	assert_int_equal(certificate_read(slice_of_text(server.certificate), &facts), ERR_OK);
	assert_false(facts.self_signed);
	assert_true(certificate_covers(slice_of_text(server.certificate), "vpn.example.org"));
	assert_false(certificate_covers(slice_of_text(server.certificate), "vpn.example.net"));
	assert_int_equal(
		certificate_check_key(slice_of_text(server.certificate), slice_of_text(server.key)),
		ERR_OK);
	desk_close(&desk);
}

static void test_names(void **state) {
	static const struct {
		const char *name;
		enum err error;
	} rows[] = {
		{"Example", ERR_OK},
		{"B\xc3\xbc"
		 "cher",
		 ERR_OK},
		{"", ERR_INVALID},
		{"two\nlines", ERR_INVALID},
		{"0123456789012345678901234567890123456789012345678901234567890123", ERR_OK},
		{"01234567890123456789012345678901234567890123456789012345678901234", ERR_INVALID},
	};
	struct certificate_pair pair;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(authority_make(rows[i].name, DESK_BORN, DESK_END, &pair), rows[i].error);
	assert_int_equal(authority_make("Example", DESK_END, DESK_END, &pair), ERR_INVALID);
}

static void test_requests(void **state) {
	static const char *const names[] = {"vpn.example.org", "192.0.2.1"}, *const odd[] = {"a,DNS:b"};
	static const struct {
		struct authority_request request;
		enum err error;
	} rows[] = {
		{{AUTHORITY_SERVER, names, 2, NULL, DESK_BORN, DESK_END}, ERR_OK},
		{{AUTHORITY_SERVER, names, 0, NULL, DESK_BORN, DESK_END}, ERR_INVALID},
		{{AUTHORITY_SERVER, odd, 1, NULL, DESK_BORN, DESK_END}, ERR_INVALID},
		{{AUTHORITY_SERVER, names, 2, NULL, DESK_END, DESK_BORN}, ERR_INVALID},
		{{AUTHORITY_SERVER, names, 2, NULL, DESK_BORN, DESK_END + 1}, ERR_EXPIRED},
		{{AUTHORITY_CLIENT, NULL, 0, "alice", DESK_BORN, DESK_END}, ERR_OK},
		{{AUTHORITY_CLIENT, NULL, 0, "alice@example.org,DNS:b", DESK_BORN, DESK_END}, ERR_OK},
		{{AUTHORITY_CLIENT, NULL, 0, "j\xc3\xbcrgen", DESK_BORN, DESK_END}, ERR_OK},
		{{AUTHORITY_CLIENT, NULL, 0, "j\xc3\xbcrgen@example.org", DESK_BORN, DESK_END},
		 ERR_INVALID},
		{{AUTHORITY_CLIENT, NULL, 0, "", DESK_BORN, DESK_END}, ERR_INVALID},
		{{AUTHORITY_CLIENT, NULL, 0, NULL, DESK_BORN, DESK_END}, ERR_INVALID},
	};
	struct desk desk;
	desk_open(&desk, "Example");
	struct certificate_pair pair;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (authority_issue(desk.authority, &rows[i].request, &pair) != rows[i].error)
			fail_msg("row %zu", i);
	desk_close(&desk);
}

static void test_loaded(void **state) {
	static const char *const names[] = {"vpn.example.org"};
	const struct certificate_request self = {names, 1, DESK_BORN, DESK_END};
	struct certificate_pair plain;
	struct desk desk, other;
	desk_open(&desk, "Example");
	desk_open(&other, "Other");
	const struct certificate_pair server = desk_server(&desk, "vpn.example.org");
	struct authority *authority = NULL;
	assert_int_equal(authority_load(slice_of_text(desk.own.certificate),
									slice_of_text(other.own.key), &authority),
					 ERR_AUTHENTICATION);
	assert_int_equal(
		authority_load(slice_of_text(server.certificate), slice_of_text(server.key), &authority),
		ERR_MALFORMED);
	assert_int_equal(certificate_make(&self, &plain), ERR_OK);
	assert_int_equal(
		authority_load(slice_of_text(plain.certificate), slice_of_text(plain.key), &authority),
		ERR_MALFORMED);
	assert_int_equal(
		authority_load(slice_of_text("no certificate"), slice_of_text(desk.own.key), &authority),
		ERR_MALFORMED);
	assert_null(authority);
	desk_close(&other);
	desk_close(&desk);
}

static bool is_revoked(const struct desk *desk, const char *list,
					   const struct certificate_pair *pair) {
	bool revoked = false;
	assert_int_equal(authority_is_revoked(desk->authority, slice_of_text(list),
										  slice_of_text(pair->certificate), &revoked),
					 ERR_OK);
	return revoked;
}

static void test_revoked(void **state) {
	struct desk desk, other;
	desk_open(&desk, "Example");
	desk_open(&other, "Example");
	const struct certificate_pair alice = desk_client(&desk, "alice"),
								  bob = desk_client(&desk, "bob"),
								  foreign = desk_client(&other, "alice");
	char *list = NULL, *unchanged = NULL;
	assert_int_equal(authority_list(desk.authority, DESK_NOW, &list), ERR_OK);
	assert_false(is_revoked(&desk, list, &alice));
	list = desk_revoke(&desk, list, &alice);
	assert_true(is_revoked(&desk, list, &alice));
	assert_false(is_revoked(&desk, list, &bob));
	list = desk_revoke(&desk, list, &bob);
	assert_true(is_revoked(&desk, list, &alice) && is_revoked(&desk, list, &bob));

	bool revoked;
	assert_int_equal(authority_is_revoked(desk.authority, slice_of_text(list),
										  slice_of_text(foreign.certificate), &revoked),
					 ERR_NOT_FOUND);
	assert_int_equal(authority_is_revoked(other.authority, slice_of_text(list),
										  slice_of_text(foreign.certificate), &revoked),
					 ERR_AUTHENTICATION);
	assert_int_equal(authority_revoke(desk.authority, slice_of_text(list),
									  slice_of_text(alice.certificate), DESK_NOW, &unchanged),
					 ERR_EXISTS);
	assert_int_equal(authority_revoke(desk.authority, slice_of_text(list),
									  slice_of_text(foreign.certificate), DESK_NOW, &unchanged),
					 ERR_AUTHENTICATION);
	assert_int_equal(authority_revoke(other.authority, slice_of_text(list),
									  slice_of_text(foreign.certificate), DESK_NOW, &unchanged),
					 ERR_AUTHENTICATION);
	assert_int_equal(authority_revoke(desk.authority, slice_of_text("-----BEGIN X509 CRL-----\n"),
									  slice_of_text(alice.certificate), DESK_NOW, &unchanged),
					 ERR_MALFORMED);
	assert_int_equal(authority_revoke(desk.authority, slice_of_text(list), slice_of_text("nothing"),
									  DESK_NOW, &unchanged),
					 ERR_MALFORMED);
	assert_null(unchanged);
	free(list);
	desk_close(&other);
	desk_close(&desk);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_made),     cmocka_unit_test(test_names),
		cmocka_unit_test(test_requests), cmocka_unit_test(test_loaded),
		cmocka_unit_test(test_revoked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
