#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "wire/parameters.h"

/* Each item once, in both families. */
static const uint8_t example[] = "\1\0\6\4\x18\x0a\x08\0\2"
								 "\1\0\x12\6\x40\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2"
								 "\2\0\6\4\0\0\0\0\0"
								 "\2\0\x12\6\x20\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\0"
								 "\3\0\5\4\x0a\x08\0\1"
								 "\3\0\x11\6\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"
								 "\4\0\x0b"
								 "example.org"
								 "\5\0\2\5\x8c"
								 "\6\0\2\0\x0a"
								 "\7\0\4\0\0\2\x58"
								 "\x08\0\4\1\0\0\0"
								 "\x09\0\x14"
								 "0123456789abcdef\0\1\x51\x80";
enum { EXAMPLE_SIZE = sizeof example - 1 };

static struct address address_of(const char *text) {
	struct address address;
	assert_int_equal(address_parse(text, &address), ERR_OK);
	return address;
}

static struct prefix prefix_with(const char *text, uint8_t length) {
	return (struct prefix){address_of(text), length};
}

static struct parameters example_parameters(void) {
	return (struct parameters){
		.interface =
			{
				.mtu = 1420,
				.address_count = 2,
				.route_count = 2,
				.server_count = 2,
				.domain_count = 1,
				.addresses = {prefix_with("10.8.0.2", 24), prefix_with("2001:db8::2", 64)},
				.routes = {prefix_with("0.0.0.0", 0), prefix_with("2001:db8::", 32)},
				.servers = {address_of("10.8.0.1"), address_of("2001:db8::1")},
				.domains = {"example.org"},
			},
		.keepalive = 10,
		.rekey_seconds = 600,
		.rekey_packets = 1 << 24,
		.has_ticket = true,
		.ticket_id = "0123456789abcde" /* and an f, below */,
		.ticket_lifetime = 86400,
	};
}

static void assert_same(const struct parameters *left, const struct parameters *right) {
	const struct interface_settings *l = &left->interface, *r = &right->interface;
	assert_int_equal(l->mtu, r->mtu);
	assert_int_equal(l->address_count, r->address_count);
	assert_int_equal(l->route_count, r->route_count);
	assert_int_equal(l->server_count, r->server_count);
	assert_int_equal(l->domain_count, r->domain_count);
	for (size_t i = 0; i < l->address_count; i++)
		assert_true(prefix_equal(&l->addresses[i], &r->addresses[i]));
	for (size_t i = 0; i < l->route_count; i++)
		assert_true(prefix_equal(&l->routes[i], &r->routes[i]));
	for (size_t i = 0; i < l->server_count; i++)
		assert_true(address_equal(&l->servers[i], &r->servers[i]));
	for (size_t i = 0; i < l->domain_count; i++)
		assert_string_equal(l->domains[i], r->domains[i]);
	assert_int_equal(left->keepalive, right->keepalive);
	assert_int_equal(left->rekey_seconds, right->rekey_seconds);
	assert_int_equal(left->rekey_packets, right->rekey_packets);
	assert_int_equal(left->has_ticket, right->has_ticket);
	assert_memory_equal(left->ticket_id, right->ticket_id, sizeof left->ticket_id);
	assert_int_equal(left->ticket_lifetime, right->ticket_lifetime);
}

static void there_and_back(void **state) {
	struct parameters parameters = example_parameters(), again;
	uint8_t data[EXAMPLE_SIZE];
	size_t size = 0;
	parameters.ticket_id[PARAMETERS_TICKET_ID_SIZE - 1] = 'f';
	for (size_t room = 0; room < sizeof data; room++)
		assert_int_equal(parameters_encode(&parameters, data, room, &size), ERR_LIMIT);
	assert_int_equal(size, 0);
	assert_int_equal(parameters_encode(&parameters, data, sizeof data, &size), ERR_OK);
	assert_int_equal(size, EXAMPLE_SIZE);
	assert_memory_equal(data, example, size);
	assert_int_equal(parameters_decode(data, size, &again), ERR_OK);
	assert_same(&parameters, &again);
	/* Nothing said is nothing sent. */
	parameters = (struct parameters){0};
	assert_int_equal(parameters_encode(&parameters, data, sizeof data, &size), ERR_OK);
	assert_int_equal(size, 0);
	assert_int_equal(parameters_decode(NULL, 0, &again), ERR_OK);
	assert_same(&again, &parameters);
}

/* What is cut is refused, unless it is cut between two items. */
static void cut(void **state) {
	static struct parameters parameters;
	size_t item = 0;
	for (size_t size = 0; size < EXAMPLE_SIZE; size++) {
		bool is_end = size == item;
		if (is_end)
			item += 3U + example[item + 2];
		uint8_t *data = malloc(size > 0 ? size : 1);
		assert_non_null(data);
		memcpy(data, example, size);
		assert_int_equal(parameters_decode(data, size, &parameters),
						 is_end ? ERR_OK : ERR_TRUNCATED);
		free(data);
	}
}

static void strange_items(void **state) {
	static const struct {
		const char *bytes;
		size_t size;
		enum err error;
	} rows[] = {
		{"\0\0\0", 3, ERR_OK}, /* of later versions */
		{"\x0a\0\3xyz", 6, ERR_OK},
		{"\xff\0\0\xff\0\1x", 7, ERR_OK},
		{"\1\0\6\4\x21\1\2\3\4", 9, ERR_MALFORMED}, /* as the interface's settings have them */
		{"\1\0\7\4\x18\1\2\3\4\5", 10, ERR_MALFORMED},
		{"\2\0\6\4\x18\1\2\3\4", 9, ERR_MALFORMED},
		{"\2\0\6\4\x18\1\2\3\0", 9, ERR_OK},
		{"\3\0\5\5\1\2\3\4", 8, ERR_MALFORMED},
		{"\4\0\2a.", 5, ERR_MALFORMED},
		{"\5\0\2\2\x3f", 5, ERR_MALFORMED},
		{"\5\0\2\5\x8c\5\0\2\5\x8c", 10, ERR_MALFORMED},
		{"\6\0\2\0\0", 5, ERR_MALFORMED},
		{"\6\0\2\xff\xff", 5, ERR_OK},
		{"\6\0\1\1", 4, ERR_MALFORMED},
		{"\6\0\3\0\1\0", 6, ERR_MALFORMED},
		{"\6\0\2\0\1\6\0\2\0\1", 10, ERR_MALFORMED}, /* twice */
		{"\7\0\4\0\0\0\0", 7, ERR_MALFORMED},
		{"\7\0\4\xff\xff\xff\xff", 7, ERR_OK},
		{"\7\0\3\0\0\1", 6, ERR_MALFORMED},
		{"\7\0\4\0\0\0\1\7\0\4\0\0\0\1", 14, ERR_MALFORMED},
		{"\x08\0\4\0\0\0\0", 7, ERR_MALFORMED},
		{"\x08\0\4\x40\0\0\0", 7, ERR_OK}, /* 2^30 */
		{"\x08\0\4\x40\0\0\1", 7, ERR_MALFORMED},
		{"\x08\0\5\0\0\0\1\0", 8, ERR_MALFORMED},
		{"\x08\0\4\0\0\0\1\x08\0\4\0\0\0\1", 14, ERR_MALFORMED},
		{"\x09\0\x14"
		 "0123456789abcdef\0\0\0\0",
		 23, ERR_MALFORMED}, /* a ticket that serves for no time */
		{"\x09\0\x13"
		 "0123456789abcdef\0\0\1",
		 22, ERR_MALFORMED},
		{"\x09\0\x15"
		 "0123456789abcdef\0\0\0\1x",
		 24, ERR_MALFORMED},
		{"\x09\0\x14"
		 "0123456789abcdef\0\0\0\1\x09\0\x14"
		 "0123456789abcdef\0\0\0\1",
		 46, ERR_MALFORMED},
	};
	struct parameters parameters = {.interface.mtu = 7777};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		enum err error =
			parameters_decode((const uint8_t *)rows[i].bytes, rows[i].size, &parameters);
		if (error != rows[i].error)
			fail_msg("row %zu: %s", i, err_name(error));
		if (error != ERR_OK)
			assert_int_equal(parameters.interface.mtu, 7777); /* nothing was written */
		parameters.interface.mtu = 7777;
	}
}

/* As many of each kind as there may be, and one more. */
static void limits(void **state) {
	static struct parameters parameters, again;
	static uint8_t data[PARAMETERS_SIZE_MAX + 64];
	size_t size = 0;
	parameters = example_parameters();
	struct interface_settings *all = &parameters.interface;
	all->address_count = INTERFACE_SETTINGS_ADDRESSES_MAX;
	all->route_count = INTERFACE_SETTINGS_ROUTES_MAX;
	all->server_count = INTERFACE_SETTINGS_SERVERS_MAX;
	all->domain_count = INTERFACE_SETTINGS_DOMAINS_MAX;
	for (size_t i = 0; i < INTERFACE_SETTINGS_ADDRESSES_MAX; i++)
		all->addresses[i] = all->addresses[1];
	for (size_t i = 0; i < INTERFACE_SETTINGS_ROUTES_MAX; i++)
		all->routes[i] = all->routes[1];
	for (size_t i = 0; i < INTERFACE_SETTINGS_SERVERS_MAX; i++)
		all->servers[i] = all->servers[1];
	for (size_t i = 0; i < INTERFACE_SETTINGS_DOMAINS_MAX; i++) {
		memset(all->domains[i], 'a', DNS_NAME_TEXT_MAX);
		for (size_t dot = 63; dot < DNS_NAME_TEXT_MAX; dot += 64)
			all->domains[i][dot] = '.';
		all->domains[i][DNS_NAME_TEXT_MAX] = '\0';
	}
	assert_int_equal(parameters_encode(&parameters, data, sizeof data, &size), ERR_OK);
	assert_int_equal(size, PARAMETERS_SIZE_MAX);
	assert_int_equal(parameters_decode(data, size, &again), ERR_OK);
	assert_same(&parameters, &again);

	/* The first item of each kind in the example, once more behind all those. */
	static const size_t firsts[] = {0, 30, 60, 88};
	for (size_t i = 0; i < sizeof firsts / sizeof firsts[0]; i++) {
		size_t item = 3U + example[firsts[i] + 2];
		assert_int_equal(example[firsts[i]], i + 1);
		memcpy(data + size, example + firsts[i], item);
		assert_int_equal(parameters_decode(data, size + item, &again), ERR_LIMIT);
	}
}

static void what_the_decoder_would_refuse_is_not_encoded(void **state) {
	uint8_t data[EXAMPLE_SIZE];
	size_t size = 7;
	for (size_t i = 0;; i++) {
		struct parameters parameters = example_parameters();
		switch (i) {
		case 0:
			parameters.interface.mtu = 575;
			break;
		case 1:
			parameters.interface.routes[0].address.bytes[3] = 1;
			break;
		case 2:
			parameters.interface.domain_count = INTERFACE_SETTINGS_DOMAINS_MAX + 1;
			break;
		case 3:
			parameters.rekey_packets = PARAMETERS_REKEY_PACKETS_MAX + 1;
			break;
		case 4:
			parameters.ticket_lifetime = 0;
			break;
		default:
			return;
		}
		assert_int_equal(parameters_encode(&parameters, data, sizeof data, &size), ERR_INVALID);
		assert_int_equal(size, 7);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(cut),
		cmocka_unit_test(strange_items),
		cmocka_unit_test(limits),
		cmocka_unit_test(what_the_decoder_would_refuse_is_not_encoded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
