#pragma once

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/authority.h"

/* An authority and what it issues, for tests. */

#define DESK_BORN INT64_C(1700000000)
#define DESK_NOW INT64_C(1800000000)
#define DESK_END INT64_C(2000000000)

struct desk {
	struct certificate_pair own;
	struct authority *authority;
};

static inline void desk_open(struct desk *desk, const char *name) {
	assert_int_equal(authority_make(name, DESK_BORN, DESK_END, &desk->own), ERR_OK);
	assert_int_equal(authority_load(slice_of_text(desk->own.certificate),
									slice_of_text(desk->own.key), &desk->authority),
					 ERR_OK);
}

static inline void desk_close(struct desk *desk) {
	authority_free(desk->authority);
}

static inline struct certificate_pair desk_server(const struct desk *desk, const char *name) {
	const char *names[] = {name};
	const struct authority_request request = {
		.use = AUTHORITY_SERVER,
		.names = names,
		.name_count = 1,
		.valid_from = DESK_BORN,
		.valid_until = DESK_NOW + 1000,
	};
	struct certificate_pair pair;
	assert_int_equal(authority_issue(desk->authority, &request, &pair), ERR_OK);
	return pair;
}

static inline struct certificate_pair desk_client(const struct desk *desk, const char *user) {
	const struct authority_request request = {
		.use = AUTHORITY_CLIENT,
		.user = user,
		.valid_from = DESK_BORN,
		.valid_until = DESK_NOW + 1000,
	};
	struct certificate_pair pair;
	assert_int_equal(authority_issue(desk->authority, &request, &pair), ERR_OK);
	return pair;
}

/* The list of before with one more; the former is freed. */
static inline char *desk_revoke(const struct desk *desk, char *list,
								const struct certificate_pair *pair) {
	char *longer;
	assert_int_equal(authority_revoke(desk->authority, slice_of_text(list ? list : ""),
									  slice_of_text(pair->certificate), DESK_NOW - 10, &longer),
					 ERR_OK);
	free(list);
	return longer;
}
