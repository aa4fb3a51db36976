#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/authority_desk.h"
#include "crypto/revocation.h"

enum { YEAR = 365 * 24 * 60 * 60 };

static char *list_of(const struct authority *authority, int64_t now) {
	char *list;
	assert_int_equal(authority_list(authority, now, &list), ERR_OK);
	return list;
}

static void assert_times(const char *pem, int64_t from, int64_t until) {
	struct revocation_times times;
	assert_int_equal(revocation_read(slice_of_text(pem), &times), ERR_OK);
	assert_int_equal(times.from, from);
	assert_int_equal(times.until, until);
}

/* All issuers' lists have to hold, and of each the one that does so longest. */
static void test_times(void **state) {
	struct certificate_pair brief_pair;
	struct authority *brief;
	struct desk desk;
	char both[3 * CERTIFICATE_PEM_SIZE_MAX];
	desk_open(&desk, "Example");
	assert_int_equal(authority_make("Brief", DESK_BORN, DESK_NOW + YEAR, &brief_pair), ERR_OK);
	assert_int_equal(authority_load(slice_of_text(brief_pair.certificate),
									slice_of_text(brief_pair.key), &brief),
					 ERR_OK);
	char *own = list_of(desk.authority, DESK_NOW), *other = list_of(brief, DESK_NOW + 100);
	assert_times(own, DESK_NOW - 2 * AUTHORITY_SLACK, DESK_END);
	(void)snprintf(both, sizeof both, "%s%s", own, other);
	assert_times(both, DESK_NOW + 100 - 2 * AUTHORITY_SLACK, DESK_NOW + YEAR);
	(void)snprintf(both, sizeof both, "%s%s", other, own);
	assert_times(both, DESK_NOW + 100 - 2 * AUTHORITY_SLACK, DESK_NOW + YEAR);
	free(other);
	free(own);
	authority_free(brief);
	desk_close(&desk);
}

/* An authority whose certificate was renewed under its name signs lists that hold longer. */
static void test_longest(void **state) {
	struct certificate_pair pairs[2];
	struct authority *authorities[2];
	char *lists[2], both[3 * CERTIFICATE_PEM_SIZE_MAX];
	for (int i = 0; i < 2; i++) {
		assert_int_equal(authority_make("Example", DESK_BORN, DESK_NOW + i * YEAR + 5, &pairs[i]),
						 ERR_OK);
		assert_int_equal(authority_load(slice_of_text(pairs[i].certificate),
										slice_of_text(pairs[i].key), &authorities[i]),
						 ERR_OK);
		lists[i] = list_of(authorities[i], DESK_NOW + i);
	}
	for (int i = 0; i < 2; i++) {
		(void)snprintf(both, sizeof both, "%s%s", lists[i], lists[1 - i]);
		assert_times(both, DESK_NOW + 1 - 2 * AUTHORITY_SLACK, DESK_NOW + YEAR + 5);
	}
	for (int i = 0; i < 2; i++) {
		free(lists[i]);
		authority_free(authorities[i]);
	}
}

static void test_none(void **state) {
	struct desk desk;
	char spoilt[CERTIFICATE_PEM_SIZE_MAX];
	desk_open(&desk, "Example");
	char *list = list_of(desk.authority, DESK_NOW);
	struct revocation_times times;
	assert_int_equal(revocation_read(slice_of_text(""), &times), ERR_MALFORMED);
	assert_int_equal(revocation_read(slice_of_text("nothing"), &times), ERR_MALFORMED);
	assert_int_equal(revocation_read(slice_of_text(desk.own.certificate), &times), ERR_MALFORMED);
	(void)snprintf(spoilt, sizeof spoilt, "%s%s", list, list);
	memset(spoilt + strlen(list) + 40, '!', 20);
	assert_int_equal(revocation_read(slice_of_text(spoilt), &times), ERR_MALFORMED);
	free(list);
	desk_close(&desk);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
