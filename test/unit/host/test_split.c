#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "host/split.h"

/* That nft takes the text, and what the kernel makes of it, is in test/net/test_domains.py. */

static const struct prefix addresses[] = {
	{{.bytes = {10, 66, 0, 2}, .family = ADDRESS_V4}, 24},
	{{.bytes = {0xfd, 0x66, [15] = 2}, .family = ADDRESS_V6}, 64},
};

static struct split_tunnel tunnel_of(uint16_t slot, bool include, bool exclude) {
	return (struct split_tunnel){.name = "um0",
								 .slot = slot,
								 .addresses = addresses,
								 .address_count = 2,
								 .include = include,
								 .exclude = exclude,
								 .inside = 0x100U + slot};
}

static char *format(const struct split *before, const struct split_tunnel *tunnels, size_t count) {
	const struct split_request request = {tunnels, count, 0x900, false};
	char *text = NULL;
	size_t size = 0;
	assert_int_equal(split_format(before, &request, &text, &size), ERR_OK);
	assert_int_equal(strlen(text), size);
	return text;
}

static size_t count_of(const char *text, const char *what) {
	size_t count = 0;
	for (; (text = strstr(text, what)); text++)
		count++;
	return count;
}

static void test_include(void **state) {
	const struct split_tunnel tunnel = tunnel_of(3, true, false);
	char *text = format(&(struct split){.table = false}, &tunnel, 1);
	assert_int_equal(count_of(text, "{\"add\":{\"set\":"), 2);
	assert_non_null(strstr(text, "\"name\":\"include4_3\",\"type\":\"ipv4_addr\","
								 "\"flags\":[\"timeout\"],\"size\":8192"));
	assert_non_null(strstr(text, "\"name\":\"include6_3\",\"type\":\"ipv6_addr\""));
	/* In both chains, of each family. */
	assert_int_equal(count_of(text, "\"@include4_3\""), 2);
	assert_int_equal(count_of(text, "\"@include6_3\""), 2);
	/* Nothing that is to go inside leaves elsewhere. */
	assert_int_equal(count_of(text, "{\"drop\":null}"), 1);
	assert_int_equal(count_of(text, "\"delete\""), 0);
	assert_null(strstr(text, "exclude"));
	free(text);
}

/* An address in both goes inside, so its rule comes first. */
static void test_order(void **state) {
	const struct split_tunnel tunnels[] = {tunnel_of(0, false, true), tunnel_of(1, true, false)};
	char *text = format(&(struct split){.table = false}, tunnels, 2);
	const char *inside = strstr(text, "\"@include4_1\""),
			   *outside = strstr(text, "\"@exclude4_0\"");
	assert_non_null(inside);
	assert_non_null(outside);
	assert_true(inside < outside);
	free(text);
}

/* Their flows bear the mark already: it is only kept, and given to the replies. */
static void test_applications(void **state) {
	const struct split none = {.table = false};
	const struct split_tunnel tunnel = tunnel_of(3, false, false);
	struct split_request request = {&tunnel, 1, 0x900, true};
	char *text = NULL;
	size_t size = 0;
	assert_int_equal(split_format(&none, &request, &text, &size), ERR_OK);
	const char *rule = strstr(text, "\"chain\":\"output\",\"expr\":[{\"match\":{\"op\":\"==\","
									"\"left\":{\"meta\":{\"key\":\"mark\"}},\"right\":2304}}");
	assert_non_null(rule);
	assert_non_null(strstr(rule, "{\"mangle\":{\"key\":{\"ct\":{\"key\":\"mark\"}},"
								 "\"value\":2304}}"));
	assert_non_null(strstr(text, "\"reply\""));
	assert_int_equal(count_of(text, "{\"add\":{\"set\":"), 0);
	free(text);
	text = NULL;
	request.outside = 0;
	assert_int_equal(split_format(&none, &request, &text, &size), ERR_INVALID);
	assert_null(text);
}

/* Of questions that go into the tunnel no flow is marked: the rule for them comes first. */
static void test_questions_of_applications(void **state) {
	const struct split none = {.table = false};
	const struct address servers[] = {{.bytes = {9, 9, 9, 9}, .family = ADDRESS_V4},
									  {.bytes = {0x26, 0x20, 0, 0xfe}, .family = ADDRESS_V6}};
	struct split_tunnel tunnel = tunnel_of(3, false, false);
	struct split_request request = {&tunnel, 1, 0x900, true};
	char *text = NULL;
	size_t size = 0;
	tunnel.servers = servers;
	tunnel.server_count = 2;
	assert_int_equal(split_format(&none, &request, &text, &size), ERR_OK);
	const char *v4 = strstr(text, "\"right\":\"9.9.9.9\""),
			   *v6 = strstr(text, "\"right\":\"2620:fe::\""),
			   *marking = strstr(text, "{\"mangle\":{\"key\":{\"ct\":{\"key\":\"mark\"}}");
	assert_non_null(v4);
	assert_non_null(v6);
	assert_non_null(marking);
	assert_true(v4 < v6 && v6 < marking);
	assert_int_equal(count_of(text, "{\"set\":[53,853]}"), 2);
	free(text);
	/* Without applications nobody's flows bear the mark from the beginning. */
	request.applications = false;
	assert_int_equal(split_format(&none, &request, &text, &size), ERR_OK);
	assert_null(strstr(text, "853"));
	free(text);
	text = NULL;
	tunnel.servers = &(const struct address){.family = ADDRESS_NONE};
	tunnel.server_count = 1;
	request.applications = true;
	assert_int_equal(split_format(&none, &request, &text, &size), ERR_INVALID);
	assert_null(text);
}

static void test_sets_that_go(void **state) {
	const struct split before = {
		.kinds = {[3] = 1 << SPLIT_INCLUDE | 1 << SPLIT_EXCLUDE, [5] = 1 << SPLIT_EXCLUDE},
		.table = true};
	const struct split_tunnel tunnel = tunnel_of(3, true, false);
	char *text = format(&before, &tunnel, 1);
	assert_int_equal(count_of(text, "\"delete\""), 4);
	const char *rule = strstr(text, "\"flush\""), *gone = strstr(text, "{\"delete\":{\"set\":");
	assert_true(rule < gone);
	assert_non_null(strstr(gone, "exclude4_3"));
	assert_non_null(strstr(gone, "exclude6_5"));
	assert_null(strstr(gone, "include"));
	free(text);
}

static void test_refused(void **state) {
	const struct split none = {.table = false};
	char *text = NULL;
	size_t size;
	struct split_tunnel tunnel = tunnel_of(0, true, false);
	struct split_request request = {&tunnel, 1, 0, false};
	tunnel.name = "um0'; drop";
	assert_int_equal(split_format(&none, &request, &text, &size), ERR_INVALID);
	tunnel = tunnel_of(SPLIT_SLOTS_MAX, true, false);
	assert_int_equal(split_format(&none, &request, &text, &size), ERR_INVALID);
	tunnel = tunnel_of(0, true, false);
	tunnel.inside = 0;
	assert_int_equal(split_format(&none, &request, &text, &size), ERR_INVALID);
	tunnel = tunnel_of(0, false, true);
	assert_int_equal(split_format(&none, &request, &text, &size), ERR_INVALID);
	const struct prefix nothing = {.length = 0};
	tunnel = tunnel_of(0, true, false);
	tunnel.addresses = &nothing;
	assert_int_equal(split_format(&none, &request, &text, &size), ERR_INVALID);
	assert_null(text);
}

static void test_add_refused(void **state) {
	struct split split = {.kinds = {[2] = 1 << SPLIT_INCLUDE}, .table = true};
	struct address many[SPLIT_ADD_MAX + 1] = {0};
	assert_int_equal(split_add(&split, 1, SPLIT_INCLUDE, many, 1, 60), ERR_NOT_FOUND);
	assert_int_equal(split_add(&split, 2, SPLIT_EXCLUDE, many, 1, 60), ERR_NOT_FOUND);
	assert_int_equal(split_add(&split, SPLIT_SLOTS_MAX, SPLIT_INCLUDE, many, 1, 60), ERR_NOT_FOUND);
	assert_int_equal(split_add(&split, 2, SPLIT_INCLUDE, many, SPLIT_ADD_MAX + 1, 60), ERR_LIMIT);
	assert_int_equal(split_add(&split, 2, SPLIT_INCLUDE, many, 0, 60), ERR_OK);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_include),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_sets_that_go),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_add_refused),
		cmocka_unit_test(test_applications),
		cmocka_unit_test(test_questions_of_applications),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
