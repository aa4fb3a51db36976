#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "ctl/route.h"
#include "ctl/view.h"

static enum err find_with(const char *method, const char *path, const char *peers,
						  const char *after, struct route *out_route,
						  char allow[static ROUTE_ALLOW_SIZE]) {
	const struct route_request request = {
		.method = slice_of_text(method),
		.path = slice_of_text(path),
		.peers = peers,
		.after = after,
	};
	return route_find(&request, out_route, allow);
}

static enum err find(const char *method, const char *path, struct route *out_route,
					 char allow[static ROUTE_ALLOW_SIZE]) {
	return find_with(method, path, NULL, NULL, out_route, allow);
}

static void every_row_is_found(void **state) {
	static const struct {
		const char *method, *path;
		unsigned kind;
		enum route_body body;
	} rows[] = {
		{"GET", "/v1/status", CTL_STATUS, ROUTE_NO_BODY},
		{"HEAD", "/v1/status", CTL_STATUS, ROUTE_NO_BODY},
		{"GET", "/v1/tunnels/T", CTL_TUNNEL, ROUTE_NO_BODY},
		{"POST", "/v1/tunnels/T/up", CTL_UP, ROUTE_NO_BODY},
		{"POST", "/v1/tunnels/T/down", CTL_DOWN, ROUTE_NO_BODY},
		{"POST", "/v1/tunnels/T/login", CTL_LOGIN, ROUTE_LOGIN},
		{"GET", "/v1/tunnels/T/peers", CTL_PEERS, ROUTE_NO_BODY},
		{"POST", "/v1/tunnels/T/peers", CTL_PEER_ADD, ROUTE_PEER_REQUEST},
		{"GET", "/v1/tunnels/T/peers/P", CTL_PEER, ROUTE_NO_BODY},
		{"DELETE", "/v1/tunnels/T/peers/P", CTL_PEER_REMOVE, ROUTE_NO_BODY},
		{"GET", "/v1/users", CTL_USERS, ROUTE_NO_BODY},
		{"POST", "/v1/users", CTL_USER_ADD, ROUTE_USER_ADD},
		{"GET", "/v1/users/U", CTL_USER, ROUTE_NO_BODY},
		{"PATCH", "/v1/users/U", CTL_USER_CHANGE, ROUTE_USER_CHANGE},
		{"DELETE", "/v1/users/U", CTL_USER_REMOVE, ROUTE_NO_BODY},
		{"POST", "/v1/reload", CTL_RELOAD, ROUTE_NO_BODY},
		{"PUT", "/v1/log", CTL_LOG, ROUTE_LEVEL},
		{"POST", "/v1/outside", CTL_OUTSIDE, ROUTE_NO_BODY},
		{"POST", "/v1/tunnels/T/inside", CTL_INSIDE, ROUTE_NO_BODY},
		{"GET", "/v1/events", ROUTE_EVENTS, ROUTE_NO_BODY},
		{"GET", "/metrics", CTL_METRICS, ROUTE_NO_BODY},
		{"HEAD", "/metrics", CTL_METRICS, ROUTE_NO_BODY},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct route route;
		char allow[ROUTE_ALLOW_SIZE] = "";
		assert_int_equal(find(rows[i].method, rows[i].path, &route, allow), ERR_OK);
		assert_int_equal(route.kind, rows[i].kind);
		assert_int_equal(route.body, rows[i].body);
		assert_int_equal(route.has_tunnel, strstr(rows[i].path, "/T") != NULL);
		assert_int_equal(route.has_peer, strstr(rows[i].path, "/P") != NULL);
		assert_int_equal(route.has_user, strstr(rows[i].path, "/U") != NULL);
		assert_int_equal(route.peers, VIEW_PEERS_SHOWN);
		assert_false(route.has_after);
	}
}

/* Keys have "/" and "+" in them, also twice in a row and at the begin. */
static void names_are_decoded(void **state) {
	struct route route;
	char allow[ROUTE_ALLOW_SIZE];
	assert_int_equal(find("GET", "/v1/tunnels/um%30/peers/%2F%2fab+c%2B%2e.%3D", &route, allow),
					 ERR_OK);
	assert_string_equal(route.tunnel, "um0");
	assert_string_equal(route.peer, "//ab+c+..=");
	assert_int_equal(find("GET", "/v1/users/al%69ce%40home", &route, allow), ERR_OK);
	assert_string_equal(route.user, "alice@home");
	static const char *const bad[] = {"%", "%2", "%2g", "a%00b", "%0a", "%7F"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		char path[64];
		(void)snprintf(path, sizeof path, "/v1/tunnels/%s", bad[i]);
		assert_int_equal(find("GET", path, &route, allow), ERR_MALFORMED);
	}
	char path[2 * ROUTE_SEGMENT_SIZE] = "/v1/tunnels/";
	size_t size = strlen(path);
	memset(path + size, 'a', ROUTE_SEGMENT_SIZE - 1);
	assert_int_equal(find("GET", path, &route, allow), ERR_OK);
	assert_int_equal(strlen(route.tunnel), ROUTE_SEGMENT_SIZE - 1);
	path[size + ROUTE_SEGMENT_SIZE - 1] = 'a';
	assert_int_equal(find("GET", path, &route, allow), ERR_NOT_FOUND);
}

static void other_paths_are_not_found(void **state) {
	static const char *const paths[] = {
		"/",
		"/v1",
		"/v1/",
		"/v2/status",
		"/v1/status/",
		"//v1/status",
		"/v1/%73tatus",
		"/v1/statuses",
		"/v1/tunnels",
		"/v1/tunnels/",
		"/v1/tunnels/T/peers/",
		"/v1/tunnels/T/peers/a/b",
		"/v1/tunnels/T/sideways",
		"/v1/tunnels/../status",
		"/a/b/c/d/e/f/g/h/i/j",
	};
	struct route route;
	char allow[ROUTE_ALLOW_SIZE] = "";
	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
		assert_int_equal(find("GET", paths[i], &route, allow), ERR_NOT_FOUND);
	assert_string_equal(allow, "");
}

static void other_methods_are_told(void **state) {
	struct route route;
	char allow[ROUTE_ALLOW_SIZE];
	assert_int_equal(find("PUT", "/v1/tunnels/T/peers", &route, allow), ERR_UNSUPPORTED);
	assert_string_equal(allow, "GET, HEAD, POST");
	assert_int_equal(find("POST", "/v1/tunnels/T/peers/P", &route, allow), ERR_UNSUPPORTED);
	assert_string_equal(allow, "GET, HEAD, DELETE");
	assert_int_equal(find("PUT", "/v1/users/U", &route, allow), ERR_UNSUPPORTED);
	assert_string_equal(allow, "GET, HEAD, PATCH, DELETE");
	assert_int_equal(find("HEAD", "/v1/events", &route, allow), ERR_UNSUPPORTED);
	assert_string_equal(allow, "GET");
	assert_int_equal(find("get", "/v1/log", &route, allow), ERR_UNSUPPORTED);
	assert_string_equal(allow, "PUT");
}

static void queries_have_numbers(void **state) {
	struct route route;
	char allow[ROUTE_ALLOW_SIZE];
	assert_int_equal(find_with("GET", "/v1/status", "7", "0", &route, allow), ERR_OK);
	assert_int_equal(route.peers, 7);
	assert_true(route.has_after);
	assert_int_equal(route.after, 0);
	static const char *const bad[] = {"", "-1", "18446744073709551616", "07", "x"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(find_with("GET", "/v1/status", bad[i], NULL, &route, allow),
						 ERR_MALFORMED);
		assert_int_equal(find_with("GET", "/v1/status", NULL, bad[i], &route, allow),
						 ERR_MALFORMED);
	}
	assert_int_equal(find_with("GET", "/v1/status", "1000001", NULL, &route, allow), ERR_MALFORMED);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_found),        cmocka_unit_test(names_are_decoded),
		cmocka_unit_test(other_paths_are_not_found), cmocka_unit_test(other_methods_are_told),
		cmocka_unit_test(queries_have_numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
