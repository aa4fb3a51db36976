#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"
#include "wire/uapi.h"

#define KEY_HEX "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define KEY_HEX_UPPER "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F"
#define ZERO_HEX "0000000000000000000000000000000000000000000000000000000000000000"

/* Stands in for base/wipe.c at link time, to see what is wiped while it is still there. */
static struct {
	size_t calls, size;
	char first;
} wiped;

void wipe(void *data, size_t size) {
	if (size == 0)
		return;
	wiped.calls++;
	wiped.size = size;
	wiped.first = *(const char *)data;
	memset(data, 0, size);
}

static enum err parse(const char *line, struct uapi_entry *out_entry) {
	/* In memory of exactly that size: lines have no NUL behind them. */
	size_t size = strlen(line);
	char *copy = malloc(size > 0 ? size : 1);
	assert_non_null(copy);
	memcpy(copy, line, size);
	enum err error = uapi_parse_line(copy, size, out_entry);
	free(copy);
	return error;
}

static void test_keys(void **state) {
	static const struct {
		const char *line;
		enum uapi_key key;
		bool zero;
	} rows[] = {
		{"private_key=" KEY_HEX, UAPI_PRIVATE_KEY, false},
		{"private_key=" KEY_HEX_UPPER, UAPI_PRIVATE_KEY, false},
		{"private_key=" ZERO_HEX, UAPI_PRIVATE_KEY, true},
		{"public_key=" KEY_HEX, UAPI_PUBLIC_KEY, false},
		{"preshared_key=" KEY_HEX, UAPI_PRESHARED_KEY, false},
		{"preshared_key=" ZERO_HEX, UAPI_PRESHARED_KEY, true},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct uapi_entry entry;
		assert_int_equal(parse(rows[i].line, &entry), ERR_OK);
		assert_int_equal(entry.key, rows[i].key);
		for (size_t j = 0; j < sizeof entry.bytes; j++)
			assert_int_equal(entry.bytes[j], rows[i].zero ? 0 : j);
	}
}

static void test_numbers(void **state) {
	static const struct {
		const char *line;
		enum uapi_key key;
		uint32_t number;
	} rows[] = {
		{"listen_port=0", UAPI_LISTEN_PORT, 0},
		{"listen_port=65535", UAPI_LISTEN_PORT, 65535},
		{"fwmark=0", UAPI_FWMARK, 0},
		{"fwmark=4294967295", UAPI_FWMARK, 4294967295},
		{"persistent_keepalive_interval=0", UAPI_PERSISTENT_KEEPALIVE, 0},
		{"persistent_keepalive_interval=65535", UAPI_PERSISTENT_KEEPALIVE, 65535},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct uapi_entry entry;
		assert_int_equal(parse(rows[i].line, &entry), ERR_OK);
		assert_int_equal(entry.key, rows[i].key);
		assert_int_equal(entry.number, rows[i].number);
	}
}

static void test_words(void **state) {
	static const struct {
		const char *line;
		enum uapi_key key;
	} rows[] = {
		{"replace_peers=true", UAPI_REPLACE_PEERS},
		{"remove=true", UAPI_REMOVE},
		{"update_only=true", UAPI_UPDATE_ONLY},
		{"login=true", UAPI_LOGIN},
		{"replace_allowed_ips=true", UAPI_REPLACE_ALLOWED_IPS},
		{"replace_rules=true", UAPI_REPLACE_RULES},
		{"protocol_version=1", UAPI_PROTOCOL_VERSION},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct uapi_entry entry;
		assert_int_equal(parse(rows[i].line, &entry), ERR_OK);
		assert_int_equal(entry.key, rows[i].key);
	}
}

static void test_texts(void **state) {
	char line[UAPI_TEXT_MAX + 16] = "name=";
	_Static_assert(UAPI_NAME_MAX < UAPI_TEXT_MAX, "a name's bound shows");
	struct uapi_entry entry;
	assert_int_equal(parse("name=alice @home", &entry), ERR_OK);
	assert_int_equal(entry.key, UAPI_NAME);
	assert_string_equal(entry.text, "alice @home");
	assert_int_equal(parse("rule=allow any tcp 22=", &entry), ERR_OK);
	assert_int_equal(entry.key, UAPI_RULE);
	assert_string_equal(entry.text, "allow any tcp 22=");
	memset(line + 5, 'x', UAPI_NAME_MAX);
	assert_int_equal(parse(line, &entry), ERR_OK);
	line[5 + UAPI_NAME_MAX] = 'x';
	assert_int_equal(parse(line, &entry), ERR_INVALID);
	memcpy(line, "rule=", 5);
	memset(line + 5, 'x', UAPI_TEXT_MAX);
	assert_int_equal(parse(line, &entry), ERR_OK);
	line[5 + UAPI_TEXT_MAX] = 'x';
	assert_int_equal(parse(line, &entry), ERR_INVALID);
	assert_int_equal(parse("name=", &entry), ERR_INVALID);
	assert_int_equal(parse("name=a\tb", &entry), ERR_INVALID);
	assert_int_equal(parse("rule=a\x7f", &entry), ERR_INVALID);
}

static void test_endpoints(void **state) {
	static const char *const texts[] = {"192.0.2.1:51820", "[2001:db8::1]:51820",
										"[fe80::1%1]:51820", "[fe80::1%lo]:51820"};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		char line[128] = "endpoint=";
		struct uapi_entry entry;
		struct endpoint expected;
		strcat(line, texts[i]);
		assert_int_equal(parse(line, &entry), ERR_OK);
		assert_int_equal(entry.key, UAPI_ENDPOINT);
		assert_int_equal(endpoint_parse(texts[i], &expected), ERR_OK);
		assert_true(endpoint_equal(&entry.endpoint, &expected));
	}
}

/* Of tunnels with roles: an interface's address keeps what lies behind its network's length. */
static void test_of_roles(void **state) {
	struct uapi_entry entry;
	struct prefix prefix;
	struct address address;
	const uint8_t instance[UAPI_INSTANCE_SIZE] = {1, 2, 3, 4, 5, 6, 7, 0xff};
	assert_int_equal(parse("role=server", &entry), ERR_OK);
	assert_int_equal(entry.key, UAPI_ROLE);
	assert_string_equal(entry.text, "server");
	assert_int_equal(parse("instance=01020304050607ff", &entry), ERR_OK);
	assert_int_equal(entry.key, UAPI_INSTANCE);
	assert_memory_equal(entry.bytes, instance, sizeof instance);
	assert_int_equal(parse("client_to_client=true", &entry), ERR_OK);
	assert_int_equal(entry.number, 1);
	assert_int_equal(parse("client_to_client=false", &entry), ERR_OK);
	assert_int_equal(entry.key, UAPI_CLIENT_TO_CLIENT);
	assert_int_equal(entry.number, 0);
	assert_int_equal(parse("push_route=10.1.2.3/8", &entry), ERR_OK);
	assert_int_equal(entry.key, UAPI_PUSH_ROUTE);
	assert_int_equal(prefix_parse("10.0.0.0/8", &prefix), ERR_OK);
	assert_true(prefix_equal(&entry.prefix, &prefix));
	assert_int_equal(parse("push_dns=fd00::1", &entry), ERR_OK);
	assert_int_equal(entry.key, UAPI_PUSH_DNS);
	assert_int_equal(address_parse("fd00::1", &address), ERR_OK);
	assert_true(address_equal(&entry.address, &address));
	assert_int_equal(parse("address=10.66.0.9/24", &entry), ERR_OK);
	assert_int_equal(entry.key, UAPI_ADDRESS);
	assert_int_equal(address_parse("10.66.0.9", &address), ERR_OK);
	assert_true(address_equal(&entry.prefix.address, &address));
	assert_int_equal(entry.prefix.length, 24);
}

/* Of tunnels whose clients log in. */
static void test_of_logins(void **state) {
	static const struct {
		const char *line;
		enum uapi_key key;
	} words[] =
		{
			{"replace_authorities=true", UAPI_REPLACE_AUTHORITIES},
			{"replace_revoked=true", UAPI_REPLACE_REVOKED},
			{"replace_certificates=true", UAPI_REPLACE_CERTIFICATES},
		},
	  texts[] =
		  {
			  {"authority=-----BEGIN CERTIFICATE-----", UAPI_AUTHORITY},
			  {"revoked=MIIB+/==", UAPI_REVOKED},
			  {"certificate=MIIB+/==", UAPI_CERTIFICATE},
			  {"server_name=vpn.example.org", UAPI_SERVER_NAME},
			  {"demands=password,certificate", UAPI_DEMANDS},
			  {"transport=udp,tcp", UAPI_TRANSPORT},
		  },
	  keys[] =
		  {
			  {("signing_key=" KEY_HEX), UAPI_SIGNING_KEY},
			  {("pin=" KEY_HEX), UAPI_PIN},
			  {("ticket_key=" KEY_HEX), UAPI_TICKET_KEY},
		  },
	  numbers[] = {
		  {"rate=18446744073709551615", UAPI_RATE},
		  {"quota=18446744073709551615", UAPI_QUOTA},
		  {"until=18446744073709551615", UAPI_UNTIL},
	  };
	struct uapi_entry entry;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		assert_int_equal(parse(words[i].line, &entry), ERR_OK);
		assert_int_equal(entry.key, words[i].key);
	}
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		assert_int_equal(parse(texts[i].line, &entry), ERR_OK);
		assert_int_equal(entry.key, texts[i].key);
		assert_string_equal(entry.text, strchr(texts[i].line, '=') + 1);
	}
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		assert_int_equal(parse(keys[i].line, &entry), ERR_OK);
		assert_int_equal(entry.key, keys[i].key);
		assert_int_equal(entry.bytes[31], 31);
	}
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		assert_int_equal(parse(numbers[i].line, &entry), ERR_OK);
		assert_int_equal(entry.key, numbers[i].key);
		assert_true(entry.large == UINT64_MAX);
	}
	assert_int_equal(parse("ticket_seconds=604800", &entry), ERR_OK);
	assert_int_equal(entry.key, UAPI_TICKET_SECONDS);
	assert_int_equal(entry.number, 604800);
	assert_int_equal(parse("end=255", &entry), ERR_OK);
	assert_int_equal(entry.key, UAPI_END);
	assert_int_equal(entry.number, 255);
}

static void test_secrets_of_logins(void **state) {
	struct uapi_text text = {0};
	struct uapi_entry entry;
	uint8_t password[UAPI_PASSWORD_MAX + 1];
	struct uapi_ticket ticket = {.size = sizeof ticket.sealed};
	memset(password, 0xa5, sizeof password);
	memset(ticket.hash, 0x11, sizeof ticket.hash);
	memset(ticket.sealed, 0x22, sizeof ticket.sealed);
	uapi_put_bytes(&text, "password", slice_of(password, UAPI_PASSWORD_MAX));
	assert_int_equal(text.error, ERR_OK);
	assert_int_equal(uapi_parse_line(text.data, text.size - 1, &entry), ERR_OK);
	assert_int_equal(entry.key, UAPI_PASSWORD);
	assert_int_equal(entry.password.size, UAPI_PASSWORD_MAX);
	assert_memory_equal(entry.password.bytes, password, UAPI_PASSWORD_MAX);
	text.size = 0;
	uapi_put_ticket(&text, "ticket", &ticket);
	assert_int_equal(uapi_parse_line(text.data, text.size - 1, &entry), ERR_OK);
	assert_int_equal(entry.key, UAPI_TICKET);
	assert_int_equal(entry.ticket.size, ticket.size);
	assert_memory_equal(entry.ticket.hash, ticket.hash, sizeof ticket.hash);
	assert_memory_equal(entry.ticket.sealed, ticket.sealed, sizeof ticket.sealed);
	assert_int_equal(parse("ticket=" KEY_HEX ",ff", &entry), ERR_OK);
	assert_int_equal(entry.ticket.size, 1);
	text.data[text.size - 1] = 'f';
	assert_int_equal(uapi_parse_line(text.data, text.size, &entry), ERR_INVALID);
	uapi_put_bytes(&text, "password", slice_of(password, sizeof password));
	assert_int_equal(text.error, ERR_LIMIT);
	uapi_text_done(&text);
}

static void test_allowed_ips(void **state) {
	static const struct {
		const char *line, *prefix;
		bool subtract;
	} rows[] = {
		{"allowed_ip=192.0.2.0/24", "192.0.2.0/24", false},
		{"allowed_ip=192.0.2.77/24", "192.0.2.0/24", false},
		{"allowed_ip=0.0.0.0/0", "0.0.0.0/0", false},
		{"allowed_ip=::/0", "::/0", false},
		{"allowed_ip=-192.0.2.0/24", "192.0.2.0/24", true},
		{"allowed_ip=-2001:db8::/32", "2001:db8::/32", true},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct uapi_entry entry;
		char text[ADDRESS_TEXT_SIZE];
		assert_int_equal(parse(rows[i].line, &entry), ERR_OK);
		assert_int_equal(entry.key, UAPI_ALLOWED_IP);
		assert_int_equal(entry.subtract, rows[i].subtract);
		prefix_format(&entry.prefix, text);
		assert_string_equal(text, rows[i].prefix);
	}
}

static void assert_refused(const char *const *lines, size_t count) {
	for (size_t i = 0; i < count; i++) {
		struct uapi_entry entry, before;
		memset(&entry, 0xee, sizeof entry);
		memcpy(&before, &entry, sizeof entry);
		assert_int_equal(parse(lines[i], &entry), ERR_INVALID);
		assert_memory_equal(&entry, &before, sizeof entry);
	}
}

static void test_bad_lines(void **state) {
	static const char *const lines[] = {
		"",
		"=",
		"=1",
		"listen_port",
		"listen_port=",
		"listen_port=65536",
		"listen_port=-1",
		"listen_port= 1",
		"listen_port=1 ",
		"listen_port=1\r",
		"listen_port=0x10",
		"listen_port=1=1",
		" listen_port=1",
		"Listen_port=1",
		"listen_port =1",
		"listen_por=1",
		"listen_portx=1",
		"fwmark=4294967296",
		"fwmark=",
		"fwmark=off",
		"persistent_keepalive_interval=65536",
		"persistent_keepalive_interval=off",
		"replace_peers=false",
		"replace_peers=",
		"replace_peers=truex",
		"replace_peers=tru",
		"replace_peers=1",
		"remove=True",
		"update_only=yes",
		"replace_allowed_ips=false",
		"protocol_version=0",
		"protocol_version=2",
		"protocol_version=01",
		"protocol_version=11",
		"protocol_version=",
		"private_key=",
		"private_key=00",
		"private_key=" KEY_HEX "0",
		"private_key=" KEY_HEX "00",
		"public_key=g00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
		"preshared_key=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
		"endpoint=",
		"endpoint=192.0.2.1",
		"endpoint=example.com:51820",
		"endpoint=2001:db8::1:51820",
		"endpoint=[2001:db8::1]:65536",
		"allowed_ip=",
		"allowed_ip=-",
		"allowed_ip=--192.0.2.0/24",
		"allowed_ip=+192.0.2.0/24",
		"allowed_ip=192.0.2.77",
		"allowed_ip=2001:db8::1",
		"allowed_ip=192.0.2.0/33",
		"allowed_ip=192.0.2.0/24,192.0.3.0/24",
		"get=1",
		"set=1",
		"errno=0",
		"rx_bytes=1",
		"last_handshake_time_sec=1",
	};
	assert_refused(lines, sizeof lines / sizeof lines[0]);
}

static void test_bad_lines_of_roles(void **state) {
	static const char *const lines[] = {
		"role=",
		"instance=0102030405060708090",
		"instance=01020304050607",
		("instance=" KEY_HEX),
		"ciphers=",
		"rekey_seconds=4294967296",
		"keepalive=65536",
		"client_to_client=",
		"client_to_client=1",
		"client_to_client=True",
		"replace_push=false",
		"push_route=10.0.0.0",
		"push_route=-10.0.0.0/8",
		"push_dns=10.0.0.1/32",
		"push_dns=dns.example",
		"push_mtu=65536",
		"replace_endpoints=1",
		"address=10.0.0.1",
		"address=-10.0.0.1/24",
		"address=10.0.0.1/33",
		"address=/24",
	};
	assert_refused(lines, sizeof lines / sizeof lines[0]);
}

static void test_bad_lines_of_logins(void **state) {
	static const char *const lines[] = {
		"replace_authorities=false",
		"replace_revoked=1",
		"replace_certificates=",
		"authority=",
		"revoked=a\r",
		"certificate=a\tb",
		"server_name=",
		"demands=",
		"signing_key=00",
		("pin=" KEY_HEX "0"),
		"ticket_key=",
		"ticket_seconds=4294967296",
		"end=256",
		"end=",
		"password=",
		"password=0",
		"password=abc",
		"password=hello!",
		"rate=18446744073709551616",
		"quota=-1",
		"until=",
		"ticket=",
		("ticket=" KEY_HEX),
		("ticket=" KEY_HEX ","),
		("ticket=" KEY_HEX ",f"),
		("ticket=" KEY_HEX ";ff"),
		("ticket=" KEY_HEX "0,ff"),
		("ticket=" KEY_HEX ",gg"),
	};
	assert_refused(lines, sizeof lines / sizeof lines[0]);
}

static void test_embedded_zeros(void **state) {
	static const char *const lines[] = {"listen_port=1\0002", "remove=true\0",
										"endpoint=192.0.2.1:1\0", "allowed_ip=::1\0/3",
										"listen\0_port=1"};
	static const size_t sizes[] = {15, 12, 22, 17, 14};
	struct uapi_entry entry;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
		assert_int_equal(uapi_parse_line(lines[i], sizes[i], &entry), ERR_INVALID);
}

static void test_long_values(void **state) {
	char line[4096];
	struct uapi_entry entry;
	memset(line, '1', sizeof line);
	memcpy(line, "endpoint=", 9);
	for (size_t size = 64; size <= sizeof line; size++)
		assert_int_equal(uapi_parse_line(line, size, &entry), ERR_INVALID);
}

static void test_lines(void **state) {
	struct slice text = slice_of_text("one=1\n\ntwo=2"), line;
	struct uapi_text out = {0};
	uapi_put_lines(&out, text);
	uapi_put_lines(&out, slice_of(NULL, 0));
	uapi_put_lines(&out, slice_of_text("three=3\n"));
	assert_int_equal(out.size, strlen("one=1\n\ntwo=2\nthree=3\n"));
	assert_memory_equal(out.data, "one=1\n\ntwo=2\nthree=3\n", out.size);
	uapi_text_done(&out);
	static const char *const wanted[] = {"one=1", "", "two=2"};
	for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
		assert_true(uapi_next_line(&text, &line));
		assert_int_equal(line.size, strlen(wanted[i]));
		assert_memory_equal(line.data, wanted[i], line.size);
	}
	assert_false(uapi_next_line(&text, &line));
}

static void test_writer(void **state) {
	struct uapi_text text = {0};
	uint8_t key[X25519_KEY_SIZE];
	struct endpoint v4, v6;
	struct prefix prefix;
	for (size_t i = 0; i < sizeof key; i++)
		key[i] = (uint8_t)i;
	assert_int_equal(endpoint_parse("192.0.2.1:51820", &v4), ERR_OK);
	assert_int_equal(endpoint_parse("[fe80::1%3]:51820", &v6), ERR_OK);
	assert_int_equal(prefix_parse("2001:db8::/32", &prefix), ERR_OK);
	uapi_put_key(&text, "private_key", key);
	uapi_put_number(&text, "tx_bytes", UINT64_MAX);
	uapi_put_number(&text, "errno", 0);
	uapi_put_endpoint(&text, "endpoint", &v4);
	uapi_put_endpoint(&text, "endpoint", &v6);
	uapi_put_prefix(&text, "allowed_ip", &prefix);
	uapi_put_line(&text, "protocol_version=1");
	uapi_put_line(&text, "");
	static const char expected[] = "private_key=" KEY_HEX "\n"
								   "tx_bytes=18446744073709551615\n"
								   "errno=0\n"
								   "endpoint=192.0.2.1:51820\n"
								   "endpoint=[fe80::1%3]:51820\n"
								   "allowed_ip=2001:db8::/32\n"
								   "protocol_version=1\n"
								   "\n";
	assert_int_equal(text.error, ERR_OK);
	assert_int_equal(text.size, sizeof expected - 1);
	assert_memory_equal(text.data, expected, text.size);
	uapi_text_done(&text);
	assert_null(text.data);
	assert_int_equal(text.size, 0);
	uapi_text_done(&text);
	uapi_text_done(NULL);
}

static void test_writer_grows(void **state) {
	enum { LINES = 5000 };
	struct uapi_text text = {0};
	for (uint64_t i = 0; i < LINES; i++)
		uapi_put_number(&text, "n", 10000 + i);
	assert_int_equal(text.error, ERR_OK);
	assert_int_equal(text.size, LINES * strlen("n=10000\n"));
	assert_true(text.capacity >= text.size);
	for (size_t i = 0; i < LINES; i++) {
		const char *line = text.data + i * 8;
		assert_memory_equal(line, "n=", 2);
		assert_int_equal(strtoul(line + 2, NULL, 10), 10000 + i);
		assert_int_equal(line[7], '\n');
	}
	uapi_text_done(&text);
}

/* Keys pass through the text, so no memory is given back as it was. */
static void test_writer_wipes(void **state) {
	struct uapi_text text = {0};
	uapi_put_line(&text, "secret");
	size_t before = text.capacity;
	wiped.calls = 0;
	while (text.capacity == before) {
		assert_int_equal(wiped.calls, 0);
		uapi_put_line(&text, "more");
	}
	assert_int_equal(wiped.calls, 1);
	assert_int_equal(wiped.size, before);
	assert_int_equal(wiped.first, 's');
	assert_memory_equal(text.data, "secret\nmore\n", 12);
	size_t after = text.capacity;
	uapi_text_done(&text);
	assert_int_equal(wiped.calls, 2);
	assert_int_equal(wiped.size, after);
	assert_int_equal(wiped.first, 's');
}

/* A failure is kept, and nothing is appended behind the gap. */
static void test_writer_error_sticks(void **state) {
	struct uapi_text text = {0};
	uapi_put_line(&text, "a");
	text.error = ERR_NO_MEMORY;
	uapi_put_line(&text, "b");
	assert_int_equal(text.error, ERR_NO_MEMORY);
	assert_int_equal(text.size, 2);
	uapi_text_done(&text);
	assert_int_equal(text.error, ERR_OK);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_endpoints),
		cmocka_unit_test(test_allowed_ips),
		cmocka_unit_test(test_of_roles),
		cmocka_unit_test(test_of_logins),
		cmocka_unit_test(test_secrets_of_logins),
		cmocka_unit_test(test_bad_lines_of_roles),
		cmocka_unit_test(test_bad_lines_of_logins),
		cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_embedded_zeros),
		cmocka_unit_test(test_long_values),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_writer),
		cmocka_unit_test(test_writer_grows),
		cmocka_unit_test(test_writer_wipes),
		cmocka_unit_test(test_writer_error_sticks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
