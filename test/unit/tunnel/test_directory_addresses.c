#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "tunnel/directory.h"
#include "tunnel/peers.h"

enum { NETWORKS_MAX = 4 };

/* What comes out, as one text: "10.66.0.2/32 fd66::2/128". */
struct next {
	enum err error;
	char text[160];
};

static struct next next_of(const struct directory *directory, const struct prefix *networks,
						   size_t count) {
	const struct config_prefixes all = {.items = networks, .count = count};
	struct prefix found[DIRECTORY_ADDRESSES_MAX];
	size_t found_count = 0, used = 0;
	struct next next = {.error = directory_next_addresses(directory, &all, found, &found_count)};
	for (size_t i = 0; i < found_count; i++) {
		char text[ADDRESS_TEXT_SIZE];
		prefix_format(&found[i], text);
		used += (size_t)snprintf(next.text + used, sizeof next.text - used, "%s%s",
								 i > 0 ? " " : "", text);
	}
	return next;
}

static void expect(const struct directory *directory, const struct prefix *networks, size_t count,
				   const char *expected) {
	struct next next = next_of(directory, networks, count);
	assert_int_equal(next.error, ERR_OK);
	assert_string_equal(next.text, expected);
}

static void test_the_lowest_of_each_family(void **state) {
	struct directory *directory = directory_of(NULL, 0);
	const struct prefix networks[] = {network_of("10.66.0.1", 24), network_of("fd66::1", 64)};
	expect(directory, networks, 2, "10.66.0.2/32 fd66::2/128");
	expect(directory, networks, 1, "10.66.0.2/32");
	expect(directory, networks + 1, 1, "fd66::2/128");
	directory_free(directory);
}

static void test_gaps_and_wide_prefixes(void **state) {
	const struct prefix taken[] = {
		prefix_of("10.66.0.2/32"), prefix_of("10.66.0.4/30"), prefix_of("10.66.0.3/32"),
		prefix_of("10.66.0.4/32"), prefix_of("fd66::/96"),    prefix_of("10.66.0.9/32"),
	};
	struct config_peer peers[] = {file_peer("a", 1, taken, 6)};
	struct directory *directory = directory_of(peers, 1);
	const struct prefix networks[] = {network_of("10.66.0.1", 24), network_of("fd66::1", 64)};
	expect(directory, networks, 2, "10.66.0.8/32 fd66::1:0:0/128");
	directory_free(directory);
}

static void test_a_way_out_takes_nothing(void **state) {
	const struct prefix out[] = {prefix_of("0.0.0.0/0"), prefix_of("::/0"),
								 prefix_of("10.66.0.0/24")};
	struct config_peer peers[] = {file_peer("exit", 1, out, 3)};
	struct directory *directory = directory_of(peers, 1);
	const struct prefix networks[] = {network_of("10.66.0.254", 24), network_of("fd66::2", 64)};
	expect(directory, networks, 2, "10.66.0.1/32 fd66::1/128");
	directory_free(directory);
}

static void test_a_full_network(void **state) {
	const struct prefix taken[] = {prefix_of("10.0.0.2/32")};
	struct config_peer peers[] = {file_peer("a", 1, taken, 1)};
	struct directory *directory = directory_of(peers, 1);
	const struct prefix networks[] = {network_of("10.0.0.1", 30), network_of("10.0.1.1", 24)};
	assert_int_equal(next_of(directory, networks, 1).error, ERR_LIMIT);
	/* The next network of the family helps out. */
	expect(directory, networks, 2, "10.0.1.2/32");
	/* The other family does not: a peer without v4 would be a surprise. */
	const struct prefix both[] = {network_of("10.0.0.1", 30), network_of("fd66::1", 64)};
	assert_int_equal(next_of(directory, both, 2).error, ERR_LIMIT);
	directory_free(directory);
}

static void test_small_networks(void **state) {
	struct directory *directory = directory_of(NULL, 0);
	struct prefix networks[NETWORKS_MAX] = {network_of("10.0.0.0", 31)};
	expect(directory, networks, 1, "10.0.0.1/32");
	networks[0] = network_of("10.0.0.1", 31);
	expect(directory, networks, 1, "10.0.0.0/32");
	networks[0] = network_of("fd66::1", 127);
	expect(directory, networks, 1, "fd66::/128");
	networks[0] = network_of("10.0.0.1", 32);
	assert_int_equal(next_of(directory, networks, 1).error, ERR_NOT_FOUND);
	networks[1] = network_of("fd66::1", 128);
	assert_int_equal(next_of(directory, networks, 2).error, ERR_NOT_FOUND);
	assert_int_equal(next_of(directory, networks, 0).error, ERR_NOT_FOUND);
	/* A single address beside a network of the other family is no lack. */
	networks[1] = network_of("fd66::1", 126);
	expect(directory, networks, 2, "fd66::2/128");
	directory_free(directory);
}

static void test_the_ends_of_all_addresses(void **state) {
	struct directory *directory = directory_of(NULL, 0);
	struct prefix networks[] = {network_of("255.255.255.253", 30)};
	expect(directory, networks, 1, "255.255.255.254/32");
	networks[0] = network_of("255.255.255.254", 31);
	expect(directory, networks, 1, "255.255.255.255/32");
	networks[0] = network_of("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", 127);
	expect(directory, networks, 1, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128");
	networks[0] = network_of("::", 0);
	expect(directory, networks, 1, "::1/128");
	directory_free(directory);
}

/* Whole networks filled one by one, across the borders of bytes. */
static void test_fills_a_network(void **state) {
	struct directory *directory = directory_of(NULL, 0);
	const struct prefix networks[] = {network_of("10.66.1.0", 22)};
	const struct config_prefixes all = {.items = networks, .count = 1};
	size_t added = 0;
	for (;;) {
		struct prefix found[DIRECTORY_ADDRESSES_MAX];
		size_t count;
		enum err error = directory_next_addresses(directory, &all, found, &count);
		if (error) {
			assert_int_equal(error, ERR_LIMIT);
			break;
		}
		char name[16];
		(void)snprintf(name, sizeof name, "p%zu", added);
		struct store_peer peer = store_peer(name, 0, found, count);
		memcpy(peer.public_key, &added, sizeof added);
		struct directory_peer *new;
		assert_int_equal(directory_add(directory, &peer, &new), ERR_OK);
		assert_null(new->shadowed_by);
		added++;
	}
	assert_int_equal(added, 1024 - 3); /* network, broadcast, the tunnel's own */
	directory_free(directory);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_lowest_of_each_family),
		cmocka_unit_test(test_gaps_and_wide_prefixes),
		cmocka_unit_test(test_a_way_out_takes_nothing),
		cmocka_unit_test(test_a_full_network),
		cmocka_unit_test(test_small_networks),
		cmocka_unit_test(test_the_ends_of_all_addresses),
		cmocka_unit_test(test_fills_a_network),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
