#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/advice.h"
#include "conf/all_kinds.h"
#include "conf/loading.h"
#include "crypto/authority_desk.h"
#include "crypto/certificate.h"

#define HEAD "tunnels:\n  um0:\n    private_key_file: k\n"

static void test_one_family(void **state) {
	static const struct {
		const char *routes, *advice;
	} rows[] = {
		{"", NULL},
		{"    routes: { include: [10.0.0.0/8] }\n", NULL},
		{"    routes: { include: [0.0.0.0/0] }\n",
		 "IPv6 is blocked by its kill switch: 0.0.0.0/0 is routed into it, but not ::/0"},
		{"    routes: { include: [\"::/0\"] }\n",
		 "IPv4 is blocked by its kill switch: ::/0 is routed into it, but not 0.0.0.0/0"},
		{"    kill_switch: false\n    routes: { include: [0.0.0.0/0] }\n",
		 "IPv6 goes past it: 0.0.0.0/0 is routed into it, but not ::/0"},
		{"    routes: { include: [0.0.0.0/0, \"::/0\"] }\n", NULL},
		{"    routes: { include: [0.0.0.0/0], table: 100 }\n", NULL},
		{"    routes: { include: [0.0.0.0/0], table: off }\n", NULL},
		{"    peers: [{ public_key: \"" KEY_A "\", allowed_ips: [0.0.0.0/0] }]\n",
		 "IPv6 is blocked by its kill switch: 0.0.0.0/0 is routed into it, but not ::/0"},
		{"    peers: [{ public_key: \"" KEY_A "\", allowed_ips: [0.0.0.0/0, \"::/0\"] }]\n", NULL},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char text[256] = HEAD, advice[ADVICE_MAX][ADVICE_SIZE] = {"untouched"};
		strcat(text, rows[i].routes);
		struct config *config = loading_good(text);
		assert_int_equal(advice_of(&config->tunnels[0], 0, advice), rows[i].advice != NULL);
		assert_string_equal(advice[0], rows[i].advice ? rows[i].advice : "untouched");
		config_free(config);
	}
}

/* A server that asks for certificates wants to know which are revoked. */
static void test_revocation(void **state) {
	static const struct {
		const char *auth;
		size_t count;
	} rows[] = {
		{"", 0},
		{", ca_file: a", 0},
		{", ca_file: a, demands: [certificate]", 1},
		{", ca_file: a, crl_file: r, demands: [password, certificate]", 0},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char text[512], advice[ADVICE_MAX][ADVICE_SIZE];
		(void)snprintf(text, sizeof text,
					   "tunnels:\n  vpn: { protocol: phaze, role: server, listen: 1,\n"
					   "         addresses: [10.0.0.1/24],\n"
					   "         auth: { certificate_file: c, key_file: k%s } }\n",
					   rows[i].auth);
		struct config *config = loading_good(text);
		assert_int_equal(advice_of(&config->tunnels[0], 0, advice), rows[i].count);
		if (rows[i].count > 0)
			assert_string_equal(
				advice[0],
				"revoked certificates of users are taken: auth.crl_file has the list of them");
		config_free(config);
	}
}

/* The last month of a certificate's. */
static void test_age(void **state) {
	enum { FROM = 1700000000, UNTIL = 1800000000, DAY = 24 * 60 * 60 };
	static const char *const names[] = {"a.example"};
	const struct certificate_request request = {names, 1, FROM, UNTIL};
	struct certificate_pair pair;
	assert_int_equal(certificate_make(&request, &pair), ERR_OK);
	struct config_tunnel tunnel = {.logs_in = true, .login.certificates = pair.certificate};
	const struct {
		int64_t now;
		const char *advice;
	} rows[] = {
		{FROM - 1, "its certificate is not valid yet: is this host's clock wrong?"},
		{FROM, NULL},
		{UNTIL - 30 * DAY, NULL},
		{UNTIL - 30 * DAY + 1, "its certificate expires in 29 days"},
		{UNTIL - DAY, "its certificate expires in 1 day"},
		{UNTIL, "its certificate expires in 0 days"},
		{UNTIL + 1, "its certificate has expired; 'umbra ca issue'"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char advice[ADVICE_MAX][ADVICE_SIZE];
		assert_int_equal(advice_of(&tunnel, rows[i].now, advice), rows[i].advice != NULL);
		if (rows[i].advice)
			assert_string_equal(advice[0], rows[i].advice);
	}
}

/* One that is out of date refuses everybody; a month is no warning, as many live for days. */
static void test_lists(void **state) {
	enum { HOUR = 60 * 60, DAY = 24 * HOUR };
	const int64_t begin = DESK_NOW - 2 * AUTHORITY_SLACK, end = DESK_END;
	struct desk desk;
	char *list;
	desk_open(&desk, "Example");
	assert_int_equal(authority_list(desk.authority, DESK_NOW, &list), ERR_OK);
	struct config_tunnel tunnel = {.logs_in = true, .login.revoked = list};
	const struct {
		int64_t now;
		const char *advice;
	} rows[] = {
		{begin - 1, "its list of revoked certificates is not valid yet, and no certificate is "
					"taken: is this host's clock wrong?"},
		{begin, NULL},
		{end - DAY, NULL},
		{end - DAY + 1, "its list of revoked certificates is out of date in 23 hours"},
		{end - HOUR, "its list of revoked certificates is out of date in 1 hour"},
		{end, "its list of revoked certificates is out of date, and no certificate is taken "
			  "before there is a newer one"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char advice[2][ADVICE_MAX][ADVICE_SIZE];
		assert_int_equal(advice_of(&tunnel, rows[i].now, advice[0]), rows[i].advice != NULL);
		assert_int_equal(advice_of_time(&tunnel, rows[i].now, advice[1]), rows[i].advice != NULL);
		if (!rows[i].advice)
			continue;
		assert_string_equal(advice[0][0], rows[i].advice);
		assert_string_equal(advice[1][0], rows[i].advice);
	}
	free(list);
	desk_close(&desk);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_age),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_one_family),
		cmocka_unit_test(test_revocation),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
